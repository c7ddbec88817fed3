"""Tables of counts in, tables of forecasts out; pandas is optional."""

from __future__ import annotations

import numpy as np
import pytest

from engine.forecast.forecaster import FlowForecaster
from engine.forecast.frames import from_frame, to_frame
from network.errors import CountError

pd = pytest.importorskip("pandas", reason="pandas is not installed")


def table(rows: int = 96 * 2, tz: str | None = "UTC"):  # type: ignore[no-untyped-def]
    index = pd.date_range("2031-03-03", periods=rows, freq="15min", tz=tz)
    return pd.DataFrame(np.arange(rows * 2.0).reshape(rows, 2) % 7, index=index, columns=["a", "b"])


def test_a_table_becomes_counts_and_rows_left_out_become_missing() -> None:
    frame = table().drop(table().index[5])
    counts, start, names = from_frame(frame, 900)
    assert counts.shape == (192, 2)
    assert np.isnan(counts[5]).all()
    assert start == frame.index[0]
    assert names == ("a", "b")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table(tz=None), "time zone"),
        (table().iloc[::-1], "must rise"),
        (table().iloc[[0, 0, 1]], "must rise"),
        (table().iloc[:0], "no rows"),
        (table().astype(object).replace(3.0, "x"), "other than numbers"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(frame, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CountError, match=message):
        from_frame(frame, 900)


def test_rows_off_the_grid_are_refused() -> None:
    with pytest.raises(CountError, match="grid of 1800 s"):
        from_frame(table(), 1800)


def test_a_prediction_becomes_a_long_table() -> None:
    counts, start, names = from_frame(table(), 900)
    prediction = FlowForecaster(900, 3, "UTC").fit(counts, start, names).predict()
    found = to_frame(prediction)
    assert list(found.columns) == ["time", "name", "mean", "q0.1", "q0.5", "q0.9", "source"]
    assert len(found) == 6
    # The expected count and not the median, so that sums hold.
    assert found["mean"].iloc[3] == prediction.expected()[0][1, 1]
    assert found["time"].iloc[2] == pd.Timestamp("2031-03-05T00:15Z")
