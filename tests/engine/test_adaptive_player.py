"""Whatever is wished, the street sees only what is lawful."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adaptive.control import ExitLane, Site, Stage, StopLane, Way
from engine.adaptive.player import Player
from network.errors import TopologyError
from network.phasing import Phase, Phasing
from network.timeline import LAMP_CHANGES

PHASES = (
    Phase(1, "GGrrr", 5, 30, 10),
    Phase(2, "rGgrr", 7, 35, 0),
    Phase(3, "rrrGG", 6, 40, 15),
)


def site(missing: tuple[tuple[int, int], ...] = ()) -> Site:
    """Three stages, one lane for each signal group."""
    phasing = Phasing(PHASES, {})
    lanes = tuple(
        StopLane(f"l{g}", "l", 100.0, 14.0, 13.0, (way(g),)) for g in range(phasing.group_count)
    )
    return Site(
        "x",
        tuple(Stage((p.number,), p.aspects, p.least_green_s) for p in PHASES),
        {
            (a, b): phasing.clearance(a + 1, b + 1)
            for a in range(3)
            for b in range(3)
            if a != b and (a, b) not in missing
        },
        lanes,
        (),
        (ExitLane("e", "e", 100.0, 14.0, 13.0, (("e", 0.0),)),),
        (),
        (),
        (0, 1, 2),
    )


def way(group: int) -> Way:
    service = tuple({"G": 2, "g": 1}.get(p.aspects[group], 0) for p in PHASES)
    return Way(f"w{group}", "s", 0, service, (), 1.8, 0.0)


wishes = st.lists(st.one_of(st.none(), st.integers(-3, 9)), min_size=50, max_size=250)
callers = st.lists(st.booleans(), min_size=5, max_size=5)


def played(player: Player, wanted: list[int | None], called: list[bool] | None) -> list[str]:
    return [player.advance(wish, called) for wish in wanted]


@settings(max_examples=40, deadline=None)
@given(wishes, callers, st.sampled_from([1, 5, 10]), st.sampled_from([(), ((0, 2),)]))
def test_every_lamp_change_is_one_a_driver_knows(
    wanted: list[int | None],
    called: list[bool],
    step_ds: int,
    missing: tuple[tuple[int, int], ...],
) -> None:
    pictures = played(Player(site(missing), 0, step_ds), wanted, called)
    for before, after in pairwise(pictures):
        for a, b in zip(before, after, strict=True):
            assert a == b or a + b in LAMP_CHANGES


@settings(max_examples=40, deadline=None)
@given(wishes, callers, st.sampled_from([5, 10]))
def test_yellow_and_red_clearance_are_never_short(
    wanted: list[int | None], called: list[bool], step_ds: int
) -> None:
    pictures = played(Player(site(), 0, step_ds), wanted, called)
    for group in range(5):
        runs = [(lamp, len(list(run))) for lamp, run in groupby(p[group] for p in pictures)]
        for lamp, steps in runs[1:-1]:
            assert lamp != "y" or steps * step_ds >= 30
    for phase in PHASES:
        # Nobody else begins before the red clearance of who ended is over.
        for at, (before, after) in enumerate(pairwise(pictures)):
            ended = [g for g in range(5) if before[g] in "Gg" and after[g] == "y"]
            if before == phase.aspects and ended:
                until = at + 1 + -(-phase.yellow_ds // step_ds) + -(-phase.red_clear_ds // step_ds)
                for later in pictures[at + 1 : until]:
                    assert not [g for g in range(5) if later[g] in "Gg" and before[g] not in "Gg"]


@settings(max_examples=40, deadline=None)
@given(wishes, callers)
def test_no_stage_is_left_before_its_least_green(
    wanted: list[int | None], called: list[bool]
) -> None:
    pictures = played(Player(site()), wanted, called)
    runs = [(picture, len(list(run))) for picture, run in groupby(pictures)]
    least = {p.aspects: p.least_green_s for p in PHASES}
    for picture, steps in runs[:-1]:
        assert steps >= least.get(picture, 1)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_nobody_who_is_there_waits_longer_than_the_limit(data: st.DataObject) -> None:
    limit_s = data.draw(st.integers(60, 120))
    player = Player(site(), longest_wait_s=limit_s)
    wanted = data.draw(st.lists(st.integers(0, 2), min_size=3, max_size=3))
    for second in range(400):
        player.advance(wanted[second // 10 % 3])
        assert max(player.waiting_s()) <= limit_s


def test_a_lane_without_anybody_forces_nothing() -> None:
    player = Player(site(), longest_wait_s=60)
    pictures = played(player, [0] * 300, [True, True, False, False, False])
    assert set(pictures) == {PHASES[0].aspects}


def test_a_stage_that_must_not_follow_is_reached_by_way_of_another() -> None:
    player = Player(site(missing=((0, 2),)))
    pictures = played(player, [2] * 40, None)
    assert [p for p, _ in groupby(pictures) if p in {x.aspects for x in PHASES}] == [
        phase.aspects for phase in PHASES
    ]


def test_a_wish_is_carried_out_at_once_when_the_least_green_is_over() -> None:
    player = Player(site())
    played(player, [None] * 5, None)
    assert player.may_leave
    assert player.advance(2) == "yyrrr"
    assert player.clearing_s == 3.0


def test_a_stage_nobody_can_reach_is_refused() -> None:
    with pytest.raises(TopologyError, match="cannot lawfully be reached"):
        Player(site(missing=((0, 2), (1, 2))))
