"""What sensors tell, and that faults take only what they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adaptive.control import Feeder, Information, View
from engine.adaptive.estimate import Estimator
from engine.adaptive.player import Player
from engine.adaptive.sensing import Sensing, Sensors, Traffic
from network.errors import InsufficientDataError
from tests.engine.test_adaptive_player import site

FED = replace(site(), feeders=(Feeder("f", 80.0, 14.0, 100.0, (0, 1)),))
PLAYERS = {"x": Player(FED)}


def traffic(*vehicles: tuple[str, str, float, float]) -> Traffic:
    names, lanes, at, mps = zip(*vehicles, strict=True) if vehicles else ((), (), (), ())
    return Traffic(names, lanes, np.array(at, dtype=float), np.array(mps, dtype=float))


def seen(sensing: Sensing, *seconds: Traffic) -> View:
    sensors = Sensors([FED], sensing)
    views = [sensors.observe(float(t), now, PLAYERS)["x"] for t, now in enumerate(seconds)]
    return views[-1]


def test_a_queue_is_counted_and_measured_from_the_stop_line() -> None:
    view = seen(Sensing(), traffic(("a", "l0", 99.0, 0.0), ("b", "l0", 91.5, 0.0)))
    assert (view.count_veh[0], view.queue_veh[0], view.queue_m[0]) == (2.0, 2.0, 13.5)
    np.testing.assert_allclose(view.object_m, [1.0, 8.5])


def test_who_may_still_choose_is_put_on_the_emptiest_lane() -> None:
    view = seen(Sensing(), traffic(("a", "l0", 99.0, 0.0), ("b", "f", 70.0, 10.0)))
    assert view.object_lane.tolist() == [0, 1]
    assert view.object_m[1] == pytest.approx(110.0)


def test_nothing_is_seen_beyond_reach() -> None:
    view = seen(Sensing(reach_m=50.0), traffic(("a", "l0", 40.0, 5.0), ("b", "l0", 60.0, 5.0)))
    assert view.count_veh[0] == 1.0


def test_loops_count_each_vehicle_once() -> None:
    days = [traffic(("a", "l0", m, 10.0)) for m in (30.0, 40.0, 51.0, 60.0)]
    sensors = Sensors([FED], Sensing(Information.DETECTORS))
    counts = [
        sensors.observe(float(t), now, PLAYERS)["x"].advance_count[0] for t, now in enumerate(days)
    ]
    assert counts == [0.0, 0.0, 1.0, 0.0]


def test_detectors_tell_no_positions() -> None:
    view = seen(Sensing(Information.DETECTORS), traffic(("a", "l0", 99.0, 0.0)))
    assert np.isnan(view.count_veh).all()
    assert view.object_m.size == 0


def test_a_dead_sensor_says_nothing_and_the_others_go_on() -> None:
    view = seen(Sensing(dead=frozenset({"l0"})), traffic(("a", "l0", 99.0, 0.0)))
    assert np.isnan(view.count_veh[0])
    assert view.count_veh[1] == 0.0


def test_latency_tells_what_was() -> None:
    first, second = traffic(("a", "l0", 50.0, 10.0)), traffic(("a", "l0", 60.0, 10.0))
    view = seen(Sensing(latency_s=1), first, second)
    assert view.seen_s == 0.0
    assert view.object_m[0] == 50.0


def test_a_turn_is_seen_where_it_ends() -> None:
    view = seen(
        Sensing(),
        traffic(("a", "l0", 99.0, 10.0)),
        traffic(("a", ":inside", 3.0, 10.0)),
        traffic(("a", "e", 4.0, 10.0)),
    )
    assert view.turned_veh.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_an_exit_tells_the_room_at_its_beginning() -> None:
    view = seen(Sensing(), traffic(("a", "e", 9.0, 0.0), ("b", "e", 40.0, 3.0)))
    assert (view.exit_count_veh[0], view.exit_queue_veh[0]) == (2.0, 1.0)
    assert (view.exit_free_m[0], view.exit_mps[0]) == (4.0, 1.5)


@given(st.floats(0, 1))
def test_the_share_that_reports_itself_is_the_one_stated(share: float) -> None:
    many = traffic(*((f"v{k}", "l0", 10.0 + k / 100, 5.0) for k in range(800)))
    view = seen(Sensing(Information.VEHICLES, share=share), many)
    assert view.count_veh[0] / 800 == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize(
    "change",
    [{"share": 1.5}, {"missed": -0.1}, {"lost": float("nan")}, {"reach_m": 0.0}, {"latency_s": 61}],
)
def test_sensors_that_cannot_be_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InsufficientDataError, match="sensors"):
        Sensing(**change)  # type: ignore[arg-type]


def test_who_must_stand_before_a_standing_vehicle_is_believed_there() -> None:
    view = seen(Sensing(), traffic(("a", "l0", 75.0, 0.0)))
    believed = Estimator(FED).update(0.0, view)
    assert believed.queue_veh[0] > 2.0


def test_a_lane_whose_sensor_is_dead_is_believed_to_fill() -> None:
    player = Player(FED)
    for _ in range(90):
        player.advance(0, [False] * 5)
    sensors = Sensors([FED], Sensing(dead=frozenset({"l3"})))
    view = sensors.observe(0.0, traffic(), {"x": player})["x"]
    assert Estimator(FED).update(0.0, view).arrivals_veh[3, 0] > 1.0


def test_loops_alone_give_the_queue_between_them() -> None:
    sensors = Sensors([FED], Sensing(Information.DETECTORS))
    estimator = Estimator(FED)
    for second in range(30):
        cars = [
            (f"v{k}", "l4", min(99.0 - 7.5 * k, 14.0 * (second - 2 * k)), 0.0)
            for k in range(4)
            if second >= 2 * k
        ]
        view = sensors.observe(float(second), traffic(*cars), PLAYERS)["x"]
        believed = estimator.update(float(second), view)
    assert believed.queue_veh[4] == pytest.approx(4.0, abs=1.0)


def test_who_changed_lanes_behind_the_advance_loop_is_not_waited_for() -> None:
    sensors = Sensors([FED], Sensing(Information.DETECTORS))
    estimator = Estimator(FED)
    for second in range(20):
        # It passes the loop of one lane and is never seen again: nobody stands at the line.
        cars = [("a", "l4", 14.0 * second, 14.0)] if second < 6 else []
        view = sensors.observe(float(second), traffic(*cars), PLAYERS)["x"]
        believed = estimator.update(float(second), view)
    assert believed.queue_veh[4] == 0.0


@pytest.mark.parametrize("information", [Information.DETECTORS, Information.LANES])
def test_a_stuck_sensor_tells_of_one_who_stands_and_is_found_out(information: Information) -> None:
    player = Player(FED)
    sensors = Sensors([FED], Sensing(information, stuck=frozenset({"l3"})))
    estimator = Estimator(FED)
    believed, arriving = [], []
    for second in range(240):
        player.advance(0, [False] * 5)
        view = sensors.observe(float(second), traffic(), {"x": player})["x"]
        arriving.append(float(estimator.update(float(second), view).arrivals_veh[3, 0]))
        believed.append(bool(estimator.broken[3]))
    if information is Information.LANES:
        assert (view.count_veh[3], view.queue_veh[3], view.count_veh[2]) == (1.0, 1.0, 0.0)
    else:
        assert (view.stop_count[3], view.stop_occupancy[3]) == (0.0, 1.0)
    assert not any(believed[:170])
    assert believed[-1]
    # From then on it is believed to fill like one whose sensor is dead.
    assert arriving[-1] > arriving[170] + 1.0
    assert not estimator.broken[[0, 1, 2, 4]].any()


def test_a_vehicle_keeps_its_track_from_second_to_second() -> None:
    first = traffic(("a", "l0", 50.0, 10.0), ("b", "l0", 20.0, 10.0))
    second = traffic(("b", "l0", 30.0, 10.0), ("c", "l0", 5.0, 10.0))
    sensors = Sensors([FED], Sensing())
    before = sensors.observe(0.0, first, PLAYERS)["x"]
    after = sensors.observe(1.0, second, PLAYERS)["x"]
    assert len(set(before.object_track.tolist())) == 2
    assert after.object_track[0] == before.object_track[1]
    assert after.object_track[1] not in before.object_track


def test_a_phantom_has_no_track() -> None:
    view = seen(Sensing(stuck=frozenset({"l0"})), traffic(("a", "l1", 50.0, 10.0)))
    assert view.object_track.tolist() == [-1, 0]
