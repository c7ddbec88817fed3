"""Counts and occupancy from the detector events of a controller log."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from network.counts import CountSeries, Quality
from network.errors import CountError, FormatError
from network.readers.hires_events import (
    DETECTOR_FAULTS,
    DETECTOR_OFF,
    DETECTOR_ON,
    DETECTOR_RESTORED,
    HiresEvents,
)
from network.readers.text_files import read_text

COUNTING = frozenset({"stopbar count", "stop bar count", "count"})
"""Functions whose detectors count every vehicle of their lane at the stop line."""
MOST_CELLS = 20_000_000
MOST_CONFIG_BYTES = 4 << 20
MOST_TRAVEL_S = 120.0
COVERED_S = 60.0
"""A controller that writes nothing for this long at either end of a log may not have been
listening."""

_MEANINGS = {
    "device": ("deviceid", "signalid", "device", "signal"),
    "channel": ("parameter", "detector", "channel", "detectorchannel"),
    "phase": ("phase",),
    "function": ("function", "role", "type"),
    "movement": ("movement", "movementid"),
    "travel": ("travels", "traveltime", "traveltimes"),
}
_SECOND = np.timedelta64(1_000_000, "us")


@dataclass(frozen=True, slots=True)
class DetectorRole:
    """What one detector channel of a controller is for.

    Attributes
    ----------
    device, channel
        Controller name and detector channel; a channel may have several roles.
    phase
        The phase it belongs to; None where not given.
    function
        In lower case: ``stopbar count``, ``advance``, ``presence``, ``yellow_red`` or a word of
        the agency's own.
    movement_id
        The movement it counts; empty where not given.
    travel_s
        How long vehicles take from it to the stop line, s.
    """

    device: str
    channel: int
    phase: int | None
    function: str
    movement_id: str = ""
    travel_s: float = 0.0

    @property
    def detector_id(self) -> str:
        """The name of its series: ``device:channel``."""
        return f"{self.device}:{self.channel}"


def read_detector_roles(path: Path) -> tuple[DetectorRole, ...]:
    """Read which detector belongs to which phase, and if given to which movement.

    Parameters
    ----------
    path
        CSV with the columns ``DeviceId``, ``Phase``, ``Function``, ``Parameter`` (the channel),
        and if wanted ``Movement`` and ``TravelTime`` (s from detector to stop line); further
        columns are ignored.

    Raises
    ------
    FormatError
        If the file cannot be read, a column is missing, or a row repeats another.
    """
    path = Path(path)
    reader = csv.reader(io.StringIO(read_text(path, MOST_CONFIG_BYTES), newline=""), strict=True)
    roles: dict[tuple[str, int, int | None, str], DetectorRole] = {}
    try:
        header = [name.strip().lower().replace("_", "") for name in next(reader, [])]
        place = {
            meaning: header.index(name)
            for meaning, known in _MEANINGS.items()
            for name in known
            if name in header
        }
        for needed in ("device", "channel", "phase", "function"):
            if needed not in place:
                shown = ", ".join(header[:8]) or "none"
                raise FormatError(
                    f"{path}, row 1: no column for the {needed} among {shown[:200]}; allowed are "
                    "DeviceId, Phase, Function, Parameter and Movement"
                )
        for cells in reader:
            if not cells:
                continue
            role = _role(f"{path}, row {reader.line_num}", cells, len(header), place)
            key = (role.device, role.channel, role.phase, role.function)
            if key in roles:
                raise FormatError(
                    f"{path}, row {reader.line_num}: found detector {role.detector_id!r} of phase "
                    f"{role.phase} as {role.function!r} again; allowed is one row"
                )
            roles[key] = role
    except csv.Error as error:
        raise FormatError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error
    if not roles:
        raise FormatError(f"{path}: names no detector; expected at least one row below the header")
    return tuple(roles.values())


def movements_of(
    roles: Iterable[DetectorRole], functions: Iterable[str] = COUNTING
) -> dict[str, str]:
    """Return which movement each counting detector counts, for `network.regrouping.regroup`.

    Parameters
    ----------
    roles
        From `read_detector_roles`.
    functions
        Functions that count; advance and presence detectors see a vehicle twice or not at all.
    """
    wanted = set(functions)
    return {
        role.detector_id: role.movement_id
        for role in roles
        if role.movement_id and role.function in wanted
    }


def detector_counts(
    events: HiresEvents,
    roles: Iterable[DetectorRole],
    interval_s: int,
    midnight: datetime,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> CountSeries:
    """Count actuations and measure occupancy per detector and interval.

    A count is the number of detector-on events. Occupancy is the share of the interval between
    an on event and the next off event; a detector that is on at either end of the log is taken
    as on from its beginning or to its end. A channel that wrote nothing in the whole log is
    missing throughout, since a dead detector and an empty street look alike; so is every channel
    in an interval in which its controller wrote nothing. Suspect are intervals that the log
    covers in part, and those in which the controller reports the detector as failed.

    Parameters
    ----------
    events
        The log.
    roles
        Detectors to count, one series for each channel however many roles it has.
    interval_s
        Length of the intervals, whole seconds.
    midnight
        What `start_s` of the counts is measured from; aware.
    begin, end
        Window, aware; from and to whole intervals around the log if not given, aligned with
        `midnight`.

    Returns
    -------
    CountSeries
        Of kind ``detector``, named ``device:channel``.

    Raises
    ------
    CountError
        If there is nothing to count, the window is empty, or it lies before midnight.
    """
    channels = list(dict.fromkeys((role.device, role.channel) for role in roles))
    if not channels or not len(events):
        raise CountError("detector counts need at least one detector and one event")
    edges = _edges(events, interval_s, midnight, begin, end, len(channels))
    shape = (edges.size - 1, len(channels))
    volume = np.full(shape, np.nan)
    occupancy = np.full(shape, np.nan)
    quality = np.full(shape, int(Quality.MISSING), dtype=np.uint8)
    by_device = {
        name: events.of_device(name) for name in {d for d, _ in channels} if name in events.devices
    }
    for column, (device, channel) in enumerate(channels):
        if device not in by_device:
            continue
        log = by_device[device]
        at_s = _seconds(log.time_utc, midnight)
        mine = log.parameter == channel
        switched = mine & ((log.code == DETECTOR_ON) | (log.code == DETECTOR_OFF))
        if not switched.any():
            continue
        on = log.code[switched] == DETECTOR_ON
        times_s = at_s[switched]
        volume[:, column] = np.histogram(times_s[on], bins=edges)[0]
        # The last edge belongs to the next interval, which numpy's histogram does not know.
        volume[-1, column] -= int((times_s[on] == edges[-1]).sum())
        span_s = (float(at_s[0]), float(at_s[-1]))
        occupancy[:, column] = _occupied_pct(times_s, on, edges, span_s)
        failed = mine & np.isin(log.code, (*DETECTOR_FAULTS, DETECTOR_RESTORED))
        doubtful = _failed(at_s[failed], log.code[failed] != DETECTOR_RESTORED, edges)
        doubtful |= (edges[:-1] < span_s[0] - COVERED_S) | (edges[1:] > span_s[1] + COVERED_S)
        silent = np.diff(np.searchsorted(at_s, edges, side="left")) == 0
        quality[:, column] = np.where(doubtful, Quality.SUSPECT, Quality.GOOD)
        quality[silent, column] = Quality.MISSING
        volume[silent, column] = np.nan
        occupancy[silent, column] = np.nan
    names = tuple(f"{device}:{channel}" for device, channel in channels)
    return CountSeries("detector", names, float(edges[0]), interval_s, volume, quality, occupancy)


def _role(where: str, cells: Sequence[str], width: int, place: dict[str, int]) -> DetectorRole:
    if len(cells) != width:
        raise FormatError(f"{where}: found {len(cells)} columns; allowed are {width}")
    text = {meaning: cells[index].strip() for meaning, index in place.items()}
    device, function, movement = text["device"], text["function"].lower(), text.get("movement", "")
    for meaning, found in (("device", device), ("function", function)):
        if not found or not found.isprintable():
            raise FormatError(
                f"{where}, column {meaning}: found {found[:60]!r}; allowed is printable text"
            )
    if not movement.isprintable():
        raise FormatError(f"{where}, column movement: found {movement[:60]!r}; allowed is a name")
    channel = _number(where, "channel", text["channel"], 1, 4096)
    phase = _number(where, "phase", text["phase"], 1, 64) if text["phase"] else None
    travel_s = _travel_s(where, text.get("travel", ""))
    return DetectorRole(device, channel, phase, function, movement, travel_s)


def _travel_s(where: str, text: str) -> float:
    try:
        found = float(text or "0")
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= MOST_TRAVEL_S:
        raise FormatError(
            f"{where}, column traveltime: found {text[:60]!r}; allowed are 0 to {MOST_TRAVEL_S:g} s"
        )
    return found


def _number(where: str, column: str, text: str, least: int, largest: int) -> int:
    allowed = f"allowed is a whole number {least} to {largest}"
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise FormatError(f"{where}, column {column}: found {text[:60]!r}; {allowed}")
    if not least <= int(text) <= largest:
        raise FormatError(f"{where}, column {column}: found {text!r}; {allowed}")
    return int(text)


def _seconds(time_utc: npt.NDArray[np.datetime64], midnight: datetime) -> npt.NDArray[np.float64]:
    zero = np.datetime64(midnight.astimezone(UTC).replace(tzinfo=None), "us")
    seconds: npt.NDArray[np.float64] = (time_utc - zero) / _SECOND
    return seconds


def _edges(
    events: HiresEvents,
    interval_s: int,
    midnight: datetime,
    begin: datetime | None,
    end: datetime | None,
    series: int,
) -> npt.NDArray[np.float64]:
    if type(interval_s) is not int or interval_s < 1:
        raise CountError(f"interval is {interval_s!r} s; allowed are whole seconds from 1")
    for moment in (midnight, begin, end):
        if moment is not None and moment.tzinfo is None:
            raise CountError(f"time {moment} has no time zone; allowed are aware times")
    span_s = _seconds(events.time_utc[[0, -1]], midnight)
    first_s = float(span_s[0] // interval_s * interval_s)
    last_s = float((span_s[1] // interval_s + 1) * interval_s)
    if begin is not None:
        first_s = (begin - midnight).total_seconds()
    if end is not None:
        last_s = (end - midnight).total_seconds()
    intervals = int((last_s - first_s) // interval_s)
    if intervals < 1 or intervals * series > MOST_CELLS:
        raise CountError(
            f"{intervals} intervals of {series} detectors from {first_s:g} s to {last_s:g} s after "
            f"{midnight}; allowed are 1 interval to {MOST_CELLS} counts"
        )
    return first_s + np.arange(intervals + 1, dtype=np.float64) * interval_s


def _occupied_pct(
    times_s: npt.NDArray[np.float64],
    on: npt.NDArray[np.bool_],
    edges: npt.NDArray[np.float64],
    span_s: tuple[float, float],
) -> npt.NDArray[np.float64]:
    """Integrate the time it was on, and read the integral at every edge."""
    moments = np.concatenate(([span_s[0]], times_s, [span_s[1]]))
    state = np.concatenate(([not on[0]], on))
    lasted_s = np.diff(moments) * state
    total_s = np.concatenate(([0.0], np.cumsum(lasted_s)))
    inside_s = np.diff(np.interp(edges, moments, total_s))
    return np.clip(100.0 * inside_s / np.diff(edges), 0.0, 100.0)


def _failed(
    times_s: npt.NDArray[np.float64], failing: npt.NDArray[np.bool_], edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Tell which intervals have any time in which the detector was reported as failed."""
    if not times_s.size:
        return np.zeros(edges.size - 1, dtype=np.bool_)
    moments = np.concatenate((times_s, [np.inf]))
    found = np.zeros(edges.size - 1, dtype=np.bool_)
    for begin_s, end_s, bad in zip(moments[:-1], moments[1:], failing, strict=True):
        if bad:
            found |= (edges[:-1] < end_s) & (edges[1:] > begin_s)
    return found
