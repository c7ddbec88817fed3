"""The flows that a network of the console is modeled with."""

from __future__ import annotations

from pathlib import Path

from throughband.counts.dated_counts import has_dates
from throughband.counts.demand import Demand, demand, read_counts
from throughband.counts.demand_file import DEMAND_NAME, read_demand
from throughband.exchange.imported import imported_counts
from throughband.setting import Setting


def flows_of(setting: Setting, folder: Path | None) -> Demand | None:
    """Return the flows that a run's plans were made for, else what was counted, else None."""
    if folder is not None and (folder / DEMAND_NAME).is_file():
        return read_demand(folder / DEMAND_NAME, setting.network)
    counts = imported_counts(setting.scenario)
    if counts is None or has_dates(counts):
        return None
    return demand(setting.network, read_counts(counts, setting.network))
