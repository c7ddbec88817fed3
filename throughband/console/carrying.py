"""Carry out one command of the command line in a process that outlives the console.

``python -m throughband.console.carrying FOLDER`` reads ``command.json`` there, holds ``run.lock``
while it works, and leaves what was said in ``output.txt`` and how it ended in ``exit.json``. So a
console that was restarted meanwhile learns of the end all the same.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal as signals
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

COMMAND: Final = "command.json"
OUTPUT: Final = "output.txt"
EXIT: Final = "exit.json"
LOCK: Final = "run.lock"
FILES: Final = "files"


def carry(folder: Path) -> int:
    """Carry out the command of a run's folder; return its exit code."""
    arguments = json.loads((folder / COMMAND).read_text(encoding="utf-8"))["arguments"]
    # Stopping is for the command, which cleans up; this process has to tell of its end.
    for number in (signals.SIGINT, signals.SIGTERM, signals.SIGHUP):
        signals.signal(number, lambda *_: None)
    with (
        (folder / LOCK).open("w", encoding="ascii") as lock,
        (folder / OUTPUT).open("ab") as output,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-m", "throughband.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        content = {"code": done.returncode, "utc": datetime.now(UTC).isoformat()}
        aside = folder / f".{EXIT}"
        with aside.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / EXIT)
    return done.returncode


def exit_of(folder: Path) -> dict[str, Any] | None:
    """Return how a run ended, or None if it has not."""
    try:
        content = json.loads((folder / EXIT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return dict(content)


def is_carried(folder: Path) -> bool:
    """Tell whether somebody works on a run now."""
    try:
        with (folder / LOCK).open("a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(0 if carry(Path(sys.argv[1])) >= 0 else 1)
