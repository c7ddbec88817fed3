"""Each signal on its own: its best phases and splits at every cycle length.

Traffic arrives evenly, and a plan costs what its steady cycle costs (`engine.measures.cyclic`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.measures import batch, batch_kernels, cyclic_kernels, program_kernels
from engine.measures import cyclic_arrays as columns
from engine.measures.batch_kernels import Part, Room
from engine.measures.cyclic import cost_weights
from engine.measures.cyclic_group import CyclicGroup, cyclic_group
from engine.measures.cyclic_service import fading, manners_of, single_manners
from engine.measures.delay import random_delay_s
from engine.measures.program_kernels import Singles
from engine.measures.street import Floats, Street
from engine.optimize import rings
from engine.optimize.problem import Choice, Limits
from engine.optimize.programs import Program, SignalPrograms
from network.errors import InsufficientDataError
from network.timing import TimingPlan

SCREENING_CYCLES_S = (40, 60, 90)
SEQUENCES_KEPT = 4
SEQUENCES_REFINED = 2
SPLIT_MOVES_S = (4, 2, 1)

LEAST_SERVED_VPS = 1e-5
"""A split that serves no more than this beyond another is not looked at further."""

LONG_DELAY_S = 55.0
"""A cycle longer than the one in force must not push a lane's mean delay past this, the limit
of level of service D (HCM 2010, exhibit 18-4), unless it is past it in force."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program of one signal with what it costs alone, vehicle-seconds per second.

    Attributes
    ----------
    cost, program
        Both as said.
    programs
        The signal's.
    """

    cost: float
    program: Program
    programs: SignalPrograms = field(repr=False, compare=False)

    @property
    def plan(self) -> TimingPlan:
        """The program as a plan, with offset 0."""
        return self.programs.plan(self.program, 0)


@dataclass(frozen=True, slots=True)
class Study:
    """What is worked out of a signal at once; the rest is when it is first asked for.

    Attributes
    ----------
    worst_lane_s
        Mean delay that no lane may pass at longer cycles, s.
    sequences
        Sequences that are worth trying.
    rough
        By cycle, their programs with what each costs, the cheapest first.
    """

    worst_lane_s: float
    sequences: tuple[tuple[int, ...], ...]
    rough: Mapping[int, tuple[tuple[float, Program], ...]]


class IsolatedSignal:
    """One signal as if nothing stood around it; programs are worked out when first asked for.

    Parameters
    ----------
    street
        The street under its demand.
    choice
        The signal and the sequences it may run.
    limits
        Cycle lengths to try.
    study
        What was worked out of this signal elsewhere.

    Raises
    ------
    InsufficientDataError
        If the signal carries no traffic.
    """

    def __init__(
        self, street: Street, choice: Choice, limits: Limits, study: Study | None = None
    ) -> None:
        self.choice = choice
        self._street, self._limits = street, limits
        self._manners = manners_of(street)
        self._single_manners = single_manners(street)
        self._made: CyclicGroup | None = None
        self._spaces: dict[int, tuple[Part, Singles, Room]] = {}
        self._whole: Part | None = None
        self._refined: dict[int, tuple[Candidate, ...]] = {}
        self._wanted_s = limits.locks.cycles_s
        name = choice.signal.signal_id
        row = street.signals.index(name)
        rows = np.flatnonzero(street.lanes.signal == row).tolist()
        # As `cyclic_group` has them: those who ride in the queues come last.
        rows += [rider.way for rider in street.riders if rider.signal == row]
        self.programs = SignalPrograms(choice, street, rows)
        if study is not None:
            self._in_force_lane_s = study.worst_lane_s
            self._sequences = list(study.sequences)
            self._rough = {
                cycle_s: tuple(Candidate(cost, program, self.programs) for cost, program in found)
                for cycle_s, found in study.rough.items()
            }
            return
        if not self._group.arrays.approach_vps.sum() > 0:
            raise InsufficientDataError(f"no traffic was counted at signal {name!r}")
        in_force = choice.in_force
        standing = Program(in_force.sequence, in_force.splits_s, in_force.cycle_s)
        self._in_force_lane_s = max(LONG_DELAY_S, self._worst_lane_s(standing))
        self._sequences = self._screened(limits)
        self._lengths = [
            cycle_s
            for cycle_s in cycle_lengths(limits)
            if choice.hold is None or choice.hold.allows_cycle(cycle_s)
            if any(self.programs.least_cycle_s(found) <= cycle_s for found in self._sequences)
        ]
        self._rough = self._by_cycle()
        if not self._rough:
            # Where every cycle that holds the phases is longer and crowded, somebody waits long
            # in any case; the search weighs it with the rest of the street.
            self._in_force_lane_s = float("inf")
            self._rough = self._by_cycle()

    def __reduce__(self) -> tuple[type[IsolatedSignal], tuple[Street, Choice, Limits, Study]]:
        """Travel light to other processes: without what can be laid out again there."""
        return IsolatedSignal, (self._street, self.choice, self._limits, self.study)

    @property
    def study(self) -> Study:
        """What was worked out of the signal at once."""
        rough = {
            cycle_s: tuple((candidate.cost, candidate.program) for candidate in found)
            for cycle_s, found in self._rough.items()
        }
        return Study(self._in_force_lane_s, tuple(self._sequences), rough)

    @property
    def _group(self) -> CyclicGroup:
        """The signal as arrays, laid out when first asked for."""
        if self._made is None:
            self._made = cyclic_group(self._street, [self.choice.signal.signal_id])
            arrays = self._made.arrays
            self._weights = cost_weights(self._made)
            self._ways = np.arange(arrays.way_lane.size, dtype=np.int32)
            self._lanes = np.arange(arrays.storage_veh.size, dtype=np.int32)
        return self._made

    @property
    def cycles_s(self) -> Mapping[int, float]:
        """Cycle lengths that hold the phases, each with the cost of a rough program."""
        return {cycle_s: found[0].cost for cycle_s, found in self._rough.items()}

    def roughly(self, cycle_s: int) -> Candidate:
        """Return the cheapest program at a cycle length of `cycles_s`, splits as allocated."""
        return self._rough[cycle_s][0]

    def candidates(self, cycle_s: int) -> tuple[Candidate, ...]:
        """Return programs at a cycle length, the cheapest first; empty where none fits."""
        if cycle_s not in self._refined:
            rough = self._rough.get(cycle_s, ())
            found = [self._refine(c) for c in rough[:SEQUENCES_REFINED]]
            found += rough[SEQUENCES_REFINED:]
            self._refined[cycle_s] = tuple(sorted(found, key=_order))
        return self._refined[cycle_s]

    def costs(self, programs: Sequence[Program]) -> Floats:
        """Return what programs of one cycle length cost, vehicle-seconds per second."""
        cycle_s = programs[0].cycle_s
        arrays = self._group.arrays
        tables = batch.empty_programs(arrays, len(programs), cycle_s)
        shown = self.programs.shown_each(programs, cycle_s)
        program_kernels.write_each(arrays, tables, self._ways, self._lanes, shown)
        costs = np.empty(len(programs))
        if cycle_s not in self._spaces:
            self._spaces = {
                cycle_s: (
                    batch.whole_part(arrays, cycle_s, self._whole),
                    fading(arrays, cycle_s).astype(np.float32),
                    batch.working_room(arrays, cycle_s),
                )
            }
        part, fades, room = self._spaces[cycle_s]
        self._whole = part
        batch_kernels.batch_costs(
            arrays,
            part,
            tables,
            fades,
            np.arange(len(programs), dtype=np.int32)[:, None],
            np.zeros((len(programs), 1), np.int32),
            self._single_manners,
            self._weights,
            room,
            costs,
        )
        return costs

    @property
    def lanes(self) -> NDArray[np.int32]:
        """Its lanes, as rows of the street."""
        return self._group.lanes

    def unserved_vps(self, part: float) -> tuple[Floats, int]:
        """Return what cannot be served of a part of the demand, however a long cycle is split.

        Parameters
        ----------
        part
            Of the street's demand.

        Returns
        -------
        unserved : ndarray
            By lane of `lanes`, veh/s: least in sum under the sequences and splits tried.
        cycle_s : int
            The longest cycle it may run, which loses least time.
        """
        cycle_s = max(self._rough)
        best: Floats | None = None
        for candidate in self._rough[cycle_s]:
            program = candidate.program
            found = self._unserved(program, part)
            for step_s in SPLIT_MOVES_S:
                improved = found.sum() > 0.0
                while improved:
                    improved = False
                    for moved in self.programs.moved(program, (step_s,)):
                        trial = self._unserved(moved, part)
                        if trial.sum() < found.sum() - LEAST_SERVED_VPS and self.choice.lawful(
                            self.programs.plan(moved, 0)
                        ):
                            program, found, improved = moved, trial, True
                            break
            if best is None or found.sum() < best.sum():
                best = found
            if not best.sum() > 0.0:
                break
        assert best is not None
        return best, cycle_s

    def _unserved(self, program: Program, part: float) -> Floats:
        results = self._solved(program)
        missing = part * results[:, columns.VOLUME] - results[:, columns.CAPACITY]
        return np.maximum(0.0, missing)

    def _solved(self, program: Program) -> Floats:
        """Solve a program's steady cycle; results by lane, as the kernel has them."""
        arrays = self._group.arrays
        shown = self.programs.shown(program, program.cycle_s).astype(np.float64)
        arrays.kind[:] = columns.MIXED
        results = np.zeros((arrays.storage_veh.size, columns.RESULTS))
        cyclic_kernels.profile(
            arrays,
            fading(arrays, program.cycle_s),
            shown,
            np.zeros(1, np.int32),
            self._manners,
            np.zeros((arrays.steady_vps.size, program.cycle_s)),
            np.zeros_like(shown),
            results,
        )
        return results

    def _worst_lane_s(self, program: Program) -> float:
        """Return the longest mean delay on any lane, s."""
        results = self._solved(program)
        period_s = float(self._weights[0, columns.PERIOD_S])
        volume, capacity = results[:, columns.VOLUME], results[:, columns.CAPACITY]
        busy = volume > 0
        growing = results[:, columns.GROWTH] / program.cycle_s * 0.5 * period_s
        fluid_s = (results[:, columns.DELAYED] + growing)[busy] / volume[busy]
        chance_s = random_delay_s(volume * period_s, capacity * period_s, period_s)[busy]
        return float((fluid_s + chance_s).max(initial=0.0))

    def _screened(self, limits: Limits) -> list[tuple[int, ...]]:
        """Return the sequences that do best at a few cycle lengths, that in force among them."""
        best: dict[tuple[int, ...], float] = {}
        for cycle_s in sorted({*SCREENING_CYCLES_S, *self._wanted_s}):
            within = limits.shortest_cycle_s <= cycle_s <= limits.longest_cycle_s
            if not within and cycle_s not in self._wanted_s:
                continue
            for found in self._judged(self.choice.sequences, cycle_s):
                sequence = found.program.sequence
                best[sequence] = min(found.cost, best.get(sequence, found.cost))
        ranked = sorted(best, key=lambda sequence: (best[sequence], sequence))
        full = self.choice.sequences[0]
        kept = ranked[:SEQUENCES_KEPT]
        return kept if full in kept else [*kept, full]

    def _judged(self, sequences: Sequence[tuple[int, ...]], cycle_s: int) -> list[Candidate]:
        allocated = (self.programs.allocated(sequence, cycle_s) for sequence in sequences)
        programs = [
            program
            for program in allocated
            if program is not None
            if self.choice.longest_wait_s is None
            or self.choice.patient(self.programs.plan(program, 0))
        ]
        costs = self.costs(programs) if programs else ()
        return [
            Candidate(float(cost), program, self.programs)
            for program, cost in zip(programs, costs, strict=True)
        ]

    def _by_cycle(self) -> dict[int, tuple[Candidate, ...]]:
        return {cycle_s: found for cycle_s in self._lengths if (found := self._allocated(cycle_s))}

    def _allocated(self, cycle_s: int) -> tuple[Candidate, ...]:
        longer = cycle_s > self.choice.in_force.cycle_s and cycle_s not in self._wanted_s
        found = [
            candidate
            for candidate in self._judged(self._sequences, cycle_s)
            if not longer or self._worst_lane_s(candidate.program) <= self._in_force_lane_s
        ]
        return tuple(sorted(found, key=_order))

    def _refine(self, rough: Candidate) -> Candidate:
        """Move seconds between phases while that helps."""
        best, cost = rough.program, rough.cost
        while moved := self.programs.moved(best, SPLIT_MOVES_S):
            costs = self.costs(moved)
            taken = self.first_lawful(moved, costs, cost * (1.0 - 1e-6))
            if taken is None:
                break
            best, cost = moved[taken], float(costs[taken])
        return Candidate(cost, best, self.programs)

    def first_lawful(self, programs: Sequence[Program], costs: Floats, below: float) -> int | None:
        """Return the cheapest program below a cost that is lawful; None where there is none."""
        for number in np.argsort(costs, kind="stable").tolist():
            if not costs[number] < below:
                return None
            if self.choice.lawful(self.programs.plan(programs[number], 0)):
                return int(number)
        return None


def cycle_lengths(limits: Limits) -> list[int]:
    """Return the cycle lengths to try, and those that are locked somewhere, s."""
    tried = range(limits.shortest_cycle_s, limits.longest_cycle_s + 1, limits.cycle_step_s)
    return sorted({*tried, *limits.locks.cycles_s})


def split_moves(choice: Choice, plan: TimingPlan, step_s: int) -> list[TimingPlan]:
    """Return the plans that take some seconds from one phase and give them to another."""
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    moved = (
        replace(plan, splits_s=tuple(changed[number] for number in plan.sequence))
        for changed in rings.moves(choice.phasing, plan.sequence, splits, step_s, choice.bounds)
    )
    return [candidate for candidate in moved if choice.lawful(candidate)]


def _order(candidate: Candidate) -> tuple[float, tuple[int, ...]]:
    return (candidate.cost, candidate.program.sequence)
