"""Warnings: what on the street should not be, and who looks after it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from throughband.console.desk import TheDesk, ThePerson
from throughband.console.pages.overview import names_of
from throughband.console.pages.paging import paging
from throughband.console.pages.serving import page, to
from throughband.store.repository import PAGE

router = APIRouter(include_in_schema=False)

MOST = 1000


@router.get("/warnings")
def list_warnings(request: Request, person: ThePerson, desk: TheDesk, closed: str = "") -> Response:
    """List open warnings, or those that are over."""
    if closed:
        found = [w for w in desk.store.warnings.listed(limit=MOST) if w.until_utc is not None]
    else:
        found = desk.store.warnings.listed(open_only=True, limit=MOST)
    here = paging(request, len(found))
    return page(
        request, "warnings.html", closed=bool(closed), page=here,
        warnings=found[here.offset : here.offset + PAGE], network_names=names_of(desk.store),
    )  # fmt: skip


@router.post("/warnings/{warning_id}/take")
def take(warning_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Say that one looks after a warning."""
    warning = desk.store.warnings.take(warning_id, person.name, desk.clock())
    desk.store.audit(
        "warning taken", person.name, desk.clock(), warning=warning.id, place=warning.place
    )
    return to("/warnings", "taken")
