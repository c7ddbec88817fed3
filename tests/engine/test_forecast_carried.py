"""A few days tell how long surprises last; where they say little, what is usual elsewhere does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.forecast import kernels as rows
from engine.forecast.carried import learn_carried
from engine.forecast.correction import Correction, given_neighbors, plain_correction

Floats = NDArray[np.float64]
OWN, MEAN = rows.EWMA + 1, rows.MEAN + 1
DETECTORS, HORIZONS = 50, 6


def plain() -> Correction:
    near = given_neighbors(np.full((DETECTORS, 1), -1, dtype=np.int64))
    return plain_correction(np.ones(DETECTORS), *near, HORIZONS, 300)


def wandering(kept: float, steps: int, seed: int) -> Floats:
    """Residuals of which `kept` is left after each interval."""
    rng = np.random.default_rng(seed)
    out = np.empty((steps, DETECTORS))
    out[0] = rng.normal(size=DETECTORS)
    for i in range(1, steps):
        news = rng.normal(size=DETECTORS) * np.sqrt(1.0 - kept**2)
        out[i] = kept * out[i - 1] + news
    return out


def test_without_days_the_prior_stays() -> None:
    np.testing.assert_array_equal(learn_carried(plain(), []).pooled, plain().pooled)


def test_surprises_that_do_not_last_are_not_carried() -> None:
    found = learn_carried(plain(), [wandering(0.0, 40, seed) for seed in range(4)])
    assert (np.abs(found.pooled[:, OWN]) < 0.3 * plain().pooled[:, OWN]).all()


def test_surprises_that_last_are_carried_further() -> None:
    found = learn_carried(plain(), [wandering(0.97, 40, seed) for seed in range(4)])
    assert (found.pooled[:, OWN] > plain().pooled[:, OWN]).all()
    assert (np.diff(found.pooled[:, OWN]) < 0).all()


def test_a_short_look_moves_the_prior_a_little() -> None:
    day = wandering(0.0, 6, 1)[:, :DETECTORS]
    short = learn_carried(plain(), [day]).pooled[0, OWN]
    long = learn_carried(plain(), [wandering(0.0, 60, 1)]).pooled[0, OWN]
    assert long < short < plain().pooled[0, OWN]


def test_missing_counts_are_left_out_and_other_weights_stay_as_they_are() -> None:
    day = wandering(0.9, 40, 3)
    day[10:14, ::2] = np.nan
    found = learn_carried(plain(), [day, np.full((3, DETECTORS), np.nan)])
    assert np.isfinite(found.pooled).all()
    others = [f for f in range(rows.FEATURES) if f not in (OWN, MEAN)]
    np.testing.assert_array_equal(found.pooled[:, others], plain().pooled[:, others])


def test_horizons_longer_than_every_day_fade_as_the_prior_does() -> None:
    found = learn_carried(plain(), [wandering(0.9, 4, 3)]).pooled[:, OWN]
    np.testing.assert_allclose(found[4:] / found[3:-1], 0.97, rtol=1e-6)
