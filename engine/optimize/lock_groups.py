"""Locks of neighbors held against each other: what is of one group runs one cycle.

Groups are cut where signals have no cycle in common (`engine.optimize.groups`). A lock is no such
reason: locks contradict each other if they alone part what would be one group without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from engine.measures.street import Street
from engine.optimize.appraisal import scaled
from engine.optimize.groups import coordination_groups, span
from engine.optimize.isolated import IsolatedSignal
from engine.optimize.lock_room import cycle_lock
from engine.optimize.locks import Locks, OffsetLock
from engine.optimize.problem import Choice, Limits, choices
from network.errors import InfeasibleError
from network.graph import RoadNetwork

Cycles = Mapping[str, Mapping[int, float]]


def require_agreed(
    network: RoadNetwork,
    street: Street,
    limits: Limits,
    planned: Mapping[str, Choice],
    cycles_s: Cycles,
    together: Sequence[tuple[str, ...]] = (),
) -> None:
    """Raise where locks alone leave what would be one coordination group no common cycle.

    Parameters
    ----------
    network, street
        The roads and their demand.
    limits
        What is allowed, with the locks.
    planned
        What the signals may run.
    cycles_s
        By signal, the cycles that its locks leave it, s, each with its cost alone.
    together
        Signals that are to share a group.

    Raises
    ------
    InfeasibleError
        With the locks that contradict each other; with the signal that cannot run the cycle that
        is locked and the seconds that are missing; or with the lock that is to keep the
        differences of offsets of signals that no cycle suits.
    """
    locks, members = limits.locks, set(planned)
    uncut = coordination_groups(street, members, together, tied=locks.ties)
    held = {
        name
        for group in uncut
        if not _common(group, cycles_s)
        for name in group
        if name in locks.holds
    }
    if not held:
        return
    able = choices(network, replace(limits, locks=Locks()))
    free = dict(cycles_s)
    ample = scaled(street, limits.demand_margin)
    for name in sorted(held & able.keys()):
        free[name] = IsolatedSignal(ample, able[name], limits).cycles_s or cycles_s[name]
    for tie in locks.ties:
        _require_one_cycle_for(tie, locks, free)
    for group in coordination_groups(street, members, together, free, locks.ties):
        _require_one_lock(locks, group, planned)
        _require_in_common([name for name in group if name in locks.holds], locks, cycles_s)


def _common(names: Iterable[str], cycles_s: Cycles) -> set[int]:
    sets = [set(cycles_s[name]) for name in names]
    return set.intersection(*sets) if sets else set()


def _require_one_cycle_for(tie: tuple[str, ...], locks: Locks, free: Cycles) -> None:
    names = [name for name in tie if name in free]
    if names and not _common(names, free):
        lock = next(
            k for k in locks.holds[names[0]].locks if isinstance(k, OffsetLock) and k.differences
        )
        shown = "; ".join(f"{name!r} {span(free[name])}" for name in names)
        raise InfeasibleError(f"{lock} can only stay under one cycle; they can run: {shown}")


def _require_one_lock(locks: Locks, group: tuple[str, ...], planned: Mapping[str, Choice]) -> None:
    """Raise where two cycles are locked, or one that is too short for somebody."""
    held = [(n, h) for n in group if (h := locks.holds.get(n)) and h.cycle_s is not None]
    for name, hold in held[1:]:
        first, other = held[0]
        if hold.cycle_s != other.cycle_s:
            raise InfeasibleError(
                f"signals {first!r} and {name!r} are of one group of one cycle, but {first!r} "
                f"is locked to {other.cycle_s} s by {cycle_lock(other)} and {name!r} to "
                f"{hold.cycle_s} s by {cycle_lock(hold)}; lock both to one cycle or let one go"
            )
    for name in group if held else ():
        cycle_s = held[0][1].cycle_s
        assert cycle_s is not None
        least_s = min(planned[name].least_cycle_s(s) for s in planned[name].sequences)
        if least_s > cycle_s:
            raise InfeasibleError(
                f"signal {name!r} is of one group with {held[0][0]!r}, which is locked to "
                f"{cycle_lock(held[0][1])}, but its phases need {least_s} s: "
                f"{least_s - cycle_s} s are missing"
            )


def _require_in_common(held: Sequence[str], locks: Locks, cycles_s: Cycles) -> None:
    """Raise with the fewest locked signals that have no cycle in common."""
    clashing = list(held)
    if not clashing or _common(clashing, cycles_s):
        return
    for name in reversed(held):
        rest = [other for other in clashing if other != name]
        if not _common(rest, cycles_s):
            clashing = rest
    shown = "; ".join(
        f"{name!r} can run {span(cycles_s[name])} with "
        + ", ".join(str(lock) for lock in locks.holds[name].locks)
        for name in clashing
    )
    raise InfeasibleError(
        f"signals {', '.join(map(repr, clashing))} are of one group of one cycle, but none meets "
        f"the locks of all: {shown}; let one go"
    )
