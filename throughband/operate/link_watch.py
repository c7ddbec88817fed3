"""Queues that should not be there and closed roads, from counts at both ends of roads and below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.forecast.blocked_roads import (
    BlockedRoad,
    BlockedRoads,
    RoadSides,
    learn_spread,
)
from engine.forecast.warnings import LinkModel, WarningDesk, learn_links
from network.errors import InsufficientDataError
from network.graph import Connection, RoadNetwork
from throughband.operate.warning_book import Kind, Sighting

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

MOST_LEFT_OUT: Final = 0.4
"""Part of the usual traffic of a side whose detectors may be left out; beyond, it is not known."""

CLOSED_PART: Final = 0.1
"""A road that lets through less is called closed."""


def road_end(network: RoadNetwork, link: str) -> str:
    """Return the last link of a road that goes on without anybody joining or leaving it.

    Roads widen before a junction, which makes a link of its own of their end.
    """
    seen = {link}
    while True:
        turns = network.turns_from[link]
        onward = {c.to_link for c in turns}
        if len(onward) != 1 or any(c.groups for c in turns):
            return link
        (following,) = onward
        if following in seen or {c.from_link for c in network.turns_into[following]} != {link}:
            return link
        seen.add(following)
        link = following


def road_begin(network: RoadNetwork, link: str) -> str:
    """Return the first link of the road that a link is part of; see `road_end`."""
    end, seen = road_end(network, link), {link}
    while True:
        before = {turn.from_link for turn in network.turns_into[link]} - seen
        same = sorted(each for each in before if road_end(network, each) == end)
        if not same:
            return link
        link = same[0]
        seen.add(link)


@dataclass(frozen=True, slots=True)
class _Road:
    """A road whose end is counted: columns of its sides, none where a side is not counted."""

    link: str
    into: tuple[int, ...]
    out: tuple[int, ...]
    onward: tuple[int, ...]
    """Of `out`, what leads on to roads whose ends are counted."""
    below: tuple[int, ...]

    @property
    def sides(self) -> tuple[tuple[int, ...], ...]:
        """Its beginning, its end, and below it."""
        return self.into, self.out, self.below


class LinkWatch:
    """Roads whose ends are counted.

    Parameters
    ----------
    network
        The roads.
    names
        Detectors, named after the movement or the connection they count.

    Attributes
    ----------
    links
        Roads counted at both ends, which are watched for queues.
    roads
        Roads counted at their ends, which are watched for closures.
    untold
        Why nothing is watched, or nothing.
    """

    def __init__(self, network: RoadNetwork, names: Sequence[str]) -> None:
        self._network = network
        self._names = tuple(names)
        self._column = {name: at for at, name in enumerate(names)}
        # What only goes on from another link is no road of its own.
        heads = [link for link in network.links if road_begin(network, link) == link]
        self._roads = [road for link in heads if (road := self._road(link)) is not None]
        self._both = [road for road in self._roads if road.into]
        self.links = tuple(road.link for road in self._both)
        self.roads = tuple(road.link for road in self._roads)
        self.untold = "" if self._roads else "the end of no link is counted"
        self._desk: WarningDesk | None = None
        self._blocked: BlockedRoads | None = None
        self._emptying: frozenset[str] = frozenset()

    @property
    def learned(self) -> bool:
        """Whether it knows what is usual."""
        return self._blocked is not None

    def learn(
        self, counts: Floats, usual: Floats, interval_s: int, reports_per_week: float
    ) -> None:
        """Learn from days of counts.

        Parameters
        ----------
        counts, usual
            Counted and usual vehicles, [interval, detector]; NaN where nothing is believed.
        interval_s
            Length of an interval, s.
        reports_per_week
            False reports that are borne, of queues and of closures each.
        """
        if not self._roads:
            return
        into, out, below = [
            _sums(counts, usual, [road.sides[at] for road in self._roads]) for at in range(3)
        ]
        onward = _usual(usual, [road.onward for road in self._roads])
        whole = _usual(usual, [road.out for road in self._roads])
        fed = np.divide(onward, whole, out=np.zeros_like(whole), where=whole > 0)
        several = np.array([len(road.out) > 1 for road in self._roads])
        self._blocked = BlockedRoads(
            RoadSides(fed, several, learn_spread(into, out, below)), interval_s, reports_per_week
        )
        if not self._both:
            self.untold = "no link is counted at both ends"
            return
        try:
            model: LinkModel = learn_links(
                self.links,
                interval_s,
                _sums(counts, usual, [road.into for road in self._both]),
                _sums(counts, usual, [road.out for road in self._both]),
                reports_per_week=reports_per_week,
            )
        except InsufficientDataError as error:
            self.untold = str(error)
            return
        self.untold = ""
        self._desk = WarningDesk(model)

    def look(
        self,
        end_utc: datetime,
        believed: Mapping[str, float],
        told: Mapping[str, float],
        usual: Floats,
    ) -> tuple[Sighting, ...]:
        """Take one interval and return what is wrong after it.

        Parameters
        ----------
        end_utc
            Its end.
        believed
            By detector, vehicles; absent where nothing is believed.
        told
            What detectors in doubt say besides; those at the end of a closed road say what dead
            ones do. Absent where it is known that they miscount.
        usual
            Usual vehicles, [detector].
        """
        if self._blocked is None:
            return ()
        end_s, expected = end_utc.timestamp(), usual[np.newaxis]
        row = self._row(told)
        into, out, below = (
            _now(row, expected, [road.sides[at] for road in self._roads]) for at in range(3)
        )
        blocked = self._blocked.update(end_s, into, out, below)
        found = {self._roads[each.road].link: self._closed(each) for each in blocked}
        if self._desk is not None:
            row = self._row(believed)
            into, out = (
                _now(row, expected, [road.sides[at] for road in self._both]) for at in range(2)
            )
            # Where nobody knows what comes in, less that leaves may be less that came.
            # An end that counts next to nobody is a closed road or dead; that was asked above.
            unknown = np.isnan(into[0]) | (out[0] <= CLOSED_PART * out[1])
            out = (np.where(unknown, np.nan, out[0]), out[1])
            queues = {each.link_id: each for each in self._desk.update(end_s, into, out)}
            # Sums that a closed road filled take a while to empty; that is no queue.
            self._emptying = frozenset((self._emptying | found.keys()) & queues.keys())
            for warning in queues.values():
                if warning.link_id in self._emptying:
                    continue
                since = datetime.fromtimestamp(warning.onset_s, UTC)
                sure = min(1.0, max(0.0, warning.confidence))
                text = f"{warning.reason}: about {warning.size_vph:.0f} veh/h are held back"
                sighting = Sighting(Kind.QUEUE, warning.link_id, since, sure, text)
                found.setdefault(warning.link_id, sighting)
        return self._first(found)

    def _first(self, found: Mapping[str, Sighting]) -> tuple[Sighting, ...]:
        """Return queues without those that a blocked road below them explains."""
        kept: dict[str, Sighting] = {}
        back: dict[str, list[str]] = {}
        for link, each in found.items():
            cause = self._cause(link, found)
            if cause == link:
                kept[link] = each
            else:
                back.setdefault(cause, []).append(link)
        return tuple(
            Sighting(
                each.kind,
                link,
                each.since_utc,
                each.sure,
                f"{each.text}; its queue reaches back into {', '.join(map(repr, back[link]))}"
                if link in back
                else each.text,
            )
            for link, each in kept.items()
        )

    def _cause(self, link: str, found: Mapping[str, Sighting]) -> str:
        seen = {link}
        while True:
            below = {
                turn.to_link
                for turn in self._network.turns_from[road_end(self._network, link)]
                if turn.to_link in found
                and turn.to_link not in seen
                and found[turn.to_link].since_utc <= found[link].since_utc
            }
            if not below:
                return link
            link = min(below, key=lambda each: (found[each].since_utc, each))
            seen.add(link)

    def _closed(self, blocked: BlockedRoad) -> Sighting:
        link = self._roads[blocked.road].link
        if not blocked.entered:
            what = "lets nobody out: it is closed, or nobody comes in"
        elif blocked.part <= CLOSED_PART:
            what = "is closed or blocked: vehicles come in, and next to none leave"
        else:
            what = f"is blocked in part: {blocked.part:.0%} of the usual traffic leaves"
        text = f"link {link!r} {what}; about {blocked.held_vph:.0f} veh/h are held back"
        since = datetime.fromtimestamp(blocked.since_s, UTC)
        return Sighting(Kind.QUEUE, link, since, blocked.sure, text)

    def _road(self, link: str) -> _Road | None:
        network = self._network
        leaving = network.turns_from[road_end(network, link)]
        out = self._columns(leaving)
        if not out or not any(turn.groups for turn in leaving):
            return None
        onward: list[Connection] = []
        below: set[int] = set()
        for turn in leaving:
            ends = self._columns(network.turns_from[road_end(network, turn.to_link)])
            if ends and not set(ends) & set(out):
                onward.append(turn)
                below.update(ends)
        return _Road(
            link,
            self._columns(network.turns_into[link]),
            out,
            self._columns(onward),
            tuple(sorted(below)),
        )

    def _columns(self, turns: Sequence[Connection]) -> tuple[int, ...]:
        """Return who counts these turns; nobody if one of them is not counted."""
        column = self._column
        found = {column.get(c.connection_id, column.get(c.movement_id, -1)) for c in turns}
        return () if -1 in found else tuple(sorted(found))

    def _row(self, counts: Mapping[str, float]) -> Floats:
        return np.array([[counts.get(name, np.nan) for name in self._names]])


def _usual(usual: Floats, columns: Sequence[Sequence[int]]) -> Floats:
    """Return usual vehicles over all intervals, by road."""
    return np.array([float(np.nansum(usual[:, list(each)])) for each in columns])


def _now(counts: Floats, usual: Floats, columns: Sequence[Sequence[int]]) -> Pair:
    """Return counted and usual vehicles of one interval, [road]."""
    counted, expected = _sums(counts, usual, columns)
    return counted[0], expected[0]


def _sums(counts: Floats, usual: Floats, columns: Sequence[Sequence[int]]) -> Pair:
    """Return counted and usual vehicles of sides, [interval, road].

    Detectors that say nothing are left out of both; where too much is left out, or nobody counts
    there, nothing is known.
    """
    counted = np.full((len(counts), len(columns)), np.nan)
    expected = np.full(counted.shape, np.nan)
    for at, each in enumerate(columns):
        if not each:
            continue
        told, mean = counts[:, list(each)], usual[:, list(each)]
        there = np.isfinite(told)
        part, whole = np.where(there, mean, 0.0).sum(axis=1), mean.sum(axis=1)
        enough = there.any(axis=1) & (part >= (1.0 - MOST_LEFT_OUT) * whole)
        counted[:, at] = np.where(enough, np.where(there, told, 0.0).sum(axis=1), np.nan)
        expected[:, at] = part
    return counted, expected
