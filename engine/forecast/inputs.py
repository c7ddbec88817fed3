"""Check what users hand to the forecaster, and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from engine.forecast.calendar import LocalClock
from engine.forecast.profile import TYPES, to_root
from network.counts import VALUED, Quality
from network.errors import CountError, InsufficientDataError

Floats = NDArray[np.float64]

PRIOR_WEIGHT_DAYS = 0.5
"""What a prior profile weighs per day type, beside counted days."""


def checked_row(row: npt.ArrayLike | Mapping[str, float], names: tuple[str, ...]) -> Floats:
    """Return the counts of one interval, float64[N]; raise `CountError` for unknown names."""
    if isinstance(row, Mapping):
        column = {name: at for at, name in enumerate(names)}
        unknown = [name for name in row if name not in column]
        if unknown:
            raise CountError(
                f"the row names {unknown[0]!r}, which is not among the {len(column)} detectors"
            )
        values = np.full(len(column), np.nan)
        for name, value in row.items():
            values[column[name]] = value
        return values
    try:
        values = np.array(row, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise CountError(f"the row is not an array of numbers ({error})") from error
    if values.shape != (len(names),):
        raise CountError(f"the row has shape {list(values.shape)}; allowed is [{len(names)}]")
    return values


def judged(values: Floats, ceiling: Floats, quality: npt.ArrayLike | None) -> NDArray[np.uint8]:
    """Return why a count is not used, or good: a `Quality` per detector, uint8[N].

    Parameters
    ----------
    values
        Counts, [N].
    ceiling
        Greatest believable count, [N].
    quality
        Flags from a judge of detectors, or None.
    """
    flags = np.zeros(values.size, dtype=np.uint8)
    if quality is not None:
        given = np.asarray(quality)
        if given.shape != flags.shape or not np.isin(given, [int(q) for q in Quality]).all():
            raise CountError(f"quality must hold {flags.size} flags from 0 to {max(Quality)}")
        flags[:] = np.where(np.isin(given, VALUED), Quality.GOOD, given)
    with np.errstate(invalid="ignore"):
        wild = (values < 0) | (values > ceiling)
    flags[wild] = Quality.IMPOSSIBLE
    flags[np.isnan(values)] = Quality.MISSING
    return flags


def prior_sums(prior: npt.ArrayLike, clock: LocalClock, detectors: int) -> Floats:
    """Return a prior profile as sums over days, [2, K, S, N]; see `FlowForecaster.fit`."""
    values = np.asarray(prior, dtype=np.float64)
    slots = clock.slots
    if values.shape not in ((slots, detectors), (TYPES, slots, detectors)):
        raise CountError(
            f"the prior has shape {list(values.shape)}; allowed are [{slots}, {detectors}] "
            f"and [{TYPES}, {slots}, {detectors}]"
        )
    if not np.isfinite(values).all() or (values < 0).any():
        raise CountError("the prior holds NaN, infinity or a negative count")
    sums = np.empty((2, TYPES, slots, detectors))
    # A prior follows the date; what comes before the day of traffic begins ends the one before.
    sums[0] = np.roll(to_root(values), -clock.day_begin, axis=-2) * PRIOR_WEIGHT_DAYS
    sums[1] = PRIOR_WEIGHT_DAYS
    return sums


def require_counts(values: Floats, names: tuple[str, ...], clock: LocalClock) -> None:
    """Raise `InsufficientDataError` for less than a day, or a detector without any count."""
    if len(values) < clock.slots:
        raise InsufficientDataError(
            f"{len(values)} intervals of {clock.step_s} s are less than a day; without a "
            f"prior at least {clock.slots} are needed"
        )
    empty = np.flatnonzero(~np.isfinite(values).any(axis=0))
    if empty.size:
        more = f" and {empty.size - 1} more" if empty.size > 1 else ""
        raise InsufficientDataError(
            f"detector {names[empty[0]]!r}{more} has no count at all; leave it out or give a prior"
        )


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names, at least one and each once; raise `CountError` otherwise."""
    found = tuple(names)
    if not found or any(not isinstance(name, str) or not name for name in found):
        raise CountError("names must hold at least one name, and no empty one")
    if len(set(found)) != len(found):
        twice = sorted(name for name in set(found) if found.count(name) > 1)[0]
        raise CountError(f"the name {twice!r} appears twice")
    return found


def checked_counts(
    counts: npt.ArrayLike, names: tuple[str, ...], begin: datetime, step_s: int
) -> Floats:
    """Return counts as float64[T, N], NaN where missing; raise `CountError` otherwise."""
    try:
        values = np.array(counts, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise CountError(f"counts are not an array of numbers ({error})") from error
    if values.ndim != 2 or values.shape[1] != len(names):
        raise CountError(
            f"counts have shape {list(values.shape)}; allowed is [intervals, {len(names)}]"
        )
    bad = np.isinf(values) | (values < 0)
    if bad.any():
        row, column = (int(index) for index in np.argwhere(bad)[0])
        time = begin + timedelta(seconds=step_s * row)
        raise CountError(
            f"the count of {names[column]!r} at {time.isoformat()} (row {row}) is "
            f"{values[row, column]:g}; allowed are 0 and more, or NaN for missing"
        )
    return values


def checked_neighbors(neighbors: npt.ArrayLike) -> NDArray[np.int64]:
    """Return neighbors as int64[N, M]; raise `CountError` otherwise."""
    found = np.asarray(neighbors)
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.integer) or (found < -1).any():
        raise CountError("neighbors must be whole numbers of shape [N, M]; -1 stands for none")
    return np.ascontiguousarray(found, dtype=np.int64)
