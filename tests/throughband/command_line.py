"""The command line as its users meet it: in this process where speed counts, else in its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from throughband.cli import main
from throughband.stopping import STOPPING

PATIENCE_S = 60.0
PAUSE_S = 0.01
# A test runner in the background ignores Ctrl-C, and children inherit that.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from throughband.cli import main; main()"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The last line of the error stream."""
        return self.err.splitlines()[-1] if self.err else ""


def call(*arguments: object, typed: str = "") -> Outcome:
    """Run a command in this process, with something typed at no terminal."""
    before = {number: signals.getsignal(number) for number in STOPPING}
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        with (
            patch.object(sys, "argv", ["throughband", *map(str, arguments)]),
            patch.object(sys, "stdin", io.StringIO(typed)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        for number, handler in before.items():
            signals.signal(number, handler)
    return Outcome(code, out.getvalue(), err.getvalue())


def assert_one_line(outcome: Outcome, *parts: str) -> None:
    """Check that a command failed in one line, after its steps, and that the line says this."""
    lines = outcome.err.splitlines()
    assert outcome.code != 0, outcome.err
    assert outcome.code != 70, f"a defect, not a foreseen error: {outcome.err}"
    assert "Traceback" not in outcome.err
    assert lines, "nothing was said"
    assert lines[-1].startswith("throughband: "), outcome.err
    for line in lines[:-1]:
        assert line.startswith(("[", "      ")), f"neither step nor detail: {line!r}"
    for part in parts:
        assert part in lines[-1], f"{part!r} is not in {lines[-1]!r}"


@contextlib.contextmanager
def started(*arguments: object, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command as a process of its own; it is gone when the context is left."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the suite may ignore hang-ups (nohup), and children inherit that.
        preexec_fn=lambda: signals.signal(signals.SIGHUP, signals.SIG_DFL),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], said: str = "") -> Outcome:
    """Wait for a command's end; ``said`` is what was read from its error stream already."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return Outcome(process.returncode, out, said + err)


def read_until(process: subprocess.Popen[str], mark: str) -> str:
    """Read the error stream up to the line that holds a mark."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if mark in line:
            return "".join(lines)
    raise AssertionError(f"{mark!r} was never said: {''.join(lines)}")


def until(found: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(PAUSE_S)


def sumo_of(parent: int) -> list[int]:
    """Return the SUMO processes that a process started and that are still alive."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        state, above = rest.split()[:2]
        if name == "sumo" and int(above) == parent and state != "Z":
            alive.append(int(stat.parent.name))
    return alive


def first_sumo_of(parent: int) -> int:
    """Wait until a process has started SUMO."""
    until(lambda: bool(sumo_of(parent)))
    return sumo_of(parent)[0]


def is_alive(process: int) -> bool:
    """Tell whether a process is there and not just waiting to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
