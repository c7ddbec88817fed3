"""Travel times and counts of made-up days on a street, with an effect that is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

BEFORE, AFTER = date(2031, 3, 3), date(2031, 5, 5)
"""Mondays."""
HOURS = (7, 8, 9, 16, 17)
TYPICAL_S = {"Main": 180.0, "Park": 240.0, "Hill": 150.0}


@dataclass(frozen=True, slots=True)
class Made:
    """How days are made.

    Attributes
    ----------
    effect
        Part by which travel times of the changed routes differ after the change.
    shift
        Part by which traffic differs after it; travel times follow with `elasticity`.
    everywhere
        Part by which all travel times differ after it, as weather would have it.
    changed
        Routes with the effect.
    scatter, ties
        Standard deviation of days, and their correlation.
    """

    effect: float = 0.0
    shift: float = 0.0
    everywhere: float = 0.0
    changed: tuple[str, ...] = ("Main", "Park")
    scatter: float = 0.04
    ties: float = 0.0
    elasticity: float = 1.2
    seed: int = 1


def workdays(first: date, weeks: int) -> list[date]:
    """Return Mondays to Fridays."""
    return [first + timedelta(days=7 * w + d) for w in range(weeks) for d in range(5)]


def write_days(
    folder: Path,
    made: Made,
    weeks: int = 3,
    hours: Sequence[int] = HOURS,
    after_hours: Sequence[int] = (),
) -> tuple[Path, Path, Path]:
    """Write ``before.csv``, ``after.csv`` and ``counts.csv``, and return where they are."""
    rng = np.random.default_rng(made.seed)
    folder.mkdir(parents=True, exist_ok=True)
    counts = ["time,detector,count"]
    files = []
    for name, first, late in (("before", BEFORE, False), ("after", AFTER, True)):
        rows = ["time,route,travel_time_s,length_m,free_travel_time_s"]
        tie = 0.0
        for day in workdays(first, weeks):
            tie = made.ties * tie + np.sqrt(1 - made.ties**2) * rng.standard_normal()
            traffic = (1 + made.shift * late) * np.exp(0.03 * rng.standard_normal())
            common = np.exp(made.scatter * tie) * (1 + made.everywhere * late)
            for hour in (after_hours or hours) if late else hours:
                busy = 1.0 + 0.1 * (hour in (8, 17)) + 0.02 * day.weekday()
                when = f"{day}T{hour:02}:00:00"
                counts.append(f"{when},loop,{round(800 * busy * traffic)}")
                for route, typical in TYPICAL_S.items():
                    mean = typical * busy * common * traffic**made.elasticity
                    mean *= 1 + made.effect * (late and route in made.changed)
                    value = mean * np.exp(0.03 * rng.standard_normal())
                    rows.append(f"{when},{route},{value:.2f},1500,{typical / 2}")
        files.append(write_lines(folder / f"{name}.csv", rows))

    return files[0], files[1], write_lines(folder / "counts.csv", counts)


def write_lines(path: Path, rows: Iterable[str]) -> Path:
    """Write lines into a file and return it."""
    path.write_text("\n".join(rows) + "\n")
    return path
