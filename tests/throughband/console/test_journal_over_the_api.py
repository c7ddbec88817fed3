from __future__ import annotations

from typing import Any

import pytest

from tests.throughband.console.serving import Console
from throughband.console.api import records
from throughband.journal import Journal
from throughband.journal_browsing import Found, newest

API = "/api/v1"


def shown(console: Console, **asked: Any) -> Any:
    if not hasattr(console, "looker"):
        console.looker = console.as_role("viewer")  # type: ignore[attr-defined]
    answer = console.looker.get(f"{API}/journal", params=asked)  # type: ignore[attr-defined]
    assert answer.is_success, answer.text
    return answer.json()


def written(console: Console, *events: dict[str, Any]) -> None:
    journal = Journal(console.desk.config.journal)
    for event in events:
        journal.write({"utc": console.clock().isoformat(), **event})


def test_the_journal_is_read_page_by_page_from_its_end(console: Console) -> None:
    written(console, *({"event": "noted", "by": "anna", "at": at} for at in range(7)))

    seen, before = [], {}
    while True:
        page = shown(console, event="noted", limit=3, **before)
        seen.append([entry["at"] for entry in page["entries"]])
        if page["next_before"] is None:
            break
        before = {"before": page["next_before"]}

    assert seen == [[6, 5, 4], [3, 2, 1], [0]]
    assert all(len(entry["hash"]) == 64 for entry in page["entries"])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"by": "anna"}, [4, 3, 1]),
        ({"by": "ann"}, []),
        ({"signal": "a"}, [2]),
        ({"signal": 'o"dd'}, [5]),
        ({"signal": "Köln"}, [6]),
        ({"plan": "0123456789ab"}, [7]),
        ({"by": "anna", "event": "pushed"}, [4, 3]),
    ],
)
def test_entries_are_found_by_who_where_and_of_what(
    console: Console, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], found: list[int]
) -> None:
    # So that a look goes over several readings.
    monkeypatch.setattr(records, "READ", 2)
    written(
        console,
        {"event": "noted", "by": "anna"},
        {"event": "pushed", "signal_id": "a", "text": "of Anna's"},
        {"event": "pushed", "ordered_by": "anna", "approved_by": "ben"},
        {"event": "pushed", "ordered_by": "ben", "approved_by": "anna"},
        {"event": "pushed", "devices": [{"signal_id": 'o"dd'}]},
        {"event": "pushed", "cycle_s": {"Köln": 90}},
        {"event": "moved", "plan_moves": [{"plan_id": "0123456789ab"}]},
    )
    entries = shown(console, **asked)["entries"]
    assert [entry["number"] for entry in entries] == found


def test_no_more_is_read_than_is_shown(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    written(console, *({"event": "noted", "at": at} for at in range(20)))
    read: list[int] = []

    def counting(*asked: Any) -> Found:
        found = newest(*asked)
        read.append(len(found.rows))
        return found

    monkeypatch.setattr(records, "newest", counting)
    page = shown(console, event="noted", limit=5)

    assert len(page["entries"]) == 5
    assert read == [6]


def test_a_journal_that_is_not_there_yet_has_no_entries(console: Console) -> None:
    client = console.as_role("viewer")
    console.desk.config.journal.unlink()
    answer = client.get(f"{API}/journal")
    assert answer.json() == {"entries": [], "next_before": None, "count": 0}


@pytest.mark.parametrize("before", ["0", "-3", "x", "1e99"])
def test_a_place_in_the_journal_that_cannot_be_is_refused(console: Console, before: str) -> None:
    answer = console.as_role("viewer").get(f"{API}/journal", params={"before": before})
    assert answer.status_code == 422
