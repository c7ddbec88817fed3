"""Terms of the manual against its exhibits and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.delay import uniform_delay_s
from engine.measures.hcm_display import Window, usable
from engine.measures.hcm_lefts import (
    Opposing,
    PermittedGreen,
    Service,
    permitted_left,
    polygon_delay_s,
    shared_equivalent,
)
from engine.measures.hcm_terms import (
    Arrivals,
    QueueLane,
    back_of_queue_veh,
    calibration,
    filtering,
    initial_queue,
    level_of_service,
    percentile_queue_veh,
)
from network.derive.saturation import left_equivalent
from network.errors import EngineError


@pytest.mark.parametrize(
    ("kind", "green_ratio", "expected"),
    # HCM 2000, exhibit 16-12; types 3 and 6 at the rim are 1 and 0
    [(4, 0.5, 0.767), (5, 0.4, 0.555), (6, 0.3, 0.571), (3, 0.4, 1.0), (6, 0.5, 0.0)],
)
def test_progression_factors_of_the_exhibit(kind: int, green_ratio: float, expected: float) -> None:
    assert Arrivals(kind).progression_factor(green_ratio) == pytest.approx(expected, abs=5e-4)


def test_measured_arrivals_take_the_place_of_a_type() -> None:
    # P = 0.6 at g/C = 0.5: Rp = 1.2 is type 4, fPA 1.15; (1 - 0.6) 1.15 / 0.5
    assert Arrivals(green_share=0.6).progression_factor(0.5) == pytest.approx(0.92)
    assert Arrivals(green_share=0.5).progression_factor(0.5) == pytest.approx(1.0)
    assert Arrivals(2).progression_factor(1.0) == 1.0


def test_impossible_arrivals_are_refused() -> None:
    with pytest.raises(EngineError, match="arrival type 7"):
        Arrivals(7)
    with pytest.raises(EngineError, match="allowed is 0 to 1"):
        Arrivals(green_share=float("nan"))


@pytest.mark.parametrize(
    ("saturation", "extension_s", "expected"),
    # exhibit 16-13: (1 - 2 x 0.11) 0.3 + 0.11; never below kmin, never above 0.5
    [(0.8, 3.0, 0.344), (0.3, 3.0, 0.11), (1.3, 2.0, 0.5), (0.8, None, 0.5), (0.2, 4.0, 0.15)],
)
def test_calibration_of_actuated_control(
    saturation: float, extension_s: float | None, expected: float
) -> None:
    assert calibration(saturation, extension_s) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("upstream", "expected"),
    # exhibit 15-9
    [(0.4, 0.922), (0.6, 0.769), (0.8, 0.500), (1.0, 0.090), (1.4, 0.090), (None, 1.0)],
)
def test_filtering_of_the_exhibit(upstream: float | None, expected: float) -> None:
    assert filtering(upstream) == pytest.approx(expected, abs=6e-4)


def test_an_initial_queue_that_clears_within_the_period() -> None:
    # 600 x 0.2 = 120 veh/h to spare: 20 vehicles take 1/6 h; 1800 x 20 / 6 / 150
    queue = initial_queue(20.0, 600.0, 0.8, 0.25)
    assert (queue.delay_s, queue.unmet_h) == (pytest.approx(40.0), pytest.approx(1.0 / 6.0))


def test_an_initial_queue_that_outlasts_the_period() -> None:
    # 15 of 20 vehicles go: u = 0.25, t = T; 1800 x 20 x 1.25 x 0.25 / 150
    assert initial_queue(20.0, 600.0, 0.9, 0.25).delay_s == pytest.approx(75.0)
    # Nothing to spare: every arriving vehicle waits for 20 others, 20 / 600 h
    assert initial_queue(20.0, 600.0, 1.2, 0.25).delay_s == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("delay_s", "saturation", "grade"),
    [
        *((10.0, 0.5, "A"), (10.1, 0.5, "B"), (20.1, 0.5, "C"), (35.1, 0.5, "D")),
        *((55.1, 0.5, "E"), (80.0, 1.0, "E"), (80.1, 0.5, "F"), (30.0, 1.01, "F")),
    ],
)
def test_levels_of_service(delay_s: float, saturation: float, grade: str) -> None:
    assert level_of_service(delay_s, saturation) == grade


def test_back_of_queue_by_hand() -> None:
    # Q1 = 500 x 60 / 3600 x 0.5 / (1 - 0.55556 x 0.5) = 5.76923, PF2 = 1
    # kB = 0.12 x 15^0.7 = 0.79881; Q2 = 56.25 (-0.44444 + sqrt(0.19753 + 0.015779)) = 0.97934
    lane = QueueLane(500.0, 1800.0, 900.0, 30.0, 60.0)
    average = back_of_queue_veh(lane, 0.25)
    assert average == pytest.approx(6.7486, abs=1e-3)
    # 1.6 + exp(-6.7486 / 5) = 1.85931
    assert percentile_queue_veh(average) == pytest.approx(12.548, abs=2e-3)
    with pytest.raises(EngineError, match="allowed are 70, 85, 90, 95, 98"):
        percentile_queue_veh(3.0, 99)


def green(**values: float) -> PermittedGreen:
    given = {"left_vph": 60.0, "left_share": 0.15, "lanes": 1, "exclusive": False} | values
    return PermittedGreen(60.0, 30.0, 30.0, 4.0, **given)  # type: ignore[arg-type]


ONE_LANE = Opposing(500.0, 1, 1.0, 30.0, 1.0, 0.1, 0.0)


def test_a_shared_lane_opposed_by_one_lane_by_hand() -> None:
    # LTC = 1: gf = 30 e^-0.860 - 4 = 8.695; volc = 8.3333, qr = 0.5:
    # gq = 4.943 x 5.0311 x 0.47930 - 4 = 7.920, less than gf; gu = 21.305; EL1 = 2.3
    # fLT = (8.695 + 21.305 / (1 + 0.15 x 1.3)) / 30
    left = permitted_left(green(), ONE_LANE)
    assert left.first_left_s == pytest.approx(8.695, abs=1e-3)
    assert left.opposing_queue_s == pytest.approx(7.920, abs=2e-3)
    assert left.equivalent == pytest.approx(2.3)
    assert left.factor == pytest.approx(0.8841, abs=2e-4)


def test_opposing_left_turns_make_room() -> None:
    # LTC = 3: gf = 30 e^(-0.860 x 1.99576) - 4 = 1.392; gq - gf = 6.528, n = 3.264
    # EL2 = (1 - 0.9^3.264) / 0.1 = 2.910; gu = 22.080
    # fLT = (1.392 + 6.528 / 1.8595 + 22.080 / 1.585) / 30
    left = permitted_left(green(left_vph=180.0, left_share=0.45), ONE_LANE)
    assert left.usable_s == pytest.approx(22.080, abs=3e-3)
    assert left.factor == pytest.approx(0.6278, abs=2e-4)


def test_two_lanes_opposed_by_two_lanes_by_hand() -> None:
    # LTC = 1: gf = 30 e^-0.882 - 4 = 8.419; volc = 7.0028; gq = 3.5014 / 0.38329 - 4 = 5.135
    # gu = 21.581; voe = 840.3, EL1 = 3.221; PL = 0.075 (1 + 30 / 19.359) = 0.19123
    # fm = (8.419 + 21.581 / 1.42471) / 30 = 0.78555; fLT = (fm + 0.91) / 2
    left = permitted_left(
        green(left_share=0.075, lanes=2), Opposing(800.0, 2, 0.952, 30.0, 1.0, 0.0, 0.0)
    )
    assert left.opposing_queue_s == pytest.approx(5.135, abs=1e-3)
    assert left.equivalent == pytest.approx(3.2210, abs=1e-3)
    assert left.lane_share == pytest.approx(0.19123, abs=1e-4)
    assert left.factor == pytest.approx(0.84778, abs=1e-4)


def test_drivers_sneak_through_only_where_red_follows() -> None:
    wall = Opposing(3000.0, 2, 1.0, 30.0, 1.0, 0.0, 0.0)
    own = green(left_share=1.0, exclusive=True)
    left = permitted_left(own, wall)
    assert left.sneaking
    assert left.factor == pytest.approx(4.0 / 30.0)
    onward = PermittedGreen(60.0, 30.0, 30.0, 4.0, 60.0, 1.0, 1, True, ends=False)
    assert permitted_left(onward, wall).factor < 0.01


def test_an_opposing_queue_that_began_earlier_is_gone_earlier() -> None:
    later = Opposing(500.0, 1, 1.0, 30.0, 1.0, 0.1, 5.0)
    own = green(left_share=1.0, exclusive=True)
    assert permitted_left(own, later).opposing_queue_s == pytest.approx(
        permitted_left(own, ONE_LANE).opposing_queue_s - 5.0
    )


@pytest.mark.parametrize(
    ("flow_vph", "own", "shared"),
    # HCM 2000, exhibit C16-3
    [(200.0, 1.6, 1.7), (600.0, 2.3, 2.5), (1000.0, 3.3, 3.7), (1200.0, 4.0, 4.5)],
)
def test_equivalents_of_the_exhibit(flow_vph: float, own: float, shared: float) -> None:
    assert left_equivalent(flow_vph) == pytest.approx(own, abs=0.051)
    assert shared_equivalent(flow_vph) == pytest.approx(shared)


def test_equivalents_grow_beyond_the_exhibit() -> None:
    values = [shared_equivalent(flow) for flow in (1200.0, 1201.0, 1400.0, 1800.0)]
    assert values == sorted(values)
    assert values[1] == pytest.approx(4.5, abs=0.02)


def test_queue_polygon_of_an_arrow_and_a_permitted_green_by_hand() -> None:
    # 0.1 veh/s; arrow 0-10 s at 0.5 veh/s, opposing queue until 20 s, filtering at 0.2 veh/s
    # until 40 s, red until 60 s. Red: 2 vehicles, 20 veh s; arrow empties in 5 s, 5 veh s;
    # then 1 vehicle in 10 s and gone in 10 s, 5 and 5 veh s: 35 veh s for 6 vehicles
    services = (Service(0.0, 10.0, 1800.0), Service(20.0, 20.0, 720.0))
    assert polygon_delay_s(360.0, 60.0, services) == pytest.approx(35.0 / 6.0)


@given(
    st.floats(1.0, 900.0),
    st.lists(st.tuples(st.floats(2.0, 14.0), st.floats(0.0, 1800.0)), min_size=1, max_size=4),
    st.floats(0.0, 3.0),
)
@settings(max_examples=25, deadline=None)
def test_the_polygon_agrees_with_a_queue_stepped_through_the_cycle(
    flow_vph: float, stretches: list[tuple[float, float]], at_end_veh: float
) -> None:
    cycle_s, steps = 60.0, 6000
    # One stretch a quarter of the cycle, the first of them clears something in any case.
    services = [
        Service(15.0 * at, round(length_s, 2), rate_vph if at else 900.0, at_end_veh)
        for at, (length_s, rate_vph) in enumerate(stretches)
    ]
    served = sum(s.rate_vph / 3600.0 * s.length_s + s.at_end_veh for s in services)
    arriving = min(flow_vph / 3600.0, served / cycle_s)
    rate = np.zeros(steps)
    leap = np.zeros(steps)
    for service in services:
        first = round(service.begin_s * 100)
        last = round((service.begin_s + service.length_s) * 100)
        rate[first:last] = service.rate_vph / 3600.0
        leap[last - 1] = service.at_end_veh
    queue = 0.0
    for _ in range(3):
        area = 0.0
        for gone, left in zip(rate, leap, strict=True):
            after = max(0.0, queue + (arriving - gone) * 0.01)
            area += 0.5 * (queue + after) * 0.01
            queue = max(0.0, after - left)
    assert polygon_delay_s(flow_vph, cycle_s, services) == pytest.approx(
        area / (arriving * cycle_s), abs=0.02
    )


def test_a_queue_that_nobody_serves_waits_for_ever() -> None:
    assert math.isinf(polygon_delay_s(100.0, 60.0, (Service(0.0, 10.0, 0.0),)))


@given(
    st.floats(1.0, 1200.0), st.floats(10.0, 55.0), st.floats(0.0, 59.0), st.floats(600.0, 3600.0)
)
def test_the_polygon_of_one_green_is_the_uniform_delay(
    flow_vph: float, green_s: float, begin_s: float, rate_vph: float
) -> None:
    load = flow_vph / (rate_vph * green_s / 60.0)
    found = polygon_delay_s(flow_vph, 60.0, (Service(begin_s, green_s, rate_vph),))
    assert found == pytest.approx(uniform_delay_s(60.0, green_s, load), rel=1e-6)


@given(st.floats(1.0, 900.0), st.floats(0.1, 19.9))
def test_a_divided_green_never_waits_longer_than_its_parts_forecast(
    flow_vph: float, cut_s: float
) -> None:
    whole = (Service(5.0, 20.0, 1800.0),)
    parts = (Service(5.0, cut_s, 1800.0), Service(5.0 + cut_s, 20.0 - cut_s, 1800.0))
    assert polygon_delay_s(flow_vph, 60.0, parts) == pytest.approx(
        polygon_delay_s(flow_vph, 60.0, whole)
    )


def test_green_is_lost_at_its_begin_and_gained_at_its_end_once() -> None:
    arrow, yielding = Window(10.0, 20.0, True), Window(20.0, 40.0, False)
    assert usable((arrow, yielding), 60.0, 2.0, 3.0) == (
        Window(12.0, 23.0, True),
        Window(23.0, 43.0, False),
    )


def test_a_permitted_green_before_an_arrow_passes_into_it() -> None:
    yielding, arrow = Window(10.0, 20.0, False), Window(21.0, 40.0, True)
    assert usable((yielding, arrow), 60.0, 2.0, 3.0) == (
        Window(12.0, 21.0, False),
        Window(21.0, 43.0, True),
    )
    # A yellow longer than drivers use makes two greens of it.
    assert usable((yielding, arrow), 60.0, 2.0, 0.5) == (
        Window(12.0, 20.5, False),
        Window(23.0, 40.5, True),
    )


def test_what_a_short_window_cannot_lose_the_next_one_does() -> None:
    found = usable((Window(10.0, 11.0, True), Window(11.0, 30.0, False)), 60.0, 2.0, 0.0)
    assert found == (Window(12.0, 30.0, False),)


def test_green_that_never_ends_loses_nothing() -> None:
    ever = (Window(0.0, 60.0, True),)
    assert usable(ever, 60.0, 2.0, 2.0) == ever
    assert usable((), 60.0, 2.0, 2.0) == ()


def test_green_over_the_end_of_the_cycle_is_one_run() -> None:
    found = usable((Window(0.0, 10.0, False), Window(50.0, 60.0, True)), 60.0, 2.0, 2.0)
    assert found == (Window(2.0, 12.0, False), Window(52.0, 62.0, True))
