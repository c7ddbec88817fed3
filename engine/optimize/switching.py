"""When to switch between which plans: exact, by dynamic programming over the day.

The state is the plan that runs and for how long, up to the least dwell. A day that spans 24 hours
is a ring: what runs at its end runs on at its beginning. Every subset of the candidate plans is
gone through, so that the best day with one plan, with two, and so on are all exact for the costs
given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from network.errors import InfeasibleError

Floats = NDArray[np.float64]

MOST_CANDIDATES = 16
"""Subsets are enumerated."""

STAYING = 1e-9
"""Part of the day's cost that a switch costs beside its transition; none is made for nothing."""

_CHUNK = 256


@dataclass(frozen=True, slots=True)
class DayChoice:
    """Plans chosen for the periods of a day.

    Attributes
    ----------
    run
        Number of the plan that runs in each period.
    cost
        Of periods and transitions, in the unit of the costs given.
    transition_cost
        The transitions' part of it.
    """

    run: tuple[int, ...]
    cost: float
    transition_cost: float

    @property
    def plans(self) -> tuple[int, ...]:
        """Numbers of the plans that run, in the order of their first period."""
        return tuple(dict.fromkeys(self.run))

    def switches(self, wraps: bool) -> tuple[int, ...]:
        """Return the periods that begin with a switch."""
        first = 0 if wraps else 1
        return tuple(t for t in range(first, len(self.run)) if self.run[t] != self.run[t - 1])


def best_days(
    period_cost: Floats, switch_cost: Floats, dwell: int, wraps: bool, most_plans: int
) -> tuple[DayChoice, ...]:
    """Find the cheapest day with one plan, with two, and so on.

    Parameters
    ----------
    period_cost
        [period, plan] cost of running a plan in a period.
    switch_cost
        [period, from, to] cost of the transition at the beginning of a period; 0 from a plan to
        itself.
    dwell
        Periods that a plan runs at least.
    wraps
        Whether the last period is followed by the first.
    most_plans
        Plans to allow at most.

    Returns
    -------
    tuple of DayChoice
        The k-th is the cheapest day with at most k plans; no longer than there is anything to
        gain from one more candidate being allowed, and never empty.

    Raises
    ------
    InfeasibleError
        If there are more candidates than can be enumerated, or none.
    """
    periods, plans = period_cost.shape
    if not 1 <= plans <= MOST_CANDIDATES:
        raise InfeasibleError(f"{plans} candidate plans; allowed are 1 to {MOST_CANDIDATES}")
    totals = period_cost.sum(axis=0)
    only = int(np.argmin(totals))
    found = [DayChoice((only,) * periods, float(totals[only]), 0.0)]
    fitting = periods // max(1, dwell)
    staying = STAYING * max(float(totals.min()), 1e-12)
    for size in range(2, min(most_plans, plans, fitting) + 1):
        subsets = np.array(list(combinations(range(plans), size)))
        best = min(
            (float(costs.min()), tuple(chunk[int(costs.argmin())].tolist()))
            for chunk in _chunks(subsets)
            for costs in (_ring_costs(period_cost, switch_cost, chunk, dwell, wraps, staying),)
        )
        run = _run(period_cost, switch_cost, best[1], dwell, wraps, staying)
        choice = cost_of(run, period_cost, switch_cost, wraps)
        found.append(choice if choice.cost < found[-1].cost else found[-1])
    return tuple(found)


def cost_of(
    run: tuple[int, ...], period_cost: Floats, switch_cost: Floats, wraps: bool
) -> DayChoice:
    """Return what a given day costs."""
    running = sum(float(period_cost[t, plan]) for t, plan in enumerate(run))
    first = 0 if wraps else 1
    moving = sum(float(switch_cost[t, run[t - 1], run[t]]) for t in range(first, len(run)))
    return DayChoice(run, running + moving, moving)


def dwell_kept(run: tuple[int, ...], dwell: int, wraps: bool) -> bool:
    """Tell whether every plan of a day runs for at least so many periods at a time."""
    if len(set(run)) == 1:
        return True
    begins = [t for t in range(len(run)) if run[t] != run[t - 1]]
    if not wraps:
        begins = sorted({0, *begins})
        lengths = np.diff([*begins, len(run)])
    else:
        lengths = np.diff([*begins, begins[0] + len(run)])
    return bool((lengths >= dwell).all())


def _chunks(subsets: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for begin in range(0, len(subsets), _CHUNK):
        yield subsets[begin : begin + _CHUNK]


def _steps(
    period_cost: Floats,
    switch_cost: Floats,
    chunk: NDArray[np.int64],
    dwell: int,
    staying: float,
    t: int,
) -> Floats:
    """Return [subset, state, state] costs of entering a period; the period itself included.

    State s * dwell + d: plan s of the subset, running for d + 1 periods, the last d for longer.
    """
    count, size = chunk.shape
    step = np.full((count, size, dwell, size, dwell), np.inf)
    running = period_cost[t][chunk]
    for s in range(size):
        for d in range(dwell):
            step[:, s, d, s, min(d + 1, dwell - 1)] = running[:, s]
        for other in range(size):
            if other != s:
                moving = switch_cost[t, chunk[:, s], chunk[:, other]] + staying
                step[:, s, dwell - 1, other, 0] = running[:, other] + moving
    return step.reshape(count, size * dwell, size * dwell)


def _ends(size: int, dwell: int, wraps: bool) -> Floats:
    """Return [first state, last state] what ending a day so costs: nothing or infinitely much.

    The day begins in the last period of the day before it where it is a ring. Elsewhere it begins
    with a plan that begins, and ends with one that has run long enough.
    """
    states = size * dwell
    if wraps:
        return np.where(np.eye(states, dtype=bool), 0.0, np.inf)
    ends = np.full((states, states), np.inf)
    ends[:, dwell - 1 :: dwell] = 0.0
    return ends


def _begin(
    period_cost: Floats,
    switch_cost: Floats,
    chunk: NDArray[np.int64],
    dwell: int,
    wraps: bool,
    staying: float,
) -> Floats:
    count, size = chunk.shape
    if wraps:
        return _steps(period_cost, switch_cost, chunk, dwell, staying, 0)
    begin = np.full((count, size, dwell, size, dwell), np.inf)
    running = period_cost[0][chunk]
    for s in range(size):
        begin[:, s, 0, s, 0] = running[:, s]
    return begin.reshape(count, size * dwell, size * dwell)


def _ring_costs(
    period_cost: Floats,
    switch_cost: Floats,
    chunk: NDArray[np.int64],
    dwell: int,
    wraps: bool,
    staying: float,
) -> Floats:
    """Return the cheapest day of each subset of plans."""
    paths = _begin(period_cost, switch_cost, chunk, dwell, wraps, staying)
    for t in range(1, len(period_cost)):
        step = _steps(period_cost, switch_cost, chunk, dwell, staying, t)
        paths = np.min(paths[:, :, :, None] + step[:, None, :, :], axis=2)
    ends = _ends(chunk.shape[1], dwell, wraps)
    found: Floats = (paths + ends).min(axis=(1, 2))
    return found


def _run(
    period_cost: Floats,
    switch_cost: Floats,
    subset: tuple[int, ...],
    dwell: int,
    wraps: bool,
    staying: float,
) -> tuple[int, ...]:
    """Return the cheapest day of one subset, period by period."""
    chunk = np.array([subset])
    paths = _begin(period_cost, switch_cost, chunk, dwell, wraps, staying)[0]
    backs: list[NDArray[np.int64]] = []
    for t in range(1, len(period_cost)):
        step = _steps(period_cost, switch_cost, chunk, dwell, staying, t)[0]
        through = paths[:, :, None] + step[None, :, :]
        backs.append(through.argmin(axis=1))
        paths = through.min(axis=1)
    ended = paths + _ends(len(subset), dwell, wraps)
    first, state = np.unravel_index(int(ended.argmin()), ended.shape)
    states = [int(state)]
    for back in reversed(backs):
        states.append(int(back[first, states[-1]]))
    return tuple(subset[state // dwell] for state in reversed(states))
