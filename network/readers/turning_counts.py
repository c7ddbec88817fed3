"""Counts by approach and turn, as people and cameras at an intersection make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from network.counts import CountSeries, Quality
from network.errors import CountError
from network.inventory import TurnKind
from network.readers.local_time import time_zone
from network.regrouping import regroup

HEADINGS = ("NB", "SB", "EB", "WB", "NE", "NW", "SE", "SW")
"""Headings of traffic, as in `network.inventory.Street`."""
MOST_CELLS = 20_000_000

_TURN_LETTERS = {
    TurnKind.LEFT: "L",
    TurnKind.THROUGH: "T",
    TurnKind.RIGHT: "R",
    TurnKind.U_TURN: "U",
}
_LEGS = {"NB": "S", "SB": "N", "EB": "W", "WB": "E", "NE": "SW", "NW": "SE", "SE": "NW", "SW": "NE"}


class Mode(StrEnum):
    """What was counted. `VEHICLE` is every motor vehicle, `LIGHT` and `HEAVY` its parts."""

    VEHICLE = "vehicle"
    LIGHT = "light"
    HEAVY = "heavy"
    BICYCLE = "bicycle"
    PEDESTRIAN = "pedestrian"


@dataclass(frozen=True, slots=True, order=True)
class TurnColumn:
    """What one column counts.

    Attributes
    ----------
    heading
        Heading of the traffic that arrives (``NB`` comes from the south); for people walking, of
        the traffic that arrives on the leg they cross.
    turn
        Which way it turns; None for people walking.
    mode
        Who was counted.
    """

    heading: str
    turn: TurnKind | None
    mode: Mode = Mode.VEHICLE

    def __post_init__(self) -> None:
        if self.heading not in HEADINGS:
            raise CountError(f"heading {self.heading!r}; allowed are {', '.join(HEADINGS)}")
        if (self.turn is None) != (self.mode is Mode.PEDESTRIAN):
            raise CountError(f"a count of mode {self.mode} with the turn {self.turn!r}")

    @property
    def label(self) -> str:
        """Such as ``NBL``, ``NBL heavy``, or ``N leg pedestrian`` for a crosswalk."""
        if self.turn is None:
            return f"{_LEGS[self.heading]} leg {self.mode}"
        movement = self.heading + _TURN_LETTERS[self.turn]
        return movement if self.mode is Mode.VEHICLE else f"{movement} {self.mode}"

    @property
    def movement(self) -> str:
        """The movement without the mode, such as ``NBL``; ``NBP`` for a crosswalk."""
        return self.heading + ("P" if self.turn is None else _TURN_LETTERS[self.turn])


@dataclass(frozen=True, slots=True, eq=False)
class TurningCounts:
    """Counts of one intersection.

    Attributes
    ----------
    intersection
        Its name.
    begins_utc
        Begin of each interval, aware UTC, ascending. Intervals that were not counted are absent.
    interval_s
        Length of every interval, s.
    zone
        Time zone of the place.
    columns
        What was counted.
    counts
        float64[I, C]; NaN where there is no number. Copied, then read-only.
    quality
        A `Quality` for every count, uint8[I, C].

    Raises
    ------
    CountError
        If shapes disagree, intervals overlap or are out of order, a column appears twice, or
        numbers and flags contradict each other.
    """

    intersection: str
    begins_utc: tuple[datetime, ...]
    interval_s: int
    zone: str
    columns: tuple[TurnColumn, ...]
    counts: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        object.__setattr__(self, "begins_utc", tuple(self.begins_utc))
        object.__setattr__(self, "columns", tuple(self.columns))
        if not self.begins_utc or len(set(self.columns)) != len(self.columns):
            raise CountError(
                f"{self.intersection}: counts need at least one interval, and each column once"
            )
        length = timedelta(seconds=self.interval_s)
        for before, after in zip(self.begins_utc[:-1], self.begins_utc[1:], strict=True):
            if after - before < length:
                raise CountError(
                    f"{self.intersection}: the interval at {after} begins before the one at "
                    f"{before} ends"
                )
        # The rules for numbers and flags are those of a count series.
        labels = tuple(column.label for column in self.columns)
        checked = CountSeries("detector", labels, 0.0, self.interval_s, self.counts, self.quality)
        if checked.intervals != len(self.begins_utc):
            raise CountError(
                f"{self.intersection}: {checked.intervals} rows of counts for "
                f"{len(self.begins_utc)} intervals"
            )
        if any(moment.utcoffset() != timedelta(0) for moment in self.begins_utc):
            raise CountError(f"{self.intersection}: intervals must begin at aware UTC times")
        object.__setattr__(self, "counts", checked.volume_veh)
        object.__setattr__(self, "quality", checked.quality)

    def __reduce__(self) -> tuple[object, ...]:
        # Through the constructor, so that arrays come back read-only.
        return (TurningCounts, tuple(getattr(self, name) for name in self.__dataclass_fields__))


def vehicle_movements(counts: Iterable[TurningCounts]) -> tuple[tuple[str, str], ...]:
    """Return intersection and movement, such as ``("4th and Main", "NBL")``, of vehicle counts."""
    return tuple(
        (one.intersection, movement) for one in counts for movement in _vehicle_columns(one)
    )


def join_movements(
    counts: Iterable[TurningCounts],
    movement_of: Mapping[tuple[str, str], str],
    midnight: datetime | None = None,
) -> CountSeries:
    """Make a count series of turning counts and a table of what each of them is in the network.

    A movement's vehicles are its `Mode.VEHICLE` column, or light and heavy added up where there
    is no such column. Where several turns are one movement of the network they are added up; a
    sum lacks a number where a part does, and is as good as its worst part. Intervals that were
    not counted between the first and the last one are missing.

    Parameters
    ----------
    counts
        Of any number of intersections, all of one interval length.
    movement_of
        Movement of the network by intersection and turn, such as ``("4th and Main", "NBL")``.
        Turns it does not name are left out; `vehicle_movements` lists what there is.
    midnight
        What `start_s` is measured from, aware; midnight at the place on the first day if not
        given. On a day on which clocks are changed, it is time that has passed since.

    Returns
    -------
    CountSeries
        Of kind ``movement``, in the order of `movement_of`.

    Raises
    ------
    CountError
        If the table names a turn that was not counted, lengths differ, intervals are not on one
        grid, or any lies before midnight.
    """
    sources = {one.intersection: one for one in counts}
    movement_at: dict[tuple[str, int], str] = {}
    for (intersection, movement), name in movement_of.items():
        found = _vehicle_columns(sources[intersection]) if intersection in sources else {}
        if movement not in found:
            known = ", ".join(found) or f"only {', '.join(sources) or 'nothing'}"
            raise CountError(
                f"no vehicles of {movement!r} were counted at {intersection!r}; counted were "
                f"{known}"
            )
        movement_at.update({(intersection, column): name for column in found[movement]})
    used = [sources[place] for place in dict.fromkeys(place for place, _ in movement_of)]
    lengths = sorted({one.interval_s for one in used})
    if len(lengths) != 1:
        raise CountError(
            f"counts to be joined have intervals of {', '.join(map(str, lengths)) or 'no'} s; "
            "allowed is one length"
        )
    first = min(one.begins_utc[0] for one in used)
    last = max(one.begins_utc[-1] for one in used)
    if midnight is None:
        place = time_zone(used[0].zone, used[0].intersection)
        midnight = first.astimezone(place).replace(hour=0, minute=0, second=0, microsecond=0)
    # Both in UTC: subtracting times of one zone would count clock time, not time.
    start_s = (first - midnight.astimezone(UTC)).total_seconds()
    intervals = int((last - first).total_seconds()) // lengths[0] + 1
    if intervals * len(movement_at) > MOST_CELLS:
        raise CountError(
            f"{intervals} intervals of {len(movement_at)} columns lie between {first} and {last}; "
            f"allowed are {MOST_CELLS} counts"
        )
    volume = np.full((intervals, len(movement_at)), np.nan)
    quality = np.full(volume.shape, int(Quality.MISSING), dtype=np.uint8)
    rows = {one.intersection: _rows(one, first) for one in used}
    for part, (intersection, column) in enumerate(movement_at):
        one = sources[intersection]
        volume[rows[intersection], part] = one.counts[:, column]
        quality[rows[intersection], part] = one.quality[:, column]
    names = [f"{intersection} {column}" for intersection, column in movement_at]
    parts = CountSeries("detector", tuple(names), start_s, lengths[0], volume, quality)
    return regroup(parts, "movement", dict(zip(names, movement_at.values(), strict=True)))


def _vehicle_columns(counts: TurningCounts) -> dict[str, list[int]]:
    """Columns that add up to the vehicles of each movement."""
    found: dict[str, dict[Mode, int]] = {}
    for index, column in enumerate(counts.columns):
        if column.mode in (Mode.VEHICLE, Mode.LIGHT, Mode.HEAVY):
            found.setdefault(column.movement, {})[column.mode] = index
    return {
        movement: [modes[Mode.VEHICLE]] if Mode.VEHICLE in modes else list(modes.values())
        for movement, modes in found.items()
        if Mode.VEHICLE in modes or Mode.LIGHT in modes
    }


def _rows(counts: TurningCounts, first: datetime) -> list[int]:
    rows = []
    for begin in counts.begins_utc:
        steps, rest = divmod((begin - first).total_seconds(), counts.interval_s)
        if rest:
            raise CountError(
                f"{counts.intersection}: the interval at {begin} is not a multiple of "
                f"{counts.interval_s} s after {first}"
            )
        rows.append(int(steps))
    return rows
