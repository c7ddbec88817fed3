"""What became of mutated datagrams, and the limits they are held to."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SLOWEST_S: Final = 0.1
GROWN_BYTES: Final = 20_000_000
_PAGE_BYTES: Final = 4096


@dataclass(slots=True)
class Outcome:
    """What became of the datagrams that one codec was given.

    Attributes
    ----------
    tried
        Datagrams given.
    answered
        Answers of the cabinet; requests of the session that came to an end.
    escaped
        What should not have come out, by its text.
    culprits
        For each the first datagram that did it, with the session the last few.
    slowest_s
        Most processor time for one datagram.
    grown_bytes
        Growth of the resident memory after the first tenth.
    """

    tried: int = 0
    answered: int = 0
    escaped: Counter[str] = field(default_factory=Counter)
    culprits: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    slowest_s: float = 0.0
    grown_bytes: int = 0

    def escape(self, text: str, *datagrams: bytes) -> None:
        """Note something that should not have come out."""
        self.escaped[text[:100]] += 1
        self.culprits.setdefault(text[:100], datagrams)

    @property
    def missed(self) -> tuple[str, ...]:
        """Each limit that is missed, with what there was and what is allowed."""
        found = []
        if self.escaped:
            found.append(f"{self.escaped.total():,} escaped (limit 0)")
        if self.slowest_s > SLOWEST_S:
            found.append(f"slowest {1e3 * self.slowest_s:.1f} ms (limit {1e3 * SLOWEST_S:g} ms)")
        if self.grown_bytes > GROWN_BYTES:
            grown_mb, most_mb = self.grown_bytes / 1e6, GROWN_BYTES / 1e6
            found.append(f"grown {grown_mb:.1f} MB (limit {most_mb:g} MB)")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether all limits are kept."""
        return not self.missed


@contextmanager
def own_garbage() -> Iterator[None]:
    """Leave what the process held before to itself.

    A full collection walks all of it, in whatever datagram's time it falls: a second in a process
    that holds a gigabyte.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Memory:
    """Notes how the resident memory grows after the first tenth."""

    def __init__(self, outcome: Outcome, count: int) -> None:
        self._outcome = outcome
        self._warm = max(1, count // 10)
        self._base = 0

    def note(self, number: int) -> None:
        """Look now and then."""
        if number < self._warm or number % 500:
            return
        now = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
        self._base = self._base or now
        self._outcome.grown_bytes = max(self._outcome.grown_bytes, now - self._base)
