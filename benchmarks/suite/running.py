"""Playing a suite: what is kept is not played again, and every job ends as a row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from benchmarks.suite.controllers import ProgramController, named
from benchmarks.suite.executors import Executor, Lost
from benchmarks.suite.jobs import Job, Outcome, Street, key_of
from benchmarks.suite.play import Ground, Play, Preparation, build, counted, play, prepare
from benchmarks.suite.programs import Prepared, Programs
from benchmarks.suite.results import Store
from benchmarks.suite.scenes import require_known
from benchmarks.suite.suite_file import Suite
from benchmarks.suite.versions import code_digest, measuring_digest, versions
from network.errors import ScenarioError
from throughband.steering import LiveController

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")
Tell = Callable[[str, int, int], None]
Pair = tuple[Street, str]
"""A street and the name of a controller."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a suite.

    Attributes
    ----------
    outcomes
        One a run, street by street and controller by controller.
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
    for name in suite.controllers:
        named(name)
    for name in suite.scenarios:
        require_known(name)
    titles: dict[str, Street] = {}
    for street in suite.streets:
        other = titles.setdefault(street.title, street)
        if other != street:
            raise ScenarioError(
                f"scenarios {other.scenario} and {street.scenario} are both called "
                f"{street.title!r} in tables; play them in suites of their own"
            )


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
    grounds = {
        street: Ground(street, reason=ground.why) if isinstance(ground, Lost) else ground
        for street, ground in _worked(
            executor, build, {street: street for street in suite.streets}, "streets", tell
        ).items()
    }
    pairs = [(street, controller) for street in suite.streets for controller in suite.controllers]
    prepared = _prepared(pairs, grounds, store, executor, tell)
    jobs: dict[Job, Programs] = {}
    refused: dict[Job, str] = {}
    for street, controller in pairs:
        made = prepared[street, controller]
        for seed in suite.seeds:
            if made.reason:
                refused[Job(street, controller, seed)] = made.reason
            for programs in made.programs if not made.reason else ():
                jobs[Job(street, controller, seed, programs.variant)] = programs
    done: dict[Job, Outcome] = {job: Outcome(job, reason=why) for job, why in refused.items()}
    live = {name for name in suite.controllers if isinstance(named(name), LiveController)}
    keys = {
        job: job.key(_world(grounds[job.street], job.controller in live, programs.digest))
        for job, programs in jobs.items()
    }
    for job in jobs:
        kept = store.found(job, keys[job])
        # What failed may have met a dead worker or a full disk: it is on record, and tried again.
        if kept is not None and not kept.failed:
            done[job] = kept
    before = len(done) - len(refused)
    # Programs that came out the same are the same run: played once, and a row for each.
    twins = {
        job: (job.street, job.seed, job.controller if job.controller in live else programs.digest)
        for job, programs in jobs.items()
    }
    first: dict[Hashable, Job] = {}
    for job in sorted(jobs, key=lambda job: job not in done):
        first.setdefault(twins[job], job)
    missing = [job for job in jobs if job not in done]
    plays = [Play(j, grounds[j.street], jobs[j]) for j in missing if first[twins[j]] == j]
    tell("runs", 0, len(plays))
    for number, (position, outcome) in enumerate(executor.run(play, plays), 1):
        job = plays[position].job
        if isinstance(outcome, Lost):
            outcome = Outcome(job, reason=outcome.why)
        store.keep(outcome, keys[job])
        done[job] = outcome
        tell("runs", number, len(plays))
    for job in missing:
        if job not in done:
            done[job] = _twin(done[first[twins[job]]], job, jobs[job], keys[first[twins[job]]])
            store.keep(done[job], keys[job])
    place = {pair: number for number, pair in enumerate(pairs)}
    ordered = sorted(
        done.values(),
        key=lambda o: (place[o.job.street, o.job.controller], o.job.variant, o.job.seed),
    )
    return Played(tuple(ordered), before)


def _world(ground: Ground, live: bool, programs: str) -> str:
    """Return the digest of all that bears on a run beside the job.

    A run of programs does not depend on the code that made them: where that changes and they
    come out the same, the run stands.
    """
    code = code_digest() if live else measuring_digest()
    return key_of(ground.digest, versions(), code, programs)


def _twin(played: Outcome, job: Job, programs: Programs, key: str) -> Outcome:
    """Return the outcome of a run that another one was, with whose it is now."""
    controller = named(job.controller)
    whose = {"version": controller.version, "source": controller.source, **programs.facts}
    facts = {**played.facts, "controller": whose, "same_as": key}
    return Outcome(job, played.measures, played.reason, facts)


def _prepared(
    pairs: Sequence[Pair],
    grounds: Mapping[Street, Ground],
    store: Store,
    executor: Executor,
    tell: Tell,
) -> dict[Pair, Prepared]:
    ready: dict[Pair, Prepared] = {}
    wanted: dict[Pair, ProgramController] = {}
    keys: dict[Pair, str] = {}
    for pair in pairs:
        street, name = pair
        controller = named(name)
        if grounds[street].reason:
            ready[pair] = Prepared((), grounds[street].reason)
        elif isinstance(controller, ProgramController):
            keys[pair] = key_of(
                *(asdict(street), name, controller.version),
                *(grounds[street].digest, versions(), code_digest()),
            )
            kept = store.prepared(keys[pair])
            if kept is None:
                wanted[pair] = controller
            else:
                ready[pair] = kept
        else:
            ready[pair] = Prepared()
    streets = dict.fromkeys(street for (street, _), c in wanted.items() if c.needs_counts)
    counts = _worked(executor, counted, {s: grounds[s] for s in streets}, "counts", tell)
    tasks: dict[Pair, Preparation] = {}
    for pair, controller in wanted.items():
        days = counts[pair[0]] if controller.needs_counts else ()
        if isinstance(days, Lost):
            ready[pair] = Prepared((), days.why)
        elif isinstance(days, str):
            ready[pair] = Prepared((), f"no counts: {days}")
        else:
            tasks[pair] = Preparation(grounds[pair[0]], pair[1], days)
    tell("plans", 0, len(tasks))
    names = list(tasks)
    for number, (position, made) in enumerate(executor.run(prepare, list(tasks.values())), 1):
        pair = names[position]
        ready[pair] = Prepared((), made.why) if isinstance(made, Lost) else made
        if not ready[pair].reason:
            store.keep_prepared(ready[pair], keys[pair])
        tell("plans", number, len(tasks))
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
