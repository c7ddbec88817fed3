"""The page beside RESCO's published results, and the version it must be made with."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.adaptive_resco_191 import PUBLISHED, Row, old_sumo, page
from engine.validate.sumo_process import find_program
from network.errors import SimulationError


def test_the_page_counts_networks_below_the_best_learned_result() -> None:
    best_s = {name: PUBLISHED[name].learned_s for name in ("cologne1", "cologne3")}
    rows = [
        Row("cologne1", 57.0, {1: 0.5 * best_s["cologne1"]}, {1: 14.0}, {1: 0}),
        Row("cologne3", 41.0, {1: 1.25 * best_s["cologne3"]}, {1: 31.0}, {1: 1}),
    ]
    text = page("x", rows, [101], [1])
    assert "on 1 of the 2 networks played (limit: 5 of 6); at most 1.25 of it" in text
    assert (
        "| cologne1 | 57.0 | 56.6 | 26.1 (IDQN) | 27.8 | 13.1 (all due: 14.0) | 0.50 | 0 |" in text
    )


@pytest.mark.sumo
def test_another_version_of_sumo_is_refused() -> None:
    program, _ = find_program("sumo")
    with pytest.raises(SimulationError, match=r"needed is 1\.9\.1"):
        old_sumo(program.parents[1])


def test_a_folder_without_sumo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be started"):
        old_sumo(tmp_path)
