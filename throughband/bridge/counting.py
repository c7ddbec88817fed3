"""Counts off the street into files: followed at the controllers, kept by the interval."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from controllers.driver import Device
from controllers.ntcip.counting import CountBook
from controllers.ntcip.detectors import DetectorReader
from controllers.ntcip.period_clock import PeriodClock
from controllers.ntcip.session import Session
from controllers.ntcip.session import connect as open_session
from controllers.together import MOST_AT_ONCE, together
from network.counts import CountSeries, Quality
from network.errors import CountError, ThroughbandError
from throughband.bridge.detector_map import DetectorMap
from throughband.counts.count_tables import HISTORY

_log = logging.getLogger(__name__)

LOOK_S: Final = 10.0
"""How often a controller is asked whether a period has ended; that soon it is known when."""

GRACE_S: Final = 300.0
"""How long after its end an interval is waited for: the longest period, 255 s, and some looks."""

Open = Callable[[Device], AbstractAsyncContextManager[Session]]


@dataclass(slots=True)
class _Followed:
    device: Device
    reader: DetectorReader | None = None
    periods: PeriodClock = field(default_factory=PeriodClock)
    trouble: str = ""
    until_s: float = 0.0


class CountFollower:
    """Asks controllers for their finished counting periods and enters them in a book.

    A controller that does not answer, starts anew or is set otherwise leaves a hole in the
    counts and is followed on.

    Parameters
    ----------
    devices
        The controllers; those without a place in the book are not asked.
    book
        Where the counts go.
    clock
        The present.
    open_
        How to open a session with a device.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        book: CountBook,
        clock: Callable[[], datetime],
        open_: Open = open_session,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self.book = book
        self._clock = clock
        self._open = open_
        self._most_at_once = most_at_once
        self._followed = [_Followed(device) for device in devices]

    async def look(self) -> None:
        """Ask every controller once."""
        steps = [partial(self._look, followed) for followed in self._followed]
        await together(steps, self._most_at_once)

    @property
    def troubles(self) -> Mapping[str, str]:
        """By signal, why its latest period was not counted."""
        return {f.device.signal_id: f.trouble for f in self._followed if f.trouble}

    def complete_until_s(self) -> float:
        """Return until when every controller was read, in s since 1970."""
        return min(followed.until_s for followed in self._followed)

    async def _look(self, followed: _Followed) -> None:
        device = followed.device
        try:
            async with self._open(device) as session:
                if followed.reader is None:
                    followed.reader = DetectorReader(session)
                followed.reader.session = session
                period = await followed.reader.poll()
                now_s = self._clock().timestamp()
        except ThroughbandError as error:
            self._tell(followed, str(error))
            return
        sighting = followed.reader.sighting
        assert sighting is not None
        ended = followed.periods.note(sighting, now_s)
        if period is None or ended is None:
            if followed.periods.trouble:
                self._tell(followed, followed.periods.trouble)
            return
        followed.trouble = ""
        followed.until_s = ended.end_utc_s
        error_s = sighting.device_utc_s - now_s
        doubt = ""
        if not -device.max_clock_error_s - 1 <= error_s <= device.max_clock_error_s:
            doubt = f"its clock is off by {error_s:+.0f} s"
        self.book.add(device.signal_id, ended.end_utc_s, period.period_s, period.counts, doubt)

    def _tell(self, followed: _Followed, trouble: str) -> None:
        if trouble != followed.trouble:
            _log.warning("signal %s: not counted: %s", followed.device.signal_id, trouble)
        followed.trouble = trouble


class CountSpool:
    """Writes finished intervals to files that grow.

    ``counts-DATE.csv`` holds a day's counts by the second of the day, for ``optimize --counts``;
    ``history.csv`` all of them with dates, for ``forecast``. What is there is continued.

    Parameters
    ----------
    folder
        Where to; made if missing.
    zone
        Whose midnight begins a day.
    midnight_utc_s
        Second zero of a street whose days are not those of a zone, in s since 1970; None takes
        the zone's.

    Raises
    ------
    CountError
        The folder cannot be made.
    """

    def __init__(self, folder: Path, zone: ZoneInfo, midnight_utc_s: float | None = None) -> None:
        self._folder = folder
        self._zone = zone
        self._midnight_utc_s = midnight_utc_s
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CountError(f"{folder}: cannot be made ({error.strerror})") from error

    def midnight_utc_s(self, now: datetime) -> float:
        """Return the second zero of a day, in s since 1970."""
        if self._midnight_utc_s is not None:
            return self._midnight_utc_s
        local = now.astimezone(self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def write(self, counts: CountSeries, midnight_utc_s: float) -> Path:
        """Append finished intervals.

        Parameters
        ----------
        counts
            The intervals; all of the day on which the first of them begins.
        midnight_utc_s
            What they are counted from, in s since 1970.

        Returns
        -------
        Path
            The day's file.

        Raises
        ------
        CountError
            A file cannot be written, or holds counts of something else.
        """
        first = datetime.fromtimestamp(midnight_utc_s + counts.start_s, UTC)
        day_s = self.midnight_utc_s(first)
        name = first.astimezone(self._zone).date()
        by_second, by_date = [], []
        for row, begin_s in enumerate(counts.begins_s):
            begin_utc_s = midnight_utc_s + float(begin_s)
            stamp = datetime.fromtimestamp(begin_utc_s, UTC).isoformat()
            for column, series in enumerate(counts.series_ids):
                quality = Quality(int(counts.quality[row, column]))
                volume = _number(counts.volume_veh[row, column])
                occupied = counts.occupancy_pct
                share = "" if occupied is None else _number(occupied[row, column])
                cells = (_number(begin_utc_s - day_s), str(counts.interval_s), series)
                by_second.append((*cells, volume, quality.name.lower(), share))
                # Of what is not good a forecast is to know nothing.
                by_date.append((stamp, series, volume if quality is Quality.GOOD else ""))
        head = ("begin_s", "interval_s", counts.kind, "volume_veh", "quality", "occupancy_pct")
        path = self._folder / f"counts-{name}.csv"
        _append(path, head, by_second)
        _append(self._folder / HISTORY, ("time", counts.kind, "count"), by_date)
        return path


@dataclass(slots=True)
class Counting:
    """Follows and spools; `turn` does what is due.

    Attributes
    ----------
    follower, spool
        The parts.
    clock
        The present.
    now
        Seconds that never go back.
    look_s
        Between two looks.
    """

    follower: CountFollower
    spool: CountSpool
    clock: Callable[[], datetime]
    now: Callable[[], float]
    look_s: float = LOOK_S
    _next_s: float = field(default=0.0, init=False)
    _spooled: int | None = field(default=None, init=False)

    async def turn(self) -> float:
        """Look if it is time to, write what is finished; return the seconds until the next look.

        Raises
        ------
        CountError
            The files cannot be written.
        """
        if self.now() >= self._next_s:
            self._next_s = self.now() + self.look_s
            await self.follower.look()
            self._write()
        return max(0.0, self._next_s - self.now())

    def _write(self) -> None:
        book = self.follower.book
        now_s = self.clock().timestamp()
        # Nobody waits for a controller that is gone.
        done_s = max(self.follower.complete_until_s(), now_s - GRACE_S) - book.midnight_utc_s
        done = int(done_s // book.interval_s)
        if self._spooled is None:
            # The interval under way at the begin is not whole.
            self._spooled = int((now_s - book.midnight_utc_s) // book.interval_s) + 1
        for at in range(self._spooled, done):
            begin_s = float(at * book.interval_s)
            self.spool.write(book.counts(begin_s, begin_s + book.interval_s), book.midnight_utc_s)
            for reason in book.reasons(begin_s, begin_s + book.interval_s):
                _log.info("%s", reason)
        self._spooled = max(self._spooled, done)


def counting(
    devices: Sequence[Device],
    places: DetectorMap,
    spool: CountSpool,
    interval_s: int,
    clock: Callable[[], datetime],
    now: Callable[[], float],
    look_s: float = LOOK_S,
    open_: Open = open_session,
) -> Counting:
    """Put the parts together.

    Parameters
    ----------
    devices
        The device list; those the map does not name are not asked.
    places
        Which detector counts what.
    spool
        Where finished intervals go.
    interval_s
        Their length, s.
    clock, now
        The present; seconds that never go back.
    look_s, open_
        Between two looks; how to open a session.

    Raises
    ------
    CountError
        The map names none of the devices.
    """
    asked = [device for device in devices if device.signal_id in places.places]
    if not asked:
        raise CountError(
            f"the detector map names none of the {len(devices)} controllers of the device list"
        )
    known = {device.signal_id for device in asked}
    found = {signal: each for signal, each in places.places.items() if signal in known}
    book = CountBook(places.kind, found, interval_s, spool.midnight_utc_s(clock()))
    return Counting(CountFollower(asked, book, clock, open_), spool, clock, now, look_s)


async def count_until(
    work: Counting, ended: asyncio.Event, wall_span_s: Callable[[float], float]
) -> None:
    """Follow and spool until an event is set."""
    while not ended.is_set():
        wait_s = wall_span_s(await work.turn())
        try:
            await asyncio.wait_for(ended.wait(), wait_s)
        except TimeoutError:
            continue


def _number(value: float) -> str:
    if np.isnan(value):
        return ""
    value = round(float(value), 4)
    return str(int(value)) if value.is_integer() else repr(value)


def _append(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows behind those that are there, under the same header, and see them to the disk."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    header = out.getvalue()
    try:
        with path.open("a+", encoding="utf-8", newline="") as file:
            file.seek(0)
            first = file.readline()
            if first and first != header:
                raise CountError(
                    f"{path}: begins with {first.strip()[:80]!r}; counts to be continued begin "
                    f"with {header.strip()!r}"
                )
            writer.writerows(rows)
            file.write(out.getvalue() if not first else out.getvalue()[len(header) :])
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CountError(f"{path}: cannot be written ({error.strerror})") from error
