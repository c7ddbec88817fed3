"""When a GMNS timing plan runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from network.readers.gmns_tables import Row

DAY_SECONDS: Final = 86_400

_DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_TIME_DAY = re.compile(r"([01]{7,9})_(\d\d):?(\d\d):?(\d\d)?_(\d\d):?(\d\d):?(\d\d)?", re.ASCII)
_CLOCK = re.compile(r"(\d\d?):?(\d\d)(?::?(\d\d))?", re.ASCII)


def read_times(row: Row, days: Mapping[str, Row]) -> tuple[tuple[str, int, int], ...]:
    """Read the days and times of a timing plan.

    Parameters
    ----------
    row
        Row of the plan.
    days
        Rows of the time_set_definitions table by name.

    Returns
    -------
    tuple[tuple[str, int, int], ...]
        As in `network.inventory_signals.Coordination`; empty for a plan of no set time.

    Raises
    ------
    FormatError
        If a code is not ``XXXXXXXX_HHMM_HHMM``.
    """
    if row.text("opt_times_of_day"):
        return tuple(_span(row, "opt_times_of_day", t) for t in row.items("opt_times_of_day"))
    if row.text("time_day"):
        return (_span(row, "time_day", row.text("time_day")),)
    if not row.text("timeday_id"):
        return ()
    day = days[row.need_known("timeday_id", days, "set of times")]
    pattern = "".join("1" if day.flag(name) else "0" for name in _DAYS)
    if day.flag("holiday"):
        day.note("holiday", "holidays are not kept")
    return ((pattern, _clock(day, "start_time"), _clock(day, "end_time")),)


def _span(row: Row, column: str, text: str) -> tuple[str, int, int]:
    match = _TIME_DAY.fullmatch(text)
    if match is None:
        raise row.fault(
            column,
            "XXXXXXXX_HHMM_HHMM, with a digit for each of Sunday to Saturday and for holidays",
        )
    days, *times = match.groups()
    if len(days) > len(_DAYS) + 1:
        row.note(column, f"found {len(days)} digits of days; GMNS has 8; the first 7 are taken")
    elif days[len(_DAYS) :] == "1":
        row.note(column, "holidays are not kept")
    begin, end = (
        int(hour) * 3600 + int(minute) * 60 + int(second or 0)
        for hour, minute, second in (times[:3], times[3:])
    )
    if max(begin, end) > DAY_SECONDS or any(int(t or 0) > 59 for t in (*times[1:3], *times[4:])):
        raise row.fault(column, "times from 00:00 to 24:00")
    return days[: len(_DAYS)], begin, end


def _clock(row: Row, column: str) -> int:
    match = _CLOCK.fullmatch(row.text(column))
    if match is None:
        raise row.fault(column, "HH:MM")
    hour, minute, second = (int(part or 0) for part in match.groups())
    if minute > 59 or second > 59 or hour * 3600 + minute * 60 + second > DAY_SECONDS:
        raise row.fault(column, "a time from 00:00 to 24:00")
    return hour * 3600 + minute * 60 + second
