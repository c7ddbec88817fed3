"""Taking a push back: the old call, then the old rows, and the truth about what is left."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from controllers.driver import Change, Connect, Device, Driver
from controllers.rows import row_keeper
from controllers.together import at_device, together
from network.errors import (
    ControllerError,
    RejectedValueError,
    RollbackFailedError,
    ThroughbandError,
)

_log = logging.getLogger(__name__)

LOOKS: Final = 10
"""How often a device is looked at until it has left a pattern; with pauses between."""

LOOK_S: Final = 1.0

Pause = Callable[[float], Awaitable[None]]
"""Lets seconds pass: `asyncio.sleep` in the field, a simulated street's clock in tests."""


@dataclass(frozen=True, slots=True)
class Undoing:
    """What taking back needs to know about one device.

    Attributes
    ----------
    device
        Where.
    change
        What was to be written.
    called_before
        The pattern to call again.
    permanent
        The change of the time base, if there was one.
    """

    device: Device
    change: Change
    called_before: int
    permanent: Change | None = None

    @property
    def where(self) -> str:
        """The device, for messages."""
        return f"{self.device.signal_id!r} at {self.device.address}"


async def take_back(
    undoings: Sequence[Undoing],
    stored: Collection[str],
    cause: Exception,
    *,
    called: bool,
    connect: Connect,
    pause: Pause,
    most_at_once: int,
) -> tuple[Exception, bool]:
    """Recall the old patterns where new ones may be called, restore the rows, and say how it went.

    A device that failed may have stored the new values or not; restoring is tried there too, but
    only its spare row is concerned, so just a device that worked before and now does not makes
    this a failed rollback, as does a call in doubt.

    Parameters
    ----------
    undoings
        Every device of the push.
    stored
        Signals whose rows were written and read back.
    cause
        Why.
    called
        Whether any new pattern may have been called.
    connect, pause, most_at_once
        How to reach devices, how to wait, and how many at a time.

    Returns
    -------
    Exception
        The cause, or a `RollbackFailedError` that names it.
    bool
        Whether every device is known to be as before; if not, recovery looks again.
    """
    problems: list[str] = []
    lost: list[Undoing] = []
    if called:
        steps = [partial(_at, entry, connect, partial(_recall, entry)) for entry in undoings]
        recalls = await together(steps, most_at_once)
        # A call that went unanswered may have arrived: what cannot be recalled is in doubt.
        lost = [
            e for e, o in zip(undoings, recalls, strict=True) if isinstance(o, ThroughbandError)
        ]
    steps = [partial(_at, entry, connect, partial(_restore, entry, pause)) for entry in undoings]
    outcomes = await together(steps, most_at_once)
    for entry, outcome in zip(undoings, outcomes, strict=True):
        if isinstance(outcome, ThroughbandError):
            _log.warning("row %d not restored: %s", entry.change.pattern, outcome)
            if entry.change.signal_id in stored and entry not in lost:
                problems.append(f"restoring failed: {outcome}")
    if lost:
        names = ", ".join(entry.where for entry in lost)
        problems.append(
            f"{names} may have been called and cannot be recalled; it falls back by itself when "
            "its backup time ends"
        )
    clean = not lost and not any(isinstance(outcome, ThroughbandError) for outcome in outcomes)
    if not problems:
        return cause, clean
    failed = RollbackFailedError("; ".join([str(cause), *problems]))
    failed.__cause__ = cause
    return failed, clean


async def restore(
    driver: Driver, change: Change, pause: Pause, where: str, looks: int = LOOKS
) -> bool:
    """Wait until a device has left a pattern and write its old rows.

    A transaction that is open there is closed if it is ours and quiet. One that is not ours
    keeps nothing from being as before; only where rows must be written it is in the way.

    Returns
    -------
    bool
        Whether a transaction of ours had been left open.

    Raises
    ------
    ControllerError
        The device still runs the pattern, or does not take or keep the old values.
    """
    keeper = row_keeper(driver)
    in_the_way: RejectedValueError | None = None
    reclaimed = False
    try:
        reclaimed = await keeper.reclaim()
    except RejectedValueError as error:
        in_the_way = error
    if await keeper.read(change.old) == change.old:
        return reclaimed
    if in_the_way is not None:
        raise in_the_way
    if change.action_row is None:
        await left(driver, change.pattern, pause, where, looks)
    await driver.commit(change.undone())
    return reclaimed


async def left(driver: Driver, pattern: int, pause: Pause, where: str, looks: int = LOOKS) -> None:
    """Wait until a device runs something other than a pattern.

    Raises
    ------
    ControllerError
        It still runs it after so many looks.
    """
    for look in range(looks):
        if (await driver.status()).pattern != pattern:
            return
        if look < looks - 1:
            await pause(LOOK_S)
    raise ControllerError(f"signal {where} still runs pattern {pattern}")


async def _at(entry: Undoing, connect: Connect, step: Callable[[Driver], Awaitable[None]]) -> None:
    await at_device(entry.device, connect, step)


async def _recall(entry: Undoing, driver: Driver) -> None:
    status = await driver.status()
    if status.called_pattern == entry.change.pattern:
        await driver.activate(entry.called_before)
    # Anything else is what was called before, or somebody else's call and not ours to end.


async def _restore(entry: Undoing, pause: Pause, driver: Driver) -> None:
    if entry.permanent is not None:
        await restore(driver, entry.permanent, pause, entry.where)
    await restore(driver, entry.change, pause, entry.where)
