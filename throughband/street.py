"""The street of a demonstration: SUMO traffic under emulated controllers, read over SNMP.

Every signal gets a virtual cabinet that speaks NTCIP 1202 on a UDP port of its own and decides
what its lamps show. The bridge sees nothing but those ports.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.detectors import DetectorReader
from controllers.ntcip.session import connect
from engine.adaptive.sensing import Traffic
from engine.validate.simulator import RunMeasures, SimulationCase
from engine.validate.tracked_loop import TrackedLoop
from network.counts import CountSeries
from network.errors import ControllerError, SimulationError
from network.graph import Connection, RoadNetwork
from network.units import TENTHS_PER_SECOND, tenths
from throughband.access import Access, new_access, reached_at
from throughband.counts.demand import INTERVAL_S, detected_connections, detector_counts, sites

_log = logging.getLogger(__name__)

PERIOD_S = 150
"""Counting period of the cabinets; NTCIP 1202 counts in periods of at most 255 s."""

BACKUP_TIME_S = 300
LONGEST_STEP_S = 1.0
"""Lights change in tenths and vehicles pass a detector within a second; a street that moves in
longer steps shows neither."""


DAY_S: Final = 86_400

Pace = Callable[[float], Awaitable[None]]
"""Called with the second of the street that is due; returns when it may begin."""


Witness = Callable[[Mapping[str, str], tuple[tuple[int, float], ...]], None]
"""Sees, by signal, what the lamps showed during a step, and of each of
`detected_connections` the vehicles that came and the time it was occupied, s."""


def _zero() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the controllers of a street are reached, and what time it is to them.

    Attributes
    ----------
    host, base_port
        Where they listen; port 0 takes free ones.
    version
        ``"v1"``, ``"v2c"`` or ``"v3"``.
    midnight_utc_s
        Returns the universal time of second zero of the street, in s since 1970; asked once,
        when the traffic is ready. Local time stays that of the street.
    counted
        Whether the street reads its own detectors over SNMP, for `Street.counts`.
    tracked
        Whether every vehicle can be seen, for `Street.traffic`.
    backup_time_s
        After so long without a word from central the controllers forget what it asked of them, s.
    """

    host: str = "127.0.0.1"
    base_port: int = 0
    version: str = "v1"
    midnight_utc_s: Callable[[], int] = _zero
    counted: bool = True
    tracked: bool = False
    backup_time_s: int = BACKUP_TIME_S


@dataclass(frozen=True, slots=True)
class Skipped:
    """A signal without an emulated controller, and why; SUMO runs its program itself."""

    signal_id: str
    reason: str


class Street:
    """A running street. Made by `open_street`.

    Attributes
    ----------
    devices
        The controllers as the bridge knows them.
    skipped
        Signals without a controller.
    deaf
        Connections whose detectors are dead: they see nobody.
    """

    def __init__(
        self,
        network: RoadNetwork,
        loop: TrackedLoop,
        cabinets: Mapping[str, Cabinet],
        devices: tuple[Device, ...],
        readers: Mapping[str, DetectorReader],
        connections: tuple[Connection, ...],
        skipped: tuple[Skipped, ...],
        start_s: float,
    ) -> None:
        self.devices = devices
        self.skipped = skipped
        self._network = network
        self._loop = loop
        self._cabinets = cabinets
        self._readers = readers
        self._connections = connections
        self._start_s = start_s
        self._shown: dict[str, str] = {}
        self._next_period_s = start_s + PERIOD_S
        self._played_ds = 0
        column = {c.connection_id: i for i, c in enumerate(connections)}
        self._site_of = {
            signal_id: [column[c.connection_id] for c in _detected(network, signal_id)]
            for signal_id in cabinets
        }
        self._place_of = {
            site: (cabinets[signal_id], number)
            for signal_id, found in self._site_of.items()
            for number, site in enumerate(found, start=1)
        }
        self._on: dict[int, int] = {}
        self.deaf: set[str] = set()
        self._periods: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []

    @property
    def time_s(self) -> float:
        """Time on the street, s after midnight."""
        return self._loop.time_s

    @property
    def traffic(self) -> Traffic:
        """Every vehicle on the street now, where the wiring says that it is tracked."""
        return self._loop.traffic()

    @property
    def cabinets(self) -> Mapping[str, Cabinet]:
        """The controllers from inside, for those who try them; the bridge knows `devices` alone."""
        return self._cabinets

    async def run_until(
        self,
        time_s: float,
        progress: Callable[[float], None] | None = None,
        pace: Pace | None = None,
        witness: Witness | None = None,
    ) -> None:
        """Let traffic run; read the detectors over SNMP whenever a counting period has ended.

        Parameters
        ----------
        time_s
            Until when, s after midnight.
        progress
            Called with the time reached, once per counting period.
        pace
            Awaited before every tenth of a second, so that others can speak to the controllers.
        witness
            Called after every step of the traffic.
        """
        while self._loop.time_s < time_s - 1e-9:
            changed = {
                signal_id: cabinet.aspects
                for signal_id, cabinet in self._cabinets.items()
                if cabinet.aspects != self._shown.get(signal_id)
            }
            self._shown.update(changed)
            self._loop.show(changed)
            seen = self._loop.step()
            if witness is not None:
                witness(self._shown, seen)
            # By the clock, not by the step: steps need not be whole tenths.
            due_ds = tenths(self._loop.time_s - self._start_s)
            edges = deque(self._loop.edges())
            for moment_ds in range(self._played_ds, due_ds):
                moment_s = self._start_s + moment_ds / TENTHS_PER_SECOND
                if pace is not None:
                    await pace(moment_s)
                # The last tenth takes the rest: a step need not be whole tenths.
                until_s = moment_s + 1 / TENTHS_PER_SECOND
                while edges and (edges[0][0] < until_s or moment_ds == due_ds - 1):
                    self._sense(*edges.popleft()[1:])
                for cabinet in self._cabinets.values():
                    cabinet.step()
            self._played_ds = due_ds
            if self._loop.time_s >= self._next_period_s - 1e-9:
                self._next_period_s += PERIOD_S
                if self._readers:
                    await self._read_period()
                if progress is not None:
                    progress(self._loop.time_s)

    def _sense(self, site: int, reached: bool) -> None:
        """Put a vehicle on a detector, or take one off."""
        place = self._place_of.get(site)
        if place is None:
            return
        if self._connections[site].connection_id in self.deaf:
            return
        cabinet, number = place
        count = self._on[site] = max(0, self._on.get(site, 0) + (1 if reached else -1))
        cabinet.detect(number, present=count > 0)

    async def _read_period(self) -> None:
        row = np.full(len(self._connections), np.nan)
        names = list(self._readers)
        results = await asyncio.gather(*(self._readers[name].poll() for name in names))
        for name, period in zip(names, results, strict=True):
            if period is None:
                _log.warning("signal %s: its counting period did not end in time", name)
                continue
            for entry in period.counts:
                if entry.vehicles is not None:
                    row[self._site_of[name][entry.detector - 1]] = entry.vehicles
                else:
                    _log.warning("signal %s detector %d: %s", name, entry.detector, entry.fault)
        self._periods.append(row)

    def counts(self) -> CountSeries:
        """Return what the controllers counted so far, in whole intervals.

        Raises
        ------
        SimulationError
            Before the first interval has ended.
        """
        per_interval = INTERVAL_S // PERIOD_S
        whole = len(self._periods) // per_interval
        if whole == 0:
            raise SimulationError("the street has not run for a whole counting interval yet")
        table = np.array(self._periods[: whole * per_interval])
        volume = table.reshape(whole, per_interval, -1).sum(axis=1)
        return detector_counts(self._connections, self._start_s, INTERVAL_S, volume)

    def finish(self) -> RunMeasures:
        """End the street and measure it."""
        return self._loop.finish()


def _detected(network: RoadNetwork, signal_id: str) -> tuple[Connection, ...]:
    return network.signals[signal_id].connections


@asynccontextmanager
async def open_street(
    case: SimulationCase,
    network: RoadNetwork,
    seed: int,
    host: str = "127.0.0.1",
    base_port: int = 0,
    wiring: Wiring | None = None,
) -> AsyncIterator[Street]:
    """Start traffic and controllers, and stop both when the context is left.

    Parameters
    ----------
    case, network, seed
        What to play.
    host, base_port
        Where the controllers listen; port 0 takes free ones.
    wiring
        All of that and more, in place of host and port.

    Raises
    ------
    ControllerError
        A port is taken, or no signal can be run by a controller.
    SimulationError
        SUMO is missing or died.
    """
    wiring = wiring or Wiring(host, base_port)
    connections = detected_connections(network)
    access = new_access(wiring.version)
    # Before SUMO is started for nothing.
    _cabinets(network, case.begin_s, access, 0, wiring.backup_time_s)
    async with AsyncExitStack() as stack:
        loop = stack.enter_context(TrackedLoop(case, seed, sites(connections), timed=True))
        if wiring.tracked:
            loop.watch_vehicles()
        if loop.step_s > LONGEST_STEP_S:
            raise SimulationError(
                f"{case.config_file}: step-length is {loop.step_s:g} s; the street with its "
                f"controllers needs {LONGEST_STEP_S:g} s or less"
            )
        cabinets, skipped = _cabinets(
            network, case.begin_s, access, wiring.midnight_utc_s(), wiring.backup_time_s
        )
        addresses = await stack.enter_async_context(
            serve(
                list(cabinets.values()),
                wiring.host,
                wiring.base_port,
                # The street may be slow or fast; a manager of SNMPv3 counts real seconds.
                engine_clock=asyncio.get_running_loop().time,
            )
        )
        devices = tuple(
            Device(
                signal_id,
                reached_at(address[0]),
                address[1],
                access.read_community,
                access.write_community,
                wiring.version,
                read_user=access.read_user,
                write_user=access.write_user,
            )
            for signal_id, address in zip(cabinets, addresses, strict=True)
        )
        readers = {
            device.signal_id: DetectorReader(await stack.enter_async_context(connect(device)))
            for device in (devices if wiring.counted else ())
        }
        yield Street(
            network,
            loop,
            cabinets,
            devices,
            readers,
            connections,
            skipped,
            case.begin_s,
        )


def _cabinets(
    network: RoadNetwork, begin_s: float, access: Access, midnight_utc_s: int, backup_time_s: int
) -> tuple[dict[str, Cabinet], tuple[Skipped, ...]]:
    """Build the cabinets of all signals that can have one.

    Raises
    ------
    ControllerError
        There is none.
    """
    cabinets: dict[str, Cabinet] = {}
    skipped: list[Skipped] = []
    for signal in network.signals.values():
        if signal.phasing is None or signal.plan_in_force is None:
            skipped.append(Skipped(signal.signal_id, signal.left_alone))
            continue
        config = CabinetConfig(
            signal.signal_id,
            signal.phasing,
            signal.plan_in_force,
            len(signal.connections),
            access.read_community,
            access.write_community,
            backup_time_s,
            PERIOD_S,
            midnight_utc_s=midnight_utc_s,
            read_user=access.read_user,
            write_user=access.write_user,
            standard_zone_s=_zone_s(midnight_utc_s),
        )
        try:
            cabinets[signal.signal_id] = Cabinet(config, begin_s)
        except ControllerError as error:
            skipped.append(Skipped(signal.signal_id, str(error)))
    if not cabinets:
        raise ControllerError(
            "no signal of this street can be run by a controller: "
            + "; ".join(f"{item.signal_id}: {item.reason}" for item in skipped)
        )
    return cabinets, tuple(skipped)


def _zone_s(midnight_utc_s: int) -> int:
    """Return the offset from universal time that makes this instant a local midnight, in s."""
    return DAY_S // 2 - (midnight_utc_s + DAY_S // 2) % DAY_S
