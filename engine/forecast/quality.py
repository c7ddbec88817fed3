"""Judge counts before anything is made of them.

Rules in order of weight: more vehicles than the lanes can carry are impossible; the same
sizeable count again and again is a stuck detector; silence where other days show steady traffic
is a dead one. A judged count keeps its number beside its flag; nothing is corrected here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from network.counts import CountSeries, Quality
from network.graph import RoadNetwork

LANE_CAPACITY_VPH = 2400.0
"""No lane carries more at a signal: base saturation flow 1900 veh/h (HCM 2010, equation 18-5)
with ample room for noise."""

STUCK_VOLUME_VEH = 5
"""Equal counts below this size are common by chance."""

STUCK_PROBABILITY = 1e-6
"""Chance at which a run of equal counts is called stuck."""

SILENT_PROBABILITY = 1e-6
"""Chance at which zero counts in a row are called dead."""


@dataclass(frozen=True, slots=True)
class QualityRow:
    """What was found about one series.

    Attributes
    ----------
    series_id
        The movement or approach.
    flag
        The gravest flag among its intervals.
    intervals
        How many intervals carry a flag other than good.
    reason
        In words.
    """

    series_id: str
    flag: Quality
    intervals: int
    reason: str


def judge(
    counts: CountSeries,
    lanes: Mapping[str, int],
    usual_veh: NDArray[np.float64] | None = None,
) -> tuple[CountSeries, tuple[QualityRow, ...]]:
    """Flag counts that cannot be trusted.

    Parameters
    ----------
    counts
        As they came.
    lanes
        Lanes that each series uses, for its capacity.
    usual_veh
        What other days show in the same intervals, [I, M]; None where there are none.

    Returns
    -------
    counts : CountSeries
        The same volumes with flags.
    rows : tuple of QualityRow
        Series with anything but good counts.
    """
    flags = np.array(counts.quality, copy=True)
    reasons: dict[int, str] = {}
    volume = np.asarray(counts.volume_veh)
    for column, series in enumerate(counts.series_ids):
        limit = LANE_CAPACITY_VPH * lanes.get(series, 1) * counts.interval_s / 3600.0
        over = volume[:, column] > limit
        if over.any():
            flags[over, column] = Quality.IMPOSSIBLE
            reasons[column] = (
                f"up to {np.nanmax(volume[:, column]):.0f} veh in {counts.interval_s} s, "
                f"{limit:.0f} are possible"
            )
        for begin, end in _equal_runs(volume[:, column]):
            value = volume[begin, column]
            if value < STUCK_VOLUME_VEH or end - begin < 2:
                continue
            # Chance that Poisson counts of that mean repeat the first one so often.
            chance = float(stats.poisson.pmf(round(value), value)) ** (end - begin - 1)
            if chance < STUCK_PROBABILITY:
                flags[begin:end, column] = Quality.STUCK
                reasons[column] = f"{end - begin} intervals in a row show {value:.0f} veh"
        if usual_veh is not None:
            for begin, end in _equal_runs(volume[:, column]):
                expected = float(np.nansum(usual_veh[begin:end, column]))
                if volume[begin, column] == 0 and np.exp(-expected) < SILENT_PROBABILITY:
                    flags[begin:end, column] = Quality.SUSPECT
                    reasons[column] = f"silent where other days show {expected:.0f} veh"
        missing = flags[:, column] == Quality.MISSING
        if missing.any():
            reasons.setdefault(column, f"{int(missing.sum())} intervals did not arrive")
    judged = CountSeries(
        counts.kind,
        counts.series_ids,
        counts.start_s,
        counts.interval_s,
        volume,
        flags,
        counts.occupancy_pct,
    )
    rows = tuple(
        QualityRow(
            counts.series_ids[column],
            Quality(int(np.where(flags[:, column] == Quality.FILLED, 0, flags[:, column]).max())),
            int((flags[:, column] != Quality.GOOD).sum()),
            reason,
        )
        for column, reason in sorted(reasons.items())
    )
    return judged, rows


def lanes_of(network: RoadNetwork) -> dict[str, int]:
    """Return how many lanes each signalized movement uses."""
    return {
        movement.movement_id: len({c.from_lane for c in movement.connections})
        for movement in network.movements.values()
    }


def _equal_runs(values: NDArray[np.float64]) -> Sequence[tuple[int, int]]:
    """Return begin and end of every run of equal numbers, single ones included."""
    runs: list[tuple[int, int]] = []
    begin = 0
    for index in range(1, len(values) + 1):
        if index == len(values) or values[index] != values[begin]:
            runs.append((begin, index))
            begin = index
    return runs
