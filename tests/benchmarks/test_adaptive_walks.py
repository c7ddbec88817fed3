"""The benchmark of people on foot: their waits by the lamps, and what it judges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.adaptive_walks import ACTUATED, CALLED, CONTROLLERS, Row, missed, table
from benchmarks.walk_waits import WalkWaits, longest_s, quantile_s
from engine.adaptive.control import Walk
from tests.engine.adaptive_views import SIDE, crossing

SITE = replace(crossing(least_green_s=10), walks=(Walk(3, frozenset({SIDE}), 4, 6),))
CALM = Row(20.0, 80.0, 60.0, False)


def looked(*spans: tuple[int, int], until: int = 200) -> WalkWaits:
    waits = WalkWaits([SITE])
    for now in range(until + 1):
        waits.look(float(now), "x", [any(begin <= now < end for begin, end in spans)])
    return waits


def test_waits_are_between_walks_and_before_the_first_and_after_the_last() -> None:
    (gaps,) = looked((50, 54), (130, 134)).gaps_s()
    assert gaps.tolist() == [50.0, 76.0, 66.0]
    assert longest_s([gaps]) == 76.0


def test_a_walk_that_runs_at_either_end_leaves_no_wait() -> None:
    (gaps,) = looked((0, 20), (100, 300)).gaps_s()
    assert gaps.tolist() == [0.0, 80.0, 0.0]


def test_in_a_green_people_walk_until_their_clearance_and_not_in_one_too_short() -> None:
    (gaps,) = looked((50, 80), (100, 109), (150, 170)).gaps_s(greens=True)
    assert gaps.tolist() == [50.0, 150.0 - 74.0, 200.0 - 164.0]


def test_a_quantile_is_of_all_who_may_come_at_any_moment() -> None:
    # Half the time walk, and two waits of up to 50 s each.
    gaps = [np.array([50.0, 50.0])]
    assert quantile_s(gaps, 200.0, 0.5) == pytest.approx(0.0, abs=1e-6)
    assert quantile_s(gaps, 200.0, 0.75) == pytest.approx(25.0)
    assert quantile_s(gaps, 200.0, 1.0) == pytest.approx(50.0)


def found(called: Row, peer: Row = replace(CALM, delay_s=40.0)) -> dict[str, dict[str, list[Row]]]:
    return {"x": {name: [peer] for name in CONTROLLERS} | {CALLED: [called], ACTUATED: [peer]}}


def test_limits_are_delay_and_waits_on_foot() -> None:
    assert missed(found(CALM), 90.0) == []
    assert missed(found(replace(CALM, longest_s=90.0)), 90.0) == []
    (told,) = missed(found(replace(CALM, delay_s=33.0)), 90.0)
    assert "0.82" in told
    (told,) = missed(found(replace(CALM, longest_s=91.0)), 90.0)
    assert "91 s, limit 90 s" in told


def test_the_table_tells_locked_streets() -> None:
    row = table(found(replace(CALM, locked=True)))[-1]
    assert row == "| x | 40.0 | 40.0 | 20.0† | 0.50 | 80 (60) | 80 (60) | 80 (60) |"
