"""Does adaptive control ever lock a network up? One row per seed, continued where it ended.

    python -m benchmarks.adaptive_locks ingolstadt21 --seeds 11-30 --out locks.csv
    python -m benchmarks.adaptive_locks cologne3 --controllers look-ahead,max-pressure,actuated
    python -m benchmarks.adaptive_locks cologne3 --seeds 18-19 --alone

Look-ahead control plays every seed with the sight of ``--info``, each in a process of its own with
SUMO inside (extra ``fast``). Peers, where ``--controllers`` names some, play the same seeds and
see everything: a network that locks under all of them locks by itself. A seed is *locked* if 1 %
of all vehicles due are still under way or outside at its end after 10 min of delay; the limit is
none. Beside the count stands what it tells: the largest share of locked seeds that so many without
a lock leave possible at 95 % (with none locked 1 - 0.05^(1/n), the rule of three; Clopper and
Pearson, Biometrika 26, 1934, otherwise).

Where vehicles wait for one another in a circle (a knot, `benchmarks.knots`), no signal undoes it,
and everybody whose way leads through it stays: the row names them. With ``--alone`` the vehicles of
every knot are then played by themselves, on streets that are otherwise empty and whose signals are
all dark, one of them due up to a minute earlier or later: where they lock there too, it takes no
signal to make the knot.

Every row is written as soon as it is played, with a digest of the controller's sources; rows of
the same digest are not played again, those of another are left as they are and not counted.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

import engine.adaptive
from benchmarks.adaptive_runs import PEERS, Task
from benchmarks.adaptive_runs import play as play_peer
from benchmarks.knots import alone, circles
from benchmarks.seeds import seeds_of
from benchmarks.suite.trips import LOCKED_PART, stuck
from engine.adaptive.control import Information
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook
from engine.adaptive.pressure import RESCO_INTERVAL_S
from engine.adaptive.sensing import Sensing
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from network.errors import FormatError, ThroughbandError
from throughband.setting import open_setting

CONFIDENCE = 0.95
_SHORT = 12
LOOK_AHEAD = "look-ahead"
WIDTH = 150
SHIFTS_S = tuple(float(shift_s) for shift_s in range(-60, 61, 2))


@dataclass(frozen=True, slots=True)
class Seed:
    """What one seed came to: mean and 95th percentile of delay over all vehicles due, s, those
    still under way or outside at the end, and of them those who have lost ten minutes."""

    scenario: str
    controller: str
    info: str
    seed: int
    delay_s: float
    p95_s: float
    due: int
    left: int
    stuck: int
    code: str
    knots: tuple[tuple[str, ...], ...] = ()

    @property
    def locked(self) -> bool:
        """Whether the network had locked up by the end."""
        return self.stuck >= LOCKED_PART * self.due


def code_digest() -> str:
    """Return a digest of the sources that decide what adaptive control does."""
    found = hashlib.sha256()
    for file in sorted(Path(engine.adaptive.__file__).parent.glob("*.py")):
        found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:_SHORT]


def play(scenario: str, controller: str, info: str, seed: int, code: str) -> Seed:
    """Play one seed; SUMO is a library of this process, which plays no other."""
    if controller != LOOK_AHEAD:
        task = Task(
            scenario, controller, "", seed, Sensing(seed=seed), RESCO_INTERVAL_S, 0, in_process=True
        )
        row = play_peer(task)
        return Seed(
            scenario,
            controller,
            info,
            seed,
            round(row.delay_s, 3),
            round(row.p95_s, 1),
            row.due,
            row.left,
            row.stuck,
            code,
            row.knots,
        )
    setting = open_setting(scenario)
    sensing = Sensing(Information(info), seed=seed)
    done = run_adaptive(
        setting.case,
        seed,
        build_sites(setting.network),
        LookAhead(Outlook(reach_m=sensing.reach_m, advance_m=sensing.advance_m)),
        sensing,
        emissions=False,
        in_process=True,
    )
    delay_s = done.trips.delay_s
    return Seed(
        scenario,
        controller,
        info,
        seed,
        round(float(delay_s.mean()), 3),
        round(float(np.quantile(delay_s, 0.95)), 1),
        len(delay_s),
        int((~done.trips.arrived).sum()),
        stuck(done.trips),
        code,
        circles(done.ahead),
    )


def read(file: Path) -> list[Seed]:
    """Read what was played before; nothing where the file does not exist yet.

    Raises
    ------
    FormatError
        It is no file of this benchmark.
    """
    if not file.exists():
        return []
    names = [field.name for field in fields(Seed)]
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if reader.fieldnames != names:
            raise FormatError(f"{file}: columns {reader.fieldnames}; expected {names}")
        try:
            return [
                Seed(
                    row["scenario"],
                    row["controller"],
                    row["info"],
                    int(row["seed"]),
                    float(row["delay_s"]),
                    float(row["p95_s"]),
                    int(row["due"]),
                    int(row["left"]),
                    int(row["stuck"]),
                    row["code"],
                    tuple(tuple(knot.split()) for knot in row["knots"].split(";") if knot),
                )
                for row in reader
            ]
        except (TypeError, ValueError) as error:
            raise FormatError(f"{file}, line {reader.line_num}: {error}") from error


def append(file: Path, row: Seed) -> None:
    """Add one row, and the head where the file is new."""
    new = not file.exists()
    with file.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Seed)])
        if new:
            writer.writeheader()
        knots = ";".join(" ".join(knot) for knot in row.knots)
        writer.writerow(asdict(row) | {"knots": knots})


def most_share(locked: int, seeds: int) -> float:
    """Return the upper limit of the share of locked seeds, one-sided at 95 %."""
    if locked >= seeds:
        return 1.0
    return float(beta.ppf(CONFIDENCE, locked + 1, seeds - locked))


def tabulate(rows: Sequence[Seed]) -> Table:
    """Show the seeds, and what they come to."""
    table = Table(
        "network",
        "controller",
        "seed",
        "delay s",
        "p95 s",
        "due",
        "left",
        "stuck",
        "locked",
        "knots",
    )
    for row in sorted(rows, key=lambda r: (r.scenario, r.controller, r.seed)):
        table.add_row(
            row.scenario,
            row.controller,
            str(row.seed),
            f"{row.delay_s:.1f}",
            f"{row.p95_s:.0f}",
            str(row.due),
            str(row.left),
            str(row.stuck),
            "yes" if row.locked else "no",
            "; ".join(" ".join(knot) for knot in row.knots),
        )
    for scenario, controller in dict.fromkeys((row.scenario, row.controller) for row in rows):
        mine = [row for row in rows if (row.scenario, row.controller) == (scenario, controller)]
        locked = sum(row.locked for row in mine)
        tied = sum(row.locked and bool(row.knots) for row in mine)
        limit = ", limit 0" if controller == LOOK_AHEAD else ""
        table.add_row(
            scenario,
            controller,
            f"{len(mine)} seeds",
            f"{np.mean([row.delay_s for row in mine]):.1f}",
            f"{np.mean([row.p95_s for row in mine]):.0f}",
            "",
            "",
            "",
            f"{locked}{limit}; below {most_share(locked, len(mine)):.0%} of seeds at 95 %",
            f"in {tied} of {locked}",
        )
    return table


def tabulate_alone(scenario: str, rows: Sequence[Seed], seed: int) -> Table:
    """Play the vehicles of every knot of a network by themselves, and show what comes of it."""
    title = f"{scenario}, by themselves, all signals dark, seed {seed}"
    table = Table("knot", "due at another time", "locked when due later by s", title=title)
    case = open_setting(scenario).case
    for knot in sorted({knot for row in rows if row.scenario == scenario for knot in row.knots}):
        for name, hits in alone(case, knot, SHIFTS_S, seed).items():
            table.add_row(" ".join(knot), name, " ".join(f"{hit:g}" for hit in hits) or "never")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line; 1 where a seed of ours locked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("scenarios", nargs="+", metavar="SCENARIO")
    parser.add_argument("--seeds", type=seeds_of, default=list(range(101, 151)))
    parser.add_argument("--controllers", default=LOOK_AHEAD)
    parser.add_argument("--info", type=Information, default=Information.LANES)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("adaptive_locks.csv"))
    parser.add_argument("--alone", action="store_true", help="play the vehicles of knots alone")
    options = parser.parse_args(arguments)
    controllers = list(dict.fromkeys(options.controllers.split(",")))
    unknown = sorted(set(controllers) - {LOOK_AHEAD, *PEERS})
    if unknown:
        parser.error(f"no controller {unknown[0]!r}; there are {', '.join((LOOK_AHEAD, *PEERS))}")
    code, info = code_digest(), str(options.info)
    try:
        known = {
            (row.scenario, row.controller, row.seed): row
            for row in read(options.out)
            if row.code == code and row.info == info
        }
        wanted = [
            (name, controller, seed)
            for name in options.scenarios
            for controller in controllers
            for seed in options.seeds
        ]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(options.workers, context, max_tasks_per_child=1) as pool:
            started = {
                key: pool.submit(play, key[0], key[1], info, key[2], code)
                for key in dict.fromkeys(wanted)
                if key not in known
            }
            for key, running in started.items():
                known[key] = running.result()
                append(options.out, known[key])
                row = known[key]
                sys.stderr.write(
                    f"{row.scenario}, {row.controller}, seed {row.seed}: {row.delay_s:.1f} s, "
                    f"{row.left} left, {row.stuck} stuck{', LOCKED' if row.locked else ''}\n"
                )
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    rows = [known[key] for key in dict.fromkeys(wanted)]
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(tabulate(rows))
    if options.alone:
        try:
            for name in options.scenarios:
                console.print(tabulate_alone(name, rows, options.seeds[0]))
        except ThroughbandError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
    return int(any(row.locked for row in rows if row.controller == LOOK_AHEAD))


if __name__ == "__main__":
    sys.exit(main())
