"""How benchmarks end: every limit that is missed is named, and the exit code says so."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bridge import closed_loop
from benchmarks.forecast import arrivals, in_loop, incidents, speed, turning
from benchmarks.speed import profiles
from benchmarks.suite.suite_file import known_suites, load_suite
from benchmarks.verdict import MET, exit_code, verdict, verdict_in

MISSED, OPEN = ["delay 1.2 (limit 1.1)"], ["reports, too few hours"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("missed", "unshown", "line", "code"),
    [
        ([], [], MET, 0),
        (MISSED, [], "limits missed: delay 1.2 (limit 1.1)", 1),
        ([], OPEN, "not shown to be met: reports, too few hours", 2),
        (
            MISSED,
            OPEN,
            "limits missed: delay 1.2 (limit 1.1). not shown to be met: reports, too few hours",
            1,
        ),
    ],
)
def test_a_verdict_names_what_is_missed_and_what_is_not_shown(
    missed: Sequence[str], unshown: Sequence[str], line: str, code: int
) -> None:
    assert verdict(missed, unshown) == line
    assert exit_code(missed, unshown) == code
    assert verdict_in(f"a table\n{line}\n\n") == line


@pytest.mark.parametrize("printed", ["", "a table\n", f"{MET}\nbut then it broke off\n"])
def test_who_breaks_off_came_to_no_verdict(printed: str) -> None:
    assert verdict_in(printed) == ""


def test_every_command_of_the_suites_ends_with_a_verdict() -> None:
    modules = {c.module for name in known_suites() for s in load_suite(name) for c in s.commands}
    assert modules
    for module in modules:
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert {"verdict", "exit_code"} <= called, module


def test_turning_shares_off_or_flows_off_are_named() -> None:
    assert turning.missed({0.015: (2.9, 0.99)}) == []
    assert turning.missed({0.015: (3.1, 0.988)}) == [
        "swing of 1.5 points: 3.10 points off (limit 3)",
        "swing of 1.5 points: GEH below 5 in 98.80% (limit 99%)",
    ]


def test_a_street_whose_platoons_are_off_is_named() -> None:
    good = arrivals.Score(9, 0.5, 2.2, 14.0, 1.7, 0.0)
    assert arrivals.missed({"a": good}) == []
    assert arrivals.missed({"a": replace(good, green=3.2), "b": None}) == [
        "a: 3.2 points off (limit 3)",
        "b: no approach is fed by signals, nothing to judge",
    ]


TOLD = incidents.Told("n", 8, 11, 0, 300.0, 420.0, 0.0, 100.0, 100.0, 1.0)


def test_a_queue_told_late_or_never_is_missed_and_one_that_reached_no_loop_is_not() -> None:
    quiet = incidents.Quiet(0, 600.0)
    never = replace(TOLD, told_s=float("nan"))
    assert incidents.judged([TOLD, replace(never, reached_s=float("nan"))], quiet) == ([], [])
    missed, unshown = incidents.judged([TOLD, replace(TOLD, told_s=481.0), never], quiet)
    assert missed == ["2 of 3 queues told later than 180 s or never (limit 0)"]
    assert unshown == []


def test_few_quiet_hours_show_no_rate_of_false_reports() -> None:
    missed, unshown = incidents.judged([TOLD], incidents.Quiet(0, 96.0))
    assert missed == []
    assert unshown == ["false reports a week, 5.24 at most with 95 % confidence (limit 1)"]
    missed, unshown = incidents.judged([TOLD], incidents.Quiet(2, 96.0))
    assert missed == ["3.50 false reports a week (limit 1)"]
    assert unshown == []


def test_plans_from_the_forecast_may_cost_three_percent() -> None:
    assert in_loop.missed(1.03) == []
    assert in_loop.missed(1.031) == ["1.031 of the delay with true flows (limit 1.03)"]


def test_slow_steps_and_fits_are_named() -> None:
    assert speed.missed({170: 30.0, 1000: 999.0}, 5.0) == []
    assert speed.missed({170: 31.0}, 5.2) == [
        "live step of 170 detectors: 31.0 us (limit 30 us)",
        "fit of a year: 5.20 s (limit 5 s)",
    ]


def test_slow_kernels_are_named() -> None:
    assert profiles.missed({"batch": 100_000.0, "scalar": 29_000.0}) == [
        "scalar: 29,000 plans/s (limit 30,000)"
    ]


PAIR = closed_loop.Pair(101, 40.0, 40.4, 50.0, 8, 8, 1.0)


def test_a_pushed_plan_that_is_worth_something_else_is_named() -> None:
    other = replace(PAIR, seed=102, direct_s=41.4, bridged_s=41.0)
    assert closed_loop.judged([PAIR, other]) == ([], [])
    far = replace(PAIR, bridged_s=43.0, in_step=7)
    assert closed_loop.judged([far, other])[0] == [
        "seed 101: 7 of 8 signals in step (limit all)",
        "mean difference +1.10 s (limit 0.71 s)",
    ]


def test_one_seed_of_the_closed_loop_shows_no_scatter() -> None:
    missed, unshown = closed_loop.judged([PAIR])
    assert (missed, exit_code(missed, unshown)) == ([], 2)
