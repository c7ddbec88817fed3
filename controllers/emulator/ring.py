"""The lamp engine of a single ring, in tenths of a second.

It runs a `Program`: greens and the clearances between them, in step with system zero. Out of
step, after a new pattern or a clock change, it corrects phase by phase within bounds, never
below a minimum green and never from one phase to another without the clearance between them.
"""

from __future__ import annotations

from typing import Final

from controllers.emulator.monitor import pictures
from controllers.emulator.program import Program
from network.phasing import Interval, Phasing
from network.units import TENTHS_PER_SECOND

MAX_CORRECTION: Final = 0.2
"""Share of a split by which one cycle may lengthen or shorten it while correcting.

Controllers offer 10 to 25 percent; NTCIP 1202 leaves it to the device.
"""


class Ring:
    """What one ring shows, and when it moves on.

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
        self._clearing: tuple[Interval, ...] = ()
        self._left_ds = 0
        self._following = 0
        self._settled = True
        position = (reference_ds - program.begin_ds) % program.cycle_ds
        at = max(i for i, start in enumerate(program.start_ds) if start <= position)
        self._phase = program.order[at]
        self._elapsed_ds = position - program.start_ds[at]
        self._target_ds = program.green_ds[at]
        if self._elapsed_ds >= self._target_ds and len(program.order) > 1:
            into_ds = self._elapsed_ds - self._target_ds
            self._following = program.order[(at + 1) % len(program.order)]
            self._clearing = pictures(phasing, self._phase, self._following)
            while into_ds >= self._clearing[0].duration_ds:
                into_ds -= self._clearing[0].duration_ds
                self._clearing = self._clearing[1:]
            self._left_ds = self._clearing[0].duration_ds - into_ds

    @property
    def aspects(self) -> str:
        """What the lamps show now."""
        if self._clearing:
            return self._clearing[0].aspects
        return self._phasing.phase(self._phase).aspects

    @property
    def phase(self) -> int:
        """The phase in service, its clearance included."""
        return self._phase

    @property
    def next_phase(self) -> int:
        """The phase committed to be next; the present one while nothing is committed."""
        return self._following if self._clearing else self._phase

    @property
    def green(self) -> bool:
        """Whether the phase in service is green."""
        return not self._clearing

    @property
    def yellow(self) -> bool:
        """Whether the phase in service is in its yellow change."""
        ending = self._phasing.phase(self._phase)
        return bool(self._clearing) and self._clearing_left_ds > ending.red_clear_ds

    @property
    def settled(self) -> bool:
        """Whether the ring keeps step: no correction is under way."""
        return self._settled

    @property
    def cycle_position_ds(self) -> int:
        """Where in the program's cycle the ring stands."""
        program = self._program
        if self._phase not in program.order:
            return 0
        at = program.order.index(self._phase)
        into_ds = min(self._elapsed_ds, program.green_ds[at])
        if self._clearing:
            into_ds = program.split_ds[at] - self._clearing_left_ds
        return program.start_ds[at] + into_ds

    def run(self, program: Program, correction: str, reference_ds: int) -> None:
        """Take a program over; the phase in service is finished lawfully first.

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
        self._aim(reference_ds)

    def step(self, reference_ds: int) -> None:
        """Move on by a tenth of a second, to the given time since system zero."""
        if self._clearing:
            self._left_ds -= 1
            if self._left_ds == 0:
                self._clearing = self._clearing[1:]
                if self._clearing:
                    self._left_ds = self._clearing[0].duration_ds
                else:
                    self._begin(self._following, reference_ds)
            return
        self._elapsed_ds += 1
        if self._elapsed_ds < self._target_ds or self._rests():
            return
        self._following = self._successor()
        self._clearing = pictures(self._phasing, self._phase, self._following)
        if self._clearing:
            self._left_ds = self._clearing[0].duration_ds
        else:
            self._begin(self._following, reference_ds)

    @property
    def _clearing_left_ds(self) -> int:
        return self._left_ds + sum(interval.duration_ds for interval in self._clearing[1:])

    def _begin(self, phase: int, reference_ds: int) -> None:
        self._phase = phase
        self._elapsed_ds = 0
        self._aim(reference_ds)

    def _rests(self) -> bool:
        return self._program.order == (self._phase,)

    def _successor(self) -> int:
        order = self._program.order
        if self._phase in order:
            return order[(order.index(self._phase) + 1) % len(order)]
        # A phase the program leaves out: go on as the signal's own order does.
        numbers = [phase.number for phase in self._phasing.phases]
        at = numbers.index(self._phase)
        return next(n for n in (*numbers[at + 1 :], *numbers[:at]) if n in order)

    def _aim(self, reference_ds: int) -> None:
        """Decide how long the present green lasts."""
        program = self._program
        minimum_ds = self._phasing.phase(self._phase).least_green_s * TENTHS_PER_SECOND
        if self._clearing:
            self._settled = False
            return
        if self._phase not in program.order:
            self._settled = program.free
            self._target_ds = max(minimum_ds, self._elapsed_ds)
            return
        at = program.order.index(self._phase)
        nominal_ds = program.green_ds[at]
        if program.free or self._rests():
            self._settled = True
            self._target_ds = max(nominal_ds, self._elapsed_ds)
            return
        due_ds = (reference_ds - program.begin_ds) % program.cycle_ds
        wait_ds = (self.cycle_position_ds - due_ds) % program.cycle_ds
        # A green that is overdue ends with the next tenth, not at this one: that is out of step.
        self._settled = wait_ds == 0 and self._elapsed_ds < nominal_ds
        change_ds = self._change_ds(at, wait_ds)
        self._target_ds = max(minimum_ds, self._elapsed_ds, nominal_ds + change_ds)

    def _change_ds(self, at: int, wait_ds: int) -> int:
        """Return by how much to lengthen (or, negative, shorten) a green that is out of step.

        Lengthening each green by `wait_ds` in all, or shortening by the rest of the cycle,
        brings the ring back into step; what one cycle may do is bounded.
        """
        if wait_ds == 0:
            return 0
        program = self._program
        cut_ds = program.cycle_ds - wait_ds
        longer = [self._most_longer_ds(i) for i in range(len(program.order))]
        shorter = [self._most_shorter_ds(i) for i in range(len(program.order))]
        mode = self._correction
        shorten = mode == "subtractOnly" and sum(shorter) > 0
        if mode in ("shortway", "other") and sum(shorter) > 0:
            cycles_shorter = -(-cut_ds // sum(shorter))
            cycles_longer = -(-wait_ds // sum(longer))
            shorten = (cycles_shorter, cut_ds) < (cycles_longer, wait_ds)
        if shorten:
            return -min(cut_ds, shorter[at])
        if mode == "dwell":
            held = program.order[at] == program.coordinated
            return min(wait_ds, sum(longer)) if held else 0
        return min(wait_ds, longer[at])

    def _most_longer_ds(self, at: int) -> int:
        return int(self._program.split_ds[at] * MAX_CORRECTION)

    def _most_shorter_ds(self, at: int) -> int:
        phase = self._phasing.phase(self._program.order[at])
        slack_ds = self._program.green_ds[at] - phase.least_green_s * TENTHS_PER_SECOND
        return max(0, min(slack_ds, int(self._program.split_ds[at] * MAX_CORRECTION)))
