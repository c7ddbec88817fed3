"""Residuals imputed from live neighbors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.forecast.imputation import MOST_UNPLACED, learn_neighborhood
from network.errors import InsufficientDataError


def together(seed: int, rows: int = 2000, columns: int = 12) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(rows, 2))
    load = np.repeat(np.eye(2), columns // 2, axis=0)
    return np.asarray(0.8 * common @ load.T + 0.6 * rng.normal(size=(rows, columns)))


def test_neighbors_are_those_that_vary_alike() -> None:
    hood = learn_neighborhood(together(1), most=3)
    assert all((hood.neighbor[d] < 6).all() == (d < 6) for d in range(12))


def test_imputed_residuals_beat_the_profile_and_are_known() -> None:
    hood = learn_neighborhood(together(1), most=5)
    fresh = together(2)
    gone = np.random.default_rng(3).random(fresh.shape) < 0.3
    guessed = []
    for row, missing in zip(fresh, gone, strict=True):
        filled, variance, imputed = hood.fill(np.where(missing, np.nan, row))
        np.testing.assert_array_equal(imputed, missing)
        np.testing.assert_array_equal(filled[~missing], row[~missing])
        assert (variance[missing] > 0).all()
        assert not variance[~missing].any()
        guessed.append(filled)
    error = (np.array(guessed) - fresh)[gone]
    assert np.mean(error**2) < 0.65 * np.mean(fresh[gone] ** 2)


def test_without_live_neighbors_the_profile_remains() -> None:
    hood = learn_neighborhood(together(1), most=3)
    filled, variance, imputed = hood.fill(np.full(12, np.nan))
    assert imputed.all()
    assert not filled.any()
    np.testing.assert_allclose(variance, hood.covariance[:, 0, 0])


def test_neighbors_can_be_given() -> None:
    given = np.full((12, 2), -1, dtype=np.int32)
    given[0] = [1, 2]
    hood = learn_neighborhood(together(1), neighbor=given)
    assert hood.weights()[0].min() > 0
    assert not hood.weights()[1:].any()


def test_impossible_neighborhoods_are_refused() -> None:
    with pytest.raises(InsufficientDataError, match="at least one"):
        learn_neighborhood(np.zeros((0, 3)))
    with pytest.raises(InsufficientDataError, match="no neighbors given"):
        learn_neighborhood(np.zeros((2, MOST_UNPLACED + 1)))
    with pytest.raises(InsufficientDataError, match="allowed are -1 to 2"):
        learn_neighborhood(np.zeros((4, 3)), neighbor=np.full((3, 1), -2, dtype=np.int32))
