"""The report: all that was asked for, the same twice, and nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.readme_table import END, README, SUITES, kept, mark, with_table
from benchmarks.suite.commands import Answer, question
from benchmarks.suite.intervals import half_width_s
from benchmarks.suite.jobs import Outcome, Street
from benchmarks.suite.report import MARKDOWN, html, markdown, report_of, table, write_report
from benchmarks.suite.results import Store
from benchmarks.suite.suite_file import Command, Suite
from benchmarks.suite.summary import summarize
from benchmarks.suite.tables import delay_grid, overview, refusals
from network.errors import FormatError
from tests.benchmarks.suite_runs import refused, runs

CITY, RULED = Street("cologne1"), Street("cologne1", "street")
SUITE = Suite("s", "A <suite>", ("cologne1",), ("floor", "in-force", "throughband"), (101, 102))
COMMAND = "throughband bench s --seeds 101-102"
ANSWER = Answer(Command("fuzzing", "benchmarks.bridge.fuzz"), 1, "a < b | c", 2.0)
MISSES = replace(ANSWER, printed="some rows\nlimits missed: 3 escapes (limit 0)\n")


def outcomes() -> list[Outcome]:
    found = []
    for street in (CITY, RULED):
        found += runs("floor", [5.0, 5.0, 5.0], street)
        found += runs("in-force", [40.0, 41.0, 42.0], street)
        found += runs("sumo-tools", [39.0, 42.0, 41.5], street, "coord only")
        found += runs("throughband", [20.0, 21.0, 21.5], street)
        found.append(refused("sumo-nema", "no rings | here", street))
    return found


class _Page(HTMLParser):
    """Remembers what a page has, and whether what opens closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "iframe", "img"):
            self.outside.append(tag)
        for name, value in attrs:
            if name in ("src", "href") and not (value or "").startswith("#"):
                self.outside.append(str(value))
        if tag in ("table", "tr", "td", "section", "div", "svg", "main", "details"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", "tr", "td", "section", "div", "svg", "main", "details"):
            assert self.open.pop() == tag


def test_the_page_stands_for_itself() -> None:
    page = _Page()
    text = html(report_of([SUITE], outcomes(), [ANSWER], COMMAND))
    page.feed(text)
    assert page.open == []
    assert page.outside == []
    assert "url(http" not in text
    assert "A &lt;suite&gt;" in text
    assert "a &lt; b | c" in text


@pytest.mark.parametrize("render", [html, markdown])
def test_both_forms_say_everything(render: object) -> None:
    assert callable(render)
    text = re.sub(r"\s+", " ", render(report_of([SUITE], outcomes(), [ANSWER], COMMAND)))
    for told in (
        *("cologne1 (street rules)", "no clear difference", "better", "101, 102"),
        *("Friedman", "book of throughband", "fuzzing", "ended with code 1", COMMAND),
        *("RESCO", "never got in", "SUMO", "none of 3", "cycles 60 s", "no rings"),
    ):
        assert told in text, told


@pytest.mark.parametrize("render", [html, markdown])
def test_each_benchmark_stands_with_what_it_came_to(render: object) -> None:
    assert callable(render)
    text = re.sub(r"\s+", " ", render(report_of([SUITE], [], [MISSES, ANSWER], COMMAND)))
    head = text[text.index("What each benchmark came to") : text.index("some rows")]
    assert "limits missed: 3 escapes (limit 0)" in head
    assert "no verdict, exit code 1" in head
    assert "played or kept" not in text


def test_what_a_benchmark_printed_is_not_cut() -> None:
    text = html(report_of([SUITE], [], [MISSES], COMMAND))
    wide, narrow = re.findall(r"pre\.printed \{([^}]*)\}", text)
    assert "height" not in wide
    # Sentences wrap; on a narrow screen tables would fall apart, and are scrolled instead.
    assert "pre-wrap; overflow-x: auto" in wide
    assert narrow.strip() == "white-space: pre;"


@pytest.mark.parametrize("faults", [("", "incident:2"), ("incident:2",)])
def test_faults_are_told_in_words(faults: tuple[str, ...]) -> None:
    suite = replace(SUITE, faults=faults)
    text = markdown(report_of([suite], outcomes(), [], COMMAND))
    assert "busiest lanes that a broken-down vehicle blocks for 15 minutes: 2" in text
    assert ("none, and those below" in text) == ("" in faults)


def test_the_same_results_give_the_same_report(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(Store(tmp_path / name), [SUITE], outcomes(), [ANSWER], COMMAND)
    files = [
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (tmp_path / "a", tmp_path / "b")
    ]
    assert files[0] == files[1]
    names = re.findall(r"\]\((plots/[^)]+)\)", (tmp_path / "a" / MARKDOWN).read_text())
    assert len(names) == 2
    assert all(Path(name) in files[0] for name in names)


def test_differences_are_told_with_their_verdict() -> None:
    lines = [line for line in summarize(outcomes()) if line.street == "cologne1"]
    rows = {row[0]: row for row in delay_grid(lines).rows}
    assert rows["throughband"][2].startswith("−20.2 [")
    assert rows["throughband"][3] == "better"
    assert rows["throughband"][5] == "56%"
    assert rows["sumo-tools (coord only)"][3] == "no clear difference"
    assert "sumo-nema" not in rows


def test_what_could_not_run_says_why() -> None:
    grid = refusals(summarize(outcomes()))
    assert [row[1:] for row in grid.rows] == [("sumo-nema", "all seeds", "no rings | here")] * 2
    assert "no rings \\| here" in grid.markdown()


def test_a_failed_seed_leaves_the_others() -> None:
    lost = refused("throughband", "its worker died twice", CITY)
    found = [
        lost,
        *runs("throughband", [20.0, 21.0, 22.0], CITY)[1:],
        *runs("in-force", [40.0] * 3),
    ]
    line = summarize(found)[0]
    assert line.runs == 2
    assert refusals([line]).rows[0][2:] == ("some seeds", "its worker died twice")


def test_the_overview_marks_the_least_and_the_best_peer() -> None:
    row = overview(summarize(outcomes())).rows[0]
    assert row[0] == "cologne1"
    assert "**20.8**" in row
    assert row[-1].endswith("(sumo-tools)")


def test_a_suite_of_commands_alone_has_a_report() -> None:
    report = report_of([Suite("b", "Bridge", commands=(ANSWER.command,))], [], [ANSWER], COMMAND)
    assert "a &lt; b" in html(report)
    assert "a < b | c" in markdown(report)


@pytest.mark.parametrize("render", [html, markdown])
def test_a_command_says_what_it_asks(render: object) -> None:
    assert callable(render)
    text = render(report_of([], [], [ANSWER], COMMAND)).replace("&#39;", "'")
    assert question(ANSWER.command) in text
    assert question(ANSWER.command).endswith(("?", "."))
    assert question(Command("gone", "benchmarks.bridge.no_such_benchmark")) == ""


def test_one_seed_has_no_interval() -> None:
    assert half_width_s([3.0]) != half_width_s([3.0])


def test_the_table_says_where_it_is_from() -> None:
    text = table(report_of([SUITE], outcomes(), [], COMMAND))
    assert text.startswith(f"`{COMMAND}`; SUMO 1.")


def test_a_readme_takes_a_table() -> None:
    begin = mark("adaptive")
    text = with_table(f"a\n{begin}old\n{END}z\n", "| new |\n", "adaptive")
    assert text == f"a\n{begin}\n| new |\n\n{END}z\n"
    assert with_table(text, "| new |\n", "adaptive") == text
    with pytest.raises(FormatError, match="no place for the table"):
        with_table(text, "| new |", "pretimed")


@pytest.mark.parametrize("suite", SUITES)
def test_the_readme_shows_what_was_measured(suite: str) -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_table(readme, kept(suite).read_text(encoding="utf-8"), suite) == readme
