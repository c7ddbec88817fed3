"""Work in pieces: the same results whoever does them, told when to halt, and no process left."""

from __future__ import annotations

import numpy as np
import pytest

from engine.optimize import optimizer
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Limits
from engine.optimize.workers import PIECES_EACH, Alone, Processes, spread
from network.errors import EngineError
from tests.engine.pieces import killed, refused, squared, until_halted
from tests.reference.toy_streets import line


def never() -> bool:
    return False


def test_results_come_in_the_order_of_the_items_and_progress_reaches_all_of_them() -> None:
    items = list(range(9))
    for count in (1, 2):
        told: list[int] = []
        with Processes(count) as workers:
            assert workers.map(squared, items, never, told.append) == [n * n for n in items]
        assert told == sorted(told)
        assert told[-1] == len(items)


def test_a_call_to_halt_reaches_work_under_way() -> None:
    asked: list[int] = []

    def halted() -> bool:
        asked.append(1)
        return len(asked) > 2

    with Processes(2) as workers:
        assert workers.map(until_halted, [1, 2, 3], halted, asked.append) == [True] * 3


def test_an_error_in_a_piece_comes_back_as_itself() -> None:
    with Processes(2) as workers, pytest.raises(EngineError, match="no 1"):
        workers.map(refused, [1, 2], never, lambda done: None)


def test_a_killed_worker_is_told_in_one_line() -> None:
    with Processes(2) as workers, pytest.raises(EngineError, match="fewer jobs"):
        workers.map(killed, [1, 2], never, lambda done: None)


def test_no_workers_are_refused() -> None:
    with pytest.raises(EngineError, match="allowed are 1 and more"):
        Processes(0)


@pytest.mark.parametrize("weights", [[], [1.0], [5.0, 1.0, 1.0, 9.0, 2.0], [1.0] * 40])
def test_every_item_is_in_one_piece_and_pieces_weigh_about_the_same(weights: list[float]) -> None:
    pieces = spread(weights, Alone())
    assert sorted(number for piece in pieces for number in piece) == list(range(len(weights)))
    assert len(pieces) == min(len(weights), PIECES_EACH)
    loads = [sum(weights[number] for number in piece) for piece in pieces]
    assert max(loads, default=0.0) <= min(loads, default=0.0) + max(weights, default=0.0)


def test_processes_plan_the_same_town_as_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "LEAST_SHARED", 1)
    # Too far apart for platoons: three groups.
    network = line("ABC", 1500.0)
    flows = {m: np.array([260.0 if m[0] in "ew" else 110.0]) for m in network.movements}
    limits = Limits(effort=20)
    alone = optimize(network, flows, 900, 0, limits)
    with Processes(2) as workers:
        together = optimize(network, flows, 900, 0, limits, workers=workers)
    assert len(alone.groups) > 1
    assert together.plan_set.digest == alone.plan_set.digest
    assert together.planned.cost_s == alone.planned.cost_s
