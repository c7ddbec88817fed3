"""The journal: durable before it returns, and no line of it can be changed unseen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import ThroughbandError
from throughband.journal import GENESIS, Journal, verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "journal.jsonl")
    for name in ("intent", "stored", "activated", "withdrawn"):
        journal.write({"event": name, "by": "Müller"})
    return tmp_path / "journal.jsonl"


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")


def test_what_was_written_is_read_in_order(path: Path) -> None:
    events = verify(path)
    assert [event["event"] for event in events] == ["intent", "stored", "activated", "withdrawn"]
    assert [event["number"] for event in events] == [1, 2, 3, 4]
    assert events[0]["by"] == "Müller"


def test_an_existing_journal_is_continued(path: Path) -> None:
    Journal(path).write({"event": "later"})
    assert [event["number"] for event in verify(path)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [lines[0].replace("intent", "Intent"), *lines[1:]], 1),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2),
        (lambda lines: [*lines, lines[3]], 5),
        (lambda lines: [lines[0], "", *lines[1:]], 2),
        (lambda lines: [lines[0], "[]", *lines[1:]], 2),
        (lambda lines: [lines[0], "not JSON", *lines[1:]], 2),
    ],
    ids=["changed", "dropped", "headless", "swapped", "repeated", "blank", "list", "scrawl"],
)
def test_tampering_is_seen_at_its_line(
    path: Path, change: Callable[[list[str]], list[str]], line: int
) -> None:
    edit(path, change)
    with pytest.raises(ThroughbandError, match=f"line {line}:"):
        verify(path)


def test_a_line_sealed_anew_breaks_the_next_one(path: Path, tmp_path: Path) -> None:
    forger = Journal(tmp_path / "forged.jsonl")
    forger.write({"event": "nothing", "by": "nobody"})
    forged = (tmp_path / "forged.jsonl").read_text(encoding="utf-8").strip()
    edit(path, lambda lines: [forged, *lines[1:]])
    with pytest.raises(ThroughbandError, match="line 2: the chain is broken"):
        verify(path)


def test_a_broken_journal_is_not_continued(path: Path) -> None:
    edit(path, lambda lines: lines[1:])
    with pytest.raises(ThroughbandError, match="chain is broken"):
        Journal(path)


def test_a_torn_last_line_is_not_continued(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8")[:-1], encoding="utf-8")
    with pytest.raises(ThroughbandError, match="incomplete"):
        Journal(path)


def test_two_writers_do_not_break_the_chain(path: Path) -> None:
    mine, other = Journal(path), Journal(path)
    other.write({"event": "other"})
    with pytest.raises(ThroughbandError, match="somebody else wrote"):
        mine.write({"event": "mine"})
    assert len(verify(path)) == 5


def test_a_line_is_on_disk_before_write_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(number: int) -> None:
        real(number)
        synced.append(json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["event"])

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(path)
    journal.write({"event": "one"})
    assert synced == ["one"]


def test_what_cannot_be_recorded_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ThroughbandError, match="No space left on device"):
        journal.write({"event": "lost"})


@pytest.mark.parametrize("where", ["absent/journal.jsonl", "."])
def test_a_journal_that_cannot_be_kept_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(ThroughbandError, match="journal"):
        Journal(tmp_path / where).write({"event": "intent"})


def test_an_empty_journal_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").touch()
    assert verify(tmp_path / "journal.jsonl") == []
    Journal(tmp_path / "journal.jsonl").write({"event": "first"})
    assert verify(tmp_path / "journal.jsonl")[0]["number"] == 1


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b"\xff\xfe\n")
    with pytest.raises(ThroughbandError, match="cannot be read"):
        verify(tmp_path / "journal.jsonl")


@given(st.text())
def test_any_name_leaves_one_line(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    # U+2028 and U+0085 once ended the line in the reader and broke the chain.
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    journal = Journal(path)
    journal.write({"event": "approved", "by": name})
    journal.write({"event": "approved", "by": "\u2028\x85\udcff"})
    assert verify(path)[0]["by"] == name
    assert len(GENESIS) == len(str(verify(path)[0]["hash"]))
