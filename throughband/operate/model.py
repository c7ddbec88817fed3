"""What the model says of the plans on the street under a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.prediction import FlowPrediction
from engine.measures.evaluation import evaluate
from engine.measures.street import build_street
from engine.optimize.appraisal import street_tables
from engine.optimize.problem import Limits
from network.graph import RoadNetwork
from network.timing import TimingPlan
from throughband.counts.demand import lane_shares_of
from throughband.operate.planner import with_plans
from throughband.operate.street_counts import Counted
from throughband.setting import Setting

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ahead:
    """Traffic of the next intervals.

    Attributes
    ----------
    movement_vph
        By movement of the whole network, veh/h in each period.
    mean_vph
        By movement at a signal, veh/h on average.
    period_s, start_s
        Length of a period; when the first begins, s after midnight.
    lane_shares
        Part of its movement that each connection carries.
    """

    movement_vph: Mapping[str, Floats]
    mean_vph: Mapping[str, float]
    period_s: int
    start_s: int
    lane_shares: Mapping[str, float]


def ahead(
    prediction: FlowPrediction,
    network: RoadNetwork,
    midnight_utc_s: float,
    lately: Mapping[float, Mapping[str, Counted]],
) -> Ahead:
    """Return the traffic of a forecast.

    Parameters
    ----------
    prediction
        With its streets.
    network
        The roads.
    midnight_utc_s
        When the local day began, s since 1970.
    lately
        Counts of the last intervals, for how lanes are used.
    """
    flows = prediction.movements()
    by_movement = {
        name: np.maximum(np.asarray(flow, dtype=np.float64), 0.0)
        for name, flow in flows.movement_vph().items()
    }
    total: dict[str, float] = {}
    for row in lately.values():
        for name, cell in row.items():
            if cell.good:
                total[name] = total.get(name, 0.0) + cell.volume_veh
    return Ahead(
        by_movement,
        {
            name: float(by_movement[name].mean())
            for name in network.movements
            if name in by_movement
        },
        flows.step_s,
        int(flows.start.timestamp() - midnight_utc_s) % 86_400,
        lane_shares_of(total, network),
    )


def cost_of(
    setting: Setting, plans: Mapping[str, TimingPlan], coming: Ahead, longest_cycle_s: int
) -> float:
    """Return what a vehicle costs under plans in the hour-long model, s.

    Parameters
    ----------
    setting
        The network and its drivers.
    plans
        On the street, by signal; others run what is in force there.
    coming
        The traffic.
    longest_cycle_s
        Room to make.

    Raises
    ------
    InsufficientDataError
        If nobody drives.
    """
    network = with_plans(setting.network, list(plans.values()))
    street = build_street(
        network, coming.movement_vph, coming.period_s, setting.driving, coming.lane_shares
    )
    longest = max([longest_cycle_s, *(plan.cycle_s for plan in plans.values())])
    tables = street_tables(network, street, Limits(longest_cycle_s=longest))
    return evaluate(tables, coming.start_s, street.horizon_s).cost_s
