"""The environments: both libraries' own checks, a foreign agent, our controllers, the numbers."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import api_test, parallel_api_test

from engine.adaptive.pressure import BestStage, max_pressure
from network.errors import ScenarioError
from scenarios.layout import arterial
from tests.throughband.learning.streets import built
from tests.throughband.towns import corner_town
from throughband.learning.agents import ControllerAgent
from throughband.learning.environment import SumoEnvironment
from throughband.learning.many import env, parallel_env
from throughband.learning.signal import (
    REWARDS,
    DefaultObservationFunction,
    ObservationFunction,
    TrafficSignal,
)

pytestmark = pytest.mark.sumo
SHORT = {"num_seconds": 100, "delta_time": 10, "sumo_seed": 11}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> str:
    return built(arterial(2, 1), tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(corner_town(tmp_path_factory.mktemp("single") / "town"))


@pytest.fixture
def running(street: str) -> Iterator[SumoEnvironment]:
    environment = SumoEnvironment(street, **SHORT)
    yield environment
    environment.close()


def test_gymnasium_finds_nothing(single: str) -> None:
    environment = SumoEnvironment(single, single_agent=True, **SHORT)
    try:
        with warnings.catch_warnings():
            # It would like to make the environment anew by its registered name; ours has none.
            warnings.filterwarnings("ignore", message=".*spec.*")
            check_env(environment, skip_render_check=True)
    finally:
        environment.close()


def test_pettingzoo_finds_nothing_in_the_parallel_environment(street: str) -> None:
    environment = parallel_env(street, **SHORT)
    try:
        parallel_api_test(environment, num_cycles=15)
    finally:
        environment.close()


def test_pettingzoo_finds_nothing_in_the_one_that_takes_turns(street: str) -> None:
    environment = env(street, **SHORT)
    try:
        with warnings.catch_warnings():
            # Agents are called as their signals are, not player_0.
            warnings.filterwarnings("ignore", message="We recommend agents to be named")
            api_test(environment, num_cycles=15)
    finally:
        environment.close()


def test_the_same_seed_is_the_same_day(running: SumoEnvironment) -> None:
    days = []
    for _ in range(2):
        running.reset(seed=12)
        rows = [running.step(dict.fromkeys(running.ts_ids, k % 2)) for k in range(6)]
        days.append([(seen, rewards) for seen, rewards, _, _ in rows])
    for (seen, rewards), (again, rewards_again) in zip(*days, strict=True):
        assert rewards == rewards_again
        assert all((seen[name] == again[name]).all() for name in seen)


def test_a_day_ends_after_its_seconds(running: SumoEnvironment) -> None:
    running.reset()
    ends = []
    while not ends or not ends[-1]:
        ends.append(running.step({})[2]["__all__"])
    assert len(ends) == 10


def test_observations_are_shares(running: SumoEnvironment) -> None:
    seen = running.reset()
    for _ in range(5):
        for name, observation in seen.items():
            assert running.observation_spaces(name).contains(observation)
        seen = running.step(dict.fromkeys(running.ts_ids, 1))[0]


def test_an_action_is_carried_out_with_its_clearance(running: SumoEnvironment) -> None:
    running.reset()
    name = running.ts_ids[0]
    signal = running.traffic_signals[name]
    was = signal.green_phase
    wished = (was + 1) % signal.num_green_phases
    for _ in range(9):
        running.step({name: wished})
        if signal.green_phase == wished and signal.time_since_last_phase_change > 0:
            break
    assert signal.green_phase == wished


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_every_reward_is_a_number(street: str, name: str) -> None:
    environment = SumoEnvironment(street, reward_fn=name, **SHORT)
    try:
        environment.reset()
        rewards = environment.step({})[1]
        assert all(np.isfinite(value) for value in rewards.values())
        if name == "queue":
            queued = {n: -s.get_total_queued() for n, s in environment.traffic_signals.items()}
            assert rewards == queued
    finally:
        environment.close()


def test_waiting_rewards_add_up_to_the_waiting_now(running: SumoEnvironment) -> None:
    running.reset()
    total = dict.fromkeys(running.ts_ids, 0.0)
    for _ in range(6):
        for name, reward in running.step({})[1].items():
            total[name] += reward
    for name, signal in running.traffic_signals.items():
        waited = sum(signal.get_accumulated_waiting_time_per_lane()) / 100.0
        assert total[name] == pytest.approx(-waited)


def test_own_observations_and_rewards(street: str) -> None:
    class Queue(ObservationFunction):
        def __call__(self) -> Any:
            return np.array(self.ts.get_lanes_queue(), dtype=np.float32)

        def observation_space(self) -> spaces.Box:
            return spaces.Box(0.0, 1.0, (len(self.ts.lanes),), np.float32)

    def crowd(ts: TrafficSignal) -> float:
        return -float(ts.get_total_vehicles())

    environment = SumoEnvironment(street, observation_class=Queue, reward_fn=crowd, **SHORT)
    try:
        seen = environment.reset()
        _, rewards, _, info = environment.step({})
        for name, signal in environment.traffic_signals.items():
            assert seen[name].shape == (len(signal.lanes),)
            assert rewards[name] == -signal.get_total_vehicles()
            assert info[f"{name}_stopped"] == signal.get_total_queued()
    finally:
        environment.close()


def test_a_published_agent_learns_on_it_unchanged(
    running: SumoEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("sumo_rl") is None:
        pytest.skip("sumo-rl is not installed (extra 'cities')")
    monkeypatch.setenv("SUMO_HOME", "nowhere")
    from sumo_rl.agents import QLAgent  # type: ignore[import-untyped,unused-ignore]

    seen = running.reset()
    agents = {
        name: QLAgent(
            starting_state=running.encode(seen[name], name),
            state_space=running.observation_spaces(name),
            action_space=running.action_spaces(name),
        )
        for name in running.ts_ids
    }
    done = {"__all__": False}
    while not done["__all__"]:
        actions = {name: agent.act() for name, agent in agents.items()}
        seen, rewards, done, _ = running.step(action=actions)
        for name, agent in agents.items():
            agent.learn(next_state=running.encode(seen[name], name), reward=rewards[name])
    assert all(len(agent.q_table) > 1 for agent in agents.values())


def test_our_controllers_act_through_it(running: SumoEnvironment) -> None:
    running.reset()
    agent = ControllerAgent(BestStage(max_pressure), running)
    stages = set()
    for _ in range(10):
        actions = agent.act()
        assert set(actions) == set(running.ts_ids)
        running.step(actions)
        stages.update(actions.items())
    assert len(stages) > len(running.ts_ids)


def test_infos_are_written_day_by_day(street: str, tmp_path: Path) -> None:
    environment = SumoEnvironment(street, out_csv_name=str(tmp_path / "log"), **SHORT)
    try:
        environment.reset()
        environment.step({})
        environment.reset()
    finally:
        environment.close()
    lines = (tmp_path / "log_conn0_ep1.csv").read_text().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("step,system_total_running,system_total_stopped")


def test_what_cannot_be_is_said(street: str, running: SumoEnvironment) -> None:
    with pytest.raises(ScenarioError, match="unknown reward function 'money'; known are diff-"):
        SumoEnvironment(street, reward_fn="money")
    with pytest.raises(ScenarioError, match="2 signals that can be run; single_agent allows 1"):
        SumoEnvironment(street, single_agent=True)
    with pytest.raises(ScenarioError, match="delta_time: found 0"):
        SumoEnvironment(street, delta_time=0)
    with pytest.raises(ScenarioError, match="call reset"):
        running.step({})
    running.reset()
    with pytest.raises(ScenarioError, match="unknown signal 'nowhere'; known are"):
        running.step({"nowhere": 0})
    with pytest.raises(ScenarioError, match="action 99; allowed are 0 to"):
        running.step({running.ts_ids[0]: 99})


def test_default_observation_has_the_parts_that_agents_expect(running: SumoEnvironment) -> None:
    running.reset()
    for signal in running.traffic_signals.values():
        seen = DefaultObservationFunction(signal)()
        stages, lanes = signal.num_green_phases, len(signal.lanes)
        assert seen.shape == (stages + 1 + 2 * lanes,)
        assert seen[:stages].sum() == 1.0
        assert seen[signal.green_phase] == 1.0
