from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.console.schemathesis_calls import OPERATIONS, fuzz


@pytest.mark.slow
def test_a_few_hundred_calls_meet_no_fault_and_nothing_undocumented(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"

    made, code = fuzz(4 * OPERATIONS, 1, report, "fuzzing")

    assert code == 0, report.read_text(encoding="utf-8")
    assert made >= 2 * OPERATIONS
