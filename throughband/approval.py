"""Who lets a plan onto the street: a person, or a policy that a person chose."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from controllers.release import PlanRelease
from network.errors import ApprovalError
from network.timing import PlanSet

VALID_FOR = timedelta(hours=12)
POLICY_NAME = "policy 'delay proven lower'"
KEPT_OUT_SHARE = 0.01
"""Part of the vehicles that may be kept outside beyond today's, before the policy objects; the
delay they suffer there counts in any case."""


def report_digest(report: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a validation report."""
    return hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest()


def policy_objections(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Return why the policy would not approve; empty when it would.

    The policy asks for a lower delay beyond the noise of the seeds, and for no more vehicles
    kept out of the network.

    Parameters
    ----------
    report
        `ValidationReport.to_dict()`.
    """
    objections: list[str] = []
    if report["verdict"] != "better":
        delay = report["difference"]["delay_s"]
        objections.append(
            f"the verdict is {report['verdict']!r}: delay changes by {delay['mean']:+.1f} s "
            f"(95 % interval {delay['low']:+.1f} to {delay['high']:+.1f} s)"
        )
    kept_out = report["difference"]["not_inserted"]["low"]
    allowed = KEPT_OUT_SHARE * (report["baseline"]["arrived"] + report["baseline"]["not_inserted"])
    if kept_out > allowed:
        objections.append(
            f"at least {kept_out:.1f} more vehicles per run do not get into the network, "
            f"{allowed:.1f} are allowed"
        )
    return tuple(objections)


def approve(
    plans: PlanSet, report: Mapping[str, Any], approved_by: str, now_utc: datetime, notes: str
) -> PlanRelease:
    """Seal an approval of exactly these plans on the strength of exactly this report.

    Parameters
    ----------
    plans, report
        What is approved, and the evidence.
    approved_by
        The person, or the policy's name.
    now_utc
        The present, aware.
    notes
        Reasons and conditions.

    Raises
    ------
    ApprovalError
        If nobody is named.
    """
    if not approved_by.strip():
        raise ApprovalError("an approval needs the name of who approves")
    return PlanRelease(
        plans.digest,
        report_digest(report),
        approved_by,
        now_utc,
        now_utc + VALID_FOR,
        plans.scenario,
        notes,
    )
