"""Fixed-time plans against the plan in force, actuated control and SUMO's own tools.

    python -m benchmarks.pretimed cologne8 ingolstadt7 --seeds 101-105

Every controller plays the same seeds, which nobody has tuned on. Delay follows the measuring
rule of `engine.validate.sumo`: every vehicle due counts, also those kept outside. Of the
tools' variants the one with the least mean delay on these very seeds is taken, which favors
the peer. The last column is ours minus that peer, with its paired 95 % interval.

The scenarios of the catalog are those of the ``sumo-rl`` package; its ingolstadt7 lacks one
phase of one program that RESCO's own file has (in force 127 s instead of 86 s on seeds 1 to
3). Give the path of RESCO's configuration to compare with published figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from rich.console import Console
from rich.table import Table

from benchmarks.peers.sumo_tools import retime
from engine.validate.report import compare
from engine.validate.simulator import RunMeasures, SimulationCase, Variant
from engine.validate.sumo import run_many
from engine.validate.sumo_files import write_actuated
from network.errors import ScenarioError, SimulationError, ThroughbandError
from scenarios.scenario import load_scenario

IN_FORCE = "in force"
ACTUATED = "actuated 5-50 s"
OURS = "throughband"
_TABLE_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One controller on one scenario."""

    scenario: str
    controller: str
    runs: tuple[RunMeasures, ...]
    ratio: float
    against_peer_s: tuple[float, float, float] | None

    @property
    def delays_s(self) -> list[float]:
        """Delay of each seed."""
        return [run.delay_s for run in self.runs]

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "scenario": self.scenario,
            "controller": self.controller,
            "seeds": [run.seed for run in self.runs],
            "delay_mean_s": fmean(self.delays_s),
            "delay_sd_s": stdev(self.delays_s),
            "delay_s": self.delays_s,
            "not_inserted": [run.not_inserted for run in self.runs],
            "ratio_to_in_force": self.ratio,
            "minus_peer_s": self.against_peer_s,
        }


def measure(
    scenario: str, seeds: Sequence[int], plans: Sequence[str], workers: int, folder: Path
) -> list[Row]:
    """Play all controllers of one scenario.

    Parameters
    ----------
    scenario
        Catalog name or configuration path.
    seeds
        At least two.
    plans
        ``NAME=FILE`` of plans to play as ours; without any, the optimizer makes one.
        ``{scenario}`` in the file stands for the scenario's name.
    workers
        SUMO processes at a time.
    folder
        Where plans are written.
    """
    s = load_scenario(scenario)
    case = SimulationCase(
        s.config_file, s.net_file, s.route_files, s.additional_files, s.begin_s, s.end_s
    )
    actuated = folder / "actuated.add.xml"
    write_actuated(actuated, (s.net_file, *s.additional_files))
    tools = retime(case, folder)
    for plan in tools:
        if plan.failure:
            sys.stderr.write(f"{s.name}: {plan.variant.name} failed: {plan.failure}\n")
        if plan.skipped:
            sys.stderr.write(f"{s.name}: {plan.variant.name} skipped {len(plan.skipped)} signals\n")
    peers = [plan.as_variant() for plan in tools if plan.file is not None]
    ours = [_plan(text, s.name) for text in plans] or [_optimized(scenario, folder)]
    variants = [Variant(IN_FORCE), Variant(ACTUATED, (actuated,)), *peers, *ours]
    played = dict(
        zip(
            (variant.name for variant in variants),
            run_many(case, variants, seeds, workers, emissions=False),
            strict=True,
        )
    )
    best = min(
        (variant.name for variant in peers), key=lambda name: _mean_s(played[name]), default=None
    )
    rows = []
    for variant in (*variants[:2], *(p for p in peers if p.name == best), *ours):
        runs = played[variant.name]
        against = None
        if variant in ours and best is not None:
            gap = compare(best, variant.name, played[best], runs).difference["delay_s"]
            against = (gap.mean, gap.low, gap.high)
        ratio = _mean_s(runs) / _mean_s(played[IN_FORCE])
        rows.append(Row(s.name, variant.name, runs, ratio, against))
    return rows


def show(rows: Sequence[Row]) -> None:
    """Print the rows as a table."""
    table = Table(
        "scenario", "controller", "delay s", "not inserted", "in force = 1", "minus peer s"
    )
    for row in rows:
        gap = row.against_peer_s
        table.add_row(
            row.scenario,
            row.controller,
            f"{fmean(row.delays_s):.1f} ± {stdev(row.delays_s):.1f}",
            f"{fmean(run.not_inserted for run in row.runs):.0f}",
            f"{row.ratio:.2f}",
            "" if gap is None else f"{gap[0]:+.1f} [{gap[1]:+.1f}, {gap[2]:+.1f}]",
        )
    console = Console()
    console.width = max(console.width, _TABLE_WIDTH)  # also where the output is a file
    console.print(table)


def seeds_of(text: str) -> list[int]:
    """Read ``101-105`` or ``101,104,107`` as seeds."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    if len(seeds) < 2 or len(set(seeds)) != len(seeds):
        raise argparse.ArgumentTypeError("give at least two different seeds, such as 101-105")
    return seeds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("scenarios", nargs="+", metavar="SCENARIO")
    parser.add_argument("--seeds", type=seeds_of, default=list(range(101, 106)))
    parser.add_argument("--plan", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder for pretimed.json")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    try:
        for scenario in options.scenarios:
            with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
                rows += measure(
                    scenario, options.seeds, options.plan, options.workers, Path(folder)
                )
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    show(rows)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps([row.to_dict() for row in rows], indent=1)
        (options.out / "pretimed.json").write_text(text + "\n", encoding="utf-8")
    return 0


def _plan(text: str, scenario: str) -> Variant:
    name, equals, file = text.partition("=")
    path = Path(file.replace("{scenario}", scenario))
    if not (name and equals and path.is_file()):
        raise ScenarioError(f"--plan {text} is not NAME=FILE with a file that exists")
    return Variant(name, (path,))


def _optimized(scenario: str, folder: Path) -> Variant:
    command = [sys.executable, "-m", "throughband.cli", "optimize", scenario, "--out", str(folder)]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
    file = folder / "plan.add.xml"
    if done.returncode != 0 or not file.is_file():
        raise SimulationError(f"the optimizer made no plan for {scenario}; see above")
    return Variant(OURS, (file,))


def _mean_s(runs: Sequence[RunMeasures]) -> float:
    return fmean(run.delay_s for run in runs)


if __name__ == "__main__":
    sys.exit(main())
