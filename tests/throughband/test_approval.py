"""Approval: the policy says yes to a proven gain only, and a release names what it is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from network.errors import ApprovalError, ApprovalExpiredError
from network.timing import PlanSet, TimingPlan
from throughband.approval import VALID_FOR, approve, policy_objections, report_digest

NOW_UTC = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)


def report(verdict: str = "better", kept_out: float = 0.0) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "baseline": {"arrived": 115.0, "not_inserted": 5.0},
        "difference": {
            "delay_s": {"mean": -3.0, "low": -4.0, "high": -2.0},
            "not_inserted": {"mean": kept_out, "low": kept_out, "high": kept_out},
        },
    }


@pytest.fixture
def plans() -> PlanSet:
    return PlanSet("town", (TimingPlan("X", 60, (1, 2), (30, 30), 5, 1),), {})


def test_the_policy_approves_a_proven_gain() -> None:
    assert policy_objections(report()) == ()


@pytest.mark.parametrize("verdict", ["worse", "no clear difference", "", "Better"])
def test_the_policy_objects_to_every_other_verdict(verdict: str) -> None:
    (objection,) = policy_objections(report(verdict))
    assert repr(verdict) in objection
    assert "-3.0 s" in objection


def test_the_policy_objects_to_more_vehicles_kept_out() -> None:
    (objection,) = policy_objections(report(kept_out=1.3))
    assert "1.3 more vehicles" in objection
    assert policy_objections(report(kept_out=1.2 - 1e-9)) == ()
    assert policy_objections(report(kept_out=-40.0)) == ()


def test_the_policy_lists_every_objection() -> None:
    assert len(policy_objections(report("worse", 9.0))) == 2


def test_a_release_seals_plans_and_report(plans: PlanSet) -> None:
    release = approve(plans, report(), "A. Engineer", NOW_UTC, "looked at it")
    assert release.plan_digest == plans.digest
    assert release.report_digest == report_digest(report())
    assert release.report_digest != report_digest(report(kept_out=0.5))
    assert release.expires_utc - release.approved_utc == VALID_FOR
    release.check(plans.digest, "town", NOW_UTC)


def test_a_release_ends(plans: PlanSet) -> None:
    release = approve(plans, report(), "A. Engineer", NOW_UTC, "")
    with pytest.raises(ApprovalExpiredError):
        release.check(plans.digest, "town", NOW_UTC + VALID_FOR)
    with pytest.raises(ApprovalError, match="begins"):
        release.check(plans.digest, "town", NOW_UTC - timedelta(seconds=1))


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_somebody_must_approve(plans: PlanSet, name: str) -> None:
    with pytest.raises(ApprovalError, match="name"):
        approve(plans, report(), name, NOW_UTC, "")


def test_an_approval_needs_a_time_zone(plans: PlanSet) -> None:
    with pytest.raises(ApprovalError, match="time zone"):
        approve(plans, report(), "A. Engineer", NOW_UTC.replace(tzinfo=None), "")
