"""The plain twin of `engine.adaptive.kernels`: the same search, with lists and copies."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field

import numpy as np

from engine.adaptive import kernels as k
from engine.adaptive.kernels import Floats, Integers, Layout, Now


def expected_arrivals(
    lane: Integers,
    at_m: Floats,
    mps: Floats,
    weight: Floats,
    free_mps: Floats,
    accel_mps2: float,
    late_s: float,
    arrivals: Floats,
) -> None:
    for row, distance, speed, count in zip(lane, at_m, mps, weight, strict=True):
        free = free_mps[row]
        lost_s = max(0.0, free - speed) ** 2 / (2.0 * accel_mps2 * free)
        second = int(max(0.0, distance / free + lost_s - late_s))
        if second < arrivals.shape[1]:
            arrivals[row, second] += count


@dataclass
class History:
    stage: int
    before: int
    clearing: int
    green: int
    queue: list[float]
    credit: list[float]
    left: list[float]
    cost: float = 0.0
    rank: float = 0.0
    path: list[tuple[int, int]] = field(default_factory=list)


class Search:
    def __init__(self, layout: Layout, now: Now, costs: Floats, width: int) -> None:
        self.layout, self.now, self.costs, self.width = layout, now, costs, width
        self.stages = len(layout.least_s)
        self.lanes, self.horizon = now.arrivals.shape

    def first(self) -> History:
        state = [int(value) for value in self.now.state]
        return History(
            state[k.STAGE],
            state[k.BEFORE],
            state[k.CLEARING],
            state[k.GREEN],
            [0.0] * self.lanes,
            list(self.now.credit),
            list(self.layout.limit_veh[state[k.STAGE]]),
        )

    def rate(self, stage: int, lane: int) -> float:
        return float(self.layout.rate_vps[stage, lane])

    def against(self, h: History, shown: int, lane: int, t: int) -> float:
        total = 0.0
        for row in range(self.layout.first_foe[lane], self.layout.first_foe[lane + 1]):
            part, foe = self.layout.foe_share[shown, row], self.layout.foe[row]
            if part > 0.0:
                coming = self.now.arrivals[foe, t : t + k.GAP_S].sum()
                total += part * (k.WAITING_FOE * min(h.queue[foe], k.MOST_FOES) + coming)
        return total

    def second(self, h: History, t: int) -> tuple[float, list[float]]:
        whole = self.layout.clear_s[h.before, h.stage]
        runs_on = h.clearing > 0 and whole - h.clearing < self.costs[3]
        cost, out = 0.0, []
        for lane in range(self.lanes):
            shown = h.before if runs_on else h.stage
            rate = self.rate(shown, lane)
            if h.clearing > 0 and not runs_on and self.rate(h.before, lane) <= 0.0:
                rate = 0.0
            came, gone = self.now.arrivals[lane, t], 0.0
            if rate > 0.0 and t >= self.now.held_s[lane]:
                rate *= self.now.factor[shown, lane]
                share = self.layout.permitted[shown, lane]
                if share > 0.0:
                    gap = max(k.LEAST_GAP_SHARE, math.exp(-self.against(h, shown, lane, t)))
                    rate /= 1.0 - share + share / gap
                h.credit[lane] = min(1.0, h.credit[lane] + rate)
                gone = min(h.queue[lane] + came, max(0.0, h.credit[lane]), h.left[lane])
                h.credit[lane] -= gone
                h.left[lane] -= gone
            rest = h.queue[lane] + came - gone
            if came > 0.0 and rest > 0.0:
                cost += self.now.weight[lane] * self.costs[1] * min(came, rest)
            h.queue[lane] = rest
            cost += self.now.weight[lane] * rest
            out.append(float(gone))
        if h.clearing > 0:
            h.clearing -= 1
            if h.clearing == 0:
                self.open(h)
        else:
            h.green += 1
        return cost, out

    def open(self, h: History) -> None:
        for lane in range(self.lanes):
            rate = self.rate(h.stage, lane)
            if rate > 0.0 and self.rate(h.before, lane) <= 0.0:
                h.credit[lane] = k.HALF - rate * self.costs[0]

    def leave(self, h: History, target: int) -> None:
        for lane in range(self.lanes):
            if self.rate(target, lane) <= 0.0:
                h.queue[lane] -= min(h.queue[lane], self.layout.sneak_veh[h.stage, lane])
        h.left = list(self.layout.limit_veh[target])
        h.clearing = int(self.layout.clear_s[h.stage, target])
        h.before, h.stage, h.green = h.stage, target, 0
        if h.clearing == 0:
            self.open(h)

    def outlook(self, h: History) -> float:
        total = 0.0
        for lane in range(self.lanes):
            best = max(self.layout.rate_vps[:, lane])
            waiting = h.queue[lane]
            if waiting <= k.TINY or best <= 0.0:
                continue
            until = float(h.clearing)
            if self.rate(h.stage, lane) <= 0.0:
                ways = [
                    float(self.layout.clear_s[h.stage, j])
                    for j in range(self.stages)
                    if self.layout.clear_s[h.stage, j] >= 0 and self.rate(j, lane) > 0.0
                ]
                until += max(0, self.layout.least_s[h.stage] - h.green) + min([30.0, *ways])
            total += self.now.weight[lane] * waiting * (until + 0.5 * waiting / best)
        return total

    def may_leave(self, h: History, target: int, green_s: float) -> bool:
        return (
            h.stage != target
            and h.clearing == 0
            and h.green >= green_s
            and self.layout.clear_s[h.stage, target] >= 0
            and len(h.path) < k.MOST_CHANGES - 1
        )

    def run(self) -> tuple[float, Floats, list[tuple[int, int]]]:
        histories = [self.first()]
        for t in range(self.horizon):
            fade = math.exp(-t / self.costs[2])
            fresh: list[History] = []
            for h in histories:
                least_s = self.layout.least_s[h.stage]
                able = [s for s in range(self.stages) if self.may_leave(h, s, least_s)]
                if self.now.over[h.stage, t] and able:
                    h.path.append((t, able[0]))
                    self.leave(h, able[0])
            if t < self.horizon - k.TAIL_S and (t < k.FINE_S or t % k.COARSE_S == 0):
                for target in range(self.stages):
                    ready = [
                        h
                        for h in histories
                        if self.may_leave(h, target, self.now.need_s[h.stage, t])
                    ]
                    for h in sorted(ready, key=lambda h: h.rank)[: self.width]:
                        child = copy.deepcopy(h)
                        child.path.append((t, target))
                        self.leave(child, target)
                        fresh.append(child)
            histories += fresh
            for h in histories:
                h.cost += fade * self.second(h, t)[0]
            if not fresh and t < self.horizon - 1:
                continue
            for h in histories:
                h.rank = h.cost + fade * self.outlook(h)
            if len(histories) > self.width * self.stages:
                kept = []
                for stage in range(self.stages):
                    mine = [h for h in histories if h.stage == stage]
                    kept += sorted(mine, key=lambda h: h.rank)[: self.width]
                chosen = {id(h) for h in kept}
                histories = [h for h in histories if id(h) in chosen]
        best = min(histories, key=lambda h: h.rank)
        again, departures = self.first(), []
        changes = dict(best.path)
        for t in range(self.horizon):
            if t in changes:
                self.leave(again, changes[t])
            departures.append(self.second(again, t)[1])
        return best.rank, np.array(departures).T, best.path
