"""What a site says of its plans and of how it is doing, in the terms of `controllers.driver`.

The names of control, free reason and flash are those the bridge knows from NTCIP where one fits,
else RSMP's own; the bridge looks only at whether they are ``systemControl``, ``notFree`` and
``notFlash``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from controllers.driver import COORDINATION_ALARM, LOCAL_CONTROL, ObjectValue, Status
from controllers.rsmp import signals
from controllers.rsmp.hearing import Readings
from controllers.rsmp.session import Session
from controllers.rsmp.signals import BAND, FORCED
from network.errors import ControllerError, RejectedValueError

FLASH: Final = 255
"""Pattern number that stands for lamps that follow no plan."""

CONTROLS: Final[Mapping[str, str]] = {
    FORCED: "systemControl",
    "calendar_clock": "timebase",
    "operator_panel": "localManualControl",
}
"""Who is in control, by the source of the running plan (S0014); others keep their name."""

_TABLES: Final = tuple((code, "status") for code in signals.STATUS_OF.values())

_STATUS: Final = (
    ("S0001", "cyclecounter"),
    ("S0001", "basecyclecounter"),
    ("S0007", "status"),
    ("S0008", "status"),
    ("S0010", "status"),
    ("S0011", "status"),
    ("S0012", "status"),
    ("S0014", "status"),
    ("S0014", "source"),
    ("S0020", "controlmode"),
    ("S0024", "status"),
    ("S0028", "status"),
    ("S0032", "status"),
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Tables:
    """Settings of all plans of a site: seconds by name and instance."""

    values: Mapping[tuple[str, tuple[int, ...]], int]

    def value(self, name: str, *index: int) -> ObjectValue:
        """Return a setting; raise `ControllerError` if the site has none such."""
        if name not in signals.STATUS_OF:
            raise ControllerError(f"{name} is not a setting this bridge knows over RSMP")
        found = self.values.get((name, index))
        if found is None:
            raise RejectedValueError(f"the site has no {name} of {list(index)}")
        return ObjectValue(name, index, found)

    def bands(self, plan: int) -> dict[int, int]:
        """Return the extension of each dynamic band of a plan, in s by its number."""
        return {
            index[1]: value
            for (name, index), value in self.values.items()
            if name == BAND and index[0] == plan
        }


def wanted(readings: Readings, code: str, name: str, reader: Callable[[object], _T]) -> _T:
    """Return a value that the site must tell; raise `RejectedValueError` if it does not."""
    value = readings.values[code, name]
    if value is None:
        raise RejectedValueError(f"the site does not tell {code} {name}")
    return signals.read(code, name, value, reader)


def optional(readings: Readings, code: str, name: str, reader: Callable[[object], _T]) -> _T | None:
    """Return a value, or None where the site does not tell it."""
    return None if readings.values[code, name] is None else wanted(readings, code, name, reader)


async def read_tables(session: Session) -> Tables:
    """Read cycle times, offsets and dynamic bands of all plans, fetched at one time.

    Raises
    ------
    UnreachableError, RejectedValueError
        No answer, or one that makes no sense.
    """
    readings = await session.read(_TABLES)
    values: dict[tuple[str, tuple[int, ...]], int] = {}
    for name, code in signals.STATUS_OF.items():
        width = 3 if name == BAND else 2
        found = optional(readings, code, "status", _rows(width)) or {}
        values.update({(name, index): value for index, value in found.items()})
    return Tables(values)


async def read_status(session: Session, now: datetime, switch_s: float) -> Status:
    """Read how a site is doing.

    Parameters
    ----------
    session
        The connection with it.
    now
        The present.
    switch_s
        How long a commanded plan may take to run; a controller changes plans at a point of its
        cycle, and until then nothing but our own memory tells what was commanded.

    Raises
    ------
    UnreachableError, RejectedValueError
        No answer, or one that makes no sense.
    """
    # S0006 knows one route and is deprecated since 1.2, which brought S0035.
    old = session.agreed.sxl.startswith("1.1")
    route = (("S0006", "status"), ("S0006", "emergencystage"))
    readings = await session.read((*_STATUS, *(route if old else (("S0035", "emergencyroutes"),))))
    plan = wanted(readings, "S0014", "status", lambda value: signals.integer(value, 0, 255))
    source = wanted(readings, "S0014", "source", signals.text)
    called = called_plan(session, plan, source, now, switch_s)
    flash = _flash(readings)
    cycle_s = _of_plan(readings, "S0028", plan)
    count = optional(readings, "S0001", "cyclecounter", _counter)
    base = optional(readings, "S0001", "basecyclecounter", _counter)
    return Status(
        pattern=FLASH if flash != "notFlash" else plan,
        called_pattern=called,
        control=_control(readings, source),
        free_reason=_free_reason(readings),
        flash=flash,
        in_transition=called not in (LOCAL_CONTROL, plan)
        or not _in_step(count, base, _of_plan(readings, "S0024", plan), cycle_s),
        alarms=tuple(_alarm(code) for code in session.heard.alarms),
        preempts=_routes(readings, old),
        cycle_left_s=None if count is None or cycle_s is None else max(cycle_s - count, 0),
        since_reference_s=base,
        device_utc_s=int(readings.fetched_utc.timestamp()),
    )


def called_plan(session: Session, plan: int, source: str, now: datetime, switch_s: float) -> int:
    """Return what plan is called from outside; 0 for none.

    Parameters
    ----------
    session
        The connection; knows what was commanded on it last.
    plan, source
        The running plan and why it runs (S0014).
    now, switch_s
        As for `read_status`.
    """
    shown = plan if source == FORCED else LOCAL_CONTROL
    commanded = session.commanded
    if commanded is None or commanded.plan == shown:
        session.commanded = None
        return shown
    # Past the time the site is believed, whatever was commanded.
    late = (now - commanded.utc).total_seconds() > switch_s
    return shown if late else commanded.plan


def _in_step(
    count: int | None, base: int | None, offset_s: int | None, cycle_s: int | None
) -> bool:
    """Tell whether the local counter is where the offset wants it (SXL 1.2.1, S0001)."""
    if count is None or base is None or offset_s is None or not cycle_s:
        return True
    # Both counters step once a second, not necessarily at the same time.
    return (base + offset_s - count) % cycle_s in (0, 1, cycle_s - 1)


def _flash(readings: Readings) -> str:
    """Return ``notFlash``, or what the lamps do instead of following a plan."""
    on = optional(readings, "S0007", "status", signals.words)
    modes = optional(readings, "S0020", "controlmode", signals.words) or ("control",)
    if on is not None and any(not signals.read("S0007", "status", w, signals.truth) for w in on):
        return "dark"
    if optional(readings, "S0011", "status", signals.truths):
        return "yellowFlash"
    if optional(readings, "S0012", "status", signals.truths):
        return "allRed"
    return next((mode for mode in modes if mode != "control"), "notFlash")


def _control(readings: Readings, source: str) -> str:
    if optional(readings, "S0008", "status", signals.truths):
        return "manual"
    return CONTROLS.get(source, source)


def _free_reason(readings: Readings) -> str:
    if optional(readings, "S0010", "status", signals.truths):
        return "isolated"
    states = optional(readings, "S0032", "status", signals.words) or ()
    return "coordinationOff" if "off" in states else "notFree"


def _routes(readings: Readings, old: bool) -> tuple[int, ...]:
    if not old:
        return optional(readings, "S0035", "emergencyroutes", signals.routes) or ()
    active = optional(readings, "S0006", "status", signals.truth)
    number = optional(readings, "S0006", "emergencystage", _counter)
    return (number,) if active and number else ()


def _of_plan(readings: Readings, code: str, plan: int) -> int | None:
    return (optional(readings, code, "status", _rows(2)) or {}).get((plan,))


def _rows(width: int) -> Callable[[object], dict[tuple[int, ...], int]]:
    return lambda value: signals.table(value, width)


def _counter(value: object) -> int:
    return signals.integer(value, 0, 999)


def _alarm(code: str) -> str:
    if code == signals.SYNCHRONIZATION_ERROR:
        return COORDINATION_ALARM
    return signals.ALARMS.get(code, code)
