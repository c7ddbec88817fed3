"""The journal's commands: readable for an operator, one line for what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.throughband.command_line import assert_one_line, call
from throughband.journal import Journal, verify

HEAD = {"plan_digest": "d" * 64, "approved_by": "A. Engineer"}


def device(signal_id: str, cycle_s: int) -> dict[str, object]:
    values = [["patternCycleTime", [15], 80], ["splitTime", [15, 1], 20]]
    return {
        **{"signal_id": signal_id, "address": "127.0.0.1:161", "pattern": 15, "split": 15},
        "old": values,
        "new": [["patternCycleTime", [15], cycle_s], values[1]],
        "called_before": 0,
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "journal.sqlite"
    journal = Journal(path)
    journal.write({"event": "approved", "utc": "2026-05-04T06:00:00+00:00", "by": "A. Engineer"})
    devices = [device("north", 90), device("south", 95)]
    journal.write(
        {"event": "intent", "utc": "2026-05-04T06:01:00+00:00", **HEAD, "devices": devices}
    )
    journal.write(
        {
            "event": "activated",
            "utc": "2026-05-04T06:02:00+00:00",
            **HEAD,
            "patterns": {"north": 15, "south": 15},
        }
    )
    return path


@pytest.fixture
def path(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(kept, tmp_path))


def test_a_sound_journal_verifies_and_its_head_is_printed(path: Path) -> None:
    outcome = call("journal", "verify", path)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"3 events, chain unbroken, last {verify(path)[-1]['hash']}\n"


def test_an_expected_hash_is_found_with_what_followed(path: Path) -> None:
    outcome = call("journal", "verify", path, "--expect", str(verify(path)[1]["hash"]).upper())
    assert outcome.code == 0, outcome.err
    assert "the expected entry is there, 1 came after it" in outcome.out


@pytest.mark.parametrize(
    ("expected", "message"), [("f" * 64, "none has the expected hash"), ("12", "64 hexadecimal")]
)
def test_an_expected_hash_that_is_not_there_is_one_line(
    path: Path, expected: str, message: str
) -> None:
    outcome = call("journal", "verify", path, "--expect", expected)
    assert_one_line(outcome, message)
    assert outcome.code == 1


@pytest.mark.parametrize("command", ["verify", "show", "export", "import"])
@pytest.mark.parametrize("content", [None, "x\n", "[]\n", "SQLite format 3\0 and no more"])
def test_what_is_no_journal_is_one_line(tmp_path: Path, command: str, content: str | None) -> None:
    if content is not None:
        (tmp_path / "journal").write_text(content)
    more = [tmp_path / "out"] if command in ("export", "import") else []
    assert_one_line(call("journal", command, tmp_path / "journal", *more), "journal")
    assert not (tmp_path / "out").exists()


def test_an_empty_journal_verifies(tmp_path: Path) -> None:
    (tmp_path / "j").touch()
    outcome = call("journal", "verify", tmp_path / "j")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "0 events, chain unbroken\n"


def test_shown_is_what_was_done_where_by_whom_with_old_and_new_values(path: Path) -> None:
    lines = call("journal", "show", path).out.splitlines()
    assert "   2 2026-05-04T06:01:00+00:00 intent by A. Engineer" in lines
    start = lines.index(
        "       signal south at 127.0.0.1:161, called_before 0, pattern 15, split 15"
    )
    assert lines[start + 1] == "         patternCycleTime.15 = 80  ->  95"
    assert "splitTime" not in lines[start + 2]
    assert "       patterns south: 15" in lines


def test_shown_alone_are_a_signal_s_events_without_the_other_signals(path: Path) -> None:
    out = call("journal", "show", path, "--signal", "north").out
    assert "signal north" in out
    assert "patterns north: 15" in out
    assert "south" not in out
    assert "approved" not in out.replace("approved_by", "")
    assert "2 of 3 events" in out


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--event", "intent"], [2]),
        (["--event", "nothing"], []),
        (["--since", "2026-05-04T06:01"], [2, 3]),
        (["--since", "2026-05-04T08:02:00+02:00"], [3]),
        (["--since", "2026-05-05"], []),
        (["--signal", "south", "--event", "activated"], [3]),
        (["--signal", "nowhere"], []),
        ([], [1, 2, 3]),
    ],
)
def test_events_are_chosen(path: Path, options: list[str], numbers: list[int]) -> None:
    out = call("journal", "show", path, "--json", *options).out
    assert [json.loads(line)["number"] for line in out.splitlines()] == numbers


def test_a_time_that_is_none_is_one_line(path: Path) -> None:
    assert_one_line(call("journal", "show", path, "--since", "noon"), "--since 'noon'", "2026-05")


def test_nothing_in_an_event_moves_the_cursor(tmp_path: Path) -> None:
    Journal(tmp_path / "j").write({"event": "no\x1b[2Jte", "by": "a\nb\udcff", "why": ["\r"]})
    out = call("journal", "show", tmp_path / "j").out
    assert not {"\x1b", "\r", "\udcff"} & set(out)
    assert "by a\\nb\\udcff" in out


def test_changes_of_an_old_journal_are_told_too(tmp_path: Path) -> None:
    old = {
        "signal_id": "a",
        "address": "x",
        "changes": [["splitTime.1.1 = 5", "splitTime.1.1 = 6"]],
    }
    Journal(tmp_path / "j").write({"event": "intent", "devices": [old]})
    assert "splitTime.1.1 = 5  ->  6" in call("journal", "show", tmp_path / "j").out


def test_an_export_comes_back_by_import_with_the_same_hashes(path: Path, tmp_path: Path) -> None:
    lines, again = tmp_path / "lines.jsonl", tmp_path / "again.sqlite"
    assert call("journal", "export", path, lines).code == 0
    outcome = call("journal", "import", lines, again)
    assert outcome.code == 0, outcome.err
    assert str(verify(path)[-1]["hash"]) in outcome.out
    assert verify(again) == verify(path)
