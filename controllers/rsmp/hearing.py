"""What a site tells: answers, and unasked its signs of life, alarms, state and subscribed statuses.

RSMP core 3.2, "Alarm messages", "Aggregated status message", "Status messages" and "Watchdog". All
of it is bounded: a site that invents components and codes without end is heard, not remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controllers.rsmp.messages import MOST_ID, Item, Message, moment, shown, status_items
from network.errors import RejectedValueError

MOST_ALARMS: Final = 1000
MOST_UPDATES: Final = 1000
FLAGS: Final = 8
"""Truth values of an aggregated status."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Values of one status response, all fetched by the site at one time.

    Attributes
    ----------
    values
        By code and name; None where the site does not know the value.
    fetched_utc
        The site's own time of fetching.
    clock_error_s
        Bounds of how far its clock is ahead of ours, by when we asked and had the answer.
    """

    values: Mapping[tuple[str, str], object]
    fetched_utc: datetime
    clock_error_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Commanded:
    """The plan commanded last on this connection; 0 for the site's own choice."""

    plan: int
    utc: datetime


class Hearing:
    """What a site has told on a connection.

    Attributes
    ----------
    state
        The truth values of its aggregated status; none before the first.
    seen_utc
        When its last sign of life was heard; None for never.
    updates
        By code and name, the last value of each status that is subscribed.
    """

    def __init__(self) -> None:
        self.state: tuple[bool, ...] = ()
        self.seen_utc: datetime | None = None
        self.updates: dict[tuple[str, str], Item] = {}
        self._alarms: dict[tuple[str, str], bool] = {}

    @property
    def alarms(self) -> tuple[str, ...]:
        """Codes of the alarms that are active and not suspended, in order."""
        return tuple(sorted({code for (_, code), active in self._alarms.items() if active}))

    def note(self, message: Message, now: datetime) -> None:
        """Keep what a message tells.

        Raises
        ------
        RejectedValueError
            It makes no sense, or is of a kind that a site does not send.
        """
        if message.kind == "Watchdog":
            moment(message, "wTs")
            self.seen_utc = now
        elif message.kind == "StatusUpdate":
            for item in status_items(message):
                if len(self.updates) < MOST_UPDATES or (item.code, item.name) in self.updates:
                    self.updates[item.code, item.name] = item
        elif message.kind == "AggregatedStatus":
            flags = message.content.get("se")
            if not isinstance(flags, list) or len(flags) != FLAGS:
                raise RejectedValueError(f"AggregatedStatus: se is {shown(flags)}")
            self.state = tuple(flag is True for flag in flags)
        elif message.kind == "Alarm":
            self._alarm(message)
        else:
            raise RejectedValueError(f"unknown type {shown(message.kind)}")

    def _alarm(self, message: Message) -> None:
        texts = [message.content.get(name) for name in ("aCId", "aS", "sS")]
        if not all(isinstance(text, str) and len(text) <= MOST_ID for text in texts):
            raise RejectedValueError(f"Alarm: aCId, aS and sS are {shown(texts)}")
        code, active, suspended = (str(text) for text in texts)
        key = (message.component[:MOST_ID], code)
        if key in self._alarms or len(self._alarms) < MOST_ALARMS:
            # The specification's own examples differ in the case of these words.
            on = active.lower() == "active" and suspended.lower() != "suspended"
            self._alarms[key] = on
