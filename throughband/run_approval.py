"""The approval of a run: a person at the terminal, or the policy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from controllers.release import PlanRelease
from network.timing import PlanSet
from throughband.approval import POLICY_NAME, approve, approved_event, policy_objections
from throughband.journal import Journal
from throughband.results import now_utc
from throughband.teller import Teller, answer
from throughband.validate_command import tell_verdict


class RunApproval:
    """Asks a person, or applies the policy, and records the answer either way."""

    def __init__(self, teller: Teller, journal: Journal, by_policy: bool, name: str) -> None:
        self._teller = teller
        self._journal = journal
        self._by_policy = by_policy
        self._name = name

    def __call__(self, plans: PlanSet, report: Mapping[str, Any]) -> PlanRelease | None:
        tell_verdict(report, self._teller)
        if self._by_policy:
            objections = policy_objections(report)
            if objections:
                return self._refused(POLICY_NAME, "; ".join(objections))
            return self._approved(
                plans, report, POLICY_NAME, "approved by policy, nobody was asked"
            )
        if not sys.stdin.isatty():
            return self._refused(
                "nobody",
                "there is no terminal to ask a person at; approve and push later with "
                "'throughband push', or run with --approve-by-policy",
            )
        said = answer("      Put this plan on the street? Type 'approve' to do so: ")
        if said.lower() != "approve":
            return self._refused(self._name or "a person", "not approved at the terminal")
        name = self._name.strip() or answer("      Your name for the record: ")
        if not name:
            return self._refused("a person", "no name was given for the record")
        return self._approved(plans, report, name, "approved at the terminal")

    def _approved(
        self, plans: PlanSet, report: Mapping[str, Any], name: str, notes: str
    ) -> PlanRelease:
        release = approve(plans, report, name, now_utc(), notes)
        self._journal.write(approved_event(release))
        self._teller.say(f"Approved by {name}")
        return release

    def _refused(self, name: str, why: str) -> PlanRelease | None:
        self._journal.write(
            {"event": "not approved", "utc": now_utc().isoformat(), "by": name, "notes": why}
        )
        self._teller.say(f"Not approved, nothing is pushed: {why}")
        return None
