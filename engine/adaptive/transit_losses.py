"""What a step of priority costs others, in person-seconds, by who is seen when it is taken.

Where a plan says how long greens last, who is lost to a shorter green is told by how many stand or
come on the lane and how many could have left in what remains of it. Each of them holds back one
after the other until the queue is gone, be it in the next green or cycles later
(`engine.adaptive.backlog`). Where nothing is known of what comes, those who stand wait for as long
as they are put off.

Not modeled: what those gain who share the green of the bus.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.adaptive.approach import change_s
from engine.adaptive.backlog import lasting_s
from engine.adaptive.control import CLOSED, Floats, Site, View
from engine.adaptive.transit import PERSONS_PER_VEHICLE
from engine.adaptive.turns import Turns


def standing(site: Site, view: View, served: int | None, closed: int) -> float:
    """Return how many people stand in lanes that one stage serves, any if None, and another not."""
    lanes = _lanes(site, served, closed)
    return PERSONS_PER_VEHICLE * float(np.nansum(view.queue_veh[lanes]))


def put_off(
    site: Site,
    turns: Turns,
    view: View,
    flow_vps: Floats,
    stage: int,
    beside: int,
    green_s: float,
    cut_s: float,
) -> float:
    """Return what those lose whom a shorter green leaves behind, and those behind them.

    Parameters
    ----------
    site, turns, view, flow_vps
        The signal, its plan, what is seen of it, and what comes to its lanes, veh/s; float64[L].
    stage, beside
        The stage that is cut short; lanes that the other one serves as well lose nothing.
    green_s, cut_s
        What it would still have, and how much of that is taken, s.
    """
    cut_s = min(max(0.0, cut_s), green_s)
    lanes = _lanes(site, stage, beside)
    headway_s = _headways_s(site)
    queue = np.nan_to_num(view.queue_veh)
    # Those under way come while the green lasts, and so do others who are not in sight yet.
    coming = np.maximum(np.nan_to_num(view.count_veh) - queue, flow_vps * green_s)
    behind = np.maximum(0.0, queue + coming - (green_s - cut_s) / headway_s)
    left = np.minimum(behind, cut_s / headway_s)[lanes]
    lasts_s = lasting_s(site, turns, flow_vps, behind, lanes)
    return PERSONS_PER_VEHICLE * float(left @ lasts_s)


def extended(
    site: Site, turns: Turns | None, view: View, flow_vps: Floats, onward: int, by_s: float
) -> float:
    """Return what others lose when the running green is extended by so long."""
    if turns is None:
        return standing(site, view, onward, view.stage) * by_s
    green_s = turns.green_s(site, onward)
    cut_s = min(by_s, max(0.0, green_s - site.stages[onward].least_green_s))
    wait = begun_late(site, turns, view, flow_vps, onward, view.stage, by_s)
    return wait + put_off(site, turns, view, flow_vps, onward, view.stage, green_s, cut_s)


def cut(
    site: Site,
    turns: Turns | None,
    view: View,
    flow_vps: Floats,
    target: int,
    left_s: float,
    away_s: float,
) -> float:
    """Return what those lose whose green ends early for another stage.

    Parameters
    ----------
    site, turns, view, flow_vps
        The signal, its plan if it has one, what is seen, and what comes, veh/s; float64[L].
    target
        The stage that is to be reached.
    left_s
        What the plan still has for the running green, s.
    away_s
        For how long it is gone where there is no plan, s.
    """
    if turns is None:
        return standing(site, view, view.stage, target) * away_s
    return put_off(site, turns, view, flow_vps, view.stage, target, left_s, left_s)


def inserted(
    site: Site,
    turns: Turns | None,
    view: View,
    flow_vps: Floats,
    target: int,
    onward: int,
    left_s: float,
    over_s: float,
) -> float:
    """Return what others lose by a stage out of its turn.

    Parameters
    ----------
    site, turns, view, flow_vps, left_s
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
    least_s, green_s = site.stages[onward].least_green_s, turns.green_s(site, onward)
    if onward == current:
        lost = put_off(site, turns, view, flow_vps, current, target, left_s, back_s)
        slip_s = max(0.0, back_s + least_s - left_s)
    else:
        lost = put_off(site, turns, view, flow_vps, current, target, left_s, left_s)
        late_s = max(0.0, back_s - left_s - change_s(site, current, onward))
        cut_s = min(late_s, max(0.0, green_s - least_s))
        lost += put_off(site, turns, view, flow_vps, onward, target, green_s, cut_s)
        lost += begun_late(site, turns, view, flow_vps, onward, target, late_s)
        slip_s = late_s - cut_s
    for stage in turns.path(onward, target):
        lost += begun_late(site, turns, view, flow_vps, stage, onward, slip_s)
        slip_s = max(0.0, slip_s - turns.green_s(site, stage) + site.stages[stage].least_green_s)
    return lost


def begun_late(
    site: Site,
    turns: Turns,
    view: View,
    flow_vps: Floats,
    stage: int,
    beside: int,
    late_s: float,
) -> float:
    """Return what those lose for whom a green begins late: whoever meets its queue, all of it.

    Parameters
    ----------
    site, turns, view, flow_vps
        As for `put_off`.
    stage, beside
        The stage that begins late, and the one before it; lanes that this one serves as well lose
        nothing. An inserted stage that served them earlier spares them nothing: whoever comes with
        the green wave comes after it, and stops.
    late_s
        By how much, s.
    """
    if late_s <= 0.0:
        return 0.0
    served = site.service()
    lanes = (served[stage] != CLOSED) & (served[beside] == CLOSED)
    headway_s, flow = _headways_s(site), flow_vps
    red_s, green_s = turns.red_s(site, stage), turns.green_s(site, stage)
    # The queue grows by who comes while it discharges; more than the green holds is cut already.
    met = flow * red_s / np.maximum(1.0 - flow * headway_s, headway_s / turns.cycle_s)
    met = np.maximum(met, np.nan_to_num(view.queue_veh))
    return PERSONS_PER_VEHICLE * late_s * float(np.minimum(met, green_s / headway_s)[lanes].sum())


def _lanes(site: Site, served: int | None, closed: int) -> NDArray[np.bool_]:
    service = site.service()
    lanes: NDArray[np.bool_] = service[closed] == CLOSED
    return lanes if served is None else lanes & (service[served] != CLOSED)


def _headways_s(site: Site) -> Floats:
    return np.array([max((w.headway_s for w in lane.ways), default=2.0) for lane in site.lanes])
