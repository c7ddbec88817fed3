"""Starting SUMO's programs so that none outlives its caller, and none fails without a word."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from network.errors import SimulationError

_POLL_S: Final = 0.2


def find_program(name: str = "sumo") -> tuple[Path, Path | None]:
    """Find a SUMO program: in the installed wheel, then ``SUMO_HOME``, then the search path.

    The wheel comes first because its version is the one our numbers were made with.

    Returns
    -------
    program : Path
        The executable.
    home : Path or None
        Its SUMO_HOME, where it could be told.

    Raises
    ------
    SimulationError
        It is nowhere.
    """
    spec = find_spec("sumo")
    homes = [Path(p) for p in (spec.submodule_search_locations or ())] if spec else []
    if os.environ.get("SUMO_HOME"):
        homes.append(Path(os.environ["SUMO_HOME"]))
    file_name = f"{name}.exe" if sys.platform == "win32" else name
    for home in homes:
        program = home / "bin" / file_name
        if os.access(program, os.X_OK) and program.is_file():
            return program, home
    found = shutil.which(name)
    if found is None:
        raise SimulationError(
            f"the program {name!r} of SUMO is not installed; "
            "pip install eclipse-sumo, or set SUMO_HOME"
        )
    return Path(found), None


def environment(home: Path | None) -> Mapping[str, str]:
    """Return the environment a SUMO program needs: its home and its map projections."""
    variables = dict(os.environ)
    if home is not None:
        variables["SUMO_HOME"] = str(home)
        projections = home / "data" / "proj"
        if projections.is_dir():
            variables["PROJ_LIB"] = variables["PROJ_DATA"] = str(projections)
    return variables


def run_process(
    command: Sequence[str],
    work: Path,
    timeout_s: float,
    cancel: threading.Event | None = None,
) -> str:
    """Run a SUMO program to its end, and never longer than this call.

    Parameters
    ----------
    command
        Program name as for `find_program`, then its arguments.
    work
        Working folder of the process.
    timeout_s
        Wall-clock limit.
    cancel
        Ends the program from another thread when set.

    Returns
    -------
    str
        What it wrote to its error stream.

    Raises
    ------
    SimulationError
        It is missing, failed (its first error in one line), took too long or was cancelled.
    """
    program, home = find_program(command[0])
    log_file = work / "messages.txt"
    with log_file.open("wb") as log:
        try:
            process = subprocess.Popen(
                [str(program), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=work,
                env=environment(home),
                start_new_session=True,
            )
        except OSError as error:
            raise SimulationError(f"{program} cannot be started: {error.strerror}") from error
        _supervise(process, command[0], time.monotonic() + timeout_s, cancel)
    messages = log_file.read_text(encoding="utf-8", errors="replace")
    if process.returncode != 0:
        raise SimulationError(failure(command[0], process.returncode, messages))
    return messages


def _supervise(
    process: subprocess.Popen[bytes],
    name: str,
    deadline_s: float,
    cancel: threading.Event | None,
) -> None:
    """Wait for the process; whatever happens here, it is gone afterwards."""
    try:
        while True:
            try:
                process.wait(timeout=_POLL_S)
                return
            except subprocess.TimeoutExpired:
                if cancel is not None and cancel.is_set():
                    raise SimulationError(f"{name} was cancelled") from None
                if time.monotonic() > deadline_s:
                    raise SimulationError(
                        f"{name} did not finish in time and was ended; allow more time"
                    ) from None
    finally:
        if process.poll() is None:
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def failure(name: str, code: int, messages: str) -> str:
    """Condense what SUMO said into one line: its first error with the lines that belong to it."""
    if code < 0:
        return f"{name} was ended by signal {-code} before it finished"
    lines = iter(messages.splitlines())
    for line in lines:
        if line.startswith("Error:"):
            parts = [line.removeprefix("Error:")]
            for more in lines:
                if not more.startswith(" "):
                    break
                parts.append(more)
            return f"{name} refused its input: {' '.join(' '.join(parts).split())}"
    return f"{name} failed with exit code {code} and gave no reason"
