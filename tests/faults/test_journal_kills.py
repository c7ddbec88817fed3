"""Writers of the journal die at any moment: nothing acknowledged is lost, and the next goes on."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.bridge.journal_faults import (
    SYNCS,
    FaultTally,
    Injection,
    counted_calls,
    inject,
    kills_at,
    strace,
)
from benchmarks.bridge.journal_kills import KillTally, kill_writers, lost
from throughband.journal import Journal, verify

needs_strace = pytest.mark.skipif(
    strace() is None, reason="strace is missing or may not trace (Debian package: strace)"
)


def nothing_lost(tally: KillTally, kills: int) -> bool:
    return (tally.kills, tally.lost) == (kills, 0) and tally.acknowledged > 0


@pytest.mark.parametrize("writers", [1, 2])
def test_random_kills_lose_nothing_acknowledged(tmp_path: Path, writers: int) -> None:
    assert nothing_lost(kill_writers(tmp_path, 16, seed=5, writers=writers), 16)


@pytest.mark.slow
@pytest.mark.parametrize("writers", [1, 2])
def test_five_hundred_random_kills_lose_nothing_acknowledged(tmp_path: Path, writers: int) -> None:
    assert nothing_lost(kill_writers(tmp_path, 500, seed=6, writers=writers), 500)


def test_lost_entries_would_be_counted() -> None:
    assert lost([(1, 0), (1, 1)], [(1, 0), (1, 1), (1, 2)]) == 0
    assert lost([(1, 0), (1, 1)], [(1, 0)]) == 1
    assert lost([(1, 0), (1, 1)], [(1, 1), (1, 0)]) == 1
    assert lost([(1, 0)], [(1, 0), (1, 0)]) == 1


@contextmanager
def torn(path: Path, folder: Path) -> Iterator[Path]:
    """Yield a copy of a journal as a writer killed in the middle of a commit leaves it."""
    connection = sqlite3.connect(path, isolation_level=None)
    # With room for one page in memory, pages reach the file before the commit.
    connection.execute("PRAGMA cache_size=1")
    connection.execute("BEGIN IMMEDIATE")
    for number in range(10, 20):
        values = (number, "x" * 5000, "", "")
        connection.execute("INSERT INTO entry VALUES (?, NULL, NULL, NULL, ?, ?, ?)", values)
    for name in (path.name, f"{path.name}-journal"):
        shutil.copyfile(path.with_name(name), folder / name)
    connection.execute("ROLLBACK")
    connection.close()
    yield folder / path.name


@pytest.fixture
def half_done(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "copy").mkdir()
    Journal(tmp_path / "journal.sqlite").write({"event": "intent"})
    with torn(tmp_path / "journal.sqlite", tmp_path / "copy") as path:
        yield path


def test_a_commit_half_done_is_not_read_and_not_touched(half_done: Path) -> None:
    files = (half_done, half_done.with_name("journal.sqlite-journal"))
    before = [file.read_bytes() for file in files]
    for file in files:
        file.chmod(0o444)
    assert [event["event"] for event in verify(half_done)] == ["intent"]
    assert [file.read_bytes() for file in files] == before
    assert sorted(half_done.parent.iterdir()) == sorted(files)


def test_a_commit_half_done_is_undone_by_the_next_writer(half_done: Path) -> None:
    Journal(half_done).write({"event": "next start"})
    assert [event["event"] for event in verify(half_done)] == ["intent", "next start"]
    assert [file.name for file in half_done.parent.iterdir()] == ["journal.sqlite"]


@needs_strace
@pytest.mark.parametrize("number", [4, 5, 9])
def test_a_push_killed_at_a_sync_leaves_its_intent_before_any_set(
    tmp_path: Path, number: int
) -> None:
    tally = FaultTally()
    inject(tmp_path, Injection("fdatasync", "signal=SIGKILL", number), tally)
    assert (tally.killed, tally.wrong) == (1, [])


@needs_strace
@pytest.mark.slow
def test_a_push_killed_at_every_sync_and_write_leaves_its_intent_before_any_set(
    tmp_path: Path,
) -> None:
    tally = FaultTally()
    calls = counted_calls(tmp_path)
    for number, kill in enumerate(kills_at(calls, (*SYNCS, "pwrite64", "unlink"))):
        (tmp_path / str(number)).mkdir()
        inject(tmp_path / str(number), kill, tally)
    assert tally.wrong == []
    assert tally.killed == tally.faults > 30
