"""The pre-timed optimizer: from movement flows to a plan set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.measures.corridor_search import strongest_corridor
from engine.measures.criteria import QueueFinding, queues_past_room
from engine.measures.evaluation import StreetMeasures
from engine.measures.street import Driving, Floats, Street, build_street
from engine.optimize.appraisal import appraised, busiest, left_alone, scaled, street_tables
from engine.optimize.bound import Certificate
from engine.optimize.groups import coordination_groups, coupling
from engine.optimize.lock_groups import require_agreed
from engine.optimize.oversaturation import Overload, balancing, overloads
from engine.optimize.problem import Limits, choices
from engine.optimize.search import Plans, Search
from engine.optimize.studies import isolated_signals
from engine.optimize.wholes import SEEDED_SIGNALS, Ground, groups_planned
from engine.optimize.workers import Alone, Workers
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.safety import check
from network.timing import PlanSet

HOUR_LONG_WORK = 200_000
"""Evaluations of the hour-long model, times the cube of the number of signals, that a street gets
within `Limits.effort`: a few signals get all the care that blocking back and changing demand
deserve, for each takes little; a city gets what a minute allows. More is not always better: with
183, 612 and 1500 evaluations plans of `ingolstadt7` took 47.4, 45.1 and 49.7 s of delay in SUMO
(seeds 11 to 16), for in the last two of six runs nearly locked, which the model cannot foresee.
"""

LEAST_EVALUATIONS = 4

WORTHWHILE_EVALUATIONS = 10
"""Evaluations a signal from which the hour-long model refines plans; with fewer, which do not try
each signal's moves once, it judges the plans of the steady cycle and leaves them as they are."""

LEAST_SHARED = 150
"""Signals from which several processes plan sooner than one: each needs seconds to begin."""

ROUND_PART = 0.1

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Optimization:
    """An optimized plan set with the model's opinion of it.

    Attributes
    ----------
    plan_set
        The plans; every one passed both safety checkers.
    street
        The street they were made for.
    in_force, planned
        What the model says the plan in force and the new plan cost.
    groups
        Coordination groups.
    certificates
        For each group of several signals, how far its offsets are from the best there can be in
        the link-table model.
    evaluations
        Evaluations of the whole street in the hour-long model that were spent.
    cut_short
        Whether a halt was called before the effort was spent.
    queues
        Movements whose mean queue passes its room under the plans in force or the new ones.
    overloads
        Movements that bring more than any split serves. Where there are some and it was asked
        for, the street's objective is that of `engine.optimize.oversaturation.balancing`.
    """

    plan_set: PlanSet
    street: Street
    in_force: StreetMeasures
    planned: StreetMeasures
    groups: tuple[tuple[str, ...], ...]
    certificates: Mapping[tuple[str, ...], Certificate]
    evaluations: int
    cut_short: bool = False
    queues: tuple[QueueFinding, ...] = ()
    overloads: tuple[Overload, ...] = ()


def optimize(
    network: RoadNetwork,
    movement_vph: Mapping[str, Floats],
    period_s: int,
    start_s: int,
    limits: Limits | None = None,
    driving: Driving | None = None,
    progress: Progress | None = None,
    lane_shares: Mapping[str, float] | None = None,
    halted: Callable[[], bool] | None = None,
    together: Sequence[tuple[str, ...]] = (),
    workers: Workers | None = None,
) -> Optimization:
    """Compute cycle, phases, splits and offsets for every signal that may be retimed.

    Parameters
    ----------
    network
        The roads with their signals.
    movement_vph
        Flow of each movement per period, veh/h.
    period_s
        Length of a period, s.
    start_s
        System time at which the first period begins, s.
    limits
        What plans are allowed and how hard to search.
    driving
        Driver behavior.
    progress
        Called with a step's name, how much of it is done and how much there is.
    lane_shares
        Part of its movement's flow that each connection carries, where lanes were counted.
    halted
        Asked after every evaluation; once it says yes, the best lawful plans so far are returned
        with their bound. Equal input then no longer gives equal plans.
    together
        Signals that an engineer wants under one cycle, corridor by corridor.
    workers
        Who studies single signals and plans coordination groups; this process by default, and
        where fewer than `LEAST_SHARED` signals may be retimed. The plans are the same, whoever
        made them.

    Returns
    -------
    Optimization

    Raises
    ------
    InsufficientDataError
        If no movement carries anything.
    InfeasibleError
        If no signal can be retimed, or no plan meets the locks.
    EngineError
        If plans break a lock, which would be a fault in the optimizer.
    UnsafePlanError
        If a plan fails a safety check, which would be a fault in the optimizer.
    """
    limits = limits or Limits()
    driving = driving or Driving()
    tell = progress or (lambda step, done, whole: None)
    stop = halted or (lambda: False)
    lane_shares = lane_shares or {}
    street = build_street(network, movement_vph, period_s, driving, lane_shares, limits.objective)
    ample = scaled(street, limits.demand_margin)
    options = choices(network, limits)
    if workers is None or len(options) < LEAST_SHARED:
        workers = Alone()
    tell("signals alone", 0, len(options))

    def study(done: int, whole: int) -> None:
        tell("signals alone", done, whole)

    tables, absent = isolated_signals(ample, options, limits, workers, stop, study)
    overloaded = overloads(ample, network, tables, busiest(street) / limits.demand_margin)
    objective = balancing(limits.objective, overloaded) if limits.balance else limits.objective
    if objective != limits.objective:
        limits = replace(limits, objective=objective)
        street = build_street(network, movement_vph, period_s, driving, lane_shares, objective)
        ample = scaled(street, limits.demand_margin)
        tables, absent = isolated_signals(ample, options, limits, workers, stop, study)
    tell("signals alone", len(options), len(options))
    if not tables:
        raise InfeasibleError(
            f"no signal of {network.name!r} can be retimed: "
            + "; ".join(f"{name}: {why}" for name, why in left_alone(network, absent, {}).items())
        )
    planned = {signal: options[signal] for signal in tables}
    cycles_s = {name: signal.cycles_s for name, signal in tables.items()}
    require_agreed(network, street, limits, planned, cycles_s, together)
    groups = coordination_groups(street, set(planned), together, cycles_s, limits.locks.ties)
    coupled = coupling(street)
    corridor = strongest_corridor(network, ample) if len(tables) <= SEEDED_SIGNALS else None
    ground = Ground(network, ample, tables, coupled, corridor, limits.seed)
    openings = _openings(ground, groups, workers, tell, stop)
    signals = max(1, len(planned))
    effort = min(limits.effort, max(LEAST_EVALUATIONS, HOUR_LONG_WORK // signals**3))
    search = Search(
        street_tables(network, ample, limits),
        planned,
        tables,
        groups,
        coupled,
        start_s,
        replace(limits, effort=effort),
        lambda done, whole: tell("the street together", done, whole),
        stop,
    )
    plans = _searched(search, openings)
    plan_set, before, after, certificates = appraised(
        network, street, limits, start_s, plans, groups, absent
    )
    cut_short = stop()
    return Optimization(
        plan_set,
        street,
        before,
        after,
        groups,
        certificates,
        search.spent,
        cut_short,
        queues_past_room(street, network, before, after),
        overloaded,
    )


def _openings(
    ground: Ground,
    groups: tuple[tuple[str, ...], ...],
    workers: Workers,
    tell: Progress,
    halted: Callable[[], bool],
) -> list[Plans]:
    """Return whole plans, the best of each group first: the k-th holds every group's k-th."""
    tell("groups on their own", 0, len(groups))
    found = groups_planned(
        ground,
        groups,
        workers,
        halted,
        lambda done, whole: tell("groups on their own", done, whole),
    )
    longest = max(len(plans) for plans in found)
    return [
        {name: plan for plans in found for name, plan in plans[min(k, len(plans) - 1)].items()}
        for k in range(longest)
    ]


def _searched(search: Search, openings: Sequence[Plans]) -> Plans:
    """Judge plans by the hour-long model and refine the best."""
    limits = search.limits
    rng = np.random.default_rng(limits.seed)
    # What runs today is the plan to beat.
    best = _today(search, limits)
    best_cost = search.cost(best, tuple(best)) if best else math.inf
    for plans in openings:
        if best and search.exhausted:
            break
        cost = search.cost(plans, tuple(plans))
        if cost < best_cost:
            best_cost, best = cost, plans
    if limits.effort < WORTHWHILE_EVALUATIONS * len(best):
        return best
    step = max(1, int(limits.effort * ROUND_PART))
    while not search.exhausted:
        start = best if search.spent < limits.effort * 0.6 else search.disturbed(best, rng)
        cost, plans = search.descend(start, rng, step)
        if cost < best_cost:
            best_cost, best = cost, plans
        elif start is best and not search.exhausted:
            cost, plans = search.descend(search.disturbed(best, rng), rng, step)
            if cost < best_cost:
                best_cost, best = cost, plans
    return best


def _today(search: Search, limits: Limits) -> Plans:
    """Return the plans in force if they could be returned as they are; else nothing."""
    plans = {name: choice.in_force for name, choice in search.choices.items()}
    allowed = range(limits.shortest_cycle_s, limits.longest_cycle_s + 1)
    for group in search.groups:
        cycles = {plans[name].cycle_s for name in group}
        whole = max(cycles)
        if not cycles <= {whole, whole / 2} or not cycles <= set(allowed):
            return {}
    if any(check(plans[name], choice.signal) for name, choice in search.choices.items()):
        return {}
    if limits.locks.broken(plans):
        return {}
    if not all(choice.patient(choice.in_force) for choice in search.choices.values()):
        return {}
    return plans
