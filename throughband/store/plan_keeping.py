"""Keeping the plans' table in step with the journal."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from controllers.release import PlanRelease
from network.errors import (
    StoreError,
    StoreUnavailableError,
    ThroughbandError,
)
from throughband.approval import approved_event
from throughband.journal import Journal, entries_after
from throughband.journal_file import size_of
from throughband.plan_life import (
    MOVES,
    Move,
    PlanMove,
    PlanState,
    moves_in,
)
from throughband.store.database import Database
from throughband.store.plan_records import (
    MARK,
    along,
    event_of,
    in_the_way,
    keep_asked,
    keep_mark,
    last_by,
    replaced_by,
    values_of,
)
from throughband.store.repository import NewId, Repository, is_among, many, one
from throughband.store.rows import Plan
from throughband.store.street import StreetMove, street_move
from throughband.store.tables import marks, plan_moves, plans

ASKED: Final = "plan move asked"
"""The journal's event where a person asked for what then happens on the street."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What the journal had that the database had not.

    Attributes
    ----------
    finished
        Moves that the journal recorded and the database now has.
    followed
        Moves that follow from what the bridge recorded, or from time.
    lost
        Plans that the journal speaks of and the database does not know, as after restoring an
        old backup.
    """

    finished: tuple[PlanMove, ...] = ()
    followed: tuple[PlanMove, ...] = ()
    lost: tuple[str, ...] = ()


class PlanKeeping(Repository):
    """Records moves and takes recorded ones in; every method wants to be alone.

    Parameters
    ----------
    database, new_id
        As for every repository.
    journal
        The bridge's journal; None to record nothing elsewhere.
    """

    def __init__(self, database: Database, new_id: NewId, journal: Path | None) -> None:
        super().__init__(database, new_id)
        self._path = journal
        self._journal: Journal | None = None
        self._is_kept = False
        self._alone = threading.Lock()

    def _move(
        self,
        connection: Connection,
        plan: Plan,
        move: Move,
        by: str,
        now_utc: datetime,
        why: str,
        details: Mapping[str, Any],
        release: PlanRelease | None = None,
    ) -> list[PlanMove]:
        """Record a move and what comes with it, and carry all of it out in the database."""
        rule = MOVES[move]
        made = [PlanMove(plan.id, move, plan.state, rule.target, plan.version + 1)]
        if move is Move.ACTIVATE:
            made += [along(other, Move.REPLACE) for other in in_the_way(connection, plan)]
        if move is Move.ROLL_BACK:
            made += [along(other, Move.RESTORE) for other in replaced_by(connection, plan)]
        event = event_of(rule.event, now_utc, by, why, made, plan.digest, details)
        if release is not None:
            event = {**approved_event(release), "release_digest": release.digest, **event}
        number = self._record(event)
        for each in made:
            self._note(connection, each, event, number)
        return made

    def _record(self, event: Mapping[str, object]) -> int | None:
        if self._path is None:
            return None
        try:
            if self._is_kept and size_of(self._path) is None:
                # A new one begun in its place would be in the way of its return.
                raise ThroughbandError(f"{self._path}: the journal is gone; put it back")
            if self._journal is None:
                self._journal = Journal(self._path)
            self._journal.write(event)
        except ThroughbandError as error:
            raise StoreUnavailableError(str(error)) from error
        return self._journal.count

    def _note(
        self,
        connection: Connection,
        made: PlanMove,
        event: Mapping[str, Any],
        number: int | None,
    ) -> None:
        """Carry a recorded move out in the database."""
        utc = datetime.fromisoformat(str(event["utc"]))
        connection.execute(
            update(plans)
            .where(plans.c.id == made.plan_id)
            .values(
                state=made.target,
                version=made.version,
                changed_utc=utc,
                asked_by=None,
                asked_why=None,
                **values_of(made, event),
            )
        )
        connection.execute(
            insert(plan_moves).values(
                plan_id=made.plan_id,
                version=made.version,
                move=made.move,
                source=made.source,
                target=made.target,
                by=str(event["by"]),
                utc=utc,
                why=str(event["why"]),
                journal_number=number,
            )
        )

    def _catch_up(self, connection: Connection, now_utc: datetime) -> CaughtUp:
        events = self._unread(connection)
        finished: list[PlanMove] = []
        lost: list[str] = []
        # All that was decided comes before what follows from the street: a move that was
        # recorded must not be made a second time.
        for event in events:
            for made in moves_in(event):
                version = connection.execute(
                    select(plans.c.version).where(plans.c.id == made.plan_id)
                ).scalar()
                if version is None:
                    lost.append(made.plan_id)
                elif version == made.version - 1:
                    self._note(connection, made, event, int(event["number"]))
                    finished.append(made)
                elif version < made.version:
                    raise StoreError(
                        f"plan {made.plan_id}: the journal's entry {event['number']} is its "
                        f"version {made.version}, the database has {version}; entries are missing"
                    )
        followed: list[PlanMove] = []
        for event in events:
            if event.get("event") == ASKED:
                keep_asked(connection, str(event["plan_id"]), str(event["by"]), str(event["why"]))
                continue
            for found in street_move(connection, event):
                followed += self._follow(connection, found, now_utc)
        if events:
            keep_mark(connection, int(events[-1]["number"]), str(events[-1]["hash"]))
        followed += self._expired(connection, now_utc)
        return CaughtUp(tuple(finished), tuple(followed), tuple(dict.fromkeys(lost)))

    def _unread(self, connection: Connection) -> list[dict[str, Any]]:
        """Return the journal's entries behind the mark."""
        if self._path is None:
            return []
        mark = connection.execute(select(marks).where(marks.c.name == MARK)).first()
        try:
            known = 0 if mark is None else int(mark.number)
            self._is_kept = known > 0
            if size_of(self._path) is None:
                events: list[dict[str, Any]] = []
            else:
                # The marked entry comes along, to see that it is still what it was.
                events = entries_after(self._path, max(0, known - 1))
        except ThroughbandError as error:
            raise StoreUnavailableError(str(error)) from error
        if mark is None:
            return events
        if not events and size_of(self._path) is None:
            raise StoreUnavailableError(
                f"{self._path}: the journal is gone, of which this database was kept up to entry "
                f"{known}; put it back"
            )
        if not events or events[0]["hash"] != mark.hash:
            raise StoreError(
                f"{self._path}: entry {known} is missing or not the one this database was kept "
                "with; the console needs the journal that belongs to it"
            )
        return events[1:]

    def _follow(
        self, connection: Connection, found: StreetMove, now_utc: datetime
    ) -> list[PlanMove]:
        plan = one(connection, Plan, plans, found.plan_id, "plan")
        if plan.state not in MOVES[found.move].sources:
            return []
        by = found.by
        if found.move is Move.ACTIVATE:
            by = last_by(connection, plan.id, Move.ARM) or by
        why = found.why
        if found.move is Move.ROLL_BACK and plan.asked_by:
            by, why = plan.asked_by, f"{plan.asked_why} ({why})"
        details = {"push_id": found.push_id} if found.move is Move.ACTIVATE else {}
        return self._move(connection, plan, found.move, by, now_utc, why, details)

    def _expired(self, connection: Connection, now_utc: datetime) -> list[PlanMove]:
        # An armed plan that is being pushed is no longer only a wish.
        over = many(
            connection,
            Plan,
            select(plans).where(
                is_among(plans.c.state, (PlanState.APPROVED, PlanState.ARMED)),
                plans.c.expires_utc <= now_utc,
                plans.c.push_id.is_(None),
            ),
        )
        made: list[PlanMove] = []
        for plan in over:
            why = f"the approval ended at {plan.expires_utc:%Y-%m-%d %H:%M} UTC"
            made += self._move(connection, plan, Move.EXPIRE, "clock", now_utc, why, {})
        return made
