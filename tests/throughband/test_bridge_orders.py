"""Who ordered what the bridge does stands in its journal, as far as it was told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.throughband.command_line import call
from tests.throughband.test_bridge_state import PATHS, configured
from throughband.bridge.state import StateFolder
from throughband.journal import Journal, verify

OPEN = {"event": "intent", "push_id": "p1", "utc": "2026-05-04T08:00:00+00:00", "devices": []}


@pytest.mark.parametrize(("by", "named"), [(["--by", "anna"], "anna"), ([], None)])
def test_a_recovery_is_on_record_with_who_ordered_it(
    tmp_path: Path, by: list[str], named: str | None
) -> None:
    config = configured(tmp_path, PATHS)
    Journal(tmp_path / "journal.sqlite").write(OPEN)

    done = call("bridge", "recover", config, *by)

    assert (done.code, "1 concluded" in done.out) == (0, True)
    last = verify(tmp_path / "journal.sqlite")[-1]
    assert (last["event"], last.get("ordered_by")) == ("recovered", named)


def test_a_release_is_on_record_and_in_the_stop_file_with_who_ordered_it(tmp_path: Path) -> None:
    configured(tmp_path, PATHS)
    state, journal = tmp_path / "state", tmp_path / "journal.sqlite"

    # Nothing answers at that address; that it was asked for is recorded all the same.
    done = call(
        *("bridge", "release", tmp_path / "devices.toml", "--state", state),
        *("--journal", journal, "--wait", 0, "--by", "anna"),
    )

    assert done.code != 0
    assert "a" in done.message
    (event,) = verify(journal)
    assert (event["event"], event["stuck"], event["ordered_by"]) == ("released", ["a"], "anna")
    assert "released by anna" in StateFolder(state).stop_reason()
