"""A cycle of rings, cut where all of them stand together.

Rings run side by side and cross the barriers together. What lies between two such instants is a
`Section`; with several rings it is what a barrier encloses. A single ring stands together with
itself whenever a phase ends, so there every phase is a section of its own. A controller out of
step lengthens and shortens sections, and so no ring ever loses the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from controllers.emulator.phase_timing import PhaseTiming
from network.phasing import Phasing
from network.units import TENTHS_PER_SECOND

FREE_PATTERN: Final = 254
"""Number of uncoordinated operation (NTCIP 1202, systemPatternControl and coordPatternStatus)."""


@dataclass(frozen=True, slots=True)
class Service:
    """A phase's turn in its ring, in tenths of a second; a split is green plus clearance."""

    phase: int
    split_ds: int
    green_ds: int


@dataclass(frozen=True, slots=True)
class Section:
    """What the rings serve between two instants at which they stand together.

    Attributes
    ----------
    key
        What tells it from the other sections of any program of the same signal, see
        `section_key`.
    rings
        For each ring of the signal, what it serves in turn; empty where it has nothing to serve.
    start_ds, length_ds
        Begin within the cycle, and how long it lasts.
    """

    key: int
    rings: tuple[tuple[Service, ...], ...]
    start_ds: int
    length_ds: int

    def holds(self, phase: int) -> bool:
        """Tell whether a phase is served here."""
        return any(service.phase == phase for ring in self.rings for service in ring)


@dataclass(frozen=True, slots=True)
class Program:
    """A runnable pattern, all times in tenths of a second.

    Attributes
    ----------
    pattern
        Its number.
    sections
        As they are served; together they make the cycle.
    cycle_ds
        Cycle length.
    zero_ds
        Local zero: the event that the offset names, within the cycle.
    begin_ds
        When the first section begins, after system zero.
    coordinated
        The coordinated phase, or one per ring; empty when uncoordinated.
    dwelling
        Phases that rest while the coordinated phase does, itself included.
    timing
        How each phase is timed under actuation.
    floating
        Whether a phase may last as long as its split wherever it begins (`coordForceMode`),
        rather than until a fixed point of the cycle.
    red_revert_ds
        Least red of a ring that rests in red.
    fixed
        Whether no green depends on anybody, so that all of them are known beforehand.
    """

    pattern: int
    sections: tuple[Section, ...]
    cycle_ds: int
    zero_ds: int = 0
    begin_ds: int = 0
    coordinated: tuple[int, ...] = ()
    dwelling: frozenset[int] = frozenset()
    timing: Mapping[int, PhaseTiming] = field(default_factory=dict)
    floating: bool = True
    red_revert_ds: int = 0
    fixed: bool = True

    @property
    def free(self) -> bool:
        """Whether no cycle is kept."""
        return not self.coordinated

    @property
    def rests(self) -> bool:
        """Whether nothing ever ends: no ring has more than one phase, and no barrier follows."""
        return len(self.sections) == 1 and all(len(ring) < 2 for ring in self.sections[0].rings)

    def at(self, key: int) -> int | None:
        """Return which section bears a key; None if the program leaves it out."""
        for position, section in enumerate(self.sections):
            if section.key == key:
                return position
        return None

    def section_at(self, position_ds: int) -> Section:
        """Return the section in service at a place in the cycle."""
        begun = (s for s in self.sections if s.start_ds <= position_ds)
        return max(begun, key=lambda section: section.start_ds)

    def start_ds(self, phase: int) -> int:
        """Return when a phase begins green within the cycle."""
        for section in self.sections:
            for ring in section.rings:
                at = section.start_ds
                for service in ring:
                    if service.phase == phase:
                        return at
                    at += service.split_ds
        raise KeyError(phase)


def section_key(phasing: Phasing, phase: int) -> int:
    """Return the key of the section that serves a phase, in whatever program serves it."""
    return phase if len(phasing.rings) == 1 else phasing.phase(phase).barrier


def own_order(phasing: Phasing) -> tuple[int, ...]:
    """Return the keys of all sections as the signal's own order of phases has them."""
    return tuple(dict.fromkeys(section_key(phasing, phase.number) for phase in phasing.phases))


def following(program: Program, phasing: Phasing, key: int) -> tuple[int, ...]:
    """Return all sections of a program, from the one after a section on.

    From a section that the program leaves out, the signal's own order leads on.
    """
    at = program.at(key)
    if at is None:
        order = own_order(phasing)
        here = order.index(key)
        onward = (program.at(other) for other in (*order[here + 1 :], *order[:here]))
        at = next(found for found in onward if found is not None) - 1
    count = len(program.sections)
    return tuple((at + step) % count for step in range(1, count + 1))


def cut(phasing: Phasing, sequence: Sequence[int]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Cut a sequence into sections, each with one tuple of phases for every ring of the signal.

    Raises
    ------
    TopologyError
        The rings cannot cross their barriers together.
    """
    if len(phasing.rings) == 1:
        return tuple(((number,),) for number in sequence)
    used = sorted({phasing.phase(number).ring for number in sequence})
    return tuple(
        tuple(segment[used.index(ring)] if ring in used else () for ring in phasing.rings)
        for segment in phasing.segments(sequence)
    )


def length_of(section: Sequence[Sequence[int]], splits: Mapping[int, int]) -> int:
    """Return how long a section lasts: as long as its longest ring, in the unit of the splits."""
    return max(sum(splits[number] for number in ring) for ring in section)


def lay_out(
    pattern: int,
    cuts: Sequence[Sequence[Sequence[int]]],
    splits_s: Mapping[int, int],
    phasing: Phasing,
    coordinated: Sequence[int] = (),
) -> Program:
    """Make a program of sections and splits, its offset still open.

    Parameters
    ----------
    pattern
        Pattern number.
    cuts
        As `cut` returns them.
    splits_s
        Split of each phase, whole seconds.
    phasing
        The signal's phases.
    coordinated
        Coordinated phases; none for uncoordinated operation.
    """
    lengths = [length_of(section, splits_s) * TENTHS_PER_SECOND for section in cuts]
    starts = accumulate(lengths, initial=0)
    sections = tuple(
        Section(
            section_key(phasing, next(number for ring in section for number in ring)),
            tuple(tuple(_service(phasing, n, splits_s[n]) for n in ring) for ring in section),
            start_ds,
            length_ds,
        )
        for section, start_ds, length_ds in zip(cuts, starts, lengths, strict=False)
    )
    return Program(
        pattern,
        sections,
        sum(lengths),
        coordinated=tuple(coordinated),
        dwelling=frozenset(beside(cuts, splits_s, coordinated)),
    )


def beside(
    cuts: Sequence[Sequence[Sequence[int]]],
    splits_s: Mapping[int, int],
    coordinated: Collection[int],
) -> tuple[int, ...]:
    """Return the coordinated phases and, in rings without one, the phase most beside the first.

    That is the phase whose split overlaps the coordinated phase's split for longest, the earlier
    one of equals. A ring with nothing to serve there has none.
    """
    for section in cuts:
        spans = [_spans(ring, splits_s) for ring in section]
        named = [n for ring in section for n in ring if n in coordinated]
        if not named:
            continue
        begin, end = next(span[named[0]] for span in spans if named[0] in span)
        found: list[int] = []
        for span in spans:
            own = [number for number in span if number in coordinated]
            overlaps = {n: min(end, last) - max(begin, first) for n, (first, last) in span.items()}
            if own or overlaps:
                found.append(own[0] if own else max(overlaps, key=overlaps.__getitem__))
        return tuple(found)
    return ()


def _spans(ring: Sequence[int], splits_s: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    ends = list(accumulate(splits_s[number] for number in ring))
    return {n: (end - splits_s[n], end) for n, end in zip(ring, ends, strict=True)}


def _service(phasing: Phasing, number: int, split_s: int) -> Service:
    split_ds = split_s * TENTHS_PER_SECOND
    return Service(number, split_ds, split_ds - phasing.phase(number).clearance_ds)
