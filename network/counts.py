"""Counts of vehicles by interval, with a quality flag for every one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from network.errors import CountError
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

Kind = Literal["movement", "approach", "connection", "detector"]
KINDS: tuple[Kind, ...] = ("movement", "approach", "connection", "detector")

NAMED_AT_MOST = 3
"""So many offenders are named in a message; the rest are counted."""


class Quality(IntEnum):
    """How far one count can be trusted.

    `GOOD` as measured; `MISSING` nothing arrived; `SUSPECT` implausible beside its neighbors;
    `STUCK` the detector repeats itself; `CHATTER` it counts far too often; `IMPOSSIBLE` more
    than the road can carry; `FILLED` estimated, not measured.
    """

    GOOD = 0
    MISSING = 1
    SUSPECT = 2
    STUCK = 3
    CHATTER = 4
    IMPOSSIBLE = 5
    FILLED = 6


VALUED = (int(Quality.GOOD), int(Quality.FILLED))
"""Qualities that promise a number."""


@dataclass(frozen=True, slots=True, eq=False)
class CountSeries:
    """Vehicles counted per movement, approach or detector in consecutive equal intervals.

    Attributes
    ----------
    kind
        What a series counts: ``movement`` (turn at a signal), ``approach`` (a link),
        ``connection`` (one lane's part of a movement) or ``detector`` (whatever passes over it;
        `network.regrouping` makes movements or approaches of it).
    series_ids
        Movement, link, connection or detector names, one per column.
    start_s
        Beginning of the first interval, in s since the scenario's midnight (or second zero of
        a simulation). An interval is labeled by its beginning.
    interval_s
        Length of every interval, whole seconds.
    volume_veh
        Vehicles, float64[I, M]; NaN where there is no number. Copied, then read-only.
    quality
        A `Quality` for every count, uint8[I, M]. Good and filled counts hold numbers, missing
        ones hold NaN, the others may hold either.
    occupancy_pct
        Share of the time that the detector was occupied, float64[I, M], or None.

    Raises
    ------
    CountError
        If shapes disagree, a count is negative or infinite, a series appears twice, or flags
        and numbers contradict each other.
    """

    kind: Kind
    series_ids: tuple[str, ...]
    start_s: float
    interval_s: int
    volume_veh: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    occupancy_pct: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CountError(f"counts of kind {self.kind!r}; allowed are {', '.join(KINDS)}")
        object.__setattr__(self, "series_ids", tuple(self.series_ids))
        object.__setattr__(self, "volume_veh", _floats(self.volume_veh, "volume_veh"))
        object.__setattr__(self, "quality", _flags(self.quality))
        if self.occupancy_pct is not None:
            occupancy = _floats(self.occupancy_pct, "occupancy_pct")
            object.__setattr__(self, "occupancy_pct", occupancy)
        self._check_axes()
        self._check_values()

    def __reduce__(self) -> tuple[object, ...]:
        # Through the constructor, so that arrays come back read-only.
        return (
            CountSeries,
            (
                self.kind,
                self.series_ids,
                self.start_s,
                self.interval_s,
                self.volume_veh,
                self.quality,
                self.occupancy_pct,
            ),
        )

    @classmethod
    def from_volumes(
        cls,
        kind: Kind,
        series_ids: Sequence[str],
        start_s: float,
        interval_s: int,
        volume_veh: npt.ArrayLike,
    ) -> CountSeries:
        """Build a series in which every number is good and every NaN is missing.

        Parameters
        ----------
        kind, series_ids, start_s, interval_s
            As the attributes.
        volume_veh
            Vehicles, [I, M].
        """
        volume = _floats(volume_veh, "volume_veh")
        flags = np.where(np.isnan(volume), int(Quality.MISSING), int(Quality.GOOD))
        return cls(kind, tuple(series_ids), start_s, interval_s, volume, flags.astype(np.uint8))

    @property
    def intervals(self) -> int:
        """Number of intervals."""
        return int(self.volume_veh.shape[0])

    @property
    def end_s(self) -> float:
        """End of the last interval, s."""
        return self.start_s + self.intervals * self.interval_s

    @property
    def begins_s(self) -> npt.NDArray[np.float64]:
        """Beginning of each interval in s, float64[I]."""
        return self.start_s + np.arange(self.intervals, dtype=np.float64) * self.interval_s

    def flow_vph(self) -> npt.NDArray[np.float64]:
        """Return flows in vehicles per hour, float64[I, M]; NaN where there is no number."""
        return self.volume_veh * (SECONDS_PER_HOUR / self.interval_s)

    def slice(self, begin_s: float, end_s: float) -> CountSeries:
        """Return the intervals that begin in a time window.

        Parameters
        ----------
        begin_s, end_s
            Window, s; the end is exclusive.

        Raises
        ------
        CountError
            If no interval begins in it.
        """
        inside = np.flatnonzero((self.begins_s >= begin_s) & (self.begins_s < end_s))
        if not inside.size:
            raise CountError(
                f"no interval begins between {begin_s} s and {end_s} s; the counts span "
                f"{self.start_s} s to {self.end_s} s"
            )
        rows = np.s_[int(inside[0]) : int(inside[-1]) + 1]
        return CountSeries(
            self.kind,
            self.series_ids,
            float(self.begins_s[inside[0]]),
            self.interval_s,
            self.volume_veh[rows],
            self.quality[rows],
            None if self.occupancy_pct is None else self.occupancy_pct[rows],
        )

    def select(self, series_ids: Iterable[str]) -> CountSeries:
        """Return some of the series, in the order asked for.

        Raises
        ------
        CountError
            If one of them was not counted.
        """
        wanted = tuple(series_ids)
        column = {name: index for index, name in enumerate(self.series_ids)}
        _require_all(wanted, column, f"not among the counted {self.kind}s")
        columns = [column[name] for name in wanted]
        return CountSeries(
            self.kind,
            wanted,
            self.start_s,
            self.interval_s,
            self.volume_veh[:, columns],
            self.quality[:, columns],
            None if self.occupancy_pct is None else self.occupancy_pct[:, columns],
        )

    def require_known(self, network: RoadNetwork) -> None:
        """Raise `CountError` if a series names something that the network lacks."""
        known: Iterable[str]
        if self.kind == "detector":
            raise CountError(
                f"{_some(self.series_ids)}: detectors, of which network {network.name!r} knows "
                "nothing; say which movement or link each one counts"
            )
        if self.kind == "movement":
            known, noun = network.movements, "signalized movement"
        elif self.kind == "connection":
            signalized = (s.connections for s in network.signals.values())
            known = (c.connection_id for found in signalized for c in found)
            noun = "signalized connection"
        else:
            known, noun = network.links, "link"
        _require_all(self.series_ids, set(known), f"no {noun} of network {network.name!r}")

    def _check_axes(self) -> None:
        ids = self.series_ids
        if not ids or any(not isinstance(name, str) or not name for name in ids):
            raise CountError("counts need at least one series, each with a name")
        if len(set(ids)) != len(ids):
            twice = sorted({name for name in ids if ids.count(name) > 1})
            raise CountError(f"{_some(twice)} counted twice in one series")
        if type(self.interval_s) is not int or self.interval_s < 1:
            raise CountError(f"interval is {self.interval_s!r} s; allowed are whole seconds from 1")
        if not isfinite(self.start_s) or self.start_s < 0:
            raise CountError(f"counts start at {self.start_s} s; allowed is 0 s or later")
        shape = self.volume_veh.shape
        if len(shape) != 2 or shape[0] < 1 or shape[1] != len(ids):
            raise CountError(
                f"volumes have shape {list(shape)}; allowed is [intervals, {len(ids)}] with at "
                "least one interval"
            )
        for name, array in (("quality", self.quality), ("occupancy", self.occupancy_pct)):
            if array is not None and array.shape != shape:
                raise CountError(f"{name} has shape {list(array.shape)}, volumes {list(shape)}")

    def _check_values(self) -> None:
        volume, flags = self.volume_veh, self.quality
        empty = np.isnan(volume)
        self._refuse(np.isinf(volume) | (volume < 0), "is negative or infinite")
        self._refuse(empty & np.isin(flags, VALUED), "holds no number and is not flagged so")
        self._refuse(~empty & (flags == Quality.MISSING), "holds a number and is flagged missing")
        if self.occupancy_pct is not None:
            occupancy = self.occupancy_pct
            self._refuse((occupancy < 0) | (occupancy > 100), "has an occupancy outside 0 to 100")

    def _refuse(self, bad: npt.NDArray[np.bool_], what: str) -> None:
        if not bad.any():
            return
        row, column = (int(index) for index in np.argwhere(bad)[0])
        more = int(bad.sum()) - 1
        raise CountError(
            f"the count of {self.series_ids[column]!r} at {self.begins_s[row]:g} s "
            f"({self.volume_veh[row, column]:g} veh, quality {int(self.quality[row, column])}) "
            f"{what}" + (f"; so do {more} more" if more else "")
        )


class CountSource(Protocol):
    """Where counts come from: a file, a simulation, detectors on the street."""

    def counts(self, begin_s: float, end_s: float) -> CountSeries:
        """Return the counts of the intervals that begin between two times, in s."""
        ...


def _floats(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise CountError(f"{name} is not an array of numbers ({error})") from error
    array.setflags(write=False)
    return array


def _flags(values: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    numbers = _floats(values, "quality")
    known = np.isin(numbers, [int(quality) for quality in Quality])
    if not known.all():
        found = numbers[~known].flat[0]
        raise CountError(f"unknown quality {found:g}; allowed are 0 to {int(max(Quality))}")
    flags = numbers.astype(np.uint8)
    flags.setflags(write=False)
    return flags


def _require_all(names: Iterable[str], known: Iterable[str], what: str) -> None:
    lookup = known if isinstance(known, set | dict) else set(known)
    unknown = [name for name in names if name not in lookup]
    if unknown:
        raise CountError(f"{_some(unknown)}: {what}")


def _some(names: Sequence[str]) -> str:
    listed = ", ".join(repr(name) for name in names[:NAMED_AT_MOST])
    more = len(names) - NAMED_AT_MOST
    return f"{listed} and {more} more" if more > 0 else listed
