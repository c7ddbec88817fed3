"""What is believed of lanes, and whom neighbors send, against plain twins."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.adaptive import lane_kernels as k
from engine.adaptive import road_kernels as r
from engine.adaptive.kernels import Floats
from tests.reference import lane_twin, lookahead_twin

SEEDS = st.integers(0, 10**6)
STAGES = 3


def heard(rng: np.random.Generator, lanes: int) -> Floats:
    """What sensors tell: few values, so that limits are met, and some say nothing."""
    told = np.array(
        [
            rng.integers(0, 4, lanes),
            rng.integers(0, 3, lanes),
            rng.integers(0, 3, lanes),
            rng.choice([0.0, 0.4, 0.95, 1.0], lanes),
            rng.choice([0.0, 12.0, 400.0], lanes),
        ],
        dtype=np.float64,
    )
    told[:4, rng.random(lanes) < 0.2] = np.nan
    return told


def memory(rng: np.random.Generator, lanes: int) -> k.Memory:
    return k.Memory(
        rng.random(lanes) * 0.3,
        rng.choice([0.0, 100.0, 179.5, 180.0, 500.0], lanes),
        rng.choice([0.0, 3.9, 7.0, 39.5, 40.0], (STAGES, lanes)),
    )


def copied(kept: k.Memory) -> k.Memory:
    return k.Memory(*(values.copy() for values in kept))


def objects(rng: np.random.Generator, lanes: int) -> k.Objects:
    """Vehicles, nearest first within each lane."""
    count = int(rng.integers(0, 25))
    lane = np.sort(rng.integers(0, lanes, count)).astype(np.int32)
    at_m = rng.choice([0.0, 1.0, 7.5, 12.0, 36.0, 90.0, 300.0], count) + rng.random(count)
    order = np.lexsort((at_m, lane))
    mps = rng.choice([0.0, 0.1, 0.2, 0.9, 1.0, 8.0, 30.0], count)
    return k.Objects(lane[order], at_m[order], mps, rng.choice([0.7, 1.0, 3.0], count))


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(1, 7), st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 10.0]))
def test_watching_sensors_is_its_twin(seed: int, lanes: int, loops: bool, step_s: float) -> None:
    rng = np.random.default_rng(seed)
    told, there, kept = heard(rng, lanes), objects(rng, lanes), memory(rng, lanes)
    plain, fresh = copied(kept), bool(rng.integers(2))
    k.watch_sensors(told, there.lane, loops, step_s, fresh, kept)
    lane_twin.watch_sensors(told, there.lane, loops, step_s, fresh, plain)
    np.testing.assert_array_equal(kept.still_s, plain.still_s)
    np.testing.assert_array_equal(kept.flow_vps, plain.flow_vps)


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(1, 4), st.sampled_from([0.1, 0.5, 1.0]))
def test_those_who_must_stand_unseen_are_their_twin(seed: int, lanes: int, share: float) -> None:
    there = objects(np.random.default_rng(seed), lanes)
    room = len(there.lane) * (k.MOST_GHOSTS + 1)
    rows, values = np.empty(room, dtype=np.int32), np.empty((3, room))
    count = k.with_ghosts(there.lane, there.at_m, there.mps, share, rows, values)
    found = list(zip(rows[:count].tolist(), *values[:, :count].tolist(), strict=True))
    assert found == lane_twin.with_ghosts(there.lane, there.at_m, there.mps, share)


@settings(max_examples=120, deadline=None)
@given(SEEDS, st.integers(1, 6), st.booleans())
def test_what_is_believed_is_its_twin(seed: int, lanes: int, loops: bool) -> None:
    rng = np.random.default_rng(seed)
    approach = k.Approach(
        rng.choice([8.0, 13.9], lanes),
        rng.integers(0, 3, (STAGES, lanes)).astype(np.int32),
        rng.random((STAGES, STAGES, lanes)) < 0.5,
    )
    told, there, kept = heard(rng, lanes), objects(rng, lanes), memory(rng, lanes)
    plain, stage = copied(kept), int(rng.integers(STAGES))
    times_s = np.array([rng.choice([0.0, 5.0]), rng.choice([0.0, 1.0, 10.0]), rng.random() * 3])
    arrivals, queue = np.zeros((lanes, 40)), np.zeros(lanes)
    factor = np.zeros((STAGES, lanes))
    k.believe(approach, told, there, loops, stage, times_s, kept, arrivals, queue, factor)
    found = lane_twin.believe(approach, told, there, loops, stage, times_s, plain)
    np.testing.assert_allclose(arrivals, found[0], atol=1e-12)
    np.testing.assert_allclose(queue, found[1], atol=1e-12)
    np.testing.assert_array_equal(factor, found[2])
    np.testing.assert_array_equal(kept.stuck_s, plain.stuck_s)


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(0, 5), st.integers(0, 29))
def test_what_is_passed_on_is_its_twin(seed: int, ways: int, lag: int) -> None:
    rng = np.random.default_rng(seed)
    lanes = rng.permutation(4)[: rng.integers(1, 4)]
    call = (
        rng.random(8),
        rng.permutation(8)[:ways],
        rng.integers(0, 3, 8),
        rng.random((3, 30)),
        rng.random((3, 30)),
        lag,
        rng.choice([0.0, 0.1, 0.4], 4),
        lanes,
    )
    fast = rng.random((4, 30))
    plain = fast.copy()
    r.pass_on(*call, fast)
    lane_twin.pass_on(*call, plain)
    np.testing.assert_allclose(fast, plain, atol=1e-12)


def test_nobody_is_lost_on_the_way_between_two_signals() -> None:
    expected = np.zeros((2, 20))
    one = np.ones((1, 20))
    lane: NDArray[np.intp] = np.zeros(1, dtype=np.intp)
    r.pass_on(np.ones(1), lane, lane, one, one, 6, np.array([0.1, 0.3]), np.arange(2), expected)
    np.testing.assert_allclose(expected.sum(axis=0), 1.0)
    np.testing.assert_allclose(expected[1], 3 * expected[0])


def test_only_arrivals_later_than_seen_are_added() -> None:
    arrivals = np.zeros((3, 5))
    r.add_beyond_sight(np.ones((3, 5)), np.array([0.0, 2.5, 9.0]), arrivals)
    assert arrivals.tolist() == [[1] * 5, [0, 0, 0, 1, 1], [0] * 5]


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(1, 6))
def test_weighing_is_its_twin(seed: int, lanes: int) -> None:
    rng = np.random.default_rng(seed)
    care = r.Care(60.0, 6.0, 8.0, 2.0, 6.0)
    ways = r.Ways(
        np.repeat(np.arange(lanes), 2), rng.integers(0, 4, 2 * lanes), np.full(2 * lanes, 0.5)
    )
    exits = (rng.choice([0.0, 7.9, 8.0, np.nan], 4), rng.choice([0.0, 1.9, 2.0, np.nan], 4))
    waits = (rng.choice([0.0, 60.0, 90.0, 1000.0], lanes), rng.random(lanes) < 0.4)
    service = rng.integers(0, 3, (STAGES, lanes)).astype(np.int32)
    believed = (rng.integers(0, 3, lanes).astype(np.float64), rng.random((STAGES, lanes)))
    rate_vps, stage = rng.random((STAGES, lanes)), int(rng.integers(STAGES))
    open_vps, present = np.empty((STAGES, lanes)), np.empty((3, lanes))
    r.weigh(care, ways, exits, waits, stage, service, believed, rate_vps, open_vps, present)
    found = lane_twin.weigh(care, ways, exits, waits, stage, service, believed, rate_vps)
    np.testing.assert_array_equal(open_vps, found[0])
    np.testing.assert_array_equal(present, found[1])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.floats(0, 400),
            st.floats(0, 40),
            st.floats(0.1, 10),
        ),
        max_size=30,
    ),
    st.floats(0, 5),
)
def test_arrivals_are_their_twin(
    vehicles: list[tuple[int, float, float, float]], late_s: float
) -> None:
    columns = list(zip(*vehicles, strict=True)) or [(), (), (), ()]
    lane = np.array(columns[0], dtype=np.int32)
    at_m, mps, weight = (np.array(c, dtype=np.float64) for c in columns[1:])
    free = np.array([8.0, 13.9, 20.0])
    fast, plain = np.zeros((3, 60)), np.zeros((3, 60))
    k.expected_arrivals(lane, at_m, mps, weight, free, 2.6, late_s, fast)
    lookahead_twin.expected_arrivals(lane, at_m, mps, weight, free, 2.6, late_s, plain)
    np.testing.assert_allclose(fast, plain)
