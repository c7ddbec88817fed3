"""The journal's file: one append-only SQLite table, read without touching it.

**Durability.** The database keeps SQLite's rollback journal (``journal_mode=DELETE``) with
``synchronous=EXTRA``. A commit then writes and syncs, in this order: the old pages into
``FILE-journal``, the folder that holds it, that file's header, the new pages into the database,
and, after ``FILE-journal`` is gone, the folder once more. Whatever happens in between, the next
opening finds either all of the entry or nothing of it. ``FULL`` would leave out the last sync:
after a power cut the file that was removed could be back, and take an acknowledged entry with it.
A write-ahead log would need one sync instead of five, but spreads the record over three files: a
copy of the first alone loses entries, and a read-only medium cannot be read without writing.

**Reading** opens the database read-only. Where a killed writer left a ``FILE-journal`` behind,
reading would first have to undo what that writer began, so it happens in a copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from network.errors import ThroughbandError

WAIT_S: Final = 5.0
"""Longest wait for another process that is at the same journal."""

MAGIC: Final = b"SQLite format 3\x00"
APPLICATION_ID: Final = 0x54424A4C
"""``TBJL`` in the database's header: a journal of ours."""

FORMAT: Final = 1
TABLE: Final = (
    "CREATE TABLE entry (number INTEGER PRIMARY KEY, utc TEXT, event TEXT, actor TEXT, "
    "content TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)"
)
SCHEMA: Final = {
    "entry": TABLE,
    **{
        f"no_{verb.lower()}": (
            f"CREATE TRIGGER no_{verb.lower()} BEFORE {verb} ON entry "
            "BEGIN SELECT RAISE(ABORT, 'a journal is only ever appended to'); END"
        )
        for verb in ("UPDATE", "DELETE")
    },
}
COLUMNS: Final = "number, utc, event, actor, content, previous, hash"

_HEADER_BYTES: Final = 100
_WRITE_AHEAD: Final = 2
_LOOK_S: Final = 0.002
_COPY_ATTEMPTS: Final = 20

_T = TypeVar("_T")

_ALONE = threading.RLock()
# POSIX drops a process's locks on a file when any descriptor of it is closed, so a thread that
# looks at the plain bytes must not meet another that is in the middle of a commit.


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is stored.

    Attributes
    ----------
    number
        Counts from 1 without gaps.
    utc, event, actor
        Taken from the content, for queries.
    content
        Canonical JSON, the number among its fields.
    previous, hash
        Seals of the entry before and of this one.
    """

    number: int
    utc: str | None
    event: str | None
    actor: str | None
    content: str
    previous: str
    hash: str


@contextmanager
def appending(path: Path, exists: bool, wait_s: float = WAIT_S) -> Iterator[sqlite3.Connection]:
    """Hold the journal for one append; what was inserted is durable when the block ends.

    Parameters
    ----------
    path
        The database.
    exists
        Whether it must be there already; else it is made.
    wait_s
        Longest wait for another writer, and for readers before the commit.

    Raises
    ------
    ThroughbandError
        If it cannot be written; nothing was appended then, unless the very last sync failed.
    """
    _require_folder(path)
    try:
        with _ALONE, closing(_connect(path, "rw" if exists else "rwc", 0.0)) as connection:
            _begin(connection, wait_s)
            _require_one_file(path, connection.execute("PRAGMA journal_mode").fetchone()[0])
            _lay_out(path, connection)
            yield connection
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        if _code(error) & 0xFF == sqlite3.SQLITE_BUSY:
            raise ThroughbandError(
                f"{path}: another process has kept the journal busy for {wait_s:g} s; nothing is "
                "done that cannot be recorded, try again"
            ) from error
        raise ThroughbandError(
            f"{path}: the journal cannot be written ({error}); nothing is done that cannot be "
            "recorded"
        ) from error


def insert(connection: sqlite3.Connection, row: Row) -> None:
    """Add a row behind the others."""
    values = (row.number, row.utc, row.event, row.actor, row.content, row.previous, row.hash)
    connection.execute(f"INSERT INTO entry ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608


def last_row(connection: sqlite3.Connection) -> Row | None:
    """Return the newest row, or None where there is none."""
    found = connection.execute(f"SELECT {COLUMNS} FROM entry ORDER BY number DESC LIMIT 1")  # noqa: S608
    values = found.fetchone()
    return Row(*values) if values else None


def hash_at(connection: sqlite3.Connection, number: int) -> str | None:
    """Return the seal of one row, or None where it is missing."""
    found = connection.execute("SELECT hash FROM entry WHERE number = ?", (number,)).fetchone()
    return None if found is None else str(found[0])


def size_of(path: Path) -> int | None:
    """Return a file's size in bytes, or None where there is none.

    Raises
    ------
    ThroughbandError
        If what is there is not a file, or cannot be looked at.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ThroughbandError(f"{path}: the journal cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(found.st_mode):
        raise ThroughbandError(f"{path}: the journal cannot be read (not a file)")
    return found.st_size


def is_lines(path: Path) -> bool:
    """Tell whether a file holds something other than an SQLite database, by its first bytes.

    An empty one does not: somebody may be about to write the first page.
    """
    header = _header(path)
    return bool(header) and not header.startswith(MAGIC)


def read_rows(path: Path, wait_s: float = WAIT_S, after: int = 0) -> list[Row]:
    """Read rows in order, in one consistent state, changing nothing.

    Parameters
    ----------
    path
        The database.
    wait_s
        Longest wait for a writer.
    after
        Only rows behind this number; 0 for all, and for a look at the whole file's integrity.

    Raises
    ------
    ThroughbandError
        If the file is damaged or not a journal.
    """

    def look(connection: sqlite3.Connection) -> list[Row]:
        verdict = "ok"
        if not after:
            verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if verdict != "ok":
            first = " ".join(verdict.split())
            raise ThroughbandError(f"{path}: the journal's database is damaged ({first})")
        # A whole reading leaves nothing out, not even numbers that should not be.
        where = f"WHERE number > {after:d} " if after else ""
        rows = connection.execute(f"SELECT {COLUMNS} FROM entry {where}ORDER BY number")  # noqa: S608
        return [Row(*values) for values in rows]

    return look_into(path, look, [], wait_s)


def look_into(
    path: Path, look: Callable[[sqlite3.Connection], _T], nothing: _T, wait_s: float = WAIT_S
) -> _T:
    """Ask a journal's database something, in one consistent state, changing nothing.

    Parameters
    ----------
    path
        The database.
    look
        Asks it; may be called a second time, on a copy.
    nothing
        The answer of a file in which nobody has written yet.
    wait_s
        Longest wait for a writer.

    Raises
    ------
    ThroughbandError
        If the file is damaged or not a journal.
    """
    _require_one_file(path, "wal" if _WRITE_AHEAD in _header(path)[18:20] else "delete")
    try:
        with _ALONE:
            try:
                return _looked(path, path, look, nothing, wait_s)
            except sqlite3.Error as error:
                if _code(error) != sqlite3.SQLITE_READONLY_ROLLBACK:
                    raise
            with tempfile.TemporaryDirectory(prefix="journal-") as folder:
                copy = _copied(path, Path(folder) / "copy")
                return _looked(copy, path, look, nothing, wait_s, "rw")
    except sqlite3.Error as error:
        raise ThroughbandError(f"{path}: the journal cannot be read ({error})") from error
    except OSError as error:
        raise ThroughbandError(
            f"{path}: the journal cannot be read ({error.strerror or error})"
        ) from error


def _code(error: sqlite3.Error) -> int:
    # Errors of the binding itself bring no code of SQLite's.
    return int(getattr(error, "sqlite_errorcode", 0))


def _connect(path: Path, mode: str, wait_s: float) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=wait_s, isolation_level=None)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def _begin(connection: sqlite3.Connection, wait_s: float) -> None:
    """Become the only writer.

    SQLite's own waiting sleeps ever longer, and starves beside a writer that never rests.
    """
    until_s = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA synchronous=EXTRA")
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _code(error) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until_s:
                raise
            time.sleep(_LOOK_S)
        else:
            # The commit waits for readers, and new ones wait for it.
            connection.execute(f"PRAGMA busy_timeout={round(wait_s * 1000)}")
            return


def _lay_out(path: Path, connection: sqlite3.Connection) -> None:
    # An empty file is what a killed first writer leaves.
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        _require_ours(path, connection)
        return
    for statement in SCHEMA.values():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT}")


def _require_ours(path: Path, connection: sqlite3.Connection) -> None:
    identity = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if identity != APPLICATION_ID:
        raise ThroughbandError(f"{path}: an SQLite database, but not a journal of Throughband")
    if version != FORMAT:
        raise ThroughbandError(f"{path}: a journal of format {version}, this one reads {FORMAT}")
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
    for name in sorted(SCHEMA.keys() | found.keys()):
        if found.get(name) != SCHEMA.get(name):
            what = "is missing" if name not in found else "was added or changed"
            raise ThroughbandError(
                f"{path}: {name!r} of the journal's database {what}; someone opened it to change it"
            )


def _require_folder(path: Path) -> None:
    # SQLite passes over a folder that it may not open, and so cannot sync, without a word.
    try:
        os.close(os.open(path.parent, os.O_RDONLY))
    except OSError as error:
        raise ThroughbandError(
            f"{path}: the journal cannot be written (its folder: {error.strerror}); nothing is "
            "done that cannot be recorded"
        ) from error


def _require_one_file(path: Path, mode: str) -> None:
    if mode == "wal":
        raise ThroughbandError(
            f"{path}: the journal was switched to a write-ahead log, its newest entries may be in "
            f"{path.name}-wal; switch it back with 'PRAGMA journal_mode=DELETE' in the sqlite3 tool"
        )


def _header(path: Path) -> bytes:
    size_of(path)  # a pipe would be waited for
    try:
        with _ALONE, path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError as error:
        raise ThroughbandError(f"{path}: the journal cannot be read ({error.strerror})") from error


def _looked(
    source: Path,
    path: Path,
    look: Callable[[sqlite3.Connection], _T],
    nothing: _T,
    wait_s: float,
    mode: str = "ro",
) -> _T:
    with closing(_connect(source, mode, wait_s)) as connection:
        connection.execute("BEGIN")
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            if source.stat().st_size:
                raise ThroughbandError(f"{path}: an SQLite database without a journal in it")
            return nothing
        _require_ours(path, connection)
        return look(connection)


def _copied(path: Path, target: Path) -> Path:
    """Copy a database and the unfinished commit beside it, as they were at one moment."""
    beside = path.with_name(f"{path.name}-journal")
    for _ in range(_COPY_ATTEMPTS):
        # Undoing a commit leaves the file beside it alone until the end, so while that file is the
        # same, copying the database in the middle does no harm: it is undone in the copy again.
        with beside.open("rb") as file:
            before = os.fstat(file.fileno())
            with target.with_name(f"{target.name}-journal").open("wb") as copy:
                shutil.copyfileobj(file, copy)
        shutil.copyfile(path, target)
        if beside.exists() and os.path.samestat(before, beside.stat()):
            return target
    raise ThroughbandError(f"{path}: the journal cannot be read (it is being written all the time)")
