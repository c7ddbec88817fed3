"""The lamp engine: rings side by side between barriers, in tenths of a second.

It runs a `Program` in step with system zero. A fixed-time program is run by the clock alone, see
`planned`; one that somebody can call for, lengthen or leave out is run tenth by tenth, see
`actuated`, and so is a fixed one while central control overrides single phases. Here it is decided
which of the two engines moves the rings, and one hands over to the other only where both can
stand. Either way a program gives way to another at once, or behind the barrier that the rings are
already crossing.
"""

from __future__ import annotations

from controllers.emulator.actuated import Actuated
from controllers.emulator.calls import Calls
from controllers.emulator.controls import Controls
from controllers.emulator.planned import Planned
from controllers.emulator.ring import IDLE, Ring
from controllers.emulator.sections import Program, following
from network.phasing import PERMISSIVENESS, Phasing


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
    calls, controls
        Who asks for what.
    """

    def __init__(
        self,
        phasing: Phasing,
        program: Program,
        reference_ds: int,
        calls: Calls,
        controls: Controls,
    ) -> None:
        self._phasing = phasing
        self._program = program
        self._calls = calls
        self._controls = controls
        calls.is_yellow = lambda phase: any(r.phase == phase and r.yellow for r in self.rings)
        self.unsettled_ds = 0
        """For how long the rings have been out of step."""
        self._shown: dict[tuple[str, ...], str] = {}
        self._by_calls = False
        self._pending = False
        self.rings = tuple(Ring(phasing, self) for _ in phasing.rings)
        self._actuated = Actuated(phasing, self.rings, calls, controls)
        self._planned = Planned(phasing, self.rings, program, reference_ds)
        if not program.fixed:
            self.run(program, self._planned.correction, reference_ds)

    @property
    def aspects(self) -> str:
        """What the lamps show now: of each group, the most permissive aspect of any ring."""
        if len(self.rings) == 1:
            return self.rings[0].aspects
        pictures = tuple([ring.aspects for ring in self.rings])
        shown = self._shown.get(pictures)
        if shown is None:
            shown = self._shown[pictures] = "".join(
                max(aspects, key=PERMISSIVENESS.index) for aspects in zip(*pictures, strict=True)
            )
        return shown

    @property
    def settled(self) -> bool:
        """Whether the rings keep step: no correction is under way."""
        return self._actuated.settled if self._by_calls else self._planned.settled

    @property
    def cycle_position_ds(self) -> int:
        """Where in the program's cycle the rings stand; 0 if nowhere."""
        return self._actuated.position_ds if self._by_calls else self._planned.position_ds

    def waiting(self) -> tuple[set[int], set[int]]:
        """Return which phases are called for vehicles and which for pedestrians, but not served.

        A fixed program recalls all its phases at all times.
        """
        green = {ring.phase for ring in self.rings if ring.green}
        walking = {ring.phase for ring in self.rings if ring.walking}
        if self._by_calls:
            vehicles, pedestrians = self._actuated.asked()
        else:
            vehicles = self._calls.vehicles() | self._program.timing.keys()
            recalled = {n for n, t in self._program.timing.items() if t.pedestrian_recall}
            pedestrians = self._calls.pedestrians() | recalled
        return vehicles - green, pedestrians - walking

    def green_state(self, ring: Ring) -> str:
        """Return what a ring's green waits for: ``extension``, ``maximum`` or ``rest``."""
        return self._actuated.green_state(ring) if self._by_calls else "extension"

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
        self._program = self._planned.program = program
        self._planned.correction = correction
        if self._actuated.crossing or any(ring.leaving for ring in self.rings):
            self._planned.settled = False
            self._pending = True
        else:
            self._take_over(reference_ds)

    def override(self, reference_ds: int) -> None:
        """Take note that central control has given or taken back a control."""
        if self._by_calls == self._program.fixed or self._controls.overriding:
            self.run(self._program, self._planned.correction, reference_ds)

    def step(self, reference_ds: int) -> None:
        """Move on by a tenth of a second, to the given time since system zero."""
        if self._by_calls:
            self._actuated.step(reference_ds)
            self.unsettled_ds = 0 if self._actuated.settled else self.unsettled_ds + 1
            if self._pending and not self._actuated.crossing:
                self._take_over(reference_ds)
            return
        if not self._planned.settled:
            self.unsettled_ds += 1
        if self._planned.step():
            self._take_over(reference_ds)

    def began(self, phase: int) -> bool:
        """Take note of a green that begins; tell whether its pedestrians walk."""
        self._calls.began(phase)
        if self._by_calls:
            walks = self._actuated.walks(phase)
        else:
            timing = self._program.timing.get(phase)
            walks = timing is not None and timing.pedestrian_recall
        if walks:
            self._calls.walked(phase)
        return walks

    def ended(self, phase: int, *, cut_short: bool) -> None:
        """Take note of a green that has ended."""
        self._calls.ended(phase, cut_short=cut_short)

    def _take_over(self, reference_ds: int) -> None:
        """Begin to run the program, by calls or by the clock alone; no ring is crossing over."""
        program, correction = self._program, self._planned.correction
        key = self._planned.key = self._actuated.key if self._by_calls else self._planned.key
        by_clock = program.fixed and not self._controls.overriding
        if by_clock and (not self._by_calls or self._may_stop_actuation()):
            self._by_calls = self._pending = False
            if self._planned.settled:
                self.unsettled_ds = 0
            self._planned.plan(reference_ds)
            return
        # What does not stop now is asked again at every tenth.
        self._pending = by_clock
        if self._by_calls and self._actuated.runs(program, correction):
            return
        position_ds = self._position_ds(key)
        self._by_calls = True
        self._actuated.adopt(program, correction, key, position_ds, reference_ds)

    def _position_ds(self, key: int) -> int:
        """Return where in the cycle of the program to be run the rings stand."""
        program = self._program
        if program.free:
            return 0
        if self._by_calls and _alike(self._actuated.program, program):
            return self._actuated.position_ds
        if program.at(key) is not None:
            return self._planned.position_ds
        onward = following(program, self._phasing, key)[0]
        return program.sections[onward].start_ds - self._planned.lead_ds

    def _may_stop_actuation(self) -> bool:
        """Make rings that ran by calls fit for the clock alone; tell whether that is possible."""
        if self._program.rests:
            # Whatever is green, the way to a rest needs no place in a cycle.
            return not any(_unplannable(ring) for ring in self.rings)
        at = self._program.at(self._actuated.key)
        if at is None or not self._actuated.runs(self._program, self._planned.correction):
            return False
        lines = [[s.phase for s in line] for line in self._program.sections[at].rings]
        for ring, line in zip(self.rings, lines, strict=True):
            if ring.phase == IDLE and not line:
                continue
            # The plan knows pedestrians only from the beginning of a green.
            on_foot = ring.on_foot_left_ds and ring.walk_ds
            if not ring.green or ring.phase not in line or on_foot:
                return False
        for ring, line in zip(self.rings, lines, strict=True):
            if ring.phase == IDLE:
                continue
            ring.served = set(line[: line.index(ring.phase) + 1])
            if not self._program.free:
                ring.elapsed_ds = -self._actuated.early_ds(ring.phase)
        return True


def _unplannable(ring: Ring) -> bool:
    """Tell whether a ring does what the plan does not know: a later Walk, or going into red."""
    if ring.phase == IDLE or ring.leaving:
        return False
    return bool(ring.on_foot_left_ds and ring.walk_ds) or ring.next_phase == IDLE


def _alike(running: Program, program: Program) -> bool:
    """Tell whether two programs share cycle and splits, so that a place in one is one in both."""
    return running.sections == program.sections and running.cycle_ds == program.cycle_ds
