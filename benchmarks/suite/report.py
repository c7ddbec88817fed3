"""The report of a suite: ``report.html``, ``report.md`` and ``table.md`` in the results' folder.

The page stands for itself: no script, no further file, no network. The Markdown says the same,
with pictures in ``plots``. ``table.md`` is the one table that other documents quote.
"""

from __future__ import annotations

import io
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.suite.commands import Answer, question
from benchmarks.suite.intervals import interval_plot
from benchmarks.suite.jobs import FAULTLESS, FAULTS, Outcome, parse_fault
from benchmarks.suite.limits import judge, read_limits
from benchmarks.suite.measuring_rule import RULE, STATISTICS
from benchmarks.suite.results import Store
from benchmarks.suite.suite_file import Suite
from benchmarks.suite.summary import Line, ranking, summarize
from benchmarks.suite.tables import (
    Grid,
    answer_grid,
    delay_grid,
    headlines,
    limit_grid,
    overview,
    rank_grid,
    refusals,
    street_grid,
)
from benchmarks.suite.versions import revision, versions
from throughband.reports import style

HTML, MARKDOWN, TABLE, PLOTS = "report.html", "report.md", "table.md", "plots"
DPI: Final = 130
_TONES: Final = {
    "better": "better",
    "met": "better",
    "worse": "worse",
    "missed": "worse",
}


@dataclass(frozen=True, slots=True)
class StreetPart:
    """What the report says of a street.

    Attributes
    ----------
    title, slug
        For people, and for file names and links.
    svg, png
        The interval plot.
    delay, rest
        Its tables.
    notes
        Of controllers, such as cycles.
    """

    title: str
    slug: str
    svg: Markup
    png: bytes
    delay: Grid
    rest: Grid
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says.

    Attributes
    ----------
    title
        Of the suite.
    command
        That makes it again.
    asked, made_with
        Pairs of a word and what it says.
    headlines
        A sentence for each of our controllers.
    overview, limits, ranks, refusals, controllers
        Tables; without rows where there is nothing to say.
    ranked
        What the ranks mean.
    streets
        One part each.
    answers
        Of benchmarks that bring their own measure.
    """

    title: str
    command: str
    asked: tuple[tuple[str, str], ...]
    made_with: tuple[tuple[str, str], ...]
    headlines: tuple[str, ...]
    overview: Grid
    limits: Grid
    ranks: Grid
    ranked: str
    refusals: Grid
    controllers: Grid
    streets: tuple[StreetPart, ...]
    answers: tuple[Answer, ...]


def write_report(
    store: Store,
    suites: Sequence[Suite],
    outcomes: Sequence[Outcome],
    answers: Sequence[Answer],
    command: str,
) -> None:
    """Write the report beside the results.

    Parameters
    ----------
    store
        Of the results.
    suites
        What was asked.
    outcomes, answers
        What came of it so far.
    command
        That makes it again.

    Raises
    ------
    DiskFullError, ScenarioError
        If it cannot be written; the results are.
    """
    report = report_of(suites, outcomes, answers, command)
    store.put(HTML, html(report).encode())
    for part in report.streets:
        store.put(f"{PLOTS}/{part.slug}.png", part.png)
    store.put(MARKDOWN, markdown(report).encode())
    if report.streets:
        store.put(TABLE, table(report).encode())


def report_of(
    suites: Sequence[Suite],
    outcomes: Sequence[Outcome],
    answers: Sequence[Answer],
    command: str,
) -> Report:
    """Gather what a report says."""
    lines = summarize(outcomes)
    ranks = ranking(outcomes)
    streets = list(dict.fromkeys(line.street for line in lines))
    own = {street: [line for line in lines if line.street == street] for street in streets}
    slugs = _slugs(streets)
    return Report(
        title="; ".join(suite.title for suite in suites),
        command=command,
        asked=_asked(suites),
        made_with=_made_with(outcomes),
        headlines=tuple(headlines(lines)),
        overview=overview(lines),
        limits=limit_grid(judge(lines, read_limits())),
        # One street is no sample of streets.
        ranks=rank_grid(ranks) if ranks.streets > 1 else Grid((), ()),
        ranked=_ranked(ranks.streets, ranks.p),
        refusals=refusals(lines),
        controllers=_controllers(lines),
        streets=tuple(_street(street, slugs[street], own[street]) for street in streets),
        answers=tuple(answers),
    )


def html(report: Report) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("benchmarks.suite"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tone"] = lambda cell: _TONES.get(cell, "")
    environment.filters["bold"] = _bold
    environment.filters["ended"] = _ended
    environment.filters["came_to"] = answer_grid
    environment.filters["question"] = lambda answer: question(answer.command)
    template = environment.get_template("report.html")
    return template.render(report=report, rule=RULE, statistics=STATISTICS, legend=LEGEND)


def markdown(report: Report) -> str:
    """Return the same as Markdown."""
    parts = [f"# {report.title}", *(f"**{line}**" for line in report.headlines)]
    if report.streets:
        parts += ["## Delay at a glance", report.overview.markdown(), LEGEND]
    if report.limits.rows:
        parts += ["## Limits", report.limits.markdown()]
    if report.ranks.rows:
        parts += ["## Ranks", report.ranked, report.ranks.markdown()]
    for part in report.streets:
        parts += [f"## {part.title}", f"![Delay on {part.title}]({PLOTS}/{part.slug}.png)"]
        parts += [part.delay.markdown(), part.rest.markdown()]
        parts += ["\n".join(f"- {name}: {note}" for name, note in part.notes)]
    if report.refusals.rows:
        parts += ["## What could not run", report.refusals.markdown()]
    if report.answers:
        parts += ["## What each benchmark came to", answer_grid(report.answers).markdown()]
    for found in report.answers:
        parts += [f"## {found.command.name}", question(found.command), _ended(found)]
        parts.append(f"```\n{found.printed.rstrip()}\n```")
    parts += ["## What was asked", _pairs(report.asked), "## Made with", _pairs(report.made_with)]
    if report.controllers.rows:
        parts += ["## Controllers", report.controllers.markdown()]
        parts += ["## How it is measured", *RULE, "## How sure it is", *STATISTICS]
    parts += ["## Again", f"```\n{report.command}\n```"]
    return "\n\n".join(part for part in parts if part) + "\n"


LEGEND: Final = (
    "Mean over seeds, s per vehicle due. Bold: the least of the street. †: some seeds locked. "
    "–: cannot run there. The best peer is the best on these very seeds, which favors it."
)


def table(report: Report) -> str:
    """Return the one table that other documents quote, with where it is from."""
    made = ", ".join(f"{name} {value}" for name, value in report.made_with[:2] if value)
    return f"`{report.command}`; {made}.\n\n{report.overview.markdown()}\n\n{LEGEND}\n"


def _ended(found: Answer) -> str:
    ended = f"ended with code {found.exit_code}"
    called = " ".join(("python -m", found.command.module, *found.command.arguments))
    return f"`{called}` {ended}, {found.wall_s:.0f} s"


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in pairs)


def _bold(cell: str) -> Markup:
    """Return the Markdown of a cell or paragraph that we wrote, as HTML."""
    text = str(Markup.escape(cell))
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", text))


def _asked(suites: Sequence[Suite]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for suite in suites:
        lead = f"{suite.name}: " if len(suites) > 1 else ""
        entries = (
            ("scenarios", ", ".join(suite.scenarios)),
            ("controllers", ", ".join(suite.controllers)),
            ("seeds", _seeds_told(suite.seeds)),
            ("rules", ", ".join(suite.rules) if suite.scenarios else ""),
            ("demand times", ", ".join(f"{s:g}" for s in suite.scales if suite.scales != (1.0,))),
            (
                "faults",
                "none, and those below" if FAULTLESS in suite.faults and suite.faults[1:] else "",
            ),
            *((fault, _fault_told(fault)) for fault in suite.faults if fault),
            ("window", _window(suite)),
            ("commands", ", ".join(command.name for command in suite.commands)),
        )
        found += [(lead + name, text) for name, text in entries if text]
    return tuple(found)


def _fault_told(text: str) -> str:
    fault = parse_fault(text)
    return f"{FAULTS[fault.kind]}: {fault.amount:g}"


def _window(suite: Suite) -> str:
    if suite.begin_s is None and suite.end_s is None:
        return ""
    ends = ("its own" if end is None else f"{end:g}" for end in (suite.begin_s, suite.end_s))
    return " to ".join(ends) + " s"


def _seeds_told(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _made_with(outcomes: Sequence[Outcome]) -> tuple[tuple[str, str], ...]:
    found = dict(versions())
    walls_s = [run.facts["wall_s"] for run in outcomes if "wall_s" in run.facts]
    machines = sorted({run.facts["machine"] for run in outcomes if "machine" in run.facts})
    played = [run for run in outcomes if not run.failed]
    here = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    spent = f"{sum(walls_s):.0f} s one after the other"
    told = f"{len(played)} played or kept, {len(outcomes) - len(played)} without a result"
    return (
        ("SUMO", found.pop("eclipse-sumo")),
        ("revision", revision()),
        ("Python", platform.python_version()),
        *found.items(),
        ("reported on", here),
        *((("played on", ", ".join(machines)),) if machines else ()),
        *((("runs", told),) if outcomes else ()),
        *((("time of these runs", spent),) if walls_s else ()),
    )


def _ranked(streets: int, p: float) -> str:
    if p != p:
        return f"Over {streets} streets, 1 is the least delay; too few for Friedman's test."
    told = "p below 0.001" if p < 0.001 else f"p = {p:.3f}"
    clear = "the controllers differ" if p <= 0.05 else "no clear difference between controllers"
    return f"Over {streets} streets, 1 is the least delay. Friedman's test: {told}, {clear}."


def _controllers(lines: Sequence[Line]) -> Grid:
    found = {
        line.controller: (line.controller, line.facts.get("version", ""), line.facts["source"])
        for line in reversed(lines)
        if line.facts
    }
    order = dict.fromkeys(line.controller for line in lines)
    rows = tuple(found[name] for name in order if name in found)
    return Grid(("controller", "version", "source"), rows, words=3)


def _street(title: str, slug: str, lines: Sequence[Line]) -> StreetPart:
    figure = interval_plot(lines)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    picture = style.svg(interval_plot(lines), slug, f"Delay of every controller on {title}")
    notes = tuple((line.name, note) for line in lines if (note := line.facts.get("note")))
    return StreetPart(
        title, slug, Markup(picture), out.getvalue(), delay_grid(lines), street_grid(lines), notes
    )


def _slugs(titles: Sequence[str]) -> dict[str, str]:
    plain = {title: re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") for title in titles}
    taken = list(plain.values())
    return {
        title: slug if taken.count(slug) == 1 else f"{slug}-{number}"
        for number, (title, slug) in enumerate(plain.items())
    }
