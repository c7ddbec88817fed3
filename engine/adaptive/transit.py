"""What public transport may have: who is let go first, by which means, and what others may lose.

Priority is conditional. A bus that is not late, or that follows the one before it too closely,
gets none; one that is later, or behind a long gap, counts more. What a change of stages costs the
others is estimated in person-seconds before it is made, and every signal has a budget of them for
each hour. The strategies are those of NTCIP 1211: green extension, early green, phase insertion;
none of them leaves out a stage.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from engine.adaptive.requests import Request
from network.errors import EngineError

PERSONS_PER_VEHICLE: Final = 1.3
LATE_S: Final = 60.0
"""A bus so much late counts double, one twice as late threefold."""
GAP_SHARE: Final = 0.25
"""A bus whose gap is longer by this part of the headway counts double."""
MOST_WEIGHT: Final = 3.0
HOUR_S: Final = 3600.0

log = logging.getLogger(__name__)


class Strategy(StrEnum):
    """How a bus is let through."""

    EXTENSION = "extension"
    EARLY = "early"
    INSERTION = "insertion"


class Refusal(StrEnum):
    """Why a bus is not."""

    ON_TIME = "on time"
    CLOSE = "close behind the one before"
    NOT_WORTH = "others would lose more"
    BUDGET = "budget spent"


@dataclass(frozen=True, slots=True)
class TransitRules:
    """Who gets priority, how, and at whose cost.

    Attributes
    ----------
    strategies
        Means that may be used.
    late_s
        A bus has to be later than this, s, unless its gap is long.
    close_share
        A bus that follows the one before it within this part of the scheduled headway gets
        nothing, for it would only catch up.
    long_share
        One behind a gap of at least this part of the scheduled headway gets priority also when it
        is not late.
    extension_s
        Longest time by which a green is extended, s.
    ahead_s
        Nothing is done for a bus before it is this near, s.
    gain_s
        A stage is inserted only if the bus comes through so much earlier than in turn, s.
    budget_person_s
        What others may lose by priority at one signal within any hour, person-seconds, as
        estimated when each step is taken; infinite for no limit.
    seen_share
        Part of the traffic that is seen, as far as is known: at 0.1 everybody who is seen stands
        for ten.

    Raises
    ------
    EngineError
        A number is out of its range.
    """

    strategies: frozenset[Strategy] = frozenset(Strategy)
    late_s: float = 0.0
    close_share: float = 0.5
    long_share: float = 1.25
    extension_s: float = 15.0
    ahead_s: float = 30.0
    gain_s: float = 5.0
    budget_person_s: float = math.inf
    seen_share: float = 1.0

    def __post_init__(self) -> None:
        shares_fit = 0.0 <= self.close_share <= self.long_share < math.inf
        if not (math.isfinite(self.late_s) and shares_fit):
            raise EngineError(
                f"transit priority from {self.late_s} s late, never within {self.close_share} of "
                f"the headway and always from {self.long_share} of it on; allowed are a finite "
                "time, and shares from 0, the second no less than the first"
            )
        times = (self.extension_s, self.ahead_s, self.gain_s)
        if not all(0.0 <= value < math.inf for value in times) or not self.budget_person_s >= 0.0:
            raise EngineError(
                f"transit priority: greens longer by up to {self.extension_s} s, {self.ahead_s} s "
                f"ahead, stages inserted to gain {self.gain_s} s, a budget of "
                f"{self.budget_person_s} person-seconds; allowed are numbers from 0"
            )

        if not 0.0 < self.seen_share <= 1.0:
            raise EngineError(
                f"transit priority: {self.seen_share:g} of the traffic seen; allowed is above 0, "
                "for nobody could say what others lose, to 1"
            )

    def weight(self, request: Request) -> float | Refusal:
        """Return what the people on board count, or why the bus gets nothing."""
        share = None
        if request.headway_s is not None and request.scheduled_headway_s is not None:
            share = request.headway_s / request.scheduled_headway_s
            if share < self.close_share:
                return Refusal.CLOSE
        far = share is not None and share >= self.long_share
        if request.lateness_s <= self.late_s and not far:
            return Refusal.ON_TIME
        late = max(0.0, request.lateness_s) / LATE_S
        gap = max(0.0, share - 1.0) / GAP_SHARE if share is not None else 0.0
        return min(1.0 + max(late, gap), MOST_WEIGHT)


class Ledger:
    """What others have lost by priority at each signal, within the last hour.

    Parameters
    ----------
    budget_person_s
        As for `TransitRules`.

    Attributes
    ----------
    spent_out_s
        By signal, when something was first refused because too little was left, s.
    """

    def __init__(self, budget_person_s: float) -> None:
        self._budget = budget_person_s
        self._debits: dict[str, deque[tuple[float, float]]] = {}
        self._most: dict[str, float] = {}
        self.spent_out_s: dict[str, float] = {}

    @property
    def most_person_s(self) -> dict[str, float]:
        """By signal, the most that was spent within an hour, person-seconds."""
        return dict(self._most)

    def spent(self, signal_id: str, now_s: float) -> float:
        """Return what was spent at a signal within the last hour, person-seconds."""
        debits = self._debits.setdefault(signal_id, deque())
        while debits and debits[0][0] <= now_s - HOUR_S:
            debits.popleft()
        return sum(amount for _, amount in debits)

    def affords(self, signal_id: str, now_s: float, amount: float) -> bool:
        """Tell whether so many person-seconds are left; notes the time when they are not."""
        if self.spent(signal_id, now_s) + amount <= self._budget:
            return True
        if signal_id not in self.spent_out_s:
            self.spent_out_s[signal_id] = now_s
            log.warning(
                "signal %s: the budget of transit priority, %g person-seconds an hour, does not "
                "cover %g more at %g s; refused until it does",
                signal_id,
                self._budget,
                round(amount, 1),
                now_s,
            )
        return False

    def debit(self, signal_id: str, now_s: float, amount: float) -> None:
        """Spend person-seconds."""
        if amount > 0.0:
            total = self.spent(signal_id, now_s) + amount
            self._debits[signal_id].append((now_s, amount))
            self._most[signal_id] = max(self._most.get(signal_id, 0.0), total)


@dataclass(slots=True)
class Tally:
    """What became of the requests: one entry for each vehicle and signal.

    Attributes
    ----------
    granted
        By which means; the strongest where several were used.
    refused
        Why, of those that were granted nothing.
    """

    granted: dict[tuple[str, str], Strategy] = field(default_factory=dict)
    refused: dict[tuple[str, str], Refusal] = field(default_factory=dict)

    def grant(self, key: tuple[str, str], strategy: Strategy) -> None:
        """Note that a vehicle got something at a signal."""
        ranks = list(Strategy)
        before = self.granted.get(key, strategy)
        self.granted[key] = max(before, strategy, key=ranks.index)
        self.refused.pop(key, None)

    def refuse(self, key: tuple[str, str], why: Refusal) -> None:
        """Note that a vehicle got nothing at a signal, so far."""
        if key not in self.granted:
            self.refused[key] = why

    def by_strategy(self) -> dict[str, int]:
        """Return how often each strategy was used."""
        found = Counter(self.granted.values())
        return {strategy.value: found[strategy] for strategy in Strategy}

    def by_refusal(self) -> dict[str, int]:
        """Return how often each reason was given."""
        found = Counter(self.refused.values())
        return {why.value: found[why] for why in Refusal}
