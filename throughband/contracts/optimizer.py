"""What every `engine.optimize.planner.Optimizer` must keep; behaviors take one and a task.

The task is a small one of the tester's, with traffic and at least one signal that may be retimed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from engine.optimize.lock_checks import locked
from engine.optimize.locks import PlanLock
from engine.optimize.planner import Optimizer, Task, judged
from network.errors import ThroughbandError
from throughband.contracts.refusal import refused

Behavior = Callable[[Optimizer, Task], None]


def plans_pass_every_check(optimizer: Optimizer, task: Task) -> None:
    done = judged(task, optimizer)
    assert done.plan_set.plans, "no signal got a plan"
    assert np.isfinite(done.planned.delay_s)


def equal_tasks_give_equal_plans(optimizer: Optimizer, task: Task) -> None:
    assert dict(optimizer.optimize(task)) == dict(optimizer.optimize(task))


def what_is_locked_stays(optimizer: Optimizer, task: Task) -> None:
    name = sorted(optimizer.optimize(task))[0]
    locks = locked(task.network, (PlanLock("the contract", (name,)),))
    done = judged(replace(task, limits=replace(task.limits, locks=locks)), optimizer)
    plan = done.plan_set.plan(name)
    assert plan is None or plan == task.network.signals[name].plan_in_force


def a_halt_still_gives_lawful_plans(optimizer: Optimizer, task: Task) -> None:
    done = judged(replace(task, halted=lambda: True), optimizer)
    assert done.plan_set.plans, "a halt left nothing"


def no_traffic_is_refused(optimizer: Optimizer, task: Task) -> None:
    nothing = {name: np.zeros_like(flow) for name, flow in task.movement_vph.items()}
    with refused(ThroughbandError, "a street without traffic"):
        judged(replace(task, movement_vph=nothing), optimizer)


BEHAVIORS: Final[tuple[Behavior, ...]] = (
    plans_pass_every_check,
    equal_tasks_give_equal_plans,
    what_is_locked_stays,
    a_halt_still_gives_lawful_plans,
    no_traffic_is_refused,
)
