"""Look-ahead control: every second, the sequence of stages with the least delay to be expected.

Each signal is optimized by itself over a rolling horizon (`engine.adaptive.kernels.look_ahead`)
and passes what it plans to discharge on to its neighbors, who expect it as arrivals. Only the
first decision of a plan is carried out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Floats, Information, Neighbor, Site, View
from engine.adaptive.estimate import Estimator
from engine.adaptive.heads import HeadTurns
from engine.adaptive.kernels import FADE, MOST_CHANGES, STATE, Now, look_ahead
from engine.adaptive.lane_kernels import SPACING_M
from engine.adaptive.layout import Turning, lay_out
from engine.adaptive.limits import Limits, free
from engine.adaptive.outlook import BUSY_S, Outlook
from engine.adaptive.road_kernels import Care, Ways, add_beyond_sight, pass_on, weigh
from engine.adaptive.sensor_clock import SensorClock

SHORT_M = 30.0
"""Between two signals no farther apart than this a queue must not form, m."""
SPILL_M = 0.5
"""A queue that reaches farther than this beyond its road stands in the node behind, m."""


class _Mind:
    """What look-ahead control keeps of one signal."""

    def __init__(self, site: Site, outlook: Outlook, sites: Mapping[str, Site]) -> None:
        self.site = site
        self.estimator = Estimator(
            site, outlook.share, outlook.reach_m, outlook.advance_m, outlook.horizon_s
        )
        self.turning = Turning(site)
        self.heads = HeadTurns(site)
        self.way_share = self.turning.share
        self.layout = lay_out(site, self.way_share)
        lanes = len(site.lanes)
        self.departures = np.zeros((lanes, outlook.horizon_s))
        self.passed = np.zeros((lanes, outlook.horizon_s))
        self._clock = SensorClock()
        self.path = np.full((MOST_CHANGES, 2), -1, dtype=np.int32)
        self.exits = np.array([way.exit for lane in site.lanes for way in lane.ways], dtype=np.intp)
        self.way_lane = np.array(
            [row for row, lane in enumerate(site.lanes) for _ in lane.ways], dtype=np.intp
        )
        self.service = site.service()
        self.free = free(site, outlook.horizon_s)
        begins_m = _begins_m(site, sites)
        room_m = np.where(begins_m <= SHORT_M, begins_m - SPACING_M, begins_m)
        self._room_m = room_m + SPILL_M

    def spills(self, view: View) -> NDArray[np.bool_]:
        """Tell which lanes' queues stand inside the node of the signal upstream; bool[L].

        On a road too short for a queue the next vehicle would.
        """
        over: NDArray[np.bool_] = view.queue_m > self._room_m
        return over

    def ways_to(self, neighbor: Neighbor) -> NDArray[np.intp]:
        """Return the ways that lead to the signal next along a road; int[ways]."""
        return np.flatnonzero(np.isin(self.exits, neighbor.exits))

    def learn(self, now_s: float, view: View) -> None:
        """Take in who left, and who turned where."""
        turned = view.turned_veh
        if view.information is Information.DETECTORS:
            turned = self.heads.turned(view, self.way_share)
        if self.turning.learn(turned):
            self.way_share = self.turning.share
            self.layout = lay_out(self.site, self.way_share)
        # Who left in the seconds before now, the last one first; as planned where nobody counts.
        self.passed[:, 1:] = self.passed[:, :-1]
        self.passed[:, 0] = self.departures[:, 0]
        late = round(self._clock.late_s(now_s, view.seen_s))
        # A clock that went back may tell of what is yet to come.
        if 0 <= late < self.passed.shape[1] and self._clock.news(view.seen_s):
            counted = ~np.isnan(view.stop_count) & ~self.estimator.broken
            self.passed[counted, late] = view.stop_count[counted]


@dataclass(frozen=True, slots=True)
class _Road:
    """A road on which a neighbor announces whom it sends.

    Attributes
    ----------
    source
        The neighbor.
    ways
        There, that lead to the road.
    lanes
        Stop lanes that the road reaches.
    lag_s
        Running time.
    """

    source: _Mind
    ways: NDArray[np.intp]
    lanes: NDArray[np.intp]
    lag_s: int


class LookAhead:
    """The controller.

    Parameters
    ----------
    outlook
        Its parameters; the defaults by default.
    """

    def __init__(self, outlook: Outlook | None = None) -> None:
        self._outlook = outlook or Outlook()
        self._costs = np.array(
            [
                self._outlook.start_loss_s,
                self._outlook.stop_cost_s,
                self._outlook.fade_s,
                self._outlook.end_gain_s,
            ]
        )
        self._crowded_costs = self._costs.copy()
        self._crowded_costs[FADE] = math.inf
        self._care = Care(
            self._outlook.patience_s,
            self._outlook.spill_weight,
            self._outlook.full_m,
            self._outlook.full_mps,
            self._outlook.full_hold_s,
        )
        self._limits: Mapping[str, Limits] = {}
        self._minds: dict[str, _Mind] = {}
        self._roads: dict[str, tuple[_Road, ...]] = {}

    def start(self, sites: Sequence[Site]) -> None:
        """See `Controller`."""
        self._limits = {}
        named = {site.signal_id: site for site in sites}
        self._minds = {name: _Mind(site, self._outlook, named) for name, site in named.items()}
        self._roads = {name: self._roads_to(mind) for name, mind in self._minds.items()}
        for site in itertools.islice(named.values(), 1):
            self._load(_Mind(site, self._outlook, named))

    @property
    def horizon_s(self) -> int:
        """Seconds looked ahead."""
        return self._outlook.horizon_s

    def limit(self, limits: Mapping[str, Limits]) -> None:
        """See `engine.adaptive.limits.Limited`."""
        self._limits = limits

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """See `Controller`."""
        return {
            name: self._decide(mind, self._roads[name], now_s, views[name])
            for name, mind in self._minds.items()
        }

    def _decide(self, mind: _Mind, roads: Sequence[_Road], now_s: float, view: View) -> int:
        mind.learn(now_s, view)
        estimate = mind.estimator.update(now_s, view)
        if not view.free:
            # Nothing to decide; what was planned goes on.
            mind.departures[:, :-1] = mind.departures[:, 1:]
            return view.stage
        arrivals = estimate.arrivals_veh
        self._add_expected(mind, roads, view, estimate.flow_vps, arrivals)
        state = np.zeros(STATE, dtype=np.int32)
        state[:] = (view.stage, view.stage, round(view.clearing_s), int(view.green_s), 0)
        rate_vps = np.empty_like(mind.layout.rate_vps)
        present = np.empty((3, len(arrivals)))
        weigh(
            self._care,
            Ways(mind.way_lane, mind.exits, mind.way_share),
            (np.array(view.exit_free_m), np.array(view.exit_mps)),
            (np.array(view.waiting_s), mind.spills(view)),
            view.stage,
            mind.service,
            (estimate.queue_veh, estimate.factor),
            mind.layout.rate_vps,
            rate_vps,
            present,
        )
        limits = self._limits.get(mind.site.signal_id, mind.free)
        now = Now(
            state, arrivals, estimate.factor, present[0], present[1], present[2], limits.need_s,
            limits.over,
        )  # fmt: skip
        soon_veh = float(arrivals[:, :BUSY_S].sum())
        busy = soon_veh >= self._outlook.busy_veh
        look_ahead(
            mind.layout._replace(rate_vps=rate_vps),
            now,
            self._crowded_costs if soon_veh >= self._outlook.crowded_veh else self._costs,
            self._outlook.busy_width if busy else self._outlook.width,
            mind.departures,
            mind.path,
        )
        first_s, stage = mind.path[0]
        return int(stage) if first_s == 0 else view.stage

    def _add_expected(
        self,
        mind: _Mind,
        roads: Sequence[_Road],
        view: View,
        flow_vps: Floats,
        arrivals: Floats,
    ) -> None:
        """Add who comes from beyond sight: announced by neighbors, else the mean flow."""
        expected = np.empty_like(arrivals)
        expected[:] = (flow_vps * self._outlook.unseen)[:, None]
        for road in roads:
            other = road.source
            # Those on their way already, and those who will be sent.
            pass_on(
                other.way_share,
                road.ways,
                other.way_lane,
                other.passed,
                other.departures,
                road.lag_s,
                flow_vps,
                road.lanes,
                expected,
            )
        add_beyond_sight(expected, mind.estimator.sight_s(view), arrivals)

    def _roads_to(self, mind: _Mind) -> tuple[_Road, ...]:
        """Find the roads on which others announce whom they send."""
        found: list[_Road] = []
        for neighbor in mind.site.upstream:
            other = self._minds.get(neighbor.signal_id)
            lag_s = int(neighbor.running_s)
            if other is None or not neighbor.lanes or lag_s >= self._outlook.horizon_s:
                continue
            lanes = np.array(neighbor.lanes, dtype=np.intp)
            found.append(_Road(other, other.ways_to(neighbor), lanes, lag_s))
        return tuple(found)

    def _load(self, mind: _Mind) -> None:
        """Load the kernels, so that no decision on the street waits for them."""
        lanes = np.arange(len(mind.site.lanes))
        road = _Road(mind, np.arange(len(mind.way_lane)), lanes, 0)
        self._decide(mind, (road,), 0.0, _nothing(mind.site))


def _nothing(site: Site) -> View:
    """Return what is seen of a signal without traffic."""
    lanes, exits = np.zeros(len(site.lanes)), np.zeros(len(site.exits))
    return View(
        Information.LANES, 0.0, 0, 1.0, 0.0, True, lanes, lanes, lanes, lanes, lanes, lanes,
        lanes, lanes, np.zeros(0, dtype=np.int32), np.zeros(0), np.zeros(0), exits, exits, exits,
        exits,
    )  # fmt: skip


def _begins_m(site: Site, sites: Mapping[str, Site]) -> Floats:
    """Return how far from the stop line each lane leaves another signal's node, else inf."""
    begins_m = np.full(len(site.lanes), np.inf)
    for neighbor in site.upstream:
        other = sites.get(neighbor.signal_id)
        if other is None:
            continue
        links = {other.exits[row].link_id for row in neighbor.exits}
        names = {other.exits[row].lane_id for row in neighbor.exits}
        for row, lane in enumerate(site.lanes):
            if lane.link_id in links:
                begins_m[row] = lane.length_m
        for feeder in site.feeders:
            if feeder.lane_id in names:
                rows = list(feeder.leads_to)
                begins_m[rows] = np.minimum(begins_m[rows], feeder.to_stop_m + feeder.length_m)
    return begins_m
