"""Turning shares from counts of seconds: signals let approaches go in turn, and that tells them.

Over five minutes all approaches flow at once, and who left by which exit is hardly to be told;
over ten or twenty seconds mostly one of them flows, and what leaves is its own. The shares are
those that explain all counts best: weighted least squares, no share below 0, those of an
approach with the sum 1, and the prior counting as much as its uncertainty says. They are a prior
for `engine.forecast.turning`, which follows them from there.

Assumed: shares are constant over the counts. Not modeled: queues inside the junction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from engine.forecast.count_sites import Junction
from engine.forecast.turning import PRIOR_SD
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork

Floats = NDArray[np.float64]

CROSSING_S = 4.5
"""Usual time from the stop line to a loop behind the junction, s: 30 m for who starts there."""

LONGEST_CROSSING_S = 60.0

EXIT_M = 15.0
"""Usual place of exit loops behind the node, m."""

ENTRY_MPS, SPEEDING_UP_MPS2 = 2.0, 2.0
"""Speed over the stop line of those who come from a queue, who are most, and how they go on."""

SUM_WEIGHT = 30.0
"""How much harder than all counts together the sums of an approach's shares are held at 1."""


def fit_shares(
    junctions: Sequence[Junction],
    detector_ids: Sequence[str],
    count_veh: Sequence[Floats],
    prior: Mapping[str, float],
    interval_s: float,
    *,
    crossing_s: float | Mapping[str, float] = CROSSING_S,
    prior_sd: float = PRIOR_SD,
) -> dict[str, float]:
    """Fit constant turning shares to counts of short intervals.

    Parameters
    ----------
    junctions
        What there is and what is counted.
    detector_ids
        Columns of the counts.
    count_veh
        Stretches without a gap in time between their rows, [interval, detector] each; NaN where
        missing.
    prior
        Shares before anything was counted; turns that are not named share alike.
    interval_s
        Length of an interval, s: 10 to 20 tell most.
    crossing_s
        Time from the stop line to the loops at the exits, s, of all turns or by turn, as from
        `crossing_times`; turns that are not named take the usual time.
    prior_sd
        How uncertain the prior is.

    Returns
    -------
    dict
        Share of every turn; those of an approach sum to 1. The prior's where nothing is counted.

    Raises
    ------
    InsufficientDataError
        If there is no count.
    CountError
        If shapes do not fit, or a number is impossible.
    """
    columns = {name: i for i, name in enumerate(detector_ids)}
    if not count_veh or sum(part.shape[0] for part in count_veh) < 1:
        raise InsufficientDataError("no counts to fit turning shares to")
    turns = [t for found in junctions for own in found.approaches.values() for t in own]
    named = crossing_s if isinstance(crossing_s, Mapping) else dict.fromkeys(turns, crossing_s)
    slow = {t: c for t, c in named.items() if not 0 <= c <= LONGEST_CROSSING_S}
    if not (interval_s > 0 and prior_sd > 0) or slow:
        raise CountError(
            f"interval {interval_s} s, prior {prior_sd}, crossing {slow or 'as allowed'}; allowed "
            f"are above 0, above 0, and 0 to {LONGEST_CROSSING_S:g} s"
        )
    for part in count_veh:
        if part.ndim != 2 or part.shape[1] != len(columns):
            raise CountError(
                f"counts have shape {list(part.shape)}; allowed is [intervals, {len(columns)}]"
            )
    late = {turn: named.get(turn, CROSSING_S) / interval_s for turn in turns}
    shares: dict[str, float] = {}
    for junction in junctions:
        shares |= _fit(junction, columns, count_veh, prior, late, prior_sd)
    return shares


def crossing_times(
    network: RoadNetwork, exit_m: float | Mapping[str, float] = EXIT_M
) -> dict[str, float]:
    """Return how long drivers take from the stop line to the loops at the exits, s, by turn.

    Taken from the lengths of their ways across the node, which drivers enter at `ENTRY_MPS` and on
    which they speed up to what is allowed there. Taking the time at which the counts fit best
    instead was tried, and gave worse shares.

    Parameters
    ----------
    network
        The roads.
    exit_m
        How far behind the node the loops lie, m, everywhere or by link.
    """
    found: dict[str, list[float]] = {}
    for way in network.connections:
        if not network.turns_from[way.from_link]:
            continue
        behind_m = exit_m.get(way.to_link, EXIT_M) if isinstance(exit_m, Mapping) else exit_m
        found.setdefault(way.movement_id, []).append(
            _time_over(way.length_m + behind_m, way.speed_mps)
        )
    return {turn: min(fmean(times), LONGEST_CROSSING_S) for turn, times in found.items()}


def _time_over(length_m: float, most_mps: float) -> float:
    """Time over a way, s: speeding up evenly to a speed, and on at that."""
    entry_mps = min(ENTRY_MPS, most_mps)
    reached_s = (most_mps - entry_mps) / SPEEDING_UP_MPS2
    reached_m = (most_mps + entry_mps) / 2.0 * reached_s
    if reached_m < length_m:
        return reached_s + (length_m - reached_m) / most_mps
    root = np.sqrt(entry_mps**2 + 2.0 * SPEEDING_UP_MPS2 * length_m)
    return float(root - entry_mps) / SPEEDING_UP_MPS2


def _fit(
    junction: Junction,
    columns: Mapping[str, int],
    count_veh: Sequence[Floats],
    prior: Mapping[str, float],
    late: Mapping[str, float],
    prior_sd: float,
) -> dict[str, float]:
    turns = [turn for found in junction.approaches.values() for turn in found]
    row = {turn: i for i, turn in enumerate(turns)}
    guess = np.empty(len(turns))
    for found in junction.approaches.values():
        at = [row[turn] for turn in found]
        given = np.array([max(prior.get(turn, 0.0), 0.0) for turn in found])
        guess[at] = given / given.sum() if given.sum() > 0 else 1.0 / len(at)
    sums = [
        (frozenset(summed), [_total(part, columns, detectors) for part in count_veh])
        for detectors, summed in junction.counted
    ]
    entries = {
        name: came
        for name, own in junction.approaches.items()
        if (came := _entries(frozenset(own), sums)) is not None
    }
    source = {turn: name for name, own in junction.approaches.items() for turn in own}
    known_turns = {turn for name in entries for turn in junction.approaches[name]}
    whole = {frozenset(own) for own in junction.approaches.values()}
    equations, wanted = [np.eye(len(turns)) / prior_sd], [guess / prior_sd]
    for summed, counted in sums:
        if summed in whole or not summed <= known_turns:
            continue
        # Lanes of one approach are counted at the stop line, like the approach itself.
        within = any(summed < frozenset(own) for own in junction.approaches.values())
        for stretch, seen in enumerate(counted):
            seen_by = np.zeros((seen.size, len(turns)))
            for turn in summed:
                entered = entries[source[turn]][stretch]
                seen_by[:, row[turn]] = entered if within else _later(entered, late[turn])
            good = np.isfinite(seen) & np.isfinite(seen_by).all(axis=1)
            seen_by, seen = seen_by[good], seen[good]
            # Poisson counts; what is expected, not what came, or low counts would weigh more.
            sd = np.sqrt(seen_by @ guess + 1.0)
            equations.append(seen_by / sd[:, None])
            wanted.append(seen / sd)
    matrix, right = np.vstack(equations), np.concatenate(wanted)
    hold = SUM_WEIGHT * max(float(np.sqrt((matrix**2).sum(axis=0).max())), 1.0)
    for found in junction.approaches.values():
        ones = np.zeros((1, len(turns)))
        ones[0, [row[turn] for turn in found]] = hold
        matrix, right = np.vstack([matrix, ones]), np.append(right, hold)
    # The triangle is as good as all rows, and small.
    orthogonal, triangle = np.linalg.qr(matrix)
    fitted, _ = nnls(triangle, orthogonal.T @ right)
    for found in junction.approaches.values():
        at = [row[turn] for turn in found]
        total = float(fitted[at].sum())
        fitted[at] = fitted[at] / total if total > 0 else guess[at]
    return dict(zip(turns, fitted.tolist(), strict=True))


def _total(part: Floats, columns: Mapping[str, int], detectors: Sequence[str]) -> Floats:
    missing = [name for name in detectors if name not in columns]
    if missing:
        raise CountError(f"detector {missing[0]!r} is not among the counts")
    total: Floats = part[:, [columns[name] for name in detectors]].sum(axis=1)
    return total


def _entries(
    own: frozenset[str], sums: Sequence[tuple[frozenset[str], list[Floats]]]
) -> list[Floats] | None:
    """Return an approach's counts by stretch: its own total, or lanes that make it up."""
    for summed, counted in sums:
        if summed == own:
            return counted
    parts = [(summed, counted) for summed, counted in sums if summed < own]
    covered: frozenset[str] = frozenset()
    total: list[Floats] | None = None
    for summed, counted in parts:
        if summed & covered:
            continue
        covered |= summed
        total = counted if total is None else [a + b for a, b in zip(total, counted, strict=True)]
    return total if covered == own else None


def _later(came: Floats, late: float) -> Floats:
    """Move a series later by so many intervals; its first row stands for those before."""
    whole = min(int(late), len(came))
    part = late - whole
    first: Floats = np.concatenate((came[:1].repeat(whole), came[: len(came) - whole]))
    second: Floats = np.concatenate((first[:1], first[:-1]))
    out: Floats = (1.0 - part) * first + part * second
    return out
