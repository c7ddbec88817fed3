"""Turning shares from whatever is counted at a junction, and the turns' flows.

Stop-line lanes, approach totals and exits are sums of turns. Which sums a detector gives follows
from the lanes: lanes that share a turn are counted together or not at all. Shares are a state
that drifts; every count corrects it by a Kalman step in which the sums over an approach stay 1,
and what leaves the simplex is brought back to its nearest point. What no count speaks of keeps
its prior. Flows are approach flow times share, scaled to the interval's own counts (iterative
proportional fitting) as far as those are more certain than the shares.

Assumed: a junction is crossed well within an interval. Detector noise is independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast import share_kernels as kernels
from engine.forecast.count_sites import NOISE, Junction
from engine.measures.streams import TURN_WEIGHT
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

PRIOR_SD = 0.2
"""Standard deviation of a share before anything was counted."""

DRIFT_PER_HOUR = 0.01
"""Standard deviation by which a share changes within an hour."""

RARE_WEIGHT = 0.05
"""Weight of turning round, and of turns of unknown kind."""

FIRST_FLOW_VEH = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class TurnFlows:
    """What is known of the turns after an interval.

    Attributes
    ----------
    turn_ids
        Movements, one per entry.
    share, share_sd
        Part of the approach's traffic that takes the turn, and its standard deviation.
    flow_vph, flow_sd_vph
        Flow of the interval, and its standard deviation, veh/h.
    """

    turn_ids: tuple[str, ...]
    share: Floats
    share_sd: Floats
    flow_vph: Floats
    flow_sd_vph: Floats


def prior_shares(network: RoadNetwork) -> dict[str, float]:
    """Return shares by kind of turn, for every turn that leaves a link.

    What is assumed before anything is counted: `engine.measures.streams.TURN_WEIGHT`.
    """
    shares: dict[str, float] = {}
    for found in network.turns_from.values():
        weight = {c.movement_id: TURN_WEIGHT.get(c.turn, RARE_WEIGHT) for c in found}
        total = sum(weight.values())
        shares.update({turn: value / total for turn, value in weight.items()})
    return shares


class TurningFilter:
    """Shares and flows of many junctions at once, interval by interval.

    Parameters
    ----------
    junctions
        What there is and what is counted.
    detector_ids
        Columns of the counts that will come.
    prior
        Share of each turn before anything was counted; those of an approach are scaled to 1.
        Turns that are not named share alike.
    interval_s
        Length of an interval, s.
    noise
        Standard deviation over the count, by detector; `NOISE` for those not named.
    prior_sd
        Standard deviation of a share before anything was counted.
    drift_per_hour
        Standard deviation by which a share changes within an hour.
    turn_scatter
        Variance of the number of drivers who turn over the multinomial one.
    """

    def __init__(
        self,
        junctions: Sequence[Junction],
        detector_ids: Sequence[str],
        prior: Mapping[str, float],
        interval_s: int,
        *,
        noise: Mapping[str, float] | None = None,
        prior_sd: float = PRIOR_SD,
        drift_per_hour: float = DRIFT_PER_HOUR,
        turn_scatter: float = 1.0,
    ) -> None:
        if not junctions:
            raise InsufficientDataError("no junctions to estimate turns of")
        if interval_s < 1 or not (prior_sd > 0 and drift_per_hour >= 0 and turn_scatter >= 0):
            raise CountError(
                f"interval {interval_s} s, prior {prior_sd}, drift {drift_per_hour} and scatter "
                f"{turn_scatter}; allowed are 1 s or more, above 0, and 0 or more twice"
            )
        self._to_vph = SECONDS_PER_HOUR / interval_s
        self._drift = drift_per_hour * float(np.sqrt(interval_s / SECONDS_PER_HOUR))
        self._scatter = turn_scatter
        column = {name: i for i, name in enumerate(detector_ids)}
        self.turn_ids = tuple(t for j in junctions for ts in j.approaches.values() for t in ts)
        if len(set(self.turn_ids)) != len(self.turn_ids):
            raise CountError("a turn belongs to two junctions; allowed is one")
        row = {turn: i for i, turn in enumerate(self.turn_ids)}
        sources: list[tuple[int, ...]] = []
        part: list[int] = []
        firsts: list[int] = [0]
        spread: list[float] = []
        per_junction = []
        given = noise or {}
        for junction in junctions:
            before = len(sources)
            for detectors, turns in junction.counted:
                missing = [name for name in detectors if name not in column]
                if missing:
                    raise CountError(
                        f"junction {junction.junction_id!r} is counted by detector "
                        f"{missing[0]!r}, which the counts lack"
                    )
                sources.append(tuple(column[name] for name in detectors))
                part.extend(row[turn] for turn in turns)
                firsts.append(len(part))
                worst = max(given.get(name, NOISE) for name in detectors)
                # Independent errors of detectors that are added partly cancel.
                spread.append(worst / float(np.sqrt(len(detectors))))
            per_junction.append(len(sources) - before)
        turns_of = [len(ts) for j in junctions for ts in j.approaches.values()]
        size = [sum(len(ts) for ts in j.approaches.values()) for j in junctions]
        most = max(len(j.approaches) for j in junctions)
        blocks = np.concatenate([[0], np.cumsum(np.square(size, dtype=np.int64))])
        self._junctions = kernels.JunctionArrays(
            _firsts([len(j.approaches) for j in junctions]),
            _firsts(turns_of),
            _firsts(per_junction),
            np.array(firsts, dtype=np.int32),
            np.array(part, dtype=np.int32),
            np.array(spread, dtype=np.float64),
            blocks,
        )
        first = self._junctions.first_turn
        share = np.array([max(prior.get(turn, 0.0), 0.0) for turn in self.turn_ids])
        self._diagonal = np.empty(len(self.turn_ids), dtype=np.int64)
        covariance = np.zeros(int(blocks[-1]))
        for j, (begin, turns_here) in enumerate(zip(blocks[:-1], size, strict=True)):
            block = covariance[begin : begin + turns_here**2].reshape(turns_here, turns_here)
            for a in range(*self._junctions.first_approach[j : j + 2]):
                part_of = np.s_[first[a] : first[a + 1]]
                total, count = share[part_of].sum(), first[a + 1] - first[a]
                share[part_of] = share[part_of] / total if total > 0 else 1.0 / count
                offset = first[self._junctions.first_approach[j]]
                inside = np.s_[first[a] - offset : first[a + 1] - offset]
                block[inside, inside] = prior_sd**2 * (np.eye(count) - 1.0 / count)
            start = first[self._junctions.first_approach[j]]
            rows = np.arange(turns_here)
            self._diagonal[start : start + turns_here] = begin + rows * (turns_here + 1)
        self._state = kernels.ShareState(
            share,
            covariance,
            np.full(len(turns_of), FIRST_FLOW_VEH),
            np.full(len(turns_of), FIRST_FLOW_VEH**2),
            np.zeros_like(share),
            np.zeros_like(share),
        )
        self._counts = np.empty(len(sources))
        self._detectors = len(detector_ids)
        self._columns = np.array([c for found in sources for c in found], dtype=np.int64)
        self._begins = _firsts([len(found) for found in sources])[:-1]
        self._work = np.empty((most + 4, max([most, *size])))

    def update(self, count_veh: Floats) -> TurnFlows:
        """Take the counts of one interval.

        Parameters
        ----------
        count_veh
            [D] in the order of `detector_ids`; NaN where missing or not to be believed.

        Returns
        -------
        TurnFlows
            Copies; without any count at a junction its last flows are carried on.

        Raises
        ------
        CountError
            If there is not one count per detector.
        """
        if count_veh.shape != (self._detectors,):
            raise CountError(
                f"counts have shape {list(count_veh.shape)}; allowed is [{self._detectors}], one "
                "per detector"
            )
        if self._begins.size:
            np.add.reduceat(count_veh[self._columns], self._begins, out=self._counts)
        kernels.update_shares(
            self._counts, self._junctions, self._state, self._drift, self._scatter, self._work
        )
        return self.flows()

    def state(self) -> dict[str, Floats]:
        """Return copies of all that counts have changed, by name; see `restore`."""
        return {name: array.copy() for name, array in self._state._asdict().items()}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take up a state that `state` returned of a filter of the same junctions.

        Raises
        ------
        CountError
            If it is of other junctions.
        """
        for name, array in self._state._asdict().items():
            found = state.get(name)
            if found is None or found.shape != array.shape or not np.isfinite(found).all():
                raise CountError(f"the state of the turning shares lacks a fitting {name!r}")
            array[:] = found

    def flows(self) -> TurnFlows:
        """Return what is believed now."""
        state = self._state
        return TurnFlows(
            self.turn_ids,
            state.share.copy(),
            np.sqrt(np.maximum(state.covariance[self._diagonal], 0.0)),
            state.turn_veh * self._to_vph,
            np.sqrt(np.maximum(state.turn_variance, 0.0)) * self._to_vph,
        )


def _firsts(counts: Sequence[int]) -> NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
