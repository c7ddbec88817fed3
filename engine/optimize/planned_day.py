"""What is wanted of a day's plans, and the planned day with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.measures.objective import Objective
from engine.optimize.day_costs import PeriodPlan
from engine.optimize.day_demand import DayDemand
from engine.optimize.day_through import DayThrough
from engine.optimize.robust import Robustness, Spread
from engine.optimize.switching import DayChoice
from network.errors import InfeasibleError


@dataclass(frozen=True, slots=True)
class DayWishes:
    """What the engineer wants of a day's plans.

    Attributes
    ----------
    most_plans
        Plans to allow.
    dwell_s
        How long a plan runs at least, s; FHWA-HOP-08-024 advises against plans that hardly come
        into step before they change.
    plan_price_pct
        What a further plan must save, per cent of the cost of the day under the best single one.
    close_pct
        What plans closer to each other may cost, per cent of the day's cost.
    robustness
        For plans that hold over many demands; None for plans for the expected one.
    """

    most_plans: int = 5
    dwell_s: int = 1800
    plan_price_pct: float = 0.5
    close_pct: float = 1.0
    robustness: Robustness | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.most_plans <= 8:
            raise InfeasibleError(f"{self.most_plans} plans a day; allowed are 1 to 8")
        if not 0 <= self.dwell_s <= 6 * 3600:
            raise InfeasibleError(f"a least dwell of {self.dwell_s} s; allowed are 0 to 21600 s")
        for what, value in (("price", self.plan_price_pct), ("closeness", self.close_pct)):
            if not 0 <= value <= 100:
                raise InfeasibleError(f"{what} of {value:g} %; allowed are 0 to 100 %")


@dataclass(frozen=True, slots=True)
class PlanCount:
    """The best day with a number of plans.

    Attributes
    ----------
    plans
        Plans that run.
    cost, transition_cost
        Of the day, vehicle-seconds; the second is part of the first.
    switches
        How often plans change.
    saving_pct
        Against the best single plan, per cent.
    """

    plans: int
    cost: float
    transition_cost: float
    switches: int
    saving_pct: float


@dataclass(frozen=True, slots=True)
class RobustRow:
    """One plan before and after it was made robust, on draws of its own for showing."""

    plan: int
    nominal: Spread
    robust: Spread


@dataclass(frozen=True, slots=True)
class Through:
    """The day played from its first period to its last, queues carried from each into the next.

    Attributes
    ----------
    in_force, single, planned
        Under the plans in force, under the best single plan, and as it is planned.
    """

    in_force: DayThrough
    single: DayThrough
    planned: DayThrough


@dataclass(frozen=True, slots=True, eq=False)
class PlannedDay:
    """The plans of a day.

    Attributes
    ----------
    day
        The demand they are for.
    plans
        Those that run, in the order of their first period.
    choice
        Which of them runs in each period, and what the day costs.
    single
        The best single plan.
    table
        The best day with one plan, with two, and so on, before plans were drawn together.
    in_force_cost
        Of the day under the plan in force, vehicle-seconds.
    through
        The day played through.
    reason
        Why so many plans.
    apart_before, apart
        Mean distance of plans that follow each other, before they were drawn together and after;
        those that have become one are 0 apart.
    robust
        A row for each plan, if they were made robust.
    optimizations
        Plans that were optimized.
    cut_short
        Whether a halt was called.
    objective
        What it was planned and priced for.
    """

    day: DayDemand
    plans: tuple[PeriodPlan, ...]
    choice: DayChoice
    single: PeriodPlan
    table: tuple[PlanCount, ...]
    in_force_cost: float
    through: Through
    reason: str
    apart_before: float
    apart: float
    robust: tuple[RobustRow, ...]
    optimizations: int
    cut_short: bool
    objective: Objective = field(default_factory=Objective)


def counts_of(found: Sequence[DayChoice], wraps: bool) -> tuple[PlanCount, ...]:
    """Return the best day for each number of plans.

    Parameters
    ----------
    found
        As `engine.optimize.switching.best_days` gives them.
    wraps
        Whether the last period is followed by the first.
    """
    alone = found[0].cost
    rows: list[PlanCount] = []
    for choice in found:
        if not rows or len(choice.plans) > rows[-1].plans:
            rows.append(
                PlanCount(
                    len(choice.plans),
                    choice.cost,
                    choice.transition_cost,
                    len(choice.switches(wraps)),
                    100.0 * (1.0 - choice.cost / alone) if alone > 0 else 0.0,
                )
            )
    return tuple(rows)


def knee(found: Sequence[DayChoice], wishes: DayWishes) -> DayChoice:
    """Return the day that is cheapest when every plan has its price; the fewest plans of equals."""
    price = wishes.plan_price_pct / 100.0 * found[0].cost
    return min(
        found, key=lambda choice: (choice.cost + price * len(choice.plans), len(choice.plans))
    )


def reason_for(found: Sequence[DayChoice], chosen: DayChoice, wishes: DayWishes) -> str:
    """Return why a day has so many plans, as a sentence."""
    alone, count = found[0].cost, len(chosen.plans)
    saved = 100.0 * (1.0 - chosen.cost / alone) if alone > 0 else 0.0
    text = "1 plan: the best single plan"
    if count > 1:
        text = (
            f"{count} plans: they save {saved:.1f} % against the best single plan, transitions "
            "counted"
        )
    more = [choice for choice in found if len(choice.plans) > count]
    if more:
        extra = 100.0 * (chosen.cost - more[0].cost) / alone
        return (
            f"{text}; {len(more[0].plans)} would save {extra:.2f} % more, and every further plan "
            f"must save {wishes.plan_price_pct:g} %"
        )
    if count == wishes.most_plans:
        return f"{text}; no more are allowed"
    return f"{text}; no further plan saves anything"
