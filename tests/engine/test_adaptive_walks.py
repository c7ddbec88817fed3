"""People on foot: what is shown to them, and that none waits longer than asked."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adaptive.control import (
    CLOSED,
    PROTECTED,
    ExitLane,
    Site,
    Stage,
    StopLane,
    Walk,
    Way,
)
from engine.adaptive.player import Player
from network.errors import TopologyError
from network.phasing import Interval
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing

NOBODY = [False, False]


def walked(walk_s: int = 4, clear_s: int = 6, stages: tuple[int, ...] = (MAIN, SIDE)) -> Site:
    """People cross the side street beside MAIN, and the main one beside SIDE."""
    site = crossing(least_green_s=10)
    walks = tuple(Walk(row + 1, frozenset({row}), walk_s, clear_s) for row in stages)
    return replace(site, walks=walks)


def shown(player: Player, wishes: list[int], called: list[bool]) -> list[tuple[int, list[bool]]]:
    found = []
    for wish in wishes:
        player.advance(wish, called)
        found.append((player.stage, player.walking()))
    return found


def longest_dark_s(seen: list[tuple[int, list[bool]]], walk: int) -> int:
    runs = [(on, len(list(run))) for on, run in groupby(walks[walk] for _, walks in seen)]
    return max((seconds for on, seconds in runs if not on), default=0)


def test_walk_is_shown_at_the_begin_of_each_green() -> None:
    seen = shown(Player(walked()), [MAIN] * 10 + [SIDE] * 20, NOBODY)
    assert [walks[0] for _, walks in seen] == [True] * 4 + [False] * 26
    green = [stage for stage, _ in seen].index(SIDE) + 3
    assert [walks[1] for _, walks in seen] == [k in range(green, green + 4) for k in range(30)]


def test_a_crossing_whose_stage_nobody_drives_in_is_called_all_the_same() -> None:
    assert longest_dark_s(shown(Player(walked()), [MAIN] * 300, NOBODY), 1) == 300
    seen = shown(Player(walked(), walk_wait_s=60.0), [MAIN] * 300, NOBODY)
    assert longest_dark_s(seen, 1) <= 60
    assert LEFT not in {stage for stage, _ in seen}


def test_a_walk_begins_anew_in_a_green_that_lasts() -> None:
    player = Player(walked(stages=(MAIN,)), walk_wait_s=30.0)
    seen = shown(player, [MAIN] * 33, NOBODY)
    assert [k for k, (_, walks) in enumerate(seen) if walks[0]] == [0, 1, 2, 3]
    player.advance(MAIN, NOBODY)
    assert player.walking() == [True]
    # Who began is let across: walk and clearance, before anything else begins.
    seen = shown(player, [SIDE] * 10, NOBODY)
    assert [stage for stage, _ in seen] == [MAIN] * 9 + [SIDE]


@settings(max_examples=40, deadline=None)
@given(st.integers(70, 120), st.lists(st.integers(0, 2), min_size=40, max_size=40))
def test_nobody_on_foot_waits_longer_than_asked(limit_s: int, wishes: list[int]) -> None:
    player = Player(walked(), walk_wait_s=float(limit_s))
    seen = shown(player, [wish for wish in wishes for _ in range(10)], [True, True])
    for walk in range(2):
        assert longest_dark_s(seen, walk) <= limit_s


def star(arms: int, crossed: int) -> Site:
    """So many arms, each with a stage of its own of 10 s and 3 s of clearance; some are crossed."""
    numbers = range(arms)

    def lane(arm: int) -> StopLane:
        service = tuple(PROTECTED if stage == arm else CLOSED for stage in numbers)
        way = Way(f"way{arm}", "s", 0, service, (), 2.0, 0.0)
        return StopLane(f"arm{arm}_0", f"arm{arm}", 200.0, 10.0, 26.0, (way,))

    stages = tuple(
        Stage((arm + 1,), "".join("G" if k == arm else "r" for k in numbers), 10) for arm in numbers
    )
    clearances = {(a, b): (Interval("r" * arms, 30),) for a in numbers for b in numbers if a != b}
    leaving = ExitLane("out_0", "out", 100.0, 10.0, 13.0, (("out_0", 0.0),))
    walks = tuple(Walk(arm + 1, frozenset({arm}), 4, 6) for arm in range(crossed))
    lanes = tuple(lane(arm) for arm in numbers)
    return Site("x", stages, clearances, lanes, (), (leaving,), (), (), tuple(numbers), walks)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(4, 8),
    st.integers(1, 3),
    st.floats(5.0, 120.0),
    st.lists(st.integers(0, 7), min_size=60, max_size=60),
)
def test_a_short_wait_on_foot_keeps_no_driver_from_his_turn(
    arms: int, crossed: int, limit_s: float, wishes: list[int]
) -> None:
    player = Player(star(arms, crossed), longest_wait_s=120.0, walk_wait_s=limit_s)
    red_s, dark_s = 0.0, 0.0
    for wish in (wish for wish in wishes for _ in range(7)):
        player.advance(wish)
        red_s = max(red_s, *player.waiting_s())
        dark_s = max(dark_s, *player.dark_s())
    assert red_s <= 120.0
    assert dark_s <= max(limit_s, 13.0 * arms)


def test_a_wait_on_foot_is_no_shorter_than_it_takes_to_serve_everybody_once() -> None:
    assert Player(star(6, 2), walk_wait_s=30.0).walk_wait_s == 6 * 13.0
    assert Player(star(6, 2), walk_wait_s=90.0).walk_wait_s == 90.0
    assert Player(star(6, 2)).walk_wait_s is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=30, max_size=30))
def test_every_walk_is_whole(wishes: list[int]) -> None:
    site = walked()
    player = Player(site, walk_wait_s=50.0)
    lamps = []
    walks: list[list[bool]] = []
    for wish in (wish for wish in wishes for _ in range(10)):
        lamps.append(player.advance(wish, [True, True]))
        walks.append(player.walking())
    for k, walk in enumerate(site.walks):
        begins = [t for t in range(1, len(walks)) if walks[t][k] and not walks[t - 1][k]]
        (row,) = walk.stages
        for begin in begins:
            during = lamps[begin : begin + walk.walk_s + walk.clear_s]
            assert set(during) == {site.stages[row].aspects}


def test_walks_that_do_not_fit_their_stages_are_refused() -> None:
    with pytest.raises(TopologyError, match="long enough to walk"):
        walked(walk_s=5)
    with pytest.raises(TopologyError, match="stages there are"):
        walked(stages=(7,))
    with pytest.raises(TopologyError, match="wait at most 0"):
        Player(walked(), walk_wait_s=0.0)
