"""What others lose by a step of priority."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.adaptive.transit import PERSONS_PER_VEHICLE
from engine.adaptive.transit_losses import FOLLOW_ON, cut, extended, inserted, put_off, standing
from engine.adaptive.turns import Turns
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

SITE = crossing()
TURNS = Turns([MAIN] * 30 + [LEFT] * 10 + [SIDE] * 20)
EACH = FOLLOW_ON * PERSONS_PER_VEHICLE


def test_only_those_who_could_have_gone_are_standing() -> None:
    seen = view(MAIN, queue=(3.0, 5.0))
    assert standing(SITE, seen, SIDE, MAIN) == PERSONS_PER_VEHICLE * 5
    assert standing(SITE, seen, MAIN, MAIN) == 0.0
    assert standing(SITE, seen, None, SIDE) == PERSONS_PER_VEHICLE * 3


@pytest.mark.parametrize(
    ("count", "green_s", "cut_s", "left"),
    [(4.0, 20.0, 10.0, 0.0), (8.0, 20.0, 10.0, 3.0), (30.0, 20.0, 10.0, 5.0), (8.0, 6.0, 9.0, 3.0)],
)
def test_a_shorter_green_leaves_those_behind_who_do_not_fit(
    count: float, green_s: float, cut_s: float, left: float
) -> None:
    # Two seconds a vehicle.
    seen = replace(view(MAIN), count_veh=np.array([0.0, count]))
    assert put_off(SITE, seen, SIDE, MAIN, green_s, cut_s) == pytest.approx(EACH * left)


def test_a_green_cut_short_costs_a_red_of_its_plan() -> None:
    seen = view(SIDE, queue=(0.0, 8.0))
    assert cut(SITE, TURNS, seen, MAIN, 6.0, 0.0) == pytest.approx(EACH * 3 * TURNS.red_s(SITE, 2))
    assert cut(SITE, None, seen, MAIN, 6.0, 10.0) == pytest.approx(PERSONS_PER_VEHICLE * 80)


def test_an_extension_costs_nothing_where_nobody_waits_and_more_the_longer_it_is() -> None:
    assert extended(SITE, TURNS, view(LEFT), SIDE, 5.0) == 0.0
    seen = view(LEFT, queue=(0.0, 8.0))
    short, long = (extended(SITE, TURNS, seen, SIDE, by_s) for by_s in (2.0, 4.0))
    assert 0.0 < 2.0 * short < long


def test_an_insertion_costs_those_whose_turn_it_was() -> None:
    seen = view(MAIN, queue=(6.0, 0.0))
    # Back to a green that lasts long enough, or not any more.
    assert inserted(SITE, TURNS, seen, SIDE, MAIN, 25.0, 10.0) == 0.0
    assert inserted(SITE, TURNS, seen, SIDE, MAIN, 15.0, 10.0) == pytest.approx(
        EACH * 5 * TURNS.red_s(SITE, MAIN)
    )


def test_an_insertion_without_a_plan_puts_everybody_off_who_waits() -> None:
    seen = view(MAIN, queue=(6.0, 0.0))
    # To the side street for its least green and on to the left turns, instead of there at once.
    assert inserted(SITE, None, seen, SIDE, LEFT, 0.0, 10.0) == pytest.approx(
        PERSONS_PER_VEHICLE * 6 * (3 + 5 + 3 - 3)
    )
