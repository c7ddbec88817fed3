"""When the phases of an actuated program are forced off, by the clock of its cycle.

Every phase ends at a fixed distance before the end of its section. The signal is in one section
of one cycle, whose end is known; all force-offs are counted from there. In free operation there
is no such clock, and nothing is forced off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from controllers.emulator.cycle_clock import CycleClock
from controllers.emulator.sections import Program, Section, following
from network.phasing import Phasing


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phase stands in a program.

    Attributes
    ----------
    section, ring, order
        Its section, and its ring and its turn there.
    green_ds
        Green by program.
    before_end_ds
        How long before the end of its section it is forced off.
    """

    section: int
    ring: int
    order: int
    green_ds: int
    before_end_ds: int


class ForceOffs:
    """The force-offs of a program from some section of it on.

    Parameters
    ----------
    program, phasing
        What runs.
    correction
        `coordCorrectionMode` by name.
    key
        The section the rings are in.
    position_ds
        Where in the program's cycle they stand; nothing in free operation.
    reference_ds
        Time since system zero.
    """

    def __init__(
        self,
        program: Program,
        phasing: Phasing,
        correction: str,
        key: int,
        position_ds: int,
        reference_ds: int,
    ) -> None:
        self._program = program
        self.places = dict(_places(program))
        """Where each phase stands."""
        self.clock: CycleClock | None = None
        """Counts the program's cycle; None in free operation."""
        self._end_ds = 0
        if program.free:
            return
        yields_ds = tuple(self._yield_ds(number) for number in program.coordinated)
        self.clock = CycleClock(program, correction, position_ds, reference_ds, yields_ds)
        # Before the section that comes next there is the present one, or the last one served.
        section = program.sections[following(program, phasing, key)[-1]]
        self._end_ds = section.start_ds + section.length_ds
        if program.at(key) is None:
            # What the program leaves out gives way to the next section when that is due.
            cycles = -((self._end_ds - position_ds) // program.cycle_ds)
            self._end_ds += cycles * program.cycle_ds

    @property
    def end_ds(self) -> int:
        """When the present section ends, on the clock."""
        return self._end_ds

    @property
    def settled(self) -> bool:
        """Whether the clock is in step."""
        return self.clock is None or self.clock.settled

    @property
    def position_ds(self) -> int:
        """Where in the cycle the signal stands; 0 if nowhere."""
        return self.clock.position_ds if self.clock else 0

    def due_ds(self, number: int) -> int:
        """Return when a phase is forced off if it is in the present section."""
        return self._end_ds - self.places[number].before_end_ds

    def early_ds(self, number: int) -> int:
        """Return how much later than now a phase begins by program; negative once it should."""
        place = self.places.get(number)
        if place is None or self.clock is None:
            return 0
        return self.due_ds(number) - place.green_ds - self.clock.now_ds

    def end_of(self, section: Section) -> int:
        """Return when a section that comes after the present one ends."""
        end_ds = section.start_ds + section.length_ds
        ahead_ds = (end_ds - self._end_ds) % self._program.cycle_ds
        return self._end_ds + (ahead_ds or self._program.cycle_ds)

    def cross(self, section: Section) -> None:
        """Take note that the rings have crossed over into a section."""
        self._end_ds = self.end_of(section)

    def servable(
        self, called: Iterable[int], end_ds: int, lead_ds: int, least_ds: Callable[[int], int]
    ) -> set[int]:
        """Keep the phases of a section that can still be served before they are forced off.

        Parameters
        ----------
        called
            Phases of one section.
        end_ds
            When that section ends on the clock.
        lead_ds
            Time until they could begin.
        least_ds
            Returns the least green of a phase.
        """
        if self.clock is None:
            return set(called)
        begin_ds = self.clock.now_ds + lead_ds
        return {
            number
            for number in called
            if number in self._program.coordinated
            or begin_ds + least_ds(number) <= end_ds - self.places[number].before_end_ds
        }

    def roll(self, key: int) -> bool:
        """Let a rest that has outlasted the cycle meet the next yield point; tell if one has."""
        if self.clock is None:
            return False
        at = self._program.at(key)
        tails = [
            self.places[number].before_end_ds
            for number in self._program.coordinated
            if self.places[number].section == at
        ]
        yield_ds = self._end_ds - max(tails, default=0)
        if self.clock.now_ds < yield_ds + self._program.cycle_ds:
            return False
        self._end_ds += self._program.cycle_ds
        return True

    def _yield_ds(self, number: int) -> int:
        place = self.places[number]
        section = self._program.sections[place.section]
        return section.start_ds + section.length_ds - place.before_end_ds


def _places(program: Program) -> Iterator[tuple[int, Place]]:
    for at, section in enumerate(program.sections):
        for number, line in enumerate(section.rings):
            left_ds = section.length_ds
            for order, service in enumerate(line):
                place = Place(at, number, order, service.green_ds, left_ds - service.green_ds)
                yield service.phase, place
                left_ds -= service.split_ds
