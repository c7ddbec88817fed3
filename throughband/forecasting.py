"""The command ``throughband forecast``: counts of many days in, flows of the next hour out."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecaster import FlowForecaster
from engine.forecast.freshness import require_fresh
from network.counts import Quality
from network.errors import InsufficientDataError
from throughband.commands import Teller
from throughband.count_feed import CountFeed, without_empty
from throughband.count_tables import read_feed
from throughband.detector_health import Health, judge_feed
from throughband.forecast_files import (
    horizon_types,
    record,
    write_forecast_table,
    write_quality,
)
from throughband.forecast_options import wish_of
from throughband.forecast_trial import OURS, PERSISTENCE, PROFILE, Trial, backtest
from throughband.results import output_folder, versions, write_json

Floats = NDArray[np.float64]


def forecast_command(
    counts: Path,
    horizon: str,
    step: str,
    tz: str,
    holidays: Path | None,
    quantiles: str,
    at: str,
    backtest_days: int,
    form: str,
    out: Path,
) -> None:
    """Carry out ``throughband forecast``."""
    # Matplotlib is slow to load, and not needed to refuse bad options.
    wish = wish_of(counts, horizon, step, tz, holidays, quantiles, at, backtest_days, form)
    from throughband.reports.forecast_page import write_forecast_page
    from throughband.reports.forecast_telling import forecast_story

    with Teller(5 if wish.backtest_days else 4) as teller, output_folder(out) as folder:
        teller.step(f"read the counts of {counts}")
        whole = read_feed(wish.counts, wish.tz, wish.step_s)
        horizon_steps = wish.horizon_steps(whole.step_s)
        clock = wish.clock(whole.step_s)
        feed = without_empty(up_to(whole, wish.at))
        for finding in feed.findings:
            teller.say(finding)
        teller.say(
            f"{len(feed.names)} detectors, {len(feed.counts)} intervals of {feed.step_s} s from "
            f"{feed.start.isoformat()}"
        )
        teller.step("judge the detectors")
        health = judge_feed(feed, clock, wish.calendar)
        used = believed(feed, health)
        unused = float((health.quality != Quality.GOOD).mean())
        teller.say(f"{100 * unused:.1f} % of all counts are missing or not believed")
        trial = None
        if wish.backtest_days:
            teller.step(f"backtest the last {wish.backtest_days} days")
            trial = backtest(
                feed, health, wish.backtest_days, clock, horizon_steps, wish.calendar,
                wish.quantiles,
            )  # fmt: skip
            _tell_scores(teller, trial)
        teller.step("forecast")
        forecaster = FlowForecaster(clock.step_s, horizon_steps, clock.tz, None, wish.calendar)
        forecaster.fit(used, feed.start, feed.names)
        prediction = forecaster.predict(wish.quantiles, wish.at)
        teller.step("write")
        scores = None if trial is None else trial.document()
        types = horizon_types(prediction, clock, wish)
        write_forecast_table(folder, prediction, types, wish.form)
        write_quality(folder / "quality.csv", feed, health)
        write_json(
            folder / "forecast.json", record(wish, feed, health, prediction, scores, versions())
        )
        story = forecast_story(wish, clock, feed, health, trial, prediction)
        write_forecast_page(folder / "forecast.html", story)
    teller.say(f"Page: {out / 'forecast.html'}")


def up_to(feed: CountFeed, at: datetime | None) -> CountFeed:
    """Return the intervals that have ended at a time, the last ones missing where none came.

    Raises
    ------
    InsufficientDataError
        If none has ended by then.
    StaleCountsError
        If the last one ended too long before.
    """
    if at is None:
        return feed
    rows = (at - feed.start) // timedelta(seconds=feed.step_s)
    if rows < 1:
        raise InsufficientDataError(
            f"no count had come at {at.isoformat()}; the first interval began at "
            f"{feed.start.isoformat()}"
        )
    late = rows - len(feed.counts)
    if late > 0:
        last = feed.end - timedelta(seconds=feed.step_s)
        require_fresh(late, feed.step_s, f"at {last.isoformat()}")
    if late <= 0:
        return feed.until(rows)
    gap = (late, len(feed.names))
    return CountFeed(
        feed.names,
        feed.start,
        feed.step_s,
        np.vstack((feed.counts, np.full(gap, np.nan))),
        np.vstack((feed.quality, np.full(gap, int(Quality.MISSING), dtype=np.uint8))),
        feed.findings,
    )


def believed(feed: CountFeed, health: Health) -> Floats:
    """Return counts without those not believed; a detector keeps its raw ones if none were."""
    counts = np.where(health.quality == Quality.GOOD, feed.counts, np.nan)
    blank = ~np.isfinite(counts).any(axis=0)
    counts[:, blank] = feed.counts[:, blank]
    return counts


def _tell_scores(teller: Teller, trial: Trial) -> None:
    mean = {name: float(values.mean()) for name, values in trial.mae_veh.items()}
    teller.say(
        f"mean absolute error {mean[OURS]:.2f} veh per interval; {mean[OURS] / mean[PROFILE]:.2f} "
        f"of the profile's, {mean[OURS] / mean[PERSISTENCE]:.2f} of persistence's"
        if mean[PROFILE] and mean[PERSISTENCE]
        else f"mean absolute error {mean[OURS]:.2f} veh per interval"
    )
    for (low, high), found in trial.coverage.items():
        teller.say(
            f"{100 * (high - low):g} % intervals held {100 * float(np.nanmean(found)):.1f} %"
        )
