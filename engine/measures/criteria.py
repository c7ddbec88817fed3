"""What plans come to by every criterion an engineer may ask for, and which queues pass their room.

All from one play of the hour-long model. No one number tells whether plans are good: a plan that
lowers delay may raise stops, or starve a side street, or stand on the junction behind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.measures.evaluation import StreetMeasures
from engine.measures.street import Floats, Street
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

LEAST_VPH = 10.0
"""Movements of less are not looked at for the longest wait: nobody could measure it."""

UNLIMITED_VEH = 1e6
LEAST_GROWTH_VEH = 0.5
"""Mean queues that grow by less are told as they were: the model does not know them better."""


@dataclass(frozen=True, slots=True)
class MovementDelay:
    """The mean delay of a movement, s per vehicle."""

    movement: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Criteria:
    """What plans come to.

    Attributes
    ----------
    delay_s, stops
        Per vehicle that passes a signal.
    person_delay_h
        Delay of all persons, hours in the time played; of those on buses where persons are what
        is wanted and their lines are known.
    fuel_l, co2_kg
        What waiting and stopping burn in the time played; not what driving burns.
    longest
        The movement that waits longest on average, of those that carry `LEAST_VPH` and more; None
        where none does.
    served_veh
        Vehicles that left a stop line.
    cost_s
        What the objective makes of it, per vehicle.
    """

    delay_s: float
    stops: float
    person_delay_h: float
    fuel_l: float
    co2_kg: float
    longest: MovementDelay | None
    served_veh: float
    cost_s: float


@dataclass(frozen=True, slots=True)
class QueueFinding:
    """A movement whose mean queue passes its room under a plan.

    Attributes
    ----------
    movement, lane
        Where; of a movement with several lanes the one that is fullest.
    room_veh
        Vehicles that fit in before a neighboring lane or the junction behind is blocked.
    before_veh, after_veh
        Mean queue under the plans in force and under the new ones, with what chance adds.
    """

    movement: str
    lane: str
    room_veh: float
    before_veh: float
    after_veh: float

    @property
    def because_of_plan(self) -> bool:
        """Whether the new plan lets the queue grow past its room, or farther past it."""
        least = max(self.room_veh, self.before_veh + LEAST_GROWTH_VEH)
        return self.after_veh > least


def criteria_of(street: Street, network: RoadNetwork, measures: StreetMeasures) -> Criteria:
    """Sum up a play of the hour-long model by every criterion.

    Parameters
    ----------
    street, network
        The roads and what is wanted.
    measures
        From `engine.measures.evaluation.evaluate` of the same street.
    """
    prices, fuel = street.prices, street.objective.fuel
    lane_s = measures.lane_delay_s * measures.lane_volume_veh
    bus_s = measures.bus_delay_s * measures.bus_volume_veh
    carried = np.array([rider.passengers for rider in street.riders])
    burnt_l = fuel.burnt_l(lane_s, measures.lane_stops, prices.speed_mps)
    delays = movement_delays_s(street, network, measures)
    longest = max(delays.items(), key=lambda item: (item[1], item[0]), default=None)
    return Criteria(
        measures.delay_s,
        measures.stops,
        (float((lane_s * prices.persons).sum()) + float((bus_s * carried).sum()))
        / SECONDS_PER_HOUR,
        burnt_l,
        burnt_l * fuel.co2_g_per_l / 1000.0,
        MovementDelay(*longest) if longest is not None else None,
        measures.served_veh,
        measures.cost_s,
    )


def movement_delays_s(
    street: Street, network: RoadNetwork, measures: StreetMeasures
) -> dict[str, float]:
    """Return the mean delay of movements that carry `LEAST_VPH` and more, s per vehicle."""
    lane_s = measures.lane_delay_s[street.lanes.lane]
    rows = _ways_of(street, network)
    delays: dict[str, float] = {}
    for movement, ways in rows.items():
        flow = street.way_volume_vps[ways]
        if flow.sum() * SECONDS_PER_HOUR >= LEAST_VPH:
            delays[movement] = float((lane_s[ways] * flow).sum() / flow.sum())
    return delays


def queues_past_room(
    street: Street, network: RoadNetwork, before: StreetMeasures, after: StreetMeasures
) -> tuple[QueueFinding, ...]:
    """Return the movements whose mean queue passes its room under either of two sets of plans.

    Parameters
    ----------
    street, network
        The roads.
    before, after
        Plays of the plans in force and of the new ones.

    Returns
    -------
    tuple of QueueFinding
        The fullest under the new plans first. Roads that lead in from outside have room without
        end and are not among them.
    """
    room = street.prices.room_veh
    found = []
    for movement, ways in _ways_of(street, network).items():
        lanes = np.unique(street.lanes.lane[ways[street.way_volume_vps[ways] > 0]])
        if not lanes.size:
            continue
        filled = _part(after, room)[lanes], _part(before, room)[lanes]
        if max(part.max() for part in filled) <= 1.0:
            continue
        fullest = filled[0] if filled[0].max() > 1.0 else filled[1]
        lane = int(lanes[int(fullest.argmax())])
        found.append(
            QueueFinding(
                movement,
                street.lane_names[lane],
                float(room[lane]),
                float(before.lane_mean_queue_veh[lane]),
                float(after.lane_mean_queue_veh[lane]),
            )
        )
    return tuple(sorted(found, key=lambda f: (-f.after_veh / f.room_veh, f.movement)))


def _part(measures: StreetMeasures, room_veh: Floats) -> Floats:
    part: Floats = np.where(room_veh < UNLIMITED_VEH, measures.lane_mean_queue_veh / room_veh, 0.0)
    return part


def _ways_of(
    street: Street, network: RoadNetwork
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    movement_of = {
        connection.connection_id: movement.movement_id
        for movement in network.movements.values()
        for connection in movement.connections
    }
    rows: dict[str, list[int]] = {}
    for row, way in enumerate(street.ways):
        rows.setdefault(movement_of[way.connection_id], []).append(row)
    return {name: np.array(ways, dtype=np.intp) for name, ways in sorted(rows.items())}
