"""Everything of ours keeps the contracts that foreign plug-ins are held to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.adaptive.lookahead import LookAhead
from engine.adaptive.pressure import BestStage, CyclicMaxPressure, max_pressure
from engine.forecast.forecaster import FlowForecaster
from engine.optimize.planner import Descent, Task
from engine.optimize.problem import Limits
from engine.validate.sumo import SumoSimulator
from throughband.contracts import adaptive, forecaster, optimizer, simulator
from throughband.generate import Wish, generate
from throughband.setting import Setting, open_setting


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    folder = tmp_path_factory.mktemp("arterial") / "streets"
    built = generate(Wish("arterial", 2, None, None, 1, None, 0.6, False), folder)
    return open_setting(str(built.config_file), 0.0, 240.0)


@pytest.fixture(scope="module")
def task(setting: Setting) -> Task:
    flows = {name: np.full(2, 120.0) for name in setting.network.movements}
    return Task(setting.network, flows, 900, 0, Limits(effort=50))


@pytest.fixture(scope="module")
def tape(setting: Setting) -> adaptive.Tape:
    return adaptive.recorded(replace(setting.case, end_s=120.0), setting.network)


@pytest.mark.parametrize("behavior", forecaster.BEHAVIORS, ids=lambda b: str(b.__name__))
def test_our_forecaster_keeps_its_contract(behavior: forecaster.Behavior) -> None:
    behavior(FlowForecaster)


@pytest.mark.parametrize("behavior", optimizer.BEHAVIORS, ids=lambda b: str(b.__name__))
def test_our_optimizer_keeps_its_contract(behavior: optimizer.Behavior, task: Task) -> None:
    behavior(Descent(), task)


@pytest.mark.parametrize("behavior", simulator.BEHAVIORS, ids=lambda b: str(b.__name__))
def test_our_simulator_keeps_its_contract(behavior: simulator.Behavior, setting: Setting) -> None:
    behavior(SumoSimulator(), setting.case)


@pytest.mark.parametrize("behavior", adaptive.BEHAVIORS, ids=lambda b: str(b.__name__))
@pytest.mark.parametrize(
    "make", [LookAhead, lambda: BestStage(max_pressure), CyclicMaxPressure], ids=["a", "b", "c"]
)
def test_our_controllers_keep_their_contract(
    behavior: adaptive.Behavior, make: adaptive.Make, tape: adaptive.Tape
) -> None:
    behavior(make, tape)


class _Restless:
    """A controller that remembers across starts, and wishes for what is not there."""

    calls = 0

    def start(self, sites: object) -> None: ...

    def decide(self, now_s: float, views: dict[str, object]) -> dict[str, int]:
        self.calls += 1
        return {next(iter(views)): self.calls % 7}


@pytest.mark.parametrize(
    "behavior",
    [adaptive.wishes_for_stages_that_exist, adaptive.starting_forgets_everything_before],
)
def test_a_contract_that_is_broken_is_seen(
    behavior: adaptive.Behavior, tape: adaptive.Tape
) -> None:
    with pytest.raises(AssertionError):
        behavior(_Restless, tape)  # type: ignore[arg-type]


def test_contracts_need_no_test_runner() -> None:
    folder = Path(adaptive.__file__).parent
    assert not [file for file in folder.glob("*.py") if "pytest" in _imports(file)]


def _imports(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith(("import ", "from ")))
