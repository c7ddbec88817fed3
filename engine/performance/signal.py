"""One signal over one log: all of its measures, computed once for tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.performance.arrivals import Arrivals, arrivals
from engine.performance.failures import CycleOccupancy, cycle_occupancy
from engine.performance.flow_profiles import FlowProfile, measured_profile
from engine.performance.intervals import PhaseInterval, edges_around, phase_intervals
from engine.performance.phase_history import Termination, phase_histories, seconds_of
from engine.performance.splits import PhaseSplits, phase_splits
from network.errors import InsufficientDataError
from network.readers.hires_counts import DetectorRole
from network.readers.hires_events import HiresEvents

NAN = float("nan")
AROUND_S: Final = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class PhaseSummary:
    """One phase over a whole log; parts are 0 to 1, NaN where nothing was seen.

    Attributes
    ----------
    device, phase
        Where.
    greens
        Services.
    split_mean_s, split_p85_s, green_mean_s
        Split and green, s.
    gap_out, max_out, force_off
        Parts of the greens that ended so.
    green_time_share
        Part of the known time that was green.
    arrived_veh, green_share, wait_s, platoon_ratio
        As in `PhaseInterval`, over the whole log.
    judged, failed
        Greens judged for split failure, and those that failed.
    """

    device: str
    phase: int
    greens: int
    split_mean_s: float
    split_p85_s: float
    green_mean_s: float
    gap_out: float
    max_out: float
    force_off: float
    green_time_share: float
    arrived_veh: float
    green_share: float
    wait_s: float
    platoon_ratio: float
    judged: float
    failed: float


@dataclass(frozen=True, slots=True, eq=False)
class SignalPerformance:
    """One signal over one log; everything by phase number.

    Attributes
    ----------
    device
        The controller.
    begin_s, end_s
        What the log covers, s since 1970.
    splits
        Services of every phase.
    arrivals
        Of phases with detectors ahead of the stop line.
    occupancy
        Of phases with presence detectors.
    intervals
        By interval of the clock.
    profiles
        Cyclic flow profiles, of phases with arrivals and enough cycles.
    """

    device: str
    begin_s: float
    end_s: float
    splits: Mapping[int, PhaseSplits]
    arrivals: Mapping[int, Arrivals]
    occupancy: Mapping[int, CycleOccupancy]
    intervals: Mapping[int, tuple[PhaseInterval, ...]]
    profiles: Mapping[int, FlowProfile]

    def summary(self) -> tuple[PhaseSummary, ...]:
        """Return every phase over the whole log."""
        found = []
        for phase, splits in self.splits.items():
            history = splits.history
            whole = phase_intervals(
                history,
                self.arrivals.get(phase),
                self.occupancy.get(phase),
                # Latency and travel time carry vehicles beyond the ends of the log.
                np.array([self.begin_s - AROUND_S, self.end_s + AROUND_S]),
            )
            over = whole[0]
            green_s = history.yellow_s - history.green_s
            found.append(
                PhaseSummary(
                    self.device, phase, int(green_s.size),
                    float(splits.split_s.mean()) if green_s.size else NAN,
                    splits.percentile_s(85),
                    float(green_s.mean()) if green_s.size else NAN,
                    splits.share(Termination.GAP_OUT), splits.share(Termination.MAX_OUT),
                    splits.share(Termination.FORCE_OFF),
                    over.green_time_share, over.arrived_veh, over.green_share, over.wait_s,
                    over.platoon_ratio, over.judged, over.failed,
                )
            )  # fmt: skip
        return tuple(found)


def signal_performance(
    events: HiresEvents,
    device: str,
    roles: Iterable[DetectorRole] = (),
    step_s: int = 900,
    latency_s: float = 0.0,
    planned_s: Mapping[int, float] | None = None,
) -> SignalPerformance:
    """Measure a signal by its log.

    Parameters
    ----------
    events
        A log.
    device
        The controller.
    roles
        What its detectors are for; without them there are splits and terminations alone.
    step_s
        Length of intervals, s.
    latency_s
        How late detectors report, s.
    planned_s
        Splits of a plan by phase, s, where the log does not tell the programmed ones.

    Raises
    ------
    InsufficientDataError
        If none of its phases turned green, or the step or the latency is none.
    """
    if type(step_s) is not int or step_s < 60:
        raise InsufficientDataError(f"intervals of {step_s!r} s; allowed are whole seconds from 60")
    roles = tuple(roles)
    log = events.of_device(device)
    histories = phase_histories(log, device)
    if not histories:
        raise InsufficientDataError(
            f"the log of device {device!r} has no begin of green (event 1) of any phase"
        )
    at_s = seconds_of(log.time_utc)
    begin_s, end_s = float(at_s[0]), float(at_s[-1])
    edges_s = edges_around(begin_s, end_s, step_s)
    seen = arrivals(log, histories, roles, device, latency_s)
    seen = {phase: found for phase, found in seen.items() if found.time_s.size}
    occupancy = {
        phase: one
        for phase, history in histories.items()
        if (one := cycle_occupancy(log, history, roles)) is not None
    }
    profiles = {}
    for phase, vehicles in seen.items():
        try:
            profiles[phase] = measured_profile(vehicles)
        except InsufficientDataError:
            continue
    return SignalPerformance(
        device,
        begin_s,
        end_s,
        {
            phase: phase_splits(log, history, (planned_s or {}).get(phase))
            for phase, history in histories.items()
        },
        seen,
        occupancy,
        {
            phase: tuple(phase_intervals(history, seen.get(phase), occupancy.get(phase), edges_s))
            for phase, history in histories.items()
        },
        profiles,
    )
