"""A simulator: SUMO, one run after the other whatever the number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.validate.simulator import Progress, RunMeasures, SimulationCase, Variant
from engine.validate.sumo import run


class InTurn:
    """See `engine.validate.simulator.Simulator`."""

    def run(
        self,
        case: SimulationCase,
        seed: int,
        additional: Sequence[Path] = (),
        out_dir: Path | None = None,
        emissions: bool = True,
    ) -> RunMeasures:
        return run(case, seed, additional, out_dir, emissions)

    def run_many(
        self,
        case: SimulationCase,
        variants: Sequence[Variant],
        seeds: Sequence[int],
        workers: int = 1,
        progress: Progress | None = None,
        emissions: bool = True,
    ) -> tuple[tuple[RunMeasures, ...], ...]:
        rows, done = [], 0
        for variant in variants:
            row = []
            for seed in seeds:
                row.append(self.run(case, seed, variant.additional_files, None, emissions))
                done += 1
                if progress is not None:
                    progress(done, len(variants) * len(seeds))
            rows.append(tuple(row))
        return tuple(rows)
