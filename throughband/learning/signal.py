"""One signal as an agent sees it: its stages as actions, its lanes as observation and reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from engine.adaptive.control import Site
from engine.adaptive.player import Player
from engine.adaptive.sensing import Traffic
from network.errors import ScenarioError

if TYPE_CHECKING:
    from throughband.learning.environment import SumoEnvironment

HALTED_MPS: Final = 0.1
SPACE_M: Final = 7.5
"""Of a standing vehicle with its gap, m."""
PER_HUNDRED: Final = 100.0


class TrafficSignal:
    """A signal and its lanes.

    Attributes of the same names as in ``sumo-rl``, so that observation and reward functions
    written for it work.

    Parameters
    ----------
    env
        The environment.
    site
        The signal.
    reward_fn
        One of `REWARDS`, or a function of this object.

    Attributes
    ----------
    id
        Its name.
    lanes, out_lanes
        Names of the lanes that end and begin here, without repetition.
    lanes_length
        Of both, m.
    num_green_phases
        Stages, and actions.
    """

    def __init__(
        self, env: SumoEnvironment, site: Site, reward_fn: str | Callable[[TrafficSignal], float]
    ) -> None:
        self.env = env
        self.site = site
        self.id = site.signal_id
        self.delta_time = env.delta_time
        self.min_green = env.min_green
        self.yellow_time = max((site.clearance_s(a, b) for a, b in site.clearances), default=0.0)
        self.num_green_phases = len(site.stages)
        # Two stop lanes may share one lane of the network only by name; agents see names.
        self.lanes = list(dict.fromkeys(lane.lane_id for lane in site.lanes))
        self.out_lanes = list(dict.fromkeys(lane.lane_id for lane in site.exits))
        self.lanes_length = {
            **{lane.lane_id: lane.length_m for lane in site.exits},
            **{lane.lane_id: lane.length_m for lane in site.lanes},
        }
        self._allowed_mps = {lane.lane_id: lane.speed_mps for lane in site.lanes}
        if isinstance(reward_fn, str):
            if reward_fn not in REWARDS:
                raise ScenarioError(
                    f"unknown reward function {reward_fn!r}; known are {', '.join(REWARDS)}"
                )
            reward_fn = REWARDS[reward_fn]
        self.reward_fn = reward_fn
        self.observation_fn = env.observation_class(self)
        self.observation_space: spaces.Box = self.observation_fn.observation_space()
        self.action_space = spaces.Discrete(self.num_green_phases)
        self.last_reward: float | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the day before."""
        self._player: Player | None = None
        self._count = dict.fromkeys((*self.lanes, *self.out_lanes), 0)
        self._halted = dict.fromkeys(self.lanes, 0)
        self._speed = dict.fromkeys(self.lanes, 0.0)
        self._waited: dict[str, tuple[str, float]] = {}
        self.last_measure = 0.0
        self.last_reward = None

    def look(self, traffic: Traffic, player: Player, passed_s: float) -> None:
        """Take in one second of the street."""
        self._player = player
        for table in (self._count, self._halted):
            for lane in table:
                table[lane] = 0
        speeds: dict[str, float] = dict.fromkeys(self.lanes, 0.0)
        waited: dict[str, tuple[str, float]] = {}
        for name, lane, speed_mps in zip(
            traffic.names, traffic.lanes, traffic.speed_mps.tolist(), strict=True
        ):
            if lane not in self._count:
                continue
            self._count[lane] += 1
            if lane not in self._halted:
                continue
            speeds[lane] += speed_mps
            was_lane, waited_s = self._waited.get(name, (lane, 0.0))
            if was_lane != lane:
                waited_s = 0.0
            if speed_mps < HALTED_MPS:
                self._halted[lane] += 1
                waited_s += passed_s
            waited[name] = (lane, waited_s)
        self._speed = speeds
        self._waited = waited

    @property
    def green_phase(self) -> int:
        """Row of the stage that is green or being changed to."""
        return self._player.stage if self._player is not None else self.site.sequence[0]

    @property
    def time_since_last_phase_change(self) -> float:
        """Green of the stage so far, s; 0 while the clearance runs."""
        return self._player.green_s if self._player is not None else 0.0

    @property
    def may_change(self) -> bool:
        """Whether an action would be carried out now."""
        return self._player is not None and self._player.may_leave

    def compute_observation(self) -> NDArray[np.float32]:
        """Return what the agent sees."""
        seen: NDArray[np.float32] = self.observation_fn()
        return seen

    def compute_reward(self) -> float:
        """Return the reward of the time since the last one."""
        self.last_reward = float(self.reward_fn(self))
        return self.last_reward

    def get_accumulated_waiting_time_per_lane(self) -> list[float]:
        """Return for each lane the time its vehicles have stood on it, s."""
        sums = dict.fromkeys(self.lanes, 0.0)
        for lane, waited_s in self._waited.values():
            sums[lane] += waited_s
        return list(sums.values())

    def get_average_speed(self) -> float:
        """Return the mean of speed over free speed of all vehicles; 1 where there are none."""
        vehicles = self.get_total_vehicles()
        if not vehicles:
            return 1.0
        shares = (self._speed[lane] / self._allowed_mps[lane] for lane in self.lanes)
        return min(1.0, sum(shares) / vehicles)

    def get_pressure(self) -> int:
        """Return vehicles leaving minus vehicles approaching."""
        leaving = sum(self._count[lane] for lane in self.out_lanes)
        return leaving - self.get_total_vehicles()

    def get_total_vehicles(self) -> int:
        """Return the vehicles on the lanes that end here."""
        return sum(self._count[lane] for lane in self.lanes)

    def get_total_queued(self) -> int:
        """Return those of them that stand."""
        return sum(self._halted.values())

    def get_lanes_density(self) -> list[float]:
        """Return vehicles over room for vehicles of each lane, 0 to 1."""
        return [self._filled(self._count[lane], lane) for lane in self.lanes]

    def get_out_lanes_density(self) -> list[float]:
        """Return the same of the lanes that begin here."""
        return [self._filled(self._count[lane], lane) for lane in self.out_lanes]

    def get_lanes_queue(self) -> list[float]:
        """Return standing vehicles over room for vehicles of each lane, 0 to 1."""
        return [self._filled(self._halted[lane], lane) for lane in self.lanes]

    def _filled(self, vehicles: int, lane: str) -> float:
        return min(1.0, vehicles * SPACE_M / self.lanes_length[lane])


def _diff_waiting_time(signal: TrafficSignal) -> float:
    waited = sum(signal.get_accumulated_waiting_time_per_lane()) / PER_HUNDRED
    reward = signal.last_measure - waited
    signal.last_measure = waited
    return reward


REWARDS: Mapping[str, Callable[[TrafficSignal], float]] = {
    "diff-waiting-time": _diff_waiting_time,
    "average-speed": TrafficSignal.get_average_speed,
    "queue": lambda signal: -signal.get_total_queued(),
    "pressure": TrafficSignal.get_pressure,
}
"""Rewards by their names in ``sumo-rl``, where more is better."""


class ObservationFunction:
    """Base of what an agent sees; derive from it for your own."""

    def __init__(self, ts: TrafficSignal) -> None:
        self.ts = ts

    def __call__(self) -> NDArray[np.float32]:
        """Return the observation now."""
        raise NotImplementedError

    def observation_space(self) -> spaces.Box:
        """Return the space it is from."""
        raise NotImplementedError


class DefaultObservationFunction(ObservationFunction):
    """Stage (one of n), whether it may be left, density of each lane, queue of each lane."""

    def __call__(self) -> NDArray[np.float32]:
        """Return the observation now, float32[stages + 1 + 2 * lanes], each 0 to 1."""
        ts = self.ts
        stage = [float(row == ts.green_phase) for row in range(ts.num_green_phases)]
        parts = [*stage, float(ts.may_change), *ts.get_lanes_density(), *ts.get_lanes_queue()]
        return np.array(parts, dtype=np.float32)

    def observation_space(self) -> spaces.Box:
        """Return the space it is from."""
        size = self.ts.num_green_phases + 1 + 2 * len(self.ts.lanes)
        low, high = np.zeros(size, dtype=np.float32), np.ones(size, dtype=np.float32)
        return spaces.Box(low=low, high=high, dtype=np.float32)


AnyObservation = type[ObservationFunction] | Callable[[Any], Any]
