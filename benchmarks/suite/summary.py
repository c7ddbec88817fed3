"""What the runs of a suite add up to, street by street and controller by controller."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

from benchmarks.suite.jobs import Outcome, Street
from benchmarks.suite.statistics import Comparison, Ranking, compare, rank

BASELINE: Final = "in-force"
FLOOR: Final = "floor"
DELAY: Final = "delay_s"


@dataclass(frozen=True, slots=True)
class Line:
    """One controller on one street.

    Attributes
    ----------
    street
        Scenario with scale and fault, for people.
    controller
        By name.
    runs, locked
        Seeds that were played, and how many of them had locked up.
    mean_s, sd_s
        Delay over seeds; the spread is NaN with one seed.
    against
        Beside the plan in force; None for itself and where it was not played.
    removed
        Share of the removable delay, from the plan in force down to the physical floor, that is
        gone; NaN where the floor was not played.
    variant
        The one that was taken.
    reason
        Why there are no runs.
    """

    street: str
    controller: str
    runs: int
    locked: int
    mean_s: float
    sd_s: float
    against: Comparison | None
    reason: str = ""
    removed: float = math.nan
    variant: str = ""


def best_variants(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Keep of each controller the variant with the least mean delay on the street's own seeds.

    Variants that failed on a seed come after those that did not. This favors whoever offers
    several, so the choice is never ours to gain by: our own controllers offer one.
    """
    variants: dict[tuple[Street, str], dict[str, list[Outcome]]] = {}
    for outcome in outcomes:
        job = outcome.job
        by_variant = variants.setdefault((job.street, job.controller), {})
        by_variant.setdefault(job.variant, []).append(outcome)

    def order(runs: Sequence[Outcome]) -> tuple[int, float]:
        played = [run.measures[DELAY] for run in runs if not run.failed]
        return (sum(run.failed for run in runs), fmean(played) if played else math.inf)

    return tuple(
        outcome
        for by_variant in variants.values()
        for outcome in min(by_variant.values(), key=order)
    )


def values(outcomes: Iterable[Outcome], measure: str) -> dict[str, dict[str, dict[int, float]]]:
    """Return a measure by street, controller and seed."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for outcome in outcomes:
        if not outcome.failed and measure in outcome.measures:
            by = found.setdefault(outcome.job.street.title, {})
            by.setdefault(outcome.job.controller, {})[outcome.job.seed] = outcome.measures[measure]
    return found


def summarize(outcomes: Sequence[Outcome]) -> tuple[Line, ...]:
    """Add runs up; streets and controllers in the order of their first run."""
    outcomes = best_variants(outcomes)
    delays = values(outcomes, DELAY)
    locked = values(outcomes, "locked")
    reasons: dict[tuple[str, str], str] = {}
    for outcome in outcomes:
        reasons.setdefault((outcome.job.street.title, outcome.job.controller), "")
        if outcome.failed:
            reasons[outcome.job.street.title, outcome.job.controller] = outcome.reason
    against = {
        street: compare(by[BASELINE], {n: v for n, v in by.items() if n not in (BASELINE, FLOOR)})
        for street, by in delays.items()
        if BASELINE in by
    }
    taken = {(o.job.street.title, o.job.controller): o.job.variant for o in outcomes}
    lines = []
    for (street, controller), reason in reasons.items():
        seeds = delays.get(street, {}).get(controller, {})
        lines.append(
            Line(
                street,
                controller,
                len(seeds),
                int(sum(locked.get(street, {}).get(controller, {}).values())),
                fmean(seeds.values()) if seeds else math.nan,
                stdev(seeds.values()) if len(seeds) > 1 else math.nan,
                against.get(street, {}).get(controller),
                reason,
                _removed(delays.get(street, {}), controller),
                taken[street, controller],
            )
        )
    return tuple(lines)


def _removed(by: Mapping[str, Mapping[int, float]], controller: str) -> float:
    if not {FLOOR, BASELINE, controller} <= set(by):
        return math.nan
    floor_s, base_s, ours_s = (fmean(by[name].values()) for name in (FLOOR, BASELINE, controller))
    return (base_s - ours_s) / (base_s - floor_s) if base_s > floor_s else math.nan


def ranking(outcomes: Sequence[Outcome]) -> Ranking:
    """Rank the controllers that were played everywhere."""
    means: dict[str, dict[str, float]] = {}
    for street, by in values(best_variants(outcomes), DELAY).items():
        for controller, seeds in by.items():
            if controller == FLOOR:
                continue
            means.setdefault(controller, {})[street] = fmean(seeds.values())
    most = max((len(by) for by in means.values()), default=0)
    return rank({name: by for name, by in means.items() if len(by) == most})
