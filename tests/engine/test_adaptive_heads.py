"""Turns from the loop at the stop line: who leaves under what, and who stands under green."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.adaptive.control import Information, View
from engine.adaptive.heads import HeadTurns
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

SHARE = np.array([0.6, 0.4, 1.0])


def second(at_s: int, stage: int, count: float, occupancy: float, green_s: float = 10.0) -> View:
    return replace(
        view(stage, green_s, information=Information.DETECTORS),
        seen_s=float(at_s),
        stop_count=np.array([count, 0.0]),
        stop_occupancy=np.array([occupancy, 0.0]),
    )


def heard(*seconds: tuple[int, float, float]) -> np.ndarray:
    heads = HeadTurns(crossing())
    return sum(
        (heads.turned(second(k, *what), SHARE) for k, what in enumerate(seconds)), np.zeros(3)
    )


def test_who_leaves_where_only_the_left_turn_is_open_turned_left() -> None:
    turned = heard((SIDE, 1, 1), (SIDE, 0, 1), (LEFT, 0, 1), (LEFT, 0, 0))
    assert turned == pytest.approx([0, 1, 0], abs=0.05)


def test_who_stands_under_green_yields() -> None:
    turned = heard((SIDE, 1, 1), *[(MAIN, 0, 1)] * 6, (MAIN, 0, 0))
    assert turned[1] > 0.8


def test_who_goes_at_once_is_as_likely_as_believed() -> None:
    assert heard((MAIN, 1, 0.5), (MAIN, 0, 0)) == pytest.approx(SHARE * [1, 1, 0])


def test_every_vehicle_is_one_whatever_it_did() -> None:
    turned = heard((MAIN, 1, 0.6), (MAIN, 1, 0.6), (MAIN, 1, 1), *[(MAIN, 0, 1)] * 9, (LEFT, 0, 0))
    assert turned.sum() == pytest.approx(3.0)


def test_one_message_told_twice_is_one_message() -> None:
    heads = HeadTurns(crossing())
    heads.turned(second(0, MAIN, 1, 1), SHARE)
    first = heads.turned(second(1, MAIN, 0, 0), SHARE)
    again = heads.turned(second(1, MAIN, 0, 0), SHARE)
    assert (first.sum(), again.sum()) == (pytest.approx(1.0), 0.0)


def test_a_dead_loop_tells_of_no_turn() -> None:
    dead = replace(second(0, MAIN, 0, 0), stop_count=np.array([np.nan, 0.0]))
    assert np.isnan(HeadTurns(crossing()).turned(dead, SHARE)).tolist() == [True, True, False]
