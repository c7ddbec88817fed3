"""What adaptive control leaves in the journal.

Every command is recorded, but not each by itself: an entry has to be on disk before it counts,
and there is a command every few seconds at every signal. Commands are gathered and written
together once in `EVERY_S`, beside the decisions and not in their way; what must not wait (begin,
end, contact lost, a refusal) is written at once, with what was gathered before it. What a process
that was killed had gathered is lost: at most the last `EVERY_S` of it, which the entry of the
beginning says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

EVERY_S: Final = 60.0
"""Longest time that a command is only in memory, s of the street."""
MOST: Final = 1000
"""Commands that are gathered at most; a long corridor writes sooner."""


class Record:
    """Gathers commands and writes them, with the other events, one after the other.

    Parameters
    ----------
    write
        Appends an event durably; may take its time.
    clock
        The present.
    """

    def __init__(
        self, write: Callable[[Mapping[str, object]], None], clock: Callable[[], datetime]
    ) -> None:
        self._write = write
        self._clock = clock
        self._gathered: list[dict[str, object]] = []
        self._since_s: float | None = None
        self._waiting: list[Mapping[str, object]] = []
        self._writing: asyncio.Task[None] | None = None

    def command(self, order: Mapping[str, object]) -> None:
        """Gather a command."""
        self._raise_failure()
        self._gathered.append(dict(order))

    def event(self, event: Mapping[str, object]) -> None:
        """Write what was gathered and then an event, as soon as what was told before is written."""
        self._flush()
        self._waiting.append({"utc": self._clock().isoformat(), **event})
        self._start()

    def tick(self, now_s: float) -> None:
        """Write what was gathered if it is time.

        Raises
        ------
        ThroughbandError
            What was told before could not be written.
        """
        self._raise_failure()
        if self._since_s is None or now_s < self._since_s:
            self._since_s = now_s
        if now_s - self._since_s >= EVERY_S or len(self._gathered) >= MOST:
            self._since_s = now_s
            self._flush()

    async def close(self) -> None:
        """Write everything.

        Raises
        ------
        ThroughbandError
            It could not be written.
        """
        self._flush()
        while self._writing is not None:
            await self._writing
            self._writing = None
            self._start()

    def _flush(self) -> None:
        if self._gathered:
            orders, self._gathered = self._gathered, []
            self.event({"event": "adapt: commanded", "count": len(orders), "commands": orders})

    def _raise_failure(self) -> None:
        """Raise what the last writing failed with: nothing is done that cannot be recorded."""
        if self._writing is not None and self._writing.done():
            task, self._writing = self._writing, None
            task.result()
            self._start()

    def _start(self) -> None:
        if self._writing is None and self._waiting:
            events, self._waiting = self._waiting, []
            self._writing = asyncio.create_task(asyncio.to_thread(self._write_all, events))

    def _write_all(self, events: list[Mapping[str, object]]) -> None:
        for event in events:
            self._write(event)
