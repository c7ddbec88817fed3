"""The plan that ran: what a controller log tells of pattern, cycle, offset, splits and phases.

A controller writes its pattern, cycle, offset and splits when they change, so what was in force
before the first such event of a log is not known, and is None here. What the street saw is
measured from the phase events themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from network.errors import FormatError
from network.readers import hires_events as codes
from network.readers.hires_events import HiresEvents
from network.units import TENTHS_PER_SECOND

SETTLED_S = 3.0
"""Pattern, cycle, offset and splits of one change are written within this time."""
LONGEST_INTERVAL_S = 3600.0
"""A phase interval that lasts longer has lost its end in a hole of the log."""

_SECOND = np.timedelta64(1_000_000, "us")


@dataclass(frozen=True, slots=True)
class PhaseRan:
    """What one phase showed in a period, over the services that ended in it.

    Attributes
    ----------
    phase
        Phase number.
    services
        How often it was served from begin of green to end of red clearance.
    green_mean_s, green_min_s, green_max_s
        Green, s.
    yellow_ds, red_clear_ds
        Yellow change and red clearance, median in tenths of a second.
    split_mean_s
        Begin of green to end of red clearance, mean, s.
    reported_services, reported_split_mean_s
        The same as the controller itself reports it (Q-Free MAXTIME events 300 to 315, cut to
        whole seconds); 0 and None where it does not.
    """

    phase: int
    services: int
    green_mean_s: float
    green_min_s: float
    green_max_s: float
    yellow_ds: int
    red_clear_ds: int
    split_mean_s: float
    reported_services: int = 0
    reported_split_mean_s: float | None = None


@dataclass(frozen=True, slots=True)
class PlanRan:
    """The plan of one controller in one period.

    Attributes
    ----------
    device
        The controller.
    begin_utc, end_utc
        The period, aware; the end is exclusive.
    pattern, cycle_s, offset_s
        In force at its end (events 131, 132, 133); None where the log does not say.
    splits_s
        Programmed split by phase, clearance included (events 134 to 149), whole seconds; phases
        of which the log says nothing are absent.
    phases
        What the street saw, by phase number.
    local_cycles_s
        Times between begins of local cycles (event 150, state 5), s, over those that ended in
        the period.
    reported_cycle_s, reported_offset_s
        The last actual cycle and offset that the controller reports in the period or before
        (Q-Free MAXTIME events 316 and 318); None where it does not.
    transition_share
        Share of the period spent in transition (event 150, states 2 to 4), 0 to 1; None where
        the log does not say.
    """

    device: str
    begin_utc: datetime
    end_utc: datetime
    pattern: int | None
    cycle_s: int | None
    offset_s: int | None
    splits_s: Mapping[int, int]
    phases: tuple[PhaseRan, ...]
    local_cycles_s: tuple[float, ...] = ()
    reported_cycle_s: int | None = None
    reported_offset_s: int | None = None
    transition_share: float | None = field(default=None)

    def __post_init__(self) -> None:
        for moment in (self.begin_utc, self.end_utc):
            if moment.tzinfo is None:
                raise FormatError(f"{self.device}: period bound {moment} has no time zone")
        if not self.begin_utc < self.end_utc:
            raise FormatError(
                f"{self.device}: the period from {self.begin_utc} to {self.end_utc} is empty"
            )
        object.__setattr__(self, "splits_s", MappingProxyType(dict(self.splits_s)))

    def __reduce__(self) -> tuple[object, ...]:
        values = [getattr(self, name) for name in self.__dataclass_fields__]
        values[6] = dict(self.splits_s)
        return (PlanRan, tuple(values))

    def phase(self, number: int) -> PhaseRan:
        """Return what one phase showed; raise `FormatError` if it was never served."""
        for phase in self.phases:
            if phase.phase == number:
                return phase
        served = ", ".join(str(phase.phase) for phase in self.phases) or "none"
        raise FormatError(
            f"{self.device}: phase {number} was not served between {self.begin_utc} and "
            f"{self.end_utc}; served were {served}"
        )


def plans_that_ran(events: HiresEvents) -> tuple[PlanRan, ...]:
    """Cut each controller's log where its plan changed, and tell what ran in each period.

    Parameters
    ----------
    events
        A log of one or more controllers.

    Returns
    -------
    tuple of PlanRan
        By controller and time. A change that repeats the values in force begins no period; one
        that is written over a few seconds begins one.
    """
    plans: list[PlanRan] = []
    for device in events.devices:
        log = events.of_device(device)
        if not len(log):
            continue
        begin, end = log.time_utc[0], log.time_utc[-1] + np.timedelta64(100_000, "us")
        cuts = [begin, *(cut for cut in _changes(log) if begin < cut < end), end]
        history = _History(log)
        for since, until in pairwise(cuts):
            plans.append(history.between(device, since, until))
    return tuple(plans)


def plan_between(
    events: HiresEvents, device: str, begin_utc: datetime, end_utc: datetime
) -> PlanRan:
    """Tell what one controller ran between two times.

    Parameters
    ----------
    events
        A log.
    device
        The controller.
    begin_utc, end_utc
        Aware; the end is exclusive. Where plans changed in between, the values in force are
        those at the end, and measured phases are of all of them.

    Raises
    ------
    FormatError
        If the log has no such device or the period is empty.
    """
    for moment in (begin_utc, end_utc):
        if moment.tzinfo is None:
            raise FormatError(f"{device}: period bound {moment} has no time zone")
    log = events.of_device(device)
    return _History(log).between(device, _stamp(begin_utc), _stamp(end_utc))


def _changes(log: HiresEvents) -> Iterator[np.datetime64]:
    """Begin of each period after the first: where the plan in force took another value."""
    plan = (log.code >= codes.PATTERN_CHANGE) & (log.code <= codes.LAST_SPLIT_CHANGE)
    force: dict[int, int] = {}
    change = None
    for row in np.flatnonzero(plan):
        code, value, now = int(log.code[row]), int(log.parameter[row]), log.time_utc[row]
        if force.get(code) != value:
            if change is None or now - change > SETTLED_S * _SECOND:
                change = now
                yield now
            force[code] = value


class _History:
    """One controller's log, arranged for asking about any period."""

    def __init__(self, log: HiresEvents) -> None:
        self._log = log
        self._served = _services(log)
        state = log.code == codes.COORDINATION_STATE
        self._state_at, self._state = log.time_utc[state], log.parameter[state]

    def between(self, device: str, begin: np.datetime64, end: np.datetime64) -> PlanRan:
        zero_at = self._state_at[self._state == codes.LOCAL_ZERO]
        ended = (zero_at[1:] >= begin) & (zero_at[1:] < end)
        cycles_s = (np.diff(zero_at)[ended] / _SECOND).round(1)
        splits = {
            code - codes.FIRST_SPLIT_CHANGE + 1: value
            for code in range(codes.FIRST_SPLIT_CHANGE, codes.LAST_SPLIT_CHANGE + 1)
            if (value := self._last(code, end)) is not None
        }
        return PlanRan(
            device,
            _moment(begin),
            _moment(end),
            self._last(codes.PATTERN_CHANGE, end),
            self._last(codes.CYCLE_CHANGE, end),
            self._last(codes.OFFSET_CHANGE, end),
            splits,
            tuple(self._phases(begin, end)),
            tuple(float(cycle) for cycle in cycles_s),
            self._last(codes.REPORTED_CYCLE, end),
            self._last(codes.REPORTED_OFFSET, end),
            self._transition_share(begin, end),
        )

    def _last(self, code: int, end: np.datetime64) -> int | None:
        rows = np.flatnonzero((self._log.code == code) & (self._log.time_utc < end))
        return int(self._log.parameter[rows[-1]]) if rows.size else None

    def _phases(self, begin: np.datetime64, end: np.datetime64) -> Iterator[PhaseRan]:
        inside = (self._log.time_utc >= begin) & (self._log.time_utc < end)
        for phase, served in self._served.items():
            times_s = served.lasted_s[(served.end >= begin) & (served.end < end)]
            if not len(times_s):
                continue
            code = codes.REPORTED_SPLIT + phase - 1
            reported_s = self._log.parameter[inside & (self._log.code == code)]
            green_s, yellow_s, red_s = times_s.T
            yield PhaseRan(
                phase,
                len(times_s),
                float(green_s.mean()),
                float(green_s.min()),
                float(green_s.max()),
                round(float(np.median(yellow_s)) * TENTHS_PER_SECOND),
                round(float(np.median(red_s)) * TENTHS_PER_SECOND),
                float(times_s.sum(axis=1).mean()),
                int(reported_s.size),
                float(reported_s.mean()) if reported_s.size else None,
            )

    def _transition_share(self, begin: np.datetime64, end: np.datetime64) -> float | None:
        # A local zero or pickup is a moment in a cycle and leaves the state as it was.
        lasting = self._state < codes.LOCAL_ZERO
        at, state = self._state_at[lasting], self._state[lasting]
        if not at.size or at[0] >= end:
            return None
        bounds = np.clip(np.concatenate((at, [end])), begin, end)
        lasted_s = np.diff(bounds) / _SECOND
        known_s = float((end - max(begin, at[0])) / _SECOND)
        return float(lasted_s[np.isin(state, codes.TRANSITIONS)].sum()) / known_s


@dataclass(frozen=True, slots=True)
class _Served:
    """Whole services of a phase: when each ended, and its green, yellow and red, [N, 3] in s."""

    end: npt.NDArray[np.datetime64]
    lasted_s: npt.NDArray[np.float64]


def _services(log: HiresEvents) -> dict[int, _Served]:
    """Pair the events of each phase into whole services; torn ones are left out.

    Green lasts from its begin to the begin of yellow; event 7 marks the decision to end it, in
    most controllers at the same moment.
    """
    steps = (
        codes.BEGIN_GREEN,
        codes.BEGIN_YELLOW,
        codes.END_YELLOW,
        codes.BEGIN_RED_CLEARANCE,
        codes.END_RED_CLEARANCE,
    )
    found: dict[int, _Served] = {}
    told = np.isin(log.code, steps) & (log.parameter >= 1) & (log.parameter <= codes.MOST_PHASES)
    for phase in np.unique(log.parameter[told]):
        rows = np.flatnonzero(told & (log.parameter == phase))
        ends, lasted = [], []
        seen: dict[int, np.datetime64] = {}
        for row in rows:
            code, now = int(log.code[row]), log.time_utc[row]
            if code == codes.BEGIN_GREEN:
                seen = {}
            seen[code] = now
            if code != codes.END_RED_CLEARANCE:
                continue
            begin, yellow = seen.get(codes.BEGIN_GREEN), seen.get(codes.BEGIN_YELLOW)
            # Without red clearance some controllers go from end of yellow straight on.
            red = seen.get(codes.BEGIN_RED_CLEARANCE, seen.get(codes.END_YELLOW))
            seen = {}
            if begin is None or yellow is None or red is None:
                continue
            times_s = [float(part / _SECOND) for part in (yellow - begin, red - yellow, now - red)]
            if min(times_s) >= 0 and max(times_s) <= LONGEST_INTERVAL_S:
                ends.append(now)
                lasted.append(times_s)
        if ends:
            found[int(phase)] = _Served(np.array(ends), np.array(lasted))
    return found


def _stamp(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _moment(stamp: np.datetime64) -> datetime:
    moment: datetime = stamp.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)
