"""Vehicles as they arrive: on green, yellow or red, and how long the light makes them wait.

The Purdue Coordination Diagram (Day and others, "Evaluation of Traffic Signal Timing and
Coordination", JTRP 2010, doi:10.5703/1288284314323) sets every arrival against the cycle of its
phase, which here begins when the phase turns red. Detectors ahead of the stop line see vehicles
before they arrive; the time they take from there is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.performance.phase_history import Aspect, PhaseHistory, seconds_of
from network.errors import InsufficientDataError
from network.readers.hires_counts import DetectorRole
from network.readers.hires_events import DETECTOR_ON, HiresEvents

Floats = npt.NDArray[np.float64]

ADVANCE: Final = "advance"
"""Function of the detectors that see vehicles before they have to stop."""

LONGEST_WAIT_S: Final = 900.0
"""Who waited longer for green arrived before a hole of the log."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Vehicles of one phase.

    Attributes
    ----------
    device, phase
        Where.
    channels
        Detector channels that saw them.
    history
        What the phase showed.
    time_s
        When each arrived, ascending, s since 1970; [V].
    aspect
        What it met, `Aspect`, int8[V].
    into_cycle_s
        Time since the phase turned red, s; [V]; NaN where that is not known.
    wait_s
        Time until the phase turned green, s; [V]; 0 for who met green, NaN where unknown.
    """

    device: str
    phase: int
    channels: tuple[int, ...]
    history: PhaseHistory
    time_s: Floats
    aspect: npt.NDArray[np.int8]
    into_cycle_s: Floats
    wait_s: Floats

    @property
    def name(self) -> str:
        """``device:phase``."""
        return f"{self.device}:{self.phase}"

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether the log says what each vehicle met."""
        known: npt.NDArray[np.bool_] = self.aspect != Aspect.UNKNOWN
        return known

    @property
    def green_share(self) -> float:
        """Part of the vehicles that met green, 0 to 1; NaN without any."""
        known = self.known
        return float((self.aspect[known] == Aspect.GREEN).mean()) if known.any() else float("nan")


def arrivals(
    events: HiresEvents,
    histories: Mapping[int, PhaseHistory],
    roles: Iterable[DetectorRole],
    device: str,
    latency_s: float = 0.0,
    function: str = ADVANCE,
) -> dict[int, Arrivals]:
    """Set every vehicle of a controller's detectors against its phase.

    Parameters
    ----------
    events
        A log.
    histories
        The controller's phases, from `phase_histories`.
    roles
        Its detectors; those of other functions, devices and without a phase are left out. To
        every actuation the detector's own ``travel_s`` is added.
    device
        The controller.
    latency_s
        How late detectors report, s; taken off every actuation.
    function
        Which detectors to take.

    Returns
    -------
    dict
        By phase, those that have a detector and turned green.

    Raises
    ------
    InsufficientDataError
        If the latency is negative or no number.
    """
    if not 0.0 <= latency_s <= 60.0:
        raise InsufficientDataError(f"detectors report {latency_s} s late; allowed are 0 to 60 s")
    log = events.of_device(device)
    on = log.code == DETECTOR_ON
    at_s, channel = seconds_of(log.time_utc[on]), log.parameter[on]
    lists: dict[int, list[DetectorRole]] = {}
    for role in roles:
        if role.device == device and role.function == function and role.phase in histories:
            lists.setdefault(role.phase or 0, []).append(role)
    found = {}
    for phase, own in sorted(lists.items()):
        seen = [at_s[channel == role.channel] - latency_s + role.travel_s for role in own]
        time_s = np.sort(np.concatenate(seen))
        found[phase] = against(
            histories[phase], time_s, tuple(sorted(role.channel for role in own))
        )
    return found


def against(history: PhaseHistory, time_s: Floats, channels: tuple[int, ...]) -> Arrivals:
    """Set some arrivals against a phase; ``time_s`` ascending, s since 1970."""
    aspect = history.at(time_s)
    red_s = history.change_s[history.aspect == Aspect.RED]
    rows = np.searchsorted(red_s, time_s, side="right") - 1
    into = np.full(time_s.size, np.nan)
    into[rows >= 0] = time_s[rows >= 0] - red_s[rows[rows >= 0]]
    green_s = history.change_s[history.aspect == Aspect.GREEN]
    following = np.searchsorted(green_s, time_s, side="left")
    wait = np.full(time_s.size, np.nan)
    there = following < green_s.size
    wait[there] = green_s[following[there]] - time_s[there]
    wait[wait > LONGEST_WAIT_S] = np.nan
    wait[aspect == Aspect.GREEN] = 0.0
    for unknown in (into, wait):
        unknown[aspect == Aspect.UNKNOWN] = np.nan
    return Arrivals(history.device, history.phase, channels, history, time_s, aspect, into, wait)
