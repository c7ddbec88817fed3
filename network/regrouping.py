"""Counts of detectors or lanes, added up to what they count together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from network.counts import VALUED, CountSeries, Kind, Quality
from network.errors import CountError


def regroup(counts: CountSeries, kind: Kind, series_of: Mapping[str, str]) -> CountSeries:
    """Add up series that count parts of the same thing.

    A sum is as good as its worst part; where a part has no number, neither has the sum. The
    occupancy of a sum is the mean of its parts, as for detectors side by side. Series that the
    mapping does not name are left out.

    Parameters
    ----------
    counts
        What was counted, by detector, lane or otherwise.
    kind
        What the sums count.
    series_of
        For each series of `counts` that takes part, the name of its sum.

    Returns
    -------
    CountSeries
        Sums in the order in which the mapping names them first.

    Raises
    ------
    CountError
        If the mapping names a series that was not counted, or none at all.
    """
    column = {name: index for index, name in enumerate(counts.series_ids)}
    unknown = [name for name in series_of if name not in column]
    if unknown or not series_of:
        listed = ", ".join(repr(name) for name in unknown[:3]) or "nothing"
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise CountError(
            f"asked to add up {listed}{more}; counted were {', '.join(counts.series_ids[:3])}"
            f"{' and more' if len(counts.series_ids) > 3 else ''}"
        )
    parts: dict[str, list[int]] = {}
    for name, whole in series_of.items():
        parts.setdefault(whole, []).append(column[name])
    volume = np.column_stack([counts.volume_veh[:, part].sum(axis=1) for part in parts.values()])
    flags = np.column_stack([_worst(counts, part) for part in parts.values()])
    flags[np.isnan(volume) & np.isin(flags, VALUED)] = Quality.MISSING
    volume[flags == Quality.MISSING] = np.nan
    occupancy = None
    if counts.occupancy_pct is not None:
        occupied = counts.occupancy_pct
        occupancy = np.column_stack([occupied[:, part].mean(axis=1) for part in parts.values()])
        occupancy = np.clip(occupancy, 0.0, 100.0)
    return CountSeries(
        kind, tuple(parts), counts.start_s, counts.interval_s, volume, flags, occupancy
    )


def _worst(counts: CountSeries, part: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """A missing part leaves no sum; then any doubt, then an estimate, then good."""
    flags = counts.quality[:, part]
    doubts = np.where(np.isin(flags, VALUED), 0, flags).max(axis=1)
    filled = np.where((flags == Quality.FILLED).any(axis=1), Quality.FILLED, Quality.GOOD)
    worst = np.where(doubts > 0, doubts, filled)
    gone = (flags == Quality.MISSING).any(axis=1)
    return np.where(gone, Quality.MISSING, worst).astype(np.uint8)
