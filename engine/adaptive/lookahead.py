"""Look-ahead control: every second, the sequence of stages with the least delay to be expected.

Each signal is optimized by itself over a rolling horizon (`engine.adaptive.kernels.look_ahead`)
and passes what it plans to discharge on to its neighbors, who expect it as arrivals. Only the
first decision of a plan is carried out.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import CLOSED, PERMITTED, Floats, Information, Site, StopLane, View
from engine.adaptive.estimate import HORIZON_S, SPACING_M, Estimator
from engine.adaptive.heads import HeadTurns
from engine.adaptive.kernels import MOST_CHANGES, STATE, Layout, Now, look_ahead

OPEN_LANE_VEH = 1e6
PRIOR_VEH = 4.0
"""Vehicles that a guess about turns weighs as much as."""
FORGET_VEH = 60.0
REVISE_VEH = 10.0
SHORT_M = 30.0
"""Between two signals no farther apart than this a queue must not form, m."""
BARRED = 0.01
BUSY_S = 20
SPILL_M = 0.5
"""A queue that reaches farther than this beyond its road stands in the node behind, m."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far and how carefully look-ahead control thinks; one set for all networks.

    Attributes
    ----------
    horizon_s
        Seconds looked ahead.
    width, busy_width
        Histories kept for each stage in the search, and where traffic is busy, for there many
        plans come to nearly the same for long, and the best of them is lost among few.
    busy_veh
        Traffic is busy from so many vehicles on that stand or come within `BUSY_S`.
    start_loss_s
        Green lost as a queue starts, s.
    end_gain_s
        Time for which a queue runs on into the clearance, s.
    stop_cost_s
        Time lost by slowing down and speeding up at a stop, beyond standing, s.
    fade_s
        Time in which the weight of what is foreseen falls to 1/e, s.
    patience_s
        Wait after which a lane's delay counts more, s; after as much again it counts double.
    full_m, full_mps
        An exit lane with less room than this at its beginning, m, whose traffic is slower than
        this, m/s, is full; nobody gets green for it.
    full_hold_s
        For how long a full exit is expected to stay so, s.
    spill_weight
        What a second of delay counts on a lane whose queue stands inside the node of the signal
        upstream, where it bars everybody's way.
    unseen
        Part of the mean flow that is expected beyond what is seen and announced.
    share, reach_m, advance_m
        What the sensors are, as for `Estimator`.
    """

    horizon_s: int = HORIZON_S
    width: int = 8
    busy_width: int = 16
    busy_veh: float = 15.0
    start_loss_s: float = 1.0
    end_gain_s: float = 1.0
    stop_cost_s: float = 3.0
    fade_s: float = 40.0
    patience_s: float = 60.0
    full_m: float = 8.0
    full_mps: float = 2.0
    full_hold_s: float = 6.0
    spill_weight: float = 6.0
    unseen: float = 1.0
    share: float = 1.0
    reach_m: float = 200.0
    advance_m: float = 50.0


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
        self._heard_s = -np.inf
        self.path = np.full((MOST_CHANGES, 2), -1, dtype=np.int32)
        self.credit = np.ones(lanes)
        self.exits = np.array([way.exit for lane in site.lanes for way in lane.ways])
        self.way_lane = np.array(
            [row for row, lane in enumerate(site.lanes) for _ in lane.ways], dtype=np.intp
        )

        self.service = site.service()
        self.begins_m = _begins_m(site, sites)

    def spills(self, view: View) -> NDArray[np.bool_]:
        """Tell which lanes' queues stand inside the node of the signal upstream; bool[L].

        On a road too short for a queue the next vehicle would.
        """
        room_m = np.where(self.begins_m <= SHORT_M, self.begins_m - SPACING_M, self.begins_m)
        over: NDArray[np.bool_] = view.queue_m > room_m + SPILL_M
        return over

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
        late = round(now_s - view.seen_s)
        if view.seen_s > self._heard_s and late < self.passed.shape[1]:
            self._heard_s = view.seen_s
            counted = ~np.isnan(view.stop_count) & ~self.estimator.broken
            self.passed[counted, late] = view.stop_count[counted]


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
        self._minds: dict[str, _Mind] = {}

    def start(self, sites: Sequence[Site]) -> None:
        """See `Controller`."""
        named = {site.signal_id: site for site in sites}
        self._minds = {name: _Mind(site, self._outlook, named) for name, site in named.items()}
        for mind in itertools.islice(self._minds.values(), 1):
            # Loads the search, so that no decision on the street waits for it.
            look_ahead(
                mind.layout,
                _nobody(mind.site, self._outlook.horizon_s),
                self._costs,
                1,
                mind.departures,
                mind.path,
            )

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """See `Controller`."""
        wishes: dict[str, int] = {}
        for name, mind in self._minds.items():
            view = views[name]
            mind.learn(now_s, view)
            if not view.free:
                # Nothing to decide; what was planned goes on.
                mind.estimator.update(now_s, view)
                mind.departures[:, :-1] = mind.departures[:, 1:]
                wishes[name] = view.stage
                continue
            estimate = mind.estimator.update(now_s, view)
            arrivals = estimate.arrivals_veh
            self._add_expected(mind, view, estimate.flow_vps, arrivals)
            lane_held = self._held(mind, view)
            state = np.zeros(STATE, dtype=np.int32)
            state[:] = (view.stage, view.stage, round(view.clearing_s), int(view.green_s), 0)
            patience = self._outlook.patience_s
            weight = 1.0 + np.maximum(0.0, view.waiting_s - patience) / patience
            spills = mind.spills(view)
            weight = np.where(spills, self._outlook.spill_weight * weight, weight)
            # Who waits for a gap there may be who bars the way of those he waits for: he is not
            # relied on to leave before the green ends.
            yields = (mind.service == PERMITTED) & spills & (estimate.queue_veh > 0)
            rate = np.where(yields, BARRED * mind.layout.rate_vps, mind.layout.rate_vps)
            credit = np.where(yields[view.stage], 0.0, mind.credit * estimate.factor[view.stage])
            now = Now(state, arrivals, estimate.factor, weight, lane_held, credit)
            busy = float(arrivals[:, :BUSY_S].sum()) >= self._outlook.busy_veh
            look_ahead(
                mind.layout._replace(rate_vps=rate),
                now,
                self._costs,
                self._outlook.busy_width if busy else self._outlook.width,
                mind.departures,
                mind.path,
            )
            first_s, stage = mind.path[0]
            wishes[name] = int(stage) if first_s == 0 else view.stage
        return wishes

    def _add_expected(self, mind: _Mind, view: View, flow_vps: Floats, arrivals: Floats) -> None:
        """Add who comes from beyond sight: announced by neighbors, else the mean flow."""
        sight_s = mind.estimator.sight_s(view)
        horizon = arrivals.shape[1]
        expected = np.repeat(flow_vps[:, None] * self._outlook.unseen, horizon, axis=1)
        for neighbor in mind.site.upstream:
            other = self._minds.get(neighbor.signal_id)
            if other is None or not neighbor.lanes:
                continue
            on_way = np.isin(other.exits, neighbor.exits)
            part = other.way_share[on_way]
            lanes = np.array(neighbor.lanes)
            split = flow_vps[lanes] / max(float(flow_vps[lanes].sum()), 1e-9)
            lag = int(neighbor.running_s)
            if lag >= horizon:
                continue
            # Those on their way already, and those who will be sent.
            under_way = part @ other.passed[other.way_lane[on_way], :lag]
            outflow = part @ other.departures[other.way_lane[on_way], : horizon - lag]
            expected[lanes] = split[:, None] * np.concatenate([under_way[::-1], outflow])
        seconds = np.arange(horizon)
        arrivals += np.where(seconds[None, :] >= sight_s[:, None], expected, 0.0)

    def _held(self, mind: _Mind, view: View) -> Floats:
        """Tell for how long each lane cannot discharge because its exits are full."""
        full = (view.exit_free_m < self._outlook.full_m) & (view.exit_mps < self._outlook.full_mps)
        blocked = np.bincount(
            mind.way_lane,
            weights=np.where(full[mind.exits], mind.way_share, 0.0),
            minlength=len(mind.site.lanes),
        )
        return np.where(blocked > 0.5, self._outlook.full_hold_s, 0.0)


def _nobody(site: Site, horizon_s: int) -> Now:
    """Return the present of a signal without traffic."""
    lanes = len(site.lanes)
    return Now(
        np.zeros(STATE, dtype=np.int32),
        np.zeros((lanes, horizon_s)),
        np.ones((len(site.stages), lanes)),
        np.ones(lanes),
        np.zeros(lanes),
        np.ones(lanes),
    )


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


class Turning:
    """How each lane's traffic splits over its ways, learned from what is seen to turn.

    Parameters
    ----------
    site
        The signal.
    """

    def __init__(self, site: Site) -> None:
        self._first = np.cumsum([0, *(len(lane.ways) for lane in site.lanes)])
        self._seen = np.concatenate([_guess(lane) for lane in site.lanes]) * PRIOR_VEH
        self._news = 0.0

    @property
    def share(self) -> Floats:
        """Of its lane's traffic, per way; float64[W]."""
        whole = np.add.reduceat(self._seen, self._first[:-1])
        shares: Floats = self._seen / np.repeat(whole, np.diff(self._first))
        return shares

    def learn(self, turned_veh: Floats) -> bool:
        """Take in who turned; tell whether enough is new to think again."""
        if turned_veh.size != self._seen.size or np.isnan(turned_veh).all():
            return False
        came = np.nan_to_num(turned_veh)
        news = float(came.sum())
        if news > 0:
            lanes = np.add.reduceat(came, self._first[:-1])
            # Old turns are forgotten vehicle by vehicle, so that a quiet lane forgets nothing.
            self._seen *= np.repeat(np.exp(-lanes / FORGET_VEH), np.diff(self._first))
            self._seen += came
            self._news += news
        if self._news < REVISE_VEH:
            return False
        self._news = 0.0
        return True


def _guess(lane: StopLane) -> Floats:
    """Split a lane nothing is known of: straight on twice any turn."""
    weight = np.array(
        [2.0 if way.turn == "s" else 0.1 if way.turn == "t" else 1.0 for way in lane.ways]
    )
    shares: Floats = weight / weight.sum()
    return shares


def lay_out(site: Site, way_share: Floats) -> Layout:
    """Lay a site out for the kernel, with the share of its lane that each way carries."""
    stages, lanes = len(site.stages), len(site.lanes)
    clear_s = np.full((stages, stages), -1, dtype=np.int32)
    for (a, b), shown in site.clearances.items():
        clear_s[a, b] = -(-sum(i.duration_ds for i in shown) // 10)
    rate = np.zeros((stages, lanes))
    limit = np.full((stages, lanes), OPEN_LANE_VEH)
    permitted = np.zeros((stages, lanes))
    sneak = np.zeros((stages, lanes))
    cuts = np.cumsum([0, *(len(lane.ways) for lane in site.lanes)])
    shares = [way_share[a:b] for a, b in itertools.pairwise(cuts.tolist())]
    foes: list[dict[int, Floats]] = [{} for _ in range(lanes)]
    for row, lane in enumerate(site.lanes):
        for s in range(stages):
            usable = [
                (way, float(share))
                for way, share in zip(lane.ways, shares[row], strict=True)
                if way.service[s] != CLOSED
            ]
            open_share = sum(share for _, share in usable)
            if open_share < 0.05:
                continue
            headway_s = sum(way.headway_s * share for way, share in usable) / open_share
            rate[s, row] = 1.0 / headway_s
            yielding = [
                (way, share)
                for way, share in usable
                if way.service[s] == PERMITTED and way.yields_to
            ]
            permitted[s, row] = sum(share for _, share in yielding) / open_share
            if open_share < 0.99:
                limit[s, row] = open_share / (1.0 - open_share)
            if yielding:
                box = sum(way.box_veh * share for way, share in yielding) / open_share
                sneak[s, row] = max(1.0, box) * permitted[s, row]
                whole = sum(share for _, share in yielding)
                for way, share in yielding:
                    for foe, foe_way in way.yields_to:
                        if foe == row or site.lanes[foe].ways[foe_way].service[s] == CLOSED:
                            continue
                        part = float(shares[foe][foe_way]) * share / whole
                        foes[row].setdefault(foe, np.zeros(stages))[s] += part
    first = np.cumsum([0, *(len(found) for found in foes)]).astype(np.int32)
    flat = [(foe, parts) for found in foes for foe, parts in sorted(found.items())]
    table = np.array([parts for _, parts in flat]).reshape(len(flat), stages).T
    return Layout(
        clear_s,
        np.array([stage.least_green_s for stage in site.stages], dtype=np.int32),
        rate,
        limit,
        permitted,
        sneak,
        first,
        np.array([foe for foe, _ in flat], dtype=np.int32),
        np.ascontiguousarray(table),
    )
