"""Adaptive control against the peers, network by network, under the same seeds.

    python -m benchmarks.adaptive cologne8 ingolstadt7 --seeds 101-110 --workers 2

All controllers play the same seeds in the same run; the last columns set ours beside the best
peer of this very run, which favors the peer. Peers always see everything within 200 m; what
ours sees is ``--info`` and ``--missed``, and where that is less, ours with full sight is played
too and set beside it. ``--least-green 5`` raises every shorter least green to 5 s.

Fixed, actuated and delay-based control run as SUMO's own programs. The others wish for stages,
and the player makes them lawful: the scenario's own yellow (5 s at cologne1), least greens, and
a longest wait of 120 s. RESCO gives every scenario 3 s of yellow and no longest wait.

Delay is that of `engine.validate.sumo` (all vehicles due) and RESCO's, which leaves out who
waits outside while others enter. The 95th percentile is of the first. A seed is *locked* if 1 %
of all vehicles due are still under way or outside at its end after 10 min of delay. The longest
wait is the longest time for which a vehicle stood first at a stop line while its own way was red
and its exit had room, by a stopwatch of each vehicle (`benchmarks.stop_line_waits`), under all
controllers alike: reds before and after a green that brought it nothing are added up.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean, median

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.adaptive_runs import ACTUATED, FIXED, MAX_PRESSURE, PEERS, Row, Task, play
from benchmarks.seeds import seeds_of
from benchmarks.suite.limits import read_limits
from engine.adaptive.control import Information
from engine.adaptive.sensing import Sensing
from network.errors import ThroughbandError

OURS, OURS_LESS = "ours", "ours, less seen"
ADAPTIVE = "adaptive"
"""Ours, as the suites' limits call it."""
MEDIAN_MS, WORST_MS = 1.0, 20.0
RESAMPLES = 10_000
_WIDTH = 150


def bootstrap(
    ours: Sequence[float], peer: Sequence[float], seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean of the paired differences ours minus peer, with a 95 % interval.

    Percentile bootstrap over seeds; Efron and Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13.
    """
    gaps = np.asarray(ours) - np.asarray(peer)
    picks = np.random.default_rng(seed).integers(len(gaps), size=(RESAMPLES, len(gaps)))
    low, high = np.quantile(gaps[picks].mean(axis=1), (0.025, 0.975))
    return float(gaps.mean()), float(low), float(high)


def play_all(tasks: Sequence[Task], workers: int) -> list[Row]:
    """Play tasks side by side in processes of their own; rows in the order of the tasks."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(pool.map(play, tasks))


def tabulate(rows: Sequence[Row], title: str) -> Table:
    """Show the rows, one line per network and controller."""
    table = Table(
        "network",
        "controller",
        "delay s",
        "median",
        "RESCO's",
        "p95 s",
        "longest stand in red s",
        "left %",
        "locked",
        "decision ms (worst)",
        "fixed = 1",
        title=title,
    )
    for (scenario, controller), mine in grouped(rows).items():
        fixed = grouped(rows).get((scenario, FIXED))
        delays_s = [row.delay_s for row in mine]
        spent = fmean(row.decision_median_ms for row in mine)
        worst = max(row.decision_worst_ms for row in mine)
        table.add_row(
            scenario,
            controller,
            f"{fmean(delays_s):.1f} ± {np.std(delays_s, ddof=1):.1f}",
            f"{median(delays_s):.1f}",
            f"{fmean(row.resco_delay_s for row in mine):.1f}",
            f"{fmean(row.p95_s for row in mine):.0f}",
            f"{max(row.longest_wait_s for row in mine):.0f}",
            f"{100.0 * sum(row.left for row in mine) / sum(row.due for row in mine):.1f}",
            f"{sum(row.locked for row in mine)} of {len(mine)}",
            "" if np.isnan(spent) else f"{spent:.3f} ({worst:.1f})",
            "" if fixed is None else f"{fmean(delays_s) / _mean_s(fixed):.2f}",
        )
    return table


def limits(rows: Sequence[Row], info: Information, missed: float) -> Table:
    """Set ours against the limits of the issue, as ratios: up to 1 is within."""
    table = Table("network", "limit", "ours / limit", "ours minus best peer s", title="limits")
    found = grouped(rows)
    for scenario in dict.fromkeys(row.scenario for row in rows):
        ours = found.get((scenario, OURS))
        if ours is None:
            continue
        peers = {name: found[scenario, name] for name in PEERS if (scenario, name) in found}
        if peers:
            name = min(peers, key=lambda n: _mean_s(peers[n]))
            pairs = [[row.delay_s for row in side] for side in (ours, peers[name])]
            gap = bootstrap(pairs[0], pairs[1])
            ratio = _mean_s(ours) / _mean_s(peers[name])
            text = f"{gap[0]:+.1f} [{gap[1]:+.1f}, {gap[2]:+.1f}]"
            table.add_row(scenario, f"best peer, {name}", f"{ratio:.2f}", text)
        for aim_s in _aims_s(scenario):
            table.add_row(scenario, f"mean delay {aim_s:.1f} s", f"{_mean_s(ours) / aim_s:.2f}")
        if ACTUATED in peers:
            ratio = fmean(r.p95_s for r in ours) / fmean(r.p95_s for r in peers[ACTUATED])
            table.add_row(scenario, "p95 of actuated", f"{ratio:.2f}")
        table.add_row(scenario, "locked seeds, 0", str(sum(row.locked for row in ours)))
        spent, worst = (
            fmean(row.decision_median_ms for row in ours),
            max(row.decision_worst_ms for row in ours),
        )
        table.add_row(scenario, f"decision median {MEDIAN_MS:g} ms", f"{spent / MEDIAN_MS:.2f}")
        table.add_row(scenario, f"decision worst {WORST_MS:g} ms", f"{worst / WORST_MS:.2f}")
        less = found.get((scenario, OURS_LESS))
        if less is not None:
            most = _most(info)
            ratio = _mean_s(less) / _mean_s(ours) / most
            seen = f"{info}, {missed:.0%} missed: {most:g} of full sight"
            table.add_row(scenario, seen, f"{ratio:.2f}")
            if MAX_PRESSURE in peers:
                ratio = _mean_s(less) / _mean_s(peers[MAX_PRESSURE])
                table.add_row(scenario, f"{info}: max-pressure with full sight", f"{ratio:.2f}")
    return table


def grouped(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Collect the seeds of each network and controller."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.scenario, row.controller), []).append(row)
    return found


def _aims_s(scenario: str) -> list[float]:
    """Return the largest mean delays that the suites' limits allow ours."""
    found = [limit for limit in read_limits() if limit.ours == ADAPTIVE and limit.mean_s]
    return [limit.mean_s for limit in found if scenario in limit.scenarios]


def _most(info: Information) -> float:
    """Return what less sight may cost by the suites' limits, as a ratio to full sight."""
    less = f"{ADAPTIVE}-detectors" if info is Information.DETECTORS else f"{ADAPTIVE}-missed-20"
    return next(one.ratio for one in read_limits() if (one.ours, one.peer) == (less, ADAPTIVE))


def _mean_s(rows: Sequence[Row]) -> float:
    return fmean(row.delay_s for row in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("scenarios", nargs="+", metavar="SCENARIO")
    parser.add_argument("--seeds", type=seeds_of, default=list(range(101, 111)))
    parser.add_argument("--controllers", default=",".join((*PEERS, OURS)))
    parser.add_argument("--ours", default="engine.adaptive.lookahead:LookAhead")
    parser.add_argument("--info", type=Information, default=Information.LANES)
    parser.add_argument("--missed", type=float, default=0.0)
    parser.add_argument("--share", type=float, default=1.0, help="of vehicles that report")
    parser.add_argument("--interval", type=int, default=10, help="of the peers' decisions, s")
    parser.add_argument("--least-green", type=int, default=0, help="raise shorter ones, s")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder for adaptive.json")
    options = parser.parse_args(arguments)
    wanted = options.controllers.split(",")
    unknown = sorted(set(wanted) - {*PEERS, OURS})
    if unknown:
        parser.error(f"no controller {unknown[0]!r}; there are {', '.join((*PEERS, OURS))}")
    try:
        less = Sensing(options.info, share=options.share, missed=options.missed)
        if OURS in wanted and less != Sensing():
            wanted.append(OURS_LESS)
        make = partial(Task, interval_s=options.interval, least_green_s=options.least_green)
        tasks = [
            make(scenario, name, options.ours, seed, less if name == OURS_LESS else Sensing())
            for scenario in options.scenarios
            for seed in options.seeds
            for name in wanted
        ]
        rows = play_all(tasks, options.workers)
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    console = Console()
    console.width = max(console.width, _WIDTH)
    greens = f"least green {options.least_green} s" if options.least_green else "as shipped"
    console.print(tabulate(rows, f"seeds {options.seeds[0]} to {options.seeds[-1]}, {greens}"))
    console.print(limits(rows, options.info, options.missed))
    if options.out is not None:
        content = [asdict(row) | {"locked": row.locked} for row in rows]
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1)
        (options.out / "adaptive.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
