"""Both checkers on plans drawn by the hundred, and the words they use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.safety.drawn import in_force, lawful_plan, ring_signal, stage_signal
from benchmarks.safety.plans import accepted, judged
from benchmarks.safety.spoilt import SPOILS, Spoil
from network.safety import check
from network.timeline import watch

GOLDEN = Path(__file__).parents[1] / "golden" / "safety_verdicts.json"
DRAWN_OF_A_KIND = 3


def test_no_unlawful_plan_is_accepted_and_no_lawful_one_refused() -> None:
    tally = judged(unlawful=900, lawful=300, seed=7, workers=1)
    past = {kind: count for kind, count in tally.past_both.items() if count and kind != "lawful"}
    assert past == {}
    assert tally.past_both["lawful"] == tally.plans["lawful"] == 300


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_each_violation_is_noticed_by_the_algebra_alone(spoil: Spoil) -> None:
    rng = np.random.default_rng(11)
    seen = 0
    for _ in range(150):
        signal = ring_signal(rng) if rng.random() < 0.5 else stage_signal(rng)
        case = spoil(rng, signal, lawful_plan(rng, signal))
        if case is not None:
            seen += 1
            assert not accepted(check, case[1], case[0])
    assert seen


def verdicts() -> dict[str, list[list[str]]]:
    """What both checkers say of a few cases of every kind."""
    said: dict[str, list[list[str]]] = {}
    for spoil in SPOILS:
        rng = np.random.default_rng(5)
        cases: list[list[str]] = []
        for turn in range(400):
            signal = ring_signal(rng) if turn % 2 else stage_signal(rng)
            plan = lawful_plan(rng, signal)
            if turn % 3 == 0:
                signal = in_force(signal, lawful_plan(rng, signal))
            case = spoil(rng, signal, plan)
            if case is None or spoil.__name__.startswith("no_number"):
                # What a checker trips over has no words of its own.
                continue
            spoilt, wrong = case
            cases.append(
                [v.text for v in check(wrong, spoilt)] + [s.text for s in watch(wrong, spoilt)]
            )
            if len(cases) == DRAWN_OF_A_KIND:
                break
        said[spoil.__name__] = cases
    return said


def test_what_the_checkers_say_is_as_written_down() -> None:
    assert verdicts() == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    # Write the words down anew, to be read before they are committed.
    GOLDEN.write_text(json.dumps(verdicts(), indent=1) + "\n")
