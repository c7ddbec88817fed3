"""Plans and phases: offsets, pictures of a cycle, and what their constructors refuse."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network.errors import PlanError, TopologyError
from network.film import TICKS_PER_S, Film
from network.graph import Signal
from network.phasing import Interval, Phase, Phasing
from network.timing import OffsetReference, PlanSet, TimingPlan
from tests.strategies import signals_with_plans

Case = tuple[Signal, TimingPlan]
BRIEF = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@BRIEF
@given(case=signals_with_plans())
def test_the_pictures_of_a_plan_fill_its_cycle_and_match_the_film(case: Case) -> None:
    signal, plan = case
    assert signal.phasing is not None
    shown = plan.intervals(signal.phasing)
    assert sum(interval.duration_ds for interval in shown) == plan.cycle_s * TICKS_PER_S
    film = Film(plan, signal.phasing)
    told = "".join(interval.aspects * interval.duration_ds for interval in shown)
    played = film.lamps[: film.cycle].tobytes().decode()
    assert played == told


@BRIEF
@given(case=signals_with_plans(), data=st.data())
def test_moving_the_offset_moves_the_begin_as_far(case: Case, data: st.DataObject) -> None:
    signal, plan = case
    assert signal.phasing is not None
    moved = replace(plan, offset_s=data.draw(st.integers(0, plan.cycle_s - 1)))
    shift_s = (moved.begin_s(signal.phasing) - plan.begin_s(signal.phasing)) % plan.cycle_s
    assert shift_s == (moved.offset_s - plan.offset_s) % plan.cycle_s


TWO = Phasing((Phase(1, "Gr", 5, 30, 20), Phase(2, "rG", 5, 35, 15)), {})


@pytest.mark.parametrize(
    ("reference", "coordinated", "begin_s"),
    [
        (OffsetReference.BEGIN_GREEN, 1, 10),
        (OffsetReference.BEGIN_YELLOW, 1, 50),
        (OffsetReference.END_YELLOW, 1, 47),
        (OffsetReference.BEGIN_GREEN, 2, 45),
        (OffsetReference.BEGIN_YELLOW, 2, 15),
    ],
)
def test_the_first_green_follows_from_the_reference(
    reference: OffsetReference, coordinated: int, begin_s: int
) -> None:
    plan = TimingPlan("X", 60, (1, 2), (25, 35), 10, coordinated, reference)
    assert plan.begin_s(TWO) == begin_s


def test_a_reference_between_whole_seconds_is_refused() -> None:
    plan = TimingPlan("X", 60, (1, 2), (25, 35), 10, 2, OffsetReference.END_YELLOW)
    with pytest.raises(PlanError, match="falls between whole seconds"):
        plan.begin_s(TWO)


def test_a_single_phase_rests_in_green() -> None:
    plan = TimingPlan("X", 30, (1,), (30,), 0, 1)
    assert plan.intervals(TWO) == (Interval("Gr", 300),)


def test_a_split_without_green_shows_nothing() -> None:
    with pytest.raises(PlanError, match="leaves no green"):
        TimingPlan("X", 30, (1, 2), (5, 25), 0, 1).intervals(TWO)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cycle_s": 60.0}, "cycle_s is 60.0"),
        ({"offset_s": True}, "offset_s is True"),
        ({"splits_s": (25, 35.0)}, "whole numbers only"),
        ({"splits_s": (25,)}, "2 phases but 1 splits"),
        ({"sequence": (), "splits_s": ()}, "0 phases"),
        ({"sequence": (1, 1)}, "serves a phase twice"),
        ({"coordinated_phase": 3}, "coordinated phase 3 is not in the sequence"),
    ],
)
def test_a_malformed_plan_is_refused(changes: dict[str, object], message: str) -> None:
    values = {"cycle_s": 60, "sequence": (1, 2), "splits_s": (25, 35), "offset_s": 0}
    with pytest.raises(PlanError, match=message):
        TimingPlan(**{"signal_id": "X", "coordinated_phase": 1, **values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ((0, "G", 5, 30, 0), "below 1"),
        ((1, "", 5, 30, 0), "may show only"),
        ((1, "y", 5, 30, 0), "may show only"),
        ((1, "G", 0, 30, 0), "minimum green"),
        ((1, "G", 5, -10, 0), "negative clearance"),
        ((1, "G", 5, 30, 0, 0), "count from 1"),
        ((1, "G", 5, 30, 0, 1, 1, 0, 5), "no clearance without a walk"),
    ],
)
def test_a_malformed_phase_is_refused(
    phase: tuple[int, str, *tuple[int, ...]], message: str
) -> None:
    with pytest.raises(TopologyError, match=message):
        Phase(*phase)


def test_phasing_refuses_what_does_not_fit_together() -> None:
    one, two = TWO.phases
    with pytest.raises(TopologyError, match="at least one phase"):
        Phasing((), {})
    with pytest.raises(TopologyError, match="not unique"):
        Phasing((one, one), {})
    with pytest.raises(TopologyError, match="number of signal groups"):
        Phasing((one, replace(two, aspects="rGr")), {})
    with pytest.raises(TopologyError, match="no phase 3"):
        Phasing((one, two), {(1, 3): (Interval("yr", 50),)})
    with pytest.raises(TopologyError, match="clearance 1-2 lasts 40 tenths"):
        Phasing((one, two), {(1, 2): (Interval("yr", 40),)})


def test_a_group_green_on_both_sides_keeps_its_green() -> None:
    phasing = Phasing((Phase(1, "GGgsr", 5, 30, 20), Phase(2, "rgGGs", 5, 30, 20)), {})
    assert phasing.clearance(1, 2) == (Interval("ygg" + "sr", 30), Interval("rgg" + "sr", 20))


def test_the_digest_covers_all_that_reaches_the_street_and_no_order() -> None:
    plan = TimingPlan("X", 60, (1, 2), (25, 35), 10, 1)
    other = replace(plan, signal_id="Y")
    digest = PlanSet("s", (plan, other), {}).digest
    assert PlanSet("t", (other, plan), {"Z": "flash"}).digest == digest
    changes: list[dict[str, object]] = [
        {"cycle_s": 61},
        {"sequence": (2, 1)},
        {"splits_s": (26, 34)},
        {"offset_s": 11},
        {"coordinated_phase": 2},
        {"offset_reference": OffsetReference.BEGIN_YELLOW},
    ]
    for change in changes:
        changed = replace(plan, **change)  # type: ignore[arg-type]
        assert PlanSet("s", (changed, other), {}).digest != digest


def test_a_signal_is_planned_once_or_left_alone() -> None:
    plan = TimingPlan("X", 60, (1, 2), (25, 35), 10, 1)
    with pytest.raises(PlanError, match="two plans"):
        PlanSet("s", (plan, plan), {})
    with pytest.raises(PlanError, match="both planned and left alone: X"):
        PlanSet("s", (plan,), {"X": "flash"})


def test_values_survive_a_pickle() -> None:
    plans = PlanSet("s", (TimingPlan("X", 60, (1, 2), (25, 35), 10, 1),), {"Y": "flash"})
    assert pickle.loads(pickle.dumps(plans)) == plans
    assert pickle.loads(pickle.dumps(TWO)) == TWO
