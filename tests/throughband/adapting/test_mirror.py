"""What a controller tells of its phases, turned into stages with times."""

from __future__ import annotations

from controllers.ntcip.phase_status import PhaseReport
from tests.engine.adaptive_views import LEFT, MAIN, SIDE, crossing
from throughband.adapting.mirror import Mirror


def report(on: int, *, green: bool = True, following: int | None = None) -> PhaseReport:
    shown = frozenset({on})
    after = frozenset({on if following is None else following})
    return PhaseReport(shown, shown if green else frozenset(), after, 1, "notFree", False, 0, 0)


def test_green_is_counted_from_the_first_look_that_saw_it() -> None:
    mirror = Mirror(crossing())
    assert mirror.see(10.0, report(1))
    assert (mirror.stage, mirror.green_s, mirror.may_leave) == (MAIN, 0.0, False)
    assert mirror.see(14.0, report(1))
    assert (mirror.green_s, mirror.may_leave) == (4.0, False)
    mirror.see(15.0, report(1))
    assert mirror.may_leave


def test_a_clearance_shows_the_stage_it_leads_to_and_what_is_left_of_it() -> None:
    mirror = Mirror(crossing())
    mirror.see(0.0, report(1))
    mirror.see(10.0, report(1, green=False, following=3))
    assert (mirror.stage, mirror.green_s, mirror.clearing_s) == (SIDE, 0.0, 3.0)
    mirror.see(12.0, report(1, green=False, following=3))
    assert mirror.clearing_s == 1.0
    assert not mirror.may_leave
    mirror.see(13.0, report(3))
    assert (mirror.stage, mirror.clearing_s, mirror.green_s) == (SIDE, 0.0, 0.0)


def test_who_has_no_green_waits_and_the_clearance_counts_as_red() -> None:
    mirror = Mirror(crossing())
    mirror.see(0.0, report(1))
    mirror.see(10.0, report(1))
    assert mirror.waiting_s() == [0.0, 10.0]
    mirror.see(11.0, report(1, green=False, following=2))
    assert mirror.waiting_s() == [1.0, 11.0]
    mirror.see(14.0, report(2))
    # Left turns are served now; those who go straight on from the same lane are not.
    assert mirror.stage == LEFT
    assert mirror.waiting_s() == [4.0, 14.0]


def test_phases_that_are_no_stage_of_ours_are_not_guessed_at() -> None:
    mirror = Mirror(crossing())
    mirror.see(0.0, report(1))
    assert not mirror.see(1.0, report(7))
    assert mirror.stage == MAIN


def test_of_a_controller_that_is_silent_the_plan_is_presumed() -> None:
    mirror = Mirror(crossing())
    mirror.see(0.0, report(1))
    mirror.presume(5.0, SIDE)
    assert (mirror.stage, mirror.green_s) == (SIDE, 0.0)
    mirror.presume(8.0, SIDE)
    assert mirror.green_s == 3.0
