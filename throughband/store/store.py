"""The console's database as one object, with a repository for each kind of row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from network.errors import StoreError
from throughband.store.backup import read_manifest, restore_rows, write_backup
from throughband.store.database import WAIT_S, Database
from throughband.store.migrating import migrate, newest_revision, revision_of
from throughband.store.networks import Networks
from throughband.store.operations import Notices, Warnings
from throughband.store.people import Attempts, Sessions, Tokens, Users
from throughband.store.plan_keeping import CaughtUp
from throughband.store.plans import Plans
from throughband.store.repository import NewId, drawn_id
from throughband.store.runs import Runs


def _now_utc() -> datetime:
    return datetime.now(UTC)


class Store:
    """The repositories of a database; `open_store` makes it.

    Attributes
    ----------
    networks, runs, plans, warnings, notices, users, sessions, tokens, attempts
        A repository each.
    journal
        The journal that moves of plans are recorded in, or None.
    migrated
        The backup that was made before the database was brought to the newest form, if any.
    caught_up
        What was finished at the opening.
    """

    def __init__(
        self,
        database: Database,
        journal: Path | None,
        new_id: NewId,
        migrated: Path | None = None,
    ) -> None:
        self._database = database
        self.journal = journal
        self.networks = Networks(database, new_id)
        self.runs = Runs(database, new_id)
        self.plans = Plans(database, new_id, journal)
        self.warnings = Warnings(database, new_id)
        self.notices = Notices(database, new_id)
        self.users = Users(database, new_id)
        self.sessions = Sessions(database, new_id)
        self.tokens = Tokens(database, new_id)
        self.attempts = Attempts(database, new_id)
        self.migrated = migrated
        self.caught_up = CaughtUp()

    @property
    def where(self) -> str:
        """The database, without secrets."""
        return self._database.where

    def audit(self, event: str, by: str, now_utc: datetime, **details: Any) -> int | None:
        """Record in the journal that somebody did something; return the entry's number.

        Raises
        ------
        StoreUnavailableError
            If it cannot be recorded.
        """
        return self.plans.record({"event": event, "utc": now_utc.isoformat(), "by": by, **details})

    def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises
        ------
        StoreError
            If it gives none.
        """
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def back_up(self, target: Path, now_utc: datetime) -> Mapping[str, int]:
        """Write a backup; return the number of rows of each table."""
        with self._database.reading() as connection:
            return write_backup(connection, target, now_utc)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()


def open_store(
    url: str,
    *,
    backups: Path | None,
    journal: Path | None = None,
    clock: Callable[[], datetime] = _now_utc,
    new_id: NewId = drawn_id,
    wait_s: float = WAIT_S,
) -> Store:
    """Open a database, brought to the newest form and to what the journal says.

    Parameters
    ----------
    url
        ``sqlite:////path/console.sqlite`` or ``postgresql://user@host/name``.
    backups
        Folder for a backup before it is changed to a newer form; None to go without.
    journal
        The journal of the bridge's configuration; None to record moves of plans nowhere else.
    clock, new_id
        The present, and who draws ids.
    wait_s
        Longest wait for somebody else's lock.

    Raises
    ------
    NewerStoreError
        The database is of a newer program.
    StoreUnavailableError
        It is locked, full or out of reach, or the journal cannot be read.
    StoreError
        It is somebody else's, damaged, or does not belong to the journal.
    """
    database = Database(url, wait_s)
    try:
        migrated = migrate(database, backups, clock)
        store = Store(database, journal, new_id, migrated)
        store.caught_up = store.plans.catch_up(clock())
    except BaseException:
        database.close()
        raise
    return store


def restore_store(url: str, source: Path, clock: Callable[[], datetime] = _now_utc) -> None:
    """Fill an empty database from a backup, and bring it to the newest form.

    Parameters
    ----------
    url
        An empty database, of either kind.
    source
        What `Store.back_up` wrote, or what was written before a migration.
    clock
        The present.

    Raises
    ------
    StoreError
        If the backup is damaged or newer, or the database not empty; it is empty still then.
    """
    manifest = read_manifest(source)
    database = Database(url)
    try:
        with database.reading() as connection:
            if revision_of(connection) is not None:
                raise StoreError(
                    f"{database.where}: holds a console's tables; restore into an empty one"
                )
        migrate(database, None, clock, str(manifest["revision"]))
        with database.writing() as connection:
            database.hold(connection)
            restore_rows(connection, source, manifest)
        migrate(database, None, clock, newest_revision())
    finally:
        database.close()
