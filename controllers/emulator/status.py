"""Status objects of a cabinet: what it tells about itself, computed when asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from controllers.emulator.ring import IDLE, Ring
from controllers.emulator.store import ObjectStore
from controllers.ntcip.objects import OBJECTS
from network.units import TENTHS_PER_SECOND

if TYPE_CHECKING:
    from controllers.emulator.cabinet import Cabinet

FLASH: Final = 255
"""Pattern number of automatic flash, as `coordPatternStatus` shows it."""

PHASES_PER_GROUP: Final = 8
COORDINATION_ACTIVE: Final = 0x80
LOCAL_FREE: Final = 0x40
MONITOR_FLASH: Final = 0x10
"""Bits of `unitAlarmStatus1` (NTCIP 1202 clause 2.4.8)."""

FORCE_OFF: Final = 0x20
MIN_GREEN: Final = 0
GREEN_EXTENSION: Final = 1
YELLOW_CHANGE: Final = 4
RED_CLEARANCE: Final = 5
RED_REST: Final = 6
"""Bit 5 and the coded states of `ringStatus` (NTCIP 1202 v03 clause 5.8.6.1)."""

OFFSET_TRANSITION: Final = 0x20
"""Bit of `unitAlarmStatus2` (NTCIP 1202 clause 2.4.7)."""


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
    store.bind("unitAlarmStatus2", read=lambda: 0 if cabinet.in_step else OFFSET_TRANSITION)
    store.bind("coordCycleStatus", read=lambda: cabinet.cycle_left_s)
    store.bind("coordSyncStatus", read=lambda: cabinet.since_reference_s)
    store.bind("volumeOccupancySequence", read=lambda: cabinet.detectors.sequence)
    for number in range(1, cabinet.detectors.count + 1):
        store.bind("detectorVolume", number, read=_of(cabinet.detectors.volume, number))
        store.bind("detectorOccupancy", number, read=_of(cabinet.detectors.occupancy, number))
    rings = cabinet.rings.rings
    lit: dict[str, Callable[[int], bool]] = {
        "phaseStatusGroupGreens": lambda n: any(r.phase == n and r.green for r in rings),
        "phaseStatusGroupYellows": lambda n: any(r.phase == n and r.yellow for r in rings),
        "phaseStatusGroupReds": lambda n: (
            not any(r.phase == n and (r.green or r.yellow) for r in rings)
        ),
        "phaseStatusGroupPhaseOns": lambda n: any(r.phase == n for r in rings),
        "phaseStatusGroupPhaseNexts": lambda n: any(r.next_phase == n for r in rings),
    }
    if len(rings) > 1:
        # A stage program has no rings worth telling apart.
        for number, ring in zip(cabinet.config.phasing.rings, rings, strict=True):
            store.bind("ringStatus", number, read=_ring_status(cabinet, ring))
    phases = {phase.number for phase in cabinet.config.phasing.phases}
    groups = -(-max(phases) // PHASES_PER_GROUP)
    for name, is_lit in lit.items():
        for group in range(1, groups + 1):
            store.bind(name, group, read=_bits(group, phases, is_lit))


def _ring_status(cabinet: Cabinet, ring: Ring) -> Callable[[], int]:
    """Return what reads a ring's coded status; every green ends by force off."""

    def read() -> int:
        if ring.phase == IDLE:
            return RED_REST
        if not ring.green:
            return FORCE_OFF | (YELLOW_CHANGE if ring.yellow else RED_CLEARANCE)
        phase = cabinet.config.phasing.phase(ring.phase)
        timed = ring.lit_ds < phase.least_green_s * TENTHS_PER_SECOND
        return MIN_GREEN if timed else GREEN_EXTENSION

    return read


def _alarms_1(cabinet: Cabinet) -> int:
    if cabinet.monitor_fault:
        return MONITOR_FLASH
    return COORDINATION_ACTIVE if cabinet.free_status == "notFree" else LOCAL_FREE


def _of(read: Callable[[int], int], number: int) -> Callable[[], int]:
    return lambda: read(number)


def _bits(group: int, phases: set[int], lit: Callable[[int], bool]) -> Callable[[], int]:
    """Pack eight phases into the octet of a status group, the lowest in bit 0."""
    first = (group - 1) * PHASES_PER_GROUP + 1
    members = [(bit, first + bit) for bit in range(PHASES_PER_GROUP) if first + bit in phases]
    return lambda: sum(1 << bit for bit, number in members if lit(number))
