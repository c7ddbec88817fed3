"""Many signals as PettingZoo has them: all at once (parallel), or one after the other."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import conversions, wrappers

from throughband.learning.environment import SumoEnvironment


class SignalsParallelEnv(ParallelEnv[str, Any, Any]):  # type: ignore[misc]
    """Every signal an agent, all acting every ``delta_time`` seconds.

    Parameters
    ----------
    scenario
        As for `SumoEnvironment`.
    **options
        As for `SumoEnvironment`, but for ``single_agent``.
    """

    metadata = {"name": "throughband_signals_v0", "is_parallelizable": True}  # noqa: RUF012

    def __init__(self, scenario: str, **options: Any) -> None:
        self.street = SumoEnvironment(scenario, single_agent=False, **options)
        self.possible_agents = list(self.street.ts_ids)
        self.agents: list[str] = []
        self.render_mode = None

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of an agent's observations; the same object every time."""
        return self.street.observation_spaces(agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of an agent's actions; the same object every time."""
        return self.street.action_spaces(agent)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin a day."""
        seen = self.street.reset(seed=seed, options=options)
        self.agents = list(self.possible_agents)
        return seen, {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, Any],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Show what is wished for; the day's end truncates, nothing terminates."""
        agents = list(self.agents)
        seen, rewards, dones, info = self.street.step(actions)
        if dones["__all__"]:
            self.agents = []
        return (
            {agent: seen[agent] for agent in agents},
            {agent: rewards[agent] for agent in agents},
            dict.fromkeys(agents, False),
            {agent: dones[agent] for agent in agents},
            {agent: dict(info) for agent in agents},
        )

    def close(self) -> None:
        """End the day; SUMO is gone."""
        self.street.close()


def parallel_env(scenario: str, **options: Any) -> SignalsParallelEnv:
    """Return the parallel environment; arguments as for `SignalsParallelEnv`."""
    return SignalsParallelEnv(scenario, **options)


def env(scenario: str, **options: Any) -> AECEnv[str, Any, Any]:
    """Return the environment in which agents act one after the other."""
    turns: AECEnv[str, Any, Any] = conversions.parallel_to_aec(parallel_env(scenario, **options))
    return wrappers.OrderEnforcingWrapper(turns)
