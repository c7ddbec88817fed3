"""How the limits of decision times are judged: by the clock, and beside it by the processor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.speed.adaptive import Timing, kept, missed, verdicts

QUICK = Timing(1, 0.0, 0.0006, 0.005, 0.0006, 0.001)
TOWN = Timing(1000, 0.3, 0.4, 0.9, 0.2, 0.6)


def test_all_limits_can_be_met() -> None:
    assert verdicts([QUICK, TOWN]) == [
        "By the clock: all limits met.",
        "By the processor: all limits met.",
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (replace(QUICK, median_s=0.0012), "1 signal: median 1.20 ms (limit 1 ms)"),
        (replace(QUICK, worst_s=0.0219), "1 signal: worst 21.9 ms (limit 20 ms)"),
        (replace(TOWN, worst_s=3.7), "1,000 signals: worst 3.70 s (limit 1 s)"),
    ],
)
def test_a_limit_that_only_the_clock_misses_is_missed(row: Timing, told: str) -> None:
    assert missed([row], processor=False) == [told]
    assert missed([row], processor=True) == []


def test_the_page_says_what_is_missed() -> None:
    text = kept("x", [QUICK, replace(TOWN, worst_s=3.7)])
    assert "- By the clock: limits missed; 1,000 signals: worst 3.70 s (limit 1 s)." in text
    assert "- By the processor: all limits met." in text
