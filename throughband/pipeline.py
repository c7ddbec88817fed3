"""The one path, from counts to the street, on one screen.

    counts -> forecast -> plans -> validation -> approval -> push

Every step takes values and returns values; `run` joins them around a living street.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from controllers.release import PlanRelease
from engine.optimize.explain import reasons
from engine.optimize.explanation import Explanation, Question, explanation_of
from engine.optimize.lock_costs import LockCost, lock_costs
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.planner import Optimizer, Task, judged
from engine.optimize.problem import Limits
from engine.optimize.workers import Workers
from engine.validate.report import ValidationReport, validate
from engine.validate.simulator import Simulator, Variant
from engine.validate.sumo import SumoSimulator
from network.counts import CountSeries
from network.safety import require_safe
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from throughband.changeover import LiveResult, change_over, change_time_s, played_of
from throughband.counts.demand import COUNTING_SEEDS, Demand, counted_days, demand
from throughband.exchange.imported import corridors_of
from throughband.setting import Setting
from throughband.stopping import Halt
from throughband.street import Skipped, open_street
from throughband.teller import Tell

FIRST_VALIDATION_SEED = 101
LIVE_SEED = 1


MOST_PRICED = 200
"""Signals up to which the reasons of a plan tell what its seconds are worth."""

Approve = Callable[[PlanSet, Mapping[str, Any]], PlanRelease | None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything a run came to."""

    setting: Setting
    today: CountSeries
    demand: Demand
    optimization: Optimization
    reasons: Mapping[str, tuple[str, ...]]
    report: ValidationReport
    release: PlanRelease | None
    live: LiveResult | None
    skipped: tuple[Skipped, ...]
    wall_s: Mapping[str, float] = field(default_factory=dict)


def plan(
    setting: Setting,
    wanted: Demand,
    limits: Limits,
    tell: Tell,
    halted: Callable[[], bool] | None = None,
    optimizer: Optimizer | None = None,
    workers: Workers | None = None,
) -> Optimization:
    """Optimize the plans of a setting for a demand, by another optimizer if one is given.

    `workers` are for our own optimizer, as `optimize` has them; another one works alone.
    """
    flows = wanted.flows
    together = _together(setting)
    if optimizer is not None:
        task = Task(
            setting.network,
            flows.movement_vph(),
            flows.interval_s,
            int(flows.start_s),
            limits,
            setting.driving,
            wanted.lane_shares,
            together,
            tell,
            halted or (lambda: False),
        )
        return judged(task, optimizer)
    return optimize(
        setting.network,
        flows.movement_vph(),
        flows.interval_s,
        int(flows.start_s),
        limits,
        setting.driving,
        progress=tell,
        lane_shares=wanted.lane_shares,
        halted=halted,
        together=together,
        workers=workers,
    )


def priced(setting: Setting, done: Optimization, limits: Limits) -> Explanation | None:
    """Price the seconds of optimized plans; None of a city, where `explain_scenario` is to ask."""
    if len(done.plan_set.plans) > MOST_PRICED:
        return None
    plans = {found.signal_id: found for found in done.plan_set.plans}
    question = Question(setting.network, done.street, 0, plans, limits, groups=done.groups)
    return explanation_of(question)


def _together(setting: Setting) -> list[tuple[str, ...]]:
    """Return the signals of each corridor that is named beside the scenario."""
    return [corridor.signals for corridor in corridors_of(setting.scenario, setting.network)]


def explain(
    setting: Setting,
    done: Optimization,
    limits: Limits | None = None,
    worth: Explanation | None = None,
) -> dict[str, tuple[str, ...]]:
    """Give the reasons of an optimization.

    Parameters
    ----------
    setting, done
        What was asked, and the plans found.
    limits
        What was allowed; what was locked is told with its price.
    worth
        From `priced`, what the plans' seconds are worth.
    """
    costs: tuple[LockCost, ...] = ()
    locks = limits.locks if limits is not None else None
    if limits is not None and limits.locks and worth is not None:
        plans = {found.signal_id: found for found in done.plan_set.plans}
        costs = lock_costs(setting.network, done.street, plans, limits, known=done.groups)
    return reasons(
        setting.network,
        done.street,
        done.plan_set,
        done.groups,
        done.in_force,
        done.planned,
        worth,
        locks,
        costs,
    )


def prove(
    setting: Setting,
    plan_set: PlanSet,
    seeds: Sequence[int],
    workers: int,
    tell: Tell,
    simulator: Simulator | None = None,
) -> ValidationReport:
    """Play the plan in force and a candidate over paired seeds, in SUMO unless told otherwise.

    Raises
    ------
    UnsafePlanError
        If the candidate breaks a safety rule.
    """
    require_safe(plan_set, setting.network)
    with TemporaryDirectory(prefix="throughband-") as folder:
        file = Path(folder) / "plan.add.xml"
        write_sumo_plan(file, plan_set, setting.network)
        return validate(
            setting.case,
            simulator or SumoSimulator(),
            Variant("plan in force"),
            Variant("candidate", (file,)),
            seeds,
            workers,
            lambda done, whole: tell("simulated runs", done, whole),
        )


async def run(
    setting: Setting,
    seeds: Sequence[int],
    limits: Limits,
    approve: Approve,
    journal: Callable[[Mapping[str, object]], None],
    clock: Callable[[], datetime],
    step: Callable[[str], None],
    tell: Tell,
    *,
    workers: int = 2,
    host: str = "127.0.0.1",
    base_port: int = 0,
    search_limit_s: float | None = None,
) -> RunResult:
    """Run the whole path around a living street.

    Parameters
    ----------
    setting
        What to work on.
    seeds
        Validation seeds; none of them may be a counting seed.
    limits
        For the optimizer.
    approve
        Asked once with the plans and the validation report; None means no.
    journal, clock
        The record, and the time of day for it.
    step, tell
        Called with each step's title, and with progress inside it.
    workers
        SUMO processes at a time.
    host, base_port
        Where the emulated controllers listen.
    search_limit_s
        Seconds after which the search takes the best lawful plans so far; None for no limit.

    Returns
    -------
    RunResult
    """
    walls: dict[str, float] = {}
    watch = _Watch(walls)
    case, network = setting.case, setting.network
    change_s = change_time_s(case)
    step("earlier days: count the plan in force in SUMO")
    days = counted_days(
        case,
        network,
        [seed for seed in COUNTING_SEEDS if seed != LIVE_SEED],
        lambda done, whole: tell("days", done, whole),
    )
    watch.lap("count_earlier_days")
    step("the street today: emulated controllers, counts read over SNMP")
    async with open_street(case, network, LIVE_SEED, host, base_port) as street:
        await street.run_until(change_s, lambda now_s: tell("street", *played_of(case, now_s)))
        today = street.counts()
        watch.lap("street_until_change")
        step("check the counts and forecast the rest")
        wanted = demand(network, days, today)
        watch.lap("forecast")
        step("optimize cycles, phases, splits and offsets")
        halt = Halt(search_limit_s, time.monotonic)
        done = plan(setting, wanted, limits, tell, halt.called)
        watch.lap("optimize")
        step("prove it in SUMO against the plan in force")
        report = prove(setting, done.plan_set, seeds, workers, tell)
        watch.lap("validate")
        journal(
            {
                "event": "validated",
                "utc": clock().isoformat(),
                "plan_digest": done.plan_set.digest,
                "verdict": str(report.verdict),
                "seeds": list(seeds),
            }
        )
        step("approve")
        release = approve(done.plan_set, report.to_dict())
        live = None
        if release is not None:
            step("push over NTCIP, read back, activate, and let the street go over")
            live = await change_over(
                street, network, done.plan_set, release, journal, clock, case, tell
            )
        watch.lap("push_and_watch")
        skipped = street.skipped
    return RunResult(
        setting,
        today,
        wanted,
        done,
        explain(setting, done, limits),
        report,
        release,
        live,
        skipped,
        walls,
    )


class _Watch:
    """Wall time between laps."""

    def __init__(self, laps: dict[str, float]) -> None:
        self._laps = laps
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = round(now - self._since, 3)
        self._since = now
