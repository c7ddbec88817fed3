"""The journal: filtered, verified, exported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from network.errors import ThroughbandError
from throughband.console.desk import TheDesk, ThePerson
from throughband.console.pages.paging import paging
from throughband.console.pages.serving import page
from throughband.journal import ACTOR_FIELDS, GENESIS, verify
from throughband.journal_file import read_rows
from throughband.store.repository import PAGE

router = APIRouter(include_in_schema=False)

TOLD: Final = ("why", "notes", "plan_digest", "scenario", "signal", "push_id", "trouble", "text")
MOST_TOLD: Final = 160
HIDDEN: Final = frozenset({"number", "hash", "utc", "event", *ACTOR_FIELDS})


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
    number: str = "",
) -> Response:
    """Show entries, the newest first."""
    chosen = {
        "event": event, "actor": actor, "holds": holds, "since": since, "until": until,
        "expect": expect,
    }  # fmt: skip
    errors: dict[str, str] = {}
    first, last = _day(since, "since", errors), _day(until, "until", errors)
    zone = request.app.state.pages.zone
    path = desk.config.journal
    rows = list(_entries(path))
    events = sorted({row.event for row in rows})
    found = [
        row
        for row in reversed(rows)
        if (not event or row.event == event)
        and (not actor or actor.casefold() in row.actor.casefold())
        and (not holds or holds.casefold() in row.text.casefold())
        and (first is None or (row.utc is not None and row.utc.astimezone(zone).date() >= first))
        and (last is None or (row.utc is not None and row.utc.astimezone(zone).date() <= last))
        and (not number or str(row.number) == number)
    ]
    here = paging(request, len(found))
    checked = None
    if request.query_params.get("verify"):
        checked = _checked(path, expect)
    return page(
        request, "journal.html", 422 if errors else 200, entries=found[here.offset :][:PAGE],
        page=here, events=[(name, name) for name in events], chosen=chosen, errors=errors,
        checked=checked, count=len(rows), filtered=len(found) < len(rows),
    )  # fmt: skip


@router.get("/journal/export")
def export(person: ThePerson, desk: TheDesk) -> Response:
    """Return the whole journal as lines of JSON, verified first."""
    events = verify(desk.config.journal) if desk.config.journal.exists() else []
    lines = (json.dumps(event, sort_keys=True) + "\n" for event in events)
    headers = {"Content-Disposition": 'attachment; filename="journal.jsonl"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


def _entries(path: Path) -> Iterator[Entry]:
    if not path.exists():
        return
    for row in read_rows(path):
        content: dict[str, Any] = json.loads(row.content)
        yield Entry(
            row.number,
            _time(content.get("utc")),
            str(content.get("event", "")),
            next((str(content[name]) for name in ACTOR_FIELDS if content.get(name)), ""),
            _said(content),
            json.dumps(content, indent=1, ensure_ascii=False),
        )


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


def _day(text: str, name: str, errors: dict[str, str]) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        errors[name] = f"{text!r} is no day; such as 2026-11-21"
        return None
