"""Approaches with a loop at either end, days of normal traffic, and lanes that are closed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.drawn_days import Trips, draw_day, read_trips
from benchmarks.forecast.sumo_arrivals import INSIDE_NODE_M, AdvanceLoops, advance_loops
from engine.validate.counting import DetectorSite, count
from network.readers.xml_files import iterate_elements
from throughband.setting import Setting

Floats = NDArray[np.float64]

LEVELS: Final = (
    0.05, 0.04, 0.03, 0.03, 0.05, 0.15, 0.45, 0.90, 0.80, 0.55, 0.50, 0.55,
    0.60, 0.55, 0.55, 0.65, 0.85, 0.95, 0.70, 0.45, 0.30, 0.22, 0.15, 0.08,
)  # fmt: skip
"""A working day hour by hour, over the hour that the street was built for."""

HOUR_S: Final = 3600.0
ENTRY_M: Final = 20.0
"""Loops at the beginning of a road lie so far from its upstream end."""

CLOSED_M: Final = 12.0
"""A lane is closed so far ahead of the stop line, or a third of the road's length."""

CLOSED_S: Final = 900.0
WARM_UP_H: Final = 1
PERIOD_S: Final = 5.0
"""Loops are read so often; cycles of whole multiples are intervals that no platoon beats with."""
QUEUE_PERIOD_S: Final = 10.0
QUEUE_M: Final = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class SeenDay:
    """What loops saw of each approach, [interval, approach] each."""

    inflow_veh: Floats
    outflow_veh: Floats
    crowd_pct: Floats


@dataclass(frozen=True, slots=True)
class Closure:
    """A lane that is closed for `CLOSED_S`.

    Attributes
    ----------
    approach
        The approach it is on.
    link_id, lane, position_m
        Where a vehicle stands.
    begin_s
        When it stops, s after midnight.
    """

    approach: str
    link_id: str
    lane: int
    position_m: float
    begin_s: float


class WatchedStreet:
    """A street whose approaches are counted where they begin and at their stop lines.

    Parameters
    ----------
    setting
        The street; its routes are an hour's.
    interval_s
        Length of an interval, s; a multiple of `PERIOD_S`.
    """

    def __init__(self, setting: Setting, interval_s: int) -> None:
        self.setting, self.interval_s = setting, interval_s
        network = setting.network
        self._entries: Mapping[str, AdvanceLoops] = advance_loops(network, float("inf"))
        self.approaches = tuple(self._entries)
        self._trips: Trips = read_trips(setting.case.route_files[0])
        self._sites: list[DetectorSite] = []
        self._rows: list[tuple[int, bool]] = []
        for row, (approach, place) in enumerate(self._entries.items()):
            for lane in range(network.links[place.link_id].lanes):
                self._add(row, True, f"{place.link_id}_{lane}", min(ENTRY_M, place.from_end_m / 2))
            ways = {c.via_lane for c in network.turns_from[approach] if c.via_lane}
            for lane_id in sorted(ways):
                self._add(row, False, lane_id, INSIDE_NODE_M)

    def _add(self, row: int, entry: bool, lane_id: str, position_m: float) -> None:
        self._sites.append(DetectorSite(f"w{len(self._sites)}", lane_id, position_m))
        self._rows.append((row, entry))

    def closure(self, approach: str, lane: int, begin_s: float) -> Closure:
        """Close a lane of an approach just ahead of its stop line."""
        road = self.setting.network.links[approach]
        ahead_m = min(CLOSED_M, road.length_m / 3)
        return Closure(approach, road.link_id, lane % road.lanes, road.length_m - ahead_m, begin_s)

    def day(self, seed: int) -> SeenDay:
        """Play a whole normal day."""
        return self.hours(seed, 0, len(LEVELS))[0]

    def hours(
        self, seed: int, first: int, last: int, closed: Closure | None = None
    ) -> tuple[SeenDay, float | None]:
        """Play some hours of a day.

        Parameters
        ----------
        seed
            Demand and drivers.
        first, last
            Hours of the day; the last is not played.
        closed
            What is closed.

        Returns
        -------
        seen : SeenDay
            Intervals from the beginning of the first hour.
        reached_s
            When a queue behind the closure first stood at the approach's first loop.
        """
        base = self.setting.case
        extra = [] if closed is None else [(closed.begin_s, _standing(closed))]
        with tempfile.TemporaryDirectory(prefix="throughband-") as name:
            folder = Path(name)
            drawn = draw_day(
                base, self._trips, LEVELS[first:last], seed, folder / "day.rou.xml",
                extra, clock_s=first * HOUR_S,
            )  # fmt: skip
            areas, output = folder / "areas.add.xml", folder / "areas.xml"
            additional = []
            if closed is not None:
                self._write_areas(areas, output, closed.approach)
                additional.append(areas)
            run = count(drawn, self._sites, seed, PERIOD_S, additional)
            reached_s = None if closed is None else _reached(output, closed.begin_s)
        whole = round(self.interval_s / PERIOD_S)
        size = run.volume_veh.shape[0] // whole * whole
        found = [np.zeros((size // whole, len(self.approaches))) for _ in range(3)]
        lanes = np.zeros(len(self.approaches))
        for column, (row, entry) in enumerate(self._rows):
            counted = run.volume_veh[:size, column].reshape(-1, whole).sum(axis=1)
            found[0 if entry else 1][:, row] += counted
            if entry:
                standing = run.occupancy_pct[:size, column].reshape(-1, whole).mean(axis=1)
                found[2][:, row] += standing
                lanes[row] += 1
        return SeenDay(found[0], found[1], found[2] / lanes), reached_s

    def _write_areas(self, file: Path, output: Path, approach: str) -> None:
        place = self._entries[approach]
        road = self.setting.network.links[place.link_id]
        position_m = min(ENTRY_M, place.from_end_m / 2)
        rows = [
            f'<laneAreaDetector id="q{lane}" lane="{road.link_id}_{lane}" pos="{position_m:g}" '
            f'endPos="{min(position_m + QUEUE_M, road.length_m):g}" period="{QUEUE_PERIOD_S:g}" '
            f"file={quoteattr(str(output))}/>"
            for lane in range(road.lanes)
        ]
        file.write_text("\n".join(["<additional>", *rows, "</additional>"]), encoding="utf-8")


def _standing(closed: Closure) -> str:
    return (
        f'<vehicle id="closed" depart="{closed.begin_s:g}" departLane="{closed.lane}" '
        f'departPos="{closed.position_m:g}" departSpeed="0"><route edges="{closed.link_id}"/>'
        f'<stop lane="{closed.link_id}_{closed.lane}" endPos="{closed.position_m + 1:g}" '
        f'startPos="{closed.position_m - 6:g}" duration="{CLOSED_S:g}"/></vehicle>'
    )


def _reached(file: Path, begin_s: float) -> float | None:
    """Return the end of the first period in which somebody stood still at the loop."""
    times = [
        float(element.get("end", "nan"))
        for element in iterate_elements(file, {"interval"})
        if begin_s <= float(element.get("begin", "nan")) < begin_s + CLOSED_S
        and float(element.get("maxJamLengthInVehicles", "0")) >= 1
    ]
    return min(times, default=None)


def other_days(days: Sequence[Floats], own: int | None, smoothing: int) -> Floats:
    """Return the mean of days but one's own, smoothed over the intervals around."""
    kept = [day for number, day in enumerate(days) if number != own]
    mean = np.mean(kept, axis=0)
    kernel = np.ones(2 * smoothing + 1) / (2 * smoothing + 1)
    padded = np.pad(mean, ((smoothing, smoothing), (0, 0)), mode="edge")
    return np.apply_along_axis(lambda column: np.convolve(column, kernel, "valid"), 0, padded)
