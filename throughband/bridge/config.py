"""The bridge's configuration: one TOML file; paths in it are relative to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from controllers.driver import Device
from controllers.keeping import IDENTIFY_S, ROWS_S, Periods
from controllers.push_terms import MOST_SPREAD_S
from controllers.steps import MostSteps
from controllers.troubles import NEVER, TABLE, Action, Response, Trouble
from network.errors import ThroughbandError
from throughband.devices import read_devices
from throughband.settings_file import read_settings

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PeriodsEntry(_Strict):
    """``[periods]``: seconds; heartbeat and watch left out, a quarter of the backup time."""

    heartbeat_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    watch_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    identify_s: float = Field(IDENTIFY_S, gt=0, allow_inf_nan=False)
    rows_s: float = Field(ROWS_S, gt=0, allow_inf_nan=False)


class LimitsEntry(_Strict):
    """``[limits]``: what a push keeps to; the steps are from the running pattern."""

    max_clock_error_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_spread_s: float = Field(MOST_SPREAD_S, gt=0, allow_inf_nan=False)
    max_cycle_step_s: int | None = Field(None, ge=0)
    max_split_step_s: int | None = Field(None, ge=0)
    max_offset_step_s: int | None = Field(None, ge=0)


def _on_the_clock(value: object) -> object:
    # A bare number would be taken for seconds since midnight in UTC.
    if not isinstance(value, time | str):
        raise ValueError("a time of day is needed, such as 06:00:00")
    return value


def _of_the_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("times are those of time_zone, without an offset")
    return value


LocalTime = Annotated[time, BeforeValidator(_on_the_clock), AfterValidator(_of_the_zone)]


class OperatingEntry(_Strict):
    """One ``[[operating]]`` table; an end before the begin is on the next day."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(min_length=1)
    begin: LocalTime
    end: LocalTime


class AlertEntry(_Strict):
    """``[alert]``: a program that gets the text as its last argument, a file, or both."""

    command: list[str] = Field(default_factory=list)
    file: Path | None = None


class CountsEntry(_Strict):
    """``[counts]``: where counts read off the street go, and which detector counts what."""

    folder: Path
    map: Path
    interval_s: int = Field(300, ge=60)


class BridgeEntry(_Strict):
    """The whole file."""

    devices: Path
    state: Path
    journal: Path
    time_zone: str = "UTC"
    periods: PeriodsEntry = Field(default_factory=lambda: PeriodsEntry.model_validate({}))
    limits: LimitsEntry = Field(default_factory=lambda: LimitsEntry.model_validate({}))
    operating: list[OperatingEntry] = Field(default_factory=list)
    alert: AlertEntry = Field(default_factory=lambda: AlertEntry.model_validate({}))
    troubles: dict[Trouble, Action] = Field(default_factory=dict)
    counts: CountsEntry | None = None


@dataclass(frozen=True, slots=True)
class OperatingTimes:
    """When plans are called at all, on the clock of a zone; always if no times are named.

    Attributes
    ----------
    times
        Day of the week (0 is Monday), begin and end; an end not after the begin is on the next
        day.
    zone
        Whose clock.
    """

    times: tuple[tuple[int, time, time], ...]
    zone: ZoneInfo

    def contains(self, now_utc: datetime) -> bool:
        """Tell whether a time is an operating time."""
        if not self.times:
            return True
        local = now_utc.astimezone(self.zone)
        clock, today = local.time(), local.weekday()
        yesterday = (local - timedelta(days=1)).weekday()
        for day, begin, end in self.times:
            if begin < end:
                if day == today and begin <= clock < end:
                    return True
            elif (day == today and clock >= begin) or (day == yesterday and clock < end):
                return True
        return False


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """A bridge's configuration, checked.

    Attributes
    ----------
    path
        The file.
    devices
        The device list, with the file's limit of clock error where it is the tighter one.
    state, journal
        Folder of the state, and the journal.
    periods, most_steps, most_spread_s, operating, table
        As in the file.
    alert_command, alert_file
        Whom to tell.
    counts_folder, counts_map, counts_interval_s
        Where counts go, which detector counts what, and the length of their intervals; without
        a folder nothing is counted.
    """

    path: Path
    devices: tuple[Device, ...]
    state: Path
    journal: Path
    periods: Periods
    most_steps: MostSteps
    most_spread_s: float
    operating: OperatingTimes
    table: Mapping[Trouble, Response]
    alert_command: tuple[str, ...]
    alert_file: Path | None
    counts_folder: Path | None = None
    counts_map: Path | None = None
    counts_interval_s: int = 300


def read_config(path: Path) -> BridgeConfig:
    """Read a configuration and the device list it names.

    Raises
    ------
    ThroughbandError
        If a file cannot be read or a field is missing, unknown or out of range.
    """
    entry = read_settings(path, BridgeEntry)
    try:
        zone = ZoneInfo(entry.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ThroughbandError(
            f"{path}: time_zone {entry.time_zone!r} is unknown; such as 'America/Phoenix'"
        ) from error
    for trouble, action in entry.troubles.items():
        if action in NEVER.get(trouble, ()):
            raise ThroughbandError(
                f"{path}: troubles.{trouble}: {action} would call on against what somebody else "
                "did there, or what nobody approved; choose wait, leave, let-go or take-back"
            )
    here = path.parent
    times = tuple(
        (DAYS.index(day), span.begin, span.end) for span in entry.operating for day in span.days
    )
    devices = read_devices(here / entry.devices)
    bound_s = entry.limits.max_clock_error_s
    if bound_s is not None:
        devices = tuple(
            replace(d, max_clock_error_s=min(d.max_clock_error_s, bound_s)) for d in devices
        )
    return BridgeConfig(
        path,
        devices,
        here / entry.state,
        here / entry.journal,
        Periods(
            entry.periods.heartbeat_s,
            entry.periods.watch_s,
            entry.periods.identify_s,
            entry.periods.rows_s,
        ),
        MostSteps(
            entry.limits.max_cycle_step_s,
            entry.limits.max_split_step_s,
            entry.limits.max_offset_step_s,
        ),
        entry.limits.max_spread_s,
        OperatingTimes(times, zone),
        {
            trouble: replace(response, action=entry.troubles.get(trouble, response.action))
            for trouble, response in TABLE.items()
        },
        tuple(entry.alert.command),
        here / entry.alert.file if entry.alert.file else None,
        *((here / c.folder, here / c.map, c.interval_s) if (c := entry.counts) else ()),
    )


FILE: Final = "bridge.toml"


def write_config(folder: Path) -> Path:
    """Write a configuration for the device list beside it, unless there is one.

    Parameters
    ----------
    folder
        Where ``devices.toml`` is.

    Returns
    -------
    Path
        The configuration; what may be set is in it as comments, with the defaults.

    Raises
    ------
    ThroughbandError
        If it cannot be written.
    """
    path = folder / FILE
    troubles = "\n".join(
        f'# {trouble.value} = "{response.action.value}"' for trouble, response in TABLE.items()
    )
    text = _CONFIG.format(
        troubles=troubles,
        actions=", ".join(action.value for action in Action),
        identify_s=IDENTIFY_S,
        rows_s=ROWS_S,
    )
    try:
        if not path.exists():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror})") from error
    return path


_CONFIG: Final = """\
# Configuration of 'throughband bridge'; paths are relative to this file. As a service, state and
# journal must lie where it may write, such as "/var/lib/throughband/state".
devices = "devices.toml"
state = "state"                  # calls, receipts, profiles of devices; a file STOP in it stops all
journal = "journal.sqlite"       # 'bridge approve --journal' must name the same
# time_zone = "UTC"              # of operating times and of push --at

# [periods]                      # s; without them a quarter of each device's backup time
# heartbeat_s = 60
# watch_s = 60
# identify_s = {identify_s:g}             # who the devices are
# rows_s = {rows_s:g}                # whether their rows are still what was approved

# [limits]
# max_clock_error_s = 2
# max_spread_s = 10              # from the first to the last controller called
# max_cycle_step_s = 20          # per push, from the running pattern; without them any step
# max_split_step_s = 10
# max_offset_step_s = 20

# [[operating]]                  # outside these times nothing is called
# days = ["mon", "tue", "wed", "thu", "fri"]
# begin = "06:00"
# end = "22:00"

# [alert]                        # the text is the program's last argument
# command = ["/usr/bin/logger", "-t", "throughband"]
# file = "alerts.txt"

# [counts]                       # counts read off the street
# folder = "counts"
# map = "detectors.csv"          # which detector counts what
# interval_s = 300

# [troubles]                     # what to do about what; actions: {actions}
{troubles}
"""
