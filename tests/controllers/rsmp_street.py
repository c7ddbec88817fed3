"""Emulated RSMP sites on loopback with a supervisor, drivers and a clock that tests move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controllers.driver import Connect, Device, PhaseLimits
from controllers.rsmp.connection import connector
from controllers.rsmp.driver import RsmpDriver
from controllers.rsmp.link import Patience
from controllers.rsmp.session import Session
from controllers.rsmp.sheet import Band, SiteSheet, StoredPlan
from controllers.rsmp.site import Site, SiteFaults
from controllers.rsmp.site_signals import SiteConfig, SitePlan
from controllers.rsmp.supervisor import Supervisor, listen
from network.timing import TimingPlan

START_UTC = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
CODE = "4711-x"
PHASES = tuple(PhaseLimits(n, 5, 30, 20, 0, 0) for n in (1, 2, 3))
BANDS = (Band(1, 1, 40), Band(2, 2, 30), Band(3, 3, 20))
STORED = (
    StoredPlan(15, (1, 2, 3), (20, 20, 20), BANDS),
    StoredPlan(16, (1, 2, 3), (20, 20, 20), BANDS),
)
NEW = TimingPlan("s", 90, (1, 2, 3), (40, 30, 20), 11, 2)
PATIENCE = Patience(ack_s=0.5, answer_s=0.5, watchdog_s=60.0, handshake_s=0.5)


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START_UTC

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Street:
    """A supervisor with sites."""

    supervisor: Supervisor
    sites: dict[str, Site]
    devices: tuple[Device, ...]
    hands: Hands
    connect: Connect

    def stored(self) -> dict[str, Any]:
        """Return every setting of every plan, read from the sites themselves."""
        return {
            name: {
                n: (p.cycle_s, p.offset_s, tuple(sorted(p.bands.items())))
                for n, p in site.signals.plans.items()
            }
            for name, site in self.sites.items()
        }


@dataclass
class Bench(Street):
    """A street of one site, and a driver for it."""

    driver: RsmpDriver
    session: Session

    @property
    def site(self) -> Site:
        return self.sites["s"]

    @property
    def device(self) -> Device:
        return self.devices[0]


def config_of(signal: str, host: str = "127.0.0.1", **changes: Any) -> SiteConfig:
    plans = {1: SitePlan(80, 5)}
    plans |= {n: SitePlan(60, 0, {1: 0, 2: 0, 3: 0}) for n in (15, 16)}
    kept = SiteConfig(f"KK+{signal}", f"KK+{signal}=001TC000", CODE, plans, host=host)
    return replace(kept, **changes)


def sheet_of(signal: str, host: str = "127.0.0.1", **changes: Any) -> SiteSheet:
    kept = SiteSheet(signal, f"KK+{signal}", f"KK+{signal}=001TC000", host, CODE, PHASES, STORED)
    return replace(kept, **changes)


@asynccontextmanager
async def street(
    signals: Sequence[str] = ("s",),
    *,
    config: dict[str, Any] | None = None,
    sheet: dict[str, Any] | None = None,
    faults: SiteFaults | None = None,
    patience: Patience = PATIENCE,
    timeout_s: float = 1.0,
    connected: bool = True,
    **listening: Any,
) -> AsyncIterator[Street]:
    """Let sites connect to a supervisor."""
    hands = Hands()
    # On loopback each site has an address of its own, as in the field.
    hosts = {signal: f"127.0.0.{2 + at}" for at, signal in enumerate(signals)}
    sheets = [sheet_of(s, hosts[s], **(sheet or {})) for s in signals]
    async with AsyncExitStack() as stack:
        supervisor = await stack.enter_async_context(
            listen(sheets, "127.0.0.1", 0, clock=hands, patience=patience, **listening)
        )
        sites = {
            s: Site(config_of(s, hosts[s], **(config or {})), hands, faults, 0.02) for s in signals
        }
        tasks = [
            asyncio.create_task(site.run("127.0.0.1", supervisor.port)) for site in sites.values()
        ]
        devices = tuple(Device(s, hosts[s], supervisor.port, "", "") for s in signals)
        connect = connector(supervisor, clock=hands, timeout_s=timeout_s)
        try:
            for signal in signals if connected else ():
                await supervisor.session(signal, 5.0)
            yield Street(supervisor, sites, devices, hands, connect)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def bench(**settings: Any) -> AsyncIterator[Bench]:
    """Let one site connect, with a driver for it."""
    switch_s = settings.pop("switch_s", 300.0)
    device = settings.pop("device", {})
    async with street(**settings) as s:
        session = await s.supervisor.session("s", 5.0)
        target = replace(s.devices[0], **device)
        driver = RsmpDriver(target, session, s.hands, switch_s)
        yield Bench(s.supervisor, s.sites, (target,), s.hands, s.connect, driver, session)
