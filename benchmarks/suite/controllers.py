"""The controllers that a suite can name: ours and the peers, all through two small seams.

A *program* controller makes SUMO programs before the day begins, from the network and from
counts of seeds 1 to 3, and never sees the day that is measured. A *live* controller decides
while the day runs. Foreign ones register under the entry point ``throughband.controllers``.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from benchmarks.peers.catalog import PEERS
from benchmarks.peers.ours import Given, Ours
from benchmarks.peers.peer import Peer, Subject
from benchmarks.suite.floor import Floor
from benchmarks.suite.programs import Programs
from network.counts import CountSeries
from network.errors import PluginError, ScenarioError
from throughband.plugins import CONTROLLERS, Plugin, plugins
from throughband.setting import Setting
from throughband.steering import LiveController, live_of

_log = logging.getLogger(__name__)

COUNTLESS: Final = frozenset({"in force", "SUMO actuated", "SUMO delay_based", "SUMO NEMA"})
"""Peers that look at no counts."""
PLAN: Final = "plan:"
"""Before the path of a plan that somebody brings as an additional file of SUMO."""


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


def known_controllers() -> dict[str, AnyController]:
    """Return every controller by name, those of plug-ins included.

    A plug-in that cannot be used is told of once and left out.
    """
    found = dict(_own_by_name())
    for plugin in plugins(CONTROLLERS):
        try:
            controller = _controller(plugin, found)
        except PluginError as error:
            _tell_once(str(error))
        else:
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
    # Ours cannot be taken, and a worker asks for every job: plug-ins are looked up for others only.
    own = _own_by_name()
    if name in own:
        return own[name]
    known = known_controllers()
    if name not in known:
        raise ScenarioError(
            f"unknown controller {name!r}; known are {', '.join(sorted(known))}, and plan:FILE "
            "for an additional file of SUMO"
        )
    return known[name]


@cache
def _own_by_name() -> dict[str, AnyController]:
    pretimed = (Pretimed(peer, peer.name not in COUNTLESS) for peer in (*PEERS, Ours()))
    own: tuple[AnyController, ...] = (*pretimed, Floor())
    return {controller.name: controller for controller in own}


def _controller(plugin: Plugin, taken: Collection[str]) -> AnyController:
    thing = plugin.load()
    found: AnyController | None = live_of(thing, plugin)
    if found is None:
        made = plugin.made() if isinstance(thing, type) else thing
        if not isinstance(made, ProgramController):
            raise PluginError(f"{plugin.told} is neither a program nor a live controller")
        found = made
    if found.name in taken:
        raise PluginError(f"{plugin.told}: the name {found.name!r} is taken")
    return found


@cache
def _tell_once(text: str) -> None:
    _log.warning("%s", text)
