"""When a controller is left alone, when nothing may be held there, and what has to be sent."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from controllers.ntcip.phase_control import PhaseControl, Wire
from controllers.ntcip.phase_status import PhaseEye, PhaseReport
from engine.adaptive.coordinated import PhaseControls
from network.graph import Signal
from tests.engine.adaptive_views import crossing
from throughband.adapting.judging import Judge
from throughband.adapting.link import LONGEST_HOLD_S, Asked, Link

ONE, TWO = frozenset({1}), frozenset({2})
STEADY = PhaseReport(ONE, ONE, ONE, 1, "notFree", False, 0, 0)


class _Named:
    signal_id = "s"


def link(backup_s: int = 30) -> Link:
    """A link that is only asked what it would do."""
    control = PhaseControl(cast(Wire, None), "s", frozenset({1, 2, 3}), backup_s)
    made = Link(
        cast(Signal, _Named()), crossing(), cast(PhaseEye, None), control, cast(Judge, None), fits
    )
    made.report, made.known, made.pattern = STEADY, True, 1
    return made


async def fits(_: int) -> str:
    """Take every pattern for the plan in force."""
    return ""


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (None, "no answer"),
        (replace(STEADY, free_reason="transitionFree"), "runs free"),
        (replace(STEADY, pattern=2), "pattern 2 has not been read yet"),
        (replace(STEADY, called_pattern=1), "somebody calls pattern 1 there"),
        (replace(STEADY, called_pattern=254, free_reason="commandFree"), "calls pattern 254"),
        (replace(STEADY, in_transition=True), "on its way to its offset"),
    ],
)
def test_whoever_does_not_run_the_plan_in_step_is_left_alone(
    report: PhaseReport | None, why: str
) -> None:
    found = link()
    found.report = report
    assert why in found.left_alone
    assert found.due(0.0, PhaseControls(force_off=ONE)) is None


def test_phases_that_are_no_stage_are_left_alone() -> None:
    found = link()
    found.known = False
    assert "serves phases [1]" in found.left_alone


def test_nothing_is_sent_where_nothing_is_wanted_or_it_stands_already() -> None:
    found = link()
    assert found.due(0.0, PhaseControls()) is None
    found.asked = Asked(force_off=ONE)
    assert found.due(1.0, PhaseControls(force_off=ONE)) is None


def test_a_hold_is_repeated_three_times_within_the_backup_time() -> None:
    found = link(backup_s=30)
    found.asked = Asked(hold=ONE, at_s=100.0)
    assert found.due(109.0, PhaseControls(hold=ONE)) is None
    assert found.due(110.0, PhaseControls(hold=ONE)) == Asked(ONE, frozenset(), 110.0)


def test_a_hold_is_ended_by_a_force_off() -> None:
    found = link()
    found.asked = Asked(hold=ONE)
    assert found.due(1.0, PhaseControls()) == Asked(frozenset(), ONE, 1.0)


def test_a_force_off_that_was_obeyed_is_over() -> None:
    found = link()
    found.asked = Asked(force_off=ONE)
    found.report = replace(STEADY, on=TWO, green=TWO)
    assert found.due(1.0, PhaseControls()) is None


def test_no_hold_of_ours_stands_at_a_controller_that_left_its_plan() -> None:
    found = link()
    found.asked = Asked(hold=ONE)
    found.report = replace(STEADY, in_transition=True)
    assert found.due(1.0, PhaseControls(hold=ONE)) == Asked(at_s=1.0)


def test_nothing_is_held_where_the_backup_time_is_long() -> None:
    found = link(backup_s=LONGEST_HOLD_S + 1)
    assert "unitBackupTime is" in found.holds
    assert found.due(0.0, PhaseControls(hold=ONE)) is None
    assert found.due(0.0, PhaseControls(force_off=ONE)) == Asked(frozenset(), ONE, 0.0)
    assert link(backup_s=LONGEST_HOLD_S).holds == ""


def test_a_force_off_is_forgotten_once_its_green_was_seen_to_end() -> None:
    found = link()
    found.asked = Asked(force_off=ONE)
    found.see(1.0, replace(STEADY, on=TWO, green=TWO))
    found.see(2.0, STEADY)
    assert found.asked.force_off == frozenset()
