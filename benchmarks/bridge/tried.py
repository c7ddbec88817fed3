"""What the trials of a fault have come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tried:
    """What the trials of one fault have come to.

    Attributes
    ----------
    outcomes
        How often each.
    found
        What must not be.
    reclaimed
        Trials in which the next bridge had to reclaim an open transaction.
    slowest_s
        Longest time, of the device, from the fault to the wanted plan being called.
    unseen
        Lies the bridge did not notice, and by which object.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    reclaimed: int = 0
    slowest_s: float = 0.0
    unseen: Counter[str] = field(default_factory=Counter)

    @property
    def trials(self) -> int:
        """How many."""
        return sum(self.outcomes.values())
