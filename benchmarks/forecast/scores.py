"""How good are the forecasts, beside plain ways to forecast the same counts?

    python -m benchmarks.forecast.scores --data DIRECTORY [--test]

Without ``--test`` the stretch for choices is scored. Without ``--data`` only the generated city
is. One run prints the mean absolute error by horizon, the ratio to the best plain way, and how
often intervals held what they promised.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.forecast.protocol import FlowSet, city_set, mae, scats_set, single_lane_set
from engine.forecast.backtest import Backtest
from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.history import History
from engine.forecast.profile import (
    ProfileSettings,
    from_root,
    make_profiles,
    to_root,
)

Floats = NDArray[np.float64]

QUANTILES = (0.025, 0.1, 0.9, 0.975)
SHOWN_HORIZONS = 4


def persistence(flows: FlowSet, first: int, last: int) -> Floats:
    """Predict the last count that came."""
    known = flows.counts.copy()
    for row in range(1, len(known)):
        known[row] = np.where(np.isnan(known[row]), known[row - 1], known[row])
    at = np.arange(first, last)
    return np.stack([known[at - h - 1] for h in range(flows.horizons)])


def last_week(flows: FlowSet, first: int, last: int) -> Floats:
    """Predict the count of the same hour a week ago by the local clock; two weeks ago, if missing.

    After a change of the clock that is an hour more or less in UTC. Steps that touch a change,
    and those that the clock skipped, count as missing.
    """
    ordinal, slot, turned = LocalClock(flows.tz, flows.step_s).read(flows.start, len(flows.counts))
    slots = 86_400 // flows.step_s
    place = (ordinal - ordinal[0]) * slots + slot
    known = np.full((int(place[-1]) + 1, flows.counts.shape[1]), np.nan)
    known[place[~turned]] = flows.counts[~turned]
    found = np.full((last - first, flows.counts.shape[1]), np.nan)
    for weeks in (1, 2):
        back = place[first:last] - 7 * slots * weeks
        values = np.where((back >= 0)[:, None], known[np.maximum(back, 0)], np.nan)
        found = np.where(np.isnan(found), values, found)
    return np.repeat(found[None], flows.horizons, axis=0)


def _local(flows: FlowSet) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    ordinal, slot, _ = LocalClock(flows.tz, flows.step_s).read(flows.start, len(flows.counts))
    # Ordinal 1 is a Monday.
    return ordinal - ordinal[0], slot, (np.unique(ordinal) - 1) % 7


def time_of_week(flows: FlowSet, first: int, last: int) -> Floats:
    """Predict the mean of the fit at the same time of the same weekday."""
    day, slot, kinds = _local(flows)
    slots = 86_400 // flows.step_s
    cell = kinds[day] * slots + slot
    total = np.zeros((7 * slots, flows.counts.shape[1]))
    seen = np.zeros_like(total)
    rows = flows.counts[: flows.fit_end]
    np.add.at(total, cell[: flows.fit_end], np.nan_to_num(rows))
    np.add.at(seen, cell[: flows.fit_end], np.isfinite(rows))
    mean = np.divide(total, seen, out=np.full_like(total, np.nan), where=seen > 0)
    return np.repeat(mean[cell[first:last]][None], flows.horizons, axis=0)


def shrunk_profile(flows: FlowSet, first: int, last: int) -> Floats:
    """Predict the smoothed, shrunk profile with fixed settings, without shared shapes."""
    day, slot, kinds = _local(flows)
    end = flows.fit_end
    history = History(
        to_root(flows.counts[:end]),
        day[:end],
        slot[:end],
        kinds[: int(day[end - 1]) + 1],
        flows.step_s,
        86_400 // flows.step_s,
    )
    settings = ProfileSettings(smooth_s=600.0, smooth_weekday_s=1800.0, keep_days=2.0, rank=0)
    profiles = make_profiles(history.sums(float("inf")), settings, flows.step_s)
    mean = from_root(profiles.z[kinds[day[first:last]], slot[first:last]])
    return np.repeat(mean[None], flows.horizons, axis=0)


PLAIN = (persistence, last_week, time_of_week, shrunk_profile)


def ours(flows: FlowSet, first: int, last: int, refit: bool) -> tuple[Backtest, float, float]:
    """Return our backtest, the fit's CPU time in s, and the CPU time of a live step in us."""
    forecaster = FlowForecaster(
        flows.step_s,
        flows.horizons,
        flows.tz,
        flows.neighbors,
        Calendar.of(flows.holidays),
        "midnight" if refit else "never",
    )
    begun = time.process_time()
    forecaster.fit(flows.counts[: flows.fit_end], flows.start, flows.names)
    fitted = time.process_time()
    step = timedelta(seconds=flows.step_s)
    for row in range(flows.fit_end, first):
        forecaster.update(flows.start + row * step, flows.counts[row])
    played = time.process_time()
    found = forecaster.backtest(
        flows.counts[first:last], flows.start + first * step, quantiles=QUANTILES
    )
    done = time.process_time()
    return found, fitted - begun, 1e6 * (done - played) / (last - first)


def score(flows: FlowSet, test: bool, console: Console) -> None:
    """Print the scores of one set."""
    first, last = flows.stretch(test)
    truth = flows.truth(first, last)
    shown = sorted({*np.linspace(0, flows.horizons - 1, SHOWN_HORIZONS).astype(int).tolist()})
    table = Table(title=f"{flows.name}: mean absolute error, veh per {flows.step_s} s")
    table.add_column("way")
    for h in shown:
        table.add_column(f"{(h + 1) * flows.step_s // 60} min", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("ours midnight / this", justify="right")
    table.add_column("fit s, step us", justify="right")
    runs = {refit: ours(flows, first, last, refit) for refit in (False, True)}
    best = float(mae(runs[True][0].predicted, truth).mean())
    rows: list[tuple[str, Floats, str]] = [
        (way.__name__.replace("_", " "), mae(way(flows, first, last), truth), "") for way in PLAIN
    ]
    if flows.expected is not None:
        known = np.repeat(flows.expected[first:last][None], flows.horizons, axis=0)
        rows.append(("true mean (bound)", mae(known, truth), ""))
    for refit, (found, fit_s, step_us) in runs.items():
        name = "ours, midnight" if refit else "ours, static"
        rows.append((name, mae(found.predicted, truth), f"{fit_s:.2f}, {step_us:.0f}"))
    for name, errors, cost in rows:
        mean = float(errors.mean())
        cells = [f"{errors[h]:.3f}" for h in shown]
        table.add_row(name, *cells, f"{mean:.3f}", f"{best / mean:.3f}", cost)
    console.print(table)
    for low, high in ((0.1, 0.9), (0.025, 0.975)):
        found = runs[True][0]
        by_level = found.coverage_by_level(low, high)
        by_horizon = found.coverage(low, high)
        console.print(
            f"{100 * (high - low):.0f} % intervals hold {100 * by_horizon.mean():.1f} %; "
            f"by horizon {100 * by_horizon.min():.1f} to {100 * by_horizon.max():.1f}, by flow "
            f"{100 * np.nanmin(by_level):.1f} to {100 * np.nanmax(by_level):.1f}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Score every set at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="directory of the shared forecasting sets")
    parser.add_argument("--test", action="store_true", help="score the test, not the choices")
    options = parser.parse_args(arguments)
    sets = [city_set()]
    if options.data is not None:
        sets.append(scats_set(options.data / "scats_boroondara_2006.npz"))
        if options.test:
            sets.append(single_lane_set(options.data / "pems_single_2016.npz"))
    console = Console(width=110)
    for flows in sets:
        score(flows, options.test, console)


if __name__ == "__main__":
    main()
