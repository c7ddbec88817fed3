"""Many plans of a coordination group, judged in step on one steady cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.measures import batch, batch_kernels, program_kernels
from engine.measures.cyclic import cost_weights
from engine.measures.cyclic_group import CyclicGroup
from engine.measures.cyclic_service import fading, single_manners, way_service
from engine.measures.street import Floats, Integers
from network.graph import RoadNetwork
from network.timing import TimingPlan


class CyclicBatch:
    """Many plans of a group at once: per signal a few programs, and any offsets.

    Parameters
    ----------
    group, network
        The group and the phases of its signals.
    cycle_s
        The common cycle.
    programs
        By signal, plans that differ in splits and sequence; equally many for every signal is not
        needed. Their offsets do not count.
    """

    def __init__(
        self,
        group: CyclicGroup,
        network: RoadNetwork,
        cycle_s: int,
        programs: Mapping[str, Sequence[TimingPlan]],
    ) -> None:
        self.group = group
        self.cycle_s = cycle_s
        most = max(len(plans) for plans in programs.values())
        arrays = group.arrays
        self._programs = batch.empty_programs(arrays, most, cycle_s)
        self._begin_s = np.zeros((most, len(group.signals)), np.int32)
        for row, name in enumerate(group.signals):
            phasing = network.signals[name].phasing
            assert phasing is not None
            ways = group.ways_of(name)
            lanes = np.unique(arrays.way_lane[ways]).astype(np.int32)
            for number, plan in enumerate(programs[name]):
                service = way_service(group, network, plan, cycle_s)
                assert np.isin(service, (-1, 0, 1)).all(), "a second is usable whole or not at all"
                shown = service.astype(np.int8)
                program_kernels.write_tables(arrays, self._programs, number, ways, lanes, shown, 0)
                self._begin_s[number, row] = plan.begin_s(phasing) - plan.offset_s
        self._part = batch.whole_part(arrays, cycle_s)
        self._room = batch.working_room(arrays, cycle_s)
        self._fading = fading(arrays, cycle_s).astype(np.float32)
        self._manners = single_manners(group.street)
        self._weights = cost_weights(group)

    def costs(self, program: Integers, offset_s: Integers) -> Floats:
        """Cost plans.

        Parameters
        ----------
        program, offset_s
            [plan, signal]: number of a signal's program, and its offset, s.

        Returns
        -------
        ndarray
            [plan], vehicle-seconds per second, in single precision.
        """
        rows = np.arange(len(self.group.signals))
        begin_s = (self._begin_s[program, rows] + offset_s) % self.cycle_s
        costs = np.empty(len(program))
        batch_kernels.batch_costs(
            self.group.arrays,
            self._part,
            self._programs,
            self._fading,
            program.astype(np.int32),
            begin_s.astype(np.int32),
            self._manners,
            self._weights,
            self._room,
            costs,
        )
        return costs
