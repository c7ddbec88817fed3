"""The cycle clock of an actuated program: where in its cycle the signal stands.

Force-offs and yield points lie on this clock. In step it runs as time does; out of step, after a
new pattern, a clock change or a service that overran its split, it runs slower or faster, or
stands at the yield point, until local and system zero agree again. The time of day is told by
`clock`.
"""

from __future__ import annotations

from bisect import bisect_right

from controllers.emulator.sections import Program
from controllers.emulator.transition import stretch_ds


class CycleClock:
    """Counts tenths of a second of a program, from the beginning of some cycle of it on.

    Parameters
    ----------
    program
        A program that keeps a cycle.
    correction
        `coordCorrectionMode` by name.
    position_ds
        Where in the cycle the signal stands.
    reference_ds
        Time since system zero.
    yields_ds
        Where in the cycle the coordinated phases end, for dwelling.
    """

    def __init__(
        self,
        program: Program,
        correction: str,
        position_ds: int,
        reference_ds: int,
        yields_ds: tuple[int, ...],
    ) -> None:
        self._program = program
        self._correction = correction
        self._yields_ds = yields_ds
        self._starts = [section.start_ds for section in program.sections]
        self.now_ds = position_ds
        self.settled = False
        """Whether no correction was needed when the present section began."""
        self._plan(reference_ds)

    @property
    def position_ds(self) -> int:
        """Where in the cycle it stands."""
        return self.now_ds % self._program.cycle_ds

    def step(self, reference_ds: int) -> None:
        """Let a tenth of a second pass, to the given time since system zero."""
        if self._dwell_ds and self.now_ds == self._dwell_at_ds:
            self._dwell_ds -= 1
            return
        self._due += self._clock_ds
        while self._due >= self._time_ds:
            self._due -= self._time_ds
            self.now_ds += 1
        if self.now_ds == self._end_ds:
            self._plan(reference_ds)

    def set_back(self, to_ds: int, reference_ds: int) -> None:
        """Stand at an earlier time: what should have ended there has ended only now."""
        self.now_ds = to_ds
        self._plan(reference_ds)

    def _plan(self, reference_ds: int) -> None:
        """Decide how the clock runs over what is left of the section that it is in."""
        program = self._program
        position_ds = self.position_ds
        at = bisect_right(self._starts, position_ds) - 1
        section = program.sections[at]
        self._clock_ds = section.start_ds + section.length_ds - position_ds
        self._end_ds = self.now_ds + self._clock_ds
        due_ds = (reference_ds - program.begin_ds) % program.cycle_ds
        wait_ds = (position_ds - due_ds) % program.cycle_ds
        self.settled = wait_ds == 0
        ahead = [y - position_ds for y in self._yields_ds if y > position_ds]
        ahead = [left for left in ahead if left <= self._clock_ds]
        change_ds = stretch_ds(
            program, at, self._clock_ds, wait_ds, self._correction, held=bool(ahead)
        )
        self._due = 0
        self._dwell_ds = self._dwell_at_ds = 0
        self._time_ds = self._clock_ds
        if self._correction == "dwell" and change_ds > 0:
            # It stands just before the first coordinated phase may yield.
            self._dwell_at_ds = self.now_ds + min(ahead) - 1
            self._dwell_ds = change_ds
        else:
            self._time_ds += change_ds
