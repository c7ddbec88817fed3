"""The fixed-time ring engine: what the rings do is known before they begin to do it.

From one instant at which all rings stand together to the next it is planned when they will cross
over, and how long each green until then lasts. Out of step, after a new pattern or a clock change,
that section is lengthened or shortened within bounds, never below a minimum green and never from
one phase to another without the clearance between them.

A new program is taken over at once as long as no ring has begun to clear towards the barrier;
after that the rings cross over as planned, and the new program begins behind the barrier. So no
ring ever waits in red for another: the last green of a section is as long as it takes.

Its sibling `actuated` decides tenth by tenth; `rings` chooses between the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from controllers.emulator.ring import IDLE, Ring
from controllers.emulator.sections import Program, Service, following
from controllers.emulator.transition import Piece, change_ds, share
from network.phasing import Phasing
from network.units import TENTHS_PER_SECOND


class Planned:
    """Runs the rings of a signal by the clock alone.

    Parameters
    ----------
    phasing
        Phases and the clearances between them.
    rings
        What it moves; shared with the actuated engine.
    program
        What to run from the first tenth on, in step.
    reference_ds
        Time since system zero.
    """

    def __init__(
        self, phasing: Phasing, rings: Sequence[Ring], program: Program, reference_ds: int
    ) -> None:
        self._phasing = phasing
        self._rings = rings
        self.program = program
        """What runs, or is taken over at the next plan."""
        self.correction = "shortway"
        """`coordCorrectionMode` by name."""
        self.settled = True
        """Whether no correction was needed when the present section was planned."""
        self.resting = program.rests
        """Whether nothing ever ends."""
        position_ds = (reference_ds - program.begin_ds) % program.cycle_ds
        section = program.section_at(position_ds)
        self.key = section.key
        """The section the rings are in."""
        self._onward_key, self._onward = self._next_section()
        self._left_ds = section.start_ds + section.length_ds - position_ds
        for ring, services, onward in zip(rings, section.rings, self._onward, strict=True):
            if services:
                into_ds = position_ds - section.start_ds
                greens = [(s.phase, s.split_ds if self.resting else s.green_ds) for s in services]
                ring.resume(greens, [s.split_ds for s in services], into_ds, onward)

    @property
    def position_ds(self) -> int:
        """Where in the cycle the rings stand by what they have still to serve; 0 if nowhere."""
        at = self.program.at(self.key)
        if at is None:
            return 0
        section = self.program.sections[at]
        left_ds = max(
            self._left_by_program_ds(ring, services)
            for ring, services in zip(self._rings, section.rings, strict=True)
        )
        return section.start_ds + section.length_ds - left_ds

    @property
    def lead_ds(self) -> int:
        """How long it takes at least to leave a section that the program leaves out."""
        return max(
            ring.clearing_left_ds
            + sum(p.least_left_ds + p.clear_ds for p in self._pieces(ring, ()))
            for ring in self._rings
        )

    def step(self) -> bool:
        """Move on by a tenth of a second; tell whether the rings have just crossed over."""
        for at, ring in enumerate(self._rings):
            if ring.step() and not self.resting:
                ring.clear(self._onward[at])
        if self.resting:
            return False
        self._left_ds -= 1
        if self._left_ds:
            return False
        self.key = self._onward_key
        for ring, onward in zip(self._rings, self._onward, strict=True):
            ring.begin(onward)
        return True

    def plan(self, reference_ds: int) -> None:
        """Decide when the rings cross over next, and how long each green until then lasts."""
        program = self.program
        self._onward_key, self._onward = self._next_section()
        at = program.at(self.key)
        services = program.sections[at].rings if at is not None else ((),) * len(self._rings)
        if program.rests and all(map(_rests, self._rings, services)):
            self.resting = self.settled = True
            return
        self.resting = False
        pieces = [
            self._pieces(ring, served) for ring, served in zip(self._rings, services, strict=True)
        ]
        leads = [ring.clearing_left_ds for ring in self._rings]
        wanted = [
            lead + sum(p.wanted_ds for p in line) for lead, line in zip(leads, pieces, strict=True)
        ]
        least = [
            lead + sum(p.least_left_ds + p.clear_ds for p in line)
            for lead, line in zip(leads, pieces, strict=True)
        ]
        changed_ds = 0
        self.settled = program.free
        if at is not None and not program.free and not program.rests:
            due_ds = (reference_ds - program.begin_ds) % program.cycle_ds
            wait_ds = (self.position_ds - due_ds) % program.cycle_ds
            exact = all(map(_in_order, self._rings, services, pieces))
            even = len({time for time, served in zip(wanted, services, strict=True) if served}) == 1
            self.settled = wait_ds == 0 and exact and even
            held = any(p.phase in program.coordinated for line in pieces for p in line)
            changed_ds = change_ds(program, self._phasing, at, wait_ds, self.correction, held=held)
        self._left_ds = max(*least, max(wanted) + changed_ds)
        for ring, lead, line in zip(self._rings, leads, pieces, strict=True):
            if line:
                ring.intend(share(line, self._left_ds - lead, self._favored(line, changed_ds)))

    def _next_section(self) -> tuple[int, tuple[int, ...]]:
        """Return the key of the next section, and the phase each ring begins with there."""
        section = self.program.sections[following(self.program, self._phasing, self.key)[0]]
        return section.key, tuple(ring[0].phase if ring else IDLE for ring in section.rings)

    def _favored(self, line: Sequence[Piece], changed_ds: int) -> list[int]:
        """Return which greens of a ring take what is over; none for all in proportion."""
        if self.program.free:
            # The last phase before the barrier waits there for the other rings.
            return [len(line) - 1]
        if self.correction == "dwell" and changed_ds > 0:
            return [i for i, piece in enumerate(line) if piece.phase in self.program.dwelling]
        return []

    def _pieces(self, ring: Ring, services: Sequence[Service]) -> list[Piece]:
        """Return what a ring has to finish and to serve before it crosses over."""
        if ring.phase == IDLE:
            return []
        by_phase = {service.phase: service for service in services}
        found = []
        current = ring.phase if ring.green else ring.following
        for number in (current, *self._yet_to_serve(ring, current, services)):
            phase = self._phasing.phase(number)
            least_ds = phase.least_green_s * TENTHS_PER_SECOND
            lit = ring.green and number == ring.phase
            done_ds = ring.elapsed_ds if lit else 0
            service = by_phase.get(number)
            found.append(
                Piece(
                    number,
                    done_ds,
                    service.green_ds if service else max(least_ds, done_ds),
                    max(least_ds - (ring.lit_ds if lit else 0), 1),
                    phase.clearance_ds,
                    service.split_ds if service else 0,
                )
            )
        return found

    def _yet_to_serve(
        self, ring: Ring, current: int, services: Sequence[Service]
    ) -> tuple[int, ...]:
        """Return what follows in a ring's section, each phase once in a pass.

        Where the pass began with another program, what its order puts first may come last.
        """
        numbers = [service.phase for service in services]
        if current in numbers:
            at = numbers.index(current)
            numbers = numbers[at + 1 :] + numbers[:at]
        else:
            own = [phase.number for phase in self._phasing.phases]
            here = own.index(current)
            numbers.sort(key=lambda number: (own.index(number) - here) % len(own))
        return tuple(number for number in numbers if number not in ring.served)

    def _left_by_program_ds(self, ring: Ring, services: Sequence[Service]) -> int:
        """Return how long until the rings cross over, corrections aside."""
        if ring.leaving:
            return self._left_ds
        pieces = self._pieces(ring, services)
        return ring.clearing_left_ds + sum(max(p.wanted_ds, p.clear_ds) for p in pieces)


def _rests(ring: Ring, services: Sequence[Service]) -> bool:
    """Tell whether a ring is already in the only phase it is to serve, or idle for good."""
    only = services[0].phase if services else IDLE
    return ring.phase == ring.next_phase == only


def _in_order(ring: Ring, services: Sequence[Service], pieces: Sequence[Piece]) -> bool:
    """Tell whether a ring stands where its program has it, though perhaps too late or early."""
    if ring.phase == IDLE or not services:
        return ring.phase == IDLE and not services
    numbers = [service.phase for service in services]
    ahead = [piece.phase for piece in pieces]
    if numbers[-len(ahead) :] != ahead:
        return False
    if ring.green:
        return pieces[0].done_ds < pieces[0].nominal_ds
    return numbers[: -len(ahead)][-1:] == [ring.phase]
