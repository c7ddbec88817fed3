"""Induction loops at and before stop lines, read off the vehicles' ways of one second.

A loop counts fronts and is occupied from a vehicle's front to its rear, also when the front has
left the lane since: a vehicle that runs through the stop line within a second is counted there,
and one that starts keeps the loop occupied until its rear is off it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Floats, Site

LOOP_M: Final = 2.0
"""Length of a loop; that of the stop line ends there."""
VEHICLE_M: Final = 5.0
"""Length of a vehicle where the sensor does not tell."""
_STEP_M: Final = 3.0
"""A vehicle that was no farther from the line than its speed takes it in a second, and this, and
is on none of the signal's lanes any more has passed the line, m."""


def advance_loops_m(site: Site, wanted_m: float) -> Floats:
    """Return how far from the stop line each lane's advance loop lies.

    As far as wanted, also on the roads behind, but only where whoever passes has no other stop
    line of this signal to go to; at the lane's beginning at least.

    Parameters
    ----------
    site
        The signal.
    wanted_m
        From the stop line, m.

    Returns
    -------
    numpy.ndarray
        float64[stop lanes], m.
    """
    found = np.empty(len(site.lanes))
    for row, lane in enumerate(site.lanes):
        behind = [feeder for feeder in site.feeders if row in feeder.leads_to]
        own = [f.to_stop_m + f.length_m for f in behind if len(f.leads_to) == 1]
        shared = [f.to_stop_m for f in behind if len(f.leads_to) > 1]
        end_m = min(max([lane.length_m, *own]), *shared, np.inf)
        found[row] = min(wanted_m, max(lane.length_m, end_m))
    return found


class Loops:
    """The two loops of every stop lane of some signals.

    Parameters
    ----------
    sites
        The signals; rows number their stop lanes one after the other.
    advance_m
        Wanted distance of the advance loops, m.
    """

    def __init__(self, sites: Sequence[Site], advance_m: float) -> None:
        self.advance_m = np.concatenate(
            [np.empty(0), *(advance_loops_m(site, advance_m) for site in sites)]
        )
        self._site = np.repeat(np.arange(len(sites)), [len(site.lanes) for site in sites])
        self._before: dict[str, tuple[int, float]] = {}
        self._gone: dict[str, tuple[int, float]] = {}

    def read(
        self,
        names: Sequence[str],
        speed_mps: Floats,
        vehicle: NDArray[np.intp],
        lane: NDArray[np.intp],
        at_m: Floats,
    ) -> Floats:
        """Read one second.

        Parameters
        ----------
        names, speed_mps
            Of all vehicles.
        vehicle, lane, at_m
            Of those on the way to a stop line: which vehicle, row of its stop lane, and distance
            of its front, m.

        Returns
        -------
        numpy.ndarray
            float64[4, stop lanes]: count and occupancy at the stop line, count and occupancy in
            advance.
        """
        now: dict[str, tuple[int, float]] = {}
        rows: list[int] = []
        was: list[float] = []
        at: list[float] = []
        speeds = speed_mps.tolist()
        for v, row, place_m in zip(vehicle.tolist(), lane.tolist(), at_m.tolist(), strict=True):
            name = names[v]
            before = self._before.get(name)
            rows.append(row)
            was.append(before[1] if before and before[0] == row else place_m + speeds[v])
            at.append(place_m)
            now[name] = (row, place_m)
        gone: dict[str, tuple[int, float]] = {}
        number = {name: v for v, name in enumerate(names)}
        for name, (row, was_m) in [*self._before.items(), *self._gone.items()]:
            v = number.get(name, -1)
            if v < 0:
                continue
            on = now.get(name)
            # On the signal's lanes still, perhaps on another one than before.
            staying = on is not None and self._site[on[0]] == self._site[row]
            if was_m > 0 and (staying or was_m > speeds[v] + _STEP_M):
                continue
            place_m = min(was_m - speeds[v], 0.0)
            rows.append(row)
            was.append(was_m)
            at.append(place_m)
            if place_m + VEHICLE_M > 0:
                gone[name] = (row, place_m)
        self._before, self._gone = now, gone
        return self._passed(np.array(rows, dtype=np.intp), np.array(was), np.array(at))

    def _passed(self, rows: NDArray[np.intp], was_m: Floats, at_m: Floats) -> Floats:
        loops = np.zeros((4, len(self.advance_m)))
        moved = np.maximum(was_m - at_m, 1e-6)
        for which, loop_m in ((0, np.full(len(self.advance_m), LOOP_M)), (2, self.advance_m)):
            edge = loop_m[rows]
            came = (at_m <= edge) & (was_m > edge)
            np.add.at(loops[which], rows[came], 1.0)
            # Fronts pass the loop and rears follow a vehicle's length and the loop's later.
            entered = np.clip((was_m - edge) / moved, 0.0, 1.0)
            left = np.clip((was_m - edge + VEHICLE_M + LOOP_M) / moved, 0.0, 1.0)
            standing = (at_m <= edge) & (at_m + VEHICLE_M + LOOP_M >= edge) & (moved < 0.1)
            np.add.at(loops[which + 1], rows, np.where(standing, 1.0, left - entered))
        np.clip(loops[1::2], 0.0, 1.0, out=loops[1::2])
        return loops
