"""Buses as streams of their own: what knowing their stops is worth to persons, shown in SUMO.

    python -m benchmarks.buses [--signals 6] [--headway 120] [--streets 11-15] [--seeds 11-12]

Made-up arterials with a bus line each way, whose buses stand at stops between the signals for times
that spread. Plans are made for little delay of persons four times: for vehicles alike (`delay`);
with the passengers spread over the vehicles of the lanes that buses use, as occupancies know them
(`persons by lane`); with lines that never stop (`lines without stops`); and with the lines as they
are (`lines`). All keep mean waits within `--longest-wait`: without it, weights on the main street
fill the lanes beside it to their capacity, where SUMO's queues grow beyond what the model foresees
(streets 11 and 12, headway 120 s, effort 300: plain delay then did best even for persons, 116 h
against 135 h with the lines and 146 h with lines that never stop). All get the same search and the
same counts, and SUMO plays them on the same seeds. Told is the delay of all persons, time loss and
departure delay times the persons in the vehicle; standing at a stop is no delay.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.seeds import seeds_of
from benchmarks.speed.profiles import route_flows
from engine.measures.objective import Goal, Objective
from engine.measures.street import Floats
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Limits
from engine.validate.statistics import paired_difference
from engine.validate.sumo import run
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from network.sumo_tls import write_sumo_plan
from network.transit import BusLine
from throughband.exchange.imported import buses_of
from throughband.generate import Wish, generate
from throughband.setting import Setting, open_setting

PERIOD_S = 900
CAR_PERSONS = 1.3
IN_FORCE, DELAY, BY_LANE, UNSTOPPED, LINES = (
    "in force", "delay", "persons by lane", "lines without stops", "lines"
)  # fmt: skip
BUS = "bus"


def objectives(
    network: RoadNetwork,
    lines: tuple[BusLine, ...],
    flows: Mapping[str, Floats],
    longest_wait_s: float | None,
) -> dict[str, Objective]:
    """Return what each of the plans is made for."""
    buses_vph: dict[str, float] = {}
    riding_ph: dict[str, float] = {}
    for line in lines:
        for one, other in pairwise(line.route):
            movement = f"{one}>{other}"
            vph = 3600.0 * line.flow_vps
            buses_vph[movement] = buses_vph.get(movement, 0.0) + vph
            riding_ph[movement] = riding_ph.get(movement, 0.0) + vph * line.passengers
    occupancies = {
        movement: CAR_PERSONS + riding / max(float(np.mean(flows[movement])), buses_vph[movement])
        for movement, riding in riding_ph.items()
        if movement in network.movements and movement in flows
    }
    plain = Objective(longest_wait_s=longest_wait_s)
    persons = replace(plain, goal=Goal.PERSON_DELAY, occupancy=CAR_PERSONS)
    return {
        DELAY: plain,
        BY_LANE: replace(persons, occupancies=occupancies),
        UNSTOPPED: replace(persons, buses=tuple(replace(line, stops=()) for line in lines)),
        LINES: replace(persons, buses=lines),
    }


def played(setting: Setting, plan: Path | None, seed: int, passengers: float) -> tuple[float, ...]:
    """Return the delay of all persons, h, and of a bus and of another vehicle, s."""
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        measures = run(setting.case, seed, () if plan is None else (plan,), folder)
        lost: dict[bool, list[float]] = {True: [], False: []}
        for trip in iterate_elements(folder / "tripinfo.xml", {"tripinfo"}):
            delay_s = float(trip.get("timeLoss", 0.0)) + float(trip.get("departDelay", 0.0))
            lost[trip.get("id", "").startswith(BUS)].append(delay_s)
    buses_s, others_s = sum(lost[True]), sum(lost[False])
    # Vehicles that were never inserted are in the measures alone; they are counted as cars.
    others_s += max(0.0, measures.delay_s * measures.scheduled - buses_s - others_s)
    persons_h = (passengers * buses_s + CAR_PERSONS * others_s) / 3600.0
    return persons_h, fmean(lost[True]), fmean(lost[False])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--signals", type=int, default=6)
    parser.add_argument("--headway", type=float, default=120.0, help="of each line, s")
    parser.add_argument("--saturation", type=float, default=0.75)
    parser.add_argument("--streets", type=seeds_of, default=tuple(range(11, 16)))
    parser.add_argument("--seeds", type=seeds_of, default=(11, 12))
    parser.add_argument("--longest-wait", type=float, default=55.0, help="s; 0 for no limit")
    parser.add_argument("--effort", type=int, default=Limits().effort)
    chosen = parser.parse_args(arguments)
    console = Console(width=120)
    found: dict[str, list[tuple[float, ...]]] = {}
    for street in chosen.streets:
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            folder = Path(scratch)
            built = generate(
                Wish(
                    "arterial", chosen.signals, None, None, street, None, chosen.saturation,
                    False, chosen.headway,
                ),
                folder / "street",
            )  # fmt: skip
            setting = open_setting(str(built.config_file))
            lines = buses_of(setting.scenario, setting.network)
            flows = route_flows(setting.network, built.route_file, PERIOD_S)
            plans: dict[str, Path | None] = {IN_FORCE: None}
            for name, objective in objectives(
                setting.network, lines, flows, chosen.longest_wait or None
            ).items():
                limits = Limits(effort=chosen.effort, objective=objective)
                done = optimize(setting.network, flows, PERIOD_S, 0, limits)
                plan = plans[name] = folder / f"{len(plans)}.add.xml"
                write_sumo_plan(plan, done.plan_set, setting.network)
            for name, file in plans.items():
                each = [played(setting, file, seed, lines[0].passengers) for seed in chosen.seeds]
                found.setdefault(name, []).append(tuple(np.mean(each, axis=0).tolist()))
        told = ", ".join(f"{name} {rows[-1][0]:.1f}" for name, rows in found.items())
        console.print(f"street {street}: persons' delay, h: {told}", highlight=False)
    table = Table(
        title=f"SUMO, mean over {len(chosen.streets)} streets of {chosen.signals} signals"
    )
    for column in ("plan", "persons' delay h", "bus s", "other vehicle s", "over lines, 95 %"):
        table.add_column(column, justify="right")
    best = [row[0] for row in found[LINES]]
    for name, rows in found.items():
        other = [row[0] for row in rows]
        ratio = ""
        if name != LINES and len(other) > 1:
            change = paired_difference(np.log(other).tolist(), np.log(best).tolist())
            ratio = (
                f"{np.exp(change.mean):.3f} ({np.exp(change.low):.3f} to {np.exp(change.high):.3f})"
            )
        table.add_row(name, *(f"{np.mean([row[k] for row in rows]):.1f}" for k in range(3)), ratio)
    console.print(table)
    console.print(
        "The last column is the persons' delay of the lines' plans over that of this row, "
        "below 1 where knowing the lines helps.",
        highlight=False,
    )


if __name__ == "__main__":
    main()
