"""SUMO inside this process, through libsumo: no socket between a controller and its street.

One simulation a process at a time, for libsumo holds one for all; the extra ``fast`` installs it.
The first street of a process is, vehicle by vehicle, the day that the same seed is over TraCI.
Later ones need not be: libsumo does not forget all of the street before (on cologne3 under
max-pressure a second run of one seed came to 20.5 s of delay instead of 20.2 s). So whoever
promises the same result for the same seed, as the benchmark suites do, plays over TraCI.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from traci import constants as tc

from engine.validate.closed_loop import ClosedLoop
from engine.validate.simulator import RunMeasures
from engine.validate.sumo import STATISTICS, TRIPINFO, run_options
from engine.validate.sumo_files import write_detectors
from engine.validate.sumo_output import read_measures
from engine.validate.sumo_process import find_program
from network.errors import SimulationError

_running: list[ClosedLoop] = []
"""The one street that libsumo plays now."""


def libsumo() -> Any:
    """Return the library.

    Raises
    ------
    SimulationError
        If it is not installed.
    """
    try:
        return importlib.import_module("libsumo")
    except ImportError as error:
        raise SimulationError(
            f"SUMO inside the process needs the extra 'fast' (libsumo): {error}"
        ) from error


class InProcess(ClosedLoop):
    """A `ClosedLoop` whose SUMO is a library of this process.

    Raises
    ------
    SimulationError
        As `ClosedLoop`; and if another one runs in this process.
    """

    def finish(self) -> RunMeasures:
        """End the street now and measure everything up to here."""
        assert self._folder is not None
        with self._translated():
            self._link.close()
        self._link = None
        _running.clear()
        work = Path(self._folder.name)
        wall_s = time.perf_counter() - self._started_s
        measures, self.trips = read_measures(
            work / TRIPINFO, work / STATISTICS, self._case, self._seed, 0, wall_s
        )
        return measures

    def _start(self) -> None:
        if _running:
            raise SimulationError("this process plays a street already; libsumo holds only one")
        library = libsumo()
        self._folder = tempfile.TemporaryDirectory(prefix="throughband-")
        work = Path(self._folder.name)
        loops = work / "loops.add.xml"
        write_detectors(loops, self._sites, self._case.end_s - self._case.begin_s, work / "e1.xml")
        additional = (*self._additional, loops) if self._sites else self._additional
        options = run_options(self._case, self._seed, additional, work, self._emissions)
        # What it has to say would stand between the lines of our own output.
        options |= {
            "message-log": str(work / "messages.txt"),
            "no-warnings": "true",
            "no-duration-log": "true",
            "duration-log.statistics": "false",
            "verbose": "false",
        }
        program, _ = find_program("sumo")
        self._started_s = time.perf_counter()
        self._link = library
        _running.append(self)
        with self._translated():
            library.start([str(program), *(p for k, v in options.items() for p in (f"--{k}", v))])
            self.step_s = float(library.simulation.getDeltaT())
            for index in range(len(self._sites)):
                wanted = [tc.LAST_STEP_VEHICLE_ID_LIST, tc.LAST_STEP_OCCUPANCY]
                library.inductionloop.subscribe(f"d{index}", wanted)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        library = libsumo()
        try:
            yield
        except (library.TraCIException, library.FatalTraCIError) as error:
            raise SimulationError(f"the street at {self.time_s:g} s: {error}") from error

    def _end(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(Exception):
                link.close()
            _running.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
