"""Put an approved plan set on the street, wholly or not at all.

Every device is read and checked before any is written; every device is written and read back
before any is called; whatever fails takes everything back. The rows written are spare ones, so
until the calls go out no running pattern changes. They are held by a transaction while they are
called, so that no other bridge can slip other rows under a call. The intent, with the old and new
values, is recorded before the first SET, each stage after it; a stage that cannot be recorded is
taken back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from controllers.driver import Connect, Device
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.push_stages import Stages
from controllers.push_terms import PushTerms
from controllers.push_work import matched, receipt_of, surveyed
from controllers.receipt import Clock, Journal, PushReceipt, event
from controllers.release import PlanRelease
from controllers.rollback import take_back
from controllers.together import all_or_first_error, at_device, together
from network.errors import ControllerError, ThroughbandError
from network.phasing import Phasing
from network.timing import PlanSet

_log = logging.getLogger(__name__)


async def push(
    plans: PlanSet,
    release: PlanRelease,
    devices: Sequence[Device],
    phasings: Mapping[str, Phasing],
    *,
    clock: Clock,
    journal: Journal,
    connect: Connect = connect_ntcip,
    dry_run: bool = False,
    terms: PushTerms | None = None,
) -> PushReceipt:
    """Download, verify, read back and activate a plan set.

    Activation is a call, a status read and one more read-back; reaching the offset takes cycles
    and is watched by `controllers.watch.await_pattern` or `controllers.service`.

    Parameters
    ----------
    plans
        The plans; each needs a device.
    release
        The approval of exactly these plans.
    devices
        The device list; devices without a plan are left alone.
    phasings
        By signal, the phases the plans were made for; the devices must agree with them.
    clock, journal
        The present, and the keeper of intent and outcome.
    connect
        How to reach a device.
    dry_run
        Read everything, work out the change, write nothing.
    terms
        Named time, bounds and the kill switch; the defaults of `PushTerms`.

    Raises
    ------
    ApprovalError, ApprovalExpiredError
        The release does not cover these plans now, or at the named time.
    UnsafePlanError
        A plan contradicts the limits its device reports, or moves too far.
    UnreachableError, RejectedValueError, ReadBackMismatchError
        A device failed; everything written so far was taken back.
    RollbackFailedError
        Taking back failed as well; the message says where.
    ControllerError
        Somebody else calls a pattern, the push was stopped, or the calls took too long.
    """
    terms = terms or PushTerms()
    started_utc = clock()
    release.check(plans.digest, plans.scenario, started_utc)
    if terms.at_utc is not None:
        if terms.at_utc <= started_utc:
            raise ControllerError(f"the named time {terms.at_utc.isoformat()} has passed")
        release.check(plans.digest, plans.scenario, terms.at_utc)
    chosen = matched(plans, devices, phasings)
    surveys = [
        partial(
            at_device,
            device,
            connect,
            partial(surveyed, plan, phasings[plan.signal_id], device, terms),
        )
        for plan, device in chosen
    ]
    works = all_or_first_error(await together(surveys, terms.most_at_once))
    push_id = f"{started_utc.isoformat()} {plans.digest[:12]}"
    head: dict[str, object] = {
        "push_id": push_id,
        "plan_digest": plans.digest,
        "report_digest": release.report_digest,
        "release_digest": release.digest,
        "approved_by": release.approved_by,
    }
    if terms.ordered_by:
        head["ordered_by"] = terms.ordered_by
    stages = Stages(works, head, terms, clock, journal, connect)
    progress = stages.progress
    if not dry_run:
        entries = [work.described() for work in works]
        journal(event("intent", clock(), **head, devices=entries))
        try:
            await stages.carry_out()
        except (ThroughbandError, OSError) as error:
            outcome, restored = await take_back(
                [work.undoing(progress.permanent.get(work.device.signal_id)) for work in works],
                progress.stored,
                error,
                called=progress.called,
                connect=connect,
                pause=terms.pause,
                most_at_once=terms.most_at_once,
            )
            raise _recorded(outcome, restored, head, clock, journal) from outcome.__cause__
    return PushReceipt(
        plans.digest,
        release.approved_by,
        dry_run,
        started_utc,
        clock(),
        tuple(receipt_of(work, progress) for work in works),
        push_id,
    )


def _recorded(
    outcome: Exception,
    restored: bool,
    head: Mapping[str, object],
    clock: Clock,
    journal: Journal,
) -> Exception:
    """Record a failure and return the error to raise."""
    kind = type(outcome).__name__
    try:
        journal(event("failed", clock(), **head, error=str(outcome), kind=kind, restored=restored))
    except (ThroughbandError, OSError) as unrecorded:
        # The intent stays open in the journal, so that recovery will look again.
        _log.warning("the outcome could not be recorded: %s", unrecorded)
    return outcome
