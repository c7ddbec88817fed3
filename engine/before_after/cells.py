"""Measurements by day, place and time of day, and one figure for each day made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from network.errors import InsufficientDataError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Scale = Literal["ratio", "difference"]
"""Ratio: changes are parts of the level (times, counts); difference: they are points (shares)."""

COVERED: Final = 0.6
"""A day of which less than this part was measured is left out."""


class Cell(NamedTuple):
    """One measurement: the mean over some vehicles at a place in an interval of a day."""

    day: date
    site: str
    slot_s: int
    value: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Measurements of one period.

    Attributes
    ----------
    days
        Dates, ascending.
    sites, slots_s
        Place and second of the local day of each column.
    value, weight
        [day, column]; NaN and 0 where nothing was measured.
    """

    days: tuple[date, ...]
    sites: tuple[str, ...]
    slots_s: tuple[int, ...]
    value: Floats
    weight: Floats

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> Cells:
        """Lay measurements out; several of one day, place and time are averaged by weight."""
        found = [cell for cell in cells if np.isfinite(cell.value) and cell.weight > 0]
        days = sorted({cell.day for cell in found})
        columns = sorted({(cell.site, cell.slot_s) for cell in found})
        row = {day: at for at, day in enumerate(days)}
        column = {key: at for at, key in enumerate(columns)}
        total = np.zeros((len(days), len(columns)))
        weight = np.zeros_like(total)
        for cell in found:
            at = row[cell.day], column[cell.site, cell.slot_s]
            total[at] += cell.value * cell.weight
            weight[at] += cell.weight
        value = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
        return cls(
            tuple(days), tuple(site for site, _ in columns), tuple(slot for _, slot in columns),
            value, weight,
        )  # fmt: skip

    def select(self, days: Iterable[date], columns: Iterable[tuple[str, int]]) -> Cells:
        """Return some days and columns, in the order asked for; all of them must be there."""
        row = {day: at for at, day in enumerate(self.days)}
        place = {key: at for at, key in enumerate(self.columns)}
        days, columns = tuple(days), tuple(columns)
        at = np.ix_([row[day] for day in days], [place[key] for key in columns])
        return Cells(
            days, tuple(site for site, _ in columns), tuple(slot for _, slot in columns),
            self.value[at], self.weight[at],
        )  # fmt: skip

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """Place and slot of each column."""
        return tuple(zip(self.sites, self.slots_s, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class DayFigures:
    """One figure per day, free of the day of the week and of what was not measured.

    Attributes
    ----------
    days
        Dates.
    after
        Whether each lies after the change, bool[D].
    kind
        Day of the week, int64[D].
    index
        Ratio scale: logarithm of the day's level over the usual one of its kind. Difference
        scale: the day's level less the usual one; [D].
    level
        Usual level of each day's kind of day, in the measure's unit; [D].
    """

    days: tuple[date, ...]
    after: Bools
    kind: npt.NDArray[np.int64]
    index: Floats
    level: Floats


def day_figures(before: Cells, after: Cells, scale: Scale, what: str) -> DayFigures:
    """Make one figure per day of two periods that have the same columns.

    Places and times are weighted alike in both periods, by their vehicles over both, so that a
    change of mix is not taken for one of level. A column counts on a kind of day if both periods
    have measured it there.

    Parameters
    ----------
    before, after
        The periods, with equal columns.
    scale
        Of the measure.
    what
        The measure, for messages.

    Raises
    ------
    InsufficientDataError
        If a ratio is asked of values that are not above 0, or no day is left.
    """
    value = np.vstack((before.value, after.value))
    later = np.arange(len(value)) >= len(before.days)
    days = (*before.days, *after.days)
    kind = np.array([day.weekday() for day in days], dtype=np.int64)
    with np.errstate(invalid="ignore"):
        if scale == "ratio" and (value < 0).any():
            raise InsufficientDataError(f"{what}: negative values; allowed are 0 and more")
    share = before.weight.sum(axis=0) / max(1e-12, before.weight.sum())
    share = 0.5 * (share + after.weight.sum(axis=0) / max(1e-12, after.weight.sum()))
    usual = np.full(value.shape, np.nan)
    for one in np.unique(kind):
        rows = kind == one
        both = [_mean(value[rows & (later == side)]) for side in (False, True)]
        usual[rows] = 0.5 * (both[0] + both[1])
    weight = np.where(np.isfinite(usual), share, 0.0)
    there = np.isfinite(value) & (weight > 0)
    whole = weight.sum(axis=1)
    seen = np.where(there, weight, 0.0)
    covered = seen.sum(axis=1) >= COVERED * np.maximum(whole, 1e-12)
    keep = np.flatnonzero(covered & (whole > 0))
    if not keep.size:
        raise InsufficientDataError(
            f"{what}: no day was measured in the same hours before and after"
        )
    level = np.nansum(usual * weight, axis=1)[keep] / whole[keep]
    own = np.nansum(np.where(there, value, 0.0) * seen, axis=1)[keep]
    typical = np.nansum(np.where(there, usual, 0.0) * seen, axis=1)[keep]
    if scale == "ratio":
        if (own <= 0).any() or (typical <= 0).any():
            raise InsufficientDataError(
                f"{what}: a day's mean is 0; allowed are values above 0 to compare by parts"
            )
        index = np.log(own / typical)
    else:
        index = (own - typical) / seen.sum(axis=1)[keep]
    return DayFigures(tuple(days[at] for at in keep), later[keep], kind[keep], index, level)


def _mean(values: Floats) -> Floats:
    """Return column means of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    found: Floats = np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)
    return found
