"""The overview: what waits for somebody, what is on the street, what runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from throughband.console.desk import TheDesk, ThePerson
from throughband.console.pages.serving import page, works_of
from throughband.people.door import Person
from throughband.people.rights import Right
from throughband.plan_life import PlanState
from throughband.store.rows import Plan, RunState
from throughband.store.store import Store

router = APIRouter(include_in_schema=False)

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Task:
    """Something that waits: its state's word and kind, what, where, more, since when."""

    state: str
    kind: str
    text: str
    href: str
    detail: str
    utc: datetime


def names_of(store: Store) -> dict[str | None, str]:
    """Return the names of all networks by id, those taken off the list too."""
    return {network.id: network.name for network in store.networks.listed(removed=True)}


@router.get("/")
def show_overview(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """Show the overview."""
    store = desk.store
    return page(
        request,
        "overview.html",
        tasks=_tasks(store, person),
        active=store.plans.listed((PlanState.ACTIVE,)),
        live=works_of(request).live(),
        warnings=store.warnings.listed(open_only=True, limit=SHOWN),
        runs=store.runs.listed(limit=SHOWN),
        network_names=names_of(store),
    )


def _tasks(store: Store, person: Person) -> list[Task]:
    states = (PlanState.ARMED, PlanState.APPROVED, PlanState.CHECKED)
    found = [
        Task(
            str(plan.state), "warn" if plan.state is PlanState.ARMED else "info", plan.title,
            f"/plans/{plan.id}", _wanted(plan, person), plan.changed_utc,
        )
        for state in states
        for plan in store.plans.listed((state,))
    ]  # fmt: skip
    drafts = [
        plan for plan in store.plans.listed((PlanState.DRAFT,), limit=SHOWN)
        if plan.author == person.name
    ]  # fmt: skip
    found += [
        Task("draft", "off", plan.title, f"/plans/{plan.id}", "your draft", plan.changed_utc)
        for plan in drafts
    ]
    found += [
        Task(
            str(run.state), "bad", f"Your run ended badly: {run.kind}", f"/runs/{run.id}", "",
            run.ended_utc or run.requested_utc,
        )
        for run in store.runs.listed((RunState.FAILED, RunState.LOST), limit=SHOWN)
        if run.requested_by == person.name
    ]  # fmt: skip
    return found


def _wanted(plan: Plan, person: Person) -> str:
    """Say what a plan waits for, and whether the person can do it."""
    own = plan.author == person.name
    if plan.state is PlanState.CHECKED:
        if own:
            return "waits for a colleague's approval"
        if Right.APPROVE in person.rights:
            return f"by {plan.author}; waits for your approval"
        return f"by {plan.author}; waits for approval"
    if plan.state is PlanState.APPROVED:
        return "approved; waits for an operator"
    return "armed; goes to the street"
