"""A scenario under street rules: clearances by formula, and people who walk at every crossing.

The networks of this field ship yellows without all-red and nobody on foot, so that cycles shrink
to what no street allows. Here every stage keeps its picture and place, and gets

- yellow change and red clearance of its slowest way, after ITE (2020), in whole seconds because
  SUMO plays steps of a second (`network.derive.clearance`);
- walk and pedestrian clearance of each crossing that opens in it, every cycle, asked for or not
  (`network.derive.pedestrians`). A crossing opens in a stage in which nobody drives out of its leg
  and nobody drives straight on into it; turning drivers yield to who walks. Of several such stages
  it is one that gives no arrow over the crossing if there is one, and then the one with the longest
  green in force, which costs least.

The plan in force becomes lawful and changes no more than it must: signals that share a cycle go
on to share one, the old one where it holds what is asked for. Nobody walks in the simulation; the
time is kept for them. What opens nowhere is told and gets no time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from network.derive.clearance import red_clear_ds, yellow_ds
from network.derive.geometry import Leg, approaches, legs
from network.derive.pedestrians import WalkTimes, crossing_m, walk_times
from network.derive.practice import Practice
from network.errors import ScenarioError
from network.graph import Connection, RoadNetwork, Signal
from network.inventory import TurnKind
from network.phasing import GREEN_ASPECTS, Interval, Phase, Phasing
from network.safety import require_safe
from network.timing import PlanSet, TimingPlan
from network.units import TENTHS_PER_SECOND

WHOLE_SECONDS: Final = Practice(clearance_step_ds=TENTHS_PER_SECOND, walking_mps=1.0)
"""Formulas rounded up to whole seconds; people walk at 1 m/s."""


@dataclass(frozen=True, slots=True)
class StreetRules:
    """A network under street rules.

    Attributes
    ----------
    network
        With new phasings and plans in force.
    crossings_m
        By signal and phase, the longest crossing that people walk in it, m.
    closed
        By signal, links of the legs whose crossing opens in no stage.
    left_alone
        Signals that stay as they are, each with the reason.
    """

    network: RoadNetwork
    crossings_m: Mapping[tuple[str, int], float]
    closed: Mapping[str, tuple[str, ...]]
    left_alone: Mapping[str, str]

    def __post_init__(self) -> None:
        for name in ("crossings_m", "closed", "left_alone"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


def under_street_rules(network: RoadNetwork, practice: Practice = WHOLE_SECONDS) -> StreetRules:
    """Put every signal of a network under street rules.

    Parameters
    ----------
    network
        With stage programs in force.
    practice
        Formulas and walking speed; clearances must come out in whole seconds.

    Returns
    -------
    StreetRules

    Raises
    ------
    ScenarioError
        If a signal has rings side by side: it came from a timing sheet with walks of its own.
    UnsafePlanError
        If a plan in force that comes out breaks a rule beyond those it broke before.
    """
    if practice.clearance_step_ds % TENTHS_PER_SECOND:
        raise ScenarioError("street rules: clearances must be rounded to whole seconds for SUMO")
    phasings: dict[str, Phasing] = {}
    crossings_m: dict[tuple[str, int], float] = {}
    closed: dict[str, tuple[str, ...]] = {}
    left_alone: dict[str, str] = {}
    for name, signal in network.signals.items():
        if signal.phasing is None or signal.plan_in_force is None or signal.left_alone:
            left_alone[name] = signal.left_alone or "its program is not understood"
            continue
        if len(signal.phasing.rings) > 1:
            raise ScenarioError(
                f"street rules: signal {name!r} has {len(signal.phasing.rings)} rings and walks of "
                "its own; the rules are for stage programs"
            )
        found, unserved = _walked(network, signal, practice)
        phases = tuple(
            _ruled(network, signal, phase, found.get(phase.number), practice)
            for phase in signal.phasing.phases
        )
        phasings[name] = Phasing(phases, _clearances(signal.phasing, Phasing(phases, {})))
        crossings_m |= {(name, number): length for number, length in found.items()}
        if unserved:
            closed[name] = unserved
    plans = _plans(network, phasings)
    signals = dict(network.signals)
    for name, phasing in phasings.items():
        signals[name] = replace(
            signals[name], phasing=phasing, plan_in_force=plans[name], exact=True
        )
    ruled = replace(network, signals=signals)
    require_safe(PlanSet(network.name, tuple(plans.values()), {}), ruled)
    return StreetRules(ruled, crossings_m, closed, left_alone)


def _walked(
    network: RoadNetwork, signal: Signal, practice: Practice
) -> tuple[dict[int, float], tuple[str, ...]]:
    """Give every crossing to a stage; return lengths by stage, and what opens nowhere."""
    assert signal.phasing is not None
    assert signal.plan_in_force is not None
    kinds = {
        turn.movement.movement_id: turn.kind
        for approach in approaches(network, signal)
        for turn in approach.turns
    }
    green_s = {
        number: split_s - signal.phasing.phase(number).clearance_s
        for number, split_s in zip(
            signal.plan_in_force.sequence, signal.plan_in_force.splits_s, strict=True
        )
    }
    found: dict[int, float] = {}
    unserved: list[str] = []
    nodes = sorted({network.links[m.from_link].to_node for m in signal.movements})
    for leg in (leg for node in nodes for leg in legs(network, node)):
        options = [
            (_arrows_over(signal, kinds, leg, phase), -green_s[phase.number], phase.number)
            for phase in signal.phasing.phases
            if phase.number in green_s and not _blocked(signal, kinds, leg, phase)
        ]
        if not options:
            unserved.append((*leg.links_in, *leg.links_out)[0])
            continue
        number = min(options)[2]
        found[number] = max(found.get(number, 0.0), crossing_m(network, leg, practice))
    return found, tuple(unserved)


def _going(signal: Signal, phase: Phase) -> list[Connection]:
    """Return the ways that have green, with right of way or without."""
    return [
        c
        for c in signal.connections
        if c.groups and all(phase.aspects[group] in GREEN_ASPECTS for group in c.groups)
    ]


def _blocked(signal: Signal, kinds: Mapping[str, TurnKind], leg: Leg, phase: Phase) -> bool:
    """Tell whether somebody drives out of a leg, or straight on into it."""
    return any(
        way.from_link in leg.links_in
        or (way.to_link in leg.links_out and kinds[way.movement_id] is TurnKind.THROUGH)
        for way in _going(signal, phase)
    )


def _arrows_over(signal: Signal, kinds: Mapping[str, TurnKind], leg: Leg, phase: Phase) -> int:
    """Count protected left turns over a leg's crossing."""
    return sum(
        way.to_link in leg.links_out
        and kinds[way.movement_id] in (TurnKind.LEFT, TurnKind.U_TURN)
        and all(phase.aspects[group] == "G" for group in way.groups)
        for way in _going(signal, phase)
    )


def _ruled(
    network: RoadNetwork, signal: Signal, phase: Phase, crossing: float | None, practice: Practice
) -> Phase:
    assert signal.phasing is not None
    always = set.intersection(
        *({c.connection_id for c in _going(signal, other)} for other in signal.phasing.phases)
    )
    going = [c for c in _going(signal, phase) if c.connection_id not in always]
    straight = [c for c in going if c.turn not in ("l", "L", "t")]
    yellows, reds = [], []
    for way in straight or going:
        speed_mps = network.links[way.from_link].speed_mps + practice.over_limit_mps
        entry_mps = speed_mps if straight else min(practice.turning_mps, speed_mps)
        yellows.append(yellow_ds(speed_mps, practice, entry_mps=entry_mps))
        reds.append(red_clear_ds(way.length_m, entry_mps, practice))
    walk = walk_times(crossing, practice) if crossing else WalkTimes(0, 0)
    return replace(
        phase,
        yellow_ds=max(yellows, default=round(practice.shortest_yellow_s * TENTHS_PER_SECOND)),
        red_clear_ds=max(reds, default=round(practice.shortest_red_s * TENTHS_PER_SECOND)),
        walk_s=walk.walk_s,
        ped_clear_s=walk.clear_s,
    )


def _clearances(in_force: Phasing, ruled: Phasing) -> dict[tuple[int, int], tuple[Interval, ...]]:
    """Keep who sees yellow between two stages, such as an arrow that ends before drivers yield.

    Changes of several yellows, or by red and yellow, become plain ones.
    """
    kept: dict[tuple[int, int], tuple[Interval, ...]] = {}
    for (a, b), intervals in in_force.fixed_clearances.items():
        pictures = [interval.aspects for interval in intervals]
        plain = "y" in pictures[0] and not set("yu") & set("".join(pictures[1:]))
        if not plain or "u" in pictures[0] or len(pictures) > 2:
            continue
        red = pictures[1] if len(pictures) == 2 else pictures[0].replace("y", "r")
        phase = ruled.phase(a)
        shown = (Interval(pictures[0], phase.yellow_ds), Interval(red, phase.red_clear_ds))
        kept[a, b] = tuple(interval for interval in shown if interval.duration_ds)
    return kept


def _plans(network: RoadNetwork, phasings: Mapping[str, Phasing]) -> dict[str, TimingPlan]:
    """Time the signals anew, as near to what is in force as the rules allow."""
    in_force = {
        name: plan
        for name, signal in network.signals.items()
        if name in phasings and (plan := signal.plan_in_force) is not None
    }
    cycles_s: dict[int, int] = {}
    for name, plan in in_force.items():
        least_s = sum(phasings[name].phase(number).min_split_s for number in plan.sequence)
        cycles_s[plan.cycle_s] = max(cycles_s.get(plan.cycle_s, plan.cycle_s), least_s)
    return {
        name: _plan(plan, phasings[name], cycles_s[plan.cycle_s]) for name, plan in in_force.items()
    }


def _plan(plan: TimingPlan, phasing: Phasing, cycle_s: int) -> TimingPlan:
    least_s = [phasing.phase(number).min_split_s for number in plan.sequence]
    splits_s = fitted(plan.splits_s, least_s, cycle_s)
    return replace(plan, cycle_s=cycle_s, splits_s=splits_s, offset_s=plan.offset_s % cycle_s)


def fitted(wanted_s: Sequence[int], least_s: Sequence[int], whole_s: int) -> tuple[int, ...]:
    """Make parts fill a whole, each at least its least, in the proportions wanted.

    Parameters
    ----------
    wanted_s, least_s
        Of each part; whole seconds above 0.
    whole_s
        At least the sum of the least.

    Returns
    -------
    tuple of int
        They sum to the whole; equal to those wanted where these already do.
    """
    if sum(least_s) > whole_s:
        raise ScenarioError(f"parts of at least {sum(least_s)} s do not fit into {whole_s} s")
    fixed: set[int] = set()
    while True:
        free = [i for i in range(len(wanted_s)) if i not in fixed]
        left_s = whole_s - sum(least_s[i] for i in fixed)
        weight = sum(wanted_s[i] for i in free)
        share = {i: left_s * wanted_s[i] / weight for i in free}
        short = {i for i in free if share[i] < least_s[i]}
        if not short:
            break
        fixed |= short
    parts = [least_s[i] if i in fixed else int(share[i]) for i in range(len(wanted_s))]
    if not free:
        parts[max(range(len(parts)), key=lambda i: wanted_s[i])] += whole_s - sum(parts)
    by_remainder = sorted(free, key=lambda i: (int(share[i]) - share[i], i))
    for i in by_remainder[: whole_s - sum(parts)]:
        parts[i] += 1
    return tuple(parts)
