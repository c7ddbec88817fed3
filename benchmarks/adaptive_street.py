"""Adaptive control on the street: what decisions over SNMP are worth beside the same in SUMO.

    python -m benchmarks.adaptive_street cologne3 --seeds 101-104

Every seed is played three times, with the same traffic: emulated NTCIP controllers that run the
plan in force; the same controllers under ``throughband adapt``, steered with holds and force-offs
over SNMP on loopback; and adaptive control in coordinated mode in SUMO directly, without
controllers. Sight is ``lanes`` (everything within 200 m, as radar tells it) in both. The street
waits for every decision, so the figures depend on nobody's machine; how fast the wire is, the
column of turns tells. Limits: nothing unlawful, and delay at most 1.10 of that under the plan in
the mean of the seeds; it ends with 1 where one is missed. A monitor of its own reads the lamps
tenth by tenth, of controllers of one ring whose phases show different pictures; of others there is
the controller's own monitor alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.seeds import seeds_of
from engine.adaptive.coordinated import PlanBound, Slack
from engine.adaptive.lookahead import LookAhead
from engine.adaptive.outlook import Outlook, inside_plans
from engine.adaptive.sensing import Sensing, Sensors
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from network.errors import ThroughbandError
from network.phasing import Phasing
from throughband.adapting.adaptation import Adaptation
from throughband.adapting.command import RESEND_S, TIMEOUT_S, select
from throughband.adapting.link import open_link
from throughband.setting import Setting, open_setting
from throughband.street import Street, Wiring, open_street

BACKUP_S = 30
MOST_RATIO: Final = 1.10
"""Delay under adaptive control over that of the plan in force, mean of the seeds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One seed all three ways.

    Attributes
    ----------
    seed
        SUMO's.
    plan_s, street_s, direct_s
        Delay per vehicle: controllers under their plan, under adaptive control over SNMP, and
        adaptive control in SUMO alone, s.
    force_offs, holds, refused, unanswered
        As `throughband.adapting.adaptation.Tally`.
    unlawful
        What the monitor of the lamps found, one sentence each.
    turn_median_ms, turn_worst_ms
        How long looking, deciding and asking took for all signals.
    """

    seed: int
    plan_s: float
    street_s: float
    direct_s: float
    force_offs: int
    holds: int
    refused: int
    unanswered: int
    unlawful: tuple[str, ...]
    turn_median_ms: float
    turn_worst_ms: float


@dataclass(slots=True)
class Lamps:
    """Watches the lamps of one signal of one ring: greens no shorter than least, clearances whole.

    It knows the phasing and what was shown, nothing of the controller.

    Attributes
    ----------
    found
        What must not be, one sentence each.
    """

    name: str
    phasing: Phasing
    found: list[str] = field(default_factory=list)
    _runs: list[tuple[str, int]] = field(default_factory=list)

    def look(self, aspects: str) -> None:
        """Look at one tenth of a second."""
        if self._runs and self._runs[-1][0] == aspects:
            self._runs[-1] = (aspects, self._runs[-1][1] + 1)
            return
        self._runs.append((aspects, 1))

    def judge(self) -> list[str]:
        """Return what must not have been."""
        greens = {phase.aspects: phase for phase in self.phasing.phases}
        places = [k for k, (aspects, _) in enumerate(self._runs) if aspects in greens]
        if len(greens) < len(self.phasing.phases) or len(self.phasing.rings) > 1:
            return self.found
        for a, b in pairwise(places):
            ended, begun = greens[self._runs[a][0]], greens[self._runs[b][0]]
            shown = self._runs[a + 1 : b]
            wanted = [
                (i.aspects, i.duration_ds)
                for i in self.phasing.clearance(ended.number, begun.number)
            ]
            if shown != wanted:
                self.found.append(
                    f"{self.name}: {shown} between phases {ended.number} and {begun.number}, "
                    f"not {wanted}"
                )
            # The first green began before anybody looked.
            if a != places[0] and self._runs[a][1] < ended.min_green_s * 10:
                self.found.append(
                    f"{self.name}: phase {ended.number} green for {self._runs[a][1]} tenths"
                )
        return self.found


async def on_street(
    setting: Setting, seed: int, slack: Slack | None
) -> tuple[float, Adaptation | None, list[str], list[float]]:
    """Play a seed on emulated controllers, steered where a slack is given.

    Returns
    -------
    tuple
        Delay in s, the adaptation, what the monitor found, and turn times in ms.
    """
    spent: list[float] = []
    wiring = Wiring(counted=False, tracked=slack is not None, backup_time_s=BACKUP_S)
    async with (
        open_street(setting.case, setting.network, seed, wiring=wiring) as street,
        AsyncExitStack() as stack,
    ):
        lamps = {
            name: Lamps(name, cabinet.config.phasing) for name, cabinet in street.cabinets.items()
        }
        adaptation = None
        if slack is not None:
            adaptation = await _adaptation(setting, street, slack, stack)

        async def pace(_: float) -> None:
            for name, cabinet in street.cabinets.items():
                lamps[name].look(cabinet.aspects)

        while street.time_s < setting.case.end_s - 1e-9:
            await street.run_until(min(street.time_s + 1.0, setting.case.end_s), pace=pace)
            if adaptation is not None:
                began_s = time.perf_counter()
                await adaptation.turn(street.time_s, street.traffic)
                spent.append((time.perf_counter() - began_s) * 1000.0)
        found = [text for watched in lamps.values() for text in watched.judge()]
        found += [
            f"{name}: {cabinet.monitor_fault}"
            for name, cabinet in street.cabinets.items()
            if cabinet.monitor_fault
        ]
        return street.finish().delay_s, adaptation, found, spent


async def _adaptation(
    setting: Setting, street: Street, slack: Slack, stack: AsyncExitStack
) -> Adaptation:
    steered, _ = select(street.devices, setting.network, setting.scenario.name)
    signals = setting.network.signals
    links = [
        await stack.enter_async_context(
            open_link(e.device, signals[e.device.signal_id], e.site, TIMEOUT_S, RESEND_S)
        )
        for e in steered
    ]
    return Adaptation(
        links,
        _bound(setting, slack),
        Sensors([link.site for link in links], Sensing()),
        lambda _: None,
        lambda _: None,
    )


def _bound(setting: Setting, slack: Slack) -> PlanBound:
    network = setting.network
    return PlanBound(network, LookAhead(inside_plans(Outlook(), network)), slack)


def play(scenario: str, seed: int, slack: Slack, duration_s: float | None) -> Row:
    """Play one seed all three ways."""
    setting = open_setting(scenario)
    if duration_s is not None:
        setting = open_setting(scenario, None, setting.case.begin_s + duration_s)
    plan_s, _, before, _ = asyncio.run(on_street(setting, seed, None))
    street_s, adaptation, found, spent = asyncio.run(on_street(setting, seed, slack))
    assert adaptation is not None
    direct = run_adaptive(
        setting.case,
        seed,
        build_sites(setting.network),
        _bound(setting, slack),
        Sensing(),
        emissions=False,
    )
    tally = adaptation.tally
    return Row(
        seed,
        plan_s,
        street_s,
        direct.measures.delay_s,
        tally.force_offs,
        tally.holds,
        tally.refused,
        tally.unanswered,
        (*before, *found),
        sorted(spent)[len(spent) // 2],
        max(spent),
    )


def told(scenario: str, rows: Sequence[Row]) -> Table:
    """Show the rows, and their means."""
    table = Table(title=f"{scenario}: delay, s per vehicle", min_width=100)
    for name in ("seed", "plan", "street", "street/plan", "SUMO alone", "street/alone"):
        table.add_column(name, justify="right")
    for name in ("forced off", "held", "refused", "unlawful", "turn ms", "worst"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row.seed),
            f"{row.plan_s:.1f}",
            f"{row.street_s:.1f}",
            f"{row.street_s / row.plan_s:.2f}",
            f"{row.direct_s:.1f}",
            f"{row.street_s / row.direct_s:.2f}",
            *map(str, (row.force_offs, row.holds, row.refused, len(row.unlawful))),
            f"{row.turn_median_ms:.0f}",
            f"{row.turn_worst_ms:.0f}",
        )
    plan, street, direct = (
        fmean(getattr(row, name) for row in rows) for name in ("plan_s", "street_s", "direct_s")
    )
    table.add_section()
    table.add_row(
        "mean",
        f"{plan:.1f}",
        f"{street:.1f}",
        f"{street / plan:.2f}",
        f"{direct:.1f}",
        f"{street / direct:.2f}",
    )
    return table


def missed(rows: Sequence[Row]) -> list[str]:
    """Return the limits that these seeds miss, one sentence each."""
    found = []
    unlawful = sum(len(row.unlawful) for row in rows)
    if unlawful:
        found.append(f"unlawful: {unlawful} (limit 0)")
    ratio = fmean(row.street_s for row in rows) / fmean(row.plan_s for row in rows)
    if ratio > MOST_RATIO:
        found.append(f"delay {ratio:.2f} of that under the plan (limit {MOST_RATIO:.2f})")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the seeds and print what came of them; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scenario")
    parser.add_argument("--seeds", type=seeds_of, default=seeds_of("101-104"))
    parser.add_argument("--duration", type=float, help="seconds of the scenario; all by default")
    parser.add_argument("--slack", default="", help="early,late,main early,main late in s")
    parser.add_argument("--out", type=Path, help="JSON lines of the rows, appended")
    given = parser.parse_args(arguments)
    slack = Slack(*map(float, given.slack.split(","))) if given.slack else Slack()
    rows = []
    for seed in given.seeds:
        row = play(given.scenario, seed, slack, given.duration)
        rows.append(row)
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                entry: dict[str, Any] = {"scenario": given.scenario, **asdict(row)}
                file.write(json.dumps(entry) + "\n")
        for text in row.unlawful:
            sys.stderr.write(text + "\n")
    console = Console(width=140)
    console.print(told(given.scenario, rows))
    gaps = [row.street_s - row.plan_s for row in rows]
    spread = f" (standard deviation {stdev(gaps):.1f} s)" if len(gaps) > 1 else ""
    console.print(f"adaptive over SNMP less plan: {fmean(gaps):+.1f} s{spread}", markup=False)
    beyond = missed(rows)
    verdict = f"limits missed: {'; '.join(beyond)}" if beyond else "all limits met"
    console.print(verdict, markup=False)
    return 1 if beyond else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ThroughbandError as error:
        sys.exit(str(error))
