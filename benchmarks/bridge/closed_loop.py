"""The bridge on a running street, beside the same plan loaded in SUMO directly.

``python -m benchmarks.bridge.closed_loop`` plays an hour of a scenario with a plan change in it,
twice for every seed: once as ``throughband street`` with ``throughband bridge run`` and
``throughband bridge push --at`` attached over UDP, each a process of its own; once in SUMO alone,
which changes program at the same second. The controllers take some cycles to reach their new
offsets and show every clearance on the way, SUMO jumps; all else should be the same. The limits:
every signal in step with the new plan, and a mean difference not above the scatter of SUMO alone
between the seeds; the command ends with 1 where one is missed, and with 2 where one seed alone
shows no scatter.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Final

from benchmarks.seeds import seeds_of
from benchmarks.verdict import exit_code, verdict
from engine.validate.sumo import run as run_sumo
from network.day_plan import FREE, Action, CalendarRule, DayPlan, ScheduledPlan
from network.files import read_plan
from network.schedule import DaySchedule
from network.sumo_tls import write_sumo_schedule
from throughband.drill import FILE, read_drill
from throughband.results import read_json
from throughband.setting import Setting, open_setting

DAY: Final = date(2026, 5, 4)
PLAN: Final = "pushed"
PATIENCE_S: Final = 120.0
LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pair:
    """One seed both ways.

    Attributes
    ----------
    seed
        SUMO's.
    bridged_s, direct_s
        Delay per vehicle with the bridge, and in SUMO alone, s.
    untouched_s
        Delay per vehicle of the plan in force for the whole hour, s.
    in_step
        Signals that the bridge saw in step with the new plan.
    signals
        Signals with a new plan.
    spread_s
        Between the first call and the last, s of the street.
    """

    seed: int
    bridged_s: float
    direct_s: float
    untouched_s: float
    in_step: int
    signals: int
    spread_s: float


def command(*arguments: object) -> list[str]:
    """Return how to run a command of ours."""
    return [sys.executable, "-m", "throughband.cli", *map(str, arguments)]


def call(*arguments: object) -> None:
    """Run a command of ours to its end.

    Raises
    ------
    RuntimeError
        It failed.
    """
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: {done.stderr}")


def prepare(scenario: str, folder: Path, effort: int) -> Path:
    """Optimize and validate a plan, unless the folder holds one; return it."""
    plan = folder / "plan.json"
    if not plan.exists():
        call("optimize", scenario, "--out", folder, "--effort", effort)
    if not (folder / "validation.json").exists():
        call("validate", scenario, "--plan", plan, "--out", folder, "--seeds", 2)
    return plan


@contextmanager
def started(log: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside us; it is gone when the context is left."""
    with log.open("wb") as out:
        process = subprocess.Popen(command(*arguments), stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def bridged(
    scenario: str,
    plan: Path,
    folder: Path,
    seed: int,
    change_after_s: float,
    duration_s: float,
    speed: float,
) -> tuple[float, int, float]:
    """Play the street with the bridge attached; return delay, signals in step, and the spread."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bridge.toml").write_text(
        'devices = "devices.toml"\nstate = "state"\njournal = "journal.sqlite"\n', encoding="utf-8"
    )
    release, journal = folder / "release.json", folder / "journal.sqlite"
    report = plan.with_name("validation.json")
    evidence = ("--report", report, "--journal", journal, "--approved-by", "closed-loop benchmark")
    call(
        *("bridge", "approve", scenario, "--plan", plan, *evidence),
        *("--out", release, "--despite-verdict"),
    )
    (folder / FILE).unlink(missing_ok=True)
    street = ("street", scenario, "--out", folder, "--seed", seed, "--speed", speed)
    with started(folder / "street.log", *street, "--duration", duration_s) as traffic:
        _await(folder / FILE, traffic)
        drill = read_drill(folder / FILE)
        clock = ("--drill", folder / FILE)
        config = folder / "bridge.toml"
        with started(folder / "bridge.log", "bridge", "run", config, *clock):
            named = datetime.fromtimestamp(
                drill.midnight_utc_s + drill.street_start_s + change_after_s, UTC
            )
            call(
                *("bridge", "push", scenario, "--plan", plan, "--config", config, *clock),
                *("--release", release, "--write", "--at", named.strftime("%Y-%m-%dT%H:%M:%S%z")),
            )
            traffic.wait()
        if traffic.returncode:
            raise RuntimeError((folder / "street.log").read_text())
    told = (folder / "bridge.log").read_text().splitlines()
    events = [json.loads(line) for line in told if line.startswith("{")]
    arrived = {event["signal"] for event in events if event["event"] == "in step"}
    receipts = list((folder / "state" / "receipts").iterdir())
    times = [
        datetime.fromisoformat(entry["activated_utc"])
        for entry in read_json(receipts[0])["devices"]
    ]
    spread_s = (max(times) - min(times)).total_seconds()
    return float(read_json(folder / "measures.json")["delay_s"]), len(arrived), spread_s


def direct(
    setting: Setting, plan: Path, folder: Path, seed: int, change_s: float, end_s: float
) -> float:
    """Play the same in SUMO alone; return the delay per vehicle, s."""
    schedule = DaySchedule(
        "closed loop",
        "UTC",
        {PLAN: ScheduledPlan(PLAN, file=plan.name)},
        {"day": DayPlan("day", (Action(0, FREE), Action(int(change_s), PLAN)))},
        (CalendarRule("day", frozenset(range(7))),),
    )
    file = folder / "change.add.xml"
    write_sumo_schedule(
        file,
        schedule,
        {PLAN: read_plan(plan)},
        setting.network,
        DAY,
        int(setting.case.begin_s),
        math.ceil(end_s),
    )
    return run_sumo(_until(setting, end_s).case, seed, (file,)).delay_s


def _until(setting: Setting, end_s: float) -> Setting:
    return replace(setting, case=replace(setting.case, end_s=end_s))


def _await(file: Path, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not file.exists():
        if process.poll() is not None or time.monotonic() > until_s:
            raise RuntimeError(f"{file} does not appear")
        time.sleep(LOOK_S)
    # Written in one go, but not under another name first.
    while not file.read_text(encoding="utf-8").endswith("}\n"):
        time.sleep(LOOK_S)


def compare(
    scenario: str,
    folder: Path,
    seeds: Sequence[int],
    change_after_s: float,
    duration_s: float,
    speed: float,
    effort: int,
    workers: int,
) -> list[Pair]:
    """Play every seed both ways."""
    plan = prepare(scenario, folder, effort)
    setting = open_setting(scenario)
    begin_s = setting.case.begin_s
    signals = len(read_plan(plan).plans)

    def both(seed: int) -> Pair:
        here = folder / f"seed-{seed}"
        delay_s, arrived, spread_s = bridged(
            scenario, plan, here, seed, change_after_s, duration_s, speed
        )
        change_s, end_s = begin_s + change_after_s, begin_s + duration_s
        alone_s = direct(setting, plan, here, seed, change_s, end_s)
        untouched_s = run_sumo(_until(setting, end_s).case, seed, ()).delay_s
        return Pair(seed, delay_s, alone_s, untouched_s, arrived, signals, spread_s)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(both, seeds))


def told(pairs: Sequence[Pair]) -> Iterator[str]:
    """Say what it came to."""
    yield "seed  with the bridge  SUMO alone  ratio  plan in force  in step  spread"
    for pair in pairs:
        yield (
            f"{pair.seed:4}  {pair.bridged_s:13.2f} s  {pair.direct_s:8.2f} s  "
            f"{pair.bridged_s / pair.direct_s:.3f}  {pair.untouched_s:11.2f} s  "
            f"{pair.in_step:3}/{pair.signals}  {pair.spread_s:4.1f} s"
        )
    differences = [pair.bridged_s - pair.direct_s for pair in pairs]
    yield f"mean difference {mean(differences):+.2f} s per vehicle"
    if len(pairs) > 1:
        noise_s = stdev(pair.direct_s for pair in pairs)
        half_s = 1.96 * stdev(differences) / math.sqrt(len(pairs))
        yield (
            f"differences scatter by {stdev(differences):.2f} s (+-{half_s:.2f} s on their mean); "
            f"SUMO alone scatters by {noise_s:.2f} s between seeds; ratio of means "
            f"{mean(p.bridged_s for p in pairs) / mean(p.direct_s for p in pairs):.4f}"
        )
    yield f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def judged(pairs: Sequence[Pair]) -> tuple[list[str], list[str]]:
    """Name the limits that are missed, and what one seed cannot show: it has no scatter."""
    missed = [
        f"seed {pair.seed}: {pair.in_step} of {pair.signals} signals in step (limit all)"
        for pair in pairs
        if pair.in_step < pair.signals
    ]
    if len(pairs) < 2:
        return missed, ["mean difference, of one seed alone (2 or more have a scatter)"]
    gap_s = mean(pair.bridged_s - pair.direct_s for pair in pairs)
    noise_s = stdev(pair.direct_s for pair in pairs)
    if abs(gap_s) > noise_s:
        missed.append(f"mean difference {gap_s:+.2f} s (limit {noise_s:.2f} s)")
    return missed, []


def main() -> int:
    """Print the comparison; 1 where a limit is missed, 2 where one seed cannot show it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="cologne8")
    parser.add_argument("--folder", type=Path, help="keeps the plan, and uses one that it holds")
    parser.add_argument("--seeds", type=seeds_of, default="11-15")
    parser.add_argument("--change-after", type=float, default=900.0)
    parser.add_argument("--duration", type=float, default=3600.0)
    parser.add_argument("--speed", type=float, default=10.0)
    parser.add_argument("--effort", type=int, default=300)
    parser.add_argument("--workers", type=int, default=1, help="streets at a time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        pairs = compare(
            given.scenario,
            given.folder or Path(scratch),
            given.seeds,
            given.change_after,
            given.duration,
            given.speed,
            given.effort,
            given.workers,
        )
    for line in told(pairs):
        sys.stdout.write(line + "\n")
    missed, unshown = judged(pairs)
    sys.stdout.write(verdict(missed, unshown) + "\n")
    return exit_code(missed, unshown)


if __name__ == "__main__":
    sys.exit(main())
