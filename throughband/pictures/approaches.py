"""How approaches fare: delay, queue, level of service; always with the word which delay it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.measures.evaluation import StreetMeasures
from engine.measures.hcm_terms import level_of_service
from engine.measures.street import Floats, Street
from network.units import SECONDS_PER_HOUR
from throughband.planning.tuning_levels import Compared, Level


class DelayKind(StrEnum):
    """Which delay a number is; only control delay has a level of service."""

    CONTROL = "control delay"
    """Of our model at the stop line, in the sense of the HCM: uniform, by chance, oversaturated."""

    TIME_LOSS = "time loss"
    """Of SUMO, against driving at free speed: it also holds what is lost away from signals."""


@dataclass(frozen=True, slots=True)
class ApproachState:
    """One approach under one set of plans.

    Attributes
    ----------
    link_id, signal_id
        The link that ends at the stop line, and its signal.
    volume_vph
        Vehicles that come, veh/h.
    delay_kind, delay_s
        Mean delay, s per vehicle, and which.
    stops
        Per vehicle; None where not known.
    saturation
        Greatest v/c of its lanes; None where not known.
    queue_veh
        Longest queue of its lanes, vehicles; None where not known.
    level_of_service
        A to F by control delay alone, as the HCM grades approaches; None for any other delay, and
        where nobody drives.
    over_capacity
        Whether demand exceeds capacity on a lane (v/c above 1): the movements there are F.
    """

    link_id: str
    signal_id: str
    volume_vph: float
    delay_kind: DelayKind
    delay_s: float
    stops: float | None
    saturation: float | None
    queue_veh: float | None
    level_of_service: str | None
    over_capacity: bool


def modeled_approaches(street: Street, measures: StreetMeasures) -> tuple[ApproachState, ...]:
    """Return how approaches fare in the hour-long model.

    Parameters
    ----------
    street
        The street under its demand.
    measures
        From `engine.measures.evaluation.evaluate` of it.
    """
    signal_of = np.zeros(len(street.lane_names), np.intp)
    signal_of[street.lanes.lane] = street.lanes.signal
    found = []
    for row, link in enumerate(street.approach_names):
        lanes = np.flatnonzero(street.lane_approach == row)
        came: Floats = measures.lane_volume_veh[lanes]
        volume = float(came.sum())
        if not lanes.size:
            continue
        delay_s = float((measures.lane_delay_s[lanes] * came).sum()) / max(volume, 1e-12)
        saturation = float(measures.lane_saturation[lanes].max())
        found.append(
            ApproachState(
                link,
                street.signals[int(signal_of[lanes[0]])],
                volume * SECONDS_PER_HOUR / street.horizon_s,
                DelayKind.CONTROL,
                delay_s,
                float(measures.lane_stops[lanes].sum()) / max(volume, 1e-12),
                saturation,
                float(measures.lane_queue_veh[lanes].max()),
                level_of_service(delay_s) if volume > 0 else None,
                saturation > 1.0,
            )
        )
    return tuple(found)


def tried_approaches(rows: Iterable[Compared], which: str = "now") -> tuple[ApproachState, ...]:
    """Return how approaches fare in a trial.

    Parameters
    ----------
    rows
        `throughband.planning.tuning.Trial.approaches`.
    which
        ``now``, ``before`` or ``in_force``; rows that have none are absent.
    """
    found = []
    for row in rows:
        level: Level | None = getattr(row, which)
        if level is not None:
            found.append(
                ApproachState(
                    row.name,
                    row.signal_id,
                    row.volume_vph,
                    DelayKind.CONTROL,
                    level.delay_s,
                    level.stops,
                    level.saturation,
                    level.queue_veh,
                    level.level_of_service if row.volume_vph > 0 else None,
                    level.saturation > 1.0,
                )
            )
    return tuple(found)
