"""The environment of ``sumo-rl``'s making: many signals by name, or one as in Gymnasium."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from engine.adaptive.control import View
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import AdaptiveStreet
from network.errors import ScenarioError
from throughband.learning.signal import (
    AnyObservation,
    DefaultObservationFunction,
    TrafficSignal,
)
from throughband.setting import open_setting

LARGEST_SEED: Final = 2**31 - 1
Reward = str | Callable[[TrafficSignal], float]
Observed = NDArray[np.float32]


class SumoEnvironment(gymnasium.Env[Any, Any]):
    """Signals that agents run.

    Parameters
    ----------
    scenario
        A city of the catalog, a folder or a ``.sumocfg``.
    begin_time, num_seconds
        Window, s; the scenario's own by default.
    delta_time
        Time between two actions, s.
    min_green
        Least green of every stage, s; longer ones of the scenario stay. None leaves all as is.
    single_agent
        Whether actions and observations are those of the one signal, as in Gymnasium, or
        mappings by signal.
    reward_fn
        ``diff-waiting-time``, ``average-speed``, ``queue``, ``pressure``, a function of
        `TrafficSignal`, or a mapping of these by signal.
    observation_class
        Class of the observation, made with a `TrafficSignal`.
    sumo_seed
        Seed of the first day, or ``random``; each `reset` goes on to the next one, and ``seed``
        of `reset` begins anew from there.
    add_system_info, add_per_agent_info
        Whether infos carry totals, and values by signal.
    out_csv_name
        Beginning of the name of a file per day with the infos; none without it.
    longest_wait_s
        Longest red of anybody waiting, s.

    Raises
    ------
    ScenarioError
        If an argument cannot be.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - the name is Gymnasium's

    def __init__(
        self,
        scenario: str | Path,
        *,
        begin_time: float | None = None,
        num_seconds: float | None = None,
        delta_time: int = 5,
        min_green: int | None = None,
        single_agent: bool = False,
        reward_fn: Reward | Mapping[str, Reward] = "diff-waiting-time",
        observation_class: AnyObservation = DefaultObservationFunction,
        sumo_seed: int | str = "random",
        add_system_info: bool = True,
        add_per_agent_info: bool = True,
        out_csv_name: str | None = None,
        longest_wait_s: float = 120.0,
    ) -> None:
        if delta_time < 1:
            raise ScenarioError(f"delta_time: found {delta_time}; allowed are 1 s and more")
        self.render_mode = None
        setting = open_setting(str(scenario), begin_time)
        if num_seconds is not None:
            begin_s = setting.case.begin_s
            setting = open_setting(str(scenario), begin_s, begin_s + num_seconds)
        self._case = setting.case
        sites = list(build_sites(setting.network))
        if min_green is not None:
            sites = [
                replace(
                    site,
                    stages=tuple(
                        replace(stage, least_green_s=max(stage.least_green_s, min_green))
                        for stage in site.stages
                    ),
                )
                for site in sites
            ]
        if not sites:
            raise ScenarioError(f"{scenario}: no signal that an agent could run")
        if single_agent and len(sites) != 1:
            raise ScenarioError(
                f"{scenario} has {len(sites)} signals that can be run; single_agent allows 1"
            )
        self.sites = tuple(sites)
        self.delta_time = delta_time
        self.min_green = min_green or min(s.least_green_s for site in sites for s in site.stages)
        self.single_agent = single_agent
        self.observation_class = observation_class
        self.add_system_info = add_system_info
        self.add_per_agent_info = add_per_agent_info
        self.out_csv_name = out_csv_name
        self._longest_wait_s = longest_wait_s
        self.ts_ids = [site.signal_id for site in sites]
        self.traffic_signals = {
            site.signal_id: TrafficSignal(self, site, _reward_of(reward_fn, site.signal_id))
            for site in sites
        }
        self._seeds = np.random.default_rng(None if sumo_seed == "random" else int(sumo_seed))
        self._next_seed = None if sumo_seed == "random" else int(sumo_seed)
        self._street: AdaptiveStreet | None = None
        self.episode = 0
        self.metrics: list[dict[str, Any]] = []

    @property
    def observation_space(self) -> spaces.Space[Any]:  # type: ignore[override]
        """Of the one signal, or of the first."""
        return self.traffic_signals[self.ts_ids[0]].observation_space

    @property
    def action_space(self) -> spaces.Space[Any]:  # type: ignore[override]
        """Of the one signal, or of the first."""
        return self.traffic_signals[self.ts_ids[0]].action_space

    def observation_spaces(self, ts_id: str) -> spaces.Space[Any]:
        """Return the observation space of a signal."""
        return self.traffic_signals[ts_id].observation_space

    def action_spaces(self, ts_id: str) -> spaces.Discrete:
        """Return the action space of a signal."""
        return self.traffic_signals[ts_id].action_space

    @property
    def sim_step(self) -> float:
        """The street's clock, s."""
        return self._running().time_s

    @property
    def views(self) -> Mapping[str, View]:
        """What the sensors say, for controllers of `engine.adaptive`."""
        return self._running().views

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin a day.

        Returns
        -------
        observation and info with one agent, else the observations by signal.
        """
        super().reset(seed=seed)
        if self._street is not None and self.episode and self.out_csv_name is not None:
            self.save_csv(self.out_csv_name, self.episode)
        self.close()
        if seed is not None:
            self._seeds, self._next_seed = np.random.default_rng(seed), seed
        if self._next_seed is None:
            self._next_seed = int(self._seeds.integers(LARGEST_SEED))
        self.seed = self._next_seed % LARGEST_SEED
        self._next_seed += 1
        self.episode += 1
        for signal in self.traffic_signals.values():
            signal.reset()
        street = AdaptiveStreet(
            self._case, self.seed, self.sites, None, False, (), self._longest_wait_s
        )
        self._street = street.__enter__()
        self._look(0.0)
        if self.single_agent:
            return self._observations()[self.ts_ids[0]], self._info()
        return self._observations()

    def step(self, action: Any) -> Any:
        """Show what is wished for, for `delta_time` seconds.

        Parameters
        ----------
        action
            Row of the stage wanted; by signal where there are many, and signals that are not
            named stay. A wish that is not lawful yet is carried out as soon as it is.

        Returns
        -------
        observation, reward, terminated, truncated, info with one agent; observations, rewards,
        dones (``__all__`` included) and info with many.
        """
        street = self._running()
        wishes = {self.ts_ids[0]: int(action)} if self.single_agent else self._wishes(action)
        until_s = min(street.time_s + self.delta_time, self._case.end_s)
        while street.time_s < until_s - 1e-9:
            street.advance(wishes)
            self._look(street.step_s)
        done = street.time_s >= self._case.end_s - 1e-9
        rewards = {name: s.compute_reward() for name, s in self.traffic_signals.items()}
        seen, info = self._observations(), self._info()
        self.metrics.append({key: value for key, value in info.items() if key != "agents"})
        if self.single_agent:
            name = self.ts_ids[0]
            return seen[name], rewards[name], False, done, info
        return seen, rewards, {**dict.fromkeys(self.ts_ids, done), "__all__": done}, info

    def encode(self, state: Observed, ts_id: str) -> tuple[int, ...]:
        """Make an observation discrete, for tables: stage, may leave, densities in tenths."""
        stages = self.traffic_signals[ts_id].num_green_phases
        stage = int(np.argmax(state[:stages]))
        rest = (min(int(share * 10), 9) for share in state[stages + 1 :])
        return (stage, int(state[stages]), *rest)

    def save_csv(self, out_csv_name: str, episode: int) -> None:
        """Write the infos of the day so far.

        Raises
        ------
        ScenarioError
            If it cannot be written.
        """
        file = Path(f"{out_csv_name}_conn0_ep{episode}.csv")
        work = file.with_name(f".{file.name}.new")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with work.open("w", newline="", encoding="utf-8") as out:
                writer = csv.DictWriter(out, list(self.metrics[0]) if self.metrics else ["step"])
                writer.writeheader()
                writer.writerows(self.metrics)
            work.replace(file)
        except OSError as error:
            work.unlink(missing_ok=True)
            raise ScenarioError(f"{file} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """End the day; SUMO is gone."""
        if self._street is not None:
            self._street.__exit__(None, None, None)
            self._street = None

    def _running(self) -> AdaptiveStreet:
        if self._street is None:
            raise ScenarioError("the environment is not running; call reset() first")
        return self._street

    def _look(self, passed_s: float) -> None:
        street = self._running()
        street.observe()
        for name, signal in self.traffic_signals.items():
            signal.look(street.traffic, street.players[name], passed_s)

    def _wishes(self, actions: Mapping[str, Any] | None) -> dict[str, int]:
        wishes = {}
        for name, stage in (actions or {}).items():
            signal = self.traffic_signals.get(name)
            if signal is None:
                raise ScenarioError(f"unknown signal {name!r}; known are {', '.join(self.ts_ids)}")
            if not 0 <= int(stage) < signal.num_green_phases:
                raise ScenarioError(
                    f"signal {name!r}: action {stage}; allowed are 0 to "
                    f"{signal.num_green_phases - 1}"
                )
            wishes[name] = int(stage)
        return wishes

    def _observations(self) -> dict[str, Observed]:
        return {name: s.compute_observation() for name, s in self.traffic_signals.items()}

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"step": self.sim_step}
        signals = self.traffic_signals
        if self.add_system_info:
            speeds = self._running().traffic.speed_mps
            waited = [sum(s.get_accumulated_waiting_time_per_lane()) for s in signals.values()]
            info |= {
                "system_total_running": len(speeds),
                "system_total_stopped": sum(s.get_total_queued() for s in signals.values()),
                "system_total_waiting_time": float(sum(waited)),
                "system_mean_waiting_time": float(sum(waited)) / len(speeds)
                if len(speeds)
                else 0.0,
                "system_mean_speed": float(np.mean(speeds)) if len(speeds) else 0.0,
            }
        if self.add_per_agent_info:
            for name, signal in signals.items():
                info[f"{name}_stopped"] = signal.get_total_queued()
                waits = signal.get_accumulated_waiting_time_per_lane()
                info[f"{name}_accumulated_waiting_time"] = math.fsum(waits)
                info[f"{name}_average_speed"] = signal.get_average_speed()
        return info


def _reward_of(reward_fn: Reward | Mapping[str, Reward], name: str) -> Reward:
    if not isinstance(reward_fn, Mapping):
        return reward_fn
    if name not in reward_fn:
        raise ScenarioError(f"reward_fn names no reward for signal {name!r}")
    return reward_fn[name]
