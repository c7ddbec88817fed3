"""Transit priority on a made-up arterial: what buses gain, what others lose, how even buses run.

    python -m benchmarks.adaptive_transit --seeds 101-103 --out FILE

An arterial is generated with a bus line each way (``generate arterial --buses 300``): 30 people on
board, starts and stops that spread. The same seeds are played without and with priority, over the
plan in force, over adaptive control inside the plan (coordinated) and over free adaptive control.
Priority is conditional: by lateness against a timetable of cruising speed, mean dwells and 10 s a
signal, and by headway; what others lose has a budget at each signal and hour. With ``--each`` every
strategy and condition is left out once, to tell what it brings.

Delay is time loss and departure delay; standing at a stop is none. Person delay counts the people
on board and 1.3 in every other vehicle. Headways are times between buses of a line at its signals;
their coefficient of variation is the mean over lines and signals. What the others lost in SUMO is
their delay with priority less that without, per signal and hour, beside what the ledger reckoned.

Limits: bus delay down by 40 % (ratio up to 0.60), person delay not up (ratio up to 1.00), no budget
overdrawn. It ends with 1 where one is missed.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev
from typing import Final

from benchmarks.seeds import seeds_of
from benchmarks.told_command import told_command
from engine.adaptive.control import Controller, Site
from engine.adaptive.coordinated import PlanBound
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook, inside_plans
from engine.adaptive.plan_in_force import PlanInForce
from engine.adaptive.priority import Priority
from engine.adaptive.sites import build_sites
from engine.adaptive.transit import PERSONS_PER_VEHICLE, Strategy, TransitRules
from engine.validate.adaptive_loop import AdaptiveStreet
from engine.validate.fleet import Fleet
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import TRIPINFO
from network.errors import ThroughbandError
from network.graph import RoadNetwork
from network.readers.sumo_bus_runs import BusRun, read_bus_runs
from network.readers.xml_files import iterate_elements
from throughband.exchange.imported import buses_of
from throughband.generate import Wish, generate
from throughband.setting import Setting, open_setting

HEADWAY_S: Final = 300.0
BUS_RATIO, PERSON_RATIO = 0.60, 1.00
BUDGET_PERSON_S: Final = 7200.0
BENEATH: Final[Mapping[str, Callable[[RoadNetwork], Controller]]] = {
    "plan in force": PlanInForce,
    "coordinated": lambda network: PlanBound(network, LookAhead(inside_plans(Outlook(), network))),
    "adaptive": lambda _: LookAhead(),
}
WITHOUT, WITH = "without", "with"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run, or the mean of several.

    Attributes
    ----------
    bus_s, other_s, person_s
        Delay per bus, per other vehicle and per person, s.
    variation
        Coefficient of variation of the headways.
    others_h
        Delay of the people in other vehicles, all together, h.
    most_person_s
        The most that the ledger has for any signal within an hour, person-seconds.
    spent_person_s
        What it has for all signals, person-seconds, per signal.
    granted, refused
        How often each strategy was used, and each reason given, over all buses and signals.
    """

    bus_s: float
    other_s: float
    person_s: float
    variation: float
    others_h: float
    most_person_s: float
    spent_person_s: float
    granted: Mapping[str, float]
    refused: Mapping[str, float]


def variants(rules: TransitRules, each: bool) -> dict[str, TransitRules | None]:
    """Return what is played: nobody first, everything, and on wish everything but one thing."""
    found: dict[str, TransitRules | None] = {WITHOUT: None, WITH: rules}
    if each:
        for strategy in Strategy:
            kept = replace(rules, strategies=rules.strategies - {strategy})
            found[f"without {strategy.value}"] = kept
        unasked = replace(rules, close_share=0.0, long_share=1e9)
        found["whatever the headway"] = unasked
        found["without budget"] = replace(rules, budget_person_s=math.inf)
    return found


def runs_of(setting: Setting) -> tuple[BusRun, ...]:
    """Return the buses of a scenario."""
    case, scenario = setting.case, setting.scenario
    return read_bus_runs(
        scenario.route_files,
        scenario.additional_files,
        buses_of(scenario, setting.network),
        setting.network,
        case.begin_s,
        case.end_s,
    )


def play(
    setting: Setting,
    sites: Sequence[Site],
    beneath: Controller,
    seed: int,
    rules: TransitRules | None,
) -> Outcome:
    """Play one seed, without priority where there are no rules for it."""
    priority = Priority(beneath, transit=rules)
    priority.start(sites)
    runs = runs_of(setting)
    fleet = Fleet(setting.network, runs)
    case = setting.case
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        with AdaptiveStreet(case, seed, sites, emissions=False) as street:
            while street.time_s < case.end_s:
                views = street.observe()
                fleet.look(street.time_s, street.traffic, None if rules is None else priority)
                street.advance(priority.decide(street.time_s, views))
            street.finish(Path(scratch) / "out")
        buses, others = delays_s(
            Path(scratch) / "out" / TRIPINFO, case, {run.vehicle_id for run in runs}
        )
    persons = {run.vehicle_id: run.line.passengers for run in runs}
    lost_s = sum(persons[name] * spent_s for name, spent_s in buses.items())
    others_lost_s = PERSONS_PER_VEHICLE * sum(others)
    on_board = sum(persons[name] for name in buses)
    most = priority.ledger.most_person_s
    return Outcome(
        fmean(buses.values()),
        fmean(others),
        (lost_s + others_lost_s) / (on_board + PERSONS_PER_VEHICLE * len(others)),
        variation(fleet.passed_s()),
        others_lost_s / 3600.0,
        max(most.values(), default=0.0),
        sum(most.values()) / len(sites),
        {name: float(count) for name, count in priority.tally.by_strategy().items()},
        {name: float(count) for name, count in priority.tally.by_refusal().items()},
    )


def variation(passed_s: Mapping[tuple[str, str], Sequence[float]]) -> float:
    """Return the coefficient of variation of headways, mean over lines and signals."""
    found: list[float] = []
    for times_s in passed_s.values():
        headways_s = [b - a for a, b in pairwise(times_s)]
        if len(headways_s) > 1:
            found.append(pstdev(headways_s) / fmean(headways_s))
    return fmean(found) if found else math.nan


def delays_s(
    file: Path, case: SimulationCase, buses: set[str]
) -> tuple[dict[str, float], list[float]]:
    """Return the delay of every bus by its name, and of every other vehicle due, s."""
    found: dict[str, float] = {}
    others: list[float] = []
    for trip in iterate_elements(file, {"tripinfo"}):
        outside_s = float(trip.attrib["departDelay"])
        entered = float(trip.attrib["depart"]) >= 0
        if not entered and not 0.0 < outside_s <= case.end_s - case.begin_s:
            continue
        spent_s = outside_s + (float(trip.attrib["timeLoss"]) if entered else 0.0)
        if trip.attrib["id"] in buses:
            found[trip.attrib["id"]] = spent_s
        else:
            others.append(spent_s)
    return found, others


def mean(runs: Sequence[Outcome]) -> Outcome:
    """Return the mean of runs; of the budget, the most."""
    return Outcome(
        *(
            fmean(getattr(run, name) for run in runs)
            for name in ("bus_s", "other_s", "person_s", "variation", "others_h")
        ),
        max(run.most_person_s for run in runs),
        fmean(run.spent_person_s for run in runs),
        {name: fmean(run.granted[name] for run in runs) for name in runs[0].granted},
        {name: fmean(run.refused[name] for run in runs) for name in runs[0].refused},
    )


def table(
    found: Mapping[str, Mapping[str, Sequence[Outcome]]], signals: int, hours: float
) -> list[str]:
    """Return the outcomes as a Markdown table."""
    lines = [
        "| beneath | priority | bus s | other s | person s | bus | person | headway CV | "
        "granted: extension, early, insertion | refused: on time, close, not worth, budget | "
        "most of a budget | reckoned | lost in SUMO |",
        "| --- | --- |" + " ---: |" * 11,
    ]
    for beneath, rows in found.items():
        base = mean(rows[WITHOUT])
        for name, runs in rows.items():
            row = mean(runs)
            lost = (row.others_h - base.others_h) * 3600.0 / (signals * hours)
            told = [f"{row.bus_s:.1f}", f"{row.other_s:.1f}", f"{row.person_s:.1f}"]
            if name == WITHOUT:
                told += ["", "", f"{row.variation:.2f}", "", "", "", "", ""]
            else:
                told += [
                    f"{row.bus_s / base.bus_s:.2f}",
                    f"{row.person_s / base.person_s:.2f}",
                    f"{row.variation:.2f}",
                    ", ".join(f"{count:.0f}" for count in row.granted.values()),
                    ", ".join(f"{count:.0f}" for count in row.refused.values()),
                    f"{row.most_person_s:.0f}",
                    f"{row.spent_person_s:.0f}",
                    f"{lost:+.0f}",
                ]
            lines.append(f"| {beneath} | {name} | " + " | ".join(told) + " |")
    return lines


def missed(
    found: Mapping[str, Mapping[str, Sequence[Outcome]]], budget_person_s: float
) -> list[str]:
    """Return the limits that are missed, one sentence each."""
    told: list[str] = []
    for beneath, rows in found.items():
        base, row = mean(rows[WITHOUT]), mean(rows[WITH])
        ratios = (
            ("bus delay", row.bus_s / base.bus_s, BUS_RATIO),
            ("person delay", row.person_s / base.person_s, PERSON_RATIO),
        )
        for what, ratio, limit in ratios:
            if ratio > limit:
                told.append(f"{beneath}: {what} at {ratio:.3f} of that without, limit {limit:.2f}")
        if row.most_person_s > budget_person_s:
            told.append(
                f"{beneath}: {row.most_person_s:.0f} person-seconds within an hour at a signal, "
                f"budget {budget_person_s:.0f}"
            )
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=seeds_of, default=list(range(101, 106)))
    parser.add_argument("--signals", type=int, default=6)
    parser.add_argument("--street", type=int, default=1, help="seed of the streets")
    parser.add_argument("--saturation", type=float, default=0.85)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the hour that are played")
    parser.add_argument("--budget", type=float, default=BUDGET_PERSON_S, help="person-s an hour")
    parser.add_argument("--beneath", nargs="+", choices=list(BENEATH), default=list(BENEATH))
    parser.add_argument("--each", action="store_true", help="leave every part out once, too")
    parser.add_argument("--out", type=Path, help="file to write the table to")
    options = parser.parse_args(arguments)
    found: dict[str, dict[str, list[Outcome]]] = {}
    try:
        rules = TransitRules(budget_person_s=options.budget)
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            wish = Wish(
                "arterial", options.signals, None, None, options.street, None,
                options.saturation, False, HEADWAY_S,
            )  # fmt: skip
            built = generate(wish, Path(scratch) / "street")
            setting = open_setting(str(built.config_file), None, 60.0 * options.minutes)
            sites = build_sites(setting.network)
            for name in options.beneath:
                rows = found.setdefault(name, {})
                for variant, its_rules in variants(rules, options.each).items():
                    for seed in options.seeds:
                        beneath = BENEATH[name](setting.network)
                        run = play(setting, sites, beneath, seed, its_rules)
                        rows.setdefault(variant, []).append(run)
                        sys.stderr.write(
                            f"{name}, {variant}, seed {seed}: bus {run.bus_s:.1f} s, person "
                            f"{run.person_s:.1f} s, headways {run.variation:.2f}\n"
                        )
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    told = table(found, len(sites), options.minutes / 60.0)
    failed = missed(found, options.budget)
    told += ["", *(f"Missed: {sentence}." for sentence in failed or ["nothing"])]
    sys.stdout.write("\n".join(told) + "\n")
    if options.out is not None:
        command = told_command("benchmarks.adaptive_transit", arguments or sys.argv[1:])
        head = [f"`{command}`", ""]
        options.out.write_text("\n".join([*head, *told]) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
