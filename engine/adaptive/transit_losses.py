"""What a step of priority costs others, in person-seconds, by who is seen when it is taken.

Where a plan says how long greens last, who is lost to a shorter green is told by how many stand or
come on the lane and how many could have left in what remains of it. They wait for the red of a
cycle and stand in the way of those behind them, who are counted alike. Where nothing is known of
what comes, those who stand wait for as long as they are put off.

Not modeled: queues that last for several cycles, which cost more, and what those gain who share
the green of the bus.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.approach import change_s
from engine.adaptive.control import CLOSED, Floats, Site, View
from engine.adaptive.transit import PERSONS_PER_VEHICLE
from engine.adaptive.turns import Turns

FOLLOW_ON: Final = 2.0
"""What a vehicle costs that is left behind, over its own wait. On a made-up arterial at 0.85 of its
capacity (seeds 11 and 12) SUMO's others lost 2.2 times what those left behind waited themselves."""


def standing(site: Site, view: View, served: int | None, closed: int) -> float:
    """Return how many people stand in lanes that one stage serves, any if None, and another not."""
    lanes = _lanes(site, served, closed)
    return PERSONS_PER_VEHICLE * float(np.nansum(view.queue_veh[lanes]))


def put_off(site: Site, view: View, stage: int, beside: int, green_s: float, cut_s: float) -> float:
    """Return how many people a shorter green leaves behind, those behind them included.

    Parameters
    ----------
    site, view
        The signal, and what is seen of it.
    stage, beside
        The stage that is cut short; lanes that the other one serves as well lose nothing.
    green_s, cut_s
        What it would still have, and how much of that is taken, s.
    """
    cut_s = min(max(0.0, cut_s), green_s)
    lanes = _lanes(site, stage, beside)
    headway_s = _headways_s(site)[lanes]
    seen = np.nan_to_num(np.fmax(view.count_veh, view.queue_veh))[lanes]
    left = np.clip(seen - (green_s - cut_s) / headway_s, 0.0, cut_s / headway_s)
    return FOLLOW_ON * PERSONS_PER_VEHICLE * float(left.sum())


def extended(site: Site, turns: Turns | None, view: View, onward: int, by_s: float) -> float:
    """Return what others lose when the running green is extended by so long."""
    wait = standing(site, view, onward, view.stage) * by_s
    if turns is None:
        return wait
    green_s = turns.green_s(site, onward)
    cut_s = min(by_s, max(0.0, green_s - site.stages[onward].least_green_s))
    lost = put_off(site, view, onward, view.stage, green_s, cut_s)
    return wait + lost * turns.red_s(site, onward)


def cut(
    site: Site, turns: Turns | None, view: View, target: int, left_s: float, away_s: float
) -> float:
    """Return what those lose whose green ends early for another stage.

    Parameters
    ----------
    site, turns, view
        The signal, its plan if it has one, and what is seen.
    target
        The stage that is to be reached.
    left_s
        What the plan still has for the running green, s.
    away_s
        For how long it is gone where there is no plan, s.
    """
    if turns is None:
        return standing(site, view, view.stage, target) * away_s
    lost = put_off(site, view, view.stage, target, left_s, left_s)
    return lost * turns.red_s(site, view.stage)


def inserted(
    site: Site,
    turns: Turns | None,
    view: View,
    target: int,
    onward: int,
    left_s: float,
    over_s: float,
) -> float:
    """Return what others lose by a stage out of its turn.

    Parameters
    ----------
    site, turns, view, left_s
        As for `cut`.
    target, onward
        The stage that is inserted, and the one that comes after it.
    over_s
        Time until the inserted green is over, s.
    """
    current = view.stage
    back_s = over_s + change_s(site, target, onward)
    if turns is None:
        least_s = change_s(site, current, target) + site.stages[target].least_green_s
        put_off_s = least_s + change_s(site, target, onward) - change_s(site, current, onward)
        return standing(site, view, None, target) * put_off_s
    if onward == current:
        lost = put_off(site, view, current, target, left_s, back_s)
        return lost * turns.red_s(site, current)
    lost = put_off(site, view, current, target, left_s, left_s) * turns.red_s(site, current)
    late_s = max(0.0, back_s - left_s - change_s(site, current, onward))
    green_s = turns.green_s(site, onward)
    cut_s = min(late_s, max(0.0, green_s - site.stages[onward].least_green_s))
    behind = put_off(site, view, onward, target, green_s, cut_s) * turns.red_s(site, onward)
    return lost + behind + standing(site, view, onward, target) * late_s


def _lanes(site: Site, served: int | None, closed: int) -> NDArray[np.bool_]:
    service = site.service()
    lanes: NDArray[np.bool_] = service[closed] == CLOSED
    return lanes if served is None else lanes & (service[served] != CLOSED)


def _headways_s(site: Site) -> Floats:
    return np.array([max((w.headway_s for w in lane.ways), default=2.0) for lane in site.lanes])
