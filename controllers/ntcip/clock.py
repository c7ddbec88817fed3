"""How far a device's clock is off, from whole seconds and answers that take their time.

`globalTime` counts whole seconds, so one reading tells the device's time to within a second and
the time the answer took. Readings at other parts of our own second narrow that down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from controllers.ntcip.reading import Reader
from network.errors import RejectedValueError

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""

Clock = Callable[[], datetime]
"""Returns the present as an aware time."""

READINGS: Final = 4
PAUSE_S: Final = 0.25
"""Four readings a quarter of a second apart fall into every part of a second."""


async def clock_error_s(reader: Reader, clock: Clock, sleep: Sleep) -> tuple[float, float]:
    """Measure how far a device's clock is ahead of ours.

    Parameters
    ----------
    reader
        Reads the device.
    clock, sleep
        The present, and how to let a quarter of a second pass.

    Returns
    -------
    tuple of float
        Least and greatest error in s that all readings allow; above 0 where the device is ahead.

    Raises
    ------
    RejectedValueError
        No error explains the readings: one of the clocks was set meanwhile, or stands still.
    UnreachableError
        No answer.
    """
    least_s, most_s = -float("inf"), float("inf")
    for at in range(READINGS):
        if at:
            await sleep(PAUSE_S)
        asked_s = clock().timestamp()
        device_s = (await reader.numbers("globalTime"))["globalTime"]
        answered_s = clock().timestamp()
        # Somewhere between asking and answering the device's time was within [n, n + 1).
        least_s = max(least_s, device_s - answered_s)
        most_s = min(most_s, device_s + 1 - asked_s)
    if least_s > most_s:
        raise RejectedValueError(
            f"{reader.where}: its clock runs unevenly: {READINGS} readings of globalTime fit no "
            "single error"
        )
    return least_s, most_s
