"""The kernels of sensing against their plain twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.forecast import (
    imputation_kernels,
    link_kernels,
    platoon_kernels,
    sensing_kernels,
    share_kernels,
)
from tests.reference.sensing_twin import TwinDetector, TwinWatch, twin_imputed, twin_platoons
from tests.reference.turning_twin import TwinJunction, TwinLink

Floats = NDArray[np.float64]
ALIKE = 1e-7
STRANGE = np.array([np.nan, 0.0, -3.0, np.inf, 1e9, 1e-9, 400.0])


def some(rng: np.random.Generator, usual: Floats, oddity: float) -> Floats:
    """Counts as they come, some of them absurd."""
    found = rng.poisson(usual).astype(float)
    odd = rng.random(usual.shape) < oddity
    return np.where(odd, rng.choice(STRANGE, usual.shape), found)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 7),
    st.sampled_from([1, 3]),
    st.sampled_from([0.0, 0.05, 0.5]),
    st.sampled_from([0.3, 4.0, 90.0]),
)
def test_watch_and_its_twin_agree(
    seed: int, detectors: int, lags: int, oddity: float, level: float
) -> None:
    rng = np.random.default_rng(seed)
    k, n = sensing_kernels, detectors
    neighbor = rng.integers(-1, max(n, 1), (n, 2)).astype(np.int32)
    weight = rng.normal(0, 0.4, (n, 2))
    limits = np.array([4.0, 4.0, 4.0, 5.0, 5.0, 1.0, 2.0, 0.9, 0.8])
    capacity = rng.choice([np.inf, 300.0], n)
    scatter, innovation = rng.uniform(0.6, 1.6, n), rng.uniform(0.5, 1.2, n)
    numbers = np.zeros((n, k.NUMBERS))
    numbers[:, k.RUN_VALUE] = np.nan
    numbers[:, [k.DRIFT_COUNT, k.DRIFT_EXPECTED]] = level
    wide = (n, 2 * lags + 1)
    state = k.DetectorState(
        numbers,
        *(np.zeros(wide) for _ in range(2)),
        np.full((n, lags + 1), np.nan),
        *(np.zeros(wide) for _ in range(2)),
        np.zeros(1, dtype=np.int64),
    )
    arrays = k.DetectorArrays(capacity, scatter, innovation, neighbor, weight, np.full(n, 0.1))
    twin = TwinWatch(
        [
            TwinDetector(
                capacity[d],
                scatter[d],
                innovation[d],
                [(int(o), w) for o, w in zip(neighbor[d], weight[d], strict=True) if o >= 0],
                0.1,
                (level, level),
            )
            for d in range(n)
        ],
        limits,
        lags,
        300.0,
    )
    fault, evidence = np.zeros(n, np.uint8), np.zeros(n)
    statistics = np.zeros((n, k.STATISTICS))
    part = 1.0
    for i in range(60):
        part = rng.choice([part, 0.5, 1.0, 2.0, 0.0], p=[0.9, 0.025, 0.025, 0.025, 0.025])
        expected = np.full(n, level * (1.5 + np.sin(i / 5.0)))
        count = some(rng, expected * part, oddity)
        if rng.random() < 0.2 and n:
            count[:] = count[0]
        expected = np.where(rng.random(n) < oddity / 4, rng.choice(STRANGE, n), expected)
        busy = np.where(rng.random(n) < 0.5, np.nan, rng.uniform(0, 300, n))
        clock = int(rng.choice(4, p=[0.91, 0.03, 0.03, 0.03]))
        both = np.array([clock, 300], dtype=np.int64)
        k.watch(count, expected, busy, both, arrays, state, limits, fault, evidence, statistics)
        told = twin.update(count, expected, busy, clock)
        assert fault.tolist() == told[0], i
        np.testing.assert_allclose(evidence, told[1], rtol=ALIKE, atol=ALIKE)
        np.testing.assert_allclose(
            statistics, np.array(told[2]).reshape(n, k.STATISTICS), rtol=ALIKE, atol=1e-5
        )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 5))
def test_imputation_and_its_twin_agree(seed: int, detectors: int, neighbors: int) -> None:
    rng = np.random.default_rng(seed)
    n, most = detectors, neighbors
    neighbor = rng.integers(-1, max(n, 1), (n, most)).astype(np.int32)
    root = rng.normal(size=(n, most + 1, 9))
    covariance = root @ root.transpose(0, 2, 1) / 9
    residual = np.where(rng.random(n) < 0.4, np.nan, rng.normal(0, 3, n))
    residual[rng.random(n) < 0.1] = np.inf
    found, variance = np.empty(n), np.empty(n)
    work = np.empty((most, most + 2))
    imputation_kernels.impute(residual, neighbor, covariance, 0.05, found, variance, work)
    mean, spread = twin_imputed(residual, neighbor, covariance, 0.05)
    np.testing.assert_allclose(found, mean, rtol=ALIKE, atol=ALIKE)
    np.testing.assert_allclose(variance, spread, rtol=ALIKE, atol=ALIKE)


def drawn_junction(rng: np.random.Generator, approaches: int, exits: int) -> TwinJunction:
    turns = approaches * exits
    approach = np.repeat(np.arange(approaches), exits)
    rows = [approach == a for a in range(approaches)]
    rows += [np.arange(turns) % exits == e for e in range(exits)]
    rows += [rng.random(turns) < 0.4 for _ in range(2)]
    kept = [row for row in rows if row.any() and rng.random() < 0.8]
    covariance = np.zeros((turns, turns))
    for a in range(approaches):
        inside = np.ix_(approach == a, approach == a)
        covariance[inside] = 0.04 * (np.eye(exits) - 1.0 / exits)
    return TwinJunction(
        approach,
        np.array(kept, dtype=float).reshape(-1, turns),
        rng.uniform(0, 0.1, len(kept)),
        rng.dirichlet(np.ones(exits), approaches).ravel(),
        covariance,
        np.full(approaches, 10.0),
        np.full(approaches, 100.0),
        np.zeros(turns),
        np.zeros(turns),
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([0.0, 0.1, 1.0]))
def test_shares_and_their_twin_agree(seed: int, junctions: int, oddity: float) -> None:
    rng = np.random.default_rng(seed)
    twins = [drawn_junction(rng, *rng.integers(1, 5, 2)) for _ in range(junctions)]
    begins = np.cumsum([0, *(len(t.share) for t in twins)])
    rows = [np.flatnonzero(row) + b for t, b in zip(twins, begins, strict=False) for row in t.sums]

    def firsts(counts: list[int]) -> NDArray[np.int32]:
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    arrays = share_kernels.JunctionArrays(
        firsts([len(t.flow) for t in twins]),
        firsts([int((t.approach == a).sum()) for t in twins for a in range(len(t.flow))]),
        firsts([len(t.sums) for t in twins]),
        firsts([len(row) for row in rows]),
        np.concatenate([*rows, np.zeros(0)]).astype(np.int32),
        np.concatenate([t.noise for t in twins]),
        np.cumsum([0, *(len(t.share) ** 2 for t in twins)]).astype(np.int64),
    )
    state = share_kernels.ShareState(
        np.concatenate([t.share for t in twins]),
        np.concatenate([t.covariance.ravel() for t in twins]),
        *(
            np.concatenate([getattr(t, name) for t in twins])
            for name in ("flow", "flow_variance", "turn", "turn_variance")
        ),
    )
    work = np.empty((8, 20))
    for _ in range(6):
        counts = [some(rng, np.full(len(t.sums), 60.0), oddity) for t in twins]
        share_kernels.update_shares(np.concatenate(counts), arrays, state, 0.01, 1.0, work)
        for twin, count in zip(twins, counts, strict=True):
            twin.update(count, 0.01, 1.0)
        for name in ("share", "flow", "turn", "turn_variance"):
            wanted = np.concatenate([getattr(t, name) for t in twins])
            field = {"flow": "flow_veh", "turn": "turn_veh"}.get(name, name)
            np.testing.assert_allclose(getattr(state, field), wanted, rtol=1e-5, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(0, 5), st.integers(0, 40))
def test_platoons_and_their_twin_agree(seed: int, turns: int, streams: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    streams = streams if turns else 0
    links, exits = 3, turns
    turn_rows = [
        (int(rng.integers(links)), t, float(rng.uniform(0, 1)), int(rng.integers(0, 4)))
        for t in range(turns)
    ]
    stream_rows = [
        (
            int(rng.integers(exits)),
            int(rng.integers(links)),
            float(rng.uniform(0, 1)),
            float(rng.choice([0.0, 0.5, 1.0, 2.7, 50.0])),
            float(rng.uniform(0.1, 1)),
        )
        for _ in range(streams)
    ]
    departed = np.where(rng.random((turns, bins)) < 0.5, np.nan, rng.poisson(0.5, (turns, bins)))
    service = rng.choice([0.0, 1.0, 1e6], (turns, bins))
    outside = rng.exponential(1.0, (links, bins))
    queue = np.where(rng.random(turns) < 0.5, np.nan, rng.uniform(0, 9, turns))
    now = int(rng.integers(0, bins + 1))
    arrivals, left = np.zeros((links, bins)), np.zeros((exits, bins))
    queues = np.zeros((turns, bins))
    columns = [np.array(c) for c in zip(*turn_rows, strict=True)] or [np.zeros(0)] * 4
    flows = [np.array(c) for c in zip(*stream_rows, strict=True)] or [np.zeros(0)] * 5
    platoon_kernels.roll_platoons(
        departed,
        service,
        outside,
        platoon_kernels.StopTurns(
            columns[0].astype(np.int32),
            columns[1].astype(np.int32),
            columns[2],
            columns[3].astype(np.int32),
        ),
        platoon_kernels.PlatoonStreams(
            flows[0].astype(np.int32), flows[1].astype(np.int32), *flows[2:]
        ),
        queue,
        now,
        arrivals,
        left,
        queues,
    )
    wanted = twin_platoons(departed, service, outside, turn_rows, stream_rows, queue, now)
    for found, twin in zip((arrivals, left, queues), wanted, strict=True):
        np.testing.assert_allclose(found, twin, rtol=ALIKE, atol=ALIKE)


@pytest.mark.parametrize("oddity", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("links", [0, 1, 9])
def test_links_and_their_twin_agree(links: int, oddity: float) -> None:
    rng = np.random.default_rng(links)
    k = link_kernels
    drawn = [rng.uniform(0.5, 1.5, links) for _ in range(5)]
    most_step = float(rng.uniform(5.0, 10.0))
    arrays = k.LinkArrays(*drawn, most_step)
    twins = [
        TwinLink(*(drawn[c][i] for c in (0, 1)), (drawn[2][i], drawn[3][i]), drawn[4][i], most_step)
        for i in range(links)
    ]
    limits = np.array([7.0, 8.0, 4.0]) + rng.uniform(0.0, 1.0, (links, 1))
    numbers, sums = np.zeros((links, k.WARNING_NUMBERS)), np.zeros((links, 3))
    usual = np.full(links, 12.0)
    for i in range(200):
        part = 0.4 if 50 < i < 80 else 1.0
        rows = [some(rng, usual * f, oddity) for f in (1.0, 1.0, part, 1.0)]
        rows += [some(rng, usual / (part * part), oddity), some(rng, usual, oddity)]
        rows = [np.where(np.isinf(row), np.nan, row) for row in rows]
        rows[1], rows[3] = np.maximum(rows[1], 0), np.maximum(rows[3], 0)
        k.watch_links(*rows, arrays, numbers, limits, sums)
        told = [
            twin.update(
                (rows[0][n], rows[1][n]),
                (rows[2][n], rows[3][n]),
                (rows[4][n], rows[5][n]),
                limits[n],
            )
            for n, twin in enumerate(twins)
        ]
        np.testing.assert_allclose(sums, np.array(told).reshape(links, 3), rtol=ALIKE, atol=ALIKE)
        assert (numbers[:, k.WARNED] > 0).tolist() == [twin.warned for twin in twins]
        np.testing.assert_allclose(
            numbers[:, k.LOST_VEH], [sum(t.drop_missing) for t in twins], atol=ALIKE, rtol=ALIKE
        )
