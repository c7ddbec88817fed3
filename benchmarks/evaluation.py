"""How far the verdict of ``throughband evaluate`` can be trusted, on days with known effects.

``python -m benchmarks.evaluation --sets 400`` draws sets of days before and after a change and
prints how often a verdict was clear: where nothing changed that is the rate of false verdicts (5 %
promised), where something did, the power. Beside it stands what most before/after studies use,
the t test of two samples of days, which knows neither weekdays nor traffic nor neighbors. Days
have weekdays, traffic that scatters by 4 %, travel times that follow it with an elasticity of 1.5,
scatter by 5 % and resemble their neighbors as far as the column says.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from scipy.stats import ttest_ind

from engine.before_after.effect import effect_of

BEFORE: Final = date(2031, 3, 3)
AFTER: Final = date(2031, 5, 5)
WEEKDAY, SCATTER, TRAFFIC, ELASTICITY = 0.03, 0.05, 0.04, 1.5


@dataclass(frozen=True, slots=True)
class Case:
    """Working days of each period, effect and shift of traffic (parts), tie of neighbors."""

    days: int
    effect: float
    shift: float
    tie: float


CASES: Final = (
    Case(10, 0.0, 0.0, 0.0),
    Case(20, 0.0, 0.0, 0.0),
    Case(10, 0.0, 0.0, 0.4),
    Case(20, 0.0, 0.0, 0.4),
    Case(40, 0.0, 0.0, 0.4),
    Case(10, 0.0, -0.1, 0.0),
    Case(20, 0.0, -0.1, 0.0),
    Case(10, -0.08, 0.0, 0.0),
    Case(20, -0.08, 0.0, 0.0),
    Case(20, -0.08, 0.0, 0.4),
    Case(20, -0.08, -0.1, 0.0),
)


def rates(case: Case, sets: int, first_seed: int) -> tuple[float, float, float]:
    """Return how often the verdict was clear, the interval held the truth, the t test was clear."""
    days = [
        first + timedelta(days=7 * (k // 5) + k % 5)
        for first in (BEFORE, AFTER)
        for k in range(case.days)
    ]
    late = np.arange(2 * case.days) >= case.days
    kind = np.array([day.weekday() for day in days])
    clear = held = plain = 0
    for seed in range(first_seed, first_seed + sets):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(2 * case.days)
        for k in range(1, 2 * case.days):
            if k != case.days:
                noise[k] = case.tie * noise[k - 1] + np.sqrt(1 - case.tie**2) * noise[k]
        traffic = TRAFFIC * rng.standard_normal(2 * case.days) + case.shift * late
        figure = WEEKDAY * kind + SCATTER * noise + ELASTICITY * traffic + case.effect * late
        found = effect_of(days, figure, late, kind, traffic, seed, draws=799)
        clear += found.low > 0 or found.high < 0
        held += found.low <= case.effect <= found.high
        plain += ttest_ind(figure[late], figure[~late]).pvalue < 0.05
    return clear / sets, held / sets, plain / sets


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--first-seed", type=int, default=101)
    given = parser.parse_args()
    say = sys.stdout.write
    say("days  effect  traffic  tie   clear verdict  interval holds  t test clear\n")
    for case in CASES:
        clear, held, plain = rates(case, given.sets, given.first_seed)
        say(
            f"{case.days:4}  {100 * case.effect:4.0f} %  {100 * case.shift:5.0f} %  {case.tie:3.1f}"
            f"{100 * clear:13.1f} %  {100 * held:12.1f} %  {100 * plain:10.1f} %\n"
        )


if __name__ == "__main__":
    main()
