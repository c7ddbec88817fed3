"""The street of a demonstration: SUMO traffic under emulated controllers, read over SNMP.

Every signal gets a virtual cabinet that speaks NTCIP 1202 on a UDP port of its own and decides
what its lamps show. The bridge sees nothing but those ports.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import numpy as np

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.detectors import DetectorReader
from controllers.ntcip.session import connect
from engine.validate.closed_loop import ClosedLoop
from engine.validate.simulator import RunMeasures, SimulationCase
from network.counts import CountSeries
from network.errors import ControllerError, SimulationError
from network.graph import Connection, RoadNetwork
from network.units import tenths
from throughband.demand import INTERVAL_S, detected_connections, detector_counts, sites

_log = logging.getLogger(__name__)

PERIOD_S = 150
"""Counting period of the cabinets; NTCIP 1202 counts in periods of at most 255 s."""

BACKUP_TIME_S = 300
LONGEST_STEP_S = 1.0
"""Lights change in tenths and vehicles pass a detector within a second; a street that moves in
longer steps shows neither."""


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
    """

    def __init__(
        self,
        network: RoadNetwork,
        loop: ClosedLoop,
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
        self._periods: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []

    @property
    def time_s(self) -> float:
        """Time on the street, s after midnight."""
        return self._loop.time_s

    async def run_until(
        self, time_s: float, progress: Callable[[float], None] | None = None
    ) -> None:
        """Let traffic run; read the detectors over SNMP whenever a counting period has ended.

        Parameters
        ----------
        time_s
            Until when, s after midnight.
        progress
            Called with the time reached, once per counting period.
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
            # By the clock, not by the step: steps need not be whole tenths.
            due_ds = tenths(self._loop.time_s - self._start_s)
            for signal_id, cabinet in self._cabinets.items():
                for number, site in enumerate(self._site_of[signal_id], start=1):
                    vehicles, occupied_s = seen[site]
                    if vehicles or occupied_s:
                        cabinet.actuate(number, vehicles, occupied_s)
                for _ in range(due_ds - self._played_ds):
                    cabinet.step()
            self._played_ds = due_ds
            if self._loop.time_s >= self._next_period_s - 1e-9:
                self._next_period_s += PERIOD_S
                await self._read_period()
                if progress is not None:
                    progress(self._loop.time_s)

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
) -> AsyncIterator[Street]:
    """Start traffic and controllers, and stop both when the context is left.

    Parameters
    ----------
    case, network, seed
        What to play.
    host, base_port
        Where the controllers listen; port 0 takes free ones.

    Raises
    ------
    ControllerError
        A port is taken, or no signal can be run by a controller.
    SimulationError
        SUMO is missing or died.
    """
    connections = detected_connections(network)
    # Nothing but this process needs them, so they are new every time and never written down.
    read_community, write_community = secrets.token_hex(8), secrets.token_hex(8)
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
            read_community,
            write_community,
            BACKUP_TIME_S,
            PERIOD_S,
        )
        try:
            cabinets[signal.signal_id] = Cabinet(config, case.begin_s)
        except ControllerError as error:
            skipped.append(Skipped(signal.signal_id, str(error)))
    if not cabinets:
        raise ControllerError(
            "no signal of this street can be run by a controller: "
            + "; ".join(f"{item.signal_id}: {item.reason}" for item in skipped)
        )
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(serve(list(cabinets.values()), host, base_port))
        devices = tuple(
            Device(signal_id, address[0], address[1], read_community, write_community)
            for signal_id, address in zip(cabinets, addresses, strict=True)
        )
        readers = {
            device.signal_id: DetectorReader(await stack.enter_async_context(connect(device)))
            for device in devices
        }
        loop = stack.enter_context(ClosedLoop(case, seed, sites(connections)))
        if loop.step_s > LONGEST_STEP_S:
            raise SimulationError(
                f"{case.config_file}: step-length is {loop.step_s:g} s; the street with its "
                f"controllers needs {LONGEST_STEP_S:g} s or less"
            )
        yield Street(
            network,
            loop,
            cabinets,
            devices,
            readers,
            connections,
            tuple(skipped),
            case.begin_s,
        )
