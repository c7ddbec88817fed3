"""Kill, starve and race the journal, and count what it loses.

Run ``python -m benchmarks.bridge.journal``. It prints

- writers killed at random moments, alone and two at a time, and the acknowledged entries lost (0);
- with strace: a whole push onto emulated controllers over UDP, killed at every sync and every
  write of its journal, and with every call on the journal's files failing, once and for good;
  what was recorded against what was sent (0 SETs without an intent on disk, 0 corridors half
  changed);
- durable entries a second beside the bare syncs a second of the same disk, measured by turns.

Kills do not show what a power cut does. What is synced, and that it is synced before the first
SET leaves, is printed from strace instead; that a sync reaches the platter is the disk's word.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.progress import track

from benchmarks.bridge.journal_faults import (
    SYNCS,
    FaultTally,
    Injection,
    counted_calls,
    failures_at,
    inject,
    kills_at,
    order,
    strace,
)
from benchmarks.bridge.journal_kills import KillTally, kill_writers
from benchmarks.verdict import exit_code, verdict
from throughband.journal import Journal, verify

SECONDS: Final = 1.0
"""Length of each measured stretch."""

TURNS: Final = 5
BLOCK: Final = bytes(4096)
KILLED_AT: Final = (*SYNCS, "pwrite64", "unlink")

console = Console(highlight=False, soft_wrap=True)


def per_second(act: Callable[[], object]) -> float:
    """Return how often something can be done in a second."""
    done, begin_s = 0, time.perf_counter()
    while (passed_s := time.perf_counter() - begin_s) < SECONDS:
        act()
        done += 1
    return done / passed_s


def rates(folder: Path) -> tuple[float, float]:
    """Return durable entries a second and bare syncs of 4 KiB a second, medians of turns."""
    journal, entries, syncs = Journal(folder / "rate.sqlite"), [], []
    event = {"event": "activated", "utc": "2026-05-04T06:00:00+00:00", "by": "A. Engineer"}
    file = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(TURNS):
            entries.append(per_second(lambda: journal.write(event)))
            syncs.append(per_second(lambda: (os.pwrite(file, BLOCK, 0), os.fdatasync(file))))
    finally:
        os.close(file)
    return median(entries), median(syncs)


def faults(folder: Path, name: str, injections: Iterable[Injection], tally: FaultTally) -> None:
    """Inject faults one after another."""
    for number, injection in enumerate(track(list(injections), description=name, transient=True)):
        place = folder / f"{name.replace(' ', '-')}-{number}"
        place.mkdir()
        inject(place, injection, tally)


def _tell_kills(name: str, tally: KillTally) -> None:
    console.print(
        f"{name}: {tally.kills} kills, {tally.acknowledged} entries acknowledged, "
        f"{tally.lost} lost; {tally.unfinished} kills left a commit half done, "
        f"{tally.unacknowledged} entries on disk that nobody lived to hear of"
    )


def _tell_faults(name: str, tally: FaultTally) -> None:
    console.print(
        f"{name}: {tally.faults} pushes, {tally.pushed} went through, {tally.refused} sent no SET, "
        f"{tally.taken_back} were taken back, {tally.killed} killed; {len(tally.wrong)} wrong; "
        f"{tally.unheard} with an entry more than was acknowledged, {tally.overstated} of them "
        "end in an activation that was taken back"
    )
    for text in tally.wrong[:20]:
        console.print(f"  {text}")


def main() -> int:
    """Run all and return 1 if anything was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-faults", action="store_true", help="leave out what needs strace")
    parser.add_argument("--folder", type=Path, help="on the disk to test; else a temporary one")
    chosen = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name).resolve()  # strace knows files by their full names
        pairs = chosen.kills // 10
        for title, kills, writers in (
            ("one writer", chosen.kills - pairs, 1),
            ("two writers", pairs, 2),
        ):
            (folder / title).mkdir()
            tally = kill_writers(folder / title, kills, chosen.seed, writers)
            _tell_kills(title, tally)
            if tally.lost:
                missed.append(f"{title}: {tally.lost} entries lost (limit 0)")
        if chosen.no_faults:
            console.print("left out: faults at every call")
        elif strace() is None:
            console.print("left out: faults at every call; strace is missing or may not trace")
        else:
            calls = counted_calls(folder)
            console.print(f"calls on the journal in one push: {dict(calls)}")
            (folder / "order").mkdir()
            steps = order(folder / "order")
            console.print(f"order: {', '.join(steps)}")
            if "sync folder" not in steps or steps.index("sync folder") > steps.index("set"):
                missed.append("a controller was written before the journal's folder was on disk")
            for title, injections in (
                ("killed at every sync", kills_at(calls, SYNCS)),
                ("killed at every write", kills_at(calls, KILLED_AT[len(SYNCS) :])),
                ("every call failing", failures_at(calls)),
            ):
                outcome = FaultTally()
                faults(folder, title, injections, outcome)
                _tell_faults(title, outcome)
                if outcome.wrong:
                    missed.append(f"{title}: {len(outcome.wrong)} wrong (limit 0)")
        entries, syncs = rates(folder)
        console.print(
            f"{entries:.0f} durable entries a second, {syncs:.0f} bare syncs a second, ratio "
            f"{entries / syncs:.2f}"
        )
        begin_s = time.perf_counter()
        count = len(verify(folder / "rate.sqlite"))
        passed_s = time.perf_counter() - begin_s
        console.print(f"verified {count} entries in {passed_s:.2f} s")
    console.print(verdict(missed), markup=False, soft_wrap=True)
    return exit_code(missed)


if __name__ == "__main__":
    sys.exit(main())
