"""RESCO's two classic controllers as RESCO defines them, to compare with its published tables.

Every ten seconds all signals look and go to the stage of the highest score; of equal ones to the
first of the program, even if it is another than the one that is green. Peers with such names in
`engine.adaptive.pressure` follow the papers that proposed the methods; what differs here:

- Scores add up over movements, from a road into a road. A lane counts whole for each of its
  movements that the stage serves, whatever share of it turns where. Turning on red is no service.
- Whoever is on a road behind several stop lanes counts for each of them.
- A vehicle belongs to the queue while it stands, and once it was seen standing at this signal at
  a look that was not its first, until it is seen no more, though it moves again.
- The queue ahead of a movement stands on all lanes of the road that it leads into, if that very
  road ends at a signal; one behind a node without a signal is not looked for.

Source: J. Ault and G. Sharon, Reinforcement Learning Benchmarks for Traffic Signal Control,
NeurIPS 2021 Datasets and Benchmarks, and its program (github.com/Pi-Star-Lab/RESCO). Theirs adds
up two of twelve directions a stage, from a table made by hand for every signal that also names
their lanes; ours all movements that the stage serves, read off the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.control import Floats, Information, Integers, Site, View
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
        For how many movements each stop lane counts in each stage; float64[S, L].
    ahead
        For each stage and movement of it the stop lanes of other signals that the road it leads
        into ends at: the signal and the rows.
    behind
        Parts of roads behind several stop lanes, by each of these: from where and to where, m from
        its stop line, and all of them.
    lengths_m
        Of the stop lanes, m; float64[L].
    """

    served: Floats
    ahead: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]
    behind: Mapping[int, tuple[tuple[float, float, tuple[int, ...]], ...]]
    lengths_m: Floats

    @classmethod
    def of(cls, site: Site, sites: Mapping[str, Site]) -> _Plan:
        """Read them off a signal, and what is ahead off the others."""
        served = np.zeros((len(site.stages), len(site.lanes)))
        ahead = []
        for row, stage in enumerate(site.stages):
            movements: dict[tuple[str, str], None] = {}
            for number, lane in enumerate(site.lanes):
                roads = {
                    site.exits[way.exit].link_id: None
                    for way in lane.ways
                    if any(stage.aspects[group] in GREEN_ASPECTS for group in way.groups)
                }
                served[row, number] = len(roads)
                movements.update(dict.fromkeys((lane.link_id, road) for road in roads))
            ended = (_ended(site, road, sites) for _, road in movements)
            ahead.append(tuple(found for lanes in ended for found in lanes))
        behind: dict[int, list[tuple[float, float, tuple[int, ...]]]] = {}
        for feeder in site.feeders:
            if len(feeder.leads_to) > 1:
                part = (feeder.to_stop_m, feeder.to_stop_m + feeder.length_m, feeder.leads_to)
                for lane_row in feeder.leads_to:
                    behind.setdefault(lane_row, []).append(part)
        return cls(
            served,
            tuple(ahead),
            {lane_row: tuple(parts) for lane_row, parts in behind.items()},
            np.array([lane.length_m for lane in site.lanes]),
        )

    def counted(self, lane: Integers, at_m: Floats) -> Floats:
        """Count vehicles, by stop lane and distance from its line, on all lanes they may come to.

        Parameters
        ----------
        lane, at_m
            Of every vehicle; int32[K], float64[K].

        Returns
        -------
        numpy.ndarray
            float64[L].
        """
        found = np.bincount(lane, minlength=len(self.lengths_m)).astype(np.float64)
        for k in np.flatnonzero(at_m > self.lengths_m[lane]):
            own = int(lane[k])
            others = {
                row
                for begin_m, end_m, rows in self.behind.get(own, ())
                if begin_m < at_m[k] <= end_m
                for row in rows
            } - {own}
            found[sorted(others)] += 1.0
        return found


def _ended(
    site: Site, road: str, sites: Mapping[str, Site]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the stop lanes of another signal that are this very road's."""
    names = dict.fromkeys(neighbor.signal_id for neighbor in site.downstream)
    found = (
        (name, tuple(n for n, lane in enumerate(sites[name].lanes) if lane.link_id == road))
        for name in names
        if name in sites
    )
    return tuple((name, rows) for name, rows in found if rows)


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
        self._seen: dict[str, NDArray[np.int32]] = {}
        self._wishes: dict[str, int] = {}
        self._next_s = -np.inf

    def start(self, sites: Sequence[Site]) -> None:
        """Prepare for these signals and forget everything before."""
        known = {site.signal_id: site for site in sites}
        self._plans = {name: _Plan.of(site, known) for name, site in known.items()}
        self._stood = {site.signal_id: np.empty(0, dtype=np.int32) for site in sites}
        self._seen = dict(self._stood)
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
        """Count who matters for every stop lane of a signal; float64[L]."""
        if view.information is Information.DETECTORS:
            raise InsufficientDataError(
                "RESCO's controllers need to see vehicles: information 'detectors' gives counts "
                "only; allowed are 'lanes' and 'vehicles'"
            )
        near = view.object_m <= self._reach_m
        if self._pressure:
            seen = view.object_track[near]
            stands = view.object_mps <= STANDING_MPS
            near &= stands | np.isin(view.object_track, self._stood[name])
            # Who is new is forgotten again, as RESCO does; a stuck sensor's phantom has no track.
            known = near & (view.object_track >= 0) & np.isin(view.object_track, self._seen[name])
            self._stood[name], self._seen[name] = view.object_track[known], seen
        return self._plans[name].counted(view.object_lane[near], view.object_m[near])

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
