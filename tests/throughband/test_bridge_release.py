"""A release on disk: for these plans, for a time, for one push."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controllers.release import PlanRelease
from network.errors import ApprovalError, ThroughbandError
from throughband.approval import read_release, require_usable, write_release

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
RELEASE = PlanRelease(
    "a" * 64, "b" * 64, "J. Doe", NOW, NOW + timedelta(hours=1), "corner", "notes"
)


def test_a_release_survives_the_disk(tmp_path: Path) -> None:
    write_release(tmp_path / "release.json", RELEASE)
    assert read_release(tmp_path / "release.json") == RELEASE


def test_a_release_is_never_written_over(tmp_path: Path) -> None:
    write_release(tmp_path / "release.json", RELEASE)
    with pytest.raises(ApprovalError, match="exists already"):
        write_release(tmp_path / "release.json", replace(RELEASE, notes="other"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("plan_digest", "c" * 64),
        ("report_digest", "c" * 64),
        ("approved_by", "M. Allory"),
        ("approved_utc", (NOW - timedelta(hours=1)).isoformat()),
        ("expires_utc", (NOW + timedelta(days=9)).isoformat()),
        ("scenario", "elsewhere"),
        ("notes", ""),
    ],
)
def test_an_edited_release_is_refused(tmp_path: Path, field: str, value: str) -> None:
    file = tmp_path / "release.json"
    write_release(file, RELEASE)
    document = json.loads(file.read_text())
    document["release"][field] = value
    file.write_text(json.dumps(document))
    with pytest.raises(ApprovalError, match="edited or damaged"):
        read_release(file)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "throughband.plan"},
        {"version": 2},
        {"release": None},
        {"release": {}},
        {"release": {**dict.fromkeys(("plan_digest", "notes"), 1)}},
        {"digest": ""},
    ],
)
def test_what_is_no_release_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    file = tmp_path / "release.json"
    write_release(file, RELEASE)
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ThroughbandError, match=r"release\.json"):
        read_release(file)


def intent(push_id: str) -> dict[str, Any]:
    return {
        "event": "intent",
        "push_id": push_id,
        "utc": NOW.isoformat(),
        "release_digest": RELEASE.digest,
    }


APPROVED = {"event": "approved", "release_digest": RELEASE.digest}


@pytest.mark.parametrize(
    "ends",
    [
        [],
        [{"event": "activated", "push_id": "p"}],
        [{"event": "failed", "push_id": "p", "restored": False}],
        [{"event": "recovered", "push_id": "p", "outcome": "activated"}],
        [{"event": "activated", "push_id": "p"}, {"event": "withdrawn", "push_id": "p"}],
        [{"event": "failed", "push_id": "other", "restored": True}],
    ],
)
def test_a_release_that_was_or_may_have_been_on_the_street_is_refused(
    ends: list[dict[str, Any]],
) -> None:
    with pytest.raises(ApprovalError, match="was used for the push of 2026-05-04T08:00:00"):
        require_usable(RELEASE, [APPROVED, intent("p"), *ends])


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{**intent("p"), "release_digest": "another"}, {"event": "activated", "push_id": "p"}],
        [intent("p"), {"event": "failed", "push_id": "p", "restored": True}],
        [intent("p"), {"event": "recovered", "push_id": "p", "outcome": "taken back"}],
    ],
)
def test_a_release_whose_push_left_nothing_may_be_tried_again(events: list[dict[str, Any]]) -> None:
    require_usable(RELEASE, [APPROVED, *events])


@pytest.mark.parametrize("events", [[], [{**APPROVED, "release_digest": "another"}]])
def test_a_release_that_this_journal_does_not_know_is_refused(events: list[dict[str, Any]]) -> None:
    with pytest.raises(ApprovalError, match="no record that this release was approved"):
        require_usable(RELEASE, events)
