"""A clock that runs as fast as the street can be computed, and stands still while somebody works.

The street drives it. Whoever waits for a time of the street is woken when that time comes, and
the street goes on only when all who hold it have let go: who talks to a controller, who plans.
What is on the wire takes real time and no time of the street.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from controllers.driver import Connect, Device, Driver

_held: ContextVar[tuple[object, ...]] = ContextVar("held", default=())

SETTLE = 8
"""Turns of the event loop in which work that follows at once begins."""


class FastClock:
    """The street's time.

    Parameters
    ----------
    midnight_utc_s
        Universal time of second zero of the street, s since 1970.
    street_s
        Second of the street at which it begins.
    """

    def __init__(self, midnight_utc_s: float, street_s: float) -> None:
        self.midnight_utc_s = midnight_utc_s
        self.street_s = street_s
        self._waiting: list[tuple[float, int, asyncio.Future[None], tuple[object, ...]]] = []
        self._number = itertools.count()
        self._holds: dict[object, int] = {}
        self._free = asyncio.Event()
        self._free.set()
        self._turns = 0

    def utc(self) -> datetime:
        """Return the present."""
        return datetime.fromtimestamp(self.midnight_utc_s + self.street_s, UTC)

    def now_s(self) -> float:
        """Return seconds that never go back."""
        return self.street_s

    async def sleep(self, span_s: float) -> None:
        """Let a span of the street pass; what this task holds is let go meanwhile."""
        tokens = _held.get()
        future = asyncio.get_running_loop().create_future()
        entry = (self.street_s + max(span_s, 0.0), next(self._number), future, tokens)
        heapq.heappush(self._waiting, entry)
        self._let_go(tokens, +1)
        try:
            await future
        except asyncio.CancelledError:
            if not future.done() or future.cancelled():
                self._let_go(tokens, -1)
            raise

    async def pace(self, street_s: float) -> None:
        """Return when the street may go on; for `Street.run_until`."""
        self.street_s = street_s
        woken = False
        while self._waiting and self._waiting[0][0] <= street_s + 1e-6:
            _, _, future, tokens = heapq.heappop(self._waiting)
            if not future.done():
                self._let_go(tokens, -1)
                future.set_result(None)
                woken = True
        self._turns += 1
        if not woken and not self._holds and self._turns % 10:
            return
        while True:
            for _ in range(SETTLE if woken or self._holds else 1):
                await asyncio.sleep(0)
            if self._free.is_set():
                return
            await self._free.wait()
            woken = True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the street standing still, but while this task sleeps."""
        token = object()
        self._holds[token] = 0
        self._review()
        before = _held.set((*_held.get(), token))
        try:
            yield
        finally:
            _held.reset(before)
            del self._holds[token]
            self._review()

    def holding(self, connect: Connect) -> Connect:
        """Return how to reach devices while the street stands still."""

        def reach(device: Device, /) -> AbstractAsyncContextManager[Driver]:
            return self.held_open(connect(device))

        return reach

    @asynccontextmanager
    async def held_open(self, opened: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
        """Open something and keep the street standing still until it is closed."""
        with self.hold():
            async with opened as inside:
                yield inside

    def _let_go(self, tokens: tuple[object, ...], change: int) -> None:
        for token in tokens:
            if token in self._holds:
                self._holds[token] += change
        self._review()

    def _review(self) -> None:
        if all(self._holds.values()):
            self._free.set()
        else:
            self._free.clear()
