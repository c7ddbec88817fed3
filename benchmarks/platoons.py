"""Do platoons arrive when the flow model says? Its arrivals beside SUMO's, second by second.

    python -m benchmarks.platoons [cologne8 ingolstadt7 arterial:10:7] --seeds 101-103

Random lawful plans with one cycle, as `benchmarks.fidelity` draws them. Looked at are approaches
that a single stream feeds from another signal, by `LEAST_VPH` and more. SUMO's arrivals are those
over loops `LOOP_M` behind the signal upstream, run on at free speed to the stop line and folded
into the cycle; the model's are those of `engine.measures.cyclic`. *Unexplained* is the mean square
of their difference over that of SUMO's arrivals from even ones: 1 is what even arrivals come to,
and the limit. *Late* is by how much SUMO's platoons are later than the model's (first harmonic,
median over approaches, whose share in it is `CLEAR` at least; limit `MOST_LATE_S` either way).
``without start`` is the same model with platoons that need no time over the node upstream and none
to speed up. Counts are those of seeds 1 to 3. Ends with 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.fidelity import counted, random_plans
from benchmarks.seeds import seeds_of
from benchmarks.suite.scenes import open_scene
from benchmarks.verdict import exit_code, verdict
from engine.measures import street as streets
from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_group import cyclic_group
from engine.measures.streams import Pace, Stream, fit_streams
from engine.measures.street import Driving, Street, build_street
from engine.validate import sumo
from network.errors import ScenarioError
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from throughband.setting import Setting, open_setting

Floats = NDArray[np.float64]

LOOP_M = 60.0
LEAST_VPH = 60.0
LEAST_WAY_M = 80.0
PLANS = 3
CLEAR = 0.2
MOST_LATE_S = 2.0
STARTING, WITHOUT = "as it is", "without start"


@dataclass(frozen=True, slots=True)
class Watched:
    """An approach with loops at the beginning of the only way to it."""

    row: int
    stream: Stream
    rest_s: float


def watched(setting: Setting, street: Street) -> list[Watched]:
    """Return the approaches that one stream feeds from another signal."""
    by_approach: dict[str, list[Stream]] = {}
    for stream in street.stream_table:
        by_approach.setdefault(stream.approach_link, []).append(stream)
    found = []
    for row, name in enumerate(street.approach_names):
        feeding = by_approach.get(name, [])
        if len(feeding) != 1 or feeding[0].distance_m < LEAST_WAY_M:
            continue
        first = setting.network.links[feeding[0].links[0]]
        if first.length_m > LOOP_M:
            rest_s = feeding[0].travel_time_s - LOOP_M / first.speed_mps
            found.append(Watched(row, feeding[0], rest_s))
    return found


def seen(
    setting: Setting, plan_set: PlanSet, approaches: Sequence[Watched], seeds: Sequence[int]
) -> dict[str, Floats]:
    """Return SUMO's vehicles over the loops by link, folded into the cycle, per hour and seed."""
    cycle_s = plan_set.plans[0].cycle_s
    links = sorted({one.stream.links[0] for one in approaches})
    folded = {link: np.zeros(cycle_s) for link in links}
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        write_sumo_plan(folder / "plan.add.xml", plan_set, setting.network)
        loops = "".join(
            f'<inductionLoop id="{number} {lane}" lane="{link}_{lane}" pos="{LOOP_M:g}" '
            f'period="1" file="loops.xml"/>'
            for number, link in enumerate(links)
            for lane in range(setting.network.links[link].lanes)
        )
        (folder / "loops.add.xml").write_text(f"<additional>{loops}</additional>", "utf-8")
        for seed in seeds:
            sumo.play(setting.case, seed, [folder / "plan.add.xml", folder / "loops.add.xml"])
            for element in iterate_elements(folder / "loops.xml", {"interval"}):
                link = links[int(element.get("id", "").split()[0])]
                second = int(float(element.get("begin", "0"))) % cycle_s
                folded[link][second] += float(element.get("nVehEntered", "0"))
    hours = (setting.case.end_s - setting.case.begin_s) / 3600.0 * len(seeds)
    return {link: counts / hours for link, counts in folded.items()}


def foretold(setting: Setting, street: Street, plan_set: PlanSet) -> Mapping[int, Floats]:
    """Return the model's arrivals by approach of the street, second by second of the cycle."""
    cycle_s = plan_set.plans[0].cycle_s
    names = [plan.signal_id for plan in plan_set.plans]
    group = cyclic_group(street, names)
    tables = CyclicTables(group, setting.network, cycle_s)
    for plan in plan_set.plans:
        tables.set(plan)
    tables.solve()
    return {
        int(street.lane_approach[lane]): tables.inflow[group.arrays.lane_approach[row]]
        for row, lane in enumerate(group.lanes)
    }


def moved(counts: Floats, by_s: float) -> Floats:
    """Run arrivals on by a time, round the cycle."""
    whole = int(np.floor(by_s))
    part = by_s - whole
    return (1.0 - part) * np.roll(counts, whole) + part * np.roll(counts, whole + 1)


def first_harmonic(profile: Floats) -> complex:
    """Return the first harmonic of a profile, over its sum."""
    turns = np.exp(-2j * np.pi * np.arange(profile.size) / profile.size)
    return complex((profile * turns).sum() / profile.sum())


def compare(
    said: Mapping[int, Floats], drove: Mapping[str, Floats], approaches: Sequence[Watched]
) -> tuple[float, float, list[float]]:
    """Return squares of differences, those of even arrivals, and how late SUMO's platoons are."""
    apart = even = 0.0
    late: list[float] = []
    for one in approaches:
        vehicles = drove[one.stream.links[0]]
        if one.row not in said or vehicles.sum() < LEAST_VPH:
            continue
        arrived = moved(vehicles, one.rest_s) / vehicles.sum()
        model = said[one.row] / said[one.row].sum()
        apart += vehicles.sum() * float(((model - arrived) ** 2).sum())
        even += vehicles.sum() * float(((arrived - 1.0 / arrived.size) ** 2).sum())
        ours, theirs = first_harmonic(model), first_harmonic(arrived)
        if min(abs(ours), abs(theirs)) >= CLEAR:
            turn = float(np.angle(ours / theirs)) / (2.0 * np.pi)
            late.append(turn * arrived.size)
    return apart, even, late


def unstarted(
    network: RoadNetwork, movement_vph: Mapping[str, float], pace: Pace | None = None
) -> tuple[tuple[Stream, ...], dict[str, float]]:
    """Fit streams whose platoons need no time to start."""
    streams, outside = fit_streams(network, movement_vph, pace)
    return tuple(replace(stream, start_s=0.0) for stream in streams), outside


def measure(name: str, seeds: Sequence[int], folder: Path) -> dict[str, tuple[float, float, int]]:
    """Return the unexplained part, how late, and of how many approaches, by model."""
    scene = open_scene(name, folder, None, None)
    setting = open_setting(str(scene.config_file), calibrated=False)
    counts, shares = counted(setting)
    flow_vph = dict(zip(counts.series_ids, counts.flow_vph().T, strict=True))
    models = {}
    for model, fit in ((STARTING, fit_streams), (WITHOUT, unstarted)):
        with patch.object(streets, "fit_streams", fit):
            models[model] = build_street(
                setting.network, flow_vph, counts.interval_s, Driving(), shares
            )
    sums = {model: (0.0, 0.0, list[float]()) for model in models}
    for plan_set in random_plans(setting, PLANS):
        cycles_s = [plan.cycle_s for plan in plan_set.plans]
        common_s = max(sorted(set(cycles_s)), key=cycles_s.count)
        kept = tuple(plan for plan in plan_set.plans if plan.cycle_s == common_s)
        same = replace(plan_set, plans=kept)
        approaches = watched(setting, models[STARTING])
        drove = seen(setting, same, approaches, seeds)
        for model, street in models.items():
            apart, even, late = compare(foretold(setting, street, same), drove, approaches)
            was = sums[model]
            sums[model] = (was[0] + apart, was[1] + even, [*was[2], *late])
    if not sums[STARTING][2]:
        raise ScenarioError(
            f"{name}: found no approach with platoons of a single signal; wanted is one that a "
            f"stream of {LEAST_VPH:g} veh/h or more feeds over {LEAST_WAY_M:g} m or more"
        )
    return {
        model: (apart / even, float(np.median(late)), len(late))
        for model, (apart, even, late) in sums.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "scenarios", nargs="*", default=["cologne8", "ingolstadt7", "arterial:10:7"]
    )
    parser.add_argument("--seeds", type=seeds_of, default=[101, 102, 103])
    chosen = parser.parse_args(arguments)
    table = Table(title=f"arrivals at stop lines, {PLANS} random plans each")
    for column in ("street", "model", "unexplained", "limit", "late, s", "limit, s", "approaches"):
        table.add_column(column, justify="right")
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        for number, name in enumerate(chosen.scenarios):
            found = measure(name, chosen.seeds, Path(scratch) / str(number))
            for model, (part, late_s, many) in found.items():
                table.add_row(
                    name, model, f"{part:.2f}", "1", f"{late_s:+.1f}", f"{MOST_LATE_S:g}", str(many)
                )
            part, late_s, _ = found[STARTING]
            if not part < 1.0:
                missed.append(f"{name}: {part:.2f} unexplained, limit 1")
            if not abs(late_s) <= MOST_LATE_S:
                missed.append(f"{name}: {late_s:+.1f} s late, limit {MOST_LATE_S:g}")
    console = Console(width=110)
    console.print(table)
    console.print(verdict(missed), soft_wrap=True)
    return exit_code(missed)


if __name__ == "__main__":
    sys.exit(main())
