"""How far are turning shares off at junctions whose turns SUMO knows?

    python -m benchmarks.forecast.sumo_turning cologne8 ingolstadt7 --seeds 101-103

Loops lie where streets have them: at the stop lines, each lane counted (``lanes``) or all of an
approach together (``totals``), and behind the junction at each exit. They err by 3 %. Shares are
fitted to the 10-second counts of earlier days (seeds 1 to 3) and then followed by the filter
through the day in 5-minute counts; ``filter alone`` has only 5-minute counts of all these days.
The truth is who drove where in SUMO over the day, turn by turn, and is shown to nobody. Errors
are means over the turns of approaches that carry `LEAST_VPH` and have a choice, in points;
``drivers`` is the error of somebody who knows the truth of the earlier days.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.forecast.sumo_arrivals import INSIDE_NODE_M, open_street
from benchmarks.seeds import seeds_of
from engine.forecast.count_sites import NOISE, CountSite, junctions_of
from engine.forecast.turning import TurningFilter, prior_shares
from engine.forecast.turning_fit import EXIT_M, crossing_times, fit_shares
from engine.validate.counting import DetectorSite, count
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR
from throughband.counts.demand import COUNTING_SEEDS
from throughband.setting import Setting

Floats = NDArray[np.float64]
Layout = Literal["lanes", "totals"]

INTERVAL_S, SHORT_S = 300, 10
STOP_LINE_M = 1.0
FITTED_SD = 0.02
SEED = 5
LEAST_VPH = 60.0
TARGET_POINTS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class SeenTurns:
    """A day at the junctions.

    Attributes
    ----------
    detectors
        What loops counted, [short interval, loop], in the order of `every_site`.
    took_veh
        The truth: vehicles of each turn over the day.
    """

    detectors: Floats
    took_veh: Mapping[str, float]


def every_site(network: RoadNetwork) -> tuple[CountSite, ...]:
    """Return a loop on every lane that leads to a signal, and on each exit."""
    approaches = sorted({m.from_link for m in network.movements.values()})
    exits = sorted({c.to_link for link in approaches for c in network.turns_from[link]})
    lanes = [
        CountSite(f"{link}_{lane}", "lane", link, lane)
        for link in approaches
        for lane in range(network.links[link].lanes)
    ]
    totals = [CountSite(f"in {link}", "approach", link) for link in approaches]
    return (*lanes, *totals, *(CountSite(f"out {link}", "exit", link) for link in exits))


def exit_m(network: RoadNetwork, link: str) -> float:
    """Return how far behind the junction an exit's loops lie, m."""
    return min(EXIT_M, network.links[link].length_m / 2)


def played(setting: Setting, seed: int) -> SeenTurns:
    """Play a day with loops at stop lines and behind junctions, and one for the truth per way."""
    network = setting.network
    sites = every_site(network)
    approaches = sorted({m.from_link for m in network.movements.values()})
    ways = [c for link in approaches for c in network.turns_from[link] if c.via_lane]
    loops = [DetectorSite(f"c{i}", c.via_lane, INSIDE_NODE_M) for i, c in enumerate(ways)]
    parts: list[list[int]] = []
    for site in sites:
        link = network.links[site.link_id]
        lanes = [site.lane] if site.place == "lane" else list(range(link.lanes))
        at_m = exit_m(network, link.link_id) if site.place == "exit" else -STOP_LINE_M
        parts.append(list(range(len(loops), len(loops) + len(lanes))))
        loops += [
            DetectorSite(f"{site.detector_id} {lane}", f"{link.link_id}_{lane}", at_m)
            for lane in lanes
        ]
    volume = count(setting.case, loops, seed, SHORT_S).volume_veh
    took: dict[str, float] = {}
    for way, found in zip(ways, volume[:, : len(ways)].sum(axis=0).tolist(), strict=True):
        took[way.movement_id] = took.get(way.movement_id, 0.0) + found
    return SeenTurns(np.column_stack([volume[:, part].sum(axis=1) for part in parts]), took)


def noisy(seen: Floats, rng: np.random.Generator) -> Floats:
    """Return what detectors say that err by `NOISE`."""
    return np.maximum(seen * (1.0 + NOISE * rng.normal(size=seen.shape)), 0.0)


def by_interval(seen: Floats) -> Floats:
    """Add short intervals up to those of the filter."""
    size = INTERVAL_S // SHORT_S
    whole = seen.shape[0] // size * size
    total: Floats = seen[:whole].reshape(-1, size, seen.shape[1]).sum(axis=1)
    return total


@dataclass(frozen=True, slots=True)
class TurnErrors:
    """Mean errors over turns, in points."""

    turns: int
    prior: float
    alone: float
    fitted: float
    weighted: float
    drivers: float


def errors(
    network: RoadNetwork,
    layout: Layout,
    earlier: Sequence[SeenTurns],
    days: Mapping[int, SeenTurns],
) -> TurnErrors:
    """Compare methods with the truth of days by seed, after earlier days."""
    every = every_site(network)
    wanted = {"lanes": ("lane", "exit"), "totals": ("approach", "exit")}[layout]
    columns = [i for i, site in enumerate(every) if site.place in wanted]
    sites = [every[i] for i in columns]
    junctions, _ = junctions_of(network, sites)
    names = [site.detector_id for site in sites]
    guess = prior_shares(network)
    rng = np.random.default_rng(SEED)
    short = [noisy(day.detectors[:, columns], rng) for day in earlier]
    crossing_s = crossing_times(network, {link: exit_m(network, link) for link in network.links})
    fitted = fit_shares(junctions, names, short, guess, SHORT_S, crossing_s=crossing_s)
    rows: list[tuple[float, ...]] = []
    for day in days.values():
        seen = by_interval(noisy(day.detectors[:, columns], rng))
        alone = TurningFilter(junctions, names, guess, INTERVAL_S)
        for part in short:
            for counts in by_interval(part):
                alone.update(counts)
        after = TurningFilter(junctions, names, fitted, INTERVAL_S, prior_sd=FITTED_SD)
        believed = [
            np.mean([shares.update(counts).share for counts in seen], axis=0)
            for shares in (alone, after)
        ]
        row = {turn: i for i, turn in enumerate(after.turn_ids)}
        hours = seen.shape[0] * INTERVAL_S / SECONDS_PER_HOUR
        for turns in (own for junction in junctions for own in junction.approaches.values()):
            took = np.array([day.took_veh.get(turn, 0.0) for turn in turns])
            total = float(took.sum())
            if total < LEAST_VPH * hours or len(turns) < 2:
                continue
            usual = np.array([sum(d.took_veh.get(t, 0.0) for d in earlier) for t in turns])
            methods = (
                np.array([guess[turn] for turn in turns]),
                *(shares[[row[turn] for turn in turns]] for shares in believed),
                usual / max(usual.sum(), 1.0),
            )
            for k in range(len(turns)):
                rows.append((*(abs(m[k] - took[k] / total) for m in methods), total))
    prior, alone_error, error, drivers = 100.0 * np.array(rows).T[:4]
    weight = np.array(rows)[:, 4]
    return TurnErrors(
        len(rows),
        float(prior.mean()),
        float(alone_error.mean()),
        float(error.mean()),
        float(np.average(error, weights=weight)),
        float(drivers.mean()),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare networks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=("cologne8", "ingolstadt7"))
    parser.add_argument("--seeds", default="11-13")
    chosen = parser.parse_args(arguments)
    console = Console(width=120)
    table = Table(
        "network", "detectors", "turns", "prior", "filter alone", "fitted, points", "of target",
        "weighted by flow", "drivers",
    )  # fmt: skip
    for name in chosen.networks:
        with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
            setting = open_street(name, Path(folder))
            earlier = [played(setting, seed) for seed in COUNTING_SEEDS]
            days = {seed: played(setting, seed) for seed in seeds_of(chosen.seeds)}
        layouts: tuple[Layout, ...] = ("lanes", "totals")
        for layout in layouts:
            found = errors(setting.network, layout, earlier, days)
            table.add_row(
                name, layout, f"{found.turns}", f"{found.prior:.1f}", f"{found.alone:.1f}",
                f"{found.fitted:.2f}", f"{found.fitted / TARGET_POINTS:.2f}",
                f"{found.weighted:.2f}",
                f"{found.drivers:.2f}",
            )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
