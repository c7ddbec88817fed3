"""Figures as data: what pages draw agrees with what is measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.forecast.forecast import Forecast
from engine.forecast.prediction import FlowPrediction, Source
from engine.measures.bandwidth import corridor_bands
from engine.measures.corridor import Corridor
from network.counts import CountSeries, Quality
from network.errors import CountError, FormatError
from network.timing import PlanSet
from tests.throughband.reports_street import BLOCK_M, SPEED_MPS, plan, story, street_network
from throughband.pictures.approaches import DelayKind, modeled_approaches, tried_approaches
from throughband.pictures.document import document
from throughband.pictures.forecast import forecast_picture, prediction_picture
from throughband.pictures.geojson import network_geojson
from throughband.pictures.places import GeoReference, geo_reference
from throughband.pictures.time_space import TimeSpacePicture, Window, time_space_picture, windows
from throughband.planning.tuning import Tuning
from throughband.planning.tuning_moves import Move

TOLD = story()
MIDDAY = "2026-03-02T12:00:00+00:00"


def corridor() -> Corridor:
    assert TOLD.corridor is not None
    return TOLD.corridor


def diagram() -> TimeSpacePicture:
    return time_space_picture("Main", corridor(), TOLD.new_plans(), TOLD.network)


def test_signals_of_a_diagram_lie_a_block_apart_with_their_splits_and_offsets() -> None:
    found = diagram()
    assert [line.signal_id for line in found.signals] == list(corridor().signals)
    gaps = np.diff([line.position_m for line in found.signals])
    assert gaps == pytest.approx([BLOCK_M + 20.0] * 2)
    for line in found.signals:
        known = TOLD.new_plans()[line.signal_id]
        assert line.offset_s == known.offset_s
        assert sum(split.split_s for split in line.splits) == known.cycle_s


def test_greens_of_both_directions_last_as_long_as_the_plan_gives() -> None:
    for line in diagram().signals:
        known = TOLD.new_plans()[line.signal_id]
        for direction in ("outbound", "inbound"):
            (green,) = line.green[direction]  # type: ignore[index]
            assert green.end_s - green.begin_s == pytest.approx(known.splits_s[0] - 4.0)
            assert green.begin_s == known.offset_s


def test_bands_have_the_measured_width_at_every_edge() -> None:
    measured = corridor_bands(corridor(), TOLD.new_plans(), TOLD.network)
    for band, known in zip(diagram().bands, measured.bands, strict=True):
        assert band.width_s == known.width_s > 0
        for edge in band.edges:
            assert edge.last_s - edge.first_s == pytest.approx(known.width_s)


def test_a_band_moves_at_the_speed_of_its_legs() -> None:
    found = diagram()
    for band in found.bands:
        legs = [leg for leg in found.legs if leg.direction == band.direction]
        for leg, here, there in zip(legs, band.edges, band.edges[1:], strict=False):
            assert there.first_s - here.first_s == pytest.approx(leg.travel_time_s)
            assert leg.speed_mps == pytest.approx(SPEED_MPS)


def test_where_no_band_runs_through_neighbors_are_told() -> None:
    plans = {n: plan(n, 60, 12, 30 * (i % 2)) for i, n in enumerate("ABC")}
    found = time_space_picture("Main", corridor(), plans, TOLD.network)
    dry = [band for band in found.bands if not band.width_s]
    assert dry
    assert all(band.reason and not band.edges for band in dry)
    assert len(found.part_bands) == 2 * len(dry)


def test_a_signal_without_a_known_plan_is_a_bare_line() -> None:
    found = time_space_picture("Main", corridor(), {"A": plan("A")}, TOLD.network)
    assert found.signals[1].cycle_s is None
    assert not found.signals[1].green


def test_a_window_over_the_end_of_the_cycle_is_one() -> None:
    shown = ["G"] * 50 + ["r"] * 400 + ["G"] * 150
    assert windows(shown, "G") == (Window(45.0, 65.0),)
    assert windows(["G"] * 600, "G") == (Window(0.0, 60.0),)
    assert windows(["r"] * 600, "G") == ()


def test_approaches_of_the_model_agree_with_the_streets_delay() -> None:
    states = modeled_approaches(TOLD.street, TOLD.model_after)
    volume = sum(state.volume_vph for state in states)
    delay_s = sum(state.volume_vph * state.delay_s for state in states) / volume
    assert delay_s == pytest.approx(TOLD.model_after.delay_s)
    assert {state.delay_kind for state in states} == {DelayKind.CONTROL}
    assert all(state.level_of_service in "ABCDEF" for state in states if state.level_of_service)


def test_a_network_as_geojson_holds_every_link_and_signal_once() -> None:
    after = modeled_approaches(TOLD.street, TOLD.model_after)
    before = modeled_approaches(TOLD.street, TOLD.model_before)
    found = network_geojson(TOLD.network, after, None, before, ["A", "B"])
    json.dumps(found, allow_nan=False)
    names = [feature["id"] for feature in found["features"]]
    wanted = {f"link/{n}" for n in TOLD.network.links} | {f"signal/{n}" for n in "ABC"}
    assert len(names) == len(set(names))
    assert set(names) == wanted
    for feature in found["features"]:
        told = feature["properties"]
        if told["kind"] == "approach":
            change = told["delay_s"] - told["before_delay_s"]
            assert told["delay_change_s"] == pytest.approx(change, abs=2e-4)
            assert told["delay_kind"] == "control delay"


def test_a_network_without_a_place_is_drawn_to_scale() -> None:
    (a, b) = GeoReference().lonlat([(0.0, 0.0), (1000.0, 0.0)])
    assert math.radians(b[0] - a[0]) * 6_378_137 == pytest.approx(1000.0, rel=1e-4)
    assert not network_geojson(street_network("A"))["georeferenced"]


def net_file(folder: Path, location: str) -> Path:
    file = folder / "some.net.xml"
    file.write_text(f"<net>{location}</net>", encoding="utf-8")
    return file


def test_a_surveyed_network_lies_where_its_projection_says(tmp_path: Path) -> None:
    pytest.importorskip("pyproj")
    found = geo_reference(
        net_file(
            tmp_path,
            '<location netOffset="-500000.00,0.00" projParameter="+proj=utm +zone=32 +ellps=WGS84 '
            '+datum=WGS84 +units=m +no_defs"/>',
        )
    )
    # The central meridian of zone 32 is 9 degrees east, at 500 km; the offset puts it at 0.
    ((lon, lat),) = found.lonlat([(0.0, 0.0)])
    assert (lon, lat) == pytest.approx((9.0, 0.0), abs=1e-6)
    assert found.known


@pytest.mark.parametrize("text", ['projParameter="!"', 'projParameter="+proj=nonsense"', ""])
def test_a_network_of_no_known_projection_has_no_place(tmp_path: Path, text: str) -> None:
    location = f'<location netOffset="0.00,0.00" {text}/>'
    assert not geo_reference(net_file(tmp_path, location)).known


def test_an_offset_that_is_no_number_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyproj")
    location = '<location netOffset="here" projParameter="+proj=utm +zone=32"/>'
    with pytest.raises(FormatError, match="netOffset"):
        geo_reference(net_file(tmp_path, location))


def test_a_trial_becomes_json_and_its_approaches_a_map() -> None:
    plans = PlanSet("street", tuple(TOLD.new_plans().values()), {})
    trial = Tuning(TOLD.network, TOLD.street, plans).trial([Move("B", 31)])
    text = json.dumps(document(trial), allow_nan=False)
    assert json.loads(text)["plans"][0]["offset_s"] == 31
    states = tried_approaches(trial.approaches)
    assert {state.link_id for state in states} <= set(TOLD.network.links)
    assert len(states) == len(trial.approaches)


def flows(observed: int = 1) -> Forecast:
    mean = np.array([[100.0, 400.0], [120.0, 300.0], [120.0, 300.0]])
    return Forecast(
        ("a>b", "c>d"), 25200.0, 900, observed, mean, mean - 40, mean + 40,
        np.full(mean.shape, Source.OBSERVED, np.uint8),
    )  # fmt: skip


def counts(veh: list[list[float]], start_s: float = 25200.0, step_s: int = 900) -> CountSeries:
    return CountSeries.from_volumes("movement", ["a>b", "c>d"], start_s, step_s, veh)


def test_what_came_is_held_against_the_quantiles_of_forecast_intervals_alone() -> None:
    # The first interval was counted: however far off, it says nothing of the forecast.
    found = forecast_picture(flows(), counts([[900, 900], [30, 75], [60, 75]]))
    assert found.within_band == 0.75
    assert found.band == (0.1, 0.9)
    assert [line.name for line in found.lines] == ["c>d", "a>b"]
    assert found.lines[1].came_vph == (3600.0, 120.0, 240.0)
    json.dumps(document(found), allow_nan=False)


def test_counts_that_began_earlier_or_are_broken_leave_gaps() -> None:
    came = counts([[1, 1], [25, 100], [30, np.nan]], start_s=24300.0)
    flags = came.quality.copy()
    flags[1, 1] = Quality.STUCK
    came = CountSeries("movement", came.series_ids, 24300.0, 900, came.volume_veh, flags)
    found = forecast_picture(flows(0), came)
    assert found.lines[1].came_vph == (100.0, 120.0, None)
    assert found.lines[0].came_vph == (None, None, None)


def test_nothing_that_came_judges_nothing() -> None:
    assert forecast_picture(flows()).within_band is None


def test_counts_of_another_grid_are_refused() -> None:
    with pytest.raises(CountError, match="900 s"):
        forecast_picture(flows(), counts([[1, 1]], step_s=300))
    with pytest.raises(CountError, match="900 s"):
        forecast_picture(flows(), counts([[1, 1]], start_s=25300.0))


def prediction() -> FlowPrediction:
    from datetime import datetime

    mean = np.array([[25.0], [30.0]])
    return FlowPrediction.plain(
        ["det"], datetime.fromisoformat(MIDDAY), 900, mean, [0.1, 0.5, 0.9],
        np.array([mean - 5, mean, mean + 5]), "Mon",
    )  # fmt: skip


def test_a_prediction_is_told_in_vehicles_per_hour_with_all_its_quantiles() -> None:
    found = prediction_picture(prediction(), {"det": [40.0]})
    (line,) = found.lines
    assert found.begins[0] == MIDDAY
    assert line.expected_vph == (100.0, 120.0)
    assert line.quantile_vph["0.9"] == (120.0, 140.0)
    assert line.came_vph == (160.0, None)
    assert found.within_band == 0.0


def test_more_counts_than_intervals_are_refused() -> None:
    with pytest.raises(CountError, match="2 intervals"):
        prediction_picture(prediction(), {"det": [1.0, 2.0, 3.0]})


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        document({"a": object()})
    assert document({"a": math.nan, "b": np.float32(0.5)}) == {"a": None, "b": 0.5}
