"""Turns that start inside a junction of several nodes, and the stages that clear them.

Where a wide junction is drawn as several nodes, links between them hold a vehicle or two. Who
waits there for a gap stands in the way of the streams that cross behind it. Two such turns that
wait for gaps in streams which the other one holds up lock the junction for good, in SUMO as on a
street where nobody backs up. So two things stay as they are in force: the stage that gives such a
turn protected green is not left out, and where it follows on the turn's permissive green, so that
whoever still waits gets out before others go, it goes on following on it.
"""

from __future__ import annotations

from engine.optimize import rings
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.timing import TimingPlan

INSIDE_M = 30.0
"""A link between two signals that is shorter lies inside one junction: a lane of it holds four
vehicles. SUMO's networks have them where a wide junction is drawn as several nodes."""

PROTECTED, PERMISSIVE = "G", "g"


def inside_groups(network: RoadNetwork, signal: Signal) -> frozenset[int]:
    """Return the signal groups of turns that start inside a junction of several nodes.

    Parameters
    ----------
    network
        The roads.
    signal
        One of its signals.
    """
    return frozenset(
        group
        for connection in signal.connections
        if network.links[connection.from_link].length_m < INSIDE_M
        and any(feeder.groups for feeder in network.turns_into[connection.from_link])
        for group in connection.groups
    )


def protected(
    phasing: Phasing, sequence: tuple[int, ...], inside: frozenset[int]
) -> frozenset[int]:
    """Return those of some groups that have protected green in a sequence."""
    return frozenset(
        group
        for group in inside
        if any(phasing.phase(number).aspects[group] == PROTECTED for number in sequence)
    )


def emptied(phasing: Phasing, sequence: tuple[int, ...], inside: frozenset[int]) -> frozenset[int]:
    """Return those of some groups whose permissive green always turns into protected green.

    Groups that never have permissive green are among them: nobody is left over there.

    Parameters
    ----------
    phasing
        The signal's phases.
    sequence
        A lawful sequence.
    inside
        The groups.
    """
    if not inside:
        return inside
    plan = least_plan("", phasing, sequence)
    if plan is None:
        return frozenset()
    shown = [interval.aspects for interval in plan.intervals(phasing)]
    return frozenset(
        group
        for group in inside
        if not any(
            now[group] == PERMISSIVE and after[group] not in (PERMISSIVE, PROTECTED)
            for now, after in zip(shown, [*shown[1:], shown[0]], strict=True)
        )
    )


def least_plan(signal_id: str, phasing: Phasing, sequence: tuple[int, ...]) -> TimingPlan | None:
    """Return a sequence's plan with the least splits that fill a cycle; None where none do."""
    cycle_s = rings.least_cycle_s(phasing, sequence)
    splits = rings.filled(phasing, sequence, cycle_s, lambda _: dict.fromkeys(sequence, 0.0))
    if splits is None:
        return None
    listed = tuple(splits[number] for number in sequence)
    return TimingPlan(signal_id, cycle_s, sequence, listed, 0, sequence[0])
