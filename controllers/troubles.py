"""What can go wrong while a pattern is called, and what the bridge does about it: one table.

The rule behind the table: the street's own schedule is always the safe state. What somebody else
did at a device is never undone, and a call is repeated only where nothing but our own silence
or a restart explains its loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from controllers.calls import Call
from controllers.driver import COORDINATION_ALARM, LOCAL_CONTROL, Status


class Trouble(StrEnum):
    """What a look at a device may find."""

    SILENT = "silent"
    RESTARTED = "restarted"
    FELL_BACK = "fell-back"
    CALL_GONE = "call-gone"
    FOREIGN_CALL = "foreign-call"
    LOCAL_CONTROL = "local-control"
    FREE_PLAN = "free-plan"
    FREE_LOCAL = "free-local"
    FLASHING = "flashing"
    OTHER_PATTERN = "other-pattern"
    NEVER_IN_STEP = "never-in-step"
    ALARM = "alarm"
    EXCHANGED = "exchanged"
    LIMITS_CHANGED = "limits-changed"
    EDITED = "edited"
    TRANSACTION_OPEN = "transaction-open"
    CLOCK_OFF = "clock-off"


class Action(StrEnum):
    """What the bridge does."""

    NOTE = "note"
    """Tell, and keep the call alive."""
    WAIT = "wait"
    """Go on looking, without calling; call again when it is over."""
    RECALL = "recall"
    """Call the pattern again, if device and rows are still those that were approved."""
    LEAVE = "leave"
    """Send nothing more to this device."""
    LET_GO = "let-go"
    """Hand this device back to its own schedule."""
    TAKE_BACK = "take-back"
    """Hand the whole corridor back; a device under somebody else's call is left."""


@dataclass(frozen=True, slots=True)
class Response:
    """What to do about a trouble.

    Attributes
    ----------
    action
        What.
    looks
        How many looks in a row must find it before anything is done.
    meaning
        For people, in the alert.
    """

    action: Action
    looks: int
    meaning: str


TABLE: Final[Mapping[Trouble, Response]] = MappingProxyType(
    {
        Trouble.SILENT: Response(
            Action.WAIT, 2, "does not answer; it falls back by itself after its backup time"
        ),
        Trouble.RESTARTED: Response(Action.RECALL, 1, "lost the call while it did not answer"),
        Trouble.FELL_BACK: Response(Action.RECALL, 1, "heard nothing from us for too long"),
        Trouble.CALL_GONE: Response(
            Action.LEAVE, 1, "was released by somebody, or restarted between two looks"
        ),
        Trouble.FOREIGN_CALL: Response(
            Action.TAKE_BACK, 1, "is called by somebody else; two masters help nobody"
        ),
        Trouble.LOCAL_CONTROL: Response(Action.LET_GO, 2, "is under local control"),
        Trouble.FREE_PLAN: Response(Action.TAKE_BACK, 1, "cannot run the pattern"),
        Trouble.FREE_LOCAL: Response(Action.NOTE, 2, "runs free for a local reason"),
        Trouble.FLASHING: Response(Action.LET_GO, 1, "flashes"),
        Trouble.OTHER_PATTERN: Response(Action.LET_GO, 3, "runs another pattern than called"),
        Trouble.NEVER_IN_STEP: Response(Action.NOTE, 1, "does not get into step"),
        Trouble.ALARM: Response(Action.NOTE, 2, "raises an alarm"),
        Trouble.EXCHANGED: Response(
            Action.LET_GO, 1, "is not the device that the plan was approved for"
        ),
        Trouble.LIMITS_CHANGED: Response(
            Action.LET_GO, 1, "works under other limits than when the plan was pushed"
        ),
        Trouble.EDITED: Response(Action.LET_GO, 1, "stores other values than were approved"),
        Trouble.TRANSACTION_OPEN: Response(
            Action.NOTE,
            2,
            "has a database transaction that stays open, so that nobody can write it; if it is "
            "ours, 'throughband bridge recover' closes it",
        ),
        Trouble.CLOCK_OFF: Response(
            Action.NOTE, 2, "has its clock off, so that its offset is kept at the wrong time"
        ),
    }
)

NEVER: Final[Mapping[Trouble, tuple[Action, ...]]] = MappingProxyType(
    {
        Trouble.FOREIGN_CALL: (Action.NOTE, Action.RECALL),
        Trouble.CALL_GONE: (Action.NOTE,),
        Trouble.EXCHANGED: (Action.NOTE,),
        Trouble.LIMITS_CHANGED: (Action.NOTE,),
        Trouble.EDITED: (Action.NOTE,),
    }
)
"""Actions that no configuration may choose: they would undo what somebody else did, or keep calling
what nobody approved."""

MINOR: Final = frozenset({Trouble.TRANSACTION_OPEN, Trouble.CLOCK_OFF})
"""Troubles beside the pattern, which may arrive all the same; told when nothing worse is."""

PLAN_REASONS: Final = frozenset(
    {"badPlan", "badCycleTime", "splitOverrun", "invalidOffset", "failed", "coordFree"}
)
"""Free reasons (`localFreeStatus`) that blame the pattern, not the place."""

SERIOUS_ALARMS: Final = frozenset(
    {
        "cycle fault",
        "coordination fault",
        "coordination failure",
        "cycle failure",
        "watchdog stall",
        "process failure",
        "critical alarm",
        "memory fault",
        COORDINATION_ALARM,
    }
)
"""Alarms that a person should hear of; the others tell of normal work or of local matters."""

RESTART_ALARM: Final = "power restart"

CYCLES_TO_STEP: Final = 10
"""Cycles after which a transition should be over: dwell and add-only may take several, ten is
far beyond what the offset-seeking modes need."""


def clock_off(status: Status, allowed_s: float, asked_utc: datetime, answered_utc: datetime) -> str:
    """Say how far a device's clock is off, if one reading in whole seconds proves it; else nothing.

    Parameters
    ----------
    status
        With the reading.
    allowed_s
        How far it may be off.
    asked_utc, answered_utc
        Between which times it was read.
    """
    if status.device_utc_s is None:
        return ""
    least_s = status.device_utc_s - answered_utc.timestamp()
    most_s = status.device_utc_s + 1 - asked_utc.timestamp()
    if least_s <= allowed_s and most_s >= -allowed_s:
        return ""
    return (
        f"ahead of ours by {least_s:.1f} to {most_s:.1f} s; allowed are {-allowed_s:g} to "
        f"{allowed_s:g} s"
    )


def judge(
    call: Call, status: Status, *, was_silent: bool, was_late: bool
) -> tuple[Trouble | None, str]:
    """Judge a look at a device under our call.

    Parameters
    ----------
    call
        What we call there.
    status
        What was seen.
    was_silent
        Whether the look before got no answer.
    was_late
        Whether the device has heard no call for its backup time; some forget the call then.

    Returns
    -------
    trouble, detail
        None and nothing if all is well or under way.
    """
    if status.flash != "notFlash":
        return Trouble.FLASHING, status.flash
    if status.called_pattern == LOCAL_CONTROL:
        restarted = was_silent or RESTART_ALARM in status.alarms
        if restarted:
            return Trouble.RESTARTED, "nothing is called"
        if was_late and status.control == "backupMode":
            return Trouble.FELL_BACK, status.control
        return Trouble.CALL_GONE, "nothing is called"
    if status.called_pattern != call.pattern:
        return Trouble.FOREIGN_CALL, f"pattern {status.called_pattern} is called"
    if status.control == "backupMode":
        return Trouble.FELL_BACK, status.control
    if status.control != "systemControl":
        return Trouble.LOCAL_CONTROL, status.control
    if status.free_reason in PLAN_REASONS:
        return Trouble.FREE_PLAN, status.free_reason
    if status.free_reason not in ("notFree", "transitionFree"):
        return Trouble.FREE_LOCAL, status.free_reason
    if status.pattern != call.pattern:
        return Trouble.OTHER_PATTERN, f"pattern {status.pattern} runs"
    serious = sorted(SERIOUS_ALARMS.intersection(status.alarms))
    if serious:
        return Trouble.ALARM, ", ".join(serious)
    return None, ""
