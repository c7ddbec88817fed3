"""Emulated streets to try the bridge on: drawn signals, their cabinets, and who stands between.

Every signal and every plan comes from a seed and has passed the second checker, so whatever a
cabinet does with a whole plan is lawful and only a torn one can be unlawful.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, cast

import numpy as np

from benchmarks.bridge.virtual import Address
from benchmarks.bridge.witness import Witness
from benchmarks.safety.drawn import lawful_plan, ring_signal, stage_signal
from controllers.driver import Connect, Device
from controllers.emulator.agent import Agent
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.driver import NtcipDriver, connect
from controllers.ntcip.objects import Edition
from controllers.push import push
from controllers.receipt import Journal, PushReceipt
from controllers.release import PlanRelease
from network.phasing import Phasing
from network.timeline import Watcher
from network.timing import OffsetReference, PlanSet, TimingPlan

BEGIN_UTC: Final = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
READ, WRITE = "look", "change"
MOST_CYCLE_S: Final = 200
BACKUP_S: Final = 3000
"""Long enough that no trial meets it by chance; those that mean to, say so."""


@dataclass(frozen=True, slots=True)
class Case:
    """A signal with lawful plans for it; the first is the plan in force.

    Attributes
    ----------
    phasing
        Its phases.
    plans
        The plans, all different, for a signal called ``X``.
    """

    phasing: Phasing
    plans: tuple[TimingPlan, ...]

    @property
    def rings(self) -> int:
        """Number of rings."""
        return len(self.phasing.rings)


def drawn_case(seed: int, rings: int, plans: int = 3) -> Case:
    """Draw a signal of one or two rings and lawful plans, all of which the second checker takes."""
    rng = np.random.default_rng([seed, rings])
    while True:
        signal = (stage_signal if rings == 1 else ring_signal)(rng)
        watcher = Watcher(signal)
        found: list[TimingPlan] = []
        for _ in range(20 * plans):
            plan = lawful_plan(rng, signal)
            if not found:
                # Offsets of all plans are whole seconds on a device that counts from here.
                plan = replace(plan, offset_reference=OffsetReference.BEGIN_GREEN)
            if plan.cycle_s <= MOST_CYCLE_S and plan not in found and not watcher.watch(plan):
                found.append(plan)
            if len(found) == plans:
                assert signal.phasing is not None
                return Case(signal.phasing, tuple(found))


Hook = Callable[[int, bytes], bytes | None]
"""Sees the n-th datagram, from 0, and returns what to go on with; None drops it."""


def _pass_on(_: int, datagram: bytes) -> bytes | None:
    return datagram


@dataclass(slots=True)
class Station(asyncio.DatagramProtocol):
    """A cabinet's network socket with somebody who can interfere at every message.

    Attributes
    ----------
    agent
        Who answers.
    before, after
        What happens to each request before it is carried out, and to its reply after.
    requests
        How many have come so far.
    """

    agent: Agent
    before: Hook = _pass_on
    after: Hook = _pass_on
    requests: int = 0
    _transport: asyncio.DatagramTransport | None = field(default=None, repr=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        # Selector event loops hand over a transport that is one without saying so.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Answer."""
        number = self.requests
        self.requests += 1
        request = self.before(number, data)
        reply = self.agent.respond(request) if request is not None else None
        answer = self.after(number, reply) if reply is not None else None
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to do: the cabinet lives on."""


@dataclass(slots=True)
class Corridor:
    """Cabinets that are watched and can be reached.

    Attributes
    ----------
    case
        The signal that all of them run.
    cabinets, witnesses, stations
        One each per signal.
    devices
        The device list that leads straight to them.
    version
        SNMP version.
    """

    case: Case
    cabinets: tuple[Cabinet, ...]
    witnesses: tuple[Witness, ...]
    stations: tuple[Station, ...]
    devices: tuple[Device, ...]

    @property
    def found(self) -> list[str]:
        """Everything any witness has found."""
        return [text for witness in self.witnesses for text in witness.found]

    def plan_set(self, number: int) -> PlanSet:
        """Return the number-th plan for every signal."""
        return PlanSet("corridor", tuple(self._named(number)), {})

    def _named(self, number: int) -> list[TimingPlan]:
        plan = self.case.plans[number]
        return [replace(plan, signal_id=cabinet.config.name) for cabinet in self.cabinets]

    def runs(self, number: int) -> list[bool]:
        """Tell of each cabinet whether central control calls this plan and it may be run."""
        wanted = self._named(number)
        return [w.running() == plan for w, plan in zip(self.witnesses, wanted, strict=True)]

    def behind(self, addresses: Sequence[Address]) -> tuple[Device, ...]:
        """Return the device list that leads over other addresses."""
        return tuple(
            replace(device, host=host, port=port)
            for device, (host, port) in zip(self.devices, addresses, strict=True)
        )

    async def push(
        self,
        number: int,
        devices: Sequence[Device] | None = None,
        reach: Connect = connect,
        journal: Journal | None = None,
    ) -> PushReceipt:
        """Push the number-th plan to all of them."""
        plans = self.plan_set(number)
        until = BEGIN_UTC + timedelta(days=365)
        return await push(
            plans,
            PlanRelease(plans.digest, "0" * 64, "J. Doe", BEGIN_UTC, until, plans.scenario),
            self.devices if devices is None else devices,
            {cabinet.config.name: self.case.phasing for cabinet in self.cabinets},
            clock=now_utc,
            journal=journal or (lambda event: None),
            connect=reach,
        )

    def advance(self, seconds: int) -> None:
        """Let time pass on the street alone."""
        for witness in self.witnesses:
            for _ in range(seconds * 10):
                witness.step()


def now_utc() -> datetime:
    """Return the time of the running loop as a time of day."""
    return BEGIN_UTC + timedelta(seconds=1 + asyncio.get_running_loop().time())


def over(
    timeout_s: float = 2.0, resend_s: float = 0.5
) -> Callable[[Device], AbstractAsyncContextManager[NtcipDriver]]:
    """Return how to reach a device with these patiences."""
    return partial(connect, timeout_s=timeout_s, resend_s=resend_s)


@asynccontextmanager
async def corridor(
    case: Case,
    signals: int = 1,
    *,
    edition: Edition = Edition.V03,
    version: str = "v1",
    backup_s: int = BACKUP_S,
    start_s: float = 30.0,
    midnight_utc_s: int = 0,
    clockwork: bool = True,
) -> AsyncIterator[Corridor]:
    """Open a corridor of equal signals on the running loop.

    Parameters
    ----------
    case
        The signal.
    signals
        How many.
    edition, version, backup_s
        Of all devices.
    start_s, midnight_utc_s
        Time of the street at the begin, and the universal time of its second zero.
    clockwork
        Whether the street's time moves with the loop's.
    """
    loop = asyncio.get_running_loop()
    names = [f"s{number}" for number in range(signals)]
    in_force = case.plans[0]
    cabinets = [
        Cabinet(
            CabinetConfig(
                name,
                case.phasing,
                replace(in_force, signal_id=name),
                0,
                READ,
                WRITE,
                backup_s,
                60,
                edition,
                midnight_utc_s,
            ),
            start_s,
        )
        for name in names
    ]
    witnesses = [
        Witness(c, [replace(p, signal_id=c.config.name) for p in case.plans]) for c in cabinets
    ]
    stations = [Station(Agent(cabinet)) for cabinet in cabinets]
    async with AsyncExitStack() as stack:
        devices = []
        for name, station in zip(names, stations, strict=True):
            transport, _ = await loop.create_datagram_endpoint(
                lambda station=station: station,  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )
            stack.callback(transport.close)
            host, port = transport.get_extra_info("sockname")[:2]
            devices.append(
                Device(
                    name,
                    host,
                    port,
                    READ,
                    WRITE,
                    version,
                    in_force.offset_reference,
                )
            )
        if clockwork:
            task = loop.create_task(_clockwork(witnesses))
            stack.callback(task.cancel)
        yield Corridor(case, tuple(cabinets), tuple(witnesses), tuple(stations), tuple(devices))


async def _clockwork(witnesses: Sequence[Witness]) -> None:
    loop = asyncio.get_running_loop()
    begin_s, steps = loop.time(), 0
    while True:
        steps += 1
        await asyncio.sleep(begin_s + steps / 10 - loop.time())
        for witness in witnesses:
            witness.step()
