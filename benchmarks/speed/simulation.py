"""What do the suites cost beside SUMO itself?

    python -m benchmarks.speed.simulation cologne8 ingolstadt7 --rounds 5

Every round plays one seed of the plan in force three times, in turns: the suite's own job, from
opening the street to its measures; bare ``sumo`` on the same files with the same instruments and
outputs; and bare ``sumo`` on the scenario's files alone, without instruments and emissions.
``--adaptive`` rounds also play adaptive control without instruments, which talks to SUMO every
second: over TraCI, and where libsumo is installed (extra ``fast``) inside the process. The ratio of
the second is to the first.

Processor time counts, ours and SUMO's together, so that other work on the machine does not.
Vehicle-steps are the steps of all vehicles while they were under way. Ratios are medians over the
rounds of pairs of the same seed: our job at most 1.10 of SUMO with the same instruments. What
instruments cost is told beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.suite.instruments import lay
from benchmarks.suite.jobs import Job, Street
from benchmarks.suite.play import Play, build, play
from benchmarks.suite.programs import Programs
from benchmarks.verdict import exit_code, verdict
from engine.adaptive.control import Site
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from engine.validate.sumo import TRIPINFO, run_options
from engine.validate.sumo_process import environment, find_program
from engine.validate.trips import read_trips
from network.errors import EngineError, ThroughbandError
from throughband.setting import Setting, open_setting

MOST: Final = 1.10
FIRST_SEED: Final = 11
STEP_S: Final = 1.0
OURS, SAME, ALONE = "the suite's job", "sumo, same instruments", "sumo alone"
TRACI, LIBSUMO = "adaptive, TraCI", "adaptive, libsumo"


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of one run.

    Attributes
    ----------
    own_s, children_s
        Of this process, and of those that it started and that ended.
    """

    own_s: float
    children_s: float

    @property
    def all_s(self) -> float:
        """Together."""
        return self.own_s + self.children_s


def cost_of(work: Callable[[], object]) -> Cost:
    """Carry something out and say what it cost."""
    before = os.times()
    work()
    after = os.times()
    return Cost(
        after.user + after.system - before.user - before.system,
        after.children_user + after.children_system - before.children_user - before.children_system,
    )


def bare(setting: Setting, seed: int, instruments: bool) -> float:
    """Play a seed in SUMO alone and return its vehicle-steps.

    Parameters
    ----------
    setting
        The street.
    seed
        Of SUMO.
    instruments
        Whether it carries the suite's instruments and measures emissions.
    """
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        extra = [lay(setting.network, folder / "instruments").file] if instruments else []
        options = run_options(setting.case, seed, extra, folder, instruments)
        program, home = find_program("sumo")
        command = [str(program), *(part for k, v in options.items() for part in (f"--{k}", v))]
        done = subprocess.run(
            command, cwd=folder, env=environment(home), capture_output=True, check=False
        )
        if done.returncode:
            raise EngineError(f"sumo ended with code {done.returncode}")
        trips = read_trips(folder / TRIPINFO, setting.case)
        return float(trips.driven_s[trips.entered].sum()) / STEP_S


def suite_job(street: Street, controller: str, seed: int) -> Callable[[], None]:
    """Return the suite's job of a seed, ready to be timed."""
    ground = build(street)
    if ground.reason:
        raise EngineError(f"{street.title}: {ground.reason}")
    task = Play(Job(street, controller, seed), ground, Programs())

    def work() -> None:
        outcome = play(task)
        if outcome.failed:
            raise EngineError(f"{street.title}, {controller}: {outcome.reason}")

    return work


def measure(name: str, rounds: int, adaptive: int) -> tuple[dict[str, list[Cost]], float]:
    """Time a street.

    Parameters
    ----------
    name
        Of the scenario.
    rounds, adaptive
        How many, and in how many of them adaptive control plays too.

    Returns
    -------
    dict, float
        Costs of every round by kind, and mean vehicle-steps of a run.
    """
    street = Street(name)
    setting = open_setting(name)
    found: dict[str, list[Cost]] = {}
    steps = []
    # The first job of a process imports, compiles and reads the street; a worker does that once.
    suite_job(street, "in-force", FIRST_SEED)()
    ways = {TRACI: False} | ({LIBSUMO: True} if find_spec("libsumo") is not None else {})
    sites = build_sites(setting.network)
    for in_process in ways.values() if adaptive else ():
        _adaptive(setting, sites, FIRST_SEED, in_process)()
    for seed in range(FIRST_SEED, FIRST_SEED + rounds):
        kinds: dict[str, Callable[[], object]] = {
            OURS: suite_job(street, "in-force", seed),
            SAME: _sumo(setting, seed, True),
            ALONE: _sumo(setting, seed, False),
        }
        if seed - FIRST_SEED < adaptive:
            for kind, in_process in ways.items():
                kinds[kind] = _adaptive(setting, sites, seed, in_process)
        for kind, work in kinds.items():
            found.setdefault(kind, []).append(cost_of(work))
        steps.append(bare(setting, seed, False))
    return found, sum(steps) / len(steps)


def _adaptive(
    setting: Setting, sites: Sequence[Site], seed: int, in_process: bool
) -> Callable[[], object]:
    """Return an adaptive run over one of the two ways to talk to SUMO."""
    return lambda: run_adaptive(
        setting.case, seed, sites, LookAhead(), emissions=False, in_process=in_process
    )


def _counted_s(kind: str, cost: Cost) -> float:
    """Return what counts of a run: of a bare one SUMO's own time only."""
    return cost.children_s if kind in (SAME, ALONE) else cost.all_s


def _sumo(setting: Setting, seed: int, instruments: bool) -> Callable[[], object]:
    """Return a bare run; what it costs us to start it and to count its steps is ours to bear."""
    return lambda: bare(setting, seed, instruments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("scenarios", nargs="*", default=["cologne8", "ingolstadt7"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--adaptive", type=int, default=0, help="rounds with adaptive control")
    parser.add_argument("--out", type=Path, help="a JSON file for all times")
    options = parser.parse_args(arguments)
    table = Table(
        *("street", "run", "processor s", "of these ours", "vehicle-steps/s", "runs/min"),
        *("ratio", "limit"),
        title="processor time, medians",
    )
    missed = []
    kept: dict[str, object] = {}
    try:
        for name in options.scenarios:
            found, steps = measure(name, options.rounds, options.adaptive)
            kept[name] = {
                kind: [[cost.own_s, cost.children_s] for cost in costs]
                for kind, costs in found.items()
            }
            for kind, costs in found.items():
                is_bare = kind in (SAME, ALONE)
                spent_s = median(_counted_s(kind, cost) for cost in costs)
                base = TRACI if kind == LIBSUMO else SAME
                ratio = median(
                    _counted_s(kind, one) / _counted_s(base, other)
                    for one, other in zip(costs, found[base], strict=False)
                )
                judged = kind == OURS
                if judged and ratio > MOST:
                    missed.append(f"{name}: {ratio:.3f} of bare SUMO (limit {MOST:.2f})")
                table.add_row(
                    name,
                    kind,
                    f"{spent_s:.2f}",
                    "" if is_bare else f"{median(c.own_s for c in costs):.2f}",
                    f"{steps / spent_s:,.0f}",
                    f"{60.0 / spent_s:.0f}",
                    f"{ratio:.3f}",
                    f"{MOST:.2f} {'met' if ratio <= MOST else 'missed'}" if judged else "",
                )
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)
    if options.out is not None:
        options.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    console.print(verdict(missed), markup=False, soft_wrap=True)
    return exit_code(missed)


if __name__ == "__main__":
    sys.exit(main())
