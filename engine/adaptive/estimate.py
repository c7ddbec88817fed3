"""The state of a signal's lanes, from whatever its sensors tell.

Out comes, for every stop lane, how many vehicles would reach the stop line in each second of the
horizon if nobody hindered them. Standing vehicles come in the first seconds, those under way by
their distance and speed, and those beyond sight by what neighbors send and by the mean flow.

Assumed: vehicles keep the lane they are seen on. Sensors that say nothing are replaced by the
mean flow since the lane was served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Floats, Information, Integers, Site, View
from engine.adaptive.lane_kernels import (
    BROKEN_AFTER_S,
    FULL_SHARE,
    MOST_GHOSTS,
    SPACING_M,
    Approach,
    Memory,
    Objects,
    believe,
    watch_sensors,
    with_ghosts,
)
from engine.adaptive.loops import advance_loops_m
from engine.adaptive.sensor_clock import SensorClock

HORIZON_S: Final = 75
FIRST_RATE_VPS: Final = 0.03
GONE_S: Final = 5.0
"""A vehicle that is later than this at a stop line where nobody stands is gone, s."""
GAP_S: Final = 3.0
"""Nobody stands at a stop line whose loop has been empty for so long, s; within a queue that runs
off it is empty for shorter than that."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed of a signal's lanes; S stages, L stop lanes, T seconds.

    Attributes
    ----------
    arrivals_veh
        Per lane and second from now; float64[L, T].
    queue_veh
        Standing now; float64[L].
    factor
        Part of the saturation rate that each lane can be trusted with in each stage; float64[S, L].
    flow_vps
        Mean flow, veh/s; float64[L].
    """

    arrivals_veh: Floats
    queue_veh: Floats
    factor: Floats
    flow_vps: Floats


class Estimator:
    """Follows the lanes of one signal.

    Parameters
    ----------
    site
        The signal.
    share
        Share of vehicles that report themselves, at ``vehicles``.
    reach_m, advance_m
        As of the sensors.
    horizon_s
        Seconds looked ahead.
    """

    def __init__(
        self,
        site: Site,
        share: float = 1.0,
        reach_m: float = 200.0,
        advance_m: float = 50.0,
        horizon_s: int = HORIZON_S,
    ) -> None:
        self._site = site
        self._horizon_s = horizon_s
        self._share = max(share, 0.01)
        self._free_mps = np.array([lane.speed_mps for lane in site.lanes])
        lanes = len(site.lanes)
        service = site.service()
        self._approach = Approach(self._free_mps, service, _no_better(site))
        self._memory = Memory(
            np.full(lanes, FIRST_RATE_VPS), np.zeros(lanes), np.zeros(service.shape)
        )
        self._loop_m = advance_loops_m(site, advance_m)
        self._sight_s = (
            np.minimum(
                reach_m,
                [
                    lane.length_m
                    + max(
                        [
                            f.to_stop_m + f.length_m - lane.length_m
                            for f in site.feeders
                            if row in f.leads_to
                        ],
                        default=0.0,
                    )
                    for row, lane in enumerate(site.lanes)
                ],
            )
            / self._free_mps
        )
        # Loops see less far.
        self._advance_s = self._loop_m / self._free_mps
        self._between: list[list[float]] = [[] for _ in range(lanes)]
        self._full_s = np.zeros(lanes)
        self._empty_s = np.zeros(lanes)
        self._last_s = -np.inf
        self._clock = SensorClock()

    def update(self, now_s: float, view: View) -> Estimate:
        """Take in what is seen and return what is believed.

        Parameters
        ----------
        now_s
            The street's clock; later than at the last call.
        view
            What the sensors tell.
        """
        step_s = min(max(now_s - self._last_s, 0.0), 10.0) if np.isfinite(self._last_s) else 1.0
        self._last_s = now_s
        back_s = self._clock.stepped_s(view.seen_s)
        if back_s:
            self._between = [[at_s - back_s for at_s in came_s] for came_s in self._between]
        late_s = self._clock.late_s(now_s, view.seen_s)
        fresh = self._clock.news(view.seen_s)
        loops = view.information is Information.DETECTORS
        memory = self._memory
        # In the order of the kernels' rows. What comes in is copied, for it may be read-only or
        # not, and the kernels would be loaded for each combination of that anew.
        heard = np.array(
            (view.count_veh, view.queue_veh, view.stop_count, view.stop_occupancy, view.waiting_s),
            dtype=np.float64,
        )
        lane = np.array(view.object_lane, dtype=np.int32)
        watch_sensors(heard, lane, loops, step_s, fresh, memory)
        objects = self._from_loops(view, fresh) if loops else self._from_sight(view, lane)
        arrivals = np.zeros((len(self._free_mps), self._horizon_s))
        queue = np.zeros(len(arrivals))
        factor = np.zeros(memory.stuck_s.shape)
        times_s = np.array([view.green_s, step_s, max(0.0, late_s)])
        believe(
            self._approach, heard, objects, loops, view.stage, times_s, memory, arrivals, queue,
            factor,
        )  # fmt: skip
        return Estimate(arrivals, queue, factor, memory.flow_vps.copy())

    def sight_s(self, view: View) -> Floats:
        """Return per lane how far ahead arrivals are seen and not expected, s."""
        loops = view.information is Information.DETECTORS
        sight: Floats = self._advance_s if loops else self._sight_s
        return sight

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Which lanes' sensors are not believed any more; bool[L]."""
        stuck: NDArray[np.bool_] = self._memory.still_s > BROKEN_AFTER_S
        return stuck

    def _from_sight(self, view: View, lane: Integers) -> Objects:
        share = self._share if view.information is Information.VEHICLES else 1.0
        room = len(lane) * (MOST_GHOSTS + 1)
        rows, values = np.empty(room, dtype=np.int32), np.empty((3, room))
        at_m, mps = np.array(view.object_m), np.array(view.object_mps)
        count = with_ghosts(lane, at_m, mps, share, rows, values)
        return Objects(rows[:count], values[0, :count], values[1, :count], values[2, :count])

    def _from_loops(self, view: View, fresh: bool) -> Objects:
        """Carry vehicles from the advance loop to the stop line, one behind the other."""
        lanes: list[int] = []
        places: list[float] = []
        speeds: list[float] = []
        broken = self.broken
        for row, came_s in enumerate(self._between):
            if broken[row]:
                came_s.clear()
                self._full_s[row] = 0.0
                continue
            if fresh and not np.isnan(view.advance_count[row]):
                came_s.extend([view.seen_s] * round(float(view.advance_count[row])))
                occupied = view.advance_occupancy[row] > FULL_SHARE
                self._full_s[row] = self._full_s[row] + 1.0 if occupied else 0.0
            if fresh and not np.isnan(view.stop_count[row]):
                # Who comes onto the loop at the line is counted there, whether he stops or goes.
                del came_s[: round(float(view.stop_count[row]))]
                empty = view.stop_occupancy[row] == 0 and view.stop_count[row] == 0
                self._empty_s[row] = self._empty_s[row] + 1.0 if empty else 0.0
                running_s = float(self._loop_m[row] / self._free_mps[row])
                if self._empty_s[row] >= GAP_S:
                    # Nobody stands at the line: who should be here by now has changed lanes, or
                    # left unseen.
                    came_s[:] = [at for at in came_s if view.seen_s - at < running_s + GONE_S]
            at_line = view.stop_occupancy[row] > FULL_SHARE
            grown = self._full_s[row] > 3.0
            stored = int(self._loop_m[row] / SPACING_M)
            if grown:
                # The queue has grown over the loop: it is full up to there, whoever was counted.
                unseen = max(0, stored - len(came_s) - int(at_line))
                came_s[:0] = [view.seen_s - self._full_s[row]] * unseen
            if at_line:
                lanes.append(row)
                places.append(0.0)
                speeds.append(0.0)
            for place, at_s in enumerate(came_s[:40], start=int(at_line)):
                behind_m = self._loop_m[row] - (view.seen_s - at_s) * self._free_mps[row]
                standing_m = place * SPACING_M
                lanes.append(row)
                places.append(max(behind_m, standing_m))
                speeds.append(float(self._free_mps[row]) if behind_m > standing_m else 0.0)
            if grown:
                # Behind the loop stands what has come since.
                more = min(20, int(self._memory.flow_vps[row] * self._full_s[row]))
                base = max(self._loop_m[row], len(came_s) * SPACING_M)
                lanes.extend([row] * more)
                places.extend(float(base + SPACING_M * i) for i in range(more))
                speeds.extend([0.0] * more)
        rows = np.array(lanes, dtype=np.int32)
        return Objects(rows, np.array(places), np.array(speeds), np.ones(len(lanes)))


def _no_better(site: Site) -> NDArray[np.bool_]:
    """Tell for pairs of stages whether the second serves no way of a lane better; bool[S, S, L]."""
    stages = range(len(site.stages))
    return np.array(
        [
            [
                [all(way.service[b] <= way.service[a] for way in lane.ways) for lane in site.lanes]
                for b in stages
            ]
            for a in stages
        ],
        dtype=np.bool_,
    ).reshape(len(stages), len(stages), len(site.lanes))
