"""Splits of one signal: every second goes where the most saturated lane needs it.

The rule equalizes degrees of saturation, which HCM 2000 (chapter 16, appendix B) names as one
of the two usual allocation strategies, and keeps every least split by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    _, need, worth = needs(choice, sequence, street, rows)
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


class LaneNeeds(NamedTuple):
    """What lanes need, and what the green of phases is worth to them.

    Attributes
    ----------
    lane
        [claim], row of the lane in the street. Turns of a lane that green is worth as much to in
        every phase make one claim together; most lanes make one.
    need
        [claim], flow ratio of the whole lane, above 0.
    worth
        [claim, phase], from 0 (red) to 1 (right of way).
    """

    lane: NDArray[np.int64]
    need: Floats
    worth: Floats


def needs(
    choice: Choice, sequence: tuple[int, ...], street: Street, rows: Sequence[int]
) -> LaneNeeds:
    """Return what a signal's lanes need and what green is worth to them.

    A lane needs the flow ratios of its turns together. In a phase that serves all its turns a
    second is worth what they get of it in the mix in which they stand on the lane: each turn takes
    its flow ratio over its own worth, so that a few yielding lefts do not make the whole lane
    yield. A phase that serves only some of the turns is worth to those what it is worth alone.

    Parameters
    ----------
    choice, sequence, street
        As for `allocate`.
    rows
        The signal's ways, as rows of the street.
    """
    alone = np.array(
        [street.way_volume_vps[row] / street.lanes.saturation_vps[row] for row in rows]
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
    turns: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        if alone[i] > 0:
            turns.setdefault(int(street.lanes.lane[row]), []).append(i)
    found: dict[tuple[int, ...], tuple[int, float, Floats]] = {}
    for lane, places in turns.items():
        whole = float(alone[places].sum())
        own = worth[places]
        served = (own > 0).all(axis=0)
        # Turns of a lane wait behind each other: what one of them gets, all get.
        mixed = whole / (alone[places][:, None] / own[:, served]).sum(axis=0)
        own[:, served] = np.where((own[:, served] == 1.0).all(axis=0), 1.0, mixed)
        for claim in own:
            found.setdefault((lane, *claim.tobytes()), (lane, whole, claim))
    return LaneNeeds(
        np.array([lane for lane, _, _ in found.values()], dtype=np.int64),
        np.array([whole for _, whole, _ in found.values()], dtype=np.float64),
        np.array([claim for _, _, claim in found.values()], dtype=np.float64).reshape(
            len(found), len(sequence)
        ),
    )


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
