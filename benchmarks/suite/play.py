"""The three things a worker can be asked: build a street, prepare a controller, play a seed.

Each takes one small value and returns one; nothing is shared but the installed packages. Files
of made-up and disturbed streets travel as bytes, so that no common disk is needed.
"""

from __future__ import annotations

import hashlib
import math
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.suite.controllers import ProgramController, named
from benchmarks.suite.dead_detectors import dead_lanes, on_recall
from benchmarks.suite.faults import deadened, disturb
from benchmarks.suite.instruments import lay, read
from benchmarks.suite.jobs import (
    FAULTLESS,
    RESCO_RULES,
    STREET_RULES,
    TROUBLE,
    Job,
    Outcome,
    Street,
    parse_fault,
)
from benchmarks.suite.programs import Prepared, Programs
from benchmarks.suite.resco import LONGEST_WAIT_S as RESCO_LONGEST_WAIT_S
from benchmarks.suite.resco import with_resco_changes
from benchmarks.suite.results import NO_ROOM, DiskFullError
from benchmarks.suite.scenes import beside, digest, is_made_up, open_scene, rewritten, ruled
from benchmarks.suite.trips import measures_of, parquet
from benchmarks.suite.versions import code_digest, revision, versions
from engine.adaptive.control import Information
from engine.adaptive.player import LONGEST_WAIT_S
from engine.adaptive.sites import build_sites
from engine.validate import sumo
from engine.validate.adaptive_loop import run_adaptive
from engine.validate.simulator import SimulationCase
from network.counts import CountSeries
from network.errors import ScenarioError, ThroughbandError
from scenarios.scenario import Scenario
from throughband.counts.demand import COUNTING_SEEDS, counted_days
from throughband.exchange.imported import COUNTS_NAME
from throughband.setting import Setting, open_setting
from throughband.steering import LiveController

MISSING_DETECTORS: Final = "missing-detectors"
LEAST_ROOM_BYTES: Final = 1_000_000
Files = TypeVar("Files", Scenario, SimulationCase)
_MOST_OPENED: Final = 4
_OPENED: Final[dict[tuple[Street, str], Setting]] = {}
"""Streets that this process has read; jobs come street by street."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One street under one traffic, ready to be played anywhere.

    Attributes
    ----------
    street
        Which.
    name
        How it opens: a catalog name or path, or the configuration among the files.
    files
        What must be written before it opens; empty where the worker has it.
    digest
        Of all that it loads.
    reason
        Why there is none; empty where there is.
    """

    street: Street
    name: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    digest: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A controller to prepare on a street, with what was counted there."""

    ground: Ground
    controller: str
    days: tuple[CountSeries, ...] = ()


@dataclass(frozen=True, slots=True)
class Play:
    """A seed to play."""

    job: Job
    ground: Ground
    programs: Programs


def build(street: Street) -> Ground:
    """Build a street; a failure is a reason."""
    try:
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            folder = Path(scratch)
            scenario = open_scene(street.scenario, folder, street.begin_s, street.end_s)
            plain = not is_made_up(street.scenario)
            if street.rules == STREET_RULES:
                scenario = ruled(scenario, folder / "ruled")
                plain = False
            fault = parse_fault(street.fault)
            if fault.kind not in (FAULTLESS, MISSING_DETECTORS):
                scenario = disturb(scenario, fault, folder / "disturbed")
                plain = False
            if street.scale != 1.0:
                options = {"scale": f"{street.scale:g}"}
                scenario = rewritten(scenario, folder / "scaled", options=options)
                plain = False
            if not street.plain and any(side.name == COUNTS_NAME for side in beside(scenario)):
                # They tell of another day, or were taken by detectors that are dead now.
                scenario = rewritten(scenario, folder / "uncounted", options={}, counts=False)
                plain = False
            if plain:
                return Ground(street, street.scenario, {}, digest(scenario))
            files, config = _packed(scenario, folder)
            return Ground(street, config, files, _digest_of(files))
    except ThroughbandError as error:
        return Ground(street, reason=_told(error))


def counted(ground: Ground) -> tuple[CountSeries, ...] | str:
    """Count a street on the counting seeds; a text says why that cannot be."""
    try:
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            setting = _open(ground, Path(scratch))
            days = counted_days(setting.case, setting.network, COUNTING_SEEDS)
    except ThroughbandError as error:
        return _told(error)
    fault = parse_fault(ground.street.fault)
    if fault.kind != MISSING_DETECTORS:
        return days
    return tuple(deadened(day, fault.amount) for day in days)


def prepare(task: Preparation) -> Prepared:
    """Prepare a program controller; a failure is a reason."""
    controller = named(task.controller)
    assert isinstance(controller, ProgramController)
    began_s = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            folder = Path(scratch)
            setting = _open(task.ground, folder / "street")
            work = folder / "work"
            work.mkdir()
            programs = controller.prepare(setting, task.days, work)
            fault = parse_fault(task.ground.street.fault)
            if fault.kind == MISSING_DETECTORS:
                dead = dead_lanes(setting.network, fault.amount)
                programs = tuple(on_recall(one, setting.network, dead) for one in programs)
    except ThroughbandError as error:
        return Prepared(reason=_told(error), wall_s=time.perf_counter() - began_s)
    return Prepared(programs, wall_s=time.perf_counter() - began_s)


def play(task: Play) -> Outcome:
    """Play one seed; a failure is an outcome with a reason."""
    job = task.job
    controller = named(job.controller)
    facts: dict[str, Any] = {
        "controller": {
            "version": controller.version,
            "source": controller.source,
            **task.programs.facts,
        },
        "versions": versions(),
        "code": code_digest(),
        "revision": revision(),
        "street": task.ground.digest,
        "machine": platform.machine(),
    }
    began_s = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
            folder = Path(scratch)
            setting = _reopened(task.ground, folder / "street")
            instruments = lay(setting.network, folder / "instruments")
            if isinstance(controller, LiveController):
                fault = parse_fault(job.street.fault)
                steering, sensing = controller.start(setting, job.seed)
                if fault.kind == MISSING_DETECTORS and sensing.information != Information.VEHICLES:
                    dead = dead_lanes(setting.network, fault.amount)
                    sensing = replace(sensing, dead=sensing.dead | dead)
                sites = build_sites(setting.network)
                longest_wait_s = LONGEST_WAIT_S
                if job.street.rules == RESCO_RULES:
                    sites = tuple(with_resco_changes(site) for site in sites)
                    longest_wait_s = RESCO_LONGEST_WAIT_S
                done = run_adaptive(
                    setting.case,
                    job.seed,
                    sites,
                    steering,
                    sensing,
                    additional=[instruments.file],
                    longest_wait_s=longest_wait_s,
                )
                measures, trips = done.measures, done.trips
            else:
                extra = _written(task.programs.files, folder / "programs")
                measures, trips = sumo.play(
                    setting.case,
                    job.seed,
                    [*extra, instruments.file],
                    options=task.programs.options,
                )
            trips = trips.without(TROUBLE)
            found = {**measures_of(trips), **read(instruments, setting.case)}
    except (ThroughbandError, OSError) as error:
        _require_room(error)
        if isinstance(error, OSError):
            raise
        facts["wall_s"] = time.perf_counter() - began_s
        return Outcome(job, reason=_told(error), facts=facts)
    facts["wall_s"] = time.perf_counter() - began_s
    found["teleports"] = float(measures.teleports)
    # What could not be measured is absent, an empty cell.
    measured = {name: value for name, value in found.items() if not math.isnan(value)}
    return Outcome(job, measured, "", facts, parquet(trips))


def _require_room(error: Exception) -> None:
    """Refuse to take a full disk for a street that cannot be played: SUMO ends its files early."""
    scratch = tempfile.gettempdir()
    full = isinstance(error, OSError) and error.errno in NO_ROOM
    if full or shutil.disk_usage(scratch).free < LEAST_ROOM_BYTES:
        raise DiskFullError(
            f"no room left in {scratch}, where streets are played; what was finished is kept, and "
            "the same command goes on from there (TMPDIR names another place)"
        ) from error


def _told(error: ThroughbandError) -> str:
    """Return a reason in one line, without the names of folders that exist for one run only."""
    text = " ".join(str(error).split())
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/throughband-\w+/", "", text)


def _open(ground: Ground, folder: Path) -> Setting:
    begin_s, end_s = ground.street.begin_s, ground.street.end_s
    name = ground.name
    if ground.files:
        _written(ground.files, folder)
        name = str(folder / ground.name)
    setting = open_setting(name, begin_s, end_s)
    if not ground.files:
        return setting
    # Made-up folders are called at random; the scenario is called as the suite has it.
    return replace(setting, scenario=replace(setting.scenario, name=ground.street.scenario))


def _reopened(ground: Ground, folder: Path) -> Setting:
    """Open a street, reading its network only once in a process."""
    key = (ground.street, ground.digest)
    if key not in _OPENED:
        while len(_OPENED) >= _MOST_OPENED:
            _OPENED.pop(next(iter(_OPENED)))
        _OPENED[key] = _open(ground, folder)
        return _OPENED[key]
    setting = _OPENED[key]
    if not ground.files:
        return setting
    _written(ground.files, folder)
    return replace(
        setting, scenario=_moved(setting.scenario, folder), case=_moved(setting.case, folder)
    )


def _moved(files: Files, folder: Path) -> Files:
    """Return a scenario or case whose files lie side by side in another folder."""
    return replace(
        files,
        config_file=folder / files.config_file.name,
        net_file=folder / files.net_file.name,
        route_files=tuple(folder / file.name for file in files.route_files),
        additional_files=tuple(folder / file.name for file in files.additional_files),
    )


def _written(files: Mapping[str, bytes], folder: Path) -> Sequence[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in files.items():
        if Path(name).name != name:
            raise ScenarioError(f"file name {name!r} leads out of its folder")
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    return paths


def _digest_of(files: Mapping[str, bytes]) -> str:
    found = hashlib.sha256()
    for name in sorted(files):
        found.update(name.encode())
        found.update(files[name])
    return found.hexdigest()


def _packed(scenario: Scenario, folder: Path) -> tuple[dict[str, bytes], str]:
    """Return a scenario's files side by side under plain names, and its configuration's name."""
    flat = rewritten(scenario, folder / "packed", options={})
    named = {
        path: f"{number}-{path.name}"
        for number, path in enumerate((flat.net_file, *flat.route_files, *flat.additional_files))
    }
    text = flat.config_file.read_text(encoding="utf-8")
    for path in sorted(named, key=lambda path: -len(str(path))):
        text = text.replace(str(path), named[path])
    files = {name: path.read_bytes() for path, name in named.items()}
    files |= {side.name: side.read_bytes() for side in beside(flat)}
    return {**files, flat.config_file.name: text.encode()}, flat.config_file.name
