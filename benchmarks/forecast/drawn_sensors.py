"""Feeds, junctions and streets with known truth, drawn at random: what sensing is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.count_sites import Junction

Floats = NDArray[np.float64]
DAY_S = 86400
TURNS = ("s", "l", "r")
EXIT_AFTER = (2, 1, 3)
"""Legs further on, clockwise, that straight, left and right lead to where one keeps right."""


def day_shape(interval_s: int, days: int, hours: tuple[float, float] = (8.0, 17.0)) -> Floats:
    """Draw a working day's course with a morning and an evening peak, mean about 1."""
    hour = (np.arange(days * DAY_S // interval_s) * interval_s / 3600.0) % 24
    peaks = sum(np.exp(-0.5 * ((hour - at) / 1.8) ** 2) for at in hours)
    shape = 0.08 + 0.9 * peaks + 0.6 * ((hour > 6) & (hour < 22))
    return np.asarray(shape / shape.mean())


def feed(
    seed: int,
    days: int,
    detectors: int,
    interval_s: int = 900,
    levels: tuple[float, float] = (15.0, 150.0),
) -> tuple[Floats, Floats]:
    """Draw counts of sound detectors and what is expected of them, [interval, detector].

    Days differ, the network's traffic wanders within a day, and so does each detector's;
    counts scatter a little more than Poisson's.
    """
    rng = np.random.default_rng(seed)
    per_day = DAY_S // interval_s
    rows = days * per_day
    level = rng.uniform(*levels, detectors)
    expected = day_shape(interval_s, days)[:, None] * level
    day = np.repeat(rng.normal(0, 0.05, days), per_day)[:, None]
    kept = 0.5 ** (interval_s / 7200.0)
    shocks = rng.normal(0, 1, (rows, detectors + 1)) * np.sqrt(1 - kept**2)
    wander = np.zeros((rows, detectors + 1))
    for i in range(1, rows):
        wander[i] = kept * wander[i - 1] + shocks[i]
    log_rate = day + 0.06 * wander[:, :1] + 0.06 * wander[:, 1:]
    rate = expected * np.exp(log_rate)
    return rng.poisson(rng.gamma(60.0, rate / 60.0)).astype(np.float64), expected


@dataclass(frozen=True, slots=True, eq=False)
class DrawnJunction:
    """Four legs counted at entries and exits.

    Attributes
    ----------
    junction, detector_ids
        What is counted.
    count_veh
        [interval, detector].
    share, turn_veh
        The truth, [interval, leg, turn].
    prior
        Shares that know nothing of it.
    """

    junction: Junction
    detector_ids: tuple[str, ...]
    count_veh: Floats
    share: Floats
    turn_veh: Floats
    prior: dict[str, float]


def four_legs(
    seed: int, days: int = 2, interval_s: int = 900, noise: float = 0.03, swing: float = 0.0
) -> DrawnJunction:
    """Draw a junction of four legs, its demand, and detectors with noise.

    Parameters
    ----------
    seed, days, interval_s
        What to draw.
    noise
        Standard deviation of a detector's count over the count.
    swing
        Amplitude by which shares change over the day.
    """
    rng = np.random.default_rng(seed)
    rows = days * DAY_S // interval_s
    phase = rng.uniform(0, 2 * np.pi, (4, 3))
    angle = 2 * np.pi * np.arange(rows)[:, None, None] * interval_s / DAY_S
    share = np.maximum(rng.dirichlet([6, 3, 3], 4) + swing * np.sin(angle + phase), 0.01)
    share /= share.sum(axis=2, keepdims=True)
    peaks = rng.uniform(7, 18, (4, 2))
    demand = (
        np.stack([day_shape(interval_s, days, (p[0], p[1])) for p in peaks], axis=1)
        * rng.uniform(250, 700, 4)
        * (interval_s / 3600.0)
    )
    entered = rng.poisson(demand)
    turn = rng.multinomial(entered, share).astype(np.float64)
    left = np.zeros((rows, 4))
    for leg in range(4):
        for k, further in enumerate(EXIT_AFTER):
            left[:, (leg + further) % 4] += turn[:, leg, k]
    exact = np.concatenate([entered, left], axis=1)
    counted = np.maximum(exact * (1 + noise * rng.normal(size=exact.shape)), 0.0)
    approaches = {f"a{leg}": tuple(f"a{leg}{t}" for t in TURNS) for leg in range(4)}
    sums = [((f"in{leg}",), approaches[f"a{leg}"]) for leg in range(4)]
    for out in range(4):
        into = tuple(
            f"a{leg}{t}"
            for leg in range(4)
            for t, further in zip(TURNS, EXIT_AFTER, strict=True)
            if (leg + further) % 4 == out
        )
        sums.append(((f"out{out}",), into))
    guess = rng.dirichlet([4, 4, 4], 4).ravel()
    names = [turn for found in approaches.values() for turn in found]
    return DrawnJunction(
        Junction(f"j{seed}", approaches, tuple(sums)),
        tuple(f"in{leg}" for leg in range(4)) + tuple(f"out{leg}" for leg in range(4)),
        counted,
        share,
        turn,
        dict(zip(names, map(float, guess), strict=True)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DrawnStreet:
    """A row of links, minute by minute: [interval, link] each."""

    inflow: tuple[Floats, Floats]
    outflow: tuple[Floats, Floats]
    crowd: tuple[Floats, Floats]


def street(
    seed: int,
    days: int,
    links: int = 12,
    blocked: tuple[int, int, int] | None = None,
    interval_s: int = 60,
    level: float = 1.0,
) -> DrawnStreet:
    """Draw a street of links in a row, a minute each, with or without an incident.

    Parameters
    ----------
    seed, days, links, interval_s
        What to draw.
    blocked
        Link, interval and length of an incident that lets half of the usual traffic through;
        the queue reaches the link's beginning after five intervals.
    level
        Traffic over the expected one.
    """
    rng = np.random.default_rng(seed)
    rows = days * DAY_S // interval_s
    usual = 10.0 * day_shape(interval_s, days) * interval_s / 60.0
    rate = usual * np.repeat(np.exp(0.08 * rng.normal(size=days)), rows // days)
    wander = np.zeros(rows)
    for i in range(1, rows):
        wander[i] = 0.99 * wander[i - 1] + 0.015 * rng.normal()
    rate *= level * np.exp(wander)
    flow = np.zeros((rows, links + 1))
    flow[:, 0] = rng.poisson(rate)
    crowd = np.zeros((rows, links))
    waiting = 0.0
    for k in range(links):
        coming = np.concatenate([[0.0], flow[:-1, k]]).astype(int)
        flow[:, k + 1] = rng.binomial(coming, 0.93) + rng.poisson(0.07 * rate)
        if blocked is not None and blocked[0] == k:
            begin, end = blocked[1], blocked[1] + blocked[2]
            for i in range(begin, rows):
                can = 0.5 * usual[i] if i < end else 2.0 * usual[i]
                waiting += flow[i, k + 1]
                flow[i, k + 1] = min(waiting, rng.poisson(can))
                waiting -= flow[i, k + 1]
    glitches = 20.0 * (rng.random((rows, links)) < 0.002)
    crowd = np.maximum(1.2 * flow[:, :links] + rng.normal(0, 1.5, (rows, links)), 0) + glitches
    if blocked is not None:
        crowd[blocked[1] + 5 : blocked[1] + blocked[2] + 3, blocked[0]] += 40.0
    # Traffic reaches each link an interval after the one before.
    expected = np.stack([np.roll(usual, k) for k in range(links + 1)], axis=1)
    return DrawnStreet(
        (flow[:, :links].copy(), expected[:, :links].copy()),
        (flow[:, 1:].copy(), expected[:, 1:].copy()),
        (np.minimum(crowd, 100.0), 1.2 * expected[:, :links]),
    )
