"""Ratios of paired seeds, and the limits that they are held against."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from benchmarks.suite.controllers import known_controllers
from benchmarks.suite.jobs import Street
from benchmarks.suite.limits import BEST, Limit, judge, read_limits
from benchmarks.suite.ratios import paired_ratio
from benchmarks.suite.scenes import is_made_up
from benchmarks.suite.summary import OURS, summarize
from network.errors import InsufficientDataError
from scenarios.cities import CITIES
from tests.benchmarks.suite_runs import runs

pairs = st.lists(
    st.tuples(st.floats(10.0, 60.0), st.floats(10.0, 60.0)), min_size=3, max_size=10
).filter(lambda found: len({a for a, _ in found}) > 1 and len({b for _, b in found}) > 1)


@given(pairs)
def test_the_interval_holds_every_ratio_a_paired_test_does_not_reject(
    found: list[tuple[float, float]],
) -> None:
    ours, theirs = (np.array(side) for side in zip(*found, strict=True))
    ratio = paired_ratio(ours.tolist(), theirs.tolist())
    assert ratio.low <= ratio.value <= ratio.high
    if math.isinf(ratio.high):
        return
    inside, outside = (ratio.value + ratio.high) / 2, ratio.high + 0.01 * abs(ratio.high)
    assert ttest_1samp(ours - inside * theirs, 0.0).pvalue > 0.05 - 1e-6
    assert ttest_1samp(ours - outside * theirs, 0.0).pvalue < 0.05 + 1e-6


def test_a_constant_ratio_has_no_width() -> None:
    ratio = paired_ratio([9.5, 10.0, 10.5], [19.0, 20.0, 21.0])
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((0.5, 0.5, 0.5), abs=1e-6)
    assert ratio.verdict(0.51) == "met"
    assert ratio.verdict(0.49) == "missed"


def test_seeds_that_scatter_too_widely_tell_nothing() -> None:
    ratio = paired_ratio([5.0, 10.0, 40.0], [10.0, 20.0, 80.0])
    assert (ratio.low, ratio.high) == (-math.inf, math.inf)
    assert ratio.verdict(0.9) == "within noise, met"


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [1.0]), ([1.0, 2.0], [1.0])])
def test_too_little_for_a_ratio_is_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(InsufficientDataError):
        paired_ratio(ours, theirs)


def test_limits_are_judged_by_the_interval() -> None:
    ours = runs("throughband", [10.0 + k / 8 for k in range(3)])
    theirs = runs("multiband", [20.0 + k / 4 for k in range(3)])
    found = {f.limit: f for f in judge(summarize([*ours, *theirs]), read_limits())}
    kept = found["delay at most 0.95 of multiband"]
    assert (kept.found, kept.verdict) == ("0.50 [0.50, 0.50]", "met")
    assert found["delay at most 0.85 of sumo-tools"].verdict == "not measured"
    assert found["no seed locked"].verdict == "met"


def test_the_best_peer_is_neither_ours_nor_the_floor() -> None:
    outcomes = [
        *runs("floor", [1.0, 1.1]),
        *runs("max-pressure", [20.0, 21.0]),
        *runs("longest-queue", [18.0, 19.0]),
        *runs("throughband", [9.0, 9.5]),
        *runs("adaptive", [12.0, 12.6]),
    ]
    limit = Limit("adaptive", peer=BEST, ratio=1.0)
    (finding,) = (f for f in judge(summarize(outcomes), [limit]) if "best" in f.limit)
    assert finding.limit == "delay at most 1 of best peer, longest-queue"
    assert finding.verdict == "met"


def test_medians_and_means_are_limits_too() -> None:
    ours = runs("throughband", [10.0, 11.0, 30.0])
    limits = [Limit(median_s=12.0), Limit(mean_s=12.0)]
    found = [f.verdict for f in judge(summarize(ours), limits)]
    assert found == ["met", "met", "missed"]


def test_a_locked_seed_misses_its_limit() -> None:
    finding = judge(summarize(runs("throughband", [10.0, 11.0], locked=1.0)), [])[0]
    assert (finding.found, finding.verdict) == ("2 of 2", "missed")


def test_limits_hold_where_they_say() -> None:
    limit = Limit(rules=("street",), peer="sumo-tools", ratio=0.85, kinds=("city",))
    assert limit.holds(Street("cologne3", "street"))
    assert not limit.holds(Street("cologne3"))
    assert not limit.holds(Street("arterial:10:7", "street"))
    assert not limit.holds(Street("cologne3", "street", 1.2))
    assert not limit.holds(Street("cologne3", "street", 1.0, "incident"))


def test_every_limit_names_what_there_is() -> None:
    known = known_controllers()
    for limit in read_limits():
        assert limit.ours in OURS
        assert limit.peer in (*known, BEST, "")
        assert sum(map(bool, (limit.ratio, limit.median_s, limit.mean_s))) == 1
        assert bool(limit.peer) == bool(limit.ratio)
        assert all(name.removesuffix("-file") in CITIES for name in limit.scenarios)
        assert set(limit.kinds) <= {"city", "made-up"}
    assert is_made_up("arterial:10:7")


def test_ours_are_controllers() -> None:
    assert set(OURS) <= set(known_controllers())
