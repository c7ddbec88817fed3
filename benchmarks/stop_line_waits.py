"""How long vehicles stand at stop lines, by a stopwatch of each, whatever a controller counts.

Watched is whoever is first of its lane within `AT_LINE_M` of a stop line. Every second in which it
stands there goes to red, where its own way has neither green nor yellow, or to green: then it could
go and does not, for the exit is full or it yields. Which way is its own shows when it has left; who
has not left by the end, or vanished, counts with the way that was red longest. Neither sum is taken
back by a green that brought nothing, nor by rolling on; how much of the red came in one piece is
told beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.adaptive.control import Site, StopLane
from engine.adaptive.sensing import STANDING_MPS, Traffic

AT_LINE_M: Final = 7.5
"""Nobody fits in front of who stands so near, m."""
GO: Final = frozenset("GgyY")


@dataclass(frozen=True, slots=True)
class _Line:
    signal_id: str
    lane: StopLane
    groups: Mapping[str, tuple[int, ...]]
    """Of the signal, by the link that they lead to."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How long a vehicle stood first at a stop line.

    Attributes
    ----------
    lane_id
        Where.
    until_s
        When it had left, by the street's clock, s.
    red_s, unbroken_s, green_s
        In red altogether, in the longest red of it, and in green, s.
    left
        Whether it left by a way of the lane, which then is the one told of.
    """

    lane_id: str
    until_s: float
    red_s: float
    unbroken_s: float
    green_s: float
    left: bool


NOBODY: Final = Stand("", 0.0, 0.0, 0.0, 0.0, left=True)


class StopLineWaits:
    """Watches every vehicle that stands first at a stop line.

    Parameters
    ----------
    sites
        The signals.

    Attributes
    ----------
    longest
        Who stood in red for the longest time, of those that have left.
    green_s
        The longest time for which one stood in green, s.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        self._lines = {
            lane.lane_id: _Line(site.signal_id, lane, _groups(site, lane))
            for site in sites
            for lane in site.lanes
        }
        # Per vehicle: its lane, and seconds by the link that it may be bound for: of red, of
        # green, of the red that runs, of the longest red.
        self._stood: dict[str, tuple[_Line, dict[str, list[float]]]] = {}
        self._before_s: float | None = None
        self.longest = NOBODY
        self.green_s = 0.0

    def look(self, now_s: float, traffic: Traffic, lamps: Mapping[str, str]) -> None:
        """Look at a second.

        Parameters
        ----------
        now_s
            The street's clock.
        traffic
            Where everybody is now.
        lamps
            What each signal has shown since the last look, one character per signal group.
        """
        passed_s = 0.0 if self._before_s is None else now_s - self._before_s
        self._before_s = now_s
        at = dict(zip(traffic.names, traffic.lanes, strict=True))
        for name in [n for n, (line, _) in self._stood.items() if _left(line, at.get(n))]:
            self._keep(name, at.get(name))
        first: dict[str, tuple[float, int]] = {}
        for row, lane in enumerate(traffic.lanes):
            if lane in self._lines:
                at_m = self._lines[lane].lane.length_m - float(traffic.position_m[row])
                if at_m <= AT_LINE_M and (lane not in first or at_m < first[lane][0]):
                    first[lane] = (at_m, row)
        for lane, (_, row) in first.items():
            line = self._lines[lane]
            if traffic.speed_mps[row] > STANDING_MPS or line.signal_id not in lamps:
                continue
            shown = lamps[line.signal_id]
            _, sums = self._stood.setdefault(traffic.names[row], (line, {}))
            for link, groups in line.groups.items():
                # A way without a signal group is never red.
                green = not groups or any(shown[group] in GO for group in groups)
                each = sums.setdefault(link, [0.0, 0.0, 0.0, 0.0])
                each[green] += passed_s
                each[2] = 0.0 if green else each[2] + passed_s
                each[3] = max(each[3], each[2])

    def finish(self) -> None:
        """Count those who have not left, too."""
        for name in list(self._stood):
            self._keep(name, None)

    def _keep(self, name: str, now_at: str | None) -> None:
        line, sums = self._stood.pop(name)
        link = "" if now_at is None else now_at.rpartition("_")[0]
        for red_s, green_s, _, unbroken_s in [sums[link]] if link in sums else sums.values():
            self.green_s = max(self.green_s, green_s)
            if red_s > self.longest.red_s:
                lane, until_s = line.lane.lane_id, self._before_s or 0.0
                self.longest = Stand(lane, until_s, red_s, unbroken_s, green_s, link in sums)


def _groups(site: Site, lane: StopLane) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for way in lane.ways:
        link = site.exits[way.exit].link_id
        found[link] = (*found.get(link, ()), *way.groups)
    return found


def _left(line: _Line, now_at: str | None) -> bool:
    """Tell whether a vehicle is beyond the stop line; on the lanes inside the node not yet."""
    if now_at is None:
        return True
    return not now_at.startswith(":") and now_at.rpartition("_")[0] != line.lane.link_id
