"""Write high-resolution logs: a CSV file that grows, or a Parquet file, for us and for others.

Both have the columns ``TimeStamp, DeviceId, EventId, Parameter`` with local times, which is what
`network.readers.hires_log` and Oregon's ``atspm`` package read.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from network.errors import FormatError
from network.readers.hires_events import HiresEvents
from network.readers.hires_rows import HEADER
from network.readers.local_time import time_zone, to_local


class HiresLogFile:
    """A CSV log that grows; every batch is on disk before `append` returns.

    Use as a context. A file that is there already is continued.

    Parameters
    ----------
    path
        Where to.
    zone
        IANA name of the zone in which times are written. In all but UTC an hour happens twice
        a year; a log that goes through it is better kept in UTC.

    Raises
    ------
    FormatError
        The zone is unknown, or the file cannot be opened or is no such log.
    """

    def __init__(self, path: Path, zone: str = "UTC") -> None:
        self.path = Path(path)
        self._zone = time_zone(zone, str(path))
        self._latest: np.datetime64 | None = None
        try:
            self._file = self.path.open("a+", encoding="utf-8", newline="")
            self._begin()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FormatError(f"{self.path}: cannot be written ({reason})") from error

    def __enter__(self) -> HiresLogFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, events: HiresEvents) -> None:
        """Write events behind those that are there.

        Raises
        ------
        FormatError
            They begin before the last of this log, a name is not printable, or the disk fails;
            nothing of them is written then, but for a disk that fills up within a line.
        """
        if not len(events):
            return
        if self._latest is not None and events.time_utc[0] < self._latest:
            raise FormatError(
                f"{self.path}: an event of {events.time_utc[0]} UTC comes after one of "
                f"{self._latest} UTC"
            )
        text = _lines(self.path, events, to_local(events.time_utc, self._zone))
        try:
            self._file.write(text)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise FormatError(f"{self.path}: cannot be written ({error.strerror})") from error
        self._latest = events.time_utc[-1]

    def _begin(self) -> None:
        """Write the header of a new file; refuse to continue anything else."""
        self._file.seek(0)
        first = self._file.readline()
        header = ",".join(HEADER)
        if not first:
            self._file.write(header + "\n")
            self._file.flush()
        elif first.strip() != header:
            self._file.close()
            raise FormatError(
                f"{self.path}: begins with {first.strip()[:60]!r}; a log to be continued begins "
                f"with {header!r}"
            )
        else:
            self._end_line()

    def _end_line(self) -> None:
        """End a line that a crash has cut off; its rest is lost, the next is not."""
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) == b"\n":
                return
        content = self.path.read_bytes()
        whole = content[: content.rindex(b"\n") + 1]
        self._file.truncate(len(whole))


def write_hires_parquet(path: Path, events: HiresEvents, zone: str = "UTC") -> None:
    """Write a log as Parquet, by way of pandas and pyarrow.

    Parameters
    ----------
    path
        Where to; replaced whole or not at all.
    events
        What to write.
    zone
        IANA name of the zone in which times are written.

    Raises
    ------
    FormatError
        pandas or pyarrow is not installed, or the file cannot be written.
    """
    path = Path(path)
    place = time_zone(zone, str(path))
    try:
        import pandas as pd
    except ImportError as error:
        raise FormatError(_missing(path)) from error
    names = np.array(events.devices, dtype=object)
    columns = (
        to_local(events.time_utc, place),
        names[events.device] if len(events) else np.array([], dtype=object),
        events.code,
        events.parameter,
    )
    frame = pd.DataFrame(dict(zip(HEADER, columns, strict=True)))
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        frame.to_parquet(part, index=False)
        part.replace(path)
    except ImportError as error:
        raise FormatError(_missing(path)) from error
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error


def _missing(path: Path) -> str:
    return (
        f"{path}: Parquet is written with pandas and pyarrow, which are not installed; install "
        "them, or write CSV"
    )


def _lines(path: Path, events: HiresEvents, local: npt.NDArray[np.datetime64]) -> str:
    for name in events.devices:
        if not name.isprintable() or name != name.strip():
            raise FormatError(f"{path}: cannot hold the device name {name!r}")
    stamps = np.char.replace(np.datetime_as_string(local, unit="us"), "T", " ")
    devices = [events.devices[index] for index in events.device.tolist()]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(
        zip(stamps.tolist(), devices, events.code.tolist(), events.parameter.tolist(), strict=True)
    )
    return out.getvalue()
