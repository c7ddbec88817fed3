"""Watch detectors: which ones can be believed this interval, and why the others cannot.

Every count is held against what was expected of it, after the neighbors have said how today
differs, in units of its own scatter. Sums of log likelihood ratios wait for halved and doubled
counts; runs of equal counts and of zeros are weighed by how likely they are at that level; slow
ratios show drift; counts that fit the expectation of another time show a wrong clock. All limits
but those of physics come from `engine.forecast.detector_limits`, which keeps to a budget of
false alarms per detector and day.

Judged are faults of detectors. What many neighbors see together is traffic and no fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast import sensing_kernels as kernels
from engine.forecast.daylight import ClockState
from engine.forecast.faults import BUDGETED, QUALITY_OF, Fault, explain
from engine.forecast.imputation import Neighborhood
from network.counts import VALUED, CountSeries, Quality
from network.errors import CountError
from network.units import SECONDS_PER_HOUR

LANE_CAPACITY_VPH = 2400.0
"""No lane carries more at a signal: base saturation flow 1900 veh/h (HCM 2010, equation 18-5)
with ample room for noise."""

LONGEST_LAG_S = 3600
"""Clocks are wrong by up to an hour (the summer hour that nobody set), or by a day and more,
which shows as a level shift that comes and goes."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DetectorModel:
    """What was learned of each detector, and the limits that keep to the budget.

    Attributes
    ----------
    detector_ids
        Names, one per column.
    interval_s
        Length of every interval, s.
    budget
        False alarms per detector and day that the limits were set for.
    capacity_veh
        Most vehicles in an interval, [D]; infinite where the lanes are unknown.
    scatter
        Standard deviation of a count over the root of the expected one plus 1, [D].
    innovation_sd
        The same after the neighbors have spoken, as a part of `scatter`, [D].
    drift_sd
        Of the logarithm of a day's ratio of counted to expected, [D].
    mean_veh
        Vehicles expected per interval on average, [D].
    neighborhood
        How they vary together.
    limits
        [sensing_kernels.LIMITS].
    """

    detector_ids: tuple[str, ...]
    interval_s: int
    budget: float
    capacity_veh: Floats
    scatter: Floats
    innovation_sd: Floats
    drift_sd: Floats
    mean_veh: Floats
    neighborhood: Neighborhood
    limits: Floats

    def __post_init__(self) -> None:
        rows = len(self.detector_ids)
        for name in ("capacity_veh", "scatter", "innovation_sd", "drift_sd", "mean_veh"):
            array = getattr(self, name)
            if array.shape != (rows,) or np.isnan(array).any() or (array < 0).any():
                raise CountError(f"{name} must hold {rows} numbers from 0, one per detector")
            array.setflags(write=False)
        for name in ("scatter", "innovation_sd", "drift_sd"):
            if not (getattr(self, name) > 0).all():
                raise CountError(f"{name} must be above 0 for every detector")
        if self.neighborhood.neighbor.shape[0] != rows or self.interval_s < 1:
            raise CountError(
                f"{rows} detectors, neighbors of {self.neighborhood.neighbor.shape[0]}, intervals "
                f"of {self.interval_s} s; allowed are equal numbers and 1 s or more"
            )
        if self.limits.shape != (kernels.LIMITS,) or not (self.limits > 0).all():
            raise CountError(f"limits must be {kernels.LIMITS} numbers above 0")
        self.limits.setflags(write=False)

    @property
    def lags(self) -> int:
        """Greatest lag of a clock that is looked for, in intervals."""
        return max(1, LONGEST_LAG_S // self.interval_s)

    def halving_level_veh(self, intervals: int) -> float:
        """Return the flow from which a halved count is found within so many intervals.

        Parameters
        ----------
        intervals
            Since it halved.

        Returns
        -------
        float
            Expected vehicles per interval for the median detector; half of them counted adds
            on average (expected / 2 sd)^2 / 2 to the sum, at most `STEP_AT_MOST`.
        """
        step = self.limits[kernels.FALLEN] / intervals
        if step > kernels.STEP_AT_MOST:
            return float("inf")
        sd = float(np.median(self.scatter * self.innovation_sd))
        return float(2.0 * step * (2.0 * sd) ** 2)

    def stuck_level_veh(self, repeats: int) -> float:
        """Return the flow from which so many repeats of a count are called stuck."""
        chance = np.exp(-self.limits[kernels.SURPRISE] / repeats)
        sd = max(float(np.median(self.scatter)), 1.0)
        return float((kernels.NORMAL_PEAK / (chance * sd)) ** 2)


class DetectorWatch:
    """The detectors of one feed, judged interval by interval.

    Nothing is allocated after construction; the arrays returned by `update` are overwritten
    by the next one.

    Parameters
    ----------
    model
        What was learned.
    """

    def __init__(self, model: DetectorModel) -> None:
        self.model = model
        rows, lags = len(model.detector_ids), model.lags
        self._detectors = kernels.DetectorArrays(
            model.capacity_veh,
            model.scatter,
            model.innovation_sd,
            model.neighborhood.neighbor,
            model.neighborhood.weights(),
            model.drift_sd,
        )
        numbers = np.zeros((rows, kernels.NUMBERS))
        numbers[:, kernels.RUN_VALUE] = np.nan
        # The slow ratio begins as if all had been well for long.
        settled = model.mean_veh / (1.0 - model.limits[kernels.DRIFT_KEPT])
        numbers[:, kernels.DRIFT_COUNT] = numbers[:, kernels.DRIFT_EXPECTED] = settled
        wide = (rows, 2 * lags + 1)
        self._state = kernels.DetectorState(
            numbers,
            np.zeros(wide),
            np.zeros(wide),
            np.full((rows, lags + 1), np.nan),
            np.zeros(wide),
            np.zeros(wide),
            np.zeros(1, dtype=np.int64),
        )
        self._busy_s = np.full(rows, np.nan)
        self._clock = np.array([ClockState.ORDINARY, model.interval_s], dtype=np.int64)
        self.fault = np.zeros(rows, dtype=np.uint8)
        self.evidence = np.zeros(rows)
        self.statistics = np.zeros((rows, kernels.STATISTICS))

    @property
    def shift_began(self) -> Floats:
        """How many intervals ago the present level shift seems to have begun, [D]."""
        return self._state.numbers[:, kernels.SHIFT_LENGTH]

    def update(
        self,
        count_veh: Floats,
        expected_veh: Floats,
        occupancy_pct: Floats | None = None,
        clock: ClockState = ClockState.ORDINARY,
    ) -> NDArray[np.uint8]:
        """Judge the counts of one interval.

        Parameters
        ----------
        count_veh
            [D]; NaN where nothing arrived. Any number is taken, however absurd.
        expected_veh
            [D]; NaN where nothing is expected, and then only physics is judged.
        occupancy_pct
            [D]; None where it is not measured.
        clock
            What `engine.forecast.daylight.clock_states` says of the interval.

        Returns
        -------
        ndarray
            A `Fault` per detector, uint8[D].

        Raises
        ------
        CountError
            If an array does not hold one number per detector.
        """
        shape = self.fault.shape
        for name, array in (("counts", count_veh), ("expected counts", expected_veh)):
            if array.shape != shape:
                raise CountError(
                    f"{name} have shape {list(array.shape)}; allowed is {list(shape)}, one per "
                    "detector"
                )
        if occupancy_pct is None:
            self._busy_s[:] = np.nan
        elif occupancy_pct.shape != shape:
            raise CountError(f"occupancies have shape {list(occupancy_pct.shape)}, not {shape[0]}")
        else:
            np.multiply(occupancy_pct, 0.01 * self.model.interval_s, out=self._busy_s)
        self._clock[0] = clock
        kernels.watch(
            count_veh,
            expected_veh,
            self._busy_s,
            self._clock,
            self._detectors,
            self._state,
            self.model.limits,
            self.fault,
            self.evidence,
            self.statistics,
        )
        return self.fault

    def reason(self, detector: int) -> str:
        """Say in words what is wrong with a detector; empty where nothing is."""
        return explain(
            Fault(int(self.fault[detector])), float(self.evidence[detector]), self.model.interval_s
        )


@dataclass(frozen=True, slots=True, eq=False)
class DetectorReport:
    """What was found in a series.

    Attributes
    ----------
    counts
        The series with flags.
    fault
        A `Fault` per interval and detector, uint8[I, D]; runs and shifts from their beginning.
    alarm
        Where a fault was first known, bool[I, D]: what an operator would have been told, when.
    evidence
        What speaks for it, [I, D]; see `explain`.
    """

    counts: CountSeries
    fault: NDArray[np.uint8]
    alarm: NDArray[np.bool_]
    evidence: Floats

    def reason(self, interval: int, detector: int) -> str:
        """Say in words what is wrong with a count; empty where nothing is."""
        return explain(
            Fault(int(self.fault[interval, detector])),
            float(self.evidence[interval, detector]),
            self.counts.interval_s,
        )

    def alarms_per_day(self) -> float:
        """Return alarms of faults that chance can imitate, per detector and day."""
        told = self.alarm & np.isin(self.fault, [int(fault) for fault in BUDGETED])
        days = self.fault.size * self.counts.interval_s / (24.0 * SECONDS_PER_HOUR)
        return float(told.sum() / days)


def judge_detectors(
    model: DetectorModel,
    counts: CountSeries,
    expected_veh: Floats,
    clock: Sequence[int] | NDArray[np.uint8] | None = None,
) -> DetectorReport:
    """Judge a recorded series as it would have been judged live, then look back.

    Parameters
    ----------
    model
        What was learned.
    counts
        As recorded; numbers that are flagged already are not looked at.
    expected_veh
        [I, D].
    clock
        A `ClockState` per interval; None where the clock was never changed.

    Returns
    -------
    DetectorReport

    Raises
    ------
    CountError
        If detectors, intervals or shapes differ.
    """
    shape = counts.volume_veh.shape
    if counts.series_ids != model.detector_ids or counts.interval_s != model.interval_s:
        raise CountError("the counts name other detectors or intervals than were learned")
    if expected_veh.shape != shape or (clock is not None and len(clock) != shape[0]):
        raise CountError(
            f"expected counts have shape {list(expected_veh.shape)}, counts {list(shape)}"
        )
    taken = np.where(np.isin(counts.quality, VALUED), counts.volume_veh, np.nan)
    fault = np.zeros(shape, dtype=np.uint8)
    alarm = np.zeros(shape, dtype=np.bool_)
    evidence = np.zeros(shape)
    watch = DetectorWatch(model)
    before = np.zeros(shape[1], dtype=np.uint8)
    expected = np.ascontiguousarray(expected_veh, dtype=np.float64)
    for i in range(shape[0]):
        occupancy = None if counts.occupancy_pct is None else counts.occupancy_pct[i]
        state = ClockState.ORDINARY if clock is None else ClockState(int(clock[i]))
        fault[i] = watch.update(taken[i], expected[i], occupancy, state)
        evidence[i] = watch.evidence
        alarm[i] = (fault[i] != before) & (fault[i] != Fault.SOUND)
        for d in np.flatnonzero(alarm[i]):
            begin = _began(fault[i, d], i, taken[:, d], watch.shift_began[d], evidence[i, d])
            earlier = fault[begin:i, d] == Fault.SOUND
            fault[begin:i, d][earlier] = fault[i, d]
            evidence[begin:i, d][earlier] = evidence[i, d]
        before[:] = fault[i]
    flags = np.array([int(QUALITY_OF[f]) for f in Fault], dtype=np.uint8)[fault]
    # A flag that came with the count says more than ours.
    flags = np.where(np.isin(counts.quality, VALUED) | (flags == 0), flags, counts.quality)
    kept = np.where((flags == Quality.GOOD) & ~np.isin(counts.quality, VALUED), True, False)
    flags = np.where(kept | (counts.quality == Quality.FILLED), counts.quality, flags)
    judged = CountSeries(
        counts.kind,
        counts.series_ids,
        counts.start_s,
        counts.interval_s,
        counts.volume_veh,
        flags,
        counts.occupancy_pct,
    )
    for array in (fault, alarm, evidence):
        array.setflags(write=False)
    return DetectorReport(judged, fault, alarm, evidence)


def _began(fault: int, at: int, taken: Floats, shifted: float, evidence: float) -> int:
    """Return the interval in which a fault that is known now seems to have begun."""
    if fault == Fault.LEVEL:
        return max(0, at + 1 - int(shifted))
    if fault in (Fault.STUCK, Fault.DEAD):
        begin = at
        while begin > 0 and (taken[begin - 1] == taken[at] or np.isnan(taken[begin - 1])):
            begin -= 1
        return begin
    return at
