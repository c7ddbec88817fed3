"""The report: both sides, their difference, a verdict; as plain values too."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.validate.report import compare, validate
from engine.validate.simulator import MEASURES, Progress, RunMeasures, SimulationCase, Variant
from network.errors import InsufficientDataError

CASE = SimulationCase(Path("c"), Path("n"), (), (), 0, 60)


def measures(seed: int, delay_s: float, co2_g_per_veh: float = 200.0) -> RunMeasures:
    return RunMeasures(
        seed=seed,
        delay_s=delay_s,
        stops=1.5,
        travel_time_s=100 + delay_s,
        speed_mps=7.0,
        co2_g_per_veh=co2_g_per_veh,
        waiting_time_s=20.0,
        scheduled=10,
        inserted=9,
        arrived=8,
        running=1,
        removed=0,
        not_inserted=1,
        ignored=0,
        teleports=0,
        wall_s=0.5,
    )


class PaperSimulator:
    """Answers from a formula; stands for any simulator."""

    def run(
        self,
        case: SimulationCase,
        seed: int,
        additional: Sequence[Path] = (),
        out_dir: Path | None = None,
        emissions: bool = True,
    ) -> RunMeasures:
        delay_s = 40.0 + seed % 3 - 5 * len(additional)
        return measures(seed, delay_s, 200.0 if emissions else math.nan)

    def run_many(
        self,
        case: SimulationCase,
        variants: Sequence[Variant],
        seeds: Sequence[int],
        workers: int = 1,
        progress: Progress | None = None,
        emissions: bool = True,
    ) -> tuple[tuple[RunMeasures, ...], ...]:
        return tuple(
            tuple(self.run(case, seed, v.additional_files, emissions=emissions) for seed in seeds)
            for v in variants
        )


def test_a_better_plan_is_called_better() -> None:
    report = validate(
        CASE, PaperSimulator(), Variant("in force"), Variant("plan", (Path("p"),)), [101, 102, 103]
    )
    assert report.verdict == "better"
    assert report.difference["delay_s"].mean == pytest.approx(-5)
    assert report.baseline["delay_s"] == pytest.approx(41)


def test_the_same_plan_makes_no_difference() -> None:
    report = validate(CASE, PaperSimulator(), Variant("a"), Variant("b"), [1, 2])
    assert report.verdict == "no clear difference"


def test_the_plain_form_has_every_measure_and_every_run() -> None:
    report = validate(CASE, PaperSimulator(), Variant("a"), Variant("b"), [7, 5], emissions=False)
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["seeds"] == [7, 5]
    for side in ("baseline", "candidate", "difference"):
        assert set(plain[side]) == set(MEASURES)
    assert set(plain["difference"]["delay_s"]) == {"mean", "low", "high"}
    assert plain["baseline"]["co2_g_per_veh"] is None
    assert [row["seed"] for row in plain["runs"]] == [7, 5]
    assert plain["runs"][0]["candidate"]["delay_s"] == report.candidate_runs[0].delay_s


@pytest.mark.parametrize("seeds", [[], [1], [1, 1]])
def test_too_few_or_repeated_seeds_are_refused(seeds: list[int]) -> None:
    with pytest.raises(InsufficientDataError):
        validate(CASE, PaperSimulator(), Variant("a"), Variant("b"), seeds)


def test_runs_of_different_seeds_are_not_compared() -> None:
    with pytest.raises(InsufficientDataError, match="same seeds"):
        compare("a", "b", [measures(1, 5), measures(2, 5)], [measures(2, 5), measures(1, 5)])
