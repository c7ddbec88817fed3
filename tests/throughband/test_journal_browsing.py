"""A journal looked through from its end finds what a whole reading finds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import ThroughbandError
from throughband.journal import Journal, verify
from throughband.journal_browsing import Kinds, Wanted, newest

BEGIN = datetime(2026, 5, 4, 6, tzinfo=UTC)
EVENTS = ("intent", "stored", "activated")
ACTORS = ("Müller", "anna", "Ben")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "journal.sqlite"
    journal = Journal(path)
    for at in range(40):
        moment = BEGIN + timedelta(hours=at, microseconds=at % 2)
        journal.write(
            {"event": EVENTS[at % 3], "by": ACTORS[at % 2], "utc": moment.isoformat(),
             "why": f"Straße {at}"}
        )  # fmt: skip
    return path


def is_like(event: dict[str, object], wanted: Wanted) -> bool:
    """The slow obvious twin of the conditions."""
    moment = datetime.fromisoformat(str(event["utc"]))
    text = " ".join(str(value) for value in event.values())
    return (
        wanted.event in ("", event["event"])
        and wanted.actor.casefold() in str(event["by"]).casefold()
        and wanted.holds.casefold() in text.casefold()
        and (wanted.since is None or moment >= wanted.since)
        and (wanted.until is None or moment < wanted.until)
    )


moments = st.none() | st.integers(-2, 42).map(lambda hours: BEGIN + timedelta(hours=hours))


@given(
    wanted=st.builds(
        Wanted,
        event=st.sampled_from(["", *EVENTS, "none such"]),
        actor=st.sampled_from(["", "mÜ", "b", "anna", "zoe"]),
        holds=st.sampled_from(["", "straße 2", "Stra", "ANNA", "%", "_"]),
        since=moments,
        until=moments,
    ),
    most=st.integers(1, 50),
    before=st.none() | st.integers(0, 60),
)
def test_what_is_found_is_what_a_whole_reading_finds(
    path: Path, wanted: Wanted, most: int, before: int | None
) -> None:
    alike = [
        event["number"]
        for event in reversed(verify(path))
        if is_like(event, wanted) and (before is None or int(str(event["number"])) < before)
    ]
    found = newest(path, wanted, most, before)
    assert [row.number for row in found.rows] == alike[:most]
    assert found.more == (len(alike) > most)
    assert found.count == 40


def test_pages_one_after_another_hold_every_entry_once(path: Path) -> None:
    seen: list[int] = []
    before, more = None, True
    while more:
        found = newest(path, Wanted(), 7, before)
        seen += [row.number for row in found.rows]
        before, more = seen[-1], found.more
    assert seen == list(range(40, 0, -1))


def test_where_no_journal_is_nothing_is_found(tmp_path: Path) -> None:
    missing = tmp_path / "journal.sqlite"
    assert newest(missing, Wanted(), 5).rows == ()
    assert Kinds(missing).names() == []
    assert not missing.exists()


def test_a_database_of_others_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE entry (number INTEGER)")
        connection.commit()
    with pytest.raises(ThroughbandError, match="not a journal of Throughband"):
        newest(other, Wanted(), 5)


def test_a_moment_without_a_zone_is_refused(path: Path) -> None:
    with pytest.raises(ThroughbandError, match="without a zone"):
        newest(path, Wanted(since=datetime(2026, 5, 4)), 5)  # noqa: DTZ001


def test_kinds_that_come_later_are_seen_and_those_of_another_journal_forgotten(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.sqlite"
    kinds = Kinds(path)
    journal = Journal(path)
    journal.write({"event": "intent"})
    assert kinds.names() == ["intent"]
    journal.write({"event": "activated"})
    assert kinds.names() == ["activated", "intent"]
    path.unlink()
    Journal(path).write({"event": "stored"})
    assert kinds.names() == ["stored"]
