"""Movements that nobody counted get what the network makes of the others."""

from __future__ import annotations

import numpy as np

from engine.forecast.network_prior import network_prior
from tests.engine.test_forecast_consistency import driven
from tests.network import streets


def test_a_movement_nobody_counted_gets_a_flow_nearer_the_truth_than_none() -> None:
    network = streets.network("cologne8")
    names = tuple(network.movements)
    truth = np.array([driven(network, 1)[name] for name in names])
    hidden = np.random.default_rng(2).random(len(names)) < 0.15
    found = network_prior(network, names, truth * ~hidden, np.where(hidden, 0.0, 3600.0))
    # Drawn drivers turn at random; only what conservation says can be right.
    assert np.abs(found - truth)[hidden].mean() < 0.8 * truth[hidden].mean()
    np.testing.assert_allclose(found[~hidden], truth[~hidden], atol=0.25 * truth.max())


def test_without_a_single_count_there_is_nothing_to_go_by() -> None:
    network = streets.network("cologne3")
    names = tuple(network.movements)
    assert not network_prior(network, names, np.zeros(len(names)), np.zeros(len(names))).any()
