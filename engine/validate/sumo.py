"""Running SUMO as a process of its own: one run, or many side by side.

The measuring rule: delay is the sum, over every vehicle due in [begin, end), of its time
loss and its departure delay, finished or not, and for a vehicle never inserted of the time
from its due moment to the end; divided by the number of vehicles due. So a plan cannot look
better by keeping traffic outside. It is SUMO's time loss against the vehicle's own desired
speed, not the HCM's control delay. Stops, speed and emissions are of inserted vehicles.
Travel time runs from the due moment to the arrival, or to the end for the others, which
favors neither side of a comparison but is short of the truth where many are unfinished.

What is not modeled: warm-up is not cut off; a vehicle due before ``begin`` is not loaded by
SUMO and not counted; vehicles vanish into thin air only where the configuration itself sets
a teleport time.

Of the user's configuration every option holds, but for those that would falsify or break the
measurement: random seeding, dropping late vehicles (``max-depart-delay``), waiting for a
TraCI client, another time notation, and where its own outputs are written.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.validate.simulator import Progress, RunMeasures, SimulationCase, Variant
from engine.validate.sumo_files import option_names
from engine.validate.sumo_output import read_measures
from engine.validate.sumo_process import run_process
from engine.validate.trips import Trips
from network.errors import SimulationError

_log = logging.getLogger(__name__)
TIMEOUT_S: Final = 3600.0
TRIPINFO: Final = "tripinfo.xml"
STATISTICS: Final = "statistics.xml"
_POLL_S: Final = 0.2
_DISORDER: Final = "Route file should be sorted by departure time, ignoring"
_LOG_OPTIONS: Final = ("log", "message-log", "error-log")


@dataclass(frozen=True, slots=True)
class SumoSimulator:
    """The `Simulator` that SUMO is.

    Parameters
    ----------
    timeout_s
        Wall-clock limit of a single run.
    """

    timeout_s: float = TIMEOUT_S

    def run(
        self,
        case: SimulationCase,
        seed: int,
        additional: Sequence[Path] = (),
        out_dir: Path | None = None,
        emissions: bool = True,
    ) -> RunMeasures:
        """See `run`."""
        return run(case, seed, additional, out_dir, emissions, timeout_s=self.timeout_s)

    def run_many(
        self,
        case: SimulationCase,
        variants: Sequence[Variant],
        seeds: Sequence[int],
        workers: int = 1,
        progress: Progress | None = None,
        emissions: bool = True,
    ) -> tuple[tuple[RunMeasures, ...], ...]:
        """See `run_many`."""
        return run_many(
            case, variants, seeds, workers, progress, emissions, timeout_s=self.timeout_s
        )


def run(
    case: SimulationCase,
    seed: int,
    additional: Sequence[Path] = (),
    out_dir: Path | None = None,
    emissions: bool = True,
    *,
    options: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    cancel: threading.Event | None = None,
) -> RunMeasures:
    """Play one seed of a case in SUMO, and return its measures.

    All else is as for `play`.
    """
    return play(
        *(case, seed, additional, out_dir, emissions),
        options=options,
        timeout_s=timeout_s,
        cancel=cancel,
    )[0]


def play(
    case: SimulationCase,
    seed: int,
    additional: Sequence[Path] = (),
    out_dir: Path | None = None,
    emissions: bool = True,
    *,
    options: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    cancel: threading.Event | None = None,
) -> tuple[RunMeasures, Trips]:
    """Play one seed of a case in SUMO.

    Parameters
    ----------
    case
        What to play.
    seed
        SUMO's random seed.
    additional
        Files loaded after the case's own additional files, so that their programs win.
    out_dir
        Where to keep `TRIPINFO` and `STATISTICS`; made if missing. Nothing is
        kept without it.
    emissions
        Whether to measure carbon dioxide, which costs about a third more time.
    options
        Further options of SUMO by their long names; they win over ours.
    timeout_s
        Wall-clock limit.
    cancel
        Ends the run from another thread when set.

    Returns
    -------
    RunMeasures
        The same for the same arguments, but for ``wall_s``.
    Trips
        Of every vehicle due.

    Raises
    ------
    SimulationError
        SUMO is missing, refused its input, died, took too long or was cancelled.
    """
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        work = Path(folder)
        settings = run_options(case, seed, additional, work, emissions) | dict(options or {})
        command = ["sumo", *(part for k, v in settings.items() for part in (f"--{k}", v))]
        started_s = time.perf_counter()
        messages = run_process(command, work, timeout_s, cancel)
        wall_s = time.perf_counter() - started_s
        ignored = messages.count(_DISORDER)
        if ignored:
            _log.warning(
                "%s: SUMO ignored %d vehicles or flows because the route file is not sorted "
                "by departure time; sort it",
                *(case.config_file.name, ignored),
            )
        outputs = (work / TRIPINFO, work / STATISTICS)
        measures, trips = read_measures(*outputs, case, seed, ignored, wall_s)
        if out_dir is not None:
            try:
                out_dir.mkdir(parents=True, exist_ok=True)
                for file in outputs:
                    shutil.copyfile(file, out_dir / file.name)
            except OSError as error:
                raise SimulationError(
                    f"the run's files cannot be kept in {out_dir}: {error.strerror or error}"
                ) from error
        return measures, trips


def run_many(
    case: SimulationCase,
    variants: Sequence[Variant],
    seeds: Sequence[int],
    workers: int = 1,
    progress: Progress | None = None,
    emissions: bool = True,
    *,
    timeout_s: float = TIMEOUT_S,
) -> tuple[tuple[RunMeasures, ...], ...]:
    """Play every variant under every seed, several SUMO processes at a time.

    Parameters
    ----------
    case, emissions, timeout_s
        As for `run`.
    variants, seeds
        What to play; every seed plays every variant.
    workers
        Most SUMO processes alive at a time.
    progress
        Called from this thread as runs finish.

    Returns
    -------
    tuple[tuple[RunMeasures, ...], ...]
        One row per variant, one column per seed, however the runs finished.

    Raises
    ------
    SimulationError
        The first run that failed; the others are ended.
    """
    if workers < 1:
        raise SimulationError(f"the number of workers is {workers}; at least 1 is needed")
    cancel = threading.Event()
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="sumo")

    def play(variant: Variant, seed: int) -> RunMeasures:
        files = variant.additional_files
        return run(case, seed, files, None, emissions, timeout_s=timeout_s, cancel=cancel)

    try:
        # Seeds outside, variants inside: what is compared runs under the same load.
        futures = {
            (row, column): pool.submit(play, variant, seed)
            for column, seed in enumerate(seeds)
            for row, variant in enumerate(variants)
        }
        _wait_for_all(list(futures.values()), progress)
    finally:
        cancel.set()  # changes nothing for finished runs
        pool.shutdown(wait=True, cancel_futures=True)
    return tuple(
        tuple(futures[row, column].result() for column in range(len(seeds)))
        for row in range(len(variants))
    )


def _wait_for_all(futures: Sequence[Future[RunMeasures]], progress: Progress | None) -> None:
    """Report progress until all are done; raise the first failure at once."""
    pending = set(futures)
    reported = 0
    while pending:
        done, pending = wait(pending, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        finished = len(futures) - len(pending)
        if progress is not None and finished > reported:
            reported = finished
            progress(finished, len(futures))


def run_options(
    case: SimulationCase, seed: int, additional: Sequence[Path], work: Path, emissions: bool
) -> dict[str, str]:
    """Collect the options of a run; SUMO takes each of them only once."""
    own = option_names(case.config_file)
    # The options replace the configuration's lists, so that the case alone decides; its own
    # additional files are repeated in front of ours.
    inputs = {
        "net-file": (case.net_file,),
        "route-files": case.route_files,
        "additional-files": (*case.additional_files, *additional),
    }
    for file in (file for files in inputs.values() for file in files):
        if "," in str(file.absolute()):
            raise SimulationError(f"SUMO cannot load {file}: rename it without a comma")
    # Side outputs land with the run: beside the configuration they would overwrite each
    # other, and that folder may not be ours to write.
    options = {
        name: str(work / f"own-{name}.xml")
        for name in sorted(own)
        if name.endswith("-output") or name in _LOG_OPTIONS
    }
    options |= {
        "configuration-file": str(case.config_file.absolute()),
        "begin": f"{case.begin_s:.10g}",
        "end": f"{case.end_s:.10g}",
        "seed": str(seed),
        "random": "false",
        "max-depart-delay": "-1",
        "tripinfo-output": str(work / TRIPINFO),
        "tripinfo-output.write-unfinished": "true",
        "tripinfo-output.write-undeparted": "true",
        "device.tripinfo.probability": "1",
        "statistic-output": str(work / STATISTICS),
        "duration-log.statistics": "true",
        "output-prefix": "",
        "human-readable-time": "false",
        "remote-port": "0",
        "no-step-log": "true",
        "no-warnings": "false",
        "xml-validation": "never",
    }
    for name, files in inputs.items():
        if files:
            options[name] = ",".join(str(file.absolute()) for file in files)
    if "time-to-teleport" not in own:
        options["time-to-teleport"] = "-1"
    if emissions:
        options["device.emissions.probability"] = "1"
    return options
