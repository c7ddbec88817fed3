"""Plain twins of the kernels of sensing, one object per thing on the street.

They follow the descriptions in `engine.forecast.*_kernels`; history is kept whole, in lists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

SOUND, MISSING, DAYLIGHT, RANGE, CHATTER, STUCK, DEAD, LEVEL, CLOCK, DRIFT = range(10)


@dataclass
class TwinDetector:
    """One detector with all it has seen."""

    capacity_veh: float
    scatter: float
    innovation_sd: float
    neighbors: list[tuple[int, float]]
    drift_sd: float
    drift_sums: tuple[float, float]
    run: list[tuple[float, float]] = field(default_factory=list)  # equal counts, expectations
    run_surprise: float = 0.0
    silent_veh: float = 0.0
    fall: float = 0.0
    climb: float = 0.0
    shifted: int = 0
    recovery: float = 0.0
    since_shift: list[tuple[float, float]] = field(default_factory=list)
    drifting: bool = False
    late: int = 0
    fault: int = SOUND
    usual: list[float] = field(default_factory=list)
    believed: list[float] = field(default_factory=list)
    timing_count: float = 0.0
    timing_logs: list[float] = field(default_factory=list)
    timing_sums: list[float] = field(default_factory=list)


@dataclass
class TwinWatch:
    """All detectors of a feed; `limits` as the kernel takes them."""

    detectors: list[TwinDetector]
    limits: Floats
    lags: int
    interval_s: float

    def update(
        self, count: Floats, expected: Floats, busy_s: Floats, clock: int
    ) -> tuple[list[int], list[float], list[list[float]]]:
        scores = [
            self._score(d, x, e) if clock == 0 else math.nan
            for d, x, e in zip(self.detectors, count, expected, strict=True)
        ]
        told = [
            self._judge(row, d, float(x), float(e), float(b), clock, scores)
            for row, (d, x, e, b) in enumerate(
                zip(self.detectors, count, expected, busy_s, strict=True)
            )
        ]
        return [t[0] for t in told], [t[1] for t in told], [t[2] for t in told]

    @staticmethod
    def _score(d: TwinDetector, x: float, e: float) -> float:
        if d.fault != SOUND or not 0.0 <= e <= 1e6:
            return math.nan
        return float((x - e) / (d.scatter * np.sqrt(e + 1.0)))

    def _judge(
        self,
        row: int,
        d: TwinDetector,
        x: float,
        e: float,
        busy_s: float,
        clock: int,
        scores: list[float],
    ) -> tuple[int, float, list[float]]:
        said = [0.0] * 7
        known = 0.0 <= e <= 1e6
        e = e if known else 0.0
        common = sum(
            weight * min(max(scores[k], -4.0), 4.0)
            for k, weight in d.neighbors
            if not math.isnan(scores[k])
        )
        sd = d.scatter * math.sqrt(e + 1.0)
        usual = max(e + common * sd, 0.1)
        sd *= d.innovation_sd
        d.usual.append(usual)
        d.believed.append(math.nan)
        if math.isnan(x):
            d.fault = MISSING
            return MISSING, 0.0, said
        most = min(d.capacity_veh, 1e6)
        if not 0.0 <= x <= most:
            d.fault = RANGE
            return RANGE, most, said
        if not known:
            d.fault = SOUND
            return SOUND, 0.0, said
        low, high = x < 0.5 * usual and usual - x > sd, x > 1.5 * usual and x - usual > sd
        if clock == 1 or (clock == 3 and low) or (clock == 2 and high):
            d.fault = SOUND
            return DAYLIGHT, usual, said
        found: list[tuple[int, float]] = []
        score = (x - usual) / sd
        said[2] = score if x > 1.5 * usual else 0.0
        if said[2] > self.limits[2] or x > busy_s / 0.1 + 1.0:
            found.append((CHATTER, usual))
        self._run(d, x, usual)
        said[0] = d.run_surprise
        held = busy_s >= 0.97 * self.interval_s and x < 0.5 * usual
        if held or said[0] > self.limits[0]:
            found.append((STUCK, float(len(d.run))))
        wide = max(1.0, d.scatter**2)
        d.silent_veh = d.silent_veh + usual / wide if x == 0.0 else 0.0
        said[1] = d.silent_veh
        if said[1] > self.limits[1]:
            found.append((DEAD, d.silent_veh * wide))
        if not found:
            if self._shift(d, x, usual, score, sd, said):
                counted = sum(c for c, _ in d.since_shift)
                found.append((LEVEL, counted / max(sum(u for _, u in d.since_shift), 1e-9)))
            d.believed[-1] = x
            keep = self.limits[8]
            d.drift_sums = (keep * d.drift_sums[0] + x, keep * d.drift_sums[1] + usual)
        late = self._lateness(row, d, said)
        if late:
            found.append((CLOCK, float(late)))
        ratio = math.log((d.drift_sums[0] + 1.0) / (d.drift_sums[1] + 1.0))
        said[6] = abs(ratio) / d.drift_sd if abs(ratio) > 0.14 else 0.0
        d.drifting = bool(said[6] > (0.7 if d.drifting else 1.0) * self.limits[6])
        if d.drifting:
            found.append((DRIFT, math.exp(ratio)))
        d.fault, evidence = found[0] if found else (SOUND, 0.0)
        return d.fault, evidence, said

    @staticmethod
    def _run(d: TwinDetector, x: float, usual: float) -> None:
        if not d.run or d.run[0][0] != x or x == 0.0:
            d.run, d.run_surprise = [(x, usual)], 0.0
            return
        d.run.append((x, usual))
        sd = max(d.scatter, 1.0) * math.sqrt(x + 1.0)
        off = min(abs(x - x * (usual + 1.0) / (d.run[0][1] + 1.0)) / sd, 2.0)
        density = min(1.0, 1.0 / math.sqrt(2.0 * math.pi) / sd)
        d.run_surprise += -math.log(density) + 0.5 * off * off

    def _shift(
        self, d: TwinDetector, x: float, usual: float, score: float, sd: float, said: list[float]
    ) -> bool:
        fall, climb = (
            min(max(delta * score - 0.5 * delta * delta, -6.0), 6.0)
            for delta in (-0.5 * usual / sd, usual / sd)
        )
        if d.shifted == 0:
            d.fall = min(max(d.fall + fall, 0.0), 200.0)
            d.climb = min(max(d.climb + climb, 0.0), 200.0)
            if d.fall == 0.0 and d.climb == 0.0:
                d.since_shift = []
            else:
                d.since_shift.append((x, usual))
            said[3], said[4] = d.fall, d.climb
            d.shifted = -1 if d.fall > self.limits[3] else 1 if d.climb > self.limits[4] else 0
            d.recovery = 0.0
            return d.shifted != 0
        d.recovery = max(d.recovery - (fall if d.shifted < 0 else climb), 0.0)
        if d.recovery > 0.7 * self.limits[3 if d.shifted < 0 else 4]:
            d.shifted, d.fall, d.climb, d.since_shift = 0, 0.0, 0.0, []
            return False
        d.since_shift.append((x, usual))
        return True

    def _lateness(self, row: int, d: TwinDetector, said: list[float]) -> int:
        lags, now = self.lags, len(d.usual) - 1
        if now < 2 * lags:
            return 0
        window = d.usual[now - 2 * lags :]
        x = d.believed[now - lags]
        if not d.timing_sums:
            d.timing_logs = [0.0] * (2 * lags + 1)
            d.timing_sums = [0.0] * (2 * lags + 1)
        if not math.isnan(x):
            keep = self.limits[7]
            d.timing_count = keep * d.timing_count + x
            d.timing_logs = [
                keep * s + x * math.log(u) for s, u in zip(d.timing_logs, window, strict=True)
            ]
            d.timing_sums = [keep * s + u for s, u in zip(d.timing_sums, window, strict=True)]
        if d.timing_sums[lags] <= 0.0:
            return 0
        if lags > 1 and (now + row) % lags != 0:
            return d.late
        fits = [
            logs - d.timing_count * math.log(total)
            for logs, total in zip(d.timing_logs, d.timing_sums, strict=True)
        ]
        best = max(range(2 * lags + 1), key=lambda j: (fits[j], j == lags, -j))
        gain = (fits[best] - fits[lags]) / max(1.0, d.scatter**2)
        said[5] = gain
        d.late = lags - best if gain > (0.7 if d.late else 1.0) * self.limits[5] else 0
        return d.late


def twin_imputed(
    residual: Floats, neighbor: NDArray[np.int32], covariance: Floats, ridge: float
) -> tuple[Floats, Floats]:
    """Conditional mean and variance of every residual given its live neighbors."""
    mean, variance = np.zeros(len(residual)), np.zeros(len(residual))
    for d in range(len(residual)):
        live = [k + 1 for k, n in enumerate(neighbor[d]) if n >= 0 and np.isfinite(residual[n])]
        own = covariance[d]
        matrix = own[np.ix_(live, live)] + ridge * np.eye(len(live))
        weight = np.linalg.solve(matrix, own[live, 0]) if live else np.zeros(0)
        seen = np.clip([residual[neighbor[d][k - 1]] for k in live], -4.0, 4.0)
        mean[d] = float(weight @ seen) if live else 0.0
        variance[d] = max(own[0, 0] - float(weight @ own[live, 0]), 0.0) if live else own[0, 0]
    return mean, variance


def twin_remains(mean: float, variance: float) -> tuple[float, float]:
    """Mean and variance of max(X, 0) for a normal X."""
    if variance < 1e-12:
        return max(mean, 0.0), 0.0
    sd = math.sqrt(variance)
    cut = stats.norm(mean, sd)
    above, height = float(cut.sf(0.0)), float(cut.pdf(0.0))
    # Moments of the part above zero; the derivative of the density gives both.
    first = mean * above + variance * height
    second = (mean**2 + variance) * above + mean * variance * height
    first = max(first, 0.0)
    return first, max(second - first**2, 0.0)


def twin_platoons(
    departed: Floats,
    service: Floats,
    outside: Floats,
    turns: list[tuple[int, int, float, int]],
    streams: list[tuple[int, int, float, float, float]],
    queue_now: Floats,
    now: int,
) -> tuple[Floats, Floats, Floats]:
    """Arrivals by link, departures by exit, queues by turn.

    `turns` are (link, exit, share, bins from where arrivals are seen on to the stop line).
    """
    rows, bins = departed.shape
    exits = 1 + max((turn[1] for turn in turns), default=-1)
    arrivals, left = outside.copy(), np.zeros((exits, bins))
    queues = np.zeros((rows, bins))
    flows = [0.0] * len(streams)
    variance = [0.0] * rows
    shown = np.full((rows, bins), np.nan)
    for b in range(bins):
        for s, (exit_row, link, share, delay, smoothing) in enumerate(streams):
            whole = math.floor(delay)
            part = delay - whole if whole >= 1 else 0.0
            came = 0.0
            for back, weight in ((max(whole, 1), 1.0 - part), (max(whole, 1) + 1, part)):
                came += weight * left[exit_row, b - back] if b - back >= 0 else 0.0
            flows[s] = smoothing * share * came + (1.0 - smoothing) * flows[s]
            arrivals[link, b] += flows[s]
        for t, (link, exit_row, share, late) in enumerate(turns):
            queue = queues[t, b - 1] if b else 0.0
            if b == now and np.isfinite(queue_now[t]):
                queue, variance[t] = queue_now[t], 0.0
            fresh = arrivals[link, b - late] * share if b >= late else 0.0
            queue, variance[t] = queue + fresh, variance[t] + fresh
            goes = departed[t, b]
            if np.isnan(goes):
                goes = 0.0
                if service[t, b] > 0:
                    stays, variance[t] = twin_remains(queue - service[t, b], variance[t])
                    goes = min(max(queue - stays, 0.0), service[t, b])
            queue -= goes
            shown[t, b] = departed[t, b]
            if np.isfinite(departed[t, b]) and b >= 3:
                last = np.s_[b - 3 : b + 1]
                if (service[t, last] > 0).all() and shown[t, last].sum() < (
                    0.6 * service[t, last].sum()
                ):
                    queue = variance[t] = 0.0
            queues[t, b] = queue
            left[exit_row, b] += goes
    return arrivals, left, queues
