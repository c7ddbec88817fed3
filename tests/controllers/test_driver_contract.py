"""The contract of `Driver`, shown by every driver of ours on its emulated device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from controllers.driver import Change, Driver
from controllers.ntcip.objects import instance
from network.timing import TimingPlan
from tests.controllers import rsmp_street, street_device
from throughband.contracts.driver import BEHAVIORS, Behavior, Subject

ROOTS = (
    instance("patternCycleTime", 1)[:-2],
    instance("splitTime", 1, 1)[:-3],
    instance("sequenceData", 1, 1)[:-3],
)


class OverNtcip:
    """An emulated cabinet over UDP."""

    plan = street_device.NEW
    impossible = replace(street_device.NEW, cycle_s=300, splits_s=(140, 130, 30))

    def __init__(self, kept: street_device.Bench) -> None:
        self._bench = kept

    @property
    def driver(self) -> Driver:
        return self._bench.driver

    def stored(self) -> object:
        everything = self._bench.everything()
        return {o: v for o, v in everything.items() if any(o[: len(r)] == r for r in ROOTS)}

    def running(self) -> int:
        return self._bench.cabinet.pattern

    async def wait(self) -> None:
        self._bench.cabinet.advance(100)

    def refuse(self) -> None:
        self._bench.faults.busy = True

    def forget(self) -> None:
        rows = (instance("patternCycleTime", row) for row in range(1, 17))
        self._bench.faults.stores = dict.fromkeys(rows, 33)

    def fall_silent(self) -> None:
        self._bench.faults.silent_after = 0

    def meddle(self, change: Change) -> None:
        self._bench.put("patternCycleTime", change.pattern, value=77)


class OverRsmp:
    """An emulated site over TCP."""

    plan = rsmp_street.NEW
    impossible = TimingPlan("s", 300, (1, 2, 3), (140, 130, 30), 0, 1)

    def __init__(self, kept: rsmp_street.Bench) -> None:
        self._bench = kept

    @property
    def driver(self) -> Driver:
        return self._bench.driver

    def stored(self) -> object:
        return self._bench.stored()

    def running(self) -> int:
        self._bench.site.signals.advance()
        return self._bench.site.signals.running

    async def wait(self) -> None:
        self._bench.hands.advance(100)

    def refuse(self) -> None:
        self._bench.site.faults.refuse["M0015"] = "CPU error"

    def forget(self) -> None:
        self._bench.site.faults.forget.add("M0018")

    def fall_silent(self) -> None:
        self._bench.site.faults.mute = True

    def meddle(self, change: Change) -> None:
        self._bench.site.signals.plans[change.pattern].cycle_s = 77


@asynccontextmanager
async def over_ntcip() -> AsyncIterator[Subject]:
    async with street_device.bench() as kept:
        yield OverNtcip(kept)


@asynccontextmanager
async def over_rsmp() -> AsyncIterator[Subject]:
    async with rsmp_street.bench(config={"waits_for_zero": True}) as kept:
        yield OverRsmp(kept)


@pytest.mark.parametrize("behavior", BEHAVIORS, ids=lambda behavior: str(behavior.__name__))
@pytest.mark.parametrize("opened", [over_ntcip, over_rsmp], ids=["ntcip", "rsmp"])
def test_every_driver_keeps_the_contract(
    opened: Callable[[], AbstractAsyncContextManager[Subject]], behavior: Behavior
) -> None:
    async def scenario() -> None:
        async with opened() as subject:
            await behavior(subject)

    asyncio.run(asyncio.wait_for(scenario(), 30))
