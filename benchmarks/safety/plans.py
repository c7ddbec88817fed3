"""Count what two safety checkers let past: lawful plans refused, unlawful ones accepted.

Run ``python -m benchmarks.safety.plans``; the limits it prints beside are 0 and 0.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.safety.drawn import in_force, lawful_plan, ring_signal, stage_signal
from benchmarks.safety.spoilt import SPOILS
from network.graph import Signal
from network.safety import FAILURES, check
from network.timeline import watch
from network.timing import TimingPlan

PLANS_OF_A_SIGNAL = 5
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Tally:
    """What one batch brought, by violation: plans, and those each checker accepted."""

    plans: Counter[str]
    past_algebra: Counter[str]
    past_timeline: Counter[str]
    past_both: Counter[str]


def accepted(judge: Callable[[TimingPlan, Signal], object], plan: TimingPlan, on: Signal) -> bool:
    """Tell whether a checker accepts; one that stumbles has not."""
    try:
        return not judge(plan, on)
    except FAILURES:
        return False


def batch(seed: int, unlawful: int, lawful: int) -> Tally:
    """Judge some plans.

    Parameters
    ----------
    seed
        Equal seeds judge equal plans.
    unlawful, lawful
        How many of each.
    """
    rng = np.random.default_rng(seed)
    tally = Tally(Counter(), Counter(), Counter(), Counter())
    while tally.plans["lawful"] < lawful or tally.plans.total() < unlawful + lawful:
        signal = ring_signal(rng) if rng.random() < 0.5 else stage_signal(rng)
        if rng.random() < 0.5:
            signal = in_force(signal, lawful_plan(rng, signal))
        for _ in range(PLANS_OF_A_SIGNAL):
            plan = lawful_plan(rng, signal)
            if tally.plans["lawful"] < lawful:
                _count(tally, "lawful", signal, plan)
            if tally.plans.total() - tally.plans["lawful"] < unlawful:
                spoil = SPOILS[int(rng.integers(len(SPOILS)))]
                case = spoil(rng, signal, plan)
                if case is not None:
                    _count(tally, spoil.__name__, *case)
    return tally


def _count(tally: Tally, kind: str, signal: Signal, plan: TimingPlan) -> None:
    algebra, eyes = accepted(check, plan, signal), accepted(watch, plan, signal)
    tally.plans[kind] += 1
    tally.past_algebra[kind] += algebra
    tally.past_timeline[kind] += eyes
    tally.past_both[kind] += algebra and eyes


def judged(unlawful: int, lawful: int, seed: int, workers: int) -> Tally:
    """Judge many plans over some processes; the result does not depend on how many."""
    parts = max(1, (unlawful + lawful) // CHUNK)
    shares = [
        (seed * 1_000_003 + part, _share(unlawful, parts, part), _share(lawful, parts, part))
        for part in range(parts)
    ]
    total = Tally(Counter(), Counter(), Counter(), Counter())
    with ProcessPoolExecutor(workers) as pool:
        for tally in pool.map(batch, *zip(*shares, strict=True)):
            total.plans.update(tally.plans)
            total.past_algebra.update(tally.past_algebra)
            total.past_timeline.update(tally.past_timeline)
            total.past_both.update(tally.past_both)
    return total


def _share(count: int, parts: int, part: int) -> int:
    return count // parts + (part < count % parts)


def main() -> int:
    """Print the table; the exit code tells whether both figures are 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unlawful", type=int, default=300_000)
    parser.add_argument("--lawful", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--workers", type=int, default=2)
    wish = parser.parse_args()
    tally = judged(wish.unlawful, wish.lawful, wish.seed, wish.workers)
    table = Table("plans", "judged", "past the algebra", "past the timeline", "past both")
    for kind in sorted(tally.plans):
        table.add_row(
            kind.replace("_", " "),
            f"{tally.plans[kind]:,}",
            f"{tally.past_algebra[kind]:,}",
            f"{tally.past_timeline[kind]:,}",
            f"{tally.past_both[kind]:,}",
        )
    Console().print(table)
    past = sum(count for kind, count in tally.past_both.items() if kind != "lawful")
    refused = tally.plans["lawful"] - tally.past_both["lawful"]
    Console().print(f"unlawful accepted: {past} (limit 0); lawful refused: {refused} (limit 0)")
    return int(bool(past or refused))


if __name__ == "__main__":
    raise SystemExit(main())
