"""Alarm masks of NTCIP 1202 by name.

Bits as in clauses 5.4.7 to 5.4.9, 5.4.26 and 5.4.27 of version 3; the first three masks read the
same in a second public text of the older clauses 2.4.7 to 2.4.9. A bit without a name is reported
by its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from controllers.driver import COORDINATION_ALARM

OFFSET_TRANSITION: Final = 0x20
"""Bit 5 of `unitAlarmStatus2`: the offset is being reached."""

ALARM_BITS: Final[Mapping[str, tuple[str, ...]]] = {
    "unitAlarmStatus1": (
        "cycle fault",
        "coordination fault",
        "coordination failure",
        "cycle failure",
        "conflict monitor flash",
        "local flash",
        "local free",
        "coordination active",
    ),
    "unitAlarmStatus2": (
        "power restart",
        "low battery",
        "response fault",
        "external start",
        "stop time",
        "offset transition",
        "watchdog stall",
        "process failure",
    ),
    "shortAlarmStatus": (
        "preempt input",
        "flash input",
        "local cycle zero",
        "local override",
        COORDINATION_ALARM,
        "detector fault",
        "alarm input",
        "critical alarm",
    ),
    "unitAlarmStatus3": (
        "communications timeout",
        "conflict monitor link",
        "power supply link",
        "roadside unit link",
        "power disturbance",
        "vehicle certificate",
    ),
    "unitAlarmStatus4": (
        "memory fault",
        "preempt maximum presence",
        "cabinet environment",
        "clock error",
        "scheduled action not run",
        "storage medium present",
    ),
}
"""Names by object, bit 0 first. Reading clears "power restart" and "local cycle zero"."""

NO_ALARM: Final = frozenset({"coordination active", "offset transition", "local cycle zero"})
"""Bits that tell of normal work."""


def alarm_names(masks: Mapping[str, int | None]) -> tuple[str, ...]:
    """Name the alarms that are on.

    Parameters
    ----------
    masks
        Value of each object of `ALARM_BITS` that was read; None where the device has none.
    """
    found: list[str] = []
    for name, names in ALARM_BITS.items():
        mask = masks.get(name) or 0
        for bit in range(mask.bit_length()):
            if mask >> bit & 1:
                found.append(names[bit] if bit < len(names) else f"{name} bit {bit}")
    return tuple(alarm for alarm in found if alarm not in NO_ALARM)
