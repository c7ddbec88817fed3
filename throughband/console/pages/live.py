"""The live corridor, and giving all controllers back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from network.errors import ThroughbandError
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.pages.serving import Form, page, to, works_of
from throughband.plan_life import PlanState

router = APIRouter(include_in_schema=False)


def _context(request: Request, desk: Desk) -> dict[str, Any]:
    return {
        "live": works_of(request).live(),
        "active": desk.store.plans.listed((PlanState.ACTIVE,)),
    }


@router.get("/live")
def show_live(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """Show every controller as the bridge last saw it."""
    return page(request, "live.html", **_context(request, desk))


@router.get("/live/now")
def live_now(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """Return the same without the frame, for the page that follows it."""
    return page(request, "live_now.html", **_context(request, desk))


@router.get("/live/release")
def show_release(request: Request, person: ThePerson) -> Response:
    """Ask before all controllers are given back."""
    return page(request, "live_release.html", errors={}, values={"why": ""})


@router.post("/live/release")
def release(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Give all controllers back to their own schedule."""
    try:
        run = desk.street_orders.release(person.name, form["why"])
    except ThroughbandError as error:
        errors = {"": str(error)}
        return page(request, "live_release.html", 422, errors=errors, values={"why": form["why"]})
    return to(f"/runs/{run.id}", "released")
