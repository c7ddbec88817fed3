"""What a set of plans costs a street: delay, stops, queues, lane by lane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.measures import kernels
from engine.measures.delay import random_delay_s
from engine.measures.street import Floats, Integers, Street
from network.graph import RoadNetwork
from network.phasing import Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class StreetMeasures:
    """What the model says a plan costs.

    Attributes
    ----------
    delay_s
        Mean over all vehicle passages of a signal, s per vehicle, cost of stops not included.
    cost_s
        What the objective makes of it, s per vehicle; what the optimizer lowers. By default delay
        with the cost of stops.
    stops
        Stops per vehicle passage.
    lane_delay_s, lane_saturation, lane_queue_veh
        Per stop lane: mean delay, degree of saturation, longest queue.
    lane_volume_veh, lane_stops, lane_mean_queue_veh
        Per stop lane: vehicles that came, stops, and mean queue with what chance adds, vehicles.
    lane_outside_stops
        Per stop lane: how many of `lane_stops` are made before the roads of the network begin,
        where a queue is longer than the roads to the edge. They cost as others do; SUMO, which
        lets nobody in there, counts none of them.
    volume_veh
        Vehicle passages.
    left_veh
        Vehicles still waiting at the end.
    served_veh
        Vehicles that left a stop line.
    over_limit
        Lanes whose mean queue passes a limit that is to be kept; 0 where none is.
    cost_veh_s
        `cost_s` of all passages together, and of those who stand without anybody passing.
    bus_delay_s, bus_volume_veh
        Of each rider of the street, line by line along its route: mean delay of a bus, and buses.
    """

    delay_s: float
    cost_s: float
    stops: float
    lane_delay_s: Floats
    lane_saturation: Floats
    lane_queue_veh: Floats
    lane_volume_veh: Floats
    lane_stops: Floats
    lane_outside_stops: Floats
    lane_mean_queue_veh: Floats
    volume_veh: float
    left_veh: float
    served_veh: float
    over_limit: int
    cost_veh_s: float
    bus_delay_s: Floats
    bus_volume_veh: Floats


class Tables:
    """Service tables of plans, ready for the kernel; rows can be replaced signal by signal.

    Parameters
    ----------
    street
        The street the tables are for.
    network
        For the phases of its signals.
    longest_cycle_s
        Room to make.
    """

    def __init__(self, street: Street, network: RoadNetwork, longest_cycle_s: int) -> None:
        self.street = street
        self.network = network
        self.service = np.zeros((len(street.ways), longest_cycle_s))
        self.cycle_s = np.ones(len(street.signals), dtype=np.int32)
        self.begin_s = np.zeros(len(street.signals), dtype=np.int32)
        rows: dict[str, list[int]] = {signal: [] for signal in street.signals}
        for row, signal in enumerate(street.lanes.signal):
            rows[street.signals[signal]].append(row)
        self._rows = rows
        self._row_of = {signal: row for row, signal in enumerate(street.signals)}
        self._shown: dict[tuple[object, ...], Floats] = {}

    def set(self, plan: TimingPlan) -> None:
        """Lay one signal's plan into the tables."""
        phasing = self.network.signals[plan.signal_id].phasing
        if phasing is None:
            return
        signal = self._row_of[plan.signal_id]
        self.cycle_s[signal] = plan.cycle_s
        self.begin_s[signal] = plan.begin_s(phasing)
        rows = self._rows[plan.signal_id]
        if not rows:
            return
        key = (plan.signal_id, plan.sequence, plan.splits_s)
        if key not in self._shown:
            codes = second_codes(plan, phasing)
            driving = self.street.driving
            shown = [codes[:, list(self.street.ways[row].groups)].min(axis=1) for row in rows]
            self._shown[key] = usable(np.array(shown), driving.start_loss_s, driving.end_gain_s)
        self.service[rows, : plan.cycle_s] = self._shown[key]

    def open_always(self, signal_id: str) -> None:
        """Take a signal as always green: it is not understood, so it costs nothing here."""
        self.cycle_s[self._row_of[signal_id]] = 1
        for row in self._rows[signal_id]:
            self.service[row, 0] = 1.0


def second_codes(plan: TimingPlan, phasing: Phasing) -> Floats:
    """Return what every signal group shows in each second of the cycle.

    Parameters
    ----------
    plan, phasing
        A plan and the phases it is made of.

    Returns
    -------
    ndarray
        [second, group]: 2 protected green, 1 permissive green or turn after a stop, 0 otherwise.
        A second in which the picture changes counts as what most of it shows.
    """
    shown: list[Floats] = []
    passed_ds = 0
    for interval in plan.intervals(phasing):
        seconds_before = (passed_ds + TENTHS_PER_SECOND // 2 - 1) // TENTHS_PER_SECOND
        passed_ds += interval.duration_ds
        seconds = (passed_ds + TENTHS_PER_SECOND // 2 - 1) // TENTHS_PER_SECOND - seconds_before
        shown.append(np.tile(_codes(interval.aspects), (seconds, 1)))
    return np.concatenate(shown)


@lru_cache(maxsize=4096)
def _codes(aspects: str) -> Floats:
    return np.array([_CODES.get(aspect, 0.0) for aspect in aspects])


_CODES = {"G": 2.0, "O": 2.0, "g": 1.0, "s": 1.0, "o": 1.0}


def usable(shown: Floats, start_loss_s: int, end_gain_s: int) -> Floats:
    """Return the usable part of every second for one way, or for several.

    Parameters
    ----------
    shown
        [..., second of the cycle], as `second_codes` has it for the way's groups.
    start_loss_s, end_gain_s
        Green not used at its beginning, yellow used after its end, s.

    Returns
    -------
    ndarray
        Above 0 protected, below 0 permissive, 0 red.
    """
    code = np.where(shown == 2.0, 1.0, -shown)
    last = _turned(code, 1)
    green, before = code != 0.0, last != 0.0
    begins, ends = green & ~before, ~green & before
    result = code
    for gained in range(end_gain_s):
        result = np.where(_turned(ends, gained), _turned(last, gained), result)
    # The loss comes last: where green is shorter than it, it eats what yellow would give.
    for lost in range(start_loss_s):
        result = np.where(_turned(begins, lost), 0.0, result)
    return result


def _turned(values: NDArray[Any], seconds: int) -> NDArray[Any]:
    """Return values so many seconds later in the cycle; `np.roll` takes five times as long."""
    at = seconds % values.shape[-1]
    if not at:
        return values
    return np.concatenate([values[..., -at:], values[..., :-at]], axis=-1)


def empty_roads(street: Street) -> kernels.PlayState:
    """Return a street before anybody came, to be carried from one `evaluate` to the next."""
    longest_s = int(street.streams.delay_s.max(initial=1))
    lanes, ways = len(street.lane_names), len(street.ways)
    approaches = street.approaches.storage_veh.size
    riders = len(street.riders)
    return kernels.PlayState(
        np.zeros(lanes),
        np.zeros(lanes),
        np.zeros(ways),
        np.zeros(ways),
        np.zeros(ways, dtype=np.bool_),
        np.zeros(street.approaches.gate_share.shape[1]),
        np.zeros(street.approaches.gate_share.shape[1]),
        np.zeros(street.streams.share.size),
        np.zeros(approaches),
        np.zeros((street.streams.exit_approach.size, 1 << longest_s.bit_length())),
        np.zeros(1, dtype=np.int32),
        np.zeros(riders),
        np.zeros(riders),
        np.zeros(riders),
        np.zeros(riders, dtype=np.int32),
        np.zeros((riders, kernels.RIDER_RING)),
        np.zeros((riders, kernels.RIDER_RING)),
        np.zeros((riders, kernels.RIDER_RING)),
    )


def evaluate(
    tables: Tables,
    start_s: int,
    seconds: int,
    count_from_s: int = 0,
    state: kernels.PlayState | None = None,
) -> StreetMeasures:
    """Play the plans in the tables over the street.

    Parameters
    ----------
    tables
        Plans of every signal.
    start_s
        System time at which the play begins, s after system zero.
    seconds
        How long, s.
    count_from_s
        Seconds to leave out at the beginning.
    state
        Of `empty_roads`, changed: traffic goes on where the play before left it, and so do the
        demand's periods. By default nobody is there at first.

    Returns
    -------
    StreetMeasures
    """
    street = tables.street
    results = np.zeros((len(street.lane_names) + len(street.riders), kernels.RESULTS))
    kernels.play(
        street.lanes,
        street.approaches,
        street.streams,
        tables.service,
        tables.cycle_s,
        tables.begin_s,
        np.array([start_s, seconds, count_from_s], dtype=np.int32),
        np.array(
            [
                street.driving.critical_gap_s,
                street.driving.follow_up_s,
                street.driving.bunch_s,
                street.driving.slack_veh,
                float(street.period_s),
            ]
        ),
        results,
        empty_roads(street) if state is None else state,
    )
    cycle_s = tables.cycle_s[street.lanes.signal[street.lanes.first_way[:-1]]]
    return _measures(street, results, cycle_s, float(seconds - count_from_s))


def _measures(street: Street, every: Floats, cycle_s: Integers, period_s: float) -> StreetMeasures:
    results, riding = every[: len(street.lane_names)], every[len(street.lane_names) :]
    volume = results[:, kernels.VOLUME]
    capacity = results[:, kernels.CAPACITY]
    random_s = random_delay_s(volume, capacity, period_s)
    fluid = results[:, kernels.DELAY]
    delay = fluid + random_s * volume
    passages = float(volume.sum())
    # Vehicles left over by chance wait for the next green, and stop again for it.
    stops = results[:, kernels.STOPS] + random_s * volume / cycle_s
    prices = street.prices
    cost = prices.delay * delay + prices.stop_s * stops + prices.over * results[:, kernels.OVER]
    cost += prices.unfair * np.maximum(0.0, delay - prices.wait_s * volume)
    buses = riding[:, kernels.VOLUME]
    host = street.streams.rider_lane
    # What chance adds to a queue, it adds for those who ride in it.
    by_chance = random_s[host] * buses
    bus_delay = riding[:, kernels.DELAY] + by_chance
    if street.riders:
        stop_s = street.objective.stop_s(street.driving.stop_cost_s, prices.speed_mps)[host]
        bus_stops = riding[:, kernels.STOPS] + by_chance / cycle_s[host]
        persons = np.array([rider.persons for rider in street.riders])
        np.add.at(cost, host, persons * (bus_delay + stop_s * bus_stops))
    # What is left of a platoon that was spread out is nobody.
    driven = volume > kernels.TINY
    lane_delay = np.where(driven, delay / np.maximum(volume, kernels.TINY), 0.0)
    saturation = np.where(driven, volume / np.maximum(capacity, 1e-9), 0.0)
    mean_queue = delay / period_s
    limit = street.objective.queue_limit
    kept = limit is not None and limit.price is None
    return StreetMeasures(
        float(delay.sum()) / max(passages, 1e-9),
        float(cost.sum()) / max(passages, 1e-9),
        float(stops.sum()) / max(passages, 1e-9),
        lane_delay,
        saturation,
        results[:, kernels.LONGEST].copy(),
        volume.copy(),
        stops,
        results[:, kernels.OUTSIDE].copy(),
        mean_queue,
        passages,
        float(results[:, kernels.LEFT].sum()),
        float(results[:, kernels.DEPARTED].sum()),
        int((mean_queue > prices.limit_veh).sum()) if kept else 0,
        float(cost.sum()),
        np.where(buses > kernels.TINY, bus_delay / np.maximum(buses, kernels.TINY), 0.0),
        buses.copy(),
    )
