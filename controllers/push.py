"""Put an approved plan set on the street, wholly or not at all.

Every device is read and checked before any is written; every device is written and read back
before any is called; whatever fails takes everything back. The rows written are spare ones, so
until the calls go out no running pattern changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from controllers.driver import Change, Connect, Device, Driver, Identity, ObjectValue
from controllers.limits import contradictions
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.receipt import Clock, DeviceReceipt, Journal, PushReceipt
from controllers.release import PlanRelease
from network.errors import (
    ControllerError,
    ReadBackMismatchError,
    RollbackFailedError,
    ThroughbandError,
    UnsafePlanError,
)
from network.phasing import Phasing
from network.timing import PlanSet, TimingPlan

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Work:
    device: Device
    driver: Driver
    identity: Identity
    change: Change


@dataclass(frozen=True, slots=True)
class _Commit:
    read_back: tuple[ObjectValue, ...]
    stored_utc: datetime


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
) -> PushReceipt:
    """Download, verify, read back and activate a plan set.

    Activation is a call and a status read; reaching the offset takes cycles and is watched by
    `controllers.watch.await_pattern`.

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

    Raises
    ------
    ApprovalError, ApprovalExpiredError
        The release does not cover these plans now.
    UnsafePlanError
        A plan contradicts the limits its device reports.
    UnreachableError, RejectedValueError, ReadBackMismatchError
        A device failed; everything written so far was taken back.
    RollbackFailedError
        Taking back failed as well; the message says where.
    """
    started_utc = clock()
    release.check(plans.digest, plans.scenario, started_utc)
    chosen = _match(plans, devices, phasings)
    async with AsyncExitStack() as stack:
        drivers = [await stack.enter_async_context(connect(device)) for _, device in chosen]
        surveys = [
            _survey(plan, phasings[plan.signal_id], device, driver)
            for (plan, device), driver in zip(chosen, drivers, strict=True)
        ]
        works = _all_or_first_error(await _together(surveys))
        head = {
            "plan_digest": plans.digest,
            "report_digest": release.report_digest,
            "approved_by": release.approved_by,
        }
        if dry_run:
            receipts = tuple(_receipt(work, None, None) for work in works)
            return PushReceipt(
                plans.digest, release.approved_by, True, started_utc, clock(), receipts
            )
        journal(_event("intent", clock(), **head, devices=[_described(w) for w in works]))
        try:
            stored = await _commit_all(works, clock)
            activated_utc = await _activate_all(works, clock)
        except ThroughbandError as error:
            journal(_event("failed", clock(), **head, error=str(error), kind=type(error).__name__))
            raise
        receipts = tuple(
            _receipt(work, commit, activated_utc)
            for work, commit in zip(works, stored, strict=True)
        )
        receipt = PushReceipt(
            plans.digest, release.approved_by, False, started_utc, clock(), receipts
        )
        patterns = {work.device.signal_id: work.change.pattern for work in works}
        journal(_event("activated", clock(), **head, patterns=patterns))
        return receipt


def _match(
    plans: PlanSet, devices: Sequence[Device], phasings: Mapping[str, Phasing]
) -> list[tuple[TimingPlan, Device]]:
    by_signal = {device.signal_id: device for device in devices}
    addresses = {(device.host, device.port) for device in devices}
    if len(by_signal) != len(devices) or len(addresses) != len(devices):
        raise ControllerError("the device list names a signal or an address twice")
    for plan in plans.plans:
        if plan.signal_id not in by_signal:
            raise ControllerError(f"no device for signal {plan.signal_id!r}")
        if plan.signal_id not in phasings:
            raise ControllerError(f"no phasing for signal {plan.signal_id!r}")
    if not plans.plans:
        raise ControllerError("the plan set holds no plan")
    return [(plan, by_signal[plan.signal_id]) for plan in plans.plans]


async def _survey(plan: TimingPlan, phasing: Phasing, device: Device, driver: Driver) -> _Work:
    identity = await driver.identify()
    found = contradictions(plan, phasing, identity)
    if found:
        raise UnsafePlanError(tuple(f"signal {plan.signal_id!r}: {text}" for text in found))
    return _Work(device, driver, identity, await driver.prepare(plan, identity))


async def _commit_all(works: Sequence[_Work], clock: Clock) -> list[_Commit]:
    outcomes = await _together([_commit(work, clock) for work in works])
    failures = [o for o in outcomes if isinstance(o, ThroughbandError)]
    if failures:
        done = [
            work
            for work, outcome in zip(works, outcomes, strict=True)
            if not isinstance(outcome, ThroughbandError)
        ]
        failed = [work for work in works if work not in done]
        raise await _taken_back(done, failed, failures[0])
    return _all_or_first_error(outcomes)


async def _commit(work: _Work, clock: Clock) -> _Commit:
    return _Commit(await work.driver.commit(work.change), clock())


async def _activate_all(works: Sequence[_Work], clock: Clock) -> datetime:
    outcomes = await _together([_activate(work) for work in works])
    failures = [o for o in outcomes if isinstance(o, ThroughbandError)]
    if not failures:
        return clock()
    cause = failures[0]
    calls = [work.driver.activate(work.identity.called_pattern) for work in works]
    recalls = await _together(calls)
    # A call that went unanswered may have arrived: what cannot be recalled is in doubt.
    lost = [w for w, o in zip(works, recalls, strict=True) if isinstance(o, ThroughbandError)]
    doubt = ""
    if lost:
        where = ", ".join(f"{w.device.signal_id!r} at {w.device.address}" for w in lost)
        doubt = (
            f"{where} may have been called and cannot be recalled; it falls back by itself when "
            "its backup time ends"
        )
    raise await _taken_back([work for work in works if work not in lost], lost, cause, doubt)


async def _activate(work: _Work) -> None:
    pattern = work.change.pattern
    await work.driver.activate(pattern)
    status = await work.driver.status()
    if status.called_pattern != pattern:
        raise ReadBackMismatchError(
            f"signal {work.device.signal_id!r} at {work.device.address}: pattern {pattern} was "
            f"called, the device says {status.called_pattern}"
        )


async def _taken_back(
    done: Sequence[_Work], failed: Sequence[_Work], cause: ThroughbandError, doubt: str = ""
) -> ThroughbandError:
    """Write the old values back and return the error to raise.

    A device that failed may have stored the new values or not; restoring is tried there too, but
    only its spare row is concerned, so just a device that worked before and now does not makes
    this a failed rollback, as does a call in doubt.
    """
    works = (*done, *failed)
    outcomes = await _together([work.driver.commit(work.change.undone()) for work in works])
    for work, outcome in zip(works, outcomes, strict=True):
        if isinstance(outcome, ThroughbandError):
            _log.warning("row %d not restored: %s", work.change.pattern, outcome)
    stuck = [str(outcome) for outcome in outcomes[: len(done)] if isinstance(outcome, Exception)]
    problems = [f"restoring failed: {text}" for text in stuck] + ([doubt] if doubt else [])
    if problems:
        rollback = RollbackFailedError("; ".join([str(cause), *problems]))
        rollback.__cause__ = cause
        return rollback
    return cause


async def _together(steps: Sequence[Awaitable[_T]]) -> list[_T | ThroughbandError]:
    """Run steps side by side to their end, keeping errors of ours as values.

    None is canceled for another's failure: a transaction cut off in the middle helps nobody.
    """
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    kept: list[_T | ThroughbandError] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, ThroughbandError):
            raise outcome
        kept.append(outcome)
    return kept


def _all_or_first_error(outcomes: Sequence[_T | ThroughbandError]) -> list[_T]:
    results: list[_T] = []
    for outcome in outcomes:
        if isinstance(outcome, ThroughbandError):
            raise outcome
        results.append(outcome)
    return results


def _receipt(work: _Work, commit: _Commit | None, activated_utc: datetime | None) -> DeviceReceipt:
    return DeviceReceipt(
        signal_id=work.device.signal_id,
        address=work.device.address,
        pattern=work.change.pattern,
        split=work.change.split,
        old=work.change.old,
        new=work.change.new,
        read_back=commit.read_back if commit else (),
        called_before=work.identity.called_pattern,
        set_id_before=work.identity.set_id,
        backup_time_s=work.identity.backup_time_s,
        stored_utc=commit.stored_utc if commit else None,
        activated_utc=activated_utc,
    )


def _described(work: _Work) -> dict[str, object]:
    return {
        "signal_id": work.device.signal_id,
        "address": work.device.address,
        "pattern": work.change.pattern,
        "split": work.change.split,
        "called_before": work.identity.called_pattern,
        "set_id_before": work.identity.set_id,
        "changes": [[str(before), str(after)] for before, after in work.change.difference],
    }


def _event(what: str, utc: datetime, **details: object) -> dict[str, object]:
    return {"event": what, "utc": utc.isoformat(), **details}
