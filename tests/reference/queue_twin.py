"""A plain twin of the queue kernel, one object per thing on the street.

It follows the description in `engine.measures.kernels`: whoever reads this should recognize the
street. History is kept whole, in dictionaries; nothing is fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.measures.evaluation import Tables

Floats = NDArray[np.float64]

NOTHING_VEH = 1e-12
QUEUED_VEH = 0.05
"""A queue of less than this stops nobody who arrives."""

TABLE_STEP_VPS = 1.0 / 256
TABLE_END_VPS = 4.0


def harders_vps(opposing_vps: float, critical_s: float, follow_up_s: float) -> float:
    """Drivers per second who find a gap in opposing traffic, by Harders' formula."""
    if opposing_vps == 0.0:
        return 1.0 / follow_up_s
    return (
        opposing_vps
        * math.exp(-opposing_vps * critical_s)
        / (1.0 - math.exp(-opposing_vps * follow_up_s))
    )


@dataclass(eq=False)
class TwinWay:
    """One turn of one lane; `inside_veh` waits in the node for a gap."""

    row: int
    signal: int
    headway_s: float
    room_veh: float
    exit: int
    foe_lanes: dict[int, list[TwinWay]] = field(default_factory=dict)
    inside_veh: float = 0.0
    was_green: bool = False
    leaves_vps: float = 0.0
    left_before_vps: float = 0.0


@dataclass
class TwinLane:
    """A stop lane with its ledger."""

    row: int
    storage_veh: float
    room_veh: float
    ways: list[TwinWay]
    queue_veh: float = 0.0
    delay: float = 0.0
    stops: float = 0.0
    moved_veh: float = 0.0
    rolling_veh: float = 0.0
    volume: float = 0.0
    capacity: float = 0.0
    departed: float = 0.0
    waiting: float = 0.0
    longest: float = 0.0
    limit_veh: float = math.inf
    behind_veh: float = 0.0
    over: float = 0.0
    outside: float = 0.0

    def ledger(self) -> list[float]:
        """Return the lane's results in the kernel's order."""
        return [
            self.delay, self.stops, self.volume, self.capacity, self.departed, self.waiting,
            self.longest, self.over, self.outside,
        ]  # fmt: skip


@dataclass
class TwinRider:
    """The buses of a line at a signal; who waits knows how many stand in front of him."""

    row: int
    lane: TwinLane
    way: TwinWay
    waiting: list[list[float]] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    carried: float = 0.0
    delay: float = 0.0
    stops: float = 0.0
    volume: float = 0.0
    departed: float = 0.0

    def ledger(self) -> list[float]:
        """Return the results in the kernel's order."""
        standing = sum(buses for _, buses in self.waiting)
        return [self.delay, self.stops, self.volume, 0.0, self.departed, standing, 0.0, 0.0, 0.0]


@dataclass
class TwinGate:
    """A lane from which vehicles spread over several stop lanes."""

    row: int
    rate_vps: float
    behind_veh: float
    lanes: list[tuple[int, TwinLane]]
    waiting_veh: float = 0.0
    moved_veh: float = 0.0

    def halting_veh(
        self, joining: float, passing: float, waited: bool, outside_part: float
    ) -> tuple[float, float]:
        """Who stops in this second: who finds others waiting, and all of them where none goes on.

        With it, how many of them do before the roads begin: `outside_part` of those that wait, and
        whoever comes while there is no room. To be asked when those who joined are among those
        waiting, and those who pass are not.
        """
        halting = joining if waited else 0.0
        outside = halting if outside_part > 0.0 else 0.0
        if passing <= NOTHING_VEH:
            again = min(1.0, self.moved_veh) * max(0.0, self.waiting_veh - joining)
            halting += again
            outside += again * outside_part
            self.moved_veh = 0.0
        else:
            self.moved_veh += passing
        return halting, outside


@dataclass
class TwinApproach:
    """Everything between a stop line and the signals upstream."""

    row: int
    storage_veh: float
    gate_room_veh: float
    gates: list[TwinGate]
    under_way_veh: float = 0.0
    full: bool = False
    passed_veh: float = 0.0

    def outside_part(self) -> float:
        """Part of those behind the gates who have not reached the network yet."""
        waiting_veh = sum(gate.waiting_veh for gate in self.gates)
        if waiting_veh <= self.gate_room_veh:
            return 0.0
        return (waiting_veh - self.gate_room_veh) / waiting_veh


class TwinStreet:
    """A street that can be played second by second.

    Parameters
    ----------
    tables
        Plans laid over a street.
    """

    def __init__(self, tables: Tables) -> None:
        street = tables.street
        self.tables, self.street = tables, street
        lanes, approaches = street.lanes, street.approaches
        self.ways = [
            TwinWay(
                w, int(lanes.signal[w]), 1.0 / float(lanes.saturation_vps[w]),
                float(lanes.box_veh[w]), int(lanes.exit[w]),
            )
            for w in range(len(street.ways))
        ]  # fmt: skip
        for way in self.ways:
            for foe in lanes.foe[lanes.first_foe[way.row] : lanes.first_foe[way.row + 1]]:
                way.foe_lanes.setdefault(int(lanes.lane[foe]), []).append(self.ways[foe])
        self.lanes = [
            TwinLane(
                row, float(lanes.storage_veh[row]), float(lanes.room_veh[row]),
                [way for way in self.ways if lanes.lane[way.row] == row],
                limit_veh=float(lanes.limit_veh[row]),
            )
            for row in range(len(street.lane_names))
        ]  # fmt: skip
        self.approaches = [
            TwinApproach(
                a,
                float(approaches.storage_veh[a]),
                float(approaches.gate_room_veh[a]),
                [
                    TwinGate(
                        g,
                        float(approaches.gate_rate_vps[g]),
                        float(approaches.behind_veh[g]),
                        [
                            (k, self.lanes[approaches.gate_lane[k]])
                            for k in range(approaches.first_lane[g], approaches.first_lane[g + 1])
                        ],
                    )
                    for g in range(approaches.first_gate[a], approaches.first_gate[a + 1])
                ],
            )
            for a in range(len(approaches.storage_veh))
        ]
        self.left_by: dict[int, list[float]] = {
            x: [] for x in range(street.streams.exit_approach.size)
        }
        self.riders = [
            TwinRider(row, self.lanes[rider.lane], self.ways[rider.way])
            for row, rider in enumerate(street.riders)
        ]
        self.smoothed = [0.0] * street.streams.share.size
        self.total = 0.0

    def play(self, start_s: int, seconds: int, count_from_s: int) -> None:
        """Play; afterwards `total`, `lanes` and `left_by` hold what happened."""
        for t in range(seconds):
            period = min(t // self.street.period_s, len(self.street.approaches.outside_vps) - 1)
            counts = t >= count_from_s
            arriving = self._arrivals(t, period, counts)
            self._note_full_approaches()
            for leaving in self.left_by.values():
                leaving.append(0.0)
            for lane in self.lanes:
                self._serve(lane, arriving[lane.row], start_s + t, period, counts)
            for rider in self.riders:
                self._ride(rider, t, start_s + t, period, counts)
            for way in self.ways:
                way.left_before_vps = way.leaves_vps
            for s, share in enumerate(self.street.streams.share):
                approach = self.approaches[self.street.streams.approach[s]]
                approach.under_way_veh += self.left_by[int(self.street.streams.exit[s])][t] * share

    def _arrivals(self, t: int, period: int, counts: bool) -> dict[int, float]:
        """Bring vehicles to the gates, and through them to the lanes."""
        arrays, streams = self.street.approaches, self.street.streams
        arriving = dict.fromkeys(range(len(self.lanes)), 0.0)
        for lane in self.lanes:
            lane.behind_veh = lane.rolling_veh = 0.0
        for approach in self.approaches:
            inflow = float(arrays.outside_vps[period, approach.row])
            for s in np.flatnonzero(streams.approach == approach.row):
                sent_at = t - int(streams.delay_s[s])
                sent = self.left_by[int(streams.exit[s])][sent_at] if sent_at >= 0 else 0.0
                factor = float(streams.smoothing[s])
                self.smoothed[s] = (1 - factor) * self.smoothed[s] + factor * sent * float(
                    streams.share[s]
                )
                inflow += self.smoothed[s]
                approach.under_way_veh -= self.smoothed[s]
            joining_vps = self._joining_vps(approach)
            approach.passed_veh = 0.0
            outside_part = approach.outside_part()
            for gate in approach.gates:
                joining = inflow * float(arrays.gate_share[period, gate.row])
                waited = gate.waiting_veh > QUEUED_VEH
                gate.waiting_veh += joining
                parts = [(lane, float(arrays.lane_share[period, k])) for k, lane in gate.lanes]
                # First come first served: the fullest lane holds up all behind it.
                passing = min(
                    [gate.waiting_veh, gate.rate_vps, joining_vps]
                    + [
                        max(lane.storage_veh - lane.queue_veh - arriving[lane.row], 0.0) / part
                        for lane, part in parts
                        if part > NOTHING_VEH
                    ]
                )
                gate.waiting_veh -= passing
                approach.passed_veh += passing
                for lane, part in parts:
                    arriving[lane.row] += passing * part
                    lane.rolling_veh += passing * part if waited else 0.0
                halting, outside = gate.halting_veh(joining, passing, waited, outside_part)
                if counts:
                    self.total += gate.waiting_veh
                    for lane, part in parts:
                        lane.delay += gate.waiting_veh * part
                        lane.stops += halting * part
                        lane.outside += outside * part
                        lane.behind_veh += gate.waiting_veh * part
        return arriving

    def _joining_vps(self, approach: TwinApproach) -> float:
        """Drivers who may join the road that their own gives way to; no limit where it does not."""
        row = int(self.street.approaches.yields_to[approach.row])
        if row < 0:
            return math.inf
        return self._tabled_vps(self.approaches[row].passed_veh)

    def _note_full_approaches(self) -> None:
        part = self.street.approaches.queue_part
        for approach in self.approaches:
            standing = sum(
                gate.waiting_veh + sum(lane.queue_veh * part[k] for k, lane in gate.lanes)
                for gate in approach.gates
            )
            under_way = max(approach.under_way_veh, 0.0)
            overflowing = any(
                gate.waiting_veh > gate.behind_veh + QUEUED_VEH for gate in approach.gates
            )
            approach.full = overflowing or standing + under_way >= approach.storage_veh

    def _light(self, way: TwinWay, time_s: int) -> float:
        """Usable part of this second: above 0 protected, below 0 permissive, 0 red or blocked."""
        blocks = int(self.street.streams.exit_approach[way.exit])
        if blocks >= 0 and self.approaches[blocks].full:
            return 0.0
        cycle_s = int(self.tables.cycle_s[way.signal])
        second = (time_s - int(self.tables.begin_s[way.signal])) % cycle_s
        return float(self.tables.service[way.row, second])

    def _gap_takers(self, way: TwinWay) -> float:
        """Drivers who could turn through the opposing traffic of the second before."""
        driving = self.street.driving
        opposing = 0.0
        free = 1.0
        for foes in way.foe_lanes.values():
            on_lane = sum(foe.left_before_vps for foe in foes)
            opposing += on_lane
            free *= max(0.0, 1.0 - driving.bunch_s * on_lane)
        return min(free * self._tabled_vps(opposing), 1.0 / way.headway_s)

    def _tabled_vps(self, opposing_vps: float) -> float:
        """Drivers who find a gap, between the steps of the kernel's table."""
        driving = self.street.driving
        steps = min(opposing_vps / TABLE_STEP_VPS, TABLE_END_VPS / TABLE_STEP_VPS - 0.001)
        below = math.floor(steps)
        less, more = (
            harders_vps(step * TABLE_STEP_VPS, driving.critical_gap_s, driving.follow_up_s)
            for step in (below, below + 1)
        )
        return less + (steps - below) * (more - less)

    def _serve(
        self, lane: TwinLane, arriving: float, time_s: int, period: int, counts: bool
    ) -> None:
        """Let one lane discharge for one second."""
        slack = self.street.driving.slack_veh
        share = {way.row: float(self.street.lanes.share[period, way.row]) for way in lane.ways}
        active = [w for w in lane.ways if share[w.row] > NOTHING_VEH or w.inside_veh > NOTHING_VEH]
        light = {way.row: self._light(way, time_s) for way in active}
        for way in lane.ways:
            way.leaves_vps = 0.0
        stop_line_s = 1.0
        held_back = 0.0
        per_vehicle_s = 0.0
        most = [1e9]
        steady = [1e9]
        for way in active:
            part, shown = share[way.row], light[way.row]
            wanted = part > NOTHING_VEH
            if shown > 0.0:
                way.leaves_vps = min(way.inside_veh, shown / way.headway_s)
                stop_line_s -= way.leaves_vps * way.headway_s / shown
                per_vehicle_s += part * way.headway_s / shown
            else:
                per_vehicle_s += part * way.headway_s
                way_most, way_steady = slack - way.inside_veh, 0.0
                if shown < 0.0:
                    gaps = self._gap_takers(way)
                    way.leaves_vps = min(way.inside_veh, gaps)
                    way_most += way.room_veh + way.leaves_vps
                    way_steady = gaps
                elif way.was_green and way.inside_veh > 0.0:
                    way.leaves_vps = min(way.inside_veh, way.room_veh)
                    if counts and wanted:
                        lane.capacity += way.leaves_vps / part
                if wanted:
                    most.append(max(way_most, 0.0) / part)
                    steady.append(way_steady / part)
            way.was_green = shown != 0.0
            way.inside_veh -= way.leaves_vps
            if shown == 0.0 or (shown < 0.0 and way.inside_veh > QUEUED_VEH):
                held_back += part if wanted else 0.0
        anyone = any(shown != 0.0 for shown in light.values())
        served = 0.0
        if anyone and per_vehicle_s > NOTHING_VEH:
            served = min(lane.queue_veh + arriving, max(0.0, stop_line_s) / per_vehicle_s, *most)
            if counts:
                lane.capacity += min(1.0 / per_vehicle_s, *steady)
        if lane.queue_veh > QUEUED_VEH or not anyone:
            held_back = 1.0
        lane.queue_veh = max(0.0, lane.queue_veh + arriving - served)
        for way in active:
            turning = served * share[way.row]
            if light[way.row] > 0.0:
                way.leaves_vps += turning
            else:
                way.inside_veh += turning
            self.left_by[way.exit][-1] += way.leaves_vps
        lane.waiting = lane.queue_veh + sum(way.inside_veh for way in active)
        if counts:
            lane.delay += lane.waiting
            lane.volume += arriving
            # A queue that moves takes along who waited behind a gate.
            newcomers = arriving - lane.rolling_veh if served > NOTHING_VEH else arriving
            lane.stops += newcomers * held_back
            beyond_veh = max(0.0, lane.queue_veh - lane.room_veh)
            lane.outside += newcomers * held_back if beyond_veh > 0.0 else 0.0
            if served <= NOTHING_VEH:
                left_veh = max(0.0, lane.queue_veh - arriving)
                lane.stops += min(1.0, lane.moved_veh) * left_veh
                lane.outside += min(1.0, lane.moved_veh) * min(left_veh, beyond_veh)
            lane.departed += sum(way.leaves_vps for way in active)
            lane.longest = max(lane.longest, lane.waiting)
            lane.over += max(0.0, lane.waiting + lane.behind_veh - lane.limit_veh)
            self.total += lane.waiting
        lane.moved_veh = lane.moved_veh + served if served > NOTHING_VEH else 0.0

    def _ride(self, rider: TwinRider, t: int, time_s: int, period: int, counts: bool) -> None:
        """Bring buses to the queue of their lane, and let those go who have nobody before them."""
        arrays = self.street.riders[rider.row]
        arriving = arrays.flow_vps
        if arrays.before >= 0:
            sent_at = t - arrays.delay_s
            sent = self.riders[arrays.before].left[sent_at] if sent_at >= 0 else 0.0
            rider.carried = (1 - arrays.smoothing) * rider.carried + arrays.smoothing * sent
            arriving = rider.carried
        passed = sum(way.leaves_vps for way in rider.lane.ways)
        for one in rider.waiting:
            one[0] -= passed
        behind_gates = sum(
            gate.waiting_veh * float(self.street.approaches.lane_share[period, k])
            for gate in self.approaches[self.street.lane_approach[rider.lane.row]].gates
            for k, lane in gate.lanes
            if lane is rider.lane
        )
        rider.waiting.append([rider.lane.waiting + behind_gates, arriving])
        leaving = 0.0
        while rider.waiting and rider.waiting[0][0] <= QUEUED_VEH:
            if self._light(rider.way, time_s) == 0.0:
                break
            leaving += rider.waiting.pop(0)[1]
        rider.left.append(leaving)
        if counts:
            rider.delay += sum(buses for _, buses in rider.waiting)
            rider.volume += arriving
            rider.departed += leaving
            rider.stops += arriving if rider.waiting else 0.0


def twin_played(
    tables: Tables, start_s: int, seconds: int, count_from_s: int = 0
) -> tuple[float, Floats, Floats]:
    """Play plans; return what `tests.reference.toy_streets.played` returns."""
    twin = TwinStreet(tables)
    twin.play(start_s, seconds, count_from_s)
    results = np.array([one.ledger() for one in (*twin.lanes, *twin.riders)])
    departures = np.array([twin.left_by[x] for x in range(len(twin.left_by))])
    return twin.total, results, departures
