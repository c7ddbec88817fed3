"""A few days say how much to smooth, and how far they scatter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.forecast.first_days import PLAIN, compare_days
from engine.forecast.history import History
from engine.forecast.profile import to_root

Floats = NDArray[np.float64]


def history(days: list[Floats]) -> History:
    """Days of 96 slots, all alike in type."""
    counts = np.concatenate(days)
    slots = len(days[0])
    return History(
        to_root(counts),
        np.repeat(np.arange(len(days)), slots),
        np.tile(np.arange(slots), len(days)),
        np.zeros(len(days), dtype=np.int64),
        900,
        slots,
    )


def usual() -> Floats:
    rough = np.random.default_rng(3).uniform(10.0, 40.0, (96, 6))
    return np.asarray(np.round(rough))


def test_days_that_repeat_themselves_are_not_smoothed() -> None:
    assert compare_days(history([usual(), usual()])).settings.smooth_s == 0.0


def test_noise_around_a_level_is_smoothed() -> None:
    rng = np.random.default_rng(5)
    found = compare_days(history([rng.poisson(20.0, (96, 6)).astype(float) for _ in range(2)]))
    assert found.settings.smooth_s >= PLAIN.smooth_s


def test_the_scatter_is_that_of_the_days() -> None:
    rng = np.random.default_rng(6)
    days = [rng.poisson(30.0, (96, 6)).astype(float) for _ in range(3)]
    calm = compare_days(history(days)).scale()
    # Poisson counts scatter by 1 on the root scale; here a day against the mean of two.
    assert 0.9 < calm.mean() < 1.4
    wild = compare_days(history([day * f for day, f in zip(days, (0.5, 1.0, 1.5), strict=True)]))
    assert wild.scale().mean() > 2.0 * calm.mean()


def test_a_time_that_only_one_day_counted_tells_nothing() -> None:
    first, second = usual(), usual()
    second[40:60] = np.nan
    first[40:60] *= 9.0
    found = compare_days(history([first, second]))
    assert np.isnan(found.residual[40:60]).all()
    assert np.nanmax(np.abs(found.residual)) < 0.5


def test_one_day_says_nothing() -> None:
    found = compare_days(history([usual()]))
    assert not len(found.residual)
    assert found.settings == PLAIN
