"""What an engineer will not have changed: plans, cycles, splits, offsets and sequences that stay.

Locks are met by construction: a locked split bounds what may be allocated and moved, a locked
cycle is the only one tried, and offsets that stay are put back after every move. Locks that no
lawful plan can meet are refused before anything is searched, with both of those that clash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from engine.optimize.rings import SplitBounds
from network.safety import LONGEST_CYCLE_S
from network.timing import TimingPlan

ANY_SPLIT_S = (0, LONGEST_CYCLE_S)


@dataclass(frozen=True, slots=True)
class Lock:
    """One thing that stays.

    Attributes
    ----------
    where
        Where it was asked for, such as file and line, for messages.
    signals
        The signals concerned.
    """

    where: str
    signals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanLock(Lock):
    """The plans in force stay whole."""

    def __str__(self) -> str:
        return f"the plan of {_named(self.signals)} ({self.where})"


@dataclass(frozen=True, slots=True)
class CycleLock(Lock):
    """The signals run this cycle.

    Attributes
    ----------
    cycle_s
        The cycle, s.
    """

    cycle_s: int

    def __str__(self) -> str:
        return f"a cycle of {self.cycle_s} s ({self.where})"


@dataclass(frozen=True, slots=True)
class SplitLock(Lock):
    """A phase of every signal named lasts between two limits, both included.

    Attributes
    ----------
    phase
        Its number.
    least_s, most_s
        Split, s.
    """

    phase: int
    least_s: int
    most_s: int

    def __str__(self) -> str:
        if self.least_s == self.most_s:
            size = f"{self.least_s} s"
        elif self.most_s >= LONGEST_CYCLE_S:
            size = f"at least {self.least_s} s"
        elif self.least_s <= 0:
            size = f"at most {self.most_s} s"
        else:
            size = f"{self.least_s} to {self.most_s} s"
        return f"{size} for phase {self.phase} ({self.where})"


@dataclass(frozen=True, slots=True)
class OffsetLock(Lock):
    """Offsets in force stay, or their differences do.

    Attributes
    ----------
    differences
        Whether the signals may shift, all by the same time.
    """

    differences: bool

    def __str__(self) -> str:
        what = "differences of the offsets" if self.differences else "offset"
        return f"the {what} of {_named(self.signals)} ({self.where})"


@dataclass(frozen=True, slots=True)
class SequenceLock(Lock):
    """Phases are served in this order.

    Attributes
    ----------
    sequence
        Phase numbers, ring by ring; empty for the sequence in force.
    """

    sequence: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"the sequence of {_named(self.signals)} ({self.where})"


@dataclass(frozen=True, slots=True)
class Hold:
    """What all locks together leave of one signal's choices.

    Attributes
    ----------
    signal_id
        The signal.
    sequence
        The only one allowed; empty where any is.
    cycle_s
        The only cycle allowed; None where any is.
    splits
        Bounds of the splits of some phases, s; such a phase is served.
    offset
        The plan whose offset, coordinated phase and reference stay; None where it is free.
    tied
        The plan in force, if its offset's difference to others stays; else None.
    locks
        The locks, for messages and reasons.
    lag_s
        Of a tied signal: offset in force of the tie's first, and how far this one is behind it.
    """

    signal_id: str
    sequence: tuple[int, ...] = ()
    cycle_s: int | None = None
    splits: SplitBounds = field(default_factory=dict)
    offset: TimingPlan | None = None
    tied: TimingPlan | None = None
    locks: tuple[Lock, ...] = ()
    lag_s: int = 0

    def pinned(self, cycle_s: int) -> TimingPlan | None:
        """Return the plan in force, at another cycle, whose offset stays; None where it is free.

        Of a tie one offset is as good as another while all else may shift: those in force.
        """
        plan = self.offset or self.tied
        if plan is None:
            return None
        offset_s = plan.offset_s if self.offset is not None else self.lag_s
        return replace(plan, cycle_s=cycle_s, offset_s=offset_s % cycle_s)

    def allows_sequence(self, sequence: tuple[int, ...]) -> bool:
        """Tell whether a sequence may be run."""
        if self.sequence and sequence != self.sequence:
            return False
        pinned = self.offset or self.tied
        if pinned is not None and pinned.coordinated_phase not in sequence:
            return False
        return all(number in sequence for number, (least_s, _) in self.splits.items() if least_s)

    def allows_cycle(self, cycle_s: int) -> bool:
        """Tell whether a cycle may be run."""
        if self.cycle_s is not None:
            return cycle_s == self.cycle_s
        return self.offset is None or self.offset.offset_s < cycle_s

    def allows_splits(self, plan: TimingPlan) -> bool:
        """Tell whether a plan's splits are within their bounds."""
        return all(
            least_s <= plan.split_s(number) <= most_s
            for number, (least_s, most_s) in self.splits.items()
            if number in plan.sequence
        )

    def allows(self, plan: TimingPlan) -> bool:
        """Tell whether a plan meets every lock of this signal alone."""
        pinned = self.offset
        if pinned is not None and (
            plan.offset_s != pinned.offset_s or not _same_reference(plan, pinned)
        ):
            return False
        if self.tied is not None and not _same_reference(plan, self.tied):
            return False
        return (
            self.allows_sequence(plan.sequence)
            and self.allows_cycle(plan.cycle_s)
            and self.allows_splits(plan)
        )


@dataclass(frozen=True, slots=True)
class Locks:
    """All that is locked, checked against a network.

    Attributes
    ----------
    holds
        By signal; signals without a lock are absent.
    ties
        Signals whose offsets keep their differences, each set once.
    """

    holds: Mapping[str, Hold] = field(default_factory=dict)
    ties: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", MappingProxyType(dict(sorted(self.holds.items()))))

    def __reduce__(self) -> tuple[object, ...]:
        return (Locks, (dict(self.holds), self.ties))

    def __bool__(self) -> bool:
        return bool(self.holds)

    @property
    def cycles_s(self) -> frozenset[int]:
        """The cycles that are locked somewhere, s."""
        return frozenset(h.cycle_s for h in self.holds.values() if h.cycle_s is not None)

    def hold(self, signal_id: str) -> Hold:
        """Return what is locked at a signal."""
        return self.holds.get(signal_id) or Hold(signal_id)

    def carried(
        self, plans: Mapping[str, TimingPlan], leading: Iterable[str] = ()
    ) -> dict[str, TimingPlan]:
        """Return plans with the offsets that stay put back, and tied ones carried along.

        Parameters
        ----------
        plans
            By signal; of each tie, all its signals, under one cycle.
        leading
            Signals that others are carried along with; of a tie without any, its first signal.

        Returns
        -------
        dict
            All plans.
        """
        found = dict(plans)
        for name, hold in self.holds.items():
            pinned = hold.offset or hold.tied
            if name in found and pinned is not None:
                offset_s = pinned.offset_s if hold.offset else found[name].offset_s
                found[name] = _referred(found[name], pinned, offset_s)
        ahead = set(leading)
        for tie in self.ties:
            members = [name for name in tie if name in found]
            fixed = [name for name in members if self.holds[name].offset is not None]
            led = [name for name in members if name in ahead]
            if not members:
                continue
            lead = (fixed or led or members)[0]
            for name in members:
                if name != lead:
                    lag_s = found[lead].offset_s + self._lag_s(lead, name)
                    found[name] = replace(found[name], offset_s=lag_s % found[name].cycle_s)
        return found

    def broken(self, plans: Mapping[str, TimingPlan]) -> tuple[str, ...]:
        """Return a sentence for every lock that some plans do not meet."""
        found = [
            f"signal {name!r} does not keep {', '.join(str(lock) for lock in hold.locks)}"
            for name, hold in self.holds.items()
            if name in plans and not hold.allows(plans[name])
        ]
        for tie in self.ties:
            first = next((name for name in tie if name in plans), "")
            for name in (name for name in tie if name in plans and name != first):
                a, b = plans[first], plans[name]
                # Of a signal that runs half the cycle, one of its two greens keeps the difference.
                cycle_s = min(a.cycle_s, b.cycle_s)
                if (b.offset_s - a.offset_s - self._lag_s(first, name)) % cycle_s:
                    found.append(f"signals {first!r} and {name!r} do not keep their difference")
        return tuple(found)

    def _lag_s(self, first: str, second: str) -> int:
        """Offset of the second behind the first, s; the same at any cycle."""
        return self.holds[second].lag_s - self.holds[first].lag_s


def _same_reference(plan: TimingPlan, pinned: TimingPlan) -> bool:
    return (
        plan.coordinated_phase == pinned.coordinated_phase
        and plan.offset_reference is pinned.offset_reference
    )


def _referred(plan: TimingPlan, pinned: TimingPlan, offset_s: int) -> TimingPlan:
    return replace(
        plan,
        offset_s=offset_s % plan.cycle_s,
        coordinated_phase=pinned.coordinated_phase,
        offset_reference=pinned.offset_reference,
    )


def _named(signals: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in signals[:3])
    return shown + (f" and {len(signals) - 3} more" if len(signals) > 3 else "")
