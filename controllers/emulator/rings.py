"""The lamp engine: rings side by side between barriers, in tenths of a second.

It runs a `Program` in step with system zero. What the rings do is planned from one instant at
which all stand together to the next: when they will cross over, and how long each green until
then lasts. Out of step, after a new pattern or a clock change, that section is lengthened or
shortened within bounds, never below a minimum green and never from one phase to another without
the clearance between them.

A new program is taken over at once as long as no ring has begun to clear towards the barrier;
after that the rings cross over as planned, and the new program begins behind the barrier. So no
ring ever waits in red for another: the last green of a section is as long as it takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from controllers.emulator.ring import IDLE, Ring
from controllers.emulator.sections import Program, Service, own_order
from controllers.emulator.transition import Piece, change_ds, share
from network.phasing import PERMISSIVENESS, Phasing
from network.units import TENTHS_PER_SECOND


class Rings:
    """What all rings of a signal show together.

    Parameters
    ----------
    phasing
        Phases and the clearances between them.
    program
        What to run from the first tenth on, in step.
    reference_ds
        Time since system zero.
    """

    def __init__(self, phasing: Phasing, program: Program, reference_ds: int) -> None:
        self._phasing = phasing
        self._program = program
        self._correction = "shortway"
        self._settled = True
        self._resting = program.rests
        self._shown: dict[tuple[str, ...], str] = {}
        self.rings = tuple(Ring(phasing) for _ in phasing.rings)
        position_ds = (reference_ds - program.begin_ds) % program.cycle_ds
        section = max(
            (s for s in program.sections if s.start_ds <= position_ds), key=lambda s: s.start_ds
        )
        self._key = section.key
        self._onward_key, self._onward = self._next_section()
        self._left_ds = section.start_ds + section.length_ds - position_ds
        for ring, services, onward in zip(self.rings, section.rings, self._onward, strict=True):
            if services:
                into_ds = position_ds - section.start_ds
                greens = [(s.phase, s.split_ds if self._resting else s.green_ds) for s in services]
                ring.resume(greens, [s.split_ds for s in services], into_ds, onward)

    @property
    def aspects(self) -> str:
        """What the lamps show now: of each group, the most permissive aspect of any ring."""
        if len(self.rings) == 1:
            return self.rings[0].aspects
        pictures = tuple(ring.aspects for ring in self.rings)
        if pictures not in self._shown:
            self._shown[pictures] = "".join(
                max(aspects, key=PERMISSIVENESS.index) for aspects in zip(*pictures, strict=True)
            )
        return self._shown[pictures]

    @property
    def settled(self) -> bool:
        """Whether the rings keep step: no correction is under way."""
        return self._settled

    @property
    def cycle_position_ds(self) -> int:
        """Where in the program's cycle the rings stand; 0 if nowhere."""
        at = self._program.at(self._key)
        if at is None:
            return 0
        section = self._program.sections[at]
        left_ds = max(
            self._left_by_program_ds(ring, services)
            for ring, services in zip(self.rings, section.rings, strict=True)
        )
        return section.start_ds + section.length_ds - left_ds

    def run(self, program: Program, correction: str, reference_ds: int) -> None:
        """Take a program over; what is in service is finished lawfully first.

        Parameters
        ----------
        program
            What to run from now on.
        correction
            `coordCorrectionMode` by name.
        reference_ds
            Time since system zero.
        """
        self._program = program
        self._correction = correction
        if any(ring.leaving for ring in self.rings):
            self._settled = False
        else:
            self._plan(reference_ds)

    def step(self, reference_ds: int) -> None:
        """Move on by a tenth of a second, to the given time since system zero."""
        for at, ring in enumerate(self.rings):
            if ring.step() and not self._resting:
                ring.clear(self._onward[at])
        if self._resting:
            return
        self._left_ds -= 1
        if self._left_ds == 0:
            self._key = self._onward_key
            for ring, onward in zip(self.rings, self._onward, strict=True):
                ring.begin(onward)
            self._plan(reference_ds)

    def _next_section(self) -> tuple[int, tuple[int, ...]]:
        """Return the key of the section after the present one, and each ring's first phase there.

        From a section that the program leaves out, the signal's own order leads on.
        """
        program = self._program
        at = program.at(self._key)
        if at is None:
            order = own_order(self._phasing)
            here = order.index(self._key)
            onward = (program.at(key) for key in (*order[here + 1 :], *order[:here]))
            following = next(found for found in onward if found is not None)
        else:
            following = (at + 1) % len(program.sections)
        section = program.sections[following]
        return section.key, tuple(ring[0].phase if ring else IDLE for ring in section.rings)

    def _plan(self, reference_ds: int) -> None:
        """Decide when the rings cross over next, and how long each green until then lasts."""
        program = self._program
        self._onward_key, self._onward = self._next_section()
        at = program.at(self._key)
        services = program.sections[at].rings if at is not None else ((),) * len(self.rings)
        if program.rests and all(map(_rests, self.rings, services)):
            self._resting = self._settled = True
            return
        self._resting = False
        pieces = [
            self._pieces(ring, served) for ring, served in zip(self.rings, services, strict=True)
        ]
        leads = [ring.clearing_left_ds for ring in self.rings]
        wanted = [
            lead + sum(p.wanted_ds for p in line) for lead, line in zip(leads, pieces, strict=True)
        ]
        least = [
            lead + sum(p.least_left_ds + p.clear_ds for p in line)
            for lead, line in zip(leads, pieces, strict=True)
        ]
        changed_ds = 0
        self._settled = program.free
        if at is not None and not program.free and not program.rests:
            due_ds = (reference_ds - program.begin_ds) % program.cycle_ds
            wait_ds = (self.cycle_position_ds - due_ds) % program.cycle_ds
            exact = all(map(_in_order, self.rings, services, pieces))
            even = len({time for time, served in zip(wanted, services, strict=True) if served}) == 1
            self._settled = wait_ds == 0 and exact and even
            held = any(p.phase in program.coordinated for line in pieces for p in line)
            changed_ds = change_ds(program, self._phasing, at, wait_ds, self._correction, held=held)
        self._left_ds = max(*least, max(wanted) + changed_ds)
        for ring, lead, line in zip(self.rings, leads, pieces, strict=True):
            if line:
                ring.intend(share(line, self._left_ds - lead, self._favored(line, changed_ds)))

    def _favored(self, line: Sequence[Piece], changed_ds: int) -> list[int]:
        """Return which greens of a ring take what is over; none for all in proportion."""
        if self._program.free:
            # The last phase before the barrier waits there for the other rings.
            return [len(line) - 1]
        if self._correction == "dwell" and changed_ds > 0:
            return [i for i, piece in enumerate(line) if piece.phase in self._program.dwelling]
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
