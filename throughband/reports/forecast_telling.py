"""What the page of a forecast tells: facts, fans of some detectors, and their health by day."""

from __future__ import annotations

import shlex
import sys
from datetime import date, datetime, timedelta, tzinfo

import numpy as np

from engine.forecast.calendar import DAY_TYPES, LocalClock, zone_of
from engine.forecast.prediction import FlowPrediction, Source
from network.counts import Quality
from network.units import SECONDS_PER_HOUR
from throughband.counts.count_feed import CountFeed
from throughband.counts.detector_health import LEAST_DAYS, Health
from throughband.forecasts.forecast_files import runs
from throughband.forecasts.forecast_options import Wish
from throughband.forecasts.forecast_trial import Trial
from throughband.reports.forecast_charts import Fan, HealthCalendar
from throughband.reports.forecast_page import FlaggedDetector, ForecastStory
from throughband.results import versions
from throughband.run_record import portable

FANS = 4
PAST_SHOWN_S = 86_400
LISTED = 30


def forecast_story(
    wish: Wish,
    clock: LocalClock,
    feed: CountFeed,
    health: Health,
    trial: Trial | None,
    prediction: FlowPrediction,
) -> ForecastStory:
    """Return what the page of a forecast tells.

    Parameters
    ----------
    wish
        What was asked for.
    clock
        The local clock in steps of the counts.
    feed, health
        Counts, and what is wrong with them.
    trial
        The backtest, or None.
    prediction
        The forecast.
    """
    zone = zone_of(wish.tz)
    minutes = len(prediction.mean) * feed.step_s // 60
    local = f"{prediction.start.astimezone(zone):%a %d %b %Y %H:%M} ({wish.tz})"
    sources = [
        f"{int((prediction.source[0] == source).sum())} {source.name.lower()}"
        for source in Source
        if (prediction.source[0] == source).any()
    ]
    facts = (
        ("Forecast from", f"{local}, {minutes} min in steps of {feed.step_s // 60} min"),
        ("Type of day", prediction.day_type),
        ("Detectors", f"{len(feed.names)}: {', '.join(sources)}"),
        (
            "Counts",
            f"{len(feed.counts) / clock.slots:.1f} days from "
            f"{feed.start.astimezone(zone):%a %d %b %Y %H:%M}, "
            f"{100 * float((health.quality != Quality.GOOD).mean()):.1f} % not used",
        ),
    )
    band = _band(wish.quantiles)
    return ForecastStory(
        f"Flows of the next {minutes} min from {wish.counts.name}",
        facts,
        _cautions(wish, prediction, health),
        feed.findings,
        _fans(wish, feed, trial, prediction, band),
        _band_text(wish.quantiles, band),
        feed.step_s,
        len(prediction.mean),
        trial,
        _calendar(clock, feed, health),
        _flagged(wish, feed, health),
        (
            ("Command", portable(shlex.join(["throughband", *sys.argv[1:]]))),
            ("Versions", ", ".join(f"{name} {found}" for name, found in versions().items())),
        ),
    )


def _cautions(wish: Wish, prediction: FlowPrediction, health: Health) -> tuple[str, ...]:
    found = []
    if prediction.stale:
        found.append("The newest interval brought no good count; the forecast rests on profiles.")
    guessed = int((prediction.source == Source.PRIOR).any(axis=0).sum())
    if guessed:
        found.append(f"{guessed} detectors have hardly been counted; their flows are a guess.")
    if not health.judged:
        found.append(
            f"There are less than {LEAST_DAYS} days of counts, so detectors could not be judged by "
            "what is usual."
        )
    day = wish.clock(prediction.step_s).traffic_date(prediction.start)
    announced = DAY_TYPES[wish.calendar.day_type(day)]
    if prediction.day_type != announced:
        found.append(f"Counts so far look like {prediction.day_type}, not like {announced}.")
    return tuple(found)


def _band(quantiles: tuple[float, ...]) -> tuple[int, int]:
    """Return which quantiles to shade between: the pair closest to 10 % and 90 %."""
    low = min(range(len(quantiles)), key=lambda i: abs(quantiles[i] - 0.1))
    high = min(range(len(quantiles)), key=lambda i: abs(quantiles[i] - 0.9))
    return low, high


def _band_text(quantiles: tuple[float, ...], band: tuple[int, int]) -> str:
    low, high = (f"{100 * quantiles[at]:g} %" for at in band)
    return f"the {low} to the {high} quantile"


def _fans(
    wish: Wish,
    feed: CountFeed,
    trial: Trial | None,
    prediction: FlowPrediction,
    band: tuple[int, int],
) -> tuple[Fan, ...]:
    zone = zone_of(wish.tz)
    shown = min(len(feed.counts), PAST_SHOWN_S // feed.step_s)
    if trial is not None:
        shown = min(shown, len(trial.played.observed))
    first = len(feed.counts) - shown
    step = timedelta(seconds=feed.step_s)
    past = tuple(_wall(feed.start + row * step, zone) for row in range(first, len(feed.counts)))
    ahead = tuple(_wall(time, zone) for time in prediction.times)
    per_hour = SECONDS_PER_HOUR / feed.step_s
    low, high = band
    nothing = np.full(shown, np.nan)
    fans = []
    for n in _chosen(feed):
        told, below, above = nothing, nothing, nothing
        if trial is not None:
            told = trial.played.predicted[-1, -shown:, n]
            below, above = (trial.played.quantile_veh[q, -1, -shown:, n] for q in band)
        fans.append(
            Fan(
                feed.names[n],
                feed.step_s,
                past,
                feed.counts[-shown:, n] * per_hour,
                told * per_hour,
                below * per_hour,
                above * per_hour,
                ahead,
                prediction.mean[:, n] * per_hour,
                prediction.quantile_veh[low, :, n] * per_hour,
                prediction.quantile_veh[high, :, n] * per_hour,
            )
        )
    return tuple(fans)


def _wall(time: datetime, zone: tzinfo) -> datetime:
    return time.astimezone(zone).replace(tzinfo=None)


def _chosen(feed: CountFeed) -> list[int]:
    """Return detectors of low, middle and high flow, those that counted lately first."""
    level = np.array([float(np.nanmean(column)) for column in feed.counts.T])
    slots = PAST_SHOWN_S // feed.step_s
    live = np.flatnonzero(np.isfinite(feed.counts[-slots:]).mean(axis=0) > 0.5)
    pool = live if live.size >= FANS else np.arange(len(feed.names))
    order = pool[np.argsort(-level[pool], kind="stable")]
    at = np.linspace(0, order.size - 1, min(FANS, order.size)).round().astype(int)
    return [int(order[i]) for i in dict.fromkeys(at.tolist())]


def _calendar(clock: LocalClock, feed: CountFeed, health: Health) -> HealthCalendar:
    ordinal, _, _ = clock.read(feed.start, len(feed.counts))
    days = range(int(ordinal[0]), int(ordinal[-1]) + 1)
    flagged = np.full((len(feed.names), len(days)), np.nan)
    reasons = [[""] * len(days) for _ in feed.names]
    for at, day in enumerate(days):
        part = health.quality[np.searchsorted(ordinal, day) : np.searchsorted(ordinal, day + 1)]
        flagged[:, at] = (part != Quality.GOOD).mean(axis=0)
        for n in np.flatnonzero(flagged[:, at]):
            found = np.bincount(part[:, n], minlength=len(Quality))
            found[Quality.GOOD] = 0
            reasons[n][at] = Quality(int(found.argmax())).name.lower()
    return HealthCalendar(
        feed.names,
        tuple(date.fromordinal(day) for day in days),
        flagged,
        tuple(tuple(row) for row in reasons),
    )


def _flagged(wish: Wish, feed: CountFeed, health: Health) -> tuple[FlaggedDetector, ...]:
    zone = zone_of(wish.tz)
    share = (health.quality != Quality.GOOD).mean(axis=0)
    found = []
    for n in np.argsort(-share, kind="stable")[:LISTED]:
        spans = list(runs(health, int(n)))
        if not spans:
            continue
        begin, end = max(spans, key=lambda span: span[1] - span[0])
        since = (feed.start + begin * timedelta(seconds=feed.step_s)).astimezone(zone)
        hours = (end - begin) * feed.step_s / SECONDS_PER_HOUR
        reason = health.reason(end - 1, int(n), feed.step_s)
        found.append(
            FlaggedDetector(
                feed.names[n],
                100.0 * float(share[n]),
                f"{reason}; {hours:.1f} h from {since:%a %d %b %H:%M}",
            )
        )
    return tuple(found)
