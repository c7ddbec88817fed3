"""What a phase showed and when, from the events of its controller.

Seconds are counted from 1970 in UTC, so that logs of different days and devices lie on one line.
Red is what follows yellow until the next green, red clearance included.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from network.readers.hires_events import (
    BEGIN_GREEN,
    BEGIN_RED_CLEARANCE,
    BEGIN_YELLOW,
    END_RED_CLEARANCE,
    END_YELLOW,
    MOST_PHASES,
    HiresEvents,
)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.int8]

GAP_OUT: Final = 4
MAX_OUT: Final = 5
FORCE_OFF: Final = 6

LONGEST_INTERVAL_S: Final = 3600.0
"""A green or a red that lasts longer has lost its end in a hole of the log."""

SETTLED_S: Final = 1.0
"""A reason is written with the end of green, on some controllers just after it."""

LOST_S: Final = 300.0
"""A controller that writes nothing at all for this long is taken not to have been listened to. Long
greens of a quiet night are shorter; if not, little traffic is left out."""

LONGEST_CLEARANCE_S: Final = 30.0
"""A red clearance that lasts longer has lost its end."""

_SECOND: Final = np.timedelta64(1_000_000, "us")
_EPOCH: Final = np.datetime64(0, "us")


class Aspect(IntEnum):
    """What a phase shows; `UNKNOWN` where the log does not say."""

    UNKNOWN = -1
    GREEN = 0
    YELLOW = 1
    RED = 2


class Termination(IntEnum):
    """Why a green ended: events 4, 5 and 6; `UNKNOWN` where the controller gave no reason."""

    UNKNOWN = 0
    GAP_OUT = 4
    MAX_OUT = 5
    FORCE_OFF = 6


_ASPECT_OF: Final = {
    BEGIN_GREEN: Aspect.GREEN,
    BEGIN_YELLOW: Aspect.YELLOW,
    END_YELLOW: Aspect.RED,
    BEGIN_RED_CLEARANCE: Aspect.RED,
    END_RED_CLEARANCE: Aspect.RED,
}


@dataclass(frozen=True, slots=True, eq=False)
class PhaseHistory:
    """One phase over one log.

    Attributes
    ----------
    device, phase
        Controller and phase number.
    change_s
        When its aspect changed, ascending, s; [C].
    aspect
        The `Aspect` from each change on, int8[C]; `UNKNOWN` where the log has a hole.
    green_s, yellow_s, red_s
        Beginnings of green, yellow and red of every service that the log holds whole, s; [S].
    end_s
        End of its red clearance, s; [S].
    ended_by
        `Termination` of each service, int8[S].
    """

    device: str
    phase: int
    change_s: Floats
    aspect: Flags
    green_s: Floats
    yellow_s: Floats
    red_s: Floats
    end_s: Floats
    ended_by: Flags

    def at(self, times_s: Floats) -> Flags:
        """Return the `Aspect` at some times; a change counts from its own instant on."""
        rows = np.searchsorted(self.change_s, times_s, side="right") - 1
        found = np.full(np.shape(times_s), Aspect.UNKNOWN, dtype=np.int8)
        inside = rows >= 0
        found[inside] = self.aspect[rows[inside]]
        return found

    def green_within_s(self, begin_s: float, end_s: float) -> tuple[float, float]:
        """Return how long it was green, and how long its aspect is known, between two times, s."""
        bounds = np.clip(np.append(self.change_s, np.inf), begin_s, end_s)
        lasted_s = np.diff(bounds)
        known_s = float(lasted_s[self.aspect != Aspect.UNKNOWN].sum())
        return float(lasted_s[self.aspect == Aspect.GREEN].sum()), known_s


def seconds_of(time_utc: npt.NDArray[np.datetime64]) -> Floats:
    """Return times as seconds since 1970, UTC."""
    seconds: Floats = (time_utc - _EPOCH) / _SECOND
    return seconds


def phase_histories(events: HiresEvents, device: str) -> dict[int, PhaseHistory]:
    """Return the histories of a controller's phases, by number.

    Parameters
    ----------
    events
        A log.
    device
        The controller.

    Returns
    -------
    dict
        Phases that turned green at least once.

    Raises
    ------
    FormatError
        If the log has no such device.
    """
    log = events.of_device(device)
    at_s = seconds_of(log.time_utc)
    silent = np.flatnonzero(np.diff(at_s) > LOST_S)
    holes = np.stack((at_s[silent], at_s[silent + 1]), axis=1)
    end_s = float(at_s[-1]) if at_s.size else 0.0
    found = {}
    for phase in range(1, MOST_PHASES + 1):
        mine = log.parameter == phase
        if not (mine & (log.code == BEGIN_GREEN)).any():
            continue
        told = mine & np.isin(log.code, list(_ASPECT_OF))
        why = mine & np.isin(log.code, (GAP_OUT, MAX_OUT, FORCE_OFF))
        found[phase] = _history(
            device, phase, (at_s[told], log.code[told]), (at_s[why], log.code[why]), holes, end_s
        )
    return found


def _history(
    device: str,
    phase: int,
    told: tuple[Floats, npt.NDArray[np.int32]],
    reasons: tuple[Floats, npt.NDArray[np.int32]],
    holes: Floats,
    log_end_s: float,
) -> PhaseHistory:
    at_s, code = told
    # Of events written in one instant the last in the order of a service holds.
    order = np.lexsort((code, at_s))
    at_s, code = at_s[order], code[order]
    aspect = np.array([_ASPECT_OF[int(one)] for one in code], dtype=np.int8)
    change_s, shown = _with_holes(at_s, aspect, holes, log_end_s)
    fresh = np.append(True, np.diff(shown) != 0)
    change_s, shown = change_s[fresh], shown[fresh]
    first = np.flatnonzero(
        (shown[:-2] == Aspect.GREEN) & (shown[1:-1] == Aspect.YELLOW) & (shown[2:] == Aspect.RED)
    )
    green_s, yellow_s, red_s = change_s[first], change_s[first + 1], change_s[first + 2]
    end_s = _clearance_ends(red_s, at_s[code == END_RED_CLEARANCE])
    whole = np.isfinite(end_s)
    ended_by = _ended_by(green_s, yellow_s, *reasons)
    return PhaseHistory(
        device, phase, change_s, shown, green_s[whole], yellow_s[whole], red_s[whole],
        end_s[whole], ended_by[whole],
    )  # fmt: skip


def _with_holes(
    at_s: Floats, aspect: Flags, holes: Floats, log_end_s: float
) -> tuple[Floats, Flags]:
    """Put in that nothing is known where the log is silent, and after it ends."""
    lost = [*holes[:, 0]]
    next_s = np.append(at_s[1:], log_end_s)
    lost += at_s[next_s - at_s > LONGEST_INTERVAL_S].tolist()
    lost.append(log_end_s)
    gone = np.array(lost) + 1e-6
    change_s = np.concatenate((at_s, gone))
    shown = np.concatenate((aspect, np.full(gone.size, Aspect.UNKNOWN, dtype=np.int8)))
    order = np.argsort(change_s, kind="stable")
    return change_s[order], shown[order]


def _clearance_ends(red_s: Floats, ends_s: Floats) -> Floats:
    """Return the end of the red clearance that began at each time; NaN where the log lacks it."""
    found = np.full(red_s.size, np.nan)
    rows = np.searchsorted(ends_s, red_s, side="left")
    there = rows < ends_s.size
    found[there] = ends_s[rows[there]]
    following = np.append(red_s[1:], np.inf)
    found[(found >= following) | (found - red_s > LONGEST_CLEARANCE_S)] = np.nan
    return found


def _ended_by(
    green_s: Floats, yellow_s: Floats, reason_s: Floats, reason: npt.NDArray[np.int32]
) -> Flags:
    found = np.full(green_s.size, Termination.UNKNOWN, dtype=np.int8)
    rows = np.searchsorted(reason_s, yellow_s + SETTLED_S, side="right") - 1
    inside = rows >= 0
    inside[inside] = reason_s[rows[inside]] >= green_s[inside]
    found[inside] = reason[rows[inside]]
    return found
