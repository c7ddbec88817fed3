"""Notices: who is told what, when; held back in quiet hours, and never one by one in a storm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from throughband.bridge.config import OperatingTimes

DIGEST: Final = "digest"
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know.

    Attributes
    ----------
    topic
        What it is about, such as ``warning`` or ``approval``; the last part of an MQTT topic.
    title, text
        One line, and all of it.
    at_utc
        When it happened.
    urgent
        Whether it may break into quiet hours.
    facts
        The same for machines; plain JSON.
    """

    topic: str
    title: str
    text: str
    at_utc: datetime
    urgent: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        return {
            "topic": self.topic,
            "title": self.title,
            "text": self.text,
            "at_utc": self.at_utc.isoformat(),
            "urgent": self.urgent,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Notice:
        """Return what `to_dict` wrote."""
        return cls(
            str(entry["topic"]),
            str(entry["title"]),
            str(entry["text"]),
            datetime.fromisoformat(entry["at_utc"]),
            bool(entry["urgent"]),
            dict(entry["facts"]),
        )


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """When notices go out.

    Attributes
    ----------
    quiet
        Quiet hours; None for none.
    urgent_breaks_in
        Whether urgent ones go out in them.
    most_per_hour
        Notices an hour; what comes on top is gathered into one.
    """

    quiet: OperatingTimes | None = None
    urgent_breaks_in: bool = True
    most_per_hour: int = 12

    def is_quiet(self, now_utc: datetime) -> bool:
        """Whether it is a quiet hour."""
        return self.quiet is not None and self.quiet.contains(now_utc)


class NoticeDesk:
    """Decides which notices go out now.

    Parameters
    ----------
    rule
        When they do.
    held
        Notices an earlier desk held back.
    sent_utc
        When notices went out lately.
    """

    def __init__(
        self,
        rule: NoticeRule,
        held: Sequence[Notice] = (),
        sent_utc: Sequence[datetime] = (),
    ) -> None:
        self._rule = rule
        self._held = list(held)
        self._sent = list(sent_utc)

    @property
    def held(self) -> tuple[Notice, ...]:
        """Notices that wait for the end of quiet hours, or of a storm."""
        return tuple(self._held)

    @property
    def sent_utc(self) -> tuple[datetime, ...]:
        """When notices went out in the last hour."""
        return tuple(self._sent)

    def turn(self, new: Sequence[Notice], now_utc: datetime) -> tuple[Notice, ...]:
        """Take new notices and return those to send now.

        Parameters
        ----------
        new
            What happened, in order.
        now_utc
            The present.
        """
        # What a clock that went wrong left in times to come would hold notices back until then.
        self._sent = [at for at in self._sent if abs(now_utc - at) < HOUR]
        quiet = self._rule.is_quiet(now_utc)
        out: list[Notice] = []
        if self._held and not quiet and self._room():
            # First what happened first.
            digest = digest_of(self._held, now_utc)
            self._held.clear()
            self._sent.append(now_utc)
            out.append(digest)
        for notice in new:
            may = not quiet or (notice.urgent and self._rule.urgent_breaks_in)
            if may and self._room():
                self._sent.append(now_utc)
                out.append(notice)
            else:
                self._held.append(notice)
        return tuple(out)

    def _room(self) -> bool:
        return len(self._sent) < self._rule.most_per_hour


def digest_of(notices: Sequence[Notice], now_utc: datetime) -> Notice:
    """Return one notice that tells of several; a single one comes back as it is."""
    if len(notices) == 1:
        return notices[0]
    lines = [f"{notice.at_utc:%Y-%m-%d %H:%M} UTC  {notice.title}" for notice in notices]
    return Notice(
        DIGEST,
        f"{len(notices)} notices since {notices[0].at_utc:%H:%M} UTC",
        "\n".join(lines),
        now_utc,
        any(notice.urgent for notice in notices),
        {"notices": [notice.to_dict() for notice in notices]},
    )
