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
from engine.adaptive.kernels import expected_arrivals
from engine.adaptive.loops import advance_loops_m
from engine.adaptive.sensing import STANDING_MPS

HORIZON_S: Final = 75
ACCELERATION_MPS2: Final = 2.6
SPACING_M: Final = 7.5
MEMORY_S: Final = 300.0
"""Time over which mean flows are formed, s."""
STUCK_AFTER_S: Final = 4.0
"""A first vehicle that has green and stands longer than this is held by something unseen."""
STUCK_FADE_S: Final = 6.0
MOST_STUCK_S: Final = 40.0
FORGET_STUCK: Final = 0.25
"""What is forgotten of a held vehicle per second in which it has no green, s."""
LEAST_FACTOR: Final = 0.1
FIRST_RATE_VPS: Final = 0.03
BROKEN_AFTER_S: Final = 180.0
"""A sensor that has told of nothing but a standing vehicle for so long is not believed, s."""
MOST_GHOSTS: Final = 12
GHOST_VEH: Final = 0.7
"""What a vehicle counts for that must be there but is not seen."""
FULL_SHARE: Final = 0.95
GONE_S: Final = 5.0
"""A vehicle that is later than this at a stop line where nobody stands is gone, s."""
GAP_S: Final = 3.0
"""Nobody stands at a stop line whose loop has been empty for so long, s; within a queue that runs
off it is empty for shorter than that."""
HEAD_M: Final = 12.0
"""A vehicle standing no farther from the stop line than this is the first of its lane, m."""


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
        self._flow_vps = np.full(lanes, FIRST_RATE_VPS)
        self._service = site.service()
        self._stuck_s = np.zeros(self._service.shape)
        self._alike = _no_better(site)
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
        self._still_s = np.zeros(lanes)
        self._last_s = -np.inf
        self._heard_s = -np.inf

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
        fresh = view.seen_s > self._heard_s
        self._heard_s = max(self._heard_s, view.seen_s)
        self._watch_sensors(view, step_s)
        self._learn_flow(view, step_s, fresh)
        late_s = max(0.0, now_s - view.seen_s)
        lane, at_m, mps, weight = self._vehicles(now_s, view, fresh)
        arrivals = np.zeros((len(self._site.lanes), self._horizon_s))
        expected_arrivals(
            lane, at_m, mps, weight, self._free_mps, ACCELERATION_MPS2, late_s, arrivals
        )
        self._add_unseen(view, arrivals)
        self._watch_heads(view, lane, at_m, mps, step_s)
        queue: Floats = np.bincount(
            lane, weights=np.where(mps <= STANDING_MPS, weight, 0.0), minlength=len(arrivals)
        ).astype(np.float64)
        fading = np.clip(1.0 - (self._stuck_s - STUCK_AFTER_S) / STUCK_FADE_S, LEAST_FACTOR, 1.0)
        fading[:, self.broken] = 1.0
        return Estimate(arrivals, queue, fading, self._flow_vps.copy())

    def sight_s(self, view: View) -> Floats:
        """Return per lane how far ahead arrivals are seen and not expected, s."""
        loops = view.information is Information.DETECTORS
        sight: Floats = self._advance_s if loops else self._sight_s
        return sight

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Which lanes' sensors are not believed any more; bool[L]."""
        stuck: NDArray[np.bool_] = self._still_s > BROKEN_AFTER_S
        return stuck

    def _watch_sensors(self, view: View, step_s: float) -> None:
        """Notice sensors that have told the same for longer than any queue stands."""
        if view.information is Information.DETECTORS:
            still = (view.stop_occupancy > FULL_SHARE) & (view.stop_count == 0)
        else:
            alone = np.bincount(view.object_lane, minlength=len(self._still_s)) == 1
            still = alone & (view.queue_veh == 1) & (np.nan_to_num(view.stop_count) == 0)
        self._still_s = np.where(still, self._still_s + step_s, 0.0)

    def _learn_flow(self, view: View, step_s: float, fresh: bool) -> None:
        if not fresh:
            return
        seen = ~np.isnan(view.stop_count) & ~self.broken
        gain = min(1.0, step_s / MEMORY_S)
        rate = np.where(seen, view.stop_count, 0.0) / max(step_s, 1.0)
        self._flow_vps = np.where(
            seen, self._flow_vps + gain * (rate - self._flow_vps), self._flow_vps
        )

    def _vehicles(
        self, now_s: float, view: View, fresh: bool
    ) -> tuple[Integers, Floats, Floats, Floats]:
        if view.information is Information.DETECTORS:
            return self._from_loops(now_s, view, fresh)
        lane, at_m, mps = view.object_lane, view.object_m, view.object_mps
        weight = np.ones(len(lane))
        share = self._share if view.information is Information.VEHICLES else 1.0
        if share < 1.0:
            weight = np.where(mps > STANDING_MPS, 1.0 / share, 1.0)
        return self._with_ghosts(lane, at_m, mps, weight)

    def _with_ghosts(
        self, lane: Integers, at_m: Floats, mps: Floats, weight: Floats
    ) -> tuple[Integers, Floats, Floats, Floats]:
        """Add those who must stand before a standing vehicle, though nobody sees them."""
        standing = np.flatnonzero(mps <= 0.1)
        if not standing.size:
            return lane, at_m, mps, weight
        ghosts: list[tuple[int, float]] = []
        for k in standing.tolist():
            ahead_m = float(at_m[k - 1]) if k and lane[k - 1] == lane[k] else -SPACING_M
            moving = k > 0 and lane[k - 1] == lane[k] and mps[k - 1] > STANDING_MPS
            missing = int((float(at_m[k]) - ahead_m) / SPACING_M - 0.6)
            if missing < 1 or moving or missing > MOST_GHOSTS:
                continue
            ghosts.extend((int(lane[k]), ahead_m + SPACING_M * (i + 1)) for i in range(missing))
        if not ghosts:
            return lane, at_m, mps, weight
        rows = np.array([row for row, _ in ghosts], dtype=np.int32)
        zeros = np.zeros(len(ghosts))
        return (
            np.concatenate([lane, rows]),
            np.concatenate([at_m, [max(0.0, m) for _, m in ghosts]]),
            np.concatenate([mps, zeros]),
            np.concatenate([weight, zeros + GHOST_VEH]),
        )

    def _from_loops(
        self, now_s: float, view: View, fresh: bool
    ) -> tuple[Integers, Floats, Floats, Floats]:
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
                more = min(20, int(self._flow_vps[row] * self._full_s[row]))
                base = max(self._loop_m[row], len(came_s) * SPACING_M)
                lanes.extend([row] * more)
                places.extend(float(base + SPACING_M * i) for i in range(more))
                speeds.extend([0.0] * more)
        values = (np.array(places), np.array(speeds), np.ones(len(lanes)))
        return np.array(lanes, dtype=np.int32), *values

    def _add_unseen(self, view: View, arrivals: Floats) -> None:
        if view.information is Information.DETECTORS:
            blind = np.isnan(view.stop_count)
        else:
            blind = np.isnan(view.count_veh)
        blind |= self.broken
        for row in np.flatnonzero(blind).tolist():
            # A dead sensor: what has come since the last green, by the mean flow.
            arrivals[row, 0] += max(0.3, self._flow_vps[row] * view.waiting_s[row])

    def _watch_heads(
        self, view: View, lane: Integers, at_m: Floats, mps: Floats, step_s: float
    ) -> None:
        """Notice lanes that are served and do not move."""
        served = (self._service[view.stage] > 0) & (view.green_s > 0)
        heads = np.zeros(len(served), dtype=np.bool_)
        heads[lane[(at_m <= HEAD_M) & (mps <= 0.2)]] = True
        moved = np.zeros_like(heads)
        if view.information is Information.DETECTORS:
            # Loops do not see a queue run off, but they count it.
            heads &= view.stop_occupancy > FULL_SHARE
            moved = view.stop_count > 0
        else:
            moved[lane[(at_m <= 3 * HEAD_M) & (mps > STANDING_MPS)]] = True
        stuck = served & heads & ~moved
        # Who has green and stands would stand in any stage that gives his lane no more than this
        # one does; another may be what he waits for.
        held = stuck & self._alike[view.stage]
        self._stuck_s[held] += step_s
        self._stuck_s[:, served & ~stuck] = 0.0
        # Given another chance later, for what held it may be gone.
        fading_s = np.maximum(0.0, self._stuck_s - FORGET_STUCK * step_s)
        self._stuck_s = np.where(held, np.minimum(self._stuck_s, MOST_STUCK_S), fading_s)


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
