"""The record of what was decided and done: append-only lines, each sealed with the one before.

Every line is a JSON object with the event's own fields, its number, and ``hash``: SHA-256 over
the previous line's hash and this line's content. A line is on disk before `Journal.write`
returns. Changing, dropping or reordering lines breaks the chain; cutting lines off the end is
seen only by somebody who remembers the last hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from network.errors import ThroughbandError

GENESIS = "0" * 64
OWN_FIELDS = frozenset({"number", "hash"})


class Journal:
    """A journal open for appending.

    Parameters
    ----------
    path
        File to append to; made if missing. An existing one is verified first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = verify(path) if path.exists() else []
        self._size = path.stat().st_size if path.exists() else 0
        self._count = len(lines)
        self._last = str(lines[-1]["hash"]) if lines else GENESIS

    def write(self, event: Mapping[str, object]) -> None:
        """Append an event, durably.

        Parameters
        ----------
        event
            Plain JSON values.
        """
        assert not OWN_FIELDS & event.keys(), "an event may not bring the journal's own fields"
        content = {"number": self._count + 1, **event}
        sealed = {**content, "hash": _seal(self._last, content)}
        # ASCII, because a name may hold what other readers take for the end of a line.
        line = json.dumps(sealed, sort_keys=True) + "\n"
        try:
            with self._path.open("a", encoding="utf-8") as file:
                if file.tell() != self._size:
                    raise ThroughbandError(
                        f"{self._path}: somebody else wrote to the journal meanwhile; nothing is "
                        "done that cannot be recorded, try again"
                    )
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
                self._size = file.tell()
        except OSError as error:
            raise ThroughbandError(
                f"{self._path}: the journal cannot be written ({error.strerror}); nothing is done "
                "that cannot be recorded"
            ) from error
        self._count += 1
        self._last = str(sealed["hash"])


def verify(path: Path) -> list[dict[str, object]]:
    """Read a journal and check its chain.

    Returns
    -------
    list of dict
        The events in order.

    Raises
    ------
    ThroughbandError
        Where the chain is broken, with the line.
    """
    events: list[dict[str, object]] = []
    last = GENESIS
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ThroughbandError(f"{path}: the journal cannot be read ({error})") from error
    if text and not text.endswith("\n"):
        raise ThroughbandError(f"{path}: the last line of the journal is incomplete")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            event = json.loads(line)
            seal = event.pop("hash")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ThroughbandError(f"{path}, line {number}: not a journal entry") from error
        if event.get("number") != number or seal != _seal(last, event):
            raise ThroughbandError(
                f"{path}, line {number}: the chain is broken; this line or one before it was "
                "changed, dropped or moved"
            )
        events.append({**event, "hash": seal})
        last = seal
    return events


def _seal(previous: str, content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
