"""Splits of one signal: every second goes where the most saturated lane needs it.

The rule equalizes degrees of saturation, which HCM 2000 (chapter 16, appendix B) names as one
of the two usual allocation strategies, and keeps every least split by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.measures.street import Floats, Street
from engine.optimize.problem import Choice
from engine.optimize.rings import filled
from network.timing import TimingPlan

PERMISSIVE_VALUE = 0.4
"""Worth of a second of permissive green beside one of protected green, for allocation only."""


def allocate(
    choice: Choice, sequence: tuple[int, ...], cycle_s: int, street: Street
) -> TimingPlan | None:
    """Split a cycle among phases so that the worst degree of saturation is least.

    Parameters
    ----------
    choice
        The signal.
    sequence
        Phases to serve.
    cycle_s
        Cycle, s.
    street
        For the demand of its lanes.

    Returns
    -------
    TimingPlan or None
        With offset 0; None where the cycle cannot hold the least splits, or where they would
        trap a left turn.
    """
    rows = rows_of(choice, street)
    need, worth = needs(choice, sequence, street, rows)
    columns = {number: column for column, number in enumerate(sequence)}

    def gain(splits: Mapping[int, int]) -> Mapping[int, float]:
        green = worth @ np.array([splits[number] for number in sequence], dtype=np.float64)
        # The phase that relieves the most saturated lanes, the worst first.
        weight = (need / np.maximum(green, 0.1)) ** 8
        gained = weight @ worth
        return {number: float(gained[column]) for number, column in columns.items()}

    splits = filled(choice.phasing, sequence, cycle_s, gain, choice.bounds)
    if splits is None:
        return None
    plan = TimingPlan(
        choice.signal.signal_id,
        cycle_s,
        sequence,
        tuple(splits[number] for number in sequence),
        0,
        coordinated_phase(choice, sequence, street, rows),
    )
    return plan if choice.lawful(plan) else None


def rows_of(choice: Choice, street: Street) -> list[int]:
    """Return a signal's ways, as rows of the street."""
    number = street.signals.index(choice.signal.signal_id)
    return [int(row) for row in np.flatnonzero(street.lanes.signal == number)]


def needs(
    choice: Choice, sequence: tuple[int, ...], street: Street, rows: Sequence[int]
) -> tuple[Floats, Floats]:
    """Flow ratio of every way [way], and the worth of a phase's second to it [way, phase].

    Parameters
    ----------
    choice, sequence, street
        As for `allocate`.
    rows
        The signal's ways, as rows of the street.
    """
    need = np.array([street.way_volume_vps[row] / street.lanes.saturation_vps[row] for row in rows])
    # Turns that share a lane need its green together.
    lane_need: dict[int, float] = {}
    for row, value in zip(rows, need, strict=True):
        lane = int(street.lanes.lane[row])
        lane_need[lane] = lane_need.get(lane, 0.0) + value
    total = np.array(
        [
            lane_need[int(street.lanes.lane[row])] if value > 0 else 0.0
            for row, value in zip(rows, need, strict=True)
        ]
    )
    worth = np.zeros((len(rows), len(sequence)))
    for column, number in enumerate(sequence):
        aspects = choice.phasing.phase(number).aspects
        for i, row in enumerate(rows):
            shown = {aspects[group] for group in street.ways[row].groups}
            if shown <= {"G"}:
                worth[i, column] = 1.0
            elif shown <= {"G", "g"}:
                worth[i, column] = PERMISSIVE_VALUE if street.ways[row].yields_to else 1.0
    return total, worth


def coordinated_phase(
    choice: Choice, sequence: tuple[int, ...], street: Street, rows: Sequence[int]
) -> int:
    """Return the phase that serves the most traffic; the offset speaks of its green.

    Parameters
    ----------
    choice, sequence, street, rows
        As for `needs`.
    """
    flows = dict.fromkeys(sequence, 0.0)
    for row in rows:
        flow = float(street.way_volume_vps[row])
        for number in sequence:
            aspects = choice.phasing.phase(number).aspects
            if all(aspects[group] == "G" for group in street.ways[row].groups):
                flows[number] += flow
    return max(sequence, key=lambda number: (flows[number], -number))
