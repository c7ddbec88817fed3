"""Timing plans: cycle, splits, offset and sequence of a signal, and sets of them.

A split includes yellow change and red clearance; green does not. An offset never travels
without its reference point. The canonical reference inside the project is the beginning of the
coordinated phase's green, counted from system zero: midnight, or second zero of a simulation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from network.errors import PlanError, TopologyError
from network.phasing import Interval, Phasing, side_by_side
from network.units import TENTHS_PER_SECOND


class OffsetReference(StrEnum):
    """The event of the coordinated phase that the offset names."""

    BEGIN_GREEN = "begin-green"
    BEGIN_YELLOW = "begin-yellow"
    END_YELLOW = "end-yellow"


@dataclass(frozen=True, slots=True)
class TimingPlan:
    """One signal's coordinated timing.

    Attributes
    ----------
    signal_id
        The signal.
    cycle_s
        Cycle length, whole seconds.
    sequence
        Phase numbers in the order they are served, ring by ring; phases left out are omitted.
    splits_s
        Split of each phase of the sequence, whole seconds, clearance included; those of a ring
        fill the cycle, and rings cross their barriers together.
    offset_s
        Lag of the coordinated phase's reference event behind system zero, 0 <= offset < cycle.
    coordinated_phase
        The phase the offset speaks of.
    offset_reference
        Which event of that phase.
    """

    signal_id: str
    cycle_s: int
    sequence: tuple[int, ...]
    splits_s: tuple[int, ...]
    offset_s: int
    coordinated_phase: int
    offset_reference: OffsetReference = OffsetReference.BEGIN_GREEN

    def __post_init__(self) -> None:
        where = f"plan of signal {self.signal_id!r}"
        for name in ("cycle_s", "offset_s", "coordinated_phase"):
            if type(getattr(self, name)) is not int:
                raise PlanError(f"{where}: {name} is {getattr(self, name)!r}, not a whole number")
        if any(type(value) is not int for value in (*self.sequence, *self.splits_s)):
            raise PlanError(f"{where}: sequence and splits hold whole numbers only")
        if not self.sequence or len(self.sequence) != len(self.splits_s):
            raise PlanError(f"{where}: {len(self.sequence)} phases but {len(self.splits_s)} splits")
        if len(set(self.sequence)) != len(self.sequence):
            raise PlanError(f"{where}: sequence {list(self.sequence)} serves a phase twice")
        if self.coordinated_phase not in self.sequence:
            raise PlanError(
                f"{where}: coordinated phase {self.coordinated_phase} is not in the sequence "
                f"{list(self.sequence)}"
            )

    def split_s(self, phase: int) -> int:
        """Return the split of a phase in s; 0 if the plan leaves it out."""
        for number, split in zip(self.sequence, self.splits_s, strict=True):
            if number == phase:
                return split
        return 0

    def start_s(self, phase: int, phasing: Phasing) -> int:
        """Return when a phase begins green, in s after the begin of the first barrier.

        Parameters
        ----------
        phase
            Phase number.
        phasing
            The signal's phases; says which of them run side by side.
        """
        elapsed = 0
        for segment in phasing.segments(self.sequence):
            for ring in segment:
                if phase in ring:
                    return elapsed + sum(self.split_s(n) for n in ring[: ring.index(phase)])
            elapsed += max(sum(self.split_s(number) for number in ring) for ring in segment)
        raise PlanError(f"plan of signal {self.signal_id!r} leaves phase {phase} out")

    def begin_s(self, phasing: Phasing) -> int:
        """Return when the first phase of every ring begins green, in s after system zero.

        Parameters
        ----------
        phasing
            The signal's phases; needed because reference points other than the beginning of
            green depend on the clearance.
        """
        coordinated = phasing.phase(self.coordinated_phase)
        event_ds = self.start_s(self.coordinated_phase, phasing) * TENTHS_PER_SECOND
        if self.offset_reference is not OffsetReference.BEGIN_GREEN:
            event_ds += self.split_s(self.coordinated_phase) * TENTHS_PER_SECOND
            event_ds -= coordinated.red_clear_ds
            if self.offset_reference is OffsetReference.BEGIN_YELLOW:
                event_ds -= coordinated.yellow_ds
        if event_ds % TENTHS_PER_SECOND:
            raise PlanError(
                f"plan of signal {self.signal_id!r}: the {self.offset_reference} of phase "
                f"{self.coordinated_phase} falls between whole seconds"
            )
        return (self.offset_s - event_ds // TENTHS_PER_SECOND) % self.cycle_s

    def intervals(self, phasing: Phasing) -> tuple[Interval, ...]:
        """Return one cycle as the street sees it, from the first phases' green on.

        Parameters
        ----------
        phasing
            The signal's phases.

        Returns
        -------
        tuple of Interval
            They last one cycle. Of a single ring: green and clearance of each phase in turn.

        Raises
        ------
        PlanError
            A split leaves no green, or the rings do not last equally long.
        """
        splits_ds = {
            number: split_s * TENTHS_PER_SECOND
            for number, split_s in zip(self.sequence, self.splits_s, strict=True)
        }
        return cycle_of(phasing, self.sequence, splits_ds, f"plan of signal {self.signal_id!r}")


def cycle_of(
    phasing: Phasing, sequence: tuple[int, ...], splits_ds: Mapping[int, int], where: str
) -> tuple[Interval, ...]:
    """Return one cycle of a signal as the street sees it.

    Parameters
    ----------
    phasing
        The signal's phases.
    sequence
        Phase numbers as they are served, ring by ring.
    splits_ds
        Split of each, in tenths of a second.
    where
        What to name in a message.

    Raises
    ------
    PlanError
        A split leaves no green, or the rings do not last equally long.
    """
    try:
        segments = phasing.segments(sequence)
    except TopologyError as error:
        raise PlanError(f"{where}: {error}") from error
    rings: list[list[Interval]] = [[] for _ in segments[0]]
    for at, segment in enumerate(segments):
        length_ds = max(sum(splits_ds[number] for number in ring) for ring in segment)
        for shown, ring, onward in zip(
            rings, segment, segments[(at + 1) % len(segments)], strict=True
        ):
            if not ring:
                shown.append(Interval(phasing.idle, length_ds))
            elif len(segments) == 1 and len(ring) == 1:
                # The only phase of a ring rests: nothing ends, nothing needs clearing.
                shown.append(Interval(phasing.phase(ring[0]).aspects, splits_ds[ring[0]]))
            else:
                then = (*ring[1:], onward[0] if onward else 0)
                for number, following in zip(ring, then, strict=True):
                    shown += _split_of(phasing, number, following, splits_ds[number], where)
    try:
        return side_by_side(rings)
    except TopologyError as error:
        raise PlanError(f"{where}: {error}") from error


def _split_of(
    phasing: Phasing, number: int, following: int, split_ds: int, where: str
) -> tuple[Interval, ...]:
    phase = phasing.phase(number)
    green_ds = split_ds - phase.clearance_ds
    if green_ds <= 0:
        raise PlanError(
            f"{where}: split {split_ds / TENTHS_PER_SECOND:g} s of phase {number} leaves no green "
            f"after {phase.clearance_s:g} s of clearance"
        )
    return (Interval(phase.aspects, green_ds), *phasing.clearance(number, following))


@dataclass(frozen=True, slots=True)
class CoordinationGroup:
    """Signals that are kept in step by one cycle.

    A signal of a group runs the group's cycle or half of it, twice as often; what is called a
    double cycle is the same thing, seen from a group of which all but a few run half. As all count
    from the same system zero and the cycles go into each other, offsets stay in step.

    Attributes
    ----------
    cycle_s
        The common cycle, s, after which the whole group repeats.
    signals
        Two at least, in alphabetical order.
    """

    cycle_s: int
    signals: tuple[str, ...]

    def __post_init__(self) -> None:
        if type(self.cycle_s) is not int or self.cycle_s < 1:
            raise PlanError(f"a group's cycle is {self.cycle_s!r}, not a number of whole seconds")
        if len(set(self.signals)) < max(2, len(self.signals)):
            raise PlanError(
                f"a coordination group holds two signals or more, each once; found "
                f"{list(self.signals)}"
            )
        object.__setattr__(self, "signals", tuple(sorted(self.signals)))


@dataclass(frozen=True, slots=True)
class PlanSet:
    """The plans of a scenario's signals.

    Attributes
    ----------
    scenario
        Name of the scenario the plans were made for.
    plans
        One plan per retimed signal, ordered by signal.
    left_alone
        Signals without a plan here, each with the reason.
    groups
        Which of the signals are kept in step, ordered by signal; each runs its group's cycle or
        half of it. Signals of no group run by themselves, or nobody knows.

    Raises
    ------
    PlanError
        A signal has two plans, is of two groups, or runs a cycle that is not its group's.
    """

    scenario: str
    plans: tuple[TimingPlan, ...]
    left_alone: Mapping[str, str]
    groups: tuple[CoordinationGroup, ...] = ()

    def __post_init__(self) -> None:
        signals = [plan.signal_id for plan in self.plans]
        if len(set(signals)) != len(signals):
            raise PlanError("a signal has two plans in one set")
        both = set(signals) & set(self.left_alone)
        if both:
            raise PlanError(f"signals both planned and left alone: {', '.join(sorted(both))}")
        object.__setattr__(
            self, "plans", tuple(sorted(self.plans, key=lambda plan: plan.signal_id))
        )
        object.__setattr__(
            self, "left_alone", MappingProxyType(dict(sorted(self.left_alone.items())))
        )

        cycles_s = {plan.signal_id: plan.cycle_s for plan in self.plans}
        grouped: set[str] = set()
        for group in self.groups:
            for name in group.signals:
                _require_in_step(name, group, cycles_s.get(name), name in grouped)
            grouped |= set(group.signals)
            if all(cycles_s[name] != group.cycle_s for name in group.signals):
                raise PlanError(f"no signal of a group runs its cycle of {group.cycle_s} s")
        object.__setattr__(
            self, "groups", tuple(sorted(self.groups, key=lambda group: group.signals))
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (PlanSet, (self.scenario, self.plans, dict(self.left_alone), self.groups))

    def group_of(self, signal_id: str) -> CoordinationGroup | None:
        """Return the group of a signal, or None where it runs by itself."""
        return next((group for group in self.groups if signal_id in group.signals), None)

    def plan(self, signal_id: str) -> TimingPlan | None:
        """Return a signal's plan, or None where it is left alone or unknown."""
        for plan in self.plans:
            if plan.signal_id == signal_id:
                return plan
        return None

    @property
    def digest(self) -> str:
        """SHA-256 over everything that reaches the street, as hexadecimal text."""
        content = [
            [
                plan.signal_id,
                plan.cycle_s,
                list(plan.sequence),
                list(plan.splits_s),
                plan.offset_s,
                plan.coordinated_phase,
                str(plan.offset_reference),
            ]
            for plan in self.plans
        ]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def in_step(
    groups: Iterable[tuple[str, ...]], plans: Mapping[str, TimingPlan]
) -> tuple[CoordinationGroup, ...]:
    """Return the groups of several signals, each with its common cycle: the longest in it.

    Parameters
    ----------
    groups
        Names of signals; groups of one are passed over.
    plans
        By signal, for their cycles.
    """
    return tuple(
        CoordinationGroup(max(plans[name].cycle_s for name in group), group)
        for group in groups
        if len(group) > 1
    )


def _require_in_step(
    name: str, group: CoordinationGroup, cycle_s: int | None, elsewhere: bool
) -> None:
    if cycle_s is None:
        raise PlanError(f"signal {name!r} is of a coordination group but has no plan")
    if elsewhere:
        raise PlanError(f"signal {name!r} is of two coordination groups")
    if group.cycle_s not in (cycle_s, 2 * cycle_s):
        raise PlanError(
            f"signal {name!r} runs a cycle of {cycle_s} s in a group of {group.cycle_s} s; allowed "
            "are the group's cycle and half of it"
        )
