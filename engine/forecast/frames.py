"""pandas at the edge: tables in, tables out. pandas is imported only when it is used."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.forecast.prediction import FlowPrediction, Source
from network.errors import CountError

if TYPE_CHECKING:
    import pandas as pd


def from_frame(
    frame: pd.DataFrame, step_s: int
) -> tuple[NDArray[np.float64], datetime, tuple[str, ...]]:
    """Return what `FlowForecaster.fit` takes from a table of counts.

    Parameters
    ----------
    frame
        One column per detector; rows labeled by the beginning of the interval, with a time zone.
        Rows may be missing; they become NaN.
    step_s
        Length of an interval, s.

    Raises
    ------
    CountError
        If times have no zone, repeat, run backward or leave the grid, or a column holds no
        numbers.
    """
    import pandas as pd

    index = frame.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise CountError("the rows must be labeled by times with a time zone (DatetimeIndex)")
    if not len(index) or index.hasnans:
        raise CountError("the table has no rows, or rows without a time")
    if not index.is_monotonic_increasing or not index.is_unique:
        later = np.flatnonzero(np.diff(index.asi8) <= 0)
        raise CountError(
            f"row {int(later[0]) + 2} ({index[int(later[0]) + 1]}) does not come after the row "
            "before it; times must rise"
        )
    seconds = (index - index[0]).total_seconds().to_numpy()
    if (seconds % step_s).any():
        row = int(np.flatnonzero(seconds % step_s)[0])
        raise CountError(f"row {row + 1} ({index[row]}) is not on the grid of {step_s} s")
    at = (seconds // step_s).astype(np.int64)
    if at[-1] >= 20 * max(len(at), 86_400 // step_s):
        raise CountError(
            f"the times span {at[-1] + 1} intervals of which {len(at)} are there; cut the gap out"
        )
    try:
        given = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise CountError(f"the table holds something other than numbers ({error})") from error
    values = np.full((int(at[-1]) + 1, given.shape[1]), np.nan)
    values[at] = given
    return values, index[0].to_pydatetime(), tuple(str(name) for name in frame.columns)


def to_frame(prediction: FlowPrediction) -> pd.DataFrame:
    """Return a prediction as a long table: time, name, mean, quantiles and source."""
    import pandas as pd

    horizons, n = prediction.mean.shape
    table: dict[str, Any] = {
        "time": np.repeat(pd.DatetimeIndex(prediction.times), n),
        "name": list(prediction.names) * horizons,
        "mean": prediction.means().ravel(),
    }
    for q, limits in zip(prediction.quantiles, prediction.quantile_veh, strict=True):
        table[f"q{q:g}"] = limits.ravel()
    table["source"] = [Source(int(s)).name.lower() for s in prediction.source.ravel()]
    return pd.DataFrame(table)
