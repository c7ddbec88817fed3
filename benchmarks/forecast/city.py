"""A generated city with known truth: every interval's expected flow, and what detectors counted.

Origins send traffic by hour and day of the week into a road graph; shares of it turn from link to
link with a delay, so that what is unusual upstream arrives downstream minutes later. Days differ
(weather, events, holidays, growth), accidents block links, and counts scatter like Poisson ones.
Nothing here uses a formula of the forecaster.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

START = datetime(2031, 3, 3, tzinfo=UTC)
"""A Monday."""


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """Counts of a generated city.

    Attributes
    ----------
    counts
        Vehicles per step, [T, N]; NaN where a detector was silent.
    expected
        True mean of every count, [T, N].
    neighbors
        Links upstream of each, int64[N, 3], -1 for none.
    start, step_s
        Beginning of the first step and length of steps, s.
    holidays
        Days with the traffic of a Sunday.
    incidents
        Link, first and last step of every accident.
    """

    counts: Floats
    expected: Floats
    neighbors: NDArray[np.int64]
    start: datetime
    step_s: int
    holidays: tuple[date, ...]
    incidents: tuple[tuple[int, int, int], ...]


def _bump(hour: Floats, center: float, width: float) -> Floats:
    away = (hour - center + 12.0) % 24.0 - 12.0
    out: Floats = np.exp(-0.5 * (away / width) ** 2)
    return out


def make_city(
    seed: int,
    detectors: int = 80,
    days: int = 42,
    step_s: int = 300,
    holidays: tuple[int, ...] = (),
    silent_share: float = 0.01,
    level_veh: float = 40.0,
) -> City:
    """Generate a city.

    Parameters
    ----------
    seed
        Seed of everything random.
    detectors
        Links, each with one detector.
    days, step_s
        Length and resolution.
    holidays
        Days, counted from 0, on which people behave as on a Sunday.
    silent_share
        Share of detector-days without counts.
    level_veh
        Typical count of a busy step.
    """
    rng = np.random.default_rng(seed)
    slots = 86_400 // step_s
    steps = days * slots
    hour = (np.arange(slots) + 0.5) * 24.0 / slots
    weekday = (np.arange(days)) % 7
    kind = np.where(weekday < 5, 0, weekday - 4)
    for day in holidays:
        kind[day] = 2
    # Each link is fed by up to three others nearby, and by its own origin.
    place = rng.uniform(0, 1, (detectors, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1) + 10 * np.eye(detectors)
    neighbors = np.argsort(distance, axis=1)[:, :3].astype(np.int64)
    share = rng.dirichlet((2.0, 2.0, 2.0), detectors) * 0.55
    lag_steps = 1 + rng.integers(0, max(1, 600 // step_s) + 1, (detectors, 3))
    demand = np.empty((days, slots, detectors))
    size = level_veh * np.exp(rng.normal(0, 0.6, detectors)) * step_s / 300.0
    taste = rng.dirichlet((1.5, 1.5, 2.5, 0.8), detectors)
    shift_h = rng.normal(0, 0.4, detectors)
    late = np.array([0.0, 0.0, 0.1, 0.2, 0.35])
    for day in range(days):
        moved = hour[:, None] - shift_h
        if kind[day] == 0:
            shapes = (
                _bump(moved, 8.0, 1.1),
                _bump(moved, 17.3 - 0.5 * late[weekday[day] % 5], 1.6),
                _bump(moved, 13.0, 3.6),
                _bump(moved, 21.0, 2.0) * (0.7 + late[weekday[day] % 5]),
            )
        else:
            quiet = 0.8 if kind[day] == 1 else 0.6
            shapes = (
                0.15 * _bump(moved, 9.0, 1.5),
                quiet * _bump(moved, 16.0, 3.0),
                quiet * _bump(moved, 12.5, 3.0),
                (1.2 if kind[day] == 1 else 0.6) * _bump(moved, 21.5, 2.4),
            )
        base = sum(shape * taste[:, k] for k, shape in enumerate(shapes)) + 0.02
        demand[day] = 1.8 * base * size
    demand *= np.linspace(1.0, 1.0 + rng.normal(0, 0.06), days)[:, None, None]
    flat = demand.reshape(steps, detectors)
    flat = flat * np.exp(_unusual(rng, steps, slots, place))
    blocked = np.ones((steps, detectors))
    incidents = []
    for _ in range(rng.poisson(0.02 * days * detectors / 10.0)):
        link, first = int(rng.integers(detectors)), int(rng.integers(steps))
        last = min(steps - 1, first + int(rng.integers(3, 15)) * 300 // step_s)
        blocked[first : last + 1, link] = rng.uniform(0.2, 0.7)
        incidents.append((link, first, last))
    expected = _spread(flat, blocked, neighbors, share, lag_steps)
    counts = rng.poisson(expected * rng.gamma(60.0, 1 / 60.0, expected.shape)).astype(np.float64)
    silent = rng.uniform(size=(days, detectors)) < silent_share
    counts[np.repeat(silent, slots, axis=0)] = np.nan
    dates = tuple((START + timedelta(days=day)).date() for day in holidays)
    return City(counts, expected, neighbors, START, step_s, dates, tuple(incidents))


def _unusual(rng: np.random.Generator, steps: int, slots: int, place: Floats) -> Floats:
    """Return what differs from the usual: the whole city, its quarters, and single streets."""
    n = len(place)
    quarter = np.stack([_kernel(place, rng.uniform(0, 1, 2)) for _ in range(6)])
    out = np.zeros((steps, n))
    hour_steps = slots / 24.0
    for weight, sd, memory_h in (
        (np.ones((1, n)), 0.05, 6.0),
        (np.ones((1, n)), 0.025, 0.8),
        (quarter, 0.08, 2.0),
        (np.eye(n), 0.08, 1.0),
        (np.eye(n), 0.04, 48.0),
    ):
        keep = np.exp(-1.0 / (memory_h * hour_steps))
        state = rng.normal(0, sd, len(weight))
        noise = rng.normal(0, sd * np.sqrt(1 - keep**2), (steps, len(weight)))
        for t in range(steps):
            state = keep * state + noise[t]
            out[t] += state @ weight
    return out


def _kernel(place: Floats, center: Floats) -> Floats:
    out: Floats = np.exp(-0.5 * (np.linalg.norm(place - center, axis=1) / 0.25) ** 2)
    return out


def _spread(
    origin: Floats,
    blocked: Floats,
    neighbors: NDArray[np.int64],
    share: Floats,
    lag_steps: NDArray[np.int64],
) -> Floats:
    """Let traffic move on from link to link, each time some steps later."""
    out = np.empty_like(origin)
    for t in range(len(origin)):
        row = origin[t].copy()
        for k in range(neighbors.shape[1]):
            source = np.maximum(t - lag_steps[:, k], 0)
            upstream = out[source, neighbors[:, k]] if t else origin[0, neighbors[:, k]]
            earlier = np.where(source < t, upstream, origin[t, neighbors[:, k]])
            row += share[:, k] * earlier
        out[t] = row * blocked[t]
    return out
