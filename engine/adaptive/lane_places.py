"""Where the lanes of signals lie: whose stop lane, exit or way the lane of a vehicle is.

Lanes are numbered by their names, over all sites; stop lanes, exits and ways are rows over all
sites, in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Floats, Site


class _Approaches(NamedTuple):
    """The stop lanes that each lane leads to, by its number."""

    first: NDArray[np.intp]  # [names + 1], into row and end_m
    row: NDArray[np.intp]  # stop lane over all sites
    end_m: Floats  # from the beginning of the lane to the stop line


class LanePlaces:
    """The lanes of all sites.

    Parameters
    ----------
    sites
        The signals.

    Attributes
    ----------
    first_lane, first_exit, first_way
        Row of the first stop lane, exit and way of each site, and how many there are;
        int[sites + 1].
    exits
        Rows of exits by the number of a lane that is part of them, each with the distance from
        where the exit begins to where the lane does, m.
    ways
        Rows of ways by the numbers of the lanes they lead from and to.
    stops
        Numbers of the stop lanes.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = tuple(sites)
        self.first_lane = np.cumsum([0, *(len(site.lanes) for site in sites)])
        self.first_exit = np.cumsum([0, *(len(site.exits) for site in sites)])
        self.first_way = np.cumsum(
            [0, *(sum(len(lane.ways) for lane in site.lanes) for site in sites)]
        )
        self._number: dict[str, int] = {}
        self._approaches = self._number_lanes()
        self.exits = self._number_exits()
        self.ways = self._number_ways()
        self.stops = frozenset(self._name(lane.lane_id) for site in sites for lane in site.lanes)

    def numbers(self, lanes: Sequence[str]) -> NDArray[np.intp]:
        """Return the numbers of lanes; -1 for those of no site."""
        return np.array([self._number.get(lane, -1) for lane in lanes], dtype=np.intp)

    def assign(
        self, numbers: NDArray[np.intp], position_m: Floats
    ) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
        """Find every vehicle's stop lane and distance; where it may choose, the emptiest."""
        places = self._approaches
        vehicle = np.flatnonzero((numbers >= 0) & (numbers < len(places.first) - 1))
        first = places.first[numbers[vehicle]]
        options = places.first[numbers[vehicle] + 1] - first
        vehicle, first = vehicle[options > 0], first[options > 0]
        options = options[options > 0]
        row = places.row[first]
        at_m = places.end_m[first] - position_m[vehicle]
        open_choice = np.flatnonzero(options > 1)
        if open_choice.size:
            load = np.bincount(row[options == 1], minlength=int(self.first_lane[-1]))
            for k in open_choice[np.argsort(at_m[open_choice], kind="stable")].tolist():
                ways = places.row[first[k] : first[k] + options[k]]
                choice = int(np.argmin(load[ways]))
                row[k] = ways[choice]
                at_m[k] = places.end_m[first[k] + choice] - position_m[vehicle[k]]
                load[ways[choice]] += 1
        return row, np.maximum(at_m, 0.0), vehicle

    def _name(self, lane: str) -> int:
        return self._number.setdefault(lane, len(self._number))

    def _number_lanes(self) -> _Approaches:
        found: dict[int, list[tuple[int, float]]] = {}
        for first, site in zip(self.first_lane.tolist(), self._sites, strict=False):
            for row, lane in enumerate(site.lanes):
                found.setdefault(self._name(lane.lane_id), []).append((first + row, lane.length_m))
            for feeder in site.feeders:
                end_m = feeder.to_stop_m + feeder.length_m
                entry = found.setdefault(self._name(feeder.lane_id), [])
                entry.extend((first + row, end_m) for row in feeder.leads_to)
        counts = [len(found.get(number, ())) for number in range(len(self._number))]
        flat = [place for number in range(len(counts)) for place in found.get(number, ())]
        return _Approaches(
            np.cumsum([0, *counts]),
            np.array([row for row, _ in flat], dtype=np.intp),
            np.array([end_m for _, end_m in flat], dtype=np.float64),
        )

    def _number_exits(self) -> dict[int, list[tuple[int, float]]]:
        found: dict[int, list[tuple[int, float]]] = {}
        for first, site in zip(self.first_exit.tolist(), self._sites, strict=False):
            for row, leaving in enumerate(site.exits):
                for part, at_m in leaving.parts:
                    found.setdefault(self._name(part), []).append((first + row, at_m))
        return found

    def _number_ways(self) -> dict[tuple[int, int], int]:
        """Rows of ways by the numbers of the lanes they lead from and to."""
        pairs = [
            (self._name(lane.lane_id), self._name(site.exits[way.exit].lane_id))
            for site in self._sites
            for lane in site.lanes
            for way in lane.ways
        ]
        return {pair: row for row, pair in enumerate(pairs)}
