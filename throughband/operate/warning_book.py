"""Warnings from when something is seen until it is over: one for each cause, and no storms.

A cause has to be seen several times in a row before anybody is warned, and to be absent several
times before it is over. One that comes back soon after is the same warning again, not a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from network.errors import ThroughbandError


class Kind(StrEnum):
    """What is wrong."""

    QUEUE = "queue"
    """A link lets through less than comes in, or its queue spills back."""
    DETECTOR = "detector"
    """A detector fell silent, or its counts cannot be believed."""
    COORDINATION = "coordination"
    """A signal no longer runs the plan that is called."""
    COUNTS = "counts"
    """No counts come from the street."""
    BRIDGE = "bridge"
    """Nobody keeps the calls alive."""
    DATABASE = "database"
    """What is decided stands in the journal alone."""
    PLANNING = "planning"
    """Plans cannot be made."""
    JOURNAL = "journal"
    """Nothing can be recorded, so nothing is done."""


URGENT: Final = frozenset({Kind.COORDINATION, Kind.BRIDGE, Kind.JOURNAL})
"""Kinds that may break into quiet hours."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is wrong now.

    Attributes
    ----------
    kind, where
        The cause: one warning for each pair.
    since_utc
        Since when, as far as it can be told.
    sure
        How sure, 0 to 1; 1 where a device or a file says so itself.
    text
        For people.
    """

    kind: Kind
    where: str
    since_utc: datetime
    sure: float
    text: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.sure <= 1.0:
            raise ThroughbandError(
                f"a sighting of {self.kind} at {self.where!r} is {self.sure} sure; allowed are 0 "
                "to 1"
            )


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning in force, being watched for, or just over.

    Attributes
    ----------
    sighting
        As it was seen last; since when is the earliest that was told.
    seen, absent
        Looks in a row that saw it, or did not.
    raised_utc, cleared_utc
        When it was raised and cleared; None before.
    """

    sighting: Sighting
    seen: int = 1
    absent: int = 0
    raised_utc: datetime | None = None
    cleared_utc: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it is in force."""
        return self.raised_utc is not None and self.cleared_utc is None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        told = self.sighting
        return {
            "kind": str(told.kind),
            "where": told.where,
            "since_utc": told.since_utc.isoformat(),
            "sure": round(told.sure, 4),
            "text": told.text,
            "seen": self.seen,
            "absent": self.absent,
            "raised_utc": None if self.raised_utc is None else self.raised_utc.isoformat(),
            "cleared_utc": None if self.cleared_utc is None else self.cleared_utc.isoformat(),
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Warned:
        """Return what `to_dict` wrote."""
        sighting = Sighting(
            Kind(entry["kind"]),
            str(entry["where"]),
            datetime.fromisoformat(entry["since_utc"]),
            float(entry["sure"]),
            str(entry["text"]),
        )
        raised, cleared = (
            None if entry[name] is None else datetime.fromisoformat(entry[name])
            for name in ("raised_utc", "cleared_utc")
        )
        return cls(sighting, int(entry["seen"]), int(entry["absent"]), raised, cleared)


@dataclass(frozen=True, slots=True)
class BookRule:
    """How soon warnings come and go.

    Attributes
    ----------
    raise_after, clear_after
        Looks in a row that see a cause before it is told, and that miss it before it is over.
    same_within
        A cause that comes back so soon is the same warning, and raises no new one.
    """

    raise_after: int = 2
    clear_after: int = 2
    same_within: timedelta = timedelta(minutes=30)

    def __post_init__(self) -> None:
        if min(self.raise_after, self.clear_after) < 1:
            raise ThroughbandError(
                f"warnings after {self.raise_after} looks and over after {self.clear_after}; "
                "allowed are 1 and more"
            )


@dataclass(frozen=True, slots=True)
class News:
    """What became of a cause at a look.

    Attributes
    ----------
    what
        ``raised``, ``cleared`` or ``back``: a warning that was over comes again.
    warned
        The warning.
    """

    what: str
    warned: Warned


class WarningBook:
    """Warnings by their cause.

    Parameters
    ----------
    rule
        How soon they come and go.
    kept
        What an earlier book held.
    """

    def __init__(self, rule: BookRule, kept: Iterable[Warned] = ()) -> None:
        self._rule = rule
        self._kept = {(w.sighting.kind, w.sighting.where): w for w in kept}

    @property
    def open(self) -> tuple[Warned, ...]:
        """Warnings in force, the oldest first."""
        found = [warned for warned in self._kept.values() if warned.open]
        return tuple(sorted(found, key=lambda w: (w.sighting.since_utc, w.sighting.where)))

    @property
    def kept(self) -> tuple[Warned, ...]:
        """Everything there is to remember."""
        return tuple(self._kept.values())

    def look(
        self,
        sightings: Iterable[Sighting],
        now_utc: datetime,
        blind: Iterable[Kind] = (),
        at_once: Iterable[Kind] = (),
    ) -> tuple[News, ...]:
        """Take what is wrong now and return what is news.

        Parameters
        ----------
        sightings
            All that is wrong.
        now_utc
            The present.
        blind
            Kinds that could not be looked for: nothing is over for want of looking.
        at_once
            Kinds that are facts and need no second look.
        """
        unseen = frozenset(blind)
        facts = frozenset(at_once)
        news: list[News] = []
        seen = set()
        for sighting in sightings:
            key = (sighting.kind, sighting.where)
            if key in seen:
                continue
            seen.add(key)
            found = self._seen(self._kept.get(key), sighting)
            needed = 1 if sighting.kind in facts else self._rule.raise_after
            if not found.open and found.seen >= needed:
                back = found.cleared_utc is not None
                found = replace(found, raised_utc=now_utc, cleared_utc=None)
                news.append(News("back" if back else "raised", found))
            self._kept[key] = found
        for key, warned in list(self._kept.items()):
            if key in seen or key[0] in unseen:
                continue
            over = replace(warned, seen=0, absent=warned.absent + 1)
            if over.open and over.absent >= self._rule.clear_after:
                over = replace(over, cleared_utc=now_utc)
                news.append(News("cleared", over))
            self._kept[key] = over
            ended = over.cleared_utc
            if not over.open and (ended is None or now_utc - ended > self._rule.same_within):
                del self._kept[key]
        return tuple(news)

    @staticmethod
    def _seen(before: Warned | None, sighting: Sighting) -> Warned:
        if before is None:
            return Warned(sighting)
        since = sighting.since_utc
        if before.open:
            since = min(since, before.sighting.since_utc)
        return replace(
            before, sighting=replace(sighting, since_utc=since), seen=before.seen + 1, absent=0
        )
