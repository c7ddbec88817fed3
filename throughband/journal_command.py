"""The commands around a journal: verify it, show it, export it, bring an old one over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from network.errors import ThroughbandError
from throughband.journal import ACTOR_FIELDS, export, import_lines, verify

HASH_DIGITS = 64
TOLD_APART = ("signal_id", "address", "fingerprint", "old", "new", "changes")


def verify_journal(path: Path, expect: str | None) -> None:
    """Carry out ``throughband journal verify``."""
    events = verify(path, None if expect is None else _hash(expect))
    typer.echo(_summary(events))
    if expect is not None:
        later = sum(1 for _ in _after(events, _hash(expect)))
        typer.echo(f"the expected entry is there, {later} came after it")


def show_journal(
    path: Path, event: str | None, signal: str | None, since: str | None, as_json: bool
) -> None:
    """Carry out ``throughband journal show``."""
    start = None if since is None else _time(since)
    events = verify(path)
    chosen = [
        found
        for found in events
        if (event is None or found.get("event") == event)
        and (signal is None or names_signal(found, signal))
        and (start is None or _is_from(found, start))
    ]
    for found in chosen:
        if as_json:
            typer.echo(json.dumps(found, sort_keys=True))
            continue
        for line in told(found, signal):
            typer.echo(line)
    if not as_json:
        typer.echo(_summary(events, len(chosen)))


def export_journal(path: Path, out: Path) -> None:
    """Carry out ``throughband journal export``."""
    typer.echo(f"{out}: {_summary(export(path, out))}")


def import_journal(path: Path, out: Path) -> None:
    """Carry out ``throughband journal import``."""
    last = import_lines(path, out)
    typer.echo(f"{out}: brought over, last {last}")


def names_signal(value: object, signal_id: str) -> bool:
    """Tell whether an event, or a part of one, names a signal.

    Parameters
    ----------
    value
        Plain JSON.
    signal_id
        Looked for as the key of a mapping and under ``signal_id``.
    """
    if isinstance(value, Mapping):
        return (
            signal_id in value
            or value.get("signal_id") == signal_id
            or any(names_signal(part, signal_id) for part in value.values())
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(names_signal(part, signal_id) for part in value)
    return False


def told(event: Mapping[str, object], signal_id: str | None = None) -> Iterator[str]:
    """Tell an event in lines a person can read.

    Parameters
    ----------
    event
        As `throughband.journal.verify` returns it.
    signal_id
        Leave out the other signals.

    Yields
    ------
    str
        The head, then what belongs to it, indented.
    """
    actor = next((event[name] for name in ACTOR_FIELDS if event.get(name)), None)
    by = "" if actor is None else f" by {_plain(actor)}"
    head = f"{event['number']:>4} {_plain(event.get('utc', ''))} {_plain(event.get('event', ''))}"
    yield f"{head.rstrip()}{by}"
    for name, value in event.items():
        if name in ("number", "utc", "event", "hash", *ACTOR_FIELDS):
            continue
        if name == "devices" and isinstance(value, list):
            for device in value:
                if signal_id is None or names_signal(device, signal_id):
                    yield from _told_device(device)
        elif isinstance(value, Mapping):
            for key, part in value.items():
                if signal_id is None or signal_id not in value or key == signal_id:
                    yield f"       {_plain(name)} {_plain(key)}: {_plain(part)}"
        else:
            yield f"       {_plain(name)}: {_plain(value)}"


def _told_device(device: object) -> Iterator[str]:
    if not isinstance(device, Mapping):
        yield f"       {_plain(device)}"
        return
    rest = {name: value for name, value in device.items() if name not in TOLD_APART}
    facts = "".join(f", {_plain(name)} {_plain(value)}" for name, value in rest.items())
    signal_id, address = _plain(device.get("signal_id")), _plain(device.get("address"))
    yield f"       signal {signal_id} at {address}{facts}"
    for before, after in _changes(device):
        # Both sides begin with the object's name, which is told once.
        yield f"         {_plain(before)}  ->  {_plain(after.rpartition(' = ')[2])}"


def _changes(device: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a push changes, before and after; entries of old journals have it as text."""
    from controllers.rows import change_of

    if "old" not in device:
        return [(str(before), str(after)) for before, after in device.get("changes", ())]
    where = f"signal {device.get('signal_id')!r}"
    return [(str(b), str(a)) for b, a in change_of(device, where).difference]


def _plain(value: object) -> str:
    """Return a value as text that cannot move the cursor of a terminal."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _summary(events: Sequence[Mapping[str, object]], shown: int | None = None) -> str:
    part = "" if shown is None or shown == len(events) else f"{shown} of "
    last = f", last {events[-1]['hash']}" if events else ""
    return f"{part}{len(events)} events, chain unbroken{last}"


def _after(events: Sequence[Mapping[str, object]], expect: str) -> Iterator[Mapping[str, object]]:
    hashes = [event["hash"] for event in events]
    first = hashes.index(expect) + 1 if expect in hashes else 0
    yield from events[first:]


def _hash(text: str) -> str:
    text = text.strip().lower()
    if len(text) != HASH_DIGITS or set(text) - set("0123456789abcdef"):
        raise ThroughbandError(
            f"--expect {text!r}: a hash has {HASH_DIGITS} hexadecimal digits, as 'journal verify' "
            "prints it"
        )
    return text


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ThroughbandError(
            f"--since {text!r}: not a time; write it as 2026-05-04T06:00 (UTC)"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_from(event: Mapping[str, object], start: datetime) -> bool:
    try:
        return _time(str(event.get("utc"))) >= start
    except ThroughbandError:
        return False
