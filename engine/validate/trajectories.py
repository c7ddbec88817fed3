"""Following every vehicle of a SUMO run: who crossed which stop line when, and how links were run.

SUMO writes where vehicles stand at the end of each step (floating car data) and what signals show
during it. A crossing between two steps is placed by the speed of the second. What follows is
plain observation; `engine.measures` makes estimates of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

import numpy as np

from engine.measures.discharge import LaneGreen
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import TIMEOUT_S, run
from network.errors import SimulationError
from network.graph import Connection, RoadNetwork
from network.readers.xml_files import iterate_elements

HALTED_MPS: Final = 0.1
"""SUMO's own limit of a stop."""

QUEUED_MPS: Final = 1.4
"""HCM: who moves slower than about 5 km/h stands in the queue."""

HELD_UP: Final = 0.7
"""A vehicle that fell below this part of the fastest it had been on a link was held up there."""

PROTECTED: Final = "G"
GREEN: Final = "GgsoO"
"""All that lets anybody go."""


@dataclass(slots=True)
class Observed:
    """What was seen, over one or several runs.

    Attributes
    ----------
    greens
        Protected greens of lanes in which anybody crossed.
    passages
        By link, undisturbed passages: time from the end of the link before, s, and greatest
        speed, m/s. Who started from the queue of the signal before a link is not among them.
    stops
        By lane that ends at a signal, how often vehicles came to a halt on the way to it.
    vehicles
        By such lane, how many crossed.
    """

    greens: list[LaneGreen] = field(default_factory=list)
    passages: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    stops: dict[str, int] = field(default_factory=dict)
    vehicles: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Vehicle:
    """One vehicle as it drives; `edge` is the last link outside nodes."""

    lane: str = ""
    position_m: float = 0.0
    edge: str = ""
    left_before_s: float = -1.0
    fastest_mps: float = 0.0
    held_up: bool = False
    queued_s: float = -1.0
    halted: bool = False
    halts: int = 0


@dataclass(frozen=True, slots=True)
class _Crossing:
    time_s: float
    way: str
    queued_s: float  # when it first stood in a queue since the signal before, or -1


def observe(
    case: SimulationCase,
    network: RoadNetwork,
    seeds: Sequence[int],
    additional: Sequence[Path] = (),
    progress: Callable[[int, int], None] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> Observed:
    """Play seeds and follow every vehicle.

    Parameters
    ----------
    case, network
        What to play; connections must have lanes inside the nodes.
    seeds
        One run each.
    additional
        Files loaded after the case's own.
    progress
        Called with runs done and runs in all.
    timeout_s
        Wall-clock limit of a run.

    Raises
    ------
    SimulationError
        If SUMO failed or left no trace of signals or vehicles.
    """
    seen = Observed()
    for done, seed in enumerate(seeds):
        with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
            work = Path(folder)
            wish, states, floating = work / "s.add.xml", work / "states.xml", work / "fcd.xml"
            events = "".join(
                f'<timedEvent type="SaveTLSStates" source={quoteattr(name)} '
                f"dest={quoteattr(str(states))}/>"
                for name in network.signals
            )
            wish.write_text(f"<additional>{events}</additional>", encoding="utf-8")
            options = {"fcd-output": str(floating), "fcd-output.attributes": "lane,pos,speed"}
            run(
                case,
                seed,
                (*additional, wish),
                emissions=False,
                options=options,
                timeout_s=timeout_s,
            )
            shown = _shown(states)
            if not shown:
                raise SimulationError(f"{case.config_file.name}: SUMO told of no signal")
            _Follower(network, shown, seen).follow(_steps(floating))
        if progress is not None:
            progress(done + 1, len(seeds))
    return seen


def _shown(file: Path) -> dict[str, list[tuple[float, str]]]:
    """Read when each signal began to show what; states hold from their time on."""
    found: dict[str, list[tuple[float, str]]] = {}
    for element in iterate_elements(file, {"tlsState"}):
        rows = found.setdefault(element.get("id", ""), [])
        state = element.get("state", "")
        if not rows or rows[-1][1] != state:
            rows.append((float(element.get("time", "nan")), state))
    return found


def _steps(file: Path) -> Iterator[tuple[float, list[tuple[str, str, float, float]]]]:
    """Read vehicles step by step: name, lane, position, speed; persons are passed over."""
    for element in iterate_elements(file, {"timestep"}):
        yield (
            float(element.get("time", "nan")),
            [
                (
                    v.get("id", ""),
                    v.get("lane", ""),
                    float(v.get("pos", 0)),
                    float(v.get("speed", 0)),
                )
                for v in element
                if v.tag == "vehicle"
            ],
        )


class _Follower:
    """Follows one run."""

    def __init__(
        self, network: RoadNetwork, shown: dict[str, list[tuple[float, str]]], seen: Observed
    ) -> None:
        self._network = network
        self._shown = shown
        self._seen = seen
        self._signal_of: dict[str, str] = {}
        self._by_via: dict[tuple[str, str], Connection] = {}
        self._by_end: dict[tuple[str, str], Connection] = {}
        self._by_lane: dict[str, list[Connection]] = {}
        for signal in network.signals.values():
            for c in signal.connections:
                lane = f"{c.from_link}_{c.from_lane}"
                self._signal_of[lane] = signal.signal_id
                self._by_lane.setdefault(lane, []).append(c)
                self._by_via[lane, c.via_lane] = c
                self._by_end[lane, c.to_link] = c
        self._length_m = {name: link.length_m for name, link in network.links.items()}
        self._crossings: dict[str, list[_Crossing]] = {}
        self._standing: dict[str, list[tuple[str, float]]] = {}

    def follow(self, steps: Iterator[tuple[float, list[tuple[str, str, float, float]]]]) -> None:
        """Go through the run and add to what was seen."""
        vehicles: dict[str, _Vehicle] = {}
        previous_s = step_s = None
        for begin_s, present in steps:
            if previous_s is not None:
                step_s = begin_s - previous_s
            previous_s = begin_s
            length_s = step_s or 1.0
            end_s = begin_s + length_s  # where they stand when the step is over
            for name, lane, position_m, speed_mps in present:
                vehicle = vehicles.get(name)
                if vehicle is None:
                    vehicle = vehicles[name] = _Vehicle(lane, position_m, _edge(lane))
                if lane != vehicle.lane:
                    self._change(vehicle, lane, position_m, speed_mps, end_s, length_s)
                vehicle.lane, vehicle.position_m = lane, position_m
                self._drive(vehicle, speed_mps, end_s)
        for lane, crossings in self._crossings.items():
            self._greens(lane, sorted(crossings, key=lambda c: c.time_s))

    def _drive(self, vehicle: _Vehicle, speed_mps: float, end_s: float) -> None:
        vehicle.fastest_mps = max(vehicle.fastest_mps, speed_mps)
        vehicle.held_up |= speed_mps < HELD_UP * vehicle.fastest_mps
        if speed_mps < QUEUED_MPS and vehicle.queued_s < 0 and not vehicle.lane.startswith(":"):
            vehicle.queued_s = end_s
        halted = speed_mps < HALTED_MPS
        vehicle.halts += halted and not vehicle.halted
        vehicle.halted = halted

    def _change(
        self,
        vehicle: _Vehicle,
        lane: str,
        position_m: float,
        speed_mps: float,
        end_s: float,
        length_s: float,
    ) -> None:
        """Note that a vehicle left a lane; to a lane beside it is no crossing."""
        edge = _edge(lane)
        if edge == vehicle.edge or vehicle.lane.startswith(":"):
            if edge:
                vehicle.edge = edge
            return
        rest_m = max(0.0, self._length_m.get(vehicle.edge, vehicle.position_m) - vehicle.position_m)
        went_m = max(speed_mps * length_s, 1e-6)
        at_s = end_s - length_s + length_s * min(1.0, rest_m / went_m)
        if vehicle.left_before_s >= 0 and not vehicle.held_up:
            passage = (at_s - vehicle.left_before_s, vehicle.fastest_mps)
            self._seen.passages.setdefault(vehicle.edge, []).append(passage)
        started = False
        way = self._by_via.get((vehicle.lane, lane)) or self._by_end.get((vehicle.lane, edge))
        if way is not None:
            crossing = _Crossing(at_s, way.connection_id, vehicle.queued_s)
            self._crossings.setdefault(vehicle.lane, []).append(crossing)
            seen = self._seen
            seen.vehicles[vehicle.lane] = seen.vehicles.get(vehicle.lane, 0) + 1
            seen.stops[vehicle.lane] = seen.stops.get(vehicle.lane, 0) + vehicle.halts
            # What speeding up behind a signal costs is the model's to add, for platoons only.
            started = vehicle.queued_s >= 0
            vehicle.queued_s, vehicle.halts = -1.0, 0
        vehicle.left_before_s = at_s
        vehicle.fastest_mps, vehicle.held_up = 0.0, started
        if edge:
            vehicle.edge = edge

    def _greens(self, lane: str, crossings: list[_Crossing]) -> None:
        """Cut a lane's crossings into its protected greens."""
        ways = self._by_lane[lane]
        spans = list(self._spans(ways, self._shown.get(self._signal_of[lane], [])))
        times = np.array([c.time_s for c in crossings])
        for number, (begin_s, end_s, clean) in enumerate(spans):
            until_s = spans[number + 1][0] if number + 1 < len(spans) else np.inf
            first, last = np.searchsorted(times, [begin_s, until_s])
            group = crossings[first:last]
            if not group or not clean:
                continue
            waited = 0
            for c in group:
                if c.queued_s < 0 or c.time_s > end_s:
                    break
                waited += 1
            after = crossings[last] if last < len(crossings) else None
            self._seen.greens.append(
                LaneGreen(
                    lane,
                    begin_s,
                    end_s,
                    times[first:last],
                    tuple(c.way for c in group),
                    waited,
                    after is not None and 0 <= after.queued_s < begin_s,
                )
            )

    @staticmethod
    def _spans(
        ways: list[Connection], shown: list[tuple[float, str]]
    ) -> Iterator[tuple[float, float, bool]]:
        """Yield begin and end of each green, and whether it is clean.

        Clean is a green that all ways of the lane have alike, protected throughout; where ways go
        at different times or yield for a part of it, headways are not those of saturation.
        """
        groups = {group for way in ways for group in way.groups}
        begin_s: float | None = None
        clean = False
        for time_s, state in shown:
            codes = {state[group] for group in groups if group < len(state)}
            green = not codes.isdisjoint(GREEN)
            if green and begin_s is None:
                begin_s, clean = time_s, True
            if green:
                clean &= codes == {PROTECTED}
            elif begin_s is not None:
                yield begin_s, time_s, clean
                begin_s = None


def _edge(lane: str) -> str:
    """Return the link of a lane, empty inside a node."""
    return "" if lane.startswith(":") else lane.rpartition("_")[0]
