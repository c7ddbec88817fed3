"""What others lose by a step of priority."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.adaptive.backlog import LONGEST_S
from engine.adaptive.transit import PERSONS_PER_VEHICLE
from engine.adaptive.transit_losses import begun_late, cut, extended, inserted, put_off, standing
from engine.adaptive.turns import Turns
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing, view

SITE = crossing()
TURNS = Turns([MAIN] * 30 + [LEFT] * 10 + [SIDE] * 20)
NOBODY = np.zeros(2)
MAIN_GREEN_S = TURNS.green_s(SITE, MAIN) + TURNS.green_s(SITE, LEFT)
"""The lane of the main street goes in both."""


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
    lost = put_off(SITE, TURNS, seen, NOBODY, SIDE, MAIN, green_s, cut_s)
    behind = max(0.0, count - (green_s - min(cut_s, green_s)) / 2.0)
    # Nobody comes: those who are left go in the greens to come, a vehicle every two seconds.
    assert behind < 8.5 or left == 5.0
    lasts_s = 43.0 + 2.0 * behind if behind < 8.5 else 60.0 * behind / 8.5
    assert lost == pytest.approx(PERSONS_PER_VEHICLE * left * lasts_s)


def test_a_green_cut_short_costs_until_the_queue_is_gone() -> None:
    seen = view(SIDE, queue=(0.0, 8.0))
    # Three of eight leave in the next green, and five of them again.
    assert cut(SITE, TURNS, seen, NOBODY, MAIN, 6.0, 0.0) == pytest.approx(
        PERSONS_PER_VEHICLE * 3 * (TURNS.red_s(SITE, SIDE) + 2.0 * 8.0)
    )
    assert cut(SITE, None, seen, NOBODY, MAIN, 6.0, 10.0) == pytest.approx(PERSONS_PER_VEHICLE * 80)


def test_a_green_cut_short_costs_more_where_more_comes_than_greens_hold() -> None:
    seen = view(SIDE, queue=(0.0, 8.0))
    few, many = (
        cut(SITE, TURNS, seen, np.array([0.0, flow]), MAIN, 6.0, 0.0) for flow in (0.05, 0.15)
    )
    assert many == pytest.approx(PERSONS_PER_VEHICLE * 3 * LONGEST_S)
    assert few < many / 5


def test_an_extension_costs_nothing_where_nobody_waits_and_more_the_longer_it_is() -> None:
    assert extended(SITE, TURNS, view(LEFT), NOBODY, SIDE, 5.0) == 0.0
    seen = view(LEFT, queue=(0.0, 8.0))
    short, long = (extended(SITE, TURNS, seen, NOBODY, SIDE, by_s) for by_s in (2.0, 4.0))
    assert 0.0 < 2.0 * short < long


def test_an_insertion_costs_those_whose_turn_it_was() -> None:
    seen = view(MAIN, queue=(6.0, 0.0))
    # Back to a green that lasts long enough, or not any more.
    assert inserted(SITE, TURNS, seen, NOBODY, SIDE, MAIN, 25.0, 10.0) == 0.0
    assert inserted(SITE, TURNS, seen, NOBODY, SIDE, MAIN, 15.0, 10.0) == pytest.approx(
        PERSONS_PER_VEHICLE * 5 * (TURNS.cycle_s - MAIN_GREEN_S + 2.0 * 5)
    )


def test_an_insertion_costs_those_whose_green_wave_begins_late_for_it() -> None:
    # The side street is let go right before its turn; left turns come next, and it again.
    come = np.array([0.0, 0.1])
    few, many = (
        inserted(SITE, TURNS, view(MAIN), flow, SIDE, LEFT, 2.0, 15.0) for flow in (come, 2 * come)
    )
    late_s = 15.0 + 3.0 - 2.0 - 3.0
    slip_s = late_s - (TURNS.green_s(SITE, LEFT) - 5.0)
    met = 0.1 * TURNS.red_s(SITE, SIDE) / (1.0 - 2.0 * 0.1)
    assert few == pytest.approx(PERSONS_PER_VEHICLE * slip_s * met)
    assert few < many
    assert inserted(SITE, TURNS, view(MAIN), come, SIDE, MAIN, 25.0, 10.0) == 0.0


def test_no_more_are_late_than_the_green_holds() -> None:
    late = begun_late(SITE, TURNS, view(LEFT), np.array([0.0, 9.0]), SIDE, LEFT, 2.0)
    assert late == pytest.approx(PERSONS_PER_VEHICLE * 2.0 * TURNS.green_s(SITE, SIDE) / 2.0)
    assert begun_late(SITE, TURNS, view(LEFT), np.array([0.0, 9.0]), SIDE, SIDE, 2.0) == 0.0


def test_who_comes_while_a_green_lasts_wants_to_leave_in_it() -> None:
    # Nobody is there yet, and as many come as the whole green holds.
    come = np.array([0.0, 0.5])
    lost = put_off(SITE, TURNS, view(MAIN), come, SIDE, MAIN, 17.0, 6.0)
    assert lost == pytest.approx(PERSONS_PER_VEHICLE * 3.0 * LONGEST_S)


def test_an_insertion_without_a_plan_puts_everybody_off_who_waits() -> None:
    seen = view(MAIN, queue=(6.0, 0.0))
    # To the side street for its least green and on to the left turns, instead of there at once.
    assert inserted(SITE, None, seen, NOBODY, SIDE, LEFT, 0.0, 10.0) == pytest.approx(
        PERSONS_PER_VEHICLE * 6 * (3 + 5 + 3 - 3)
    )
