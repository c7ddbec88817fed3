"""Kill journal writers at random moments, and count what was acknowledged and is not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from throughband.journal import verify

ROOT: Final = Path(__file__).parents[2]
MOST_ENTRIES: Final = 5
"""A writer lives for a number of entries drawn up to this one, and part of the next."""

ROTATED_AFTER: Final = 20
"""Kills on one file; verifying after each would take ever longer."""


@dataclass(slots=True)
class KillTally:
    """What the kills did.

    Attributes
    ----------
    kills
        Writers killed.
    acknowledged
        Entries acknowledged to a writer before its end.
    lost
        Acknowledged entries that are not in the journal, or not in their order.
    unfinished
        Kills that left a commit half done beside the journal.
    unacknowledged
        Entries in the journal that the writer did not live to hear of.
    """

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    unfinished: int = 0
    unacknowledged: int = 0


class _Nest:
    """Starts writers by forking, and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._entry_s = 0.02

    def start(self, path: Path, run: int) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path} {run}\n")
        self._process.stdin.flush()
        word, pid = self._line().split()
        if word != "pid":
            raise RuntimeError(f"expected a writer's pid, found {word} {pid}")
        return int(pid)

    def live(self, entries: int, share: float) -> list[tuple[int, int]]:
        """Let the writer just started append some entries and a share of one more.

        Returns
        -------
        list of tuple
            What it acknowledged so far.
        """
        heard = []
        for _ in range(entries):
            begin_s = time.perf_counter()
            run, step = self._line().split()
            self._entry_s = time.perf_counter() - begin_s
            heard.append((int(run), int(step)))
        time.sleep(share * self._entry_s)
        return heard

    def ended(self) -> Iterator[tuple[int, int]]:
        """Yield the acknowledged steps of the writer just killed."""
        while not (line := self._line()).startswith("ended"):
            run, step = line.split()
            yield int(run), int(step)
        if line.split()[1] != str(-signal.SIGKILL):
            raise RuntimeError(f"a writer ended by itself: {line}")

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the nest of writers is gone")
        return line


@contextmanager
def _nest() -> Iterator[_Nest]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bridge.journal_writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        yield _Nest(process)


def kill_writers(folder: Path, kills: int, seed: int, writers: int = 1) -> KillTally:
    """Kill writers, each at a random moment of its life, and verify the journal after each round.

    Parameters
    ----------
    folder
        Where the journals go.
    kills
        How many writers to kill.
    seed
        Of the moments.
    writers
        How many write to one journal at a time.

    Raises
    ------
    ThroughbandError
        A chain is broken, or a journal cannot be continued.
    """
    rng, tally = Random(seed), KillTally()
    with ExitStack() as stack:
        nests = [stack.enter_context(_nest()) for _ in range(writers)]
        while tally.kills < kills:
            path = folder / f"journal-{tally.kills}.sqlite"
            acknowledged: list[tuple[int, int]] = []
            found: list[tuple[object, object]] = []
            until = min(kills, tally.kills + ROTATED_AFTER)
            while tally.kills < until:
                pids = [nest.start(path, tally.kills + n) for n, nest in enumerate(nests)]
                for pid, nest in zip(pids, nests, strict=True):
                    entries = rng.randint(0, MOST_ENTRIES)
                    acknowledged.extend(nest.live(entries, rng.uniform(0, 1.5)))
                    os.kill(pid, signal.SIGKILL)
                    acknowledged.extend(nest.ended())
                    tally.kills += 1
                tally.unfinished += path.with_name(f"{path.name}-journal").exists()
                events = verify(path) if path.exists() else []
                found = [(event["run"], event["step"]) for event in events]
                tally.lost += lost(acknowledged, found)
            tally.acknowledged += len(acknowledged)
            tally.unacknowledged += len(found) - len(acknowledged)
    return tally


def lost(acknowledged: Iterable[tuple[int, int]], found: Sequence[tuple[object, object]]) -> int:
    """Count what is missing, stands twice, or stands before what the same writer wrote earlier."""
    places = {entry: place for place, entry in enumerate(found)}
    return sum(
        (run, step) not in places
        or (step > 0 and places[run, step] < places.get((run, step - 1), len(found)))
        for run, step in acknowledged
    ) + (len(found) - len(places))
