"""Jobs worked on here, beside, and by workers that die."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.suite.executors import Executor, Lost, Processes, Serial


def doubled(value: int) -> int:
    return 2 * value


def deadly(value: tuple[int, str]) -> int:
    """Die the first time with 3, always with 5."""
    number, folder = value
    mark = Path(folder) / str(number)
    if number == 5 or (number == 3 and not mark.exists()):
        mark.touch()
        os._exit(9)
    return number


@pytest.mark.parametrize("executor", [Serial(), Processes(2)])
def test_every_item_is_worked_on_once(executor: Executor) -> None:
    found = dict(executor.run(doubled, range(7)))
    assert found == {n: 2 * n for n in range(7)}


@pytest.mark.parametrize("executor", [Serial(), Processes(2)])
def test_nothing_to_do(executor: Executor) -> None:
    assert list(executor.run(doubled, [])) == []


def test_jobs_of_a_dead_worker_are_tried_again_and_then_lost(tmp_path: Path) -> None:
    items = [(number, str(tmp_path)) for number in range(7)]
    found = dict(Processes(2).run(deadly, items))
    assert set(found) == set(range(7))
    assert isinstance(found[5], Lost)
    assert {n: value for n, value in found.items() if n != 5} == {n: n for n in range(7) if n != 5}
