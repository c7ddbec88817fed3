"""The clock of a drill: a street that runs faster or slower than the wall clock.

The street's process writes down when its second zero was and how fast its time runs; a bridge
that is told the same keeps the same time. What the bridge waits for on the wire (answers, copies
of requests) stays in real seconds, because the wire is real.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from network.errors import ThroughbandError
from throughband.results import read_json, write_json

FILE: Final = "drill.json"
FASTEST: Final = 1000.0
"""Street seconds per second beyond which an answer takes longer than clocks may differ."""


@dataclass(frozen=True, slots=True)
class Drill:
    """How a street's time follows from the wall clock's.

    Attributes
    ----------
    wall_start_s
        Wall clock when the street began, in s since 1970.
    street_start_s
        Second of the street at that moment.
    midnight_utc_s
        Universal time that the cabinets name at second zero of the street, in s since 1970.
    speed
        Seconds of the street per second; above 0.
    wall, steady
        The wall clock, and seconds that never go back.

    Raises
    ------
    ThroughbandError
        The speed is 0 or less, or too high, or a time is not finite.
    """

    wall_start_s: float
    street_start_s: float
    midnight_utc_s: int
    speed: float
    wall: Callable[[], float] = field(default=time.time, repr=False, compare=False)
    steady: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    def __post_init__(self) -> None:
        times = (self.wall_start_s, self.street_start_s, self.midnight_utc_s, self.speed)
        if not all(math.isfinite(value) for value in times):
            raise ThroughbandError("a drill needs finite times and a finite speed")
        if not 0 < self.speed <= FASTEST:
            raise ThroughbandError(
                f"a drill at {self.speed:g} times the wall clock; allowed is above 0 to {FASTEST:g}"
            )

    def street_s(self) -> float:
        """Return the second of the street that it is now."""
        return self.street_start_s + (self.wall() - self.wall_start_s) * self.speed

    def wall_s(self, street_s: float) -> float:
        """Return the wall clock at a second of the street, in s since 1970."""
        return self.wall_start_s + (street_s - self.street_start_s) / self.speed

    def now_utc(self) -> datetime:
        """Return the time of day that the cabinets keep."""
        return datetime.fromtimestamp(self.midnight_utc_s + self.street_s(), UTC)

    def now_s(self) -> float:
        """Return street seconds that never go back, from an arbitrary zero."""
        return self.steady() * self.speed

    def wall_span_s(self, street_span_s: float) -> float:
        """Return how long a span of the street takes on the wall clock, in s."""
        return street_span_s / self.speed

    async def sleep(self, street_span_s: float) -> None:
        """Let a span of the street pass."""
        await asyncio.sleep(self.wall_span_s(street_span_s))


def write_drill(folder: Path, drill: Drill) -> Path:
    """Write ``drill.json`` and return where it is."""
    path = folder / FILE
    kept = {k: v for k, v in asdict(drill).items() if k not in ("wall", "steady")}
    try:
        write_json(path, kept)
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def read_drill(path: Path) -> Drill:
    """Read a ``drill.json``.

    Raises
    ------
    ThroughbandError
        If it cannot be read, or a value is missing or out of range.
    """
    content = read_json(path)
    names = [entry.name for entry in fields(Drill) if entry.name not in ("wall", "steady")]
    for name in names:
        value = content.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ThroughbandError(f"{path}: {name} is {value!r}; allowed is a number")
    try:
        return Drill(
            float(content["wall_start_s"]),
            float(content["street_start_s"]),
            int(content["midnight_utc_s"]),
            float(content["speed"]),
        )
    except (ThroughbandError, OverflowError, ValueError) as error:
        raise ThroughbandError(f"{path}: {error}") from error


WALL: Final = Drill(0.0, 0.0, 0, 1.0)
"""No drill: the wall clock itself."""


def clock_of(path: Path | None) -> Drill:
    """Return the clock of a ``drill.json``, or the wall clock where there is none."""
    return WALL if path is None else read_drill(path)
