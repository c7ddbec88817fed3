"""How fast is the forecaster, beside the limits it promises?

    python -m benchmarks.forecast.speed [--year] [--plot FILE]

A live step is everything that one interval costs: limits moved by what came, features, the kind
of day, and predictions of all horizons; then once more through `update` and `predict`, where
checks and the making of the result weigh most. Compile time stands apart. ``--year`` also fits
170 series of one year at 5 minutes. ``--plot`` draws the cost of a live step and of a fit of four
weeks against the number of detectors. CPU times of one thread, the least of several rounds; the
command ends with 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.verdict import exit_code, verdict
from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.correction import Correction, moving_rates
from engine.forecast.daytype import DayTypeRule
from engine.forecast.fitting import Fitted
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.intervals import plain_limits
from engine.forecast.kernels import FEATURES
from engine.forecast.live import LiveState, Slots
from engine.forecast.profile import (
    ProfileSettings,
    empty_sums,
    make_profiles,
    to_root,
)

Floats = NDArray[np.float64]

HORIZONS = 12
SIZES = (10, 50, 170, 500, 2_000, 5_000, 20_000)
LIMITS_US = {170: 30.0, 20_000: 5_000.0}
FIT_LIMIT_S = 5.0
START = datetime(2031, 3, 3, tzinfo=UTC)
ROUNDS = 15
FITTED_SIZES = (10, 50, 170, 500, 2_000)
FITTED_DAYS = 28


def live_state(detectors: int, step_s: int = 3600, seed: int = 101) -> LiveState:
    """Return a state of full width with drawn weights; slots of a day do not change the cost."""
    rng = np.random.default_rng(seed)
    sums = empty_sums(86_400 // step_s, detectors)
    sums[0] = to_root(rng.uniform(0, 60, sums[0].shape))
    sums[1] = 1.0
    correction = Correction(
        np.full(detectors, 1.2),
        np.linalg.qr(rng.normal(size=(detectors, min(8, detectors))))[0].copy(),
        rng.integers(0, detectors, (detectors, 4)),
        np.full((detectors, 4), 0.25),
        moving_rates(step_s),
        rng.normal(0, 0.05, (HORIZONS, FEATURES)),
        rng.normal(0, 0.01, (HORIZONS, 4, detectors)),
    )
    fitted = Fitted(
        sums,
        np.full(detectors, 1000),
        make_profiles(sums, ProfileSettings(), step_s),
        correction,
        plain_limits(HORIZONS, 1.0),
        DayTypeRule((1e9, 1e9, 1e9)),
    )
    return LiveState(fitted, Calendar(), step_s, HORIZONS, relearns=False)


def step_us(detectors: int, repeats: int) -> tuple[float, float]:
    """Return the CPU time of a live step and of the first one, which compiles, us."""
    state = live_state(detectors)
    rng = np.random.default_rng(1)
    rows = to_root(rng.poisson(30.0, (8, detectors)).astype(np.float64))
    ordinal, slot, masked = LocalClock("UTC", state.step_s).read(START, 64)
    here = Slots(np.full_like(ordinal, ordinal[0]), slot % 24, masked)
    begun = time.process_time()
    state.step(rows[0], here, 0)
    first = 1e6 * (time.process_time() - begun)

    def run() -> None:
        for k in range(repeats):
            state.step(rows[k % 8], here, k % 24)

    return _least_us(run, repeats), first


def api_us(detectors: int, steps: int = 200) -> float:
    """Return the CPU time of `update` and `predict` with three quantiles, us."""
    rng = np.random.default_rng(2)
    slots = 288
    usual = 20.0 + 15.0 * np.sin(np.arange(slots) / slots * 2 * np.pi)[:, None]
    prior = usual * rng.uniform(0.5, 1.0, detectors)
    forecaster = FlowForecaster(300, HORIZONS, "UTC", refit="never")
    names = [f"d{n}" for n in range(detectors)]
    forecaster.fit(np.empty((0, detectors)), START, names, prior=prior)
    row = rng.poisson(20.0, detectors).astype(np.float64)
    at = [START]

    def run() -> None:
        for _ in range(steps):
            forecaster.update(at[0], row)
            forecaster.predict((0.1, 0.5, 0.9))
            at[0] += timedelta(seconds=300)

    run()
    return _least_us(run, steps)


def fit_s(days: int, detectors: int = 170) -> float:
    """Return the CPU time of a fit at 5 minutes, s."""
    rng = np.random.default_rng(3)
    hour = np.arange(288) / 12.0
    base = 20 + 15 * np.sin((hour - 9) / 24 * 2 * np.pi)[:, None] * rng.uniform(0.5, 1, detectors)
    week = np.array([1.0, 1.0, 1.02, 1.05, 1.1, 0.8, 0.6])
    mean = np.concatenate([base * week[day % 7] for day in range(days)])
    counts = rng.poisson(mean).astype(np.float64)
    names = [f"d{n}" for n in range(detectors)]
    begun = time.process_time()
    FlowForecaster(300, HORIZONS, "UTC").fit(counts, START, names)
    return time.process_time() - begun


def draw(steps_us: Mapping[int, float], fits_s: Mapping[int, float], path: Path) -> None:
    """Draw cost against size, with the limits, into a file."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(list(steps_us), list(steps_us.values()), "o-", label="live step")
    left.loglog(list(LIMITS_US), list(LIMITS_US.values()), "rv", label="limit")
    left.set_ylabel("us of one core")
    left.set_title(f"live step, {HORIZONS} horizons")
    right.loglog(list(fits_s), list(fits_s.values()), "o-", label=f"{FITTED_DAYS} days")
    right.set_ylabel("s of one core")
    right.set_title(f"fit of {FITTED_DAYS} days at 5 minutes")
    for axes in (left, right):
        axes.set_xlabel("detectors")
        axes.grid(True, which="major", alpha=0.4)
        axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _least_us(run: Callable[[], None], repeats: int) -> float:
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        run()
        found.append(1e6 * (time.process_time() - begun) / repeats)
    # What other processes take from the caches is not ours: the least of the rounds.
    return min(found)


def missed(steps_us: Mapping[int, float], year_s: float | None) -> list[str]:
    """Name the limits that are missed.

    Parameters
    ----------
    steps_us
        Processor time of a live step by number of detectors.
    year_s
        Processor time of a fit of one year; None if it was not asked for.
    """
    found = [
        f"live step of {size} detectors: {steps_us[size]:.1f} us (limit {limit:g} us)"
        for size, limit in LIMITS_US.items()
        if size in steps_us and steps_us[size] > limit
    ]
    if year_s is not None and year_s > FIT_LIMIT_S:
        found.append(f"fit of a year: {year_s:.2f} s (limit {FIT_LIMIT_S:g} s)")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print times beside limits; 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--year", action="store_true", help="also fit one year of 170 series")
    parser.add_argument("--plot", type=Path, help="picture of cost against size, .png")
    options = parser.parse_args(arguments)
    console = Console(width=100)
    table = Table(title=f"live step, {HORIZONS} horizons")
    for name in ("detectors", "step us", "limit us", "of limit", "us per 100", "first call ms"):
        table.add_column(name, justify="right")
    steps_us: dict[int, float] = {}
    for size in SIZES:
        cost, first = step_us(size, max(5, 20_000 // size))
        steps_us[size] = cost
        limit = LIMITS_US.get(size)
        table.add_row(
            str(size),
            f"{cost:.1f}",
            "" if limit is None else f"{limit:.0f}",
            "" if limit is None else f"{cost / limit:.2f}",
            f"{100 * cost / size:.2f}",
            f"{first / 1000:.1f}",
        )
    console.print(table)
    console.print(f"update and predict through the API, 170 x {HORIZONS}: {api_us(170):.0f} us")
    fit_s(8, 20)
    if options.plot is not None:
        draw(steps_us, {size: fit_s(FITTED_DAYS, size) for size in FITTED_SIZES}, options.plot)
        console.print(f"drawn: {options.plot}")
    year_s = None
    for days in (28, 365) if options.year else (28,):
        spent = fit_s(days)
        year_s = spent if days == 365 else None
        console.print(
            f"fit of 170 series x {days} days at 5 minutes: {spent:.2f} s CPU"
            + (f", {spent / FIT_LIMIT_S:.2f} of the limit" if days == 365 else "")
        )
    beyond = missed(steps_us, year_s)
    console.print(verdict(beyond), markup=False, soft_wrap=True)
    return exit_code(beyond)


if __name__ == "__main__":
    sys.exit(main())
