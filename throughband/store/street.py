"""What the bridge's entries in the journal mean for plans.

The bridge names a push by its ``push_id`` and, at its beginning, the release it is made under.
A plan is pushed under the release of its own approval, so entries lead to plans, whoever ordered
the push: the console, daily operation, or somebody at the command line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from throughband.plan_life import Move, PlanState
from throughband.store.tables import plans

BRIDGE = "bridge"
"""Who moves a plan where the entry names nobody."""


@dataclass(frozen=True, slots=True)
class StreetMove:
    """A move that follows from an entry of the bridge; `push_id` is the push it speaks of."""

    plan_id: str
    move: Move
    why: str
    push_id: str
    by: str = BRIDGE


def street_move(connection: Connection, event: Mapping[str, Any]) -> list[StreetMove]:
    """Return the moves that an entry of the bridge leads to, if the plans are ready for them.

    The beginning of a push leads to none; it ties the push to its plan.
    """
    kind, push_id = event.get("event"), str(event.get("push_id", ""))
    by = str(event.get("ordered_by") or BRIDGE)
    if kind == "intent" and push_id:
        _tie(connection, str(event.get("release_digest", "")), push_id)
        return []
    if kind == "released":
        return _released(connection, event, by)
    outcome = event.get("outcome")
    plan_id = _of_push(connection, push_id)
    if plan_id is None:
        return []
    if kind == "activated" or (kind == "recovered" and outcome == "activated"):
        why = "written, read back and activated at every controller"
        return [StreetMove(plan_id, Move.ACTIVATE, why, push_id)]
    if kind == "failed" and event.get("restored"):
        why = f"{event.get('error', 'the push failed')}; the controllers are as before"
        return [StreetMove(plan_id, Move.FAIL, why, push_id)]
    if kind == "recovered":
        # A push that was open is taken back, or a withdrawal is completed.
        return [
            StreetMove(plan_id, Move.FAIL, "taken back after a crash", push_id, by),
            StreetMove(plan_id, Move.ROLL_BACK, "taken back after a crash", push_id, by),
        ]
    if kind == "withdrawn":
        return [StreetMove(plan_id, Move.ROLL_BACK, "withdrawn from every controller", push_id, by)]
    return []


def _released(connection: Connection, event: Mapping[str, Any], by: str) -> list[StreetMove]:
    """Return the end of active plans of which no signal is called any more."""
    names = event.get("signals")
    released = {str(name) for name in names} if isinstance(names, list) else None
    why = f"handed back to the controllers' own schedule ({event.get('how', 'released')})"
    found = []
    active = select(plans.c.id, plans.c.content, plans.c.push_id)
    for row in connection.execute(active.where(plans.c.state == PlanState.ACTIVE)):
        signals = {str(entry["signal_id"]) for entry in json.loads(row.content)["plans"]}
        if released is None or signals <= released:
            found.append(StreetMove(row.id, Move.ROLL_BACK, why, str(row.push_id), by))
    return found


def _tie(connection: Connection, release_digest: str, push_id: str) -> None:
    armed = select(plans.c.id, plans.c.release).where(
        plans.c.state == PlanState.ARMED, plans.c.release.is_not(None)
    )
    for row in connection.execute(armed):
        if row.release.get("digest") == release_digest:
            connection.execute(update(plans).where(plans.c.id == row.id).values(push_id=push_id))


def _of_push(connection: Connection, push_id: str) -> str | None:
    if not push_id:
        return None
    found = connection.execute(select(plans.c.id).where(plans.c.push_id == push_id)).scalar()
    return None if found is None else str(found)
