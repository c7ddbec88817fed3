"""Carry out one command of the command line in a process that outlives the console.

``python -m throughband.console.carrying FOLDER`` reads ``command.json`` there, holds ``run.lock``
while it works, and leaves what was said in ``output.txt`` and how it ended in ``exit.json``. So a
console that was restarted meanwhile learns of the end all the same. Where the command names a time
(``begin_utc``), it waits for that, and begins only what nobody took back meanwhile. Who wants it
stopped makes the file ``canceled`` there, at any time: what has not begun then does not begin.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal as signals
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from throughband.console.claims import begin_at, taken_back

COMMAND: Final = "command.json"
OUTPUT: Final = "output.txt"
EXIT: Final = "exit.json"
LOCK: Final = "run.lock"
FILES: Final = "files"
CANCELED: Final = "canceled"
LOOK_S: Final = 0.5
"""How often is looked whether the command is to be stopped, s."""

TAKEN_BACK_CODE: Final = 3
"""How a run ends that was taken back before it began."""


def carry(folder: Path) -> int:
    """Carry out the command of a run's folder; return its exit code."""
    command = json.loads((folder / COMMAND).read_text(encoding="utf-8"))
    # Stopping is for the command, which cleans up; this process has to tell of its end.
    for number in (signals.SIGINT, signals.SIGTERM, signals.SIGHUP):
        signals.signal(number, lambda *_: None)
    with (
        (folder / LOCK).open("w", encoding="ascii") as lock,
        (folder / OUTPUT).open("ab") as output,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        begin_utc = command.get("begin_utc")
        if (folder / CANCELED).exists():
            output.write(b"canceled before it began\n")
            code = TAKEN_BACK_CODE
        elif begin_utc is None or _is_to_begin(folder, datetime.fromisoformat(begin_utc), output):
            code = _carried_out(command["arguments"], output, folder)
        else:
            code = TAKEN_BACK_CODE
        content = {"code": code, "utc": datetime.now(UTC).isoformat()}
        aside = folder / f".{EXIT}"
        with aside.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / EXIT)
    return code


def _carried_out(arguments: Sequence[str], output: IO[bytes], folder: Path) -> int:
    """Carry out a command, stop it when that is asked for, and return its exit code."""
    child = subprocess.Popen(
        [sys.executable, "-m", "throughband.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    while True:
        try:
            return child.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            if (folder / CANCELED).exists():
                # Once, and to all that the command started: a second signal cuts cleaning up short.
                os.killpg(os.getpgrp(), signals.SIGTERM)
                return child.wait()


def _is_to_begin(folder: Path, begin_utc: datetime, output: IO[bytes]) -> bool:
    """Wait for the time of a push; tell whether it begins, and why not."""

    def say(text: str) -> None:
        output.write(f"{text}\n".encode())
        output.flush()

    if begin_utc > datetime.now(UTC):
        say(f"[1] wait until {begin_utc:%Y-%m-%d %H:%M:%S} UTC, when the push begins")
        say("nothing is sent to a controller before; disarming the plan ends it")
    if begin_at(folder, begin_utc, lambda: datetime.now(UTC), time.sleep):
        return True
    taken = taken_back(folder)
    by = "somebody" if taken is None else taken.by
    why = f": {taken.why}" if taken is not None and taken.why else ""
    say(f"disarmed by {by} before it began, nothing was sent to a controller{why}")
    return False


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
