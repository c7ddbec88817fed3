"""What remains of a push: receipts, and who keeps the time and the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from controllers.driver import Change, ObjectValue
from controllers.rows import change_of, described, plain, values_of
from network.errors import ControllerError

Clock = Callable[[], datetime]
"""Returns the present as an aware time."""

Journal = Callable[[dict[str, object]], None]
"""Keeps an event, durably, before it returns; the values are plain JSON."""

CYCLE: Final = "patternCycleTime"


def event(what: str, utc: datetime, **details: object) -> dict[str, object]:
    """Return an event for the journal."""
    return {"event": what, "utc": utc.isoformat(), **details}


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
        When the rows were stored and read back, and when the device took the call; None in a dry
        run.
    fingerprint
        `controllers.rows.fingerprint` of the device as it was surveyed.
    permanent
        The change that points the device's own time base at the pattern; None where the pattern
        is only called.
    warnings
        What a person should know of this device although nothing was refused.
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
    fingerprint: str = ""
    permanent: Change | None = None
    warnings: tuple[str, ...] = ()

    @property
    def change(self) -> Change:
        """The change that was made."""
        return Change(self.signal_id, self.pattern, self.split, self.old, self.new)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        return {
            **described(self.change),
            "address": self.address,
            "read_back": plain(self.read_back),
            "called_before": self.called_before,
            "set_id_before": self.set_id_before,
            "backup_time_s": self.backup_time_s,
            "stored_utc": _text(self.stored_utc),
            "activated_utc": _text(self.activated_utc),
            "fingerprint": self.fingerprint,
            "permanent": None if self.permanent is None else described(self.permanent),
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], where: str) -> DeviceReceipt:
        """Return the receipt that `to_dict` wrote; raise `ControllerError` if it is malformed."""
        change = change_of(entry, where)
        try:
            permanent = entry["permanent"]
            return cls(
                change.signal_id,
                str(entry["address"]),
                change.pattern,
                change.split,
                change.old,
                change.new,
                values_of(entry["read_back"], where),
                int(entry["called_before"]),
                int(entry["set_id_before"]),
                int(entry["backup_time_s"]),
                _time(entry["stored_utc"]),
                _time(entry["activated_utc"]),
                str(entry["fingerprint"]),
                None if permanent is None else change_of(permanent, where),
                tuple(str(text) for text in entry.get("warnings", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ControllerError(f"{where}: not the receipt of a push ({error})") from error


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
    push_id
        What the journal calls this push.
    """

    plan_digest: str
    approved_by: str
    dry_run: bool
    started_utc: datetime
    finished_utc: datetime
    devices: tuple[DeviceReceipt, ...]
    push_id: str = ""

    @property
    def spread_s(self) -> float:
        """Time between the first and the last device taking its call, in s; 0 in a dry run."""
        times = [entry.activated_utc for entry in self.devices if entry.activated_utc]
        return (max(times) - min(times)).total_seconds() if times else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        return {
            "push_id": self.push_id,
            "plan_digest": self.plan_digest,
            "approved_by": self.approved_by,
            "dry_run": self.dry_run,
            "started_utc": _text(self.started_utc),
            "finished_utc": _text(self.finished_utc),
            "spread_s": self.spread_s,
            "devices": [entry.to_dict() for entry in self.devices],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> PushReceipt:
        """Return the receipt that `to_dict` wrote; raise `ControllerError` if it is malformed."""
        try:
            started, finished = _time(content["started_utc"]), _time(content["finished_utc"])
            entries = content["devices"]
            if started is None or finished is None or not isinstance(entries, list):
                raise ValueError("times and devices are needed")
            return cls(
                str(content["plan_digest"]),
                str(content["approved_by"]),
                bool(content["dry_run"]),
                started,
                finished,
                tuple(DeviceReceipt.from_dict(entry, where) for entry in entries),
                str(content["push_id"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ControllerError(f"{where}: not the receipt of a push ({error})") from error


def _text(time_utc: datetime | None) -> str | None:
    return None if time_utc is None else time_utc.isoformat()


def _time(text: object) -> datetime | None:
    if text is None:
        return None
    time_utc = datetime.fromisoformat(str(text))
    if time_utc.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time_utc
