from types import SimpleNamespace

import pytest

from network.errors import ThroughbandError
from throughband.journal import Journal, verify
from throughband.operate.ledger import Ledger
from throughband.operate.memory import Memory, read_memory, write_memory
from throughband.operate.notices import Notice
from throughband.operate.operation import Operation
from throughband.operate.outbox import Waiting

from .cases import NOON


class Books:
    """A database that may be gone."""

    def __init__(self):
        self.taken = []
        self.gone = False

    def take(self, event):
        if self.gone:
            raise ThroughbandError("the disk is full")
        self.taken.append(event["event"])


def ledger(path, books=None, **given):
    return Ledger(path / "j.sqlite", lambda: NOON, mirror=books, **given)


def test_the_database_catches_up_with_what_the_journal_has(tmp_path):
    books = Books()
    made = ledger(tmp_path, books)
    made.write("one")
    assert made.mirror() == 1
    books.gone = True
    for at in range(5):
        made.write(f"while gone {at}")
        assert made.mirror() == 0
    assert made.mirror_trouble == "the disk is full"
    books.gone = False
    assert made.mirror() == 5
    assert made.mirror_trouble == ""
    assert books.taken == ["operate: one", *(f"operate: while gone {at}" for at in range(5))]


def test_a_restart_mirrors_nothing_twice_and_nothing_never(tmp_path):
    books = Books()
    made = ledger(tmp_path, books)
    made.write("one")
    made.mirror()
    made.write("two")
    again = ledger(tmp_path, books, mirrored=made.mirrored, read=made.read)
    again.mirror()
    assert books.taken == ["operate: one", "operate: two"]


def test_only_what_is_ours_goes_to_the_database(tmp_path):
    books = Books()
    Journal(tmp_path / "j.sqlite").write({"event": "intent", "utc": "x"})
    made = ledger(tmp_path, books)
    made.mirror()
    assert books.taken == []
    assert made.mirrored.number == 1


def test_news_are_what_anybody_wrote_since(tmp_path):
    made = ledger(tmp_path)
    assert made.news() == []
    made.write("one")
    Journal(tmp_path / "j.sqlite").write({"event": "approved", "utc": "x"})
    assert [e["event"] for e in made.news()] == ["operate: one", "approved"]
    assert made.news() == []


def test_two_writers_take_turns(tmp_path):
    made, other = ledger(tmp_path), Journal(tmp_path / "j.sqlite")
    for _ in range(3):
        made.write("ours")
        other.write({"event": "theirs", "utc": "x"})
    assert len(verify(tmp_path / "j.sqlite")) == 6


def test_a_journal_that_cannot_be_written_is_told_and_found_again(tmp_path):
    made = ledger(tmp_path / "gone")
    with pytest.raises(ThroughbandError):
        made.write("one")
    assert made.trouble
    assert not made.try_write("two")
    (tmp_path / "gone").mkdir()
    made.write("three")
    assert made.trouble == ""


def test_memory_begins_anew_and_refuses_what_is_damaged(tmp_path):
    from throughband.operate.levels import begin

    file = tmp_path / "memory.json"
    assert read_memory(file, NOON) == Memory(begin(NOON))
    write_memory(file, Memory(begin(NOON)))
    assert read_memory(file, NOON) == Memory(begin(NOON))
    file.write_text('{"format": "throughband operation", "version": 1}')
    with pytest.raises(ThroughbandError, match="damaged"):
        read_memory(file, NOON)
    file.write_text('{"format": "throughband operation", "version": 9}')
    with pytest.raises(ThroughbandError, match="version 9"):
        read_memory(file, NOON)


def test_what_became_of_a_notice_is_recorded(tmp_path):
    # The journal numbers its own entries: a notice's number has another name there.
    made = ledger(tmp_path)
    operation = SimpleNamespace(office=SimpleNamespace(ledger=made))
    notice = Notice("warning", "a queue", "a queue at s1", NOON, False, {})
    waiting = Waiting(tmp_path / "1.json", "webhook", 7, notice, 0, NOON, "no route")
    Operation._noted(operation, waiting, True)
    Operation._noted(operation, waiting, False)
    told = [(event["event"], event["notice_number"]) for event in verify(tmp_path / "j.sqlite")]
    assert told == [("operate: notice sent", 7), ("operate: notice not taken", 7)]
