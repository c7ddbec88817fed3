"""What the runs of a suite add up to, street by street and controller by controller."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

from benchmarks.suite.jobs import FAULTLESS, Job, Outcome
from benchmarks.suite.statistics import Comparison, Ranking, compare, rank

BASELINE: Final = "in-force"
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


def street_of(job: Job) -> str:
    """Name a street with what was done to it."""
    name = job.scenario
    if job.scale != 1.0:
        name += f" x{job.scale:g}"
    return f"{name} ({job.fault})" if job.fault != FAULTLESS else name


def values(outcomes: Iterable[Outcome], measure: str) -> dict[str, dict[str, dict[int, float]]]:
    """Return a measure by street, controller and seed."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for outcome in outcomes:
        if not outcome.failed and measure in outcome.measures:
            by = found.setdefault(street_of(outcome.job), {})
            by.setdefault(outcome.job.controller, {})[outcome.job.seed] = outcome.measures[measure]
    return found


def summarize(outcomes: Sequence[Outcome]) -> tuple[Line, ...]:
    """Add runs up; streets and controllers in the order of their first run."""
    delays = values(outcomes, DELAY)
    locked = values(outcomes, "locked")
    reasons: dict[tuple[str, str], str] = {}
    for outcome in outcomes:
        reasons.setdefault((street_of(outcome.job), outcome.job.controller), "")
        if outcome.failed:
            reasons[street_of(outcome.job), outcome.job.controller] = outcome.reason
    against = {
        street: compare(by[BASELINE], {n: v for n, v in by.items() if n != BASELINE})
        for street, by in delays.items()
        if BASELINE in by
    }
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
            )
        )
    return tuple(lines)


def ranking(outcomes: Sequence[Outcome]) -> Ranking:
    """Rank the controllers that were played everywhere."""
    means: dict[str, dict[str, float]] = {}
    for street, by in values(outcomes, DELAY).items():
        for controller, seeds in by.items():
            means.setdefault(controller, {})[street] = fmean(seeds.values())
    most = max((len(by) for by in means.values()), default=0)
    return rank({name: by for name, by in means.items() if len(by) == most})
