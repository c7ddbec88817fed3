"""A day of daily operation beside the same day under the fixed plan.

``python -m benchmarks.operate_day`` plays a street of SUMO with emulated controllers over UDP for
24 hours on a fast clock, twice with the same seed: under the plan in force, and with ``throughband
operate`` and the bridge attached. The traffic changes over the day as on a working day; a road
is blocked, a detector dies, a controller restarts, and the console's database is locked and the
webhook broken for a while. Every tenth of a second of every signal is judged. It ends with the
delay of both, and with what is on record.

``--one-plan`` asks how much of that is the better plan, and how much daily operation: each plan
that was pushed, and the plan in force, is kept all day, in SUMO without controllers.
Operation may leave out phases unasked here; ``--keep-phases`` keeps that from it, as its default
does.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.operate.day import Told, fixed_day, operated_day
from benchmarks.operate.street_days import HOUR_S, Mishaps, build, day_case, incident, write_history
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run
from network.files import read_plan
from throughband.journal import verify
from throughband.operate.ledger import PREFIX
from throughband.operate.office import PLANS
from throughband.operate.planner import ADDITIONAL, PLAN
from throughband.setting import Setting


def say(text: str) -> None:
    """Tell a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(fixed: Told, operated: Told) -> None:
    """Say what both days came to."""
    for name, told in (("fixed plan", fixed), ("operated", operated)):
        m = told.measures
        say(
            f"{name:10}  delay {m.delay_s:6.2f} s per vehicle, {m.scheduled} due, {m.arrived} "
            f"arrived, {m.not_inserted} not inserted; {told.tenths} tenths of lamps judged, "
            f"{told.unlawful} unlawful"
        )
        for text in told.findings[:5]:
            say(f"            {text}")
    say(f"ratio of delays {operated.measures.delay_s / fixed.measures.delay_s:.3f}")
    say("what operation decided and told:")
    for line in operated.timeline:
        say(f"  {line[:150]}")
    say("the journal holds: " + ", ".join(f"{n} {k}" for k, n in sorted(operated.events.items())))
    say(f"notices that the webhook got: {operated.notices}")
    say("memory hour by hour, resident MB and thousands of blocks that Python has allocated:")
    say("  " + ", ".join(f"{s / HOUR_S:.0f} h {r:.0f}/{b:.0f}" for s, r, b in operated.memory))
    later = operated.memory[len(operated.memory) // 3 :]
    if len(later) > 3:
        hours = [s / HOUR_S for s, _, _ in later]
        for what, at in (("MB resident", 1), ("thousand blocks", 2)):
            slope = float(np.polyfit(hours, [row[at] for row in later], 1)[0])
            say(f"  trend after the first third: {slope:+.2f} {what} per hour")


def one_plan(setting: Setting, case: SimulationCase, seed: int, here: Path) -> None:
    """Say what the day costs under each pushed plan alone."""
    pushed = {
        str(event["plan_digest"])
        for event in verify(here / "journal.sqlite")
        if event["event"] == f"{PREFIX}changed"
    }
    say("one plan all day, without controllers:")
    found: list[tuple[str, tuple[Path, ...]]] = [("the plan in force", ())]
    for file in sorted((here / "operate" / PLANS).glob(f"*/{PLAN}")):
        if read_plan(file).digest in pushed:
            found.append((f"the plan of {file.parent.name}", (file.parent / ADDITIONAL,)))
    for name, additional in found:
        delay_s = run(case, seed, additional, emissions=False).delay_s
        say(f"  {name:28}  delay {delay_s:6.2f} s per vehicle")


def main() -> None:
    """Play and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/operate-day"))
    parser.add_argument("--signals", type=int, default=3)
    parser.add_argument("--saturation", type=float, default=0.85)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11])
    parser.add_argument("--hours", type=int, nargs=2, default=[0, 24], metavar=("FROM", "TO"))
    parser.add_argument("--one-plan", action="store_true")
    parser.add_argument("--keep-phases", action="store_true")
    given = parser.parse_args()
    setting = build(given.folder, given.signals, given.saturation, 1)
    drop = not given.keep_phases
    hours = (given.hours[0], given.hours[1])
    mishaps = Mishaps.within(hours)
    ratios = []
    for seed in given.seeds:
        began_s = time.monotonic()
        case = day_case(setting, given.folder / "traffic", seed, hours, incident(setting, mishaps))
        here = given.folder / f"seed-{seed}"
        shutil.rmtree(here, ignore_errors=True)
        write_history(setting, given.folder, here / "counts")
        fixed = asyncio.run(fixed_day(setting, case, seed))
        say(f"seed {seed}: the fixed day took {time.monotonic() - began_s:.0f} s")
        operated = asyncio.run(operated_day(setting, case, seed, here, mishaps, say, drop))
        tell(fixed, operated)
        if given.one_plan:
            one_plan(setting, case, seed, here)
        ratios.append(operated.measures.delay_s / fixed.measures.delay_s)
        say(f"seed {seed}: {time.monotonic() - began_s:.0f} s on the wall clock")
    say(f"ratios of delay, operated over fixed: {', '.join(f'{r:.3f}' for r in ratios)}")


if __name__ == "__main__":
    main()
