"""Counts of a live feed that wait until all detectors of their interval have been heard."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecaster import FlowForecaster
from throughband.counts.count_feed import CountFeed, Readings

Floats = NDArray[np.float64]

PATIENCE_S: Final = 300
"""How long after its end an interval is waited for that lacks detectors; at most half of it."""

AHEAD_S: Final = 60
"""Clocks of a feed may be so far ahead; what ends later waits for its time."""

MOST_WAITING: Final = 500_000
"""Counts ahead of the clock that are kept; of a feed that comes too fast the rest is dropped."""


class WaitingCounts:
    """Counts by interval and detector, until their interval is whole.

    Attributes
    ----------
    odd
        Counts that were not used, by what was odd about them.
    """

    def __init__(self) -> None:
        self.odd: Counter[str] = Counter()
        self._own_s = 0
        self._waiting: dict[int, dict[str, dict[int, float]]] = {}
        self._held = 0

    def begin(self, own_s: int) -> None:
        """Forget what waits; from now on intervals of the feed have a length, s."""
        self._own_s = own_s
        self._waiting, self._held = {}, 0

    def sort_in(self, new: Readings, forecaster: FlowForecaster, tell: bool = True) -> None:
        """Put new counts where they wait for their interval to be whole.

        Parameters
        ----------
        new
            What was read.
        forecaster
            Whose detectors are known, whose intervals they are, and what it took in already.
        tell
            Whether what comes for intervals already used is odd.
        """
        at_s = new.time.astype("datetime64[s]").astype(np.int64)
        step_s, zero_s = forecaster.clock.step_s, int(forecaster.time.timestamp())
        if not self._own_s:
            gaps, often = np.unique(np.diff(np.unique(at_s)), return_counts=True)
            self._own_s = int(gaps[np.argmax(often)]) if gaps.size else step_s
            if step_s % self._own_s:
                self._own_s = step_s
        known = set(forecaster.names)
        late = at_s < zero_s + step_s
        if tell:
            self.odd["came late, after their interval was used"] += int(late.sum())
        for row in np.flatnonzero(~late):
            name, value, time_s = new.names[new.series[row]], float(new.value[row]), int(at_s[row])
            if name not in known:
                self.odd[f"of the unknown detector {name!r}"] += 1
                continue
            if (time_s - zero_s) % self._own_s:
                self.odd["off the grid of intervals"] += 1
                continue
            begin_s = time_s - (time_s - zero_s) % step_s
            cell = self._waiting.setdefault(begin_s, {}).setdefault(name, {})
            if time_s in cell:
                if cell[time_s] != value and not (math.isnan(cell[time_s]) and math.isnan(value)):
                    self.odd["twice with different numbers; neither is used"] += 1
                    cell[time_s] = float("nan")
            elif self._held >= MOST_WAITING:
                self.odd["dropped, far ahead of the clock"] += 1
            else:
                cell[time_s] = value
                self._held += 1

    def due(self, now: datetime, forecaster: FlowForecaster) -> Iterator[tuple[datetime, Floats]]:
        """Yield the intervals that are whole, or late enough to be used as they are.

        Parameters
        ----------
        now
            The present, aware.
        forecaster
            As for `sort_in`.

        Yields
        ------
        time : datetime
            Beginning of an interval, UTC.
        row : ndarray
            Vehicles by detector, [N]; NaN where parts are missing.
        """
        names, step_s = forecaster.names, forecaster.clock.step_s
        parts = step_s // max(1, self._own_s or step_s)
        patience_s = min(PATIENCE_S, step_s // 2)
        for begin_s in sorted(self._waiting):
            late_s = now.timestamp() - begin_s - step_s
            if late_s < -AHEAD_S:
                break
            cells = self._waiting[begin_s]
            whole = len(cells) == len(names) and all(len(cell) == parts for cell in cells.values())
            if not whole and late_s < patience_s:
                break
            del self._waiting[begin_s]
            self._held -= sum(len(cell) for cell in cells.values())
            row = np.array([_sum(cells.get(name, {}), parts) for name in names], dtype=np.float64)
            yield datetime.fromtimestamp(begin_s, UTC), row


def finished_rows(feed: CountFeed, now: datetime) -> int:
    """Return how many intervals of a feed have ended, without last ones that are not whole yet."""
    step = timedelta(seconds=feed.step_s)
    rows = min(len(feed.counts), (now + timedelta(seconds=AHEAD_S) - feed.start) // step)
    patience = timedelta(seconds=min(PATIENCE_S, feed.step_s // 2))
    while rows > 0:
        begin = feed.start + (rows - 1) * step
        if now >= begin + step + patience or np.isfinite(feed.counts[rows - 1]).all():
            break
        rows -= 1
    return max(0, rows)


def _sum(parts: Mapping[int, float], wanted: int) -> float:
    return sum(parts.values()) if len(parts) == wanted else float("nan")
