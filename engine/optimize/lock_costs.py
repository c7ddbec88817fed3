"""What each lock costs: how much cheaper the plans could be if it alone were let go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.measures.street import Street
from engine.optimize.alternatives import cycles_around, next_sequence
from engine.optimize.explanation import LARGEST_REFITTED
from engine.optimize.groups import timed_groups
from engine.optimize.lock_checks import locked
from engine.optimize.locks import CycleLock, Lock, Locks, SequenceLock
from engine.optimize.problem import Limits, choices
from engine.optimize.trials import GroupTrials
from network.graph import RoadNetwork
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR

DESCENT_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class LockCost:
    """What a lock costs.

    Attributes
    ----------
    lock
        The lock.
    veh_s_per_h
        What letting it go would save by a local search from the plans, vehicle-seconds in an
        hour; 0 where it holds nothing back.
    """

    lock: Lock
    veh_s_per_h: float


def lock_costs(
    network: RoadNetwork,
    street: Street,
    plans: Mapping[str, TimingPlan],
    limits: Limits,
    together: Sequence[tuple[str, ...]] = (),
    known: Sequence[tuple[str, ...]] = (),
) -> tuple[LockCost, ...]:
    """Price every lock by itself, all others staying.

    Parameters
    ----------
    network, street
        The roads and their demand.
    plans
        Plans that meet all locks, by signal.
    limits
        With the locks.
    together
        Signals that are to share a group.
    known
        Coordination groups of the plans, where they are known.

    Returns
    -------
    tuple of LockCost
        In the order of the signals; locks in groups too large to be refitted, and of signals
        without plans, are absent.
    """
    every = tuple(
        dict.fromkeys(lock for hold in limits.locks.holds.values() for lock in hold.locks)
    )
    groups = timed_groups(street, plans, [*together, *limits.locks.ties], known)
    found = []
    for lock in every:
        rest = locked(network, [other for other in every if other != lock])
        concerned = [g for g in groups if set(g) & set(lock.signals)]
        # A lock on signals without plans costs nobody knows what.
        if not concerned or any(len(group) > LARGEST_REFITTED for group in concerned):
            continue
        saved = 0.0
        for group in concerned:
            trials = GroupTrials(street, network, {name: plans[name] for name in group})
            saved += _saved(trials, network, limits, rest, lock)
        found.append(LockCost(lock, saved * SECONDS_PER_HOUR))
    return tuple(found)


def _saved(
    trials: GroupTrials, network: RoadNetwork, limits: Limits, rest: Locks, lock: Lock
) -> float:
    """Return what letting a lock go saves in one group, vehicle-seconds per second."""
    names = [name for name in lock.signals if name in trials.plans]
    plans = dict(trials.plans)
    kept = _descended(trials, network, limits, limits.locks, names)
    trials.take(plans.values())
    free = choices(network, replace(limits, locks=rest))
    if isinstance(lock, CycleLock):
        # Where another lock still holds the group's cycle, letting this one go frees nothing.
        if any(rest.hold(name).cycle_s is not None for name in trials.plans):
            return 0.0
        cycles = cycles_around(trials, free, network, limits)
        costs = {found.cycle_s: found.s_per_veh for found in cycles.tried}
        return max(0.0, costs[cycles.now_s] - min(costs.values())) * trials.volume_vps
    if isinstance(lock, SequenceLock):
        others = (next_sequence(trials, free[name]) for name in names)
        return sum(max(0.0, -found.veh_s_per_h) for found in others if found) / SECONDS_PER_HOUR
    return max(0.0, kept - _descended(trials, network, limits, rest, names))


def _descended(
    trials: GroupTrials, network: RoadNetwork, limits: Limits, locks: Locks, names: Iterable[str]
) -> float:
    able = choices(network, replace(limits, locks=locks))
    free = [name for name in names if locks.hold(name).pinned(trials.cycle_s) is None]
    return trials.descend(able, DESCENT_ROUNDS, offsets=free, splits=names)
