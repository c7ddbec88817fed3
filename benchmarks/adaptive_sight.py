"""What adaptive control loses with less sight: loops, few connected vehicles, faults, latency.

    python -m benchmarks.adaptive_sight cologne3 cologne8 --seeds 11-15

Every network and seed is played with everything within 200 m seen, and with each lesser sight;
the table tells delay (all vehicles due) as a ratio of the former, set beside the limits of the
adaptive mode: 1.25 for loops alone, 1.15 with 20 % of vehicles never seen. Loops are also set
beside max-pressure that sees everything. Dead and stuck sensors are one stop lane in ten, drawn
by the seed. SUMO runs inside a process of its own for every run (extra ``fast``), one at a time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from statistics import fmean

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.seeds import seeds_of
from engine.adaptive.control import Controller, Information, Site
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook
from engine.adaptive.pressure import BestStage, max_pressure
from engine.adaptive.sensing import Sensing
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from network.errors import ThroughbandError
from throughband.setting import open_setting

FULL, PRESSURE = "lanes", "max-pressure, everything seen"
FAULTY_SHARE = 0.1
LOOPS = Sensing(Information.DETECTORS)
SIGHTS: Mapping[str, Sensing] = {
    FULL: Sensing(),
    "lanes, 20 % never seen": Sensing(missed=0.2),
    "lanes, 2 s late, 10 % of messages lost": Sensing(latency_s=2, lost=0.1),
    "loops": LOOPS,
    "loops, 3 s late": replace(LOOPS, latency_s=3),
    "loops, 10 % of messages lost": replace(LOOPS, lost=0.1),
    "loops, one lane in ten dead": LOOPS,
    "loops, one lane in ten stuck": LOOPS,
    "vehicles, 50 %": Sensing(Information.VEHICLES, share=0.5),
    "vehicles, 20 %": Sensing(Information.VEHICLES, share=0.2),
    "vehicles, 10 %": Sensing(Information.VEHICLES, share=0.1),
}
LIMITS = {"loops": 1.25, "lanes, 20 % never seen": 1.15}
WIDTH = 110


def sensing_of(name: str, sites: Sequence[Site], seed: int) -> Sensing:
    """Return a sight of `SIGHTS` for a seed, with its faulty lanes drawn."""
    sensing = replace(SIGHTS[name], seed=seed)
    lanes = sorted(lane.lane_id for site in sites for lane in site.lanes)
    count = round(FAULTY_SHARE * len(lanes))
    drawn = frozenset(np.random.default_rng(seed).choice(lanes, count, replace=False).tolist())
    if name.endswith("dead"):
        return replace(sensing, dead=drawn)
    return replace(sensing, stuck=drawn) if name.endswith("stuck") else sensing


def delay_s(scenario: str, name: str, seed: int) -> float:
    """Play one seed under one sight and return the mean delay of all vehicles due, s."""
    setting = open_setting(scenario)
    sites = build_sites(setting.network)
    make: Callable[[Sensing], Controller] = _pressure if name == PRESSURE else _ours
    sensing = Sensing(seed=seed) if name == PRESSURE else sensing_of(name, sites, seed)
    done = run_adaptive(
        setting.case, seed, sites, make(sensing), sensing, emissions=False, in_process=True
    )
    return done.measures.delay_s


def play_all(scenario: str, name: str, seeds: Sequence[int]) -> list[float]:
    """Play seeds one after the other, each in a process of its own; a later run of SUMO in the
    same process is not always the same day."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        return list(pool.map(partial(delay_s, scenario, name), seeds))


def _ours(sensing: Sensing) -> Controller:
    return LookAhead(
        Outlook(share=sensing.share, reach_m=sensing.reach_m, advance_m=sensing.advance_m)
    )


def _pressure(_: Sensing) -> Controller:
    return BestStage(max_pressure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("scenarios", nargs="+", metavar="SCENARIO")
    parser.add_argument("--seeds", type=seeds_of, default=list(range(101, 106)))
    parser.add_argument("--sights", default=",".join((*SIGHTS, PRESSURE)).replace(", ", "; "))
    options = parser.parse_args(arguments)
    wanted = [name.replace("; ", ", ") for name in options.sights.split(",")]
    unknown = sorted(set(wanted) - {*SIGHTS, PRESSURE})
    if unknown:
        parser.error(f"no sight {unknown[0]!r}; there are {'; '.join((*SIGHTS, PRESSURE))}")
    console = Console()
    console.width = max(console.width, WIDTH)
    table = Table("network", "sight", "delay s", "of lanes", "limit", "of max-pressure")
    try:
        for scenario in options.scenarios:
            found: dict[str, float] = {}
            for name in dict.fromkeys((FULL, *wanted)):
                found[name] = fmean(play_all(scenario, name, options.seeds))
                sys.stderr.write(f"{scenario}, {name}: {found[name]:.1f} s\n")
            for name, mean_s in found.items():
                limit = LIMITS.get(name)
                pressure = found.get(PRESSURE)
                table.add_row(
                    scenario,
                    name,
                    f"{mean_s:.1f}",
                    f"{mean_s / found[FULL]:.2f}",
                    "" if limit is None else f"{limit:.2f}",
                    "" if pressure is None else f"{mean_s / pressure:.2f}",
                )
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
