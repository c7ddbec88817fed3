"""How fast a device may be asked: so many datagrams in any second, the rest wait their turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Pace:
    """Holds requests back so that a device gets no more of them than it can take.

    A sliding window, which is stricter than a bucket of tokens: in no window of a second do more
    requests start than allowed. Below one request a second the window grows instead. Copies of
    an unanswered request are counted too, though the SNMP library sends them on its own.

    Parameters
    ----------
    requests_per_s
        Most datagrams in a second, above 0.
    clock
        Seconds that only go forward.
    sleep
        Waits for so many seconds of that clock.
    """

    def __init__(
        self,
        requests_per_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        most = max(1, int(requests_per_s))
        self._window_s = most / requests_per_s
        self._sent_s: deque[float] = deque(maxlen=most)
        self._clock = clock
        self._sleep = sleep
        self.least_gap_s = 1.0 / requests_per_s

    async def admit(self) -> None:
        """Wait until another request may start."""
        while (wait_s := self._wait_s()) > 0:
            await self._sleep(wait_s)

    def count(self) -> None:
        """Note that a datagram leaves now."""
        self._sent_s.append(self._clock())

    def _wait_s(self) -> float:
        if len(self._sent_s) < (self._sent_s.maxlen or 1):
            return 0.0
        return self._sent_s[0] + self._window_s - self._clock()
