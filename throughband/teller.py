"""What a person at a terminal is told while a command works, and asked."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Tell = Callable[[str, int, int], None]
"""Told what is worked on, how much is done, and of how much."""


def print_line(console: Console, text: str) -> None:
    """Print a line as it is: its brackets are no markup, and no width breaks it."""
    console.print(text, markup=False, soft_wrap=True)


class Teller:
    """Progress for a person: a line per step, a bar inside it where there is a terminal."""

    def __init__(self, steps: int) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._steps = steps
        self._number = 0
        self._since = time.perf_counter()
        self._bar: Progress | None = None

    def step(self, title: str) -> None:
        """Begin a step."""
        self._close()
        self._number += 1
        elapsed_s = time.perf_counter() - self._since
        whole = f"/{self._steps}" if self._steps else ""
        self.console.print(
            f"[{self._number}{whole}] {title} ({elapsed_s:.0f} s)", markup=False, soft_wrap=True
        )

    def tell(self, what: str, done: int, whole: int) -> None:
        """Show how far a step is."""
        if not self.console.is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("      {task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f} of {task.total:.0f}"),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.start()
        found = [task for task in self._bar.tasks if task.description == what]
        task = found[0].id if found else self._bar.add_task(what, total=whole)
        self._bar.update(task, completed=done, total=whole)

    def say(self, text: str) -> None:
        """Print a line of result."""
        self._close()
        self.console.print(f"      {text}", markup=False, soft_wrap=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Teller:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def answer(question: str) -> str:
    """Ask at the terminal; nothing where there is none."""
    try:
        return input(question).strip()
    except EOFError:
        return ""
