"""The drawn streets before SUMO sees them: geometry, turns, stages and plans."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest

from network.errors import ScenarioError
from scenarios.builders import PEAK_QUARTER
from scenarios.demand import PEAK, assign, departures_s
from scenarios.layout import Layout, arterial, generator, grid
from scenarios.programs import Design, greens_s, webster_cycle_s
from scenarios.roads import Corner, Kind, Road, Side, Streets
from scenarios.stages import Stage, stages_at
from scenarios.town import town

LAYOUTS = [arterial(5, 3), grid(3, 4, 3), town(30, 3), town(150, 4)]
LEAST_APART_M = 60.0


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def layout(request: pytest.FixtureRequest) -> Layout:
    found = request.param
    assert isinstance(found, Layout)
    return found


def plan(count: int, least_s: int = 7) -> Design:
    stage = Stage((), False, False, 0.0)
    many = (stage,) * count
    return Design("s", many, ("G",) * count, (4,) * count, (1,) * count, (least_s,) * count)


def test_corners_keep_apart(layout: Layout) -> None:
    corners = layout.streets.corners.values()
    least_m = min(math.dist((a.x_m, a.y_m), (b.x_m, b.y_m)) for a, b in combinations(corners, 2))
    assert least_m > LEAST_APART_M


def test_streets_cross_only_at_corners(layout: Layout) -> None:
    corners = layout.streets.corners
    streets = {tuple(sorted((road.tail, road.head))) for road in layout.streets.roads}

    def side(p: Corner, q: Corner, r: Corner) -> float:
        return (q.x_m - p.x_m) * (r.y_m - p.y_m) - (q.y_m - p.y_m) * (r.x_m - p.x_m)

    for one, other in combinations(sorted(streets), 2):
        if set(one) & set(other):
            continue
        a, b, c, d = (corners[name] for name in (*one, *other))
        apart = side(a, b, c) * side(a, b, d) > 0 or side(c, d, a) * side(c, d, b) > 0
        on_one_line = max(abs(side(a, b, c)), abs(side(a, b, d))) < 1e-6
        assert apart or on_one_line


def test_every_corner_can_be_reached_from_every_other(layout: Layout) -> None:
    graph = nx.DiGraph([(road.tail, road.head) for road in layout.streets.roads])
    assert set(graph) == set(layout.streets.corners)
    assert nx.is_strongly_connected(graph)


def test_nobody_can_only_turn_back(layout: Layout) -> None:
    streets = layout.streets
    for number, road in enumerate(streets.roads):
        if streets.corners[road.head].kind is not Kind.END:
            assert streets.turns_from[number]


def test_ways_from_one_road_do_not_cross(layout: Layout) -> None:
    order = {Side.RIGHT: 0, Side.AHEAD: 1, Side.LEFT: 2}
    for numbers in layout.streets.turns_from:
        turns = [layout.streets.turns[n] for n in numbers]
        for right, left in combinations(turns, 2):
            assert order[right.side] <= order[left.side]
            assert max(a for a, _ in right.lanes) <= min(a for a, _ in left.lanes)


def test_pockets_are_at_signals_of_main_streets_only(layout: Layout) -> None:
    with_pocket = [road for road in layout.streets.roads if road.pocket_m]
    assert with_pocket
    for road in with_pocket:
        assert road.main
        assert layout.streets.corners[road.head].kind is Kind.SIGNAL
        assert road.pocket_m < 0.6 * layout.streets.length_m(road)


def test_every_turn_at_a_signal_has_a_stage(layout: Layout) -> None:
    streets = layout.streets
    for corner in streets.corners.values():
        if corner.kind is Kind.SIGNAL:
            turns = {t for road in streets.into[corner.name] for t in streets.turns_from[road]}
            for yielding in (True, False):
                stages = stages_at(streets, corner.name, yielding)
                assert {t for stage in stages for t in stage.turns} == turns
                assert len(stages) > 1


def test_a_town_has_everything_a_town_has() -> None:
    streets = town(150, 4).streets
    both = {(road.tail, road.head) for road in streets.roads}
    legs = [
        len(
            {r.tail for r in map(streets.roads.__getitem__, streets.into[name])}
            | {r.head for r in map(streets.roads.__getitem__, streets.out_of[name])}
        )
        for name, corner in streets.corners.items()
        if corner.kind is Kind.SIGNAL
    ]
    assert set(legs) == {3, 4}
    assert any((head, tail) not in both for tail, head in both)
    kinds = [corner.kind for corner in streets.corners.values()]
    assert kinds.count(Kind.SIGNAL) == 150
    assert kinds.count(Kind.YIELD) > 15


def test_flow_is_conserved_at_every_corner(layout: Layout) -> None:
    flows = assign(layout, generator(1, 1))
    assert flows.share.sum() == pytest.approx(1.0)
    into = np.zeros(len(layout.streets.roads))
    out = np.zeros_like(into)
    np.add.at(into, list(flows.origins), flows.share.sum(axis=1))
    np.add.at(out, list(flows.destinations), flows.share.sum(axis=0))
    for turn, share in zip(layout.streets.turns, flows.turn_share, strict=True):
        into[turn.to_road] += share
        out[turn.from_road] += share
    np.testing.assert_allclose(into, out, atol=1e-12)


def test_routes_lead_from_end_to_end_along_turns(layout: Layout) -> None:
    flows = assign(layout, generator(1, 1))
    allowed = {(turn.from_road, turn.to_road) for turn in layout.streets.turns}
    for origin, destination in zip(*np.nonzero(flows.share), strict=True):
        route = flows.route(layout.streets, int(origin), int(destination))
        assert route[0] == flows.origins[origin]
        assert route[-1] == flows.destinations[destination]
        assert set(pairwise(route)) <= allowed


def test_the_busiest_quarter_is_the_profile_s_own() -> None:
    quarter = 1.0 + PEAK * math.sin(math.pi / 4) / (math.pi / 4)
    assert quarter == pytest.approx(PEAK_QUARTER, abs=0.01)


def test_headways_are_exponential_on_the_clock_of_the_flow() -> None:
    due_s = departures_s(20_000.0, np.random.default_rng(1))
    assert len(due_s) == pytest.approx(20_000, rel=0.03)
    near = due_s[(due_s > 1700) & (due_s < 1900)]
    headways = np.diff(near)
    assert headways.mean() == pytest.approx(3600 / 20_000 / 1.3, rel=0.1)
    assert headways.std() == pytest.approx(headways.mean(), rel=0.1)


def test_no_volume_means_no_departures() -> None:
    assert len(departures_s(0.0, np.random.default_rng(1))) == 0


def test_webster_s_cycle_is_his_formula_in_steps_of_5_s() -> None:
    # (1.5 * 15 + 5) / (1 - 0.65) = 78.6
    assert webster_cycle_s(plan(3), (0.25, 0.2, 0.2)) == 80
    assert webster_cycle_s(plan(3), (0.1, 0.1, 0.1)) == 60
    assert webster_cycle_s(plan(3), (0.5, 0.4, 0.3)) == 100


def test_a_cycle_is_never_shorter_than_the_minimum_greens() -> None:
    assert webster_cycle_s(plan(3, least_s=30), (0.1, 0.1, 0.1)) == 105


@pytest.mark.parametrize("ratios", [(0.3, 0.2, 0.1), (0.5, 0.01, 0.01), (0.0, 0.0, 0.0)])
def test_greens_fill_the_cycle_and_respect_their_minimums(ratios: tuple[float, ...]) -> None:
    greens = greens_s(plan(3), ratios, 80)
    assert sum(greens) + plan(3).lost_s == 80
    assert min(greens) >= 7


def test_greens_follow_the_flow_ratios() -> None:
    assert greens_s(plan(3), (0.3, 0.2, 0.15), 80) == (30, 20, 15)


def test_a_cycle_too_short_for_the_minimums_is_refused() -> None:
    with pytest.raises(ScenarioError, match="at least 36 s"):
        greens_s(plan(3), (0.1, 0.1, 0.1), 35)


@pytest.mark.parametrize(
    "road", [Road("a", "x", "y", 1, 10.0, False), Road("a", "x", "x", 1, 10.0, False)]
)
def test_roads_join_two_corners_that_exist(road: Road) -> None:
    with pytest.raises(ScenarioError, match="must join two different corners"):
        Streets({"x": Corner("x", 0.0, 0.0, Kind.END)}, (road,))


def test_three_lanes_are_refused() -> None:
    with pytest.raises(ScenarioError, match="1 or 2 lanes"):
        Road("a", "x", "y", 3, 10.0, False)
