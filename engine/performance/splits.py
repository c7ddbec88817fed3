"""The split monitor: how long each service of a phase lasted, why it ended, what it was given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.performance.phase_history import PhaseHistory, Termination, seconds_of
from network.readers.hires_events import (
    FIRST_SPLIT_CHANGE,
    PATTERN_CHANGE,
    HiresEvents,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PhaseSplits:
    """Services of one phase.

    Attributes
    ----------
    history
        The phase.
    split_s
        Begin of green to end of red clearance of each service, s; [S].
    programmed_s
        Split that was programmed when each began, s; [S]; NaN where nobody says.
    """

    history: PhaseHistory
    split_s: Floats
    programmed_s: Floats

    def share(self, reason: Termination) -> float:
        """Return the part of the services that ended so, 0 to 1; NaN without any."""
        ended = self.history.ended_by
        return float((ended == reason).mean()) if ended.size else float("nan")

    def percentile_s(self, percent: float) -> float:
        """Return a percentile of the splits, s; NaN without any."""
        return float(np.percentile(self.split_s, percent)) if self.split_s.size else float("nan")


def phase_splits(
    events: HiresEvents, history: PhaseHistory, planned_s: float | None = None
) -> PhaseSplits:
    """Return the services of a phase with the splits that were programmed.

    Parameters
    ----------
    events
        The log, for what it says of programmed splits (events 134 to 149).
    history
        The phase, from the same log.
    planned_s
        Split of a plan, s, for services of which the log does not tell the programmed one.
    """
    log = events.of_device(history.device)
    told = log.code == FIRST_SPLIT_CHANGE + history.phase - 1
    at_s, value_s = seconds_of(log.time_utc[told]), log.parameter[told].astype(np.float64)
    rows = np.searchsorted(at_s, history.green_s, side="right") - 1
    programmed = np.full(history.green_s.size, np.nan if planned_s is None else planned_s)
    programmed[rows >= 0] = value_s[rows[rows >= 0]]
    # A split of 0 says that the pattern leaves the phase out.
    programmed[programmed <= 0] = np.nan
    return PhaseSplits(history, history.end_s - history.green_s, programmed)


def pattern_changes(events: HiresEvents, device: str) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Return when a controller changed its pattern, s since 1970, and to which; event 131."""
    log = events.of_device(device)
    told = log.code == PATTERN_CHANGE
    at_s, pattern = seconds_of(log.time_utc[told]), log.parameter[told]
    fresh = np.append(True, np.diff(pattern) != 0) if pattern.size else np.zeros(0, dtype=np.bool_)
    return at_s[fresh], pattern[fresh]
