"""Which periods of a day are alike: by what their flows do to cost, not by the counts.

A vehicle more on a lane that is nearly full costs minutes, one on an empty lane costs seconds.
So flows are weighted by their marginal cost: how much the whole day's cost of a lane rises, per
vehicle, when all flows rise by a tenth. Periods are then joined by Ward's method (1963), which
gives nested clusters, so that few plans have to be made for all numbers of clusters.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import Floats
from engine.optimize.day_demand import DayStreets
from network.timing import TimingPlan

RISE = 0.1


def marginal_costs_s(streets: DayStreets, plans: Mapping[str, TimingPlan]) -> Floats:
    """Return what one vehicle more costs on each lane over the day, s per vehicle.

    Parameters
    ----------
    streets
        The day.
    plans
        A plan for the whole of it; signals without keep the plan in force.

    Returns
    -------
    ndarray
        [lane]; 0 where nothing flows.
    """
    day = streets.day
    delays = []
    volumes = []
    for factor in (1.0, 1.0 + RISE):
        street = streets.of({name: flow * factor for name, flow in day.movement_vph.items()})
        signals = streets.network.signals
        shown = {name: plans.get(name) or signal.plan_in_force for name, signal in signals.items()}
        longest_s = max(plan.cycle_s for plan in shown.values() if plan is not None)
        tables = Tables(street, streets.network, longest_s)
        for name, plan in shown.items():
            if plan is None:
                tables.open_always(name)
            else:
                tables.set(plan)
        measures = evaluate(tables, day.start_s, street.horizon_s)
        volumes.append(street.lane_volume_vps * street.horizon_s)
        delays.append(measures.lane_delay_s * volumes[-1])
    more = volumes[1] - volumes[0]
    rise = np.maximum(delays[1] - delays[0], 0.0)
    marginal: Floats = np.where(more > 0, rise / np.where(more > 0, more, 1.0), 0.0)
    return marginal


def nested_clusters(
    streets: DayStreets, plans: Mapping[str, TimingPlan], most: int
) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Join periods that are alike.

    Parameters
    ----------
    streets
        The day.
    plans
        A plan for the whole of it, under which marginal costs are taken.
    most
        Clusters to make at most.

    Returns
    -------
    tuple
        The k-th has at most k clusters of periods, each in order; periods in which nothing flows
        are in none.
    """
    rows = list(streets.filled())
    weight_s = marginal_costs_s(streets, plans)
    marks = np.array([streets.period(row).lane_volume_vps * weight_s for row in rows])
    partitions: list[tuple[tuple[int, ...], ...]] = [(tuple(rows),)]
    if len(rows) > 1:
        tree = linkage(marks, "ward")
        for count in range(2, min(most, len(rows)) + 1):
            labels = fcluster(tree, count, "maxclust")
            parts: dict[int, list[int]] = {int(label): [] for label in labels}
            for row, label in zip(rows, labels, strict=True):
                parts[int(label)].append(row)
            partitions.append(tuple(sorted(tuple(part) for part in parts.values())))
    return tuple(partitions)
