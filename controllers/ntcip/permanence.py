"""A plan that stays without central control: one action row of the time base, set aside for it."""

from __future__ import annotations

from typing import Final

from controllers.device_profile import DeviceProfile
from controllers.driver import Change, Device, ObjectValue
from controllers.ntcip.reading import Reader
from controllers.ntcip.time_base import read_day_plans
from network.errors import ControllerError

NAME: Final = "timebaseAscPattern"


async def permanent_change(
    reader: Reader, device: Device, profile: DeviceProfile, pattern: int
) -> Change:
    """Work out how to point the device's action row at a pattern, reading only.

    Parameters
    ----------
    reader
        Reads the device.
    device
        Says which action row is ours.
    profile
        What the device says of itself.
    pattern
        One of our rows, written before.

    Raises
    ------
    ControllerError
        No action row was set aside, the device has no such row, no day plan runs it, or the
        pattern is not one of ours or is empty.
    """
    row = device.action_row
    if row is None:
        raise ControllerError(
            f"{reader.where}: no action row is set aside in the device list (action_row)"
        )
    if row > profile.max_actions:
        raise ControllerError(
            f"{reader.where}: there is no action row {row}; the device has {profile.max_actions}"
        )
    if pattern not in device.slots:
        raise ControllerError(
            f"{reader.where}: pattern {pattern} is none of the rows set aside, {list(device.slots)}"
        )
    cycle_s, stored = await reader.table([("patternCycleTime", pattern), (NAME, row)])
    if not cycle_s:
        raise ControllerError(f"{reader.where}: pattern {pattern} is empty")
    day_plans, _ = await read_day_plans(reader)
    if not any(event.action == row for events in day_plans.values() for event in events):
        raise ControllerError(
            f"{reader.where}: no day plan of the device runs action row {row}; the agency's "
            f"schedule must name it first ({len(day_plans)} day plans read)"
        )
    old = (ObjectValue(NAME, (row,), stored),)
    new = (ObjectValue(NAME, (row,), pattern),)
    return Change(device.signal_id, pattern, 0, old, new, row)
