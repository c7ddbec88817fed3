"""Plans and their lives."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import AwareDatetime, BaseModel, Field

from network.errors import FormatError, MissingError
from network.timing import TimingPlan
from throughband.console.api.fields import (
    Asked,
    BodyId,
    Limit,
    Line,
    Offset,
    Prose,
    RowId,
    Why,
)
from throughband.console.api.runs import RunOut, run_out
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.differences import differences
from throughband.console.problems import documented
from throughband.console.scenes import plan_set_of
from throughband.people.door import Person
from throughband.people.routes import API
from throughband.plan_life import MOVES, Move, PlanState, moves_from
from throughband.store.rows import Plan, ReportOrigin

router = APIRouter(tags=["plans"])

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
BY_STREET = frozenset(
    {Move.ACTIVATE, Move.FAIL, Move.EXPIRE, Move.REPLACE, Move.RESTORE, Move.REOPEN}
)
"""Moves that follow from the street, from time or from a run's end; nobody makes them by hand."""


class Release(BaseModel):
    """An approval."""

    digest: str
    approved_by: str
    approved_utc: datetime
    expires_utc: datetime
    notes: str


class PlanOut(BaseModel):
    """A plan."""

    id: str
    network_id: str
    run_id: str | None
    title: str
    scenario: str
    digest: str
    origin: str
    author: str
    state: PlanState
    version: int = Field(description="To send as seen_version with every move.")
    created_utc: datetime
    changed_utc: datetime
    armed_for_utc: datetime | None
    expires_utc: datetime | None
    push_id: str | None
    replaced_by: str | None
    asked_by: str | None
    verdict: str | None
    report_origin: ReportOrigin | None = Field(
        description="An uploaded report proves nothing here: approving needs despite_verdict."
    )
    report_by: str | None
    report_run_id: str | None
    release: Release | None
    moves: list[Move] = Field(description="What whoever asks may do with it now.")


class MoveOut(BaseModel):
    """A move that a plan made."""

    version: int
    move: Move | None
    source: PlanState | None
    target: PlanState
    by: str
    utc: datetime
    why: str
    journal_number: int | None


class CommentOut(BaseModel):
    """A comment."""

    id: str
    by: str
    utc: datetime
    text: str


class NewComment(Asked):
    """What is to be said."""

    text: Prose


class FromRun(Asked):
    """Which run's plan is to become a draft."""

    run_id: BodyId
    title: Line


class Decision(Asked):
    """A move."""

    seen_version: Version
    why: Why = Field("", description="For the journal and the plan's history.")


class Ending(Asked):
    """A move that ends a plan's way, which others will ask about."""

    seen_version: Version
    why: Why = Field(min_length=1, description="For the journal and the plan's history.")


class Approval(Decision):
    """An approval."""

    despite_verdict: bool = Field(
        False, description="Approve although no gain is proven, or the report was uploaded."
    )


class Arming(Decision):
    """Asking for a plan on the street."""

    at_utc: AwareDatetime | None = Field(None, description="Left out, at once.")


class Ordered(BaseModel):
    """A plan that is on its way, and the run that takes it there."""

    plan: PlanOut
    run: RunOut


class ShownOut(BaseModel):
    """What a signal shows from a second of its cycle to another."""

    begin_s: float
    end_s: float
    aspects: str


class SideOut(BaseModel):
    """A plan of a signal as the street sees it."""

    cycle_s: int
    offset_s: int
    splits_s: dict[int, int]
    shown: list[ShownOut]


class DifferenceOut(BaseModel):
    """A signal before and after."""

    signal_id: str
    before: SideOut | None
    after: SideOut | None
    compared_s: int
    differing_s: int
    changes: list[str]


@router.get(f"{API}/plans", responses=documented())
def plans(
    desk: TheDesk,
    person: ThePerson,
    state: Annotated[list[PlanState] | None, Query()] = None,
    network_id: Annotated[str | None, Query(pattern=r"^[0-9a-f]{12}$")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> list[PlanOut]:
    """List plans, the newest first."""
    found = desk.store.plans.listed(state or (), network_id, limit, offset)
    return [plan_out(plan, person) for plan in found]


@router.get(f"{API}/plans/{{plan_id}}", responses=documented(404))
def plan(plan_id: RowId, desk: TheDesk, person: ThePerson) -> PlanOut:
    """Tell of one plan."""
    return plan_out(desk.store.plans.get(plan_id), person)


@router.get(f"{API}/plans/{{plan_id}}/content", responses=documented(404))
def content(plan_id: RowId, desk: TheDesk) -> dict[str, Any]:
    """Fetch its ``plan.json``; what was uploaded or computed, to the letter when re-serialized."""
    found: dict[str, Any] = json.loads(desk.store.plans.get(plan_id).content)
    return found


@router.get(f"{API}/plans/{{plan_id}}/report", responses=documented(404))
def report(plan_id: RowId, desk: TheDesk) -> dict[str, Any]:
    """Fetch the validation report it is judged by."""
    found = desk.store.plans.get(plan_id).report
    if found is None:
        raise MissingError(f"plan {plan_id} has no validation report yet")
    return dict(found)


@router.get(f"{API}/plans/{{plan_id}}/difference", responses=documented(404))
def difference(plan_id: RowId, desk: TheDesk) -> list[DifferenceOut]:
    """Tell what it changes against what is active, else in force, second by second."""
    found = compared(desk, desk.store.plans.get(plan_id))
    return [DifferenceOut.model_validate(asdict(each)) for each in found]


@router.get(f"{API}/plans/{{plan_id}}/moves", responses=documented(404))
def moves(plan_id: RowId, desk: TheDesk) -> list[MoveOut]:
    """List the moves it made, the oldest first."""
    names = MoveOut.model_fields
    return [
        MoveOut(**{name: getattr(record, name) for name in names})
        for record in desk.store.plans.moves(plan_id)
    ]


@router.get(f"{API}/plans/{{plan_id}}/comments", responses=documented(404))
def comments(plan_id: RowId, desk: TheDesk) -> list[CommentOut]:
    """List what was said about it, the oldest first."""
    return [
        CommentOut(id=row.id, by=row.by, utc=row.utc, text=row.text)
        for row in desk.store.plans.comments(plan_id)
    ]


@router.post(f"{API}/plans/{{plan_id}}/comments", status_code=201, responses=documented(404))
def comment(plan_id: RowId, asked: NewComment, desk: TheDesk, person: ThePerson) -> CommentOut:
    """Say something about it."""
    row = desk.store.plans.comment(plan_id, person.name, desk.clock(), asked.text)
    return CommentOut(id=row.id, by=row.by, utc=row.utc, text=row.text)


@router.post(f"{API}/plans/upload", status_code=201, responses=documented(404, 409, 413))
def upload(
    network_id: Annotated[str, Form(pattern=r"^[0-9a-f]{12}$")],
    title: Annotated[Line, Form()],
    plan: Annotated[UploadFile, File(description="plan.json.")],
    desk: TheDesk,
    person: ThePerson,
    report: Annotated[UploadFile | None, File(description="validation.json.")] = None,
) -> PlanOut:
    """Upload a plan, and its validation report if there is one; it becomes a draft."""
    evidence = None
    if report is not None:
        evidence = _object(_text(report, "report"), "report")
    made = desk.plan_moves.add_plan(
        network_id, title, _text(plan, "plan"), person.name, "upload", evidence
    )
    return plan_out(made, person)


@router.post(f"{API}/plans/from-run", status_code=201, responses=documented(404, 409))
def from_run(asked: FromRun, desk: TheDesk, person: ThePerson) -> PlanOut:
    """Make the plan that a run computed a draft."""
    return plan_out(desk.plan_moves.plan_from_run(asked.run_id, asked.title, person.name), person)


@router.post(f"{API}/plans/{{plan_id}}/check", responses=documented(404, 409))
def check(plan_id: RowId, asked: Decision, desk: TheDesk, person: ThePerson) -> PlanOut:
    """Have the safety rules and the timeline check a draft that has its report."""
    moved = desk.plan_moves.check(plan_id, person.name, asked.why, asked.seen_version)
    return plan_out(moved, person)


@router.post(f"{API}/plans/{{plan_id}}/approve", responses=documented(404, 409))
def approve(plan_id: RowId, asked: Approval, desk: TheDesk, person: ThePerson) -> PlanOut:
    """Approve somebody else's plan."""
    moved = desk.plan_moves.approve(
        plan_id, person.name, asked.why, asked.seen_version, asked.despite_verdict
    )
    return plan_out(moved, person)


@router.post(f"{API}/plans/{{plan_id}}/reject", responses=documented(404, 409))
def reject(plan_id: RowId, asked: Ending, desk: TheDesk, person: ThePerson) -> PlanOut:
    """Say that it is not to be used."""
    moved = desk.plan_moves.reject(plan_id, person.name, asked.why, asked.seen_version)
    return plan_out(moved, person)


@router.post(f"{API}/plans/{{plan_id}}/arm", status_code=202, responses=documented(404, 409))
def arm(plan_id: RowId, asked: Arming, desk: TheDesk, person: ThePerson) -> Ordered:
    """Ask for it on the street: the bridge pushes it."""
    moved, run = desk.street_orders.arm(
        plan_id, person.name, asked.why, asked.seen_version, asked.at_utc
    )
    return Ordered(plan=plan_out(moved, person), run=run_out(run))


@router.post(f"{API}/plans/{{plan_id}}/disarm", responses=documented(404, 409))
def disarm(plan_id: RowId, asked: Decision, desk: TheDesk, person: ThePerson) -> PlanOut:
    """Ask for it no longer."""
    moved = desk.street_orders.disarm(plan_id, person.name, asked.why, asked.seen_version)
    return plan_out(moved, person)


@router.post(f"{API}/plans/{{plan_id}}/roll-back", status_code=202, responses=documented(404, 409))
def roll_back(plan_id: RowId, asked: Ending, desk: TheDesk, person: ThePerson) -> Ordered:
    """Take it off the street: the bridge withdraws it."""
    moved, run = desk.street_orders.roll_back(plan_id, person.name, asked.why, asked.seen_version)
    return Ordered(plan=plan_out(moved, person), run=run_out(run))


def plan_out(plan: Plan, person: Person) -> PlanOut:
    """Return what is told of a plan to somebody."""
    release = None
    if plan.release is not None:
        inner = plan.release["release"]
        names = ("approved_by", "approved_utc", "expires_utc", "notes")
        release = Release(digest=plan.release["digest"], **{n: inner[n] for n in names})
    verdict = (plan.report or {}).get("verdict")
    copied = set(PlanOut.model_fields) - {"verdict", "release", "moves"}
    return PlanOut(
        **{name: getattr(plan, name) for name in copied},
        verdict=None if verdict is None else str(verdict),
        release=release,
        moves=possible_moves(plan, person),
    )


def possible_moves(plan: Plan, person: Person) -> list[Move]:
    """Return the moves that somebody may make with a plan as it is."""
    return [
        move
        for move in moves_from(plan.state)
        if move not in BY_STREET
        and person.may(MOVES[move].right)
        and not (MOVES[move].by_other and person.name == plan.author)
        and not (move is Move.CHECK and plan.report is None)
    ]


def compared(desk: Desk, plan: Plan) -> Any:
    """Compare a plan with what is active in its network, else in force."""
    network = desk.store.networks.get(plan.network_id)
    running: dict[str, TimingPlan] = {}
    for other in desk.store.plans.listed([PlanState.ACTIVE], plan.network_id):
        if other.id != plan.id:
            running |= {each.signal_id: each for each in plan_set_of(other.content).plans}
    setting = desk.scenes.setting(network.source)
    return differences(setting.network, plan_set_of(plan.content), running)


def _text(file: UploadFile, what: str) -> str:
    try:
        return file.file.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{what}: not text in UTF-8 ({error})") from error


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what}: not JSON ({error})") from error
    if not isinstance(found, dict):
        raise FormatError(f"{what}: expected a JSON object, found {type(found).__name__}")
    return found
