"""What the one path hands on from step to step."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from engine.optimize.lock_checks import locked
from engine.optimize.locks import CycleLock
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Limits
from tests.engine.explained_streets import flows_of, row
from tests.reference.toy_streets import PLAIN
from throughband import pipeline


def test_plans_are_explained_and_locks_priced_by_the_groups_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = row(3)
    lock = CycleLock("locks.toml, line 4", ("A",), 80)
    limits = Limits(effort=60, locks=locked(network, [lock]))
    done = optimize(network, flows_of(network), 900, 0, limits, PLAIN)
    done = replace(done, groups=(("A", "B"), ("C",)))
    setting: Any = SimpleNamespace(scenario=None, network=network)
    worth = pipeline.priced(setting, done, limits)
    assert worth is not None
    assert [group.names for group in worth.groups] == [("A", "B"), ("C",)]
    priced: list[Any] = []

    def record(*_: Any, known: Any) -> tuple[()]:
        priced.append(known)
        return ()

    monkeypatch.setattr(pipeline, "lock_costs", record)
    told = pipeline.explain(setting, done, limits, worth)
    assert priced == [done.groups]
    assert any(sentence.startswith("Locked: ") for sentence in told["A"])
