"""The last days of counts, as operation reads them from the bridge's folder."""

import csv
from datetime import timedelta

import numpy as np

from engine.forecast.forecaster import FlowForecaster
from throughband.operate.count_history import last_days, missed

from .cases import NOON, minutes

STEP = timedelta(minutes=15)
MIDNIGHT = NOON - timedelta(hours=12)


def written(folder, days):
    """Write days of counts of two detectors; return a forecaster that learned from them."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(50.0, (96 * days, 2)).astype(float)
    with (folder / "history.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "connection", "count"))
        for at, row in enumerate(counts):
            stamp = (MIDNIGHT + at * STEP).isoformat()
            writer.writerows((stamp, name, value) for name, value in zip("ba", row, strict=True))
    found = FlowForecaster(900, 4, "UTC")
    return found.fit(counts[:, ::-1], MIDNIGHT, ("a", "b")), counts


def test_counts_come_in_the_order_of_the_forecaster(tmp_path):
    forecaster, counts = written(tmp_path, 2)
    past = last_days(tmp_path, "UTC", forecaster)
    assert (past.begin, past.step_s) == (MIDNIGHT, 900)
    assert np.array_equal(past.counts, counts[:, ::-1])


def test_what_forecasts_miss_is_known_from_two_days_on(tmp_path):
    forecaster, _ = written(tmp_path, 2)
    past = last_days(tmp_path, "UTC", forecaster)
    parts = missed(past, forecaster, minutes(10), 12)
    # The settling time takes the first of four intervals.
    assert len(parts) == 3
    assert all(0.0 <= part < 0.1 for part in parts)


def test_of_one_day_nothing_is_known(tmp_path):
    forecaster, _ = written(tmp_path, 1)
    past = last_days(tmp_path, "UTC", forecaster)
    assert missed(past, forecaster, minutes(10), 12) == ()


def test_a_folder_into_which_nobody_has_counted_yet_is_no_trouble(tmp_path):
    forecaster, _ = written(tmp_path, 1)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert last_days(empty, "UTC", forecaster) is None
