"""The journal's disk fills up or breaks: what is not on disk is not reported, and nothing sent."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.bridge import journal_push
from benchmarks.bridge.journal_faults import (
    FaultTally,
    Injection,
    counted_calls,
    failures_at,
    inject,
    order,
    strace,
)
from benchmarks.bridge.journal_push import SECRETS, Story, judge, push_once, story_of
from network.errors import ThroughbandError
from throughband.journal import Journal, verify

needs_strace = pytest.mark.skipif(
    strace() is None, reason="strace is missing or may not trace (Debian package: strace)"
)

NOBODY = 65534


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size in bytes: the kernel refuses the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def pushed(path: Path, size: int | None = None, spared: int = 0) -> Story:
    """Push over UDP with a journal whose files may grow to a size, some first entries apart."""
    lines: list[str] = []

    class Bounded(Journal):
        def write(self, event: dict[str, object]) -> None:  # type: ignore[override]
            acknowledged = sum(line.startswith("ack ") for line in lines)
            if size is None or acknowledged < spared:
                return super().write(event)
            with files_up_to(size):
                return super().write(event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_push, "Journal", Bounded)
        push_once(path, lines.append)
    return story_of(lines)


def test_an_undisturbed_push_is_recorded_and_active(tmp_path: Path) -> None:
    story = pushed(tmp_path / "journal.sqlite")
    assert judge(tmp_path / "journal.sqlite", story) == []
    assert (story.error, story.acknowledged[0], story.acknowledged[-1]) == (
        *("", "intent"),
        "activated",
    )
    assert story.sets > 0


def test_wherever_the_intent_s_file_stops_growing_no_set_leaves(tmp_path: Path) -> None:
    pushed(tmp_path / "whole.sqlite")
    for size in range(0, (tmp_path / "whole.sqlite").stat().st_size, 2048):
        path = tmp_path / f"{size}.sqlite"
        story = pushed(path, size)
        assert judge(path, story) == [], size
        assert "journal cannot be written" in story.error, size
        assert story.sets == 0, size
        Journal(path).write({"event": "next start"})
        assert len(verify(path)) == 1


@pytest.mark.parametrize("spared", [1, 2])
@pytest.mark.parametrize("size", [0, 4096])
def test_a_push_whose_outcome_cannot_be_recorded_is_taken_back(
    tmp_path: Path, size: int, spared: int
) -> None:
    path = tmp_path / "journal.sqlite"
    story = pushed(path, size, spared)
    assert judge(path, story) == []
    assert "journal cannot be written" in story.error
    assert story.sets > 0
    assert (set(story.called), set(story.stored)) == ({0}, {0})
    Journal(path).write({"event": "next start"})
    assert len(verify(path)) == spared + 1


def test_no_entry_is_acknowledged_that_is_not_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    acknowledged = refused = 0
    for size in range(0, 40_000, 1024):
        try:
            with files_up_to(size):
                journal.write({"event": "step", "filler": "x" * 700})
            acknowledged += 1
        except ThroughbandError as error:
            assert "the journal cannot be written" in str(error)  # noqa: PT017
            refused += 1
        assert len(verify(path) if path.exists() else []) == acknowledged
    assert min(acknowledged, refused) > 5


@pytest.fixture
def unreadable_folder() -> Iterator[Path]:
    """A folder one may make files in and not open: root is nobody meanwhile."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if root:
            os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o300)
        if root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)


def test_a_folder_that_cannot_be_synced_is_refused(unreadable_folder: Path) -> None:
    # SQLite would write there, and leave out the syncs of the folder without a word.
    with pytest.raises(ThroughbandError, match="its folder: Permission denied"):
        Journal(unreadable_folder / "journal.sqlite").write({"event": "intent"})


def test_secrets_never_enter_the_journal(tmp_path: Path) -> None:
    stories = [
        pushed(tmp_path / "whole.sqlite"),
        pushed(tmp_path / "taken back.sqlite", size=0, spared=1),
    ]
    assert [bool(story.error) for story in stories] == [False, True]
    contents = [file.read_bytes() for file in tmp_path.iterdir()]
    assert sum(b"127.0.0.1" in content for content in contents) == 2
    for content in contents:
        for secret in SECRETS:
            assert secret.encode() not in content
            assert secret.encode().hex().encode() not in content


@needs_strace
def test_the_intent_is_synced_before_the_first_set_leaves(tmp_path: Path) -> None:
    (tmp_path / "push").mkdir()
    steps = order(tmp_path / "push")
    durable = ("sync file beside", "sync folder", "sync file beside", "sync journal")
    assert steps[:7] == (*durable, "remove file beside", "sync folder", "set")
    assert steps[-1] == "sync folder"


FEW = (
    Injection("pwrite64", "error=ENOSPC", 1, lasting=True),
    Injection("fdatasync", "error=EIO", 3, lasting=True),
    Injection("openat", "error=ENOSPC", 3),
    Injection("unlink", "error=EIO", 2, lasting=True),
)


@needs_strace
@pytest.mark.parametrize("injection", FEW, ids=lambda injection: injection.option)
def test_a_call_that_fails_changes_no_street_unrecorded(
    tmp_path: Path, injection: Injection
) -> None:
    tally = FaultTally()
    inject(tmp_path, injection, tally)
    assert tally.wrong == []
    assert tally.refused + tally.taken_back == 1


@needs_strace
@pytest.mark.slow
def test_whichever_call_fails_no_street_is_changed_unrecorded(tmp_path: Path) -> None:
    tally = FaultTally()
    for number, failure in enumerate(failures_at(counted_calls(tmp_path))):
        (tmp_path / str(number)).mkdir()
        inject(tmp_path / str(number), failure, tally)
    assert tally.wrong == []
    assert tally.faults > 150
    assert min(tally.refused, tally.taken_back) > 30
