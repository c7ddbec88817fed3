"""Webster's plans: every signal by itself, all stages of the plan in force, no offsets.

Lost time L is the sum over the critical stages of yellow and red, plus what drivers lose at the
beginning of green, less what they gain at its end; Y is the sum of critical flow ratios v/s (HCM
2000, chapter 16: between barriers the larger ring sum). C = (1.5 L + 5) / (1 - Y) (Webster 1958,
Road Research Technical Paper 39), raised to what the least greens need and held to 120 s. Splits
make the critical lane groups equally saturated (HCM 2000, chapter 16, appendix B), no green below
its least.

Flows are those of the busiest quarter of the hour, as HCM analyzes it, counted under seeds 1 to 3.
Saturation flows and lost times are ours, fitted to SUMO's drivers, so that the peer knows the road
as well as we do. Where lefts yield and lanes are shared the formula gives cycles too short to live
with; practice goes no lower than 60 s (FHWA, *Signal Timing Manual* 2008, section 6.5), and so
does the second variant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.peers.peer import Offer, Subject, Timed, as_offer
from engine.measures.delay import optimal_cycle_s
from engine.measures.street import Street
from engine.optimize.problem import Choice
from engine.optimize.rings import filled
from engine.optimize.splits import coordinated_phase, needs, rows_of
from network.errors import InfeasibleError
from network.timing import TimingPlan

LONGEST_CYCLE_S = 120
SHORTEST_CYCLES_S: Final = {"formula's cycle": 0, "60 s and up": 60}
"""Shortest cycle of each variant, s."""


class Webster:
    """Isolated cycles and equisaturation splits."""

    name = "webster"
    version = "1"
    source = "Webster 1958 (RRTP 39); HCM 2000, chapter 16"

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return a plan with cycles as they come, and one with none below 60 s."""
        return tuple(
            as_offer(
                subject, isolated_plans(subject, least_s), variant, folder / f"webster_{k}.add.xml"
            )
            for k, (variant, least_s) in enumerate(SHORTEST_CYCLES_S.items())
        )


def isolated_plans(subject: Subject, shortest_s: int) -> Timed:
    """Time every signal by itself.

    Parameters
    ----------
    subject
        What to time.
    shortest_s
        Shortest cycle, s.
    """
    street = subject.peak_street
    cycles_s = webster_cycles_s(subject, shortest_s)
    plans = {
        name: plan_at(subject.choices[name], street, cycle_s) for name, cycle_s in cycles_s.items()
    }
    listed = sorted(cycles_s.values())
    note = f"cycles {listed[0]} to {listed[-1]} s" if listed else "nothing to time"
    left = {name: "no traffic" for name in subject.network.signals if name not in plans}
    return Timed(plans, note, left)


def webster_cycles_s(subject: Subject, shortest_s: int) -> Mapping[str, int]:
    """Return Webster's cycle of every signal with traffic, whole seconds.

    Parameters
    ----------
    subject, shortest_s
        As for `isolated_plans`.
    """
    street = subject.peak_street
    found: dict[str, int] = {}
    for name, choice in subject.choices.items():
        if not _carries(street, name):
            continue
        least_s = choice.least_cycle_s(choice.in_force.sequence)
        ideal_s = webster_cycle_s(choice, street)
        capped_s = LONGEST_CYCLE_S if math.isinf(ideal_s) else math.ceil(ideal_s)
        found[name] = max(least_s, shortest_s, min(LONGEST_CYCLE_S, capped_s))
    return found


def webster_cycle_s(choice: Choice, street: Street) -> float:
    """Return Webster's cycle for the stages in force, s; infinite where they are full.

    Parameters
    ----------
    choice, street
        The signal and its flows.
    """
    sequence = choice.in_force.sequence
    ratios = flow_ratios(choice, sequence, street)
    ratio_of = dict(zip(sequence, ratios, strict=True))
    startup_s = street.driving.start_loss_s - street.driving.end_gain_s
    ring_sums = [
        max(
            (
                sum(ratio_of[n] for n in ring),
                sum(choice.phasing.phase(n).clearance_s + startup_s for n in ring),
            )
            for ring in rings
        )
        for rings in choice.phasing.segments(sequence)
    ]
    lost_s = sum(lost for _, lost in ring_sums)
    return optimal_cycle_s(lost_s, sum(ratio for ratio, _ in ring_sums))


def flow_ratios(choice: Choice, sequence: tuple[int, ...], street: Street) -> list[float]:
    """Return the critical flow ratio of each stage.

    A lane needs the sum of its turns' v/s, more where a turn yields. It counts in the first stage
    that gives right of way to all its turns, or where there is none in the first that serves them.

    Parameters
    ----------
    choice, sequence, street
        The signal, its stages and its flows.
    """
    lane, need, worth = needs(choice, sequence, street, rows_of(choice, street))
    ratios = [0.0] * len(sequence)
    for one in np.unique(lane):
        claims = lane == one
        least_worth = worth[claims].min(axis=0)
        stages = np.flatnonzero(least_worth >= 1.0)
        if not stages.size:
            stages = np.flatnonzero(least_worth > 0.0)
        if stages.size:
            stage = int(stages[0])
            ratios[stage] = max(ratios[stage], float(need[claims][0] / least_worth[stage]))
    return ratios


def plan_at(choice: Choice, street: Street, cycle_s: int) -> TimingPlan:
    """Split a cycle among the stages in force so that they are equally saturated.

    Parameters
    ----------
    choice, street
        The signal and its flows.
    cycle_s
        Cycle, s.

    Raises
    ------
    InfeasibleError
        If the cycle cannot hold them.
    """
    sequence, phasing = choice.in_force.sequence, choice.phasing
    ratio_of = dict(zip(sequence, flow_ratios(choice, sequence, street), strict=True))
    startup_s = street.driving.start_loss_s - street.driving.end_gain_s

    def saturation(splits: Mapping[int, int]) -> dict[int, float]:
        return {
            number: ratio_of[number]
            / max(split_s - phasing.phase(number).clearance_s - startup_s, 0.1)
            for number, split_s in splits.items()
        }

    splits = filled(phasing, sequence, cycle_s, saturation)
    if splits is None:
        raise InfeasibleError(
            f"signal {choice.signal.signal_id!r}: a cycle of {cycle_s} s does not hold its stages"
        )
    rows = rows_of(choice, street)
    return TimingPlan(
        choice.signal.signal_id,
        cycle_s,
        sequence,
        tuple(splits[number] for number in sequence),
        0,
        coordinated_phase(choice, sequence, street, rows),
    )


def _carries(street: Street, signal: str) -> bool:
    row = street.signals.index(signal)
    return bool(street.way_volume_vps[street.lanes.signal == row].sum() > 0)
