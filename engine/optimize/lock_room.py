"""Whether the locks of one signal leave room for a lawful plan, and what is missing where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.optimize.locks import (
    CycleLock,
    Hold,
    Lock,
    OffsetLock,
    PlanLock,
    SequenceLock,
    SplitLock,
)
from engine.optimize.problem import is_lawful, lawful_sequences
from engine.optimize.rings import least_cycle_s, longest_cycle_s
from network.errors import InfeasibleError
from network.graph import RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.safety import SignalRules


def cycle_lock(hold: Hold) -> str:
    """Return the lock that a signal's cycle comes from, in words."""
    return next(str(lock) for lock in hold.locks if isinstance(lock, CycleLock | PlanLock))


def require_lawful(signal: Signal, phase: Phase, lock: SplitLock) -> None:
    """Raise where a split is locked below what its phase needs."""
    missing_s = phase.min_split_s - lock.most_s
    if missing_s > 0:
        raise InfeasibleError(
            f"signal {signal.signal_id!r}: {lock} is not lawful; {_least(phase)}: {missing_s} s "
            "are missing"
        )


def _least(phase: Phase) -> str:
    if phase.walk_s + phase.ped_clear_s > phase.min_green_s:
        what = f"{phase.walk_s} s to walk, {phase.ped_clear_s} s to clear the crossing"
    else:
        what = f"{phase.min_green_s} s of minimum green"
    clearance = f"{phase.clearance_s:g} s of clearance"
    return f"phase {phase.number} needs {phase.min_split_s} s ({what}, {clearance})"


def require_sequence(signal: Signal, lock: SequenceLock) -> None:
    """Judge a sequence that was written down, at its least splits."""
    phasing = signal.phasing
    assert phasing is not None
    numbers = {phase.number for phase in phasing.phases}
    unknown = [n for n in lock.sequence if n not in numbers]
    if unknown or len(set(lock.sequence)) != len(lock.sequence):
        raise InfeasibleError(
            f"{lock.where}: signal {signal.signal_id!r}: sequence {list(lock.sequence)}; allowed "
            f"are phases {sorted(numbers)}, each once"
        )
    if not is_lawful(signal.signal_id, SignalRules(signal), phasing, lock.sequence):
        raise InfeasibleError(
            f"{lock.where}: signal {signal.signal_id!r}: sequence {list(lock.sequence)} breaks a "
            "safety rule"
        )


def require_served(hold: Hold, locks: Sequence[Lock]) -> None:
    """Raise where a locked sequence leaves out a phase that another lock speaks of."""
    ordering = next(k for k in locks if isinstance(k, SequenceLock | PlanLock))
    for lock in locks:
        if isinstance(lock, SplitLock) and lock.least_s and lock.phase not in hold.sequence:
            raise InfeasibleError(
                f"signal {hold.signal_id!r}: {lock} contradicts {ordering}, which leaves phase "
                f"{lock.phase} out"
            )
    pinned = hold.offset or hold.tied
    if pinned is not None and pinned.coordinated_phase not in hold.sequence:
        keeping = next(k for k in locks if isinstance(k, OffsetLock))
        raise InfeasibleError(
            f"signal {hold.signal_id!r}: {keeping} speaks of phase {pinned.coordinated_phase}, "
            f"which {ordering} leaves out"
        )


def require_any_room(
    network: RoadNetwork, signal: Signal, hold: Hold, locks: Sequence[Lock]
) -> None:
    """Raise where no lawful sequence fits the cycle: the search may leave phases out."""
    phasing, plan = signal.phasing, signal.plan_in_force
    assert phasing is not None
    assert plan is not None
    assert hold.cycle_s is not None
    try:
        return require_room(phasing, replace(hold, sequence=plan.sequence), locks)
    except InfeasibleError as error:
        refusal = error
    short = least_cycle_s(phasing, plan.sequence, hold.splits) > hold.cycle_s
    others = sorted(
        (s for s in lawful_sequences(network, signal) if hold.allows_sequence(s)),
        key=lambda sequence: least_cycle_s(phasing, sequence, hold.splits),
    )
    for number, sequence in enumerate(others):
        try:
            return require_room(phasing, replace(hold, sequence=sequence), locks)
        except InfeasibleError as error:
            # What is too short even so is told of the shortest, all else of that in force.
            if short and number == 0:
                refusal = error
    raise refusal


def require_room(phasing: Phasing, hold: Hold, locks: Sequence[Lock]) -> None:
    """Raise where locked splits overfill or cannot fill a cycle, or rings cannot meet."""
    name, sequence = hold.signal_id, hold.sequence
    served = {n: b for n, b in hold.splits.items() if n in sequence}
    named = ", ".join(str(k) for k in locks if isinstance(k, SplitLock | PlanLock)) or "no split"
    least_s = least_cycle_s(phasing, sequence, served)
    most_s = longest_cycle_s(phasing, sequence, served)
    if most_s is None:
        raise InfeasibleError(f"signal {name!r}: rings cannot meet at their barriers with {named}")
    if hold.cycle_s is None:
        return
    cycle = cycle_lock(hold)
    if least_s > hold.cycle_s:
        tight = "; ".join(_least(phasing.phase(n)) for n in sequence if n not in served)
        raise InfeasibleError(
            f"signal {name!r}: {cycle} is too short by {least_s - hold.cycle_s} s: it must hold "
            f"{least_s} s, with {named} locked" + (f"; {tight}" if tight else "")
        )
    if most_s < hold.cycle_s:
        raise InfeasibleError(
            f"signal {name!r}: {named} leave {hold.cycle_s - most_s} s of {cycle} that no phase "
            "may take"
        )
