"""What an evaluation compared: matched days, places, controls, traffic, as tables of a page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.before_after.comparison import Change
from throughband.evaluations.evaluation import Evaluation

WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
)  # fmt: skip
CHOICES: Final = {
    "days left out": "the days on which the place was chosen do not count",
    "controls": "guarded against by the places without a change, if they had a bad spell too",
    "not handled": "not handled: nobody said on which days the place was chosen (--chosen-on)",
}


@dataclass(frozen=True, slots=True)
class WeekdayRow:
    """The matched days of one weekday: how many, and their mean, in the measure's unit."""

    weekday: str
    days_before: int
    before: float
    days_after: int
    after: float


@dataclass(frozen=True, slots=True)
class DayRow:
    """One matched day: date, period, value, and how far controls and traffic were off, percent."""

    day: str
    weekday: str
    period: str
    value: float
    controls_pct: float | None
    traffic_pct: float | None


def day_rows(found: Evaluation) -> tuple[DayRow, ...]:
    """Return every matched day as it entered the comparison.

    A day's controls and traffic are told against what is usual on its kind of day, in percent;
    controls of measures that are shares are told in points, times 100.
    """
    main = found.main
    figures, ratio = main.figures, main.measure.scale == "ratio"
    rows = []
    for at, day in enumerate(figures.days):
        level, index = float(figures.level[at]), float(figures.index[at])
        value = level * math.exp(index) if ratio else level + index
        controls = None if main.control_index is None else float(main.control_index[at])
        traffic = None if main.volume_index is None else float(main.volume_index[at])
        rows.append(
            DayRow(
                str(day),
                WEEKDAYS[day.weekday()],
                "after" if figures.after[at] else "before",
                value,
                controls
                if controls is None
                else 100.0 * (math.expm1(controls) if ratio else controls),
                None if traffic is None else 100.0 * math.expm1(traffic),
            )
        )
    return tuple(rows)


def weekday_rows(found: Evaluation) -> tuple[WeekdayRow, ...]:
    """Return the matched days by weekday: each is compared with its like."""
    by_kind: dict[str, dict[str, list[float]]] = {}
    for row in day_rows(found):
        kind = by_kind.setdefault(row.weekday, {"before": [], "after": []})
        kind[row.period].append(row.value)
    return tuple(
        WeekdayRow(
            name,
            len(by_kind[name]["before"]),
            float(np.mean(by_kind[name]["before"])) if by_kind[name]["before"] else math.nan,
            len(by_kind[name]["after"]),
            float(np.mean(by_kind[name]["after"])) if by_kind[name]["after"] else math.nan,
        )
        for name in WEEKDAYS
        if name in by_kind
    )


def compared_rows(found: Evaluation) -> tuple[tuple[str, str], ...]:
    """Return what was compared with what, and how each other cause was met: name and words."""
    main = found.main
    effect = main.effect
    places = [site for site in _places(found) if site not in main.controls]
    rows = [
        ("Days", f"{effect.days_before} before, {effect.days_after} after, matched by weekday and "
                 f"hour; {main.figures.days[0]} to {main.figures.days[-1]}"),
        ("Places with the change", ", ".join(places) or "all"),
        ("Places without it (controls)", ", ".join(main.controls) or "none (--control names them)"),
        ("Traffic", _traffic(found)),
        ("Regression to the mean", CHOICES[found.choice]),
        ("Neighboring days", f"correlation {effect.tie:.2f}, which widens the interval"
                             if effect.tie >= 0.05 else "no clear resemblance"),
        ("Plain difference", _told(found, main.raw)),
        ("With the above reckoned off", _told(found, main.change)),
        ("Verdict", found.verdict),
    ]  # fmt: skip
    if main.drift is not None:
        drift = "Already under way in the days before", _told(found, main.drift)
        rows.insert(6, drift)
    return tuple(rows)


def _places(found: Evaluation) -> tuple[str, ...]:
    before, after = found.periods.cells[found.main.measure]
    return tuple(sorted(set(before.sites) & set(after.sites)))


def _traffic(found: Evaluation) -> str:
    volume = found.main.volume
    if volume is None:
        return "not counted (--counts names files), so not reckoned off"
    change = volume.change
    told = (
        f"{change.relative_pct:+.1f} % ({change.low_pct:+.1f} to {change.high_pct:+.1f} %); "
        f"{100 * volume.overlap:.0f} % of the days after had a volume seen before"
    )
    if not volume.comparable:
        return f"{told}: too far apart to be reckoned off"
    if found.main.volume_index is None:
        return f"{told}; not reckoned off"
    slope = found.main.effect.volume_slope
    if slope is None or not math.isfinite(slope):
        return f"{told}; reckoned off"
    return f"{told}; reckoned off, {slope:+.2f} % for each percent of traffic"


def _told(found: Evaluation, change: Change) -> str:
    if found.main.measure.unit.startswith("part"):
        values = (change.absolute, change.absolute_low, change.absolute_high)
        mean, low, high = (f"{100 * value:+.1f}" for value in values)
        return f"{mean} points (95 % interval {low} to {high})"
    return (
        f"{change.relative_pct:+.1f} % (95 % interval {change.low_pct:+.1f} to "
        f"{change.high_pct:+.1f} %)"
    )
