"""Shares fitted to seconds: found again where greens take turns; else the prior."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.forecast.count_sites import Junction
from engine.forecast.turning_fit import crossing_times, fit_shares
from network.errors import CountError, InsufficientDataError
from tests.network import streets

Floats = NDArray[np.float64]

LEGS = 4
APPROACHES = {
    f"a{leg}": tuple(f"a{leg}>{(leg + k) % LEGS}" for k in (1, 2, 3)) for leg in range(LEGS)
}
ENTRIES = tuple(((f"in{leg}",), APPROACHES[f"a{leg}"]) for leg in range(LEGS))
EXITS = tuple(
    (
        (f"out{out}",),
        tuple(t for own in APPROACHES.values() for t in own if t.endswith(f">{out}")),
    )
    for out in range(LEGS)
)
NAMES = tuple(f"in{leg}" for leg in range(LEGS)) + tuple(f"out{leg}" for leg in range(LEGS))
TURNS = tuple(turn for own in APPROACHES.values() for turn in own)
NOTHING: dict[str, float] = {}


def drawn(seed: int, hours: float = 2.0) -> tuple[Floats, dict[str, float]]:
    """Draw 10-second counts of a signal with two stages, and the shares behind them."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet([3, 5, 2], LEGS)
    rows = int(hours * 360)
    counts = np.zeros((rows, 2 * LEGS))
    for leg in range(LEGS):
        green = (np.arange(rows) // 3) % 2 == leg % 2
        came = rng.poisson(1.6 * green)
        counts[:, leg] = came
        for k, turn in enumerate(rng.multinomial(came, share[leg]).T):
            counts[:, LEGS + (leg + k + 1) % LEGS] += turn
    return counts, dict(zip(TURNS, share.ravel().tolist(), strict=True))


def off(found: dict[str, float], truth: dict[str, float]) -> float:
    return float(np.mean([abs(found[turn] - truth[turn]) for turn in TURNS]))


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_found_where_greens_take_turns(seed: int) -> None:
    counts, truth = drawn(seed)
    junction = Junction("j", APPROACHES, (*ENTRIES, *EXITS))
    found = fit_shares([junction], NAMES, [counts], NOTHING, 10.0, crossing_s=0.0)
    assert off(found, truth) < 0.03
    slow = counts.reshape(-1, 36, counts.shape[1]).sum(axis=1)
    assert off(fit_shares([junction], NAMES, [slow], NOTHING, 360.0), truth) > off(found, truth)
    for own in APPROACHES.values():
        assert sum(found[turn] for turn in own) == pytest.approx(1.0)
    assert min(found.values()) >= 0.0


def test_stretches_with_gaps_between_them_say_as_much_as_one() -> None:
    counts, truth = drawn(4)
    counts[100:120, 2] = np.nan
    junction = Junction("j", APPROACHES, (*ENTRIES, *EXITS))
    found = fit_shares(
        [junction], NAMES, [counts[:300], counts[300:]], NOTHING, 10.0, crossing_s=0.0
    )
    assert off(found, truth) < 0.035


def test_vehicles_that_cross_into_the_next_interval_are_followed() -> None:
    counts, truth = drawn(5)
    late = counts.copy()
    rng = np.random.default_rng(5)
    over = rng.binomial(counts[:-1, LEGS:].astype(int), 0.4)
    late[:-1, LEGS:] -= over
    late[1:, LEGS:] += over
    junction = Junction("j", APPROACHES, (*ENTRIES, *EXITS))
    told, blind = (
        off(fit_shares([junction], NAMES, [late], NOTHING, 10.0, crossing_s=c), truth)
        for c in (4.0, 0.0)
    )
    assert told < 0.04 < blind + 0.04
    assert told < blind


def test_turns_may_take_times_of_their_own_longer_than_an_interval() -> None:
    counts, truth = drawn(9)
    far = counts.copy()
    far[2:, LEGS] = counts[:-2, LEGS]  # Whoever leaves by exit 0 is counted 20 s later.
    far[:2, LEGS] = 0.0
    junction = Junction("j", APPROACHES, (*ENTRIES, *EXITS))
    own = {turn: 20.0 if turn.endswith(">0") else 0.0 for turn in TURNS}
    told = fit_shares([junction], NAMES, [far], NOTHING, 10.0, crossing_s=own)
    blind = fit_shares([junction], NAMES, [far], NOTHING, 10.0, crossing_s=0.0)
    assert off(told, truth) < 0.03 < off(blind, truth)


def test_crossing_takes_longer_over_a_longer_way_and_to_a_farther_loop() -> None:
    roads = streets.network("cologne3")
    near, far = crossing_times(roads, 5.0), crossing_times(roads, 40.0)
    assert set(roads.movements) <= set(near)
    assert all(near[turn] < far[turn] for turn in near)
    length = {t: np.mean([c.length_m for c in m.connections]) for t, m in roads.movements.items()}
    ordered = sorted(length, key=length.__getitem__)
    assert near[ordered[0]] < near[ordered[-1]]
    assert all(1.0 < near[turn] < 20.0 for turn in roads.movements)
    one = next(iter(roads.movements.values()))
    placed = crossing_times(roads, {one.to_link: 40.0})
    assert placed[one.movement_id] == far[one.movement_id]


def test_lanes_of_an_approach_make_up_its_total() -> None:
    counts, truth = drawn(6)
    rng = np.random.default_rng(6)
    own = APPROACHES["a0"]
    left = rng.binomial(counts[:, 0].astype(int), truth[own[0]])
    lanes = ((("lane0",), own[:1]), (("lane1",), own[1:]))
    columns = np.column_stack([counts[:, 1:], left, counts[:, 0] - left])
    names = (*NAMES[1:], "lane0", "lane1")
    junction = Junction("j", APPROACHES, (*ENTRIES[1:], *lanes, *EXITS))
    found = fit_shares([junction], names, [columns], NOTHING, 10.0, crossing_s=0.0)
    assert found[own[0]] == pytest.approx(truth[own[0]], abs=0.05)


def test_what_nothing_speaks_of_keeps_its_prior() -> None:
    counts, _ = drawn(7)
    prior = {
        turn: weight
        for own in APPROACHES.values()
        for turn, weight in zip(own, (1, 2, 1), strict=True)
    }
    found = fit_shares([Junction("j", APPROACHES, ENTRIES)], NAMES, [counts], prior, 10.0)
    for own in APPROACHES.values():
        assert [found[turn] for turn in own] == pytest.approx([0.25, 0.5, 0.25], abs=1e-6)


def test_impossible_requests_are_refused() -> None:
    counts, _ = drawn(8, 0.1)
    junction = Junction("j", APPROACHES, (*ENTRIES, *EXITS))
    with pytest.raises(InsufficientDataError, match="no counts"):
        fit_shares([junction], NAMES, [], NOTHING, 10.0)
    with pytest.raises(CountError, match="shape"):
        fit_shares([junction], NAMES, [counts[:, 1:]], NOTHING, 10.0)
    with pytest.raises(CountError, match="crossing"):
        fit_shares([junction], NAMES, [counts], NOTHING, 10.0, crossing_s=61.0)
    with pytest.raises(CountError, match="a0>1"):
        fit_shares([junction], NAMES, [counts], NOTHING, 10.0, crossing_s={"a0>1": -1.0})
    with pytest.raises(CountError, match="not among the counts"):
        fit_shares([junction], NAMES[1:], [counts[:, 1:]], NOTHING, 10.0)
