"""Timing plans brought to a cycle that a cabinet could run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import PlanError
from network.inventory_signals import ControlKind, Controller, Coordination, ReferencePoint
from network.ring_rounding import apportion
from network.ring_timing import begins_ds, ring_timing
from tests.inventories import NEMA, phase, plan

SPLITS = {1: 150, 2: 350, 3: 150, 4: 250, 5: 170, 6: 330, 7: 140, 8: 260}


def _controller(*plans: Coordination, name: str = "c") -> Controller:
    return Controller(name, (name,), plans)


def test_a_plan_that_fits_is_kept_to_the_tenth() -> None:
    timing = ring_timing(_controller(plan()), plan())
    assert timing.sequence == tuple(NEMA)
    assert dict(timing.splits_ds) == SPLITS
    assert (timing.cycle_ds, timing.findings) == (900, ())


def test_free_operation_takes_maximum_greens() -> None:
    free = plan({}, cycle_ds=None, offset_ds=0)
    timing = ring_timing(_controller(free), free)
    assert set(timing.splits_ds.values()) == {355}
    assert timing.cycle_ds == 4 * 355
    assert "runs free" in timing.findings[0]


@pytest.mark.parametrize("control", [c for c in ControlKind if c is not ControlKind.PRETIMED])
def test_actuated_control_is_said_to_be_played_as_pretimed(control: ControlKind) -> None:
    timed = replace(plan(), control=control)
    timing = ring_timing(_controller(timed), timed)
    assert dict(timing.splits_ds) == SPLITS
    assert f"{control} in the source; played as pretimed" in timing.findings[0]


def test_a_ring_that_is_short_of_a_barrier_is_lengthened() -> None:
    short = plan({**SPLITS, 6: 320})
    timing = ring_timing(_controller(short), short)
    assert timing.splits_ds[6] == 330
    assert "1 s short of barrier 1" in timing.findings[0]


def test_what_the_cycle_has_beyond_the_splits_goes_to_the_coordinated_phases() -> None:
    long = plan(SPLITS, cycle_ds=950)
    timing = ring_timing(_controller(long), long)
    assert timing.cycle_ds == 950
    assert (timing.splits_ds[2], timing.splits_ds[6]) == (400, 380)


def test_splits_beyond_the_cycle_are_kept() -> None:
    tight = plan(SPLITS, cycle_ds=800)
    timing = ring_timing(_controller(tight), tight)
    assert timing.cycle_ds == 900
    assert "the cycle is theirs" in timing.findings[0]


def test_rings_that_contradict_the_splits_give_way_to_those_that_fit() -> None:
    mixed = tuple(
        replace(phase(n), ring=1 + (n + 1) % 2, barrier=(n + 3) // 4, position=(n % 4 + 1) // 2)
        for n in NEMA
    )
    odd = replace(plan(), phases=mixed)
    timing = ring_timing(_controller(odd), odd)
    assert {p.number: (p.ring, p.barrier, p.position) for p in timing.phases} == NEMA
    assert "contradict" in timing.findings[0]


def test_a_phase_without_yellow_takes_that_of_its_neighbor() -> None:
    bare = replace(
        plan(),
        phases=tuple(
            replace(p, yellow_ds=0, red_clear_ds=0) if p.number == 6 else p for p in plan().phases
        ),
    )
    timing = ring_timing(_controller(bare), bare)
    assert (timing.phase(6).yellow_ds, timing.phase(6).red_clear_ds) == (40, 15)


def test_phases_without_a_split_are_not_served() -> None:
    fewer = plan({2: 500, 4: 400, 6: 500, 8: 400})
    assert ring_timing(_controller(fewer), fewer).sequence == (2, 4, 6, 8)


def test_a_plan_that_serves_nothing_is_refused() -> None:
    empty = replace(plan(), phases=())
    with pytest.raises(PlanError, match="serves no phase"):
        ring_timing(_controller(empty), empty)


@pytest.mark.parametrize(
    ("reference", "event_ds"),
    [
        (ReferencePoint.BEGIN_GREEN, 150),
        (ReferencePoint.LAST_GREEN, 170),
        (ReferencePoint.BEGIN_YELLOW, 445),
        (ReferencePoint.END_YELLOW, 485),
        (ReferencePoint.BEGIN_FLASHING_WALK, 335),
    ],
)
def test_every_reference_point_falls_where_the_cabinet_has_it(
    reference: ReferencePoint, event_ds: int
) -> None:
    walked = tuple(phase(n, walk_ds=70, ped_clear_ds=110) for n in NEMA)
    timing = ring_timing(_controller(plan()), replace(plan(), phases=walked))
    assert timing.event_ds(reference, (2, 6)) == event_ds


def test_an_offset_counts_from_the_master_it_names() -> None:
    first = _controller(plan(offset_ds=100), name="a")
    second = _controller(plan(offset_ds=50, reference_controller="a"), name="b")
    timings = {c.controller_id: ring_timing(c, c.plans[0]) for c in (first, second)}
    begins, findings = begins_ds((first, second), timings)
    assert dict(begins) == {"a": (100 - 150) % 900, "b": (150 - 150) % 900}
    assert findings == ()


def test_masters_that_refer_to_each_other_count_from_zero() -> None:
    first = _controller(plan(offset_ds=100, reference_controller="b"), name="a")
    second = _controller(plan(offset_ds=50, reference_controller="a"), name="b")
    timings = {c.controller_id: ring_timing(c, c.plans[0]) for c in (first, second)}
    assert "refer to each other" in begins_ds((first, second), timings)[1][0]


@given(
    st.lists(st.integers(10, 2000), min_size=1, max_size=8),
    st.data(),
)
def test_rounding_keeps_the_sum_and_the_least(values: list[int], data: st.DataObject) -> None:
    least = [data.draw(st.integers(1, max(1, value // 10))) for value in values]
    whole = max((sum(values) + 5) // 10, sum(least))
    parts = apportion(values, least, whole)
    assert sum(parts) == whole
    assert all(part >= low for part, low in zip(parts, least, strict=True))
