"""How much demand do counts at stop lines hide, and does anything that is counted tell?

    python -m benchmarks.hidden_demand [ingolstadt7 ingolstadt21 cologne8] --seeds 1-3

The plan in force is played and counted as for `optimize`. Beside it stand the vehicles that were
due at the stop lines: everybody's way in that run, at free speed. SUMO finds ways around the queues
of the moment, so who drove elsewhere because of a queue is not hidden there. A movement *hides*
vehicles where it lacks `LEAST_VEH` and `LEAST_PART` of those due. Three rules that could tell:

- *full green*: a lane's count is at least `FULL` of what the model says it can serve in force;
- *stands*: a lane is occupied at its stop line for a quarter of an hour on end, more than red alone
  makes of it (`engine.forecast.standing_queues`);
- *conservation*: more came over the beginning of the road, behind the last signal or at the edge of
  the network, than left at its stop line.

The first two can only point at movements: *found* is the part of the hidden vehicles on movements
they point at, *idle* how many of these hide nothing. The third one brings a number: *found* is its
part of the hidden vehicles, *idle* how many movements hide nothing of those that it adds a tenth
to. Counting seeds only; a study without limits, which ends with 0.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.seeds import seeds_of
from benchmarks.suite.scenes import open_scene
from engine.forecast.standing_queues import stands
from engine.measures.evaluation import evaluate
from engine.measures.street import build_street
from engine.optimize.appraisal import street_tables
from engine.optimize.problem import Limits
from engine.validate.counting import CountRun, count
from engine.validate.held_routes import hold_routes
from engine.validate.simulator import SimulationCase
from engine.validate.sumo_files import DetectorSite
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from throughband.counts.demand import (
    COUNTING_SEEDS,
    INTERVAL_S,
    STOP_LINE_M,
    detected_connections,
    detector_counts,
    lane_shares,
    movement_counts,
    sites,
)
from throughband.setting import Setting, open_setting

LEAST_VEH = 10.0
LEAST_PART = 0.1
FULL = 0.95
BEGINNING_M = 8.0
STRAIGHT = ("s", "L", "R")

FULL_GREEN, STANDS, CONSERVATION = "full green", "stands", "conservation"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run has of each movement.

    Attributes
    ----------
    due, counted
        Vehicles by movement.
    told
        By rule and movement, the vehicles that are told to be hidden; those of rules that only
        point at movements are infinitely many.
    """

    due: Mapping[str, float]
    counted: Mapping[str, float]
    told: Mapping[str, Mapping[str, float]]

    def hidden(self) -> dict[str, float]:
        """Return the vehicles that each movement hides, where it hides any."""
        lacking = {name: due - self.counted.get(name, 0.0) for name, due in self.due.items()}
        return {
            name: veh
            for name, veh in lacking.items()
            if veh >= max(LEAST_VEH, LEAST_PART * self.due[name])
        }

    def judged(self, rule: str) -> tuple[float, int, int]:
        """Return the hidden vehicles a rule finds, and how many it points at, idle ones too."""
        hidden, told = self.hidden(), self.told[rule]
        found = sum(min(veh, told.get(name, 0.0)) for name, veh in hidden.items())
        pointed = [
            name
            for name, veh in told.items()
            if veh >= max(LEAST_VEH, LEAST_PART * self.counted.get(name, 0.0))
        ]
        return found, len(pointed), sum(name not in hidden for name in pointed)


def due_vehicles(case: SimulationCase, network: RoadNetwork) -> dict[str, float]:
    """Return how many vehicles are due at each movement within the window, at free speed.

    Parameters
    ----------
    case
        Of vehicles with whole routes.
    network
        The roads.
    """
    due = dict.fromkeys(network.movements, 0.0)
    for source in case.route_files:
        for vehicle in iterate_elements(source, {"vehicle"}):
            route = vehicle.find("route")
            ways = [] if route is None else route.get("edges", "").split()
            at_s = float(vehicle.get("depart", "nan"))
            for here, there in pairwise(ways):
                link = network.links.get(here)
                at_s += link.length_m / link.speed_mps if link is not None else 0.0
                name = f"{here}>{there}"
                if name in due and case.begin_s <= at_s < case.end_s:
                    due[name] += 1.0
    return due


def beginnings(network: RoadNetwork) -> dict[str, frozenset[str]]:
    """Return, by road with a stop line, where the ways to it begin that pass no other signal."""
    exits = {movement.to_link for movement in network.movements.values()}
    found: dict[str, frozenset[str]] = {}
    for name in sorted({movement.from_link for movement in network.movements.values()}):
        begin: set[str] = set()
        seen: set[str] = set()
        frontier = [name]
        while frontier:
            link = frontier.pop()
            if link in seen:
                continue
            seen.add(link)
            straight = [c.from_link for c in network.turns_into[link] if c.turn in STRAIGHT]
            if link in exits or not straight:
                begin.add(link)
            else:
                frontier.extend(straight)
        found[name] = frozenset(begin)
    return found


def conserved(
    network: RoadNetwork, came: Mapping[str, float], counted: Mapping[str, float]
) -> dict[str, float]:
    """Return what came to each movement and did not leave, shared out as what did leave.

    Parameters
    ----------
    network
        The roads.
    came
        Vehicles over the beginning of each road.
    counted
        Vehicles by movement.
    """
    by_link: dict[str, list[str]] = {}
    for movement in network.movements.values():
        by_link.setdefault(movement.from_link, []).append(movement.movement_id)
    told: dict[str, float] = {}
    for link, begin in beginnings(network).items():
        left = sum(counted[name] for name in by_link[link])
        stayed = max(0.0, sum(came[first] for first in begin) - left)
        for name in by_link[link]:
            told[name] = stayed * counted[name] / max(left, 1.0)
    return told


def full_lanes(setting: Setting, run: CountRun, many: int) -> frozenset[tuple[str, int]]:
    """Return the lanes that use up what the model says they have in force.

    Parameters
    ----------
    setting, run
        The street, and what was counted; the first `many` detectors count turns.
    many
        Number of connections.
    """
    network = setting.network
    day = detector_counts(
        detected_connections(network),
        float(run.begin_s[0]),
        INTERVAL_S,
        run.volume_veh[:, :many],
    )
    flows = movement_counts(day, network)
    street = build_street(
        network,
        dict(zip(flows.series_ids, flows.flow_vph().T, strict=True)),
        INTERVAL_S,
        setting.driving,
        lane_shares([day], network),
    )
    tables = street_tables(network, street, Limits())
    measured = evaluate(tables, int(flows.start_s), street.horizon_s)
    first = street.lanes.first_way
    return frozenset(
        (street.ways[first[lane]].from_link, street.ways[first[lane]].from_lane)
        for lane in np.flatnonzero(measured.lane_saturation >= FULL)
    )


def observe(setting: Setting, seed: int, folder: Path) -> Seen:
    """Play and count one seed under the plan in force."""
    network = setting.network
    connections = detected_connections(network)
    roads = sorted(set().union(*beginnings(network).values()))
    stops = sorted({(c.from_link, c.from_lane) for c in connections})
    lanes = [(link, lane) for link in roads for lane in range(network.links[link].lanes)]
    loops = [
        *sites(connections),
        *(
            DetectorSite(f"begin {link} {lane}", f"{link}_{lane}", BEGINNING_M)
            for link, lane in lanes
        ),
        *(
            DetectorSite(f"end {link} {lane}", f"{link}_{lane}", STOP_LINE_M)
            for link, lane in stops
        ),
    ]
    run = count(setting.case, loops, seed, INTERVAL_S)
    volume = run.volume_veh.sum(axis=0)
    many = len(connections)
    column = {connection.connection_id: index for index, connection in enumerate(connections)}
    counted = {
        movement.movement_id: float(
            sum(volume[column[c.connection_id]] for c in movement.connections)
        )
        for movement in network.movements.values()
    }
    came = dict.fromkeys(roads, 0.0)
    for index, (link, _) in enumerate(lanes):
        came[link] += float(volume[many + index])
    behind = many + len(lanes)
    standing = frozenset(
        stop
        for index, stop in enumerate(stops)
        if stands(run.occupancy_pct[:, behind + index], INTERVAL_S)
    )
    held = hold_routes(setting.case, seed, folder)
    return Seen(
        due_vehicles(held, network),
        counted,
        {
            FULL_GREEN: dict(pointed(network, full_lanes(setting, run, many))),
            STANDS: dict(pointed(network, standing)),
            CONSERVATION: conserved(network, came, counted),
        },
    )


def pointed(network: RoadNetwork, lanes: frozenset[tuple[str, int]]) -> Iterator[tuple[str, float]]:
    """Yield the movements that use one of some lanes, with as many vehicles as there may be."""
    for movement in network.movements.values():
        if any((c.from_link, c.from_lane) in lanes for c in movement.connections):
            yield movement.movement_id, np.inf


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenarios", nargs="*", default=["ingolstadt7", "ingolstadt21", "cologne8"])
    parser.add_argument("--seeds", type=seeds_of, default=list(COUNTING_SEEDS))
    chosen = parser.parse_args(arguments)
    reserved = [seed for seed in chosen.seeds if seed not in COUNTING_SEEDS]
    if reserved:
        parser.error(f"--seeds: {reserved} are not for counting; allowed are {COUNTING_SEEDS}")
    table = Table(title="vehicles due at stop lines, counted and hidden, a run")
    for head in ("street", "due", "counted", "hidden", "at", "rule", "found", "points at", "idle"):
        table.add_column(head, justify="right")
    for name in chosen.scenarios:
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            scene = open_scene(name, Path(scratch) / "scene", None, None)
            setting = open_setting(str(scene.config_file), calibrated=False)
            runs = []
            for seed in chosen.seeds:
                folder = Path(scratch) / str(seed)
                folder.mkdir()
                runs.append(observe(setting, seed, folder))
        for rule in (FULL_GREEN, STANDS, CONSERVATION):
            table.add_row(*_row(name, runs, rule))
    Console(width=110).print(table)
    return 0


def _row(name: str, runs: Sequence[Seen], rule: str) -> list[str]:
    hidden = [run.hidden() for run in runs]
    veh = sum(sum(one.values()) for one in hidden)
    judged = np.array([run.judged(rule) for run in runs], dtype=np.float64)
    mean = judged.mean(axis=0)
    return [
        name,
        f"{np.mean([sum(run.due.values()) for run in runs]):.0f}",
        f"{np.mean([sum(run.counted.values()) for run in runs]):.0f}",
        f"{veh / len(runs):.0f}",
        f"{np.mean([len(one) for one in hidden]):.1f}",
        rule,
        f"{100 * judged[:, 0].sum() / veh:.0f} %" if veh > 0 else "-",
        f"{mean[1]:.1f}",
        f"{mean[2]:.1f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
