"""Plans and the moves of their lives, in step with the journal.

Whoever moves a plan holds off everybody else, takes in what the journal has that the database
has not, writes the move in the journal, then in the database, and commits. A crash in between
leaves an entry that the next one takes in; so does a database that cannot be written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, select, update

from controllers.release import PlanRelease
from network.errors import (
    ApprovalError,
    MoveError,
)
from throughband.approval import VALID_FOR, release_document, report_digest
from throughband.plan_life import (
    DRAFTED,
    Move,
    PlanMove,
    PlanState,
    next_state,
)
from throughband.store.plan_keeping import ASKED, CaughtUp, PlanKeeping
from throughband.store.plan_records import (
    event_of,
    keep_asked,
    moves_after,
    report_values,
    require_about,
    require_allowed,
    require_other,
    require_seen,
    told_source,
)
from throughband.store.repository import PAGE, counted, is_among, many, one, page
from throughband.store.rows import Comment, MoveRecord, Plan, ReportOrigin, ReportSource
from throughband.store.tables import comments, plans

ATTACHED: Final = "plan report attached"
"""The journal's event where a draft got its report."""


class Plans(PlanKeeping):
    """Plans by id.

    Parameters
    ----------
    database, new_id
        As for every repository.
    journal
        The bridge's journal; None to record nothing elsewhere.
    """

    # Looking

    def get(self, plan_id: str) -> Plan:
        """Return a plan; raise `MissingError` if there is none."""
        with self._database.reading() as connection:
            return one(connection, Plan, plans, plan_id, "plan")

    def listed(
        self,
        states: Sequence[PlanState] = (),
        network_id: str | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[Plan]:
        """Return plans, the newest first."""
        statement = select(plans).order_by(plans.c.created_utc.desc(), plans.c.id)
        if states:
            statement = statement.where(is_among(plans.c.state, states))
        if network_id is not None:
            statement = statement.where(plans.c.network_id == network_id)
        with self._database.reading() as connection:
            return many(connection, Plan, page(statement, limit, offset))

    def count(self, states: Sequence[PlanState] = (), network_id: str | None = None) -> int:
        """Return how many there are in some states, or in all, of a network or of all."""
        where = [is_among(plans.c.state, states)] if states else []
        if network_id is not None:
            where.append(plans.c.network_id == network_id)
        with self._database.reading() as connection:
            return counted(connection, plans, *where)

    def moves(self, plan_id: str) -> list[MoveRecord]:
        """Return the moves of a plan, the oldest first."""
        with self._database.reading() as connection:
            one(connection, Plan, plans, plan_id, "plan")
            return moves_after(connection, plan_id, 0)

    # Talking about it

    def comment(self, plan_id: str, by: str, now_utc: datetime, text: str) -> Comment:
        """Add a comment to a plan; the journal keeps who said what, too."""
        row = Comment(self._new_id(), plan_id, by, now_utc, text)
        values = {column.name: getattr(row, column.name) for column in comments.columns}
        event = {
            "event": "commented",
            "utc": now_utc.isoformat(),
            "by": by,
            "plan_id": plan_id,
            "text": text,
        }
        with self._alone, self._database.writing() as connection:
            self._database.hold(connection)
            one(connection, Plan, plans, plan_id, "plan")
            connection.execute(insert(comments).values(**values))
            self._record(event)
        return row

    def comments(self, plan_id: str) -> list[Comment]:
        """Return the comments on a plan, the oldest first."""
        statement = (
            select(comments)
            .where(comments.c.plan_id == plan_id)
            .order_by(comments.c.utc, comments.c.id)
        )
        with self._database.reading() as connection:
            one(connection, Plan, plans, plan_id, "plan")
            return many(connection, Comment, statement)

    # Its life

    def add(
        self,
        network_id: str,
        title: str,
        content: str,
        scenario: str,
        digest: str,
        origin: str,
        author: str,
        now_utc: datetime,
        *,
        report: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        source: ReportSource | None = None,
    ) -> Plan:
        """Add a plan; its life begins as a draft.

        Parameters
        ----------
        network_id, run_id
            What it is for, and the run that made it.
        title
            For people.
        content
            Text of its ``plan.json``.
        scenario, digest
            Of the plan set in it, which the caller has read.
        origin
            run, upload, trial or operate.
        author
            Whose plan it is.
        now_utc
            The present.
        report
            Its validation report, if there is one already.
        source
            Where the report came from; left out, the author brought it, and it proves nothing.

        Raises
        ------
        ApprovalError
            If the report is about another plan.
        StoreUnavailableError
            If it cannot be recorded.
        """
        require_about(report, digest)
        row = Plan(
            self._new_id(), network_id, run_id, title, scenario, content, digest, report, None,
            origin, author, PlanState.DRAFT, 1, now_utc, now_utc, None, None, None, None,
        )  # fmt: skip
        if report is not None:
            source = source or ReportSource(ReportOrigin.UPLOAD, author)
            row = replace(row, **report_values(report, source))
        values = {column.name: getattr(row, column.name) for column in plans.columns}
        begun = PlanMove(row.id, None, None, PlanState.DRAFT, 1)
        with self._alone, self._database.writing() as connection:
            self._database.hold(connection)
            self._catch_up(connection, now_utc)
            connection.execute(insert(plans).values(**values))
            details = {"title": title, **told_source(row)}
            event = event_of(DRAFTED, now_utc, author, "", (begun,), digest, details)
            self._note(connection, begun, event, self._record(event))
        return row

    def attach_report(
        self,
        plan_id: str,
        report: Mapping[str, Any],
        seen_version: int,
        source: ReportSource,
        now_utc: datetime,
    ) -> Plan:
        """Give a draft its validation report.

        A report made here also takes the place of an uploaded one that a plan was checked on;
        the plan is a draft again then, so that nobody approves on what they did not see.

        Raises
        ------
        ApprovalError
            If the report is about another plan.
        MoveError, StaleError
            If it takes no report any more, or is not the version that was seen.
        StoreUnavailableError
            Database or journal cannot be written.
        """
        with self._alone, self._database.writing() as connection:
            self._database.hold(connection)
            self._catch_up(connection, now_utc)
            plan = one(connection, Plan, plans, plan_id, "plan")
            require_seen(connection, plan, seen_version)
            is_ours = source.origin is not ReportOrigin.UPLOAD
            if plan.state is not PlanState.DRAFT and not (plan.needs_proof and is_ours):
                raise MoveError(f"plan {plan_id} is {plan.state}; only a draft takes a report")
            require_about(report, plan.digest)
            values = report_values(report, source)
            known = replace(plan, **values)
            if plan.state is PlanState.CHECKED:
                why = f"the report of run {source.run_id} replaces the uploaded one"
                self._move(
                    connection, plan, Move.REOPEN, source.by, now_utc, why, told_source(known)
                )
            else:
                self._record(
                    {
                        "event": ATTACHED,
                        "utc": now_utc.isoformat(),
                        "by": source.by,
                        "plan_id": plan_id,
                        "plan_digest": plan.digest,
                        **told_source(known),
                    }
                )
            connection.execute(update(plans).where(plans.c.id == plan_id).values(**values))
            return one(connection, Plan, plans, plan_id, "plan")

    def approve(
        self,
        plan_id: str,
        by: str,
        now_utc: datetime,
        why: str,
        seen_version: int | None,
        valid_for: timedelta = VALID_FOR,
        despite_verdict: bool = False,
    ) -> Plan:
        """Approve a checked plan on the report it has: seal a release of exactly these.

        Parameters
        ----------
        plan_id, by, now_utc, why, seen_version
            As for `move`.
        valid_for
            How long the approval holds.
        despite_verdict
            Approve although the report proves no gain, or was uploaded and not made here; the
            record says so.

        Raises
        ------
        ApprovalError
            If no gain is proven and that was not waved through.
        AccessError, MoveError, StaleError, StoreUnavailableError
            As `move`.
        """
        plan = self.get(plan_id)
        # Before what could be approved despite: nobody is told how to approve their own.
        require_other(plan, Move.APPROVE, by)
        if plan.report is None:
            raise MoveError(f"plan {plan_id} is {plan.state} and has no report to be approved on")
        verdict = plan.report.get("verdict")
        notes = why
        if not plan.is_report_ours:
            whose = f"uploaded by {plan.report_by}, not made here"
            if not despite_verdict:
                raise ApprovalError(
                    f"the report of plan {plan_id} was {whose}, and proves nothing; validate the "
                    "plan here, or approve despite that, and the record says so"
                )
            notes = f"{notes} (on a report {whose})".strip()
        if verdict != "better":
            if not despite_verdict:
                raise ApprovalError(
                    f"the report of plan {plan_id} proves no gain (verdict {verdict!r}); approving "
                    "despite the verdict is possible, and the record says so"
                )
            notes = f"{notes} (despite the verdict {verdict!r})".strip()
        release = PlanRelease(
            plan.digest, report_digest(plan.report), by, now_utc, now_utc + valid_for,
            plan.scenario, notes,
        )  # fmt: skip
        # Exactly the report that the release is about: whoever has seen none has seen this one.
        seen = plan.version if seen_version is None else seen_version
        return self.move(plan_id, Move.APPROVE, by, now_utc, notes, seen, release=release)

    def move(
        self,
        plan_id: str,
        move: Move,
        by: str,
        now_utc: datetime,
        why: str = "",
        seen_version: int | None = None,
        *,
        release: PlanRelease | None = None,
        armed_for_utc: datetime | None = None,
        push_id: str | None = None,
    ) -> Plan:
        """Make a move in a plan's life.

        Parameters
        ----------
        plan_id, move
            What is moved how.
        by, now_utc, why
            Who, when, why.
        seen_version
            The version of the row that the decision was made on; None for whatever it is now.
        release
            The approval; needed to approve, and only then (`approve` makes it).
        armed_for_utc
            When it is to begin on the street, to arm it; None for at once.
        push_id
            The push that put it on the street, to activate it.

        Returns
        -------
        Plan
            As it is now.

        Raises
        ------
        MissingError
            There is no such plan.
        StaleError
            It changed since it was seen; tells how.
        MoveError
            The move does not start from its state, or something is missing for it.
        ApprovalError
            Its own author approves it, or the release is of another plan.
        StoreUnavailableError
            Database or journal cannot be written. What the journal has by then is finished later.
        """
        details: dict[str, Any] = {}
        if armed_for_utc is not None:
            details["armed_for_utc"] = armed_for_utc.isoformat()
        if push_id is not None:
            details["push_id"] = push_id
        if release is not None:
            details["release"] = release_document(release)
        with self._alone, self._database.writing() as connection:
            self._database.hold(connection)
            self._catch_up(connection, now_utc)
            plan = one(connection, Plan, plans, plan_id, "plan")
            require_seen(connection, plan, seen_version)
            require_allowed(plan, move, by, release)
            if release is not None:
                details |= told_source(plan)
            self._move(connection, plan, move, by, now_utc, why, details, release)
            return one(connection, Plan, plans, plan_id, "plan")

    def require(self, plan_id: str, move: Move, seen_version: int | None) -> Plan:
        """Return a plan that can make a move, as it is now; nothing is recorded.

        Raises
        ------
        MissingError, StaleError, MoveError
            As `move`.
        """
        with self._alone, self._database.reading() as connection:
            plan = one(connection, Plan, plans, plan_id, "plan")
            require_seen(connection, plan, seen_version)
            next_state(plan.state, move)
            return plan

    def ask(
        self,
        plan_id: str,
        move: Move,
        by: str,
        now_utc: datetime,
        why: str,
        seen_version: int | None,
    ) -> Plan:
        """Record that somebody wants a move which happens on the street first.

        For rolling back: the bridge withdraws the push, and `catch_up` makes the move then, in
        the name of who asked.

        Raises
        ------
        MissingError, StaleError, MoveError, StoreUnavailableError
            As `move`.
        """
        with self._alone, self._database.writing() as connection:
            self._database.hold(connection)
            self._catch_up(connection, now_utc)
            plan = one(connection, Plan, plans, plan_id, "plan")
            require_seen(connection, plan, seen_version)
            next_state(plan.state, move)
            self._record(
                {
                    "event": ASKED,
                    "utc": now_utc.isoformat(),
                    "by": by,
                    "why": why,
                    "plan_id": plan_id,
                    "plan_digest": plan.digest,
                    "move": str(move),
                }
            )
            keep_asked(connection, plan_id, by, why)
            return one(connection, Plan, plans, plan_id, "plan")

    def catch_up(self, now_utc: datetime) -> CaughtUp:
        """Bring the database to what the journal says, and plans to what happened on the street.

        Finishes moves that a crash cut off, follows pushes and withdrawals that the bridge
        recorded, whoever ordered them, and ends approvals whose time is over.

        Raises
        ------
        StoreUnavailableError
            Database or journal cannot be read or written.
        StoreError
            The journal is not the one that this database was kept with.
        """
        with self._alone, self._database.writing() as connection:
            self._database.hold(connection)
            return self._catch_up(connection, now_utc)

    def record(self, event: Mapping[str, object]) -> int | None:
        """Write something else into the journal; return its number there.

        Raises
        ------
        StoreUnavailableError
            If it cannot be written.
        """
        with self._alone:
            return self._record(event)
