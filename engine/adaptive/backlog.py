"""Who comes to a signal beyond what is seen of it, and for how long a queue lasts.

Arrivals are told by who is counted at the stop line and by how the number of those in sight
changes. Once a queue reaches the end of sight, those who come are no longer seen to come: the mean
flow of the time before is believed to go on, and who has come by it and is not seen stands beyond.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import CLOSED, Floats, Site, View
from engine.adaptive.estimate import FIRST_RATE_VPS
from engine.adaptive.lane_kernels import MEMORY_S, SPACING_M
from engine.adaptive.turns import Turns

LONGEST_S: Final = 900.0
"""No queue is taken to last longer than the analysis period of the Highway Capacity Manual (7th
edition, chapter 19), a quarter of an hour: nobody knows the flow for longer."""
MOST_STEP_S: Final = 10.0


class Backlog:
    """Follows the traffic of one signal.

    Parameters
    ----------
    site
        The signal.

    Attributes
    ----------
    flow_vps
        Arrivals, mean of some minutes, veh/s; float64[L].
    unseen_veh
        Standing beyond sight; float64[L].
    """

    def __init__(self, site: Site) -> None:
        lanes = len(site.lanes)
        self.flow_vps: Floats = np.full(lanes, FIRST_RATE_VPS)
        self.unseen_veh: Floats = np.zeros(lanes)
        self._way_lane = np.array(
            [row for row, lane in enumerate(site.lanes) for _ in lane.ways], dtype=np.intp
        )
        self._sight_m = np.zeros(lanes)
        self._count_veh: Floats | None = None
        self._last_s = -np.inf

    def look(self, now_s: float, view: View) -> None:
        """Take in one second; dead sensors leave everything as it was."""
        step_s = min(max(now_s - self._last_s, 0.0), MOST_STEP_S)
        before, self._count_veh, self._last_s = self._count_veh, view.count_veh, now_s
        np.maximum.at(self._sight_m, view.object_lane, view.object_m)
        if before is None or step_s == 0.0:
            return
        came_vps = (view.count_veh - before + self._left_veh(view)) / step_s
        known = ~np.isnan(came_vps)
        full = known & (view.queue_veh > 0.0) & (view.queue_m > self._sight_m - SPACING_M)
        more_veh = np.maximum(0.0, self.unseen_veh + (self.flow_vps - came_vps) * step_s)
        self.unseen_veh = np.where(full, more_veh, np.where(known, 0.0, self.unseen_veh))
        gain = min(1.0, step_s / MEMORY_S)
        learned = np.maximum(0.0, self.flow_vps + gain * (came_vps - self.flow_vps))
        self.flow_vps = np.where(known & ~full, learned, self.flow_vps)

    def _left_veh(self, view: View) -> Floats:
        """Return who crossed the stop lines; NaN where nobody counts."""
        turned = np.full(len(self.flow_vps), np.nan)
        if view.turned_veh.size == self._way_lane.size:
            turned = np.bincount(self._way_lane, view.turned_veh, len(turned))
        return np.where(np.isnan(view.stop_count), turned, view.stop_count)


def lasting_s(
    site: Site, turns: Turns, flow_vps: Floats, behind_veh: Floats, lanes: NDArray[np.bool_]
) -> Floats:
    """Return for how long queues last that the end of a green leaves behind, s.

    Every vehicle that is left behind holds back one after the other for as long.

    Parameters
    ----------
    site, turns
        The signal and its plan.
    flow_vps, behind_veh
        Arrivals on each stop lane, and who is left there; float64[L].
    lanes
        Which lanes are asked for; bool[L].

    Returns
    -------
    Floats
        Of those, one after the other: until the queue is gone within a green to come, or for
        `LONGEST_S` where what comes fills every green.
    """
    served = site.service() != CLOSED
    greens = np.array(
        [turns.green_s(site, s) if s in turns.order else 0.0 for s in range(len(served))]
    )
    found: list[float] = []
    for row in np.flatnonzero(lanes):
        green_s = float(greens[served[:, row]].sum())
        headway_s = max((way.headway_s for way in site.lanes[row].ways), default=2.0)
        flow, behind = float(flow_vps[row]), float(behind_veh[row])
        red_s = max(0.0, turns.cycle_s - green_s)
        spare_veh = green_s / headway_s - flow * turns.cycle_s
        over_veh = behind - spare_veh
        if spare_veh <= 0.0:
            found.append(LONGEST_S)
        elif over_veh <= 0.0:
            # Within the next green, where it discharges faster than it grows.
            found.append(red_s + (behind + flow * red_s) / (1.0 / headway_s - flow))
        else:
            found.append(turns.cycle_s * (1.0 + over_veh / spare_veh))
    return np.minimum(found, LONGEST_S)
