"""The journal: filtered, verified, exported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from network.errors import ThroughbandError
from throughband.console.desk import TheDesk, ThePerson
from throughband.console.pages.serving import page
from throughband.journal import ACTOR_FIELDS, GENESIS, verify
from throughband.journal_browsing import Kinds, Wanted, newest
from throughband.journal_file import Row
from throughband.store.repository import PAGE

router = APIRouter(include_in_schema=False)

TOLD: Final = ("why", "notes", "plan_digest", "scenario", "signal", "push_id", "trouble", "text")
MOST_TOLD: Final = 160
MOST_DIGITS: Final = 18
HIDDEN: Final = frozenset({"number", "hash", "utc", "event", *ACTOR_FIELDS} - {"approved_by"})


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the page shows it."""

    number: int
    utc: datetime | None
    event: str
    actor: str
    said: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What verifying found."""

    fault: str
    count: int
    expected: bool
    head: str


@router.get("/journal")
def show_journal(
    request: Request,
    person: ThePerson,
    desk: TheDesk,
    event: str = "",
    actor: str = "",
    holds: str = "",
    since: str = "",
    until: str = "",
    expect: str = "",
    before: str = "",
) -> Response:
    """Show entries, the newest first; only those of the page are read."""
    chosen = {
        "event": event, "actor": actor, "holds": holds, "since": since, "until": until,
        "expect": expect,
    }  # fmt: skip
    errors: dict[str, str] = {}
    zone = request.app.state.pages.zone
    first, last = _day(since, "since", errors), _day(until, "until", errors)
    path = desk.config.journal
    wanted = Wanted(
        event,
        actor,
        holds,
        _midnight(first, zone) if first else None,
        _midnight(last + timedelta(days=1), zone) if last else None,
    )
    here = int(before) if before.isdecimal() and len(before) < MOST_DIGITS else None
    found = newest(path, wanted, PAGE, here)
    entries = [_entry(row) for row in found.rows]
    checked = None
    if request.query_params.get("verify"):
        checked = _checked(path, expect)
    return page(
        request, "journal.html", 422 if errors else 200, entries=entries, chosen=chosen,
        newest=_address(request, None) if here is not None else "",
        older=_address(request, entries[-1].number) if found.more else "",
        events=[(name, name) for name in _kinds(request, path).names()], errors=errors,
        checked=checked, count=found.count, filtered=wanted != Wanted(),
    )  # fmt: skip


@router.get("/journal/export")
def export(person: ThePerson, desk: TheDesk) -> Response:
    """Return the whole journal as lines of JSON, verified first."""
    events = verify(desk.config.journal) if desk.config.journal.exists() else []
    lines = (json.dumps(event, sort_keys=True) + "\n" for event in events)
    headers = {"Content-Disposition": 'attachment; filename="journal.jsonl"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


def _entry(row: Row) -> Entry:
    try:
        content = json.loads(row.content)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        # Somebody wrote this; verifying says so, and the page shows it.
        return Entry(row.number, None, str(row.event), "", "not a journal entry", row.content)
    return Entry(
        row.number,
        _time(content.get("utc")),
        str(content.get("event", "")),
        next((str(content[name]) for name in ACTOR_FIELDS if content.get(name)), ""),
        _said(content),
        json.dumps(content, indent=1, ensure_ascii=False),
    )


def _kinds(request: Request, path: Path) -> Kinds:
    """Return the kinds of entries, kept from page to page."""
    state = request.app.state
    if not hasattr(state, "journal_kinds"):
        state.journal_kinds = Kinds(path)
    kept: Kinds = state.journal_kinds
    return kept


def _address(request: Request, before: int | None) -> str:
    """Return the address of the same look at older entries, or at the newest."""
    left = ("before", "verify", "done")
    query = {k: v for k, v in request.query_params.items() if k not in left}
    if before is not None:
        query["before"] = str(before)
    return f"{request.url.path}?{urlencode(query)}" if query else request.url.path


def _said(content: Mapping[str, Any]) -> str:
    """Return what matters of an entry in a line."""
    parts = []
    for moved in content.get("plan_moves") or ():
        if isinstance(moved, dict):
            before = moved.get("from") or "new"
            parts.append(f"plan {moved.get('plan_id')}: {before} → {moved.get('to')}")
    for name in TOLD:
        value = content.get(name)
        if isinstance(value, (str, int)) and value != "":
            text = str(value)
            parts.append(f"{name.replace('_', ' ')} {text[:12] if 'digest' in name else text}")
    if not parts:
        parts = [f"{k} {v}" for k, v in content.items() if k not in HIDDEN and isinstance(v, str)]
    text = "; ".join(parts)
    return text if len(text) <= MOST_TOLD else text[: MOST_TOLD - 1] + "…"


def _checked(path: Path, expect: str) -> Checked:
    try:
        events = verify(path, expect or None) if path.exists() else []
    except ThroughbandError as error:
        return Checked(str(error), 0, False, "")
    head = str(events[-1]["hash"]) if events else GENESIS
    return Checked("", len(events), bool(expect), head)


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _day(text: str, name: str, errors: dict[str, str]) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        errors[name] = f"{text!r} is no day; such as 2026-11-21"
        return None
    if not 1 < found.year < date.max.year:
        # Midnight there may be outside what a calendar of ours can name.
        errors[name] = f"{text!r}: allowed are years from 2 to {date.max.year - 1}"
        return None
    return found
