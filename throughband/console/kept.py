"""Values that take long to make: made once, in threads beside, and kept by key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from typing import Any, TypeVar

from network.errors import ThroughbandError

_T = TypeVar("_T")


class StillMadeError(ThroughbandError):
    """What was asked for is being made; ask again."""


class Kept:
    """Values made once in threads beside, by key; failures are not kept."""

    def __init__(self, most: int, pool: ThreadPoolExecutor) -> None:
        self._most = most
        self._pool = pool
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], _T], patience_s: float) -> _T:
        """Return the value of a key, making it if needed.

        Raises
        ------
        StillMadeError
            If that takes longer than the patience.
        ThroughbandError
            If it cannot be made.
        """
        with self._lock:
            future = self._found.get(key)
            if future is None or (future.done() and future.exception() is not None):
                future = self._pool.submit(make)
                self._found[key] = future
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        try:
            found: _T = future.result(timeout=patience_s)
        except LateError:
            raise StillMadeError("this is being worked out; look again in a moment") from None
        return found
