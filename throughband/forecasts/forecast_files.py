"""The files of a forecast: its table, the flags of the counts, and its record."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import DAY_TYPES, Calendar, LocalClock
from engine.forecast.prediction import FlowPrediction, Source
from engine.forecast.street_flows import MovementFlows
from network.counts import Quality
from network.errors import CountError
from network.files import replace_file
from network.units import SECONDS_PER_HOUR
from throughband.counts.count_feed import CountFeed
from throughband.counts.detector_health import Health
from throughband.forecasts.forecast_options import Form, Wish

RECORD_FORMAT, RECORD_VERSION = "throughband.forecast", 1
DIGITS = 3
"""Of vehicles; more would be noise."""


def horizon_types(
    prediction: FlowPrediction, clock: LocalClock, calendar: Calendar
) -> tuple[str, ...]:
    """Return the type of the day of traffic of each predicted interval.

    The hours before 4 o'clock belong to the day before, as in the forecast itself. Days after the
    first are as announced.
    """
    ordinal, _, _ = clock.traffic_days(prediction.start, len(prediction.mean))
    days = [date.fromordinal(int(day)) for day in ordinal]
    return tuple(
        prediction.day_type if day == days[0] else DAY_TYPES[calendar.day_type(day)] for day in days
    )


def write_forecast_table(
    folder: Path, prediction: FlowPrediction, types: tuple[str, ...], form: Form
) -> Path:
    """Write ``forecast.csv`` or ``forecast.parquet``, one row per interval and detector.

    Parameters
    ----------
    folder
        Where to.
    prediction
        The forecast; times are UTC, counts vehicles per interval.
    types
        Type of day of each interval.
    form
        ``csv``, or ``parquet`` where pandas and pyarrow are installed.

    Returns
    -------
    Path
        The file.
    """
    path = folder / f"forecast.{form}"
    if form == "parquet":
        from engine.forecast.frames import to_frame

        frame = to_frame(prediction).rename(columns={"name": "detector"})
        steps = np.repeat(np.arange(1, len(types) + 1), len(prediction.names))
        frame.insert(2, "horizon_min", steps * prediction.step_s / 60.0)
        frame["day_type"] = np.repeat(np.array(types), len(prediction.names))
        frame.to_parquet(path, index=False)
        return path
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    quantiles = [f"q{q:g}" for q in prediction.quantiles]
    writer.writerow(["time", "detector", "horizon_min", "mean", *quantiles, "source", "day_type"])
    mean = prediction.means()
    for h, time in enumerate(prediction.times):
        minutes = f"{(h + 1) * prediction.step_s / 60.0:g}"
        for n, name in enumerate(prediction.names):
            writer.writerow(
                [
                    time.isoformat(),
                    name,
                    minutes,
                    _number(mean[h, n]),
                    *(_number(value) for value in prediction.quantile_veh[:, h, n]),
                    Source(int(prediction.source[h, n])).name.lower(),
                    types[h],
                ]
            )
    replace_file(path, out.getvalue())
    return path


def write_movement_table(
    path: Path, flows: MovementFlows, quantiles: Sequence[float], types: tuple[str, ...]
) -> None:
    """Write a row per interval and movement, vehicles per interval; as the table of detectors.

    Parameters
    ----------
    path
        Where to; ``throughband day --forecast`` reads it.
    flows
        Of all movements.
    quantiles
        Probabilities to write.
    types
        Type of day of each interval.
    """
    to_veh = flows.step_s / SECONDS_PER_HOUR
    spread = flows.quantile_vph(quantiles) * to_veh
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    names = [f"q{q:g}" for q in quantiles]
    writer.writerow(["time", "movement", "horizon_min", "mean", *names, "source", "day_type"])
    for h, time in enumerate(flows.times):
        minutes = f"{(h + 1) * flows.step_s / 60.0:g}"
        for m, name in enumerate(flows.movement_ids):
            writer.writerow(
                [
                    time.isoformat(),
                    name,
                    minutes,
                    _number(flows.mean_vph[h, m] * to_veh),
                    *(_number(value) for value in spread[:, h, m]),
                    Source(int(flows.source[h, m])).name.lower(),
                    types[h],
                ]
            )
    replace_file(path, out.getvalue())


def write_quality(path: Path, feed: CountFeed, health: Health) -> None:
    """Write a row per run of counts that are not used: detector, from, to, how many, why."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["detector", "begin", "end", "intervals", "quality", "reason"])
    step = timedelta(seconds=feed.step_s)
    for column, name in enumerate(feed.names):
        for begin, end in runs(health, column):
            writer.writerow(
                [
                    name,
                    (feed.start + begin * step).isoformat(),
                    (feed.start + end * step).isoformat(),
                    end - begin,
                    Quality(int(health.quality[begin, column])).name.lower(),
                    health.reason(end - 1, column, feed.step_s),
                ]
            )
    replace_file(path, out.getvalue())


def runs(health: Health, column: int) -> Iterator[tuple[int, int]]:
    """Yield first and last row (exclusive) of each run of one kind of flag."""
    quality = health.quality[:, column].astype(np.int64)
    kind = quality * 256 + health.fault[:, column]
    edges = np.flatnonzero(np.diff(kind)) + 1
    begins = np.concatenate(([0], edges))
    ends = np.concatenate((edges, [len(kind)]))
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        if quality[begin] != Quality.GOOD and end > begin:
            yield begin, end


def record(
    wish: Wish,
    feed: CountFeed,
    health: Health,
    prediction: FlowPrediction,
    scores: dict[str, Any] | None,
    versions: dict[str, str],
) -> dict[str, Any]:
    """Return what ``forecast.json`` holds."""
    counted = {
        quality.name.lower(): int((health.quality == quality).sum())
        for quality in Quality
        if (health.quality == quality).any()
    }
    sources: NDArray[np.uint8] = prediction.source
    return {
        "format": RECORD_FORMAT,
        "version": RECORD_VERSION,
        "versions": versions,
        "settings": {
            "counts": wish.counts.name,
            "horizon_s": wish.horizon_s,
            "step_s": feed.step_s,
            "tz": wish.tz,
            "holidays": sorted(day.isoformat() for day in wish.calendar.holidays),
            "quantiles": list(wish.quantiles),
            "at": None if wish.at is None else wish.at.isoformat(),
            "backtest_days": wish.backtest_days,
        },
        "counts": {
            "detectors": len(feed.names),
            "begin": feed.start.isoformat(),
            "end": feed.end.isoformat(),
            "intervals": len(feed.counts),
            "judged": health.judged,
            "quality": counted,
            "findings": list(feed.findings),
        },
        "forecast": {
            "begin": prediction.start.isoformat(),
            "intervals": len(prediction.mean),
            "day_type": prediction.day_type,
            "day_types": {
                name: round(float(chance), 4)
                for name, chance in zip(
                    prediction.day_types, prediction.day_type_probability, strict=True
                )
            },
            "last_good": None if prediction.last_good is None else prediction.last_good.isoformat(),
            "stale": prediction.stale,
            "cells": {source.name.lower(): int((sources == source).sum()) for source in Source},
        },
        "backtest": scores,
    }


def _number(value: float) -> str:
    if not np.isfinite(value):
        raise CountError("a forecast holds NaN or infinity")
    return f"{value:.{DIGITS}f}"
