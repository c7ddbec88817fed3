"""A coordination group in its steady cycle: what plans cost, in microseconds a plan.

The queue model of `engine.measures.evaluation` plays an hour; this one solves one cycle of it.
It is for searching. What it leaves out (queues that block the junction behind them, demand that
changes within the hour) the hour-long model has, which judges the best plans found here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.measures import cyclic_arrays as columns
from engine.measures import cyclic_kernels as kernels
from engine.measures.cyclic_group import CyclicGroup, cyclic_group
from engine.measures.cyclic_service import fading, kind_of, manners_of, way_service
from engine.measures.objective import NO_LIMIT_S
from engine.measures.street import UNLIMITED_VEH, Floats, Integers, Street
from network.graph import RoadNetwork
from network.timing import TimingPlan

OVER_PRICE = 2.0
"""Price of a vehicle that stands beyond its lane's storage, in vehicles delayed: it holds up about
one more behind it, and then the street upstream."""


class CyclicTables:
    """Plans of a group, ready for the kernel; replaced signal by signal.

    Parameters
    ----------
    group
        The group.
    network
        For the phases of its signals.
    cycle_s
        The common cycle; a signal's own must divide it.
    """

    def __init__(self, group: CyclicGroup, network: RoadNetwork, cycle_s: int) -> None:
        self.group = group
        self.cycle_s = cycle_s
        arrays = group.arrays
        self.service = np.zeros((arrays.way_lane.size, cycle_s))
        self.begin_s = np.zeros(len(group.signals), np.int32)
        self._network = network
        self._ways = {name: group.ways_of(name) for name in group.signals}
        self.inflow = np.zeros((arrays.steady_vps.size, cycle_s))
        self.departures = np.zeros_like(self.service)
        self.results = np.zeros((arrays.storage_veh.size, columns.RESULTS))
        self._fading = fading(arrays, cycle_s)
        self._manners = manners_of(group.street)
        self._weights = cost_weights(group)

    def set(self, plan: TimingPlan) -> None:
        """Lay one signal's plan into the tables."""
        signal = self._network.signals[plan.signal_id]
        assert signal.phasing is not None
        ways = self._ways[plan.signal_id]
        self.service[ways] = way_service(self.group, self._network, plan, self.cycle_s)
        self.begin_s[self.group.signals.index(plan.signal_id)] = plan.begin_s(signal.phasing)
        for lane in np.unique(self.group.arrays.way_lane[ways]):
            self.group.arrays.kind[lane] = kind_of(self.group, int(lane), self.service)

    def solve(self) -> Floats:
        """Solve the cycle; the results per lane, as the kernel has them."""
        kernels.profile(
            self.group.arrays,
            self._fading,
            self.service,
            self.begin_s,
            self._manners,
            self.inflow,
            self.departures,
            self.results,
        )
        return self.results

    def costs(self, begin_s: Integers) -> Floats:
        """Cost plans that differ only in when the signals' tables begin, [plan, signal]."""
        costs = np.empty(len(begin_s))
        kernels.plan_costs(
            self.group.arrays,
            self._fading,
            self.service,
            begin_s,
            self._manners,
            self._weights,
            (self.inflow, self.departures),
            self.results,
            costs,
        )
        return costs

    def cost(self) -> float:
        """Return what the plans cost, vehicle-seconds per second."""
        return float(kernels.total_cost(self.solve(), self.cycle_s, self._weights))


def cyclic_cost(
    street: Street, network: RoadNetwork, plans: Mapping[str, TimingPlan], group: tuple[str, ...]
) -> float:
    """Return what the plans of a group cost in their steady cycle.

    Parameters
    ----------
    street, network
        The roads and their demand.
    plans
        By signal; the longest cycle of the group must be a multiple of every other.
    group
        The signals.

    Returns
    -------
    float
        Vehicle-seconds per second.
    """
    cycle_s = max(plans[name].cycle_s for name in group)
    tables = CyclicTables(cyclic_group(street, group), network, cycle_s)
    for name in group:
        tables.set(plans[name])
    return tables.cost()


def cost_weights(group: CyclicGroup) -> Floats:
    """Return what the street's objective makes of a group's lanes, for `total_cost`.

    Blocking back, which this model does not play, costs `OVER_PRICE` beside the engineer's price.
    """
    street, lanes = group.street, group.lanes
    prices = street.prices
    every = np.zeros((lanes.size + len(group.riders), columns.WEIGHTS))
    every[:, columns.PERIOD_S] = street.horizon_s
    every[:, columns.WAIT_S] = NO_LIMIT_S
    weights = every[: lanes.size]
    weights[:, columns.DELAY] = prices.delay[lanes]
    weights[:, columns.STOP_S] = prices.stop_s[lanes]
    weights[:, columns.OVER_PRICE] = OVER_PRICE + prices.over[lanes]
    weights[:, columns.LIMIT_VEH] = prices.limit_veh[lanes]
    weights[:, columns.GROWING] = np.where(prices.over > 0, OVER_PRICE + prices.over, 0.0)[lanes]
    weights[:, columns.WAIT_S] = prices.wait_s[lanes]
    weights[:, columns.UNFAIR] = prices.unfair[lanes]
    for row, rider in enumerate(group.riders, lanes.size):
        stop_s = street.objective.stop_s(street.driving.stop_cost_s, prices.speed_mps)[rider.lane]
        every[row, columns.LIMIT_VEH] = UNLIMITED_VEH
        every[row, columns.DELAY] = rider.persons
        every[row, columns.STOP_S] = rider.persons * stop_s
        # What chance and oversaturation do to the queue, they do to who rides in it.
        volume = street.lane_volume_vps[rider.lane]
        host = group.arrays.rides[row]
        every[host, columns.RIDING] += rider.persons * rider.flow_vps / max(volume, 1e-12)
    return every
