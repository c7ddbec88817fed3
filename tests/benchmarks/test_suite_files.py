"""Suite files, fault names, scenario names."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks.suite.bench import narrowed
from benchmarks.suite.jobs import Fault, Job, Street, parse_fault
from benchmarks.suite.running import check
from benchmarks.suite.scenes import require_known, wish_of
from benchmarks.suite.suite_file import Command, Suite, known_suites, load_suite, seeds_of
from network.errors import ScenarioError


def written(folder: Path, text: str) -> str:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("name", sorted(known_suites()))
def test_every_suite_of_the_box_is_sound(name: str) -> None:
    for suite in load_suite(name):
        check(suite)
        assert suite.streets or suite.commands
        assert len(set(suite.streets)) == len(suite.streets)


class WouldBeginError(Exception):
    """A benchmark has read its arguments and would begin."""


COMMANDS = [one for suite in load_suite("all") for one in suite.commands]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.module)
def test_every_command_of_a_suite_understands_its_arguments(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = argparse.ArgumentParser.parse_args

    def parse_args(parser: argparse.ArgumentParser, given: list[str] | None = None) -> NoReturn:
        read(parser, given)
        raise WouldBeginError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    monkeypatch.setattr("sys.argv", [command.module, *command.arguments])
    with pytest.raises(WouldBeginError):
        importlib.import_module(command.module).main()


def test_everything_is_played_with_everything(tmp_path: Path) -> None:
    text = """
        title = "t"
        scenarios = ["cologne1", "grid:2x2:1"]
        controllers = ["in-force", "webster"]
        seeds = "101-103"
        scales = [1.0, 1.2]
        faults = ["", "incident"]
    """
    (suite,) = load_suite(written(tmp_path, text))
    assert len(suite.streets) == 2 * 2 * 2
    assert suite.streets[0] == Street("cologne1")
    assert suite.streets[-1].title == "grid:2x2:1 (x1.2, incident)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = 1", "title"),
        ('title = "t"', "nothing to do"),
        ('title = "t"\nscenarios = ["cologne1"]', "belong together"),
        ('title = "t"\nfoo = 1\ninclude = ["quick"]', "foo"),
        ("title = ", "not TOML"),
        ('title = "t"\ninclude = ["nowhere"]', "unknown suite 'nowhere'; known are"),
        (
            'title="t"\nscenarios=["cologne1"]\ncontrollers=["in-force"]\nseeds="9-x"',
            "found '9-x'",
        ),
        (
            'title="t"\nscenarios=["cologne1"]\ncontrollers=["in-force"]\nseeds="1"\nscales=[0]',
            "scales",
        ),
        (
            'title="t"\nscenarios=["cologne1"]\ncontrollers=["in-force"]\nseeds="1"\n'
            'faults=["flood"]',
            "unknown fault 'flood'; known are",
        ),
        (
            'title="t"\nscenarios=["cologne1"]\ncontrollers=["in-force"]\nseeds="1"\n'
            "begin_s=10\nend_s=5",
            "does not come after",
        ),
        (
            'title="t"\nscenarios=["a","a"]\ncontrollers=["in-force"]\nseeds="1"',
            "names something twice",
        ),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        load_suite(written(tmp_path, text))


def test_a_suite_that_includes_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'title = "t"\ninclude = ["{file}"]', encoding="utf-8")
    with pytest.raises(ScenarioError, match="includes itself"):
        load_suite(str(file))


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="unknown controller 'magic'; known are adaptive"):
        check(Suite("s", "t", ("cologne1",), ("magic",), (1,)))
    with pytest.raises(ScenarioError, match="unknown scenario 'atlantis'; known are grid4x4"):
        require_known("atlantis")
    with pytest.raises(ScenarioError, match="unknown suite 'all-of-it'; known are"):
        load_suite("all-of-it")


@pytest.mark.parametrize("text", ["", "5-", "3-1", "1,1", "a", "1-2000", "-1"])
def test_seeds_that_are_none(text: str) -> None:
    with pytest.raises(ScenarioError, match="seeds"):
        seeds_of(text)


def test_seeds_by_range_and_list() -> None:
    assert seeds_of("101-103, 110") == (101, 102, 103, 110)


@pytest.mark.parametrize(
    "text", ["flood", "incident:0", "incident:1.5", "missing-detectors:2", "closed-link:x"]
)
def test_faults_that_are_none(text: str) -> None:
    with pytest.raises(ScenarioError, match="fault"):
        parse_fault(text)


def test_faults_with_and_without_a_number() -> None:
    assert parse_fault("incident") == Fault("incident", 1.0)
    assert parse_fault("missing-detectors:0.3") == Fault("missing-detectors", 0.3)
    assert parse_fault("") == Fault()


@pytest.mark.parametrize(
    "text", ["grid:3:1", "grid:axb:1", "town:x:1", "arterial:3:1:9", "arterial:0:1", "arterial:3:y"]
)
def test_made_up_streets_that_are_none(text: str) -> None:
    with pytest.raises(ScenarioError, match="scenario"):
        wish_of(text)


def test_made_up_streets_by_kind_size_and_seed() -> None:
    assert (wish_of("grid:3x4:2").rows, wish_of("grid:3x4:2").columns) == (3, 4)
    assert (wish_of("town:30:7").signals, wish_of("town:30:7").seed) == (30, 7)
    assert wish_of("arterial:5").seed == 1


def test_another_world_is_another_key() -> None:
    job = Job(Street("cologne1"), "in-force", 101)
    assert job.key("a") == job.key("a") != job.key("b")
    assert job.key("a") != Job(Street("cologne1"), "in-force", 102).key("a")


def test_options_narrow_what_is_played_and_leave_commands_alone() -> None:
    suites = narrowed(load_suite("all"), "cologne1", "in-force", "11", "")
    assert all(suite.seeds == (11,) for suite in suites if suite.scenarios)
    assert [suite.name for suite in suites if suite.commands] == [
        "peers",
        "forecast",
        "bridge",
        "speed",
    ]
    with pytest.raises(ScenarioError, match="commands of its own"):
        narrowed(load_suite("speed"), "cologne1", "", "", "")
