"""Flows that agree over the network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.forecast.consistency import consistent_flows
from engine.forecast.turning import prior_shares
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from tests.network import streets


def driven(network: RoadNetwork, seed: int) -> dict[str, float]:
    """Flows of traffic that enters at the edges and turns by random shares."""
    rng = np.random.default_rng(seed)
    flows = dict.fromkeys((c.movement_id for c in network.connections), 0.0)
    moving = {
        link: float(rng.uniform(100, 800))
        for link in network.links
        if network.turns_from[link] and not network.turns_into[link]
    }
    weight = {turn: rng.uniform(0.2, 1.0) for turn in flows}
    for _ in range(80):
        onward: dict[str, float] = {}
        for link, flow in moving.items():
            turns = {c.movement_id: c.to_link for c in network.turns_from[link]}
            total = sum(weight[t] for t in turns)
            for turn, into in turns.items():
                part = flow * weight[turn] / total
                flows[turn] += part
                onward[into] = onward.get(into, 0.0) + part
        moving = {link: flow for link, flow in onward.items() if flow > 1e-3}
    return flows


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.5))
def test_flows_are_conserved_and_never_negative(seed: int, noise: float) -> None:
    network = streets.network("cologne3")
    rng = np.random.default_rng(seed)
    truth = driven(network, seed)
    known = {t: max(truth[t] * (1 + noise * rng.normal()), 0.0) for t in network.movements}
    sd = {t: noise * truth[t] + 1.0 for t in known}
    found = consistent_flows(network, known, sd, prior_shares(network))
    flow = found.movement_vph()
    assert min(flow.values()) >= 0
    assert np.isfinite(found.sd_vph).all()
    for link, source in found.source_vph.items():
        into = sum(flow[t] for t in {c.movement_id for c in network.turns_into[link]})
        out = sum(flow[t] for t in {c.movement_id for c in network.turns_from[link]})
        assert into + source == pytest.approx(out, abs=1e-6)


def test_exact_counts_are_kept_and_noise_is_averaged_out() -> None:
    network = streets.network("cologne8")
    truth = driven(network, 1)
    shares = prior_shares(network)
    exact = {t: truth[t] for t in network.movements}
    found = consistent_flows(network, exact, dict.fromkeys(exact, 0.0), shares).movement_vph()
    assert max(abs(found[t] - truth[t]) for t in exact) < 5.0
    rng = np.random.default_rng(2)
    noisy = {t: max(v * (1 + 0.15 * rng.normal()), 0.0) for t, v in exact.items()}
    result = consistent_flows(network, noisy, {t: 0.15 * v + 2 for t, v in exact.items()}, shares)
    better = result.movement_vph()

    def error(flows: dict[str, float]) -> float:
        return float(np.mean([(flows[t] - truth[t]) ** 2 for t in exact]))

    assert error(dict(better)) < error(noisy)


def test_what_leaves_one_junction_arrives_at_the_next() -> None:
    network = streets.network("cologne8")
    truth = driven(network, 3)
    rng = np.random.default_rng(3)
    noisy = {t: max(truth[t] * (1 + 0.2 * rng.normal()), 0.0) for t in network.movements}
    sd = {t: 0.2 * truth[t] + 2 for t in noisy}
    shares = prior_shares(network)
    found = consistent_flows(network, noisy, sd, shares)
    tight = consistent_flows(network, noisy, sd, shares, side_sd=0.0)
    loose = np.abs(list(found.source_vph.values())).mean()
    assert np.abs(list(tight.source_vph.values())).mean() <= loose
    assert max(map(abs, tight.source_vph.values())) < 3.0


def test_a_link_count_between_junctions_counts_too() -> None:
    network = streets.network("cologne3")
    truth = driven(network, 4)
    known = {t: truth[t] for t in list(network.movements)[::2]}
    sd = dict.fromkeys(known, 5.0)
    shares = prior_shares(network)
    link, flow = max(
        (
            (name, sum(truth[t] for t in {c.movement_id for c in turns}))
            for name, turns in network.turns_from.items()
        ),
        key=lambda pair: pair[1],
    )
    found = consistent_flows(network, known, sd, shares, link_vph={link: (flow, 1.0)})
    turns = {c.movement_id for c in network.turns_from[link]}
    assert sum(found.movement_vph()[t] for t in turns) == pytest.approx(flow, abs=5.0)


def test_unknown_turns_are_less_certain() -> None:
    network = streets.network("cologne3")
    truth = driven(network, 5)
    known = {t: truth[t] for t in list(network.movements)[::2]}
    found = consistent_flows(network, known, dict.fromkeys(known, 5.0), prior_shares(network))
    seen = np.array([t in known for t in found.turn_ids])
    assert found.sd_vph[seen].max() <= 5.1
    assert np.median(found.sd_vph[~seen]) > np.median(found.sd_vph[seen])


def test_impossible_flows_are_refused() -> None:
    network = streets.network("cologne3")
    turn = next(iter(network.movements))
    with pytest.raises(InsufficientDataError, match="no flow"):
        consistent_flows(network, {}, {}, {})
    with pytest.raises(CountError, match="lacks it"):
        consistent_flows(network, {"a>b": 1.0}, {"a>b": 1.0}, {})
    with pytest.raises(CountError, match="no standard deviation"):
        consistent_flows(network, {turn: 1.0}, {}, {})
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(CountError, match="finite numbers"):
            consistent_flows(network, {turn: bad}, {turn: 1.0}, {})
    with pytest.raises(CountError, match="0 or more"):
        consistent_flows(network, {turn: 1.0}, {turn: 1.0}, {}, side_sd=float("nan"))
