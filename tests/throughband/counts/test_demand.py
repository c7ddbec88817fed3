"""Demand: from counts only, of known movements, on counting seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from network.counts import CountSeries
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from tests.throughband.towns import corner_town
from throughband.counts.demand import (
    COUNTING_SEEDS,
    INTERVAL_S,
    counted_days,
    demand,
    detected_connections,
    detector_counts,
    lane_shares,
    movement_counts,
    read_counts,
)
from throughband.pipeline import FIRST_VALIDATION_SEED, LIVE_SEED
from throughband.setting import Setting, open_setting

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return open_setting(str(corner_town(tmp_path_factory.mktemp("corner"))))


@pytest.fixture(scope="module")
def network(corner: Setting) -> RoadNetwork:
    return corner.network


def counts_file(folder: Path, *rows: str) -> Path:
    path = folder / "counts.csv"
    path.write_text("\n".join(["begin_s,interval_s,movement,volume_veh", *rows]) + "\n")
    return path


def test_counting_and_validation_seeds_never_meet() -> None:
    assert max(COUNTING_SEEDS) < FIRST_VALIDATION_SEED
    assert LIVE_SEED in COUNTING_SEEDS


@pytest.mark.parametrize("seed", [0, 4, 11, 101])
def test_other_seeds_are_not_counted(corner: Setting, seed: int) -> None:
    with pytest.raises(CountError, match=rf"\[{seed}\] are not for counting"):
        counted_days(corner.case, corner.network, (1, seed))


def test_a_window_shorter_than_an_interval_is_not_counted(corner: Setting) -> None:
    short = open_setting(str(corner.case.config_file), 0, INTERVAL_S - 1)
    with pytest.raises(InsufficientDataError, match="shorter than a counting interval"):
        counted_days(short.case, short.network, (1,))


def test_every_vehicle_is_counted_once(corner: Setting) -> None:
    told: list[tuple[int, int]] = []
    (day,) = counted_days(corner.case, corner.network, (1,), lambda *at: told.append(at))
    assert told == [(1, 1)]
    assert day.interval_s == INTERVAL_S
    assert day.intervals == 3
    assert day.kind == "connection"
    assert day.occupancy_pct is not None
    assert 0.0 < day.occupancy_pct.max() <= 100.0
    turns = movement_counts(day, corner.network)
    assert set(turns.series_ids) == set(corner.network.movements)
    assert turns.volume_veh.sum() == day.volume_veh.sum()
    total = turns.volume_veh.sum(axis=0)
    busy = {name: v for name, v in zip(turns.series_ids, total, strict=True) if v}
    # At the corner and at the end of the road out, some of it still under way.
    assert set(busy) >= {"left0A0>A0right0", "right0A0>A0left0"}
    assert 80 < busy["left0A0>A0right0"] < 170


def test_detectors_of_a_movement_add_up_and_silence_stays_silence(network: RoadNetwork) -> None:
    connections = detected_connections(network)
    volume = np.ones((1, len(connections)))
    volume[0, 0] = np.nan
    lanes = detector_counts(connections, 0.0, INTERVAL_S, volume)
    counts = movement_counts(lanes, network)
    for name, movement in network.movements.items():
        value = counts.volume_veh[0, counts.series_ids.index(name)]
        if connections[0] in movement.connections:
            assert np.isnan(value)
        else:
            assert value == len(movement.connections)


def test_a_lane_on_which_a_queue_stands_is_told_and_flows_stay_as_counted(
    network: RoadNetwork,
) -> None:
    connections = detected_connections(network)
    volume = np.full((4, len(connections)), 10.0)
    occupancy = np.full_like(volume, 50.0)
    calm = detector_counts(connections, 0.0, INTERVAL_S, volume, occupancy)
    plain = detector_counts(connections, 0.0, INTERVAL_S, volume)
    assert demand(network, (calm,)).quality == ()
    np.testing.assert_array_equal(
        demand(network, (calm,)).flows.flow_vph, demand(network, (plain,)).flows.flow_vph
    )
    lane = (connections[0].from_link, connections[0].from_lane)
    full = [(c.from_link, c.from_lane) == lane for c in connections]
    occupancy[:, full] = 95.0
    jammed = demand(network, (detector_counts(connections, 0.0, INTERVAL_S, volume, occupancy),))
    name = f"{connections[0].from_link}>{connections[0].to_link}"
    assert name in {row.series_id for row in jammed.quality}
    np.testing.assert_array_equal(jammed.flows.flow_vph, demand(network, (plain,)).flows.flow_vph)


def test_a_forecast_needs_counts(network: RoadNetwork) -> None:
    with pytest.raises(InsufficientDataError, match="no counts"):
        demand(network, ())


def test_a_forecast_spans_the_earlier_days(network: RoadNetwork) -> None:
    names = tuple(network.movements)
    volume = np.full((3, len(names)), 10.0)
    day = CountSeries.from_volumes("movement", names, 0.0, INTERVAL_S, volume)
    wanted = demand(network, (day, day), day.slice(0, INTERVAL_S))
    assert wanted.flows.flow_vph.shape == (3, len(names))
    assert wanted.flows.observed == 1
    assert wanted.quality == ()
    assert wanted.lane_shares == {}


def test_lane_shares_follow_what_lanes_counted(network: RoadNetwork) -> None:
    connections = detected_connections(network)
    volume = np.arange(1.0, len(connections) + 1)[None, :]
    day = detector_counts(connections, 0.0, INTERVAL_S, volume)
    shares = lane_shares((day, day), network)
    for movement in network.movements.values():
        names = [c.connection_id for c in movement.connections]
        assert sum(shares[name] for name in names) == pytest.approx(1.0)
        counted = [volume[0, connections.index(c)] for c in movement.connections]
        assert [shares[n] * sum(counted) for n in names] == pytest.approx(counted)
    dead = detector_counts(connections, 0.0, INTERVAL_S, volume * 0.0)
    assert lane_shares((dead,), network) == {}


def test_counts_of_unknown_movements_are_refused(network: RoadNetwork, tmp_path: Path) -> None:
    path = counts_file(tmp_path, "0,300,nowhere>somewhere,3")
    with pytest.raises(CountError, match="nowhere>somewhere") as caught:
        read_counts(path, network)
    assert str(path) in str(caught.value)
    assert next(iter(network.movements)) in str(caught.value)


def test_counts_of_approaches_are_refused(network: RoadNetwork, tmp_path: Path) -> None:
    path = counts_file(tmp_path, "0,300,left0A0,3")
    path.write_text(path.read_text().replace("movement", "approach"))
    with pytest.raises(CountError, match="movements or connections are needed"):
        read_counts(path, network)


def test_movements_without_counts_are_not_invented(network: RoadNetwork, tmp_path: Path) -> None:
    (counts,) = read_counts(counts_file(tmp_path, "0,300,left0A0>A0right0,30"), network)
    assert counts.series_ids == ("left0A0>A0right0",)
    flows = demand(network, (counts,)).flows
    assert flows.movement_vph() == {"left0A0>A0right0": pytest.approx([360.0])}


def test_counts_that_carry_nothing_are_refused(network: RoadNetwork) -> None:
    names = list(network.movements)
    empty = CountSeries.from_volumes("movement", names, 0.0, 300, np.zeros((3, len(names))))
    with pytest.raises(InsufficientDataError, match="carry nothing: every one is 0 or missing"):
        demand(network, [empty])
