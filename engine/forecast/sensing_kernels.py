"""Kernel of sensing: detectors, judged interval by interval.

Counts, expectations and residuals may hold NaN, which means that nothing is known; everything
else has to be finite, which the callers see to.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Counters = NDArray[np.int64]
Codes = NDArray[np.uint8]

# Faults in the order in which they are named where several apply.
SOUND, MISSING, DAYLIGHT, RANGE, CHATTER, STUCK, DEAD, LEVEL, CLOCK, DRIFT = range(10)

# What the clock says of an interval.
ORDINARY, NOT_ON_THE_CLOCK, TWICE_ON_THE_CLOCK, BESIDE_THE_GAP = range(4)

# Columns of the statistics, and of the limits they are held against.
SURPRISE, SILENCE, RISE, FALLEN, RAISED, MISTIMED, DRIFTED = range(7)
STATISTICS = 7
# Further columns of the limits: parts of clock and drift sums that are kept per interval.
CLOCK_KEPT, DRIFT_KEPT = 7, 8
LIMITS = 9

# Columns of the numbers kept per detector.
(
    RUN_VALUE,
    RUN_SURPRISE,
    RUN_LENGTH,
    RUN_EXPECTED,
    ZERO_EXPECTED,
    FALL,
    CLIMB,
    SHIFTED,
    RETURN,
    SHIFT_COUNT,
    SHIFT_EXPECTED,
    DRIFT_COUNT,
    DRIFT_EXPECTED,
    DRIFTING,
    CLOCK_COUNT,
    LATE,
    RESIDUAL,
    FAULT,
    SHIFT_LENGTH,
) = range(19)
NUMBERS = 19

CLIPPED_SD = 4.0
"""A neighbor's residual counts at most so many standard deviations."""
STEP_AT_MOST = 6.0
"""No single interval adds more to a cumulative sum: one outlier is no shift."""
SUM_AT_MOST = 200.0
HALVED, DOUBLED = 0.5, 2.0
"""Part of the traffic counted after the shifts that the cumulative sums are tuned to."""
LEAST_DRIFT = 0.14
"""Logarithm of the ratio, about 15 %, below which no drift is worth a report."""
BACK_PART = 0.7
"""Part of the limit below which a lasting fault is over."""
LEAST_ON_S = 0.1
"""A vehicle 4 m long on a loop of 2 m occupies it so long at 60 m/s; nobody is faster."""
HELD_PCT = 97.0
"""A detector occupied for so much of an interval is stuck on unless many pass."""
MOST_VEH = 1e6
"""No interval of any detector holds more; larger numbers are damage."""
NORMAL_PEAK = 0.3989422804014327
LEAST_EXPECTED_VEH = 0.1


class DetectorArrays(NamedTuple):
    """What is known of each detector; K neighbors, padded with -1."""

    capacity_veh: Floats  # infinite where unknown
    scatter: Floats  # standard deviation of a count over sqrt(expected + 1)
    innovation_sd: Floats  # of the scaled residual once the neighbors have spoken
    neighbor: Integers  # [detector, K]
    weight: Floats  # [detector, K]
    drift_sd: Floats  # of the logarithm of the slow ratio


class DetectorState(NamedTuple):
    """What changes every interval; W = 2 L + 1 for lags of up to L intervals."""

    numbers: Floats  # [detector, NUMBERS]
    expected: Floats  # ring [detector, W]
    log_expected: Floats  # ring [detector, W]
    counts: Floats  # ring [detector, L + 1]
    log_sum: Floats  # [detector, W]
    expected_sum: Floats  # [detector, W]
    seen: Counters  # [1] intervals so far


@njit(cache=True, error_model="numpy")
def watch(
    count_veh: Floats,
    expected_veh: Floats,
    busy_s: Floats,
    clock: Counters,
    detectors: DetectorArrays,
    state: DetectorState,
    limits: Floats,
    fault: Codes,
    evidence: Floats,
    statistics: Floats,
) -> None:
    """Judge one interval of every detector and bring their state up to date.

    Parameters
    ----------
    count_veh, expected_veh
        [detector], NaN where there is none.
    busy_s
        [detector] time occupied; NaN where it is not measured.
    clock
        What the clock says of the interval, and its length in s.
    detectors, state
        The detectors.
    limits
        [LIMITS].
    fault, evidence, statistics
        [detector], [detector] and [detector, STATISTICS], filled in.
    """
    n = count_veh.size
    lags = state.counts.shape[1] - 1
    width = 2 * lags + 1
    seen = state.seen[0]
    newest = seen % width
    now_clock, interval_s = clock[0], clock[1]
    numbers = state.numbers

    for d in range(n):
        expected = expected_veh[d]
        residual = np.nan
        # Who was found faulty one interval ago says nothing of the neighbors.
        if numbers[d, FAULT] == SOUND and now_clock == ORDINARY and 0.0 <= expected <= MOST_VEH:
            residual = (count_veh[d] - expected) / (detectors.scatter[d] * np.sqrt(expected + 1.0))
        numbers[d, RESIDUAL] = residual

    for d in range(n):
        for column in range(STATISTICS):
            statistics[d, column] = 0.0
        evidence[d] = 0.0
        x = count_veh[d]
        expected = expected_veh[d]
        found = SOUND
        known = 0.0 <= expected <= MOST_VEH
        if not known:
            expected = 0.0

        common = 0.0
        for k in range(detectors.neighbor.shape[1]):
            other = detectors.neighbor[d, k]
            if other >= 0 and not np.isnan(numbers[other, RESIDUAL]):
                part = min(max(numbers[other, RESIDUAL], -CLIPPED_SD), CLIPPED_SD)
                common += detectors.weight[d, k] * part
        sd = detectors.scatter[d] * np.sqrt(expected + 1.0)
        usual = max(expected + common * sd, LEAST_EXPECTED_VEH)
        sd *= detectors.innovation_sd[d]

        # The ring of expectations must move on whatever the count is worth.
        state.expected[d, newest] = usual
        state.log_expected[d, newest] = np.log(usual)
        state.counts[d, seen % (lags + 1)] = np.nan

        if np.isnan(x):
            fault[d] = MISSING
            numbers[d, FAULT] = MISSING
            continue
        most = min(detectors.capacity_veh[d], MOST_VEH)
        if x < 0.0 or x > most:
            fault[d] = RANGE
            evidence[d] = most
            numbers[d, FAULT] = RANGE
            continue
        if not known:
            fault[d] = SOUND
            numbers[d, FAULT] = SOUND
            continue
        dipped = x < 0.5 * usual and usual - x > sd
        doubled = x > 1.5 * usual and x - usual > sd
        if (
            now_clock == NOT_ON_THE_CLOCK
            or (now_clock == BESIDE_THE_GAP and dipped)
            or (now_clock == TWICE_ON_THE_CLOCK and doubled)
        ):
            found = DAYLIGHT
        if found == DAYLIGHT:
            evidence[d] = usual
            fault[d] = DAYLIGHT
            # The clock's fault, not the detector's: it is not carried on.
            numbers[d, FAULT] = SOUND
            continue

        score = (x - usual) / sd
        busy = busy_s[d]
        if x > 1.5 * usual:
            statistics[d, RISE] = score
        crowded = not np.isnan(busy) and x > busy / LEAST_ON_S + 1.0
        if crowded or statistics[d, RISE] > limits[RISE]:
            found = CHATTER
            evidence[d] = usual

        # Runs of equal counts; the run's own level is carried along the profile.
        if x != numbers[d, RUN_VALUE] or x == 0.0:
            numbers[d, RUN_VALUE] = x
            numbers[d, RUN_SURPRISE] = 0.0
            numbers[d, RUN_LENGTH] = 1.0
            numbers[d, RUN_EXPECTED] = usual
        else:
            carried = x * (usual + 1.0) / (numbers[d, RUN_EXPECTED] + 1.0)
            run_sd = max(detectors.scatter[d], 1.0) * np.sqrt(x + 1.0)
            off = min(abs(x - carried) / run_sd, 2.0)
            numbers[d, RUN_SURPRISE] -= np.log(min(1.0, NORMAL_PEAK / run_sd)) - 0.5 * off * off
            numbers[d, RUN_LENGTH] += 1.0
        statistics[d, SURPRISE] = numbers[d, RUN_SURPRISE]
        held = not np.isnan(busy) and busy >= 0.01 * HELD_PCT * interval_s and x < 0.5 * usual
        if found == SOUND and (held or statistics[d, SURPRISE] > limits[SURPRISE]):
            found = STUCK
            evidence[d] = numbers[d, RUN_LENGTH]

        if x == 0.0:
            numbers[d, ZERO_EXPECTED] += usual / max(1.0, detectors.scatter[d] ** 2)
        else:
            numbers[d, ZERO_EXPECTED] = 0.0
        statistics[d, SILENCE] = numbers[d, ZERO_EXPECTED]
        if found == SOUND and statistics[d, SILENCE] > limits[SILENCE]:
            found = DEAD
            evidence[d] = numbers[d, ZERO_EXPECTED] * max(1.0, detectors.scatter[d] ** 2)

        if found == SOUND:
            if _shift(numbers[d], x, usual, score, sd, limits, statistics[d]):
                found = LEVEL
                evidence[d] = numbers[d, SHIFT_COUNT] / max(numbers[d, SHIFT_EXPECTED], 1e-9)
            state.counts[d, seen % (lags + 1)] = x
            keep = limits[DRIFT_KEPT]
            numbers[d, DRIFT_COUNT] = keep * numbers[d, DRIFT_COUNT] + x
            numbers[d, DRIFT_EXPECTED] = keep * numbers[d, DRIFT_EXPECTED] + usual

        if seen >= 2 * lags:
            late = _lateness(d, lags, seen, state, limits, detectors.scatter[d], statistics)
            if found == SOUND and late != 0:
                found = CLOCK
                evidence[d] = late

        ratio = np.log((numbers[d, DRIFT_COUNT] + 1.0) / (numbers[d, DRIFT_EXPECTED] + 1.0))
        drift = abs(ratio) / detectors.drift_sd[d] if abs(ratio) > LEAST_DRIFT else 0.0
        statistics[d, DRIFTED] = drift
        part = BACK_PART if numbers[d, DRIFTING] != 0.0 else 1.0
        numbers[d, DRIFTING] = 1.0 if drift > part * limits[DRIFTED] else 0.0
        if found == SOUND and numbers[d, DRIFTING] != 0.0:
            found = DRIFT
            evidence[d] = np.exp(ratio)

        fault[d] = found
        numbers[d, FAULT] = found
    state.seen[0] = seen + 1


@njit(cache=True, error_model="numpy")
def _shift(
    numbers: Floats,
    x: float,
    usual: float,
    score: float,
    sd: float,
    limits: Floats,
    statistics: Floats,
) -> bool:
    """Carry both cumulative sums of log likelihood ratios on; tell whether a shift is on."""
    less = (1.0 - HALVED) * usual / sd
    more = (DOUBLED - 1.0) * usual / sd
    fall = min(max(-less * (score + 0.5 * less), -STEP_AT_MOST), STEP_AT_MOST)
    climb = min(max(more * (score - 0.5 * more), -STEP_AT_MOST), STEP_AT_MOST)
    if numbers[SHIFTED] == 0.0:
        numbers[FALL] = min(max(numbers[FALL] + fall, 0.0), SUM_AT_MOST)
        numbers[CLIMB] = min(max(numbers[CLIMB] + climb, 0.0), SUM_AT_MOST)
        if numbers[FALL] == 0.0 and numbers[CLIMB] == 0.0:
            numbers[SHIFT_COUNT] = 0.0
            numbers[SHIFT_EXPECTED] = 0.0
            numbers[SHIFT_LENGTH] = 0.0
        else:
            numbers[SHIFT_LENGTH] += 1.0
        statistics[FALLEN] = numbers[FALL]
        statistics[RAISED] = numbers[CLIMB]
        if numbers[FALL] > limits[FALLEN]:
            numbers[SHIFTED] = -1.0
        elif numbers[CLIMB] > limits[RAISED]:
            numbers[SHIFTED] = 1.0
        numbers[RETURN] = 0.0
    else:
        down = numbers[SHIFTED] < 0.0
        numbers[RETURN] = max(numbers[RETURN] - (fall if down else climb), 0.0)
        if numbers[RETURN] > BACK_PART * limits[FALLEN if down else RAISED]:
            numbers[SHIFTED] = 0.0
            numbers[FALL] = 0.0
            numbers[CLIMB] = 0.0
            numbers[SHIFT_COUNT] = 0.0
            numbers[SHIFT_EXPECTED] = 0.0
            numbers[SHIFT_LENGTH] = 0.0
        else:
            numbers[SHIFT_LENGTH] += 1.0
    if numbers[SHIFT_LENGTH] > 0.0:
        numbers[SHIFT_COUNT] += x
        numbers[SHIFT_EXPECTED] += usual
    return numbers[SHIFTED] != 0.0


@njit(cache=True, error_model="numpy")
def _lateness(
    d: int,
    lags: int,
    seen: int,
    state: DetectorState,
    limits: Floats,
    scatter: float,
    statistics: Floats,
) -> int:
    """Compare the count of `lags` intervals ago with every shifted expectation.

    The level is left free (a multinomial likelihood), so that a halved count is not late.
    """
    width = 2 * lags + 1
    numbers = state.numbers[d]
    x = state.counts[d, (seen - lags) % (lags + 1)]
    if not np.isnan(x):
        keep = limits[CLOCK_KEPT]
        numbers[CLOCK_COUNT] = keep * numbers[CLOCK_COUNT] + x
        for j in range(width):
            slot = (seen - 2 * lags + j) % width
            state.log_sum[d, j] = keep * state.log_sum[d, j] + x * state.log_expected[d, slot]
            state.expected_sum[d, j] = keep * state.expected_sum[d, j] + state.expected[d, slot]
    if not state.expected_sum[d, lags] > 0.0:
        return 0
    if (seen + d) % lags != 0 and lags > 1:
        # Clocks are wrong for hours; the logarithms of every lag are worth it now and then.
        return int(numbers[LATE])
    best, gain = lags, 0.0
    for j in range(width):
        level = np.log(state.expected_sum[d, j] / state.expected_sum[d, lags])
        found = state.log_sum[d, j] - state.log_sum[d, lags] - numbers[CLOCK_COUNT] * level
        if found > gain:
            best, gain = j, found
    gain /= max(1.0, scatter * scatter)
    statistics[d, MISTIMED] = gain
    part = BACK_PART if numbers[LATE] != 0.0 else 1.0
    numbers[LATE] = float(lags - best) if gain > part * limits[MISTIMED] else 0.0
    return int(numbers[LATE])
