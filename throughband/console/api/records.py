"""The journal, the warnings and the notices."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from network.errors import StoreUnavailableError, ThroughbandError
from throughband.console.api.fields import Limit, Offset, RowId
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.problems import documented
from throughband.journal import ACTOR_FIELDS, verify
from throughband.journal_browsing import Wanted, newest
from throughband.journal_command import names_signal
from throughband.journal_file import Row
from throughband.people.routes import API
from throughband.store.rows import NoticeState, Warning_

router = APIRouter(tags=["records"])

READ: Final = 500
"""Entries read at a time where few of them may be wanted."""

Word = Annotated[str | None, Query(max_length=200)]


class JournalPage(BaseModel):
    """A page of the journal."""

    entries: list[dict[str, Any]] = Field(description="The newest first, each with its hash.")
    next_before: int | None = Field(
        description="To send as before for the entries after these; None where there are none."
    )
    count: int = Field(
        description="Entries in all. Whether they are what was sealed, the verification tells."
    )


class Verification(BaseModel):
    """Whether the journal is whole."""

    is_whole: bool
    count: int
    last: str = Field(description="Hash of the last entry, to be noted elsewhere.")
    trouble: str


class WarningOut(BaseModel):
    """A warning."""

    id: str
    kind: str
    place: str
    since_utc: datetime
    seen_utc: datetime
    until_utc: datetime | None
    sure: float
    text: str
    network_id: str | None
    taken_by: str | None
    taken_utc: datetime | None


class NoticeOut(BaseModel):
    """A notice."""

    id: str
    warning_id: str | None
    channel: str
    recipient: str
    text: str
    made_utc: datetime
    state: NoticeState
    sent_utc: datetime | None
    trouble: str


@router.get(f"{API}/journal", responses=documented())
def journal(
    desk: TheDesk,
    event: Word = None,
    by: Word = None,
    signal: Word = None,
    plan: Annotated[str | None, Query(pattern=r"^[0-9a-f]{12}$")] = None,
    limit: Limit = 50,
    before: Annotated[
        int | None, Query(ge=1, le=2**53, description="Only entries before this number.")
    ] = None,
) -> JournalPage:
    """Show the journal, the newest entries first; only as far back as is asked for."""

    def chosen(entry: dict[str, Any]) -> bool:
        return (
            (by is None or by in [entry.get(name) for name in ACTOR_FIELDS])
            and (signal is None or names_signal(entry, signal))
            and (plan is None or speaks_of(entry, plan))
        )

    # What an entry has to be like is told exactly below; the file need not give others out.
    named = plan or signal or by or ""
    wanted = Wanted(event=event or "", holds=json.dumps(named, ensure_ascii=False)[1:-1])
    entries: list[dict[str, Any]] = []
    while True:
        try:
            found = newest(desk.config.journal, wanted, READ if named else limit + 1, before)
        except ThroughbandError as error:
            raise StoreUnavailableError(str(error)) from error
        entries += [entry for row in found.rows if chosen(entry := _read(row))]
        if len(entries) > limit or not found.more:
            break
        before = found.rows[-1].number
    shown = entries[:limit]
    more = len(entries) > limit
    return JournalPage(
        entries=shown, next_before=shown[-1]["number"] if more else None, count=found.count
    )


@router.get(f"{API}/journal/verification", responses=documented())
def verification(desk: TheDesk) -> Verification:
    """Check that nothing in the journal was changed, dropped or moved."""
    try:
        events = _verified(desk)
    except ThroughbandError as error:
        return Verification(is_whole=False, count=0, last="", trouble=str(error))
    last = str(events[-1]["hash"]) if events else ""
    return Verification(is_whole=True, count=len(events), last=last, trouble="")


@router.get(f"{API}/journal/export", response_class=PlainTextResponse, responses=documented())
def export(desk: TheDesk) -> str:
    """Fetch the whole journal as lines of JSON that a short script can verify."""
    return "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in events_of(desk))


@router.get(f"{API}/warnings", responses=documented())
def warnings(
    desk: TheDesk,
    open_only: bool = False,
    limit: Limit = 50,
    offset: Offset = 0,
) -> list[WarningOut]:
    """List warnings, the newest first."""
    return [_warning(row) for row in desk.store.warnings.listed(open_only, limit, offset)]


@router.post(f"{API}/warnings/{{warning_id}}/take", responses=documented(404))
def take(warning_id: RowId, desk: TheDesk, person: ThePerson) -> WarningOut:
    """Say that one looks after it; who was first stays."""
    return _warning(desk.store.warnings.take(warning_id, person.name, desk.clock()))


@router.get(f"{API}/notices", responses=documented())
def notices(
    desk: TheDesk,
    state: NoticeState | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> list[NoticeOut]:
    """List notices, the newest first."""
    found = desk.store.notices.listed(state, limit, offset)
    return [
        NoticeOut(**{name: getattr(row, name) for name in NoticeOut.model_fields}) for row in found
    ]


def events_of(desk: Desk) -> list[dict[str, object]]:
    """Return the journal's entries, the oldest first.

    Raises
    ------
    StoreUnavailableError
        If it cannot be read, or its chain is broken.
    """
    try:
        return _verified(desk)
    except ThroughbandError as error:
        raise StoreUnavailableError(str(error)) from error


def _read(row: Row) -> dict[str, Any]:
    try:
        content = json.loads(row.content)
    except (ValueError, RecursionError) as error:
        raise _foreign(row) from error
    if not isinstance(content, dict):
        raise _foreign(row)
    return {**content, "number": row.number, "hash": row.hash}


def _foreign(row: Row) -> StoreUnavailableError:
    return StoreUnavailableError(f"entry {row.number} of the journal is none; have it verified")


def speaks_of(entry: dict[str, object], plan_id: str) -> bool:
    """Tell whether an entry is about a plan."""
    moves = entry.get("plan_moves")
    return entry.get("plan_id") == plan_id or (
        isinstance(moves, list) and any(move.get("plan_id") == plan_id for move in moves)
    )


def _verified(desk: Desk) -> list[dict[str, object]]:
    path = desk.config.journal
    return verify(path) if path.exists() else []


def _warning(row: Warning_) -> WarningOut:
    return WarningOut(**{name: getattr(row, name) for name in WarningOut.model_fields})
