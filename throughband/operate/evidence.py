"""What the street says of a plan after a change, held against what was promised; and when that
is enough to take the plan back.

Detectors behind stop lines see who was served. A plan that lets through less than was forecast,
beyond chance and what forecasts usually miss, makes queues that nobody sees, so it goes back. So
does one under which vehicles stand on detectors for much longer than before, and one that the
model finds dearer than what ran before, under the traffic that came. While an incident stands that
explains a loss, nothing is concluded, and what was seen since it began does not count.

Errors of forecasts have two parts. What chance adds to each detector is independent. The rest is
shared: more people drive today than usual. How large it is in a sum over all detectors and so many
intervals is measured on the forecaster's own past, see `throughband.operate.total_errors`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
        Standard deviations by which that has to be beyond the errors of forecasts.
    most_occupied
        Factor on the time that a vehicle stands on a detector.
    worse_share
        By how much the model may find a vehicle dearer than under the plan before, with the
        traffic that came.
    """

    settle: timedelta = timedelta(minutes=10)
    least_intervals: int = 3
    most_intervals: int = 12
    lost_share: float = 0.10
    sure_sd: float = 2.5
    most_occupied: float = 2.0
    worse_share: float = 0.10

    def __post_init__(self) -> None:
        if not 1 <= self.least_intervals <= self.most_intervals:
            raise ThroughbandError(
                f"plans are judged after {self.least_intervals} to {self.most_intervals} "
                "intervals; allowed are 1 and more, the first number not above the second"
            )


@dataclass(frozen=True, slots=True)
class Seen:
    """One interval on the street, all believed detectors together.

    Attributes
    ----------
    begin_utc
        Its beginning.
    served_veh, expected_veh, sd_veh
        Vehicles counted; forecast before it began, with the standard deviation that detectors'
        errors would have if they were independent.
    on_detector_s
        Time that detectors were occupied, s; NaN where they do not say.
    """

    begin_utc: datetime
    served_veh: float
    expected_veh: float
    sd_veh: float
    on_detector_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Promise:
    """What was expected of a plan when it went on the street, and what was seen since.

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
    shared_part
        Standard deviation of what forecasts of a sum over one, two and more intervals miss beyond
        chance, as part of the sum; empty where that is not known yet.
    seen
        Intervals judged so far.
    """

    plan_digest: str
    since_utc: datetime
    delay_change_s: float | None = None
    occupied_s: float | None = None
    shared_part: tuple[float, ...] = ()
    seen: tuple[Seen, ...] = ()

    @property
    def intervals(self) -> int:
        """Intervals judged so far."""
        return len(self.seen)

    @property
    def served_veh(self) -> float:
        """Vehicles counted in them."""
        return sum(each.served_veh for each in self.seen)

    @property
    def expected_veh(self) -> float:
        """Vehicles forecast for them."""
        return sum(each.expected_veh for each in self.seen)

    @property
    def error_sd_veh(self) -> float | None:
        """Standard deviation of the forecast of the sum, vehicles; None where nobody knows."""
        if not self.shared_part:
            return None
        if not self.seen:
            return 0.0
        shared = self.shared_part[min(len(self.seen), len(self.shared_part)) - 1]
        chance = sum(each.sd_veh**2 for each in self.seen)
        return math.sqrt(chance + (shared * self.expected_veh) ** 2)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON that `from_dict` reads."""
        return {
            "plan_digest": self.plan_digest,
            "since_utc": self.since_utc.isoformat(),
            "delay_change_s": self.delay_change_s,
            "occupied_s": self.occupied_s,
            "shared_part": list(self.shared_part),
            "seen": [
                [
                    each.begin_utc.isoformat(),
                    each.served_veh,
                    each.expected_veh,
                    each.sd_veh,
                    each.on_detector_s if math.isfinite(each.on_detector_s) else None,
                ]
                for each in self.seen
            ],
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Promise:
        """Return what `to_dict` wrote."""
        seen = tuple(
            Seen(
                datetime.fromisoformat(begin), served, expected, sd, math.nan if on is None else on
            )
            for begin, served, expected, sd, on in entry["seen"]
        )
        return cls(
            str(entry["plan_digest"]),
            datetime.fromisoformat(entry["since_utc"]),
            entry["delay_change_s"],
            entry["occupied_s"],
            tuple(float(part) for part in entry["shared_part"]),
            seen,
        )


@dataclass(frozen=True, slots=True)
class Incident:
    """Something on the plan's streets that explains a loss.

    Attributes
    ----------
    since_utc
        Since when.
    text
        What.
    """

    since_utc: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Costs:
    """What the model makes of a vehicle, with the traffic that came.

    Attributes
    ----------
    before_s, now_s
        Under the plan before, and under the plan on the street, s.
    """

    before_s: float
    now_s: float


Price = Callable[[Sequence[Seen]], Costs | None]
"""Has the model price these intervals; None where it cannot."""


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


def not_priced(seen: Sequence[Seen]) -> Costs | None:
    """Price nothing: where there is no model to ask."""
    return None


def weigh(
    promise: Promise,
    rule: EvidenceRule,
    seen: Seen,
    incident: Incident | None = None,
    price: Price = not_priced,
) -> Finding | None:
    """Take one interval and say what follows; None if it is not judged.

    Parameters
    ----------
    promise, rule
        What was expected, and the limits.
    seen
        The interval.
    incident
        One that stands on the plan's streets; None for none.
    price
        Asks the model.
    """
    if seen.begin_utc < promise.since_utc + rule.settle:
        return None
    if incident is not None:
        # Whatever overlaps it says nothing of the plan.
        clear = tuple(s for s in promise.seen if s.begin_utc < _floor(incident, seen, promise))
        text = f"no verdict: {incident.text}"
        return Finding(replace(promise, seen=clear), False, False, text)
    if not (math.isfinite(seen.expected_veh) and seen.expected_veh > 0):
        return None
    now = replace(promise, seen=(*promise.seen, seen))
    lost = (now.expected_veh - now.served_veh) / now.expected_veh
    text = (
        f"{now.served_veh:.0f} vehicles served in {now.intervals} intervals, "
        f"{now.expected_veh:.0f} forecast ({-lost:+.1%})"
    )
    error = now.error_sd_veh
    if error is None:
        text = f"{text}; what forecasts usually miss is not known yet"
    else:
        part = error / now.expected_veh
        text = f"{text}, standard deviation of such forecasts {part:.1%}"
    reasons = _reasons(now, rule, lost, price) if now.intervals >= rule.least_intervals else []
    if reasons:
        text = f"{text}; {'; '.join(reasons)}"
    return Finding(now, bool(reasons), now.intervals >= rule.most_intervals, text)


def _floor(incident: Incident, seen: Seen, promise: Promise) -> datetime:
    """Return from which beginnings on intervals overlap an incident."""
    if not promise.seen:
        return incident.since_utc
    last = promise.seen[-1].begin_utc
    gaps = [b.begin_utc - a.begin_utc for a, b in zip(promise.seen, promise.seen[1:], strict=False)]
    length = min([*gaps, seen.begin_utc - last])
    return incident.since_utc - length


def _reasons(now: Promise, rule: EvidenceRule, lost: float, price: Price) -> list[str]:
    reasons = []
    error = now.error_sd_veh
    if error is not None:
        beyond = (now.expected_veh - now.served_veh) / max(error, 1.0)
        if lost > rule.lost_share and beyond > rule.sure_sd:
            reasons.append(
                f"{lost:.0%} less served than forecast, {beyond:.1f} standard deviations"
            )
    factor = _longer(now)
    if factor is not None and factor > rule.most_occupied:
        reasons.append(f"a vehicle stands on detectors {factor:.1f} times as long as before")
    costs = price(now.seen)
    if costs is not None and costs.now_s > costs.before_s * (1.0 + rule.worse_share):
        reasons.append(
            f"with the traffic that came a vehicle costs {costs.now_s:.1f} s in the model, and "
            f"{costs.before_s:.1f} s under the plan before"
        )
    return reasons


def _longer(promise: Promise) -> float | None:
    now = occupied_s_per_veh(promise.seen)
    return now / promise.occupied_s if now and promise.occupied_s else None


def occupied_s_per_veh(seen: Sequence[Seen]) -> float | None:
    """Return how long a vehicle stands on a detector, s; None where detectors do not say."""
    told = [each for each in seen if math.isfinite(each.on_detector_s)]
    vehicles = sum(each.served_veh for each in told)
    if vehicles <= 0:
        return None
    return sum(each.on_detector_s for each in told) / vehicles
