"""Life after the push: keep the call alive, see the pattern arrive, or take it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from controllers.driver import Connect, Device, Driver, Status
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.receipt import Clock, DeviceReceipt, Journal, PushReceipt
from controllers.rollback import restore
from controllers.together import MOST_AT_ONCE, all_or_first_error, at_device, together
from network.errors import ControllerError, RollbackFailedError, ThroughbandError

Tick = Callable[[], Awaitable[None]]
"""Lets time pass between two looks: sleeps in the field, advances a simulated street."""

Pair = tuple[DeviceReceipt, Device]


async def await_pattern(
    receipt: PushReceipt,
    devices: Sequence[Device],
    *,
    tick: Tick,
    most_ticks: int,
    connect: Connect = connect_ntcip,
) -> dict[str, Status]:
    """Refresh the calls and look until every pattern runs in step.

    Parameters
    ----------
    receipt, devices
        What was pushed, and where.
    tick
        Awaited between looks; must be well below the devices' backup time.
    most_ticks
        Looks before giving up.
    connect
        How to reach a device.

    Returns
    -------
    dict
        Last status by signal.

    Raises
    ------
    ControllerError
        A device runs free or flashes instead, or does not arrive in time.
    """
    pairs = _matched(receipt, devices)
    steps = [partial(at_device, device, connect, partial(_look, entry)) for entry, device in pairs]
    waiting: list[str] = []
    for _ in range(most_ticks):
        await tick()
        found = all_or_first_error(await together(steps))
        for (entry, _), status in zip(pairs, found, strict=True):
            _check(entry, status)
        waiting = [
            entry.signal_id
            for (entry, _), status in zip(pairs, found, strict=True)
            if not status.runs(entry.pattern)
        ]
        if not waiting:
            return {
                entry.signal_id: status for (entry, _), status in zip(pairs, found, strict=True)
            }
    raise ControllerError(f"not in step after {most_ticks} looks: signals {', '.join(waiting)}")


async def refresh(
    receipt: PushReceipt, devices: Sequence[Device], *, connect: Connect = connect_ntcip
) -> None:
    """Repeat every call once, so that no device falls back for want of central control."""
    pairs = _matched(receipt, devices)
    steps = [partial(at_device, device, connect, partial(_call, entry)) for entry, device in pairs]
    all_or_first_error(await together(steps))


async def withdraw(
    receipt: PushReceipt,
    devices: Sequence[Device],
    *,
    clock: Clock,
    journal: Journal,
    tick: Tick,
    most_ticks: int,
    connect: Connect = connect_ntcip,
    most_at_once: int = MOST_AT_ONCE,
    ordered_by: str = "",
) -> None:
    """Call what was called before the push, then restore the rows it wrote.

    A device that calls neither is under somebody else's call and keeps it.

    Parameters
    ----------
    receipt, devices
        What was pushed, and where.
    clock, journal
        The present, and the keeper of intent and outcome.
    tick, most_ticks
        As for `await_pattern`: how to wait until a device has left the pattern.
    connect, most_at_once
        How to reach a device, and how many at a time.
    ordered_by
        Who ordered it, for the record; empty where nobody says so.

    Raises
    ------
    RollbackFailedError
        Some device could not be taken back; the message names all of them.
    """
    pairs = _matched(receipt, devices)
    head: dict[str, object] = {"push_id": receipt.push_id, "plan_digest": receipt.plan_digest}
    if ordered_by:
        head["ordered_by"] = ordered_by
    entries = [entry.to_dict() for entry, _ in pairs]
    journal({"event": "withdraw", "utc": clock().isoformat(), **head, "devices": entries})
    recalls = [
        partial(at_device, device, connect, partial(_recall, entry)) for entry, device in pairs
    ]
    outcomes = await together(recalls, most_at_once)
    stuck = [str(outcome) for outcome in outcomes if isinstance(outcome, ThroughbandError)]
    left = [
        pair
        for pair, outcome in zip(pairs, outcomes, strict=True)
        if not isinstance(outcome, ThroughbandError)
    ]

    async def pause(_seconds: float) -> None:
        await tick()

    async def put_back(entry: DeviceReceipt, driver: Driver) -> None:
        where = f"{entry.signal_id!r} at {entry.address}"
        if entry.permanent is not None:
            await restore(driver, entry.permanent, pause, where, most_ticks)
        await restore(driver, entry.change, pause, where, most_ticks)

    restores = [
        partial(at_device, device, connect, partial(put_back, entry)) for entry, device in left
    ]
    ends = await together(restores, most_at_once)
    stuck += [str(outcome) for outcome in ends if isinstance(outcome, ThroughbandError)]
    outcome = "withdrawal failed" if stuck else "withdrawn"
    journal({"event": outcome, "utc": clock().isoformat(), **head, "errors": list(stuck)})
    if stuck:
        raise RollbackFailedError("; ".join(stuck))


async def _call(entry: DeviceReceipt, driver: Driver) -> None:
    await driver.activate(entry.pattern)


async def _look(entry: DeviceReceipt, driver: Driver) -> Status:
    await driver.activate(entry.pattern)
    return await driver.status()


async def _recall(entry: DeviceReceipt, driver: Driver) -> None:
    if (await driver.status()).called_pattern == entry.pattern:
        await driver.activate(entry.called_before)


def _check(entry: DeviceReceipt, status: Status) -> None:
    where = f"signal {entry.signal_id!r} at {entry.address}"
    if status.flash != "notFlash":
        raise ControllerError(f"{where} flashes: {status.flash}")
    if status.free_reason != "notFree":
        raise ControllerError(f"{where} runs free: {status.free_reason}")
    if status.control != "systemControl":
        raise ControllerError(f"{where} is under {status.control}, not under system control")


def _matched(receipt: PushReceipt, devices: Sequence[Device]) -> list[Pair]:
    by_signal = {device.signal_id: device for device in devices}
    pairs = []
    for entry in receipt.devices:
        device = by_signal.get(entry.signal_id)
        if device is None or device.address != entry.address:
            raise ControllerError(
                f"the device list no longer has signal {entry.signal_id!r} at {entry.address}"
            )
        pairs.append((entry, device))
    return pairs
