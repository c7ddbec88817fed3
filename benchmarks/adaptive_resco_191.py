"""Adaptive control on the version of SUMO that RESCO's published results were made with.

    python -m venv old && old/bin/pip install eclipse-sumo==1.9.1
    python -m benchmarks.adaptive_resco_191 --sumo old/lib/python3.11/site-packages/sumo \\
        --seeds 101 102 103 --out benchmarks/results

Delay by RESCO's definition, on its own files, with its changes of stages (3 s of yellow, no red
clearance, any stage after any other, no longest wait; `benchmarks.suite.resco`), everything within
200 m seen. The controller thinks every second; what it wishes for is heeded every 1, 5 or 10 s,
RESCO's grid. Beside it stand the best learned results that were published (RESCO's
``utils/avg_timeLoss.py`` at ``fc65e91f``: the best training episode of the mean of its trials), the
best of its others (MAXWAVE, MAXPRESSURE), and the plan in force, played here and published, which
tells whether this is the same street. The command ends with 0 only where adaptive control is below
the best learned result on five networks of the six, with every grid that was asked for.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final
from unittest.mock import patch

from benchmarks.suite.resco import LONGEST_WAIT_S, with_resco_changes
from benchmarks.suite.trips import LOCKED_PART, resco_delay_s, stuck
from benchmarks.suite.versions import revision
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import AdaptiveStreet
from engine.validate.sumo import play
from engine.validate.trips import Trips
from network.errors import SimulationError, ThroughbandError
from throughband.setting import Setting, open_setting

VERSION: Final = "1.9.1"
GRIDS_S: Final = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Published:
    """Delays that were published of a network, s: best learned, best other, plan in force."""

    learned_s: float
    by: str
    other_s: float
    fixed_s: float


PUBLISHED: Final[Mapping[str, Published]] = {
    "cologne1": Published(26.1, "IDQN", 27.8, 56.6),
    "cologne3": Published(24.0, "IDQN, IPPO", 90.7, 46.4),
    "cologne8": Published(21.6, "IPPO", 21.9, 63.8),
    "ingolstadt1": Published(20.9, "IPPO", 23.6, 39.4),
    "ingolstadt7": Published(31.2, "IDQN", 46.8, 91.3),
    "ingolstadt21": Published(59.6, "IDQN", 76.3, 133.0),
}
WANTED: Final = 5
"""Real networks of the six on which it is to be below the best learned result."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a network came to, means over seeds."""

    name: str
    fixed_s: float
    delay_s: Mapping[int, float]
    due_s: Mapping[int, float]
    locked: Mapping[int, int]

    def ratio(self, grid_s: int) -> float:
        """Return the delay over the best learned one."""
        return self.delay_s[grid_s] / PUBLISHED[self.name].learned_s


def old_sumo(home: Path) -> Path:
    """Return the program of the old version.

    Raises
    ------
    SimulationError
        It is not there, or another version.
    """
    program = home / "bin" / "sumo"
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SimulationError(f"{program} cannot be started: {error}") from error
    if f"Version {VERSION}" not in said:
        raise SimulationError(f"{program} is {said.splitlines()[0]!r}; needed is {VERSION}")
    return program


def adaptive(setting: Setting, seed: int, grid_s: int) -> Trips:
    """Play a seed with wishes that are heeded every so many seconds."""
    sites = tuple(with_resco_changes(site) for site in build_sites(setting.network))
    controller = LookAhead()
    controller.start(sites)
    wishes: Mapping[str, int] = {}
    with AdaptiveStreet(
        setting.case, seed, sites, emissions=False, longest_wait_s=LONGEST_WAIT_S
    ) as street:
        begin_s = street.time_s
        while street.time_s < setting.case.end_s:
            wished = controller.decide(street.time_s, street.observe())
            if round(street.time_s - begin_s) % grid_s == 0:
                wishes = wished
            # Between, what was wished for last has begun or is not wished for any more.
            street.advance(wishes)
        street.finish()
        return street.trips


def measure(name: str, program: Path, seeds: Sequence[int], grids_s: Sequence[int]) -> Row:
    """Play a network."""
    setting = open_setting(name)
    found = (program, program.parents[1])
    # Whoever starts SUMO here starts the old one.
    with (
        patch("engine.validate.closed_loop.find_program", lambda _: found),
        patch("engine.validate.sumo_process.find_program", lambda _: found),
    ):
        fixed = [play(setting.case, seed, (), emissions=False)[1] for seed in seeds]
        ours: dict[int, list[Trips]] = {}
        for grid_s in grids_s:
            ours[grid_s] = []
            for seed in seeds:
                ours[grid_s].append(adaptive(setting, seed, grid_s))
                told_s = resco_delay_s(ours[grid_s][-1])
                sys.stderr.write(f"{name}, every {grid_s} s, seed {seed}: {told_s:.1f} s\n")
    return Row(
        name,
        fmean(map(resco_delay_s, fixed)),
        {g: fmean(map(resco_delay_s, trips)) for g, trips in ours.items()},
        {g: fmean(float(t.delay_s.mean()) for t in trips) for g, trips in ours.items()},
        {g: sum(stuck(t) >= LOCKED_PART * len(t) for t in trips) for g, trips in ours.items()},
    )


def below(rows: Sequence[Row], grid_s: int) -> int:
    """Count the networks that are below the best learned result."""
    return sum(row.ratio(grid_s) < 1.0 for row in rows)


def page(
    command: str,
    rows: Sequence[Row],
    seeds: Sequence[int],
    grids_s: Sequence[int],
    asked: Sequence[str],
) -> str:
    """Lay out what is kept; it says so where not all that was asked for has been played."""
    heads = [
        "network", "plan in force here s", "published s", "best learned, published s",
        "best other, published s",
        *(f"adaptive every {g} s" for g in grids_s), *(f"of learned, every {g} s" for g in grids_s),
        "locked seeds",
    ]  # fmt: skip
    lines = [
        f"`{command}`; SUMO {VERSION}, revision {revision()}.",
        "",
        *unfinished(rows, asked),
        f"| {' | '.join(heads)} |",
        "| --- |" + " ---: |" * (len(heads) - 1),
    ]
    for row in rows:
        was = PUBLISHED[row.name]
        cells = [
            row.name,
            f"{row.fixed_s:.1f}",
            f"{was.fixed_s:.1f}",
            f"{was.learned_s:.1f} ({was.by})",
            f"{was.other_s:.1f}",
            *(f"{row.delay_s[g]:.1f} (all due: {row.due_s[g]:.1f})" for g in grids_s),
            *(f"{row.ratio(g):.2f}" for g in grids_s),
            ", ".join(str(row.locked[g]) for g in grids_s),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for g in grids_s:
        count, worst = below(rows, g), max(row.ratio(g) for row in rows)
        lines.append(
            f"- Every {g} s: below the best learned result on {count} of the {len(rows)} networks "
            f"played (limit: {WANTED} of {len(PUBLISHED)}, {judged(rows, g)}); at most "
            f"{worst:.2f} of it."
        )
    text = " ".join((__doc__ or "").split("\n\n", 2)[2].split())
    return "\n".join([*lines, "", f"Means of {len(seeds)} seeds. {text}", ""])


def unfinished(rows: Sequence[Row], asked: Sequence[str]) -> list[str]:
    """Say which networks are still to come."""
    missing = [name for name in asked if name not in {row.name for row in rows}]
    if not missing:
        return []
    done = len(asked) - len(missing)
    return [
        f"**Unfinished: {done} of {len(asked)} networks played; missing: {', '.join(missing)}.**",
        "",
    ]


def judged(rows: Sequence[Row], grid_s: int) -> str:
    """Say how the limit stands, also where networks are still to come."""
    count = below(rows, grid_s)
    if count >= WANTED:
        return "met"
    out_of_reach = count + len(PUBLISHED) - len(rows) < WANTED
    return "missed" if out_of_reach else "cannot be told from these"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line; 0 where the limit is met every so many seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=list(PUBLISHED))
    parser.add_argument("--sumo", type=Path, required=True, help=f"SUMO_HOME of {VERSION}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--grids", type=int, nargs="+", default=list(GRIDS_S))
    parser.add_argument("--out", type=Path, help="folder for adaptive-resco-191.md")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.networks) - PUBLISHED.keys())
    if unknown:
        parser.error(f"nothing was published of {unknown[0]!r}; there are {', '.join(PUBLISHED)}")
    given = sys.argv[1:] if arguments is None else arguments
    told = ["OLD" if word == str(options.sumo) else word for word in given]
    command = shlex.join(["python", "-m", "benchmarks.adaptive_resco_191", *told])
    rows: list[Row] = []
    asked = list(dict.fromkeys(options.networks))
    try:
        program = old_sumo(options.sumo)
        for name in asked:
            rows.append(measure(name, program, options.seeds, options.grids))
            if options.out is not None:
                options.out.mkdir(parents=True, exist_ok=True)
                text = page(command, rows, options.seeds, options.grids, asked)
                (options.out / "adaptive-resco-191.md").write_text(text, encoding="utf-8")
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    print(page(command, rows, options.seeds, options.grids, asked))
    return 0 if all(judged(rows, g) == "met" for g in options.grids) else 1


if __name__ == "__main__":
    sys.exit(main())
