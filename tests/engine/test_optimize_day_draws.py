"""Days drawn around an expected one, and what plans cost on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.optimize.day_demand import DayDemand, DayStreets
from engine.optimize.day_draws import drawn_days, play_draws
from engine.optimize.day_through import played_through
from engine.optimize.robust import Robustness
from network.graph import RoadNetwork
from tests.reference.toy_streets import PLAIN, line, two_phase_plan

PERIODS = 3


def street() -> RoadNetwork:
    return line("AB", 250.0)


def day(network: RoadNetwork) -> DayDemand:
    shape = np.array([1.0, 0.0, 0.5])
    flows = {
        name: shape * (600.0 if movement.from_link[0] == "e" else 150.0)
        for name, movement in network.movements.items()
    }
    return DayDemand(flows, 900, 7 * 3600)


def test_a_movement_deviates_alike_all_day_and_never_below_nothing() -> None:
    expected = day(street())
    for drawn in drawn_days(expected, Robustness(draws=20, sigma=1.0), 1):
        for name, mean in expected.movement_vph.items():
            flow = drawn.movement_vph[name]
            assert (flow >= 0).all()
            assert flow[1] == 0.0
            assert np.isclose(flow[0] * mean[2], flow[2] * mean[0])


def test_draws_spread_as_the_quantiles_do() -> None:
    expected = day(street())
    names = list(expected.movement_vph)
    narrow, wide = names[0], names[-1]
    low = {narrow: 0.9 * expected.movement_vph[narrow], wide: 0.5 * expected.movement_vph[wide]}
    high = {narrow: 1.1 * expected.movement_vph[narrow], wide: 1.5 * expected.movement_vph[wide]}
    days = drawn_days(replace(expected, low_vph=low, high_vph=high), Robustness(draws=400), 1)
    for name in (narrow, wide):
        flows = np.array([found.movement_vph[name][0] for found in days])
        within = (flows >= low[name][0]) & (flows <= high[name][0])
        assert 0.74 < within.mean() < 0.86  # 80 % lie between the 10 % and the 90 % quantile


def test_each_draw_is_played_under_both_and_equal_plans_cost_the_same() -> None:
    network = street()
    streets = DayStreets(network, day(network), PLAIN)
    wanted = Robustness(draws=3)
    told: list[tuple[int, int]] = []
    as_is = play_draws(streets, [{}] * PERIODS, wanted, 1, lambda *at: told.append(at))
    assert as_is.planned.shape == (3, PERIODS)
    assert np.array_equal(as_is.planned, as_is.in_force)
    assert told == [(1, 3), (2, 3), (3, 3)]
    plans = {name: two_phase_plan(name) for name in "AB"}
    again = play_draws(streets, [plans] * PERIODS, wanted, 1)
    assert np.array_equal(again.in_force, as_is.in_force)
    first = drawn_days(streets.day, wanted, 1)[0]
    alone = played_through(streets.on(first), [plans] * PERIODS)
    assert tuple(again.planned[0].tolist()) == alone.period_costs


def test_a_halt_leaves_fewer_draws() -> None:
    network = street()
    streets = DayStreets(network, day(network), PLAIN)
    answers = iter([False, True])
    found = play_draws(
        streets, [{}] * PERIODS, Robustness(draws=5), 1, halted=lambda: next(answers)
    )
    assert found.planned.shape == (1, PERIODS)
