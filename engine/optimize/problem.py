"""What is to be optimized: a street, the signals that may change, and the limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, combinations, permutations

from engine.measures.objective import Objective
from engine.optimize import rings
from engine.optimize.inside import emptied, inside_groups, least_plan, protected
from engine.optimize.locks import Hold, Locks
from engine.optimize.waits import pedestrian_waits_s
from network.errors import InfeasibleError
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.safety import FAILURES, SignalRules
from network.timeline import watch
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
    balance
        Whether queues are kept within their blocks where demand exceeds capacity, as
        `engine.optimize.oversaturation` says.
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
    balance: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The phase sequences a signal may run.

    Attributes
    ----------
    signal, phasing, in_force
        As they are.
    sequences
        Lawful sequences, that in force first. Of a stage program one order for each set of
        stages; `orders` has the others.
    rules
        The signal's rules where splits decide on what is lawful too: in several rings.
    hold
        What is locked here.
    inside
        Signal groups of turns that start inside a junction of several nodes.
    """

    signal: Signal
    phasing: Phasing
    in_force: TimingPlan
    sequences: tuple[tuple[int, ...], ...] = field(default_factory=tuple)
    rules: SignalRules | None = None
    hold: Hold | None = None
    longest_wait_s: float | None = None
    inside: frozenset[int] = frozenset()
    _stages: SignalRules | None = field(default=None, compare=False, repr=False)
    _orders: dict[tuple[int, ...], tuple[tuple[int, ...], ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _watched: dict[tuple[int, ...], bool] = field(default_factory=dict, compare=False, repr=False)

    @property
    def bounds(self) -> rings.SplitBounds:
        """Bounds of its splits that are locked."""
        return self.hold.splits if self.hold is not None else rings.UNBOUNDED

    def least_cycle_s(self, sequence: tuple[int, ...]) -> int:
        """Shortest cycle that holds the least splits of a sequence, s."""
        return rings.least_cycle_s(self.phasing, sequence, self.bounds)

    def lawful(self, plan: TimingPlan) -> bool:
        """Tell whether splits moved within their limits keep a plan lawful.

        In one ring they always do, if the sequence is lawful. Side by side, whether a permitted
        left turn is trapped depends on which ring ends first. Where the objective limits waiting,
        pedestrians' counts.
        """
        if not self.patient(plan):
            return False
        if self.rules is not None:
            return not self.rules.check(plan)
        return plan.sequence in self.sequences or self._seen(plan.sequence)

    def patient(self, plan: TimingPlan) -> bool:
        """Tell whether a plan lets nobody who walks wait longer on average than is allowed."""
        if self.longest_wait_s is None:
            return True
        return max(pedestrian_waits_s(self.signal, plan).values(), default=0.0) <= (
            self.longest_wait_s
        )

    def orders(self, sequence: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Return other cyclic orders of the stages of a sequence that break no safety rule.

        Between any two stages the clearance is derived anew: what is green in both stays so, all
        else gets its yellow change and red clearance. An order in which one such step is refused
        (`refused_steps` tells why) is not offered, nor one in which turns that start inside a
        junction are not cleared behind their permissive green as they are in force. The second
        checker is asked, by `lawful`, when an order is about to be taken.

        Parameters
        ----------
        sequence
            Of one ring; several rings have their orders in `sequences`, and none here.

        Returns
        -------
        tuple of tuple of int
            All of up to `STAGES_PERMUTED` stages, in which the first stays in front; of more,
            those in which two neighbors change places.
        """
        if self._stages is None:
            return ()
        if sequence not in self._orders:
            left_empty = emptied(self.phasing, self.in_force.sequence, self.inside)
            self._orders[sequence] = tuple(
                order
                for order in rings.stage_orders(sequence)
                if is_lawful(self.signal.signal_id, self._stages, self.phasing, order)
                and emptied(self.phasing, order, self.inside) >= left_empty
            )
        found = self._orders[sequence]
        if self.hold is None:
            return found
        return tuple(order for order in found if self.hold.allows_sequence(order))

    def _seen(self, sequence: tuple[int, ...]) -> bool:
        """Ask the second checker about an order, once."""
        if sequence not in self._watched:
            splits_s = tuple(self.phasing.phase(number).min_split_s for number in sequence)
            plan = TimingPlan(
                self.signal.signal_id, sum(splits_s), sequence, splits_s, 0, sequence[0]
            )
            try:
                self._watched[sequence] = not watch(plan, self.signal)
            except FAILURES:
                self._watched[sequence] = False
        return self._watched[sequence]


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
        inside = inside_groups(network, signal)
        sequences = _sequences(signal, signal.phasing, signal.plan_in_force, limits, inside)
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
                inside,
                None if several else SignalRules(signal),
            )
    return found


def lawful_sequences(network: RoadNetwork, signal: Signal) -> tuple[tuple[int, ...], ...]:
    """Return the sequences a signal may run where nothing is locked, that in force first."""
    if signal.phasing is None or signal.plan_in_force is None:
        return ()
    inside = inside_groups(network, signal)
    return _sequences(signal, signal.phasing, signal.plan_in_force, Limits(), inside)


def refused_steps(signal: Signal) -> dict[tuple[int, int], str]:
    """Tell which stages of a signal may not follow each other, and why.

    Parameters
    ----------
    signal
        With its phases and its plan in force.

    Returns
    -------
    dict
        By a pair of stages, ending and beginning, of the plan in force: the first safety rule
        that the derived clearance between them breaks, as a sentence. Empty for several rings,
        whose orders are judged whole.
    """
    phasing, in_force = signal.phasing, signal.plan_in_force
    if phasing is None or in_force is None or len(phasing.rings) > 1:
        return {}
    rules = SignalRules(signal)
    found: dict[tuple[int, int], str] = {}
    for pair in permutations(in_force.sequence, 2):
        splits_s = tuple(phasing.phase(number).min_split_s for number in pair)
        plan = TimingPlan(signal.signal_id, sum(splits_s), pair, splits_s, 0, pair[0])
        for broken in rules.check(plan):
            if broken.phase == pair[0] and broken.rule != "minimum split":
                found[pair] = broken.text
                break
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
    signal: Signal,
    phasing: Phasing,
    in_force: TimingPlan,
    limits: Limits,
    inside: frozenset[int],
) -> tuple[tuple[int, ...], ...]:
    """Return lawful sequences, that in force first.

    Of a stage program one for each set of stages, in the order in force where that is lawful.
    """
    full = in_force.sequence
    needed = _served(phasing, full)
    cleared = protected(phasing, full, inside)
    left_empty = emptied(phasing, full, inside)
    lawful: list[tuple[int, ...]] = []
    rules = SignalRules(signal)
    sets = chain(
        (full,),
        (
            kept
            for kept in (_kept(phasing, full) if limits.may_omit_phases else ())
            if _walks(phasing, full) <= set(kept)
        ),
    )
    several = len(phasing.rings) > 1
    for kept in sets:
        if not _served(phasing, kept) >= needed or not protected(phasing, kept, inside) >= cleared:
            continue
        orders = rings.orders(phasing, kept)
        if not several:
            orders = chain(orders, rings.stage_orders(kept))
        for sequence in orders:
            if len(lawful) >= LARGEST_CHOICE:
                return tuple(lawful)
            if (
                is_lawful(signal.signal_id, rules, phasing, sequence)
                and emptied(phasing, sequence, inside) >= left_empty
            ):
                lawful.append(sequence)
                if not several:
                    break
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
    plan = least_plan(signal_id, phasing, sequence)
    return plan is not None and not rules.check(plan)
