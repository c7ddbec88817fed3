"""The peers on a street: how the benchmark measures, and that the player keeps them lawful."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.adaptive import bootstrap
from benchmarks.adaptive_runs import CYCLIC, SCORES, LongestWait, Task, controller_of
from engine.adaptive.sensing import Sensing
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from network.errors import EngineError
from tests.engine.adaptive_views import view
from throughband.setting import open_setting


def task(controller: str, ours: str = "", interval_s: int = 10) -> Task:
    return Task("cologne8", controller, ours, 11, Sensing(), interval_s, 0)


def test_a_long_red_with_nobody_there_keeps_nobody_waiting() -> None:
    watch = LongestWait()
    for now_s in range(100):
        there = now_s >= 90
        seen = view(queue=(float(there), 0.0), waiting_s=(float(now_s), 0.0))
        watch(float(now_s), {}, {"x": seen})
    assert watch.wait_s == 10.0


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
        watch=lambda _, lamps, __: shown.append(lamps[site.signal_id]),
    )
    assert len(done.trips) > 100
    cuts = [0, *(np.flatnonzero([a != b for a, b in pairwise(shown)]) + 1)]
    runs = [(shown[a], b - a) for a, b in zip(cuts, [*cuts[1:], len(shown)], strict=True)]
    greens = {stage.aspects: stage.least_green_s for stage in site.stages}
    assert len(runs) > 10
    for picture, length_s in runs[:-1]:
        assert length_s >= greens.get(picture, 5), (picture, length_s)
        assert picture in greens or "y" in picture
