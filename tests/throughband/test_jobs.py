"""``optimize --jobs``: only our own optimizer shares its work out."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.optimize.planner import Descent
from network.errors import EngineError
from throughband.planning import optimize_command


def test_several_jobs_of_another_optimizer_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimize_command, "optimizer_named", lambda name: Descent())
    out = tmp_path / "out"
    with pytest.raises(EngineError, match="--jobs 2 with --optimizer other"):
        optimize_command.optimize_scenario(
            "nowhere", out, None, None, None, 10, optimizer_name="other", jobs=2
        )
    assert not out.exists()
