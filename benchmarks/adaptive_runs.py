"""One seed of one controller on one network, and what came of it."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.knots import circles
from benchmarks.stop_line_waits import StopLineWaits
from benchmarks.suite.trips import LOCKED_PART, resco_delay_s, stuck
from engine.adaptive.control import Controller, Site
from engine.adaptive.pressure import (
    BestStage,
    CyclicMaxPressure,
    Score,
    capacity_aware,
    longest_queue,
    max_pressure,
    position_weighted,
)
from engine.adaptive.sensing import Sensing, Traffic
from engine.adaptive.sites import build_sites
from engine.validate.adaptive_loop import run_adaptive
from engine.validate.simulator import SimulationCase
from engine.validate.sumo_files import Actuation, write_actuated
from engine.validate.tracked_loop import TrackedLoop
from engine.validate.trips import Trips
from network.errors import EngineError
from throughband.setting import open_setting

FIXED, ACTUATED, DELAY_BASED = "fixed", "actuated", "delay-based"
PROGRAMS: Mapping[str, Actuation | None] = {
    FIXED: None,
    ACTUATED: "actuated",
    DELAY_BASED: "delay_based",
}
MAX_PRESSURE, CYCLIC = "max-pressure", "cyclic max-pressure"
SCORES: Mapping[str, Score] = {
    MAX_PRESSURE: max_pressure,
    "capacity-aware": capacity_aware,
    "position-weighted": position_weighted,
    "longest queue": longest_queue,
}
PEERS = (*PROGRAMS, *SCORES, CYCLIC)


@dataclass(frozen=True, slots=True)
class Task:
    """One seed of one controller; ``in_process`` where SUMO is to be a library of this process,
    which then plays no other."""

    scenario: str
    controller: str
    ours: str
    seed: int
    sensing: Sensing
    interval_s: int
    least_green_s: int
    in_process: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What one seed came to; decision times are per signal, without the first second. Knots are
    those at its end, `benchmarks.knots.circles`."""

    scenario: str
    controller: str
    seed: int
    delay_s: float
    resco_delay_s: float
    p95_s: float
    due: int
    left: int
    stuck: int
    longest_wait_s: float
    decision_median_ms: float
    decision_worst_ms: float
    knots: tuple[tuple[str, ...], ...] = ()

    @property
    def locked(self) -> bool:
        """Whether the network had locked up by the end."""
        return self.stuck >= LOCKED_PART * self.due


class Watched:
    """Lets the stopwatches of `benchmarks.stop_line_waits` look at every second of a run.

    Parameters
    ----------
    waits
        The stopwatches.
    """

    def __init__(self, waits: StopLineWaits) -> None:
        self._waits = waits
        self._shown: Mapping[str, str] = {}

    def __call__(self, now_s: float, lamps: Mapping[str, str], _: object, traffic: Traffic) -> None:
        """Look at a second, which began under the lamps told of before these."""
        self._waits.look(now_s, traffic, self._shown)
        self._shown = dict(lamps)


def controller_of(task: Task) -> Controller:
    """Make the controller of a task."""
    if task.controller == CYCLIC:
        return CyclicMaxPressure(task.interval_s)
    if task.controller in SCORES:
        return BestStage(SCORES[task.controller], task.interval_s)
    module, _, name = task.ours.partition(":")
    try:
        make: Callable[[], Controller] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise EngineError(f"--ours {task.ours}: {error}; give MODULE:NAME") from error
    return make()


def play(task: Task) -> Row:
    """Play one seed of one controller."""
    setting = open_setting(task.scenario)
    shipped = build_sites(setting.network)
    waits = StopLineWaits(shipped)
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        if task.controller in PROGRAMS:
            files = _program_files(setting.case, PROGRAMS[task.controller], task, folder)
            trips, ahead = play_program(setting.case, task.seed, shipped, files, waits)
            spent_ms = np.full(1, np.nan)
        else:
            sites = [_site(s, task.least_green_s) for s in shipped]
            done = run_adaptive(
                setting.case,
                task.seed,
                sites,
                controller_of(task),
                task.sensing,
                emissions=False,
                watch=Watched(waits),
                in_process=task.in_process,
            )
            # The first second loads the kernels; between their decisions peers do nothing.
            every = task.interval_s if task.controller in SCORES else 1
            spent_ms = done.decision_s[every::every] * 1000.0 / len(sites)
            trips, ahead = done.trips, done.ahead
    waits.finish()
    return Row(
        setting.scenario.name,
        task.controller,
        task.seed,
        float(trips.delay_s.mean()),
        resco_delay_s(trips),
        float(np.quantile(trips.delay_s, 0.95)),
        len(trips),
        int((~trips.arrived).sum()),
        stuck(trips),
        waits.longest.held_s,
        float(np.median(spent_ms)),
        float(spent_ms.max()),
        circles(ahead),
    )


def _site(site: Site, least_green_s: int) -> Site:
    stages = tuple(
        replace(stage, least_green_s=max(stage.least_green_s, least_green_s))
        for stage in site.stages
    )
    return replace(site, stages=stages)


def play_program(
    case: SimulationCase,
    seed: int,
    sites: Sequence[Site],
    files: Sequence[Path],
    waits: StopLineWaits,
) -> tuple[Trips, Mapping[str, str]]:
    """Play a seed under a program of SUMO's own, and look at it every step."""
    names = [site.signal_id for site in sites]
    with TrackedLoop(case, seed, (), files, emissions=False) as street:
        street.watch_vehicles()
        while street.time_s < case.end_s:
            street.step()
            waits.look(street.time_s, street.traffic(), street.lamps(names))
        ahead = street.ahead()
        street.finish()
        assert street.trips is not None
        return street.trips, ahead


def _program_files(
    case: SimulationCase, kind: Actuation | None, task: Task, folder: Path
) -> list[Path]:
    """Return the files that turn the programs in force into such control; none keep them."""
    if kind is None:
        return []
    file = folder / "programs.add.xml"
    sources = (case.net_file, *case.additional_files)
    write_actuated(file, sources, least_green_s=max(5.0, task.least_green_s), kind=kind)
    return [file]
