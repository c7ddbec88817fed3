"""Carrying out ``throughband bench``."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.suite.commands import Answer, answer
from benchmarks.suite.executors import executor_of
from benchmarks.suite.jobs import RULES, Job, Outcome
from benchmarks.suite.report import HTML, write_report
from benchmarks.suite.results import Store
from benchmarks.suite.running import check, play_suite
from benchmarks.suite.suite_file import Suite, known_suites, load_suite, seeds_of
from benchmarks.suite.summary import Line, summarize
from network.errors import EngineError, ScenarioError
from scenarios.cities import CITIES
from throughband.teller import Teller

LIST: Final = "list"
RESCO: Final = "resco"
_WIDTH: Final = 140


def run_bench(
    name: str,
    out: Path | None,
    scenarios: str,
    controllers: str,
    seeds: str,
    rules: str,
    workers: int,
    cluster: str | None,
) -> None:
    """Carry out ``throughband bench``.

    Raises
    ------
    ThroughbandError
        If a name is unknown, a file says what cannot be, or results cannot be kept.
    """
    console = Console(highlight=False)
    if name == LIST:
        for known, title in known_suites().items():
            console.print(f"{known:12} {title}", markup=False, soft_wrap=True)
        return
    suites = narrowed(load_suite(name), scenarios, controllers, seeds, rules)
    for suite in suites:
        check(suite)
    target = out or Path("bench") / Path(name).stem
    store = Store(target)
    executor = executor_of(workers, cluster)
    command = _command(name, scenarios, controllers, seeds, rules)
    played_jobs: dict[Job, Outcome] = {}
    answers: list[Answer] = []
    with Teller(len(suites)) as teller:
        for suite in suites:
            teller.step(f"{suite.name}: {suite.title}; {_size(suite)}")
            played = play_suite(suite, store, executor, teller.tell)
            teller.say(f"{len(played.outcomes) - played.kept} played, {played.kept} kept")
            # Suites may share streets; a run counts once.
            played_jobs |= {outcome.job: outcome for outcome in played.outcomes}
            outcomes = list(played_jobs.values())
            if outcomes:
                store.tables(outcomes)
            for own in suite.commands:
                teller.tell("commands", len(answers), len(suite.commands))
                answers.append(answer(own, store))
                teller.say(told(answers[-1]))
            write_report(store, suites, outcomes, answers, command)
    console.width = max(console.width, _WIDTH)
    for found in answers:
        console.print(f"== {found.command.name}", markup=False)
        console.print(found.printed.rstrip(), markup=False, soft_wrap=True)
    if played_jobs:
        console.print(table_of(summarize(list(played_jobs.values()))))
    console.print(f"Report: {target / HTML}", markup=False, soft_wrap=True)
    failed = [found.command.name for found in answers if found.exit_code]
    if failed:
        raise EngineError(
            f"{len(failed)} of {len(answers)} benchmarks miss limits or came to no verdict: "
            f"{', '.join(failed)}; the report says which"
        )


def told(found: Answer) -> str:
    """Say in a line how a command ended."""
    spent = "kept" if found.kept else f"{found.wall_s:.0f} s"
    return f"{found.command.name}: {found.came_to}, {spent}"


def table_of(lines: tuple[Line, ...]) -> Table:
    """Lay the summary out for a terminal."""
    table = Table(
        *("street", "controller", "runs", "delay s", "in force = 1", "minus in force s"),
        *("removed", ""),
    )
    for line in lines:
        if not line.runs:
            table.add_row(line.street, line.controller, "0", "", "", "", "", line.reason)
            continue
        against = line.against
        locked = len(line.locked_seeds)
        table.add_row(
            line.street,
            line.name,
            f"{line.runs}" + (f", {locked} locked" if locked else ""),
            f"{line.mean():.1f}" + ("" if math.isnan(line.sd_s) else f" ± {line.sd_s:.1f}"),
            "" if against is None else f"{against.ratio:.2f}",
            ""
            if against is None
            else f"{against.mean:+.1f} [{against.low:+.1f}, {against.high:+.1f}]",
            "" if math.isnan(line.removed) else f"{line.removed:.0%}",
            "" if against is None else against.verdict,
        )
    return table


def _command(name: str, scenarios: str, controllers: str, seeds: str, rules: str) -> str:
    """Return the command line that asks for the same; workers and folders change no result."""
    options = {
        "--scenarios": scenarios,
        "--controllers": controllers,
        "--seeds": seeds,
        "--rules": rules,
    }
    given = [part for option, text in options.items() if text for part in (option, text)]
    return shlex.join(("throughband", "bench", name, *given))


def narrowed(
    suites: Sequence[Suite], scenarios: str, controllers: str, seeds: str, rules: str
) -> tuple[Suite, ...]:
    """Return suites as the options want them; commands of their own stay as they are.

    Raises
    ------
    ScenarioError
        If an option says what cannot be, or none of the suites plays scenarios.
    """
    given = scenarios or controllers or seeds or rules
    if given and not any(suite.scenarios for suite in suites):
        raise ScenarioError(
            "this suite runs commands of its own; --scenarios, --controllers, --seeds and --rules "
            "do not apply"
        )
    return tuple(_changed(suite, scenarios, controllers, seeds, rules) for suite in suites)


def _changed(suite: Suite, scenarios: str, controllers: str, seeds: str, rules: str) -> Suite:
    if not suite.scenarios:
        return suite
    names = [part.strip() for part in scenarios.split(",") if part.strip()]
    cities = [city for part in names for city in (CITIES if part == RESCO else (part,))]
    chosen = [part.strip() for part in controllers.split(",") if part.strip()]
    under = [part.strip() for part in rules.split(",") if part.strip()]
    for rule in under:
        if rule not in RULES:
            raise ScenarioError(f"--rules: found {rule!r}, allowed {', '.join(RULES)}, or several")
    return replace(
        suite,
        scenarios=tuple(dict.fromkeys(cities)) or suite.scenarios,
        controllers=tuple(dict.fromkeys(chosen)) or suite.controllers,
        seeds=seeds_of(seeds) if seeds else suite.seeds,
        rules=tuple(dict.fromkeys(under)) or suite.rules,
    )


def _size(suite: Suite) -> str:
    runs = len(suite.streets) * len(suite.controllers) * len(suite.seeds)
    parts = [f"{runs} runs" if runs else ""]
    parts.append(f"{len(suite.commands)} commands" if suite.commands else "")
    return " and ".join(part for part in parts if part)
