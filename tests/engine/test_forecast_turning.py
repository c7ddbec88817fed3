"""Turning shares: learned where counts tell, kept where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.forecast.drawn_sensors import four_legs
from engine.forecast.count_sites import CountSite, Junction, junctions_of
from engine.forecast.turning import TurnFlows, TurningFilter, prior_shares
from network.errors import CountError, InsufficientDataError
from tests.network import streets


def filtered(drawn_seed: int, **options: float) -> tuple[np.ndarray, np.ndarray, object]:  # type: ignore[type-arg]
    drawn = four_legs(drawn_seed, days=3, **options)
    shares = TurningFilter([drawn.junction], drawn.detector_ids, drawn.prior, 900)
    found = [shares.update(row) for row in drawn.count_veh]
    shape = drawn.share.shape
    return (
        np.array([f.share for f in found]).reshape(shape),
        np.array([f.flow_vph for f in found]).reshape(shape) / 4.0,
        drawn,
    )


def test_shares_are_within_3_points_and_hourly_flows_within_geh_5() -> None:
    errors, good = [], []
    for seed in range(8):
        share, turn, drawn = filtered(seed)
        later = np.s_[len(share) // 3 :]
        errors.append(np.abs(share - drawn.share)[later].mean())  # type: ignore[attr-defined]
        counted, true = (
            a[later].reshape(-1, 4, 4, 3).sum(axis=1)
            for a in (turn, drawn.turn_veh)  # type: ignore[attr-defined]
        )
        geh = np.sqrt(2 * (counted - true) ** 2 / np.maximum(counted + true, 1e-9))
        good.append((geh < 5).mean())
    assert np.mean(errors) < 0.03
    assert np.mean(good) > 0.98


def pairs(count: int) -> Junction:
    """One approach whose turns are all counted apart but the last two."""
    turns = tuple(f"a>{k}" for k in range(count))
    single = tuple(((f"d{k}",), (turns[k],)) for k in range(count - 2))
    return Junction("j", {"a": turns}, ((("in",), turns), *single))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 6))
def test_shares_are_exact_without_noise_and_the_prior_stays_where_nobody_counts(
    seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    truth, prior = (rng.dirichlet(np.full(count, 4.0)) for _ in range(2))
    junction = pairs(count)
    names = ("in", *(f"d{k}" for k in range(count - 2)))
    shares = TurningFilter(
        [junction],
        names,
        dict(zip(junction.approaches["a"], map(float, prior), strict=True)),
        900,
        noise=dict.fromkeys(names, 0.0),
        turn_scatter=0.0,
        drift_per_hour=0.0,
    )
    for _ in range(5):
        flows = shares.update(np.concatenate([[200.0], 200.0 * truth[:-2]]))
    np.testing.assert_allclose(flows.share[:-2], truth[:-2], atol=1e-4)
    np.testing.assert_allclose(flows.flow_vph[:-2], 800.0 * truth[:-2], atol=0.5)
    # The two that are counted together keep what the prior says of their difference.
    if (flows.share[-2:] > 0).all():
        difference = flows.share[-1] - flows.share[-2]
        np.testing.assert_allclose(difference, prior[-1] - prior[-2], atol=1e-4)
    assert flows.share_sd[-1] > 0.1
    assert (flows.share_sd[:-2] < 0.01).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_shares_stay_shares_and_flows_fill_their_approach(seed: int, odd: float) -> None:
    rng = np.random.default_rng(seed)
    drawn = four_legs(seed % 50, days=1)
    shares = TurningFilter([drawn.junction], drawn.detector_ids, drawn.prior, 900)
    strange = np.array([np.nan, 0.0, 1e6, 1e300, -5.0, np.inf])
    for row in drawn.count_veh[:20]:
        row = np.where(rng.random(row.size) < odd, rng.choice(strange, row.size), row)
        flows = shares.update(row)
        by_leg = flows.share.reshape(4, 3)
        assert np.isfinite(flows.flow_vph).all()
        assert np.isfinite(flows.flow_sd_vph).all()
        assert (by_leg >= 0).all()
        assert (flows.flow_vph >= 0).all()
        np.testing.assert_allclose(by_leg.sum(axis=1), 1.0, atol=1e-9)


def test_without_counts_the_last_flows_are_carried_on() -> None:
    drawn = four_legs(1)
    shares = TurningFilter([drawn.junction], drawn.detector_ids, drawn.prior, 900)
    before = shares.update(drawn.count_veh[40])
    after = shares.update(np.full(8, np.nan))
    np.testing.assert_allclose(after.share, before.share)
    np.testing.assert_allclose(
        after.flow_vph.reshape(4, 3).sum(axis=1), before.flow_vph.reshape(4, 3).sum(axis=1)
    )
    assert (after.share_sd >= before.share_sd).all()


def test_many_junctions_are_filtered_as_if_alone() -> None:
    drawn = [four_legs(seed, days=1) for seed in (1, 2)]
    both = [
        Junction(
            d.junction.junction_id,
            {f"{n}{a}": tuple(f"{n}{t}" for t in ts) for a, ts in d.junction.approaches.items()},
            tuple(
                (tuple(f"{n}{x}" for x in ds), tuple(f"{n}{t}" for t in ts))
                for ds, ts in d.junction.counted
            ),
        )
        for n, d in enumerate(drawn)
    ]
    names = [f"{n}{x}" for n, d in enumerate(drawn) for x in d.detector_ids]
    prior = {f"{n}{t}": p for n, d in enumerate(drawn) for t, p in d.prior.items()}
    together = TurningFilter(both, names, prior, 900)
    alone = [TurningFilter([d.junction], d.detector_ids, d.prior, 900) for d in drawn]
    for i in range(30):
        rows = [d.count_veh[i] for d in drawn]
        found: TurnFlows = together.update(np.concatenate(rows))
        single = [f.update(row) for f, row in zip(alone, rows, strict=True)]
        np.testing.assert_allclose(found.share, np.concatenate([s.share for s in single]))


def test_lanes_give_the_turns_that_they_alone_carry() -> None:
    network = streets.network("cologne3")
    signal = next(iter(network.signals.values()))
    links = sorted({m.from_link for m in signal.movements})
    sites = [
        CountSite(f"{link}/{lane}", "lane", link, lane)
        for link in links
        for lane in sorted({c.from_lane for c in network.turns_from[link]})
    ]
    junctions, unused = junctions_of(network, sites)
    junction = next(j for j in junctions if j.junction_id == signal.signal_id)
    assert not unused
    for link in links:
        summed = [t for _, ts in junction.counted for t in ts if t in junction.approaches[link]]
        assert sorted(summed) == sorted(junction.approaches[link])
    # Without one lane its whole group falls silent, and is said so.
    fewer, silent = junctions_of(network, sites[1:])
    assert sum(len(j.counted) for j in fewer) == sum(len(j.counted) for j in junctions) - 1
    assert all("shares a turn" in why for why in silent.values())


def test_exits_that_others_feed_are_not_used() -> None:
    network = streets.network("cologne8")
    sites = [CountSite(f"x{link}", "exit", link) for link in network.links]
    junctions, unused = junctions_of(network, sites)
    used = {d for j in junctions for ds, _ in j.counted for d in ds}
    assert used
    assert used.isdisjoint(unused)
    assert len(used) + len(unused) == len(sites)


def test_prior_shares_of_a_link_sum_to_1() -> None:
    network = streets.network("cologne3")
    shares = prior_shares(network)
    for found in network.turns_from.values():
        if found:
            assert sum(shares[t] for t in {c.movement_id for c in found}) == pytest.approx(1.0)


def test_impossible_sites_and_junctions_are_refused() -> None:
    network = streets.network("cologne3")
    link = next(iter(network.links))
    with pytest.raises(CountError, match="allowed are lane"):
        CountSite("d", "roof", link)  # type: ignore[arg-type]
    with pytest.raises(CountError, match="belongs to place lane"):
        CountSite("d", "exit", link, 0)
    with pytest.raises(CountError, match="allowed is 0 to 1"):
        CountSite("d", "exit", link, noise=float("nan"))
    with pytest.raises(CountError, match="lacks"):
        junctions_of(network, [CountSite("d", "lane", link, 99)])
    with pytest.raises(CountError, match="named twice"):
        junctions_of(network, [CountSite("d", "exit", link)] * 2)
    with pytest.raises(CountError, match="its own turns"):
        Junction("j", {"a": ("a>b",)}, ((("d",), ("c>d",)),))
    with pytest.raises(InsufficientDataError, match="no junctions"):
        TurningFilter([], (), {}, 900)
    with pytest.raises(CountError, match="the counts lack"):
        TurningFilter([pairs(3)], ("in",), {}, 900)
    with pytest.raises(CountError, match="one per detector"):
        TurningFilter([pairs(3)], ("in", "d0"), {}, 900).update(np.zeros(3))
