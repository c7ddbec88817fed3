"""Do the peers in the box come out as other people's of the same name did on RESCO's networks?

    python -m benchmarks.resco_study --out bench/resco-study
    python -m benchmarks.resco_study --scenarios cologne1,/data/ingolstadt7/ingolstadt7.sumocfg

Plan in force, SUMO's actuated and delay-based control, and RESCO's max-pressure and max-wave play
under RESCO's rules, seeds 1 to 3 as in two studies (`resco_study.toml` has their figures). A
difference is noise where Welch's t test of the two means finds nothing at 5 %; half a unit of the
last printed digit is forgiven. With three seeds and a wide spread such a test finds nothing
whatever comes out: where the noise is above a quarter of the study's mean the two cannot be told
apart, which is counted by itself and is no agreement. The second study tells no spread: ours stands
for both, and a peer that has none there is held against the first one alone. The first, which the
peers here are made after, is the one that the exit code speaks of: 0 only where every peer comes
out as there, 1 where one differs or did not run, 2 where none does and some cannot be told. What is
in the folder is not played again.
"""

from __future__ import annotations

import argparse
import math
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
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
from benchmarks.verdict import exit_code, verdict
from network.errors import ThroughbandError
from throughband.teller import Teller

SCENARIOS: Final = "cologne1,cologne3,cologne8,ingolstadt1,grid4x4"
CONTROLLERS: Final = "in-force,sumo-actuated,sumo-delay-based,resco-max-pressure,resco-max-wave"
LEVEL: Final = 0.05
ROUNDING_S: Final = 0.05
MOST_NOISE: Final = 0.25
"""Noise above this part of a study's mean leaves nothing to tell apart."""


class Verdict(StrEnum):
    """How two means stand to each other."""

    ALIKE = "noise"
    DIFFERS = "differs"
    UNTOLD = "cannot tell"


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


def compared(ours_s: Sequence[float], theirs: Figure) -> tuple[str, Verdict]:
    """Say how ours stands beside theirs."""
    spread = "" if math.isnan(theirs.sd_s) else f" ± {theirs.sd_s:.1f}"
    gap_s, limit_s = fmean(ours_s) - theirs.mean_s, noise_s(ours_s, theirs)
    if abs(gap_s) > limit_s:
        verdict = Verdict.DIFFERS
    elif limit_s > MOST_NOISE * theirs.mean_s:
        verdict = Verdict.UNTOLD
    else:
        verdict = Verdict.ALIKE
    return f"{theirs.mean_s:.1f}{spread}: {gap_s:+.1f}, {verdict} to {limit_s:.1f}", verdict


@dataclass(frozen=True, slots=True)
class Standing:
    """How the peers stand to the first study, by name and street.

    Attributes
    ----------
    alike, untold, apart
        As there; cannot be told; differs or did not run.
    unknown
        The study has no figure of them.
    """

    alike: tuple[str, ...]
    untold: tuple[str, ...]
    apart: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """What the command ends with."""
        return exit_code(*self.open_points())

    def open_points(self) -> tuple[list[str], list[str]]:
        """Return what is not as in the study, and what cannot be told, for the verdict."""
        apart = [f"{name} is not as in the first study" for name in self.apart]
        return apart, [*self.untold, *self.unknown]

    def told(self) -> list[str]:
        """Say it in words."""
        count = sum(map(len, (self.alike, self.untold, self.apart, self.unknown)))
        lines = [f"as in the first study within the noise: {len(self.alike)} of {count}"]
        for what, names in (
            ("cannot be told, the noise is above a quarter of the study's mean", self.untold),
            ("not as in the first study", self.apart),
            ("not in the first study", self.unknown),
        ):
            if names:
                lines.append(f"{what}: {len(names)} of {count}: {', '.join(names)}")
        return lines


def table_of(lines: Sequence[Line]) -> tuple[Table, Standing]:
    """Lay the peers out beside the studies; also tell how they stand to the first one."""
    known = studies()
    table = Table(
        *("street", "peer", "seed by seed, s", "mean ± sd", "first study: ours minus theirs"),
        "second study",
        box=None,
    )
    stand: dict[Verdict | None, list[str]] = {kind: [] for kind in (*Verdict, None)}
    for line in lines:
        name = f"{line.controller} on {line.where.label}"
        ours_s = list(line.by_seed().values())
        if len(ours_s) < 2:
            table.add_row(line.where.label, line.controller, line.reason)
            stand[Verdict.DIFFERS].append(name)
            continue
        locked = [f"{s:.1f}" + ("†" if n in line.locked_seeds else "") for n, s in _by_seed(line)]
        first, second = known.get(line.where.label, {}).get(line.controller, (None, None))
        said, verdict = ("–", None) if first is None else compared(ours_s, first)
        mean = f"{line.mean():.1f} ± {line.sd_s:.1f}"
        cells = (line.where.label, line.controller, " ".join(locked), mean, said)
        table.add_row(*cells, "–" if second is None else compared(ours_s, second)[0])
        stand[verdict].append(name)
    kinds = (Verdict.ALIKE, Verdict.UNTOLD, Verdict.DIFFERS, None)
    return table, Standing(*(tuple(stand[kind]) for kind in kinds))


def _by_seed(line: Line) -> list[tuple[int, float]]:
    return sorted(line.by_seed().items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is missing and print the comparison; 0 where every peer is as in the first study,
    1 where one differs, 2 where it cannot be told."""
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
    table, standing = table_of(summarize(played.outcomes))
    console.print(table)
    console.print("†: locked. Noise: Welch's t test at 5 %, seeds 1 to 3 against theirs.")
    for line in standing.told():
        console.print(line)
    console.print(verdict(*standing.open_points()), markup=False, soft_wrap=True)
    return standing.code


if __name__ == "__main__":
    sys.exit(main())
