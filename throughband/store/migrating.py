"""Bring a database to the newest form, after a backup, or refuse it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from network.errors import NewerStoreError, StoreError
from throughband.store.backup import write_backup
from throughband.store.database import Database

FOLDER: Final = Path(__file__).parent / "migrations"


def newest_revision() -> str:
    """Return the revision that this program works with."""
    return str(_scripts().get_current_head())


def revision_of(connection: Connection) -> str | None:
    """Return a database's revision; None where it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(
    database: Database,
    backups: Path | None,
    clock: Callable[[], datetime],
    target: str | None = None,
) -> Path | None:
    """Bring a database to a revision.

    Parameters
    ----------
    database
        Empty, of an earlier program, or as it should be.
    backups
        Folder for the backup of what is there before; None to go without.
    clock
        The present, for the backup's name.
    target
        The revision; else the newest.

    Returns
    -------
    Path or None
        The backup, if one was made.

    Raises
    ------
    NewerStoreError
        The database is of a newer program.
    StoreError
        It holds somebody else's tables, or cannot be written; it is as it was then.
    """
    wanted = target or newest_revision()
    with database.reading() as connection:
        found = _known_revision(database, connection)
    if found == wanted:
        return None
    with database.writing() as connection:
        database.hold(connection)
        # Another program may have been faster while this one waited.
        found = _known_revision(database, connection)
        if found == wanted:
            return None
        made = None
        if found is not None and backups is not None:
            made = backups / f"before-{wanted}-{clock():%Y%m%dT%H%M%SZ}.zip"
            write_backup(connection, made, clock())
        with warnings.catch_warnings():
            # Alembic reads its own settings in a way it deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            command.upgrade(_config(connection), wanted)
    return made


def _known_revision(database: Database, connection: Connection) -> str | None:
    found = revision_of(connection)
    if found is None:
        others = set(inspect(connection).get_table_names())
        if others - {"alembic_version"}:
            raise StoreError(
                f"{database.where}: holds tables that are not the console's, such as "
                f"{sorted(others)[0]!r}; name a database of its own"
            )
        return None
    known = {script.revision for script in _scripts().walk_revisions()}
    if found not in known:
        raise NewerStoreError(
            f"{database.where}: the database has revision {found!r}, which this program does not "
            f"know (its newest is {newest_revision()!r}); start the newer program, or restore a "
            "backup"
        )
    return found


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
