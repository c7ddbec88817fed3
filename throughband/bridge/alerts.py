"""Telling a person: by a program, by a file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from network.errors import ThroughbandError

MOST_RUNNING: Final = 8
"""Alert programs at a time; one that hangs must not gather others."""


class Alerts:
    """Tells a person, without waiting for anybody.

    Parameters
    ----------
    command
        A program with its arguments; the text becomes the last one. None if empty.
    file
        Gets a line per alert; None for none.
    clock
        The present.
    """

    def __init__(
        self, command: tuple[str, ...], file: Path | None, clock: Callable[[], datetime]
    ) -> None:
        self._command = command
        self._file = file
        self._clock = clock
        self._running: list[subprocess.Popen[bytes]] = []

    def __call__(self, text: str) -> None:
        """Tell.

        Raises
        ------
        ThroughbandError
            The program cannot be started, or the file not be written.
        """
        try:
            if self._file is not None:
                with self._file.open("a", encoding="utf-8") as handle:
                    handle.write(f"{self._clock().isoformat()} {text}\n")
            self._running = [one for one in self._running if one.poll() is None]
            if not self._command:
                return
            if len(self._running) >= MOST_RUNNING:
                raise ThroughbandError(f"{MOST_RUNNING} alert programs are running still")
            self._running.append(
                subprocess.Popen(
                    [*self._command, text],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        except OSError as error:
            raise ThroughbandError(f"alert: {error}") from error

    def close(self) -> None:
        """Give the programs a moment to end, and end those that do not."""
        for one in self._running:
            try:
                one.wait(2.0)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        self._running.clear()
