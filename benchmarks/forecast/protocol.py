"""The one protocol for every forecaster: sets, splits, origins, masks, scores.

A set is split in time: the first 60 % to fit, the next 20 % for choices, the last 20 % to score
once. Every forecaster sees the counts up to an origin and predicts the steps after it; every step
of the scored stretch is an origin's target at every horizon. Cells without a count are left out,
and so are steps that touch a change of the clock. Rows stand in UTC; an hour that the local clock
skips does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.city import make_city
from engine.forecast.calendar import LocalClock, from_local_grid

Floats = NDArray[np.float64]

FIT_SHARE, CHOICE_SHARE = 0.6, 0.2
CITY_SEED = 101


@dataclass(frozen=True, slots=True, eq=False)
class FlowSet:
    """A set of counts with its split.

    Attributes
    ----------
    name
        What to call it.
    counts
        Vehicles per step, [T, N]; NaN where missing.
    start, step_s, tz
        First step, aware UTC; length, s; zone whose clock traffic follows.
    horizons
        Steps to predict.
    fit_end, choice_end
        First row after the fit, and after the choices; the rest is the test.
    neighbors
        From a road graph, int64[N, M] with -1 for none, or None.
    expected
        True means, [T, N], or None where nobody knows them.
    holidays
        Known to all forecasters.
    """

    name: str
    counts: Floats
    start: datetime
    step_s: int
    tz: str
    horizons: int
    fit_end: int
    choice_end: int
    neighbors: NDArray[np.int64] | None = None
    expected: Floats | None = None
    holidays: tuple[date, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Detector names."""
        return tuple(f"d{n}" for n in range(self.counts.shape[1]))

    def stretch(self, test: bool) -> tuple[int, int]:
        """Return first and last row (exclusive) to score: of the test, or of the choices."""
        return (self.choice_end, len(self.counts)) if test else (self.fit_end, self.choice_end)

    def truth(self, first: int, last: int) -> Floats:
        """Return what is scored, [last - first, N]; NaN where a cell is left out."""
        _, _, turned = LocalClock(self.tz, self.step_s).read(self.start, len(self.counts))
        seen = self.counts[first:last].copy()
        seen[turned[first:last]] = np.nan
        return seen


class Peer(Protocol):
    """A forecaster under test: a name, and all predictions of a stretch."""

    name: str

    def predict(self, flows: FlowSet, first: int, last: int) -> Floats:
        """Return predictions of rows first to last, [H, last - first, N].

        Entry [h, t] is made from rows before ``first + t - h`` only; the fit may use no row from
        `FlowSet.fit_end` on.
        """
        ...


def mae(predicted: Floats, truth: Floats) -> Floats:
    """Return the mean absolute error by horizon over cells that all horizons share, [H]."""
    seen = np.isfinite(truth) & np.isfinite(predicted).all(axis=0)
    return np.array([float(np.abs(row - truth)[seen].mean()) for row in predicted])


def split(count: int) -> tuple[int, int]:
    """Return the ends of the fit and of the choices among so many rows."""
    return int(FIT_SHARE * count), int((FIT_SHARE + CHOICE_SHARE) * count)


def city_set(seed: int = CITY_SEED, detectors: int = 80, days: int = 42) -> FlowSet:
    """Return a generated city at 5 minutes with its graph and truth."""
    city = make_city(seed, detectors, days)
    fit_end, choice_end = split(len(city.counts))
    return FlowSet(
        "city",
        city.counts,
        city.start,
        city.step_s,
        "UTC",
        12,
        fit_end,
        choice_end,
        city.neighbors,
        city.expected,
        city.holidays,
    )


def scats_set(path: Path) -> FlowSet:
    """Return the SCATS set from its file: 15 minutes, October 2006, 139 approaches."""
    with np.load(path) as stored:
        flow, tz = stored["flow"].astype(np.float64), str(stored["tz"])
        begin = datetime.fromisoformat(str(stored["start"]))
        step_s = int(stored["step_minutes"]) * 60
    flow[flow < 0] = np.nan
    fit_end, choice_end = split(len(flow))
    counts, start = from_local_grid(flow, begin, tz, step_s)
    return FlowSet("scats", counts, start, step_s, tz, 4, fit_end, choice_end)


def single_lane_set(path: Path, horizons: int = 1) -> FlowSet:
    """Return the single lane at 5 minutes; the fit is its published training stretch.

    Clock changes are of no concern: minutes are taken as UTC, on which days keep their length.
    """
    with np.load(path) as stored:
        minute = np.concatenate((stored["train_minute"], stored["test_minute"]))
        flow = np.concatenate((stored["train"], stored["test"])).astype(np.float64)
        trained = len(stored["train"])
    at = (minute - minute[0]) // 5
    counts = np.full((int(at[-1]) + 1, 1), np.nan)
    counts[at, 0] = flow
    start = datetime.fromisoformat(str(np.datetime64(int(minute[0]), "m")) + "+00:00")
    end = int(at[trained - 1]) + 1
    return FlowSet("single lane", counts, start, 300, "UTC", horizons, end, end)
