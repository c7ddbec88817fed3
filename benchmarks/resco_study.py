"""Do the peers in the box come out as other people's of the same name did on RESCO's networks?

    python -m benchmarks.resco_study --out bench/resco-study
    python -m benchmarks.resco_study --scenarios cologne1,/data/ingolstadt7/ingolstadt7.sumocfg

Plan in force, SUMO's actuated and delay-based control, and RESCO's max-pressure and max-wave play
under RESCO's rules, seeds 1 to 3 as in two studies (`resco_study.toml` has their figures). A
difference is noise where Welch's t test of the two means finds nothing at 5 %; half a unit of the
last printed digit is forgiven. The second study tells no spread: ours stands for both, and a peer
that has none there is held against the first one alone. The first, which the peers here are made
after, is the one that the exit code speaks of. What is in the folder is not played again.
"""

from __future__ import annotations

import argparse
import math
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import fmean, stdev
from typing import Final

from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.seeds import seeds_of
from benchmarks.suite.executors import executor_of
from benchmarks.suite.jobs import RESCO_RULES
from benchmarks.suite.results import Store
from benchmarks.suite.running import check, play_suite
from benchmarks.suite.suite_file import Suite
from benchmarks.suite.summary import Line, summarize
from network.errors import ThroughbandError
from throughband.teller import Teller

SCENARIOS: Final = "cologne1,cologne3,cologne8,ingolstadt1,grid4x4"
CONTROLLERS: Final = "in-force,sumo-actuated,sumo-delay-based,resco-max-pressure,resco-max-wave"
LEVEL: Final = 0.05
ROUNDING_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Figure:
    """What others measured: mean, and spread over their three seeds where they told it, s."""

    mean_s: float
    sd_s: float = math.nan
    runs: int = 3


def noise_s(ours_s: Sequence[float], theirs: Figure) -> float:
    """Return the difference of means up to which two samples are not told apart, s.

    Parameters
    ----------
    ours_s
        One delay a seed, s; two at least.
    theirs
        Their figure; without a spread ours is taken for both.
    """
    own = stdev(ours_s) ** 2 / len(ours_s)
    sd_s = stdev(ours_s) if math.isnan(theirs.sd_s) else theirs.sd_s
    other = sd_s**2 / theirs.runs
    both = own + other
    if both == 0.0:
        return 2 * ROUNDING_S
    freedom = both**2 / (own**2 / (len(ours_s) - 1) + other**2 / (theirs.runs - 1))
    t: float = stats.t.ppf(1.0 - LEVEL / 2.0, freedom)
    return t * math.sqrt(both) + ROUNDING_S


def studies() -> dict[str, dict[str, tuple[Figure, Figure | None]]]:
    """Return both studies' figures by street and controller."""
    text = (files("benchmarks") / "resco_study.toml").read_text(encoding="utf-8")
    return {
        street: {
            name: (
                Figure(found["mean_s"], found["sd_s"]),
                Figure(found["other_s"]) if "other_s" in found else None,
            )
            for name, found in rows.items()
        }
        for street, rows in tomllib.loads(text).items()
    }


def compared(ours_s: Sequence[float], theirs: Figure | None) -> tuple[str, bool]:
    """Say how ours stands beside theirs, and whether the difference is noise."""
    if theirs is None:
        return "–", True
    spread = "" if math.isnan(theirs.sd_s) else f" ± {theirs.sd_s:.1f}"
    gap_s, limit_s = fmean(ours_s) - theirs.mean_s, noise_s(ours_s, theirs)
    alike = abs(gap_s) <= limit_s
    verdict = "noise" if alike else "differs"
    return f"{theirs.mean_s:.1f}{spread}: {gap_s:+.1f}, {verdict} to {limit_s:.1f}", alike


def table_of(lines: Sequence[Line]) -> tuple[Table, list[str]]:
    """Lay the peers out beside the studies; also name those that the first one disagrees with."""
    known = studies()
    table = Table(
        *("street", "peer", "seed by seed, s", "mean ± sd", "first study: ours minus theirs"),
        "second study",
        box=None,
    )
    apart: list[str] = []
    for line in lines:
        ours_s = list(line.by_seed().values())
        if len(ours_s) < 2:
            table.add_row(line.where.label, line.controller, line.reason)
            apart.append(f"{line.controller} on {line.where.label}")
            continue
        locked = [f"{s:.1f}" + ("†" if n in line.locked_seeds else "") for n, s in _by_seed(line)]
        first, second = known.get(line.where.label, {}).get(line.controller, (None, None))
        said, alike = compared(ours_s, first)
        mean = f"{line.mean():.1f} ± {line.sd_s:.1f}"
        cells = (line.where.label, line.controller, " ".join(locked), mean, said)
        table.add_row(*cells, compared(ours_s, second)[0])
        if not alike:
            apart.append(f"{line.controller} on {line.where.label}")
    return table, apart


def _by_seed(line: Line) -> list[tuple[int, float]]:
    return sorted(line.by_seed().items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is missing and print the comparison; 1 where the first study differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenarios", default=SCENARIOS, help="names of the catalog, or paths")
    parser.add_argument("--controllers", default=CONTROLLERS)
    parser.add_argument("--seeds", type=seeds_of, default="1-3")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("bench/resco-study"))
    chosen = parser.parse_args(arguments)
    suite = Suite(
        "resco-study",
        "Peers beside two studies",
        tuple(chosen.scenarios.split(",")),
        tuple(chosen.controllers.split(",")),
        tuple(chosen.seeds),
        (RESCO_RULES,),
    )
    console = Console(width=150, highlight=False)
    try:
        check(suite)
        with Teller(1) as teller:
            teller.step(suite.title)
            store, executor = Store(chosen.out), executor_of(chosen.workers, None)
            played = play_suite(suite, store, executor, teller.tell)
    except ThroughbandError as error:
        parser.error(str(error))
    table, apart = table_of(summarize(played.outcomes))
    console.print(table)
    console.print("†: locked. Noise: Welch's t test at 5 %, seeds 1 to 3 against theirs.")
    if apart:
        console.print(f"not as in the first study: {', '.join(apart)}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
