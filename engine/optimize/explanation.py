"""Everything that can be said of a set of plans, gathered: any lawful plans, not only ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx
import numpy as np

from engine.measures.corridor import Corridor
from engine.measures.evaluation import StreetMeasures, Tables, evaluate
from engine.measures.street import Floats, Street
from engine.optimize.alternatives import Cycles, NextSequence, cycles_around, next_sequence
from engine.optimize.appraisal import scaled
from engine.optimize.binding import Bound, CriticalPath, bounds_of, critical_path
from engine.optimize.groups import coupling, timed_groups
from engine.optimize.locks import Locks
from engine.optimize.problem import Choice, Limits, choices, refused_steps
from engine.optimize.regret import Demand, Regret, refit_gain, regrets
from engine.optimize.sensitivity import HourlyModel, SignalSeconds, exchanged, seconds_of
from engine.optimize.trials import GroupTrials
from engine.optimize.withheld import Withheld, withheld_orders
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.safety import SignalRules
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR

EXCHANGED_S = 6
"""Seconds that exchanges are followed for the figure."""

NEARBY = 40
"""Signals that a second is priced over, the nearest by platoons; beyond, nothing is felt of it."""

LARGEST_CHECKED = 100
"""Signals up to which every second is also played for the whole demand over the whole street."""

LARGEST_REFITTED = 100
"""Groups beyond this are not refitted to other cycles, volumes and speeds: it takes minutes."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class SignalExplanation:
    """Why a signal's plan is what it is.

    Attributes
    ----------
    plan
        The plan.
    seconds
        What its seconds are worth.
    bounds
        Which constraints bind.
    path
        The critical path of its cycle.
    next_sequence
        Its best plan with another phase sequence; None where it has no other, or was not asked.
    offset_veh_s_per_h
        [offset], cost more than now, vehicle-seconds in an hour; empty where not asked.
    exchanges
        By phase, seconds given to it (below 0: taken from it) and what that costs more than now,
        vehicle-seconds in an hour; empty where not asked.
    refused_steps
        Stages that may not follow each other, each with the safety rule that stands against it;
        empty where not asked.
    withheld
        Lawful orders of its phases that are not offered; empty where not asked.
    """

    plan: TimingPlan
    seconds: SignalSeconds
    bounds: tuple[Bound, ...]
    path: CriticalPath
    next_sequence: NextSequence | None
    offset_veh_s_per_h: Floats
    exchanges: Mapping[int, tuple[tuple[int, float], ...]]
    refused_steps: Mapping[tuple[int, int], str] = field(default_factory=dict)
    withheld: Withheld = field(default_factory=Withheld)

    @property
    def signal_id(self) -> str:
        """The signal."""
        return self.plan.signal_id


@dataclass(frozen=True, slots=True)
class GroupExplanation:
    """A group of signals that run one cycle, or parts of it.

    Attributes
    ----------
    cycle_s
        The common cycle, s.
    cost_s_per_veh
        Cost per vehicle that passes a signal of the group in the steady cycle, s.
    volume_vph
        Such passages, veh/h.
    signals
        By name, in order.
    refit_gain_pct
        What refitting offsets and splits by local descent would save, per cent; None where not
        asked.
    cycles
        The cycles around; None where not asked.
    regrets
        Under errors of volumes, clocks and speeds; empty where not asked.
    margin
        Factor on the flows under which plans are looked for, so that they hold when more comes.
    """

    cycle_s: int
    cost_s_per_veh: float
    volume_vph: float
    signals: tuple[SignalExplanation, ...]
    refit_gain_pct: float | None
    cycles: Cycles | None
    regrets: tuple[Regret, ...]
    margin: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its signals."""
        return tuple(signal.signal_id for signal in self.signals)


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is told of a set of plans.

    Attributes
    ----------
    groups
        Largest first.
    street
        The street under its demand.
    measures, in_force
        What the hour-long model says of the plans, and of those in force.
    corridors
        Rows of signals to tell of, by name.
    """

    groups: tuple[GroupExplanation, ...]
    street: Street
    measures: StreetMeasures
    in_force: StreetMeasures
    corridors: Mapping[str, Corridor]


@dataclass(frozen=True, slots=True)
class Question:
    """What to explain, and how thoroughly.

    Attributes
    ----------
    network, street
        The roads and their demand.
    start_s
        System time of the demand's beginning.
    plans
        By signal; signals without one run what is in force.
    limits
        Cycles and sequences that are allowed.
    together
        Signals that an engineer wants under one cycle.
    corridors
        Rows of signals to tell of, by name.
    demand
        What the street was built of; without it nothing is refitted or drawn.
    seed
        For what is drawn.
    groups
        Coordination groups of the plans, where they are known.
    """

    network: RoadNetwork
    street: Street
    start_s: int
    plans: Mapping[str, TimingPlan]
    limits: Limits
    together: Sequence[tuple[str, ...]] = ()
    corridors: Mapping[str, Corridor] | None = None
    demand: Demand | None = None
    seed: int = 1
    groups: Sequence[tuple[str, ...]] = ()


def explanation_of(question: Question, progress: Progress | None = None) -> Explanation:
    """Explain plans.

    Parameters
    ----------
    question
        The plans and their street.
    progress
        Called with a step's name, how much of it is done and how much there is.

    Returns
    -------
    Explanation
    """
    tell = progress or (lambda step, done, whole: None)
    network, street, plans = question.network, question.street, question.plans
    if not plans:
        raise InsufficientDataError("no signal has a plan, so there is nothing to explain")
    known = choices(network, replace(question.limits, may_omit_phases=True, locks=Locks()))
    able = {name: _choice(network, known.get(name), plan) for name, plan in plans.items()}
    before = _tables(question, {})
    in_force = evaluate(before, question.start_s, street.horizon_s)
    tables = _tables(question, plans)
    measures = evaluate(tables, question.start_s, street.horizon_s)
    checked = question.demand is not None and len(plans) <= LARGEST_CHECKED
    hourly = HourlyModel(tables, question.start_s, plans) if checked else None
    graph = coupling(street)
    ample = scaled(street, question.limits.demand_margin)
    found = []
    done = 0
    groups = timed_groups(street, plans, question.together, question.groups)
    for names in groups:
        own = {name: plans[name] for name in names}
        trials = GroupTrials(street, network, own)
        strained: GroupTrials | None = None
        signals = []
        for name in names:
            near = _near(graph, name, own)
            local = trials if len(near) == len(own) else GroupTrials(street, network, near)
            if strained is None or len(near) < len(own):
                strained = GroupTrials(ample, network, near)
            signals.append(_signal(question, local, able[name], hourly, strained))
            done += 1
            tell("signals", done, len(plans))
        found.append(_group(question, trials, able, tuple(signals), tell))
    return Explanation(tuple(found), street, measures, in_force, dict(question.corridors or {}))


def _choice(network: RoadNetwork, known: Choice | None, plan: TimingPlan) -> Choice:
    if known is not None:
        return known
    # A plan can be lawful although none could be made from the sequence in force.
    signal = network.signals[plan.signal_id]
    assert signal.phasing is not None
    rules = SignalRules(signal) if len(signal.phasing.rings) > 1 else None
    in_force = signal.plan_in_force or plan
    return Choice(signal, signal.phasing, in_force, (plan.sequence,), rules)


def _tables(question: Question, plans: Mapping[str, TimingPlan]) -> Tables:
    signals = question.network.signals.values()
    shown = {
        signal.signal_id: plan
        for signal in signals
        if (plan := plans.get(signal.signal_id, signal.plan_in_force)) is not None
    }
    longest_s = max(
        [plan.cycle_s for plan in shown.values()]
        + [plan.cycle_s for plan in question.plans.values()]
    )
    tables = Tables(question.street, question.network, longest_s)
    for signal in signals:
        if signal.signal_id in shown:
            tables.set(shown[signal.signal_id])
        else:
            tables.open_always(signal.signal_id)
    return tables


def _near(graph: nx.Graph, name: str, plans: Mapping[str, TimingPlan]) -> dict[str, TimingPlan]:
    """The signals of a group that are nearest by platoons, itself first; their cycles fit."""
    if len(plans) <= NEARBY:
        return dict(plans)
    part = graph.subgraph(plans)
    reached = [name, *(b for _, b in nx.bfs_edges(part, name, sort_neighbors=sorted))]
    near = {other: plans[other] for other in reached[:NEARBY]}
    longest_s = max(plan.cycle_s for plan in near.values())
    return {other: plan for other, plan in near.items() if longest_s % plan.cycle_s == 0}


def _signal(
    question: Question,
    trials: GroupTrials,
    choice: Choice,
    hourly: HourlyModel | None,
    ample: GroupTrials,
) -> SignalExplanation:
    name = choice.signal.signal_id
    plan = trials.plans[name]
    seconds = seconds_of(trials, choice, hourly, ample)
    curve: Floats = np.zeros(0)
    exchanges: dict[int, tuple[tuple[int, float], ...]] = {}
    following = None
    if question.demand is not None:
        costs = trials.offset_costs(name)
        curve = (costs - costs[plan.offset_s]) * SECONDS_PER_HOUR
        for number in plan.sequence:
            more, less = seconds.more[number], seconds.less[number]
            given = exchanged(trials, choice, more, EXCHANGED_S) if more else ()
            taken = exchanged(trials, choice, less, EXCHANGED_S) if less else ()
            exchanges[number] = (
                *((-times, cost) for times, cost in reversed(taken)), (0, 0.0), *given
            )  # fmt: skip
        following = next_sequence(trials, choice)
    return SignalExplanation(
        plan,
        seconds,
        bounds_of(choice, plan),
        critical_path(trials, choice),
        following,
        curve,
        exchanges,
        refused_steps(choice.signal) if question.demand is not None else {},
        withheld_orders(choice, plan.sequence) if question.demand is not None else Withheld(),
    )


def _group(
    question: Question,
    trials: GroupTrials,
    able: Mapping[str, Choice],
    signals: tuple[SignalExplanation, ...],
    tell: Progress,
) -> GroupExplanation:
    gain_pct: float | None = None
    cycles: Cycles | None = None
    lost: tuple[Regret, ...] = ()
    own = {name: able[name] for name in trials.plans}
    if question.demand is not None and len(signals) <= LARGEST_REFITTED:
        tell("refitted groups", 0, 1)
        gain_pct = 100.0 * refit_gain(trials, own)
        cycles = cycles_around(trials, own, question.network, question.limits)
        lost = regrets(question.network, question.demand, trials.plans, own, question.seed)
        tell("refitted groups", 1, 1)
    return GroupExplanation(
        trials.cycle_s,
        trials.cost() / max(trials.volume_vps, 1e-12),
        trials.volume_vps * SECONDS_PER_HOUR,
        signals,
        gain_pct,
        cycles,
        lost,
        question.limits.demand_margin,
    )
