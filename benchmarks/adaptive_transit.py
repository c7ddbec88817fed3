"""Transit priority on a made-up arterial: what buses gain and what everybody else pays.

    python -m benchmarks.adaptive_transit --seeds 11-13

An arterial is generated and a bus every five minutes is sent along it each way, with 30 people on
board and a minute late. The same seeds are played without and with priority, over the plan in
force and over adaptive control. Delay is time loss and departure delay; person delay counts the
people on board and 1.3 in every other vehicle. Limits: bus delay down by 40 % (ratio up to 0.60),
person delay not up (ratio up to 1.00). SUMO runs inside the process (extra ``fast``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from statistics import fmean
from xml.sax.saxutils import quoteattr

from rich.console import Console
from rich.table import Table

from benchmarks.seeds import seeds_of
from engine.adaptive.control import Controller, Site
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.passages import fastest_way, passages_of
from engine.adaptive.plan_in_force import PlanInForce
from engine.adaptive.priority import PERSONS_PER_VEHICLE, Priority, Rank, Request
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import AdaptiveStreet
from engine.validate.priority_loop import Follower
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import TRIPINFO
from network.errors import InfeasibleError, ThroughbandError
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from throughband.generate import Wish, generate
from throughband.setting import Setting, open_setting

HEADWAY_S, FIRST_S, LATE_S, LOAD_PERSONS = 300.0, 60.0, 60.0, 30.0
BUS, BUS_RATIO, PERSON_RATIO = "bus-", 0.60, 1.00
BENEATH: Mapping[str, Callable[[RoadNetwork], Controller]] = {
    "plan in force": PlanInForce,
    "adaptive": lambda _: LookAhead(),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Delay of one run: per bus, per other vehicle and per person, s."""

    bus_s: float
    other_s: float
    person_s: float


def lines_of(network: RoadNetwork) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ways along the street, there and back: most signals, and most straight on."""
    turns = network.turns_from
    reached = {c.to_link for found in turns.values() for c in found if c.turn != "t"}
    sources = [name for name in sorted(network.links) if name not in reached]
    ends = [n for n in sorted(network.links) if all(c.turn == "t" for c in turns[n])]
    ways: list[tuple[tuple[int, int], tuple[str, ...]]] = []
    for source, end in product(sources, ends):
        try:
            way = fastest_way(network, source, end)
        except InfeasibleError:
            continue
        ahead = sum(
            any(c.to_link == onward and c.turn == "s" for c in turns[link])
            for link, onward in pairwise(way)
        )
        ways.append(((len(passages_of(network, way)), ahead), way))
    most = max((count for count, _ in ways), default=(0, 0))
    straight = sorted(way for count, way in ways if count == most)
    for there in straight:
        for back in straight:
            if not set(there) & set(back):
                return there, back
    raise InfeasibleError("the street has no two opposite ways past its signals")


def with_buses(
    case: SimulationCase, lines: Sequence[tuple[str, ...]], folder: Path
) -> tuple[SimulationCase, dict[str, tuple[str, ...]]]:
    """Add a bus every five minutes on each line; return them with their ways."""
    rows: list[tuple[float, str, tuple[str, ...]]] = []
    for number, links in enumerate(lines):
        at_s = case.begin_s + FIRST_S + number * HEADWAY_S / 2.0
        while at_s < case.end_s - HEADWAY_S:
            rows.append((at_s, f"{BUS}{number}-{at_s:.0f}", links))
            at_s += HEADWAY_S
    vehicles = "".join(
        f'<vehicle id="{name}" type="bus" depart="{at_s:g}" departLane="best" departSpeed="max">'
        f"<route edges={quoteattr(' '.join(links))}/></vehicle>"
        for at_s, name, links in sorted(rows)
    )
    file = folder / "buses.rou.xml"
    file.write_text(f'<routes><vType id="bus" vClass="bus"/>{vehicles}</routes>', encoding="utf-8")
    return replace(case, route_files=(*case.route_files, file)), {n: w for _, n, w in rows}


def play(
    setting: Setting, sites: Sequence[Site], beneath: Controller, seed: int, *, granted: bool
) -> Outcome:
    """Play one seed with or without priority."""
    lines = lines_of(setting.network)
    priority = Priority(beneath)
    priority.start(sites)
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        case, ways = with_buses(setting.case, lines, Path(scratch))
        followers = [
            Follower(
                setting.network,
                links,
                Request(
                    name, Rank.TRANSIT, passages_of(setting.network, links), LATE_S, LOAD_PERSONS
                ),
            )
            for name, links in ways.items()
        ]
        with AdaptiveStreet(case, seed, sites, emissions=False, in_process=True) as street:
            while street.time_s < case.end_s:
                views = street.observe()
                if granted:
                    for follower in followers:
                        follower.look(street.traffic, priority)
                street.advance(priority.decide(street.time_s, views))
            street.finish(Path(scratch) / "out")
        return _outcome(Path(scratch) / "out" / TRIPINFO, case)


def _outcome(file: Path, case: SimulationCase) -> Outcome:
    buses: list[float] = []
    others: list[float] = []
    for trip in iterate_elements(file, {"tripinfo"}):
        outside_s = float(trip.attrib["departDelay"])
        entered = float(trip.attrib["depart"]) >= 0
        if not entered and not 0.0 < outside_s <= case.end_s - case.begin_s:
            continue
        spent_s = outside_s + (float(trip.attrib["timeLoss"]) if entered else 0.0)
        (buses if trip.attrib["id"].startswith(BUS) else others).append(spent_s)
    lost_s = LOAD_PERSONS * sum(buses) + PERSONS_PER_VEHICLE * sum(others)
    persons = LOAD_PERSONS * len(buses) + PERSONS_PER_VEHICLE * len(others)
    return Outcome(fmean(buses), fmean(others), lost_s / persons)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=seeds_of, default=list(range(101, 106)))
    parser.add_argument("--signals", type=int, default=6)
    parser.add_argument("--saturation", type=float, default=0.85)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the hour that are played")
    options = parser.parse_args(arguments)
    table = Table("beneath", "", "bus delay s", "others s", "person s", title="transit priority")
    try:
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            wish = Wish("arterial", options.signals, None, None, 1, None, options.saturation, False)
            built = generate(wish, Path(scratch) / "street")
            setting = open_setting(str(built.config_file), None, 60.0 * options.minutes)
            sites = build_sites(setting.network)
            for name, make in BENEATH.items():
                rows = {
                    granted: [
                        play(setting, sites, make(setting.network), seed, granted=granted)
                        for seed in options.seeds
                    ]
                    for granted in (False, True)
                }
                means = {
                    granted: [
                        fmean(run.bus_s for run in runs),
                        fmean(run.other_s for run in runs),
                        fmean(run.person_s for run in runs),
                    ]
                    for granted, runs in rows.items()
                }
                for granted, found in means.items():
                    told = "with" if granted else "without"
                    sys.stderr.write(
                        f"{name}, {told}: bus {found[0]:.1f} s, person {found[2]:.1f} s\n"
                    )
                table.add_row(name, "without", *(f"{value:.1f}" for value in means[False]))
                table.add_row(name, "with", *(f"{value:.1f}" for value in means[True]))
                ratio = [b / a for a, b in zip(means[False], means[True], strict=True)]
                table.add_row(
                    name,
                    "with / without (limit)",
                    f"{ratio[0]:.2f} ({BUS_RATIO:.2f})",
                    f"{ratio[1]:.2f}",
                    f"{ratio[2]:.2f} ({PERSON_RATIO:.2f})",
                )
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
