"""Clock times of a place, turned into UTC.

Twice a year most places have an hour that happens twice or not at all. A time that happens twice
is read as the first pass until the times of one source step back, and as the second pass from
there on; whether they did is told to the caller, who knows how far to trust it. A time that never
happens is never guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import numpy.typing as npt

from network.errors import FormatError

FIRST_YEAR, LAST_YEAR = 1980, 2100
"""Years in which a count or a controller log can have been taken."""

_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedTimes:
    """Local times with their place on the one true time line.

    Attributes
    ----------
    utc
        datetime64[us][N] in UTC; meaningless where `missing`.
    twice
        Whether the local time happened twice, bool[N].
    second
        Whether it was read as the second pass, bool[N].
    missing
        Whether the local time never happened, bool[N].
    """

    utc: npt.NDArray[np.datetime64]
    twice: npt.NDArray[np.bool_]
    second: npt.NDArray[np.bool_]
    missing: npt.NDArray[np.bool_]


def time_zone(name: str, where: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Parameters
    ----------
    name
        Such as ``America/Phoenix`` or ``UTC``.
    where
        What asks for it, for the message.

    Raises
    ------
    FormatError
        If the name is unknown, or this machine has no time zone database at all.
    """
    if not name:
        raise FormatError(
            f"{where}: no time zone is given for its local times; name one such as "
            "'America/Phoenix', or 'UTC'"
        )
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if not available_timezones():
            raise FormatError(
                f"{where}: time zone {name!r} cannot be looked up, because this machine has no "
                "time zone database; install the tzdata package"
            ) from error
        raise FormatError(
            f"{where}: found the time zone {name!r}; allowed is an IANA name such as "
            "'America/Phoenix', or 'UTC'"
        ) from error


def to_utc(
    local: npt.NDArray[np.datetime64],
    source: npt.NDArray[np.integer],
    zone: tzinfo,
    step_s: float,
) -> ResolvedTimes:
    """Turn local times into UTC.

    Parameters
    ----------
    local
        datetime64[us][N] as the clock showed them, in the order they were written down.
    source
        Which clock wrote each, integers[N]; the order of one clock says nothing of another's.
    zone
        Where the clocks hang.
    step_s
        A time that happens twice belongs to the second pass from where one clock steps back by
        at least this much, s; 0 takes an equal time for a step.

    Returns
    -------
    ResolvedTimes
    """
    first_s, second_s = _offsets(local, zone)
    twice = first_s > second_s
    second = np.zeros(local.size, dtype=np.bool_)
    step = np.timedelta64(round(step_s * 1_000_000), "us")
    night = np.timedelta64(1, "D")
    latest: dict[int, tuple[np.datetime64, bool]] = {}
    for row in np.flatnonzero(twice):
        now, clock = local[row], int(source[row])
        before, passed = latest.get(clock, (now - 2 * night, False))
        if now - before > night or before - now > night:
            passed = False
        elif not passed and before - now >= step:
            passed = True
        second[row] = passed
        latest[clock] = (now, passed)
    offset_s = np.where(second, second_s, first_s)
    return ResolvedTimes(local - offset_s * _SECOND, twice, second, first_s < second_s)


def to_local(utc: npt.NDArray[np.datetime64], zone: tzinfo) -> npt.NDArray[np.datetime64]:
    """Turn UTC into what a clock at the place shows.

    Parameters
    ----------
    utc
        datetime64[us][N].
    zone
        Where the clock hangs.
    """
    minutes, index = np.unique(utc.astype("datetime64[m]"), return_inverse=True)
    stamps = (minutes - np.datetime64(0, "s")).astype("timedelta64[s]").astype(np.int64)
    offset_s = np.array([_offset_s(datetime.fromtimestamp(stamp, zone)) for stamp in stamps])
    return utc + offset_s.astype(np.int64)[index.reshape(-1)] * _SECOND if utc.size else utc


def _offsets(
    local: npt.NDArray[np.datetime64], zone: tzinfo
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Offsets from UTC in s if each time were the first and the second of two.

    Asked once for an hour, and once for a minute only in hours in which the clock is moved.
    """
    hours, index = np.unique(local.astype("datetime64[h]"), return_inverse=True)
    index = index.reshape(-1)
    begins, ends = hours.astype("datetime64[s]"), hours.astype("datetime64[s]") + 3599 * _SECOND
    found = np.array(
        [[*_both(a, zone), *_both(b, zone)] for a, b in zip(begins, ends, strict=True)]
    )
    found = found.reshape(-1, 4)
    steady = (found == found[:, :1]).all(axis=1)
    first_s, second_s = found[index, 0], found[index, 1]
    moved = np.flatnonzero(~steady[index])
    if moved.size:
        minutes, at = np.unique(local[moved].astype("datetime64[m]"), return_inverse=True)
        pairs = np.array([_both(minute.astype("datetime64[s]"), zone) for minute in minutes])
        first_s[moved], second_s[moved] = pairs[at.reshape(-1)].T
    return first_s, second_s


def _both(moment: np.datetime64, zone: tzinfo) -> tuple[int, int]:
    here = datetime.fromisoformat(str(moment)).replace(tzinfo=zone)
    return _offset_s(here), _offset_s(here.replace(fold=1))


def _offset_s(moment: datetime) -> int:
    offset = moment.utcoffset()
    return round(offset.total_seconds()) if offset is not None else 0
