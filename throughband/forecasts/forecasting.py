"""The command ``throughband forecast``: counts of many days in, flows of the next hour out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.forecast.backtest import Forecaster
from engine.forecast.count_sites import CountSite
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.freshness import require_fresh
from engine.forecast.prediction import FlowPrediction, Source
from network.counts import Quality
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from scenarios.scenario import load_scenario
from throughband.counts.count_feed import CountFeed, without_empty
from throughband.counts.count_tables import read_feed
from throughband.counts.detector_health import believed, judge_feed, unbelieved
from throughband.counts.detector_sites import read_sites, require_counted
from throughband.exchange.imported import scenario_network
from throughband.forecasts.following import MOVEMENTS, follow_command
from throughband.forecasts.forecast_files import (
    horizon_types,
    record,
    write_forecast_table,
    write_movement_table,
    write_quality,
)
from throughband.forecasts.forecast_options import wish_of
from throughband.forecasts.forecast_trial import OURS, PERSISTENCE, PROFILE, Trial, backtest
from throughband.forecasts.live_forecast import LiveSettings
from throughband.results import output_folder, versions, write_json
from throughband.seams import OWN_FORECASTER, make_forecaster
from throughband.setting import ANY_WINDOW_S
from throughband.teller import Teller


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
    scenario: str = "",
    sites_file: Path | None = None,
    *,
    follow: bool = False,
    forecaster_name: str = OWN_FORECASTER,
) -> None:
    """Carry out ``throughband forecast``."""
    # Matplotlib is slow to load, and not needed to refuse bad options.
    make = make_forecaster(forecaster_name)
    wish = wish_of(counts, horizon, step, tz, holidays, quantiles, at, backtest_days, form)
    if forecaster_name != OWN_FORECASTER and (scenario or sites_file or follow):
        raise CountError(
            f"--scenario, --sites and --follow are for the forecaster {OWN_FORECASTER!r}; found "
            f"{forecaster_name!r}"
        )
    network, sites = _streets(scenario, sites_file)
    if follow:
        if at or backtest_days:
            raise CountError(
                "--follow forecasts from now on; neither --at nor --backtest is allowed"
            )
        settings = LiveSettings(
            wish.tz, wish.horizon_s, wish.step_s, wish.quantiles, wish.calendar, network, sites
        )
        follow_command(counts, settings, wish.form, out)
        return
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
        guesses = unbelieved(feed, health)
        if guesses.any():
            some = [name for name, bad in zip(feed.names, guesses, strict=True) if bad]
            more = f" and {len(some) - 3} more" if len(some) > 3 else ""
            teller.say(
                f"no count can be believed of {', '.join(some[:3])}{more}: their flows are guesses "
                "from these counts, with prior as their source"
            )
        trial = None
        if wish.backtest_days:
            teller.step(f"backtest the last {wish.backtest_days} days")
            trial = backtest(
                feed, health, wish.backtest_days, clock, horizon_steps, wish.calendar,
                wish.quantiles, make,
            )  # fmt: skip
            _tell_scores(teller, trial)
        teller.step("forecast")
        if sites_file is not None and sites is not None:
            require_counted(sites_file, sites, feed.names)
        forecaster: Forecaster
        if forecaster_name == OWN_FORECASTER:
            # Ours also knows the roads.
            forecaster = FlowForecaster(
                clock.step_s, horizon_steps, clock.tz, None, wish.calendar, network=network,
                sites=sites,
            )  # fmt: skip
        else:
            forecaster = make(
                step_s=clock.step_s,
                horizon_steps=horizon_steps,
                tz=clock.tz,
                calendar=wish.calendar,
            )
        forecaster.fit(used, feed.start, feed.names)
        prediction = _guessed(forecaster.predict(wish.quantiles, wish.at), guesses)
        teller.step("write")
        scores = None if trial is None else trial.document()
        types = horizon_types(prediction, clock, wish.calendar)
        write_forecast_table(folder, prediction, types, wish.form)
        if network is not None:
            flows = prediction.movements()
            write_movement_table(folder / MOVEMENTS, flows, wish.quantiles, types)
        write_quality(folder / "quality.csv", feed, health)
        write_json(
            folder / "forecast.json",
            {
                **record(wish, feed, health, prediction, scores, versions()),
                "forecaster": forecaster_name,
            },
        )
        story = forecast_story(wish, clock, feed, health, trial, prediction)
        write_forecast_page(folder / "forecast.html", story)
    teller.say(f"Page: {out / 'forecast.html'}")


def _streets(
    scenario: str, sites_file: Path | None
) -> tuple[RoadNetwork | None, tuple[CountSite, ...] | None]:
    if not scenario:
        if sites_file is not None:
            raise CountError(
                f"--sites {sites_file}: places of detectors need --scenario, whose roads they name"
            )
        return None, None
    network = scenario_network(load_scenario(scenario, *ANY_WINDOW_S))
    return network, None if sites_file is None else read_sites(sites_file, network)


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


def _guessed(prediction: FlowPrediction, guesses: NDArray[np.bool_]) -> FlowPrediction:
    """Say of detectors that were never believed that their flows rest on no good count."""
    if not guesses.any():
        return prediction
    source = prediction.source.copy()
    source[:, guesses] = Source.PRIOR
    return replace(prediction, source=source)


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
