"""How long vehicles stand at stop lines, by a stopwatch of each, whatever a controller counts.

Watched is whoever is first of its lane within `AT_LINE_M` of a stop line. Every second in which it
stands there goes to red, where its own way has neither green nor yellow, or to green: then it could
go and does not, for the exit is full or it yields. Which way is its own shows when it has left; who
has not left by the end, or vanished, counts with the way that held it longest. Neither sum is taken
back by a green that brought nothing, nor by rolling on; how much of the red came in one piece is
told beside.

Of the red, those seconds are told apart in which no green would have brought anything: somebody
stood at the beginning of every lane of its exit, with less than `ROOM_M` left. They hold nobody,
for green into an exit that is full is green that others go without. The rest of the red held it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.adaptive.control import Site, StopLane
from engine.adaptive.loops import VEHICLE_M
from engine.adaptive.sensing import STANDING_MPS, Traffic

AT_LINE_M: Final = 7.5
"""Nobody fits in front of who stands so near, m."""
ROOM_M: Final = 7.5
"""What a vehicle needs behind who stands in its exit, m."""
GO: Final = frozenset("GgyY")


@dataclass(frozen=True, slots=True)
class _Line:
    signal_id: str
    lane: StopLane
    groups: Mapping[str, tuple[int, ...]]
    """Of the signal, by the link that they lead to."""
    exits: Mapping[str, frozenset[str]]
    """Lanes that it may come to, by their link."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How long a vehicle stood first at a stop line.

    Attributes
    ----------
    lane_id
        Where.
    until_s
        When it had left, by the street's clock, s.
    red_s, unbroken_s, barred_s, green_s
        In red altogether, in the longest red of it, in red while the exit was full, and in
        green, s.
    left
        Whether it left by a way of the lane, which then is the one told of.
    """

    lane_id: str
    until_s: float
    red_s: float
    unbroken_s: float
    barred_s: float
    green_s: float
    left: bool

    @property
    def held_s(self) -> float:
        """Time in red while there was room to go, s."""
        return self.red_s - self.barred_s


NOBODY: Final = Stand("", 0.0, 0.0, 0.0, 0.0, 0.0, left=True)


class StopLineWaits:
    """Watches every vehicle that stands first at a stop line.

    Parameters
    ----------
    sites
        The signals.

    Attributes
    ----------
    longest
        Who was held by red for the longest time, of those that have left.
    longest_red
        Who stood in red for the longest time, of those that have left, room or not.
    green_s
        The longest time for which one stood in green, s.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        self._lines = {
            lane.lane_id: _Line(site.signal_id, lane, _groups(site, lane), _exits(site, lane))
            for site in sites
            for lane in site.lanes
        }
        # Lanes that make up an exit lane, with the exit and how far from its beginning each lies.
        self._parts: dict[str, set[tuple[str, float]]] = {}
        for site in sites:
            for leaving in site.exits:
                for name, begin_m in leaving.parts:
                    self._parts.setdefault(name, set()).add((leaving.lane_id, begin_m))
        # Per vehicle: its lane, and seconds by the link that it may be bound for: of red, of
        # green, of the red that runs, of the longest red, of red with a full exit.
        self._stood: dict[str, tuple[_Line, dict[str, list[float]]]] = {}
        self._before_s: float | None = None
        self.longest = self.longest_red = NOBODY
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
        full = self._full(traffic)
        for lane, (_, row) in first.items():
            line = self._lines[lane]
            if traffic.speed_mps[row] > STANDING_MPS or line.signal_id not in lamps:
                continue
            shown = lamps[line.signal_id]
            _, sums = self._stood.setdefault(traffic.names[row], (line, {}))
            for link, groups in line.groups.items():
                # A way without a signal group is never red.
                green = not groups or any(shown[group] in GO for group in groups)
                each = sums.setdefault(link, [0.0] * 5)
                each[green] += passed_s
                each[2] = 0.0 if green else each[2] + passed_s
                each[3] = max(each[3], each[2])
                each[4] += passed_s if not green and line.exits[link] <= full else 0.0

    def finish(self) -> None:
        """Count those who have not left, too."""
        for name in list(self._stood):
            self._keep(name, None)

    def _keep(self, name: str, now_at: str | None) -> None:
        line, sums = self._stood.pop(name)
        link = "" if now_at is None else now_at.rpartition("_")[0]
        lane, until_s = line.lane.lane_id, self._before_s or 0.0
        for sum_s in [sums[link]] if link in sums else sums.values():
            red_s, green_s, _, unbroken_s, barred_s = sum_s
            stand = Stand(lane, until_s, red_s, unbroken_s, barred_s, green_s, link in sums)
            self.green_s = max(self.green_s, green_s)
            if stand.held_s > self.longest.held_s:
                self.longest = stand
            if red_s > self.longest_red.red_s:
                self.longest_red = stand

    def _full(self, traffic: Traffic) -> set[str]:
        """Return the exit lanes at whose beginning somebody stands."""
        found: set[str] = set()
        for row, lane in enumerate(traffic.lanes):
            if lane in self._parts and traffic.speed_mps[row] <= STANDING_MPS:
                rear_m = float(traffic.position_m[row]) - VEHICLE_M
                found |= {name for name, at_m in self._parts[lane] if at_m + rear_m < ROOM_M}
        return found


def _groups(site: Site, lane: StopLane) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for way in lane.ways:
        link = site.exits[way.exit].link_id
        found[link] = (*found.get(link, ()), *way.groups)
    return found


def _exits(site: Site, lane: StopLane) -> dict[str, frozenset[str]]:
    links = {site.exits[way.exit].link_id for way in lane.ways}
    leaving = [site.exits[way.exit] for way in lane.ways]
    return {link: frozenset(e.lane_id for e in leaving if e.link_id == link) for link in links}


def _left(line: _Line, now_at: str | None) -> bool:
    """Tell whether a vehicle is beyond the stop line; on the lanes inside the node not yet."""
    if now_at is None:
        return True
    return not now_at.startswith(":") and now_at.rpartition("_")[0] != line.lane.link_id
