"""Arrivals: platoons keep their mass, come when they should, and match the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.forecast.arrival_profiles import arrivals_on_green, cycle_profile, planned_green
from engine.forecast.arrivals import ArrivalModel, Dispersion, arrival_model
from engine.validate.counting import DetectorSite, count
from engine.validate.simulator import SimulationCase
from engine.validate.sumo_process import run_process
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.readers.sumo_net import read_sumo_network
from scenarios.builders import build
from scenarios.layout import arterial
from scenarios.scenario import load_scenario
from tests.reference.toy_streets import line

Floats = NDArray[np.float64]


@pytest.fixture
def street() -> RoadNetwork:
    return line("AB", 400.0)


def model_of(network: RoadNetwork, **options: object) -> ArrivalModel:
    return arrival_model(network, dict.fromkeys(network.movements, 300.0), **options)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 2),
    st.floats(0, 20),
    st.one_of(st.none(), st.floats(0.1, 1.5)),
)
def test_every_vehicle_that_leaves_arrives(
    seed: int, a: float, start_s: float, b: float | None
) -> None:
    network = line("AB", 200.0)
    model = model_of(network, dispersion=Dispersion(a, b, start_s))
    rng = np.random.default_rng(seed)
    rows = len(model.turn_ids)
    departed = np.zeros((rows, 1500))
    departed[:, :20] = rng.poisson(0.5, (rows, 20))
    nobody = np.zeros((len(model.link_ids), 1500))
    found = model.predict(departed, np.ones((rows, 1500)), outside_veh=nobody)
    left = np.zeros(len(model.exit_ids))
    np.add.at(left, model.turns.exit, departed.sum(axis=1))
    sent = float((left[model.streams.exit] * model.streams.share).sum())
    assert found.arrivals_veh.sum() == pytest.approx(sent, rel=1e-6, abs=1e-6)
    assert found.arrivals_veh.min() >= 0


@pytest.mark.parametrize("bin_s", [1, 2, 5])
def test_a_platoon_arrives_after_its_running_time_whatever_the_bin(
    street: RoadNetwork, bin_s: int
) -> None:
    dispersion = Dispersion(0.35, None, 2.0)
    model = model_of(street, bin_s=bin_s, dispersion=dispersion)
    stream = 0
    exit_row, link = int(model.streams.exit[stream]), int(model.streams.link[stream])
    turn = int(np.flatnonzero(model.turns.exit == exit_row)[0])
    bins = 600 // bin_s
    departed = np.zeros((len(model.turn_ids), bins))
    departed[turn, 0] = 10.0
    nobody = np.zeros((len(model.link_ids), bins))
    arrivals = model.predict(
        departed, np.ones((len(departed), bins)), outside_veh=nobody
    ).arrivals_veh[link]
    mean_s = float((np.arange(bins) * bin_s * arrivals).sum() / arrivals.sum())
    delay, smoothing = dispersion.split(400.0 / 12.5, bin_s)
    told_s = (delay + (1 - smoothing) / smoothing) * bin_s
    assert mean_s == pytest.approx(told_s, abs=0.2)
    assert told_s == pytest.approx(400.0 / 12.5 + 2.0, rel=0.01)


def test_a_queue_that_stands_leaves_on_green_and_arrives_downstream(street: RoadNetwork) -> None:
    model = model_of(street)
    exit_row = int(model.streams.exit[0])
    turn = int(np.flatnonzero(model.turns.exit == exit_row)[0])
    past, bins = 10, 70
    green = np.zeros((len(model.turn_ids), bins))
    green[turn, 20:] = 1.0
    queue = np.zeros(len(model.turn_ids))
    queue[turn] = 8.0
    found = model.predict(
        np.zeros((len(queue), past)),
        model.service(green),
        queue_veh=queue,
        outside_veh=np.zeros((len(model.link_ids), bins)),
    )
    ahead = found.ahead(model.link_ids[int(model.streams.link[0])])
    assert found.queue_veh[turn, 15] == pytest.approx(8.0)
    assert found.queue_veh[turn, -1] == pytest.approx(0.0)
    assert ahead[:10].sum() == 0
    assert ahead.sum() == pytest.approx(8.0 * model.streams.share[0], rel=0.05)


def test_who_passes_the_loop_leaves_only_when_he_has_reached_the_stop_line() -> None:
    street = line("AB", 400.0)
    ahead = dict.fromkeys(sorted({m.from_link for m in street.movements.values()}), 125.0)
    model = model_of(street, short_of_stop_m=ahead)
    rows, bins = len(model.turn_ids), 40
    came = np.zeros((len(model.link_ids), bins))
    came[:, 3] = 1.0
    open_ = model.service(np.ones((rows, bins)))
    nothing = np.full((rows, 0), np.nan)
    left = model.predict(nothing, open_, outside_veh=came).departures_veh
    first = np.argmax(left > 0.0, axis=1)
    assert (first == 3 + round(125.0 / 12.5 / model.bin_s)).all()


def test_departures_of_an_uncertain_queue_have_a_tail(street: RoadNetwork) -> None:
    model = model_of(street)
    rows, bins = len(model.turn_ids), 300
    green = np.zeros((rows, bins))
    green[:, 40:] = 1.0
    known = np.zeros(rows)
    known[0] = 3.0
    nobody = np.zeros((len(model.link_ids), bins))
    nothing = np.full((rows, 0), np.nan)
    sure = model.predict(nothing, model.service(green), queue_veh=known, outside_veh=nobody)
    came = nobody.copy()
    came[model.turns.link[0], 0] = 3.0 / model.turns.share[0]
    unsure = model.predict(nothing, model.service(green), outside_veh=came)
    for found in (sure, unsure):
        assert found.departures_veh[0].sum() == pytest.approx(3.0, rel=1e-3)
    last = [np.max(np.flatnonzero(f.departures_veh[0] > 1e-3)) for f in (sure, unsure)]
    assert last[1] > last[0]


def test_measured_departures_are_believed_over_the_plan(street: RoadNetwork) -> None:
    model = model_of(street)
    rows, bins = len(model.turn_ids), 60
    departed = np.zeros((rows, bins))
    found = model.predict(departed, np.ones((rows, bins)))
    inner = int(model.streams.link[0])
    outside = model.outside_vps[inner] * model.bin_s * bins
    assert found.arrivals_veh[inner].sum() == pytest.approx(outside)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 120), st.integers(0, 300))
def test_folding_into_a_cycle_keeps_the_vehicles(seed: int, cycle_s: int, begin_s: int) -> None:
    rng = np.random.default_rng(seed)
    arrivals = rng.poisson(1.0, cycle_s * 3).astype(float)  # whole cycles of 2 s bins
    profile = cycle_profile(arrivals, 2, cycle_s, begin_s)
    assert profile.shape == (cycle_s,)
    assert profile.sum() * 6 == pytest.approx(arrivals.sum())


def test_a_profile_stands_at_its_place_in_the_cycle() -> None:
    arrivals = np.zeros(90)
    arrivals[[5, 35, 65]] = 1.0  # every 60 s, from second 10 after the first bin
    profile = cycle_profile(arrivals, 2, 60, begin_s=100.0)
    assert np.flatnonzero(profile).tolist() == [50, 51]
    green = (np.arange(60) >= 50).astype(float)
    assert arrivals_on_green(profile, green) == pytest.approx(1.0)
    assert arrivals_on_green(profile, 1.0 - green) == 0.0
    assert arrivals_on_green(np.zeros(60), green) == 0.0


def test_impossible_requests_are_refused(street: RoadNetwork) -> None:
    model = model_of(street)
    rows = len(model.turn_ids)
    with pytest.raises(InsufficientDataError, match="carries traffic"):
        arrival_model(street, {})
    with pytest.raises(InsufficientDataError, match="allowed are 0 or more"):
        Dispersion(-1.0)
    with pytest.raises(CountError, match="shape"):
        model.predict(np.zeros((rows, 5)), np.zeros((rows + 1, 9)))
    with pytest.raises(CountError, match="shape"):
        model.predict(np.zeros((rows, 9)), np.zeros((rows, 5)))
    with pytest.raises(CountError, match="negative, infinite or none"):
        model.predict(np.full((rows, 5), -1.0), np.zeros((rows, 9)))
    with pytest.raises(CountError, match="negative, infinite or none"):
        model.predict(np.zeros((rows, 5)), np.full((rows, 9), np.nan))
    with pytest.raises(CountError, match="no approach"):
        model.predict(np.zeros((rows, 5)), np.zeros((rows, 9))).ahead("nowhere")
    with pytest.raises(InsufficientDataError, match="do not fill a cycle"):
        cycle_profile(np.zeros(5), 2, 90)


SHORT_M, BIN_S, WINDOW_S, AHEAD, FIRST = 100.0, 2, 1800, 60, 240


@dataclass(frozen=True)
class Measured:
    """An arterial that SUMO played: departures of turns, arrivals ahead of stop lines."""

    network: RoadNetwork
    begin_s: float
    departed: dict[str, Floats]
    arrived: dict[str, Floats]
    short_m: dict[str, float]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    def run(command: Sequence[str], work: Path) -> str:
        return run_process(command, work, 120.0)

    built = build(arterial(4, 3), tmp_path_factory.mktemp("arterial"), run)
    s = load_scenario(built.config_file)
    network = read_sumo_network(s.net_file)
    case = SimulationCase(
        s.config_file,
        s.net_file,
        s.route_files,
        s.additional_files,
        s.begin_s,
        s.begin_s + WINDOW_S,
    )
    links = sorted({m.from_link for m in network.movements.values()})
    short = {link: min(SHORT_M, network.links[link].length_m - 1) for link in links}
    turns = [(m.movement_id, c) for m in network.movements.values() for c in m.connections]
    lanes = [(link, lane) for link in links for lane in range(network.links[link].lanes)]
    sites = [DetectorSite(f"t{i}", c.via_lane, 0.1) for i, (_, c) in enumerate(turns)]
    sites += [
        DetectorSite(f"a{i}", f"{link}_{lane}", -short[link])
        for i, (link, lane) in enumerate(lanes)
    ]
    volume = count(case, sites, 7, BIN_S).volume_veh.T
    departed = {m: np.zeros(volume.shape[1]) for m in network.movements}
    arrived = {link: np.zeros(volume.shape[1]) for link in links}
    for (turn, _), row in zip(turns, volume[: len(turns)], strict=True):
        departed[turn] += row
    for (link, _), row in zip(lanes, volume[len(turns) :], strict=True):
        arrived[link] += row
    return Measured(network, s.begin_s, departed, arrived, short)


@pytest.mark.sumo
def test_predicted_arrivals_match_the_simulator(measured: Measured) -> None:
    network = measured.network
    bins = WINDOW_S // BIN_S
    vph = {m: float(v.sum()) * 3600.0 / WINDOW_S for m, v in measured.departed.items()}
    model = arrival_model(network, vph, short_of_stop_m=measured.short_m)
    plans = {s.signal_id: s.plan_in_force for s in network.signals.values() if s.plan_in_force}
    green = planned_green(model, network, plans, int(measured.begin_s), bins)
    service = model.service(green)
    departed = np.array([measured.departed[t] for t in model.turn_ids])
    ahead = np.concatenate(
        [
            model.predict(departed[:, :now], service[:, : now + AHEAD]).arrivals_veh[:, now:]
            for now in range(FIRST, bins - AHEAD + 1, AHEAD)
        ],
        axis=1,
    )
    seen = np.array([measured.arrived[link] for link in model.link_ids])
    seen = seen[:, FIRST : FIRST + ahead.shape[1]]
    signal_of = {m.from_link: m.signal_id for m in network.movements.values()}
    ours, uniform, on_green, flat = [], [], [], []
    for row, link in enumerate(model.link_ids):
        if model.outside_vps[row] > 0.3 * seen[row].sum() / (seen.shape[1] * BIN_S):
            continue
        plan = plans[signal_of[link]]
        begin = measured.begin_s + FIRST * BIN_S
        truth, told = (cycle_profile(a[row], BIN_S, plan.cycle_s, begin) for a in (seen, ahead))
        ours.append(float(np.mean((truth - told) ** 2)))
        uniform.append(float(np.mean((truth - truth.mean()) ** 2)))
        through = [
            t
            for t, turn in enumerate(model.turn_ids)
            if network.movements[turn].from_link == link and network.movements[turn].turn == "s"
        ]
        lag = round(measured.short_m[link] / network.links[link].speed_mps / BIN_S)
        open_ = green[through[0], FIRST + lag : FIRST + lag + seen.shape[1]] > 0
        size = open_.size
        found, wanted = (
            arrivals_on_green(a[row, :size], open_.astype(float)) for a in (ahead, seen)
        )
        on_green.append(abs(found - wanted))
        flat.append(abs(open_.mean() - wanted))
    assert len(ours) >= 4
    assert np.sqrt(np.mean(ours)) < 0.65 * np.sqrt(np.mean(uniform))
    assert np.mean(on_green) < 0.05
    assert np.mean(on_green) < 0.5 * np.mean(flat)
