"""Queues that stand over detectors, and what is expected behind them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.forecast.forecast import Forecast, forecast
from engine.forecast.standing_queues import HIDDEN_PART, NEAR_S, expected, standing
from engine.optimize.inside import INSIDE_M
from network.counts import CountSeries, Quality
from network.graph import RoadNetwork
from tests.reference.toy_streets import crossroads

INTERVAL_S = 300
NETWORK = crossroads(3, 200.0, 0.0)
BUSY_PCT, FULL_PCT = 75.0, 92.0


def counts(
    occupied: dict[str, list[float]], intervals: int = 12, volume_veh: float = 20.0
) -> CountSeries:
    """Movement counts, with occupancies where they are given and a calm 40 % elsewhere."""
    names = tuple(NETWORK.movements)
    occupancy = np.full((intervals, len(names)), 40.0)
    for name, values in occupied.items():
        occupancy[: len(values), names.index(name)] = values
    volume = np.full((intervals, len(names)), volume_veh)
    flags = np.zeros_like(volume)
    return CountSeries("movement", names, 0.0, INTERVAL_S, volume, flags, occupancy)


def flows_of(day: CountSeries) -> Forecast:
    return forecast([day], None, day.start_s, day.end_s, NETWORK)


def through(network: RoadNetwork) -> tuple[str, str, str]:
    """Three movements one behind the other, at three signals."""
    for first in network.movements.values():
        for second in network.movements.values():
            for third in network.movements.values():
                if first.to_link == second.from_link and second.to_link == third.from_link:
                    return first.movement_id, second.movement_id, third.movement_id
    raise AssertionError("the toy street has no three signals in a row")


BEFORE, HERE, BEHIND = through(NETWORK)


def mean_vph(flows: Forecast, name: str) -> float:
    return float(flows.flow_vph[:, flows.movement_ids.index(name)].mean())


def test_a_lane_that_is_busy_but_lets_its_queue_go_changes_nothing() -> None:
    day = counts({HERE: [BUSY_PCT] * 12})
    flows = flows_of(day)
    assert standing([day], NETWORK) == {}
    assert expected(flows, standing([day], NETWORK), NETWORK) == (flows, ())


def test_counts_without_occupancies_change_nothing() -> None:
    day = counts({})
    plain = CountSeries.from_volumes("movement", day.series_ids, 0.0, INTERVAL_S, day.volume_veh)
    assert standing([plain], NETWORK) == {}


def test_a_detector_that_is_occupied_for_ten_minutes_has_no_standing_queue() -> None:
    assert standing([counts({HERE: [FULL_PCT, FULL_PCT, 50.0] * 4})], NETWORK) == {}


def test_more_is_expected_where_a_queue_stands_and_the_reason_is_told() -> None:
    day = counts({HERE: [FULL_PCT] * 3})
    flows = flows_of(day)
    raised, rows = expected(flows, standing([day], NETWORK), NETWORK)
    assert mean_vph(raised, HERE) == pytest.approx((1.0 + HIDDEN_PART) * mean_vph(flows, HERE))
    row = next(row for row in rows if row.series_id == HERE)
    assert row.flag == Quality.FILLED
    assert "240 veh/h counted, planned for 312: a queue stands" in row.reason


def test_who_waits_came_through_the_signal_before_and_goes_on_to_the_next() -> None:
    day = counts({HERE: [FULL_PCT] * 3})
    flows = flows_of(day)
    raised, _ = expected(flows, standing([day], NETWORK), NETWORK)
    here = NETWORK.movements[HERE]
    more = {name: mean_vph(raised, name) - mean_vph(flows, name) for name in flows.movement_ids}
    hidden = more[HERE]
    came = sum(
        more[m.movement_id] for m in NETWORK.movements.values() if m.to_link == here.from_link
    )
    went = sum(
        more[m.movement_id] for m in NETWORK.movements.values() if m.from_link == here.to_link
    )
    assert more[BEFORE] > 1.0
    assert more[BEHIND] > 1.0
    # The rest of it starts or ends between the signals.
    assert 0.8 * hidden < came < 1.001 * hidden
    assert 0.8 * hidden < went < 1.001 * hidden
    assert all(value >= 0.0 for value in more.values())


def test_a_queue_before_the_inside_of_a_junction_is_left_as_counted() -> None:
    tight = crossroads(3, INSIDE_M - 1.0, 0.0)
    first, _, _ = through(tight)
    flows = flows_of(counts({}))
    queue = {first: np.ones(12, dtype=bool)}
    assert expected(flows, queue, tight) == (flows, ())
    wide = crossroads(3, INSIDE_M + 1.0, 0.0)
    assert expected(flows, queue, wide)[1] != ()


def test_two_queues_on_one_way_wait_for_the_same_vehicles() -> None:
    one = counts({HERE: [FULL_PCT] * 3})
    both = counts({HERE: [FULL_PCT] * 3, BEHIND: [FULL_PCT] * 3})
    alone, _ = expected(flows_of(one), standing([one], NETWORK), NETWORK)
    joint, _ = expected(flows_of(both), standing([both], NETWORK), NETWORK)
    assert mean_vph(joint, HERE) == pytest.approx(mean_vph(alone, HERE))


def test_counts_hours_before_the_queue_stay_as_they_are() -> None:
    intervals, at = 60, 45
    day = counts({HERE: [40.0] * at + [FULL_PCT] * 3}, intervals)
    near = standing([day], NETWORK)[HERE]
    assert not near[: at - NEAR_S // INTERVAL_S].any()
    assert near[at - NEAR_S // INTERVAL_S :].all()
    raised, _ = expected(flows_of(day), {HERE: near}, NETWORK)
    column = raised.movement_ids.index(HERE)
    assert raised.flow_vph[0, column] == pytest.approx(flows_of(day).flow_vph[0, column])


def test_a_queue_that_stands_on_one_day_of_three_is_not_planned_for() -> None:
    calm, jammed = counts({}), counts({HERE: [FULL_PCT] * 12})
    assert standing([calm, jammed, calm], NETWORK) == {}
    assert set(standing([calm, jammed, jammed], NETWORK)) == {HERE}


def test_a_movement_without_traffic_hides_none() -> None:
    day = counts({HERE: [FULL_PCT] * 12}, volume_veh=0.0)
    none = np.zeros_like(day.volume_veh)
    flows = Forecast(day.series_ids, 0.0, INTERVAL_S, 0, none, none, none, none.astype(np.uint8))
    assert expected(flows, standing([day], NETWORK), NETWORK) == (flows, ())


def test_a_lane_speaks_for_its_movement() -> None:
    movement = NETWORK.movements[HERE]
    names = tuple(c.connection_id for c in movement.connections)
    shape = (3, len(names))
    day = CountSeries(
        "connection", names, 0.0, INTERVAL_S, np.ones(shape), np.zeros(shape),
        np.full(shape, FULL_PCT),
    )  # fmt: skip
    assert set(standing([day], NETWORK)) == {HERE}
