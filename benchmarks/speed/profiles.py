"""Evaluating plans: how many per second, beside one SUMO run and what arithmetic alone would take.

    python -m benchmarks.speed.profiles
    python -m benchmarks.speed.profiles --no-sumo

Two streets of 20 signals at a cycle of 90 s. The plain one has 60 approaches of one lane, two
phases and no turns, as the figures in the issue have it. The generated one has pockets, turns that
yield and lanes that share turns. Every plan has offsets of its own at every signal, and in the
batch one of two programs; nothing is remembered from plan to plan. CPU seconds of this process,
best of many rounds; compilation is apart. The limits are those of the plain street, and the command
ends with 1 where one is missed.

The lower bound counts what the equations need at least for a lane and a stream in one second,
and divides by how many such operations this machine was just seen to do, sixteen to a step. SUMO
plays the generated street's hour, one seed, in its microscopic model.
"""

from __future__ import annotations

import argparse
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.verdict import exit_code, verdict
from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_batch import CyclicBatch
from engine.measures.cyclic_group import CyclicGroup, cyclic_group
from engine.measures.street import Driving, build_street
from engine.measures.vector_kernels import WIDTH, load, splat, store
from engine.optimize.problem import Limits, choices
from engine.optimize.studies import isolated_signals
from engine.validate.simulator import Variant
from engine.validate.sumo import run_many
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from throughband.generate import Wish, generate
from throughband.setting import Setting, open_setting

CYCLE_S = 90
SIGNALS = 20
PLANS = 4096
TARGETS = {"batch": 100_000, "scalar": 30_000}
"""Plans per second on the plain street."""

LANE_OPERATIONS = 15
"""Per lane and second: what arrives (1), the level and its lowest (3), the queue (1), what leaves
(3), sums of queue, arrivals, capacity, queue beyond storage and stops (7)."""

STREAM_OPERATIONS = 3
"""Per stream and second: its tail, the tail's share from the cycle before, adding up."""


def plain_street() -> tuple[RoadNetwork, dict[str, NDArray[np.float64]]]:
    """Make a two-way street crossed by one-way streets, without turns."""
    rng = np.random.default_rng(1)
    links: dict[str, Link] = {}
    connections: list[Connection] = []
    signals: dict[str, Signal] = {}
    flows: dict[str, NDArray[np.float64]] = {}
    phasing = Phasing((Phase(1, "GGr", 5, 30, 10), Phase(2, "rrG", 5, 30, 10)), {})

    def link(name: str, length_m: float) -> str:
        shape = ((0.0, 0.0), (length_m, 0.0))
        links.setdefault(name, Link(name, name, name, length_m, 12.5, 1, (0,), shape))
        return name

    for i in range(SIGNALS + 1):
        length_m = rng.uniform(150.0, 400.0)
        link(f"e{i}", length_m)
        link(f"w{i}", length_m)
    for i in range(SIGNALS):
        name = f"s{i:02d}"
        pairs = [
            (f"e{i}", f"e{i + 1}"),
            (f"w{i + 1}", f"w{i}"),
            (link(f"n{i}", 300.0), link(f"n{i}x", 300.0)),
        ]
        ids = [f"{a}_0>{b}_0" for a, b in pairs]
        movements = []
        for group, ((a, b), volume_vph) in enumerate(zip(pairs, (700, 600, 400), strict=True)):
            foes = frozenset(ids[2:] if group < 2 else ids[:2])
            way = Connection(
                ids[group], a, 0, b, 0, "", "s", 12.5, 12.5, 0.0, (group,), foes, frozenset()
            )
            connections.append(way)
            movements.append(Movement(way.movement_id, name, a, b, "s", (way,)))
            flows[way.movement_id] = np.array([float(volume_vph)])
        plan = TimingPlan(name, CYCLE_S, (1, 2), (50, 40), 0, 1)
        signals[name] = Signal(name, 0.0, 0.0, tuple(movements), phasing, plan, True, "0", "")
    return RoadNetwork("plain", links, signals, tuple(connections)), flows


def generated_street(folder: Path) -> tuple[Setting, dict[str, NDArray[np.float64]]]:
    """Have an arterial built; its demand is read from its routes."""
    built = generate(Wish("arterial", SIGNALS, None, None, 1, None, 0.75, False), folder)
    setting = open_setting(str(built.config_file))
    return setting, route_flows(setting.network, built.route_file)


def route_flows(
    network: RoadNetwork, route_file: Path, period_s: int = 900
) -> dict[str, NDArray[np.float64]]:
    """Count the turns of an hour's routes by the quarter of the hour in which they start, veh/h."""
    flows = {name: np.zeros(3600 // period_s) for name in network.movements}
    text = route_file.read_text(encoding="utf-8")
    for depart, edges in re.findall(r'depart="([\d.]+)".*?edges="([^"]+)"', text):
        quarter = min(3600 // period_s - 1, int(float(depart) // period_s))
        links = edges.split()
        for before, after in pairwise(links):
            name = f"{before}>{after}"
            if name in flows:
                flows[name][quarter] += 3600.0 / period_s
    return flows


def programs_of(
    network: RoadNetwork, group: CyclicGroup
) -> dict[str, tuple[TimingPlan, TimingPlan]]:
    """Give every signal its best program at the cycle, and the same with seconds moved."""
    limits = Limits(CYCLE_S, CYCLE_S)
    found, _ = isolated_signals(group.street, choices(network, limits), limits)
    programs = {}
    for name, signal in found.items():
        best = signal.roughly(CYCLE_S)
        moved = [
            program
            for program in signal.programs.moved(best.program, (3,))
            if signal.choice.lawful(signal.programs.plan(program, 0))
        ]
        other = signal.programs.plan(moved[0], 0) if moved else best.plan
        programs[name] = (best.plan, other)
    return programs


def best_s(work: Callable[[], object], rounds: int) -> float:
    """Return the least CPU seconds of some rounds, the first left out."""
    work()
    found = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)


def measure(network: RoadNetwork, group: CyclicGroup, rounds: int) -> dict[str, float]:
    """Return plans per second, by kernel."""
    programs = programs_of(network, group)
    rng = np.random.default_rng(2)
    shape = (PLANS, len(group.signals))
    program = rng.integers(2, size=shape, dtype=np.int32)
    offset_s = rng.integers(CYCLE_S, size=shape, dtype=np.int32)
    batch = CyclicBatch(group, network, CYCLE_S, programs)
    tables = CyclicTables(group, network, CYCLE_S)
    for plan, _ in programs.values():
        tables.set(replace(plan, offset_s=0))
    few = offset_s[: PLANS // 8]
    return {
        "batch": PLANS / best_s(lambda: batch.costs(program, offset_s), rounds),
        "scalar": len(few) / best_s(lambda: tables.costs(few), rounds),
    }


@njit(error_model="numpy", fastmath=True)
def _spin(numbers: NDArray[np.float32], steps: int) -> None:
    keep, add = load(numbers, 0), load(numbers, 1)
    a, b, c, d = splat(1.0), splat(2.0), splat(3.0), splat(4.0)
    e, f, g, h = splat(5.0), splat(6.0), splat(7.0), splat(8.0)
    for _ in range(steps):
        a, b, c, d = keep * a + add, keep * b + add, keep * c + add, keep * d + add
        e, f, g, h = keep * e + add, keep * f + add, keep * g + add, keep * h + add
    store(numbers, 0, a + b + c + d + e + f + g + h)


def operations_per_s() -> float:
    """Return how many multiply-adds of single numbers this machine does in a second."""
    steps = 1_000_000
    numbers = np.full((2, WIDTH), 0.5, np.float32)
    return 8 * WIDTH * steps / best_s(lambda: _spin(numbers, steps), 10)


def lower_bound_s(group: CyclicGroup) -> float:
    """Return CPU seconds that the equations of one plan take at least."""
    lanes, streams = len(group.lanes), len(group.arrays.stream_exit)
    needed = CYCLE_S * (LANE_OPERATIONS * lanes + STREAM_OPERATIONS * streams)
    return needed / operations_per_s()


def sumo_s(setting: Setting) -> float:
    """Return CPU seconds of one run of the hour under the plan in force."""
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_many(setting.case, [Variant("in force")], [101], 1, emissions=False)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def missed(rates: Mapping[str, float]) -> list[str]:
    """Name the kernels that judge fewer plans a second than they should."""
    return [
        f"{kernel}: {rate:,.0f} plans/s (limit {TARGETS[kernel]:,})"
        for kernel, rate in rates.items()
        if rate < TARGETS[kernel]
    ]


def main() -> int:
    """Run the benchmark and print it; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="rounds of which the best counts")
    parser.add_argument("--no-sumo", action="store_true", help="leave the SUMO run out")
    options = parser.parse_args()
    console = Console(width=120)
    table = Table(title=f"{SIGNALS} signals, C = {CYCLE_S} s, one core")
    for name in ("street", "lanes", "streams", "kernel", "plans/s", "target", "µs/plan",
                 "times the lower bound", "SUMO run / plan"):  # fmt: skip
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory(prefix="throughband-") as work:
        setting, flows = generated_street(Path(work) / "arterial")
        played_s = None if options.no_sumo else sumo_s(setting)
        judged: dict[str, float] = {}
        streets = {"plain": plain_street(), "generated": (setting.network, flows)}
        for name, (network, vph) in streets.items():
            street = build_street(network, vph, 900 if name == "generated" else 3600, Driving())
            group = cyclic_group(street, sorted(network.signals))
            floor_s = lower_bound_s(group)
            rates = measure(network, group, options.rounds)
            if name == "plain":
                judged = dict(rates)
            for kernel, rate in rates.items():
                table.add_row(
                    name,
                    str(len(group.lanes)),
                    str(len(group.arrays.stream_exit)),
                    kernel,
                    f"{rate:,.0f}",
                    f"{TARGETS[kernel]:,}" if name == "plain" else "-",
                    f"{1e6 / rate:.1f}",
                    f"{1.0 / rate / floor_s:.1f}",
                    "-" if played_s is None else f"{played_s * rate:,.0f}",
                )
    console.print(table)
    if played_s is not None:
        console.print(f"one SUMO run of the generated street's hour: {played_s:.2f} CPU s")
    beyond = missed(judged)
    console.print(verdict(beyond), markup=False, soft_wrap=True)
    return exit_code(beyond)


if __name__ == "__main__":
    sys.exit(main())
