"""Playing a suite: what is kept is not played again, and every job ends as a row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.suite.controllers import ProgramController, Programs, known_controllers
from benchmarks.suite.executors import Executor, Lost
from benchmarks.suite.jobs import Job, Outcome
from benchmarks.suite.play import (
    Ground,
    Play,
    Preparation,
    Prepared,
    build,
    counted,
    play,
    prepare,
    world,
)
from benchmarks.suite.results import Store
from benchmarks.suite.scenes import require_known
from benchmarks.suite.suite_file import Suite
from network.errors import ScenarioError

Street = tuple[str, float, str, float | None, float | None]
Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a suite.

    Attributes
    ----------
    outcomes
        One a job, in the order of the suite.
    kept
        How many of them had been played before.
    """

    outcomes: tuple[Outcome, ...]
    kept: int


def check(suite: Suite) -> None:
    """Refuse names that nobody knows, before anything is played.

    Raises
    ------
    ScenarioError
        Naming what is known.
    """
    known = known_controllers()
    for name in suite.controllers:
        if name not in known:
            raise ScenarioError(
                f"unknown controller {name!r}; known are {', '.join(sorted(known))}"
            )
    for name in suite.scenarios:
        require_known(name)


def play_suite(suite: Suite, store: Store, executor: Executor, tell: Tell) -> Played:
    """Play what is not kept yet, and keep it run by run.

    Parameters
    ----------
    suite
        What to play.
    store
        Where results are kept.
    executor
        Where jobs are worked on.
    tell
        Called with a step's name, how much of it is done and how much there is.

    Raises
    ------
    ScenarioError
        If a name is unknown, or results cannot be kept.
    EngineError
        If the executor cannot work at all.
    """
    check(suite)
    jobs = suite.jobs
    streets = {job.street: job.street for job in jobs}
    by_street: dict[Street, Ground] = {
        street: Ground(street, reason=ground.why) if isinstance(ground, Lost) else ground
        for street, ground in _worked(executor, build, streets, "streets", tell).items()
    }
    keys = {job: job.key(world(by_street[job.street])) for job in jobs}
    done: dict[Job, Outcome] = {}
    for job in jobs:
        kept = store.found(job, keys[job])
        if kept is not None:
            done[job] = kept
    kept_before = len(done)
    todo = [job for job in jobs if job not in done]

    def settle(outcome: Outcome) -> None:
        store.keep(outcome, keys[outcome.job])
        done[outcome.job] = outcome

    for job in [job for job in todo if by_street[job.street].reason]:
        settle(Outcome(job, reason=by_street[job.street].reason))
    todo = [job for job in todo if job not in done]
    prepared = _prepared(todo, by_street, executor, tell)
    for job in todo:
        reason = prepared[job.street, job.controller].reason
        if reason:
            settle(Outcome(job, reason=reason))
    plays = [
        Play(job, by_street[job.street], prepared[job.street, job.controller].programs)
        for job in todo
        if job not in done
    ]
    tell("runs", 0, len(plays))
    for number, (position, outcome) in enumerate(executor.run(play, plays), 1):
        if isinstance(outcome, Lost):
            outcome = Outcome(plays[position].job, reason=outcome.why)
        settle(outcome)
        tell("runs", number, len(plays))
    return Played(tuple(done[job] for job in jobs), kept_before)


def _prepared(
    jobs: Sequence[Job], grounds: dict[Street, Ground], executor: Executor, tell: Tell
) -> dict[tuple[Street, str], Prepared]:
    known = known_controllers()
    pairs = list(dict.fromkeys((job.street, job.controller) for job in jobs))
    wanted: dict[tuple[Street, str], ProgramController] = {}
    for pair in pairs:
        controller = known[pair[1]]
        if isinstance(controller, ProgramController):
            wanted[pair] = controller
    streets = list(dict.fromkeys(s for (s, _), c in wanted.items() if c.needs_counts))
    counts = {
        street: found.why if isinstance(found, Lost) else found
        for street, found in _worked(
            executor, counted, {street: grounds[street] for street in streets}, "counts", tell
        ).items()
    }
    ready: dict[tuple[Street, str], Prepared] = {
        pair: Prepared(Programs()) for pair in pairs if pair not in wanted
    }
    tasks: dict[tuple[Street, str], Preparation] = {}
    for pair, controller in wanted.items():
        days = counts.get(pair[0], ()) if controller.needs_counts else ()
        if isinstance(days, str):
            ready[pair] = Prepared(reason=f"no counts: {days}")
        else:
            tasks[pair] = Preparation(grounds[pair[0]], pair[1], days)
    for pair, found in _worked(executor, prepare, tasks, "plans", tell).items():
        ready[pair] = Prepared(reason=found.why) if isinstance(found, Lost) else found
    return ready


def _worked(
    executor: Executor,
    function: Callable[[Item], Result],
    items: Mapping[Key, Item],
    what: str,
    tell: Tell,
) -> dict[Key, Result | Lost]:
    """Work through named items; the answers under the same names, in the same order."""
    names = list(items)
    tell(what, 0, len(names))
    found: dict[Key, Result | Lost] = {}
    for number, (position, result) in enumerate(executor.run(function, list(items.values())), 1):
        found[names[position]] = result
        tell(what, number, len(names))
    return {name: found[name] for name in names}
