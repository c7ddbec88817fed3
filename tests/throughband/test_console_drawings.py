"""What pages draw is what is measured: bands, rings, lamps second by second, maps."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from engine.measures.bandwidth import corridor_bands
from engine.measures.corridor import Corridor
from network.timing import TimingPlan
from tests.throughband.reports_street import story
from throughband.console.map_drawing import draw_map, letter_of
from throughband.console.pages.rings import rings_of, seconds_of
from throughband.console.pages.space import Space, space_of
from throughband.pictures.approaches import modeled_approaches
from throughband.pictures.geojson import network_geojson

TOLD = story()


def corridor() -> Corridor:
    assert TOLD.corridor is not None
    return TOLD.corridor


def drawn(plans: dict[str, TimingPlan]) -> Space:
    return space_of(corridor(), TOLD.network, plans)


def widths_s(space: Space, direction: str) -> set[float]:
    """Widths of bands as drawn: between the first edge and the last one at the first signal."""
    found = set()
    for shape in space.shapes:
        if shape.direction == direction:
            xs = [float(pair.split(",")[0]) for pair in shape.points.split()]
            found.add(round((xs[-1] - xs[0]) / space.per_s, 1))
    return found


def test_bands_are_drawn_as_wide_as_they_are() -> None:
    plans = dict(TOLD.new_plans())
    bands = corridor_bands(corridor(), plans, TOLD.network)
    assert bands.inbound is not None
    space = drawn(plans)
    for direction, band in (("outbound", bands.outbound), ("inbound", bands.inbound)):
        (width,) = widths_s(space, direction)
        assert width == pytest.approx(band.width_s, abs=0.11)
        assert {s.text for s in space.shapes if s.direction == direction} == {
            f"{band.width_s:.1f} s", ""
        }  # fmt: skip


def test_where_no_band_runs_through_those_between_neighbors_are_drawn() -> None:
    plans = {
        name: replace(plan, offset_s=30 * (at % 2))
        for at, (name, plan) in enumerate(sorted(TOLD.new_plans().items()))
    }
    bands = corridor_bands(corridor(), plans, TOLD.network)
    shapes = [s for s in drawn(plans).shapes if s.direction == "outbound"]
    assert all(shape.partial for shape in shapes) == (not bands.outbound.width_s)


def test_the_script_is_handed_the_greens_that_make_the_band() -> None:
    plans = dict(TOLD.new_plans())
    told = drawn(plans).to_dict()
    for course in told["courses"]:
        for stop in course["stops"]:
            cycle_ds = 10 * plans[stop["signal"]].cycle_s
            assert stop["greens"]
            assert all(0 <= at < at + length <= cycle_ds for at, length in stop["greens"])
    outbound, inbound = told["courses"]
    assert [s["signal"] for s in outbound["stops"]] == [s["signal"] for s in inbound["stops"]][::-1]


def test_lamps_of_a_strip_fill_every_cycle() -> None:
    space = drawn(dict(TOLD.new_plans()))
    for row in space.rows:
        assert row.plan is not None
        turns = -(-space.seconds // row.plan.cycle_s) + 1
        for strip in row.strips:
            lit = sum(
                float(width) for _, path in strip.paths for width in re.findall(r"h([\d.]+)v", path)
            )
            # One cycle before system zero is drawn too, for a strip that is moved to the right.
            assert lit / space.per_s == pytest.approx((turns + 1) * row.plan.cycle_s, rel=0.01)


def test_a_signal_without_a_plan_keeps_its_row_and_says_so() -> None:
    plans = dict(TOLD.new_plans())
    gone = corridor().signals[1]
    del plans[gone]
    row = next(row for row in drawn(plans).rows if row.signal_id == gone)
    assert row.plan is None
    assert row.lines == ("no plan known",)


def test_boxes_of_a_ring_fill_the_cycle() -> None:
    name, plan = sorted(TOLD.new_plans().items())[0]
    rings = rings_of(TOLD.network.signals[name], plan)
    assert rings is not None
    per_s = (rings.barriers[-1] - rings.barriers[0]) / plan.cycle_s
    for _, y in rings.names:
        own = [box for box in rings.boxes if box.y < y < box.y + box.height]
        assert sum(box.width for box in own) / per_s == pytest.approx(plan.cycle_s)
    assert not rings.broken


def test_a_split_below_its_least_is_framed_and_told() -> None:
    name, plan = sorted(TOLD.new_plans().items())[0]
    first, second, *rest = plan.splits_s
    unlawful = replace(plan, splits_s=(first + second - 5, 5, *rest))
    rings = rings_of(TOLD.network.signals[name], unlawful)
    assert rings is not None
    assert any(box.broken for box in rings.boxes)
    assert rings.broken


def test_the_same_plan_differs_from_itself_in_no_second() -> None:
    name, plan = sorted(TOLD.new_plans().items())[0]
    seconds = seconds_of(TOLD.network.signals[name], plan, plan)
    assert seconds is not None
    assert seconds.differing_s == 0
    assert seconds.marks == ()


def test_a_shifted_plan_differs_in_the_seconds_around_each_change() -> None:
    name, plan = sorted(TOLD.new_plans().items())[0]
    later = replace(plan, offset_s=(plan.offset_s + 1) % plan.cycle_s)
    seconds = seconds_of(TOLD.network.signals[name], plan, later)
    assert seconds is not None
    assert 0 < seconds.differing_s < plan.cycle_s


@pytest.mark.parametrize("show", ["los", "delay", "queue"])
def test_a_map_holds_every_approach_and_signal(show: str) -> None:
    states = modeled_approaches(TOLD.street, TOLD.model_after)
    drawing = draw_map(network_geojson(TOLD.network, states), show)
    assert len(drawing.approaches) == len(states)
    assert drawing.links[0].count("M") == len(TOLD.network.links) - len(states)
    assert {dot.signal_id for dot in drawing.signals} == set(TOLD.network.signals)
    assert all(approach.level in "ABCDEF" for approach in drawing.approaches)


def test_an_approach_of_which_nothing_is_known_has_no_color() -> None:
    assert [letter_of({}, show) for show in ("los", "delay", "queue")] == ["", "", ""]


def test_longer_queues_have_later_letters() -> None:
    letters = [letter_of({"queue_veh": queue}, "queue") for queue in (0, 4, 8, 12, 20, 40)]
    assert letters == list("ABCDEF")
