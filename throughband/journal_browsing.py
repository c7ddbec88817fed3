"""A journal looked through from its end, without reading the whole of it.

What is found is what stands in the file. Whether it is what was sealed there, only
`throughband.journal.verify` tells, which reads every entry.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from network.errors import ThroughbandError
from throughband.journal_file import COLUMNS, Row, look_into

MOST: Final = 1000
"""Entries of one look at most."""

_TIME: Final = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are looked for; what is empty or None excludes nothing.

    Attributes
    ----------
    event
        Their kind, exactly.
    actor, holds
        Parts of who acted, and of the entry's text; large and small letters are the same.
    since, until
        Aware moments: from the one on, before the other.
    """

    event: str = ""
    actor: str = ""
    holds: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Some entries, the newest first.

    Attributes
    ----------
    rows
        As they stand in the file.
    more
        Whether older ones are like that too.
    count
        Entries of the journal in all: the number of its last.
    """

    rows: tuple[Row, ...]
    more: bool
    count: int


def newest(path: Path, wanted: Wanted, most: int, before: int | None = None) -> Found:
    """Return the newest entries that are like something.

    Parameters
    ----------
    path
        The database; where there is none yet, nothing is found.
    wanted
        What they are like.
    most
        So many of them, up to `MOST`.
    before
        Only those before this number; None begins at the end.

    Raises
    ------
    ThroughbandError
        If the file is damaged or not a journal.
    """
    if not path.exists():
        return Found((), False, 0)
    most = max(1, min(most, MOST))
    conditions, values = _conditions(wanted)
    if before is not None:
        conditions.append("number < ?")
        values.append(before)
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    asked = f"SELECT {COLUMNS} FROM entry {where}ORDER BY number DESC LIMIT {most + 1:d}"  # noqa: S608

    def look(connection: sqlite3.Connection) -> Found:
        connection.create_function("folded", 1, _folded, deterministic=True)
        connection.create_function("spelled", 1, _spelled, deterministic=True)
        rows = [Row(*found) for found in connection.execute(asked, values)]
        count = connection.execute("SELECT max(number) FROM entry").fetchone()[0]
        return Found(tuple(rows[:most]), len(rows) > most, count or 0)

    return look_into(path, look, Found((), False, 0))


class Kinds:
    """The kinds of entries that occur in a journal; a later look reads only what came since.

    Parameters
    ----------
    path
        The database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: tuple[int, frozenset[str]] = (0, frozenset())

    def names(self) -> list[str]:
        """Return their names, sorted.

        Raises
        ------
        ThroughbandError
            If the file is damaged or not a journal.
        """
        if not self._path.exists():
            return []
        number, known = self._state

        def look(connection: sqlite3.Connection) -> tuple[int, frozenset[str]]:
            last = connection.execute("SELECT max(number) FROM entry").fetchone()[0] or 0
            # Another journal may have been put in the place of this one.
            after, old = (number, known) if last >= number else (0, frozenset[str]())
            new = connection.execute("SELECT DISTINCT event FROM entry WHERE number > ?", (after,))
            return last, old | {str(name) for (name,) in new if name}

        nothing: tuple[int, frozenset[str]] = (0, frozenset())
        # Two that look at once find the same.
        self._state = look_into(self._path, look, nothing)
        return sorted(self._state[1])


def _conditions(wanted: Wanted) -> tuple[list[str], list[str | int]]:
    conditions: list[str] = []
    values: list[str | int] = []

    def add(condition: str, value: str) -> None:
        conditions.append(condition)
        values.append(value)

    if wanted.event:
        add("event = ?", wanted.event)
    if wanted.actor:
        add("instr(folded(actor), ?) > 0", wanted.actor.casefold())
    if wanted.holds:
        # The file writes letters beyond ASCII as escapes, which take long to undo.
        spelled = "lower(content)" if wanted.holds.isascii() else "spelled(content)"
        add(f"instr({spelled}, ?) > 0", wanted.holds.casefold())
    # Times of entries are in UTC, and so begin alike whatever they end in.
    if wanted.since is not None:
        add("utc >= ?", _utc(wanted.since))
    if wanted.until is not None:
        add("utc < ?", _utc(wanted.until))
    return conditions, values


def _folded(text: str | None) -> str:
    return (text or "").casefold()


def _spelled(content: str) -> str:
    return json.dumps(json.loads(content), ensure_ascii=False).casefold()


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ThroughbandError(f"{moment}: a moment without a zone; give one with its zone")
    return moment.astimezone(UTC).strftime(_TIME)
