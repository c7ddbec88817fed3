"""Locks held against the network, the law and each other, before anything is searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import networkx as nx

from engine.optimize.lock_room import (
    require_any_room,
    require_lawful,
    require_room,
    require_sequence,
    require_served,
)
from engine.optimize.locks import (
    ANY_SPLIT_S,
    CycleLock,
    Hold,
    Lock,
    Locks,
    OffsetLock,
    PlanLock,
    SequenceLock,
    SplitLock,
)
from network.errors import InfeasibleError
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.timing import TimingPlan

T = TypeVar("T")


def locked(network: RoadNetwork, locks: Sequence[Lock]) -> Locks:
    """Check locks against a network and each other.

    Parameters
    ----------
    network
        The signals.
    locks
        In any order.

    Returns
    -------
    Locks

    Raises
    ------
    InfeasibleError
        If a lock names what the network lacks, if two contradict each other (both are named), or
        if no lawful plan meets those of a signal; with the seconds that are missing.
    """
    by_signal: dict[str, list[Lock]] = {}
    for lock in locks:
        for name in lock.signals:
            signal = network.signals.get(name)
            if signal is None:
                raise InfeasibleError(
                    f"{lock.where}: network {network.name!r} has no signal {name!r}"
                )
            if signal.phasing is None or signal.plan_in_force is None or signal.left_alone:
                if isinstance(lock, PlanLock):
                    continue  # It is not touched in any case.
                why = signal.left_alone or "its phases are unknown"
                raise InfeasibleError(
                    f"{lock.where}: signal {name!r} is left alone ({why}); only its whole plan "
                    "can be locked"
                )
            by_signal.setdefault(name, []).append(lock)
    ties = _ties(network, by_signal)
    holds = {
        name: _hold(network, network.signals[name], found) for name, found in by_signal.items()
    }
    for tie in ties:
        lead = next((name for name in tie if holds[name].offset is not None), tie[0])
        for name in tie:
            holds[name] = replace(holds[name], lag_s=_lag_s(network, lead, name))
    return Locks(holds, ties)


def _lag_s(network: RoadNetwork, lead: str, name: str) -> int:
    """Offset of a tie's first in force, and how far another is behind it the shorter way, s."""
    first, own = network.signals[lead].plan_in_force, network.signals[name].plan_in_force
    assert first is not None
    assert own is not None
    half_s = first.cycle_s // 2
    return first.offset_s + (own.offset_s - first.offset_s + half_s) % first.cycle_s - half_s


def _ties(
    network: RoadNetwork, by_signal: Mapping[str, Sequence[Lock]]
) -> tuple[tuple[str, ...], ...]:
    joined = nx.Graph()
    source: dict[str, OffsetLock] = {}
    for name, found in by_signal.items():
        tying = [k for k in found if isinstance(k, OffsetLock) and k.differences]
        for lock in tying:
            source.setdefault(name, lock)
            nx.add_path(joined, [lock.where, f"signal {name}"])
    ties = []
    for part in nx.connected_components(joined):
        names = sorted(name for name in source if f"signal {name}" in part)
        cycles = {n: p.cycle_s for n in names if (p := network.signals[n].plan_in_force)}
        odd = next((n for n in names if cycles[n] != cycles[names[0]]), None)
        if odd:
            raise InfeasibleError(
                f"{source[odd]}: {names[0]!r} runs {cycles[names[0]]} s in force and {odd!r} "
                f"{cycles[odd]} s, so their offsets have no difference to keep"
            )
        fixed = [
            (name, lock)
            for name in names
            for lock in by_signal[name]
            if isinstance(lock, PlanLock) or (isinstance(lock, OffsetLock) and not lock.differences)
        ]
        if len({name for name, _ in fixed}) > 1:
            raise InfeasibleError(
                f"{fixed[0][1]} and {fixed[1][1]} hold two signals of {source[fixed[1][0]]}; "
                "hold one of them, the differences hold the rest"
            )
        ties.append(tuple(names))
    return tuple(sorted(ties))


def _hold(network: RoadNetwork, signal: Signal, locks: Sequence[Lock]) -> Hold:
    phasing, plan = signal.phasing, signal.plan_in_force
    assert phasing is not None
    assert plan is not None
    name = signal.signal_id
    sequence = _one(
        name,
        "sequences",
        [
            (
                lock,
                (lock.sequence or plan.sequence)
                if isinstance(lock, SequenceLock)
                else plan.sequence,
            )
            for lock in locks
            if isinstance(lock, SequenceLock | PlanLock)
        ],
    )
    cycle_s = _one(
        name,
        "cycles",
        [
            (lock, lock.cycle_s if isinstance(lock, CycleLock) else plan.cycle_s)
            for lock in locks
            if isinstance(lock, CycleLock | PlanLock)
        ],
    )
    for lock in locks:
        if isinstance(lock, SequenceLock) and lock.sequence:
            require_sequence(signal, lock)
    bounds = _bounds(signal, phasing, plan, locks)
    stays = any(
        isinstance(k, PlanLock) or (isinstance(k, OffsetLock) and not k.differences) for k in locks
    )
    tied = any(isinstance(k, OffsetLock) and k.differences for k in locks)
    hold = Hold(
        name,
        sequence or (),
        cycle_s,
        bounds,
        plan if stays else None,
        plan if tied else None,
        tuple(locks),
    )
    if hold.sequence:
        require_served(hold, locks)
        require_room(phasing, hold, locks)
    elif cycle_s is not None:
        require_any_room(network, signal, hold, locks)
    if cycle_s is not None and hold.offset is not None and hold.offset.offset_s >= cycle_s:
        both = " and ".join(
            str(k) for k in locks if isinstance(k, CycleLock | OffsetLock | PlanLock)
        )
        raise InfeasibleError(
            f"signal {name!r}: its offset of {hold.offset.offset_s} s does not fit into a cycle of "
            f"{cycle_s} s: {both}"
        )
    return hold


def _one(name: str, what: str, asked: Sequence[tuple[Lock, T]]) -> T | None:
    """Return the one value that locks ask for; raise with the first two that differ."""
    for lock, value in asked[1:]:
        if value != asked[0][1]:
            raise InfeasibleError(
                f"signal {name!r} is locked to two {what}: {asked[0][0]} asks for "
                f"{asked[0][1]}, {lock} for {value}"
            )
    return asked[0][1] if asked else None


def _bounds(
    signal: Signal, phasing: Phasing, plan: TimingPlan, locks: Sequence[Lock]
) -> dict[int, tuple[int, int]]:
    bounds: dict[int, tuple[int, int]] = {}
    source: dict[int, list[Lock]] = {}
    numbers = {phase.number for phase in phasing.phases}
    for lock in locks:
        asked: Iterable[tuple[int, int, int]] = ()
        if isinstance(lock, SplitLock):
            if lock.phase not in numbers:
                raise InfeasibleError(
                    f"{lock.where}: signal {signal.signal_id!r} has no phase {lock.phase}; it has "
                    f"{', '.join(map(str, sorted(numbers)))}"
                )
            asked = [(lock.phase, lock.least_s, lock.most_s)]
            require_lawful(signal, phasing.phase(lock.phase), lock)
        elif isinstance(lock, PlanLock):
            asked = [(n, s, s) for n, s in zip(plan.sequence, plan.splits_s, strict=True)]
        for number, least_s, most_s in asked:
            low_s, high_s = bounds.get(number, ANY_SPLIT_S)
            source.setdefault(number, []).append(lock)
            bounds[number] = (max(low_s, least_s), min(high_s, most_s))
            if bounds[number][0] > bounds[number][1]:
                first = next(
                    k
                    for k in source[number]
                    if k is not lock and not _overlap(k, lock, number, plan)
                )
                raise InfeasibleError(
                    f"signal {signal.signal_id!r}, phase {number}: {first} contradicts {lock}"
                )
    return bounds


def _overlap(a: Lock, b: Lock, number: int, plan: TimingPlan) -> bool:
    def limits(lock: Lock) -> tuple[int, int]:
        if isinstance(lock, SplitLock):
            return lock.least_s, lock.most_s
        return plan.split_s(number), plan.split_s(number)

    (a_low, a_high), (b_low, b_high) = limits(a), limits(b)
    return max(a_low, b_low) <= min(a_high, b_high)
