"""Turn flows that agree over the network: what leaves one junction arrives at the next.

Every turn has an estimate with a variance, or none. On every link, what turns in plus what starts
or ends along it must be what turns out; the traffic of a mid-block source or sink is small beside
the link's. Where nobody counts, traffic divides by prior shares, loosely. The flows that fit all
of this best by weighted least squares, none of them negative, come out with their variances.

Assumed: an interval is long beside the travel time of a link. Not modeled: queues that grow,
which look like a sink.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.flow_equations import FlowEquations, balances
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork

Floats = NDArray[np.float64]

SIDE_SD = 0.03
"""Standard deviation of what starts or ends along a link, over its flow."""

PRIOR_SHARE_SD = 0.15
"""Standard deviation of a share that nobody counts."""

LEAST_SD_VPH = 1.0
"""No estimate is taken to be better than this; keeps the equations well scaled."""

UNKNOWN_SD_VPH = 2000.0
"""Of a flow of which nothing is known; about one lane's saturation flow."""

LOOSE_SD_VPH = 20_000.0
"""Every turn is taken to carry nothing, with this deviation, so that there is one solution.
Tighter, and the many turns of a long road that nobody counts would pull its flow down together."""

LEVEL_ROUNDS = 2
"""So often the slack of links that nobody counts is measured anew by the flows just found."""

LEAST_LEVEL = 0.1
"""In a round the traffic of a link falls to no less than such a part of what it was."""


@dataclass(frozen=True, slots=True, eq=False)
class ConsistentFlows:
    """Flows that obey conservation.

    Attributes
    ----------
    turn_ids
        Every turn of the network, one per entry.
    flow_vph, sd_vph
        Flow and its standard deviation, veh/h.
    source_vph
        By link with turns at both ends: what starts along it, or ends where negative, veh/h.
        What turns into the link plus this is what turns out of it.
    source_sd_vph
        By link, the standard deviation of that.
    """

    turn_ids: tuple[str, ...]
    flow_vph: Floats
    sd_vph: Floats
    source_vph: Mapping[str, float]
    source_sd_vph: Mapping[str, float]

    def movement_vph(self) -> Mapping[str, float]:
        """Return the flows by turn, veh/h."""
        return dict(zip(self.turn_ids, map(float, self.flow_vph), strict=True))


@dataclass(frozen=True, slots=True)
class CountedSum:
    """What turns carry together.

    Attributes
    ----------
    turn_ids
        Each once.
    flow_vph, sd_vph
        Flow and its standard deviation, veh/h.
    """

    turn_ids: tuple[str, ...]
    flow_vph: float
    sd_vph: float


def consistent_flows(
    network: RoadNetwork,
    estimate_vph: Mapping[str, float],
    sd_vph: Mapping[str, float],
    shares: Mapping[str, float],
    *,
    link_vph: Mapping[str, tuple[float, float]] | None = None,
    side_sd: float = SIDE_SD,
    sums_vph: Sequence[CountedSum] = (),
    share_sd: Mapping[str, float] | None = None,
) -> ConsistentFlows:
    """Bring the flows of all turns into agreement.

    Parameters
    ----------
    network
        The roads.
    estimate_vph, sd_vph
        Flow of each turn (movement name) that is known, and its standard deviation, veh/h.
    shares
        Prior share of every turn that leaves a link, as `engine.forecast.turning.prior_shares`
        gives; used where nobody counts.
    link_vph
        Flow and standard deviation by link, for detectors between junctions, veh/h.
    side_sd
        Standard deviation of what starts or ends along a link, over its flow.
    sums_vph
        Flows of several turns together, as detectors count them.
    share_sd
        Standard deviation of shares that are better known than `PRIOR_SHARE_SD`, by turn.

    Returns
    -------
    ConsistentFlows

    Raises
    ------
    CountError
        If a turn or link is unknown, or a flow or deviation is not a number from 0.
    InsufficientDataError
        If nothing is known at all.
    """
    turn_ids = tuple(sorted({c.movement_id for c in network.connections}))
    row = {turn: i for i, turn in enumerate(turn_ids)}
    links = link_vph or {}
    known_shares = share_sd or {}
    _require_sane(network, row, estimate_vph, sd_vph, links, side_sd)
    for together in sums_vph:
        _require_sum(network, row, together)
    if not estimate_vph and not links and not sums_vph:
        raise InsufficientDataError("no flow is known, of any turn or link")
    into, out_of = _ends(network, row)
    level, guessed = _levels(
        *(turn_ids, estimate_vph, links, into, out_of),
        *(_totals(row, sums_vph, into, out_of), shares),
    )

    def equations() -> FlowEquations:
        build = FlowEquations(len(turn_ids))
        for turn, i in row.items():
            if turn in estimate_vph:
                build.add([i], [1.0], estimate_vph[turn], max(sd_vph[turn], LEAST_SD_VPH))
            else:
                build.add([i], [1.0], 0.0, LOOSE_SD_VPH)
        for counted in sums_vph:
            columns = [row[turn] for turn in counted.turn_ids]
            spread = max(counted.sd_vph, LEAST_SD_VPH)
            build.add(columns, [1.0] * len(columns), counted.flow_vph, spread)
        for link in network.links:
            entering, leaving = into[link], out_of[link]
            scale = max(level[link], 1.0)
            if entering and leaving:
                signs = [1.0] * len(entering) + [-1.0] * len(leaving)
                build.add([*entering, *leaving], signs, 0.0, max(side_sd * scale, LEAST_SD_VPH))
            if link in links:
                flow, sd = links[link]
                ends = leaving or entering
                if ends:
                    build.add(ends, [1.0] * len(ends), flow, max(sd, LEAST_SD_VPH))
            for i in leaving:
                if turn_ids[i] not in estimate_vph and len(leaving) > 1:
                    share = shares.get(turn_ids[i], 1.0 / len(leaving))
                    parts = [(1.0 if k == i else 0.0) - share for k in leaving]
                    spread = known_shares.get(turn_ids[i], PRIOR_SHARE_SD)
                    build.add(leaving, parts, 0.0, max(spread * scale, LEAST_SD_VPH))
        return build

    build = equations()
    flow = build.solve()
    for _ in range(LEVEL_ROUNDS if guessed else 0):
        for link in guessed:
            ends = [float(flow[end].sum()) for end in (into[link], out_of[link])]
            level[link] = max(*ends, LEAST_LEVEL * level[link])
        build = equations()
        flow = build.solve()
    both = [link for link in network.links if into[link] and out_of[link]]
    balance = balances(both, into, out_of, len(turn_ids))
    variance, source_variance = build.variances(balance)
    source: Floats = np.asarray(balance @ flow)
    return ConsistentFlows(
        turn_ids,
        flow,
        np.minimum(np.sqrt(variance), UNKNOWN_SD_VPH),
        {link: float(source[k]) for k, link in enumerate(both)},
        {link: float(np.sqrt(source_variance[k])) for k, link in enumerate(both)},
    )


def _ends(
    network: RoadNetwork, row: Mapping[str, int]
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    into, out_of = (
        {link: sorted({row[c.movement_id] for c in turns[link]}) for link in network.links}
        for turns in (network.turns_into, network.turns_from)
    )
    return into, out_of


def _totals(
    row: Mapping[str, int],
    sums: Sequence[CountedSum],
    into: Mapping[str, list[int]],
    out_of: Mapping[str, list[int]],
) -> dict[str, float]:
    """Return the traffic of links whose turns are counted altogether, at one of their ends."""
    covering: dict[frozenset[int], float] = {}
    for counted in sums:
        covering.setdefault(frozenset(row[t] for t in counted.turn_ids), counted.flow_vph)
    of_turn: dict[int, list[frozenset[int]]] = {}
    for columns in covering:
        for column in columns:
            of_turn.setdefault(column, []).append(columns)
    found: dict[str, float] = {}
    for link in into:
        for end in (into[link], out_of[link]):
            left, total = set(end), 0.0
            for column in end:
                for columns in of_turn.get(column, []):
                    if columns <= left:
                        left -= columns
                        total += covering[columns]
            if end and not left:
                found[link] = max(total, found.get(link, 0.0))
    return found


def _levels(
    turn_ids: tuple[str, ...],
    estimate_vph: Mapping[str, float],
    links: Mapping[str, tuple[float, float]],
    into: Mapping[str, list[int]],
    out_of: Mapping[str, list[int]],
    totals: Mapping[str, float],
    shares: Mapping[str, float],
) -> tuple[dict[str, float], list[str]]:
    """Return how much traffic a link has, roughly, and of which links that is only a guess.

    A link's slack is measured by it. A guess begins high, so that it holds nothing fast.
    """
    known = [flow for flow, _ in links.values()]
    found: dict[str, float] = {}
    for link in into:
        ends = []
        for turns in (into[link], out_of[link]):
            if turns and all(turn_ids[i] in estimate_vph for i in turns):
                ends.append(sum(estimate_vph[turn_ids[i]] for i in turns))
        counted = [i for i in out_of[link] if turn_ids[i] in estimate_vph]
        part = sum(shares.get(turn_ids[i], 0.0) for i in counted)
        if not ends and part > 0:
            # Some turns say how much all of them are likely to carry.
            ends.append(sum(estimate_vph[turn_ids[i]] for i in counted) / part)
        if link in links:
            ends.append(links[link][0])
        if link in totals:
            ends.append(totals[link])
        if ends:
            found[link] = max(ends)
            known.append(found[link])
    high = max(known) if known else sum(estimate_vph.values())
    return {link: found.get(link, high) for link in into}, [x for x in into if x not in found]


def _require_sane(
    network: RoadNetwork,
    row: Mapping[str, int],
    estimate_vph: Mapping[str, float],
    sd_vph: Mapping[str, float],
    links: Mapping[str, tuple[float, float]],
    side_sd: float,
) -> None:
    for turn, flow in estimate_vph.items():
        if turn not in row:
            raise CountError(f"turn {turn!r} has a flow; network {network.name!r} lacks it")
        if turn not in sd_vph:
            raise CountError(f"turn {turn!r} has a flow and no standard deviation")
        _require_number(f"turn {turn!r}", flow, sd_vph[turn])
    for link, (flow, sd) in links.items():
        if link not in network.links:
            raise CountError(f"link {link!r} has a flow; network {network.name!r} lacks it")
        _require_number(f"link {link!r}", flow, sd)
    if not side_sd >= 0:
        raise CountError(f"a mid-block deviation of {side_sd}; allowed is 0 or more")


def _require_sum(network: RoadNetwork, row: Mapping[str, int], counted: CountedSum) -> None:
    unknown = [turn for turn in counted.turn_ids if turn not in row]
    if unknown or not counted.turn_ids:
        raise CountError(
            f"a flow of {unknown[0] if unknown else 'no turn'!r} is counted; network "
            f"{network.name!r} lacks it"
        )
    _require_number(f"the sum of {counted.turn_ids[0]!r}", counted.flow_vph, counted.sd_vph)


def _require_number(what: str, flow_vph: float, sd_vph: float) -> None:
    if not (0.0 <= flow_vph < float("inf") and 0.0 <= sd_vph < float("inf")):
        raise CountError(
            f"{what} has {flow_vph} veh/h with a deviation of {sd_vph} veh/h; allowed are "
            "finite numbers from 0"
        )
