"""A forecaster: what was counted a day ago comes again, with the scatter of Poisson counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from scipy.stats import poisson

from engine.forecast.calendar import DAY_TYPES, Calendar
from engine.forecast.prediction import FlowPrediction, Source
from network.counts import Quality
from network.errors import CountError, InsufficientDataError

DAY_S = 86_400


class Yesterday:
    """See `engine.forecast.backtest.Forecaster`."""

    def __init__(self, *, step_s: int, horizon_steps: int, tz: str, calendar: Calendar) -> None:
        self.horizon_steps = horizon_steps
        self._step_s = step_s
        self._slots = DAY_S // step_s
        self._calendar = calendar
        self._names: tuple[str, ...] = ()
        self._last_day = np.empty((0, 0))
        self._time: datetime | None = None

    @property
    def time(self) -> datetime:
        return self._known()

    def fit(self, counts: npt.ArrayLike, start: datetime, names: Sequence[str]) -> Yesterday:
        values = np.asarray(counts, dtype=np.float64)
        if len(values) < self._slots:
            raise InsufficientDataError("a day of counts is needed to repeat it")
        self._names = tuple(names)
        # The newest value of each time of day, so that a gap repeats the day before.
        days = values[-(len(values) // self._slots) * self._slots :]
        self._last_day = np.zeros((self._slots, values.shape[1]))
        for day in days.reshape(-1, self._slots, values.shape[1]):
            self._last_day = np.where(np.isfinite(day), day, self._last_day)
        self._time = start + timedelta(seconds=self._step_s * (len(values) - 1))
        return self

    def update(
        self, time: datetime, row: npt.ArrayLike, quality: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.uint8]:
        steps, rest = divmod(time - self._known(), timedelta(seconds=self._step_s))
        if steps < 1 or rest:
            raise CountError(f"the interval {time.isoformat()} was taken in before, or is off grid")
        values = np.asarray(row, dtype=np.float64)
        flags = np.where(np.isfinite(values), int(Quality.GOOD), int(Quality.MISSING))
        if quality is not None:
            flags = np.where(flags == Quality.GOOD, np.asarray(quality), flags)
        # The array begins with the interval after the newest one.
        self._last_day = np.roll(self._last_day, -steps, axis=0)
        self._last_day[-1] = np.where(flags == Quality.GOOD, values, self._last_day[-1])
        self._time = time
        return flags.astype(np.uint8)

    def predict(
        self, quantiles: Sequence[float] = (0.1, 0.5, 0.9), now: datetime | None = None
    ) -> FlowPrediction:
        start = self._known() + timedelta(seconds=self._step_s)
        rows = np.arange(self.horizon_steps) % self._slots
        mean = self._last_day[rows]
        spread = [poisson.ppf(q, np.maximum(mean, 0.1)) for q in quantiles]
        kind = DAY_TYPES[self._calendar.day_type(start.date())]
        return FlowPrediction.plain(
            self._names,
            start,
            self._step_s,
            mean,
            quantiles,
            np.sort(spread, axis=0),
            kind,
            source=Source.PROFILE,
            last_good=self._time,
        )

    def _known(self) -> datetime:
        if self._time is None:
            raise InsufficientDataError("nothing was counted yet; fit first")
        return self._time
