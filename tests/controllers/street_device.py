"""A cabinet on loopback with a driver connected to it, and ways to bend its database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.faults import Faults
from controllers.emulator.transaction import Content
from controllers.ntcip.driver import NtcipDriver, connect
from controllers.ntcip.objects import Edition, instance
from network.phasing import Phase, Phasing
from network.timing import TimingPlan

PHASING = Phasing(
    tuple(
        Phase(n, "".join("G" if g == n else "r" for g in range(1, 5)), 5, 30, 20)
        for n in range(1, 5)
    ),
    {},
)
OLD = TimingPlan("s", 80, (1, 2, 3, 4), (20, 20, 20, 20), 0, 1)
NEW = TimingPlan("s", 90, (1, 3, 2), (40, 30, 20), 11, 3)

MIDNIGHT_UTC_S = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp())


class Bench:
    """One cabinet, its faults, and a driver for it."""

    def __init__(self, cabinet: Cabinet, faults: Faults, driver: NtcipDriver) -> None:
        self.cabinet = cabinet
        self.faults = faults
        self.driver = driver
        self.slept_s: list[float] = []

    def put(self, name: str, *index: int, value: Content) -> None:
        """Store a value, creating the instance if need be, as a front panel would."""
        store = self.cabinet.store
        oid = instance(name, *index)
        if not store.has(oid):
            store.define(name, *index, value=value)
        cell = store._cells[oid]
        cell.value = value
        if cell.read is not None:
            cell.read = lambda: value
        store.generation += 1

    def stored(self, name: str, *index: int) -> Content:
        """Return what the database holds."""
        found = self.cabinet.store.get(instance(name, *index))
        assert found is not None
        return found[1]

    def everything(self) -> dict[tuple[int, ...], Content]:
        """Return all stored parameters."""
        store = self.cabinet.store
        return {oid: cell.value for oid, cell in store._cells.items() if cell.read is None}

    def now(self) -> datetime:
        """Return the cabinet's true time, which is the tests' own as well."""
        return datetime.fromtimestamp(MIDNIGHT_UTC_S + self.cabinet.time_s, UTC)

    async def sleep(self, seconds: float) -> None:
        """Let the cabinet run for a while instead of waiting."""
        self.slept_s.append(seconds)
        for _ in range(int(seconds * 10)):
            self.cabinet.step()


@asynccontextmanager
async def bench(
    phasing: Phasing = PHASING,
    plan: TimingPlan = OLD,
    *,
    edition: Edition = Edition.V03,
    faults: Faults | None = None,
    clocked: bool = False,
    timeout_s: float = 0.3,
    config: dict[str, Any] | None = None,
    **device: Any,
) -> AsyncIterator[Bench]:
    """Serve a cabinet and connect to it."""
    settings = CabinetConfig("s", phasing, plan, 0, "look", "change", edition=edition)
    cabinet = Cabinet(replace(settings, midnight_utc_s=MIDNIGHT_UTC_S, **(config or {})), 30.0)
    wrong = faults or Faults()
    async with serve([cabinet], faults={"s": wrong}) as [(host, port)]:
        target = replace(Device("s", host, port, "look", "change"), **device)
        found: list[Bench] = []

        async def sleep(seconds: float) -> None:
            await found[0].sleep(seconds)

        clock = (lambda: found[0].now()) if clocked else None
        async with connect(target, timeout_s, clock=clock, sleep=sleep) as driver:
            found.append(Bench(cabinet, wrong, driver))
            yield found[0]
