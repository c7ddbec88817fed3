"""Compare two periods in one measure: matched days, controls, traffic volume, verdict.

What else could explain a difference is asked in turn. *The kind of day*: only weekdays that both
periods have are compared, like with like. *What happened everywhere* (weather, fuel prices,
school): streets that were not changed, measured on the same days, are taken off. *More or less
traffic*: days are compared at equal volume where it was counted. *Regression to the mean*: a street
chosen in a bad time gets better by itself; the days of the choice are left out, or controls were
chosen alike, or the result says that neither is so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.before_after.cells import Cells, DayFigures, Scale, day_figures
from engine.before_after.effect import Effect, Verdict, effect_of, verdict_of
from engine.before_after.matching import Rules, matched
from network.errors import InsufficientDataError

Floats = npt.NDArray[np.float64]

FEWEST_EARLY: Final = 8
"""Days before from which on a drift among them is looked for."""
LARGE_SHIFT: Final = 0.10
LEAST_OVERLAP: Final = 0.10
"""A shift of volume beyond 10 % is too large to be reckoned off where fewer than a tenth of the
days after have a volume that was seen before."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is compared.

    Attributes
    ----------
    key, label, unit
        Name in files, name and unit for people.
    scale
        See `Scale`.
    better
        Sign of an improvement, -1 or 1; 0 where neither is one.
    """

    key: str
    label: str
    unit: str
    scale: Scale
    better: int


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the level, in percent of the level before or in points, and in the unit."""

    relative_pct: float
    low_pct: float
    high_pct: float
    absolute: float
    absolute_low: float
    absolute_high: float


@dataclass(frozen=True, slots=True)
class SiteChange:
    """One place: its own estimate, and that drawn toward all places (empirical Bayes)."""

    site: str
    change_pct: float
    low_pct: float
    high_pct: float
    drawn_pct: float


@dataclass(frozen=True, slots=True)
class VolumeShift:
    """How traffic itself changed.

    Attributes
    ----------
    change
        Of the volume.
    overlap
        Part of the days after whose volume (for the kind of day) was also seen before, 0 to 1.
    comparable
        Whether the shift can be reckoned off.
    """

    change: Change
    overlap: float
    comparable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A measure before and after.

    Attributes
    ----------
    measure
        What.
    before, after
        Level on matched days, in the unit, nothing reckoned off.
    raw, change
        Change on matched days; the same with controls and volume reckoned off.
    effect
        `change` in the scale of the figures, with days and correlation.
    verdict
        Of `change`; ``no clear difference`` too where volumes are not comparable.
    controls
        Sites that were taken off.
    volume
        How traffic changed, or None where it was not counted.
    drift
        Change within the days before, from their first two thirds to the last; None for few days.
    figures, control_index, volume_index
        What was estimated from, by day; the latter None or [D].
    sites
        Place by place; empty for a single one.
    findings
        What was left out and why, sentences.
    """

    measure: Measure
    before: float
    after: float
    raw: Change
    change: Change
    effect: Effect
    verdict: Verdict
    controls: tuple[str, ...]
    volume: VolumeShift | None
    drift: Change | None
    figures: DayFigures
    control_index: Floats | None
    volume_index: Floats | None
    sites: tuple[SiteChange, ...]
    findings: tuple[str, ...]


def compare(
    measure: Measure,
    before: Cells,
    after: Cells,
    rules: Rules,
    controls: Iterable[str] = (),
    volume: tuple[Cells, Cells] | None = None,
    seed: int = 1,
) -> Comparison:
    """Compare two periods.

    Parameters
    ----------
    measure
        What the cells hold.
    before, after
        The periods, with control sites among the others.
    rules
        What is left out.
    controls
        Sites without a change.
    volume
        Vehicles in cells of their own, before and after; None where they were not counted.
    seed
        Of the bootstrap.

    Raises
    ------
    InsufficientDataError
        If the periods cannot be compared; the message says why.
    """
    named = tuple(dict.fromkeys(controls))
    strange = [site for site in named if site not in before.sites or site not in after.sites]
    if strange:
        raise InsufficientDataError(
            f"{measure.label}: the control {strange[0]!r} was not measured before and after"
        )
    treated = _without(before, named), _without(after, named)
    if not treated[0].sites or not treated[1].sites:
        raise InsufficientDataError(f"{measure.label}: every place is named as a control")
    first, second, findings = matched(*treated, rules, measure.label)
    figures = day_figures(first, second, measure.scale, measure.label)
    notes = list(findings)
    control = None
    if named:
        control = _index_on(figures, (_only(before, named), _only(after, named)), rules, measure)
        gone = int((~np.isfinite(control)).sum())
        if gone:
            notes.append(f"{gone} days were left out, on which the controls were not measured")
        rows = np.isfinite(control)
        figures, control = _kept(figures, rows), control[rows]
    shift, index = None, None
    if volume is not None:
        counted = Measure("volume", "Vehicles", "veh", "ratio", 0)
        index = _index_on(
            figures, (_without(volume[0], named), _without(volume[1], named)), rules, counted
        )
        gone = int((~np.isfinite(index)).sum())
        if gone:
            notes.append(f"{gone} days were left out, on which traffic was not counted")
        rows = np.isfinite(index)
        figures, index = _kept(figures, rows), index[rows]
        control = None if control is None else control[rows]
        shift = _shift(figures, index, seed)
    wanted = figures.index if control is None else figures.index - control
    effect = effect_of(figures.days, wanted, figures.after, figures.kind, index, seed)
    raw = effect_of(figures.days, figures.index, figures.after, figures.kind, None, seed)
    level_before, level_after = _levels(figures, measure.scale)
    change = _change(effect, measure.scale, level_before)
    verdict: Verdict = "no clear difference"
    if measure.better and (shift is None or shift.comparable):
        verdict = verdict_of(effect.low, effect.high, measure.better)
    return Comparison(
        measure, level_before, level_after, _change(raw, measure.scale, level_before), change,
        effect, verdict, named, shift, _drift(figures, wanted, measure.scale, level_before, seed),
        figures, control, index, _sites(first, second, figures, control, index, measure, seed),
        tuple(notes),
    )  # fmt: skip


def _without(cells: Cells, sites: Sequence[str]) -> Cells:
    return cells.select(cells.days, [key for key in cells.columns if key[0] not in sites])


def _only(cells: Cells, sites: Sequence[str]) -> Cells:
    return cells.select(cells.days, [key for key in cells.columns if key[0] in sites])


def _kept(figures: DayFigures, rows: npt.NDArray[np.bool_]) -> DayFigures:
    return DayFigures(
        tuple(day for day, keep in zip(figures.days, rows, strict=True) if keep),
        figures.after[rows], figures.kind[rows], figures.index[rows], figures.level[rows],
    )  # fmt: skip


def _index_on(
    figures: DayFigures, periods: tuple[Cells, Cells], rules: Rules, measure: Measure
) -> Floats:
    """Return another series' figures on the same days; NaN where it has none."""
    first, second, _ = matched(*periods, rules, measure.label)
    other = day_figures(first, second, measure.scale, measure.label)
    found: Mapping[date, float] = dict(zip(other.days, other.index.tolist(), strict=True))
    return np.array([found.get(day, np.nan) for day in figures.days])


def _levels(figures: DayFigures, scale: Scale) -> tuple[float, float]:
    """Return mean levels before and after, kinds of days weighted alike."""
    value = (
        figures.level * np.exp(figures.index) if scale == "ratio" else figures.level + figures.index
    )
    sums, total = [0.0, 0.0], 0.0
    for kind in np.unique(figures.kind):
        own = figures.kind == kind
        sides = [value[own & (figures.after == side)] for side in (False, True)]
        if not all(side.size for side in sides):
            continue
        weight = sides[0].size * sides[1].size / (sides[0].size + sides[1].size)
        total += weight
        for at, side in enumerate(sides):
            sums[at] += weight * float(side.mean())
    return (sums[0] / total, sums[1] / total) if total else (math.nan, math.nan)


def _change(effect: Effect, scale: Scale, level: float) -> Change:
    values = (effect.mean, effect.low, effect.high)
    if scale == "ratio":
        parts = [math.expm1(min(value, 50.0)) for value in values]
        values = (level * parts[0], level * parts[1], level * parts[2])
    else:
        parts = [value / level if level else math.nan for value in values]
    return Change(100.0 * parts[0], 100.0 * parts[1], 100.0 * parts[2], *values)


def _shift(figures: DayFigures, index: Floats, seed: int) -> VolumeShift:
    effect = effect_of(figures.days, index, figures.after, figures.kind, None, seed)
    early = index[~figures.after]
    spread = float(early.std())
    inside = (index >= early.min() - spread) & (index <= early.max() + spread)
    overlap = float(inside[figures.after].mean())
    comparable = abs(math.expm1(effect.mean)) <= LARGE_SHIFT or overlap >= LEAST_OVERLAP
    return VolumeShift(_change(effect, "ratio", math.nan), overlap, comparable)


def _drift(
    figures: DayFigures, wanted: Floats, scale: Scale, level: float, seed: int
) -> Change | None:
    """Compare the last third of the days before with the days before that."""
    early = ~figures.after
    days = [day for day, keep in zip(figures.days, early, strict=True) if keep]
    if len(days) < FEWEST_EARLY:
        return None
    late = np.array([day > sorted(days)[2 * len(days) // 3 - 1] for day in days])
    try:
        effect = effect_of(days, wanted[early], late, figures.kind[early], None, seed)
    except InsufficientDataError:
        return None
    return _change(effect, scale, level)


def _sites(
    before: Cells,
    after: Cells,
    figures: DayFigures,
    control: Floats | None,
    index: Floats | None,
    measure: Measure,
    seed: int,
) -> tuple[SiteChange, ...]:
    """Estimate every place, and draw the estimates together as far as chance explains them."""
    names = list(dict.fromkeys(before.sites))
    if len(names) < 2:
        return ()
    found: list[tuple[str, Effect, float]] = []
    for name in names:
        try:
            own = day_figures(
                _only(before, [name]), _only(after, [name]), measure.scale, measure.label
            )
            at = [own.days.index(day) if day in own.days else -1 for day in figures.days]
            rows = np.array(at) >= 0
            mine = own.index[[k for k in at if k >= 0]]
            if control is not None:
                mine = mine - control[rows]
            kept = _kept(figures, rows)
            volume = None if index is None else index[rows]
            effect = effect_of(kept.days, mine, kept.after, kept.kind, volume, seed, draws=499)
        except InsufficientDataError:
            continue
        found.append((name, effect, _levels(own, measure.scale)[0]))
    if len(found) < 2:
        return ()
    mean = np.array([effect.mean for _, effect, _ in found])
    error = np.array([max(1e-9, (e.high - e.low) / (2 * 1.96)) for _, e, _ in found])
    drawn = drawn_together(mean, error)
    told = []
    for (name, effect, level), value in zip(found, drawn.tolist(), strict=True):
        own_change = _change(effect, measure.scale, level)
        part = (
            math.expm1(value) if measure.scale == "ratio" else value / level if level else math.nan
        )
        told.append(
            SiteChange(
                name, own_change.relative_pct, own_change.low_pct, own_change.high_pct, 100.0 * part
            )
        )
    return tuple(told)


def drawn_together(mean: Floats, error: Floats) -> Floats:
    """Draw estimates toward their common mean by the part of their scatter that is chance.

    Parameters
    ----------
    mean, error
        Estimates and their standard errors, [S].

    Notes
    -----
    Random effects by moments (DerSimonian and Laird, Controlled Clinical Trials 7, 1986). The best
    of many places looks better than it is; what is drawn together does not.
    """
    weight = 1.0 / error**2
    center = float((weight * mean).sum() / weight.sum())
    excess = float((weight * (mean - center) ** 2).sum()) - (mean.size - 1)
    between = max(0.0, excess / float(weight.sum() - (weight**2).sum() / weight.sum()))
    if between == 0.0:
        return np.full(mean.size, center)
    own = between / (between + error**2)
    weight = 1.0 / (between + error**2)
    center = float((weight * mean).sum() / weight.sum())
    drawn: Floats = own * mean + (1.0 - own) * center
    return drawn
