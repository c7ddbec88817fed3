"""Adaptive control with people called at every crossing all the time, beside SUMO's actuated.

    python -m benchmarks.adaptive_walks cologne1 cologne3 --seeds 101-103 --wait 90 --out FILE

Networks stand under street rules (clearances by formula, walk and clearance of each crossing held
in the stage it opens in). Played are SUMO's actuated programs, which serve every stage, and so
every crossing, once in each of their cycles with its whole walk and clearance; adaptive control
that serves crossings with the traffic of their stages alone; and adaptive control with a standing
call at every crossing, served within ``--wait`` seconds as far as least greens and clearances
allow.

Delay is that of all vehicles due. People may come at any moment, at each crossing alike, and wait
from the end of one walk to the begin of the next. Under adaptive control walk is shown for its own
length alone; under SUMO's actuated people are let go as long as the green still lasts for their
clearance, which nobody there could know, and which favors it.

Limits: with calls, delay at most 0.80 of SUMO's actuated; nobody on foot waits longer than under
SUMO's actuated, or than ``--wait`` where that is more. It ends with 1 where one is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from benchmarks.seeds import seeds_of
from benchmarks.suite.scenes import open_scene, ruled
from benchmarks.suite.trips import LOCKED_PART, stuck
from benchmarks.told_command import told_command
from benchmarks.walk_waits import WalkWaits, longest_s, quantile_s
from engine.adaptive.control import Site
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import AdaptiveStreet
from engine.validate.sumo_files import write_actuated
from engine.validate.tracked_loop import TrackedLoop
from engine.validate.trips import Trips
from network.errors import ThroughbandError
from throughband.setting import Setting, open_setting

ACTUATED, UNCALLED, CALLED = "sumo-actuated", "adaptive, no calls", "adaptive, called"
CONTROLLERS: Final = (ACTUATED, UNCALLED, CALLED)
MOST_RATIO: Final = 0.80
SHARE: Final = 0.95
WAIT_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Row:
    """One seed of one controller.

    Attributes
    ----------
    delay_s
        Per vehicle due.
    longest_s, p95_s
        Longest wait of somebody on foot, and what 95 % of them wait at most.
    locked
        Whether the network had locked up by the end.
    """

    delay_s: float
    longest_s: float
    p95_s: float
    locked: bool


def play(setting: Setting, sites: Sequence[Site], controller: str, seed: int, wait_s: float) -> Row:
    """Play one seed."""
    waits = WalkWaits(sites)
    if controller == ACTUATED:
        trips = play_actuated(setting, sites, seed, waits)
    else:
        trips = play_adaptive(setting, sites, seed, waits, wait_s if controller == CALLED else None)
    gaps = waits.gaps_s(greens=controller == ACTUATED)
    window_s = setting.case.end_s - setting.case.begin_s
    return Row(
        float(trips.delay_s.mean()),
        longest_s(gaps),
        quantile_s(gaps, window_s, SHARE),
        stuck(trips) >= LOCKED_PART * len(trips),
    )


def play_actuated(setting: Setting, sites: Sequence[Site], seed: int, waits: WalkWaits) -> Trips:
    """Play SUMO's actuated programs, and look at which greens people may walk in."""
    case = setting.case
    greens = {
        site.signal_id: [{site.stages[row].aspects for row in walk.stages} for walk in site.walks]
        for site in sites
    }
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        file = Path(scratch) / "actuated.add.xml"
        write_actuated(file, (case.net_file, *case.additional_files))
        with TrackedLoop(case, seed, (), [file], emissions=False) as street:
            while street.time_s < case.end_s:
                at_s = street.time_s
                street.step()
                for name, lamps in street.lamps(list(greens)).items():
                    waits.look(at_s, name, [lamps in shown for shown in greens[name]])
            street.finish()
            assert street.trips is not None
            return street.trips


def play_adaptive(
    setting: Setting, sites: Sequence[Site], seed: int, waits: WalkWaits, wait_s: float | None
) -> Trips:
    """Play adaptive control, and look at which walks are shown."""
    controller = LookAhead()
    controller.start(sites)
    end_s = setting.case.end_s
    with AdaptiveStreet(setting.case, seed, sites, emissions=False, walk_wait_s=wait_s) as street:
        while street.time_s < end_s:
            at_s = street.time_s
            street.advance(controller.decide(at_s, street.observe()))
            for name, player in street.players.items():
                waits.look(at_s, name, player.walking())
        street.finish()
        return street.trips


def table(found: dict[str, dict[str, list[Row]]]) -> list[str]:
    """Return the means as a Markdown table; waits are the longest of all seeds."""
    lines = [
        "| street | " + " | ".join(f"{name}: delay s" for name in CONTROLLERS)
        + " | called / actuated | "
        + " | ".join(f"{name}: longest wait on foot s (95 %)" for name in CONTROLLERS)
        + " |",
        "| --- |" + " ---: |" * (2 * len(CONTROLLERS) + 1),
    ]  # fmt: skip
    for street, rows in found.items():
        delays = {name: fmean(row.delay_s for row in runs) for name, runs in rows.items()}
        cells = [
            f"{delays[name]:.1f}" + ("†" if any(row.locked for row in rows[name]) else "")
            for name in CONTROLLERS
        ]
        cells.append(f"{delays[CALLED] / delays[ACTUATED]:.2f}")
        cells += [
            f"{max(row.longest_s for row in rows[name]):.0f} "
            f"({fmean(row.p95_s for row in rows[name]):.0f})"
            for name in CONTROLLERS
        ]
        lines.append(f"| {street} | " + " | ".join(cells) + " |")
    return lines


def missed(found: dict[str, dict[str, list[Row]]], wait_s: float) -> list[str]:
    """Return the limits that are missed, one sentence each."""
    told: list[str] = []
    for street, rows in found.items():
        called, peer = rows[CALLED], rows[ACTUATED]
        ratio = fmean(r.delay_s for r in called) / fmean(r.delay_s for r in peer)
        if ratio > MOST_RATIO:
            told.append(f"{street}: delay {ratio:.2f} of SUMO's actuated, limit {MOST_RATIO:.2f}")
        waits_s = max(r.longest_s for r in called)
        most_s = max(wait_s, *(r.longest_s for r in peer))
        if waits_s > most_s:
            told.append(f"{street}: somebody on foot waits {waits_s:.0f} s, limit {most_s:.0f} s")
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--seeds", type=seeds_of, default=[101, 102, 103])
    parser.add_argument("--wait", type=float, default=WAIT_S, help="on foot, s")
    parser.add_argument("--minutes", type=float, help="of the scenario that are played; else all")
    parser.add_argument("--out", type=Path, help="file to write the table to")
    options = parser.parse_args(arguments)
    found: dict[str, dict[str, list[Row]]] = {}
    told: list[str] = []
    try:
        for network in options.networks:
            with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
                scenario = ruled(open_scene(network, Path(scratch)), Path(scratch) / "ruled")
                setting = open_setting(str(scenario.config_file))
                if options.minutes is not None:
                    end_s = setting.case.begin_s + 60.0 * options.minutes
                    setting = open_setting(str(scenario.config_file), None, end_s)
                sites = build_sites(setting.network)
                rows = found.setdefault(scenario.name, {name: [] for name in CONTROLLERS})
                for seed in options.seeds:
                    for name in CONTROLLERS:
                        row = play(setting, sites, name, seed, options.wait)
                        rows[name].append(row)
                        sys.stderr.write(
                            f"{network}, {name}, seed {seed}: {row.delay_s:.1f} s, on foot "
                            f"{row.longest_s:.0f} s at most, 95 % {row.p95_s:.0f} s"
                            f"{', locked' if row.locked else ''}\n"
                        )
            failed = missed(found, options.wait)
            told = [*table(found), "", *(f"Missed: {s}." for s in failed or ["nothing"])]
            if options.out is not None:
                command = told_command("benchmarks.adaptive_walks", arguments or sys.argv[1:])
                page = "\n".join([f"`{command}`", "", *told])
                options.out.write_text(page + "\n", encoding="utf-8")
    except ThroughbandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write("\n".join(told) + "\n")
    return 1 if missed(found, options.wait) else 0


if __name__ == "__main__":
    sys.exit(main())
