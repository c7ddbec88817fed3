"""A running SUMO street whose lights and detectors belong to somebody else.

The street advances one step at a time. Between two steps a controller decides what every signal
shows, and reads what its detectors saw.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal as signals
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import traci
from traci import constants as tc

from engine.validate.simulator import RunMeasures, SimulationCase
from engine.validate.sumo import STATISTICS, TRIPINFO, run_options
from engine.validate.sumo_files import DetectorSite, write_detectors
from engine.validate.sumo_output import read_measures
from engine.validate.sumo_process import environment, failure, find_program
from engine.validate.trips import Trips
from network.errors import SimulationError
from network.phasing import ASPECTS

_CONNECT_WITHIN_S: Final = 60.0
_PAUSE_S: Final = 0.02
_END_WITHIN_S: Final = 10.0
_labels = itertools.count()


class ClosedLoop:
    """SUMO, one step at a time, over TraCI on loopback.

    Use as a context; SUMO is gone when it is left, however it is left.

    Parameters
    ----------
    case, seed, additional, emissions
        As for `engine.validate.sumo.run`.
    sites
        Induction loops to read.
    timed
        Whether `edges` tells when they were reached and left.

    Attributes
    ----------
    time_s, step_s
        The street's clock, and the length of a step.
    trips
        Of every vehicle due, once it is finished.

    Raises
    ------
    SimulationError
        SUMO is missing, refused its input, or died.
    """

    def __init__(
        self,
        case: SimulationCase,
        seed: int,
        sites: Sequence[DetectorSite],
        additional: Sequence[Path] = (),
        emissions: bool = True,
        timed: bool = False,
    ) -> None:
        self._case = case
        self._seed = seed
        self._sites = tuple(sites)
        self._additional = tuple(additional)
        self._emissions = emissions
        self._timed = timed
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Any = None
        self._present: list[frozenset[str]] = [frozenset()] * len(self._sites)
        self._seen_vehicles: dict[int, Sequence[tuple[str, float, float, float, str]]] = {}
        self._started_s = 0.0
        self.time_s = case.begin_s
        self.step_s = 1.0
        self.trips: Trips | None = None

    def __enter__(self) -> ClosedLoop:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def show(self, aspects: Mapping[str, str]) -> None:
        """Set what signals show from now on, one character per signal group.

        Raises
        ------
        SimulationError
            SUMO does not know the signal, or its number of groups is another.
        ValueError
            A character is not an aspect; SUMO itself would take it silently.
        """
        for signal_id, state in aspects.items():
            if set(state) - ASPECTS:
                raise ValueError(f"signal {signal_id!r} cannot show {state!r}")
        with self._translated():
            for signal_id, state in aspects.items():
                self._link.trafficlight.setRedYellowGreenState(signal_id, state)

    def lamps(self, signal_ids: Iterable[str]) -> dict[str, str]:
        """Return what signals have shown in the last step, whoever runs them.

        One character per signal group, as `show` takes them.

        Raises
        ------
        SimulationError
            SUMO does not know a signal.
        """
        with self._translated():
            return {
                name: str(self._link.trafficlight.getRedYellowGreenState(name))
                for name in signal_ids
            }

    def step(self) -> tuple[tuple[int, float], ...]:
        """Advance one step.

        Returns
        -------
        tuple of (int, float)
            Per site, vehicles that reached the loop and the time it was occupied, s.
        """
        with self._translated():
            self._link.simulationStep()
            self.time_s = float(self._link.simulation.getTime())
            seen = self._link.inductionloop.getAllSubscriptionResults()
        if self._timed:
            loops = ((index, seen.get(f"d{index}", {})) for index in range(len(self._sites)))
            self._seen_vehicles = {
                index: values[tc.LAST_STEP_VEHICLE_DATA]
                for index, values in loops
                if values.get(tc.LAST_STEP_VEHICLE_DATA)
            }
        return tuple(
            self._read(index, seen.get(f"d{index}", {})) for index in range(len(self._sites))
        )

    def edges(self) -> list[tuple[float, int, bool]]:
        """Return when loops were reached and left during the last step, in order of time.

        Returns
        -------
        list of (float, int, bool)
            Time in s, number of the site, and whether it was reached. Times are SUMO's own,
            finer than a step.
        """
        begin_s = self.time_s - self.step_s
        found = []
        for index, values in self._seen_vehicles.items():
            for _, _, entered_s, left_s, _ in values:
                if entered_s > begin_s:
                    found.append((float(entered_s), index, True))
                if left_s > begin_s:
                    found.append((float(left_s), index, False))
        return sorted(found)

    def finish(self) -> RunMeasures:
        """End the street now and measure everything up to here.

        Vehicles due after this moment do not count.
        """
        assert self._folder is not None
        assert self._process is not None
        with self._translated():
            self._link.close()
        self._link = None
        try:
            code = self._process.wait(timeout=_END_WITHIN_S)
        except subprocess.TimeoutExpired as error:
            raise SimulationError("SUMO did not end when asked to") from error
        work = Path(self._folder.name)
        if code != 0:
            raise SimulationError(failure("sumo", code, self._messages()))
        wall_s = time.perf_counter() - self._started_s
        measures, self.trips = read_measures(
            work / TRIPINFO, work / STATISTICS, self._case, self._seed, 0, wall_s
        )
        return measures

    def _read(self, index: int, values: Mapping[int, Any]) -> tuple[int, float]:
        now = frozenset(values.get(tc.LAST_STEP_VEHICLE_ID_LIST, ()))
        fresh = len(now - self._present[index])
        self._present[index] = now
        share = max(0.0, float(values.get(tc.LAST_STEP_OCCUPANCY, 0.0))) / 100.0
        return fresh, min(share, 1.0) * self.step_s

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="throughband-")
        work = Path(self._folder.name)
        loops = work / "loops.add.xml"
        write_detectors(loops, self._sites, self._case.end_s - self._case.begin_s, work / "e1.xml")
        program, home = find_program("sumo")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        additional = (*self._additional, loops) if self._sites else self._additional
        options = run_options(self._case, self._seed, additional, work, self._emissions)
        options |= {"remote-port": str(port), "num-clients": "1"}
        command = [str(program), *(p for k, v in options.items() for p in (f"--{k}", v))]
        self._started_s = time.perf_counter()
        with (work / "messages.txt").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=work,
                env=environment(home),
                start_new_session=True,
            )
        self._link = self._connected(port)
        with self._translated():
            self.step_s = float(self._link.simulation.getDeltaT())
            for index in range(len(self._sites)):
                wanted = [tc.LAST_STEP_VEHICLE_ID_LIST, tc.LAST_STEP_OCCUPANCY]
                if self._timed:
                    wanted.append(tc.LAST_STEP_VEHICLE_DATA)
                self._link.inductionloop.subscribe(f"d{index}", wanted)

    def _connected(self, port: int) -> Any:
        assert self._process is not None
        deadline_s = time.monotonic() + _CONNECT_WITHIN_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise SimulationError(failure("sumo", self._process.returncode, self._messages()))
            try:
                # No retries in there: they print, and wait a second each.
                return traci.connect(
                    port, numRetries=0, host="127.0.0.1", label=f"street-{next(_labels)}"
                )
            except (traci.exceptions.FatalTraCIError, traci.exceptions.TraCIException, OSError):
                time.sleep(_PAUSE_S)
        raise SimulationError("SUMO started but did not open its control port in time")

    @contextlib.contextmanager
    def _translated(self) -> Any:
        try:
            yield
        except traci.exceptions.FatalTraCIError as error:
            code = self._process.poll() if self._process else None
            if code is None and self._process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = self._process.wait(timeout=1.0)
            detail = failure("sumo", code if code is not None else -1, self._messages())
            raise SimulationError(f"the street at {self.time_s:g} s: {detail}") from error
        except traci.exceptions.TraCIException as error:
            raise SimulationError(f"the street at {self.time_s:g} s: {error}") from error
        except OSError as error:
            raise SimulationError(
                f"the street at {self.time_s:g} s: lost SUMO ({error})"
            ) from error

    def _messages(self) -> str:
        if self._folder is None:
            return ""
        file = Path(self._folder.name) / "messages.txt"
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    def _end(self) -> None:
        # SUMO goes first: a conversation broken off in the middle cannot be closed in peace.
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signals.SIGKILL)
            self._process.wait()
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(Exception):
                link.close(wait=False)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
