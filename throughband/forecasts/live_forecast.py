"""A forecaster that is fed with counts as they come, and what is known after each look."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import SECONDS_PER_DAY, Calendar
from engine.forecast.count_sites import CountSite
from engine.forecast.detectors import DetectorWatch
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.lane_use import LEAST_SURE, LaneWatch, lanes_of
from engine.forecast.prediction import FlowPrediction
from network.counts import Quality
from network.errors import CountError, StaleCountsError, ThroughbandError
from network.graph import RoadNetwork
from throughband.counts.count_feed import CountFeed, feed_of, in_steps, without_empty
from throughband.counts.detector_health import believed, detector_model, judge_feed, live_flags
from throughband.counts.growing_counts import GrowingCounts
from throughband.counts.waiting_counts import WaitingCounts, finished_rows

Floats = NDArray[np.float64]
State = Literal["waiting", "current", "stale"]

SETTLED_DAYS: Final = 28
"""Until so many days were learned from, everything is learned anew as each day ends."""

SAVE_EVERY_S: Final = 3600

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What is to be forecast.

    Attributes
    ----------
    tz
        Zone whose clock traffic follows.
    horizon_s
        How far ahead, s.
    step_s
        Length of intervals, s, a multiple of that of the file; None for the file's own.
    quantiles
        Probabilities.
    calendar
        Known holidays.
    network, sites
        For flows of movements: the roads, and where detectors count (None: by their names).
    """

    tz: str
    horizon_s: int
    step_s: int | None = None
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    calendar: Calendar = field(default_factory=Calendar)
    network: RoadNetwork | None = None
    sites: tuple[CountSite, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is known after a look.

    Attributes
    ----------
    state
        ``current``; ``stale`` where nothing may be planned from the counts; ``waiting`` where
        there are too few for any forecast.
    told
        Why it is not current, or nothing.
    prediction
        The forecast; None unless current.
    taken
        Intervals taken in by this look.
    last_good
        Beginning of the last interval with a good count.
    flagged
        By detector whose newest count was not used, its quality and why.
    oddities
        Counts that were not used, by what was odd about them.
    closed_lanes
        By detector of a lane that is closed, since when and how sure that is: it counts nobody,
        and the lanes beside it take its traffic.
    """

    state: State
    told: str
    prediction: FlowPrediction | None
    taken: int
    last_good: datetime | None
    flagged: Mapping[str, tuple[Quality, str]]
    oddities: Mapping[str, int]
    closed_lanes: Mapping[str, tuple[datetime, float]] = field(default_factory=dict)


class LiveForecast:
    """Counts of a growing file, judged and taken in interval by interval.

    Parameters
    ----------
    source
        The file.
    settings
        What to forecast.
    clock
        The present, aware.
    saved
        Where the state is kept, or None. What stands there is taken up.

    Raises
    ------
    CountError
        If what was saved is of other settings.
    FormatError
        If it is damaged.
    """

    def __init__(
        self,
        source: GrowingCounts,
        settings: LiveSettings,
        clock: Callable[[], datetime],
        saved: Path | None = None,
    ) -> None:
        self.source = source
        self.settings = settings
        self.forecaster: FlowForecaster | None = None
        self.learned_days = 0.0
        self._clock = clock
        self._saved = saved
        self._saved_at: datetime | None = None
        self._counts = WaitingCounts()
        self._watch: DetectorWatch | None = None
        self._lanes: LaneWatch | None = None
        self._closed_lanes: dict[str, tuple[datetime, float]] = {}
        self._flagged: dict[str, tuple[Quality, str]] = {}
        self._day = 0
        self._again = True
        if saved is not None and saved.exists():
            self._take_up(saved)

    def turn(self) -> Sight:
        """Read what is new, take in what is complete, and predict.

        Raises
        ------
        FormatError
            If the file cannot be read at all.
        CountError
            If the counts to begin with do not fit together.
        """
        now = self._clock().astimezone(UTC)
        if self.forecaster is None:
            told = self._learn(now)
            if told:
                return self._sight("waiting", told, 0)
        forecaster = self.forecaster
        assert forecaster is not None
        new = self.source.new(forecaster.time)
        if new is not None:
            # What is read a second time was used already, and is not late.
            self._counts.sort_in(new, forecaster, tell=not self._again)
            self._again = False
        taken = self._take(now, forecaster)
        if self._learns_anew(now, forecaster):
            forecaster = self._anew(now, forecaster)
        if self._saved_at is None or (now - self._saved_at).total_seconds() >= SAVE_EVERY_S:
            self.save()
        try:
            prediction = forecaster.predict(self.settings.quantiles, now)
        except StaleCountsError as error:
            return self._sight("stale", str(error), taken)
        return self._sight("current", "", taken, prediction)

    def save(self) -> None:
        """Keep the state, if there is one and a place for it."""
        if self._saved is not None and self.forecaster is not None:
            self.forecaster.save(self._saved)
            self._saved_at = self._clock().astimezone(UTC)

    def _sight(
        self, state: State, told: str, taken: int, prediction: FlowPrediction | None = None
    ) -> Sight:
        odd = {**self._counts.odd, "lines that cannot be read": self.source.unread}
        last = None if self.forecaster is None else self.forecaster.last_good
        return Sight(
            state,
            told,
            prediction,
            taken,
            last,
            dict(self._flagged),
            {what: count for what, count in odd.items() if count},
            dict(self._closed_lanes),
        )

    def _take_up(self, saved: Path) -> None:
        wish = self.settings
        found = FlowForecaster.load(saved, wish.network)
        step_s = found.clock.step_s
        same = {
            "time zone": (found.clock.tz, wish.tz),
            "intervals, s": (step_s, step_s if wish.step_s is None else wish.step_s),
            "horizon, s": (step_s * found.horizon_steps, wish.horizon_s),
            "holidays": (sorted(found.calendar.holidays), sorted(wish.calendar.holidays)),
        }
        if wish.network is not None and wish.sites is not None:
            same["places of detectors"] = (found.sites or (), wish.sites)
        for what, (there, wanted) in same.items():
            if there != wanted:
                raise CountError(
                    f"{saved}: was saved with another setting of {what} (found {there!s:.60}, "
                    f"wanted {wanted!s:.60}); move it away to begin anew, or set it as it was"
                )
        self.forecaster = found
        self._saved_at = self._clock().astimezone(UTC)
        if found.detectors is not None:
            self._watch = DetectorWatch(found.detectors)

    def _learn(self, now: datetime) -> str:
        """Learn from everything there is; return what it lacks, or nothing."""
        wish = self.settings
        self.source.rewind()
        parts = self.source.new()
        if parts is None:
            return f"{self.source.path} holds no counts yet"
        where = str(self.source.path)
        if np.unique(parts.time).size < 2:
            return f"{where} holds counts of one interval so far"
        own = feed_of(parts, wish.tz, None, where)
        whole = in_steps(own, wish.step_s, where)
        rows = finished_rows(whole, now)
        slots = SECONDS_PER_DAY // whole.step_s
        if rows < slots:
            return (
                f"{rows} of the {slots} intervals of {whole.step_s} s were counted that a first "
                "day of forecasts needs"
            )
        feed = without_empty(whole.until(rows))
        steps, rest = divmod(wish.horizon_s, feed.step_s)
        if rest:
            raise CountError(
                f"a horizon of {wish.horizon_s} s with intervals of {feed.step_s} s; allowed are "
                "whole intervals"
            )
        forecaster = FlowForecaster(
            feed.step_s, steps, wish.tz, None, wish.calendar, network=wish.network, sites=wish.sites
        )
        health = judge_feed(feed, forecaster.clock, wish.calendar)
        used = believed(feed, health)
        forecaster.fit(used, feed.start, feed.names)
        kept = CountFeed(feed.names, feed.start, feed.step_s, used, feed.quality, ())
        forecaster.detectors = detector_model(kept, forecaster.clock, wish.calendar)
        self._watch = None
        if forecaster.detectors is not None:
            self._watch = DetectorWatch(forecaster.detectors)
        self._counts.begin(own.step_s)
        self._lanes, self._closed_lanes = None, {}
        self.forecaster = forecaster
        self.learned_days = rows / slots
        self._day = forecaster.clock.traffic_date(now).toordinal()
        self._again = False
        # The last intervals may not be whole yet.
        self._counts.sort_in(parts, forecaster, tell=False)
        self.save()
        return ""

    def _anew(self, now: datetime, forecaster: FlowForecaster) -> FlowForecaster:
        """Return a forecaster that learned from all days, or the present one if that fails."""
        try:
            told = self._learn(now)
        except ThroughbandError as error:
            told = str(error)
        if told:
            _log.warning("not learned anew: %s", told)
            self.source.rewind()
            self._again = True
        return self.forecaster or forecaster

    def _learns_anew(self, now: datetime, forecaster: FlowForecaster) -> bool:
        day = forecaster.clock.traffic_date(now).toordinal()
        ended, self._day = self._day and day > self._day, day
        return bool(ended) and self.learned_days < SETTLED_DAYS

    def _take(self, now: datetime, forecaster: FlowForecaster) -> int:
        taken = 0
        for time, row in self._counts.due(now, forecaster):
            self._update(forecaster, time, row)
            taken += 1
        return taken

    def _update(self, forecaster: FlowForecaster, time: datetime, row: Floats) -> None:
        given = None
        if self._watch is not None:
            step = timedelta(seconds=forecaster.clock.step_s)
            gap = min((time - forecaster.time) // step - 1, forecaster.clock.slots)
            nothing = np.full(row.shape, np.nan)
            for back in range(gap, 0, -1):
                usual = forecaster.usual(time - back * step, 1, (0.5,)).mean[0]
                self._watch.update(nothing, usual)
            usual = forecaster.usual(time, 1, (0.5,)).mean[0]
            given = live_flags(self._watch, row, usual)
            self._believe_lanes(forecaster, time, row, np.asarray(usual, dtype=np.float64), given)
        flags = forecaster.update(time, row, given)
        self._flagged = {}
        for n in np.flatnonzero(flags != Quality.GOOD):
            quality = Quality(int(flags[n]))
            why = "" if self._watch is None else self._watch.reason(int(n))
            self._flagged[forecaster.names[n]] = (quality, why or _REASONS.get(quality, ""))

    def _believe_lanes(
        self,
        forecaster: FlowForecaster,
        time: datetime,
        row: Floats,
        usual: Floats,
        flags: NDArray[np.uint8],
    ) -> None:
        """Take lanes that drivers changed to or from for what they are, in place."""
        network, step_s = self.settings.network, forecaster.clock.step_s
        if network is None:
            return
        if self._lanes is None or len(self._lanes.moved) != len(row):
            lanes = lanes_of(network, forecaster.names)
            self._lanes = LaneWatch(lanes, len(row), step_s)
        watch = self._lanes
        doubted = np.isin(flags, (Quality.SUSPECT, Quality.CHATTER, Quality.STUCK))
        flags[watch.update(row, usual, doubted)] = Quality.GOOD
        self._closed_lanes = {
            forecaster.names[n]: (
                time - (int(watch.silent_for[n]) - 1) * timedelta(seconds=step_s),
                float(watch.closed_sure[n]),
            )
            for n in np.flatnonzero(watch.closed_sure >= LEAST_SURE)
        }


_REASONS = {
    Quality.MISSING: "nothing arrived",
    Quality.IMPOSSIBLE: "negative, or far more than it ever counted",
}
