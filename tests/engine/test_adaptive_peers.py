"""The peers on a street: how the benchmark measures, and that the player keeps them lawful."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.adaptive import bootstrap
from benchmarks.adaptive_runs import (
    CYCLIC,
    SCORES,
    Task,
    Watched,
    controller_of,
    play_program,
)
from benchmarks.stop_line_waits import StopLineWaits
from engine.adaptive.sensing import Sensing, Traffic
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from engine.validate.sumo import play as play_alone
from network.errors import EngineError
from tests.engine.adaptive_views import crossing
from throughband.setting import open_setting


def task(controller: str, ours: str = "", interval_s: int = 10) -> Task:
    return Task("cologne8", controller, ours, 11, Sensing(), interval_s, 0)


def test_who_stands_is_held_against_the_lamps_of_the_second_before() -> None:
    site = crossing()
    lanes = [replace(lane, ways=(replace(lane.ways[0], groups=(0,)),)) for lane in site.lanes]
    waits = StopLineWaits([replace(site, lanes=tuple(lanes))])
    watch = Watched(waits)
    stands = Traffic(("a",), ("main_0",), np.array([199.0]), np.zeros(1))
    for second, shown in enumerate(("G", "r", "r", "r", "G", "G")):
        watch(float(second), {"x": shown}, {}, stands)
    waits.finish()
    assert waits.longest.red_s == 3.0
    assert waits.green_s == 2.0


@pytest.mark.sumo
def test_the_plan_in_force_is_watched_by_the_same_stopwatches() -> None:
    setting = open_setting("cologne1", 25200, 25500)
    sites = build_sites(setting.network)
    waits = StopLineWaits(sites)
    trips, _ = play_program(setting.case, 11, sites, (), waits)
    assert np.array_equal(trips.delay_s, play_alone(setting.case, 11, emissions=False)[1].delay_s)
    waits.finish()
    plan = setting.network.signals[sites[0].signal_id].plan_in_force
    assert plan is not None
    assert 0.3 * plan.cycle_s < waits.longest.unbroken_s < plan.cycle_s


def test_the_bootstrap_brackets_the_mean_and_repeats() -> None:
    ours, peer = [10.0, 12.0, 11.0, 9.0], [13.0, 12.5, 14.0, 11.0]
    mean, low, high = bootstrap(ours, peer)
    assert mean == pytest.approx(-2.125)
    assert low < mean < high < 0
    assert bootstrap(ours, peer) == (mean, low, high)


def test_every_peer_can_be_made_and_ours_must_be_named() -> None:
    for name in (*SCORES, CYCLIC):
        controller_of(task(name)).start(())
    with pytest.raises(EngineError, match="MODULE:NAME"):
        controller_of(task("ours", "nowhere:Nobody"))


@pytest.mark.sumo
def test_peers_keep_least_greens_and_clearances_on_the_street() -> None:
    setting = open_setting("cologne1", 25200, 25500)
    (site,) = build_sites(setting.network)
    shown: list[str] = []
    done = run_adaptive(
        setting.case,
        11,
        [site],
        controller_of(task("longest queue", interval_s=1)),
        emissions=False,
        watch=lambda _, lamps, *__: shown.append(lamps[site.signal_id]),
    )
    assert len(done.trips) > 100
    cuts = [0, *(np.flatnonzero([a != b for a, b in pairwise(shown)]) + 1)]
    runs = [(shown[a], b - a) for a, b in zip(cuts, [*cuts[1:], len(shown)], strict=True)]
    greens = {stage.aspects: stage.least_green_s for stage in site.stages}
    assert len(runs) > 10
    for picture, length_s in runs[:-1]:
        assert length_s >= greens.get(picture, 5), (picture, length_s)
        assert picture in greens or "y" in picture
