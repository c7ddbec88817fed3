"""A virtual signal cabinet: lamps, database, detectors and clock of one intersection.

It runs rings that cross their barriers together, fixed-time or actuated, coordinated or free; a
stage program is one ring. As delivered every phase is recalled to its maximum, so nothing depends
on detectors. It keeps schedules, day plans and daylight saving, serves preempts from entry to exit
and obeys the control objects of central control until that falls silent; a conflict monitor and
one for pedestrians watch the lamps and flash them.

Not modeled: volume-density timing (added initial, gap reduction, dynamic maximum), conditional
service, overlaps, flashing by schedule or command, and what `preempt_table` names.

Time moves only by `Cabinet.step`, so whoever simulates the street owns the clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from controllers.emulator.caller import Caller
from controllers.emulator.calls import Calls
from controllers.emulator.channels import monitor_of
from controllers.emulator.clock import CabinetClock
from controllers.emulator.config import CabinetConfig
from controllers.emulator.controls import DETECTOR_CONTROLS, OVERRIDING, Controls
from controllers.emulator.counting import DetectorBank
from controllers.emulator.crossings import PedestrianMonitor, lamps
from controllers.emulator.delivery import deliver, require_runnable
from controllers.emulator.preempt_status import bind_preemption
from controllers.emulator.preempt_table import preempt_problem
from controllers.emulator.preemption import Preemption
from controllers.emulator.program import pattern_problem
from controllers.emulator.rings import Rings
from controllers.emulator.sections import Program, cut
from controllers.emulator.selection import Selection
from controllers.emulator.status import FLASH, bind_status
from controllers.emulator.store import ObjectStore
from controllers.emulator.timebase import TimeBase
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import Oid
from network.errors import ControllerError, TopologyError
from network.units import TENTHS_PER_SECOND, tenths

__all__ = ["Cabinet", "CabinetConfig"]


class Cabinet:
    """One running cabinet.

    Parameters
    ----------
    config
        What it is built from.
    start_time_s
        Time since system zero at which it starts, in step with the plan in force.

    Raises
    ------
    ControllerError
        The plan in force cannot be run by a controller.
    """

    def __init__(self, config: CabinetConfig, start_time_s: float = 0.0) -> None:
        self.config = config
        phasing, time_ds = config.phasing, tenths(start_time_s)
        try:
            cut(phasing, config.plan_in_force.sequence)
        except TopologyError as error:
            raise ControllerError(
                f"cabinet {config.name}: plan in force cannot run: {error}"
            ) from error
        self.store = ObjectStore(config.edition, self._inconsistency)
        self.detectors = DetectorBank(config.detectors)
        self._overridden = False
        self.restarts = 0
        """How often the communications side has restarted."""
        self.controls = Controls(self._controlled)
        self.calls = Calls(phasing, self.detectors, self.controls)
        self._buttons = deliver(
            self.store, config, config.midnight_utc_s + time_ds // TENTHS_PER_SECOND
        )
        self.time_base = TimeBase(self.store)
        self.clock = CabinetClock(self.time_base, config.midnight_utc_s, time_ds)
        self.caller = Caller(self.clock)
        self._read()
        reference = config.plan_in_force.offset_reference
        self.selection = Selection(self.store, phasing, reference, self.caller, self.clock)
        require_runnable(config, self.selection.program_of)
        self.preemption = Preemption(self.store, phasing, config.edition, self.selection.called)
        self.rings = Rings(
            phasing, self.selection.program, self.clock.reference_ds, self.calls, self.controls
        )
        self.monitor = monitor_of(phasing, self.rings.aspects)
        self.crossings = PedestrianMonitor(phasing)
        self._bind_controls()
        bind_preemption(self.store, self.preemption, self._controlled)
        bind_status(self.store, self)

    @property
    def time_s(self) -> float:
        """Time since system zero in s."""
        return self.clock.time_ds / TENTHS_PER_SECOND

    @property
    def aspects(self) -> str:
        """What the lamps show now, one character per signal group; ``o`` while flashing."""
        if self.monitor.fault:
            return "o" * self.config.phasing.group_count
        return self.rings.aspects

    @property
    def pattern(self) -> int:
        """The running pattern, as `coordPatternStatus` shows it."""
        return FLASH if self.monitor.fault else self.selection.program.pattern

    @property
    def control(self) -> str:
        """Who calls the pattern, by the name in `unitControlStatus`."""
        return self.caller.who

    @property
    def free_status(self) -> str:
        """Why it runs free, by the name in `localFreeStatus`."""
        return self.selection.free_status

    @property
    def in_step(self) -> bool:
        """Whether the offset is reached: no transition is under way."""
        return self.rings.settled

    @property
    def cycle_left_s(self) -> int:
        """Time until the next local zero, in s, corrections aside; 0 when no cycle is kept."""
        local_ds = self._local_ds
        if local_ds is None:
            return 0
        return -(-(self.selection.program.cycle_ds - local_ds) // TENTHS_PER_SECOND)

    @property
    def past_zero_s(self) -> float | None:
        """Time since the last local zero, in s, corrections aside; None when no cycle is kept."""
        local_ds = self._local_ds
        return None if local_ds is None else local_ds / TENTHS_PER_SECOND

    @property
    def _local_ds(self) -> int | None:
        program = self.selection.program
        if program.free:
            return None
        return (self.rings.cycle_position_ds - program.zero_ds) % program.cycle_ds

    @property
    def since_reference_s(self) -> int:
        """Time since the running pattern's last system reference point, in s."""
        program = self.selection.program
        if program.free:
            return 0
        return self.clock.reference_ds % program.cycle_ds // TENTHS_PER_SECOND

    @property
    def utc_s(self) -> int:
        """The cabinet's own universal time, in s since 1970."""
        return self.clock.utc_s

    @property
    def local_s(self) -> int:
        """The cabinet's own local time, in s since 1970."""
        return self.clock.local_s

    @property
    def reference_ds(self) -> int:
        """Time since system zero in tenths: since the daily sync minute of the local clock."""
        return self.clock.reference_ds

    @property
    def monitor_fault(self) -> str:
        """What tripped the conflict monitor; nothing while all is well."""
        return self.monitor.fault

    @property
    def coordination_alarm(self) -> bool:
        """Whether the called pattern has not been in step within three cycles of the command."""
        return self.selection.overdue(self.rings.unsettled_ds)

    def step(self) -> None:
        """Move on by a tenth of a second."""
        if self.store.generation != self._generation:
            self._read()
        if self.clock.time_ds >= self.caller.lapses_ds:
            self._lapse()
        if self._overridden:
            self._overridden = False
            self.rings.override(self.clock.reference_ds)
        preempted = self._preempted() if self.preemption.awake else None
        if self.selection.select(preempted):
            self.rings.run(self.selection.program, self._correction, self.clock.reference_ds)
        self.rings.step(self.clock.tick())
        self.monitor.watch(self.rings.aspects)
        if self.crossings.walking:
            self.crossings.watch(lamps(self.rings.rings))
            self.monitor.fault = self.monitor.fault or self.crossings.fault
        if self.detectors.step(self._period_s):
            numbers = range(1, self.detectors.count + 1)
            self.detectors.latch(
                self._period_s,
                [self.store.number("vehicleDetectorMaxPresence", n) for n in numbers],
                [self.store.number("vehicleDetectorNoActivity", n) for n in numbers],
            )

    def advance(self, seconds: int) -> None:
        """Move on by whole seconds."""
        for _ in range(seconds * TENTHS_PER_SECOND):
            self.step()

    def actuate(self, detector: int, vehicles: int, occupied_s: float) -> None:
        """Report what the street saw at a detector since the last report.

        Parameters
        ----------
        detector
            Detector number, from 1.
        vehicles
            Vehicles that arrived.
        occupied_s
            How long the detector was occupied, in s.
        """
        self._require(detector)
        if vehicles < 0 or occupied_s < 0:
            raise ControllerError(
                f"cabinet {self.config.name}: {vehicles} vehicles for {occupied_s} s"
            )
        self.detectors.actuate(detector, vehicles, occupied_s)
        if vehicles or occupied_s:
            self.calls.detected(detector)

    def detect(self, detector: int, *, present: bool) -> None:
        """Say whether a vehicle is on a detector from now on; each arrival counts as one.

        Parameters
        ----------
        detector
            Detector number, from 1.
        present
            Whether a vehicle is there.
        """
        self._require(detector)
        if self.detectors.sense(detector, present=present) and present:
            self.calls.detected(detector)

    def push_button(self, phase: int) -> None:
        """Let a pedestrian call a phase; while its Walk is shown there is nothing to call for.

        Parameters
        ----------
        phase
            Phase number.

        Raises
        ------
        ControllerError
            Nobody walks beside that phase.
        """
        walking = [p.number for p in self.config.phasing.phases if p.walk_s]
        if phase not in walking:
            raise ControllerError(
                f"cabinet {self.config.name}: phase {phase} has no pedestrians; "
                f"phases that have: {walking}"
            )
        if not any(ring.phase == phase and ring.walking for ring in self.rings.rings):
            self.calls.pushed(phase)

    def restart(self) -> None:
        """Restart the communications side: whatever is not stored is lost, the lamps go on."""
        self.restarts += 1
        self.store.transaction.reset()
        self.caller.restart()
        self.preemption.release()

    def _read(self) -> None:
        """Read again what matters at every tenth."""
        self._generation = self.store.generation
        self._correction = self.store.meaning("coordCorrectionMode")
        self._period_s = self.store.number("volumeOccupancyPeriod")
        self.caller.wait(self.store.number("unitBackupTime") * TENTHS_PER_SECOND)
        self.calls.configure(self.store, self._buttons)
        self.clock.review()

    def _preempted(self) -> Program | None:
        """Let the preempts move on; return what the one in charge has the rings run."""
        program = self.preemption.step(self.rings.rings, self.selection.program)
        if program and self.controls.overriding:
            # Whatever central control holds or omits, it must not stand in the way.
            self.controls.lapse()
        return program

    def _lapse(self) -> None:
        """Forget what central control asked for; it has been silent for too long."""
        self.caller.system_pattern = 0
        self.preemption.release()
        if self.time_base.commanded:
            self.clock.command(0)
        if self.controls.active:
            self.controls.lapse()
            self.rings.override(self.clock.reference_ds)

    def _controlled(self, name: str) -> None:
        """Take note of a SET of a control object."""
        self.caller.heard()
        if name in DETECTOR_CONTROLS:
            self.calls.controlled()
        elif name in OVERRIDING:
            # The instances of one SET count as set at once (RFC 1157, 4.1.5): the rings look later.
            self._overridden = True

    def _require(self, detector: int) -> None:
        if not 1 <= detector <= self.detectors.count:
            raise ControllerError(
                f"cabinet {self.config.name}: detector {detector} of {self.detectors.count}"
            )

    def _inconsistency(self, buffer: Mapping[Oid, Content]) -> str:
        store, phasing = self.store, self.config.phasing
        for pattern in range(1, store.number("maxPatterns") + 1):
            problem = pattern_problem(store, phasing, pattern, buffer)
            if problem:
                return problem
        return preempt_problem(store, phasing, buffer)

    def _bind_controls(self) -> None:
        config, store, caller = self.config, self.store, self.caller
        phases = tuple(phase.number for phase in config.phasing.phases)
        self.controls.define(store, phases, config.phasing.rings, config.detectors, self._buttons)
        store.bind("globalTime", read=lambda: self.clock.utc_s, write=self.clock.set)
        store.bind(
            "systemPatternControl",
            read=lambda: caller.system_pattern,
            write=caller.call,
            accepts=_no_flash,
        )
        store.bind(
            "coordOperationalMode",
            read=lambda: caller.operational_mode,
            write=caller.set_mode,
            accepts=_no_flash,
        )
        store.bind("actionPlanControl", read=lambda: self.time_base.commanded, write=caller.command)


def _no_flash(pattern: Content) -> bool:
    """Tell whether a pattern can be called; this cabinet flashes on faults only."""
    return pattern != FLASH
