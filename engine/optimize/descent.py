"""Coordinate descent over a coordination group on its steady cycle.

Signal after signal takes the best of its programs and offsets, as `engine.optimize.steady_group`
costs them, if solving two signals downstream confirms it; after each sweep the whole group is
solved, and a sweep that did not lower its cost is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import networkx as nx
import numpy as np

from engine.measures.vector_kernels import WIDTH
from engine.optimize.programs import Program
from engine.optimize.steady_group import MOST_TRIALS, Programmed, Setting, SteadyGroup, Trial
from engine.optimize.surroundings import Surroundings

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
LARGEST_BLOCKS = 60
"""Signals of a group up to which everything behind a signal is also moved as a whole."""


class Descent(SteadyGroup):
    """A group at one cycle, moved downhill.

    Parameters
    ----------
    surroundings, isolated, cycle_s, settings
        As for `SteadyGroup`.
    halted
        Asked before every signal.
    """

    _least_gain = LEAST_GAIN
    _least_sweep_gain = LEAST_SWEEP_GAIN
    _more_tries = 0

    def __init__(
        self,
        surroundings: Surroundings,
        isolated: Mapping[str, Programmed],
        cycle_s: int,
        settings: Mapping[str, Setting],
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(surroundings, isolated, cycle_s, settings)
        self._halted = halted

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
        for one, other in sorted(nx.bridges(nx.Graph(joined))):
            if self._halted():
                break
            cut = nx.restricted_view(joined, [], [(one, other)])
            block = sorted(nx.node_connected_component(cut, other))
            # As many as the kernel takes at once, then as many between the best and its neighbors.
            coarse = [self.cycle_s * k // WIDTH for k in range(WIDTH)]
            costs = self._block_costs(block, coarse)
            now, apart = costs[0], -(-self.cycle_s // WIDTH)
            around = [coarse[int(costs.argmin())] + s for s in range(1 - apart, apart)]
            fine = self._block_costs(block, [shift % self.cycle_s for shift in around])
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
