"""A virtual signal cabinet: lamps, database, detectors and clock of one intersection.

It runs fixed-time coordination over rings that cross their barriers together; a stage program is
one ring. Not modeled: actuation, pedestrian lamps, preemption, overlaps as objects, day plans.
Time moves only by `Cabinet.step`, so whoever simulates the street owns the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controllers.emulator.channels import monitor_of
from controllers.emulator.counting import DetectorBank
from controllers.emulator.program import (
    FREE,
    Unusable,
    free_program,
    pattern_problem,
    program_of,
)
from controllers.emulator.rings import Rings
from controllers.emulator.sections import Program, cut, length_of
from controllers.emulator.status import FLASH, bind_status
from controllers.emulator.store import ObjectStore
from controllers.emulator.tables import (
    PATTERNS,
    TIME_BASE_PATTERN,
    define_coordination,
    define_phases,
)
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import OBJECTS, Edition, Oid
from network.errors import ControllerError, TopologyError
from network.phasing import Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND, tenths

DAY_DS: Final = 86_400 * TENTHS_PER_SECOND
MINUTES_PER_DAY: Final = 1440

STANDARDS: Final = {
    Edition.V03: b"NTCIP 1201:v03\r\nNTCIP 1202:v03",
    Edition.V1996: b"NTCIP 1201:1996\r\nNTCIP 1202:1996",
}


@dataclass(frozen=True, slots=True)
class CabinetConfig:
    """What a cabinet is built from.

    Attributes
    ----------
    name
        Of the signal; for messages.
    phasing, plan_in_force
        The phases, and the plan that becomes pattern 1, called by the time base.
    detectors
        Number of vehicle detectors.
    read_community, write_community
        SNMP communities; the second may also read.
    backup_time_s
        Without a control SET for so long the cabinet leaves central control; 0 for never.
    volume_period_s
        Length of a counting period, at most 255 s.
    edition
        Edition of the object definitions.
    midnight_utc_s
        Universal time of second zero of the street, in s since 1970; must be a local midnight
        for the daily reference to be second zero.
    """

    name: str
    phasing: Phasing
    plan_in_force: TimingPlan
    detectors: int
    read_community: str
    write_community: str
    backup_time_s: int = 300
    volume_period_s: int = 60
    edition: Edition = Edition.V03
    midnight_utc_s: int = 0


@dataclass(frozen=True, slots=True)
class _Setup:
    """Settings that matter at every tenth, read again whenever the database changes."""

    generation: int
    backup_ds: int
    sync_ds: int
    zone_s: int
    local_pattern: int
    correction: str
    period_s: int


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
        self.store = ObjectStore(config.edition, self._inconsistency)
        self.detectors = DetectorBank(config.detectors)
        self.free_status = "notFree"
        self._time_ds = tenths(start_time_s)
        self._clock_shift_ds = 0
        self._system_pattern = 0
        self._operational_mode = 0
        self._control_ds: int | None = None
        plan = config.plan_in_force
        try:
            cut(config.phasing, plan.sequence)
        except TopologyError as error:
            raise ControllerError(
                f"cabinet {config.name}: plan in force cannot run: {error}"
            ) from error
        self._define()
        self._setup = _read_setup(self.store)
        program = self._program(TIME_BASE_PATTERN)
        if isinstance(program, Unusable) or _filled_s(plan, config.phasing) != plan.cycle_s:
            detail = program.detail if isinstance(program, Unusable) else "splits miss the cycle"
            raise ControllerError(f"cabinet {config.name}: plan in force cannot run: {detail}")
        self._running = program
        self._called = (TIME_BASE_PATTERN, self._setup.generation)
        self.rings = Rings(config.phasing, program, self.reference_ds)
        self.monitor = monitor_of(config.phasing, self.rings.aspects)
        bind_status(self.store, self)

    @property
    def time_s(self) -> float:
        """Time since system zero in s."""
        return self._time_ds / TENTHS_PER_SECOND

    @property
    def aspects(self) -> str:
        """What the lamps show now, one character per signal group; ``o`` while flashing."""
        if self.monitor.fault:
            return "o" * self.config.phasing.group_count
        return self.rings.aspects

    @property
    def pattern(self) -> int:
        """The running pattern, as `coordPatternStatus` shows it."""
        return FLASH if self.monitor.fault else self._running.pattern

    @property
    def in_step(self) -> bool:
        """Whether the offset is reached: no transition is under way."""
        return self.rings.settled

    @property
    def cycle_left_s(self) -> int:
        """Time until the next local zero, in s, corrections aside; 0 when no cycle is kept."""
        program = self._running
        if program.free:
            return 0
        local_ds = (self.rings.cycle_position_ds - program.zero_ds) % program.cycle_ds
        return -(-(program.cycle_ds - local_ds) // TENTHS_PER_SECOND)

    @property
    def since_reference_s(self) -> int:
        """Time since the running pattern's last system reference point, in s."""
        if self._running.free:
            return 0
        return self.reference_ds % self._running.cycle_ds // TENTHS_PER_SECOND

    @property
    def monitor_fault(self) -> str:
        """What tripped the conflict monitor; nothing while all is well."""
        return self.monitor.fault

    def step(self) -> None:
        """Move on by a tenth of a second."""
        self._choose_program()
        self._time_ds += 1
        self.rings.step(self.reference_ds)
        self.monitor.watch(self.rings.aspects)
        if self.detectors.step(self._setup.period_s):
            numbers = range(1, self.detectors.count + 1)
            self.detectors.latch(
                self._setup.period_s,
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
        if not 1 <= detector <= self.detectors.count:
            raise ControllerError(
                f"cabinet {self.config.name}: detector {detector} of {self.detectors.count}"
            )
        if vehicles < 0 or occupied_s < 0:
            raise ControllerError(
                f"cabinet {self.config.name}: {vehicles} vehicles for {occupied_s} s"
            )
        self.detectors.actuate(detector, vehicles, occupied_s)

    def restart(self) -> None:
        """Restart the communications side: whatever is not stored is lost, the lamps go on."""
        self.store.transaction.reset()
        self._system_pattern = 0
        self._control_ds = None

    # The clock

    @property
    def utc_s(self) -> int:
        """The cabinet's own universal time, in s since 1970."""
        shifted_ds = self._time_ds + self._clock_shift_ds
        return self.config.midnight_utc_s + shifted_ds // TENTHS_PER_SECOND

    @property
    def local_s(self) -> int:
        """The cabinet's own local time, in s since 1970."""
        return self.utc_s + self._setup.zone_s

    @property
    def reference_ds(self) -> int:
        """Time since system zero in tenths: since the daily sync minute of the local clock."""
        zone_ds = (self.config.midnight_utc_s + self._setup.zone_s) * TENTHS_PER_SECOND
        local_ds = self._time_ds + self._clock_shift_ds + zone_ds
        return (local_ds - self._setup.sync_ds) % DAY_DS

    def _set_clock(self, utc_s: int) -> None:
        self._clock_shift_ds += (utc_s - self.utc_s) * TENTHS_PER_SECOND

    # Which pattern

    @property
    def control(self) -> str:
        """Who calls the pattern, by the name in `unitControlStatus`."""
        return self._called_pattern[0]

    @property
    def _called_pattern(self) -> tuple[str, int]:
        if self._operational_mode:
            return "manual", self._operational_mode
        silent = self._backed_up
        if self._system_pattern and not silent:
            return "systemControl", self._system_pattern
        return ("backupMode" if silent else "timebase"), self._setup.local_pattern

    @property
    def _backed_up(self) -> bool:
        """Whether central control has been silent for too long."""
        limit_ds = self._setup.backup_ds
        if not limit_ds or self._control_ds is None:
            return False
        return self._time_ds - self._control_ds >= limit_ds

    def _choose_program(self) -> None:
        if self.store.generation != self._setup.generation:
            self._setup = _read_setup(self.store)
        called = (self._called_pattern[1], self._setup.generation)
        if called == self._called:
            return
        self._called = called
        pattern = called[0]
        program = self._program(pattern)
        if isinstance(program, Unusable):
            self.free_status = "commandFree" if pattern == FREE else program.status
            program = free_program(self.store, self.config.phasing)
        else:
            self.free_status = "notFree"
        if program != self._running:
            self._running = program
            self.rings.run(program, self._setup.correction, self.reference_ds)

    def _program(self, pattern: int) -> Program | Unusable:
        reference = self.config.plan_in_force.offset_reference
        return program_of(self.store, self.config.phasing, reference, pattern)

    def _control(self, pattern: int) -> None:
        self._system_pattern = pattern
        self._control_ds = self._time_ds

    def _set_mode(self, mode: int) -> None:
        self._operational_mode = mode

    def _inconsistency(self, buffer: Mapping[Oid, Content]) -> str:
        for pattern in range(1, PATTERNS + 1):
            problem = pattern_problem(self.store, self.config.phasing, pattern, buffer)
            if problem:
                return problem
        return ""

    def _define(self) -> None:
        config, store = self.config, self.store
        define_phases(store, config.phasing, config.plan_in_force)
        define_coordination(store, config.phasing, config.plan_in_force, config.edition)
        store.define("controllerBaseStandards", value=STANDARDS[config.edition])
        store.define("controllerStandardTimeZone", value=0)
        store.define("unitBackupTime", value=config.backup_time_s)
        store.define("volumeOccupancyPeriod", value=config.volume_period_s)
        store.define("maxVehicleDetectors", value=max(1, config.detectors))
        store.define("activeVolumeOccupancyDetectors", value=config.detectors)
        for number in range(1, config.detectors + 1):
            store.define("vehicleDetectorMaxPresence", number, value=0)
            store.define("vehicleDetectorNoActivity", number, value=0)
        store.bind("globalTime", read=lambda: self.utc_s, write=self._set_clock)
        store.bind(
            "systemPatternControl",
            read=lambda: self._system_pattern,
            write=self._control,
            accepts=lambda pattern: pattern != FLASH,
        )
        store.bind(
            "coordOperationalMode",
            read=lambda: self._operational_mode,
            write=self._set_mode,
            accepts=lambda mode: mode != FLASH,
        )


def _filled_s(plan: TimingPlan, phasing: Phasing) -> int:
    """Return how much of the cycle the splits of a plan fill, in s."""
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    return sum(length_of(section, splits) for section in cut(phasing, plan.sequence))


def _read_setup(store: ObjectStore) -> _Setup:
    minute = store.number("timebaseAscPatternSync")
    mode = OBJECTS["coordCorrectionMode"]
    zone = OBJECTS["controllerStandardTimeZone"]
    action = store.number("timebaseAscActionStatus")
    return _Setup(
        generation=store.generation,
        backup_ds=store.number("unitBackupTime") * TENTHS_PER_SECOND,
        # 65535 names the time of the action; this cabinet's one action begins at midnight.
        sync_ds=minute * 60 * TENTHS_PER_SECOND if minute < MINUTES_PER_DAY else 0,
        # The older edition has no time zone: its clock is local time already.
        zone_s=store.number(zone.name) if store.has(zone.instance()) else 0,
        local_pattern=store.number("timebaseAscPattern", action),
        correction=mode.values[store.number(mode.name)],
        period_s=store.number("volumeOccupancyPeriod"),
    )
