from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.device_profile import DeviceProfile, Overlap, Preempt
from controllers.driver import Identity
from controllers.limits import contradictions, remarks, warnings
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from tests.controllers.strategies import phasings, plans
from tests.controllers.test_codec import identity_of

WALKING = Phasing(
    (
        Phase(1, "Gr", 5, 30, 20, walk_s=7, ped_clear_s=10),
        Phase(2, "rG", 5, 30, 20),
    ),
    {},
)
SHORT = TimingPlan("s", 60, (1, 2), (20, 40), 0, 2)
"""Phase 1 has green for its minimum but not to walk: 17 s and 5 s of clearance make 22 s."""


def profile_of(identity: Identity, **changes: object) -> DeviceProfile:
    profile = DeviceProfile(
        standards=identity.standards,
        modules=(),
        edition=identity.edition,
        verify_numbers="v03",
        vendor_profile="standard",
        pattern_table="patterns",
        sync_point="firstPhaseGreenBegin",
        correction="shortway",
        maximum_mode="maxInhibit",
        sync_minute=0,
        backup_time_s=identity.backup_time_s,
        user_backup_time_s=0,
        backup_renewed=True,
        time_zone_s=0,
        daylight_saving="disableDST",
        max_patterns=16,
        max_splits=16,
        max_sequences=16,
        max_rings=1,
        max_phases=4,
        max_actions=8,
        max_detectors=4,
        phases=identity.phases,
        overlaps=(),
        preempts=(),
        elsewhere=(),
        set_id=identity.set_id,
    )
    return replace(profile, **changes)  # type: ignore[arg-type]


def identity_with(**changes: object) -> Identity:
    identity = identity_of(WALKING)
    return replace(identity, profile=profile_of(identity, **changes), clock_error_s=(-0.5, 0.5))


@given(st.data())
def test_a_plan_lawful_for_its_phasing_contradicts_no_device_that_has_it(
    data: st.DataObject,
) -> None:
    phasing = data.draw(phasings())
    plan = data.draw(plans(phasing))
    identity = identity_of(phasing)
    whole = replace(identity, profile=profile_of(identity))
    assert contradictions(plan, phasing, whole) == ()


def test_every_split_must_hold_the_walk_where_policy_says_so() -> None:
    [found] = contradictions(SHORT, WALKING, identity_with())
    assert found == "split 20 s of phase 1 is below the device's least, 22.0 s"
    assert contradictions(SHORT, WALKING, identity_with(), walk_must_fit=False) == ()


@pytest.mark.parametrize("flag", ["pedestrian_recall", "non_actuated"])
def test_a_walk_that_comes_unasked_must_fit_under_every_policy(flag: str) -> None:
    identity = identity_with()
    first, second = identity.phases
    asked = replace(identity, phases=(replace(first, **{flag: True}), second))  # type: ignore[arg-type]
    assert len(contradictions(SHORT, WALKING, asked, walk_must_fit=False)) == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sync_minute": 180}, "cycles count from that minute of the day"),
        ({"sync_minute": 65535}, "from the time of each action"),
        ({"backup_renewed": False, "user_backup_time_s": 90}, "calling a pattern does not renew"),
        ({"pattern_table": "other"}, "patternTableType is other"),
    ],
)
def test_a_setup_in_which_the_plan_would_mean_something_else_is_refused(
    changes: dict[str, object], text: str
) -> None:
    plan = replace(SHORT, splits_s=(22, 38))
    [found] = contradictions(plan, WALKING, identity_with(**changes))
    assert text in found


def test_a_split_longer_than_a_row_can_hold_is_refused() -> None:
    plan = TimingPlan("s", 282, (1, 2), (22, 260), 0, 2)
    found = contradictions(plan, WALKING, identity_with())
    assert "split 260 s of phase 2 is above 255 s" in found


@pytest.mark.parametrize(("cycle_s", "jump_s"), [(110, 50), (114, 102), (116, 96)])
def test_the_jump_at_midnight_is_told_in_seconds(cycle_s: int, jump_s: int) -> None:
    plan = TimingPlan("s", cycle_s, (1, 2), (30, cycle_s - 30), 0, 2)
    [found] = warnings(plan, identity_with())
    assert found.startswith(f"a cycle of {cycle_s} s does not divide the day")
    assert f"jumps by {jump_s} s" in found


def test_a_cycle_that_divides_the_day_has_no_warning() -> None:
    assert warnings(replace(SHORT, splits_s=(22, 38)), identity_with()) == ()


@pytest.mark.parametrize(
    ("changes", "plan", "text"),
    [
        ({}, SHORT, "too short to walk"),
        ({}, TimingPlan("s", 24, (2,), (24,), 0, 2), "below 30 s, the least that NEMA TS 2"),
        (
            {"overlaps": (Overlap(1, "normal", (1, 2), ()),)},
            TimingPlan("s", 60, (2,), (60,), 0, 2),
            "overlap 1 follows phases [1, 2], of which the plan leaves out [1]",
        ),
        (
            {"preempts": (Preempt(3, (), (2,)),)},
            TimingPlan("s", 60, (1, 2), (25, 35), 0, 2),
            "preempts [3] take the signal out of coordination",
        ),
        (
            {"correction": "other"},
            TimingPlan("s", 60, (1, 2), (25, 35), 0, 2),
            "not told by coordCorrectionMode",
        ),
    ],
)
def test_what_a_person_should_know_is_told(
    changes: dict[str, object], plan: TimingPlan, text: str
) -> None:
    [found] = warnings(plan, identity_with(**changes))
    assert text in found


def test_a_maximum_green_that_ends_a_phase_early_is_told() -> None:
    identity = identity_with(maximum_mode="maximum1")
    limited = tuple(replace(phase, maximum_s=20) for phase in identity.phases)
    plan = TimingPlan("s", 60, (1, 2), (30, 30), 0, 2)
    [found] = warnings(plan, replace(identity, phases=limited))
    assert "phase 1 is green for 25.0 s in the plan; the device ends it after its maximum" in found


def test_a_clock_that_nobody_looked_at_is_told() -> None:
    identity = replace(identity_with(), clock_error_s=None)
    assert warnings(replace(SHORT, splits_s=(22, 38)), identity) == (
        "the device's clock was not compared with ours",
    )


def test_what_no_plan_can_mend_is_told_of_the_device_alone() -> None:
    assert remarks(identity_with()) == ()
    preempts = (Preempt(3, (), (2,)),)
    bad = replace(identity_with(sync_minute=65_535, preempts=preempts), backup_time_s=0)
    backup, sync, preempt = remarks(bad)
    assert "unitBackupTime is 0" in backup
    assert "timebaseAscPatternSync is 65535" in sync
    assert "preempts [3]" in preempt
