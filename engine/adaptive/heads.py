"""Where vehicles turn, as far as the loop at the stop line tells.

Who leaves under a stage takes a way that it opens; who stands at the line under green takes none
that it gives the right of way. Each vehicle is weighed over its lane's ways by this evidence and
by the shares believed so far. Ways that every stage treats alike are not told apart.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from engine.adaptive.control import CLOSED, PROTECTED, Floats, Site, View
from engine.adaptive.sensor_clock import SensorClock

OCCUPIED: Final = 0.95
STARTED_S: Final = 2.0
"""Green after which a head that is free to go has begun to move, s."""
HELD_S: Final = 3.0
HELD_LIKELY: Final = 0.1
"""How likely one with the right of way stands so long all the same, relative to others."""
CLOSED_LIKELY: Final = 0.02


class HeadTurns:
    """Follows the first vehicle of every stop lane of one signal.

    Parameters
    ----------
    site
        The signal.
    """

    def __init__(self, site: Site) -> None:
        self._first = np.cumsum([0, *(len(lane.ways) for lane in site.lanes)]).tolist()
        self._service = np.array([way.service for lane in site.lanes for way in lane.ways])
        self._likely = np.ones(len(self._service))
        self._there = [False] * len(site.lanes)
        self._held_s = [0.0] * len(site.lanes)
        self._clock = SensorClock()

    def turned(self, view: View, share: Floats) -> Floats:
        """Return who left in the second told of, weighed over the ways.

        Parameters
        ----------
        view
            With what the loops tell.
        share
            Per way, of its lane's traffic, as believed; float64[W].

        Returns
        -------
        numpy.ndarray
            Vehicles per way; float64[W], NaN on lanes whose loop is dead.
        """
        found = np.zeros(len(share))
        if not self._clock.news(view.seen_s):
            return found
        # What the loops told of when the green was older than what they tell is not known.
        green = view.clearing_s == 0 and view.green_s >= STARTED_S
        for row, there in enumerate(self._there):
            ways = slice(self._first[row], self._first[row + 1])
            count, occupancy = float(view.stop_count[row]), float(view.stop_occupancy[row])
            if np.isnan(count):
                found[ways] = np.nan
                self._there[row] = False
                continue
            if there and (count > 0 or occupancy == 0):
                found[ways] += self._weighed(ways, view, share, green)
                self._there[row] = False
            if count > 0:
                self._there[row] = True
                self._likely[ways] = 1.0
                self._held_s[row] = 0.0
            elif self._there[row] and green and occupancy > OCCUPIED:
                self._held_s[row] += 1.0
                if self._held_s[row] == HELD_S:
                    free = self._service[ways, view.stage] == PROTECTED
                    self._likely[ways][free] *= HELD_LIKELY
            else:
                self._held_s[row] = 0.0
        return found

    def _weighed(self, ways: slice, view: View, share: Floats, green: bool) -> Floats:
        likely = self._likely[ways].copy()
        if green:
            likely[self._service[ways, view.stage] == CLOSED] *= CLOSED_LIKELY
        weight: Floats = likely * share[ways]
        return weight / max(float(weight.sum()), 1e-9)
