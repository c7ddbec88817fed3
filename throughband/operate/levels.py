"""Which plans the street gets, by what can be known and done now: down at once or after patience,
up again only after things were well for a while, and never without saying why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from network.errors import ThroughbandError


class Level(IntEnum):
    """What decides on the lamps; higher knows more."""

    OWN_SCHEDULE = 0
    """The controllers' own schedule; we call nothing."""
    PLAN_OF_DAY = 1
    """A plan that the city set for this hour."""
    FORECAST = 2
    """A plan made for the traffic forecast now."""
    ADAPTIVE = 3
    """Decisions second by second."""

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


_WORDS: Final = {
    Level.OWN_SCHEDULE: "the controllers' own schedule",
    Level.PLAN_OF_DAY: "the plan of the day",
    Level.FORECAST: "plans for the forecast traffic",
    Level.ADAPTIVE: "adaptive control",
}

NOT_BY_OPERATION: Final = "adaptive control of controllers is started by people, with adapt"


@dataclass(frozen=True, slots=True)
class LadderRule:
    """How soon levels change.

    Attributes
    ----------
    fall_after
        How long a level's reasons against it are borne.
    return_after
        How long a higher level has to be well before it is taken again.
    """

    fall_after: timedelta = timedelta(minutes=10)
    return_after: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        if min(self.fall_after, self.return_after) < timedelta(0):
            raise ThroughbandError("levels change after times below 0; allowed are 0 and more")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where operation stands.

    Attributes
    ----------
    level
        The level.
    why
        Why no higher one.
    since_utc
        Since when.
    bad_since
        By level, since when it cannot be held.
    well_since
        By level, since when it could be.
    fresh
        Whether operation has just begun: the first level needs no time of good behavior.
    """

    level: Level
    why: str
    since_utc: datetime
    bad_since: Mapping[Level, datetime]
    well_since: Mapping[Level, datetime]
    fresh: bool = False


def begin(now_utc: datetime) -> Standing:
    """Return the lowest level, where everything begins."""
    return Standing(Level.OWN_SCHEDULE, "operation begins", now_utc, {}, {}, True)


def stand(
    before: Standing, against: Mapping[Level, str], rule: LadderRule, now_utc: datetime
) -> Standing:
    """Take the next level.

    Parameters
    ----------
    before
        Where operation stood.
    against
        By level, what speaks against it now; nothing does where a level is absent. The lowest is
        always possible.
    rule
        Patience.
    now_utc
        The present.
    """
    reasons = {level: why for level, why in against.items() if why}
    reasons.pop(Level.OWN_SCHEDULE, None)
    reasons[Level.ADAPTIVE] = NOT_BY_OPERATION
    bad = {level: before.bad_since.get(level, now_utc) for level in reasons}
    well = {level: before.well_since.get(level, now_utc) for level in Level if level not in reasons}
    level = before.level
    if level in reasons and now_utc - bad[level] >= rule.fall_after:
        level = max(each for each in Level if each < level and each not in reasons)
    for higher in sorted(Level, reverse=True):
        if higher <= level:
            break
        if higher in well and (before.fresh or now_utc - well[higher] >= rule.return_after):
            level = higher
            break
    why = _why(level, reasons)
    since = before.since_utc if level == before.level else now_utc
    return Standing(level, why, since, bad, well)


def _why(level: Level, reasons: Mapping[Level, str]) -> str:
    if level in reasons:
        return f"{level.words} held for now, although {reasons[level]}"
    soon = "well again, not for long enough yet"
    above = [f"{each.words}: {reasons.get(each, soon)}" for each in Level if each > level]
    return "not " + "; not ".join(above)
