"""Tell a closed road from detectors that died: what came in, what came out, what came on below.

Detectors at the end of a closed road count nothing, as dead ones do, and are doubted. Two things
tell them apart. Vehicles that do not leave are missing further down as well, and a full road lets
nobody in; behind dead detectors traffic goes on. So the counts of detectors in doubt are taken as
they are, and three questions are asked of the last minutes of every road:

- Did less leave than came in? This is a likelihood ratio of traffic that is held back, wholly or
  in part, against traffic that goes on. By Ville's inequality it passes a limit by chance no more
  often than one over the limit, so the limit follows from the budget of false reports.
- Is what did not leave also missing below? Held against detectors that miscount, behind which
  the usual traffic comes.
- Did less come in than usual, as into a full road?

The last two and how rare closures and faults are give how sure it is. Counts are negative
binomial: Poisson, with a spread of their own in proportion, learned on usual days.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from engine.forecast.detector_limits import DAY_S, robust_spread
from network.errors import CountError

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

WINDOW_S: Final = 1800.0
"""A closure is found within so long of its beginning, or not by these sums."""

SHUT: Final = 0.02
"""Part that a closed road lets through; where nobody counts what comes in, more may be demand."""

LET_THROUGH: Final = (SHUT, 0.2, 0.45)
"""Parts of the traffic that a road in trouble may let through."""

LEAST_SPREAD, USUAL_SPREAD = 0.15, 0.3
"""Standard deviation of a count beyond chance, as part of it: days differ by no less; and where
nothing was learned."""

TELLING_VEH: Final = 3.0
"""Intervals of fewer expected vehicles say nothing of the spread, nor that a road is free."""

PRIOR_LOG: Final = (-3.0, -1.0)
"""Logarithm of how much oftener a road is closed than its detectors die: where one detector counts
its end, and where several do, which die together only with what they share."""

MOST_FROM_INFLOW: Final = 8.0
"""Intervals share their errors: a road that nobody enters says no more than this, in logarithms."""

LEAST_MEAN: Final = 0.05
"""Expected vehicles where none are usual: one is odd there, and no wonder."""

LEAST_SURE: Final = 0.8
LOST_FAITH: Final = 0.5
FREE_PART: Final = 0.5


@dataclass(frozen=True, slots=True)
class BlockedRoad:
    """A road that does not let through what comes in.

    Attributes
    ----------
    road
        Its row.
    since_s
        When it seems to have begun, s, on the clock of the updates.
    held_vph
        Usual traffic that does not leave, veh/h.
    part
        Part of the usual traffic that still leaves.
    sure
        Probability that it is the road and no fault of its detectors, 0 to 1.
    entered
        Whether what comes in is counted.
    """

    road: int
    since_s: float
    held_vph: float
    part: float
    sure: float
    entered: bool


@dataclass(frozen=True, slots=True, eq=False)
class RoadSides:
    """What is counted of each road, and how much that varies.

    Attributes
    ----------
    fed
        Part of what leaves a road that is counted below, 0 to 1, [road].
    several
        Whether several detectors count its end, [road].
    spread
        Standard deviations beyond chance of one interval's count at the end, at the beginning
        and below, as parts of it, [3, road].
    """

    fed: Floats
    several: NDArray[np.bool_]
    spread: Floats

    def __post_init__(self) -> None:
        rows = self.fed.shape
        if self.several.shape != rows or self.spread.shape != (3, *rows):
            raise CountError(
                f"{rows[0]} roads, {self.several.shape} of their detectors and spreads of shape "
                f"{list(self.spread.shape)}; expected as many of each"
            )


def learn_spread(into: Pair, out: Pair, below: Pair) -> Floats:
    """Return how much counts of usual days vary beyond chance, [3, road].

    Parameters
    ----------
    into, out, below
        Counted and usual vehicles at the beginning and end of each road and below it,
        [interval, road] each; NaN where unknown.
    """
    found = []
    for counted, mean in ((out[0], carried(into, out[1])), into, below):
        telling = np.isfinite(counted) & (mean >= TELLING_VEH)
        score = np.where(telling, (counted - mean) / np.sqrt(np.maximum(mean, 1.0)), np.nan)
        rows = []
        for column in range(mean.shape[1]):
            if not telling[:, column].any():
                rows.append(USUAL_SPREAD)
                continue
            usual = float(np.median(mean[telling[:, column], column]))
            spread = float(robust_spread(score[:, [column]])[0])
            rows.append(float(np.sqrt(max(0.0, spread**2 - 1.0) / usual)))
        found.append(np.maximum(rows, LEAST_SPREAD))
    return np.stack(found)


def carried(into: Pair, usual_out: Floats) -> Floats:
    """Return what leaves if all that came in goes on; the usual where that is not known."""
    more = (into[0] + 1.0) / (into[1] + 1.0)
    return np.asarray(usual_out * np.where(np.isfinite(more), more, 1.0), dtype=np.float64)


class BlockedRoads:
    """Roads watched interval by interval.

    Parameters
    ----------
    sides
        What is counted of them.
    interval_s
        Length of every interval, s.
    reports_per_week
        False reports of the whole network that are borne.

    Raises
    ------
    CountError
        If the interval or the budget is not above 0.
    """

    def __init__(self, sides: RoadSides, interval_s: int, reports_per_week: float) -> None:
        if interval_s <= 0 or not reports_per_week > 0:
            raise CountError(
                f"intervals of {interval_s} s, {reports_per_week} reports per week; allowed is "
                "above 0"
            )
        self._sides = sides
        self._interval_s = interval_s
        rows = len(sides.fed)
        self._last: deque[Floats] = deque(maxlen=max(3, round(WINDOW_S / interval_s)))
        looks = 7.0 * DAY_S / interval_s
        self.limit = float(np.log(max(looks * max(rows, 1) / reports_per_week, np.e)))
        self._since: dict[int, BlockedRoad] = {}
        self._free: dict[int, tuple[float, float]] = {}

    def update(self, end_s: float, into: Pair, out: Pair, below: Pair) -> tuple[BlockedRoad, ...]:
        """Take one interval and return the roads that are blocked after it.

        Parameters
        ----------
        end_s
            Its end, s.
        into, out, below
            Counted and usual vehicles, [road] each, of detectors in doubt as well; NaN where
            nothing is known.

        Raises
        ------
        CountError
            If an array does not hold one number per road.
        """
        rows = len(self._sides.fed)
        arrays = (*out, *into, *below)
        if any(array.shape != (rows,) for array in arrays):
            found = ", ".join(str(list(array.shape)) for array in arrays)
            raise CountError(f"traffic of shapes {found}; allowed is [{rows}], one per road")
        self._last.append(np.stack(arrays))
        newest_first = np.stack(self._last)[::-1]
        watched = tuple(self._since)
        for road in watched:
            self._look_again(road, end_s, newest_first[:, :, road])
        held = self._held(newest_first.cumsum(axis=0))
        for road in map(int, np.flatnonzero(held.max(axis=0) > self.limit)):
            intervals = int(held[:, road].argmax()) + 1
            closed = self._judged(road, end_s, newest_first[:intervals, :, road])
            if road not in watched and closed is not None and closed.sure >= LEAST_SURE:
                self._since[road] = closed
                self._free[road] = (0.0, 0.0)
        return tuple(self._since[road] for road in sorted(self._since))

    def _look_again(self, road: int, end_s: float, rows: Floats) -> None:
        """Judge a road that is blocked by its last intervals, the newest first, [interval, 6]."""
        before = self._since[road]
        if self._freed(road, rows[0]):
            del self._since[road]
            return
        n = round((end_s - before.since_s) / self._interval_s)
        found = self._judged(road, end_s, rows[: max(n, 1)])
        if found is None or n > len(rows):
            return
        if found.sure < LOST_FAITH:
            # Its traffic comes on below after all: it was the detectors.
            del self._since[road]
        else:
            sure = max(found.sure, before.sure)
            self._since[road] = replace(found, since_s=before.since_s, sure=sure)

    def _spread(self, road: int, side: int, intervals: int) -> float:
        one = float(self._sides.spread[side, road])
        # What intervals share stays, the rest evens out.
        return float(np.sqrt(LEAST_SPREAD**2 + max(0.0, one**2 - LEAST_SPREAD**2) / intervals))

    def _held(self, sums: Floats) -> Floats:
        """Return by how much held traffic explains the last intervals better, [interval, road].

        Parameters
        ----------
        sums
            Of the newest interval, the newest two and so on, [interval, 6, road].
        """
        out, usual, entered, usual_entered = sums.swapaxes(0, 1)[:4]
        intervals = np.arange(1, len(sums) + 1)[:, np.newaxis]
        one = self._sides.spread[0]
        more = np.maximum(one**2 - LEAST_SPREAD**2, 0.0) / intervals
        spread = np.sqrt(LEAST_SPREAD**2 + more)
        known = np.isfinite(entered) & (usual_entered > 0)
        mean = carried((np.where(known, entered, np.nan), usual_entered), usual)
        spread = np.where(known, spread, np.maximum(spread, USUAL_SPREAD))
        told = np.isfinite(out) & (usual > 0)
        out, mean = np.where(told, out, 0.0), np.where(told, mean, 1.0)
        ways = np.stack([log_chance(out, part * mean, spread) for part in LET_THROUGH])
        # The first of them is the only one where nobody knows what comes in.
        some = np.logaddexp.reduce(ways) - np.log(len(ways))
        held = np.where(known, some, ways[0]) - log_chance(out, mean, spread)
        return np.asarray(np.where(told, held, -np.inf))

    def _judged(self, road: int, end_s: float, rows: Floats) -> BlockedRoad | None:
        """Return what intervals since a beginning say of road and detectors."""
        out, usual, entered, usual_entered, under, usual_under = rows.sum(axis=0)
        if not (np.isfinite(out) and usual > 0):
            return None
        counted = bool(np.isfinite(entered) and usual_entered > 0)
        log_odds = PRIOR_LOG[int(self._sides.several[road])]
        due = usual * (entered + 1.0) / (usual_entered + 1.0) if counted else usual
        if np.isfinite(under) and usual_under > 0:
            fed, spread = float(self._sides.fed[road]), self._spread(road, 2, len(rows))
            least = SHUT * usual_under
            missing = max(usual_under - fed * max(usual - out, 0.0), least)
            coming = max(usual_under - fed * max(usual - due, 0.0), least)
            log_odds += float(
                log_chance(under, missing, spread) - log_chance(under, coming, spread)
            )
        if counted:
            spread = self._spread(road, 1, 1)
            told = 0.0
            for came, expected in rows[:, 2:4]:
                likely = float(log_chance(came, expected, spread))
                full = -np.log(max(expected, came) + 1.0)
                told += float(np.logaddexp(likely, full) - np.log(2.0)) - likely
            log_odds += min(told, MOST_FROM_INFLOW)
        sure = float(1.0 / (1.0 + np.exp(-np.clip(log_odds, -50.0, 50.0))))
        lost_vph = max(usual - out, 0.0) / len(rows) * 3600.0 / self._interval_s
        since_s = end_s - len(rows) * self._interval_s
        return BlockedRoad(road, since_s, lost_vph, min(out / usual, 1.0), sure, counted)

    def _freed(self, road: int, newest: Floats) -> bool:
        """Tell whether traffic leaves again."""
        if not np.isfinite(newest[0]):
            return False
        counted, usual = self._free.get(road, (0.0, 0.0))
        counted, usual = counted + float(newest[0]), usual + float(newest[1])
        if usual < TELLING_VEH:
            self._free[road] = (counted, usual)
            return False
        self._free[road] = (0.0, 0.0)
        return counted >= FREE_PART * usual


def log_chance(counted: float | Floats, mean: float | Floats, spread: float | Floats) -> Floats:
    """Return the logarithm of the probability of counts, negative binomial.

    Parameters
    ----------
    counted
        Vehicles; NaN gives NaN.
    mean
        Expected.
    spread
        Standard deviation beyond chance, as part of the mean.

    Returns
    -------
    ndarray
        As many as are given.
    """
    number, expected = np.asarray(counted, dtype=np.float64), np.maximum(mean, LEAST_MEAN)
    size = 1.0 / np.asarray(spread, dtype=np.float64) ** 2
    return np.asarray(
        gammaln(number + size)
        - gammaln(size)
        - gammaln(number + 1.0)
        - size * np.log1p(expected / size)
        + number * (np.log(expected) - np.log(expected + size))
    )
