"""One cause, one warning: detectors that count little because a road near them is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from network.graph import RoadNetwork
from throughband.operate.link_watch import road_end
from throughband.operate.warning_book import Kind, Sighting

MOST_NAMED: Final = 3


def beside(network: RoadNetwork, link: str) -> frozenset[str]:
    """Return connections and movements whose traffic goes missing when a road is closed.

    They lead into the road, leave it, or leave the roads that it feeds: vehicles cannot get in,
    do not get out, and do not come further down.

    Parameters
    ----------
    network
        The roads.
    link
        The closed one.
    """
    if link not in network.links:
        return frozenset()
    end = road_end(network, link)
    turns = [*network.turns_into[link], *network.turns_from[end]]
    for out in network.turns_from[end]:
        turns += network.turns_from[road_end(network, out.to_link)]
    names = {turn.connection_id for turn in turns} | {turn.movement_id for turn in turns}
    return frozenset(name for name in names if name)


class Causes:
    """Joins detectors to closed roads.

    Parameters
    ----------
    network
        The roads.
    grace
        For so long after a road is free again, detectors that were joined to it are not told of:
        they are believed again only when they have counted well for a while.
    """

    def __init__(self, network: RoadNetwork, grace: timedelta) -> None:
        self._network = network
        self._grace = grace
        self._blocked: dict[str, datetime] = {}
        self._joined: dict[str, str] = {}

    @property
    def joined_now(self) -> frozenset[str]:
        """Detectors that a closed road explains."""
        return frozenset(self._joined)

    def joined(
        self, sightings: Sequence[Sighting], counts_little: Mapping[str, bool], now_utc: datetime
    ) -> list[Sighting]:
        """Return what is wrong, without detectors that a closed road explains.

        Parameters
        ----------
        sightings
            All that is wrong; a queue tells of a road.
        counts_little
            By detector in doubt, whether it counts less than is usual: no closed road makes one
            count more.
        now_utc
            The present.
        """
        for each in sightings:
            if each.kind is Kind.QUEUE:
                self._blocked[each.where] = now_utc
        self._blocked = {
            road: at for road, at in self._blocked.items() if now_utc - at <= self._grace
        }
        roads = {each.where for each in sightings if each.kind is Kind.QUEUE}
        near = {road: beside(self._network, road) for road in sorted(self._blocked)}
        joined: dict[str, str] = {}
        kept = []
        for each in sightings:
            road = None
            if each.kind is Kind.DETECTOR:
                little = counts_little.get(each.where, False)
                road = self._road_of(each.where, near, roads, little)
            if road is None:
                kept.append(each)
            else:
                joined[each.where] = road
        self._joined = joined
        return [self._told(each) if each.kind is Kind.QUEUE else each for each in kept]

    def _road_of(
        self, detector: str, near: Mapping[str, frozenset[str]], roads: set[str], little: bool
    ) -> str | None:
        before = self._joined.get(detector)
        for road, names in near.items():
            if detector not in names:
                continue
            # A road that is free again explains what it explained before, and the queue that
            # now drives off.
            if (little and road in roads) or (road not in roads and (road == before or not little)):
                return road
        return None

    def _told(self, queue: Sighting) -> Sighting:
        mine = sorted(name for name, road in self._joined.items() if road == queue.where)
        if not mine:
            return queue
        more = f" and {len(mine) - MOST_NAMED} more" if len(mine) > MOST_NAMED else ""
        names = ", ".join(repr(name) for name in mine[:MOST_NAMED])
        return replace(queue, text=f"{queue.text}; detectors near it count little: {names}{more}")
