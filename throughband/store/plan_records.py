"""How moves of plans are told to the journal, kept in the tables, and refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from controllers.release import PlanRelease
from network.errors import (
    ApprovalError,
    MoveError,
    PlanError,
    StaleError,
)
from throughband.approval import report_digest
from throughband.plan_life import (
    MOVES,
    MOVES_FIELD,
    Move,
    PlanMove,
    PlanState,
    moves_in,
    next_state,
)
from throughband.store.repository import many
from throughband.store.rows import MoveRecord, Plan, ReportSource
from throughband.store.tables import marks, plan_moves, plans

MARK: Final = "journal"
DETAILS: Final = "plan_details"


def signals_of(plan: Plan) -> frozenset[str]:
    """Return the signals that a plan times."""
    return frozenset(str(entry["signal_id"]) for entry in json.loads(plan.content)["plans"])


def event_of(
    name: str,
    now_utc: datetime,
    by: str,
    why: str,
    made: Iterable[PlanMove],
    digest: str,
    details: Mapping[str, Any],
) -> dict[str, object]:
    """Return what the journal keeps of moves; `details` is what else changes in the first's row."""
    return {
        "event": name,
        "utc": now_utc.isoformat(),
        "by": by,
        "why": why,
        "plan_digest": digest,
        MOVES_FIELD: [each.to_dict() for each in made],
        DETAILS: dict(details),
    }


def values_of(made: PlanMove, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else a recorded move changes in a plan's row."""
    first = moves_in(event)[0].plan_id
    if made.move is Move.REPLACE:
        return {"replaced_by": first}
    if made.move is Move.RESTORE:
        return {"replaced_by": None}
    details = event.get(DETAILS) or {}
    values: dict[str, Any] = {}
    if made.move is Move.APPROVE:
        release = details["release"]
        values["release"] = release
        values["expires_utc"] = datetime.fromisoformat(release["release"]["expires_utc"])
    if made.move is Move.ARM:
        at = details.get("armed_for_utc")
        values["armed_for_utc"] = None if at is None else datetime.fromisoformat(at)
    if made.move in (Move.DISARM, Move.FAIL):
        values |= {"armed_for_utc": None, "push_id": None}
    if made.move is Move.ACTIVATE and "push_id" in details:
        values["push_id"] = details["push_id"]
    return values


def require_about(report: Mapping[str, Any] | None, digest: str) -> None:
    """Refuse a report on another plan."""
    if report is not None and report.get("plan_digest") != digest:
        raise ApprovalError(
            f"the report speaks of plan {str(report.get('plan_digest'))[:12]}, this is plan "
            f"{digest[:12]}; validate this plan"
        )


def report_values(report: Mapping[str, Any], source: ReportSource) -> dict[str, Any]:
    """Return what a report changes in a plan's row."""
    return {
        "report": dict(report),
        "report_origin": source.origin,
        "report_by": source.by,
        "report_run_id": source.run_id,
        "report_digest": report_digest(report),
    }


def told_source(plan: Plan) -> dict[str, Any]:
    """Return what the journal keeps of where a plan's report came from."""
    if plan.report is None:
        return {}
    told = {
        "origin": plan.report_origin,
        "by": plan.report_by,
        "run_id": plan.report_run_id,
        "report_digest": plan.report_digest,
    }
    return {"report": {name: value for name, value in told.items() if value is not None}}


def require_seen(connection: Connection, plan: Plan, seen_version: int | None) -> None:
    """Refuse a decision made on an older version, and tell what happened since."""
    if seen_version is None or seen_version == plan.version:
        return
    changes = tuple(
        f"{record.target} by {record.by} at {record.utc:%Y-%m-%d %H:%M:%S} UTC"
        + (f": {record.why}" if record.why else "")
        for record in moves_after(connection, plan.id, seen_version)
    )
    raise StaleError(
        f"plan {plan.id} was changed meanwhile: it is version {plan.version}, the decision was "
        f"made on version {seen_version}",
        changes,
    )


def require_other(plan: Plan, move: Move, by: str) -> None:
    """Refuse a move that somebody else than the author has to make."""
    if MOVES[move].by_other and by == plan.author:
        raise ApprovalError(
            f"plan {plan.id} is {plan.author}'s own; somebody else has to {move} it"
        )


def require_allowed(plan: Plan, move: Move, by: str, release: PlanRelease | None) -> None:
    """Refuse a move from another state, of the wrong person, or without what belongs to it."""
    next_state(plan.state, move)
    if not by.strip():
        raise ApprovalError("a move needs the name of who makes it")
    require_other(plan, move, by)
    if move is Move.CHECK and plan.report is None:
        raise MoveError(f"plan {plan.id} has no validation report; validate it first")
    if (move is Move.APPROVE) != (release is not None):
        raise MoveError("a release belongs to an approval, and to nothing else")
    if release is not None and release.plan_digest != plan.digest:
        raise ApprovalError(f"the release is of another plan than {plan.id}")


def along(plan: Plan, move: Move) -> PlanMove:
    """Return a move that a plan makes because another one moves."""
    return PlanMove(plan.id, move, plan.state, MOVES[move].target, plan.version + 1)


def in_the_way(connection: Connection, plan: Plan) -> list[Plan]:
    """Return the active plans that a plan takes a signal from."""
    active = select(plans).where(
        plans.c.state == PlanState.ACTIVE,
        plans.c.network_id == plan.network_id,
        plans.c.id != plan.id,
    )
    try:
        signals = signals_of(plan)
        return [p for p in many(connection, Plan, active) if signals & signals_of(p)]
    except (ValueError, KeyError, TypeError) as error:
        raise PlanError(f"plan {plan.id}: its content is no plan file ({error})") from error


def replaced_by(connection: Connection, plan: Plan) -> list[Plan]:
    """Return the plans that a plan took the place of."""
    statement = select(plans).where(
        plans.c.state == PlanState.REPLACED, plans.c.replaced_by == plan.id
    )
    return many(connection, Plan, statement)


def moves_after(connection: Connection, plan_id: str, after_version: int) -> list[MoveRecord]:
    """Return the moves of a plan behind a version, the oldest first."""
    statement = (
        select(plan_moves)
        .where(plan_moves.c.plan_id == plan_id, plan_moves.c.version > after_version)
        .order_by(plan_moves.c.version)
    )
    return many(connection, MoveRecord, statement)


def last_by(connection: Connection, plan_id: str, move: Move) -> str:
    """Return who made a move last; empty for nobody."""
    last = (
        select(func.max(plan_moves.c.version))
        .where(plan_moves.c.plan_id == plan_id, plan_moves.c.move == move)
        .scalar_subquery()
    )
    found = connection.execute(
        select(plan_moves.c.by).where(plan_moves.c.plan_id == plan_id, plan_moves.c.version == last)
    ).scalar()
    return str(found or "")


def keep_asked(connection: Connection, plan_id: str, by: str, why: str) -> None:
    """Keep who asked for what happens on the street first."""
    connection.execute(
        update(plans)
        .where(plans.c.id == plan_id, plans.c.state == PlanState.ACTIVE)
        .values(asked_by=by, asked_why=why)
    )


def keep_mark(connection: Connection, number: int, digest: str) -> None:
    """Keep how far the journal was taken in."""
    values = {"number": number, "hash": digest}
    done = connection.execute(update(marks).where(marks.c.name == MARK).values(**values))
    if done.rowcount == 0:
        connection.execute(insert(marks).values(name=MARK, **values))
