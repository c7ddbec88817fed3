"""The journal: no entry of it can be changed unseen, and looking at it changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import throughband.journal
from network.errors import ThroughbandError
from throughband import journal_file
from throughband.journal import GENESIS, Journal, canonical, export, import_lines, seal, verify

NAMES = ("intent", "stored", "activated", "withdrawn")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "journal.sqlite"
    journal = Journal(path)
    for name in NAMES:
        journal.write({"event": name, "by": "Müller", "utc": "2026-05-04T06:00:00+00:00"})
    return path


@pytest.fixture
def path(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(kept, tmp_path))


@pytest.fixture
def lines(path: Path, tmp_path: Path) -> Path:
    export(path, tmp_path / "journal.jsonl")
    return tmp_path / "journal.jsonl"


def meddle(path: Path, *statements: str) -> None:
    """Change the database as somebody with the sqlite3 tool would, triggers put back after."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = [
            row[0]
            for row in connection.execute("SELECT sql FROM sqlite_master WHERE type='trigger'")
        ]
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER no_{verb}")
        for statement in (*statements, *triggers):
            connection.execute(statement)
        connection.commit()


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(change(text)) + "\n", encoding="utf-8")


def names(path: Path) -> list[object]:
    return [event["event"] for event in verify(path)]


def test_what_was_written_is_read_in_order(path: Path) -> None:
    events = verify(path)
    assert [event["event"] for event in events] == list(NAMES)
    assert [event["number"] for event in events] == [1, 2, 3, 4]
    assert events[0]["by"] == "Müller"


def test_an_existing_journal_is_continued(path: Path) -> None:
    Journal(path).write({"event": "later"})
    assert [event["number"] for event in verify(path)] == [1, 2, 3, 4, 5]


def test_no_file_is_made_before_the_first_entry(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_at_rest_is_one_file(path: Path) -> None:
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.sqlite"]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE entry SET utc = ''", "DELETE FROM entry", "DELETE FROM entry WHERE number=4"],
)
def test_the_database_itself_refuses_changes(path: Path, statement: str) -> None:
    with (
        closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="only ever appended"),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE entry SET content = replace(content, 'stored', 'Stored')", "entry 2: .*changed"),
        ("UPDATE entry SET event = 'stored' WHERE number = 3", "entry 3: its columns do not say"),
        ("UPDATE entry SET actor = 'x' WHERE number = 1", "entry 1: its columns do not say"),
        ("UPDATE entry SET utc = NULL WHERE number = 4", "entry 4: its columns do not say"),
        ("UPDATE entry SET previous = hash WHERE number = 2", "entry 2: the chain is broken"),
        ("UPDATE entry SET hash = previous WHERE number = 2", "entry 2: .*changed"),
        ("UPDATE entry SET content = CAST(content AS BLOB) WHERE number = 2", "entry 2"),
        ("DELETE FROM entry WHERE number = 2", "entry 2: missing; the next one there is 3"),
        ("DELETE FROM entry WHERE number = 1", "entry 1: missing; the next one there is 2"),
        (
            "UPDATE entry SET number = 9 WHERE number = 4",
            "entry 4: missing; the next one there is 9",
        ),
        (
            "UPDATE entry SET number = -1 WHERE number = 4",
            "entry 1: missing; the next one there is -1",
        ),
        ("DROP TABLE entry", "an SQLite database without a journal in it"),
        ("CREATE TABLE more (x)", "'more' of the journal's database was added"),
        ("PRAGMA user_version = 2", "format 2, this one reads 1"),
        ("PRAGMA application_id = 2", "not a journal"),
    ],
)
def test_tampering_is_seen_at_its_entry(path: Path, statement: str, message: str) -> None:
    if statement == "DROP TABLE entry":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
    else:
        meddle(path, statement)
    with pytest.raises(ThroughbandError, match=message):
        verify(path)
    with pytest.raises(ThroughbandError, match=message):
        Journal(path)


def test_a_missing_trigger_is_seen(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER no_delete")
    with pytest.raises(ThroughbandError, match="'no_delete' of the journal's database is missing"):
        verify(path)


def test_an_entry_sealed_anew_breaks_the_next_one(path: Path) -> None:
    text = canonical({"number": 2, "event": "stored", "by": "nobody"})
    previous = verify(path)[0]["hash"]
    forged = seal(str(previous), text)
    meddle(
        path,
        f"UPDATE entry SET content = '{text}', hash = '{forged}', actor = 'nobody', utc = NULL "
        "WHERE number = 2",
    )
    with pytest.raises(ThroughbandError, match="entry 3: the chain is broken"):
        verify(path)


def test_a_chain_sealed_over_sloppy_text_is_refused(tmp_path: Path) -> None:
    # It would verify here, and not after an export.
    Journal(tmp_path / "j").write({"event": "one"})
    text = '{"number": 1,   "event": "one"}'
    meddle(tmp_path / "j", f"UPDATE entry SET content = '{text}', hash = '{seal(GENESIS, text)}'")
    with pytest.raises(ThroughbandError, match="entry 1"):
        verify(tmp_path / "j")


def test_a_cut_off_end_is_seen_by_who_remembers_the_head(path: Path) -> None:
    head = str(verify(path)[-1]["hash"])
    assert len(verify(path, head)) == 4
    meddle(path, "DELETE FROM entry WHERE number = 4")
    assert len(verify(path)) == 3
    with pytest.raises(ThroughbandError, match="none has the expected hash"):
        verify(path, head)


def test_a_remembered_head_stays_good_when_entries_follow(path: Path) -> None:
    head = Journal(path).head
    Journal(path).write({"event": "later"})
    assert len(verify(path, head)) == 5
    assert len(verify(path, GENESIS)) == 5


def test_an_end_cut_off_under_an_open_journal_stops_it(path: Path) -> None:
    journal = Journal(path)
    meddle(path, "DELETE FROM entry WHERE number = 4")
    with pytest.raises(ThroughbandError, match="entry 4 of the journal was changed or cut off"):
        journal.write({"event": "intent"})


def test_a_journal_deleted_under_us_is_not_begun_anew(path: Path) -> None:
    journal = Journal(path)
    path.unlink()
    with pytest.raises(ThroughbandError, match="cannot be written"):
        journal.write({"event": "intent"})
    assert not path.exists()


def test_a_journal_whose_newest_entry_was_changed_is_not_continued(path: Path) -> None:
    journal = Journal(path)
    Journal(path).write({"event": "other"})
    meddle(path, "UPDATE entry SET content = replace(content, 'other', 'another')")
    with pytest.raises(ThroughbandError, match="the chain is broken at entry 5"):
        journal.write({"event": "intent"})


def test_two_writers_keep_one_chain(path: Path) -> None:
    mine, other = Journal(path), Journal(path)
    other.write({"event": "other"})
    mine.write({"event": "mine"})
    other.write({"event": "last"})
    assert names(path)[4:] == ["other", "mine", "last"]


def test_two_that_begin_a_journal_keep_one_chain(tmp_path: Path) -> None:
    mine, other = Journal(tmp_path / "j"), Journal(tmp_path / "j")
    other.write({"event": "other"})
    mine.write({"event": "mine"})
    assert names(tmp_path / "j") == ["other", "mine"]


def test_threads_of_one_process_keep_one_chain(tmp_path: Path) -> None:
    def work(name: str) -> None:
        journal = Journal(tmp_path / "j")
        for count in range(5):
            journal.write({"event": name, "count": count})
            verify(tmp_path / "j")

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, names(tmp_path / "j"))) == sorted("0123" * 5)


def test_a_writer_that_does_not_let_go_is_one_line(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ThroughbandError, match=r"kept the journal busy for 0\.05 s"):
            Journal(path, wait_s=0.05).write({"event": "intent"})
    assert names(path) == list(NAMES)


def test_a_reader_sees_whole_entries_while_another_writes(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO entry VALUES (5, NULL, NULL, NULL, '{}', '', '')")
        assert names(path) == list(NAMES)


def test_a_reader_that_does_not_let_go_is_one_line_and_nothing_is_written(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM entry").fetchone()
        with pytest.raises(ThroughbandError, match="busy"):
            Journal(path, wait_s=0.05).write({"event": "intent"})
    assert names(path) == list(NAMES)


@pytest.mark.parametrize("where", ["absent/journal.sqlite", ".", "file/journal.sqlite", "pipe"])
def test_a_journal_that_cannot_be_kept_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ThroughbandError, match="journal"):
        Journal(tmp_path / where).write({"event": "intent"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1: 2, "1": 3}, b"x"])
def test_what_is_not_plain_json_is_refused_and_not_recorded(path: Path, value: object) -> None:
    with pytest.raises(ThroughbandError, match="not plain JSON"):
        Journal(path).write({"event": "odd", "value": value})
    assert names(path) == list(NAMES)


def test_an_empty_file_holds_nothing_and_is_continued(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    assert verify(tmp_path / "journal.sqlite") == []
    Journal(tmp_path / "journal.sqlite").write({"event": "first"})
    assert verify(tmp_path / "journal.sqlite")[0]["number"] == 1


def test_a_journal_that_another_begins_while_we_look_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An empty file was once taken for lines, and by the time they were read it was a database.
    path = tmp_path / "journal.sqlite"
    path.touch()
    other, look = Journal(path), journal_file._header

    def look_before_the_other_writes(at: Path) -> bytes:
        header = look(at)
        if not at.stat().st_size:
            other.write({"event": "other"})
        return header

    monkeypatch.setattr(journal_file, "_header", look_before_the_other_writes)
    Journal(path).write({"event": "mine"})
    assert names(path) == ["other", "mine"]


@pytest.mark.parametrize("statement", ["CREATE TABLE street (x)", "PRAGMA user_version = 3"])
def test_a_database_of_others_is_left_alone(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
    before = path.read_bytes()
    for act in (verify, Journal):
        with pytest.raises(ThroughbandError, match=r"theirs\.sqlite: an SQLite database"):
            act(path)
    assert path.read_bytes() == before


def test_a_journal_switched_to_a_write_ahead_log_is_refused_untouched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    before = path.read_bytes()
    with pytest.raises(ThroughbandError, match="write-ahead log"):
        verify(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.sqlite"]
    assert path.read_bytes() == before


def test_verifying_touches_neither_file_nor_folder(path: Path) -> None:
    path.chmod(0o444)
    os.utime(path, ns=(1, 1))
    os.utime(path.parent, ns=(1, 1))
    before = path.read_bytes()
    verify(path)
    assert (path.stat().st_mtime_ns, path.parent.stat().st_mtime_ns) == (1, 1)
    assert path.read_bytes() == before


def test_a_copy_verifies_and_a_name_may_hold_anything(path: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a?b#c%20 'd'.sqlite"
    shutil.copy(path, odd)
    assert verify(odd) == verify(path)
    Journal(odd).write({"event": "more"})
    assert len(verify(odd)) == 5


def test_a_damaged_table_is_seen_though_the_chain_can_still_be_read(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[39] = 1  # the number of free pages: there are none
    path.write_bytes(content)
    with pytest.raises(ThroughbandError, match="the journal's database is damaged"):
        verify(path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[dict[str, object]]]:
    path = tmp_path_factory.mktemp("sound") / "j"
    for name in NAMES:
        Journal(path).write({"event": name, "long": "x" * 3000})
    return path.read_bytes(), verify(path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_bytes_are_seen_or_harmless(
    tmp_path_factory: pytest.TempPathFactory,
    sound: tuple[bytes, list[dict[str, object]]],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path, content = folder / "j", bytearray(sound[0])
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    found, refusal = None, ""
    try:
        found = verify(path)
    except ThroughbandError as error:
        refusal = str(error)
    assert found == (sound[1] if content else []) or (found is None and "\n" not in refusal)
    assert path.read_bytes() == content
    assert [entry.name for entry in folder.iterdir()] == ["j"]


@given(st.text())
@example("\u2028\x85\udcff\x00")
@settings(max_examples=12, deadline=None)
def test_any_name_is_kept(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    # U+2028 and U+0085 once ended the line in the reader and broke the chain.
    folder = tmp_path_factory.mktemp("journal")
    Journal(folder / "journal.sqlite").write({"event": "approved", "by": name})
    assert verify(folder / "journal.sqlite")[0]["by"] == name
    assert export(folder / "journal.sqlite", folder / "lines") == verify(folder / "lines")


def test_an_export_is_verified_by_the_script_in_the_documentation(lines: Path) -> None:
    documentation = str(throughband.journal.__doc__)
    script = textwrap.dedent(documentation.partition("::\n\n")[2].partition("\n\nJournals")[0])

    def verdict() -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", script, str(lines)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    assert verdict().stdout.strip() == f"unbroken, last {verify(lines)[-1]['hash']}"
    edit(lines, lambda found: [found[0], found[2], found[1], found[3]])
    assert (verdict().returncode, verdict().stderr.strip()) == (1, "line 2: the chain is broken")


def test_an_export_replaces_nothing(path: Path, lines: Path) -> None:
    before = lines.read_bytes()
    with pytest.raises(ThroughbandError, match="exists already"):
        export(path, lines)
    assert lines.read_bytes() == before


def test_an_export_that_cannot_be_written_leaves_nothing(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ThroughbandError, match="cannot be written"):
        export(path, tmp_path / "absent" / "lines")
    assert [entry.name for entry in tmp_path.iterdir()] == ["journal.sqlite"]


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
def test_tampering_with_lines_is_seen_and_they_are_not_imported(
    lines: Path, change: Callable[[list[str]], list[str]], line: int
) -> None:
    edit(lines, change)
    with pytest.raises(ThroughbandError, match=f"line {line}:"):
        verify(lines)
    with pytest.raises(ThroughbandError, match=f"line {line}:"):
        import_lines(lines, lines.parent / "new.sqlite")
    assert not (lines.parent / "new.sqlite").exists()


def test_a_torn_last_line_is_seen(lines: Path) -> None:
    lines.write_text(lines.read_text(encoding="utf-8")[:-1], encoding="utf-8")
    with pytest.raises(ThroughbandError, match="incomplete"):
        verify(lines)


def test_lines_are_not_appended_to(lines: Path) -> None:
    before = lines.read_bytes()
    with pytest.raises(ThroughbandError, match="journal import"):
        Journal(lines)
    assert lines.read_bytes() == before


def test_an_imported_journal_keeps_its_hashes_and_goes_on(lines: Path, tmp_path: Path) -> None:
    last = import_lines(lines, tmp_path / "new.sqlite")
    assert verify(tmp_path / "new.sqlite", last) == verify(lines)
    Journal(tmp_path / "new.sqlite").write({"event": "later"})
    assert len(verify(tmp_path / "new.sqlite", last)) == 5


def test_an_import_replaces_nothing(lines: Path, path: Path) -> None:
    with pytest.raises(ThroughbandError, match="exists already"):
        import_lines(lines, path)
    with pytest.raises(ThroughbandError, match="a database already"):
        import_lines(path, path.with_name("new.sqlite"))


def test_a_line_of_the_old_journal_still_verifies(tmp_path: Path) -> None:
    # Written by version 0.6, whose journal was lines.
    digest = "adc6bdc871badc0237c16f299705933db66d945b30fb5ce8da055c1a25d1f632"
    (tmp_path / "old.jsonl").write_text(
        '{"by": "M\\u00fcller", "event": "approved", "hash": "' + digest + '", "number": 1, '
        '"share": 0.5}\n'
    )
    assert verify(tmp_path / "old.jsonl", digest)[0]["by"] == "Müller"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"\xff\xfe\n")
    with pytest.raises(ThroughbandError, match="neither an SQLite database nor lines"):
        verify(tmp_path / "journal.sqlite")
