"""Which program the rings have to run: that of the called pattern, a preempt's, or free operation.

A pattern that cannot be run has the cabinet run free, and why is told in `localFreeStatus`.
"""

from __future__ import annotations

from typing import Final

from controllers.emulator.caller import Caller
from controllers.emulator.clock import CabinetClock
from controllers.emulator.program import Unusable, free_program, program_of
from controllers.emulator.sections import FREE_PATTERN, Program
from controllers.emulator.store import ObjectStore
from network.phasing import Phasing
from network.timing import OffsetReference

ALARM_CYCLES: Final = 3
"""A pattern that takes longer to be in step raises the coordination alarm (NTCIP 1202 5.4.9)."""


class Selection:
    """Selects a cabinet's program.

    Parameters
    ----------
    store, phasing
        The cabinet's tables and phases.
    unit_reference
        The sync point of devices whose edition cannot name one.
    caller, clock
        Who calls the pattern, and the cabinet's clock.
    """

    def __init__(
        self,
        store: ObjectStore,
        phasing: Phasing,
        unit_reference: OffsetReference,
        caller: Caller,
        clock: CabinetClock,
    ) -> None:
        self._store = store
        self._phasing = phasing
        self._unit_reference = unit_reference
        self._caller = caller
        self._clock = clock
        self._since_ds = clock.time_ds
        self._pattern, self._generation = caller.pattern, store.generation
        self._preempted: Program | None = None
        self.free_status = "notFree"
        """Why the cabinet runs free, by the name in `localFreeStatus`."""
        self.program = self._runnable(self._pattern)
        """What is to be run."""

    def program_of(self, pattern: int) -> Program | Unusable:
        """Build the program of a pattern from the stored tables."""
        return program_of(self._store, self._phasing, self._unit_reference, pattern)

    def called(self) -> tuple[Program | None, int]:
        """Return what runs without preempts, if that is coordinated, and the time since zero."""
        program = self.program_of(self._caller.pattern)
        reference_ds = self._clock.reference_ds
        return (None if isinstance(program, Unusable) else program), reference_ds

    def select(self, preempted: Program | None) -> bool:
        """Select what is to be run now; tell whether that is another program than before.

        Parameters
        ----------
        preempted
            What the preempt in charge wants; None if there is none.
        """
        pattern, generation = self._caller.pattern, self._store.generation
        if (
            pattern == self._pattern
            and generation == self._generation
            and preempted is self._preempted
        ):
            return False
        if pattern != self._pattern:
            self._since_ds = self._clock.time_ds
        self._pattern, self._generation, self._preempted = pattern, generation, preempted
        before = self.program
        if preempted:
            self.program, self.free_status = preempted, "inputFree"
        else:
            self.program = self._runnable(pattern)
        return self.program != before

    def overdue(self, unsettled_ds: int) -> bool:
        """Tell whether the called pattern has not been in step within three cycles of the command.

        A cabinet that cannot run the called pattern counts the cycles of its free operation.

        Parameters
        ----------
        unsettled_ds
            For how long the rings have been out of step.
        """
        late_ds = unsettled_ds
        if self.free_status not in ("notFree", "commandFree", "inputFree"):
            late_ds = self._clock.time_ds - self._since_ds
        return late_ds > ALARM_CYCLES * self.program.cycle_ds

    def _runnable(self, pattern: int) -> Program:
        """Return the program of a pattern, or free operation, and note why."""
        program = self.program_of(pattern)
        if not isinstance(program, Unusable):
            self.free_status = "notFree"
            return program
        if not pattern:
            # Nobody calls anything.
            self.free_status = "other"
        else:
            self.free_status = "commandFree" if pattern == FREE_PATTERN else program.status
        return free_program(self._store, self._phasing)
