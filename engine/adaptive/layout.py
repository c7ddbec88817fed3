"""A signal laid out for the look-ahead search, with the turning shares learned so far."""

from __future__ import annotations

import itertools

import numpy as np

from engine.adaptive.control import CLOSED, PERMITTED, Floats, Site, StopLane
from engine.adaptive.kernels import Layout

OPEN_LANE_VEH = 1e6
PRIOR_VEH = 4.0
"""Vehicles that a guess about turns weighs as much as."""
FORGET_VEH = 60.0
REVISE_VEH = 10.0


class Turning:
    """How each lane's traffic splits over its ways, learned from what is seen to turn.

    Parameters
    ----------
    site
        The signal.
    """

    def __init__(self, site: Site) -> None:
        self._first = np.cumsum([0, *(len(lane.ways) for lane in site.lanes)])
        self._seen = np.concatenate([_guess(lane) for lane in site.lanes]) * PRIOR_VEH
        self._news = 0.0

    @property
    def share(self) -> Floats:
        """Of its lane's traffic, per way; float64[W]."""
        whole = np.add.reduceat(self._seen, self._first[:-1])
        shares: Floats = self._seen / np.repeat(whole, np.diff(self._first))
        return shares

    def learn(self, turned_veh: Floats) -> bool:
        """Take in who turned; tell whether enough is new to think again."""
        if turned_veh.size != self._seen.size or not turned_veh.any():
            return False
        if np.isnan(turned_veh).all():
            return False
        came = np.nan_to_num(turned_veh)
        news = float(came.sum())
        if news > 0:
            lanes = np.add.reduceat(came, self._first[:-1])
            # Old turns are forgotten vehicle by vehicle, so that a quiet lane forgets nothing.
            self._seen *= np.repeat(np.exp(-lanes / FORGET_VEH), np.diff(self._first))
            self._seen += came
            self._news += news
        if self._news < REVISE_VEH:
            return False
        self._news = 0.0
        return True


def _guess(lane: StopLane) -> Floats:
    """Split a lane nothing is known of: straight on twice any turn."""
    weight = np.array(
        [2.0 if way.turn == "s" else 0.1 if way.turn == "t" else 1.0 for way in lane.ways]
    )
    shares: Floats = weight / weight.sum()
    return shares


def lay_out(site: Site, way_share: Floats) -> Layout:
    """Lay a site out for the kernel, with the share of its lane that each way carries."""
    stages, lanes = len(site.stages), len(site.lanes)
    clear_s = np.full((stages, stages), -1, dtype=np.int32)
    for (a, b), shown in site.clearances.items():
        clear_s[a, b] = -(-sum(i.duration_ds for i in shown) // 10)
    rate = np.zeros((stages, lanes))
    limit = np.full((stages, lanes), OPEN_LANE_VEH)
    permitted = np.zeros((stages, lanes))
    sneak = np.zeros((stages, lanes))
    cuts = np.cumsum([0, *(len(lane.ways) for lane in site.lanes)])
    shares = [way_share[a:b] for a, b in itertools.pairwise(cuts.tolist())]
    foes: list[dict[int, Floats]] = [{} for _ in range(lanes)]
    for row, lane in enumerate(site.lanes):
        for s in range(stages):
            usable = [
                (way, float(share))
                for way, share in zip(lane.ways, shares[row], strict=True)
                if way.service[s] != CLOSED
            ]
            open_share = sum(share for _, share in usable)
            if open_share < 0.05:
                continue
            headway_s = sum(way.headway_s * share for way, share in usable) / open_share
            rate[s, row] = 1.0 / headway_s
            yielding = [
                (way, share)
                for way, share in usable
                if way.service[s] == PERMITTED and way.yields_to
            ]
            permitted[s, row] = sum(share for _, share in yielding) / open_share
            if open_share < 0.99:
                limit[s, row] = open_share / (1.0 - open_share)
            if yielding:
                box = sum(way.box_veh * share for way, share in yielding) / open_share
                sneak[s, row] = max(1.0, box) * permitted[s, row]
                whole = sum(share for _, share in yielding)
                for way, share in yielding:
                    for foe, foe_way in way.yields_to:
                        if foe == row or site.lanes[foe].ways[foe_way].service[s] == CLOSED:
                            continue
                        part = float(shares[foe][foe_way]) * share / whole
                        foes[row].setdefault(foe, np.zeros(stages))[s] += part
    first = np.cumsum([0, *(len(found) for found in foes)]).astype(np.int32)
    flat = [(foe, parts) for found in foes for foe, parts in sorted(found.items())]
    table = np.array([parts for _, parts in flat]).reshape(len(flat), stages).T
    return Layout(
        clear_s,
        np.array([stage.least_green_s for stage in site.stages], dtype=np.int32),
        rate,
        limit,
        permitted,
        sneak,
        first,
        np.array([foe for foe, _ in flat], dtype=np.int32),
        np.ascontiguousarray(table),
    )
