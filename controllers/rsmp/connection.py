"""How to reach devices whose sites connect to a supervisor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from controllers.driver import Connect, Device
from controllers.rsmp.driver import SWITCH_S, RsmpDriver
from controllers.rsmp.session import Clock
from controllers.rsmp.supervisor import Supervisor, utc_now
from network.errors import ControllerError

TIMEOUT_S: Final = 30.0
"""How long a site may take to connect; three times the interval that core 3.2 has by default."""


def connector(
    supervisor: Supervisor,
    *,
    clock: Clock = utc_now,
    timeout_s: float = TIMEOUT_S,
    switch_s: float = SWITCH_S,
) -> Connect:
    """Return how to reach devices whose sites connect to a supervisor.

    Parameters
    ----------
    supervisor
        Where the sites connect.
    clock
        The present.
    timeout_s
        How long a site may take to connect.
    switch_s
        How long a called plan may take to run.
    """

    @asynccontextmanager
    async def connect(device: Device, /) -> AsyncIterator[RsmpDriver]:
        sheet = supervisor.sheet(device.signal_id)
        if device.host != sheet.host:
            raise ControllerError(
                f"signal {device.signal_id!r}: the device list has it at {device.host}, its sheet "
                f"at {sheet.host}"
            )
        session = await supervisor.session(device.signal_id, timeout_s)
        # The connection is the site's and stays.
        yield RsmpDriver(device, session, clock, switch_s)

    return connect
