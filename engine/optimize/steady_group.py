"""A coordination group at one cycle: its present programs and offsets, and what trials would cost.

What a signal's program and offset cost is decided at its own lanes and at those its traffic
reaches next. Only these are solved, for all offsets and many programs of the signal at once,
while the profiles around them stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from engine.measures import batch, batch_kernels, program_kernels
from engine.measures import cyclic_arrays as columns
from engine.measures import cyclic_kernels as kernels
from engine.measures.batch_kernels import Part
from engine.measures.cyclic import cost_weights
from engine.measures.cyclic_service import fading, manners_of, single_manners
from engine.measures.program_kernels import Programs
from engine.measures.street import Floats, Integers
from engine.optimize.isolated import Candidate
from engine.optimize.problem import Choice
from engine.optimize.programs import Program, SignalPrograms
from engine.optimize.surroundings import Surroundings
from network.timing import TimingPlan

MOST_TRIALS = 96

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


class SteadyGroup:
    """A group on its steady cycle, with tables in which settings are tried.

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
    """

    def __init__(
        self,
        surroundings: Surroundings,
        isolated: Mapping[str, Programmed],
        cycle_s: int,
        settings: Mapping[str, Setting],
    ) -> None:
        self.surroundings = surroundings
        self.group = group = surroundings.group
        self.cycle_s = cycle_s
        self._isolated = isolated
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

    def _block_costs(self, names: Sequence[str], shifts: Sequence[int]) -> Floats:
        """Cost the group with some of its signals shifted as a whole; [shift]."""
        rows = [self.surroundings.row[name] for name in names]
        begin_s = np.array([(0, shift) for shift in shifts], np.int32)
        self._tables.column[rows] = 1
        costs = self._batch(self.surroundings.whole(self.cycle_s), np.zeros_like(begin_s), begin_s)
        self._tables.column[rows] = 0
        return costs

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
