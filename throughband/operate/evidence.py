"""What the street says of a plan after a change, held against what was promised; and when that
is enough to take the plan back.

Detectors behind stop lines see who was served. A plan that lets through less than was forecast,
beyond what chance and the forecast's own errors explain, makes queues that nobody sees, so it goes
back. So does one under which vehicles stand on detectors for much longer than before: they are
held up behind the stop line. Where an incident is known that explains it, that is said; the
plan goes back all the same, because what ran before is the safer guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from network.errors import ThroughbandError


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """When a plan on the street is judged, and taken back.

    Attributes
    ----------
    settle
        Left out after a change.
    least_intervals, most_intervals
        Intervals before anything is concluded, and after which the plan is settled.
    lost_share
        Part of the forecast traffic that may go unserved.
    sure_sd
        Standard deviations by which that has to be beyond chance.
    most_occupied
        Factor on the time that a vehicle stands on a detector.
    """

    settle: timedelta = timedelta(minutes=10)
    least_intervals: int = 2
    most_intervals: int = 12
    lost_share: float = 0.10
    sure_sd: float = 3.0
    most_occupied: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.least_intervals <= self.most_intervals:
            raise ThroughbandError(
                f"plans are judged after {self.least_intervals} to {self.most_intervals} "
                "intervals; allowed are 1 and more, the first number not above the second"
            )


@dataclass(frozen=True, slots=True)
class Promise:
    """What was expected of a plan when it went on the street.

    Attributes
    ----------
    plan_digest
        The plan.
    since_utc
        When it was called.
    delay_change_s
        What the simulation promised, s per vehicle; negative is better. None without one.
    occupied_s
        Time a vehicle stood on a detector before the change, s; None where nobody knows.
    intervals, served_veh, expected_veh, variance_veh2
        Judged so far: how many, vehicles counted, vehicles forecast, and the variance of their
        difference.
    on_detector_s
        Time that detectors were occupied, s.
    """

    plan_digest: str
    since_utc: datetime
    delay_change_s: float | None = None
    occupied_s: float | None = None
    intervals: int = 0
    served_veh: float = 0.0
    expected_veh: float = 0.0
    variance_veh2: float = 0.0
    on_detector_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        return {
            name: getattr(self, name) if name != "since_utc" else self.since_utc.isoformat()
            for name in self.__slots__
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Promise:
        """Return what `to_dict` wrote."""
        return cls(**{**entry, "since_utc": datetime.fromisoformat(entry["since_utc"])})


@dataclass(frozen=True, slots=True)
class Seen:
    """One interval on the street, all believed detectors together.

    Attributes
    ----------
    begin_utc
        Its beginning.
    served_veh, expected_veh, sd_veh
        Vehicles counted; forecast before it began, with the standard deviation.
    on_detector_s
        Time that detectors were occupied, s; NaN where they do not say.
    """

    begin_utc: datetime
    served_veh: float
    expected_veh: float
    sd_veh: float
    on_detector_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Finding:
    """What the street says of a plan.

    Attributes
    ----------
    promise
        With the interval counted.
    take_back
        Whether to take it back.
    settled
        Whether it was judged for long enough.
    text
        For people and the journal.
    """

    promise: Promise
    take_back: bool
    settled: bool
    text: str


def weigh(promise: Promise, rule: EvidenceRule, seen: Seen) -> Finding | None:
    """Take one interval and say what follows; None if it is not judged.

    Parameters
    ----------
    promise, rule
        What was expected, and the limits.
    seen
        The interval.
    """
    if seen.begin_utc < promise.since_utc + rule.settle:
        return None
    if not (math.isfinite(seen.expected_veh) and seen.expected_veh > 0):
        return None
    occupied = seen.on_detector_s if math.isfinite(seen.on_detector_s) else 0.0
    now = replace(
        promise,
        intervals=promise.intervals + 1,
        served_veh=promise.served_veh + seen.served_veh,
        expected_veh=promise.expected_veh + seen.expected_veh,
        # Errors of a forecast last: those of its intervals are taken to come all the same way.
        variance_veh2=(math.sqrt(promise.variance_veh2) + seen.sd_veh) ** 2,
        on_detector_s=promise.on_detector_s + occupied,
    )
    lost = (now.expected_veh - now.served_veh) / now.expected_veh
    beyond = (now.expected_veh - now.served_veh) / max(math.sqrt(now.variance_veh2), 1.0)
    text = (
        f"{now.served_veh:.0f} vehicles served in {now.intervals} intervals, "
        f"{now.expected_veh:.0f} forecast ({-lost:+.1%})"
    )
    reasons = []
    if now.intervals >= rule.least_intervals:
        if lost > rule.lost_share and beyond > rule.sure_sd:
            reasons.append(
                f"{lost:.0%} less served than forecast, {beyond:.1f} standard deviations"
            )
        factor = _longer(now)
        if factor is not None and factor > rule.most_occupied:
            reasons.append(f"a vehicle stands on detectors {factor:.1f} times as long as before")
    if reasons:
        text = f"{text}; {'; '.join(reasons)}"
    return Finding(now, bool(reasons), now.intervals >= rule.most_intervals, text)


def _longer(promise: Promise) -> float | None:
    if not promise.occupied_s or promise.served_veh <= 0 or promise.on_detector_s <= 0:
        return None
    return promise.on_detector_s / promise.served_veh / promise.occupied_s


def occupied_s_per_veh(seen: Sequence[Seen]) -> float | None:
    """Return how long a vehicle stands on a detector, s; None where detectors do not say."""
    told = [each for each in seen if math.isfinite(each.on_detector_s)]
    vehicles = sum(each.served_veh for each in told)
    if vehicles <= 0:
        return None
    return sum(each.on_detector_s for each in told) / vehicles
