"""The band program laid out: variables and rules of arterials, and the bands read back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from engine.optimize.band_loops import Arc, basis_cycles, potentials
from engine.optimize.band_models import (
    ArterialBands,
    Balance,
    BandArterial,
    BandLimits,
    BandLink,
    BandResult,
    BandStop,
    DirectionBands,
    LeftPattern,
)
from engine.optimize.band_solver import ONE, Program, Solved, Terms, combined
from network.errors import InfeasibleError

Way = Literal["outbound", "inbound"]

CycleRange = tuple[float, float]
"""Shortest and longest cycle, s; equal where the cycle is fixed."""


def link_weights(arterial: BandArterial, exponent: float) -> tuple[list[float], list[float]]:
    """Return the weights (V/S)^p of MULTIBAND, outbound and inbound, in link order."""
    links = (*arterial.outbound, *arterial.inbound)
    weights = [
        (link.volume_vph / link.saturation_vph) ** exponent if link.volume_vph else 0.0
        for link in links
    ]
    if not any(weights):
        weights = [1.0] * len(links)
    return weights[: len(arterial.outbound)], weights[len(arterial.outbound) :]


@dataclass(frozen=True, slots=True)
class Rules:
    balance: Balance
    may_drop: bool
    by_link: bool = False
    exponent: float = 1.0


@dataclass(frozen=True, slots=True)
class _Direction:
    """Expressions of one direction; lists by link or by stop, in outbound order."""

    widths: list[Terms]
    edges: list[Terms]
    times: list[Terms]


@dataclass(frozen=True, slots=True)
class _Laid:
    """Expressions of an arterial."""

    outbound: _Direction
    inbound: _Direction | None
    lags: list[tuple[Terms, Terms] | None]


class BandProgram:
    """The program of some arterials under some rules."""

    def __init__(
        self, arterials: tuple[BandArterial, ...], cycle_s: CycleRange, rules: Rules
    ) -> None:
        shortest_s, longest_s = cycle_s
        if not 0.0 < shortest_s <= longest_s < math.inf:
            raise InfeasibleError(
                f"cycles of {shortest_s:g} to {longest_s:g} s are no range above 0"
            )
        names = [arterial.name for arterial in arterials]
        if not names or len(set(names)) != len(names):
            raise InfeasibleError(f"arterials need different names, found {names}")
        self.arterials, self.rules = arterials, rules
        self.program = Program()
        fixed = shortest_s == longest_s
        self.per_cycle = (
            {ONE: 1.0 / longest_s} if fixed else self.program.number(1 / longest_s, 1 / shortest_s)
        )
        self.arcs: list[Arc] = []
        self.laid = [self._lay(arterial) for arterial in arterials]
        for name, cycle in basis_cycles(self.arcs):
            around = combined(*((float(sign), arc.tension) for sign, arc in cycle))
            self.program.require_whole(name, around)

    def solve(self, limits: BandLimits) -> BandResult:
        goal = combined(
            *((1.0, self._goal(a, laid)) for a, laid in zip(self.arterials, self.laid, strict=True))
        )
        solved = self.program.maximize(goal, limits)
        cycle_s = 1.0 / solved.value(self.per_cycle)
        return BandResult(
            status=solved.status,
            cycle_s=cycle_s,
            offsets=potentials(self.arcs, solved.value),
            arterials={
                arterial.name: _found(arterial, laid, solved, cycle_s)
                for arterial, laid in zip(self.arterials, self.laid, strict=True)
            },
            objective=solved.objective,
            bound=solved.bound,
            gap=(solved.bound - solved.objective) / solved.bound if solved.bound > 0 else 0.0,
            nodes=solved.nodes,
            seconds=solved.seconds,
        )

    def _lay(self, arterial: BandArterial) -> _Laid:
        lags = [self._lags(arterial, stop) for stop in arterial.stops]
        out = self._direction(arterial, "outbound", lags)
        back = self._direction(arterial, "inbound", lags) if arterial.inbound else None
        if back is not None:
            self._balance(arterial, out, back)
        return _Laid(out, back, lags)

    def _lags(self, arterial: BandArterial, stop: BandStop) -> tuple[Terms, Terms] | None:
        """Return the binaries that say which left turns lag."""
        if not stop.patterns:
            return None
        out, back = self.program.integer(0, 1), self.program.integer(0, 1)
        group = f"left turns of {stop.signal!r} on {arterial.name!r}"
        for pattern in LeftPattern:
            if pattern not in stop.patterns:
                lag_out, lag_back = pattern.value
                other = combined(
                    ((1.0 - 2.0 * lag_out), out),
                    ((1.0 - 2.0 * lag_back), back),
                    (float(lag_out + lag_back), {ONE: 1.0}),
                )
                self.program.require(group, other, low=1.0)
        return out, back

    def _direction(
        self, arterial: BandArterial, way: Way, lags: list[tuple[Terms, Terms] | None]
    ) -> _Direction:
        links = arterial.outbound if way == "outbound" else arterial.inbound
        reds = [s.red_out if way == "outbound" else s.red_in for s in arterial.stops]
        times = self._times(arterial, way, links)
        widths, edges = self._widths(arterial, way, reds)
        centers = [_center(stop, way, lag) for stop, lag in zip(arterial.stops, lags, strict=True)]
        for i, time in enumerate(times):
            a, b = (i, i + 1) if way == "outbound" else (i + 1, i)
            queue_s = (
                arterial.stops[b].queue_out_s if way == "outbound" else arterial.stops[b].queue_in_s
            )
            tension = combined(
                (1.0, centers[a]),
                (0.5 * (reds[a] - reds[b]), {ONE: 1.0}),
                (1.0, edges[a]),
                (1.0, time),
                (-1.0, centers[b]),
                (-1.0, edges[b]),
                (-queue_s, self.per_cycle),
            )
            ends = arterial.stops[a].signal, arterial.stops[b].signal
            self.arcs.append(Arc(*ends, arterial.name, tension))
        return _Direction(widths, edges, times)

    def _times(self, arterial: BandArterial, way: Way, links: tuple[BandLink, ...]) -> list[Terms]:
        """Running time over each link, part of the cycle."""
        program, per_cycle = self.program, self.per_cycle
        least, most = program.span(per_cycle)
        times: list[Terms] = []
        for link in links:
            if link.shortest_s == link.longest_s:
                times.append(combined((link.shortest_s, per_cycle)))
                continue
            time = program.number(link.shortest_s * least, link.longest_s * most)
            group = f"speeds of {arterial.name!r} {way}"
            program.require(group, combined((1.0, time), (-link.shortest_s, per_cycle)), low=0.0)
            program.require(group, combined((1.0, time), (-link.longest_s, per_cycle)), high=0.0)
            times.append(time)
        change = arterial.slowness_change_s_per_m
        if math.isfinite(change):
            group = f"speed changes of {arterial.name!r} {way}"
            for i in range(len(links) - 1):
                here, there = links[i].distance_m, links[i + 1].distance_m
                step = combined((here / there, times[i + 1]), (-1.0, times[i]))
                reach = here * change
                program.require(group, combined((1.0, step), (-reach, per_cycle)), high=0.0)
                program.require(group, combined((1.0, step), (reach, per_cycle)), low=0.0)
        return times

    def _widths(
        self, arterial: BandArterial, way: Way, reds: list[float]
    ) -> tuple[list[Terms], list[Terms]]:
        """Band over each link and where it lies in the green of each stop."""
        program, may_drop, by_link = self.program, self.rules.may_drop, self.rules.by_link
        group = f"greens of {arterial.name!r} {way}"
        # A signal that is never red, or a direction that need not have a band, stops no line.
        edges = [program.number(0.0, 1.0 - red if red and not may_drop else 1.0) for red in reds]
        pairs = list(pairwise(reds))
        if by_link:
            widths = [program.number(0.0, 1.0 - max(pair)) for pair in pairs]
        else:
            widths = [program.number(0.0, 1.0 - max(reds))] * len(pairs)
        driven = program.integer(0, 1) if may_drop else {ONE: 1.0}
        if may_drop:
            for width in widths:
                most = program.span(width)[1]
                program.require(group, combined((1.0, width), (-most, driven)), high=0.0)
        for i, red in enumerate(reds):
            if not red:
                continue
            own = [widths[i - 1]] if i else []
            own += [widths[i]] if i < len(widths) else []
            for width in own if by_link else own[:1]:
                ahead = 0.5 if by_link else 1.0
                end = combined((1.0, edges[i]), (ahead, width), (red, driven))
                program.require(group, end, high=1.0)
                if by_link:
                    program.require(group, combined((1.0, edges[i]), (-0.5, width)), low=0.0)
        return widths, edges

    def _balance(self, arterial: BandArterial, out: _Direction, back: _Direction) -> None:
        group = f"target ratio of {arterial.name!r}"
        count = len(out.widths) if self.rules.by_link else 1
        for i in range(count):
            ratio = self._ratio(arterial, i)
            difference = combined((1.0, back.widths[i]), (-ratio, out.widths[i]))
            if self.rules.balance is Balance.EQUAL:
                self.program.require(group, difference, 0.0, 0.0)
            elif self.rules.balance is Balance.TARGET and ratio != 1.0:
                # Only the sign of 1 - k: near k = 1 the factor itself would drown the rule in
                # the solver's tolerance.
                sign = math.copysign(1.0, 1.0 - ratio)
                self.program.require(group, combined((sign, difference)), low=0.0)

    def _ratio(self, arterial: BandArterial, link: int) -> float:
        there, back = arterial.outbound[link].volume_vph, arterial.inbound[link].volume_vph
        return back / there if self.rules.by_link and there and back else arterial.ratio

    def _goal(self, arterial: BandArterial, laid: _Laid) -> Terms:
        out, back = laid.outbound.widths, laid.inbound.widths if laid.inbound else []
        if self.rules.by_link:
            out_weights, back_weights = link_weights(arterial, self.rules.exponent)
            share = arterial.weight / len(out)
            return combined(
                *((share * a, b) for a, b in zip(out_weights, out, strict=True)),
                *((share * a, b) for a, b in zip(back_weights, back, strict=True)),
            )
        ends = [(arterial.weight, out[0])]
        ends += [(arterial.weight * arterial.ratio, back[0])] if back else []
        return combined(*ends)


def _center(stop: BandStop, way: Way, lags: tuple[Terms, Terms] | None) -> Terms:
    """Center of a direction's red behind the reference point.

    The opposing left turn lengthens the red: after the shared red where it leads, before it
    where it lags.
    """
    center = stop.center_out if way == "outbound" else stop.center_in
    if lags is None:
        return {ONE: center}
    left, lag = (stop.left_in, lags[1]) if way == "outbound" else (stop.left_out, lags[0])
    return combined((center + 0.5 * left, {ONE: 1.0}), (-left, lag))


def _found(arterial: BandArterial, laid: _Laid, solved: Solved, cycle_s: float) -> ArterialBands:
    patterns = tuple(
        None if lag is None else LeftPattern(tuple(round(solved.value(each)) for each in lag))
        for lag in laid.lags
    )
    back = laid.inbound
    return ArterialBands(
        _bands(arterial.outbound, laid.outbound, solved, cycle_s),
        None if back is None else _bands(arterial.inbound, back, solved, cycle_s),
        patterns,
    )


def _bands(
    links: tuple[BandLink, ...], laid: _Direction, solved: Solved, cycle_s: float
) -> DirectionBands:
    times_s = tuple(cycle_s * solved.value(time) for time in laid.times)
    return DirectionBands(
        widths=tuple(max(0.0, solved.value(width)) for width in laid.widths),
        edges=tuple(max(0.0, solved.value(edge)) for edge in laid.edges),
        link_times_s=times_s,
        speeds_mps=tuple(
            link.distance_m / time_s if time_s > 0 else math.inf
            for link, time_s in zip(links, times_s, strict=True)
        ),
    )
