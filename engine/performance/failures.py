"""Split failures: greens that were full to their end and left somebody standing.

A phase has failed in a cycle if its detectors at the stop line were occupied for most of the
green and again for most of the first seconds of red (Freije and others, "Graphical Performance
Measures for Practitioners to Triage Split Failure Trouble Calls", TRR 2438, 2014,
doi:10.3141/2438-04). Detectors of a phase are taken together: it is occupied while any is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.performance.phase_history import Aspect, PhaseHistory, seconds_of
from network.readers.hires_counts import DetectorRole
from network.readers.hires_events import DETECTOR_OFF, DETECTOR_ON, HiresEvents

Floats = npt.NDArray[np.float64]

PRESENCE: Final = "presence"
FIRST_RED_S: Final = 5.0
OCCUPIED: Final = 0.8
"""Part of green and of the first red from which on a green counts as full."""

SHORT_PAIR_S: Final = 2.0
"""Two begins of occupancy within this time are one vehicle upon another; the end between them
was lost at the second. Farther apart, and for two ends, it is put half-way."""


@dataclass(frozen=True, slots=True, eq=False)
class CycleOccupancy:
    """How occupied a phase's detectors were in green and in the first seconds of red.

    Attributes
    ----------
    history
        The phase.
    red_s
        When red began in each cycle, s since 1970; [S].
    green_s
        Length of green, s; [S].
    green_occupancy, red_occupancy
        Parts of green and of the first `FIRST_RED_S` of red, 0 to 1; [S].
    """

    history: PhaseHistory
    red_s: Floats
    green_s: Floats
    green_occupancy: Floats
    red_occupancy: Floats

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Whether each green failed, [S]."""
        return (self.green_occupancy >= OCCUPIED) & (self.red_occupancy >= OCCUPIED)


def cycle_occupancy(
    events: HiresEvents, history: PhaseHistory, roles: Iterable[DetectorRole]
) -> CycleOccupancy | None:
    """Measure occupancy in every cycle of a phase; None without detectors that spoke.

    Parameters
    ----------
    events
        The log.
    history
        The phase, from the same log.
    roles
        Detectors; those of other functions, devices and phases are left out.
    """
    log = events.of_device(history.device)
    at_s = seconds_of(log.time_utc)
    channels = {
        role.channel
        for role in roles
        if (role.device, role.phase, role.function) == (history.device, history.phase, PRESENCE)
    }
    switched = np.isin(log.code, (DETECTOR_ON, DETECTOR_OFF))
    spans = []
    for channel in sorted(channels):
        rows = np.flatnonzero(switched & (log.parameter == channel))
        if rows.size:
            spans.append(occupied(at_s[rows], log.code[rows] == DETECTOR_ON, float(at_s[-1])))
    if not spans:
        return None
    begins, ends = _united(
        np.concatenate([b for b, _ in spans]), np.concatenate([e for _, e in spans])
    )
    # Red must be seen for as long as it is judged.
    until_s = history.red_s + FIRST_RED_S
    seen = (until_s <= at_s[-1]) & (history.at(np.nextafter(until_s, -np.inf)) == Aspect.RED)
    green_s, yellow_s, red_s = history.green_s[seen], history.yellow_s[seen], history.red_s[seen]
    length_s = yellow_s - green_s
    return CycleOccupancy(
        history,
        red_s,
        length_s,
        _share(begins, ends, green_s, yellow_s),
        _share(begins, ends, red_s, red_s + FIRST_RED_S),
    )


def occupied(at_s: Floats, on: npt.NDArray[np.bool_], end_s: float) -> tuple[Floats, Floats]:
    """Return begins and ends of a detector's occupancy, lost events made good; s.

    Parameters
    ----------
    at_s, on
        When it switched, ascending, and whether it went on.
    end_s
        End of the log; a detector still on is taken as on until then.
    """
    times, states = list(at_s[:1]), list(on[:1])
    if not on[0]:
        times, states = [at_s[0], at_s[0]], [True, False]
    for k in range(1, at_s.size):
        if on[k] == on[k - 1]:
            apart_s = at_s[k] - at_s[k - 1]
            near = bool(on[k]) and apart_s <= SHORT_PAIR_S
            times.append(at_s[k] if near else at_s[k] - apart_s / 2)
            states.append(not on[k])
        times.append(at_s[k])
        states.append(bool(on[k]))
    if states[-1]:
        times.append(max(end_s, times[-1]))
    return np.array(times[0::2], dtype=np.float64), np.array(times[1::2], dtype=np.float64)


def _united(begins: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Return when any of some spans holds."""
    order = np.argsort(begins, kind="stable")
    begins, reach = begins[order], np.maximum.accumulate(ends[order])
    fresh = np.append(True, begins[1:] > reach[:-1])
    last = np.append(np.flatnonzero(fresh)[1:] - 1, begins.size - 1)
    return begins[fresh], reach[last]


def _share(begins: Floats, ends: Floats, from_s: Floats, to_s: Floats) -> Floats:
    """Return the occupied part of each window."""
    moments = np.stack((begins, ends), axis=1).ravel()
    total = np.concatenate(([0.0], np.cumsum(ends - begins)))
    level = np.stack((total[:-1], total[1:]), axis=1).ravel()
    lasted_s = np.interp(to_s, moments, level) - np.interp(from_s, moments, level)
    share: Floats = np.clip(lasted_s / np.maximum(to_s - from_s, 1e-9), 0.0, 1.0)
    return share
