"""Dates and times of day as count sheets write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from network.readers.sheets import Cell

SECONDS_PER_DAY = 86_400

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", re.ASCII)
_NUMBERED_DAY = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})", re.ASCII)
_NAMED_DAY = re.compile(
    r"(?:[a-z]{3,9},? )?(?:([a-z]{3,9})\.? (\d{1,2})|(\d{1,2})[- ]([a-z]{3,9}))\.?,?[- ](\d{4})",
    re.ASCII | re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.0+)?)?(?: ?([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE
)
_BARE_CLOCK = re.compile(r"(\d{1,2})(\d\d)", re.ASCII)
_OFFSET = re.compile(r"(.*\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d:?\d\d)", re.ASCII)
_RANGE = re.compile(r"(.+?)\s*(?:-|–|—|\bto\b)\s*(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A moment as a cell tells it.

    Attributes
    ----------
    day
        None where the cell holds a time alone.
    second
        Of the day, 0 to 86,400.
    end_second
        Where the cell holds a range, its end; None otherwise.
    offset_min
        Offset from UTC where the cell holds one, minutes; None otherwise.
    """

    day: date | None
    second: int
    end_second: int | None = None
    offset_min: int | None = None


def day_of(cell: Cell, order: str) -> date | None:
    """Return the date a cell holds, or None if it holds none.

    Parameters
    ----------
    cell
        A cell.
    order
        ``mdy`` or ``dmy`` for dates such as 5/6/2024; anything else takes neither.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if not isinstance(cell, str):
        return None
    text = " ".join(cell.split())
    if match := _ISO_DAY.fullmatch(text):
        return _date(match[1], match[2], match[3])
    if match := _NUMBERED_DAY.fullmatch(text):
        first, mark, second, year = match.groups()
        if mark == "." or order == "dmy":
            first, second = second, first
        elif order != "mdy":
            return None
        return _date(year if len(year) == 4 else f"20{year}", first, second)
    if match := _NAMED_DAY.fullmatch(text):
        name = (match[1] or match[4])[:3].lower()
        if name in _MONTHS:
            return _date(match[5], str(_MONTHS.index(name) + 1), match[2] or match[3])
    return None


def date_order(cells: Iterable[Cell]) -> str | None:
    """Tell from all dates of a sheet whether months come first.

    Returns
    -------
    str or None
        ``mdy`` or ``dmy``; ``""`` where there is no date of that form; None where the dates fit
        both or neither.
    """
    numbers = []
    for cell in cells:
        if isinstance(cell, str):
            match = _NUMBERED_DAY.match(" ".join(cell.split()))
            if match and match[2] != ".":
                numbers.append((int(match[1]), int(match[3])))
    if not numbers:
        return ""
    month_first = all(first <= 12 for first, _ in numbers)
    day_first = all(second <= 12 for _, second in numbers)
    if month_first == day_first:
        return None
    return "mdy" if month_first else "dmy"


def clock_of(cell: Cell, order: str) -> ClockTime | None:
    """Return the time a cell holds, with its date if it has one, or None if it holds none.

    Parameters
    ----------
    cell
        A cell: text such as ``7:00 AM``, ``0700``, ``07:00 - 07:15`` or ``5/13/2024 7:00``, a
        time of a workbook, or a number: 700, or a fraction of a day.
    order
        As in `day_of`.
    """
    if isinstance(cell, datetime):
        if cell.microsecond:
            cell = _rounded(cell)
        return ClockTime(cell.date(), _seconds(cell.time()))
    if isinstance(cell, time):
        return ClockTime(None, _seconds(cell))
    if isinstance(cell, timedelta):
        second = round(cell.total_seconds())
        return ClockTime(None, second) if 0 <= second <= SECONDS_PER_DAY else None
    if isinstance(cell, bool):
        return None
    if isinstance(cell, float) and 0 <= cell < 1:
        return ClockTime(None, round(cell * SECONDS_PER_DAY))
    if isinstance(cell, int | float) and 0 <= cell <= 2400 and cell == int(cell):
        return _bare(f"{int(cell):04}")
    if not isinstance(cell, str):
        return None
    return _text_clock(" ".join(cell.split()), order)


def _text_clock(text: str, order: str) -> ClockTime | None:
    offset_min = None
    if match := _OFFSET.fullmatch(text):
        text, offset_min = match[1], _minutes(match[2])
        text = text.split(".")[0]
    second = _clock(text)
    if second is not None:
        return ClockTime(None, second, None, offset_min)
    # A date, then a time or a range; ISO joins them with a T.
    head, _, tail = re.sub(r"(?<=\d)T(?=\d)", " ", text).partition(" ")
    for words in range(1, 5):
        day = day_of(head, order)
        if day is not None:
            second = _clock(tail)
            return None if second is None else ClockTime(day, second, None, offset_min)
        if words == 4 or not tail:
            break
        word, _, tail = tail.partition(" ")
        head = f"{head} {word}"
    if match := _RANGE.fullmatch(text):
        begin, end = _clock(match[1]), _clock(match[2])
        if begin is not None and end is not None:
            return ClockTime(None, begin, end)
    return None


def _clock(text: str) -> int | None:
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        bare = _bare(text.strip()) if len(text.strip()) in (3, 4) else None
        return None if bare is None else bare.second
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[4].lower() == "p" else 0)
    whole = hour * 3600 + minute * 60 + second
    return whole if minute < 60 and second < 60 and whole <= SECONDS_PER_DAY else None


def _bare(text: str) -> ClockTime | None:
    match = _BARE_CLOCK.fullmatch(text)
    if match is None or int(match[2]) > 59:
        return None
    second = int(match[1]) * 3600 + int(match[2]) * 60
    return ClockTime(None, second) if second <= SECONDS_PER_DAY else None


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _seconds(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second + round(clock.microsecond / 1e6)


def _rounded(moment: datetime) -> datetime:
    # Workbooks keep times as fractions of a day, a few microseconds off.
    return (moment + timedelta(microseconds=500_000)).replace(microsecond=0)


def _minutes(offset: str) -> int:
    if offset == "Z":
        return 0
    minutes = int(offset[1:3]) * 60 + int(offset[-2:])
    return -minutes if offset[0] == "-" else minutes
