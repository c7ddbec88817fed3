"""Many devices at once, but not too many; a lost answer is not the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from controllers.driver import Connect, Device, Driver
from network.errors import ThroughbandError, UnreachableError

MOST_AT_ONCE: Final = 64
"""Devices spoken to at a time: each holds a socket, and processes get about a thousand."""

ATTEMPTS: Final = 2
"""How often a step is tried at a device that does not answer; each try resends by itself."""

_T = TypeVar("_T")


async def together(
    steps: Sequence[Callable[[], Awaitable[_T]]], most_at_once: int = MOST_AT_ONCE
) -> list[_T | ThroughbandError]:
    """Run steps side by side to their end, keeping errors of ours as values.

    None is canceled for another's failure: a transaction cut off in the middle helps nobody.

    Parameters
    ----------
    steps
        What to run; each begins when fewer than the bound are under way.
    most_at_once
        That bound.
    """
    places = asyncio.Semaphore(most_at_once)

    async def placed(step: Callable[[], Awaitable[_T]]) -> _T:
        async with places:
            return await step()

    outcomes = await asyncio.gather(*map(placed, steps), return_exceptions=True)
    kept: list[_T | ThroughbandError] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, ThroughbandError):
            raise outcome
        kept.append(outcome)
    return kept


def all_or_first_error(outcomes: Sequence[_T | ThroughbandError]) -> list[_T]:
    """Return the results, or raise the first error among them."""
    results: list[_T] = []
    for outcome in outcomes:
        if isinstance(outcome, ThroughbandError):
            raise outcome
        results.append(outcome)
    return results


async def at_device(
    device: Device,
    connect: Connect,
    step: Callable[[Driver], Awaitable[_T]],
    attempts: int = ATTEMPTS,
) -> _T:
    """Connect to a device, do something there and leave; again if it does not answer.

    Connections are not kept: a corridor of a thousand would need a thousand sockets.

    Parameters
    ----------
    device, connect
        Where.
    step
        What; must bear being repeated.
    attempts
        Most tries.

    Raises
    ------
    UnreachableError
        No try was answered.
    """
    for left in range(attempts - 1, -1, -1):
        try:
            async with connect(device) as driver:
                return await step(driver)
        except UnreachableError:
            if not left:
                raise
    raise ValueError(f"attempts is {attempts}, must be above 0")
