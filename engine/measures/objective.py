"""What an engineer wants of the plans, and what that makes a lane's waiting and stopping cost.

One definition for all models. On every stop lane with d vehicle-seconds of delay, n stops, v
vehicles and queues that stand o vehicle-seconds beyond their limit,

    cost = delay · d + stop_s · n + over · o + unfair · max(0, d - wait_s · v)

in vehicle-seconds. `engine.measures.cyclic_kernels.total_cost` takes it for a second of the steady
cycle, `engine.measures.batch_kernels` for many plans at once, `engine.measures.evaluation` for the
hour. With weights it is in seconds of a vehicle whose weight is 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.measures.emissions import Fuel
from network.errors import PlanError
from network.transit import BusLine

Floats = NDArray[np.float64]

STOPS_PENALTY_S = 60.0
"""What a stop counts where stops are to be few, s. With no price on waiting at all the best plan
would stop a side street once and for all."""

HARD_PRICE = 100.0
"""Price of a vehicle beyond a queue limit that is to be kept, in vehicles delayed."""

UNFAIR_PRICE = 20.0
"""What a second of mean wait beyond the longest that is allowed counts."""

NO_LIMIT_S = 1e6
LARGEST_WEIGHT = 1000.0

SPREAD_95 = 1.6448536269514722
"""Standard normal quantile of 95 %. A queue of mean m is taken to spread by the root of m."""


class Goal(StrEnum):
    """What is to be little."""

    DELAY = "delay"
    PERSON_DELAY = "person-delay"
    STOPS = "stops"
    EMISSIONS = "emissions"


class QueueMeasure(StrEnum):
    """Which queue is held against its limit."""

    MEAN = "mean"
    PERCENTILE_95 = "95th"


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """How far queues may reach.

    Attributes
    ----------
    part
        Of the room that a lane has, up to the end of its pocket or to the signal behind.
    measure
        The mean queue, or the one that 95 of 100 moments stay below.
    price
        What a vehicle beyond costs, in vehicles delayed; None to refuse plans that pass the limit
        while one is found that keeps it.
    """

    part: float = 1.0
    measure: QueueMeasure = QueueMeasure.MEAN
    price: float | None = None

    def __post_init__(self) -> None:
        if not 0.05 <= self.part <= 2.0:
            raise PlanError(
                f"queue limit: found {self.part:g}; allowed are parts of storage from 0.05 to 2"
            )
        if self.price is not None and not 0.0 < self.price <= LARGEST_WEIGHT:
            raise PlanError(
                f"queue price: found {self.price:g}; allowed are numbers above 0 up to "
                f"{LARGEST_WEIGHT:g}"
            )

    def mean_veh(self, room_veh: Floats) -> Floats:
        """Return the mean queue at which the limit is reached, vehicles; same shape."""
        allowed = self.part * room_veh
        if self.measure is QueueMeasure.MEAN:
            return allowed
        # m + z * sqrt(m) = allowed
        root = 0.5 * (np.sqrt(SPREAD_95**2 + 4.0 * allowed) - SPREAD_95)
        result: Floats = root**2
        return result


@dataclass(frozen=True, slots=True)
class Objective:
    """What the optimizer lowers.

    Attributes
    ----------
    goal
        Delay, delay of persons, stops, or emissions. All are delay with a price on stops: the
        penalty below, `STOPS_PENALTY_S` where stops are to be few, or the delay that burns as much
        fuel as a stop.
    stop_penalty_s
        What a stop costs, s; None for the goal's own: with delay, what the driving says.
    weights
        Of delay and stops, by movement or by link (all its movements); 1 by default. A movement's
        own goes before its link's.
    occupancy, occupancies
        Persons in a vehicle: by default, and by movement or link.
    queue_limit
        Limit on queues; None for none.
    longest_wait_s
        Mean wait beyond which a lane's vehicles count `UNFAIR_PRICE` times, and beyond which a
        plan that makes pedestrians wait is refused; None for none.
    fuel
        What waiting and stopping burn.
    buses
        Lines whose passengers count beside those in the vehicles, where persons do; their buses
        are among the vehicles counted.

    Raises
    ------
    PlanError
        If a number is out of its range.
    """

    goal: Goal = Goal.DELAY
    stop_penalty_s: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    occupancy: float = 1.0
    occupancies: Mapping[str, float] = field(default_factory=dict)
    queue_limit: QueueLimit | None = None
    longest_wait_s: float | None = None
    fuel: Fuel = field(default_factory=Fuel)
    buses: tuple[BusLine, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))
        object.__setattr__(self, "occupancies", MappingProxyType(dict(self.occupancies)))
        checked = [
            ("stop penalty", self.stop_penalty_s, 0.0, LARGEST_WEIGHT),
            ("longest wait", self.longest_wait_s, 5.0, 600.0),
            ("occupancy", self.occupancy, 0.01, LARGEST_WEIGHT),
            *((f"weight of {n!r}", w, 0.0, LARGEST_WEIGHT) for n, w in self.weights.items()),
            *((f"occupancy of {n!r}", o, 0.0, LARGEST_WEIGHT) for n, o in self.occupancies.items()),
        ]
        for name, value, least, most in checked:
            if value is not None and not least <= value <= most:
                raise PlanError(f"{name}: found {value:g}; allowed are {least:g} to {most:g}")

    def __reduce__(self) -> tuple[object, ...]:
        # Mapping proxies cannot be pickled; workers get plain dictionaries.
        return (
            Objective,
            (
                self.goal,
                self.stop_penalty_s,
                dict(self.weights),
                self.occupancy,
                dict(self.occupancies),
                self.queue_limit,
                self.longest_wait_s,
                self.fuel,
                self.buses,
            ),
        )

    @property
    def is_default(self) -> bool:
        """Whether nothing was asked for."""
        return self == Objective()

    def __str__(self) -> str:
        told = {
            Goal.DELAY: "little delay",
            Goal.PERSON_DELAY: "little delay of persons",
            Goal.STOPS: "few stops",
            Goal.EMISSIONS: "little fuel burnt by waiting and stopping",
        }[self.goal]
        if self.stop_penalty_s is not None:
            told += f", a stop counting {self.stop_penalty_s:g} s of delay"
        elif self.goal is Goal.STOPS:
            told += f", a stop counting {STOPS_PENALTY_S:g} s of delay"
        if self.buses and self.goal is Goal.PERSON_DELAY:
            told += f", those on {len(self.buses)} bus lines among them"
        if self.weights:
            told += f", weights on {len(self.weights)} links and movements"
        limit = self.queue_limit
        if limit is not None:
            queue = "mean" if limit.measure is QueueMeasure.MEAN else "95th percentile"
            told += f", {queue} queues within {100 * limit.part:.0f} % of their room"
            if limit.price is not None:
                told += f" (a vehicle beyond counts {limit.price:g})"
        if self.longest_wait_s is not None:
            told += f", mean waits within {self.longest_wait_s:g} s"
        return told

    def weight(self, movement: str, link: str) -> float:
        """Return the weight of a movement that comes from a link."""
        return self.weights.get(movement, self.weights.get(link, 1.0))

    def persons(self, movement: str, link: str) -> float:
        """Return the persons in a vehicle of a movement that comes from a link."""
        return self.occupancies.get(movement, self.occupancies.get(link, self.occupancy))

    def stop_s(self, driving_s: float, speed_mps: Floats) -> Floats:
        """Return what a stop costs on lanes of some speeds, s.

        Parameters
        ----------
        driving_s
            What drivers lose by a stop.
        speed_mps
            Speeds of the lanes.
        """
        if self.stop_penalty_s is not None:
            return np.full(speed_mps.shape, self.stop_penalty_s)
        if self.goal is Goal.EMISSIONS:
            return self.fuel.stop_s(speed_mps)
        return np.full(speed_mps.shape, STOPS_PENALTY_S if self.goal is Goal.STOPS else driving_s)


class LanePrices(NamedTuple):
    """What the objective makes of the lanes of a street, one number per stop lane.

    ``delay``, ``stop_s``, ``over``, ``wait_s`` and ``unfair`` are those of the module's formula;
    ``limit_veh`` is the queue beyond which a vehicle is beyond, ``room_veh`` where the next pocket
    or junction is blocked, ``persons`` what a vehicle carries, ``speed_mps`` what a stop costs it.
    """

    delay: Floats
    stop_s: Floats
    over: Floats
    limit_veh: Floats
    wait_s: Floats
    unfair: Floats
    room_veh: Floats
    persons: Floats
    speed_mps: Floats


def lane_prices(
    objective: Objective,
    movements: Sequence[tuple[str, str]],
    flow_vps: Floats,
    way_lane: NDArray[np.int32],
    storage_veh: Floats,
    room_veh: Floats,
    speed_mps: Floats,
    driving_s: float,
) -> LanePrices:
    """Price the lanes of a street.

    Parameters
    ----------
    objective
        What is wanted.
    movements
        [way]: movement and link it comes from.
    flow_vps, way_lane
        [way]: mean flow and lane. All who wait in a lane wait alike: its weight is the mean of
        its movements', by flow.
    storage_veh, room_veh, speed_mps
        [lane]: vehicles in its pocket, vehicles that block nobody else, and free speed, m/s.
    driving_s
        What drivers lose by a stop, s.
    """
    lanes = storage_veh.size
    persons = _by_flow(
        [objective.persons(*found) for found in movements], flow_vps, way_lane, lanes
    )
    weight = _by_flow([objective.weight(*found) for found in movements], flow_vps, way_lane, lanes)
    if objective.goal is Goal.PERSON_DELAY:
        both = [objective.weight(*found) * objective.persons(*found) for found in movements]
        weight = _by_flow(both, flow_vps, way_lane, lanes)
    limit = objective.queue_limit
    price = 0.0 if limit is None else HARD_PRICE if limit.price is None else limit.price
    wait_s = objective.longest_wait_s
    return LanePrices(
        weight,
        weight * objective.stop_s(driving_s, speed_mps),
        np.full(lanes, price),
        storage_veh if limit is None else limit.mean_veh(room_veh),
        np.full(lanes, NO_LIMIT_S if wait_s is None else wait_s),
        np.full(lanes, 0.0 if wait_s is None else UNFAIR_PRICE),
        room_veh,
        persons,
        speed_mps,
    )


def _by_flow(
    values: Sequence[float], flow_vps: Floats, way_lane: NDArray[np.int32], lanes: int
) -> Floats:
    """Return each lane's mean over its ways, by flow; plain where nothing flows."""
    value = np.array(values, dtype=np.float64)
    flow = np.maximum(flow_vps, 1e-12)
    # From the first way's value on, so that equal values come back as they are.
    base = np.zeros(lanes)
    base[way_lane[::-1]] = value[::-1]
    beyond = np.bincount(way_lane, (value - base[way_lane]) * flow, lanes)
    result: Floats = base + beyond / np.maximum(np.bincount(way_lane, flow, lanes), 1e-300)
    return result
