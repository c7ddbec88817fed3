"""What is to be optimized: a street, the signals that may change, and the limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, combinations

from engine.measures.objective import Objective
from engine.optimize import rings
from engine.optimize.locks import Hold, Locks
from engine.optimize.waits import pedestrian_waits_s
from network.errors import InfeasibleError
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.safety import SignalRules
from network.timing import TimingPlan

LARGEST_CHOICE = 64
"""Phase sequences to consider at one signal; beyond, those with the fewest phases are kept."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What plans the engineer allows.

    Attributes
    ----------
    shortest_cycle_s, longest_cycle_s, cycle_step_s
        Cycle lengths to try, s.
    demand_margin
        Factor on the forecast flows while searching, so that plans hold when more comes.
    may_omit_phases
        Whether a phase may be left out when others serve all its movements.
    effort
        Evaluations of the whole street in the final search; time grows in proportion.
    seed
        For the order in which moves are tried.
    locks
        What is to stay.
    objective
        What is to be little.
    """

    shortest_cycle_s: int = 30
    longest_cycle_s: int = 120
    cycle_step_s: int = 5
    demand_margin: float = 1.15
    may_omit_phases: bool = True
    effort: int = 1500
    seed: int = 1
    locks: Locks = field(default_factory=Locks)
    objective: Objective = field(default_factory=Objective)


@dataclass(frozen=True, slots=True)
class Choice:
    """The phase sequences a signal may run."""

    signal: Signal
    phasing: Phasing
    in_force: TimingPlan
    sequences: tuple[tuple[int, ...], ...] = field(default_factory=tuple)
    rules: SignalRules | None = None
    hold: Hold | None = None
    longest_wait_s: float | None = None

    @property
    def bounds(self) -> rings.SplitBounds:
        """Bounds of its splits that are locked."""
        return self.hold.splits if self.hold is not None else rings.UNBOUNDED

    def least_cycle_s(self, sequence: tuple[int, ...]) -> int:
        """Shortest cycle that holds the least splits of a sequence, s."""
        return rings.least_cycle_s(self.phasing, sequence, self.bounds)

    def lawful(self, plan: TimingPlan) -> bool:
        """Tell whether splits moved within their limits keep a plan lawful.

        In one ring they always do. Side by side, whether a permitted left turn is trapped
        depends on which ring ends first. Where the objective limits waiting, pedestrians' counts.
        """
        return self.patient(plan) and (self.rules is None or not self.rules.check(plan))

    def patient(self, plan: TimingPlan) -> bool:
        """Tell whether a plan lets nobody who walks wait longer on average than is allowed."""
        if self.longest_wait_s is None:
            return True
        return max(pedestrian_waits_s(self.signal, plan).values(), default=0.0) <= (
            self.longest_wait_s
        )


def choices(network: RoadNetwork, limits: Limits) -> dict[str, Choice]:
    """List what every signal that may be retimed could run.

    Parameters
    ----------
    network
        The roads.
    limits
        What is allowed.

    Returns
    -------
    dict
        By signal. Signals that are to be left alone, or whose own sequence breaks a safety
        rule, are absent.
    """
    found: dict[str, Choice] = {}
    for signal in network.signals.values():
        if signal.left_alone or signal.phasing is None or signal.plan_in_force is None:
            continue
        hold = limits.locks.holds.get(signal.signal_id)
        sequences = _sequences(signal, signal.phasing, signal.plan_in_force, limits)
        if hold is not None:
            sequences = _kept_by(hold, sequences)
        if sequences:
            several = len(signal.phasing.rings) > 1
            found[signal.signal_id] = Choice(
                signal,
                signal.phasing,
                signal.plan_in_force,
                sequences,
                SignalRules(signal) if several else None,
                hold,
                limits.objective.longest_wait_s,
            )
    return found


def _kept_by(hold: Hold, sequences: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """Return the sequences that locks leave; one that was written down was judged already."""
    kept = tuple(sequence for sequence in sequences if hold.allows_sequence(sequence))
    if not kept and hold.sequence:
        return (hold.sequence,)
    if not kept:
        named = ", ".join(str(lock) for lock in hold.locks)
        raise InfeasibleError(
            f"signal {hold.signal_id!r}: no lawful sequence serves what is locked: {named}"
        )
    return kept


def _sequences(
    signal: Signal, phasing: Phasing, in_force: TimingPlan, limits: Limits
) -> tuple[tuple[int, ...], ...]:
    """Return lawful sequences in the order of the one in force, that one first."""
    full = in_force.sequence
    needed = _served(phasing, full)
    lawful: list[tuple[int, ...]] = []
    rules = SignalRules(signal)
    candidates = chain(
        rings.orders(phasing, full),
        (
            order
            for kept in (_kept(phasing, full) if limits.may_omit_phases else ())
            if _walks(phasing, full) <= set(kept)
            for order in rings.orders(phasing, kept)
        ),
    )
    for sequence in candidates:
        if len(lawful) >= LARGEST_CHOICE:
            break
        if _served(phasing, sequence) >= needed and is_lawful(
            signal.signal_id, rules, phasing, sequence
        ):
            lawful.append(sequence)
    return tuple(lawful)


def _walks(phasing: Phasing, sequence: tuple[int, ...]) -> set[int]:
    return {number for number in sequence if phasing.phase(number).walk_s}


def _kept(phasing: Phasing, full: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """Return what is left of a sequence when phases are left out, fewest phases first."""
    if len(phasing.rings) > 1:
        return rings.subsets(phasing, full)
    return (kept for size in range(2, len(full)) for kept in combinations(full, size))


def _served(phasing: Phasing, sequence: tuple[int, ...]) -> frozenset[int]:
    return frozenset(
        group
        for number in sequence
        for group in range(phasing.group_count)
        if phasing.phase(number).serves(group)
    )


def is_lawful(
    signal_id: str, rules: SignalRules, phasing: Phasing, sequence: tuple[int, ...]
) -> bool:
    """Tell whether a sequence passes a signal's safety rules at its least splits."""
    cycle_s = rings.least_cycle_s(phasing, sequence)
    splits = rings.filled(phasing, sequence, cycle_s, lambda _: dict.fromkeys(sequence, 0.0))
    if splits is None:
        return False
    listed = tuple(splits[number] for number in sequence)
    return not rules.check(TimingPlan(signal_id, cycle_s, sequence, listed, 0, sequence[0]))
