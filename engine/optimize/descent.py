"""Coordinate descent over a coordination group on its steady cycle.

What a signal's program and offset cost is decided at its own lanes and at those its traffic
reaches next. Only these are solved, for all offsets and many programs of the signal at once,
while the profiles around them stand still. The best is taken if solving two signals downstream
confirms it; after each sweep the whole group is solved, and a sweep that did not lower its cost is
undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import networkx as nx
import numpy as np

from engine.measures import batch, batch_kernels, program_kernels
from engine.measures import cyclic_arrays as columns
from engine.measures import cyclic_kernels as kernels
from engine.measures.batch_kernels import Part
from engine.measures.cyclic import cost_weights
from engine.measures.cyclic_service import fading, manners_of, single_manners
from engine.measures.program_kernels import Programs
from engine.measures.street import Floats, Integers
from engine.measures.vector_kernels import WIDTH
from engine.optimize.isolated import Candidate
from engine.optimize.problem import Choice
from engine.optimize.programs import Program, SignalPrograms
from engine.optimize.surroundings import Surroundings
from network.timing import TimingPlan

LEAST_GAIN = 1e-4
"""Part of the affected lanes' cost that a move has to save."""

LEAST_SWEEP_GAIN = 1e-3
MOST_SWEEPS = 8
SPLIT_STEPS_S = (1, 2, 4)
COARSE_S = 3
"""Offsets are tried this far apart at first, those of another sequence `SEQUENCE_STEP_S` apart, and
those of other splits only `NEAR_S` from the present one."""

NEAR_S = (-3, 0, 3)
SEQUENCE_STEP_S = 6
FINE = 3
"""Of what was tried, the best so many are tried at the seconds next to them."""

FINE_STEPS_S = (-2, -1, 1, 2)
MOST_TRIALS = 96
LARGEST_BLOCKS = 60
"""Signals of a group up to which everything behind a signal is also moved as a whole."""

Trial = tuple[int, int]
"""Number of a program, and the second of system time at which its first phases begin."""

Setting = tuple[Program, int]
"""A program, and the second of system time at which its first phases begin."""


class Programmed(Protocol):
    """What the descent needs of a signal: `IsolatedSignal` has it."""

    @property
    def choice(self) -> Choice:
        """The signal and the sequences it may run."""

    @property
    def programs(self) -> SignalPrograms:
        """What it may run, prepared for counting."""

    def candidates(self, cycle_s: int) -> Sequence[Candidate]:
        """Return programs of other sequences that are worth trying at a cycle."""


class Descent:
    """A group at one cycle with its present programs and offsets.

    Parameters
    ----------
    surroundings
        The group.
    isolated
        Its signals alone, for their programs.
    cycle_s
        The common cycle.
    settings
        By signal, where to start; a program's cycle is the common one or half of it.
    halted
        Asked before every signal.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        isolated: Mapping[str, Programmed],
        cycle_s: int,
        settings: Mapping[str, Setting],
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.surroundings = surroundings
        self.group = group = surroundings.group
        self.cycle_s = cycle_s
        self._isolated, self._halted = isolated, halted
        arrays = group.arrays
        ways, lanes = arrays.way_lane.size, arrays.storage_veh.size
        most = max(found.size for found in surroundings.ways)
        tables = batch.empty_programs(arrays, 1, cycle_s)
        self._tables = Programs(
            np.zeros((ways + MOST_TRIALS * most, 2 * cycle_s), np.uint16),
            np.zeros((ways + MOST_TRIALS * most, 2 * cycle_s), np.uint16),
            tables.row,
            np.zeros(ways, np.int32),
            np.zeros((MOST_TRIALS, lanes), np.int32),
            np.zeros(len(group.signals), np.int32),
        )
        self._service = np.zeros((ways, cycle_s))
        self._begin_s = np.zeros(len(group.signals), np.int32)
        self._inflow = np.zeros((arrays.steady_vps.size, cycle_s))
        self._departures = np.zeros((ways, cycle_s))
        self._still = (
            np.zeros(self._departures.shape, np.float32),
            np.zeros(self._inflow.shape, np.float32),
        )
        self._results = np.zeros((lanes, columns.RESULTS))
        self._fading = fading(arrays, cycle_s)
        self._single_fading = self._fading.astype(np.float32)
        self._manners = manners_of(group.street)
        self._single_manners = single_manners(group.street)
        self._weights = cost_weights(group)
        self._room = batch.working_room(arrays, cycle_s)
        self.settings: dict[str, Setting] = {}
        self.evaluations = 0
        for name, setting in settings.items():
            self._set(name, setting)
        self.cost = self._solve()

    def plans(self) -> dict[str, TimingPlan]:
        """Return the present settings as plans."""
        return {
            name: self._isolated[name].programs.plan(program, begin_s)
            for name, (program, begin_s) in self.settings.items()
        }

    def descend(self, full: bool, sweeps: int = MOST_SWEEPS) -> float:
        """Improve signal after signal until a sweep gains next to nothing.

        Parameters
        ----------
        full
            Whether programs change as well, not only offsets.
        sweeps
            At most so many; the later ones only go where something changed.

        Returns
        -------
        float
            Cost of the whole group, no more than before.
        """
        waiting = list(self.group.signals)
        for _ in range(sweeps):
            before, kept = self.cost, dict(self.settings)
            changed = [name for name in waiting if not self._halted() and self._visit(name, full)]
            self.cost = self._solve()
            if not self.cost < before:
                self.restore(kept)
                break
            if self._halted() or self.cost > before * (1.0 - self._least_sweep_gain):
                break
            near = {self.surroundings.row[name] for name in changed}
            near |= {other for row in list(near) for other in self.surroundings.neighbors(row)}
            waiting = [name for row, name in enumerate(self.group.signals) if row in near]
        return self.cost

    def move_blocks(self, coupling: nx.Graph) -> float:
        """Shift everything behind a signal as a whole, where a single street leads there."""
        names = self.group.signals
        if len(names) > LARGEST_BLOCKS:
            return self.cost
        joined = coupling.subgraph(names)
        part = self.surroundings.whole(self.cycle_s)

        def shifted(shifts: Sequence[int]) -> Floats:
            begin_s = np.array([(0, shift) for shift in shifts], np.int32)
            return self._batch(part, np.zeros_like(begin_s), begin_s)

        for one, other in sorted(nx.bridges(nx.Graph(joined))):
            if self._halted():
                break
            cut = nx.restricted_view(joined, [], [(one, other)])
            block = sorted(nx.node_connected_component(cut, other))
            self._tables.column[[self.surroundings.row[name] for name in block]] = 1
            # As many as the kernel takes at once, then as many between the best and its neighbors.
            coarse = [self.cycle_s * k // WIDTH for k in range(WIDTH)]
            costs = shifted(coarse)
            now, apart = costs[0], -(-self.cycle_s // WIDTH)
            around = [coarse[int(costs.argmin())] + s for s in range(1 - apart, apart)]
            fine = shifted([shift % self.cycle_s for shift in around])
            self._tables.column[:] = 0
            best = around[int(fine.argmin())]
            if fine.min() < now * (1.0 - LEAST_GAIN):
                before, kept = self.cost, dict(self.settings)
                for name in block:
                    program, begin = self.settings[name]
                    self._set(name, (program, begin + best))
                self.cost = self._solve()
                if not self.cost < before:
                    self.restore(kept)
        return self.cost

    def restore(self, settings: Mapping[str, Setting]) -> None:
        """Go back to other settings."""
        for name, setting in settings.items():
            if self.settings.get(name) != setting:
                self._set(name, setting)
        self.cost = self._solve()

    def local_costs(
        self, name: str, programs: Sequence[Program], trials: Sequence[Trial]
    ) -> Floats:
        """Cost a signal's programs and beginnings where its traffic goes next.

        Parameters
        ----------
        name
            The signal.
        programs
            At most `MOST_TRIALS`.
        trials
            Number of a program and second at which it begins.

        Returns
        -------
        ndarray
            [trial], vehicle-seconds per second on the lanes of `local_lanes`.
        """
        with self._laid(name, programs) as cost_of:
            return cost_of(trials)

    @contextmanager
    def _laid(
        self, name: str, programs: Sequence[Program]
    ) -> Iterator[Callable[[Sequence[Trial]], Floats]]:
        """Lay a signal's programs into the tables; yields what costs trials of them."""
        row = self.surroundings.row[name]
        ways, lanes = self.surroundings.ways[row], self.surroundings.lanes[row]
        tables = self._tables
        kind = tables.kind[0, lanes].copy()
        tables.row[ways] = self._departures.shape[0] + np.arange(ways.size)
        tables.stride[ways] = ways.size
        tables.column[row] = 1
        shown = self._isolated[name].programs.shown_each(programs, self.cycle_s)
        program_kernels.write_each(self.group.arrays, tables, ways, lanes, shown)
        part = self._looked_at(row)

        def cost_of(trials: Sequence[Trial]) -> Floats:
            listed = np.array(trials, np.int32)
            tried = np.zeros((2, *listed.shape), np.int32)
            tried[0, :, 1], tried[1, :, 1] = listed[:, 0], listed[:, 1]
            return self._batch(part, tried[0], tried[1])

        yield cost_of
        tables.row[ways], tables.stride[ways], tables.column[row] = ways, 0, 0
        tables.kind[0, lanes] = kind

    def _looked_at(self, row: int) -> Part:
        """Return where a signal's trials are solved: where its traffic goes next."""
        part = self.surroundings.around(row).part
        return part._replace(departures=self._still[0], inflow=self._still[1])

    def local_lanes(self, name: str) -> Integers:
        """Return the lanes that `local_costs` looks at, as rows of the group."""
        nodes = self.surroundings.around(self.surroundings.row[name]).part.nodes
        approaches = self.group.arrays.steady_vps.size
        return np.unique(nodes[nodes >= approaches]) - approaches

    def _visit(self, name: str, full: bool) -> bool:
        """Give a signal its best program and offset; tell whether that changed anything."""
        program, begin_s = self.settings[name]
        programs = [program]
        trials = [(0, begin_s + second) for second in range(0, program.cycle_s, COARSE_S)]
        if full:
            for candidate in self._sequences(name, program):
                trials += [(len(programs), s) for s in range(0, candidate.cycle_s, SEQUENCE_STEP_S)]
                programs.append(candidate)
            moved = self._isolated[name].programs.moved(program, SPLIT_STEPS_S)
            for candidate in moved[: MOST_TRIALS - len(programs)]:
                trials += [(len(programs), begin_s + s) for s in NEAR_S]
                programs.append(candidate)
        held: list[Trial] = []
        if self._isolated[name].choice.hold is not None:
            begins = [self._isolated[name].programs.held_begin_s(found) for found in programs]
            held = [(number, begin) for number, begin in enumerate(begins) if begin is not None]
        with self._laid(name, programs) as cost_of:
            trials = held or trials
            costs = cost_of(trials)
            now = costs[0]
            if not held:
                promising = [trials[number] for number in np.argsort(costs, kind="stable")[:FINE]]
                closer = [(n, s + t) for n, s in promising for t in FINE_STEPS_S]
                trials, costs = trials + closer, np.concatenate([costs, cost_of(closer)])
        choice = self._isolated[name].choice
        refused = 0
        for number in np.argsort(costs, kind="stable").tolist():
            if not costs[number] < now * (1.0 - self._least_gain):
                return False
            chosen, begin = programs[trials[number][0]], trials[number][1]
            if chosen is program or choice.lawful(self._isolated[name].programs.plan(chosen, 0)):
                if self._confirmed(name, (chosen, begin)):
                    return True
                refused += 1
                if refused > self._more_tries:
                    return False
        return False

    def _sequences(self, name: str, program: Program) -> list[Program]:
        """Return programs of other orders and sequences, and of half the cycle or the whole."""
        isolated = self._isolated[name]
        found = [c.program for c in isolated.candidates(self.cycle_s)]
        if self.cycle_s % 2 == 0:
            found += [c.program for c in isolated.candidates(self.cycle_s // 2)[:2]]
        known = (program.sequence, program.cycle_s)
        others = [p for p in found if (p.sequence, p.cycle_s) != known]
        return [*isolated.programs.reordered(program), *others]

    _least_gain = LEAST_GAIN
    _least_sweep_gain = LEAST_SWEEP_GAIN
    _more_tries = 0

    def _confirmed(self, name: str, setting: Setting) -> bool:
        """Take a setting if that saves something two signals on; tell whether it was taken."""
        around = self.surroundings.around(self.surroundings.row[name])
        lanes, ways, fed = around.lanes, around.ways, around.approaches
        before = kernels.total_cost(self._results[lanes], self.cycle_s, self._weights[lanes])
        kept = (
            self._departures[ways].copy(), self._inflow[fed].copy(), self._results[lanes].copy()
        )  # fmt: skip
        standing = self.settings[name]
        self._set(name, setting)
        self._resolve(around.nodes)
        after = kernels.total_cost(self._results[lanes], self.cycle_s, self._weights[lanes])
        taken = bool(after < before)
        if not taken:
            self._set(name, standing)
            self._departures[ways], self._inflow[fed], self._results[lanes] = kept
        self._still[0][ways] = self._departures[ways]
        self._still[1][fed] = self._inflow[fed]
        return taken

    def _set(self, name: str, setting: Setting) -> None:
        program, begin_s = setting
        held_s = self._isolated[name].programs.held_begin_s(program)
        begin_s = begin_s if held_s is None else held_s
        row = self.surroundings.row[name]
        ways, lanes = self.surroundings.ways[row], self.surroundings.lanes[row]
        shown = self._isolated[name].programs.shown(program, self.cycle_s)
        program_kernels.write_tables(
            self.group.arrays, self._tables, 0, ways, lanes, shown, begin_s
        )
        at = begin_s % self.cycle_s
        self._service[ways, at:] = shown[:, : self.cycle_s - at]
        self._service[ways, :at] = shown[:, self.cycle_s - at :]
        self.group.arrays.kind[lanes] = self._tables.kind[0, lanes]
        self.settings[name] = (program, begin_s % program.cycle_s)

    def _solve(self) -> float:
        """Solve the whole group afresh and return its cost."""
        kernels.profile(
            self.group.arrays,
            self._fading,
            self._service,
            self._begin_s,
            self._manners,
            self._inflow,
            self._departures,
            self._results,
        )
        self._still[0][:], self._still[1][:] = self._departures, self._inflow
        self.evaluations += 1
        return float(kernels.total_cost(self._results, self.cycle_s, self._weights))

    def _resolve(self, nodes: Integers) -> None:
        kernels.resolve(
            self.group.arrays,
            nodes,
            self._fading,
            self._service,
            self._begin_s,
            self._manners,
            self._inflow,
            self._departures,
            self._results,
        )

    def _batch(self, part: Part, program: Integers, begin_s: Integers) -> Floats:
        costs = np.empty(len(program))
        self.evaluations += len(program)
        batch_kernels.batch_costs(
            self.group.arrays,
            part,
            self._tables,
            self._single_fading,
            program,
            begin_s,
            self._single_manners,
            self._weights,
            self._room,
            costs,
        )
        return costs
