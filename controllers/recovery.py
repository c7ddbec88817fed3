"""After a crash: what the journal left open is looked at on the devices and concluded.

A push is open when its intent is recorded and no outcome is. If every device calls the new
pattern and stores the new rows, the push was complete and only its record was missing; the call
stands. In any other case it is taken back: the old pattern called where the new one is, our open
transaction closed, the old rows written. A device under somebody else's call keeps it. A
transaction is taken for ours only where our journal tells that we have written, and if nobody is
at work in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from controllers.driver import Change, Connect, Device, Driver, ObjectValue
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.receipt import Clock, Journal
from controllers.receipt import event as event_of
from controllers.rollback import Pause, restore
from controllers.rows import change_of, row_keeper
from controllers.together import MOST_AT_ONCE, at_device, together
from network.errors import ControllerError, ThroughbandError

Entry = tuple[str, tuple[Change, ...], int]

INTENTS: Final = {
    "intent": ("activated", "failed", "recovered"),
    "withdraw": ("withdrawn", "recovered"),
}
"""Events that begin something on the street, and those that end it."""


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """Something begun on the street whose end is not on record.

    Attributes
    ----------
    kind
        ``"intent"`` of a push, or ``"withdraw"``.
    push_id, plan_digest, begun_utc
        Which, as the journal has it.
    devices
        By signal: address, the changes with that of the rows first, the pattern called before.
    may_have_called
        Whether a call of the new pattern may be ours: calls begin only after all is on record as
        stored.
    """

    kind: str
    push_id: str
    plan_digest: str
    begun_utc: str
    devices: Mapping[str, Entry]
    may_have_called: bool


@dataclass(frozen=True, slots=True)
class Recovered:
    """How an open intent was concluded.

    Attributes
    ----------
    intent
        Which.
    outcome
        ``"activated"``, ``"taken back"`` or ``"still open"``.
    details
        A sentence per device that was touched or could not be.
    """

    intent: OpenIntent
    outcome: str
    details: tuple[str, ...]


def open_intents(events: Iterable[Mapping[str, Any]]) -> tuple[OpenIntent, ...]:
    """Return what a journal's events leave open, the latest first.

    Parameters
    ----------
    events
        In their order. Pushes recorded without a number are of an older version, which
        recorded nothing that could be undone; they are passed over.

    Raises
    ------
    ControllerError
        An intent is malformed.
    """
    opened: dict[tuple[str, str], OpenIntent] = {}
    for event in events:
        kind, push_id = event.get("event"), event.get("push_id")
        if not isinstance(kind, str) or not isinstance(push_id, str):
            continue
        if kind in INTENTS:
            opened.pop((kind, push_id), None)
            opened[kind, push_id] = _opened(kind, push_id, event)
            continue
        if kind == "permanent" and ("intent", push_id) in opened:
            opened["intent", push_id] = _extended(opened["intent", push_id], event)
            continue
        if kind == "stored" and ("intent", push_id) in opened:
            opened["intent", push_id] = replace(opened["intent", push_id], may_have_called=True)
            continue
        if kind == "failed" and not event.get("restored", True):
            continue
        for begun, ends in INTENTS.items():
            if kind in ends:
                opened.pop((begun, push_id), None)
    return tuple(reversed(opened.values()))


async def recover(
    intents: Sequence[OpenIntent],
    devices: Sequence[Device],
    *,
    clock: Clock,
    journal: Journal,
    pause: Pause,
    connect: Connect = connect_ntcip,
    most_at_once: int = MOST_AT_ONCE,
) -> tuple[Recovered, ...]:
    """Conclude open intents on the devices, the latest first, and record each outcome.

    Parameters
    ----------
    intents
        From `open_intents`.
    devices
        The device list.
    clock, journal
        The present, and the keeper of outcomes.
    pause
        Lets seconds pass until a device has left a pattern.
    connect, most_at_once
        How to reach devices, and how many at a time.

    Returns
    -------
    tuple of Recovered
        One per intent. What is still open stays so in the journal and is tried again next time.
    """
    by_signal = {device.signal_id: device for device in devices}
    done = []
    for intent in intents:
        entries = intent.devices.items()
        outcome = ""
        if intent.kind == "intent":
            looks = [partial(_look, by_signal, s, entry, connect) for s, entry in entries]
            if all(seen is True for seen in await together(looks, most_at_once)):
                outcome = "activated"
        details: list[str] = []
        if not outcome:
            ends = [
                partial(_undo, by_signal, s, entry, intent.may_have_called, connect, pause)
                for s, entry in entries
            ]
            results = await together(ends, most_at_once)
            details = [str(result) for result in results if result]
            failed = any(isinstance(result, ThroughbandError) for result in results)
            outcome = "still open" if failed else "taken back"
        event = "recovery failed" if outcome == "still open" else "recovered"
        journal(
            {
                "event": event,
                "utc": clock().isoformat(),
                "push_id": intent.push_id,
                "plan_digest": intent.plan_digest,
                "outcome": outcome,
                "details": list(details),
            }
        )
        done.append(Recovered(intent, outcome, tuple(details)))
    return tuple(done)


def written_on_record(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return by signal the address at which a journal's events say that we wrote last."""
    found: dict[str, str] = {}
    for event in events:
        entries = event.get("devices") if event.get("event") in INTENTS else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and {"signal_id", "address"} <= entry.keys():
                found[str(entry["signal_id"])] = str(entry["address"])
    return found


async def reclaim_left_open(
    on_record: Mapping[str, str],
    devices: Sequence[Device],
    *,
    clock: Clock,
    journal: Journal,
    connect: Connect = connect_ntcip,
    most_at_once: int = MOST_AT_ONCE,
) -> tuple[str, ...]:
    """Close the transactions that we left open on devices, and record each.

    Parameters
    ----------
    on_record
        From `written_on_record`; other devices are not touched.
    devices
        The device list.
    clock, journal
        The present, and the keeper of outcomes.
    connect, most_at_once
        How to reach devices, and how many at a time.

    Returns
    -------
    tuple of str
        A sentence for each that was closed, is not ours, or could not be asked.
    """

    async def close(driver: Driver) -> bool:
        return await row_keeper(driver).reclaim()

    ours = [device for device in devices if on_record.get(device.signal_id) == device.address]
    steps = [partial(at_device, device, connect, close) for device in ours]
    found = []
    for device, outcome in zip(ours, await together(steps, most_at_once), strict=True):
        if outcome is False:
            continue
        where = f"signal {device.signal_id!r} at {device.address}"
        is_closed = outcome is True
        why = (
            f"{where}: a transaction of ours was open and is closed" if is_closed else str(outcome)
        )
        what = "reclaimed" if is_closed else "not reclaimed"
        journal(event_of(what, clock(), signal=device.signal_id, why=why))
        found.append(why)
    return tuple(found)


def _opened(kind: str, push_id: str, event: Mapping[str, Any]) -> OpenIntent:
    where = f"event {event.get('number', '')} of the journal"
    devices: dict[str, Entry] = {}
    for entry in _entries(event, where):
        change = change_of(entry, where)
        lasting = entry.get("permanent")
        changes = (change,) if lasting is None else (change, change_of(lasting, where))
        address, before = entry.get("address"), entry.get("called_before")
        if not isinstance(address, str) or not isinstance(before, int):
            raise ControllerError(f"{where}: a device without address or earlier call")
        devices[change.signal_id] = (address, changes, before)
    digest, begun_utc = str(event.get("plan_digest")), str(event.get("utc"))
    return OpenIntent(kind, push_id, digest, begun_utc, devices, kind == "withdraw")


def _extended(intent: OpenIntent, event: Mapping[str, Any]) -> OpenIntent:
    where = f"event {event.get('number', '')} of the journal"
    devices = dict(intent.devices)
    for entry in _entries(event, where):
        change = change_of(entry, where)
        if change.signal_id not in devices:
            raise ControllerError(f"{where}: signal {change.signal_id!r} was not in the intent")
        address, changes, before = devices[change.signal_id]
        devices[change.signal_id] = (address, (*changes, change), before)
    return replace(intent, devices=devices)


def _entries(event: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    entries = event.get("devices")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ControllerError(f"{where}: an intent without devices")
    return entries


def _listed(by_signal: Mapping[str, Device], signal_id: str, address: str) -> Device:
    device = by_signal.get(signal_id)
    if device is None or device.address != address:
        raise ControllerError(f"the device list no longer has signal {signal_id!r} at {address}")
    return device


async def _look(
    by_signal: Mapping[str, Device],
    signal_id: str,
    entry: Entry,
    connect: Connect,
) -> bool:
    """Tell whether a device calls the new pattern and stores the new rows."""
    address, changes, _ = entry
    wanted = tuple(value for change in changes for value in change.new)

    async def look(driver: Driver) -> bool:
        if (await driver.status()).called_pattern != changes[0].pattern:
            return False
        return await row_keeper(driver).read(wanted) == wanted

    return await at_device(_listed(by_signal, signal_id, address), connect, look)


async def _undo(
    by_signal: Mapping[str, Device],
    signal_id: str,
    entry: Entry,
    may_have_called: bool,
    connect: Connect,
    pause: Pause,
) -> str:
    """Take one device back; return what was done there, or nothing if nothing was to do."""
    address, changes, before = entry
    change = changes[0]
    device = _listed(by_signal, signal_id, address)
    where = f"{signal_id!r} at {address}"

    async def undo(driver: Driver) -> str:
        done = []
        called = (await driver.status()).called_pattern
        foreign = called == change.pattern and not may_have_called
        if called == change.pattern and may_have_called:
            await driver.activate(before)
            done.append(f"pattern {before} called in place of {change.pattern}")
        elif called not in (0, before):
            done.append(f"somebody else calls pattern {called}, which stays")
        for each in reversed(changes):
            what = "time base" if each.action_row is not None else f"row {each.pattern}"
            stored = await row_keeper(driver).read(each.old)
            if (foreign and each is change) or _by_another(each, stored):
                done.append(f"somebody else has written {what}, which stays")
                continue
            if await restore(driver, each, pause, where):
                done.append("a transaction of ours was open and is closed")
            if stored != each.old:
                done.append(f"{what} restored")
        return f"signal {where}: {', '.join(done)}" if done else ""

    return await at_device(device, connect, undo)


def _by_another(change: Change, stored: Sequence[ObjectValue]) -> bool:
    """Whether rows hold what neither was there before nor was written by us."""
    return any(
        found not in (old, new)
        for found, old, new in zip(stored, change.old, change.new, strict=True)
    )
