"""Preemption from entry to exit (NTCIP 1202 v03 clause 5.7, NEMA TS 2 clause 3.7).

A call waits for its delay, then the preempt enters: the rings run to the track phases, hold them
for the track green, run on to the dwell phases and rest there, or cycle, until the dwell has had
its least time and the call is gone; then they run to the exit phases and are handed back. What is
to be shown is read by `preempt_table`.

Decided where the standard leaves it open:

- A ring that has begun to clear goes on to the phase it clears for, and that phase gets its least
  green, before the entry.
- A preempt that is outranked, in track clearance too, begins anew with its entry if its call
  still stands. A remembered call is spent when its entry begins, whatever becomes of it.
- A call that waits while another preempt dwells is served straight from that dwell, without the
  exit phases.
- Too long a presence ends the service as the end of the call does: after the track clearance and
  the least dwell, never before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controllers.emulator.preempt_table import Preempt, read_preempt, rest
from controllers.emulator.ring import IDLE, Ring
from controllers.emulator.sections import Program
from controllers.emulator.store import ObjectStore
from controllers.ntcip.objects import Edition
from network.phasing import Phasing
from network.units import TENTHS_PER_SECOND

SHOWN_DS: Final = 1
"""How long greens have been shown, in tenths of a second, when a step finds them."""

Coordination = Callable[[], tuple[Program | None, int]]
"""Returns the program that is called while no preempt is in charge, and the time since system
zero in tenths of a second; no program if free operation is called."""


class Stage(Enum):
    """Where a service stands, by the name in `preemptState`."""

    ENTRY = "entryStarted"
    TRACK = "trackService"
    DWELL = "dwell"
    EXIT = "exitStarted"


@dataclass(slots=True)
class _Call:
    """What is known of a preempt's input.

    `asked` means that service is due after the delay, `remembered` that it stays so without the
    input, `linking` that the preempt calls another one by now, `overdue` that the input has been
    on for too long. Times are tenths of a second.
    """

    wired: bool = False
    remote: bool = False
    linked: bool = False
    linking: bool = False
    asked: bool = False
    remembered: bool = False
    overdue: bool = False
    asked_ds: int = 0
    present_ds: int = 0

    @property
    def present(self) -> bool:
        return self.wired or self.remote or self.linked


@dataclass(slots=True)
class _Service:
    """The preempt in charge, with its row as it stood at the entry."""

    row: Preempt
    program: Program
    active_ds: int
    stage: Stage = Stage.ENTRY
    elapsed_ds: int = 0


class Preemption:
    """Hears the preempt inputs of a cabinet and says what its rings have to run.

    Parameters
    ----------
    store, phasing, edition
        The cabinet's tables, with the preempt table defined, and its phases.
    coordination
        What would run without preempts.
    """

    def __init__(
        self, store: ObjectStore, phasing: Phasing, edition: Edition, coordination: Coordination
    ) -> None:
        self._store = store
        self._phasing = phasing
        self._edition = edition
        self._coordination = coordination
        self._generation: int | None = None
        self._rows: dict[int, Preempt] = {}
        self._calls = {n: _Call() for n in range(1, store.number("maxPreempts") + 1)}
        self._service: _Service | None = None
        self._ways_out: dict[str, Program | None] = {}
        self.awake = False
        """Whether any input is on or any service under way; else there is nothing to step."""

    @property
    def serving(self) -> int:
        """The preempt in charge; 0 for none."""
        return self._service.row.number if self._service else 0

    @property
    def called(self) -> bool:
        """Whether any input is on."""
        return any(call.wired or call.remote for call in self._calls.values())

    @property
    def overdue(self) -> bool:
        """Whether some call has stood for too long."""
        return any(call.overdue for call in self._calls.values())

    def state(self, number: int) -> str:
        """Return the state of a preempt by its name in `preemptState`."""
        call = self._calls[number]
        if self._service and self.serving == number:
            return self._service.stage.value
        if call.linking:
            return "linkActive"
        if call.overdue:
            return "maxPresence"
        return "notActiveWithCall" if call.present or call.asked else "notActive"

    def wired(self, number: int) -> bool:
        """Tell whether the wired input of a preempt is on."""
        return self._calls[number].wired

    def wire(self, number: int, *, on: bool) -> None:
        """Switch the wired input of a preempt on or off."""
        if number not in self._calls:
            raise KeyError(f"preempt {number} of {len(self._calls)}")
        self._calls[number].wired = on
        self.awake = True

    def remote(self, number: int) -> bool:
        """Tell whether `preemptControlState` is on."""
        return self._calls[number].remote

    def call(self, number: int, *, on: bool) -> None:
        """Carry out a SET of `preemptControlState`."""
        self._calls[number].remote = on
        self.awake = True

    def release(self) -> None:
        """Switch off all that was set by `preemptControlState`."""
        for call in self._calls.values():
            call.remote = False

    def step(self, rings: Sequence[Ring], running: Program) -> Program | None:
        """Move on by a tenth of a second.

        Parameters
        ----------
        rings
            As they stand.
        running
            What they run.

        Returns
        -------
        Program or None
            What the rings have to run; None when no preempt is in charge.
        """
        if self._generation != self._store.generation:
            self._generation = self._store.generation
            self._rows = {
                n: read_preempt(self._store, self._phasing, self._edition, n) for n in self._calls
            }
        for number, call in self._calls.items():
            self._hear(number, call)
        if self._service:
            self._serve(self._service, rings)
        number = self._next()
        if number:
            self._begin(number, rings, running)
        self.awake = bool(self._service) or any(
            call.present or call.asked for call in self._calls.values()
        )
        return self._service.program if self._service else None

    def _hear(self, number: int, call: _Call) -> None:
        """Take note of a preempt's input."""
        row = self._rows[number]
        call.linked = any(
            other.linking and self._rows[n].link == number for n, other in self._calls.items()
        )
        call.present_ds = call.present_ds + 1 if call.present else 0
        call.overdue = call.present and (call.overdue or 0 < row.presence_ds <= call.present_ds)
        wanted = row.heard and call.present and not call.overdue
        if wanted and not call.asked:
            in_charge = self._service is not None and self._charged == number
            call.asked, call.asked_ds = True, 0
            call.remembered = row.locking and not in_charge
        elif call.asked:
            call.asked_ds += 1
            if not wanted and not (row.heard and call.remembered and not call.overdue):
                call.asked = call.remembered = call.linking = False

    @property
    def _charged(self) -> int:
        """The preempt in charge that is not on its way out; 0 for none."""
        service = self._service
        return service.row.number if service and service.stage is not Stage.EXIT else 0

    def _next(self) -> int:
        """Return the preempt that takes charge now; 0 for none."""
        charged = self._charged
        for number, call in self._calls.items():
            row = self._rows[number]
            ready = call.asked and call.asked_ds >= row.delay_ds
            if ready and (not charged or (number < charged and self._outranks(number, charged))):
                return number
        return 0

    def _outranks(self, number: int, other: int) -> bool:
        """Tell whether a preempt interrupts one of a higher number."""
        return any(self._rows[n].over_next for n in range(number, other))

    def _begin(self, number: int, rings: Sequence[Ring], running: Program) -> None:
        row, call = self._rows[number], self._calls[number]
        program = row.track or row.dwell
        assert program is not None
        if not self._service:
            self._ways_out = {
                "queueDelayRecovery": rest(self._store, self._phasing, _due_next(rings, running)),
                "shortService": rest(self._store, self._phasing, self._cut_short(rings)),
            }
        call.remembered = False
        self._service = _Service(row, program, call.asked_ds - row.delay_ds)

    def _serve(self, service: _Service, rings: Sequence[Ring]) -> None:
        row = service.row
        service.active_ds += 1
        service.elapsed_ds += 1
        arrived = stands_in(rings, service.program)
        if service.stage is Stage.ENTRY and arrived:
            service.stage = Stage.TRACK if service.program is row.track else Stage.DWELL
            service.elapsed_ds = SHOWN_DS
        elif service.stage is Stage.TRACK:
            if row.dwell and service.elapsed_ds >= row.track_ds:
                service.program = row.dwell
                if stands_in(rings, row.dwell):
                    service.stage, service.elapsed_ds = Stage.DWELL, SHOWN_DS
        elif service.stage is Stage.EXIT and arrived:
            self._service = None
        if service.stage is Stage.DWELL:
            self._dwell(service)

    def _dwell(self, service: _Service) -> None:
        row = service.row
        call = self._calls[row.number]
        service.program = row.cycle or service.program
        if service.elapsed_ds < row.dwell_ds:
            return
        if call.asked:
            above = 1 <= row.link < row.number and self._outranks(row.link, row.number)
            call.linking = above
        elif service.active_ds >= row.duration_ds:
            program = self._way_out(row)
            if program:
                service.stage, service.program = Stage.EXIT, program
            else:
                self._service = None

    def _way_out(self, row: Preempt) -> Program | None:
        """Return what the exit rests in; None to hand back at once."""
        if row.exit_type == "exitCoord":
            program, reference_ds = self._coordination()
            phases = _in_service(program, reference_ds) if program else ()
            return rest(self._store, self._phasing, phases) or row.leave
        return self._ways_out.get(row.exit_type) or row.leave

    def _cut_short(self, rings: Sequence[Ring]) -> list[int]:
        """Return the phases that the entry leaves with no more than their least green."""
        return [
            ring.phase
            for ring in rings
            if ring.green
            and ring.lit_ds < self._phasing.phase(ring.phase).least_green_s * TENTHS_PER_SECOND
        ]


def stands_in(rings: Sequence[Ring], program: Program) -> bool:
    """Tell whether every ring is green in the phase that a program rests in, or idle for good."""
    wanted = (services[0].phase if services else IDLE for services in program.sections[0].rings)
    return all(
        ring.phase == phase and (ring.green or phase == IDLE)
        for ring, phase in zip(rings, wanted, strict=True)
    )


def _due_next(rings: Sequence[Ring], program: Program) -> list[int]:
    """Return the first phases of the section after the present one: they have waited longest."""
    sections = program.sections
    here = [at for at, section in enumerate(sections) if any(section.holds(r.phase) for r in rings)]
    if not here:
        return []
    return [ring[0].phase for ring in sections[(here[0] + 1) % len(sections)].rings if ring]


def _in_service(program: Program, reference_ds: int) -> list[int]:
    """Return the phases that a program in step has in service at a time since system zero."""
    position_ds = (reference_ds - program.begin_ds) % program.cycle_ds
    section = program.section_at(position_ds)
    found = []
    for ring in section.rings:
        into_ds = position_ds - section.start_ds
        for service in ring:
            if into_ds < service.split_ds:
                found.append(service.phase)
                break
            into_ds -= service.split_ds
    return found
