"""From what was seen of a network's traffic to its calibration, and from that to the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.measures.discharge import LaneGreen, measure_discharge
from engine.measures.running import measure_running
from engine.measures.street import Driving
from network.calibration import Calibration, network_digest
from network.graph import RoadNetwork

LEAST_PACE = 0.3
"""Running a link in less than this part of its time at the limit is a fault of the data."""


def calibrate(
    network: RoadNetwork,
    greens: Sequence[LaneGreen],
    passages: Mapping[str, Sequence[tuple[float, float]]],
    source: str,
    usual: Driving | None = None,
) -> Calibration:
    """Estimate everything that observations tell of a network's drivers.

    Parameters
    ----------
    network
        The roads.
    greens
        Protected greens and who crossed in them.
    passages
        By link, undisturbed passages: time from the end of the link before, s, and greatest
        speed, m/s. Empty where nobody can be followed from detector to detector: then no link is
        calibrated.
    source
        Where they come from, for a reader.
    usual
        What is believed before; the model's defaults by default.

    Returns
    -------
    Calibration

    Raises
    ------
    InsufficientDataError
        If no queue was long enough.
    """
    usual = usual or Driving()
    usual = replace(usual, headway_s={}, time_part={}, variation={})
    ways = {c.connection_id: c for signal in network.signals.values() for c in signal.connections}
    discharge = measure_discharge(
        greens,
        {name: usual.way_headway_s(way) for name, way in ways.items()},
        float(usual.start_loss_s),
        float(usual.end_gain_s),
    )
    links = {}
    if any(passages.values()):
        links = measure_running(
            {name: np.array(seen, dtype=np.float64) for name, seen in passages.items()},
            {name: _limit_s(network, name) for name in network.links},
            {name: link.speed_mps for name, link in network.links.items()},
            usual.speed_variation,
        )
    return Calibration(
        network.name,
        network_digest(network),
        source,
        discharge.start_loss_s,
        discharge.end_gain_s,
        discharge.headway_s,
        links,
    )


def calibrated(
    calibration: Calibration, network: RoadNetwork, usual: Driving | None = None
) -> Driving:
    """Return the driver behavior that a calibration says, the rest as usual.

    Parameters
    ----------
    calibration, network
        The measured numbers and the network they are of.
    usual
        For what is not measured; the model's defaults by default.

    Notes
    -----
    The model counts green in whole seconds. Start and end are rounded so that what a green loses
    altogether is off by half a second at most.
    """
    usual = usual or Driving()
    lost_s = calibration.start_loss_s.value - calibration.end_gain_s.value
    start_s = max(0, round(calibration.start_loss_s.value))
    gain_s = max(0, start_s - round(lost_s))
    start_s = max(0, round(lost_s) + gain_s)
    return replace(
        usual,
        start_loss_s=start_s,
        end_gain_s=gain_s,
        headway_s={name: found.value for name, found in calibration.headway_s.items()},
        time_part={
            name: max(LEAST_PACE, found.running_s.value / network.links[name].travel_time_s)
            for name, found in calibration.links.items()
        },
        variation={
            name: found.deviation_s.value / found.running_s.value
            for name, found in calibration.links.items()
        },
    )


def _limit_s(network: RoadNetwork, link: str) -> float:
    """Return the running time at the limit, s, with the mean way over the node before."""
    nodes_s = [c.length_m / c.speed_mps for c in network.turns_into[link] if c.turn != "t"]
    return network.links[link].travel_time_s + (float(np.mean(nodes_s)) if nodes_s else 0.0)
