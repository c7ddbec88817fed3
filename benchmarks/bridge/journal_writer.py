"""A process that appends to a journal until somebody kills it; `benchmarks.bridge.journal` does.

Started as a module it waits for lines ``PATH RUN`` and forks a writer for each, so that starting
one costs little. A writer prints ``RUN STEP`` once that entry is acknowledged. With ``--entries``
it appends so many entries by itself and ends.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from throughband.journal import Journal

FILLER = {"devices": [{"signal_id": f"s{n}", "changes": ["x" * 40] * 4} for n in range(40)]}
"""Every third entry is as large as a corridor's intent, and spills over several pages."""

STDOUT = 1
WAIT_S = 60.0
"""Patience with the other writer: a slow disk is not what is tested."""


def append(path: Path, run: int, steps: Iterator[int]) -> None:
    """Append numbered entries and tell of each once it is acknowledged."""
    journal = Journal(path, WAIT_S)
    for step in steps:
        journal.write({"event": "step", "run": run, "step": step, **({} if step % 3 else FILLER)})
        os.write(STDOUT, f"{run} {step}\n".encode())


def _serve() -> None:
    for line in sys.stdin:
        path, run = line.rsplit(maxsplit=1)
        writer = os.fork()
        if not writer:
            # Told by the writer itself: nothing it says may come before its name.
            os.write(STDOUT, f"pid {os.getpid()}\n".encode())
            append(Path(path), int(run), count())
            os._exit(0)
        _, status = os.waitpid(writer, 0)
        os.write(STDOUT, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--entries", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.path:
        append(chosen.path, 0, iter(range(chosen.entries)))
    else:
        _serve()
