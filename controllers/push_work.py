"""What a push has to do at each device, worked out by reading alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from controllers.acquaintance import changes, told
from controllers.device_profile import Concern
from controllers.driver import Change, Device, Driver, Identity, ObjectValue
from controllers.limits import contradictions, warnings
from controllers.push_terms import PushTerms
from controllers.receipt import DeviceReceipt
from controllers.rollback import Undoing
from controllers.rows import described, fingerprint
from controllers.steps import too_far
from network.errors import ControllerError, UnsafePlanError
from network.phasing import Phasing
from network.timing import PlanSet, TimingPlan


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done at one device.

    Attributes
    ----------
    device, identity
        Where, and who it is.
    change
        The rows.
    warnings
        What a person should know.
    """

    device: Device
    identity: Identity
    change: Change
    warnings: tuple[str, ...]

    @property
    def where(self) -> str:
        """The device, for messages."""
        return f"signal {self.device.signal_id!r} at {self.device.address}"

    def undoing(self, permanent: Change | None) -> Undoing:
        """Return what taking back needs to know."""
        return Undoing(self.device, self.change, self.identity.called_pattern, permanent)

    def described(self) -> dict[str, object]:
        """Return all that undoing needs, and all that watching needs, as plain JSON."""
        return {
            **described(self.change),
            "address": self.device.address,
            "called_before": self.identity.called_pattern,
            "set_id_before": self.identity.set_id,
            "backup_time_s": self.identity.backup_time_s,
            "fingerprint": fingerprint(self.identity),
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows as read back, and when."""

    read_back: tuple[ObjectValue, ...]
    stored_utc: datetime


@dataclass(slots=True)
class Progress:
    """How far a push came, by signal."""

    stored: dict[str, Stored] = field(default_factory=dict)
    activated: dict[str, datetime] = field(default_factory=dict)
    permanent: dict[str, Change] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    called: bool = False


def matched(
    plans: PlanSet, devices: Sequence[Device], phasings: Mapping[str, Phasing]
) -> list[tuple[TimingPlan, Device]]:
    """Pair every plan with its device.

    Raises
    ------
    ControllerError
        A device or a phasing is missing, or there is nothing to do.
    """
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


async def surveyed(
    plan: TimingPlan, phasing: Phasing, device: Device, terms: PushTerms, driver: Driver
) -> Work:
    """Read a device and work out the change.

    Raises
    ------
    ControllerError
        Somebody else calls a pattern there, or it is another device than the one known.
    UnsafePlanError
        The plan contradicts the limits that the device reports, or moves too far.
    """
    where = f"signal {device.signal_id!r} at {device.address}"
    identity = await driver.identify()
    called = identity.called_pattern
    if terms.ours is not None and called not in (0, terms.ours.get(device.signal_id, 0)):
        raise ControllerError(
            f"{where}: somebody else calls pattern {called} there; two bridges must not share a "
            "corridor"
        )
    found = changes(terms.profiles, device, identity.profile)
    exchanged = told(found, Concern.DEVICE)
    if exchanged:
        raise ControllerError(
            f"{where}: this is not the device that was met there before: {exchanged}; look at it, "
            "then accept it with 'throughband bridge identify --state FOLDER --accept'"
        )
    texts = list(warnings(plan, identity))
    for concern, what in ((Concern.LIMITS, "other limits"), (Concern.SETUP, "another setup")):
        text = told(found, concern)
        if text:
            texts.append(f"the device has {what} than when it was last met: {text}")
    problems = contradictions(plan, phasing, identity)
    if not problems:
        change = await driver.prepare(plan, identity)
        problems = await too_far(change, identity, driver, terms.most_steps)
    if problems:
        raise UnsafePlanError(tuple(f"signal {plan.signal_id!r}: {text}" for text in problems))
    return Work(device, identity, change, tuple(texts))


def receipt_of(work: Work, progress: Progress) -> DeviceReceipt:
    """Return what was done at a device."""
    signal = work.device.signal_id
    stored = progress.stored.get(signal)
    late = (progress.warnings[signal],) if signal in progress.warnings else ()
    return DeviceReceipt(
        signal_id=signal,
        address=work.device.address,
        pattern=work.change.pattern,
        split=work.change.split,
        old=work.change.old,
        new=work.change.new,
        read_back=stored.read_back if stored else (),
        called_before=work.identity.called_pattern,
        set_id_before=work.identity.set_id,
        backup_time_s=work.identity.backup_time_s,
        stored_utc=stored.stored_utc if stored else None,
        activated_utc=progress.activated.get(signal),
        fingerprint=fingerprint(work.identity),
        permanent=progress.permanent.get(signal),
        warnings=(*work.warnings, *late),
    )
