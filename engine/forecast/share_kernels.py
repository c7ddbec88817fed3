"""Kernels of turning: flows, shares and turns of many junctions, interval by interval.

Counts may hold NaN, which means that nothing is known.
"""

# numba's decorators carry no types; the kernels' own signatures are annotated.

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from engine.forecast.sensing_kernels import MOST_VEH, Counters, Floats, Integers


class JunctionArrays(NamedTuple):
    """Junctions, their approaches and turns, and what is counted of them.

    Junction j owns approaches ``first_approach[j]`` to ``first_approach[j + 1]``, and so on;
    turns are ordered by approach. Count o is the sum of turns ``part[first_part[o]:...]``.
    """

    first_approach: Integers
    first_turn: Integers  # per approach
    first_count: Integers  # per junction
    first_part: Integers  # per count
    part: Integers
    noise: Floats  # per count, standard deviation over the count
    first_covariance: Counters  # per junction; its block is square in its turns


class ShareState(NamedTuple):
    """What is believed of the turns; updated every interval."""

    share: Floats  # per turn
    covariance: Floats  # blocks, one junction after the other
    flow_veh: Floats  # per approach
    flow_variance: Floats  # per approach
    turn_veh: Floats  # per turn
    turn_variance: Floats  # per turn


BALANCE_ROUNDS = 30
FLOW_MEMORY_SD = 1.0
"""Standard deviation of an approach's flow, over the one an interval ago: hardly any memory."""
TINY_VEH = 1e-6


@njit(cache=True, error_model="numpy")
def update_shares(
    count_veh: Floats,
    junctions: JunctionArrays,
    state: ShareState,
    drift: float,
    scatter: float,
    work: Floats,
) -> None:
    """Bring flows and shares of every junction up to date with one interval of counts.

    Parameters
    ----------
    count_veh
        [count], NaN where it is missing or not to be believed.
    junctions, state
        The junctions.
    drift
        Standard deviation by which a share changes from one interval to the next.
    scatter
        Variance of turning over the multinomial one; 0 where turns follow shares exactly.
    work
        [A + 4, A or T], overwritten: A at least the approaches of any junction, and T its turns.
    """
    for j in range(junctions.first_approach.size - 1):
        first_a, last_a = junctions.first_approach[j], junctions.first_approach[j + 1]
        first_t, last_t = junctions.first_turn[first_a], junctions.first_turn[last_a]
        size = last_t - first_t
        begin = junctions.first_covariance[j]
        covariance = state.covariance[begin : begin + size * size].reshape((size, size))
        heard = _approach_flows(j, count_veh, junctions, state, scatter, work)
        if heard == 0:
            for a in range(first_a, last_a):
                for t in range(junctions.first_turn[a], junctions.first_turn[a + 1]):
                    state.turn_veh[t] = state.flow_veh[a] * state.share[t]
        else:
            _filter(j, count_veh, junctions, state, covariance, scatter, work)
            _restore(first_a, last_a, junctions, state, covariance)
            _balance(j, count_veh, junctions, state, covariance, scatter)
        for a in range(first_a, last_a):
            begin_t, end_t = junctions.first_turn[a], junctions.first_turn[a + 1]
            flow = state.flow_veh[a]
            for t in range(begin_t, end_t):
                i = t - first_t
                p = state.share[t]
                state.turn_variance[t] = (
                    flow * flow * covariance[i, i]
                    + p * p * state.flow_variance[a]
                    + scatter * flow * p * (1.0 - p)
                )
                for u in range(begin_t, end_t):
                    # Sums over an approach stay certain: they are 1.
                    level = 1.0 if t == u else 0.0
                    covariance[i, u - first_t] += drift * drift * (level - 1.0 / (end_t - begin_t))


@njit(cache=True, error_model="numpy")
def _counted(o: int, a: int, junctions: JunctionArrays, share: Floats) -> float:
    """Return which part of an approach's traffic a count sees."""
    part = 0.0
    for k in range(junctions.first_part[o], junctions.first_part[o + 1]):
        t = junctions.part[k]
        if junctions.first_turn[a] <= t < junctions.first_turn[a + 1]:
            part += share[t]
    return part


@njit(cache=True, error_model="numpy")
def _approach_flows(
    j: int,
    count_veh: Floats,
    junctions: JunctionArrays,
    state: ShareState,
    scatter: float,
    work: Floats,
) -> int:
    """Estimate the approaches' flows by least squares from all counts; return how many spoke."""
    first_a, last_a = junctions.first_approach[j], junctions.first_approach[j + 1]
    first_t = junctions.first_turn[first_a]
    size = last_a - first_a
    turns = junctions.first_turn[last_a] - first_t
    begin = junctions.first_covariance[j]
    covariance = state.covariance[begin : begin + turns * turns].reshape((turns, turns))
    seen, right, spare = size, size + 1, size + 2
    for i in range(size):
        flow = state.flow_veh[first_a + i]
        before = FLOW_MEMORY_SD * FLOW_MEMORY_SD * (flow + 10.0) * (flow + 10.0)
        for k in range(size):
            work[i, k] = 0.0
        work[i, i] = 1.0 / before
        work[right, i] = flow / before
    heard = 0
    for o in range(junctions.first_count[j], junctions.first_count[j + 1]):
        y = count_veh[o]
        if not 0.0 <= y <= MOST_VEH:
            continue
        heard += 1
        variance = (junctions.noise[o] * y) ** 2 + TINY_VEH
        for i in range(size):
            part = _counted(o, first_a + i, junctions, state.share)
            work[seen, i] = part
            spread = scatter * max(part * (1.0 - part), 0.0)
            variance += spread * max(state.flow_veh[first_a + i], y / size)
        for k in range(junctions.first_part[o], junctions.first_part[o + 1]):
            for m in range(junctions.first_part[o], junctions.first_part[o + 1]):
                t, u = junctions.part[k], junctions.part[m]
                flows = _flow_of(t, first_a, last_a, junctions, state) * _flow_of(
                    u, first_a, last_a, junctions, state
                )
                variance += flows * covariance[t - first_t, u - first_t]
        variance = max(variance, TINY_VEH)
        for i in range(size):
            for k in range(size):
                work[i, k] += work[seen, i] * work[seen, k] / variance
            work[right, i] += work[seen, i] * y / variance
    if heard == 0:
        return 0
    # Gauss-Jordan in place, without pivoting: the matrix is symmetric and positive definite.
    for i in range(size):
        pivot = 1.0 / work[i, i]
        work[i, i] = 1.0
        for k in range(size):
            work[i, k] *= pivot
        for row in range(size):
            if row != i:
                factor = work[row, i]
                work[row, i] = 0.0
                for k in range(size):
                    work[row, k] -= factor * work[i, k]
    for i in range(size):
        total = 0.0
        for k in range(size):
            total += work[i, k] * work[right, k]
        work[spare, i] = total
    for i in range(size):
        state.flow_veh[first_a + i] = max(work[spare, i], 0.0)
        state.flow_variance[first_a + i] = work[i, i]
    return heard


@njit(cache=True, error_model="numpy")
def _flow_of(
    t: int, first_a: int, last_a: int, junctions: JunctionArrays, state: ShareState
) -> float:
    for a in range(first_a, last_a):
        if t < junctions.first_turn[a + 1]:
            return state.flow_veh[a]
    return 0.0


@njit(cache=True, error_model="numpy")
def _filter(
    j: int,
    count_veh: Floats,
    junctions: JunctionArrays,
    state: ShareState,
    covariance: Floats,
    scatter: float,
    work: Floats,
) -> None:
    """Correct the shares with one count after the other."""
    first_a, last_a = junctions.first_approach[j], junctions.first_approach[j + 1]
    first_t = junctions.first_turn[first_a]
    size = covariance.shape[0]
    for o in range(junctions.first_count[j], junctions.first_count[j + 1]):
        y = count_veh[o]
        if not 0.0 <= y <= MOST_VEH:
            continue
        noise = (junctions.noise[o] * y) ** 2 + TINY_VEH
        partial = False
        for a in range(first_a, last_a):
            part = _counted(o, a, junctions, state.share)
            noise += scatter * max(part * (1.0 - part), 0.0) * state.flow_veh[a]
            noise += part * part * state.flow_variance[a]
        for i in range(size):
            work[0, i] = 0.0
        expected = 0.0
        for k in range(junctions.first_part[o], junctions.first_part[o + 1]):
            t = junctions.part[k]
            flow = _flow_of(t, first_a, last_a, junctions, state)
            expected += flow * state.share[t]
            work[0, t - first_t] = flow
        own = 0.0
        for i in range(size):
            total = 0.0
            for k in range(size):
                total += covariance[i, k] * work[0, k]
            work[1, i] = total
            own += work[0, i] * total
            if abs(total) > 1e-12:
                partial = True
        if not partial or not own > 0.0:
            continue
        gain = 1.0 / (own + noise)
        for i in range(size):
            state.share[first_t + i] += work[1, i] * gain * (y - expected)
        for i in range(size):
            for k in range(size):
                covariance[i, k] -= work[1, i] * work[1, k] * gain


@njit(cache=True, error_model="numpy")
def _restore(
    first_a: int, last_a: int, junctions: JunctionArrays, state: ShareState, covariance: Floats
) -> None:
    """Bring shares back into their bounds: nothing below 0, one per approach."""
    first_t = junctions.first_turn[first_a]
    size = covariance.shape[0]
    # First the way the covariance shows: a share that cannot be negative says that others of
    # the junction are off, too. Sums over approaches stay as they are.
    for _ in range(2 * size):
        lowest = 0
        for i in range(size):
            if state.share[first_t + i] < state.share[first_t + lowest]:
                lowest = i
        below = state.share[first_t + lowest]
        own = covariance[lowest, lowest]
        if below >= -1e-9 or own < 1e-9:
            break
        for i in range(size):
            state.share[first_t + i] -= covariance[i, lowest] * below / own
    # Then to the nearest point of each simplex: what is still negative is lifted.
    for a in range(first_a, last_a):
        begin, end = junctions.first_turn[a], junctions.first_turn[a + 1]
        for _ in range(end - begin):
            total, above = 0.0, 0
            for t in range(begin, end):
                if state.share[t] > 0.0:
                    total += state.share[t]
                    above += 1
                else:
                    state.share[t] = 0.0
            if above == 0:
                for t in range(begin, end):
                    state.share[t] = 1.0 / (end - begin)
                break
            step = (total - 1.0) / above
            negative = False
            for t in range(begin, end):
                if state.share[t] > 0.0:
                    state.share[t] -= step
                    negative = negative or state.share[t] < 0.0
            if not negative:
                break


@njit(cache=True, error_model="numpy")
def _balance(
    j: int,
    count_veh: Floats,
    junctions: JunctionArrays,
    state: ShareState,
    covariance: Floats,
    scatter: float,
) -> None:
    """Scale the turns to the interval's counts, as far as those can be believed."""
    first_a, last_a = junctions.first_approach[j], junctions.first_approach[j + 1]
    first_t = junctions.first_turn[first_a]
    for a in range(first_a, last_a):
        for t in range(junctions.first_turn[a], junctions.first_turn[a + 1]):
            state.turn_veh[t] = state.flow_veh[a] * state.share[t]
    for _ in range(BALANCE_ROUNDS):
        for o in range(junctions.first_count[j], junctions.first_count[j + 1]):
            y = count_veh[o]
            if not 0.0 <= y <= MOST_VEH:
                continue
            total, free = 0.0, 0.0
            for k in range(junctions.first_part[o], junctions.first_part[o + 1]):
                t = junctions.part[k]
                flow = _flow_of(t, first_a, last_a, junctions, state)
                p = state.share[t]
                total += state.turn_veh[t]
                free += scatter * flow * p * (1.0 - p)
                free += flow * flow * covariance[t - first_t, t - first_t]
            if total <= 0.0:
                continue
            noise = (junctions.noise[o] * y) ** 2 + TINY_VEH * TINY_VEH
            factor = (max(y, TINY_VEH) / total) ** (free / (free + noise))
            for k in range(junctions.first_part[o], junctions.first_part[o + 1]):
                state.turn_veh[junctions.part[k]] *= factor
        for a in range(first_a, last_a):
            total = 0.0
            for t in range(junctions.first_turn[a], junctions.first_turn[a + 1]):
                total += state.turn_veh[t]
            if total > 0.0:
                for t in range(junctions.first_turn[a], junctions.first_turn[a + 1]):
                    state.turn_veh[t] *= state.flow_veh[a] / total
