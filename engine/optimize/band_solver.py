"""A small mixed-integer program over SCIP that can say which of its rules contradict.

The ``linear_solver`` interface of OR-Tools is used because its statuses are plain integers. The
newer interface rejects some option and model combinations in a way that its Python layer turns
into an ``AttributeError``, and it is therefore not called. SCIP runs on one thread with its
default seed, so a search not cut short by the clock gives the same answer every time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ortools.linear_solver import pywraplp

from engine.optimize.band_models import BandLimits, BandStatus
from network.errors import EngineError, InfeasibleError

Terms = dict[int, float]
"""A linear expression: coefficient of each variable, by its number."""

ONE = 0
"""The variable that is always 1, so that constants are terms like any other."""

DIAGNOSIS_NODES = 200
DIAGNOSIS_S = 5.0

INTEGER_SLACK = 1e-6
"""Room left when rounding the bounds of integers, against the last bits of a sum."""


def combined(*parts: tuple[float, Mapping[int, float]]) -> Terms:
    """Add up expressions, each with a factor."""
    total: Terms = {}
    for factor, terms in parts:
        for variable, coefficient in terms.items():
            total[variable] = total.get(variable, 0.0) + factor * coefficient
    return total


@dataclass(frozen=True, slots=True)
class Solved:
    """Values of the variables with the proof that goes along."""

    status: BandStatus
    values: tuple[float, ...]
    objective: float
    bound: float
    nodes: int
    seconds: float

    def value(self, terms: Mapping[int, float]) -> float:
        """Evaluate an expression."""
        return sum(c * self.values[variable] for variable, c in terms.items())


SETTINGS = """randomization/randomseedshift = 0
separating/maxrounds = 0
separating/maxroundsroot = 1
"""
"""Cutting planes hardly move the bound of these programs and used to take nine tenths of the
time: Little's fixed cases fell from 2 s to 0.02 s without them, MULTIBAND of 30 signals from
3.4 s to 0.4 s."""


class Program:
    """Variables, rules in named groups, and their solution."""

    def __init__(self) -> None:
        self._solver = pywraplp.Solver.CreateSolver("SCIP")
        if self._solver is None:
            raise EngineError("this build of OR-Tools comes without SCIP")
        self._variables = [self._solver.NumVar(1.0, 1.0, "")]
        self._ranges = [(1.0, 1.0)]
        self._groups: dict[str, list[tuple[float, float, object]]] = {}

    def number(self, low: float, high: float) -> Terms:
        """Add a continuous variable."""
        return self._added(self._solver.NumVar(low, high, ""), low, high)

    def integer(self, low: int, high: int) -> Terms:
        """Add an integer variable."""
        return self._added(self._solver.IntVar(low, high, ""), low, high)

    def _added(self, variable: object, low: float, high: float) -> Terms:
        self._variables.append(variable)
        self._ranges.append((low, high))
        return {len(self._variables) - 1: 1.0}

    def span(self, terms: Mapping[int, float]) -> tuple[float, float]:
        """Return the least and the greatest value that the variables' ranges allow."""
        low = high = 0.0
        for variable, coefficient in terms.items():
            ends = [coefficient * end for end in self._ranges[variable]]
            low, high = low + min(ends), high + max(ends)
        return low, high

    def require(
        self, group: str, terms: Mapping[int, float], low: float = -math.inf, high: float = math.inf
    ) -> None:
        """Keep an expression between two values; the group names the rule in messages."""
        rule = self._solver.Constraint(low, high, "")
        for variable, coefficient in terms.items():
            rule.SetCoefficient(self._variables[variable], coefficient)
        self._groups.setdefault(group, []).append((low, high, rule))

    def require_whole(self, group: str, terms: Mapping[int, float]) -> Terms:
        """Ask that an expression be an integer; return that integer."""
        low, high = self.span(terms)
        least, most = math.ceil(low - INTEGER_SLACK), math.floor(high + INTEGER_SLACK)
        if least > most:
            raise InfeasibleError(
                f"{group}: the times around it reach {low:.3f} to {high:.3f} cycles, never a "
                "whole number"
            )
        whole = self.integer(least, most)
        self.require(group, combined((1.0, terms), (-1.0, whole)), 0.0, 0.0)
        return whole

    def maximize(self, terms: Mapping[int, float], limits: BandLimits) -> Solved:
        """Solve.

        Raises
        ------
        InfeasibleError
            If the rules contradict; the message names a set of groups that do.
        EngineError
            If the limits ended the search before anything was found.
        """
        objective = self._solver.Objective()
        for variable, coefficient in terms.items():
            objective.SetCoefficient(self._variables[variable], coefficient)
        objective.SetMaximization()
        begin = time.perf_counter()
        status = self._run(limits)
        seconds = time.perf_counter() - begin
        if status == pywraplp.Solver.INFEASIBLE:
            raise InfeasibleError("no band exists: " + "; ".join(self._contradiction()))
        if status not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
            raise EngineError(
                f"the solver found no bands within {limits.time_s:g} s and {limits.nodes} nodes "
                f"(status {status})"
            )
        value, bound = float(objective.Value()), float(objective.BestBound())
        return Solved(
            BandStatus.OPTIMAL if status == pywraplp.Solver.OPTIMAL else BandStatus.FEASIBLE,
            tuple(float(variable.solution_value()) for variable in self._variables),
            value,
            max(value, bound),
            int(self._solver.nodes()),
            seconds,
        )

    def _run(self, limits: BandLimits) -> int:
        parameters = pywraplp.MPSolverParameters()
        parameters.SetDoubleParam(parameters.RELATIVE_MIP_GAP, limits.gap)
        self._solver.SetTimeLimit(max(1, round(1000 * limits.time_s)))
        settings = SETTINGS
        if limits.nodes >= 0:
            settings += f"limits/totalnodes = {limits.nodes}\n"
        if not self._solver.SetSolverSpecificParametersAsString(settings):
            raise EngineError("SCIP refused its settings")
        return int(self._solver.Solve(parameters))

    def _contradiction(self) -> Iterable[str]:
        """Drop every group without which the rules still contradict; what is left is to blame.

        A group whose part cannot be settled within a small search is dropped only if the rest
        is proven to contradict, so the answer always contradicts, if not always minimally.
        """
        self._solver.Objective().Clear()
        kept = dict(self._groups)
        limits = BandLimits(DIAGNOSIS_S, DIAGNOSIS_NODES)
        end = time.perf_counter() + DIAGNOSIS_S
        for name, rules in self._groups.items():
            if time.perf_counter() > end:
                break
            self._bound(rules, loose=True)
            if self._run(limits) == pywraplp.Solver.INFEASIBLE:
                del kept[name]
            else:
                self._bound(rules, loose=False)
        return tuple(kept)

    def _bound(self, rules: list[tuple[float, float, object]], loose: bool) -> None:
        for low, high, rule in rules:
            rule.SetBounds(*((-math.inf, math.inf) if loose else (low, high)))  # type: ignore[attr-defined]
