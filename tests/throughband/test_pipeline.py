"""What the one path hands on from step to step."""

from __future__ import annotations

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


def test_locks_are_priced_with_the_named_corridors_signals_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = row(2)
    lock = CycleLock("locks.toml, line 4", ("A",), 80)
    limits = Limits(effort=60, locks=locked(network, [lock]))
    done = optimize(network, flows_of(network), 900, 0, limits, PLAIN)
    named = SimpleNamespace(name="Main Street", signals=("A", "B"))
    monkeypatch.setattr(pipeline, "corridors_of", lambda *_: (named,))
    setting: Any = SimpleNamespace(scenario=None, network=network)
    worth = pipeline.priced(setting, done, limits)
    priced: list[Any] = []

    def record(*given: Any) -> tuple[()]:
        priced.extend(given)
        return ()

    monkeypatch.setattr(pipeline, "lock_costs", record)
    told = pipeline.explain(setting, done, limits, worth)

    assert priced[-1] == [("A", "B")]
    assert any(sentence.startswith("Locked: ") for sentence in told["A"])
