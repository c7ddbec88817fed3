"""Status objects of a cabinet: what it tells about itself, computed when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from controllers.emulator.controls import groups as groups_of
from controllers.emulator.controls import in_group, packed
from controllers.emulator.counting import MAX_PRESENCE
from controllers.emulator.crossings import Lamp, lamp_of
from controllers.emulator.ring import IDLE, Ring
from controllers.emulator.store import ObjectStore
from controllers.emulator.timebase import bind_time_base
from controllers.ntcip.objects import OBJECTS
from network.units import TENTHS_PER_SECOND

if TYPE_CHECKING:
    from controllers.emulator.cabinet import Cabinet

FLASH: Final = 255
"""Pattern number of automatic flash, as `coordPatternStatus` shows it."""

COORDINATION_ACTIVE: Final = 0x80
LOCAL_FREE: Final = 0x40
MONITOR_FLASH: Final = 0x10
"""Bits of `unitAlarmStatus1` (NTCIP 1202 clause 2.4.8)."""

MIN_GREEN: Final = 0
GREEN_EXTENSION: Final = 1
MAXIMUM: Final = 2
GREEN_REST: Final = 3
YELLOW_CHANGE: Final = 4
RED_CLEARANCE: Final = 5
RED_REST: Final = 6
"""The coded states of `ringStatus` (NTCIP 1202 v03 clause 5.8.6.1)."""

OFFSET_TRANSITION: Final = 0x20
"""Bit of `unitAlarmStatus2` (NTCIP 1202 clause 2.4.7)."""

PREEMPT_OVERDUE: Final = 0x02
"""Bit of `unitAlarmStatus4` (NTCIP 1202 v03 clause 5.4.27)."""

DETECTOR_FAULT: Final = 0x20
COORDINATION_ALARM: Final = 0x10
LOCAL_OVERRIDE: Final = 0x08
LOCAL_CYCLE_ZERO: Final = 0x04
FLASH_INPUT: Final = 0x02
PREEMPT_INPUT: Final = 0x01
"""Bits of `shortAlarmStatus` (NTCIP 1202 v03 clause 5.4.9)."""


def bind_status(store: ObjectStore, cabinet: Cabinet) -> None:
    """Create the status instances of a cabinet."""
    control = OBJECTS["unitControlStatus"]
    flash = OBJECTS["unitFlashStatus"]
    free = OBJECTS["localFreeStatus"]
    store.bind("controllerLocalTime", read=lambda: cabinet.local_s)
    store.bind("coordPatternStatus", read=lambda: cabinet.pattern)
    store.bind("localFreeStatus", read=lambda: free.number(cabinet.free_status))
    store.bind("unitControlStatus", read=lambda: control.number(cabinet.control))
    store.bind(
        "unitFlashStatus",
        read=lambda: flash.number("mmu" if cabinet.monitor_fault else "notFlash"),
    )
    store.bind("unitAlarmStatus1", read=lambda: _alarms_1(cabinet))
    bind_time_base(store, lambda: cabinet.clock.choice)
    store.bind("unitAlarmStatus4", read=lambda: PREEMPT_OVERDUE * cabinet.preemption.overdue)
    store.bind("unitAlarmStatus2", read=lambda: 0 if cabinet.in_step else OFFSET_TRANSITION)
    store.bind("shortAlarmStatus", read=_ShortAlarm(cabinet))
    store.bind("coordCycleStatus", read=lambda: cabinet.cycle_left_s)
    store.bind("coordSyncStatus", read=lambda: cabinet.since_reference_s)
    store.bind("volumeOccupancySequence", read=lambda: cabinet.detectors.sequence)
    for number in range(1, cabinet.detectors.count + 1):
        store.bind("detectorVolume", number, read=_of(cabinet.detectors.volume, number))
        store.bind("detectorOccupancy", number, read=_of(cabinet.detectors.occupancy, number))
    active = cabinet.calls.active
    for group in range(1, groups_of([cabinet.detectors.count]) + 1):
        numbers = range(1, cabinet.detectors.count + 1)
        store.bind("vehicleDetectorStatusGroupActive", group, read=_packed(group, numbers, active))
    rings = cabinet.rings.rings

    def shows(lamp: Lamp) -> Callable[[int], bool]:
        return lambda n: any(r.phase == n and lamp_of(r) is lamp for r in rings)

    def walks(number: int) -> bool:
        return any(p.number == number and p.walk_s for p in cabinet.config.phasing.phases)

    lit: dict[str, Callable[[int], bool]] = {
        "phaseStatusGroupGreens": lambda n: any(r.phase == n and r.green for r in rings),
        "phaseStatusGroupYellows": lambda n: any(r.phase == n and r.yellow for r in rings),
        "phaseStatusGroupReds": lambda n: (
            not any(r.phase == n and (r.green or r.yellow) for r in rings)
        ),
        "phaseStatusGroupWalks": shows(Lamp.WALK),
        "phaseStatusGroupPedClears": shows(Lamp.CLEAR),
        "phaseStatusGroupDontWalks": lambda n: (
            walks(n) and not shows(Lamp.WALK)(n) and not shows(Lamp.CLEAR)(n)
        ),
        "phaseStatusGroupVehCalls": lambda n: n in cabinet.rings.waiting()[0],
        "phaseStatusGroupPedCalls": lambda n: n in cabinet.rings.waiting()[1],
        "phaseStatusGroupPhaseOns": lambda n: any(r.phase == n for r in rings),
        "phaseStatusGroupPhaseNexts": lambda n: any(r.next_phase == n for r in rings),
    }
    for number, ring in zip(cabinet.config.phasing.rings, rings, strict=True):
        store.bind("ringStatus", number, read=_ring_status(cabinet, ring))
    phases = {phase.number for phase in cabinet.config.phasing.phases}
    groups = groups_of(phases)
    for name, is_lit in lit.items():
        for group in range(1, groups + 1):
            store.bind(name, group, read=_packed(group, phases, is_lit))


def _ring_status(cabinet: Cabinet, ring: Ring) -> Callable[[], int]:
    """Return what reads a ring's coded status, and why its last green ended."""

    def read() -> int:
        if ring.phase == IDLE:
            return RED_REST
        if not ring.green:
            return ring.reason | (YELLOW_CHANGE if ring.yellow else RED_CLEARANCE)
        phase = cabinet.config.phasing.phase(ring.phase)
        if ring.lit_ds < phase.min_green_s * TENTHS_PER_SECOND or ring.on_foot_left_ds:
            return MIN_GREEN
        state = cabinet.rings.green_state(ring)
        return {"rest": GREEN_REST, "maximum": MAXIMUM}.get(state, GREEN_EXTENSION)

    return read


def _alarms_1(cabinet: Cabinet) -> int:
    if cabinet.monitor_fault:
        return MONITOR_FLASH
    return COORDINATION_ACTIVE if cabinet.free_status == "notFree" else LOCAL_FREE


class _ShortAlarm:
    """Reads `shortAlarmStatus`; a local cycle zero is told once."""

    def __init__(self, cabinet: Cabinet) -> None:
        self._cabinet = cabinet
        self._told_s = cabinet.time_s

    def __call__(self) -> int:
        cabinet = self._cabinet
        since_s, self._told_s = cabinet.time_s - self._told_s, cabinet.time_s
        detectors = range(1, cabinet.detectors.count + 1)
        faulty = any(cabinet.detectors.occupancy(n) >= MAX_PRESENCE for n in detectors)
        past_zero_s = cabinet.past_zero_s
        zero = past_zero_s is not None and past_zero_s < since_s
        return (
            faulty * DETECTOR_FAULT
            | cabinet.coordination_alarm * COORDINATION_ALARM
            | (cabinet.free_status != "notFree") * LOCAL_OVERRIDE
            | zero * LOCAL_CYCLE_ZERO
            | bool(cabinet.monitor_fault) * FLASH_INPUT
            | cabinet.preemption.called * PREEMPT_INPUT
        )


def _of(read: Callable[[int], int], number: int) -> Callable[[], int]:
    return lambda: read(number)


def _packed(group: int, numbers: Iterable[int], on: Callable[[int], bool]) -> Callable[[], int]:
    """Return what packs those of a group of eight that are on into an octet."""
    here = tuple(number for number in numbers if in_group(group, number))
    return lambda: packed(group, (number for number in here if on(number)))
