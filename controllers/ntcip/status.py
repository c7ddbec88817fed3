"""How a device is doing: what runs, who called it, alarms and preempts."""

from __future__ import annotations

from typing import Final

from controllers.driver import Status
from controllers.ntcip.alarms import ALARM_BITS, OFFSET_TRANSITION, alarm_names
from controllers.ntcip.objects import OBJECTS
from controllers.ntcip.reading import Reader

PREEMPT_SERVED: Final = frozenset(
    {
        "entryStarted",
        "trackService",
        "dwell",
        "linkActive",
        "exitStarted",
        "maxPresence",
        "advancedPreempt",
    }
)
"""States of `preemptState` in which a preempt moves the lamps."""

_STATUS: Final = (
    "coordPatternStatus",
    "systemPatternControl",
    "unitControlStatus",
    "localFreeStatus",
    "unitFlashStatus",
    "unitAlarmStatus2",
)

_STATUS_OPTIONAL: Final = (
    *(name for name in ALARM_BITS if name != "unitAlarmStatus2"),
    "coordCycleStatus",
    "coordSyncStatus",
    "globalTime",
    "maxPreempts",
)


async def read_status(reader: Reader) -> Status:
    """Read how a device is doing.

    Raises
    ------
    UnreachableError, RejectedValueError
        No answer, or one that makes no sense.
    """
    read = await reader.numbers(*_STATUS)
    extra = await reader.optional(*_STATUS_OPTIONAL)
    preempts = range(1, (extra["maxPreempts"] or 0) + 1)
    states = await reader.get([OBJECTS["preemptState"].instance(n) for n in preempts])
    masks = {name: read.get(name, extra.get(name)) for name in ALARM_BITS}
    names = OBJECTS["preemptState"].values
    return Status(
        pattern=read["coordPatternStatus"],
        called_pattern=read["systemPatternControl"],
        control=_named("unitControlStatus", read),
        free_reason=_named("localFreeStatus", read),
        flash=_named("unitFlashStatus", read),
        in_transition=bool(read["unitAlarmStatus2"] & OFFSET_TRANSITION),
        alarms=alarm_names(masks),
        preempts=tuple(
            number
            for number, state in zip(preempts, states, strict=True)
            if isinstance(state, int) and names.get(state) in PREEMPT_SERVED
        ),
        cycle_left_s=extra["coordCycleStatus"],
        since_reference_s=extra["coordSyncStatus"],
        device_utc_s=extra["globalTime"],
    )


def _named(name: str, read: dict[str, int]) -> str:
    return OBJECTS[name].values.get(read[name], f"unknown value {read[name]}")
