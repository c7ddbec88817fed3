"""What the runs of a suite add up to, street by street and controller by controller."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any, Final

from benchmarks.suite.jobs import Outcome, Street
from benchmarks.suite.statistics import Comparison, Ranking, compare, rank

BASELINE: Final = "in-force"
FLOOR: Final = "floor"
DELAY: Final = "delay_s"
THROUGHBAND: Final = "throughband"
OURS: Final = (
    *(THROUGHBAND, "adaptive", "adaptive-detectors", "adaptive-vehicles-10"),
    "adaptive-missed-20",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One controller on one street.

    Attributes
    ----------
    street
        Scenario with scale and fault, for people.
    controller
        By name.
    where
        The street itself.
    measures
        Of every seed that was played, by seed.
    against
        Beside the plan in force; None for itself and where it was not played.
    reason
        Why there are no runs; with runs, why some of them failed.
    removed
        Share of the removable delay, from the plan in force down to the physical floor, that is
        gone; NaN where the floor was not played.
    variant
        The one that was taken.
    facts
        Version, source and notes of the controller.
    """

    street: str
    controller: str
    where: Street
    measures: Mapping[int, Mapping[str, float]]
    against: Comparison | None = None
    reason: str = ""
    removed: float = math.nan
    variant: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def by_seed(self, measure: str = DELAY) -> dict[int, float]:
        """Return a measure by seed, where it could be measured."""
        return {
            seed: measures[measure]
            for seed, measures in self.measures.items()
            if measure in measures
        }

    def mean(self, measure: str = DELAY) -> float:
        """Return the mean over seeds; NaN without any."""
        found = self.by_seed(measure).values()
        return fmean(found) if found else math.nan

    @property
    def name(self) -> str:
        """For people: the controller and its variant."""
        return f"{self.controller} ({self.variant})" if self.variant else self.controller

    @property
    def runs(self) -> int:
        """Seeds that were played."""
        return len(self.measures)

    @property
    def locked_seeds(self) -> tuple[int, ...]:
        """Seeds in which the street had locked up."""
        return tuple(seed for seed, locked in self.by_seed("locked").items() if locked)

    @property
    def sd_s(self) -> float:
        """Spread of the delay over seeds; NaN with fewer than two."""
        found = self.by_seed().values()
        return stdev(found) if len(found) > 1 else math.nan


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
    runs: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        runs.setdefault((outcome.job.street.title, outcome.job.controller), []).append(outcome)
    against = {
        street: compare(by[BASELINE], {n: v for n, v in by.items() if n not in (BASELINE, FLOOR)})
        for street, by in delays.items()
        if BASELINE in by
    }
    return tuple(
        Line(
            street,
            controller,
            own[0].job.street,
            {run.job.seed: run.measures for run in own if not run.failed},
            against.get(street, {}).get(controller),
            next((run.reason for run in own if run.failed), ""),
            _removed(delays.get(street, {}), controller),
            own[0].job.variant,
            next((run.facts["controller"] for run in own if "controller" in run.facts), {}),
        )
        for (street, controller), own in runs.items()
    )


def best_peer(lines: Iterable[Line]) -> Line | None:
    """Return whoever has the least mean delay, but for us and for the floor."""
    peers = [line for line in lines if line.controller not in (*OURS, FLOOR) and line.runs]
    return min(peers, key=Line.mean, default=None)


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
