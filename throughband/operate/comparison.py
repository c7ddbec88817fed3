"""What ran before a plan, and what the model says of both with the traffic that came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from engine.forecast.prediction import FlowPrediction, Source
from network.graph import RoadNetwork, Signal
from network.timing import TimingPlan
from throughband.counts.demand import lane_shares_of
from throughband.operate.link_watch import road_end
from throughband.operate.model import Ahead
from throughband.operate.street_counts import Counted


def traffic_that_came(
    begins: Sequence[float],
    lately: Mapping[float, Mapping[str, Counted]],
    doubted: Sequence[str],
    prediction: FlowPrediction,
    network: RoadNetwork,
    midnight_utc_s: float,
) -> Ahead | None:
    """Return the mean traffic of intervals that were counted; None where none of them is known.

    Parameters
    ----------
    begins
        Of the intervals, s since 1970.
    lately
        Counts by beginning of interval.
    doubted
        Detectors that are not believed; what is forecast now stands for them.
    prediction
        The present forecast, with its streets.
    network
        The roads.
    midnight_utc_s
        When the local day began, s since 1970.
    """
    there = [begin for begin in begins if begin in lately]
    if not there or prediction.streets is None:
        return None
    expected, sd = (each[0].copy() for each in prediction.expected())
    out = frozenset(doubted)
    total: dict[str, float] = {}
    for at, name in enumerate(prediction.names):
        cells = [lately[begin].get(name) for begin in there]
        told = [cell.volume_veh for cell in cells if cell is not None and cell.good]
        if told and name not in out:
            expected[at] = float(np.mean(told))
            # What was counted is known better than what was forecast.
            sd[at] = np.sqrt(max(expected[at], 1.0) / len(told))
            total[name] = float(np.sum(told))
    start = datetime.fromtimestamp(there[0], UTC)
    source = np.full((1, len(expected)), Source.COUNTED, dtype=np.uint8)
    flows = prediction.streets.movements(
        start, prediction.step_s, expected[np.newaxis], sd[np.newaxis], source
    )
    vph = {
        name: np.repeat(np.maximum(flow, 0.0), len(there))
        for name, flow in flows.movement_vph().items()
    }
    return Ahead(
        vph,
        {name: float(vph[name][0]) for name in network.movements if name in vph},
        prediction.step_s,
        int(there[0] - midnight_utc_s) % 86_400,
        lane_shares_of(total, network),
    )


def green_share(signal: Signal, plan: TimingPlan, link: str) -> float:
    """Return the part of the cycle in which turns from a link are green, summed over them.

    Parameters
    ----------
    signal, plan
        The signal, and what it runs.
    link
        Which ends there.
    """
    phasing = signal.phasing
    if phasing is None:
        return 0.0
    green_s = 0.0
    for turn in signal.connections:
        if turn.from_link != link:
            continue
        for number in plan.sequence:
            phase = phasing.phase(number)
            if any(phase.serves(group) for group in turn.groups):
                green_s += max(0.0, plan.split_s(number) - phase.clearance_s)
    return green_s / plan.cycle_s


def may_have_caused(
    network: RoadNetwork,
    link: str,
    now: Mapping[str, TimingPlan],
    before: Mapping[str, TimingPlan],
) -> bool:
    """Tell whether a plan gives the end of a road less green than what ran before.

    Parameters
    ----------
    network
        The roads.
    link
        One with a queue.
    now, before
        Plans by signal.
    """
    end = road_end(network, link) if link in network.links else link
    for name, plan in now.items():
        signal, old = network.signals[name], before.get(name)
        if old is None or not any(turn.from_link == end for turn in signal.connections):
            continue
        if green_share(signal, plan, end) < green_share(signal, old, end) - 1e-9:
            return True
    return False


def touches(network: RoadNetwork, link: str, signals: Sequence[str]) -> bool:
    """Tell whether a road leads to or from one of these signals."""
    if link not in network.links:
        return False
    ends = {link, road_end(network, link)}
    return any(
        turn.from_link in ends or turn.to_link in ends
        for name in signals
        for turn in network.signals[name].connections
    )
