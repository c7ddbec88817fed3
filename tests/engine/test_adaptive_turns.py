"""When the stages of a plan have their turns."""

from __future__ import annotations

import pytest

from engine.adaptive.turns import Turns
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing

TURNS = Turns([MAIN] * 30 + [LEFT] * 10 + [SIDE] * 20)
SITE = crossing()


def test_the_order_begins_with_the_first_to_end() -> None:
    assert TURNS.order == (MAIN, LEFT, SIDE)
    assert TURNS.after(LEFT) == (SIDE, MAIN, LEFT)
    assert TURNS.path(SIDE, LEFT) == (MAIN, LEFT)


@pytest.mark.parametrize("shown", [[0, 1, 0, 2], [0, 0, 0], [0, None, 1]])
def test_stages_with_two_turns_or_none_have_no_order(shown: list[int | None]) -> None:
    assert Turns(shown).order == ()


def test_greens_and_reds_fill_the_cycle() -> None:
    assert [TURNS.green_s(SITE, row) for row in TURNS.order] == [27.0, 7.0, 17.0]
    for row in TURNS.order:
        assert TURNS.green_s(SITE, row) + TURNS.red_s(SITE, row) == TURNS.cycle_s == 60


def test_ends_are_counted_from_now() -> None:
    assert TURNS.ends_s(10.0, MAIN) == 20.0
    assert TURNS.ends_s(70.0, SITE.sequence.index(SIDE)) == 50.0


def test_a_stage_has_left_what_the_plan_still_has_for_it() -> None:
    assert TURNS.left_s(SITE, 10.0, MAIN) == 20.0
    # Begun before its time, and past it.
    assert TURNS.left_s(SITE, 28.0, LEFT) == 12.0
    assert TURNS.left_s(SITE, 35.0, MAIN) == 0.0
