"""Plans: list, upload, and a plan's pages: what changes, signal by signal, history, comments."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from network.errors import MissingError, ThroughbandError
from network.timing import TimingPlan
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.pages.overview import names_of
from throughband.console.pages.paging import paging
from throughband.console.pages.reading import (
    certificates_of,
    changes_of,
    life_of,
    moves_offered,
    next_step,
    parsed_report,
    reasons_of,
)
from throughband.console.pages.rings import rings_of, seconds_of
from throughband.console.pages.serving import Form, page, shelf_of, to, works_of
from throughband.console.shelf import Modeled, plans_in_force
from throughband.console.trials import content_of, folder_of
from throughband.people.door import Person
from throughband.plan_life import PlanState
from throughband.reports.comparison import cautions, comparison, judgment_of, verdict_sentence
from throughband.reports.losses import lost_phases, walking
from throughband.reports.timing_sheet import timing_sheet
from throughband.store.repository import PAGE
from throughband.store.rows import Plan

router = APIRouter(include_in_schema=False)

MOST_COMMENT: Final = 10_000


@router.get("/plans")
def list_plans(
    request: Request, person: ThePerson, desk: TheDesk, network: str = "", state: str = ""
) -> Response:
    """List plans, the newest first."""
    store = desk.store
    states = (PlanState(state),) if state in set(PlanState) else ()
    here = paging(request, store.plans.count(states, network or None))
    found = store.plans.listed(states, network or None, PAGE, here.offset)
    return page(
        request, "plans.html", plans=found, network_names=names_of(store), page=here,
        chosen={"network": network, "state": state},
        networks=[(one.id, one.name) for one in store.networks.listed()],
        states=[(str(one), str(one).replace("-", " ")) for one in PlanState],
    )  # fmt: skip


@router.get("/plans/upload")
def show_upload(request: Request, person: ThePerson, desk: TheDesk, network: str = "") -> Response:
    """Show the form to upload a plan."""
    return _upload_page(request, desk, {}, network, "")


@router.post("/plans/upload")
def upload(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Take an uploaded plan in as a draft."""
    errors: dict[str, str] = {}
    file, other = form.file("file"), form.file("report")
    report: dict[str, Any] | None = None
    if not 1 <= len(form["title"]) <= 200:
        errors["title"] = "A plan needs a title of at most 200 characters."
    if file is None:
        errors["file"] = "Choose a plan.json."
    if other is not None:
        try:
            report = parsed_report(other[1])
        except (ValueError, RecursionError) as error:
            errors["report"] = f"{other[0]}: not a report ({error})"
    if not errors and file is not None:
        try:
            content = file[1].decode("utf-8")
            plan = works_of(request).add_plan(
                person, form["network"], form["title"], content, report, "upload"
            )
        except UnicodeDecodeError:
            errors["file"] = f"{file[0]}: not text in UTF-8"
        except ThroughbandError as error:
            errors["file"] = str(error)
        else:
            return to(f"/plans/{plan.id}", "added")
    return _upload_page(request, desk, errors, form["network"], form["title"])


@router.get("/plans/{plan_id}")
def show_plan(request: Request, plan_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Show what a plan changes, why, and what it brought in simulation."""
    return plan_page(request, desk, person, desk.store.plans.get(plan_id), {}, "")


@router.post("/plans/{plan_id}/comments")
def comment(
    request: Request, plan_id: str, form: Form, person: ThePerson, desk: TheDesk
) -> Response:
    """Add a comment."""
    plan = desk.store.plans.get(plan_id)
    if not 1 <= len(form["text"]) <= MOST_COMMENT:
        said = {"text": f"A comment has 1 to {MOST_COMMENT} characters."}
        return plan_page(request, desk, person, plan, said, form["text"])
    desk.store.plans.comment(plan_id, person.name, desk.clock(), form["text"])
    return to(f"/plans/{plan_id}?done=commented#comments")


@router.get("/plans/{plan_id}/history")
def show_history(request: Request, plan_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Show who did what with a plan, and when."""
    plan = desk.store.plans.get(plan_id)
    frame = framed(desk, person, plan)
    return page(
        request, "plan_history.html", **frame, tab="history",
        history=desk.store.plans.moves(plan_id)[::-1],
    )  # fmt: skip


@router.get("/plans/{plan_id}/plan.json")
def plan_file(plan_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Return a plan's file as it was made."""
    plan = desk.store.plans.get(plan_id)
    headers = {"Content-Disposition": f'attachment; filename="plan-{plan.id}.json"'}
    return Response(plan.content, media_type="application/json", headers=headers)


@router.get("/plans/{plan_id}/signals/{signal_id:path}")
def show_signal(
    request: Request, plan_id: str, signal_id: str, person: ThePerson, desk: TheDesk
) -> Response:
    """Show one signal's plan: rings, phases, and what changes second by second."""
    plan = desk.store.plans.get(plan_id)
    plan_set, notes = content_of(plan.id, plan.content)
    new = plan_set.plan(signal_id)
    modeled = modeled_of(request, desk, plan)
    signal = modeled.network.signals.get(signal_id)
    if new is None or signal is None:
        raise MissingError(f"the plan {plan.title!r} does not time a signal {signal_id!r}")
    old = plans_in_force(modeled.network).get(signal_id)
    reason = " ".join(reasons_of(notes).get(signal_id, ()))
    group = plan_set.group_of(signal_id)
    return page(
        request, "plan_signal.html", **framed(desk, person, plan), tab="plan",
        sheet=timing_sheet(modeled.network, new, old, group, reason),
        new_rings=rings_of(signal, new), old_rings=rings_of(signal, old),
        seconds=seconds_of(signal, old, new),
    )  # fmt: skip


def modeled_of(request: Request, desk: Desk, plan: Plan) -> Modeled:
    """Return the network of a plan; raise `StillMadeError` while it is read."""
    network = desk.store.networks.get(plan.network_id)
    return shelf_of(request).modeled(network.id, network.source, folder_of(desk, network))


def framed(desk: Desk, person: Person, plan: Plan) -> dict[str, Any]:
    """Return what every page of a plan shows around its part."""
    history = desk.store.plans.moves(plan.id)
    base = f"/plans/{plan.id}"
    return {
        "plan": plan,
        "network": desk.store.networks.get(plan.network_id),
        "moves": moves_offered(plan, person, push_has_begun=_is_being_pushed(desk, plan)),
        "life": life_of(plan, history),
        "next_step": next_step(plan, person),
        "tabs": [
            ("plan", base, "What changes"),
            ("diagram", f"{base}/diagram", "Time-space diagram"),
            ("history", f"{base}/history", "History"),
        ],
    }


def _is_being_pushed(desk: Desk, plan: Plan) -> bool:
    return plan.state is PlanState.ARMED and desk.street_orders.push_has_begun(plan)


def told_report(plan: Plan) -> dict[str, Any]:
    """Return verdict, table and cautions of a plan's report; empty ones where there is none."""
    nothing = {"verdict": "", "judgment": "not judged", "rows": (), "cautions": ()}
    if plan.report is None:
        return nothing
    try:
        rows = comparison(plan.report)
        return {
            "verdict": verdict_sentence(plan.report),
            "judgment": judgment_of(rows, "Delay"),
            "rows": rows,
            "cautions": cautions(plan.report, rows),
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {**nothing, "verdict": "The report of this plan cannot be read."}


def plan_page(
    request: Request,
    desk: Desk,
    person: Person,
    plan: Plan,
    errors: dict[str, str],
    text: str,
) -> Response:
    """Return the first page of a plan."""
    plan_set, notes = content_of(plan.id, plan.content)
    in_force: dict[str, TimingPlan] = {}
    trouble = ""
    try:
        in_force = plans_in_force(modeled_of(request, desk, plan).network)
    except ThroughbandError as error:
        trouble = f"The plan in force is not shown: {error}"
    changes = changes_of(plan_set, in_force)
    return page(
        request, "plan.html", 422 if errors else 200, **framed(desk, person, plan), tab="plan",
        **told_report(plan), changes=changes,
        changed_count=sum(change.changed for change in changes), trouble=trouble,
        reasons=reasons_of(notes), losses=losses_of(request, desk, plan),
        certificates=certificates_of(notes),
        comments=desk.store.plans.comments(plan.id), values={"text": text}, errors=errors,
    )  # fmt: skip


def losses_of(request: Request, desk: Desk, plan: Plan) -> tuple[str, ...]:
    """Return what a plan takes away and what of walking is known; nothing without a network."""
    plan_set, _ = content_of(plan.id, plan.content)
    try:
        network = modeled_of(request, desk, plan).network
        lost = lost_phases(network, plans_in_force(network), plan_set.plans)
    except ThroughbandError as error:
        return (f"What this plan takes away is not known: {error}",)
    return (*lost.values(), walking(network, plan_set.plans))


def signal_count(plan: Plan) -> int:
    """Return how many signals a plan times."""
    return len(json.loads(plan.content).get("plans", ()))


def _upload_page(
    request: Request, desk: Desk, errors: dict[str, str], network: str, title: str
) -> Response:
    return page(
        request, "plan_upload.html", 422 if errors else 200, errors=errors,
        values={"network": network, "title": title},
        networks=[(one.id, one.name) for one in desk.store.networks.listed()],
    )  # fmt: skip
