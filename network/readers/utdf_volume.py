"""VOLUME.CSV of the older UTDF: counts per interval, brought to one hour per intersection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from network.errors import FormatError
from network.readers.utdf_tables import Record, Tables

HOUR_MIN = 60
_INTERVAL = re.compile(r"(\d{1,4})\s*-?\s*min", re.IGNORECASE)
_TIME = re.compile(r'=?"?(\d{1,2}):?(\d{2})(:\d{2})?"?')
_DATE = re.compile(r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})")
_KEYS = ("DATE", "TIME", "INTID")


def put_volumes(tables: Tables, path: Path, titles: str, records: Sequence[Record]) -> None:
    """Put each intersection's busiest hour into the lane sheet's record of volumes.

    Parameters
    ----------
    tables
        Where to; what was chosen is added to its findings.
    path, titles
        The file and the lines above its header, which name the interval.
    records
        Its rows. A count of ``*`` is missing.

    Raises
    ------
    FormatError
        If an interval is doubled or does not divide the hour, or a date or time is none.
    """
    match = _INTERVAL.search(titles)
    minutes = int(match[1]) if match else HOUR_MIN
    if not minutes or HOUR_MIN % minutes:
        raise FormatError(
            f"{path}: counts of {minutes} minutes; allowed are intervals that divide the hour"
        )
    counted: dict[str, dict[tuple[tuple[int, ...], int], Record]] = {}
    for record in records:
        begin = (_date(record), _minute(record))
        rows = counted.setdefault(record.node, {})
        if begin in rows:
            raise record.bad("TIME", f"an interval once; line {rows[begin].line} has it")
        rows[begin] = record
    hours: set[str] = set()
    for node, rows in counted.items():
        best: tuple[float, tuple[tuple[int, ...], int]] | None = None
        for day, minute in sorted(rows):
            window = [rows.get((day, minute + step)) for step in range(0, HOUR_MIN, minutes)]
            if any(record is None for record in window):
                continue
            total = sum(sum(_counts(record).values()) for record in window if record)
            if best is None or total > best[0]:
                best = (total, (day, minute))
        if best is None or node not in tables.lanes:
            why = "no whole hour of counts" if best is None else "no lane groups"
            tables.findings.append(f"Intersection {node} has {why}; {path.name} was not used.")
            continue
        day, minute = best[1]
        sums: dict[str, float] = {}
        for step in range(0, HOUR_MIN, minutes):
            for column, value in _counts(rows[day, minute + step]).items():
                sums[column] = sums.get(column, 0.0) + value
        columns = {column: at for at, column in enumerate(sums)}
        cells = tuple(f"{value:.12g}" for value in sums.values())
        first = rows[day, minute]
        tables.lanes[node]["volume"] = Record(path, first.line, "Volume", node, cells, columns)
        if len(rows) > HOUR_MIN // minutes:
            hours.add(f"{node} from {minute // 60:02d}:{minute % 60:02d}")
    if hours:
        tables.findings.append(
            f"{path.name} counts more than an hour; the busiest one was taken: "
            f"{', '.join(sorted(hours))}."
        )


def _counts(record: Record) -> dict[str, float]:
    found = {}
    for column, text in record.filled():
        if column in _KEYS or text == "*":
            continue
        found[column] = record.number(column, 0, 1e6) or 0.0
    return found


def _minute(record: Record) -> int:
    text = record.text("TIME")
    if not text:
        return 0
    match = _TIME.fullmatch(text)
    hour, minute = (int(match[1]), int(match[2])) if match else (99, 99)
    if hour > 24 or minute > 59:
        raise record.bad("TIME", "a time of day such as 1700 or 17:00")
    return hour * 60 + minute


def _date(record: Record) -> tuple[int, ...]:
    text = record.text("DATE")
    if not text:
        return ()
    match = _DATE.fullmatch(text)
    if match is None:
        raise record.bad("DATE", "a date such as 12/31/2005")
    parts = tuple(int(part) for part in match.groups())
    # Month, day and year, unless the year stands first.
    return parts if parts[0] > 31 else (parts[2], parts[0], parts[1])
