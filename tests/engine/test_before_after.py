"""Before and after: days are matched, and the verdict errs as rarely as it says."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.before_after.cells import Cell, Cells, day_figures
from engine.before_after.comparison import Comparison, Measure, compare, drawn_together
from engine.before_after.effect import Effect, effect_of, verdict_of
from engine.before_after.matching import Rules, matched
from network.errors import InsufficientDataError

TIME = Measure("travel_time_s", "Travel time", "s", "ratio", -1)
FIRST, SECOND = date(2031, 3, 3), date(2031, 5, 5)


def workdays(first: date, count: int) -> list[date]:
    return [first + timedelta(days=7 * (k // 5) + k % 5) for k in range(count)]


def drawn(
    seed: int, effect: float = 0.0, shift: float = 0.0, ties: float = 0.0, count: int = 20
) -> tuple[list[date], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw days: logarithm of travel time, after or not, weekday, logarithm of traffic."""
    rng = np.random.default_rng(seed)
    days = [*workdays(FIRST, count), *workdays(SECOND, count)]
    late = np.arange(2 * count) >= count
    kind = np.array([day.weekday() for day in days])
    noise = rng.standard_normal(2 * count)
    for k in range(1, 2 * count):
        if k != count:
            noise[k] = ties * noise[k - 1] + np.sqrt(1 - ties**2) * noise[k]
    traffic = 0.04 * rng.standard_normal(2 * count) + shift * late
    figure = 0.03 * kind + 0.05 * noise + 1.5 * traffic + effect * late
    return days, figure, late, kind, traffic


def found(seed: int, with_traffic: bool = True, **made: float) -> Effect:
    days, figure, late, kind, traffic = drawn(seed, **made)  # type: ignore[arg-type]
    return effect_of(days, figure, late, kind, traffic if with_traffic else None, seed, draws=399)


def clear(effects: list[Effect]) -> float:
    return float(np.mean([one.low > 0 or one.high < 0 for one in effects]))


SEEDS = range(200)


def test_without_an_effect_one_verdict_in_twenty_is_wrong() -> None:
    # Of 200 days-sets at 5 %, more than 18 would come by chance once in 50.
    assert clear([found(seed) for seed in SEEDS]) <= 0.09


def test_days_that_resemble_their_neighbors_fool_it_hardly_more() -> None:
    assert clear([found(seed, ties=0.4) for seed in SEEDS]) <= 0.11


def test_less_traffic_is_not_taken_for_a_gain() -> None:
    assert clear([found(seed, shift=-0.1) for seed in SEEDS]) <= 0.09
    assert clear([found(seed, with_traffic=False, shift=-0.1) for seed in range(20)]) > 0.9


def test_an_effect_is_found_and_held_by_its_interval() -> None:
    effects = [found(seed, effect=-0.08) for seed in SEEDS]
    assert np.mean([one.high < 0 for one in effects]) >= 0.9
    assert np.mean([one.low <= -0.08 <= one.high for one in effects]) >= 0.91
    assert np.mean([one.mean for one in effects]) == pytest.approx(-0.08, abs=0.005)


def test_equal_seeds_give_equal_intervals() -> None:
    assert found(3) == found(3)


def test_days_of_a_weekday_that_one_side_lacks_do_not_count() -> None:
    days, figure, late, kind, _ = drawn(1)
    keep = ~(late & (kind == 4))
    kept = [day for day, k in zip(days, keep, strict=True) if k]
    figure = np.where(kind == 4, 99.0, figure)
    effect = effect_of(kept, figure[keep], late[keep], kind[keep], None, 1)
    assert (effect.days_before, effect.days_after) == (16, 16)
    assert abs(effect.mean) < 0.2


def test_few_days_are_refused() -> None:
    days, figure, late, kind, traffic = drawn(1, count=4)
    with pytest.raises(InsufficientDataError, match="4 days before and 4 after are of weekdays"):
        effect_of(days, figure, late, kind, None, 1)
    days, figure, late, kind, traffic = drawn(1, count=5)
    with pytest.raises(InsufficientDataError, match="10 matched days for 7 unknowns"):
        effect_of(days, figure, late, kind, traffic, 1)


@pytest.mark.parametrize(
    ("low", "high", "better", "verdict"),
    [
        (-2.0, -1.0, -1, "better"),
        (-2.0, -1.0, 1, "worse"),
        (1.0, 2.0, 1, "better"),
        (1.0, 2.0, -1, "worse"),
        (-1.0, 2.0, -1, "no clear difference"),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    low: float, high: float, better: int, verdict: str
) -> None:
    assert verdict_of(low, high, better) == verdict


def street(
    days: list[date], level: float, sites: tuple[str, ...] = ("A", "B"), seed: int = 1
) -> Cells:
    rng = np.random.default_rng([seed, days[0].toordinal()])
    return Cells.of(
        Cell(
            day, site, 3600 * hour, level * (1 + at) * common * np.exp(0.02 * rng.standard_normal())
        )
        for day in days
        for common in [float(np.exp(0.03 * rng.standard_normal()))]
        for at, site in enumerate(sites)
        for hour in (7, 8)
    )


def test_a_place_that_is_missing_on_some_days_does_not_move_the_level() -> None:
    places = ("A", "B", "C")
    before = street(workdays(FIRST, 10), 100.0, places)
    after = street(workdays(SECOND, 10), 100.0, places)
    holes = after.value.copy()
    holes[:5, np.array(after.sites) == "A"] = np.nan
    weight = np.where(np.isfinite(holes), after.weight, 0.0)
    thin = Cells(after.days, after.sites, after.slots_s, holes, weight)
    figures = day_figures(before, thin, "ratio", "time")
    assert len(figures.days) == 20
    assert np.abs(figures.index).max() < 0.15


@settings(max_examples=8)
@given(st.floats(0.2, 5.0))
def test_the_unit_does_not_matter_to_the_change(factor: float) -> None:
    days = workdays(FIRST, 10), workdays(SECOND, 10)

    def compared(scale: float) -> Comparison:
        parts = [street(own, level) for own, level in zip(days, (100.0, 90.0), strict=True)]
        cells = [Cells(p.days, p.sites, p.slots_s, scale * p.value, p.weight) for p in parts]
        return compare(TIME, cells[0], cells[1], Rules())

    one, other = compared(1.0), compared(factor)
    assert one.change.relative_pct == pytest.approx(other.change.relative_pct, rel=1e-6)
    assert one.verdict == other.verdict == "better"
    assert other.before == pytest.approx(factor * one.before, rel=1e-6)


def test_controls_take_off_what_happened_everywhere() -> None:
    rng = np.random.default_rng(5)
    cells: list[list[Cell]] = [[], []]
    for late, first in enumerate((FIRST, SECOND)):
        for day in workdays(first, 15):
            common = np.exp(0.05 * rng.standard_normal() - 0.2 * late)
            for site in ("A", "C"):
                value = 100 * common * np.exp(0.02 * rng.standard_normal())
                cells[late].append(Cell(day, site, 0, float(value)))
    before, after = Cells.of(cells[0]), Cells.of(cells[1])
    assert compare(TIME, before, after, Rules()).verdict == "better"
    held = compare(TIME, before, after, Rules(), controls=["C"])
    assert held.verdict == "no clear difference"
    assert held.raw.relative_pct == pytest.approx(-18, abs=4)
    with pytest.raises(InsufficientDataError, match="control 'D' was not measured"):
        compare(TIME, before, after, Rules(), controls=["D"])


def test_days_of_the_choice_do_not_make_a_gain() -> None:
    """A street chosen in its two worst weeks gets better by itself."""
    days = workdays(FIRST, 30), workdays(SECOND, 20)
    wrong = {False: 0, True: 0}
    chosen = (days[0][-10], days[0][-1])
    for seed in range(60):
        rng = np.random.default_rng(seed)
        spells = np.repeat(rng.standard_normal((8, 3)) * 0.04, 10, axis=1)
        worst = int(np.argmax(spells[:, 20]))
        noise = spells[worst] + 0.02 * rng.standard_normal(30)
        before = Cells.of(
            Cell(d, "A", 0, 100 * np.exp(e)) for d, e in zip(days[0], noise, strict=True)
        )
        later = 0.04 * rng.standard_normal() + 0.02 * rng.standard_normal(20)
        after = Cells.of(
            Cell(d, "A", 0, 100 * np.exp(e)) for d, e in zip(days[1], later, strict=True)
        )
        for left_out in wrong:
            rules = Rules(chosen=chosen if left_out else None)
            wrong[left_out] += compare(TIME, before, after, rules, seed=seed).verdict == "better"
    assert wrong[True] < wrong[False]


def test_a_drift_before_the_change_is_measured() -> None:
    days = workdays(FIRST, 18)
    before = Cells.of(
        Cell(day, "A", 0, (130.0 if k >= 12 else 100.0) + k % 3) for k, day in enumerate(days)
    )
    after = Cells.of(Cell(day, "A", 0, 100.0 + day.day % 3) for day in workdays(SECOND, 15))
    drift = compare(TIME, before, after, Rules()).drift
    assert drift is not None
    assert drift.low_pct > 20


def test_a_large_shift_of_traffic_withholds_the_verdict() -> None:
    days = workdays(FIRST, 15), workdays(SECOND, 15)
    rng = np.random.default_rng(1)
    volume = [
        Cells.of(Cell(d, "L", 0, level * (1 + 0.01 * rng.standard_normal())) for d in own)
        for own, level in zip(days, (1000.0, 600.0), strict=True)
    ]
    found = compare(
        TIME, street(days[0], 100.0), street(days[1], 60.0), Rules(), (), (volume[0], volume[1])
    )
    assert found.volume is not None
    assert not found.volume.comparable
    assert found.verdict == "no clear difference"


def test_the_best_of_many_equal_places_is_drawn_back() -> None:
    rng = np.random.default_rng(2)
    mean = -0.05 + 0.03 * rng.standard_normal(40)
    drawn = drawn_together(mean, np.full(40, 0.03))
    assert drawn.min() > mean.min() + 0.03
    assert drawn.mean() == pytest.approx(mean.mean(), abs=1e-6)
    apart = drawn_together(np.array([-0.5, 0.5]), np.full(2, 0.01))
    assert apart.tolist() == pytest.approx([-0.5, 0.5], abs=0.01)


class TestRefusals:
    """Periods that cannot be compared are refused with the reason."""

    early, late = workdays(FIRST, 10), workdays(SECOND, 10)

    def test_other_detectors(self) -> None:
        before, after = street(self.early, 100.0, ("A", "B")), street(self.late, 90.0, ("C",))
        with pytest.raises(
            InsufficientDataError, match="measured at A, B, after at C; other detec"
        ):
            matched(before, after, Rules(), "Travel time")

    def test_no_hour_in_common(self) -> None:
        before = Cells.of(Cell(day, "A", 7 * 3600, 1.0) for day in self.early)
        after = Cells.of(Cell(day, "A", 17 * 3600, 1.0) for day in self.late)
        with pytest.raises(InsufficientDataError, match="from 07:00 to 07:00, after from 17:00"):
            matched(before, after, Rules(), "Travel time")

    def test_hours_that_nobody_measured(self) -> None:
        cells = street(self.early, 100.0), street(self.late, 100.0)
        with pytest.raises(InsufficientDataError, match="no hour in common within 01:00-02:00"):
            matched(*cells, Rules(windows_s=((3600, 7200),)), "Travel time")

    def test_periods_that_overlap(self) -> None:
        cells = street(self.early, 100.0), street(self.early[5:], 100.0)
        with pytest.raises(InsufficientDataError, match=r"reach to 2031-03-14 .* on 2031-03-10"):
            matched(*cells, Rules(), "Travel time")

    def test_other_weekdays(self) -> None:
        weekend = [SECOND + timedelta(days=5 + 7 * k) for k in range(6)]
        with pytest.raises(InsufficientDataError, match="no weekday is left that both"):
            matched(street(self.early, 1.0), street(weekend, 1.0), Rules(), "Travel time")

    def test_an_empty_period(self) -> None:
        with pytest.raises(InsufficientDataError, match="nothing was measured after"):
            matched(street(self.early, 1.0), Cells.of([]), Rules(), "Travel time")

    def test_what_is_left_out_is_said(self) -> None:
        rules = Rules(
            frozenset({self.early[0]}), frozenset({self.late[1]}), frozenset({self.late[2]})
        )
        before, after, told = matched(
            street(self.early, 1.0), street(self.late, 1.0), rules, "Travel time"
        )
        assert (len(before.days), len(after.days)) == (9, 8)
        assert any("holidays: 2031-03-03" in one for one in told)
        assert any("clock change: 2031-05-07" in one for one in told)
