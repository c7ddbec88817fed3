"""How a vehicle gets through a signal: the stages that let it pass, and when they can begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.adaptive.control import CLOSED, PROTECTED, Site, View
from engine.adaptive.passages import Passage

START_UP_S: Final = 2.0
CLEAR_AHEAD_S: Final = 3.0
"""The last vehicle of the queue is at speed so long before the one that is to pass."""
BRAKING_S: Final = 4.0
"""A driver who sees red slows down so long before the stop line."""
ERROR_S: Final = 2.0
ERROR_SHARE: Final = 0.15
"""Arrivals may be earlier than estimated by so much, and this part of the time to go."""
OWN_LENGTH_M: Final = 5.0


def ways(site: Site, passage: Passage, view: View, to_go_m: float) -> tuple[list[int], list[int]]:
    """Find the stop lanes of a turn, and the stages that bring a vehicle through.

    With nobody ahead these are the stages that protect the turn, if any does. A vehicle ahead on
    the same lane may want to go elsewhere, and blocks it unless it can: until it is gone the
    stages that serve most of the lanes' turns, this one among them, come first.
    """
    exits = {row for row, lane in enumerate(site.exits) if lane.link_id == passage.to_link}
    rows = [
        row
        for row, lane in enumerate(site.lanes)
        if lane.link_id == passage.from_link and any(way.exit in exits for way in lane.ways)
    ]
    turn = [way for row in rows for way in site.lanes[row].ways if way.exit in exits]
    every = [way for row in rows for way in site.lanes[row].ways]
    level = [min((w.service[s] for w in turn), default=CLOSED) for s in range(len(site.stages))]
    flow = [sum(w.service[s] != CLOSED for w in every) for s in range(len(site.stages))]
    serving = [s for s, found in enumerate(level) if found != CLOSED]
    protected = [s for s in serving if level[s] == PROTECTED] or serving
    ahead = np.isin(view.object_lane, rows) & (view.object_m < to_go_m - OWN_LENGTH_M)
    if ahead.any() and serving:
        most = max(flow[s] for s in serving)
        fluent = [s for s in serving if flow[s] == most]
        return rows, [s for s in fluent if s in protected] or fluent
    return rows, protected


def lead_s(site: Site, rows: Sequence[int], view: View, to_go_s: float) -> float:
    """Return how long before it is expected a vehicle needs green, s: errors, braking, queues."""
    return BRAKING_S + ERROR_S + ERROR_SHARE * to_go_s + queue_s(site, rows, view)


def queue_s(site: Site, rows: Sequence[int], view: View) -> float:
    """Return the time until the queues on some lanes have left, once green; 0 if none, s."""
    longest_s = 0.0
    for row in rows:
        queue = float(view.queue_veh[row])
        if queue > 0.0:
            headway_s = max(way.headway_s for way in site.lanes[row].ways)
            longest_s = max(longest_s, START_UP_S + queue * headway_s + CLEAR_AHEAD_S)
    return longest_s


def left_s(site: Site, view: View) -> float:
    """Return the time until the running stage may end, s."""
    least_s = site.stages[view.stage].least_green_s
    return view.clearing_s + max(0.0, least_s - view.green_s)


def change_s(site: Site, current: int, following: int) -> float:
    """Return the time from the end of one stage's green to the begin of another's, s.

    Where they may not follow one another directly, the harness goes round over another stage.
    """
    if current == following:
        return 0.0
    if (current, following) in site.clearances:
        return site.clearance_s(current, following)
    # Which one it goes over is the harness's own affair.
    longest_s = max((site.clearance_s(*pair) for pair in site.clearances), default=0.0)
    return 2.0 * longest_s + min(stage.least_green_s for stage in site.stages)


def nearest(site: Site, current: int, stages: Sequence[int], beneath: int) -> int:
    """Return the one of some stages that is wished for anyway, or else comes soonest."""
    if beneath in stages:
        return beneath
    return min(stages, key=lambda s: (change_s(site, current, s), s))


def path_s(site: Site, current: int, path: Sequence[int]) -> float:
    """Return the time from the end of a green to the begin of the last one on a path, s.

    The stages in between get their least greens.
    """
    spent_s, at = 0.0, current
    for number, stage in enumerate(path, start=1):
        spent_s += change_s(site, at, stage)
        if number < len(path):
            spent_s += site.stages[stage].least_green_s
        at = stage
    return spent_s


def round_s(site: Site, stage: int) -> float:
    """Return the red of a stage while every other is served for its least green, about, s."""
    others = [s for s in range(len(site.stages)) if s != stage]
    return sum(site.stages[s].least_green_s + change_s(site, stage, s) for s in others)
