"""How a device of a device list is reached: by the driver its protocol names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from controllers.acquaintance import Profiles
from controllers.driver import NTCIP, Connect, Device, Driver
from controllers.ntcip.clock import Clock, Sleep
from network.errors import ControllerError, PluginError
from throughband.plugins import DRIVERS, named


class MakeConnect(Protocol):
    """Makes what opens drivers; what is registered as a driver."""

    def __call__(self, clock: Clock, sleep: Sleep, profiles: Profiles | None, /) -> Connect:
        """Return how to connect with this clock, this way of waiting and what is known."""
        ...


def reaching(
    clock: Clock, sleep: Sleep = asyncio.sleep, profiles: Profiles | None = None
) -> Connect:
    """Return how to connect to devices, whatever each speaks.

    Parameters
    ----------
    clock, sleep
        The present, and how to let time pass.
    profiles
        What is known of the devices, which saves asking for it again.
    """
    known: dict[str, Connect] = {}

    def reach(device: Device, /) -> AbstractAsyncContextManager[Driver]:
        if device.protocol not in known:
            known[device.protocol] = _connect(device.protocol, clock, sleep, profiles)
        return known[device.protocol](device)

    return reach


def require_protocol(protocol: str) -> None:
    """Raise `ControllerError` unless there is a driver of that name that can be loaded."""
    try:
        named(DRIVERS, protocol, "protocol").load()
    except PluginError as error:
        raise ControllerError(str(error)) from error


def require_ntcip(devices: Iterable[Device], what: str) -> None:
    """Raise `ControllerError` unless all devices speak NTCIP, naming what wants it."""
    for device in devices:
        if device.protocol != NTCIP:
            raise ControllerError(
                f"{what} reads NTCIP objects; signal {device.signal_id!r} speaks "
                f"{device.protocol!r}"
            )


def _connect(protocol: str, clock: Clock, sleep: Sleep, profiles: Profiles | None) -> Connect:
    try:
        plugin = named(DRIVERS, protocol, "protocol")
        make: MakeConnect = plugin.made
        return make(clock, sleep, profiles)
    except PluginError as error:
        raise ControllerError(str(error)) from error
