"""What operation decides, in the journal first; the console's database follows when it can.

The journal is the bridge's, and the truth. The database is told of each entry of operation in
their order, from the first it has not taken yet. So a database that is locked, full or gone holds
up nothing: entries wait in the journal, a warning says so, and it catches up when it is back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from network.errors import ThroughbandError
from throughband.journal import GENESIS, Journal, entries_after

_log = logging.getLogger(__name__)

PREFIX: Final = "operate: "
"""Events of operation begin so."""

WRITER: Final = "daily operation"
MOST_AT_ONCE: Final = 200
"""Entries told to the database in one turn; the rest follows in the next."""


class Mirror(Protocol):
    """The console's database, as far as operation tells it something."""

    def take(self, event: Mapping[str, object]) -> None:
        """Take an entry of operation; raise `ThroughbandError` if that cannot be done now.

        An entry may come a second time after a crash and must do no harm then.
        """
        ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader of the journal has come.

    Attributes
    ----------
    number, hash
        The last entry it read; 0 and `GENESIS` before the first.
    """

    number: int = 0
    hash: str = GENESIS


class Ledger:
    """The journal to write to, and what others have written there since.

    Parameters
    ----------
    path
        The journal.
    clock
        The present.
    read
        How far it was read.
    mirrored
        How far the database has taken it.
    mirror
        The database; None for none.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        read: Cursor = Cursor(),
        mirrored: Cursor = Cursor(),
        mirror: Mirror | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._journal: Journal | None = None
        self.read = read
        self.mirrored = mirrored
        self._mirror = mirror
        self.mirror_trouble = ""
        self.trouble = ""
        self.written = 0

    def write(self, what: str, **details: object) -> None:
        """Record something, durably.

        Raises
        ------
        ThroughbandError
            If it cannot be recorded; then it is not to be done.
        """
        event = {
            "event": f"{PREFIX}{what}",
            "utc": self._clock().isoformat(),
            "by": WRITER,
            **details,
        }
        self.record(event)

    def record(self, event: Mapping[str, object]) -> None:
        """Record an event as it is, durably; as `write`."""
        try:
            if self._journal is None:
                self._journal = Journal(self._path)
            self._journal.write(event)
        except ThroughbandError as error:
            self.trouble = str(error)
            # Opened anew, and verified, before the next try.
            self._journal = None
            raise
        self.trouble = ""
        self.written += 1

    def try_write(self, what: str, **details: object) -> bool:
        """Record something that happened anyway; tell whether that succeeded."""
        try:
            self.write(what, **details)
        except ThroughbandError as error:
            _log.error("not recorded: %s: %s", what, error)
            return False
        return True

    def news(self) -> list[dict[str, object]]:
        """Return what was recorded since this was asked last, by whomever.

        Raises
        ------
        ThroughbandError
            If the journal cannot be read.
        """
        events = self._after(self.read)
        if events:
            self.read = _at(events[-1])
        return events

    def _after(self, cursor: Cursor) -> list[dict[str, object]]:
        return entries_after(self._path, cursor.number) if self._path.exists() else []

    def mirror(self) -> int:
        """Tell the database what it has not taken yet; return how many entries it took.

        What it cannot take stands in `mirror_trouble` and is told again in the next turn.
        """
        if self._mirror is None:
            return 0
        taken = 0
        try:
            events = self._after(self.mirrored)
            for event in events:
                if taken >= MOST_AT_ONCE:
                    break
                if str(event.get("event", "")).startswith(PREFIX):
                    self._mirror.take(event)
                    taken += 1
                self.mirrored = _at(event)
        except ThroughbandError as error:
            self.mirror_trouble = str(error)
            return taken
        self.mirror_trouble = ""
        return taken


def _at(event: Mapping[str, object]) -> Cursor:
    number = event["number"]
    assert isinstance(number, int)
    return Cursor(number, str(event["hash"]))
