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
from engine.adaptive.coordinated import PlanBound
from engine.adaptive.plan_in_force import PlanClock
from engine.adaptive.player import Player
from engine.adaptive.sites import build_sites
from network.errors import EngineError
from tests.engine.adaptive_views import view
from throughband.pipeline import open_setting

CITY = "cologne8"
NETWORK = open_setting(CITY).network
SITES = build_sites(NETWORK)


class _Whim:
    """Wishes for anything."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._sites: Sequence[Site] = ()

    def start(self, sites: Sequence[Site]) -> None:
        self._sites = sites

    def decide(self, now_s: float, views: Mapping[str, View]) -> Mapping[str, int]:
        return {s.signal_id: int(self._rng.integers(len(s.stages))) for s in self._sites}


def played(seed: int, early_s: float, late_s: float) -> dict[str, list[tuple[int, int]]]:
    """Return, per signal and second, what is planned and what is shown; after the first cycles."""
    bound = PlanBound(NETWORK, _Whim(seed), early_s, late_s)
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
@given(st.integers(0, 2**31))
def test_the_coordinated_green_is_kept_whatever_is_wished(seed: int) -> None:
    for name, seconds in played(seed, 15.0, 10.0).items():
        plan = NETWORK.signals[name].plan_in_force
        assert plan is not None
        site = next(s for s in SITES if s.signal_id == name)
        main = {r for r, s in enumerate(site.stages) if plan.coordinated_phase in s.phases}
        # A stage that is not over with its least green may keep it waiting for a moment.
        least_s = max(s.least_green_s for s in site.stages)
        kept = [shown in main for planned, shown in seconds if planned in main]
        begun = sum(a[0] not in main and b[0] in main for a, b in itertools.pairwise(seconds))
        assert kept.count(False) <= least_s * (begun + 1)


def test_with_no_room_to_shift_the_plan_is_shown() -> None:
    for seconds in played(1, 0.0, 0.0).values():
        assert all(planned == shown for planned, shown in seconds)


def test_the_order_of_the_plan_is_kept() -> None:
    for name, seconds in played(2, 15.0, 10.0).items():
        order = [
            stage for k, (_, stage) in enumerate(seconds) if not k or stage != seconds[k - 1][1]
        ]
        planned = [p for k, (p, _) in enumerate(seconds) if not k or p != seconds[k - 1][0]]
        allowed = set(itertools.pairwise(planned))
        assert set(itertools.pairwise(order)) <= allowed, name


def test_an_early_end_is_a_force_off_and_a_late_one_a_hold() -> None:
    bound = PlanBound(NETWORK, _Whim(3))
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
    assert min(told.values()) > 0


@pytest.mark.parametrize("bounds", [(-1.0, 5.0), (5.0, float("nan")), (float("inf"), 5.0)])
def test_bounds_that_cannot_be_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(EngineError, match="from 0"):
        PlanBound(NETWORK, _Whim(1), *bounds)
