"""What of a timing plan RSMP can express, and what the street then does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.driver import PhaseLimits
from controllers.rsmp.sheet import Band, SiteSheet, StoredPlan
from controllers.rsmp.signals import CYCLE, OFFSET
from network.errors import ControllerError
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan

LIMITS = {n: PhaseLimits(n, 5, 30, 20, 0, 0) for n in (1, 2, 3)}
PHASING = Phasing(
    tuple(
        Phase(n, "".join("G" if g == n else "r" for g in (1, 2, 3)), 5, 30, 20) for n in (1, 2, 3)
    ),
    {},
)
SHEET = SiteSheet("s", "KK+1", "KK+1=1", "127.0.0.1", "c", tuple(LIMITS.values()), (
    StoredPlan(15, (1, 2, 3), (20, 20, 20)),
))  # fmt: skip


@st.composite
def plans(draw: st.DrawFn) -> tuple[StoredPlan, TimingPlan]:
    """Return a stored plan and a timing it can run."""
    splits = draw(st.lists(st.integers(10, 40), min_size=3, max_size=3))
    extra = draw(st.lists(st.integers(0, 40), min_size=3, max_size=3))
    bands = tuple(Band(n, n, 40) for n in (1, 2, 3) if extra[n - 1])
    cycle_s = sum(splits) + sum(extra)
    stored = StoredPlan(15, (1, 2, 3), tuple(splits), bands, draw(st.integers(0, 20)))
    first = draw(st.integers(0, 2))
    order = [(first + k) % 3 for k in range(3)]
    plan = TimingPlan(
        "s",
        cycle_s,
        tuple(n + 1 for n in order),
        tuple(splits[n] + extra[n] for n in order),
        draw(st.integers(0, cycle_s - 1)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from(OffsetReference)),
    )
    return stored, plan


@given(plans(), st.integers(0, 10_000))
def test_the_reference_event_comes_when_the_plan_says(
    pair: tuple[StoredPlan, TimingPlan], cycle: int
) -> None:
    stored, plan = pair
    values = {(v.name, v.index): v.value for v in stored.values(plan, LIMITS)}
    cycle_s, lead_s = values[CYCLE, (15,)], values[OFFSET, (15,)]
    assert isinstance(cycle_s, int)
    assert isinstance(lead_s, int)
    # By the plan itself, its first phase turns green at this time.
    begin_s = plan.begin_s(PHASING) + cycle * cycle_s
    # By RSMP, the counter tells how far the stored sequence has come.
    base = begin_s % cycle_s
    count = (base + lead_s) % cycle_s
    before = stored.sequence[: stored.sequence.index(plan.sequence[0])]
    assert count == (stored.zero_s + sum(plan.split_s(n) for n in before)) % cycle_s


@given(plans())
def test_settings_fill_the_cycle(pair: tuple[StoredPlan, TimingPlan]) -> None:
    stored, plan = pair
    values = {(v.name, v.index): v.value for v in stored.values(plan, LIMITS)}
    extensions = [v for (name, _), v in values.items() if name == "dynamicBand"]
    assert all(isinstance(v, int) and 0 <= v <= 99 for v in extensions)
    total = sum(stored.splits_s) + sum(v for v in extensions if isinstance(v, int))
    assert total == values[CYCLE, (15,)] == plan.cycle_s


def test_a_cycle_that_m0018_cannot_carry_is_refused() -> None:
    stored = StoredPlan(15, (1, 2, 3), (100, 100, 100))
    plan = TimingPlan("s", 300, (1, 2, 3), (100, 100, 100), 0, 1)
    with pytest.raises(ControllerError, match="255 s is the most"):
        stored.values(plan, LIMITS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": 0},
        {"number": 254},
        {"number": 100, "bands": (Band(1, 1, 5),)},
        {"sequence": ()},
        {"sequence": (1, 1, 2)},
        {"splits_s": (20, 20)},
        {"splits_s": (20, 20, 0)},
        {"bands": (Band(11, 1, 5),)},
        {"bands": (Band(1, 4, 5),)},
        {"bands": (Band(1, 1, 100),)},
        {"bands": (Band(1, 1, 5), Band(2, 1, 5))},
        {"bands": (Band(1, 1, 5), Band(1, 2, 5))},
        {"zero_s": -1},
    ],
)
def test_a_stored_plan_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ControllerError, match="stored plan"):
        replace(StoredPlan(15, (1, 2, 3), (20, 20, 20)), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"site_id": ""},
        {"component_id": ""},
        {"plans": ()},
        {"plans": (SHEET.plans[0], SHEET.plans[0])},
        {"phases": (LIMITS[1], LIMITS[2])},
        {"phases": (*SHEET.phases, LIMITS[1])},
        {"phases": (LIMITS[1], LIMITS[2], replace(LIMITS[3], ring=2))},
    ],
)
def test_a_sheet_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ControllerError, match="sheet of signal 's'"):
        replace(SHEET, **wrong)  # type: ignore[arg-type]
