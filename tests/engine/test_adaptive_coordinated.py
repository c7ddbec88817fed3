"""Control inside the plan: cycle, order and the coordinated green stay, the rest may shift."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adaptive.control import Site, View
from engine.adaptive.coordinated import PlanBound, Slack
from engine.adaptive.plan_in_force import PlanClock
from engine.adaptive.player import Player
from engine.adaptive.sites import build_sites
from network.errors import EngineError
from tests.engine.adaptive_views import view
from throughband.setting import open_setting

CITY = "cologne8"
NETWORK = open_setting(CITY).network
SITES = build_sites(NETWORK)


class _Whim:
    """Wishes for anything."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.sites: Sequence[Site] = ()

    def start(self, sites: Sequence[Site]) -> None:
        self.sites = sites

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        return {s.signal_id: int(self._rng.integers(len(s.stages))) for s in self.sites}


def played(seed: int, slack: Slack) -> dict[str, list[tuple[int, int]]]:
    """Return, per signal and second, what is planned and what is shown; after the first cycles."""
    bound = PlanBound(NETWORK, _Whim(seed), slack)
    bound.start(SITES)
    players = {s.signal_id: Player(s, s.sequence[0], longest_wait_s=1e6) for s in SITES}
    clocks = {s.signal_id: PlanClock(s, NETWORK.signals[s.signal_id]) for s in SITES}
    shown: dict[str, list[tuple[int, int]]] = {name: [] for name in players}
    for now_s in range(480):
        views = {
            name: replace(view(), stage=p.stage, green_s=p.green_s, clearing_s=p.clearing_s)
            for name, p in players.items()
        }
        wishes = bound.decide(float(now_s), views)
        for name, player in players.items():
            player.advance(wishes[name])
            planned = clocks[name].stage(float(now_s))
            assert planned is not None
            if now_s >= 240:
                shown[name].append((planned, player.stage))
    return shown


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([(0.0, 0.0), (15.0, 10.0)]))
def test_the_coordinated_green_keeps_its_place_whatever_is_wished(
    seed: int, main: tuple[float, float]
) -> None:
    slack = Slack(30.0, 20.0, *main)
    for name, seconds in played(seed, slack).items():
        plan = NETWORK.signals[name].plan_in_force
        assert plan is not None
        site = next(s for s in SITES if s.signal_id == name)
        green = {r for r, s in enumerate(site.stages) if plan.coordinated_phase in s.phases}
        # A stage that is not over with its least green may keep it waiting for a moment.
        least_s = max(s.least_green_s for s in site.stages)
        kept = [shown in green for planned, shown in seconds if planned in green]
        begun = sum(a[0] not in green and b[0] in green for a, b in itertools.pairwise(seconds))
        assert kept.count(False) <= (sum(main) + least_s) * (begun + 1)


def test_the_coordinated_green_never_outlasts_its_yield_point() -> None:
    for name, seconds in played(5, Slack(30.0, 20.0, 15.0, 10.0)).items():
        plan = NETWORK.signals[name].plan_in_force
        assert plan is not None
        site = next(s for s in SITES if s.signal_id == name)
        green = {r for r, s in enumerate(site.stages) if plan.coordinated_phase in s.phases}
        for at in range(30, len(seconds)):
            before, now = seconds[at - 1 : at + 1]
            # One that came back early has ended in this cycle already.
            whole = all(shown in green for _, shown in seconds[at - 30 : at])
            if before[0] in green and now[0] not in green and whole:
                assert now[1] not in green


def test_the_controller_beneath_sees_the_changes_of_the_plan_alone() -> None:
    whim = _Whim(1)
    PlanBound(NETWORK, whim).start(SITES)
    for site in whim.sites:
        after = dict(site.clearances)
        assert len(after) == len({a for a, _ in after}) == len(site.sequence)


def test_with_no_room_to_shift_the_plan_is_shown() -> None:
    for seconds in played(1, Slack(0.0, 0.0, 0.0, 0.0)).values():
        assert all(planned == shown for planned, shown in seconds)


def test_the_order_of_the_plan_is_kept() -> None:
    for name, seconds in played(2, Slack(15.0, 10.0, 0.0, 0.0)).items():
        order = [
            stage for k, (_, stage) in enumerate(seconds) if not k or stage != seconds[k - 1][1]
        ]
        planned = [p for k, (p, _) in enumerate(seconds) if not k or p != seconds[k - 1][0]]
        allowed = set(itertools.pairwise(planned))
        assert set(itertools.pairwise(order)) <= allowed, name


@pytest.mark.parametrize(
    ("slack", "kind"),
    [(Slack(30.0, 0.0, 15.0, 0.0), "force_off"), (Slack(0.0, 20.0, 0.0, 10.0), "hold")],
)
def test_an_early_end_is_a_force_off_and_a_late_one_a_hold(slack: Slack, kind: str) -> None:
    bound = PlanBound(NETWORK, _Whim(3), slack)
    bound.start(SITES)
    told = {"hold": 0, "force_off": 0}
    players = {s.signal_id: Player(s, s.sequence[0], longest_wait_s=1e6) for s in SITES}
    for now_s in range(240):
        views = {
            name: replace(view(), stage=p.stage, green_s=p.green_s, clearing_s=p.clearing_s)
            for name, p in players.items()
        }
        wishes = bound.decide(float(now_s), views)
        for name, player in players.items():
            controls = bound.controls[name]
            assert not controls.hold & controls.force_off
            green = set(player.site.stages[player.stage].phases)
            assert controls.hold | controls.force_off <= green
            told["hold"] += bool(controls.hold)
            told["force_off"] += bool(controls.force_off)
            player.advance(wishes[name])
    assert told[kind] > 0


def test_a_coordinated_green_that_came_back_early_is_not_left_again_in_that_cycle() -> None:
    bound = PlanBound(NETWORK, _Whim(1), Slack(30.0, 0.0, 15.0, 0.0))
    bound.start(SITES)
    found = 0
    for site in SITES:
        plan = NETWORK.signals[site.signal_id].plan_in_force
        assert plan is not None
        windows = bound.windows[site.signal_id]
        for row, onward in itertools.pairwise([*windows.order, windows.order[0]]):
            if plan.coordinated_phase not in site.stages[row].phases:
                continue
            if plan.coordinated_phase in site.stages[onward].phases:
                continue
            at_s = next(s for s in range(300) if windows.left_s(float(s), row) == 5)
            # It has been green for long, or only since six seconds before.
            assert windows.bounded(float(at_s), row, onward, 40.0) == onward
            assert windows.bounded(float(at_s), row, onward, 6.0) == row
            assert windows.bounded(float(at_s + 5), row, onward, 11.0) != onward
            found += 1
    assert found


def test_a_green_that_began_early_is_held_beyond_its_split_where_force_offs_float() -> None:
    bound = PlanBound(NETWORK, _Whim(1), Slack(30.0, 20.0, 15.0, 10.0))
    bound.start(SITES)
    found = 0
    for site in SITES:
        plan = NETWORK.signals[site.signal_id].plan_in_force
        assert plan is not None
        windows = bound.windows[site.signal_id]
        for row, onward in itertools.pairwise([*windows.order, windows.order[0]]):
            at_s = float(next(s for s in range(300) if windows.left_s(float(s), row) == 8))
            held = windows.controls(at_s, row, row, green_s=200.0).hold
            coordinated = plan.coordinated_phase in site.stages[row].phases
            ends = plan.coordinated_phase not in site.stages[onward].phases
            assert bool(held) == (not (coordinated and ends))
            assert not windows.controls(at_s, row, row, green_s=0.0).hold
            found += bool(held)
    assert found


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_bounds_that_cannot_be_are_refused(at: int, value: float) -> None:
    bounds = [5.0] * 4
    bounds[at] = value
    with pytest.raises(EngineError, match="from 0"):
        Slack(*bounds)


def test_a_clock_of_its_own_decides_when_a_green_may_end() -> None:
    bound = PlanBound(NETWORK, _Whim(3), Slack(0.0, 0.0, 0.0, 0.0))
    bound.start(SITES)
    name = SITES[0].signal_id
    clock = PlanClock(SITES[0], NETWORK.signals[name])
    views = {name: replace(view(), stage=clock.stage(0.0))}
    here = [bound.decide(0.0, views, {name: float(at_s)})[name] for at_s in range(200)]
    assert len(set(here)) == 2
    assert bound.decide(0.0, views)[name] == clock.stage(0.0)
