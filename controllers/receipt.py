"""What remains of a push: receipts, and who keeps the time and the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from controllers.driver import Change, ObjectValue

Clock = Callable[[], datetime]
"""Returns the present as an aware time."""

Journal = Callable[[dict[str, object]], None]
"""Keeps an event, durably, before it returns; the values are plain JSON."""


@dataclass(frozen=True, slots=True)
class DeviceReceipt:
    """What was done to one device.

    Attributes
    ----------
    signal_id, address
        The device.
    pattern, split
        Rows written.
    old, new, read_back
        Values before, as written, and as the device stores them; the last is empty in a dry run.
    called_before
        The pattern central control called before, 0 for none.
    set_id_before
        The device's fingerprint of its setup before.
    backup_time_s
        Silence after which it leaves central control; refresh the call within a third of it.
    stored_utc, activated_utc
        When the rows were stored and read back, and when all patterns were called; None in a dry
        run.
    """

    signal_id: str
    address: str
    pattern: int
    split: int
    old: tuple[ObjectValue, ...]
    new: tuple[ObjectValue, ...]
    read_back: tuple[ObjectValue, ...]
    called_before: int
    set_id_before: int
    backup_time_s: int
    stored_utc: datetime | None
    activated_utc: datetime | None

    @property
    def change(self) -> Change:
        """The change that was made."""
        return Change(self.signal_id, self.pattern, self.split, self.old, self.new)


@dataclass(frozen=True, slots=True)
class PushReceipt:
    """What was done to a corridor.

    Attributes
    ----------
    plan_digest, approved_by
        What was pushed and who answers for it.
    dry_run
        Whether nothing was written.
    started_utc, finished_utc
        From when to when.
    devices
        One entry per device, ordered by signal.
    """

    plan_digest: str
    approved_by: str
    dry_run: bool
    started_utc: datetime
    finished_utc: datetime
    devices: tuple[DeviceReceipt, ...]
