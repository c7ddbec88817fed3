"""Devices that were met before: what each said of itself then, and whether it is still the same."""

from __future__ import annotations

from typing import Protocol

from controllers.device_profile import Concern, DeviceProfile, Difference, differences
from controllers.driver import Device


class Profiles(Protocol):
    """Keeps what devices say of themselves."""

    def known(self, device: Device) -> DeviceProfile | None:
        """Return what a device said at its address, or None if it was never met there."""
        ...

    def keep(self, device: Device, profile: DeviceProfile) -> None:
        """Keep what a device says now, in place of what it said before."""
        ...


class ProfileMemory:
    """Keeps profiles for the life of a process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], DeviceProfile] = {}

    def known(self, device: Device) -> DeviceProfile | None:
        """Return what a device said at its address, or None."""
        return self._kept.get((device.signal_id, device.address))

    def keep(self, device: Device, profile: DeviceProfile) -> None:
        """Keep what a device says now."""
        self._kept[device.signal_id, device.address] = profile


def changes(
    profiles: Profiles | None, device: Device, found: DeviceProfile | None
) -> tuple[Difference, ...]:
    """Say in which ways a device is no longer the one that was met; nothing if it is new.

    Parameters
    ----------
    profiles
        Where it was kept; None if nothing is.
    device
        Which.
    found
        What it says now; None if it was not asked.
    """
    known = profiles.known(device) if profiles is not None else None
    return () if known is None or found is None else differences(known, found)


def told(found: tuple[Difference, ...], concern: Concern) -> str:
    """Return the differences of one concern as one text; empty if there are none."""
    return "; ".join(str(each) for each in found if each.concern is concern)
