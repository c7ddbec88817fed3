"""Measures of signals from logs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.performance.arrivals import arrivals
from engine.performance.failures import cycle_occupancy, occupied
from engine.performance.flow_profiles import measured_profile, planned_profiles
from engine.performance.phase_history import (
    LOST_S,
    Aspect,
    Termination,
    phase_histories,
    seconds_of,
)
from engine.performance.signal import signal_performance
from engine.performance.splits import phase_splits
from network.errors import InsufficientDataError
from network.readers.hires_counts import DetectorRole
from tests.engine.explained_streets import WALKING, demand_of, plans_of, row
from tests.hires_street import (
    CYCLE_S,
    GREEN_S,
    RED_CLEAR_S,
    YELLOW_S,
    Row,
    cycles,
    log_of,
    passage,
    service,
)

AHEAD = DetectorRole("A", 5, 2, "advance")
STOP = DetectorRole("A", 6, 2, "presence")


def test_a_vehicle_meets_what_the_phase_shows_in_its_instant() -> None:
    log = log_of(cycles(3, [0.0, GREEN_S - 0.1, GREEN_S, GREEN_S + YELLOW_S, 50.0]))
    seen = arrivals(log, phase_histories(log, "A"), [AHEAD], "A")[2]
    green, yellow, red = Aspect.GREEN, Aspect.YELLOW, Aspect.RED
    assert seen.aspect[:5].tolist() == [green, green, yellow, red, red]
    assert seen.green_share == pytest.approx(0.4)


def test_the_wait_lasts_to_the_next_green_and_the_cycle_from_red() -> None:
    log = log_of(cycles(3, [10.0, 50.0]))
    seen = arrivals(log, phase_histories(log, "A"), [AHEAD], "A")[2]
    assert seen.wait_s[:4].tolist() == [0.0, CYCLE_S - 50.0, 0.0, CYCLE_S - 50.0]
    assert seen.into_cycle_s[1] == pytest.approx(50.0 - GREEN_S - YELLOW_S)
    # Nobody knows when the first cycle's red began, nor when the green after the log comes.
    assert np.isnan(seen.into_cycle_s[0])
    assert np.isnan(seen.wait_s[-1])


def test_travel_time_and_latency_move_vehicles() -> None:
    log = log_of(cycles(3, [25.0]))
    histories = phase_histories(log, "A")
    far = DetectorRole("A", 5, 2, "advance", "", 10.0)
    assert arrivals(log, histories, [AHEAD], "A")[2].green_share == 1.0
    assert arrivals(log, histories, [far], "A")[2].green_share == 0.0
    assert arrivals(log, histories, [far], "A", latency_s=6.0)[2].green_share == 1.0
    with pytest.raises(InsufficientDataError, match=r"-1\.0 s late; allowed are 0 to 60"):
        arrivals(log, histories, [far], "A", latency_s=-1.0)


def test_nothing_is_known_before_the_first_change_and_in_a_hole() -> None:
    rows = passage(-5.0, 5) + cycles(2, []) + passage(2 * CYCLE_S - 1, 5)
    rows += passage(2 * CYCLE_S + LOST_S + 20.0, 5) + service(2 * CYCLE_S + LOST_S + 30.0)
    log = log_of(rows)
    seen = arrivals(log, phase_histories(log, "A"), [AHEAD], "A")[2]
    unknown, red = Aspect.UNKNOWN, Aspect.RED
    assert seen.aspect.tolist() == [unknown, red, unknown]


def test_services_are_whole_and_carry_their_reason() -> None:
    rows = service(0.0, reason=4) + service(60.0, reason=5) + service(120.0)[:-1]
    rows += [(10.0, 135, 40), (200.0, 1, 8)]
    log = log_of(rows)
    splits = phase_splits(log, phase_histories(log, "A")[2], planned_s=33.0)
    assert splits.history.ended_by.tolist() == [Termination.GAP_OUT, Termination.MAX_OUT]
    assert splits.split_s.tolist() == [GREEN_S + YELLOW_S + RED_CLEAR_S] * 2
    # The log names the split after the first green began; before, the plan says it.
    assert splits.programmed_s.tolist() == [33.0, 40.0]
    assert splits.share(Termination.GAP_OUT) == 0.5


def test_a_green_that_is_full_and_leaves_somebody_has_failed() -> None:
    def log(green_s: float, red_s: float) -> bool:
        rows = service(0.0) + service(60.0)
        rows += [(100.0, 82, 9)]
        rows += passage(0.0, 6, green_s) + passage(GREEN_S + YELLOW_S, 6, red_s)
        found = log_of(rows)
        occupancy = cycle_occupancy(found, phase_histories(found, "A")[2], [STOP])
        assert occupancy is not None
        return bool(occupancy.failed[0])

    assert log(25.0, 4.5)
    assert not log(20.0, 4.5)
    assert not log(25.0, 3.5)


def test_without_presence_detectors_no_failure_is_told() -> None:
    log = log_of(cycles(2, [3.0], channel=6))
    assert cycle_occupancy(log, phase_histories(log, "A")[2], [AHEAD]) is None


def test_lost_detector_events_are_made_good() -> None:
    on = np.array([True, True, True, False, False])
    begins, ends = occupied(np.array([0.0, 1.0, 11.0, 13.0, 15.0]), on, 20.0)
    assert begins.tolist() == [0.0, 1.0, 11.0, 14.0]
    assert ends.tolist() == [1.0, 6.0, 13.0, 15.0]


@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(1, 80)), min_size=1, max_size=12),
    st.integers(1, 3),
)
def test_occupancy_is_that_of_any_detector(spans: list[tuple[int, int]], lanes: int) -> None:
    rows: list[Row] = []
    busy = np.zeros(7000, dtype=bool)
    free = [0] * lanes
    for at, lasts in sorted(spans):
        lane = at % lanes
        begin = max(at, free[lane] + 1)
        rows += passage(begin / 10, 10 + lane, lasts / 10)
        busy[begin : begin + lasts] = True
        free[lane] = begin + lasts
    rows += [*service(0.0), (50.0, 43, 8), (100.0, 43, 8)]
    log = log_of(rows)
    roles = [DetectorRole("A", 10 + lane, 2, "presence") for lane in range(lanes)]
    found = cycle_occupancy(log, phase_histories(log, "A")[2], roles)
    assert found is not None
    assert found.green_occupancy[0] == pytest.approx(busy[:300].mean(), abs=1e-6)
    assert found.red_occupancy[0] == pytest.approx(busy[340:390].mean(), abs=1e-6)


def test_a_profile_has_vehicles_and_green_at_their_seconds() -> None:
    log = log_of(cycles(8, [10.2, 40.7]))
    profile = measured_profile(arrivals(log, phase_histories(log, "A"), [AHEAD], "A")[2])
    assert profile.cycle_s == CYCLE_S
    assert np.flatnonzero(profile.flow_vph).tolist() == [10, 40]
    assert profile.flow_vph[10] == pytest.approx(3600.0)
    assert profile.green.tolist() == [1.0] * 30 + [0.0] * 30
    assert profile.on_green == 0.5


def test_few_cycles_make_no_profile() -> None:
    log = log_of(cycles(3, [10.0]))
    seen = arrivals(log, phase_histories(log, "A"), [AHEAD], "A")[2]
    with pytest.raises(InsufficientDataError, match="2 whole cycles; a profile needs 5"):
        measured_profile(seen)


def test_the_models_profiles_hold_the_demand_and_the_greens_of_the_plan() -> None:
    network = row(2, phasing=WALKING)
    street = demand_of(network).street(network)
    plans = plans_of(network)
    found = planned_profiles(street, network, plans)
    assert set(found) == set(plans)
    for name, profiles in found.items():
        assert profiles
        for profile in profiles:
            assert profile.cycle_s == plans[name].cycle_s
            assert 0.0 < profile.green.mean() < 1.0
            approach = street.approach_names.index(profile.name)
            lanes = street.lane_approach == approach
            demand_vph = 3600.0 * street.lane_volume_vps[lanes].sum()
            assert profile.flow_vph.mean() == pytest.approx(demand_vph, rel=0.02)


def test_a_signal_is_summed_up_and_cut_into_intervals() -> None:
    log = log_of([*cycles(30, [10.0, 20.0, 50.0]), (30 * CYCLE_S, 1, 2)])
    one = signal_performance(log, "A", [AHEAD], step_s=600)
    (summary,) = one.summary()
    assert summary.greens == 30
    assert summary.arrived_veh == 90
    assert summary.green_share == pytest.approx(2 / 3)
    assert summary.green_time_share == pytest.approx(0.5, abs=1e-6)
    assert summary.platoon_ratio == pytest.approx(4 / 3, abs=1e-5)
    assert summary.wait_s == pytest.approx(10 / 3)
    assert summary.force_off == 1.0
    assert np.isnan(summary.judged)
    assert sum(part.arrived_veh for part in one.intervals[2]) == 90
    assert [part.begin_s % 600 for part in one.intervals[2]] == [0.0] * len(one.intervals[2])


def test_a_log_without_greens_is_refused() -> None:
    with pytest.raises(InsufficientDataError, match="'A' has no begin of green"):
        signal_performance(log_of(passage(0.0, 5)), "A")
    with pytest.raises(InsufficientDataError, match="intervals of 7 s; allowed are whole seconds"):
        signal_performance(log_of(cycles(2, [])), "A", step_s=7)


def test_seconds_count_from_1970() -> None:
    assert seconds_of(np.array(["1970-01-01T00:00:02.5"], dtype="datetime64[us]"))[0] == 2.5
