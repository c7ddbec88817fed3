"""When a plan is no longer for the traffic that comes, and when a new one is worth a change.

The plan in force was made for certain flows. It leaves its regime where a fixed share of the
traffic ahead is not that traffic, or where the model expects a vehicle to cost so many times what
it cost when the plan was made, in several forecasts in a row. Then a new plan is sought, no sooner
than a least time after the search before. It is worth changing to if the model saves both a part
of the cost and a number of vehicle hours. If it is not, those flows are remembered: the same
traffic starts no second search, and only traffic that differs from them too does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from network.errors import ThroughbandError
from network.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class RegimeRule:
    """Limits of a regime.

    Attributes
    ----------
    leave_share
        Share of the traffic that may be other than planned for.
    leave_cost
        Factor on the cost per vehicle that the model may expect.
    looks
        Forecasts in a row that have to say so.
    between_searches
        Least time between two searches.
    worth_share, worth_veh_h
        Part of the cost, and vehicle hours over the horizon, that a new plan has to save; both.
    """

    leave_share: float = 0.15
    leave_cost: float = 1.25
    looks: int = 2
    between_searches: timedelta = timedelta(minutes=20)
    worth_share: float = 0.04
    worth_veh_h: float = 1.0

    def __post_init__(self) -> None:
        if not (self.leave_share > 0 and self.leave_cost > 1 and self.looks >= 1):
            raise ThroughbandError(
                f"a regime with a share of {self.leave_share}, a cost factor of {self.leave_cost} "
                f"and {self.looks} looks; allowed are above 0, above 1 and 1 or more"
            )


@dataclass(frozen=True, slots=True)
class Regime:
    """What the plan in force was made for.

    Attributes
    ----------
    flow_vph
        By movement, veh/h.
    cost_s
        Cost per vehicle that the model expected, s; None where nobody knows.
    looked_at
        Flows of the last search that brought nothing; empty for none.
    outside
        Forecasts in a row that left the regime.
    searched_utc
        When the last search began.
    """

    flow_vph: Mapping[str, float]
    cost_s: float | None = None
    looked_at: Mapping[str, float] = field(default_factory=dict)
    outside: int = 0
    searched_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a forecast means for the plan in force.

    Attributes
    ----------
    regime
        The regime with this look counted.
    seek
        Whether to seek a new plan now.
    share
        Share of the traffic that is other than planned for.
    cost_factor
        Expected cost per vehicle over what it was when the plan was made; None where unknown.
    why
        In words.
    """

    regime: Regime
    seek: bool
    share: float
    cost_factor: float | None
    why: str


def share_off(made_for: Mapping[str, float], now: Mapping[str, float]) -> float:
    """Return the share of traffic that is not what it was: half the sum of differences.

    Traffic that only moves from one movement to another counts once; traffic that comes on top
    or stays away counts half of what it is, but no less than its share of the whole.

    Parameters
    ----------
    made_for, now
        Flows by movement, veh/h.
    """
    before, after = sum(made_for.values()), sum(now.values())
    if before <= 0:
        return 1.0 if after > 0 else 0.0
    names = made_for.keys() | now.keys()
    apart = sum(abs(now.get(name, 0.0) - made_for.get(name, 0.0)) for name in names)
    return max(apart / 2, abs(after - before)) / before


def judge(
    regime: Regime,
    rule: RegimeRule,
    flow_vph: Mapping[str, float],
    cost_s: float,
    now: datetime,
    broken: str = "",
) -> Judgment:
    """Hold a forecast against what the plan in force was made for.

    Parameters
    ----------
    regime, rule
        What it was made for, and how far that reaches.
    flow_vph
        Mean flows ahead, by movement, veh/h.
    cost_s
        What the model expects a vehicle to cost under the plan in force, s.
    now
        The present, aware.
    broken
        Why the plan does not run as a whole, or nothing; it is no longer the plan that was made.
    """
    share = share_off(regime.flow_vph, flow_vph)
    factor = cost_s / regime.cost_s if regime.cost_s else None
    reasons = [broken] if broken else []
    if share >= rule.leave_share:
        reasons.append(f"{share:.0%} of the traffic is other than planned for")
    if factor is not None and factor >= rule.leave_cost:
        reasons.append(f"a vehicle costs {factor:.2f} times what it did when the plan was made")
    outside = regime.outside + 1 if reasons else 0
    counted = replace(regime, outside=outside)
    if not reasons:
        # Whoever comes back into the regime may leave it by the same traffic again.
        counted = replace(counted, looked_at={})
        return Judgment(counted, False, share, factor, "within what the plan was made for")
    why = "; ".join(reasons)
    if outside < rule.looks:
        return Judgment(
            counted, False, share, factor, f"{why}; look {outside} of {rule.looks} that say so"
        )
    if regime.searched_utc is not None and now - regime.searched_utc < rule.between_searches:
        return Judgment(counted, False, share, factor, f"{why}; the last search was just now")
    if regime.looked_at and not broken:
        other = share_off(regime.looked_at, flow_vph)
        if other < rule.leave_share:
            told = f"{why}; a search for such traffic found nothing worth a change"
            return Judgment(counted, False, share, factor, told)
    return Judgment(replace(counted, searched_utc=now), True, share, factor, why)


def worth_changing(
    rule: RegimeRule, cost_now_veh_s: float, cost_new_veh_s: float
) -> tuple[bool, str]:
    """Tell whether a new plan saves enough in the model, and how much.

    Parameters
    ----------
    rule
        What is enough.
    cost_now_veh_s, cost_new_veh_s
        What both cost over the horizon, vehicle seconds.
    """
    saved = cost_now_veh_s - cost_new_veh_s
    share = saved / cost_now_veh_s if cost_now_veh_s > 0 else 0.0
    hours = saved / SECONDS_PER_HOUR
    told = f"the model saves {share:.1%}, {hours:.1f} veh h over the horizon"
    if share >= rule.worth_share and hours >= rule.worth_veh_h:
        return True, told
    return False, f"{told}; {rule.worth_share:.1%} and {rule.worth_veh_h:g} veh h are asked for"


def settled(flow_vph: Mapping[str, float], cost_s: float | None, since: datetime | None) -> Regime:
    """Return the regime of a plan that was made for these flows."""
    return Regime(dict(flow_vph), cost_s, {}, 0, since)


def looked_at(regime: Regime, flow_vph: Mapping[str, float]) -> Regime:
    """Return the regime after a search for these flows that brought nothing."""
    return replace(regime, looked_at=dict(flow_vph), outside=0)
