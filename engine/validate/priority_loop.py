"""A SUMO street on which one vehicle asks for priority wherever it is.

As `engine.validate.adaptive_loop`, with one vehicle followed on its way. It drives like any car
and obeys the lights; what is gained is gained by the signals alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.sax.saxutils import quoteattr

from engine.adaptive.control import Controller, Site
from engine.adaptive.player import Player
from engine.adaptive.priority import Priority
from engine.adaptive.requests import Request
from engine.adaptive.sensing import Sensing, Sensors, Traffic
from engine.validate.adaptive_loop import _Street
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import TRIPINFO
from network.errors import SimulationError
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from network.units import tenths

VEHICLE_ID: Final = "throughband-emergency"


@dataclass(frozen=True, slots=True)
class Ride:
    """What became of the vehicle, and of all others.

    Attributes
    ----------
    travel_s, delay_s
        Of the vehicle from the moment it was due, s; infinite travel time where it was still
        under way at the end.
    arrived
        Whether it reached its destination.
    others
        Vehicles due up to the end, beside it.
    others_lost_s
        Their time loss and departure delay up to the end, all together, s.
    """

    travel_s: float
    delay_s: float
    arrived: bool
    others: int
    others_lost_s: float


class Follower:
    """Tells the overlay where its vehicle is.

    Parameters
    ----------
    network
        The roads.
    links
        The way.
    request
        To be handed in when the vehicle enters.
    """

    def __init__(self, network: RoadNetwork, links: Sequence[str], request: Request) -> None:
        self._request = request
        self._begin_m: dict[str, float] = {}
        self._along_m = at_m = 0.0
        for link_id, onward in zip(links, [*links[1:], ""], strict=True):
            self._begin_m.setdefault(link_id, at_m)
            turns = [c for c in network.turns_from[link_id] if c.to_link == onward]
            at_m += network.links[link_id].length_m + (turns[0].length_m if turns else 0.0)
        self._asked = False

    def look(self, traffic: Traffic, priority: Priority) -> None:
        """Hand in, renew or withdraw the request by what is on the street now."""
        if self._request.vehicle_id not in traffic.names:
            if self._asked:
                priority.withdraw(self._request.vehicle_id)
            return
        if not self._asked:
            priority.ask(self._request)
            self._asked = True
        row = list(traffic.names).index(self._request.vehicle_id)
        link_id, _, _ = traffic.lanes[row].rpartition("_")
        if link_id in self._begin_m:
            self._along_m = self._begin_m[link_id] + float(traffic.position_m[row])
        else:
            # Inside a node: past the stop line, by what it drives.
            self._along_m += float(traffic.speed_mps[row])
        priority.locate(self._request.vehicle_id, self._along_m)


def ride(
    case: SimulationCase,
    seed: int,
    sites: Sequence[Site],
    beneath: Controller,
    links: Sequence[str],
    depart_s: float,
    follower: Follower | None = None,
    sensing: Sensing | None = None,
) -> Ride:
    """Play one seed with one more vehicle on the street.

    Parameters
    ----------
    case
        What to play, up to its end.
    seed
        SUMO's random seed.
    sites
        Signals under control.
    beneath
        Decides; with a follower, priority is laid over it.
    links
        The vehicle's way.
    depart_s
        When it is due, s of the street's clock; one due outside the window never enters.
    follower
        Asks for the vehicle; None for a ride without priority.
    sensing
        What the controller sees.

    Raises
    ------
    SimulationError
        SUMO failed, or there is no signal under control.
    """
    if not sites:
        raise SimulationError(f"{case.config_file} has no signal that may be controlled")
    priority = Priority(beneath)
    priority.start(sites)
    sensors = Sensors(sites, sensing or Sensing())
    with TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        routes = folder / "vehicle.rou.xml"
        edges = quoteattr(" ".join(links))
        routes.write_text(
            f'<routes><vType id="{VEHICLE_ID}" guiShape="emergency"/>'
            f'<vehicle id="{VEHICLE_ID}" type="{VEHICLE_ID}" depart="{depart_s:g}" '
            f'departLane="best" departSpeed="max"><route edges={edges}/></vehicle></routes>',
            encoding="utf-8",
        )
        loaded = replace(case, route_files=(*case.route_files, routes))
        with _Street(loaded, seed, (), (), False) as street:
            street.watch_vehicles()
            step_ds = tenths(street.step_s)
            players = {s.signal_id: Player(s, s.sequence[0], step_ds) for s in sites}
            while street.time_s < case.end_s:
                traffic = street.traffic()
                if follower is not None:
                    follower.look(traffic, priority)
                views = sensors.observe(street.time_s, traffic, players)
                wishes = priority.decide(street.time_s, views)
                street.show(
                    {
                        name: player.advance(wishes.get(name), (views[name].count_veh > 0).tolist())
                        for name, player in players.items()
                    }
                )
                street.step()
            street.finish()
            street.keep(folder / "out")
        return _outcome(folder / "out" / TRIPINFO, case, depart_s)


def _outcome(file: Path, case: SimulationCase, depart_s: float) -> Ride:
    others, lost_s = 0, 0.0
    travel_s, delay_s, arrived = float("inf"), case.end_s - depart_s, False
    for trip in iterate_elements(file, {"tripinfo"}):
        entered = float(trip.attrib["depart"]) >= 0
        outside_s = float(trip.attrib["departDelay"])
        spent_s = outside_s + (float(trip.attrib["timeLoss"]) if entered else 0.0)
        if trip.attrib["id"] == VEHICLE_ID:
            arrived = entered and float(trip.attrib["arrival"]) >= 0
            delay_s = spent_s
            if arrived:
                travel_s = outside_s + float(trip.attrib["duration"])
        elif entered or 0.0 < outside_s <= case.end_s - case.begin_s:
            others += 1
            lost_s += spent_s
    return Ride(travel_s, delay_s, arrived, others, lost_s)
