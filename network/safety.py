"""The rules a timing plan must meet before it may reach a street.

This is the only copy of the rules; those of rings side by side are in `network.ring_rules`. They
are algebra on splits, phases and clearances; `network.timeline` plays the same plan and watches
the street, sharing no code with them. A plan is safe when both accept it.

The signal as it is built is the yardstick: what its plan in force shows between the same two
phases, or shows green together already, was approved by whoever built it and is tolerated
there, and only there. `as_built` lists these exceptions, so that they are counted and not
hidden. Where people walk by a phase of their own, walk and clearance times belong to the phase;
where a crossing is only a picture of a stage program, its stages keep their order and length.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from network.errors import ThroughbandError, TopologyError, UnsafePlanError
from network.graph import RoadNetwork, Signal
from network.phasing import GREEN_ASPECTS, LONGEST_YELLOW_DS, SHORTEST_YELLOW_DS, Phase
from network.ring_rules import RingRules
from network.signal_pictures import SignalPictures
from network.timeline import watch
from network.timing import OffsetReference, PlanSet, TimingPlan
from network.units import TENTHS_PER_SECOND
from network.violation import Violation, violated

LONGEST_CYCLE_S = 255
"""NTCIP 1202 patternCycleTime and splitTime are one octet."""

FAILURES = (ThroughbandError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""A checker that stumbles over a plan has not accepted it."""


def check(plan: TimingPlan, signal: Signal) -> tuple[Violation, ...]:
    """Return every rule that a plan breaks; nothing if it is lawful.

    Parameters
    ----------
    plan
        The plan.
    signal
        Its signal, with phases and plan in force. To judge many plans of one signal, keep a
        `SignalRules`.
    """
    return SignalRules(signal).check(plan)


def as_built(signal: Signal) -> tuple[Violation, ...]:
    """Return the rules that the plan in force breaks and that are tolerated for that reason."""
    if signal.plan_in_force is None or signal.left_alone:
        return ()
    return SignalRules(signal, tolerant=False).check(signal.plan_in_force)


def require_safe(plan_set: PlanSet, network: RoadNetwork) -> None:
    """Raise unless both checkers accept every plan.

    Parameters
    ----------
    plan_set
        The plans.
    network
        The signals they are for.

    Raises
    ------
    UnsafePlanError
        With every violation of every plan, of both checkers.
    """
    broken: list[str] = []
    for plan in plan_set.plans:
        signal = network.signals.get(plan.signal_id)
        if signal is None:
            broken.append(f"network {network.name!r} has no signal {plan.signal_id!r}")
            continue
        for judge in (check, watch):
            try:
                broken.extend(verdict.text for verdict in judge(plan, signal))
            except FAILURES as error:
                broken.append(f"signal {plan.signal_id!r} cannot be judged ({error!r})")
    if broken:
        raise UnsafePlanError(tuple(broken))


class SignalRules:
    """The rules of one signal, prepared once to judge many plans.

    Verdicts on pairs of phases are kept, so that a search pays for them once.

    Parameters
    ----------
    signal
        The signal with its phases and its plan in force.
    tolerant
        Whether what the plan in force shows is tolerated.
    """

    __slots__ = (
        "_due", "_greens", "_in_force", "_known", "_order", "_pairs", "_phases", "_pictures",
        "_signal", "_together", "_walkers",
    )  # fmt: skip

    def __init__(self, signal: Signal, *, tolerant: bool = True) -> None:
        self._signal = signal
        self._pictures = SignalPictures(signal)
        self._pairs: dict[tuple[int, int], tuple[Violation, ...]] = {}
        phasing, plan = signal.phasing, signal.plan_in_force
        self._phases = {p.number: p for p in phasing.phases} if phasing else {}
        self._greens = {
            number: frozenset(g for g, aspect in enumerate(p.aspects) if aspect in GREEN_ASPECTS)
            for number, p in self._phases.items()
        }
        due = (g for n, g in self._greens.items() if plan is None or n in plan.sequence)
        self._due = frozenset[int]().union(*due)
        # Groups that no vehicle listens to are pedestrian crossings.
        listened = {g for c in signal.connections for g in c.groups}
        self._walkers = (
            frozenset(range(phasing.group_count)) - listened if phasing else frozenset[int]()
        )
        self._order: frozenset[tuple[int, int]] = frozenset()
        self._in_force: frozenset[tuple[int, int]] = frozenset()
        self._known: frozenset[tuple[int, int]] = frozenset()
        if phasing and plan:
            self._order = frozenset(_neighbors(plan, signal))
            if tolerant:
                self._in_force = self._order
                shown = {interval.aspects for interval in plan.intervals(phasing)}
                self._known = frozenset(pair for p in shown for pair in self._pictures.clashes(p))
        self._together = RingRules(signal, self._pictures, self._known)

    def check(self, plan: TimingPlan) -> tuple[Violation, ...]:
        """Return every rule that a plan of this signal breaks.

        Parameters
        ----------
        plan
            The plan.
        """
        broken = list(self._foundations(plan))
        if not broken:
            broken.extend(self._sums(plan))
            broken.extend(self._offset(plan))
            broken.extend(self._starved(plan))
            for a, b in _neighbors(plan, self._signal):
                if (a, b) not in self._pairs:
                    self._pairs[a, b] = tuple(self._between(a, b))
                broken.extend(self._pairs[a, b])
        if not broken and len({self._phases[number].ring for number in plan.sequence}) > 1:
            broken.extend(self._together.check(plan))
        return tuple(broken)

    def _broken(self, rule: str, phase: int | None, found: object, limit: object) -> Violation:
        return violated(self._signal, rule, phase, found, limit)

    def _foundations(self, plan: TimingPlan) -> Iterator[Violation]:
        """What must hold before the rest can be calculated."""
        if plan.signal_id != self._signal.signal_id:
            yield self._broken("signal", None, plan.signal_id, self._signal.signal_id)
        if self._signal.left_alone or not self._phases:
            reason = self._signal.left_alone or "its phases are unknown"
            yield self._broken("left alone", None, "a plan", f"none, because {reason}")
        numbers = (plan.cycle_s, plan.offset_s, plan.coordinated_phase)
        if any(type(n) is not int for n in (*numbers, *plan.sequence, *plan.splits_s)):
            yield self._broken("whole numbers", None, plan, "whole numbers only")
        if not plan.sequence or len(plan.sequence) != len(plan.splits_s):
            yield self._broken("sequence", None, plan, "one split for each phase")
        if len(set(plan.sequence)) != len(plan.sequence):
            yield self._broken("sequence", None, list(plan.sequence), "each phase once")
        for number in plan.sequence:
            phase = self._phases.get(number)
            if phase is None:
                yield self._broken("phase exists", number, number, sorted(self._phases))
            elif any(type(n) is not int for n in _numbers(phase)):
                yield self._broken("whole numbers", number, phase, "whole numbers only")
        if self._signal.phasing and self._phases.keys() >= set(plan.sequence):
            try:
                self._signal.phasing.segments(plan.sequence)
            except TopologyError as error:
                yield self._broken("barrier", None, error, "rings that cross barriers together")

    def _sums(self, plan: TimingPlan) -> Iterator[Violation]:
        assert self._signal.phasing is not None
        least_s = total_s = 0
        for segment in self._signal.phasing.segments(plan.sequence):
            rings = [ring for ring in segment if ring]
            least_s += max(sum(self._phases[n].min_split_s for n in ring) for ring in rings)
            lengths_s = [sum(plan.split_s(n) for n in ring) for ring in rings]
            total_s += max(lengths_s)
            if len(set(lengths_s)) > 1:
                last = rings[0][-1]
                found = f"rings that take {lengths_s} s to barrier {self._phases[last].barrier}"
                yield self._broken("barrier", last, found, "equal sums of splits")
        if not least_s <= plan.cycle_s <= LONGEST_CYCLE_S:
            limit = f"{least_s} to {LONGEST_CYCLE_S} s"
            yield self._broken("cycle", None, f"{plan.cycle_s} s", limit)
        if total_s != plan.cycle_s:
            yield self._broken("splits fill the cycle", None, f"{total_s} s", f"{plan.cycle_s} s")
        for at, number in enumerate(plan.sequence):
            phase, split_s = self._phases[number], plan.splits_s[at]
            green_ds = split_s * TENTHS_PER_SECOND - phase.yellow_ds - phase.red_clear_ds
            if not green_ds >= phase.min_green_s * TENTHS_PER_SECOND:
                limit = f"{phase.min_green_s + phase.clearance_s:g} s or more"
                yield self._broken("minimum split", number, f"{split_s} s", limit)
            walk_ds = (phase.walk_s + phase.ped_clear_s) * TENTHS_PER_SECOND
            if phase.walk_s and not green_ds >= walk_ds:
                found = f"{green_ds / TENTHS_PER_SECOND:g} s of green"
                limit = f"{phase.walk_s} s to walk and {phase.ped_clear_s} s to clear the crossing"
                yield self._broken("walk", number, found, limit)

    def _offset(self, plan: TimingPlan) -> Iterator[Violation]:
        if not 0 <= plan.offset_s < plan.cycle_s:
            limit = f"0 to {plan.cycle_s - 1} s"
            yield self._broken("offset", None, f"{plan.offset_s} s", limit)
        if plan.coordinated_phase not in plan.sequence:
            number = plan.coordinated_phase
            yield self._broken("coordinated phase", number, number, list(plan.sequence))
            return
        reference = plan.offset_reference
        phase = self._phases[plan.coordinated_phase]
        before_end_ds = {
            OffsetReference.BEGIN_GREEN: 0,
            OffsetReference.BEGIN_YELLOW: phase.yellow_ds + phase.red_clear_ds,
            OffsetReference.END_YELLOW: phase.red_clear_ds,
        }
        if type(reference) is not OffsetReference:
            limit = ", ".join(OffsetReference)
            yield self._broken("offset reference", None, reference, limit)
        elif before_end_ds[reference] % TENTHS_PER_SECOND:
            found = f"{reference} {before_end_ds[reference]} tenths before the end of the split"
            yield self._broken("offset reference", plan.coordinated_phase, found, "whole seconds")

    def _starved(self, plan: TimingPlan) -> Iterator[Violation]:
        served = frozenset[int]().union(*(self._greens[number] for number in plan.sequence))
        for group in sorted(self._due - served):
            yield self._broken("no group starves", None, f"no green for group {group}", "some")
        # Who walks has no signal group here: only the phase tells of them.
        today = self._signal.plan_in_force.sequence if self._signal.plan_in_force else self._phases
        for number in sorted(set(today) - set(plan.sequence)):
            if self._phases[number].walk_s:
                yield self._broken("no walk is lost", number, "left out", "served, for who walks")

    def _between(self, a: int, b: int) -> Iterator[Violation]:
        """Judge what the street sees from the green of one phase to that of the next."""
        pictures = {self._phases[a].aspects, *(i.aspects for i in self._pictures.clearance(a, b))}
        for one, other in sorted({pair for p in pictures for pair in self._pictures.clashes(p)}):
            if (one, other) not in self._known:
                names = [self._signal.connections[i].connection_id for i in (one, other)]
                found = f"{names[0]} and {names[1]}, which cross, protected at once"
                yield self._broken("conflicting greens", a, found, "one at a time")
        if (a, b) in self._in_force or a == b:
            return
        yield from self._walks(a, b)
        in_force = [
            ds for pair in self._in_force for _, ds, _ in self._pictures.losses(*pair) if ds
        ]
        least_ds = max(self._phases[a].yellow_ds, min([SHORTEST_YELLOW_DS, *in_force]))
        most_ds = max([LONGEST_YELLOW_DS, *in_force])
        for group, yellow_ds, _ in self._pictures.losses(a, b):
            if not least_ds <= yellow_ds <= most_ds:
                found = f"{yellow_ds / TENTHS_PER_SECOND} s for group {group} before phase {b}"
                limit = f"{least_ds / TENTHS_PER_SECOND} to {most_ds / TENTHS_PER_SECOND} s"
                yield self._broken("yellow change", a, found, limit)
        yield from self._red_clearance(a, b)
        yield from self._traps(a, b)

    def _walks(self, a: int, b: int) -> Iterator[Violation]:
        """Where people walk, phases follow each other as they do in force.

        What clears a crossing may be a phase of its own, and nothing in a plan tells which.
        """
        walking = self._walkers & (self._greens[a] | self._greens.get(b, frozenset()))
        if walking and (a, b) not in self._order:
            found = f"phase {b} next, which never follows it in force"
            limit = f"the order in force, which clears the crossing of group {min(walking)}"
            yield self._broken("pedestrian clearance", a, found, limit)

    def _red_clearance(self, a: int, b: int) -> Iterator[Violation]:
        """Measure from the end of a group's yellow to the protected green of what it crosses."""
        least_ds = self._phases[a].red_clear_ds
        ended_ds = {group: end_ds for group, _, end_ds in self._pictures.losses(a, b)}
        begun_ds = self._pictures.gains(a, b)
        crossing = {
            (group, foe)
            for connection in self._signal.connections
            for group in connection.groups
            for foe in self._pictures.groups_of(connection.foes)
            if group != foe and group in ended_ds and foe in begun_ds
        }
        for group, foe in sorted(crossing):
            red_ds = begun_ds[foe] - ended_ds[group]
            if not red_ds >= least_ds:
                found = f"{red_ds / TENTHS_PER_SECOND} s between groups {group} and {foe}"
                limit = f"{least_ds / TENTHS_PER_SECOND} s or more"
                yield self._broken("red clearance", a, found, limit)

    def _traps(self, a: int, b: int) -> Iterator[Violation]:
        """Find drivers who yield, see yellow, and wrongly believe that the others do too."""
        pictures, _ = self._pictures.shown(a, b)
        going = {
            c.connection_id
            for c in self._signal.connections
            if c.groups and all(p[group] in GREEN_ASPECTS for p in pictures for group in c.groups)
        }
        for turning in self._signal.connections:
            shown = {pictures[0][group] for group in turning.groups}
            if "g" not in shown or not shown <= GREEN_ASPECTS:
                continue
            if not any(p[group] == "y" for p in pictures for group in turning.groups):
                continue
            for foe in sorted(turning.yields_to & going):
                found = f"{turning.connection_id} ends before phase {b} while {foe} goes on"
                yield self._broken("yellow trap", a, found, "both end together")


def _neighbors(plan: TimingPlan, signal: Signal) -> Iterator[tuple[int, int]]:
    """Phases that follow each other in a ring, 0 for none; one that rests follows itself."""
    assert signal.phasing is not None
    segments = signal.phasing.segments(plan.sequence)
    for ring in range(len(segments[0])):
        steps = [number for segment in segments for number in segment[ring] or (0,)]
        yield from ((a, b) for a, b in pairwise([*steps, steps[0]]) if a)


def _numbers(phase: Phase) -> tuple[object, ...]:
    times = (phase.min_green_s, phase.yellow_ds, phase.red_clear_ds)
    return (*times, phase.ring, phase.barrier, phase.walk_s, phase.ped_clear_s)
