"""The moves in a plan's life, a page each, made on the version that was seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from network.errors import (
    AccessError,
    ApprovalError,
    ControllerError,
    MissingError,
    MoveError,
    PlanError,
    RightError,
    StaleError,
)
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.pages.plans import losses_of, signal_count, told_report
from throughband.console.pages.reading import BY_PEOPLE, moves_offered, offered
from throughband.console.pages.serving import Form, Posted, page, to, works_of
from throughband.plan_life import MOVES, Move
from throughband.store.rows import Plan

router = APIRouter(include_in_schema=False)

MOST_WHY: Final = 2000


@router.get("/plans/{plan_id}/moves/{move}")
def show_move(
    request: Request, plan_id: str, move: str, person: ThePerson, desk: TheDesk
) -> Response:
    """Show what a move means, and ask for what it needs."""
    plan = desk.store.plans.get(plan_id)
    wanted = _move(move)
    rule = MOVES[wanted]
    if not person.may(rule.right):
        raise RightError(f"{person.name} has not the right to {rule.right}; this move asks for it")
    if rule.by_other and plan.author == person.name:
        raise RightError(f"this plan is your own; somebody else has to {wanted} it")
    if str(wanted) not in {one.key for one in moves_offered(plan, person)}:
        raise MoveError(f"this plan is {plan.state}; you cannot {BY_PEOPLE[wanted][0].lower()} it")
    if wanted is Move.DISARM:
        desk.street_orders.require_disarmable(plan)
    return _page(request, desk, plan, wanted, {}, {}, (), 200)


@router.post("/plans/{plan_id}/moves/{move}")
def make_move(
    request: Request, plan_id: str, move: str, form: Form, person: ThePerson, desk: TheDesk
) -> Response:
    """Make a move, or tell why not and what changed meanwhile."""
    plan = desk.store.plans.get(plan_id)
    wanted = _move(move)
    right = MOVES[wanted].right
    if not person.may(right):
        raise RightError(f"{person.name} has not the right to {right}; this move asks for it")
    values = {name: form[name] for name in ("at", "why", "despite")}
    read, errors = _read(request, wanted, form)
    if errors:
        return _page(request, desk, plan, wanted, values, errors, (), 422)
    try:
        run = works_of(request).move_plan(
            person, plan_id, wanted, read["version"], form["why"], read.get("at"),
            form["despite"] == "yes",
        )  # fmt: skip
    except StaleError as error:
        now = desk.store.plans.get(plan_id)
        return _page(request, desk, now, wanted, values, {}, error.changes or (str(error),), 409)
    except (AccessError, ApprovalError, ControllerError, MoveError, PlanError) as error:
        now = desk.store.plans.get(plan_id)
        return _page(request, desk, now, wanted, values, {"": str(error)}, (), 409)
    return to(f"/plans/{plan_id}", "moved") if run is None else to(f"/runs/{run.id}", "ordered")


def _read(request: Request, move: Move, form: Posted) -> tuple[dict[str, Any], dict[str, str]]:
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    shown = offered(move)
    version = form["version"]
    found["version"] = int(version) if version.isdecimal() and len(version) < 10 else 0
    if shown.asks_time and form["at"]:
        try:
            at = datetime.fromisoformat(form["at"])
        except ValueError:
            errors["at"] = f"{form['at']!r} is no time; such as 2026-11-21T06:30"
        else:
            zone = request.app.state.pages.zone
            found["at"] = at.replace(tzinfo=at.tzinfo or zone)
    if shown.asks_why and not form["why"]:
        errors["why"] = "Say why; it stands in the journal."
    if len(form["why"]) > MOST_WHY:
        errors["why"] = f"At most {MOST_WHY} characters."
    return found, errors


def _move(name: str) -> Move:
    found = next((move for move in BY_PEOPLE if str(move) == name), None)
    if found is None:
        raise MissingError(f"there is no move {name!r}")
    return found


def _page(
    request: Request,
    desk: Desk,
    plan: Plan,
    move: Move,
    values: dict[str, str],
    errors: dict[str, str],
    changes: tuple[str, ...],
    status: int,
) -> Response:
    told = told_report(plan)
    blank = {"at": "", "why": "", "despite": ""}
    return page(
        request, "move.html", status, plan=plan, network=desk.store.networks.get(plan.network_id),
        move=offered(move), values=blank | values, errors=errors, changes=changes,
        losses=losses_of(request, desk, plan) if move is Move.APPROVE else (),
        signal_count=signal_count(plan), verdict=told["verdict"], judgment=told["judgment"],
        hours=round(desk.config.approval.total_seconds() / 3600, 1),
        foreign=plan.report is not None and not plan.is_report_ours,
        unproven=move is Move.APPROVE
        and (told["judgment"] != "better" or not plan.is_report_ours),
    )  # fmt: skip
