"""Commands at the head of pages of results."""

from __future__ import annotations

import pytest

from benchmarks.told_command import told_command


@pytest.mark.parametrize("place", [["--out", "/a/b.md"], ["--out=/a/b.md"], []])
def test_commands_are_told_without_the_place_they_wrote_to(place: list[str]) -> None:
    told = told_command("benchmarks.x", ["one", *place, "--beneath", "plan in force"])
    assert told == "python -m benchmarks.x one --beneath 'plan in force'"
