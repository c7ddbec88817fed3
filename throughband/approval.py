"""Who lets a plan onto the street: a person, or a policy that a person chose."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from controllers.release import PlanRelease
from network.errors import ApprovalError
from network.timing import PlanSet
from throughband.results import read_json, write_json

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
    plans: PlanSet,
    report: Mapping[str, Any],
    approved_by: str,
    now_utc: datetime,
    notes: str,
    valid_for: timedelta = VALID_FOR,
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
    valid_for
        How long it holds.

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
        now_utc + valid_for,
        plans.scenario,
        notes,
    )


RELEASE_FORMAT: Final = "throughband release"
RELEASE_VERSION: Final = 1
_TIMES: Final = ("approved_utc", "expires_utc")
_TEXTS: Final = ("plan_digest", "report_digest", "approved_by", "scenario", "notes")


def write_release(path: Path, release: PlanRelease) -> None:
    """Write a release with its digest.

    The digest shows slips, half-copied files and edits by hand. It is not a signature: whoever
    may write the file and knows how it is made can seal another content. What was approved by
    whom is shown by the journal it was recorded in, and by who may write where.

    Raises
    ------
    ApprovalError
        If the file cannot be written, or is there already.
    """
    if path.exists():
        raise ApprovalError(f"{path}: exists already; name a new file")
    try:
        write_json(path, release_document(release))
    except OSError as error:
        raise ApprovalError(f"{path}: cannot be written ({error.strerror})") from error


def release_document(release: PlanRelease) -> dict[str, Any]:
    """Return a release and its digest as plain JSON, as `write_release` writes it."""
    content = {name: getattr(release, name) for name in _TEXTS}
    content |= {name: getattr(release, name).isoformat() for name in _TIMES}
    return {
        "format": RELEASE_FORMAT,
        "version": RELEASE_VERSION,
        "release": content,
        "digest": release.digest,
    }


def read_release(path: Path) -> PlanRelease:
    """Read a release; `PlanRelease.check` must still be asked.

    Raises
    ------
    ApprovalError
        If it is no release, or its content is not what was sealed.
    """
    return release_of(read_json(path), str(path))


def release_of(document: Mapping[str, Any], path: str) -> PlanRelease:
    """Return the release that `release_document` told.

    Parameters
    ----------
    document
        Plain JSON.
    path
        Where it is from, for messages.

    Raises
    ------
    ApprovalError
        If it is no release, or its content is not what was sealed.
    """
    if document.get("format") != RELEASE_FORMAT or document.get("version") != RELEASE_VERSION:
        raise ApprovalError(
            f"{path}: format {document.get('format')!r} version {document.get('version')!r}; "
            f"expected {RELEASE_FORMAT!r} version {RELEASE_VERSION}"
        )
    content = document.get("release")
    expected = {*_TEXTS, *_TIMES}
    if not isinstance(content, dict) or set(content) != expected:
        raise ApprovalError(f"{path}: a release has exactly {', '.join(sorted(expected))}")
    if not all(isinstance(value, str) for value in content.values()):
        raise ApprovalError(f"{path}: every field of a release is a text")
    try:
        times = {name: datetime.fromisoformat(content[name]) for name in _TIMES}
        release = PlanRelease(**{**content, **times})
    except (ValueError, ApprovalError) as error:
        raise ApprovalError(f"{path}: {error}") from error
    if document.get("digest") != release.digest:
        raise ApprovalError(f"{path}: its content is not what was sealed; it was edited or damaged")
    return release


def approved_event(release: PlanRelease) -> dict[str, object]:
    """Return what the journal keeps of an approval."""
    return {
        "event": "approved",
        "utc": release.approved_utc.isoformat(),
        "expires_utc": release.expires_utc.isoformat(),
        "by": release.approved_by,
        "notes": release.notes,
        "plan_digest": release.plan_digest,
        "report_digest": release.report_digest,
    }


def require_usable(release: PlanRelease, events: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a release that is not on record, or that has been on the street, or may have been.

    Only the journal knows whether a release was used, so it must be the one that it was approved
    in. A push that failed and was wholly taken back does not use it up.

    Parameters
    ----------
    release
        What is about to be pushed.
    events
        Of the journal.

    Raises
    ------
    ApprovalError
        It was approved elsewhere, or it was used.
    """
    used: dict[str, str] = {}
    approved = False
    for event in events:
        of_this = event.get("release_digest") == release.digest
        approved = approved or (event.get("event") == "approved" and of_this)
        kind, push_id = event.get("event"), str(event.get("push_id"))
        if kind == "intent" and of_this:
            used[push_id] = str(event.get("utc"))
        undone = (kind == "failed" and event.get("restored")) or (
            kind == "recovered" and event.get("outcome") == "taken back"
        )
        if undone:
            used.pop(push_id, None)
    if not approved:
        raise ApprovalError(
            "the bridge's journal has no record that this release was approved; approve with "
            "--journal naming the one in the bridge's configuration"
        )
    if used:
        raise ApprovalError(
            f"this release was used for the push of {next(iter(used.values()))}; a release is "
            "good for one push, approve again"
        )
