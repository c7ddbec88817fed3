"""From forecasts of detectors to flows of every movement that agree over the network.

Detectors count sums of turns: a lane, an approach, an exit, a turn. Shares of the turns follow the
counts live (`engine.forecast.turning`). For every predicted interval, the sums that the detectors
are expected to count, the shares, and what leaves one junction and arrives at the next are brought
into agreement by weighted least squares (`engine.forecast.consistency`).

Assumed: errors of detectors' expected counts are independent of each other; beyond them, counts of
turns scatter by chance as those of detectors do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import special

from engine.forecast.consistency import CountedSum, consistent_flows
from engine.forecast.count_sites import NOISE, CountSite, junctions_of
from engine.forecast.turning import TurnFlows, TurningFilter, prior_shares
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]
Flags = NDArray[np.uint8]


LEAST_ERROR_PART = 0.1
"""Of the variance of a forecast, such a part at least is an error of what is expected."""


@dataclass(frozen=True, slots=True, eq=False)
class MovementFlows:
    """Flows of all movements in the next intervals, in agreement over the network.

    Attributes
    ----------
    movement_ids
        Every turn of the network, one per column.
    start
        Beginning of the first interval, aware UTC.
    step_s
        Length of an interval, s.
    mean_vph, sd_vph
        Flow that will be counted in the interval, and its standard deviation, veh/h, [H, M].
    source
        A `prediction.Source` for every cell, uint8[H, M]: that of the detector that counts the
        turn alone; at best `IMPUTED` where it is counted together with others, and `PRIOR` where
        only the network speaks of it.
    link_source_vph
        By link between two junctions: what starts along it, or ends where negative, veh/h, [H].
        What turns into the link plus this is what turns out of it.
    """

    movement_ids: tuple[str, ...]
    start: datetime
    step_s: int
    mean_vph: Floats
    sd_vph: Floats
    source: Flags
    link_source_vph: Mapping[str, Floats]

    @property
    def times(self) -> tuple[datetime, ...]:
        """Beginning of each interval, aware UTC."""
        step = timedelta(seconds=self.step_s)
        return tuple(self.start + step * h for h in range(len(self.mean_vph)))

    def movement_vph(self) -> Mapping[str, Floats]:
        """Return the flows by movement, veh/h, one value per interval."""
        return {name: self.mean_vph[:, m] for m, name in enumerate(self.movement_ids)}

    def quantile_vph(self, quantiles: Sequence[float]) -> Floats:
        """Return quantiles of the flows, veh/h, [Q, H, M]; those of a gamma distribution.

        Parameters
        ----------
        quantiles
            Probabilities, each strictly between 0 and 1.

        Raises
        ------
        CountError
            If one is not.
        """
        wanted = np.asarray(quantiles, dtype=np.float64)
        if wanted.ndim != 1 or not ((wanted > 0) & (wanted < 1)).all():
            raise CountError(f"quantiles are {quantiles!r}; allowed are numbers between 0 and 1")
        mean = np.maximum(self.mean_vph, 1e-3)
        shape = np.square(mean / np.maximum(self.sd_vph, 1e-3))
        found: Floats = special.gammaincinv(shape[None], wanted[:, None, None]) * (mean / shape)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class StreetView:
    """What is known of the streets at one moment.

    Attributes
    ----------
    network
        The roads.
    names
        Detectors, one per column of forecasts.
    sums
        Detectors that are added, and the turns whose sum that is.
    links
        Detectors of all of a link that leads to no signal, and the link.
    noise
        Standard deviation of a detector's count over the count, by detector.
    turns
        Shares and flows after the last interval; None of streets without signals.
    """

    network: RoadNetwork
    names: tuple[str, ...]
    sums: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    links: tuple[tuple[str, str], ...]
    noise: Mapping[str, float]
    turns: TurnFlows | None

    def movements(
        self, start: datetime, step_s: int, expected_veh: Floats, sd_veh: Floats, source: Flags
    ) -> MovementFlows:
        """Return the flows of all movements.

        Parameters
        ----------
        start, step_s
            First interval, aware UTC, and length of intervals, s.
        expected_veh, sd_veh
            What the detectors are expected to count, and its standard deviation, veh, [H, N].
        source
            A `prediction.Source` for every cell, uint8[H, N].
        """
        shares, share_sd = self._shares()
        column = {name: n for n, name in enumerate(self.names)}
        to_vph = SECONDS_PER_HOUR / step_s
        rows: list[Floats] = []
        spreads: list[Floats] = []
        sides: list[Mapping[str, float]] = []
        turn_ids: tuple[str, ...] = ()
        for mean_veh, whole_sd in zip(expected_veh, sd_veh, strict=True):
            # Chance alone scatters counts like Poisson's, or less where the same vehicles come
            # every day. It is drawn anew in every turn; the rest are errors of expectations,
            # which are what has to agree.
            whole = np.square(whole_sd)
            by_chance = np.minimum(mean_veh, whole)
            busy = mean_veh > 1e-3
            chance = float(np.median(by_chance[busy] / mean_veh[busy])) if busy.any() else 1.0
            error = np.maximum(whole - by_chance, LEAST_ERROR_PART * whole)
            mean, sd = mean_veh * to_vph, np.sqrt(error) * to_vph
            counted = []
            for detectors, turns in self.sums:
                at = [column[name] for name in detectors]
                noise = np.array([self.noise[name] for name in detectors]) * mean[at]
                spread = float(np.sqrt((np.square(sd[at]) + np.square(noise)).sum()))
                counted.append(CountedSum(turns, float(mean[at].sum()), spread))
            on_links = {
                link: (float(mean[column[name]]), float(sd[column[name]]))
                for name, link in self.links
            }
            found = consistent_flows(
                self.network,
                {},
                {},
                shares,
                link_vph=on_links,
                sums_vph=counted,
                share_sd=share_sd,
            )
            turn_ids = found.turn_ids
            rows.append(found.flow_vph)
            spreads.append(np.sqrt(np.square(found.sd_vph) + chance * found.flow_vph * to_vph))
            sides.append(found.source_vph)
        return MovementFlows(
            turn_ids,
            start,
            step_s,
            np.array(rows),
            np.array(spreads),
            self._sources(turn_ids, source, column),
            {link: np.array([side[link] for side in sides]) for link in sides[0]},
        )

    def _shares(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return shares of all turns, and the standard deviation of those that are followed."""
        shares = prior_shares(self.network)
        if self.turns is None:
            return shares, {}
        names = self.turns.turn_ids
        shares |= dict(zip(names, self.turns.share.tolist(), strict=True))
        return shares, dict(zip(names, self.turns.share_sd.tolist(), strict=True))

    def _sources(
        self, turn_ids: tuple[str, ...], source: Flags, column: Mapping[str, int]
    ) -> Flags:
        # Of `prediction.Source`, which imports this module; greater is worse.
        imputed, prior = 1, 3
        out = np.full((len(source), len(turn_ids)), prior, dtype=np.uint8)
        row = {turn: m for m, turn in enumerate(turn_ids)}
        for detectors, turns in self.sums:
            of_sum = source[:, [column[name] for name in detectors]].max(axis=1)
            if len(turns) > 1:
                of_sum = np.maximum(of_sum, imputed)
            for turn in turns:
                out[:, row[turn]] = np.minimum(out[:, row[turn]], of_sum)
        return out


class StreetFlows:
    """Turning shares of a network, followed from interval to interval.

    Parameters
    ----------
    network
        The roads.
    sites
        Where detectors count.
    names
        Detectors, one per column of the counts that will come; those without a site say nothing.
    step_s
        Length of an interval, s.

    Raises
    ------
    CountError
        If a site names no detector of the counts, or no place of the network.
    InsufficientDataError
        If no detector counts anywhere in the network.
    """

    def __init__(
        self, network: RoadNetwork, sites: Sequence[CountSite], names: Sequence[str], step_s: int
    ) -> None:
        known = set(names)
        missing = [site.detector_id for site in sites if site.detector_id not in known]
        if missing:
            raise CountError(
                f"{missing[0]!r} has a place in network {network.name!r}, and is not among the "
                f"{len(known)} detectors that are counted"
            )
        self.network = network
        self.sites = tuple(sites)
        self.names = tuple(names)
        junctions, unused = junctions_of(network, sites)
        self._sums = tuple(counted for junction in junctions for counted in junction.counted)
        self._links = tuple(
            (site.detector_id, site.link_id)
            for site in sites
            if site.detector_id in unused and site.place in ("approach", "exit")
        )
        if not self._sums and not self._links:
            raise InsufficientDataError(
                f"none of the {len(known)} detectors counts a turn or a link of network "
                f"{network.name!r}"
            )
        self._noise = dict.fromkeys(names, NOISE) | {s.detector_id: s.noise for s in sites}
        self._filter: TurningFilter | None = None
        if junctions:
            self._filter = TurningFilter(
                junctions, self.names, prior_shares(network), step_s, noise=self._noise
            )

    def update(self, count_veh: Floats) -> None:
        """Take the counts of one interval, [N]; NaN where missing or not to be believed."""
        if self._filter is not None:
            self._filter.update(count_veh)

    def view(self) -> StreetView:
        """Return what is known now."""
        turns = None if self._filter is None else self._filter.flows()
        return StreetView(self.network, self.names, self._sums, self._links, self._noise, turns)

    def state(self) -> dict[str, Floats]:
        """Return copies of all that counts have changed, by name."""
        return {} if self._filter is None else self._filter.state()

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take up what `state` returned of the same streets; raise `CountError` otherwise."""
        if self._filter is not None:
            self._filter.restore(state)
