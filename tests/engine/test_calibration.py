"""Calibration: known drivers are found again, few observations lean on the prior."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.measures.calibrating import calibrate, calibrated
from engine.measures.discharge import STARTING, LaneGreen, measure_discharge
from engine.measures.log_greens import log_greens
from engine.measures.shrinkage import Sample, drawn, drawn_ratios, pooled
from engine.measures.street import Driving, build_street
from network.calibration import Estimate, dispersion, network_digest
from network.errors import CountError, InsufficientDataError, TopologyError
from network.readers.hires_counts import DetectorRole
from network.readers.hires_events import BEGIN_GREEN, BEGIN_YELLOW, DETECTOR_ON, HiresEvents
from tests.reference.toy_streets import line, line_flows

WAY = "e0_0>e1_0"


def queue(
    headway_s: float,
    loss_s: float,
    vehicles: int,
    green_s: float = 40.0,
    *,
    way: str = WAY,
    outlasted: bool = False,
    noise: np.random.Generator | None = None,
) -> LaneGreen:
    """A queue of like drivers that leaves at its saturation headway."""
    error_s = 0.0 if noise is None else noise.normal(0.0, 0.3, vehicles)
    crossing_s = np.sort(100.0 + loss_s + headway_s * np.arange(1, vehicles + 1) + error_s)
    return LaneGreen(
        way.partition(">")[0],
        100.0,
        100.0 + green_s,
        crossing_s,
        (way,) * vehicles,
        vehicles,
        outlasted,
    )


@pytest.mark.parametrize(("headway_s", "loss_s"), [(1.7, 0.5), (2.2, 2.5)])
def test_headway_and_start_up_loss_of_known_queues_are_found(
    headway_s: float, loss_s: float
) -> None:
    rng = np.random.default_rng(3)
    greens = [queue(headway_s, loss_s, 12, noise=rng) for _ in range(150)]
    found = measure_discharge(greens, {WAY: 1.9}, 1.0, 0.0)
    assert found.headway_s[WAY].value == pytest.approx(headway_s, abs=0.03)
    assert found.start_loss_s.measured == pytest.approx(loss_s, abs=0.12)
    assert found.queues == 150
    assert found.headway_s[WAY].samples > 1000


def test_time_after_green_is_what_queues_that_outlast_it_use() -> None:
    # 20 vehicles at 2 s, 1 s lost at first: 41 s of service in 40 s of green.
    greens = [queue(2.0, 1.0, 20, outlasted=True) for _ in range(60)]
    found = measure_discharge(greens, {WAY: 2.0}, 1.0, 0.0)
    assert found.end_gain_s.measured == pytest.approx(1.0, abs=0.05)


def test_a_queue_blocked_ahead_tells_nothing_of_the_end_of_green() -> None:
    found = measure_discharge([queue(2.0, 1.0, 8, outlasted=True)] * 20, {WAY: 2.0}, 1.0, 0.0)
    assert found.end_gain_s.samples == 0


def test_a_quick_start_alone_does_not_make_more_capacity() -> None:
    found = measure_discharge([queue(2.0, 0.0, 12)] * 50, {WAY: 2.0}, 1.0, 0.0)
    assert found.start_loss_s.value - found.end_gain_s.value == pytest.approx(1.0)


def test_short_queues_are_refused() -> None:
    with pytest.raises(InsufficientDataError, match="none of 1 protected greens"):
        measure_discharge([queue(2.0, 1.0, STARTING)], {WAY: 2.0}, 1.0, 0.0)
    with pytest.raises(InsufficientDataError, match="none of 0"):
        measure_discharge([], {WAY: 2.0}, 1.0, 0.0)


@given(st.floats(0.5, 5.0), st.floats(0.01, 2.0), st.floats(0.5, 5.0), st.floats(0.0, 2.0))
def test_what_is_drawn_lies_between_sample_and_prior(
    mean: float, error: float, prior: float, prior_error: float
) -> None:
    found = drawn(Sample(mean, error, 5), prior, prior_error)
    assert min(mean, prior) - 1e-9 <= found.value <= max(mean, prior) + 1e-9
    assert found.standard_error <= min(error, max(prior_error, 0.0)) + 1e-9


def test_the_surer_sample_is_moved_less() -> None:
    sure, unsure = (drawn(Sample(2.4, error, 9), 2.0, 0.2) for error in (0.05, 0.4))
    assert abs(sure.value - 2.4) < abs(unsure.value - 2.4)


def test_places_alike_but_for_chance_have_no_spread() -> None:
    mean, spread = pooled([Sample(2.0, 0.1, 9), Sample(2.0, 0.2, 9)], 1.0, 10.0)
    assert spread == 0.0
    assert mean.value == pytest.approx(2.0, abs=1e-3)


def test_a_place_unseen_takes_the_factor_of_the_others() -> None:
    found = drawn_ratios({"a": Sample(2.2, 0.001, 99), "b": None}, {"a": 2.0, "b": 3.0}, 0.1)
    assert found["a"].value == pytest.approx(2.2, abs=0.01)
    assert 3.0 < found["b"].value < 3.3
    assert found["b"].samples == 0
    assert found["b"].standard_error > found["a"].standard_error


@given(st.floats(3.0, 120.0), st.floats(0.0, 0.5))
def test_dispersion_keeps_mean_and_variance_of_running_times(
    running_s: float, variation: float
) -> None:
    spread_s = variation * running_s
    smoothing, alpha, beta = dispersion(running_s, spread_s)
    assert 0.0 < smoothing <= 1.0
    assert (1.0 - smoothing) / smoothing**2 == pytest.approx(spread_s**2, abs=1e-5)
    assert 1.0 / (1.0 + alpha * beta * running_s) == pytest.approx(smoothing, rel=1e-6)
    assert beta * running_s + (1.0 - smoothing) / smoothing == pytest.approx(running_s)


def test_measured_headways_and_running_times_reach_the_street() -> None:
    network = line("AB", 250.0)
    greens = [queue(2.5, 2.0, 12)] * 80
    passages = {"e1": [(30.0 + d, 9.0) for d in (-1.0, 0.0, 1.0)] * 40}
    driving = calibrated(calibrate(network, greens, passages, "test"), network)
    assert driving.start_loss_s == 2
    flows = line_flows(network, e=500.0)
    street = build_street(network, flows, 900, driving)
    usual = build_street(network, flows, 900)
    row = [w.connection_id for w in street.ways].index(WAY)
    assert 1.0 / street.lanes.saturation_vps[row] == pytest.approx(2.5, abs=0.02)
    assert street.lanes.saturation_vps[row] < usual.lanes.saturation_vps[row]
    east = next(s for s in street.stream_table if s.approach_link == "e1")
    # Measured from the end of the link before; a stream begins behind the node.
    over_s = street.ways[row].length_m / street.ways[row].speed_mps
    assert over_s + east.travel_time_s == pytest.approx(30.0, abs=0.2)
    assert east.deviation_s == pytest.approx(math.sqrt(2.0 / 3.0), rel=0.2)


def test_a_calibration_that_says_the_usual_changes_nothing() -> None:
    network = line("AB", 250.0)
    usual = Driving()
    found = calibrate(network, [queue(1.9, 1.0, 12)] * 3, {}, "test")
    same = {c: replace(e, value=usual.way_headway_s(w)) for c, e, w in _ways(network, found)}
    driving = calibrated(replace(found, headway_s=same), network)
    flows = line_flows(network, e=500.0)
    a, b = build_street(network, flows, 900, driving), build_street(network, flows, 900)
    np.testing.assert_allclose(a.lanes.saturation_vps, b.lanes.saturation_vps)
    np.testing.assert_array_equal(a.streams.delay_s, b.streams.delay_s)


def _ways(network, found):  # type: ignore[no-untyped-def]
    for signal in network.signals.values():
        for way in signal.connections:
            yield way.connection_id, found.headway_s[way.connection_id], way


def test_a_calibration_of_another_network_is_refused() -> None:
    found = calibrate(line("AB", 250.0), [queue(2.0, 1.0, 9)], {}, "test")
    found.require_of(line("AB", 250.0), "here")
    with pytest.raises(TopologyError, match="calibrate this one"):
        found.require_of(line("AB", 300.0), "here")
    renamed = replace(found, headway_s={"x": Estimate(2.0, 0.1, 0, None, 2.0)})
    with pytest.raises(TopologyError, match="connection 'x' is unknown"):
        renamed.require_of(line("AB", 250.0), "here")


def test_programs_do_not_enter_the_digest() -> None:
    assert network_digest(line("AB", cycle_s=60)) == network_digest(line("AB", cycle_s=90))
    assert network_digest(line("AB")) != network_digest(line("ABC"))


def log_of(rows: list[tuple[float, int, int]]) -> HiresEvents:
    rows = sorted(rows)
    times = np.datetime64("2026-03-02T08:00", "us") + np.array(
        [round(1e6 * row[0]) for row in rows], dtype="timedelta64[us]"
    )
    codes = np.array([[row[1], row[2]] for row in rows]).reshape(-1, 2)
    return HiresEvents(("A",), times, np.zeros(len(rows), int), codes[:, 0], codes[:, 1])


ROLE = DetectorRole("A", 7, 2, "stopbar count", "e0>e1")


def cycles(count: int, vehicles: int) -> list[tuple[float, int, int]]:
    rows: list[tuple[float, int, int]] = []
    for k in range(count):
        t = 90.0 * k
        rows += [(t, BEGIN_GREEN, 2), (t + 40.0, BEGIN_YELLOW, 2)]
        rows += [(t + 1.5 + 2.1 * v, DETECTOR_ON, 7) for v in range(1, vehicles + 1)]
        rows.append((t + 1.5 + 2.1 * vehicles + 8.0, DETECTOR_ON, 7))  # came when all was over
    return rows


def test_a_log_gives_the_headway_of_its_queues() -> None:
    network = line("AB", 250.0)
    greens = log_greens(log_of(cycles(40, 10)), [ROLE], network, "d.csv")
    found = calibrate(network, greens, {}, "log")
    assert found.headway_s[WAY].measured == pytest.approx(2.1, abs=1e-3)
    assert found.start_loss_s.measured == pytest.approx(1.5, abs=0.05)
    assert not found.links


@pytest.mark.parametrize(
    ("rows", "role", "error", "says"),
    [
        ([(0.0, BEGIN_GREEN, 2)], ROLE, InsufficientDataError, "no event of the 1 counting"),
        ([(0.0, DETECTOR_ON, 7)], ROLE, InsufficientDataError, "has no green"),
        ([(0.0, DETECTOR_ON, 7)], replace(ROLE, movement_id="a>b"), CountError, "no movement of"),
        (
            [(0.0, DETECTOR_ON, 7)],
            replace(ROLE, function="presence"),
            InsufficientDataError,
            "no detector counts at a stop line",
        ),
    ],
)
def test_a_log_that_tells_nothing_is_refused(
    rows: list[tuple[float, int, int]],
    role: DetectorRole,
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        log_greens(log_of(rows), [role], line("AB", 250.0), "d.csv")
