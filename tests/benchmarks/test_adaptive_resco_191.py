"""The page beside RESCO's published results, and the version it must be made with."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchmarks.adaptive_resco_191 as resco
from benchmarks.adaptive_resco_191 import PUBLISHED, Row, judged, main, old_sumo, page
from engine.validate.sumo_process import find_program
from network.errors import SimulationError


def test_the_page_counts_networks_below_the_best_learned_result() -> None:
    best_s = {name: PUBLISHED[name].learned_s for name in ("cologne1", "cologne3")}
    rows = [
        Row("cologne1", 57.0, {1: 0.5 * best_s["cologne1"]}, {1: 14.0}, {1: 0}),
        Row("cologne3", 41.0, {1: 1.25 * best_s["cologne3"]}, {1: 31.0}, {1: 1}),
    ]
    text = page("x", rows, [101], [1], ["cologne1", "cologne3"])
    assert "on 1 of the 2 networks played (limit: 5 of 6, cannot be told from these)" in text
    assert "at most 1.25 of it" in text
    assert "Unfinished" not in text
    assert (
        "| cologne1 | 57.0 | 56.6 | 26.1 (IDQN) | 27.8 | 13.1 (all due: 14.0) | 0.50 | 0 |" in text
    )


def played(name: str, ratio: float) -> Row:
    return Row(name, 50.0, {1: ratio * PUBLISHED[name].learned_s}, {1: 30.0}, {1: 0})


def test_a_page_before_the_last_network_says_that_it_is_unfinished() -> None:
    text = page("x", [played("cologne1", 0.9)], [101], [1], ["cologne1", "cologne3", "cologne8"])
    assert "**Unfinished: 1 of 3 networks played; missing: cologne3, cologne8.**" in text


def test_a_limit_out_of_reach_is_missed_before_all_is_played() -> None:
    names = list(PUBLISHED)
    assert judged([played(name, 0.9) for name in names[:5]], 1) == "met"
    assert judged([played(name, 1.0) for name in names[:2]], 1) == "missed"
    assert judged([played(names[0], 1.0)], 1) == "cannot be told from these"


@pytest.mark.parametrize(
    ("ratios", "code"), [((0.9,) * 5 + (1.1,), 0), ((0.9,) * 4 + (1.0,) * 2, 1)]
)
def test_the_command_fails_where_the_limit_is_missed(
    ratios: tuple[float, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {name: played(name, ratio) for name, ratio in zip(PUBLISHED, ratios, strict=True)}
    monkeypatch.setattr(resco, "old_sumo", lambda home: home)
    monkeypatch.setattr(resco, "measure", lambda name, *_: rows[name])
    assert main(["--sumo", "old", "--grids", "1"]) == code


@pytest.mark.sumo
def test_another_version_of_sumo_is_refused() -> None:
    program, _ = find_program("sumo")
    with pytest.raises(SimulationError, match=r"needed is 1\.9\.1"):
        old_sumo(program.parents[1])


def test_a_folder_without_sumo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be started"):
        old_sumo(tmp_path)
