"""RESCO's two classic controllers as RESCO defines them, to compare with its published tables.

Every ten seconds all signals look and go to the stage of the highest score; of equal ones to the
first of the program, even if it is another than the one that is green. Peers with such names in
`engine.adaptive.pressure` follow the papers that proposed the methods; what differs here:

- A lane that a stage lets go counts whole and once, whatever share of it turns where. Turning on
  red is no service.
- A vehicle belongs to the queue from when it was first seen standing at this signal until it is
  seen no more, though it moves again.
- The queue ahead stands at the next stop line, on all lanes of the road that a turn leads into; it
  counts once for each such road. Roads without a signal at their end have none.

Source: J. Ault and G. Sharon, Reinforcement Learning Benchmarks for Traffic Signal Control,
NeurIPS 2021 Datasets and Benchmarks, and its program (github.com/Pi-Star-Lab/RESCO). Theirs adds
up two directions a stage from a table made by hand for every signal; ours all lanes it serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Floats, Information, Site, View
from engine.adaptive.pressure import RESCO_INTERVAL_S, WAVE_REACH_M
from network.errors import EngineError, InsufficientDataError
from network.phasing import GREEN_ASPECTS

PRESSURE_REACH_M: Final = 200.0
"""RESCO's setting for max-pressure."""
STANDING_MPS: Final = 0.1
"""Slower than this a vehicle of SUMO is waiting."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the stages of one signal serve, and what lies ahead of them.

    Attributes
    ----------
    served
        Which stop lanes each stage lets go; bool[S, L].
    ahead
        For each stage the stop lanes of other signals that the roads it leads into end at: the
        signal and the rows.
    """

    served: NDArray[np.bool_]
    ahead: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]

    @classmethod
    def of(cls, site: Site) -> _Plan:
        """Read them off a signal."""
        served = np.zeros((len(site.stages), len(site.lanes)), dtype=np.bool_)
        ahead = []
        for row, stage in enumerate(site.stages):
            roads = set()
            for number, lane in enumerate(site.lanes):
                for way in lane.ways:
                    if any(stage.aspects[group] in GREEN_ASPECTS for group in way.groups):
                        served[row, number] = True
                        roads.add(site.exits[way.exit].link_id)
            found: dict[str, set[int]] = {}
            for neighbor in site.downstream:
                if any(site.exits[at].link_id in roads for at in neighbor.exits):
                    found.setdefault(neighbor.signal_id, set()).update(neighbor.lanes)
            ahead.append(tuple((name, tuple(sorted(rows))) for name, rows in found.items()))
        return cls(served, tuple(ahead))


class RescoStage:
    """Shows the stage of the highest score, decided for all signals at once.

    Parameters
    ----------
    reach_m
        How far back from the stop line a vehicle counts, m.
    pressure
        Whether queues count, less those ahead; else all vehicles do.
    interval_s
        Time between two decisions, whole seconds from 1.

    Raises
    ------
    EngineError
        The interval is below 1 s.
    """

    def __init__(self, reach_m: float, pressure: bool, interval_s: int = RESCO_INTERVAL_S) -> None:
        if interval_s < 1:
            raise EngineError(f"a decision interval of {interval_s} s; allowed is 1 s or more")
        self._reach_m = reach_m
        self._pressure = pressure
        self._interval_s = interval_s
        self._plans: dict[str, _Plan] = {}
        self._stood: dict[str, NDArray[np.int32]] = {}
        self._wishes: dict[str, int] = {}
        self._next_s = -np.inf

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        self._plans = {site.signal_id: _Plan.of(site) for site in sites}
        self._stood = {site.signal_id: np.empty(0, dtype=np.int32) for site in sites}
        self._wishes, self._next_s = {}, -np.inf

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        """Return the row of the stage each signal should show now.

        Raises
        ------
        InsufficientDataError
            The sensors give loop counts only; these controllers need to see vehicles.
        """
        if now_s < self._next_s:
            return dict(self._wishes)
        self._next_s = now_s + self._interval_s
        queues = {name: self._counted(name, view) for name, view in views.items()}
        for name in views:
            self._wishes[name] = int(self._scores(name, queues).argmax())
        return dict(self._wishes)

    def _counted(self, name: str, view: View) -> Floats:
        """Count who matters on every stop lane of a signal; float64[L]."""
        if view.information is Information.DETECTORS:
            raise InsufficientDataError(
                "RESCO's controllers need to see vehicles: information 'detectors' gives counts "
                "only; allowed are 'lanes' and 'vehicles'"
            )
        near = view.object_m <= self._reach_m
        if self._pressure:
            stands = view.object_mps <= STANDING_MPS
            # A stuck sensor's phantom has no track, and stands.
            near &= stands | np.isin(view.object_track, self._stood[name])
            self._stood[name] = view.object_track[near & (view.object_track >= 0)]
        lanes = self._plans[name].served.shape[1]
        return np.bincount(view.object_lane[near], minlength=lanes).astype(np.float64)

    def _scores(self, name: str, queues: Mapping[str, Floats]) -> Floats:
        plan = self._plans[name]
        scores: Floats = plan.served @ queues[name]
        if self._pressure:
            for stage, ahead in enumerate(plan.ahead):
                scores[stage] -= sum(queues[other][list(rows)].sum() for other, rows in ahead)
        return scores


def resco_max_pressure() -> RescoStage:
    """Return RESCO's max-pressure: queues within 200 m less those ahead."""
    return RescoStage(PRESSURE_REACH_M, pressure=True)


def resco_max_wave() -> RescoStage:
    """Return RESCO's max-wave, or greedy: all vehicles within 50 m."""
    return RescoStage(WAVE_REACH_M, pressure=False)
