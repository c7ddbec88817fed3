"""Which counts of a feed can be believed: looked back over a file, and live in a backtest.

What is expected of a count is the profile of the other days of the span, so that a broken day
does not excuse itself. Long files are judged in spans, since detectors and streets change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from engine.forecast.backtest import Forecaster
from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.detector_limits import learn_detectors
from engine.forecast.detectors import (
    DetectorModel,
    DetectorReport,
    DetectorWatch,
    judge_detectors,
)
from engine.forecast.faults import QUALITY_OF, Fault, explain
from engine.forecast.history import History
from engine.forecast.prediction import FlowPrediction
from engine.forecast.profile import (
    ProfileSettings,
    from_root,
    make_profiles,
    to_root,
    without_day,
)
from network.counts import CountSeries, Quality
from network.errors import InsufficientDataError
from throughband.counts.count_feed import CountFeed

Floats = NDArray[np.float64]

SPAN_DAYS = 56
LEAST_DAYS = 3
"""With fewer days nothing says what is usual, and only absurd counts are flagged."""

PLAIN = ProfileSettings(smooth_s=600.0, smooth_weekday_s=1800.0, keep_days=2.0, rank=0)
FLAGS = np.array([int(QUALITY_OF[fault]) for fault in Fault], dtype=np.uint8)
"""The `Quality` of each `Fault`."""
BEYOND_DOUBT = (Fault.RANGE, Fault.CHATTER, Fault.STUCK, Fault.DEAD)
"""Faults that a count or a run of them shows by itself; the others need the profile to be right."""
OF_LEVEL, LEAST_LEVEL = (Fault.LEVEL, Fault.DRIFT), 0.1
"""Faults that are more or less than usual; below such a part of it, detectors are dead."""
REJUDGED_SHARE = 0.005
"""From such a part of a detector's counts on, these faults move its profile."""
_SHAPELESS = np.zeros((0, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Health:
    """What was found wrong with the counts of a feed.

    Attributes
    ----------
    quality
        A `Quality` for every count, uint8[T, N].
    fault, evidence
        A `Fault` for every count and what speaks for it, [T, N]; sound where only the file
        itself, or nothing, speaks against it.
    judged
        Whether there were days enough to judge by what is usual.
    """

    quality: NDArray[np.uint8]
    fault: NDArray[np.uint8]
    evidence: Floats
    judged: bool

    def reason(self, row: int, column: int, step_s: int) -> str:
        """Say in words what is wrong with a count; empty where nothing is."""
        fault = Fault(int(self.fault[row, column]))
        if fault is not Fault.SOUND:
            return explain(fault, float(self.evidence[row, column]), step_s)
        return _PLAIN_REASONS.get(Quality(int(self.quality[row, column])), "")


_PLAIN_REASONS = {
    Quality.MISSING: "nothing arrived",
    Quality.IMPOSSIBLE: "negative, or more than any road carries",
    Quality.SUSPECT: "the file flags or contradicts it",
    Quality.STUCK: "the file flags it",
    Quality.CHATTER: "the file flags it",
}


def judge_feed(feed: CountFeed, clock: LocalClock, calendar: Calendar) -> Health:
    """Judge every count of a feed, looking back.

    Parameters
    ----------
    feed
        Counts.
    clock, calendar
        What days are like.
    """
    rows = len(feed.counts)
    fault = np.zeros(feed.counts.shape, dtype=np.uint8)
    evidence = np.zeros(feed.counts.shape)
    days = rows // clock.slots
    if days < LEAST_DAYS:
        return Health(feed.quality, fault, evidence, False)
    edges = np.linspace(0, rows, max(1, round(days / SPAN_DAYS)) + 1).astype(int)
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        span = slice(begin, end)
        start = feed.start + timedelta(seconds=begin * feed.step_s)
        counts = feed.counts[span]
        report = _judged(feed, counts, start, clock, calendar)
        fault[span], evidence[span] = report.fault, report.evidence
    # What the file says of a count that it does not give says more than that it is missing.
    told = (feed.quality != Quality.GOOD) & np.isin(fault, (Fault.SOUND, Fault.MISSING))
    fault[told] = Fault.SOUND
    return Health(np.where(told, feed.quality, FLAGS[fault]), fault, evidence, True)


def _judged(
    feed: CountFeed, counts: Floats, start: datetime, clock: LocalClock, calendar: Calendar
) -> DetectorReport:
    """Judge a span by its other days, and again without what was broken beyond doubt.

    Days of silence pull the profile down until sound days seem to count too much.
    """
    series = _series(feed, counts)
    sound, removed = counts, np.zeros(counts.shape, dtype=np.bool_)
    for last in (False, False, True):
        expected = expected_of_other_days(sound, start, clock, calendar)
        model = learn_detectors(_series(feed, sound), expected)
        report = judge_detectors(model, series, expected)
        sure = np.isin(report.fault, BEYOND_DOUBT)
        # Of what is hardly ever sound nothing else can be learned.
        sure[:, (np.isfinite(counts) & ~sure).sum(axis=0) < LEAST_DAYS * clock.slots] = False
        if last or (sure ^ removed).sum(axis=0).max(initial=0) < REJUDGED_SHARE * len(counts):
            break
        sound, removed = np.where(sure, np.nan, counts), sure
    return report


def believed(feed: CountFeed, health: Health) -> Floats:
    """Return counts without those not believed; a detector keeps its raw ones if none were.

    Raises
    ------
    InsufficientDataError
        If not one count of any detector is believed.
    """
    counts = np.where(health.quality == Quality.GOOD, feed.counts, np.nan)
    blank = ~np.isfinite(counts).any(axis=0)
    if blank.all():
        why = health.reason(len(counts) - 1, 0, feed.step_s)
        raise InsufficientDataError(
            f"not one count of the {len(feed.names)} detectors can be believed; of "
            f"{feed.names[0]!r}: {why}"
        )
    counts[:, blank] = feed.counts[:, blank]
    return counts


def expected_of_other_days(
    counts: Floats, start: datetime, clock: LocalClock, calendar: Calendar
) -> Floats:
    """Return the profile of each row's day as if that day had not been seen, veh, [T, N]."""
    history = _history(counts, start, clock, calendar)
    sums = history.sums(float("inf"))
    expected = np.empty_like(counts)
    for day, kind in enumerate(history.kinds.tolist()):
        rows = history.rows_of(day)
        part = history.day_sums(day, float("inf"))
        z = without_day(sums, part, kind, PLAIN, clock.step_s, _SHAPELESS)
        expected[rows] = from_root(z[history.slot[rows]])
    return expected


def expected_later(
    counts: Floats,
    start: datetime,
    steps: int,
    clock: LocalClock,
    calendar: Calendar,
) -> Floats:
    """Return the profile of earlier counts at the steps that follow them, veh, [steps, N].

    Parameters
    ----------
    counts
        Earlier ones, [T, N].
    start
        Beginning of the first of them, aware.
    steps
        How many follow.
    clock, calendar
        What days are like.
    """
    history = _history(counts, start, clock, calendar)
    profiles = make_profiles(history.sums(float("inf")), PLAIN, clock.step_s)
    begin = start + timedelta(seconds=clock.step_s * len(counts))
    ordinal, slot, _ = clock.traffic_days(begin, steps)
    kinds = _kinds(ordinal, calendar)
    return from_root(profiles.z[kinds[ordinal - ordinal[0]], slot])


def unbelieved(feed: CountFeed, health: Health) -> NDArray[np.bool_]:
    """Return which detectors have counts and none to be believed: forecasts of them are guesses."""
    believed_ones = (health.quality == Quality.GOOD) & np.isfinite(feed.counts)
    return np.asarray(~believed_ones.any(axis=0))


def live_flags(watch: DetectorWatch, counts: Floats, usual: Floats) -> NDArray[np.uint8]:
    """Judge the counts of one interval; return a `Quality` for each, uint8[N].

    A level that more than two thirds of the detectors have left alike is traffic of today (a
    holiday, a storm, a closed road) and no fault: the forecaster must see it, not be left blind.
    """
    fault = watch.update(counts, usual)
    flags = FLAGS[fault]
    counted = int(np.isfinite(counts).sum())
    shifted = np.isin(fault, OF_LEVEL) & (watch.evidence >= LEAST_LEVEL)
    for alike in (shifted & (watch.evidence < 1.0), shifted & (watch.evidence >= 1.0)):
        if alike.sum() >= 2 and 3 * int(alike.sum()) > 2 * counted:
            flags[alike] = Quality.GOOD
    return flags


def detector_model(feed: CountFeed, clock: LocalClock, calendar: Calendar) -> DetectorModel | None:
    """Return what is normal for the detectors of a feed, or None for too few days."""
    if len(feed.counts) < LEAST_DAYS * clock.slots:
        return None
    expected = expected_of_other_days(feed.counts, feed.start, clock, calendar)
    return learn_detectors(_series(feed, feed.counts), expected)


class WatchedForecaster:
    """A forecaster whose counts are judged live before it takes them in.

    Parameters
    ----------
    forecaster
        Fitted.
    model
        What is normal for its detectors.
    expected_veh
        What is expected of each coming interval, [T, N].
    start
        Beginning of the first of these, aware UTC.
    step_s
        Length of an interval, s.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        model: DetectorModel,
        expected_veh: Floats,
        start: datetime,
        step_s: int,
    ) -> None:
        self.horizon_steps = forecaster.horizon_steps
        self._forecaster = forecaster
        self._watch = DetectorWatch(model)
        self._expected = expected_veh
        self._start = start
        self._step = timedelta(seconds=step_s)

    @property
    def time(self) -> datetime:
        """Beginning of the last interval taken in, aware UTC."""
        return self._forecaster.time

    def update(self, time: datetime, row: npt.ArrayLike) -> NDArray[np.uint8]:
        """Judge the counts of one interval and take in those that are believed."""
        at = (time - self._start) // self._step
        counts = np.asarray(row, dtype=np.float64)
        flags = live_flags(self._watch, counts, self._expected[at])
        return self._forecaster.update(time, counts, flags)

    def predict(self, quantiles: Sequence[float]) -> FlowPrediction:
        """Predict as the forecaster does."""
        return self._forecaster.predict(quantiles)


def _series(feed: CountFeed, counts: Floats) -> CountSeries:
    return CountSeries.from_volumes("detector", feed.names, 0.0, feed.step_s, counts)


def _history(counts: Floats, start: datetime, clock: LocalClock, calendar: Calendar) -> History:
    ordinal, slot, turned = clock.traffic_days(start, len(counts))
    z = to_root(counts)
    z[turned] = np.nan
    kinds = _kinds(ordinal, calendar)
    return History(z, ordinal - ordinal[0], slot, kinds, clock.step_s, clock.slots)


def _kinds(ordinal: NDArray[np.int64], calendar: Calendar) -> NDArray[np.int64]:
    days = range(int(ordinal[0]), int(ordinal[-1]) + 1)
    return np.array([calendar.day_type(date.fromordinal(day)) for day in days], dtype=np.int64)
