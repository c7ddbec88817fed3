"""Turn flows that agree over the network: what leaves one junction arrives at the next.

Every turn has an estimate with a variance, or none. On every link, what turns in plus what starts
or ends along it must be what turns out; the traffic of a mid-block source or sink is small beside
the link's. Where nobody counts, traffic divides by prior shares, loosely. The flows that fit all
of this best by weighted least squares, none of them negative, come out with their variances.

Assumed: an interval is long beside the travel time of a link. Not modeled: queues that grow,
which look like a sink.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

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
"""Of a flow of which nothing is known, about 0; about one lane's saturation flow."""

MOST_DENSE = 3000
"""Up to so many turns the variances come from one dense inverse, 72 MB; it is ten times faster."""

COLUMNS_AT_ONCE = 256
MOST_ROUNDS = 50


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


def consistent_flows(
    network: RoadNetwork,
    estimate_vph: Mapping[str, float],
    sd_vph: Mapping[str, float],
    shares: Mapping[str, float],
    *,
    link_vph: Mapping[str, tuple[float, float]] | None = None,
    side_sd: float = SIDE_SD,
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
    _require_sane(network, row, estimate_vph, sd_vph, links, side_sd)
    if not estimate_vph and not links:
        raise InsufficientDataError("no flow is known, of any turn or link")
    into, out_of = _ends(network, row)
    build = _Equations(len(turn_ids))
    for turn, i in row.items():
        if turn in estimate_vph:
            build.add([i], [1.0], estimate_vph[turn], max(sd_vph[turn], LEAST_SD_VPH))
        else:
            build.add([i], [1.0], 0.0, UNKNOWN_SD_VPH)
    level = _levels(turn_ids, estimate_vph, links, into, out_of)
    for link in network.links:
        entering, leaving = into[link], out_of[link]
        scale = max(level[link], 1.0)
        if entering and leaving:
            signs = [1.0] * len(entering) + [-1.0] * len(leaving)
            build.add([*entering, *leaving], signs, 0.0, max(side_sd * scale, LEAST_SD_VPH))
        if link in links:
            counted, sd = links[link]
            ends = leaving or entering
            if ends:
                build.add(ends, [1.0] * len(ends), counted, max(sd, LEAST_SD_VPH))
        for i in leaving:
            if turn_ids[i] not in estimate_vph and len(leaving) > 1:
                share = shares.get(turn_ids[i], 1.0 / len(leaving))
                parts = [(1.0 if k == i else 0.0) - share for k in leaving]
                build.add(leaving, parts, 0.0, max(PRIOR_SHARE_SD * scale, LEAST_SD_VPH))
    flow = build.solve()
    both = [link for link in network.links if into[link] and out_of[link]]
    balance = _balances(both, into, out_of, len(turn_ids))
    variance, source_variance = build.variances(balance)
    source: Floats = np.asarray(balance @ flow)
    return ConsistentFlows(
        turn_ids,
        flow,
        np.sqrt(variance),
        {link: float(source[k]) for k, link in enumerate(both)},
        {link: float(np.sqrt(source_variance[k])) for k, link in enumerate(both)},
    )


class _Equations:
    """Weighted equations of turn flows, each a sum with a right side and a deviation."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._values: list[float] = []
        self._right: list[float] = []

    def add(self, columns: list[int], values: list[float], right: float, sd: float) -> None:
        self._rows.extend([len(self._right)] * len(columns))
        self._columns.extend(columns)
        self._values.extend(value / sd for value in values)
        self._right.append(right / sd)

    def _normal(self) -> tuple[sparse.csc_matrix, Floats]:
        shape = (len(self._right), self.columns)
        matrix = sparse.csr_matrix((self._values, (self._rows, self._columns)), shape=shape)
        return (matrix.T @ matrix).tocsc(), matrix.T @ np.array(self._right)

    def solve(self) -> Floats:
        """Return the flows that fit best, none of them below 0.

        Block principal pivoting (Portugal, Judice and Vicente 1994): hold what is negative,
        release what would pull up, until neither is left.
        """
        normal, right = self._normal()
        held = np.zeros(self.columns, dtype=np.bool_)
        flow = np.zeros(self.columns)
        fewest, patience = self.columns + 1, 3
        for _ in range(MOST_ROUNDS):
            free = np.flatnonzero(~held)
            flow[:] = 0.0
            if free.size:
                flow[free] = splu(normal[free][:, free].tocsc()).solve(right[free])
            pull = normal @ flow - right
            tiny = 1e-9 * max(float(np.abs(right).max()), 1.0)
            wrong = (~held & (flow < -1e-9)) | (held & (pull < -tiny))
            count = int(wrong.sum())
            if not count:
                break
            if count < fewest:
                fewest, patience = count, 3
            elif patience:
                patience -= 1
            else:
                # Exchanging all at once may go in circles; the last one alone cannot.
                last = int(np.flatnonzero(wrong)[-1])
                wrong[:] = False
                wrong[last] = True
            held ^= wrong
        return np.maximum(flow, 0.0)

    def variances(self, sums: sparse.csr_matrix) -> tuple[Floats, Floats]:
        """Return the variance of every flow and of every given sum of flows.

        Flows held at 0 have the variance they would have if they were free.
        """
        normal, _ = self._normal()
        single = np.empty(self.columns)
        summed = np.empty(sums.shape[0])
        if self.columns <= MOST_DENSE:
            inverse = np.linalg.inv(normal.toarray())
            single[:] = np.diagonal(inverse)
            summed[:] = np.asarray(sums.multiply(sums @ inverse).sum(axis=1)).ravel()
        else:
            factor = splu(normal)
            self._by_columns(factor.solve, sparse.identity(self.columns, format="csr"), single)
            self._by_columns(factor.solve, sums, summed)
        return np.maximum(single, 0.0), np.maximum(summed, 0.0)

    @staticmethod
    def _by_columns(
        solve: Callable[[Floats], Floats], sums: sparse.csr_matrix, variance: Floats
    ) -> None:
        for begin in range(0, sums.shape[0], COLUMNS_AT_ONCE):
            part = sums[begin : begin + COLUMNS_AT_ONCE].toarray()
            variance[begin : begin + len(part)] = (part * solve(part.T).T).sum(axis=1)


def _balances(
    links: list[str],
    into: Mapping[str, list[int]],
    out_of: Mapping[str, list[int]],
    columns: int,
) -> sparse.csr_matrix:
    """Return, row by row, what turns out of a link less what turns into it."""
    rows: list[int] = []
    turns: list[int] = []
    signs: list[float] = []
    for k, link in enumerate(links):
        here = [*into[link], *out_of[link]]
        rows += [k] * len(here)
        turns += here
        signs += [-1.0] * len(into[link]) + [1.0] * len(out_of[link])
    return sparse.csr_matrix((signs, (rows, turns)), shape=(len(links), columns))


def _ends(
    network: RoadNetwork, row: Mapping[str, int]
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    into, out_of = (
        {link: sorted({row[c.movement_id] for c in turns[link]}) for link in network.links}
        for turns in (network.turns_into, network.turns_from)
    )
    return into, out_of


def _levels(
    turn_ids: tuple[str, ...],
    estimate_vph: Mapping[str, float],
    links: Mapping[str, tuple[float, float]],
    into: Mapping[str, list[int]],
    out_of: Mapping[str, list[int]],
) -> dict[str, float]:
    """Return how much traffic a link has, roughly: what its slack is measured by."""
    known = [flow for flow, _ in links.values()]
    found: dict[str, float] = {}
    for link in into:
        ends = []
        for turns in (into[link], out_of[link]):
            if turns and all(turn_ids[i] in estimate_vph for i in turns):
                ends.append(sum(estimate_vph[turn_ids[i]] for i in turns))
        if link in links:
            ends.append(links[link][0])
        if ends:
            found[link] = max(ends)
            known.append(found[link])
    usual = float(np.median(known)) if known else sum(estimate_vph.values())
    return {link: found.get(link, usual) for link in into}


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


def _require_number(what: str, flow_vph: float, sd_vph: float) -> None:
    if not (0.0 <= flow_vph < float("inf") and 0.0 <= sd_vph < float("inf")):
        raise CountError(
            f"{what} has {flow_vph} veh/h with a deviation of {sd_vph} veh/h; allowed are "
            "finite numbers from 0"
        )
