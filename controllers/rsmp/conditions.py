"""What must hold before a plan is written: it is ours and known, and the site is in order."""

from __future__ import annotations

from controllers.driver import Change, Device, Identity, Status
from controllers.rsmp import signals
from controllers.rsmp.reading import FLASH, Tables
from controllers.rsmp.sheet import SiteSheet, StoredPlan
from network.errors import ControllerError


def require_ready(device: Device, identity: Identity, status: Status) -> None:
    """Refuse a site whose lamps follow no plan, or whose clock is off.

    Raises
    ------
    ControllerError
        What is wrong, found and allowed.
    """
    if status.pattern == FLASH:
        raise ControllerError(f"{_where(device)}: follows no plan at present: {status.flash}")
    if identity.clock_error_s is None:
        return
    least_s, most_s = identity.clock_error_s
    allowed_s = device.max_clock_error_s
    if least_s < -allowed_s or most_s > allowed_s:
        raise ControllerError(
            f"{_where(device)}: its clock is ahead of ours by {least_s:.1f} to {most_s:.1f} s; "
            f"allowed are {-allowed_s:g} to {allowed_s:g} s"
        )


def require_ours(device: Device, sheet: SiteSheet, change: Change) -> None:
    """Refuse a change of anything but one plan of this bridge's, before anything is sent.

    Raises
    ------
    ControllerError
        A setting is not this bridge's to write, or out of range.
    """
    stored = sheet.plan(change.pattern) if change.pattern in device.slots else None
    bands = {band.number for band in stored.bands} if stored else set()
    for entry in (*change.old, *change.new):
        signals.require(entry.name, entry.index, entry.value)
        plan, *band = entry.index
        if stored is None or plan != change.pattern or not bands.issuperset(band):
            raise ControllerError(
                f"{_where(device)}: {entry} is in no plan set aside for this bridge: plans "
                f"{list(device.slots)}"
            )
    if [(v.name, v.index) for v in change.old] != [(v.name, v.index) for v in change.new]:
        raise ControllerError(f"{_where(device)}: old and new values are not of the same settings")


def require_known_bands(stored: StoredPlan, tables: Tables) -> None:
    """Refuse a plan with a band in force that the sheet does not know: its splits are others."""
    known = {band.number for band in stored.bands}
    strange = {n: s for n, s in tables.bands(stored.number).items() if s and n not in known}
    if strange:
        raise ControllerError(
            f"plan {stored.number} has bands {sorted(strange)} in force that its sheet does not "
            "describe"
        )


def _where(device: Device) -> str:
    return f"signal {device.signal_id!r} at {device.address}"
