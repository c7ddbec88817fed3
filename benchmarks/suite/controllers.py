"""The controllers that a suite can name: ours and the peers, all through two small seams.

A *program* controller makes SUMO programs before the day begins, from the network and from
counts of seeds 1 to 3, and never sees the day that is measured. A *live* controller decides
while the day runs. Foreign ones register under the entry point ``throughband.controllers``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from engine.adaptive.control import Controller
from engine.adaptive.sensing import Sensing
from engine.validate.sumo_files import Actuation, write_actuated
from network.counts import CountSeries
from network.errors import ScenarioError
from throughband.pipeline import Setting

PLUGINS: Final = "throughband.controllers"


@dataclass(frozen=True, slots=True)
class Programs:
    """What a program controller leaves for SUMO.

    Attributes
    ----------
    files
        Additional files by name, loaded after the scenario's own.
    facts
        What is worth keeping: cycle lengths, what was skipped.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class ProgramController(Protocol):
    """Makes programs before the day."""

    @property
    def name(self) -> str:
        """What suites call it."""

    @property
    def version(self) -> str:
        """Of whose making and which."""

    @property
    def source(self) -> str:
        """Where it is described."""

    @property
    def needs_counts(self) -> bool:
        """Whether it plans from counts."""

    def prepare(self, setting: Setting, days: Sequence[CountSeries], folder: Path) -> Programs:
        """Make the programs; raise a `ThroughbandError` where it cannot run on this street."""
        ...


@runtime_checkable
class LiveController(Protocol):
    """Decides while the day runs."""

    @property
    def name(self) -> str:
        """What suites call it."""

    @property
    def version(self) -> str:
        """Of whose making and which."""

    @property
    def source(self) -> str:
        """Where it is described."""

    def start(self, setting: Setting, missing: float, seed: int) -> tuple[Controller, Sensing]:
        """Return a fresh controller and what it sees with a share of the detectors dead."""
        ...


AnyController = ProgramController | LiveController


@dataclass(frozen=True, slots=True)
class InForce:
    """The programs that the scenario comes with."""

    name: str = "in-force"
    version: str = "of the scenario"
    source: str = "the scenario's own programs"
    needs_counts: bool = False

    def prepare(self, setting: Setting, days: Sequence[CountSeries], folder: Path) -> Programs:
        """Leave everything as it is."""
        return Programs()


@dataclass(frozen=True, slots=True)
class SumoActuated:
    """SUMO's own vehicle-actuated programs, 5 to 50 s of green where the file does not say."""

    name: str
    kind: Actuation
    version: str = "eclipse-sumo"
    source: str = "SUMO's actuated and delay_based types with their default detectors and gaps"
    needs_counts: bool = False

    def prepare(self, setting: Setting, days: Sequence[CountSeries], folder: Path) -> Programs:
        """Write an actuated twin of every program."""
        file = folder / "actuated.add.xml"
        case = setting.case
        signals = write_actuated(file, (case.net_file, *case.additional_files), kind=self.kind)
        return Programs({file.name: file.read_bytes()}, {"signals": len(signals)})


@dataclass(frozen=True, slots=True)
class Throughband:
    """Our pre-timed plans, as ``throughband optimize`` makes them."""

    name: str = "throughband"
    version: str = "0.1.0"
    source: str = "this project"
    needs_counts: bool = True

    def prepare(self, setting: Setting, days: Sequence[CountSeries], folder: Path) -> Programs:
        """Optimize on the counts."""
        from engine.optimize.problem import Limits
        from network.sumo_tls import write_sumo_plan
        from throughband.demand import demand
        from throughband.pipeline import plan

        wanted = demand(setting.network, days)
        done = plan(setting, wanted, Limits(), lambda *_: None)
        file = folder / "plan.add.xml"
        write_sumo_plan(file, done.plan_set, setting.network)
        cycles = {p.signal_id: p.cycle_s for p in done.plan_set.plans}
        return Programs({file.name: file.read_bytes()}, {"cycles_s": cycles})


@dataclass(frozen=True, slots=True)
class Live:
    """A controller of `engine.adaptive`."""

    name: str
    make: Callable[[], Controller]
    source: str
    version: str = "0.1.0"

    def start(self, setting: Setting, missing: float, seed: int) -> tuple[Controller, Sensing]:
        """See `LiveController`."""
        return self.make(), Sensing(missed=missing, seed=seed)


def known_controllers() -> dict[str, AnyController]:
    """Return every controller by name, those of plug-ins included.

    Raises
    ------
    ScenarioError
        If a plug-in cannot be loaded, is none, or takes a name that is taken.
    """
    found = {controller.name: controller for controller in _own()}
    for name, load in _plugins().items():
        controller = load()
        if not isinstance(controller, ProgramController | LiveController):
            raise ScenarioError(
                f"plug-in {name!r} of {PLUGINS} is neither a program nor a live controller"
            )
        if controller.name in found:
            raise ScenarioError(f"plug-in {name!r}: the name {controller.name!r} is taken")
        found[controller.name] = controller
    return found


def _own() -> tuple[AnyController, ...]:
    from engine.adaptive import pressure
    from engine.adaptive.lookahead import LookAhead

    def best(score: pressure.Score) -> Callable[[], Controller]:
        return lambda: pressure.BestStage(score)

    return (
        InForce(),
        SumoActuated("actuated", "actuated"),
        SumoActuated("delay-based", "delay_based"),
        Throughband(),
        Live("adaptive", LookAhead, "this project, everything within 200 m seen"),
        Live("max-pressure", best(pressure.max_pressure), "Varaiya 2013, RESCO's timing"),
        Live("capacity-aware", best(pressure.capacity_aware), "Gregoire et al. 2014"),
        Live("position-weighted", best(pressure.position_weighted), "Li and Jabari 2019"),
        Live("longest-queue", best(pressure.longest_queue), "RESCO's greedy (max-wave)"),
        Live("cyclic-max-pressure", pressure.CyclicMaxPressure, "Le et al. 2015"),
    )


def _plugins() -> dict[str, Callable[[], object]]:
    from throughband.plugins import entries

    return entries(PLUGINS)
