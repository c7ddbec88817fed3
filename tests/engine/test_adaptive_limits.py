"""When stages may be left, told to controllers that look ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numba import typeof

from engine.adaptive import lookahead
from engine.adaptive.control import Site, View
from engine.adaptive.coordinated import PlanBound
from engine.adaptive.kernels import FADE, NEVER_S, look_ahead
from engine.adaptive.limits import Limits, free
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import BEYOND_S, CROWDED_VEH, Outlook, inside_plans
from engine.adaptive.sites import build_sites
from network.errors import EngineError
from tests.engine.adaptive_views import MAIN, SIDE, crossing, view
from throughband.setting import open_setting

NETWORK = open_setting("cologne1").network
SITES = build_sites(NETWORK)
WAITING = [(1, 1.0 + 7.5 * k) for k in range(5)]


class _Listener:
    """Hears what binds it, and stays."""

    horizon_s = 30

    def __init__(self) -> None:
        self.heard: Mapping[str, Limits] = {}

    def start(self, sites: Sequence[Site]) -> None:
        self.heard = {}

    def limit(self, limits: Mapping[str, Limits]) -> None:
        self.heard = limits

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        return {name: seen.stage for name, seen in views.items()}


def wished(limits: Limits | None, objects: Sequence[tuple[int, float]], stage: int = MAIN) -> int:
    controller = LookAhead(Outlook(unseen=0.0))
    controller.start([crossing()])
    if limits is not None:
        controller.limit({"x": limits})
    queue = [float(sum(lane == row for lane, _ in objects)) for row in range(2)]
    return controller.decide(0.0, {"x": view(stage, queue=queue, objects=objects)})["x"]


def test_a_free_signal_is_bound_by_its_least_greens_alone() -> None:
    limits = free(crossing(least_green_s=7), 4)
    assert limits.need_s.tolist() == [[7] * 4] * 3
    assert not limits.over.any()


def test_limits_of_two_shapes_are_refused() -> None:
    limits = free(crossing(), 4)
    with pytest.raises(EngineError, match=r"\(3, 4\).*\(3, 2\)"):
        Limits(limits.need_s, limits.over[:, :2])


def test_a_queue_is_let_go_at_once_unless_its_turn_is_barred() -> None:
    limits = free(crossing(), Outlook().horizon_s)
    assert wished(None, WAITING) == SIDE
    limits.need_s[MAIN, 0] = NEVER_S
    assert wished(limits, WAITING) == MAIN


def test_a_green_that_is_over_is_left_though_nobody_waits_elsewhere() -> None:
    assert wished(None, []) == MAIN
    limits = free(crossing(), Outlook().horizon_s)
    limits.over[MAIN, 0] = True
    assert wished(limits, []) != MAIN


def test_what_bound_a_controller_before_is_forgotten_when_it_starts() -> None:
    controller = LookAhead(Outlook(unseen=0.0))
    limits = free(crossing(), Outlook().horizon_s)
    limits.need_s[MAIN] = NEVER_S
    controller.limit({"x": limits})
    controller.start([crossing()])
    told = view(MAIN, queue=(0.0, 5.0), objects=WAITING)
    assert controller.decide(0.0, {"x": told})["x"] == SIDE


def test_the_controller_beneath_a_plan_hears_its_windows_from_now_on() -> None:
    listener = _Listener()
    bound = PlanBound(NETWORK, listener)
    bound.start(SITES)
    site = SITES[0]
    windows = bound.windows[site.signal_id]
    for now_s in range(0, 120, 7):
        bound.decide(float(now_s), {site.signal_id: replace(view(), stage=windows.order[0])})
        heard = listener.heard[site.signal_id]
        for row in windows.order:
            onward = windows.turns.after(row)[0]
            for ahead in range(listener.horizon_s):
                at_s, need_s = float(now_s + ahead), int(heard.need_s[row, ahead])
                assert heard.over[row, ahead] == (windows.bounded(at_s, row, row) == onward)
                for green_s in (0, need_s - 1, need_s, need_s + 1):
                    least_s = site.stages[row].least_green_s
                    goes = windows.bounded(at_s, row, onward, float(green_s)) == onward
                    leaves_at_all = green_s >= least_s and green_s < NEVER_S
                    if leaves_at_all and not heard.over[row, ahead]:
                        assert goes == (green_s >= need_s)


def test_a_clock_of_its_own_moves_the_windows_of_a_signal() -> None:
    listener = _Listener()
    bound = PlanBound(NETWORK, listener)
    bound.start(SITES)
    name = SITES[0].signal_id
    views = {name: view()}
    bound.decide(0.0, views, {name: 17.0})
    shifted = listener.heard[name]
    bound.decide(17.0, views)
    assert np.array_equal(shifted.need_s, listener.heard[name].need_s)


def test_the_search_that_was_loaded_takes_limits_of_a_plan_as_well() -> None:
    """In another order in memory it was compiled anew, which held the first decision up."""
    bound = PlanBound(NETWORK, LookAhead())
    bound.start(SITES)
    site = SITES[0]
    heard, unbound = bound.windows[site.signal_id].limits(17.0, 75), free(site, 75)
    assert typeof(heard.need_s) == typeof(unbound.need_s)
    assert typeof(heard.over) == typeof(unbound.over)


def test_inside_plans_a_whole_cycle_is_seen() -> None:
    plans = [signal.plan_in_force for signal in NETWORK.signals.values()]
    cycle_s = max(plan.cycle_s for plan in plans if plan is not None)
    assert inside_plans(Outlook(), NETWORK).horizon_s == cycle_s + BEYOND_S
    assert inside_plans(Outlook(horizon_s=500), NETWORK).horizon_s == 500


@pytest.mark.parametrize(("standing", "fades"), [(29, True), (30, False)])
def test_nothing_fades_where_it_is_crowded(
    standing: int, fades: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []

    def searched(*arguments: Any) -> float:
        told.append(float(arguments[2][FADE]))
        return look_ahead(*arguments)

    monkeypatch.setattr(lookahead, "look_ahead", searched)
    assert CROWDED_VEH == 30.0
    controller = LookAhead(Outlook(unseen=0.0))
    controller.start([crossing()])
    told.clear()
    objects = [(int(k >= 15), 1.0 + 7.5 * (k % 15)) for k in range(standing)]
    controller.decide(0.0, {"x": view(MAIN, queue=(15.0, standing - 15.0), objects=objects)})
    assert told == [Outlook().fade_s if fades else np.inf]
