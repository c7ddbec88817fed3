"""The buses of a simulated street as their operator's computer follows them.

It knows where every bus is, and so how late it is and how far behind the one before it, and asks
for priority on its behalf. The timetable is made from the line: cruising speed, the mean dwell at
each stop, and an allowance for each signal. A line's buses are due at even intervals, placed so
that their departures are late by nothing in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import Final

import numpy as np

from engine.adaptive.passages import Passage, passages_of
from engine.adaptive.priority import Priority
from engine.adaptive.requests import Rank, Request
from engine.adaptive.sensing import Traffic
from network.errors import SimulationError
from network.graph import RoadNetwork
from network.readers.sumo_bus_runs import BusRun
from network.transit import BusLine

ALLOWANCE_S: Final = 10.0
"""What a timetable gives a bus at each signal, s."""


@dataclass(slots=True)
class _Bus:
    """A bus and where it was.

    Attributes
    ----------
    run, request
        What it is, and what it asks for at first.
    due_s
        When it should have started, s.
    before
        The one before it on its line.
    trace_s, trace_m
        When it was how far.
    """

    run: BusRun
    request: Request
    due_s: float
    before: _Bus | None
    trace_s: list[float] = field(default_factory=list)
    trace_m: list[float] = field(default_factory=list)
    asked: bool = False


class _Way:
    """The way of a line: its links, signals and stops along it.

    Attributes
    ----------
    begin_m
        Where each link begins, m.
    passages
        Its signals, with the running times of its buses.
    """

    def __init__(self, network: RoadNetwork, line: BusLine, allowance_s: float) -> None:
        self.begin_m: dict[str, float] = {}
        at_m = at_s = 0.0
        ends: list[tuple[float, float]] = [(0.0, 0.0)]
        for link_id, onward in zip(line.route, [*line.route[1:], ""], strict=True):
            self.begin_m[link_id] = at_m
            link = network.links[link_id]
            turns = [c for c in network.turns_from[link_id] if c.to_link == onward]
            at_m += link.length_m
            at_s += link.length_m / min(link.speed_mps, line.speed_mps)
            ends.append((at_m, at_s))
            if turns:
                at_m += turns[0].length_m
                at_s += turns[0].length_m / min(turns[0].speed_mps, line.speed_mps)
        self._ends_m = [place_m for place_m, _ in ends]
        self._ends_s = [place_s for _, place_s in ends]
        self.passages = tuple(
            Passage(p.signal_id, p.from_link, p.to_link, p.at_m, self._running_s(p.at_m))
            for p in passages_of(network, line.route)
        )
        self._dwells_s = [stop.dwell_s for stop in line.stops]
        self._allowance_s = allowance_s

    def halts_m(self, run: BusRun) -> tuple[float, ...]:
        """Return where a bus stops, from the beginning of the way, m."""
        return tuple(
            self.begin_m[stop.link] + at_m
            for stop, at_m in zip(run.line.stops, run.halts_m, strict=True)
        )

    def scheduled_s(self, along_m: float, halts_m: Sequence[float]) -> float:
        """Return the time from the start to a place by the timetable, s."""
        stood_s = sum(
            dwell_s for dwell_s, at_m in zip(self._dwells_s, halts_m, strict=True) if at_m < along_m
        )
        signals = sum(p.at_m < along_m for p in self.passages)
        return self._running_s(along_m) + stood_s + signals * self._allowance_s

    def _running_s(self, along_m: float) -> float:
        return float(np.interp(along_m, self._ends_m, self._ends_s))


class Fleet:
    """Asks for priority for all buses of a street.

    Parameters
    ----------
    network
        The roads.
    runs
        The buses, in order of departure.
    allowance_s
        What the timetable gives a bus at each signal, s.

    Raises
    ------
    SimulationError
        There is no bus, or the allowance is negative.
    """

    def __init__(
        self, network: RoadNetwork, runs: Sequence[BusRun], allowance_s: float = ALLOWANCE_S
    ) -> None:
        if not runs or not allowance_s >= 0.0:
            raise SimulationError(
                f"{network.name}: {len(runs)} buses that could ask for priority, and a timetable "
                f"with {allowance_s} s at each signal; allowed are one or more, and from 0 s"
            )
        lines = {run.line.line_id: run.line for run in runs}
        self._ways = {name: _Way(network, line, allowance_s) for name, line in lines.items()}
        self._buses: list[_Bus] = []
        for name in lines:
            own = [run for run in runs if run.line.line_id == name]
            before: _Bus | None = None
            for run, due_s in zip(own, due_times_s(own), strict=True):
                way = self._ways[name]
                request = Request(
                    run.vehicle_id,
                    Rank.TRANSIT,
                    way.passages,
                    load_persons=run.line.passengers,
                    halts_m=way.halts_m(run),
                )
                before = _Bus(run, request, due_s, before)
                self._buses.append(before)

    def look(self, now_s: float, traffic: Traffic, priority: Priority | None) -> None:
        """Follow the buses, and ask for, renew and withdraw their requests.

        Parameters
        ----------
        now_s
            The street's clock.
        traffic
            Every vehicle on it now.
        priority
            Who is asked; None to follow the buses alone.
        """
        rows = {name: row for row, name in enumerate(traffic.names)}
        for bus in self._buses:
            row = rows.get(bus.run.vehicle_id)
            if row is None:
                if bus.asked and priority is not None:
                    priority.withdraw(bus.run.vehicle_id)
                    bus.asked = False
                continue
            along_m = self._along_m(bus, traffic, row)
            bus.trace_s.append(now_s)
            bus.trace_m.append(along_m)
            if priority is None:
                continue
            if not bus.asked:
                priority.ask(bus.request)
                bus.asked = True
            priority.locate(bus.run.vehicle_id, along_m)
            headway_s = self._headway_s(bus, now_s, along_m)
            priority.report(
                bus.run.vehicle_id,
                self._lateness_s(bus, now_s, along_m),
                headway_s,
                None if headway_s is None else bus.run.line.headway_s,
            )

    def passed_s(self) -> dict[tuple[str, str], list[float]]:
        """Return when the buses of each line passed each of its signals, s; in driving order."""
        found: dict[tuple[str, str], list[float]] = {}
        for bus in self._buses:
            for passage in self._ways[bus.run.line.line_id].passages:
                if bus.trace_m and bus.trace_m[-1] > passage.at_m:
                    key = (bus.run.line.line_id, passage.signal_id)
                    found.setdefault(key, []).append(_when(bus, passage.at_m))
        return {key: sorted(times_s) for key, times_s in found.items()}

    def _along_m(self, bus: _Bus, traffic: Traffic, row: int) -> float:
        way = self._ways[bus.run.line.line_id]
        link_id, _, _ = traffic.lanes[row].rpartition("_")
        if link_id in way.begin_m:
            along_m = way.begin_m[link_id] + float(traffic.position_m[row])
        else:
            # Inside a node: past the stop line, by what it drives.
            along_m = bus.trace_m[-1] if bus.trace_m else 0.0
            along_m += float(traffic.speed_mps[row])
        return max(along_m, bus.trace_m[-1] if bus.trace_m else 0.0)

    def _lateness_s(self, bus: _Bus, now_s: float, along_m: float) -> float:
        way = self._ways[bus.run.line.line_id]
        return now_s - bus.due_s - way.scheduled_s(along_m, bus.request.halts_m)

    @staticmethod
    def _headway_s(bus: _Bus, now_s: float, along_m: float) -> float | None:
        if bus.before is None or not bus.before.trace_m:
            return None
        if bus.before.trace_m[-1] < along_m:
            return 0.0
        return now_s - _when(bus.before, along_m)


def due_times_s(runs: Sequence[BusRun]) -> list[float]:
    """Return when the buses of one line should start, s.

    Parameters
    ----------
    runs
        Of the line, in order of departure; one that is left out leaves a gap.
    """
    headway_s = runs[0].line.headway_s
    numbers = [0]
    for before, run in pairwise(runs):
        numbers.append(numbers[-1] + max(1, round((run.depart_s - before.depart_s) / headway_s)))
    first_s = fmean(
        run.depart_s - number * headway_s for run, number in zip(runs, numbers, strict=True)
    )
    return [first_s + number * headway_s for number in numbers]


def _when(bus: _Bus, at_m: float) -> float:
    """Return when a bus was at a place first, s."""
    row = int(np.searchsorted(bus.trace_m, at_m))
    if row == 0:
        return bus.trace_s[0]
    behind_m, ahead_m = bus.trace_m[row - 1], bus.trace_m[row]
    part = (at_m - behind_m) / (ahead_m - behind_m)
    return bus.trace_s[row - 1] + part * (bus.trace_s[row] - bus.trace_s[row - 1])
