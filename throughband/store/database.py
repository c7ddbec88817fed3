"""The connection to the database: SQLite by default, PostgreSQL by its URL.

SQLite keeps a write-ahead log, waits for a lock, checks foreign keys, and begins every writing
transaction as the only writer, so that what was read in it stays true until it is committed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from network.errors import StoreError, StoreUnavailableError

WAIT_S: Final = 5.0
"""Longest wait for somebody else's lock."""

WRITER_LOCK: Final = 0x7462616E64
"""Number of PostgreSQL's advisory lock for those who move plans."""

_READ_ONLY: Final = "throughband_reads"

_BUSY: Final = {sqlite3.SQLITE_BUSY: "locked", sqlite3.SQLITE_LOCKED: "locked"}
_SICK: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
}
_POSTGRES: Final = {
    "55P03": "locked",
    "57014": "locked",
    "40P01": "locked",
    "40001": "locked",
    "53100": "the disk is full",
    "53200": "the server is out of memory",
    "53300": "the server has no connection left",
    "25006": "it may not be written",
    "57P01": "the server is going down",
    "57P03": "the server is starting",
}


class Database:
    """A database that transactions are begun in.

    Parameters
    ----------
    url
        ``sqlite:////path/console.sqlite`` or ``postgresql://user@host/name``.
    wait_s
        Longest wait for somebody else's lock.

    Raises
    ------
    StoreError
        If the URL is none, or of another kind of database.
    """

    def __init__(self, url: str, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self.url = _url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.where = (
            str(self.url.database)
            if self.is_sqlite
            else self.url.render_as_string(hide_password=True)
        )
        self.engine = self._engine()

    def _engine(self) -> Engine:
        if not self.is_sqlite:
            timeout_ms = round(self._wait_s * 1000)
            engine = create_engine(
                self.url,
                pool_pre_ping=True,
                connect_args={
                    "connect_timeout": max(2, round(self._wait_s)),
                    "options": f"-c lock_timeout={timeout_ms} -c timezone=UTC",
                },
            )
        else:
            _keep_to_owner(Path(self.where))
            engine = create_engine(self.url, connect_args={"timeout": self._wait_s})
            event.listen(engine, "connect", _prepare)
            event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that is committed when the block ends.

        Raises
        ------
        StoreUnavailableError
            Locked, full or out of reach; nothing was written.
        StoreError
            Damaged, or refused for another reason; nothing was written.
        """
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one consistent state and does not keep writers waiting.

        Raises
        ------
        StoreError
            As `writing`.
        """
        with self._translated(), self.engine.connect() as plain:
            level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            connection = plain.execution_options(**{_READ_ONLY: True}, **level)
            with connection.begin():
                yield connection

    def hold(self, connection: Connection) -> None:
        """Hold off everybody else who moves plans until the transaction ends.

        With SQLite a writing transaction does that already.
        """
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._told(error) from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self.where}: the database refuses ({_line(error)})") from error

    def _told(self, error: DBAPIError) -> StoreError:
        trouble = _trouble(error)
        if trouble == "locked":
            return StoreUnavailableError(
                f"{self.where}: the database is locked by somebody else, and still is after "
                f"{self._wait_s:g} s; nothing was changed, try again"
            )
        if trouble:
            return StoreUnavailableError(
                f"{self.where}: the database is out of use: {trouble}; nothing was changed"
            )
        return StoreError(f"{self.where}: the database refuses ({_line(error.orig or error)})")


def _url(text_: str) -> URL:
    try:
        url = make_url(text_)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise StoreError(
            "database: not a URL; such as 'sqlite:///console.sqlite' or "
            "'postgresql://throughband@localhost/throughband'"
        ) from error
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StoreError(f"database: {backend!r} is not known; allowed are sqlite and postgresql")
    if not url.database or url.database == ":memory:":
        raise StoreError("database: SQLite needs a file, such as 'sqlite:///console.sqlite'")
    folder = Path(url.database).parent
    if not folder.is_dir():
        raise StoreError(f"{url.database}: there is no folder {folder} for the database")
    return url


def _keep_to_owner(file: Path) -> None:
    """Make the file, readable by its owner alone: it holds hashes of passwords and form tokens.

    SQLite gives its log and its index the rights of the file. What somebody made wider stays so.
    """
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare(connection: Any, _: object) -> None:
    # The binding's own transactions begin too late and do not cover changes of tables.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READ_ONLY)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _trouble(error: DBAPIError) -> str:
    """Return ``locked``, or what else keeps the database from being used; empty for a refusal."""
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        code = int(getattr(origin, "sqlite_errorcode", 0)) & 0xFF
        return _BUSY.get(code) or _SICK.get(code) or ""
    state = str(getattr(origin, "sqlstate", "") or "")
    if state in _POSTGRES:
        return _POSTGRES[state]
    if state.startswith("08") or error.connection_invalidated or (origin is not None and not state):
        return f"the server cannot be reached ({_line(origin)})"
    return ""


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300]
