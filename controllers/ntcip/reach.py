"""How devices are reached in earnest: with the present, and with what is known of them."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from controllers.acquaintance import Profiles
from controllers.driver import Connect, Device, Driver
from controllers.ntcip.clock import Clock, Sleep
from controllers.ntcip.driver import connect


def reaching(
    clock: Clock, sleep: Sleep = asyncio.sleep, profiles: Profiles | None = None
) -> Connect:
    """Return how to connect to devices whose clocks are to be compared with ours.

    Parameters
    ----------
    clock, sleep
        The present, and how to let time pass.
    profiles
        What is known of the devices, which saves asking for it again.
    """

    def reach(device: Device, /) -> AbstractAsyncContextManager[Driver]:
        known = profiles.known(device) if profiles is not None else None
        return connect(device, clock=clock, sleep=sleep, known=known)

    return reach
