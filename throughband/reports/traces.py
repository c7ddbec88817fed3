"""Trajectories along a corridor, out of a simulation, to lie over the time-space diagram.

Drawn are vehicles on the links of the corridor, counted back from the stop line each link leads
to; the ways across the nodes are bridged by a straight line. Who turns off or in is drawn for as
long as he is on the corridor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.measures.corridor import Corridor, Direction
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import TIMEOUT_S, run
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet, TimingPlan

TRACED_SEED: Final = 1
"""A counting seed: what is drawn to look at is no proof, and must not use up a seed of one."""
LEAST_WARM_UP_S: Final = 600
LONGEST_GAP_S: Final = 5.0
"""A vehicle not seen on the corridor for longer left it and came back: two lines."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Trajectories of one simulated run.

    Attributes
    ----------
    seed
        Of the run.
    begin_s
        Simulated time that lies at the diagram's zero: all signals stand there as at system zero.
    lines
        By direction, one [point, (time after `begin_s` in s, position in m)] for each vehicle.
    """

    seed: int
    begin_s: float
    lines: Mapping[Direction, tuple[Points, ...]]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a link lies: positions are at ``end_m - scale * (length - position on it)``."""

    direction: Direction
    end_m: float
    scale: float
    length_m: float


def common_cycle_s(corridor: Corridor, plans: Mapping[str, TimingPlan]) -> int:
    """Return after how many seconds all signals of a corridor stand alike again."""
    return math.lcm(*(plans[name].cycle_s for name in corridor.signals if name in plans))


def traces_of_both(
    case: SimulationCase,
    network: RoadNetwork,
    corridor: Corridor,
    in_force: Mapping[str, TimingPlan],
    plan_set: PlanSet,
    span_s: int,
    timeout_s: float = TIMEOUT_S,
    cancel: Event | None = None,
) -> tuple[Traces | None, Traces | None]:
    """Play the plans in force and new ones once each, under one seed.

    Parameters
    ----------
    case, network, corridor, span_s, timeout_s, cancel
        As for `played_traces`.
    in_force
        What runs now, by signal.
    plan_set
        What is to run; signals it does not name stay as they are.

    Raises
    ------
    SimulationError
        If SUMO fails.
    """
    new = {**in_force, **{plan.signal_id: plan for plan in plan_set.plans}}
    with TemporaryDirectory(prefix="throughband-") as folder:
        file = Path(folder) / "plan.add.xml"
        write_sumo_plan(file, plan_set, network)
        before, after = (
            played_traces(
                case, network, corridor, plans, additional, TRACED_SEED, span_s, timeout_s, cancel
            )
            for plans, additional in ((in_force, ()), (new, (file,)))
        )
    return before, after


def played_traces(
    case: SimulationCase,
    network: RoadNetwork,
    corridor: Corridor,
    plans: Mapping[str, TimingPlan],
    additional: tuple[Path, ...],
    seed: int,
    span_s: int,
    timeout_s: float = TIMEOUT_S,
    cancel: Event | None = None,
) -> Traces | None:
    """Play one seed and follow vehicles along a corridor for a few cycles in mid-window.

    Parameters
    ----------
    case, network, corridor
        What to play and where to look.
    plans
        What its signals run, by signal.
    additional
        Files that make SUMO run these plans; none for the plan in force.
    seed
        Of the run.
    span_s
        How long to follow vehicles, s: what the diagram shows.
    timeout_s, cancel
        Wall-clock limit of the run, and what ends it early.

    Returns
    -------
    Traces or None
        None where the signals do not come round to a common zero within the window.

    Raises
    ------
    SimulationError
        If SUMO fails.
    """
    cycle_s = common_cycle_s(corridor, plans)
    middle_s = max((case.begin_s + case.end_s) / 2, case.begin_s + LEAST_WARM_UP_S)
    begin_s = math.ceil(middle_s / cycle_s) * cycle_s
    if begin_s + span_s > case.end_s:
        return None
    places = _places(corridor, network)
    with TemporaryDirectory(prefix="throughband-") as folder:
        file, edges = Path(folder) / "fcd.xml", Path(folder) / "edges.txt"
        edges.write_text("".join(f"edge:{link}\n" for link in sorted(places)), encoding="utf-8")
        run(
            replace(case, end_s=begin_s + span_s + 1),
            seed,
            additional,
            emissions=False,
            timeout_s=timeout_s,
            cancel=cancel,
            options={
                "fcd-output": str(file),
                "fcd-output.attributes": "lane,pos",
                "fcd-output.filter-edges.input-file": str(edges),
                "device.fcd.begin": f"{begin_s}",
            },
        )
        return Traces(seed, begin_s, _lines(file, begin_s, begin_s + span_s, places))


def _places(corridor: Corridor, network: RoadNetwork) -> dict[str, _Place]:
    found: dict[str, _Place] = {}
    stops = corridor.stops
    outbound = zip(pairwise(stops), corridor.outbound_legs, strict=True)
    inbound = zip(pairwise(stops), corridor.inbound_legs, strict=False)
    for direction, rows in (("outbound", outbound), ("inbound", inbound)):
        for (near, far), leg in rows:
            length_m = far.distance_m - near.distance_m
            scale = length_m / leg.distance_m
            # The ways across the nodes belong to the leg and to no link: every node has its part.
            links_m = sum(network.links[name].length_m for name in leg.links)
            across_m = max(0.0, leg.distance_m - links_m) / len(leg.links)
            back_m = 0.0
            for name in reversed(leg.links):
                link_m = network.links[name].length_m
                if direction == "outbound":
                    place = _Place("outbound", far.distance_m - scale * back_m, scale, link_m)
                else:
                    place = _Place("inbound", near.distance_m + scale * back_m, -scale, link_m)
                found.setdefault(name, place)
                back_m += link_m + across_m
    return found


def _lines(
    file: Path, begin_s: float, end_s: float, places: Mapping[str, _Place]
) -> dict[Direction, tuple[Points, ...]]:
    open_: dict[tuple[str, Direction], list[tuple[float, float]]] = {}
    done: dict[Direction, list[Points]] = {"outbound": [], "inbound": []}

    def close(key: tuple[str, Direction]) -> None:
        points = open_.pop(key)
        if len(points) > 1:
            done[key[1]].append(np.array(points))

    for time_s, name, lane, position_m in _seen(file):
        place = places.get(lane.rpartition("_")[0])
        if place is None or not begin_s <= time_s <= end_s:
            continue
        key = (name, place.direction)
        at = time_s - begin_s
        if key in open_ and at - open_[key][-1][0] > LONGEST_GAP_S:
            close(key)
        left_m = max(0.0, place.length_m - position_m)
        open_.setdefault(key, []).append((at, place.end_m - place.scale * left_m))
    for key in list(open_):
        close(key)
    return {direction: tuple(rows) for direction, rows in done.items()}


def _seen(file: Path) -> Iterator[tuple[float, str, str, float]]:
    for step in iterate_elements(file, {"timestep"}):
        time_s = float(step.get("time", "nan"))
        for vehicle in step:
            if vehicle.tag == "vehicle":
                lane = vehicle.get("lane", "")
                yield time_s, vehicle.get("id", ""), lane, float(vehicle.get("pos", 0.0))
