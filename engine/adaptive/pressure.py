"""Known controllers without training, as peers: max-pressure and its kin, longest queue.

Each scores the stages of one signal from what is seen of it, every so many seconds, and wishes
for the best one; stages of equal score leave the signal as it is. Between two decisions the
wish stands. The harness makes it lawful, so a switch costs its clearance and a stage lasts its
least green, whatever the interval.

Turn intentions are unknown: a lane counts for each of its turns in equal shares. What is not
seen counts as nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import CLOSED, Floats, Information, Integers, Site, View
from network.errors import EngineError, InsufficientDataError

RESCO_INTERVAL_S: Final = 10
"""Ault and Sharon, NeurIPS 2021 (RESCO): its classic controllers decide every 10 s, 3 s of yellow
included."""
RESCO_YELLOW_S: Final = 3
WAVE_REACH_M: Final = 50.0
"""RESCO's setting for its longest-queue controller ("max-wave")."""
LONGEST_CYCLE_S: Final = 120
NORMAL_CAPACITY_VEH: Final = 500.0
NORMAL_POWER: Final = 4
"""C∞ and m of the normalized pressure, as its authors set them in their simulations."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The turns of one signal as arrays; W of them, S stages, L stop lanes, E exit lanes.

    Attributes
    ----------
    service
        How a stage serves a turn; int32[S, W].
    lane, exit
        Rows of the stop lane and the exit lane of each turn; int32[W].
    share
        Part of the lane's traffic taken to make the turn; float64[W].
    flow_vps
        Saturation flow, veh/s; float64[W].
    lane_storage_veh
        Vehicles that can stand on each stop lane and its feeders; float64[L].
    lane_reach_m
        Length of each stop lane with its longest feeder, m; float64[L].
    exit_capacity_veh, exit_length_m
        Of each exit lane; float64[E].
    """

    service: Integers
    lane: Integers
    exit: Integers
    share: Floats
    flow_vps: Floats
    lane_storage_veh: Floats
    lane_reach_m: Floats
    exit_capacity_veh: Floats
    exit_length_m: Floats

    @classmethod
    def of(cls, site: Site) -> Ways:
        """Tabulate the turns of a signal."""
        ways = [(row, way) for row, lane in enumerate(site.lanes) for way in lane.ways]
        reach = [lane.length_m for lane in site.lanes]
        for feeder in site.feeders:
            for row in feeder.leads_to:
                reach[row] = max(reach[row], feeder.to_stop_m + feeder.length_m)
        service = np.array([way.service for _, way in ways], dtype=np.int32)
        return cls(
            service=service.reshape(len(ways), len(site.stages)).T.copy(),
            lane=np.array([row for row, _ in ways], dtype=np.int32),
            exit=np.array([way.exit for _, way in ways], dtype=np.int32),
            share=np.array([1.0 / len(site.lanes[row].ways) for row, _ in ways]),
            flow_vps=np.array([1.0 / way.headway_s for _, way in ways]),
            lane_storage_veh=np.array([lane.storage_veh for lane in site.lanes]),
            lane_reach_m=np.array(reach),
            exit_capacity_veh=np.array([lane.capacity_veh for lane in site.exits]),
            exit_length_m=np.array([lane.length_m for lane in site.exits]),
        )

    def sum_served(self, weight: Floats) -> Floats:
        """Add up what each stage serves of a weight per turn; float64[S]."""
        served: Floats = (self.service != CLOSED) @ weight
        return served


Score = Callable[[Ways, View], Floats]
"""Scores every stage of a signal; float64[S], the higher the better."""


def longest_queue(ways: Ways, view: View, reach_m: float = WAVE_REACH_M) -> Floats:
    """Count the vehicles, moving or not, that a stage serves within reach of the stop line.

    Parameters
    ----------
    ways, view
        The signal and what is seen of it.
    reach_m
        How far back a vehicle counts, m.

    Notes
    -----
    "Max-wave" or "greedy" of Ault and Sharon, Reinforcement Learning Benchmarks for Traffic
    Signal Control, NeurIPS 2021 Datasets and Benchmarks, with their 50 m and 10 s. Theirs adds up
    two hand-picked directions per stage, ours all lanes it serves.
    """
    near = view.object_lane[view.object_m <= reach_m]
    count = np.bincount(near, minlength=len(ways.lane_reach_m)).astype(np.float64)
    return ways.sum_served(ways.share * count[ways.lane])


def max_pressure(ways: Ways, view: View) -> Floats:
    """Weigh each turn by its queue less the queue on the lane it leads to.

    Notes
    -----
    Varaiya, Max pressure control of a network of signalized intersections, Transportation
    Research Part C 36 (2013), 177-195, doi:10.1016/j.trc.2013.08.014. RESCO runs it every 10 s
    on queues within 200 m.
    """
    queue, onward = _seen(view.queue_veh), _seen(view.exit_queue_veh)
    gap = queue[ways.lane] - onward[ways.exit]
    return ways.sum_served(ways.share * ways.flow_vps * gap)


def capacity_aware(ways: Ways, view: View) -> Floats:
    """Weigh turns by normalized pressures, which rise steeply as a road fills up.

    A turn whose exit is full, or that has nobody waiting, weighs nothing.

    Notes
    -----
    Gregoire, Qian, Frazzoli, de La Fortelle and Wongpiromsarn, Capacity-aware backpressure
    traffic signal control, IEEE Transactions on Control of Network Systems 2 (2015), 164-173,
    doi:10.1109/TCNS.2014.2378871.
    """
    count, onward = _seen(view.count_veh), _seen(view.exit_count_veh)
    behind = normalized_pressure(count, ways.lane_storage_veh)[ways.lane]
    ahead = normalized_pressure(onward, ways.exit_capacity_veh)[ways.exit]
    gap = np.maximum(behind - ahead, 0.0)
    return ways.sum_served(ways.share * ways.flow_vps * gap)


def position_weighted(ways: Ways, view: View) -> Floats:
    """Weigh vehicles by where they are: near the stop line, and near the beginning of the exit.

    On an exit lane only the number of vehicles and the free length before the last one are
    seen; they are taken to stand evenly over the rest.

    Notes
    -----
    Li and Jabari, Position weighted backpressure intersection control for urban networks,
    Transportation Research Part B 128 (2019), 435-461, doi:10.1016/j.trb.2019.08.005.
    """
    reach_m = ways.lane_reach_m[view.object_lane]
    nearness = np.clip(1.0 - view.object_m / reach_m, 0.0, 1.0)
    behind = np.bincount(view.object_lane, nearness, minlength=len(ways.lane_reach_m))
    used = 1.0 - np.clip(_seen(view.exit_free_m) / ways.exit_length_m, 0.0, 1.0)
    ahead = _seen(view.exit_count_veh) * used / 2.0
    gap = np.maximum(behind[ways.lane] - ahead[ways.exit], 0.0)
    return ways.sum_served(ways.share * ways.flow_vps * gap)


def normalized_pressure(count_veh: Floats, capacity_veh: Floats) -> Floats:
    """Return the pressure of roads by how full they are, 0 to 1.

    Parameters
    ----------
    count_veh, capacity_veh
        Vehicles on each road, and how many it holds, above 0.

    Notes
    -----
    Gregoire et al. 2015 (see `capacity_aware`), its normalized pressure function.
    """
    fill = count_veh / capacity_veh
    rest = 2.0 - capacity_veh / NORMAL_CAPACITY_VEH
    raised = count_veh / NORMAL_CAPACITY_VEH + rest * fill**NORMAL_POWER
    pressure: Floats = np.minimum(1.0, raised / (1.0 + fill ** (NORMAL_POWER - 1)))
    return pressure


class BestStage:
    """Shows the stage of the highest score, decided anew every so many seconds.

    Where a change takes longer than the yellow that the interval was made for, the next decision
    waits for as much more, so that every stage shows as much green: under 5 s of yellow a stage
    would else show green for half of its time.

    Parameters
    ----------
    score
        How to weigh stages.
    interval_s
        Time between two decisions, whole seconds from 1, with `RESCO_YELLOW_S` of a change.

    Raises
    ------
    EngineError
        The interval is below 1 s.
    """

    def __init__(self, score: Score, interval_s: int = RESCO_INTERVAL_S) -> None:
        if interval_s < 1:
            raise EngineError(f"a decision interval of {interval_s} s; allowed is 1 s or more")
        self._score = score
        self._interval_s = interval_s
        self._sites: dict[str, tuple[Site, Ways]] = {}
        self._wishes: dict[str, int] = {}
        self._next_s: dict[str, float] = {}

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._sites = {site.signal_id: (site, Ways.of(site)) for site in sites}
        self._wishes, self._next_s = {}, {}

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now.

        Raises
        ------
        InsufficientDataError
            The sensors give loop counts only; these controllers need to see queues.
        """
        for signal_id, view in views.items():
            if now_s < self._next_s.get(signal_id, now_s):
                continue
            site, ways = self._sites[signal_id]
            wish = best(_scored(self._score, ways, view), view.stage)
            change_s = 0.0
            if (view.stage, wish) in site.clearances:
                change_s = site.clearance_s(view.stage, wish)
            self._wishes[signal_id] = wish
            self._next_s[signal_id] = now_s + self._interval_s + max(0.0, change_s - RESCO_YELLOW_S)
        return dict(self._wishes)


class CyclicMaxPressure:
    """Serves the stages in the order of the plan in force, and only decides how long.

    A stage goes on while none has more pressure and the rest of the cycle still fits into the
    longest cycle; otherwise the next one follows. Every stage is served in every cycle.

    Parameters
    ----------
    interval_s
        Time between two decisions, whole seconds from 1; the least time a stage is served.
    longest_cycle_s
        Of clearances and greens together.

    Raises
    ------
    EngineError
        The interval is below 1 s or above the longest cycle.

    Notes
    -----
    Levin, Hu and Odell, Max-pressure signal control with cyclical phase structure,
    Transportation Research Part C 120 (2020), 102828, doi:10.1016/j.trc.2020.102828. Their
    optimum of one cycle ahead gives all spare time to the stage of most pressure, which is what
    is done here step by step. The interval and the longest cycle are ours: of 5, 10 and 15 s, 10 s
    had the least delay on three of four of RESCO's networks (development seeds 11 and 12).
    """

    def __init__(self, interval_s: int = 10, longest_cycle_s: int = LONGEST_CYCLE_S) -> None:
        if not 1 <= interval_s <= longest_cycle_s:
            raise EngineError(
                f"a decision interval of {interval_s} s; allowed is 1 s to the longest cycle, "
                f"{longest_cycle_s} s"
            )
        self._interval_s = interval_s
        self._longest_cycle_s = longest_cycle_s
        self._sites: dict[str, tuple[Site, Ways]] = {}
        self._begun_s: dict[str, float] = {}
        self._wishes: dict[str, int] = {}
        self._due_s: dict[str, float] = {}

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._sites = {site.signal_id: (site, Ways.of(site)) for site in sites}
        self._begun_s, self._wishes, self._due_s = {}, {}, {}

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now.

        Raises
        ------
        InsufficientDataError
            As for `BestStage.decide`.
        """
        for signal_id, view in views.items():
            if signal_id not in self._wishes:
                self._wishes[signal_id] = view.stage
                self._begun_s[signal_id] = now_s
            if not view.free or view.green_s < self._due_s.get(signal_id, self._interval_s):
                continue
            wish = self._next_stage(now_s, signal_id, view)
            self._wishes[signal_id] = wish
            stays = wish == view.stage
            self._due_s[signal_id] = self._interval_s + (view.green_s if stays else 0.0)
        return dict(self._wishes)

    def _next_stage(self, now_s: float, signal_id: str, view: View) -> int:
        site, ways = self._sites[signal_id]
        order = site.sequence
        place = order.index(view.stage)
        begun_s = self._begun_s[signal_id]
        following = order[(place + 1) % len(order)]
        to_come_s = sum(self._least_s(site, a, b) for a, b in pairwise(order[place:]))
        spare_s = self._longest_cycle_s - (now_s - begun_s) - to_come_s - self._interval_s
        scores = _scored(max_pressure, ways, view)
        if len(order) == 1 or (scores[view.stage] >= scores.max() and spare_s >= 0.0):
            return view.stage
        if following == order[0]:
            self._begun_s[signal_id] = now_s
        return following

    def _least_s(self, site: Site, current: int, following: int) -> float:
        """Time from the end of one stage's green to the earliest end of the next one's."""
        clearance = site.clearances.get((current, following), ())
        clearance_s = sum(interval.duration_ds for interval in clearance) / 10.0
        return clearance_s + max(site.stages[following].least_green_s, self._interval_s)


def best(scores: Floats, current: int) -> int:
    """Return the stage of the highest score; the current one if it is among them."""
    if scores[current] >= scores.max():
        return current
    return int(scores.argmax())


def _scored(score: Score, ways: Ways, view: View) -> Floats:
    if view.information is Information.DETECTORS:
        raise InsufficientDataError(
            "pressure and queue controllers need to see queues: information 'detectors' gives "
            "counts only; allowed are 'lanes' and 'vehicles'"
        )
    return score(ways, view)


def _seen(values: NDArray[np.float64]) -> Floats:
    return np.nan_to_num(values, nan=0.0)
