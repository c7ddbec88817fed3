"""Warnings about the street, and the notices that were sent of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update

from throughband.store.repository import PAGE, Repository, first, many, one, page
from throughband.store.rows import Notice, NoticeState, Warning_
from throughband.store.tables import notices, warnings


class Warnings(Repository):
    """Warnings by id; of a kind at a place one at most is open."""

    def raise_(
        self,
        kind: str,
        place: str,
        now_utc: datetime,
        sure: float,
        text: str,
        network_id: str | None = None,
    ) -> tuple[Warning_, bool]:
        """Open a warning, or say of an open one that it lasts.

        Parameters
        ----------
        kind, place
            What, where.
        now_utc
            When it was seen.
        sure
            How sure it is, 0 to 1.
        text
            For people.
        network_id
            Of which network.

        Returns
        -------
        Warning_, bool
            The warning, and whether it is new.
        """
        if not 0 <= sure <= 1:
            raise ValueError(f"sure is {sure!r}; allowed is 0 to 1")
        with self._database.writing() as connection:
            self._database.hold(connection)
            found = first(
                connection,
                Warning_,
                warnings,
                (warnings.c.kind == kind)
                & (warnings.c.place == place)
                & warnings.c.until_utc.is_(None),
            )
            if found is None:
                row = Warning_(
                    self._new_id(), kind, place, now_utc, now_utc, None, sure, text, network_id,
                    None, None,
                )  # fmt: skip
                values = {column.name: getattr(row, column.name) for column in warnings.columns}
                connection.execute(insert(warnings).values(**values))
                return row, True
            connection.execute(
                update(warnings)
                .where(warnings.c.id == found.id)
                .values(seen_utc=now_utc, sure=sure, text=text)
            )
            return one(connection, Warning_, warnings, found.id, "warning"), False

    def clear(self, kind: str, place: str, now_utc: datetime) -> bool:
        """Close the open warning of a kind at a place; False if none was open."""
        with self._database.writing() as connection:
            done = connection.execute(
                update(warnings)
                .where(
                    warnings.c.kind == kind,
                    warnings.c.place == place,
                    warnings.c.until_utc.is_(None),
                )
                .values(until_utc=now_utc)
            )
            return done.rowcount == 1

    def take(self, warning_id: str, by: str, now_utc: datetime) -> Warning_:
        """Say that somebody looks after it; who was first stays."""
        with self._database.writing() as connection:
            one(connection, Warning_, warnings, warning_id, "warning")
            connection.execute(
                update(warnings)
                .where(warnings.c.id == warning_id, warnings.c.taken_by.is_(None))
                .values(taken_by=by, taken_utc=now_utc)
            )
            return one(connection, Warning_, warnings, warning_id, "warning")

    def get(self, warning_id: str) -> Warning_:
        """Return a warning; raise `MissingError` if there is none."""
        with self._database.reading() as connection:
            return one(connection, Warning_, warnings, warning_id, "warning")

    def listed(self, open_only: bool = False, limit: int = PAGE, offset: int = 0) -> list[Warning_]:
        """Return warnings, the newest first."""
        statement = select(warnings).order_by(warnings.c.since_utc.desc(), warnings.c.id)
        if open_only:
            statement = statement.where(warnings.c.until_utc.is_(None))
        with self._database.reading() as connection:
            return many(connection, Warning_, page(statement, limit, offset))


class Notices(Repository):
    """Notices by id."""

    def add(
        self,
        channel: str,
        recipient: str,
        text: str,
        now_utc: datetime,
        state: NoticeState = NoticeState.WAITING,
        warning_id: str | None = None,
        trouble: str = "",
    ) -> Notice:
        """Add a notice.

        Parameters
        ----------
        channel, recipient
            webhook, e-mail or mqtt, and to whom; no secret belongs in it.
        text, now_utc
            What, when.
        state
            SENT ones are sent at that time; HELD ones wait for the end of the quiet hours.
        warning_id
            What it is about.
        trouble
            Why it could not be sent.
        """
        row = Notice(
            self._new_id(), warning_id, channel, recipient, text, now_utc, state,
            now_utc if state is NoticeState.SENT else None, trouble,
        )  # fmt: skip
        values = {column.name: getattr(row, column.name) for column in notices.columns}
        with self._database.writing() as connection:
            connection.execute(insert(notices).values(**values))
        return row

    def mark(
        self, notice_id: str, state: NoticeState, now_utc: datetime, trouble: str = ""
    ) -> Notice:
        """Say what became of a notice."""
        with self._database.writing() as connection:
            one(connection, Notice, notices, notice_id, "notice")
            sent_utc = now_utc if state is NoticeState.SENT else None
            connection.execute(
                update(notices)
                .where(notices.c.id == notice_id)
                .values(state=state, sent_utc=sent_utc, trouble=trouble)
            )
            return one(connection, Notice, notices, notice_id, "notice")

    def listed(
        self, state: NoticeState | None = None, limit: int = PAGE, offset: int = 0
    ) -> list[Notice]:
        """Return notices, the newest first."""
        statement = select(notices).order_by(notices.c.made_utc.desc(), notices.c.id)
        if state is not None:
            statement = statement.where(notices.c.state == state)
        with self._database.reading() as connection:
            return many(connection, Notice, page(statement, limit, offset))
