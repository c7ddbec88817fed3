"""Rings side by side, by algebra and on film, on intersections set by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from network.concurrency import Lamp, Loss, Span, lamps, losses, pictures, tracks
from network.film import Film, Scene
from network.graph import Signal
from network.phasing import Interval, Phase, Phasing
from network.safety import as_built, check
from network.timeline import Watcher, watch
from network.timing import OffsetReference, TimingPlan
from tests.strategies import connection, signal_of

PLACE = {1: (1, 1), 2: (1, 1), 3: (1, 2), 4: (1, 2), 5: (2, 1), 6: (2, 1), 7: (2, 2), 8: (2, 2)}
"""Ring and barrier of each phase of the standard intersection."""


def phase(number: int, aspects: str, yellow_ds: int = 30, red_ds: int = 10) -> Phase:
    return Phase(number, aspects, 5, yellow_ds, red_ds, *PLACE[number])


def signal(
    shown: dict[int, str], foes: set[tuple[int, int]], yields: dict[int, int] | None = None
) -> Signal:
    """Build a signal of these phases; pairs of groups cross, and some groups yield."""
    width = len(next(iter(shown.values())))
    ways = tuple(
        connection(
            g,
            frozenset({b for a, b in foes if a == g} | {a for a, b in foes if b == g}),
            frozenset({yields[g]} if yields and g in yields else ()),
        )
        for g in range(width)
    )
    phases = tuple(phase(number, aspects) for number, aspects in shown.items())
    return signal_of(ways, Phasing(phases, {}), None)


def plan(sequence: dict[int, int], offset_s: int = 0, coordinated: int = 2) -> TimingPlan:
    """Make a plan of these splits whose cycle is that of the first ring."""
    first = min(PLACE[number][0] for number in sequence)
    cycle_s = sum(split_s for number, split_s in sequence.items() if PLACE[number][0] == first)
    return TimingPlan(
        "X", cycle_s, tuple(sequence), tuple(sequence.values()), offset_s, coordinated
    )


def rules(on: Signal, of: TimingPlan) -> tuple[set[str], set[str]]:
    return {v.rule for v in check(of, on)}, {s.rule for s in watch(of, on)}


def words(on: Signal, of: TimingPlan) -> list[str]:
    return [*(v.text for v in check(of, on)), *(s.text for s in watch(of, on))]


# Ring 1 serves groups 0 and 1, ring 2 groups 2 and 3, and on the other street ring 1 alone
# serves group 4. Group 0 crosses group 3.
FIVE = {1: "Grrrr", 2: "rGrrr", 5: "rrGrr", 6: "rrrGr", 4: "rrrrG"}
APART = signal(FIVE, {(0, 4), (1, 4), (2, 4), (3, 4), (0, 3)})
ORDERLY = {1: 20, 2: 20, 4: 20, 5: 20, 6: 20}


def test_each_ring_is_laid_out_over_the_cycle_without_gaps() -> None:
    assert APART.phasing is not None
    one, other = tracks(plan(ORDERLY), APART.phasing)
    assert one == (
        Span(0, 160, "Grrrr", 1),
        Span(160, 190, "yrrrr", 1),
        Span(190, 200, "rrrrr", 1),
        Span(200, 360, "rGrrr", 2),
        Span(360, 390, "ryrrr", 2),
        Span(390, 400, "rrrrr", 2),
        Span(400, 560, "rrrrG", 4),
        Span(560, 590, "rrrry", 4),
        Span(590, 600, "rrrrr", 4),
    )
    assert other[-3:] == (
        Span(360, 390, "rrryr", 6),
        Span(390, 400, "rrrrr", 6),
        Span(400, 600, "rrrrr", 0),
    )


def test_a_ring_of_one_phase_rests_in_green() -> None:
    resting = signal({2: "Gr", 6: "rG"}, set())
    of = plan({2: 30, 6: 30})
    assert resting.phasing is not None
    assert tracks(of, resting.phasing) == ((Span(0, 300, "Gr", 2),), (Span(0, 300, "rG", 6),))
    assert words(resting, of) == []
    film = Film(of, resting.phasing)
    assert film.rings[0][0] == Scene(2, 2, 0, 260, 300)
    assert film.pictures == [(0, "GG")]


def test_a_resting_phase_shows_no_clearance_that_is_built_for_it() -> None:
    # Nor what would cross in it.
    phases = (Phase(1, "Gr", 5, 30, 10), Phase(2, "rr", 5, 30, 10))
    fixed = {(1, 1): (Interval("GG", 30), Interval("rr", 10))}
    ways = tuple(connection(g, frozenset({1 - g}), frozenset()) for g in (0, 1))
    lone = replace(signal_of(ways, Phasing(phases, fixed), None), plan_in_force=None)
    of = TimingPlan("X", 30, (1,), (30,), 0, 1)
    assert words(lone, of) == []


def test_rings_meet_at_a_third_barrier_as_well() -> None:
    # Ring 2 serves nobody between the first and the third.
    places = {1: (1, 1), 2: (1, 2), 3: (1, 3), 5: (2, 1), 6: (2, 3)}
    phases = tuple(
        Phase(n, "".join("G" if g == at else "r" for g in range(5)), 5, 30, 10, *place)
        for at, (n, place) in enumerate(places.items())
    )
    phasing = Phasing(phases, {})
    ways = tuple(connection(g, frozenset(), frozenset()) for g in range(5))
    of = TimingPlan("X", 60, (1, 2, 3, 5, 6), (20, 15, 25, 20, 25), 0, 2)
    assert words(signal_of(ways, phasing, None), of) == []
    one, other = tracks(of, phasing)
    assert [(s.begin_ds, s.ending) for s in one if "G" in s.aspects] == [(0, 1), (200, 2), (350, 3)]
    assert [(s.begin_ds, s.ending) for s in other if "y" not in s.aspects] == [
        *((0, 5), (190, 5)),
        (200, 0),
        *((350, 6), (590, 6)),
    ]


def test_the_street_sees_the_lamps_of_all_rings() -> None:
    assert APART.phasing is not None
    rings = tracks(plan(ORDERLY), APART.phasing)
    assert lamps(rings, 1) == (
        # What runs over the end of the cycle is one red.
        Lamp(-210, 200, "r", 0),
        Lamp(200, 360, "G", 2),
        Lamp(360, 390, "y", 0),
    )
    assert lamps(rings, 4) == (
        Lamp(-10, 400, "r", 0),
        Lamp(400, 560, "G", 4),
        Lamp(560, 590, "y", 0),
    )
    assert list(pictures(rings))[:4] == [
        (1, "GrGrr"),
        (1, "yryrr"),
        (1, "rrrrr"),
        (2, "rGrGr"),
    ]


def test_of_two_rings_that_give_green_the_last_to_end_is_behind_it() -> None:
    # Phases 2 and 6 both serve group 0; 5 is shorter than 1, so that 6 begins and ends apart.
    both = signal({1: "rG", 2: "Gr", 5: "rr", 6: "gr", 4: "rr", 8: "rr"}, set())
    assert both.phasing is not None
    of = plan({1: 15, 2: 25, 4: 20, 6: 20, 5: 20, 8: 20})
    rings = tracks(of, both.phasing)
    seen = lamps(rings, 0)
    assert [(lamp.aspect, lamp.ending) for lamp in seen if lamp.aspect in "Gg"] == [
        ("g", 6),
        ("G", 2),
    ]
    assert [loss.phase for loss in losses(seen)] == [2]


def test_losses_tell_how_each_green_ends() -> None:
    def ends(*shown: tuple[int, int, str, int]) -> list[Loss]:
        return list(losses(tuple(Lamp(*lamp) for lamp in shown)))

    assert ends((0, 50, "g", 2), (50, 80, "y", 0), (80, 200, "r", 0)) == [
        Loss(2, 50, 80, True, False)
    ]
    assert ends((0, 50, "G", 2), (50, 80, "y", 0), (80, 200, "g", 6)) == [
        Loss(2, 50, 80, False, True)
    ]
    # Without yellow, even where green comes back.
    assert ends((0, 50, "G", 2), (50, 80, "r", 0), (80, 200, "G", 2)) == [
        Loss(2, 50, 50, False, False)
    ]
    # Neither green after green nor turning after a stop is a loss.
    assert ends((0, 50, "G", 2), (50, 80, "g", 6), (80, 200, "s", 0)) == []
    assert ends((0, 200, "G", 2)) == []


def test_rings_in_good_order_are_accepted() -> None:
    assert words(APART, plan(ORDERLY)) == []


@pytest.mark.parametrize(
    ("led_s", "told", "seen"),
    [
        (20, set(), set()),
        (19, {"red clearance"}, {"short red clearance"}),
        (17, {"red clearance"}, {"short red clearance"}),
        (16, {"red clearance"}, {"short red clearance"}),
        (15, {"conflicting greens"}, {"conflicting greens"}),
    ],
)
def test_the_red_clearance_between_rings_is_kept(
    led_s: int, told: set[str], seen: set[str]
) -> None:
    # Group 3 of ring 2 begins when phase 5 ends; it must wait for group 0 of ring 1.
    of = plan({1: 20, 2: 20, 4: 20, 5: led_s, 6: 40 - led_s})
    by_algebra, by_eye = rules(APART, of)
    assert by_algebra == told
    assert by_eye >= seen
    assert bool(by_eye) == bool(seen)


@pytest.mark.parametrize(("yellow_ds", "accepted"), [(30, True), (31, False)])
def test_the_red_clearance_between_rings_is_kept_to_the_tenth(
    yellow_ds: int, accepted: bool
) -> None:
    # Between phases 1 and 2 the yellow of group 0 lasts longer at the cost of the red.
    assert APART.phasing is not None
    shown = (Interval("yrrrr", yellow_ds), Interval("rrrrr", 40 - yellow_ds))
    on = replace(APART, phasing=Phasing(APART.phasing.phases, {(1, 2): shown}))
    told, seen = rules(on, plan(ORDERLY))
    assert told == (set() if accepted else {"red clearance"})
    assert seen == (set() if accepted else {"short red clearance"})


def test_the_red_clearance_between_rings_is_measured_over_the_end_of_the_cycle_too() -> None:
    # Group 0 of ring 1 is the last of the cycle, and group 3 of ring 2 the first of the next.
    late = {4: "rrrrG", 1: "Grrrr", 8: "rrrGr", 5: "rrGrr"}
    on = signal(late, {(2, 4), (0, 3)})
    assert on.phasing is not None
    of = plan({4: 20, 1: 20, 8: 20, 5: 20}, coordinated=4)
    assert words(on, of) == []
    shown = (Interval("yrrrr", 31), Interval("rrrrr", 9))
    later = replace(on, phasing=Phasing(on.phasing.phases, {(1, 4): shown}))
    said = words(later, of)
    assert said[0] == (
        "signal 'X', phase 1: red clearance: found 0.9 s between groups 0, 3, allowed 1.0 s or more"
    )
    assert "short red clearance: seen group 3 green 9 tenths after group 0 ended" in said[1]


@pytest.mark.parametrize(("shown_ds", "accepted"), [(30, True), (29, False)])
def test_the_yellow_of_a_ring_that_serves_nobody_next_is_kept(
    shown_ds: int, accepted: bool
) -> None:
    # Phase 6 is the last of its ring before the other street; its yellow is its own.
    assert APART.phasing is not None
    phases = tuple(
        replace(p, yellow_ds=shown_ds, red_clear_ds=40 - shown_ds) if p.number == 6 else p
        for p in APART.phasing.phases
    )
    on = replace(APART, phasing=Phasing(phases, {}))
    told, seen = rules(on, plan(ORDERLY))
    assert told == (set() if accepted else {"yellow change"})
    assert seen == (set() if accepted else {"short yellow"})


def test_greens_that_cross_are_named_once_with_the_phase_of_the_first_ring() -> None:
    of = plan({1: 20, 2: 20, 4: 20, 5: 12, 6: 28})
    told = [v for v in check(of, APART) if v.rule == "conflicting greens"]
    assert [v.text for v in told] == [
        "signal 'X', phase 1: conflicting greens: found in0_0>out0_0 and in3_0>out3_0, which "
        "cross, protected at once, allowed one at a time"
    ]


def test_greens_that_cross_are_tolerated_where_they_are_built() -> None:
    of = plan({1: 20, 2: 20, 4: 20, 5: 12, 6: 28})
    built = replace(APART, plan_in_force=of)
    told, seen = rules(built, of)
    assert "conflicting greens" not in told | seen
    assert "conflicting greens" in {v.rule for v in as_built(built)}
    assert "conflicting greens" in {s.rule for s in Watcher(built, tolerant=False).watch(of)}


# Group 0 is protected by phase 1 and permitted by phase 6, when it yields to group 1 of phase 2.
TURN = signal(
    {1: "Grrr", 2: "rGrr", 5: "rrrr", 6: "grGr", 4: "rrrG"},
    {(0, 1), (0, 3), (1, 3), (2, 3)},
    {0: 1},
)


def test_a_green_that_another_ring_keeps_is_not_lost() -> None:
    # Phase 6 permits group 0 before phase 1 ends.
    assert words(TURN, plan({1: 20, 2: 20, 4: 20, 5: 10, 6: 30})) == []


@pytest.mark.parametrize("led_s", [17, 18, 19, 20])
def test_a_yellow_that_another_ring_turns_green_again_may_be_short(led_s: int) -> None:
    of = plan({1: 20, 2: 20, 4: 20, 5: led_s, 6: 40 - led_s})
    told, seen = rules(TURN, of)
    assert told == set()
    # From 1.9 s of red on, the turn has ended like any other.
    assert seen == set()


def test_a_green_that_comes_back_does_not_hide_a_later_clearance_cut_short() -> None:
    # Phase 1 ends group 0 in yellow, phase 6 permits it again and ends it for good; group 3 of
    # the other street's ring 1 begins 0.9 s after that.
    shown = {1: "Grrrr", 2: "rGrrr", 5: "rrrrr", 6: "grGrr", 4: "rrrGr", 8: "rrrrG"}
    on = signal(shown, {(0, 1), (0, 3)}, {0: 1})
    assert on.phasing is not None
    of = plan({1: 20, 2: 20, 4: 20, 5: 18, 6: 22, 8: 20})
    assert words(on, of) == []
    late = {(6, 8): (Interval("yryrr", 31), Interval("rrrrr", 9))}
    said = words(replace(on, phasing=Phasing(on.phasing.phases, late)), of)
    assert said == [
        "signal 'X', phase 6: red clearance: found 0.9 s between groups 0, 3, allowed 1.0 s "
        "or more",
        "signal 'X' at 40.0 s: short red clearance: seen group 3 green 9 tenths after group 0 "
        "ended, least 10",
    ]


def test_a_green_that_comes_back_does_not_hide_a_later_yellow_cut_short() -> None:
    shown = {1: "Grrrr", 2: "rGrrr", 5: "rrrrr", 6: "grGrr", 4: "rrrGr", 8: "rrrrG"}
    on = signal(shown, {(0, 1), (0, 3)}, {0: 1})
    assert on.phasing is not None
    of = plan({1: 20, 2: 20, 4: 20, 5: 18, 6: 22, 8: 20})
    short = {(6, 8): (Interval("yryrr", 29), Interval("rrrrr", 11))}
    said = [s.text for s in watch(of, replace(on, phasing=Phasing(on.phasing.phases, short)))]
    assert said == [
        f"signal 'X' at 36.0 s: short yellow: seen group {group} yellow for 29 tenths, least is 30"
        for group in (2, 0)
    ]


def test_a_yellow_that_nobody_has_served_is_told() -> None:
    # At the second barrier ring 1 serves nobody; ring 2 shows group 3 yellow out of nothing.
    on = signal({2: "Grrr", 6: "rrrr", 7: "rGrr", 8: "rrGr"}, set())
    assert on.phasing is not None
    stray = {(7, 8): (Interval("ryry", 30), Interval("rrrr", 10))}
    of = plan({2: 20, 6: 20, 7: 20, 8: 20})
    of = replace(of, cycle_s=60)
    said = [s.text for s in watch(of, replace(on, phasing=Phasing(on.phasing.phases, stray)))]
    assert said == [
        "signal 'X' at 36.0 s: order of lamps: seen group 3 yellow although no phase that serves "
        "it ended",
        "signal 'X' at 36.0 s: order of lamps: seen group 3 going from r to y",
    ]


@pytest.mark.parametrize(("dim", "bright"), list(pairwise("rusygG")))
def test_of_two_rings_the_street_sees_the_brighter_lamp(dim: str, bright: str) -> None:
    on = signal({1: "Gr", 2: "rr", 5: "Gr", 6: "rr", 4: "rG"}, set())
    assert on.phasing is not None
    fixed = {
        (1, 2): (Interval(f"y{dim}", 40),),
        (5, 6): (Interval(f"y{bright}", 20), Interval(f"y{dim}", 20)),
    }
    phasing = Phasing(on.phasing.phases, fixed)
    of = plan({1: 20, 2: 20, 4: 20, 5: 20, 6: 20})
    shown = [(160, f"y{bright}"), (180, f"y{dim}")]
    assert Film(of, phasing).pictures[1:3] == shown
    rings = tracks(of, phasing)
    assert [picture for _, picture in list(pictures(rings))[1:3]] == [p for _, p in shown]
    assert bright in {lamp.aspect for lamp in lamps(rings, 1)}


def test_a_yellow_that_another_ring_covers_in_part_is_too_short() -> None:
    # Both rings serve group 0. Phase 1 ends it in yellow from 16.0 to 19.0 s; phase 5 shows green
    # until 17.0 s and then turning after a stop, so that the street sees 2.0 s of yellow.
    shown = {1: "Gr", 2: "rr", 5: "Gr", 6: "sr", 4: "rG"}
    on = signal(shown, set())
    assert on.phasing is not None
    covered = {(5, 6): (Interval("sr", 40),)}
    said = words(
        replace(on, phasing=Phasing(on.phasing.phases, covered)),
        plan({1: 20, 2: 20, 4: 20, 5: 21, 6: 19}),
    )
    assert said == [
        "signal 'X', phase 5: yellow change: found 2.0 s for group 0, allowed 3.0 s or more",
        "signal 'X' at 17.0 s: short yellow: seen group 0 yellow for 20 tenths, least is 30",
    ]


# The same with the turn of phase 5, group 4, permitted by phase 2, where it yields to group 2.
FACING = signal(
    {1: "Grrrr", 2: "rGrrg", 5: "rrrrG", 6: "grGrr", 4: "rrrGr"},
    {(0, 1), (4, 2), (0, 3), (1, 3), (2, 3), (4, 3)},
    {0: 1, 4: 2},
)


@pytest.mark.parametrize(
    ("first_s", "trapped"), [(15, True), (16, False), (20, False), (24, False), (25, True)]
)
def test_a_lagging_turn_traps_the_other_unless_both_streets_end_together(
    first_s: int, trapped: bool
) -> None:
    # Both turns lag: 2 then 1, and 6 then 5. Phase 6 is green until 16.0 s and clears until 20.
    of = plan({2: first_s, 1: 40 - first_s, 4: 20, 6: 20, 5: 20})
    told, seen = rules(FACING, of)
    assert ("yellow trap" in told) is trapped
    assert ("yellow trap" in seen) is trapped


@pytest.mark.parametrize(("green_until_ds", "trapped"), [(160, False), (161, True)])
def test_the_trap_is_judged_to_the_tenth(green_until_ds: int, trapped: bool) -> None:
    # The permitted turn of phase 2 has cleared after 16.0 s; the street it yields to is phase 6.
    assert FACING.phasing is not None
    phases = tuple(
        replace(p, red_clear_ds=200 - green_until_ds - 30) if p.number == 6 else p
        for p in FACING.phasing.phases
    )
    on = replace(FACING, phasing=Phasing(phases, {}))
    told, seen = rules(on, plan({2: 16, 1: 24, 4: 20, 6: 20, 5: 20}))
    assert told == ({"yellow trap"} if trapped else set())
    assert seen == ({"yellow trap"} if trapped else set())


def test_the_trap_is_tolerated_where_it_is_built() -> None:
    of = plan({2: 15, 1: 25, 4: 20, 6: 20, 5: 20})
    seen = {s.rule for s in watch(of, replace(FACING, plan_in_force=of))}
    assert seen == set()


def test_the_trap_names_who_ends_and_who_goes_on() -> None:
    said = words(FACING, plan({2: 15, 1: 25, 4: 20, 6: 20, 5: 20}))
    trap = "in4_0>out4_0 ends while in2_0>out2_0 goes on, allowed both end together"
    assert f"signal 'X', phase 2: yellow trap: found {trap}" in said
    assert any(
        "yellow trap: seen in4_0>out4_0 ending, in2_0>out2_0 going on" in text for text in said
    )


def test_leading_turns_trap_nobody() -> None:
    assert words(FACING, plan({1: 15, 2: 25, 4: 20, 5: 20, 6: 20})) == []


def test_a_street_that_is_always_green_is_what_a_turn_must_not_end_before() -> None:
    # Ring 2 gives group 3 green for ever; group 0 of phase 1 yields to it, and ends.
    shown = {1: "grrr", 2: "rGrr", 4: "rrGr", 6: "rrrG", 8: "rrrG"}
    on = signal(shown, {(0, 3)}, {0: 3})
    assert on.phasing is not None
    of = plan({1: 20, 2: 20, 4: 20, 6: 40, 8: 20})
    assert lamps(tracks(of, on.phasing), 3) == (Lamp(0, 600, "G", 8),)
    assert rules(on, of) == ({"yellow trap"}, {"yellow trap"})


def test_a_turn_is_trapped_by_its_second_green_too() -> None:
    # Ring 1 protects group 0 in phase 1 and permits it in phase 3; ring 2 lets the street it
    # yields to go from 30 s on.
    shown = {1: "Grr", 2: "rrr", 3: "grr", 4: "rrr", 5: "rrr", 6: "rGr"}
    phases = tuple(
        Phase(n, aspects, 5, 30, 10, 1 if n < 5 else 2, 1) for n, aspects in shown.items()
    )
    on = signal(shown, {(0, 1)}, {0: 1})
    on = replace(on, phasing=Phasing(phases, {}))
    of = TimingPlan("X", 80, (1, 2, 3, 4, 5, 6), (20, 20, 20, 20, 30, 50), 0, 2)
    said = words(on, of)
    assert said == [
        "signal 'X', phase 3: yellow trap: found in0_0>out0_0 ends while in1_0>out1_0 goes on, "
        "allowed both end together",
        "signal 'X' at 56.0 s: yellow trap: seen in0_0>out0_0 ending, in1_0>out1_0 going on",
    ]


@pytest.mark.parametrize(("led_s", "lawful"), [(20, True), (19, False)])
def test_a_street_that_goes_from_permitted_to_protected_waits_for_what_it_crosses(
    led_s: int, lawful: bool
) -> None:
    # Group 1 of ring 2 is never red: permitted in phases 5 and 8, protected in phase 6.
    shown = {1: "Grr", 2: "rrr", 4: "rrG", 5: "rgr", 6: "rGr", 8: "rgr"}
    on = signal(shown, {(0, 1)})
    of = plan({1: 20, 2: 20, 4: 20, 5: led_s, 6: 40 - led_s, 8: 20})
    told, seen = rules(on, of)
    assert told == (set() if lawful else {"red clearance"})
    assert seen == (set() if lawful else {"short red clearance"})


def test_a_group_that_only_people_watch_is_no_foe_of_anybody() -> None:
    # Nothing but people listens to group 5; they walk beside phase 2.
    assert APART.phasing is not None
    phases = tuple(
        replace(p, aspects=p.aspects + ("G" if p.number == 2 else "r"))
        for p in APART.phasing.phases
    )
    on = replace(APART, phasing=Phasing(phases, {}), plan_in_force=plan(ORDERLY))
    assert words(on, plan({1: 20, 2: 22, 4: 20, 5: 20, 6: 22})) == []


def test_barriers_are_named_when_rings_miss_them() -> None:
    said = words(APART, replace(plan(ORDERLY), splits_s=(20, 20, 20, 20, 21)))
    assert said == [
        "signal 'X', phase 2: barrier: found rings that take [40, 41] s to barrier 1, allowed "
        "equal sums of splits",
        "signal 'X': splits fill the cycle: found 61 s, allowed 60 s",
        "signal 'X' at 0.0 s: cannot be played: seen rings come to the end of barrier 1 after "
        "{1: 40.0, 2: 41.0} s, not together",
    ]


def test_the_least_cycle_is_that_of_the_longest_ring_at_each_barrier() -> None:
    # Least splits are 9 s each: 18 s to the first barrier, 9 s to the second.
    assert rules(APART, plan({1: 9, 2: 9, 4: 9, 5: 9, 6: 9})) == (set(), set())
    short = plan({1: 9, 2: 9, 4: 8, 5: 9, 6: 9})
    assert check(short, APART)[0].text == "signal 'X': cycle: found 26 s, allowed 27 to 255 s"


def eight() -> Phasing:
    """Build the standard intersection with one group per phase."""
    return Phasing(
        tuple(phase(n, "".join("G" if g == n - 1 else "r" for g in range(8))) for n in range(1, 9)),
        {},
    )


def test_rings_that_cross_barriers_in_different_orders_are_refused_in_words() -> None:
    on = signal_of(tuple(connection(g, frozenset(), frozenset()) for g in range(8)), eight(), None)
    order = (1, 2, 3, 4, 7, 8, 5, 6)
    of = TimingPlan("X", 80, order, (20,) * 8, 0, 2)
    assert words(on, of) == [
        "signal 'X': barrier: found sequence [1, 2, 3, 4, 7, 8, 5, 6]: ring 2 crosses its "
        "barriers in the order [2, 1], another in the order [1, 2], allowed rings that cross "
        "barriers together",
        "signal 'X' at 0.0 s: cannot be played: seen rings wait for each other at the barriers "
        "[1, 2]",
    ]


def test_either_street_may_come_first() -> None:
    on = signal_of(tuple(connection(g, frozenset(), frozenset()) for g in range(8)), eight(), None)
    order = (3, 4, 1, 2, 7, 8, 5, 6)
    for coordinated in (3, 2, 6):
        of = TimingPlan("X", 80, order, (20,) * 8, 13, coordinated)
        assert words(on, of) == []
        film = Film(of, eight())
        assert film.greens_of(coordinated) == [160, 160, 160]
        assert film.reference_events()[0] == {3: 0, 2: 600, 6: 600}[coordinated]


def test_rings_without_a_common_barrier_take_turns_in_the_order_of_the_barriers() -> None:
    # Ring 2 serves two phases at the second barrier, ring 1 one at the first.
    shown = {2: "Grr", 7: "rGr", 8: "rrG"}
    on = signal(shown, {(0, 1), (0, 2), (1, 2)})
    of = TimingPlan("X", 60, (2, 7, 8), (20, 20, 20), 7, 7)
    assert words(on, of) == []
    assert on.phasing is not None
    film = Film(of, on.phasing)
    assert [scene.phase for scene in film.rings[0]] == [2, 0] * 3
    assert [scene.phase for scene in film.rings[1]] == [0, 7, 8] * 3


def test_three_cycles_are_played_scene_by_scene() -> None:
    assert APART.phasing is not None
    film = Film(plan(ORDERLY), APART.phasing)
    assert (film.cycle, film.ticks) == (600, 1800)
    assert film.rings[0][:4] == [
        Scene(1, 2, 0, 160, 200),
        Scene(2, 4, 200, 360, 400),
        Scene(4, 1, 400, 560, 600),
        Scene(1, 2, 600, 760, 800),
    ]
    assert film.rings[1][:3] == [
        Scene(5, 6, 0, 160, 200),
        Scene(6, 0, 200, 360, 400),
        Scene(0, 5, 400, 600, 600),
    ]
    assert film.greens_of(4) == [160] * 3
    assert film.greens_of(8) == []
    assert film.pictures[:3] == [(0, "GrGrr"), (160, "yryrr"), (190, "rrrrr")]
    # A scene reaches from just after its first tick to its last.
    assert film.pair(160, 0) == film.pair(200, 0) == (1, 2)
    assert film.pair(201, 1) == (2, 4)
    assert film.pair(380, 3) == (6, 0)
    # Nobody serves group 3 while phase 4 runs: the first ring speaks for it.
    assert film.pair(500, 3) == (4, 1)


@pytest.mark.parametrize(
    ("reference", "events"),
    [
        (OffsetReference.BEGIN_GREEN, [200, 800, 1400]),
        (OffsetReference.BEGIN_YELLOW, [360, 960, 1560]),
        (OffsetReference.END_YELLOW, [390, 990, 1590]),
    ],
)
def test_the_event_of_the_offset_is_seen_where_it_happens(
    reference: OffsetReference, events: list[int]
) -> None:
    assert APART.phasing is not None
    of = replace(plan(ORDERLY), offset_reference=reference, offset_s=11)
    assert Film(of, APART.phasing).reference_events() == events
    assert words(APART, of) == []


def test_of_two_rings_the_scene_that_ends_last_is_the_one_a_group_listens_to() -> None:
    assert FACING.phasing is not None
    film = Film(plan({2: 15, 1: 25, 4: 20, 6: 20, 5: 20}), FACING.phasing)
    # Group 0 is permitted by phase 6 until 16.0 s and protected by phase 1 from 15.0 s on.
    assert film.scene(155, 0).phase == 1
    assert film.scene(140, 0).phase == 6
