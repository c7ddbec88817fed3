"""What this bridge calls on the street now: a call per device, from a receipt or the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controllers.driver import ObjectValue
from controllers.receipt import CYCLE, PushReceipt
from controllers.rows import plain, values_of
from network.errors import ControllerError


@dataclass(frozen=True, slots=True)
class Call:
    """A pattern that we call at a device.

    Attributes
    ----------
    signal_id, address
        The device.
    pattern
        What is called.
    rows
        What its rows must store.
    plan_digest, push_id
        The plan set, which makes a corridor, and the push that wrote it.
    backup_time_s
        Silence after which the device leaves central control.
    fingerprint
        `controllers.rows.fingerprint` of the device the plan was approved for.
    since_utc
        When it took the call.
    """

    signal_id: str
    address: str
    pattern: int
    rows: tuple[ObjectValue, ...]
    plan_digest: str
    push_id: str
    backup_time_s: int
    fingerprint: str
    since_utc: datetime

    @property
    def cycle_s(self) -> int:
        """The pattern's cycle in s; 0 if its rows do not say."""
        for value in self.rows:
            if value.name == CYCLE and isinstance(value.value, int):
                return value.value
        return 0

    @property
    def where(self) -> str:
        """The device, for messages."""
        return f"signal {self.signal_id!r} at {self.address}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        return {
            "signal_id": self.signal_id,
            "address": self.address,
            "pattern": self.pattern,
            "rows": plain(self.rows),
            "plan_digest": self.plan_digest,
            "push_id": self.push_id,
            "backup_time_s": self.backup_time_s,
            "fingerprint": self.fingerprint,
            "since_utc": self.since_utc.isoformat(),
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], where: str) -> Call:
        """Return the call that `to_dict` wrote; raise `ControllerError` if it is malformed."""
        try:
            since_utc = datetime.fromisoformat(entry["since_utc"])
            if since_utc.tzinfo is None:
                raise ValueError("since_utc has no time zone")
            return cls(
                str(entry["signal_id"]),
                str(entry["address"]),
                int(entry["pattern"]),
                values_of(entry["rows"], where),
                str(entry["plan_digest"]),
                str(entry["push_id"]),
                int(entry["backup_time_s"]),
                str(entry["fingerprint"]),
                since_utc,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ControllerError(f"{where}: not a call ({error})") from error


def calls_of(receipt: PushReceipt) -> dict[str, Call]:
    """Return by signal what a push calls."""
    return {
        entry.signal_id: Call(
            entry.signal_id,
            entry.address,
            entry.pattern,
            entry.new,
            receipt.plan_digest,
            receipt.push_id,
            entry.backup_time_s,
            entry.fingerprint,
            entry.activated_utc or receipt.finished_utc,
        )
        for entry in receipt.devices
    }


def calls_on_record(events: Iterable[Mapping[str, Any]]) -> dict[str, Call]:
    """Return by signal what a journal's events say is called: activated and not ended since.

    Withdrawing a push calls again what was called before it; if that was a call of ours, it is
    one again. For a bridge that lost its own state; the devices must still be asked.

    Raises
    ------
    ControllerError
        An event is malformed.
    """
    intents: dict[str, dict[str, tuple[Call, object]]] = {}
    active: dict[str, Call] = {}
    before: dict[str, dict[str, Call]] = {}
    for event in events:
        kind, push_id = event.get("event"), str(event.get("push_id", ""))
        if kind == "intent" and push_id:
            intents[push_id] = _intended(event, push_id)
        elif kind == "activated" or (kind == "recovered" and event.get("outcome") == "activated"):
            pushed = intents.get(push_id, {})
            before[push_id] = {
                signal: active[signal]
                for signal, (_, called_before) in pushed.items()
                if signal in active and active[signal].pattern == called_before
            }
            active.update({signal: call for signal, (call, _) in pushed.items()})
        elif kind in ("withdraw", "recovered"):
            ended = {signal for signal, call in active.items() if call.push_id == push_id}
            again = before.get(push_id, {})
            active = {s: c for s, c in active.items() if s not in ended}
            active.update({s: c for s, c in again.items() if s in ended})
        elif kind == "released":
            names = event.get("signals")
            for signal in list(names) if isinstance(names, list) else list(active):
                active.pop(signal, None)
                for earlier in before.values():
                    earlier.pop(signal, None)
    return active


def last_pushes(events: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return by signal the last push whose rows stand, and when it began.

    A push that was taken back or withdrawn has left the rows as they were before it.

    Parameters
    ----------
    events
        Of a journal, in their order.
    """
    standing: dict[str, tuple[str, list[str]]] = {}
    for event in events:
        kind, push_id = event.get("event"), str(event.get("push_id", ""))
        entries = event.get("devices")
        if kind == "intent" and push_id and isinstance(entries, list):
            signals = [str(e.get("signal_id")) for e in entries if isinstance(e, dict)]
            standing.pop(push_id, None)
            standing[push_id] = (str(event.get("utc")), signals)
        elif (
            kind == "withdrawn"
            or (kind == "failed" and event.get("restored"))
            or (kind == "recovered" and event.get("outcome") == "taken back")
        ):
            standing.pop(push_id, None)
    return {
        signal: (push_id, begun_utc)
        for push_id, (begun_utc, signals) in standing.items()
        for signal in signals
    }


def _intended(event: Mapping[str, Any], push_id: str) -> dict[str, tuple[Call, object]]:
    """Return by signal what a push is to call, and what was called there before."""
    where = f"event {event.get('number', '')} of the journal"
    found = {}
    entries = event.get("devices")
    for entry in entries if isinstance(entries, list) else []:
        try:
            call = Call.from_dict(
                {
                    **entry,
                    "rows": entry["new"],
                    "plan_digest": event["plan_digest"],
                    "push_id": push_id,
                    "since_utc": event["utc"],
                },
                where,
            )
        except (KeyError, TypeError) as error:
            raise ControllerError(f"{where}: not an intent ({error})") from error
        found[call.signal_id] = (call, entry.get("called_before"))
    return found
