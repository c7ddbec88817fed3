"""The kill switch: every device back to its own schedule, with nothing but the device list.

It asks nothing, needs no record and no running service, goes on when devices fail, and looks
again at the end, because a program that keeps refreshing its calls would undo it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from controllers.driver import LOCAL_CONTROL, Connect, Device, Driver
from controllers.ntcip.driver import connect as connect_ntcip
from controllers.together import MOST_AT_ONCE, at_device, together
from controllers.watch import Tick
from network.errors import ThroughbandError

ROUNDS: Final = 3
"""How often devices that did not obey are told again."""


@dataclass(frozen=True, slots=True)
class Released:
    """How one device took it.

    Attributes
    ----------
    signal_id, address
        The device.
    released
        Whether it was last seen without a central call.
    pattern, control
        What it ran then and who was in control; 0 and nothing if it was never seen.
    problem
        Why it may still be under a call; nothing if it is released.
    """

    signal_id: str
    address: str
    released: bool
    pattern: int
    control: str
    problem: str


async def release_all(
    devices: Sequence[Device],
    *,
    tick: Tick,
    rounds: int = ROUNDS,
    connect: Connect = connect_ntcip,
    most_at_once: int = MOST_AT_ONCE,
) -> tuple[Released, ...]:
    """Hand every device back to its own schedule.

    Parameters
    ----------
    devices
        Which.
    tick
        Awaited between telling and looking; what calls again meanwhile is noticed.
    rounds
        How often at most to tell devices that have not obeyed.
    connect, most_at_once
        How to reach devices, and how many at a time.

    Returns
    -------
    tuple of Released
        In the order of the devices.
    """
    found: dict[str, Released] = {}
    for _ in range(rounds):
        left = [d for d in devices if d.signal_id not in found or not found[d.signal_id].released]
        if not left:
            break
        tell = [partial(at_device, device, connect, _hand_back, 1) for device in left]
        told = await together(tell, most_at_once)
        await tick()
        look = [partial(at_device, device, connect, partial(_look, device), 1) for device in left]
        seen = await together(look, most_at_once)
        for device, answer, outcome in zip(left, told, seen, strict=True):
            if isinstance(outcome, ThroughbandError):
                problem = str(answer if isinstance(answer, ThroughbandError) else outcome)
                entry = Released(device.signal_id, device.address, False, 0, "", problem)
            else:
                entry = outcome
            found[device.signal_id] = entry
    # One more look at all: who was obedient first may have been called again since.
    await tick()
    last = [partial(at_device, device, connect, partial(_look, device), 1) for device in devices]
    for device, outcome in zip(devices, await together(last, most_at_once), strict=True):
        if not isinstance(outcome, ThroughbandError):
            found[device.signal_id] = outcome
    return tuple(found[device.signal_id] for device in devices)


async def _hand_back(driver: Driver) -> None:
    await driver.activate(LOCAL_CONTROL)


async def _look(device: Device, driver: Driver) -> Released:
    status = await driver.status()
    called = status.called_pattern
    problem = (
        ""
        if called == LOCAL_CONTROL
        else f"pattern {called} is called still or again; stop whoever calls it"
    )
    return Released(
        device.signal_id, device.address, not problem, status.pattern, status.control, problem
    )
