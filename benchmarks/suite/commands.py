"""Benchmarks that bring their own measure: run as they are, their answer and exit code kept."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.suite.results import Store
from benchmarks.suite.suite_file import Command
from benchmarks.suite.versions import code_digest, versions
from benchmarks.verdict import verdict_in

FOLDER: Final = "commands"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a benchmark said.

    Attributes
    ----------
    command
        What was run.
    exit_code
        0 where it ran to its end, and met its limits if it holds itself against them that way.
    printed
        Its standard output, and where it came to no verdict also its errors.
    wall_s
        How long it took.
    kept
        Whether it was answered before and not run again.
    """

    command: Command
    exit_code: int
    printed: str
    wall_s: float
    kept: bool = False

    @property
    def came_to(self) -> str:
        """What came of it, in a line: its own verdict where it gives one."""
        return verdict_in(self.printed) or f"no verdict, exit code {self.exit_code}"


def question(command: Command) -> str:
    """Return what a benchmark asks: the first line of its module, or nothing.

    The module is read and not imported; importing one that is gone would end the report.
    """
    try:
        found = importlib.util.find_spec(command.module)
        text = Path(found.origin).read_text(encoding="utf-8") if found and found.origin else ""
        said = ast.get_docstring(ast.parse(text)) or ""
    except (ImportError, OSError, SyntaxError, ValueError):
        return ""
    return said.partition("\n\n")[0].replace("\n", " ")


def answer(command: Command, store: Store) -> Answer:
    """Run a benchmark, or return what it said before under the same versions and code.

    One that failed is run again.
    """
    key = hashlib.sha256(
        json.dumps([asdict(command), sorted(versions().items()), code_digest()]).encode()
    ).hexdigest()[:20]
    name = f"{FOLDER}-{key}.json"
    file = store.folder / name
    try:
        was = json.loads(file.read_text(encoding="utf-8"))
        if was["exit_code"] == 0:
            return Answer(command, 0, was["printed"], was["wall_s"], True)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", command.module, *command.arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    printed = done.stdout if verdict_in(done.stdout) else done.stdout + done.stderr
    found = Answer(command, done.returncode, printed, time.perf_counter() - began_s)
    content = {**asdict(found), "versions": versions()}
    store.put(name, (json.dumps(content, indent=1) + "\n").encode())
    return found
