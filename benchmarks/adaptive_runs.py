"""One seed of one controller on one network, and what came of it."""

from __future__ import annotations

import importlib
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from benchmarks.suite.trips import LOCKED_PART, resco_delay_s, stuck
from engine.adaptive.control import Controller, Site, View
from engine.adaptive.pressure import (
    BestStage,
    CyclicMaxPressure,
    Score,
    capacity_aware,
    longest_queue,
    max_pressure,
    position_weighted,
)
from engine.adaptive.sensing import Sensing
from engine.adaptive.sites import build_sites
from engine.validate import sumo
from engine.validate.adaptive_loop import run_adaptive
from engine.validate.simulator import SimulationCase
from engine.validate.sumo_files import Actuation, write_actuated
from network.errors import EngineError
from network.readers.xml_files import iterate_elements
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
    """What one seed came to; decision times are per signal, without the first second."""

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

    @property
    def locked(self) -> bool:
        """Whether the network had locked up by the end."""
        return self.stuck >= LOCKED_PART * self.due


class LongestWait:
    """Watches a run for the longest time that somebody stood at a lane without being served."""

    def __init__(self) -> None:
        self.wait_s = 0.0
        self._stood_s: dict[str, NDArray[np.float64]] = {}
        self._before_s = math.nan

    def __call__(self, now_s: float, _: Mapping[str, str], views: Mapping[str, View]) -> None:
        """Look at one second."""
        passed_s = 0.0 if math.isnan(self._before_s) else now_s - self._before_s
        self._before_s = now_s
        for name, view in views.items():
            stood_s = self._stood_s.get(name, np.zeros(len(view.queue_veh))) + passed_s
            # A lane that was red for long before anybody came has kept nobody waiting.
            stood_s[~(view.queue_veh > 0)] = 0.0
            self._stood_s[name] = stood_s
            self.wait_s = max(self.wait_s, float(np.minimum(stood_s, view.waiting_s).max()))


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
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        if task.controller in PROGRAMS:
            files = _program_files(setting.case, PROGRAMS[task.controller], task, folder)
            _, trips = sumo.play(setting.case, task.seed, files, emissions=False)
            wait_s, spent_ms = _longest_red_s(folder / "greens.xml"), np.full(1, np.nan)
        else:
            sites = [_site(s, task.least_green_s) for s in build_sites(setting.network)]
            watch = LongestWait()
            done = run_adaptive(
                setting.case,
                task.seed,
                sites,
                controller_of(task),
                task.sensing,
                emissions=False,
                watch=watch,
                in_process=task.in_process,
            )
            # The first second loads the kernels; between their decisions peers do nothing.
            every = task.interval_s if task.controller in SCORES else 1
            spent_ms = done.decision_s[every::every] * 1000.0 / len(sites)
            wait_s, trips = watch.wait_s, done.trips
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
        wait_s,
        float(np.median(spent_ms)),
        float(spent_ms.max()),
    )


def _site(site: Site, least_green_s: int) -> Site:
    stages = tuple(
        replace(stage, least_green_s=max(stage.least_green_s, least_green_s))
        for stage in site.stages
    )
    return replace(site, stages=stages)


def _program_files(
    case: SimulationCase, kind: Actuation | None, task: Task, folder: Path
) -> list[Path]:
    sources = (case.net_file, *case.additional_files)
    files = []
    if kind is not None:
        files.append(folder / "programs.add.xml")
        write_actuated(files[0], sources, least_green_s=max(5.0, task.least_green_s), kind=kind)
    names = {
        logic.attrib["id"] for file in sources for logic in iterate_elements(file, {"tlLogic"})
    }
    events = "".join(
        f'<timedEvent type="SaveTLSSwitchTimes" source={quoteattr(name)} '
        f'dest="{folder / "greens.xml"}"/>'
        for name in sorted(names)
    )
    files.append(folder / "events.add.xml")
    files[-1].write_text(f"<additional>{events}</additional>", encoding="utf-8")
    return files


def _longest_red_s(file: Path) -> float:
    """Find the longest time between two greens of the same way in SUMO's record of greens."""
    ended: dict[tuple[str, ...], float] = {}
    longest_s = 0.0
    for green in iterate_elements(file, {"tlsSwitch"}):
        way = tuple(green.get(key, "") for key in ("id", "fromLane", "toLane"))
        if way in ended:
            longest_s = max(longest_s, float(green.attrib["begin"]) - ended[way])
        ended[way] = float(green.attrib["end"])
    return longest_s
