"""What the user may ask of a forecast, checked before anything is read."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from engine.forecast.calendar import Calendar, LocalClock, zone_of
from engine.forecast.course import LONGEST_HORIZON_STEPS
from network.errors import CountError, FormatError
from network.readers.text_files import read_text

Form = Literal["csv", "parquet"]
FORMS: tuple[Form, ...] = ("csv", "parquet")

MOST_QUANTILES = 99
MOST_HOLIDAY_BYTES = 1 << 20
MOST_BACKTEST_DAYS = 366

_UNITS_S = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600}
_DURATION = re.compile(r"([0-9]{1,6}) ?(s|sec|min|m|h)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes
    ----------
    counts
        The file.
    horizon_s, step_s
        How far ahead, and the wanted length of intervals or None for the file's own, s.
    tz
        IANA name of the zone whose clock traffic follows.
    calendar
        Known holidays.
    quantiles
        Probabilities, ascending.
    at
        Time to forecast from, aware UTC, or None for the end of the counts.
    backtest_days
        Last days to play forward, 0 for none.
    form
        Of the table.
    """

    counts: Path
    horizon_s: int
    step_s: int | None
    tz: str
    calendar: Calendar
    quantiles: tuple[float, ...]
    at: datetime | None
    backtest_days: int
    form: Form

    def clock(self, step_s: int) -> LocalClock:
        """Return the local clock in the steps of the counts; raise `CountError` for odd ones."""
        return LocalClock(self.tz, step_s)

    def horizon_steps(self, step_s: int) -> int:
        """Return intervals to forecast; raise `CountError` if the horizon is none of them."""
        steps, rest = divmod(self.horizon_s, step_s)
        if rest or not 1 <= steps <= LONGEST_HORIZON_STEPS:
            raise CountError(
                f"a horizon of {self.horizon_s} s with intervals of {step_s} s; allowed are 1 to "
                f"{LONGEST_HORIZON_STEPS} whole intervals"
            )
        return steps


def wish_of(
    counts: Path,
    horizon: str,
    step: str,
    tz: str,
    holidays: Path | None,
    quantiles: str,
    at: str,
    backtest_days: int,
    form: str,
) -> Wish:
    """Return what the options of the command line ask for.

    Raises
    ------
    CountError
        If one of them says nothing that is allowed.
    FormatError
        If the file of holidays cannot be read.
    """
    if not tz:
        raise CountError(
            "--tz names no time zone; traffic follows the local clock, so name its zone, such as "
            "Australia/Melbourne, or UTC"
        )
    zone_of(tz)
    if form not in FORMS:
        raise CountError(f"--format is {form!r}; allowed are {' and '.join(FORMS)}")
    if not 0 <= backtest_days <= MOST_BACKTEST_DAYS:
        raise CountError(
            f"--backtest is {backtest_days} days; allowed are 0 to {MOST_BACKTEST_DAYS}"
        )
    if form == "parquet":
        _require_parquet()
    return Wish(
        counts,
        duration_s("--horizon", horizon),
        duration_s("--step", step) if step else None,
        tz,
        read_holidays(holidays) if holidays else Calendar(),
        _quantiles(quantiles),
        _time(at, tz) if at else None,
        backtest_days,
        "parquet" if form == "parquet" else "csv",
    )


def duration_s(option: str, text: str) -> int:
    """Return a length of time such as ``60min``, ``1h`` or ``900s``, s."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise CountError(
            f"{option} is {text[:40]!r}; allowed is a length of time such as 60min, 1h or 900s"
        )
    return int(found[1]) * _UNITS_S[found[2]]


def read_holidays(path: Path) -> Calendar:
    """Read a file of holidays: a date such as 2031-04-25 at the beginning of each line.

    What follows the date after a comma is a remark; empty lines and those that begin with ``#``
    are skipped, and so is a first line ``date``.

    Raises
    ------
    FormatError
        If a line begins with something else, or the file cannot be read.
    """
    days: set[date] = set()
    for number, line in enumerate(read_text(path, MOST_HOLIDAY_BYTES).splitlines(), start=1):
        text = line.split(",", 1)[0].strip()
        if not text or text.startswith("#") or (number == 1 and text.lower() == "date"):
            continue
        try:
            days.add(date.fromisoformat(text))
        except ValueError as error:
            raise FormatError(
                f"{path}, row {number}: found {text[:40]!r}; allowed is a date such as 2031-04-25"
            ) from error
    return Calendar.of(days)


def _quantiles(text: str) -> tuple[float, ...]:
    allowed = f"allowed are 1 to {MOST_QUANTILES} different numbers between 0 and 1, by commas"
    parts = text.split(",")
    try:
        found = sorted({float(part) for part in parts})
    except ValueError as error:
        raise CountError(f"--quantiles is {text[:60]!r}; {allowed}") from error
    if len(found) < len(parts) or len(found) > MOST_QUANTILES or not all(0 < q < 1 for q in found):
        raise CountError(f"--quantiles is {text[:60]!r}; {allowed}")
    return tuple(found)


def _time(text: str, tz: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
        local = found if found.tzinfo else found.replace(tzinfo=zone_of(tz))
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CountError(
            f"--at is {text[:40]!r}; allowed is a time such as 2031-03-03T07:15, on the local "
            "clock or with an offset"
        ) from error


def _require_parquet() -> None:
    missing = [name for name in ("pandas", "pyarrow") if importlib.util.find_spec(name) is None]
    if missing:
        raise CountError(
            f"--format parquet needs {' and '.join(missing)}, which is not installed; install it, "
            "or take --format csv"
        )
