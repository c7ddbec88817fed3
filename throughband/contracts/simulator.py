"""What every `engine.validate.simulator.Simulator` must keep; behaviors take one and a case.

The case is a short one of the tester's, with a few vehicles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine.validate.simulator import RunMeasures, SimulationCase, Simulator, Variant
from network.errors import SimulationError
from throughband.contracts.refusal import refused

Behavior = Callable[[Simulator, SimulationCase], None]


def every_vehicle_is_counted_once(simulator: Simulator, case: SimulationCase) -> None:
    found = simulator.run(case, 11)
    assert found.seed == 11
    assert found.scheduled == found.inserted + found.not_inserted > 0
    assert found.inserted == found.arrived + found.running + found.removed
    assert found.delay_s >= 0.0
    assert found.travel_time_s >= found.delay_s, "nobody is faster than with no delay at all"


def the_same_arguments_give_the_same_measures(simulator: Simulator, case: SimulationCase) -> None:
    first, second = (simulator.run(case, 12, emissions=False) for _ in range(2))
    assert _timeless(first) == _timeless(second)


def many_runs_are_single_runs(simulator: Simulator, case: SimulationCase) -> None:
    told: list[tuple[int, int]] = []
    rows = simulator.run_many(
        case,
        (Variant("one"), Variant("two")),
        (11, 12),
        progress=lambda done, whole: told.append((done, whole)),
        emissions=False,
    )
    assert [[run.seed for run in row] for row in rows] == [[11, 12], [11, 12]]
    alone = _timeless(simulator.run(case, 12, emissions=False))
    assert [_timeless(row[1]) for row in rows] == [alone, alone]
    assert told[-1] == (4, 4), "progress does not end with all runs"


def a_missing_file_is_refused(simulator: Simulator, case: SimulationCase) -> None:
    with refused(SimulationError, "a variant whose file is missing"):
        simulator.run(case, 11, additional=(Path("there-is-no-such-file.add.xml"),))


def _timeless(measures: RunMeasures) -> str:
    # As text, in which what was not measured (NaN) equals itself.
    return repr(replace(measures, wall_s=0.0))


BEHAVIORS: Final[tuple[Behavior, ...]] = (
    every_vehicle_is_counted_once,
    the_same_arguments_give_the_same_measures,
    many_runs_are_single_runs,
    a_missing_file_is_refused,
)
