"""The sealed permission to put a plan set on the street.

It names what was approved by digest, so nothing can be exchanged between the desk and the
street, and it has an end.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from network.errors import ApprovalError, ApprovalExpiredError

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PlanRelease:
    """An approved plan set.

    Attributes
    ----------
    plan_digest
        `PlanSet.digest` of what was approved.
    report_digest
        SHA-256 of the validation report that was looked at.
    approved_by
        The person.
    approved_utc, expires_utc
        From when until when it holds, aware times.
    scenario
        The scenario the plans belong to.
    notes
        Policy that was applied, conditions, reasons.
    """

    plan_digest: str
    report_digest: str
    approved_by: str
    approved_utc: datetime
    expires_utc: datetime
    scenario: str
    notes: str = ""

    def __post_init__(self) -> None:
        for name in ("plan_digest", "report_digest"):
            if not _DIGEST.fullmatch(getattr(self, name)):
                raise ApprovalError(f"release: {name} is not a SHA-256 digest")
        if not self.approved_by.strip():
            raise ApprovalError("release: nobody is named as having approved it")
        for name in ("approved_utc", "expires_utc"):
            if getattr(self, name).tzinfo is None:
                raise ApprovalError(f"release: {name} has no time zone")
        if self.expires_utc <= self.approved_utc:
            raise ApprovalError("release: it expires before it was approved")

    @property
    def digest(self) -> str:
        """SHA-256 over the whole permission: it names this approval and no other."""
        content = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def check(self, plan_digest: str, scenario: str, now_utc: datetime) -> None:
        """Refuse anything but the approved plans within the approved time.

        Parameters
        ----------
        plan_digest, scenario
            Of the plan set about to be pushed.
        now_utc
            The present, an aware time.

        Raises
        ------
        ApprovalError
            Other plans or another scenario were approved, or it is not valid yet.
        ApprovalExpiredError
            Its time is over.
        """
        if plan_digest != self.plan_digest:
            raise ApprovalError(
                f"the plans have digest {plan_digest[:12]}, approved was {self.plan_digest[:12]}"
            )
        if scenario != self.scenario:
            raise ApprovalError(f"the plans are for {scenario!r}, approved was {self.scenario!r}")
        if now_utc < self.approved_utc:
            raise ApprovalError(f"the approval begins at {self.approved_utc.isoformat()}")
        if now_utc >= self.expires_utc:
            raise ApprovalExpiredError(
                f"the approval by {self.approved_by} ended at {self.expires_utc.isoformat()}"
            )
