"""What forecasts of sums miss."""

from datetime import timedelta

import numpy as np
import pytest

from engine.forecast.forecaster import FlowForecaster
from network.errors import InsufficientDataError
from throughband.operate.total_errors import shared_parts

from .cases import NOON

STEP = timedelta(minutes=15)


def drawn(days, together, detectors=30, seed=5):
    """Counts with a level that wanders for all detectors together."""
    rng = np.random.default_rng(seed)
    level, rows = 0.0, []
    for _ in range(96 * days):
        level = 0.9 * level + rng.normal(0.0, together * np.sqrt(1 - 0.81))
        rows.append(rng.poisson(60.0 * np.exp(level), detectors))
    return np.array(rows, dtype=float)


def measured(together):
    counts = drawn(6, together)
    past = FlowForecaster(900, 8, "UTC")
    names = tuple(f"d{at}" for at in range(counts.shape[1]))
    past.fit(counts[: 4 * 96], NOON, names)
    return shared_parts(past, counts[4 * 96 :], NOON + 4 * 96 * STEP, STEP, 1, 6)


def test_what_moves_all_detectors_alike_is_found_in_their_sum():
    quiet, restless = measured(0.0), measured(0.15)
    assert len(quiet) == len(restless) == 6
    assert max(quiet) < 0.03
    assert min(restless) > 0.05


def test_few_forecasts_tell_nothing():
    counts = drawn(3, 0.0)
    past = FlowForecaster(900, 8, "UTC")
    past.fit(counts[:192], NOON, tuple(f"d{at}" for at in range(30)))
    with pytest.raises(InsufficientDataError, match="are needed to know"):
        shared_parts(past, counts[192:212], NOON + 192 * STEP, STEP, 1, 6)
