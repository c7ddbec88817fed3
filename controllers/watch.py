"""Life after the push: keep the call alive, see the pattern arrive, or take it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from controllers.driver import Connect, Device, Driver, Status
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.receipt import Clock, DeviceReceipt, Journal, PushReceipt
from network.errors import ControllerError, RollbackFailedError

Tick = Callable[[], Awaitable[None]]
"""Lets time pass between two looks: sleeps in the field, advances a simulated street."""


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
    async with AsyncExitStack() as stack:
        pairs = await _connected(stack, receipt, devices, connect)
        waiting: list[str] = []
        for _ in range(most_ticks):
            await tick()
            statuses: dict[str, Status] = {}
            for entry, driver in pairs:
                await driver.activate(entry.pattern)
                statuses[entry.signal_id] = await driver.status()
            for entry, _ in pairs:
                _check(entry, statuses[entry.signal_id])
            waiting = [e.signal_id for e, _ in pairs if not statuses[e.signal_id].runs(e.pattern)]
            if not waiting:
                return statuses
        raise ControllerError(f"not in step after {most_ticks} looks: signals {', '.join(waiting)}")


async def refresh(
    receipt: PushReceipt, devices: Sequence[Device], *, connect: Connect = connect_ntcip
) -> None:
    """Repeat every call once, so that no device falls back for want of central control."""
    async with AsyncExitStack() as stack:
        for entry, driver in await _connected(stack, receipt, devices, connect):
            await driver.activate(entry.pattern)


async def withdraw(
    receipt: PushReceipt,
    devices: Sequence[Device],
    *,
    clock: Clock,
    journal: Journal,
    tick: Tick,
    most_ticks: int,
    connect: Connect = connect_ntcip,
) -> None:
    """Call what was called before the push, then restore the rows it wrote.

    Parameters
    ----------
    receipt, devices
        What was pushed, and where.
    clock, journal
        The present, and the keeper of intent and outcome.
    tick, most_ticks
        As for `await_pattern`: how to wait until a device has left the pattern.
    connect
        How to reach a device.

    Raises
    ------
    RollbackFailedError
        Some device could not be taken back; the message names all of them.
    """
    head: dict[str, object] = {"plan_digest": receipt.plan_digest}
    journal({"event": "withdraw", "utc": clock().isoformat(), **head})
    stuck: list[str] = []
    async with AsyncExitStack() as stack:
        pairs = await _connected(stack, receipt, devices, connect)
        left: list[tuple[DeviceReceipt, Driver]] = []
        for entry, driver in pairs:
            try:
                await driver.activate(entry.called_before)
                left.append((entry, driver))
            except ControllerError as error:
                stuck.append(str(error))
        for entry, driver in left:
            try:
                await _left(entry, driver, tick, most_ticks)
                await driver.commit(entry.change.undone())
            except ControllerError as error:
                stuck.append(str(error))
    outcome = "withdrawal failed" if stuck else "withdrawn"
    journal({"event": outcome, "utc": clock().isoformat(), **head, "errors": list(stuck)})
    if stuck:
        raise RollbackFailedError("; ".join(stuck))


async def _left(entry: DeviceReceipt, driver: Driver, tick: Tick, most_ticks: int) -> None:
    for _ in range(most_ticks):
        if (await driver.status()).pattern != entry.pattern:
            return
        await tick()
    raise ControllerError(
        f"signal {entry.signal_id!r} at {entry.address} still runs pattern {entry.pattern}"
    )


def _check(entry: DeviceReceipt, status: Status) -> None:
    where = f"signal {entry.signal_id!r} at {entry.address}"
    if status.flash != "notFlash":
        raise ControllerError(f"{where} flashes: {status.flash}")
    if status.free_reason != "notFree":
        raise ControllerError(f"{where} runs free: {status.free_reason}")
    if status.control != "systemControl":
        raise ControllerError(f"{where} is under {status.control}, not under system control")


async def _connected(
    stack: AsyncExitStack, receipt: PushReceipt, devices: Sequence[Device], connect: Connect
) -> list[tuple[DeviceReceipt, Driver]]:
    by_signal = {device.signal_id: device for device in devices}
    pairs = []
    for entry in receipt.devices:
        device = by_signal.get(entry.signal_id)
        if device is None or device.address != entry.address:
            raise ControllerError(
                f"the device list no longer has signal {entry.signal_id!r} at {entry.address}"
            )
        pairs.append((entry, await stack.enter_async_context(connect(device))))
    return pairs
