"""Makes one plan and proves it, in a process of its own: ``python -m throughband.operate.planner
FOLDER``.

The folder holds ``order.json``; what comes of it are ``plan.json``, ``validation.json`` and, last
of all, ``outcome.json``. The process may be stopped at any moment: whatever is not in
``outcome.json`` did not happen.
"""

from __future__ import annotations

import asyncio
import os
import signal as signals
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.optimize.lock_checks import locked
from engine.optimize.locks import Lock, Locks, PlanLock, SequenceLock
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.problem import Limits
from engine.validate.report import ValidationReport, validate
from engine.validate.simulator import Variant
from engine.validate.sumo import SumoSimulator
from network.errors import PlanError, ThroughbandError
from network.files import read_plan, write_plan
from network.graph import RoadNetwork
from network.safety import require_safe
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet, TimingPlan
from throughband.exchange.imported import corridors_of
from throughband.operate.routes import write_routes
from throughband.pipeline import FIRST_VALIDATION_SEED
from throughband.results import read_json, versions, write_json
from throughband.setting import Setting, open_setting
from throughband.stopping import Halt, Stopped, listen

ADDITIONAL = "plan.add.xml"
"""The plan as SUMO loads it."""

ORDER, OUTCOME, PLAN, REPORT, IN_FORCE, LOG = (
    "order.json",
    "outcome.json",
    "plan.json",
    "validation.json",
    "in-force.json",
    "planner.log",
)
WARM_UP_S: Final = 600
"""Traffic of the first period for so long before the forecast begins: streets are never empty."""


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """What is to be planned.

    Attributes
    ----------
    scenario, calibration
        The network, and how drivers drive there.
    movement_vph
        By movement, veh/h in each period.
    period_s, start_s
        Length of a period; when the first begins, s after midnight.
    lane_shares
        Part of its movement that each connection carries, where that was counted.
    kept
        Signals whose plans stay.
    shortest_cycle_s, longest_cycle_s, effort, time_limit_s, seeds, workers
        As in the configuration.
    worth_share, worth_veh_h
        What the model has to save before anything is simulated.
    sequences
        By signal, the sequence of phases that stays; others are free.
    """

    scenario: str
    calibration: str | None
    movement_vph: Mapping[str, Sequence[float]]
    period_s: int
    start_s: int
    lane_shares: Mapping[str, float]
    kept: Sequence[str]
    shortest_cycle_s: int
    longest_cycle_s: int
    effort: int
    time_limit_s: float
    seeds: int
    workers: int
    worth_share: float
    worth_veh_h: float
    sequences: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """What came of an order.

    Attributes
    ----------
    plan_digest
        The plans; empty where none came of it.
    cost_now_veh_s, cost_new_veh_s
        What the model says of the plans on the street and of the new ones, vehicle seconds.
    proven
        Whether it was simulated; it is not if the model does not save enough.
    verdict, delay_change_s
        Of the simulation; delay of the new plans less that of those on the street, s per vehicle.
    trouble
        Why there is nothing, or nothing.
    """

    plan_digest: str = ""
    cost_now_veh_s: float = 0.0
    cost_new_veh_s: float = 0.0
    proven: bool = False
    verdict: str = ""
    delay_change_s: float | None = None
    trouble: str = ""


def with_plans(network: RoadNetwork, plans: Sequence[TimingPlan]) -> RoadNetwork:
    """Return the network with these plans in force, where it has such signals.

    Raises
    ------
    PlanError
        A plan is for no signal of the network.
    """
    there = dict(network.signals)
    for plan in plans:
        signal = there.get(plan.signal_id)
        if signal is None or signal.phasing is None:
            raise PlanError(f"network {network.name!r} has no signal {plan.signal_id!r} to time")
        there[plan.signal_id] = replace(signal, plan_in_force=plan)
    return replace(network, signals=there)


def carry_out(folder: Path) -> PlanOutcome:
    """Carry out the order in a folder.

    Raises
    ------
    ThroughbandError
        If the order is unusable, or planning or simulating fails.
    """
    order = PlanOrder(**read_json(folder / ORDER))
    calibration = None if order.calibration is None else Path(order.calibration)
    setting = open_setting(order.scenario, 0.0, 86_400.0, calibration)
    running = read_plan(folder / IN_FORCE) if (folder / IN_FORCE).exists() else None
    if running is not None:
        setting = replace(setting, network=with_plans(setting.network, running.plans))
    done = _planned(order, setting)
    now, new = done.in_force.cost_veh_s, done.planned.cost_veh_s
    kept = set(order.kept)
    # Only what may be retimed and changes is pushed.
    plans = tuple(plan for plan in done.plan_set.plans if plan.signal_id not in kept)
    changed = [p for p in plans if p != setting.network.signals[p.signal_id].plan_in_force]
    saved = now - new
    enough = saved >= order.worth_share * now and saved >= order.worth_veh_h * 3600
    if not changed or not enough:
        return PlanOutcome(cost_now_veh_s=now, cost_new_veh_s=new)
    left = dict.fromkeys(sorted(kept), "kept as it is") | dict(done.plan_set.left_alone)
    groups = tuple(g for g in done.plan_set.groups if not kept & set(g.signals))
    plan_set = PlanSet(done.plan_set.scenario, plans, left, groups)
    report = _proven(order, setting, plan_set, running, folder)
    write_plan(folder / PLAN, plan_set, setting.network)
    about = {"scenario": setting.scenario.name, "plan_digest": plan_set.digest}
    write_json(folder / REPORT, {**about, **report.to_dict(), "versions": versions()})
    return PlanOutcome(
        plan_set.digest,
        now,
        new,
        True,
        str(report.verdict),
        float(report.difference["delay_s"].mean),
    )


def _planned(order: PlanOrder, setting: Setting) -> Optimization:
    network = setting.network
    kept = [
        name
        for name in order.kept
        if name in setting.network.signals
        and setting.network.signals[name].phasing is not None
        and setting.network.signals[name].plan_in_force is not None
    ]
    wished: list[Lock] = []
    if kept:
        wished.append(PlanLock("limits.signals", tuple(sorted(kept))))
    for name, sequence in sorted(order.sequences.items()):
        if network.signals[name].plan_in_force is not None:
            wished.append(SequenceLock("limits.may_drop_phases", (name,), tuple(sequence)))
    locks = locked(network, wished) if wished else Locks()
    halt = Halt(order.time_limit_s, time.monotonic)
    limits = Limits(order.shortest_cycle_s, order.longest_cycle_s, effort=order.effort, locks=locks)
    return optimize(
        setting.network,
        {name: np.array(flow) for name, flow in order.movement_vph.items()},
        order.period_s,
        order.start_s,
        limits,
        setting.driving,
        lane_shares=order.lane_shares,
        halted=halt.called,
        together=[c.signals for c in corridors_of(setting.scenario, setting.network)],
    )


def _proven(
    order: PlanOrder,
    setting: Setting,
    plan_set: PlanSet,
    running: PlanSet | None,
    folder: Path,
) -> ValidationReport:
    """Play both plans under one draw of the forecast traffic, with several seeds of driving."""
    require_safe(plan_set, setting.network)
    candidate = folder / ADDITIONAL
    write_sumo_plan(candidate, both(running, plan_set), setting.network)
    before: tuple[Path, ...] = ()
    if running is not None:
        before = (folder / "in-force.add.xml",)
        write_sumo_plan(before[0], running, setting.network)
    routes = folder / "forecast.rou.xml"
    warm = -(-WARM_UP_S // order.period_s)
    flows = {
        name: np.concatenate([np.full(warm, flow[0]), np.array(flow)])
        for name, flow in order.movement_vph.items()
        if len(flow)
    }
    periods = max((len(flow) for flow in flows.values()), default=0)
    begin_s = float(max(0, order.start_s - warm * order.period_s))
    write_routes(routes, setting.network, flows, order.period_s, begin_s, FIRST_VALIDATION_SEED)
    case = replace(
        setting.case,
        route_files=(routes,),
        begin_s=begin_s,
        end_s=begin_s + periods * order.period_s,
    )
    seeds = range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + order.seeds)
    return validate(
        case,
        SumoSimulator(),
        Variant("plan on the street", before),
        Variant("candidate", (candidate,)),
        tuple(seeds),
        order.workers,
        emissions=False,
    )


def both(running: PlanSet | None, plan_set: PlanSet) -> PlanSet:
    """Return what the street runs with new plans: signals they leave keep what runs there now."""
    new = {plan.signal_id for plan in plan_set.plans}
    kept = () if running is None else tuple(p for p in running.plans if p.signal_id not in new)
    return PlanSet(plan_set.scenario, (*plan_set.plans, *kept), {})


async def make_plan(folder: Path, order: PlanOrder, give_up_s: float) -> PlanOutcome:
    """Have a plan made by another process.

    Parameters
    ----------
    folder
        Where to; holds the order already where operation was restarted meanwhile.
    order
        What.
    give_up_s
        Seconds on the wall clock after which the process is stopped.

    Returns
    -------
    PlanOutcome
        With `PlanOutcome.trouble` where nothing came of it; nothing is raised for that.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / ORDER, asdict(order))
        with (folder / LOG).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "throughband.operate.planner",
                str(folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # SUMO's processes are its children: all of them end together.
                start_new_session=True,
            )
    except OSError as error:
        return PlanOutcome(trouble=f"{folder}: the planner cannot be started ({error.strerror})")
    try:
        await asyncio.wait_for(process.wait(), give_up_s)
    except TimeoutError:
        return PlanOutcome(trouble=f"{folder}: not done after {give_up_s:g} s, stopped")
    finally:
        if process.returncode is None:
            _end(process.pid)
            await process.wait()
    return read_outcome(folder)


def read_outcome(folder: Path) -> PlanOutcome:
    """Read what came of an order."""
    try:
        return PlanOutcome(**read_json(folder / OUTCOME))
    except (ThroughbandError, OSError, TypeError) as error:
        return PlanOutcome(trouble=f"{folder}: the planner left no outcome ({error})")


def _end(pid: int) -> None:
    try:
        os.killpg(pid, signals.SIGKILL)
    except ProcessLookupError:
        return


def main(arguments: Sequence[str]) -> int:
    """Carry out the order in the folder that is named; return the exit status."""
    (name,) = arguments
    folder = Path(name)
    try:
        listen()
        outcome = carry_out(folder)
    except Stopped:
        return 1
    except (ThroughbandError, TypeError, OSError) as error:
        outcome = PlanOutcome(trouble=" ".join(str(error).split()))
    told: dict[str, Any] = asdict(outcome)
    write_json(folder / OUTCOME, told)
    return 0 if not outcome.trouble else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
