"""What must hold before a device is written: the rows are ours, idle, and the device in order."""

from __future__ import annotations

from typing import Final

from controllers.driver import Change, Device, Identity
from controllers.ntcip.codec import FLASH, wire_values
from controllers.ntcip.objects import OBJECTS
from controllers.ntcip.reading import Reader
from network.errors import ControllerError

MOST_PATTERN: Final = 253
"""Numbers above are no patterns: 254 is free, 255 flash."""

ROWS: Final = frozenset({"sequenceData"})
"""Objects of a plan whose row is told by the pattern, not by its name."""


def require_ready(device: Device, identity: Identity) -> None:
    """Refuse a device that flashes or whose clock is off, or may be.

    Raises
    ------
    ControllerError
        What is wrong, found and allowed.
    """
    where = _where(device)
    if FLASH in (identity.called_pattern, identity.running_pattern):
        raise ControllerError(f"{where}: flashes, or is called to")
    if identity.clock_error_s is None:
        return
    least_s, most_s = identity.clock_error_s
    allowed_s = device.max_clock_error_s
    if least_s < -allowed_s or most_s > allowed_s:
        raise ControllerError(
            f"{where}: its clock is ahead of ours by {least_s:.1f} to {most_s:.1f} s; allowed are "
            f"{-allowed_s:g} to {allowed_s:g} s"
        )


def require_ours(device: Device, change: Change) -> None:
    """Refuse a change of rows that are not this bridge's, before anything is sent.

    A plan is one of the patterns set aside with its split row and its sequence row; activation
    for good is one action row and nothing else.

    Raises
    ------
    ControllerError
        An object is not this bridge's to write, or its row is not one set aside.
    """
    where = _where(device)
    wire_values(change.old)
    wire_values(change.new)
    if [(v.name, v.index) for v in change.old] != [(v.name, v.index) for v in change.new]:
        raise ControllerError(f"{where}: old and new values are not of the same objects")
    sequences = {entry.index[0] for entry in change.new if entry.name == "sequenceData"}
    for entry in change.new:
        if change.action_row is not None:
            mine = entry.name == "timebaseAscPattern" and entry.index == (device.action_row,)
        elif entry.name.startswith("pattern"):
            mine = change.pattern in device.slots and entry.index == (change.pattern,)
        elif entry.name.startswith("split"):
            mine = change.pattern in device.slots and entry.index[0] == change.split
        else:
            mine = entry.name in ROWS and len(sequences) == 1
        if not mine:
            raise ControllerError(
                f"{where}: {entry} is in no row set aside for this bridge: patterns "
                f"{list(device.slots)}, action row {device.action_row}"
            )


async def require_idle(reader: Reader, device: Device, change: Change) -> None:
    """Refuse to write what runs or is scheduled: the pattern, its split row, its sequence row.

    Raises
    ------
    ControllerError
        It is in use.
    """
    if change.action_row is not None:
        return
    read = await reader.numbers("coordPatternStatus", "systemPatternControl")
    running = read["coordPatternStatus"]
    if change.pattern in read.values():
        raise ControllerError(f"{reader.where}: pattern {change.pattern} is running or called")
    if device.action_row is not None:
        # A row the device does not have schedules nothing.
        row = OBJECTS["timebaseAscPattern"].instance(device.action_row)
        [scheduled] = await reader.get([row])
        if scheduled == change.pattern:
            raise ControllerError(
                f"{reader.where}: pattern {change.pattern} is scheduled by action row "
                f"{device.action_row}"
            )
    if not 1 <= running <= MOST_PATTERN:
        return
    split, sequence = await reader.table(
        [("patternSplitNumber", running), ("patternSequenceNumber", running)]
    )
    rows = {entry.index[0] for entry in change.new if entry.name == "sequenceData"}
    if split == change.split or sequence in rows:
        raise ControllerError(
            f"{reader.where}: pattern {running} is running and uses split {split} and sequence "
            f"{sequence}, which were to be written"
        )


def _where(device: Device) -> str:
    return f"signal {device.signal_id!r} at {device.address}"
