"""Plain twins of the kernels of turning and of warnings, in matrices.

They follow the descriptions in `engine.forecast.share_kernels` and `link_kernels`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TINY = 1e-6


@dataclass
class TwinJunction:
    """One junction: which approach each turn leaves, and which turns each count sums."""

    approach: NDArray[np.int64]  # per turn
    sums: Floats  # [count, turn] of 0 and 1
    noise: Floats
    share: Floats
    covariance: Floats
    flow: Floats
    flow_variance: Floats
    turn: Floats
    turn_variance: Floats

    def update(self, count: Floats, drift: float, scatter: float) -> None:
        approaches = len(self.flow)
        member = (self.approach[None, :] == np.arange(approaches)[:, None]).astype(float)
        heard = np.flatnonzero((count >= 0) & (count <= 1e6))
        if heard.size:
            self._flows(count, heard, member, scatter)
            for o in heard:
                self._correct(count[o], o, member, scatter)
            self._restore(member)
            self._balance(count, heard, member, scatter)
        else:
            self.turn = self.flow[self.approach] * self.share
        q, p = self.flow[self.approach], self.share
        self.turn_variance = (
            q**2 * np.diag(self.covariance)
            + p**2 * self.flow_variance[self.approach]
            + scatter * q * p * (1 - p)
        )
        size = member.sum(axis=1)[self.approach]
        same = self.approach[:, None] == self.approach[None, :]
        spread = np.eye(len(p)) - 1.0 / size[:, None]
        self.covariance = self.covariance + drift**2 * spread * same

    def _flows(
        self, count: Floats, heard: NDArray[np.int64], member: Floats, scatter: float
    ) -> None:
        before = self.flow.copy()
        matrix = np.diag(1.0 / (before + 10.0) ** 2)
        right = before / (before + 10.0) ** 2
        for o in heard:
            y = count[o]
            parts = member @ (self.sums[o] * self.share)
            direction = self.sums[o] * before[self.approach]
            variance = (
                (self.noise[o] * y) ** 2
                + TINY
                + direction @ self.covariance @ direction
                + sum(
                    scatter * max(p * (1 - p), 0.0) * max(f, y / len(before))
                    for p, f in zip(parts, before, strict=True)
                )
            )
            variance = max(variance, TINY)
            matrix += np.outer(parts, parts) / variance
            right += parts * y / variance
        inverse = np.linalg.inv(matrix)
        self.flow = np.maximum(inverse @ right, 0.0)
        self.flow_variance = np.diag(inverse).copy()

    def _correct(self, y: float, o: int, member: Floats, scatter: float) -> None:
        parts = member @ (self.sums[o] * self.share)
        noise = (self.noise[o] * y) ** 2 + TINY
        noise += float(np.sum(scatter * np.maximum(parts * (1 - parts), 0) * self.flow))
        noise += float(np.sum(parts**2 * self.flow_variance))
        direction = self.sums[o] * self.flow[self.approach]
        towards = self.covariance @ direction
        own = float(direction @ towards)
        if not own > 0 or (np.abs(towards) <= 1e-12).all():
            return
        expected = float(direction @ self.share)
        self.share = self.share + towards / (own + noise) * (y - expected)
        self.covariance = self.covariance - np.outer(towards, towards) / (own + noise)

    def _restore(self, member: Floats) -> None:
        for _ in range(2 * len(self.share)):
            low = int(np.argmin(self.share))
            own = self.covariance[low, low]
            if self.share[low] >= -1e-9 or own < 1e-9:
                break
            self.share = self.share - self.covariance[:, low] * self.share[low] / own
        for row in member.astype(bool):
            self.share[row] = nearest_of_simplex(self.share[row])

    def _balance(
        self, count: Floats, heard: NDArray[np.int64], member: Floats, scatter: float
    ) -> None:
        q, p = self.flow[self.approach], self.share
        x = q * p
        free = scatter * q * p * (1 - p) + q**2 * np.diag(self.covariance)
        for _ in range(30):
            for o in heard:
                total = float(self.sums[o] @ x)
                if total <= 0:
                    continue
                slack = float(self.sums[o] @ free)
                trust = slack / (slack + (self.noise[o] * count[o]) ** 2 + TINY**2)
                factor = (max(count[o], TINY) / total) ** trust
                x = np.where(self.sums[o] > 0, x * factor, x)
            totals = member @ x
            for a, total in enumerate(totals):
                if total > 0:
                    x = np.where(member[a] > 0, x * self.flow[a] / total, x)
        self.turn = x


def nearest_of_simplex(values: Floats) -> Floats:
    """The nearest point with no entry below 0 and sum 1, by lifting what is negative.

    Michelot's method: drop what is negative, lower the rest evenly, again and again.
    """
    kept = np.maximum(values, 0.0)
    for _ in values:
        above = kept > 0
        if not above.any():
            return np.full(len(values), 1.0 / len(values))
        lowered = np.where(above, kept - (kept[above].sum() - 1.0) / above.sum(), 0.0)
        if (lowered >= 0).all():
            return lowered
        kept = np.maximum(lowered, 0.0)
    return kept


@dataclass
class TwinLink:
    """One link with the sums of its evidence."""

    in_scatter: float
    out_scatter: float
    follows: tuple[float, float]
    crowd_sd: float
    most_step: float
    entered_before: float = 0.0
    drop: float = 0.0
    crowd: float = 0.0
    both: float = 0.0
    drop_missing: list[float] = field(default_factory=list)
    crowd_since: int = 0
    calm: int = 0
    warned: bool = False

    def update(
        self,
        inflow: tuple[float, float],
        outflow: tuple[float, float],
        crowd: tuple[float, float],
        limits: Floats,
    ) -> list[float]:
        crowded = 0.0
        more = (inflow[0] + 1) / (inflow[1] + 1)
        excess = crowd[0] - crowd[1] * (more if more > 1 else 1.0)
        if not math.isnan(excess):
            crowded = 3.0 * excess / self.crowd_sd - 4.5
            crowded = min(max(crowded, -self.most_step), self.most_step)
        entered = 0.0
        if inflow[1] >= 0 and not math.isnan(inflow[0]):
            entered = (inflow[0] - inflow[1]) / (self.in_scatter * math.sqrt(inflow[1] + 1))
            entered = min(max(entered, -4.0), 4.0)
        if crowded > 0:
            entered = max(entered, 0.0)
        follows = self.follows[0] * entered + self.follows[1] * self.entered_before
        self.entered_before = entered
        step = missing = 0.0
        if outflow[0] >= 0 and outflow[1] >= 0:
            root = math.sqrt(outflow[1] + 1)
            usual = max(outflow[1] + follows * root, 0.1)
            sd = self.out_scatter * root
            delta = 0.35 * usual / sd
            missing = usual - outflow[0]
            step = delta * missing / sd - 0.5 * delta**2
            step = min(max(step, -self.most_step), self.most_step)
        self.drop = min(max(self.drop + step, 0.0), 200.0)
        self.crowd = min(max(self.crowd + crowded, 0.0), 200.0)
        self.both = min(max(self.both + min(step, crowded), 0.0), 200.0)
        sums = [self.drop, self.crowd, self.both]
        if self.drop > 0 or (self.warned and self.drop_missing):
            self.drop_missing.append(missing)
        else:
            self.drop_missing = []
        self.crowd_since = (
            self.crowd_since + 1 if self.crowd > 0 or (self.warned and self.crowd_since) else 0
        )
        self.warned = self.warned or any(s > most for s, most in zip(sums, limits, strict=True))
        self.calm = self.calm + 1 if step <= 0 and crowded <= 0 else 0
        if self.warned and self.calm >= 3:
            self.warned, self.drop, self.crowd, self.both = False, 0.0, 0.0, 0.0
            self.drop_missing, self.crowd_since = [], 0
        return sums
