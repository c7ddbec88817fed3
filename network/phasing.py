"""Phases of a signal and the clearance between them.

A *phase* here is what one ring of a controller gives green to at once: a set of movements, each
with its aspect. A stage-based program is one ring; a North American eight-phase controller runs
two rings side by side, which cross the barriers together. Aspects are written one character per
signal group, as SUMO does: ``G`` protected green, ``g`` permissive green (yields), ``s`` stop
then turn, ``y`` yellow, ``u`` red and yellow, ``r`` red.

Where two rings speak of the same group, the street sees the more permissive of the two: a left
turn that phase 5 protects and phase 2 permits goes from ``G`` to ``g`` when phase 5 ends.

Between phase *a* and phase *b* comes the clearance of *a*: yellow change, then red clearance.
A signal group that is green in both keeps its green throughout, as an overlap with both phases
included does in a North American cabinet. Where the program in force shows a clearance of its
own between two phases (staggered yellows, red and yellow), that one is kept to the letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType

from network.errors import TopologyError
from network.units import TENTHS_PER_SECOND

GREEN_ASPECTS = frozenset("Gg")
STEADY_ASPECTS = frozenset("Ggsr")
ASPECTS = frozenset("GgsyurOo")
PERMISSIVENESS = "rusygGoO"
"""Aspects from the most restrictive to the most permissive."""

SHORTEST_YELLOW_DS = 30
LONGEST_YELLOW_DS = 60
"""MUTCD 2009, section 4D.26: a yellow change interval lasts 3 to 6 seconds."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One unchanging picture of a signal.

    Attributes
    ----------
    aspects
        One character per signal group.
    duration_ds
        Duration in tenths of a second.
    """

    aspects: str
    duration_ds: int


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a signal.

    Attributes
    ----------
    number
        Phase number in the controller, from 1.
    aspects
        Aspect of each signal group while the phase is green; only ``G g s r``.
    min_green_s
        Least green in whole seconds.
    yellow_ds, red_clear_ds
        Yellow change and red clearance in tenths of a second; together they make the clearance.
    ring, barrier
        Where it stands, each from 1. Phases of different rings may be green together only
        between the same barriers.
    walk_s, ped_clear_s
        Walk and pedestrian clearance, whole seconds, before the yellow change begins; 0 where
        nobody walks, or where the phase's own least green is long enough to include them.
    """

    number: int
    aspects: str
    min_green_s: int
    yellow_ds: int
    red_clear_ds: int
    ring: int = 1
    barrier: int = 1
    walk_s: int = 0
    ped_clear_s: int = 0

    def __post_init__(self) -> None:
        if self.number < 1:
            raise TopologyError(f"phase number {self.number} is below 1")
        if not self.aspects or set(self.aspects) - STEADY_ASPECTS:
            raise TopologyError(
                f"phase {self.number} shows {self.aspects!r}; a phase may show only G, g, s and r"
            )
        if self.min_green_s < 1:
            raise TopologyError(f"phase {self.number}: minimum green {self.min_green_s} s is < 1 s")
        if self.yellow_ds < 0 or self.red_clear_ds < 0:
            raise TopologyError(f"phase {self.number}: negative clearance")
        if self.ring < 1 or self.barrier < 1:
            raise TopologyError(
                f"phase {self.number}: ring {self.ring} and barrier {self.barrier} count from 1"
            )
        if self.walk_s < 0 or self.ped_clear_s < 0 or (self.ped_clear_s and not self.walk_s):
            raise TopologyError(
                f"phase {self.number}: walk {self.walk_s} s and pedestrian clearance "
                f"{self.ped_clear_s} s; allowed are 0 or more, and no clearance without a walk"
            )

    @property
    def clearance_ds(self) -> int:
        """Yellow change plus red clearance, in tenths of a second."""
        return self.yellow_ds + self.red_clear_ds

    @property
    def clearance_s(self) -> float:
        """Yellow change plus red clearance, in seconds."""
        return self.clearance_ds / TENTHS_PER_SECOND

    @property
    def least_green_s(self) -> int:
        """Least green that is also long enough to walk, in whole seconds."""
        return max(self.min_green_s, self.walk_s + self.ped_clear_s)

    @property
    def min_split_s(self) -> int:
        """Least split in whole seconds: least green plus clearance, rounded up."""
        return self.least_green_s + -(-self.clearance_ds // TENTHS_PER_SECOND)

    def serves(self, group: int) -> bool:
        """Tell whether a signal group has green, protected or permissive."""
        return self.aspects[group] in GREEN_ASPECTS


@dataclass(frozen=True, slots=True)
class Phasing:
    """All phases a signal can show, and the clearances between them.

    Attributes
    ----------
    phases
        In the order of the program in force.
    fixed_clearances
        Clearance intervals that the program in force shows between two phases, keyed by their
        numbers. Each sums to the first phase's yellow plus red clearance.
    """

    phases: tuple[Phase, ...]
    fixed_clearances: Mapping[tuple[int, int], tuple[Interval, ...]]

    def __post_init__(self) -> None:
        if not self.phases:
            raise TopologyError("a signal needs at least one phase")
        numbers = [phase.number for phase in self.phases]
        if len(set(numbers)) != len(numbers):
            raise TopologyError(f"phase numbers {numbers} are not unique")
        widths = {len(phase.aspects) for phase in self.phases}
        if len(widths) != 1:
            raise TopologyError(f"phases disagree on the number of signal groups: {sorted(widths)}")
        for (a, b), intervals in self.fixed_clearances.items():
            phase = self.phase(a)
            self.phase(b)
            total_ds = sum(interval.duration_ds for interval in intervals)
            if total_ds != phase.clearance_ds:
                raise TopologyError(
                    f"clearance {a}-{b} lasts {total_ds} tenths, phase {a} declares "
                    f"{phase.clearance_ds}"
                )
            if phase.ring != self.phase(b).ring:
                raise TopologyError(f"clearance {a}-{b} leads from one ring into another")
        object.__setattr__(self, "fixed_clearances", MappingProxyType(dict(self.fixed_clearances)))

    def __reduce__(self) -> tuple[object, ...]:
        return (Phasing, (self.phases, dict(self.fixed_clearances)))

    @property
    def group_count(self) -> int:
        """Number of signal groups."""
        return len(self.phases[0].aspects)

    @property
    def idle(self) -> str:
        """Aspects of a ring that serves nobody: red for every group."""
        return "r" * self.group_count

    @property
    def rings(self) -> tuple[int, ...]:
        """Numbers of its rings, in order."""
        return tuple(sorted({phase.ring for phase in self.phases}))

    def segments(self, sequence: Sequence[int]) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Divide a sequence into what runs between barriers, ring by ring.

        Parameters
        ----------
        sequence
            Phase numbers as they are served, ring by ring.

        Returns
        -------
        tuple
            One entry per barrier in running order; in it one tuple of phase numbers for each of
            the rings that the sequence uses, empty where a ring has nothing to serve there. A
            signal of one ring and one barrier has one entry holding the sequence.

        Raises
        ------
        TopologyError
            A phase is unknown, the phases of a barrier are not served one after the other, or
            the rings disagree on the order of barriers.
        """
        phases = [self.phase(number) for number in sequence]
        used = sorted({phase.ring for phase in phases})
        orders = {ring: _barriers(ring, phases) for ring in used}
        order = max(orders.values(), key=len, default=[])
        missing = {phase.barrier for phase in phases} - set(order)
        if missing:
            # Rings without a common barrier say nothing of each other; keep the numbers' order.
            order = sorted({phase.barrier for phase in phases})
        for ring, found in orders.items():
            if [barrier for barrier in order if barrier in found] != found:
                raise TopologyError(
                    f"sequence {list(sequence)}: ring {ring} crosses its barriers in the order "
                    f"{found}, another in the order {order}"
                )
        return tuple(
            tuple(
                tuple(p.number for p in phases if p.ring == ring and p.barrier == barrier)
                for ring in used
            )
            for barrier in order
        )

    def phase(self, number: int) -> Phase:
        """Return the phase of that number; raise `TopologyError` if there is none."""
        for phase in self.phases:
            if phase.number == number:
                return phase
        known = ", ".join(str(phase.number) for phase in self.phases)
        raise TopologyError(f"no phase {number}; the signal has {known}")

    def clearance(self, current: int, following: int) -> tuple[Interval, ...]:
        """Return what the street sees of a ring between two of its phases.

        Parameters
        ----------
        current, following
            Phase numbers; equal numbers mean that the phase rests through its own clearance, and
            0 follows where the ring has nothing to serve next.

        Returns
        -------
        tuple of Interval
            Together as long as the current phase's yellow change plus red clearance.
        """
        if (current, following) in self.fixed_clearances:
            return self.fixed_clearances[current, following]
        ending = self.phase(current)
        starting = self.phase(following).aspects if following else self.idle
        yellow = "".join(
            _clearing_aspect(a, b, "y") for a, b in zip(ending.aspects, starting, strict=True)
        )
        red = "".join(
            _clearing_aspect(a, b, "r") for a, b in zip(ending.aspects, starting, strict=True)
        )
        intervals = (Interval(yellow, ending.yellow_ds), Interval(red, ending.red_clear_ds))
        return tuple(interval for interval in intervals if interval.duration_ds)


def side_by_side(rings: Sequence[Sequence[Interval]]) -> tuple[Interval, ...]:
    """Return what the street sees of rings that run side by side.

    Parameters
    ----------
    rings
        What each ring shows from a common beginning; all last equally long.

    Returns
    -------
    tuple of Interval
        For every group the most permissive aspect of any ring. A single ring is returned as it
        is, entries of no duration left out.

    Raises
    ------
    TopologyError
        The rings do not last equally long.
    """
    lengths = [sum(interval.duration_ds for interval in ring) for ring in rings]
    if len(set(lengths)) != 1:
        raise TopologyError(f"rings last {lengths} tenths of a second, not equally long")
    if len(rings) == 1:
        return tuple(interval for interval in rings[0] if interval.duration_ds)
    changes = sorted({at for ring in rings for at in _ends(ring)})
    shown: list[Interval] = []
    began = 0
    for end in changes:
        if end == began:
            continue
        pictures = [_at(ring, began) for ring in rings]
        picture = "".join(
            max(aspects, key=PERMISSIVENESS.index) for aspects in zip(*pictures, strict=True)
        )
        if shown and shown[-1].aspects == picture:
            shown[-1] = Interval(picture, shown[-1].duration_ds + end - began)
        else:
            shown.append(Interval(picture, end - began))
        began = end
    return tuple(shown)


def _barriers(ring: int, phases: Sequence[Phase]) -> list[int]:
    found: list[int] = []
    for phase in phases:
        if phase.ring != ring or (found and found[-1] == phase.barrier):
            continue
        if phase.barrier in found:
            raise TopologyError(
                f"ring {ring} comes back to barrier {phase.barrier} with phase {phase.number}; "
                "the phases of a barrier are served one after the other"
            )
        found.append(phase.barrier)
    return found


def _ends(ring: Sequence[Interval]) -> Iterator[int]:
    return accumulate(interval.duration_ds for interval in ring)


def _at(ring: Sequence[Interval], instant_ds: int) -> str:
    for interval, end in zip(ring, _ends(ring), strict=True):
        if instant_ds < end:
            return interval.aspects
    raise TopologyError(f"a ring shows nothing {instant_ds} tenths after its beginning")


def _clearing_aspect(ending: str, starting: str, terminating: str) -> str:
    if ending in GREEN_ASPECTS:
        if starting in GREEN_ASPECTS:
            return "g" if "g" in (ending, starting) else "G"
        if terminating == "y":
            return "y"
        return "s" if starting == "s" else "r"
    # A group that gains its green waits for it; turning after a stop goes on meanwhile.
    return ending
