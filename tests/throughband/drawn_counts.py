"""Counts for tests: drawn days with rush hours and weekends, as files and as feeds."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from network.counts import Quality
from throughband.counts.count_feed import CountFeed

Floats = NDArray[np.float64]

STEP_S = 900
SLOTS = 86_400 // STEP_S
DAYS, DETECTORS = 16, 6
ZONE = "Australia/Melbourne"
MONDAY = datetime(2031, 3, 3)  # noqa: DTZ001


def drawn(days: int = DAYS, seed: int = 11) -> Floats:
    """Draw counts with rush hours, weekends, and days that differ, [days * SLOTS, DETECTORS]."""
    rng = np.random.default_rng(seed)
    hour = np.arange(SLOTS) * 24.0 / SLOTS
    shape = 8 + 60 * np.exp(-0.5 * ((hour - 8) / 1.4) ** 2)
    shape += 70 * np.exp(-0.5 * ((hour - 17) / 1.9) ** 2) + 25 * np.exp(
        -0.5 * ((hour - 13) / 4) ** 2
    )
    size = rng.uniform(0.5, 2.0, DETECTORS)
    week = np.array([1.0, 1.0, 1.02, 1.05, 1.1, 0.75, 0.6])
    mean = np.concatenate(
        [shape[:, None] * size * week[day % 7] * np.exp(rng.normal(0, 0.06)) for day in range(days)]
    )
    return rng.poisson(mean).astype(np.float64)


def write_wide(path: Path, counts: Floats, start: datetime = MONDAY) -> Path:
    """Write counts with a column per detector, on the local clock."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["time", *(f"d{n}" for n in range(counts.shape[1]))])
        for row, values in enumerate(counts):
            moment = start + timedelta(seconds=STEP_S * row)
            cells = ["" if np.isnan(v) else f"{v:g}" for v in values]
            writer.writerow([moment.isoformat(), *cells])
    return path


def write_tidy(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    """Write one row per time and detector."""
    lines = [",".join(row) for row in (("time", "detector", "count"), *rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def quarter_hours(count: int, start: datetime = MONDAY) -> list[str]:
    return [(start + timedelta(seconds=STEP_S * row)).isoformat() for row in range(count)]


def a_feed(counts: Floats, step_s: int = STEP_S) -> CountFeed:
    start = MONDAY.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    quality = np.where(np.isnan(counts), int(Quality.MISSING), 0).astype(np.uint8)
    names = tuple(f"d{n}" for n in range(counts.shape[1]))
    return CountFeed(names, start, step_s, counts, quality, ())
