"""The before-and-after report of a candidate plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

from engine.validate.simulator import (
    MEASURES,
    Progress,
    RunMeasures,
    SimulationCase,
    Simulator,
    Variant,
)
from engine.validate.statistics import Difference, Verdict, delay_verdict, paired_difference
from network.errors import InsufficientDataError


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """Baseline and candidate under the same seeds.

    Parameters
    ----------
    baseline_name, candidate_name
        What was compared.
    seeds
        In the order of the runs.
    baseline_runs, candidate_runs
        One per seed.
    baseline, candidate
        Mean of every measure in `MEASURES` over the seeds.
    difference
        Candidate minus baseline, with the 95 % interval of the paired mean.
    verdict
        On delay.
    """

    baseline_name: str
    candidate_name: str
    seeds: tuple[int, ...]
    baseline_runs: tuple[RunMeasures, ...]
    candidate_runs: tuple[RunMeasures, ...]
    baseline: Mapping[str, float]
    candidate: Mapping[str, float]
    difference: Mapping[str, Difference]
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON; what was not measured is None."""
        return {
            "seeds": list(self.seeds),
            "baseline": {name: _plain(value) for name, value in self.baseline.items()},
            "candidate": {name: _plain(value) for name, value in self.candidate.items()},
            "difference": {
                name: {key: _plain(value) for key, value in asdict(difference).items()}
                for name, difference in self.difference.items()
            },
            "verdict": self.verdict,
            "names": {"baseline": self.baseline_name, "candidate": self.candidate_name},
            "runs": [
                {"seed": seed, "baseline": _row(before), "candidate": _row(after)}
                for seed, before, after in zip(
                    self.seeds, self.baseline_runs, self.candidate_runs, strict=True
                )
            ],
        }


def validate(
    case: SimulationCase,
    simulator: Simulator,
    baseline: Variant,
    candidate: Variant,
    seeds: Sequence[int],
    workers: int = 1,
    progress: Progress | None = None,
    emissions: bool = True,
) -> ValidationReport:
    """Play both sides under every seed and compare them.

    The seeds must not be those the candidate was counted or tuned with; only the caller
    knows which these were.

    Parameters
    ----------
    case
        Network, demand and window.
    simulator
        What plays it.
    baseline, candidate
        The two sides.
    seeds
        At least two, all different.
    workers, progress, emissions
        As for `Simulator.run_many`.

    Raises
    ------
    InsufficientDataError
        Fewer than two seeds, or a repeated one.
    SimulationError
        A run failed.
    """
    if len(set(seeds)) != len(seeds):
        raise InsufficientDataError("a seed is given twice; its runs would not be independent")
    if len(seeds) < 2:
        raise InsufficientDataError(
            f"an interval needs at least 2 seeds, {len(seeds)} given; add seeds"
        )
    before, after = simulator.run_many(
        case, (baseline, candidate), seeds, workers, progress, emissions
    )
    return compare(baseline.name, candidate.name, before, after)


def compare(
    baseline_name: str,
    candidate_name: str,
    baseline_runs: Sequence[RunMeasures],
    candidate_runs: Sequence[RunMeasures],
) -> ValidationReport:
    """Build the report of runs already played.

    Raises
    ------
    InsufficientDataError
        Fewer than two runs, or the two sides were not played under the same seeds.
    """
    seeds = tuple(measures.seed for measures in baseline_runs)
    if seeds != tuple(measures.seed for measures in candidate_runs):
        raise InsufficientDataError("the two sides were not played under the same seeds")
    before = {name: _values(baseline_runs, name) for name in MEASURES}
    after = {name: _values(candidate_runs, name) for name in MEASURES}
    difference = {name: paired_difference(before[name], after[name]) for name in MEASURES}
    return ValidationReport(
        baseline_name=baseline_name,
        candidate_name=candidate_name,
        seeds=seeds,
        baseline_runs=tuple(baseline_runs),
        candidate_runs=tuple(candidate_runs),
        baseline=_means(before),
        candidate=_means(after),
        difference=MappingProxyType(difference),
        verdict=delay_verdict(difference["delay_s"]),
    )


def _values(runs: Sequence[RunMeasures], name: str) -> list[float]:
    return [float(getattr(measures, name)) for measures in runs]


def _means(values: Mapping[str, Sequence[float]]) -> Mapping[str, float]:
    return MappingProxyType({name: sum(v) / len(v) for name, v in values.items()})


def _row(measures: RunMeasures) -> dict[str, float | None]:
    return {name: _plain(value) for name, value in asdict(measures).items() if name != "seed"}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
