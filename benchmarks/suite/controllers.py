"""The controllers that a suite can name: ours and the peers, all through two small seams.

A *program* controller makes SUMO programs before the day begins, from the network and from
counts of seeds 1 to 3, and never sees the day that is measured. A *live* controller decides
while the day runs. Foreign ones register under the entry point ``throughband.controllers``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from benchmarks.peers.catalog import PEERS
from benchmarks.peers.ours import Given, Ours
from benchmarks.peers.peer import Peer, Subject
from benchmarks.suite.floor import Floor
from benchmarks.suite.programs import Programs
from engine.adaptive.control import Controller, Information
from engine.adaptive.sensing import Sensing
from network.counts import CountSeries
from network.errors import ScenarioError
from throughband.pipeline import Setting

PLUGINS: Final = "throughband.controllers"
COUNTLESS: Final = frozenset({"in force", "SUMO actuated", "SUMO delay_based", "SUMO NEMA"})
"""Peers that look at no counts."""
PLAN: Final = "plan:"
"""Before the path of a plan that somebody brings as an additional file of SUMO."""
LESS_SEEN: Final = (
    ("detectors", "two loops a lane", Sensing(Information.DETECTORS)),
    ("vehicles-10", "one vehicle in ten reports itself", Sensing(Information.VEHICLES, share=0.1)),
    ("missed-20", "one vehicle in five is never seen", Sensing(missed=0.2)),
)
"""Our adaptive control where it knows less: name, for people, sensors."""


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

    def prepare(
        self, setting: Setting, days: Sequence[CountSeries], folder: Path
    ) -> tuple[Programs, ...]:
        """Make the programs, one set for each variant that it offers.

        Of several variants results take the one with the least mean delay on the very seeds that
        it is judged by, which favors the controller. A `ThroughbandError` says why there are none.
        """
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
class Pretimed:
    """A pre-timed peer, or our own plans, as a program controller.

    Attributes
    ----------
    peer
        See `benchmarks.peers.peer`.
    needs_counts
        Whether it plans from counts.
    """

    peer: Peer
    needs_counts: bool

    @property
    def name(self) -> str:
        """What suites call it."""
        if self.peer.name.startswith(PLAN):
            return self.peer.name
        return self.peer.name.lower().replace(" ", "-").replace("_", "-")

    @property
    def version(self) -> str:
        """Of the method as it is here."""
        return self.peer.version

    @property
    def source(self) -> str:
        """Who describes or wrote it."""
        return self.peer.source

    def prepare(
        self, setting: Setting, days: Sequence[CountSeries], folder: Path
    ) -> tuple[Programs, ...]:
        """Have it time the street."""
        offers = self.peer.offers(Subject(setting, days=tuple(days)), folder)
        made = tuple(
            Programs(
                offer.variant,
                {} if offer.file is None else {offer.file.name: offer.file.read_bytes()},
                facts={"note": offer.note} if offer.note else {},
            )
            for offer in offers
            if not offer.reason
        )
        if not made:
            raise ScenarioError("; ".join(offer.reason for offer in offers) or "it offers nothing")
        return made


@dataclass(frozen=True, slots=True)
class Live:
    """A controller of `engine.adaptive`."""

    name: str
    make: Callable[[], Controller]
    source: str
    version: str = "0.1.0"
    sensing: Sensing = field(default_factory=Sensing)

    def start(self, setting: Setting, missing: float, seed: int) -> tuple[Controller, Sensing]:
        """See `LiveController`."""
        missed = 1.0 - (1.0 - missing) * (1.0 - self.sensing.missed)
        return self.make(), replace(self.sensing, missed=missed, seed=seed)


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


def named(name: str) -> AnyController:
    """Return the controller of a name, or the plan of a ``plan:FILE``.

    Raises
    ------
    ScenarioError
        If there is none; it lists the known ones.
    """
    if name.startswith(PLAN):
        file = Path(name.removeprefix(PLAN))
        return Pretimed(Given(name, file), needs_counts=False)
    known = known_controllers()
    if name not in known:
        raise ScenarioError(
            f"unknown controller {name!r}; known are {', '.join(sorted(known))}, and plan:FILE "
            "for an additional file of SUMO"
        )
    return known[name]


def _own() -> tuple[AnyController, ...]:
    from engine.adaptive import pressure
    from engine.adaptive.lookahead import LookAhead

    def best(score: pressure.Score) -> Callable[[], Controller]:
        return lambda: pressure.BestStage(score)

    return (
        *(Pretimed(peer, peer.name not in COUNTLESS) for peer in (*PEERS, Ours())),
        Floor(),
        Live("adaptive", LookAhead, "this project, everything within 200 m seen"),
        *(
            Live(f"adaptive-{name}", LookAhead, f"this project, {seen}", sensing=sensing)
            for name, seen, sensing in LESS_SEEN
        ),
        Live("max-pressure", best(pressure.max_pressure), "Varaiya 2013, RESCO's timing"),
        Live("capacity-aware", best(pressure.capacity_aware), "Gregoire et al. 2014"),
        Live("position-weighted", best(pressure.position_weighted), "Li and Jabari 2019"),
        Live("longest-queue", best(pressure.longest_queue), "RESCO's greedy (max-wave)"),
        Live("cyclic-max-pressure", pressure.CyclicMaxPressure, "Le et al. 2015"),
    )


def _plugins() -> dict[str, Callable[[], object]]:
    from throughband.plugins import entries

    return entries(PLUGINS)
