"""NEMA numbers, rings and barriers, treatments of left turns, and stages where nothing fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from network.derive import DerivedSignal, Practice, derive_signal
from network.errors import TopologyError
from tests.network.derive.corners import (
    EAST,
    FOUR,
    NORTH,
    SOUTH,
    WEST,
    Lanes,
    corner,
    network_of,
    with_right_of_way,
)


def derived(legs: Mapping[float, Lanes | None], **options: object) -> DerivedSignal:
    drawn = {key: options.pop(key) for key in ("exits", "speed_mps") if key in options}
    network, signal = corner(legs, **drawn)  # type: ignore[arg-type]
    return derive_signal(network, signal, **options)  # type: ignore[arg-type]


def served(found: DerivedSignal) -> dict[int, tuple[str, bool]]:
    """Approach of each phase, and whether it is an arrow."""
    return {group.number: (group.approaches[0], group.left_only) for group in found.groups}


def test_the_standard_quad_with_the_main_street_east_and_west() -> None:
    """Phase 2 eastbound, 4 southbound: 1 crosses 2, 5 crosses 6, 3 crosses 4, 7 crosses 8."""
    found = derived(FOUR)
    assert served(found) == {
        2: ("in180", False),
        6: ("in0", False),
        4: ("in90", False),
        8: ("in270", False),
        5: ("in180", True),
        1: ("in0", True),
        7: ("in90", True),
        3: ("in270", True),
    }
    assert found.dual
    assert found.coordinated_phase == 2


def test_the_rings_and_barriers_of_the_quad() -> None:
    places = {p.number: (p.ring, p.barrier) for p in derived(FOUR).phasing.phases}
    assert places == {
        1: (1, 1),
        2: (1, 1),
        3: (1, 2),
        4: (1, 2),
        5: (2, 1),
        6: (2, 1),
        7: (2, 2),
        8: (2, 2),
    }
    assert derived(FOUR).sequence == (1, 2, 3, 4, 5, 6, 7, 8)


def test_naming_the_main_street_turns_the_numbers() -> None:
    found = derived(FOUR, main_street=("in90",))
    assert served(found)[2] == ("in90", False)
    assert served(found)[6] == ("in270", False)
    assert served(found)[4] == ("in0", False)


def test_a_main_street_that_is_no_approach_is_refused() -> None:
    with pytest.raises(TopologyError, match=r"'X'.*'nowhere' is no approach.*in180"):
        derived(FOUR, main_street=("nowhere",))


def test_flows_decide_which_street_is_the_main_one() -> None:
    found = derived(FOUR, movement_vph={"in90>out270": 900.0, "in180>out0": 300.0})
    assert set(found.main_street) == {"in90", "in270"}
    assert served(found)[2] == ("in270", False)


def test_lanes_then_speed_decide_without_flows() -> None:
    alike = dict.fromkeys((EAST, NORTH, WEST, SOUTH), ("rs", "l"))
    found = derived(alike, speed_mps={NORTH: 18.0, SOUTH: 18.0})
    assert set(found.main_street) == {"in90", "in270"}


def test_a_stem_gets_four_or_eight_by_its_heading() -> None:
    """With 2 eastbound a southbound stem is 4, a northbound one 8."""
    south = derived({EAST: ("s", "l"), WEST: ("rs",), SOUTH: ("r", "l")})
    assert served(south) == {
        1: ("in0", True),
        2: ("in180", False),
        6: ("in0", False),
        8: ("in270", False),
    }
    north = derived({EAST: ("rs",), WEST: ("s", "l"), NORTH: ("r", "l")})
    assert served(north)[4] == ("in90", False)
    assert served(north)[5] == ("in180", True)


def test_one_way_streets_take_two_phases_of_one_ring() -> None:
    found = derived({EAST: None, WEST: ("rs", "s"), NORTH: None, SOUTH: ("rs", "s")})
    assert sorted(served(found)) == [2, 4]
    assert {phase.ring for phase in found.phasing.phases} == {1}


def test_left_turns_that_share_their_lane_yield() -> None:
    found = derived(dict.fromkeys((EAST, NORTH, WEST, SOUTH), ("rsl",)))
    assert sorted(served(found)) == [2, 4, 6, 8]
    assert all(group.permitted for group in found.groups)


def test_an_arrow_lane_beside_a_shared_one_splits_the_street() -> None:
    found = derived(
        {EAST: ("rs", "s", "l"), NORTH: ("rsl", "l"), WEST: ("rs", "s", "l"), SOUTH: ("rsl", "l")}
    )
    places = {p.number: (p.ring, p.barrier) for p in found.phasing.phases}
    assert places[4] == places[3] == (1, 2)
    assert not {7, 8} & places.keys()
    assert any("split" in reason for reason in found.reasons)


def test_busy_shared_left_turns_split_the_street() -> None:
    legs = dict.fromkeys((EAST, NORTH, WEST, SOUTH), ("rsl",))
    flows = {"in180>out90": 300.0, "in0>out180": 400.0, "in180>out0": 500.0}
    assert {1, 2} < served(derived(legs, movement_vph=flows)).keys()


def test_two_left_turn_lanes_go_on_the_arrow_only() -> None:
    found = derived({**FOUR, EAST: ("rs", "s", "l", "l")})
    lefts = {group.number: group for group in found.groups}
    assert len(lefts[1].protected) == 2
    assert not set(lefts[1].protected) & set(lefts[6].permitted)
    assert set(lefts[5].protected) <= set(lefts[2].permitted)


def test_fast_opposing_traffic_takes_the_yielding_away() -> None:
    found = derived(FOUR, speed_mps={EAST: 22.0, WEST: 22.0})
    groups = {group.number: group for group in found.groups}
    assert groups[2].permitted == groups[6].permitted == ()
    assert groups[4].permitted


def test_quiet_left_turns_only_yield() -> None:
    """HCM 2000, exhibit 10-13: 50,000 for one opposing lane, 90,000 for two."""
    quiet = {"in90>out0": 99.0, "in270>out90": 500.0}
    busy = {"in90>out0": 101.0, "in270>out90": 500.0}
    assert 3 not in served(derived(FOUR, movement_vph=quiet, main_street=("in0",)))
    assert 3 in served(derived(FOUR, movement_vph=busy, main_street=("in0",)))


FIVE = {0.0: ("rsl",), 75.0: ("rsl",), 150.0: ("rsl",), 210.0: ("rsl",), 285.0: ("rsl",)}


def test_five_legs_become_stages_in_one_ring() -> None:
    found = derived(FIVE)
    assert not found.dual
    assert [g.number for g in found.groups][:3] == [2, 4, 6]
    assert {(p.ring, p.barrier) for p in found.phasing.phases} == {(1, 1)}
    assert any("3 streets meet" in reason for reason in found.reasons)
    ways = {way for group in found.groups for way in group.ways}
    _, signal = corner(FIVE)
    assert ways == {c.connection_id for c in signal.connections}


def test_a_group_over_two_approaches_becomes_stages() -> None:
    network, signal = corner(FOUR)
    tied = [replace(c, groups=(c.groups[0] // 4,)) for c in signal.connections]
    untied = network_of(network.links, tied)
    network, signal = with_right_of_way(untied, untied.signals["X"])
    found = derive_signal(network, signal)
    assert any("several approaches" in reason for reason in found.reasons)


def test_a_signal_without_movements_is_refused() -> None:
    network, signal = corner(FOUR)
    with pytest.raises(TopologyError, match="no vehicle movement"):
        derive_signal(network, replace(signal, movements=()))


def test_people_walk_with_the_through_phase_beside_them() -> None:
    """The south leg has 4 lanes, on the right of phase 2; the north leg on that of phase 6."""
    found = derived(FOUR)
    assert found.crossings_m[2] == pytest.approx(4 * 3.6)
    assert found.crossings_m[4] == pytest.approx(5 * 3.6)
    phases = {phase.number: phase for phase in found.phasing.phases}
    assert (phases[4].walk_s, phases[4].ped_clear_s) == (7, 17)
    assert phases[1].walk_s == 0


def test_nobody_walks_where_practice_says_so() -> None:
    found = derived(FOUR, practice=Practice(pedestrians=False))
    assert found.crossings_m == {}
    assert {phase.walk_s for phase in found.phasing.phases} == {0}


def test_phases_that_end_together_clear_alike() -> None:
    phases = {p.number: p for p in derived(FOUR, speed_mps={EAST: 18.0}).phasing.phases}
    assert phases[2].yellow_ds == phases[6].yellow_ds
    assert phases[2].red_clear_ds == phases[6].red_clear_ds


def test_a_downgrade_lengthens_the_yellow() -> None:
    level = derived(FOUR).phasing.phase(2).yellow_ds
    steep = derived(FOUR, grade_percent={"in0": -8.0}).phasing.phase(2).yellow_ds
    assert steep > level


def test_least_greens_follow_the_street() -> None:
    phases = {p.number: p.min_green_s for p in derived(FOUR).phasing.phases}
    assert (phases[1], phases[2], phases[4]) == (5, 10, 7)


def test_saturation_flows_come_along() -> None:
    flows = derived(FOUR).saturation_vph
    assert flows["in180>out0"] == pytest.approx(3800.0)
    assert flows["in180>out90"] == pytest.approx(0.95 * 1900.0)
