"""The actuated ring engine: who is served next is decided by who calls, tenth by tenth.

A green lasts for its minimum and for the pedestrians it serves, then until it gaps out, is maxed
out or forced off; a coordinated green rests until its yield point. What nobody calls is left out.
Between barriers each ring goes its own way; when all have done what they can, they cross over
together, or rest while nobody calls elsewhere.

In a pattern all this happens against the local clock. Whoever leaves a resting coordinated phase
late is let go only if its own force-off still leaves it its least green, so that the coordinated
phase is back in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controllers.emulator.calls import Calls
from controllers.emulator.controls import Controls
from controllers.emulator.demand import Demand
from controllers.emulator.force_offs import ForceOffs
from controllers.emulator.greens import Greens, Lane
from controllers.emulator.ring import IDLE, MAX_OUT, Ring
from controllers.emulator.sections import Program, Section, following
from network.phasing import Phasing

UNTIL_TOLD = 0
"""Target of a green whose end nobody knows yet."""


class Actuated:
    """Runs the rings of a signal by calls.

    Parameters
    ----------
    phasing
        Phases and the clearances between them.
    rings
        What it moves; shared with the fixed engine.
    calls, controls
        Who asks for what.
    """

    def __init__(
        self, phasing: Phasing, rings: Sequence[Ring], calls: Calls, controls: Controls
    ) -> None:
        self._phasing = phasing
        self._calls = calls
        self._controls = controls
        self._lanes = [
            Lane(ring, number) for ring, number in zip(rings, phasing.rings, strict=True)
        ]
        self._cross_ds: int | None = None
        self._onward: tuple[int, ...] = ()
        self._waits = False
        self.resting = False
        """Whether every green is over and nobody calls."""

    def adopt(
        self, program: Program, correction: str, key: int, position_ds: int, reference_ds: int
    ) -> None:
        """Run a program from now on; no ring may be on its way across a barrier.

        Parameters
        ----------
        program
            What to run.
        correction
            `coordCorrectionMode` by name.
        key
            The section the rings are in.
        position_ds
            Where in the program's cycle they stand; nothing in free operation.
        reference_ds
            Time since system zero.
        """
        self.program = program
        self._correction = correction
        self.key = key
        self._demand = Demand(program, self._calls, self._controls)
        self._force_offs = ForceOffs(
            program, self._phasing, correction, key, position_ds, reference_ds
        )
        self._greens = Greens(
            self._phasing,
            program,
            [lane.ring for lane in self._lanes],
            self._calls,
            self._controls,
            self._demand,
            self._force_offs,
        )
        for lane in self._lanes:
            lane.ring.queue = lane.ring.queue[:1] if not lane.ring.green else []
            self._restart(lane)
        self._waits = False

    def runs(self, program: Program, correction: str) -> bool:
        """Tell whether it runs a program and corrects the offset in a certain way."""
        return program == self.program and correction == self._correction

    @property
    def crossing(self) -> bool:
        """Whether the rings are on their way across a barrier."""
        return self._cross_ds is not None

    @property
    def settled(self) -> bool:
        """Whether the clock of the cycle is in step."""
        return self._force_offs.settled

    @property
    def position_ds(self) -> int:
        """Where in the cycle the signal stands; 0 if nowhere."""
        return self._force_offs.position_ds

    def green_state(self, ring: Ring) -> str:
        """Return what a green waits for: ``extension``, ``maximum`` or ``rest``."""
        if self.resting:
            return "rest"
        lane = next(lane for lane in self._lanes if lane.ring is ring)
        return "maximum" if lane.waits and lane.reason == MAX_OUT else "extension"

    def early_ds(self, phase: int) -> int:
        """Return how much later than now a phase begins by program; negative once it should."""
        return self._force_offs.early_ds(phase)

    def asked(self) -> tuple[set[int], set[int]]:
        """Return which phases are called for vehicles, and which for pedestrians."""
        return self._demand.asked()

    def walks(self, phase: int) -> bool:
        """Tell whether the pedestrians of a phase that turns green are served."""
        return self._demand.walks(phase)

    def step(self, reference_ds: int) -> None:
        """Move on by a tenth of a second, to the given time since system zero."""
        if self._force_offs.clock is not None:
            self._force_offs.clock.step(reference_ds)
        for lane in self._lanes:
            before = (lane.ring.phase, lane.ring.green)
            lane.ring.step()
            if (lane.ring.phase, lane.ring.green) == before:
                continue
            if lane.ring.green:
                self._restart(lane)
            elif lane.ring.phase == IDLE:
                # `_move` counts this tenth, of which nothing has passed in red yet.
                lane.idle_ds = -1
        if self._cross_ds is not None:
            self._cross_ds -= 1
            self._go_on_crossing()
            return
        if self._force_offs.roll(self.key):
            self._waits = False
            for lane in self._lanes:
                lane.waits = False
        called = self._demand.called()
        ready = True
        for lane in self._lanes:
            ready = self._move(lane, called, reference_ds) and ready
        self.resting = False
        if ready:
            self._together(called)
        self._waits = ready

    def _restart(self, lane: Lane) -> None:
        lane.restart(self._greens.passage_ds(lane.ring.phase))

    # One ring

    def _move(self, lane: Lane, called: set[int], reference_ds: int) -> bool:
        """Move a ring on within its section; tell whether it is ready to leave the section."""
        ring = lane.ring
        if ring.phase == IDLE:
            lane.idle_ds += 1
            return not self._enter_late(lane, called)
        if not ring.green:
            return False
        self._greens.time(lane, called)
        if not self._greens.over(lane):
            lane.waits = False
            return False
        if not lane.waits:
            self._set_back(lane, called, reference_ds)
        following = None if self._greens.least_left_ds(ring) else self._next_here(lane, called)
        if following is not None:
            self._take_back_force_off(ring.phase)
            ring.queue = [(following, UNTIL_TOLD)]
            ring.clear(IDLE, lane.reason, cut_short=lane.cuts_short)
            if ring.green:
                self._restart(lane)
            return False
        lane.waits = True
        return True

    def _next_here(self, lane: Lane, called: set[int]) -> int | None:
        """Return what a ring serves next without crossing a barrier; None if nothing."""
        places = self._force_offs.places
        place = places.get(lane.ring.phase)
        at = place.section if place else self.program.at(self.key)
        if at is None:
            return None
        line = self.program.sections[at].rings[self._lanes.index(lane)]
        turn = place.order if place else -1
        waiting = [s.phase for s in line[turn + 1 :] if s.phase in called]
        if lane.waits:
            lead_ds = self._phasing.phase(lane.ring.phase).clearance_ds
            kept = self._servable(waiting, self._force_offs.end_ds, lead_ds)
            waiting = [number for number in waiting if number in kept]
        if waiting:
            return waiting[0]
        if self.program.free and not any(places[n].section != at for n in called):
            # With nobody behind a barrier a ring may begin anew by itself.
            return next((s.phase for s in line[: max(turn, 0)] if s.phase in called), None)
        return None

    def _enter_late(self, lane: Lane, called: set[int]) -> bool:
        """Let a ring that rests in red join the others; tell whether it does."""
        at = self.program.at(self.key)
        if at is None or lane.idle_ds < self.program.red_revert_ds:
            return False
        line = self.program.sections[at].rings[self._lanes.index(lane)]
        here = [service.phase for service in line if service.phase in called]
        kept = self._servable(here, self._force_offs.end_ds, 0)
        number = next((number for number in here if number in kept), None)
        if number is None:
            return False
        lane.ring.begin(number)
        self._restart(lane)
        return True

    def _servable(self, called: Iterable[int], end_ds: int, lead_ds: int) -> set[int]:
        return self._force_offs.servable(called, end_ds, lead_ds, self._demand.least_ds)

    # All rings

    def _together(self, called: set[int]) -> None:
        """Cross over to whoever calls first; rest if nobody does."""
        found = self._target(called)
        if found is None and (soft := self._demand.soft()):
            found = self._target(called | soft)
        if found is None:
            self.resting = True
            self._rest_in_red()
            return
        at, self._onward = found
        self._next_key = self.program.sections[at].key
        self._cross_ds = max(
            max(0, self.program.red_revert_ds - lane.idle_ds)
            if lane.ring.phase == IDLE
            else self._lead_ds(lane, onward)
            for lane, onward in zip(self._lanes, self._onward, strict=True)
        )
        self._go_on_crossing()

    def _target(self, called: set[int]) -> tuple[int, tuple[int, ...]] | None:
        """Return the section to cross over to, and what every ring serves there first."""
        lead_ds = max(
            self._phasing.phase(lane.ring.phase).clearance_ds if lane.ring.phase else 0
            for lane in self._lanes
        )
        places = self._force_offs.places
        for at in following(self.program, self._phasing, self.key):
            section = self.program.sections[at]
            here = {number for number in called if places[number].section == at}
            if self._waits:
                here = self._servable(here, self._force_offs.end_of(section), lead_ds)
            onward = tuple(
                self._entry(lane, section, ring, here) for ring, lane in enumerate(self._lanes)
            )
            fresh = here & set(onward) - {lane.ring.phase for lane in self._lanes}
            if fresh:
                return at, onward
        return None

    def _entry(self, lane: Lane, section: Section, ring: int, here: set[int]) -> int:
        """Return what a ring serves first in a section."""
        line = [service.phase for service in section.rings[ring]]
        found = next((number for number in line if number in here), None)
        if found is not None:
            return found
        if lane.ring.phase in line:
            return lane.ring.phase
        omitted, timing = self._demand.omitted, self.program.timing
        dual = (n for n in line if timing[n].dual_entry and n not in omitted)
        return next(dual, IDLE)

    def _lead_ds(self, lane: Lane, onward: int) -> int:
        """Return how long a ring takes until it can cross over."""
        if onward == lane.ring.phase:
            return 0
        return self._greens.least_left_ds(lane.ring) + self._clearance_ds(lane, onward)

    def _clearance_ds(self, lane: Lane, onward: int) -> int:
        if onward == lane.ring.phase or lane.ring.phase == IDLE:
            return 0
        return self._phasing.phase(lane.ring.phase).clearance_ds

    def _go_on_crossing(self) -> None:
        """Let each ring begin to clear so that all are done together; then cross over."""
        for lane, onward in zip(self._lanes, self._onward, strict=True):
            ring = lane.ring
            if ring.leaving or ring.phase in (IDLE, onward):
                continue
            if self._clearance_ds(lane, onward) >= (self._cross_ds or 0):
                self._take_back_force_off(ring.phase)
                ring.clear(onward, lane.reason, cut_short=lane.cuts_short)
        if self._cross_ds:
            return
        self._cross_ds = None
        at = self.program.at(self._next_key)
        assert at is not None
        self._force_offs.cross(self.program.sections[at])
        self.key = self._next_key
        for lane, onward in zip(self._lanes, self._onward, strict=True):
            stays = lane.ring.phase == onward
            lane.ring.begin(onward)
            if not stays:
                self._restart(lane)
        self._waits = False

    def _rest_in_red(self) -> None:
        for lane in self._lanes:
            wanted = lane.number in self._controls.numbers("ringControlGroupRedRest")
            if lane.ring.phase == IDLE or self._greens.least_left_ds(lane.ring):
                continue
            if wanted and lane.ring.phase not in self.program.coordinated:
                self._take_back_force_off(lane.ring.phase)
                lane.ring.queue = [(IDLE, UNTIL_TOLD)]
                lane.ring.clear(IDLE, lane.reason)
                lane.idle_ds = 0

    def _set_back(self, lane: Lane, called: set[int], reference_ds: int) -> None:
        """Set the clock back if a coordinated green had to outlast its yield point."""
        number, clock = lane.ring.phase, self._force_offs.clock
        if clock is None or number not in self.program.coordinated:
            return
        at_ds = self._force_offs.due_ds(number)
        if clock.now_ds > at_ds and self._greens.opposed(lane.ring, called):
            clock.set_back(at_ds, reference_ds)

    def _take_back_force_off(self, number: int) -> None:
        """The control ends with the green that it ends."""
        self._controls.numbers("phaseControlGroupForceOff").discard(number)
