"""A forecast with its quantiles against what came, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecast import BAND, Forecast
from engine.forecast.prediction import FlowPrediction, Source
from network.counts import VALUED, CountSeries
from network.errors import CountError
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ForecastLine:
    """One movement or detector, a number per interval, veh/h; None where there is none.

    Attributes
    ----------
    name
        Of the movement or detector.
    expected_vph
        The forecast.
    quantile_vph
        By probability, of what is counted in the interval.
    came_vph
        What was counted.
    source
        What each cell rests on, as `engine.forecast.prediction.Source` names it.
    """

    name: str
    expected_vph: tuple[float, ...]
    quantile_vph: Mapping[str, tuple[float, ...]]
    came_vph: tuple[float | None, ...]
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForecastPicture:
    """A forecast and what came.

    Attributes
    ----------
    begins
        Beginning of each interval: seconds after midnight or system zero, or ISO 8601 in UTC.
    interval_s
        Length of an interval, s.
    observed
        How many of the first intervals were counts and no forecast.
    lines
        The busiest first.
    within_band
        Part of the forecast cells, of those for which a count came, that lay from the lowest to
        the highest quantile; None where nothing came.
    band
        Those two probabilities.
    """

    begins: tuple[float | str, ...]
    interval_s: int
    observed: int
    lines: tuple[ForecastLine, ...]
    within_band: float | None
    band: tuple[float, float]


def forecast_picture(flows: Forecast, came: CountSeries | None = None) -> ForecastPicture:
    """Lay out the flows that plans were made for.

    Parameters
    ----------
    flows
        The forecast, of movements.
    came
        Counts of movements on the same grid of intervals, from any beginning; counts that are
        flagged as broken are left out.

    Raises
    ------
    CountError
        If the counts are not of movements or not of the same intervals.
    """
    begins = flows.start_s + flows.interval_s * np.arange(len(flows.flow_vph))
    known = _on_grid(flows, came)
    sources = [[Source(int(cell)).name.lower() for cell in row] for row in flows.source.T]
    quantiles = {f"{BAND[0]:g}": flows.low_vph, f"{BAND[1]:g}": flows.high_vph}
    return _picture(
        tuple(float(b) for b in begins),
        flows.interval_s,
        flows.observed,
        flows.movement_ids,
        flows.flow_vph,
        quantiles,
        known,
        sources,
    )


def prediction_picture(
    prediction: FlowPrediction, came_veh: Mapping[str, Sequence[float]] | None = None
) -> ForecastPicture:
    """Lay out a prediction of detectors.

    Parameters
    ----------
    prediction
        The forecast.
    came_veh
        By detector, vehicles in each interval of the prediction, NaN where none is known; shorter
        where the rest is still to come.

    Raises
    ------
    CountError
        If there are more counts than intervals.
    """
    to_vph = SECONDS_PER_HOUR / prediction.step_s
    known = np.full(prediction.mean.shape, np.nan)
    for column, name in enumerate(prediction.names):
        values = np.asarray((came_veh or {}).get(name, ()), np.float64)
        if values.size > len(known):
            raise CountError(
                f"{name!r}: {values.size} counts; the forecast holds {len(known)} intervals"
            )
        known[: values.size, column] = values * to_vph
    return _picture(
        tuple(moment.isoformat() for moment in prediction.times),
        prediction.step_s,
        0,
        prediction.names,
        prediction.means() * to_vph,
        {
            f"{q:g}": rows * to_vph
            for q, rows in zip(prediction.quantiles, prediction.quantile_veh, strict=True)
        },
        known,
        [[Source(int(cell)).name.lower() for cell in row] for row in prediction.source.T],
    )


def _picture(
    begins: tuple[float | str, ...],
    interval_s: int,
    observed: int,
    names: tuple[str, ...],
    expected_vph: Floats,
    quantile_vph: Mapping[str, Floats],
    came_vph: Floats,
    sources: Sequence[Sequence[str]],
) -> ForecastPicture:
    probabilities = sorted(quantile_vph, key=float)
    low, high = quantile_vph[probabilities[0]], quantile_vph[probabilities[-1]]
    told = np.isfinite(came_vph)
    told[:observed] = False
    within = (came_vph >= low - 1e-6) & (came_vph <= high + 1e-6)
    order = np.lexsort((np.array(names), -expected_vph.mean(axis=0)))
    lines = tuple(
        ForecastLine(
            names[m],
            tuple(expected_vph[:, m].tolist()),
            {q: tuple(quantile_vph[q][:, m].tolist()) for q in probabilities},
            tuple(value if np.isfinite(value) else None for value in came_vph[:, m].tolist()),
            tuple(sources[m]),
        )
        for m in order.tolist()
    )
    return ForecastPicture(
        begins,
        interval_s,
        observed,
        lines,
        float(within[told].mean()) if told.any() else None,
        (float(probabilities[0]), float(probabilities[-1])),
    )


def _on_grid(flows: Forecast, came: CountSeries | None) -> Floats:
    """Return counts in veh/h on the forecast's intervals and movements; NaN where none is."""
    known = np.full(flows.flow_vph.shape, np.nan)
    if came is None:
        return known
    shift = (came.start_s - flows.start_s) / flows.interval_s
    if came.kind != "movement" or came.interval_s != flows.interval_s or shift % 1:
        raise CountError(
            f"counts of {came.kind}s in intervals of {came.interval_s} s from {came.start_s:g} s; "
            f"needed are movements in intervals of {flows.interval_s} s that begin with those of "
            "the forecast"
        )
    good = np.where(np.isin(came.quality, VALUED), came.volume_veh, np.nan)
    to_vph = SECONDS_PER_HOUR / flows.interval_s
    column_of = {name: column for column, name in enumerate(came.series_ids)}
    for m, name in enumerate(flows.movement_ids):
        if name in column_of:
            for row, value in enumerate(good[:, column_of[name]], start=int(shift)):
                if 0 <= row < len(known):
                    known[row, m] = value * to_vph
    return known
