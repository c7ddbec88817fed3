"""The record of what was decided and done: entries that are only appended, each sealed.

An entry is an event's own fields and its number, as canonical JSON: keys sorted, ``", "`` and
``": "`` between, ASCII with ``\\u`` escapes. Its ``hash`` is SHA-256 over the previous entry's
hash, a line feed, and that text; the first follows 64 zeros. Changing, dropping or reordering
entries breaks the chain. Cutting entries off the end is seen only by somebody who remembers a
hash, which is why `verify` takes one. An entry is on disk before `Journal.write` returns
(`throughband.journal_file` says how).

Somebody who may write the file can seal a whole new chain; the hash of the last entry, kept
elsewhere, shows that too.

An export has one such entry on each line, its hash among the fields. This is all that is needed
to verify one::

    import hashlib, json, sys
    last = "0" * 64
    for number, line in enumerate(open(sys.argv[1], encoding="ascii"), start=1):
        entry = json.loads(line)
        seal = entry.pop("hash")
        text = f"{last}\\n{json.dumps(entry, sort_keys=True)}"
        if entry["number"] != number or hashlib.sha256(text.encode()).hexdigest() != seal:
            sys.exit(f"line {number}: the chain is broken")
        last = seal
    print("unbroken, last", last)

Journals kept before the database came are such exports: they are read, and not appended to.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from network.errors import ThroughbandError
from throughband.journal_file import (
    WAIT_S,
    Row,
    appending,
    hash_at,
    insert,
    is_lines,
    last_row,
    read_rows,
    size_of,
)

GENESIS: Final = "0" * 64
OWN_FIELDS: Final = frozenset({"number", "hash"})
ACTOR_FIELDS: Final = ("actor", "by", "ordered_by", "approved_by")
"""Fields of an event that name who acted, the first that is there counts."""


class Journal:
    """A journal to append to, alone or beside other processes.

    Parameters
    ----------
    path
        The database; made at the first write if missing. An existing one is verified first.
    wait_s
        Longest wait for another writer.

    Raises
    ------
    ThroughbandError
        If what is there is not an unbroken journal.
    """

    def __init__(self, path: Path, wait_s: float = WAIT_S) -> None:
        self._path = path
        self._wait_s = wait_s
        is_there = size_of(path) is not None
        entries = verify(path) if is_there else []
        if is_there and is_lines(path):
            raise ThroughbandError(
                f"{path}: a journal kept as lines is not appended to; 'throughband journal import "
                f"{path} NEW' makes a database of it that goes on, or name another journal"
            )
        self._count = len(entries)
        self._last = str(entries[-1]["hash"]) if entries else GENESIS

    @property
    def head(self) -> str:
        """Hash of the newest entry this object has read or written; 64 zeros for none."""
        return self._last

    @property
    def count(self) -> int:
        """Number of the newest entry this object has read or written; 0 for none."""
        return self._count

    def write(self, event: Mapping[str, object]) -> None:
        """Append an event, durably.

        Parameters
        ----------
        event
            Plain JSON values.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded. It is not in the journal then, or, if just the last sync of
            the folder failed, may be: an entry too many, never one too few.
        """
        assert not OWN_FIELDS & event.keys(), "an event may not bring the journal's own fields"
        with appending(self._path, self._count > 0, self._wait_s) as connection:
            if self._count and hash_at(connection, self._count) != self._last:
                raise ThroughbandError(
                    f"{self._path}: entry {self._count} of the journal was changed or cut off "
                    "since it was opened; nothing is done that cannot be recorded"
                )
            before = last_row(connection)
            if before is not None and seal(before.previous, before.content) != before.hash:
                raise ThroughbandError(
                    f"{self._path}: the chain is broken at entry {before.number}; nothing is done "
                    "that cannot be recorded"
                )
            number = before.number + 1 if before else 1
            try:
                text = canonical({"number": number, **event})
            except (TypeError, ValueError, RecursionError) as error:
                raise ThroughbandError(
                    f"{self._path}: an event that is not plain JSON cannot be recorded ({error})"
                ) from error
            row = _row(text, before.hash if before else GENESIS)
            insert(connection, row)
        self._count, self._last = row.number, row.hash


def canonical(content: Mapping[str, object]) -> str:
    """Return the one text that stands for an entry's content.

    Raises
    ------
    TypeError, ValueError
        If it is not plain JSON; NaN and infinity are not.
    """
    return json.dumps(content, sort_keys=True, allow_nan=False)


def seal(previous: str, text: str) -> str:
    """Return the hash of an entry, in hexadecimal.

    Parameters
    ----------
    previous
        Hash of the entry before.
    text
        The entry's canonical content.
    """
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def verify(path: Path, expect: str | None = None) -> list[dict[str, object]]:
    """Read a journal, a database or lines, and check its chain; the file is not touched.

    Parameters
    ----------
    path
        The journal.
    expect
        A hash remembered from earlier, of any entry; without it, entries cut off the end are not
        missed.

    Returns
    -------
    list of dict
        The events in order, each with its number and hash.

    Raises
    ------
    ThroughbandError
        At the first entry that is wrong, or if the remembered one is not there.
    """
    events = _events_of_lines(path) if is_lines(path) else _events_of_rows(path)
    if expect is not None and expect not in (GENESIS, *(event["hash"] for event in events)):
        raise ThroughbandError(
            f"{path}: the {len(events)} entries form a chain, but none has the expected hash "
            f"{expect}; entries were cut off the end, or the journal is another one"
        )
    return events


def entries_after(path: Path, number: int) -> list[dict[str, object]]:
    """Read a journal's entries behind a number, each checked against its own seal.

    For those who follow a journal they verified as a whole before.

    Parameters
    ----------
    path
        The database.
    number
        Of the last entry known; 0 for none.

    Returns
    -------
    list of dict
        The events in order, each with its number and hash.

    Raises
    ------
    ThroughbandError
        If an entry is missing, or not what was sealed.
    """
    events: list[dict[str, object]] = []
    last: str | None = None
    for at, row in enumerate(read_rows(path, after=number), start=number + 1):
        if row.number != at or (last is not None and row.previous != last):
            raise ThroughbandError(f"{path}, entry {at}: missing, or the chain is broken there")
        if seal(row.previous, row.content) != row.hash:
            raise ThroughbandError(
                f"{path}, entry {at}: the chain is broken; it was changed after it was sealed"
            )
        last = row.hash
        events.append({**json.loads(row.content), "hash": row.hash})
    return events


def export(path: Path, target: Path) -> list[dict[str, object]]:
    """Write a journal's entries as lines of JSON, all or nothing.

    Parameters
    ----------
    path
        The journal.
    target
        The file to make.

    Returns
    -------
    list of dict
        What was written.

    Raises
    ------
    ThroughbandError
        If the journal is broken, or the target exists or cannot be written.
    """
    events = verify(path)
    if size_of(target) is not None:
        raise ThroughbandError(f"{target}: exists already; name a new file")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".journal-") as folder:
            aside = Path(folder) / "lines"
            with aside.open("w", encoding="ascii") as file:
                file.writelines(json.dumps(event, sort_keys=True) + "\n" for event in events)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(target)
    except OSError as error:
        raise ThroughbandError(f"{target}: cannot be written ({error.strerror})") from error
    return events


def import_lines(path: Path, target: Path) -> str:
    """Make a database of a journal kept as lines; numbers and hashes stay what they are.

    Parameters
    ----------
    path
        Lines, an old journal or an export.
    target
        The database to make.

    Returns
    -------
    str
        Hash of the last entry.

    Raises
    ------
    ThroughbandError
        If the lines are broken, or the target exists or cannot be written.
    """
    if not is_lines(path) and size_of(path):
        raise ThroughbandError(f"{path}: a database already; it can be appended to as it is")
    if size_of(target) is not None:
        raise ThroughbandError(f"{target}: exists already; name a new file")
    last = GENESIS
    events = _events_of_lines(path)
    try:
        with appending(target, exists=False) as connection:
            for event in events:
                content = {name: value for name, value in event.items() if name != "hash"}
                insert(connection, _row(json.dumps(content, sort_keys=True), last))
                last = str(event["hash"])
    except ThroughbandError:
        if size_of(target) == 0:
            target.unlink()
        raise
    return last


def _row(text: str, previous: str) -> Row:
    content = json.loads(text)
    actor = next((content[name] for name in ACTOR_FIELDS if content.get(name)), None)
    return Row(
        content["number"],
        _column(content.get("utc")),
        _column(content.get("event")),
        _column(actor),
        text,
        previous,
        seal(previous, text),
    )


def _column(value: object) -> str | None:
    # JSON may hold half a surrogate pair, a column may not.
    return None if value is None else str(value).encode("utf-8", "backslashreplace").decode()


def _events_of_rows(path: Path) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    last = GENESIS
    for number, row in enumerate(read_rows(path), start=1):
        where = f"{path}, entry {number}"
        if row.number != number:
            raise ThroughbandError(f"{where}: missing; the next one there is {row.number}")
        if row.previous != last:
            raise ThroughbandError(
                f"{where}: the chain is broken; it follows {str(row.previous)[:12]}, the entry "
                f"before is {last[:12]}"
            )
        try:
            if seal(last, row.content) != row.hash:
                raise ThroughbandError(
                    f"{where}: the chain is broken; this entry was changed after it was sealed"
                )
            content: dict[str, Any] = json.loads(row.content)
            if json.dumps(content, sort_keys=True) != row.content or _row(row.content, last) != row:
                raise ThroughbandError(
                    f"{where}: its columns do not say what its sealed content says"
                )
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise ThroughbandError(f"{where}: not a journal entry") from error
        events.append({**content, "hash": row.hash})
        last = row.hash
    return events


def _events_of_lines(path: Path) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    last = GENESIS
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ThroughbandError(f"{path}: the journal cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ThroughbandError(
            f"{path}: the journal cannot be read (neither an SQLite database nor lines of JSON)"
        ) from error
    if text and not text.endswith("\n"):
        raise ThroughbandError(f"{path}: the last line of the journal is incomplete")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            event = json.loads(line)
            found = event.pop("hash")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise ThroughbandError(f"{path}, line {number}: not a journal entry") from error
        content = json.dumps(event, sort_keys=True)
        if event.get("number") != number or found != seal(last, content):
            raise ThroughbandError(
                f"{path}, line {number}: the chain is broken; this line or one before it was "
                "changed, dropped or moved"
            )
        events.append({**event, "hash": found})
        last = found
    return events
