"""What pages look at again and again: networks as read, delays as modeled, plans as tuned.

Reading a town and modeling its hour takes seconds, a page must not. So each is made once, beside,
and kept; a page that comes first is told that it is being made.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeVar

from engine.measures.corridor import Corridor
from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import Street, build_street
from network.graph import RoadNetwork
from network.timing import PlanSet, TimingPlan
from throughband.console.flows import flows_of
from throughband.console.kept import Kept
from throughband.console.map_drawing import MapDrawing, draw_map
from throughband.console.tuning_process import Opening
from throughband.console.tunings import Tunings
from throughband.console.vehicles import Vehicles, driven
from throughband.counts.demand import Demand
from throughband.counts.demand_file import DEMAND_NAME
from throughband.pictures.approaches import ApproachState, modeled_approaches
from throughband.pictures.geojson import network_geojson
from throughband.pictures.places import geo_reference
from throughband.planning.tuning import Trial, rows_to_draw, running
from throughband.planning.tuning_moves import Move
from throughband.setting import ANY_WINDOW_S, Setting, open_setting

KEPT: Final = 12
"""So many networks and tunings are kept; the one not used for longest goes first."""

PATIENCE_S: Final = 0.1
"""A page waits so long for what is being made, then says so."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Modeled:
    """A network under the plans in force and its counts.

    Attributes
    ----------
    setting
        The network.
    wanted, street
        Its demand, None where nobody counted.
    states
        How approaches fare in the hour-long model; empty without demand.
    collection
        Its GeoJSON.
    packed
        The same as it is sent: writing a town's takes longer than a page may.
    drawings
        Its maps so far, by what their colors mean.
    """

    setting: Setting
    wanted: Demand | None
    street: Street | None
    states: tuple[ApproachState, ...]
    collection: dict[str, Any]
    packed: bytes
    drawings: dict[str, MapDrawing] = field(default_factory=dict)

    def drawing(self, show: str) -> MapDrawing:
        """Return its map, drawn once for each thing that colors can mean."""
        found = self.drawings.get(show)
        if found is None:
            found = self.drawings[show] = draw_map(self.collection, show)
        return found

    @property
    def network(self) -> RoadNetwork:
        """The roads."""
        return self.setting.network


class Shelf:
    """Networks and plans as pages need them.

    Parameters
    ----------
    patience_s
        How long a page waits for what is being made.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading")
        self._modeled = Kept(KEPT, self._reading)
        self._drawn = Kept(KEPT, self._reading)
        self._driving = ThreadPoolExecutor(max_workers=1, thread_name_prefix="driving")
        self._driven = Kept(KEPT, self._driving)
        self._closing = Event()
        self._tunings = Tunings()

    def close(self) -> None:
        """Let threads and processes end."""
        self._closing.set()
        for pool in (self._reading, self._driving):
            pool.shutdown(wait=False, cancel_futures=True)
        self._tunings.close()

    def modeled(self, network_id: str, source: str, folder: Path | None = None) -> Modeled:
        """Return a network under its plans in force.

        Parameters
        ----------
        network_id, source
            Its row's key and what the command line takes as SCENARIO.
        folder
            A run's folder, whose flows it is modeled with; else the counts that were imported
            with it, if any.
        """
        key = (network_id, source, folder, _stamp(folder))
        return self._modeled.get(key, lambda: _settled(source, folder), self.patience_s)

    def corridors(
        self, plan_id: str, plan_set: PlanSet, network_id: str, source: str, folder: Path | None
    ) -> Mapping[str, Corridor]:
        """Return the rows of signals that a plan's diagrams show; none without counts."""
        modeled = self.modeled(network_id, source, folder)
        if modeled.street is None:
            return {}
        street = modeled.street
        key = (plan_id, plan_set.digest, network_id, folder, _stamp(folder))
        return self._drawn.get(
            key, lambda: rows_to_draw(modeled.setting, street, plan_set), self.patience_s
        )

    def vehicles(
        self,
        plan_id: str,
        plan_set: PlanSet,
        network_id: str,
        source: str,
        folder: Path | None,
        corridor: str,
    ) -> Vehicles:
        """Return simulated vehicles along a row of signals, by its name among `corridors`."""
        modeled = self.modeled(network_id, source, folder)
        row = self.corridors(plan_id, plan_set, network_id, source, folder)[corridor]
        key = (plan_id, plan_set.digest, network_id, folder, _stamp(folder), corridor)
        return self._driven.get(
            key,
            lambda: driven(modeled.setting, modeled.wanted, row, plan_set, self._closing),
            self.patience_s,
        )

    def prepare(
        self, plan_id: str, plan_set: PlanSet, network_id: str, source: str, folder: Path | None
    ) -> bool:
        """Have a plan made ready for trials beside; return whether one will be answered at once."""
        if self.modeled(network_id, source, folder).wanted is None:
            return True
        key = (plan_id, plan_set.digest, network_id, folder, _stamp(folder))
        return self._tunings.prepare(key, Opening(source, folder, plan_set))

    def trial(
        self,
        traffic: tuple[str, PlanSet, str, str, Path | None],
        moves: Sequence[Move],
        told: Callable[[Trial], _T],
    ) -> _T | None:
        """Return what moves would do, or None where no counts are known.

        Parameters
        ----------
        traffic
            The plan and its traffic, as `corridors` takes them.
        moves
            Of one coordination group.
        told
            A function of a module that says what is wanted of the trial. It is carried out where
            the trial is, so that a town's thousands of rows are not sent for a few.

        Raises
        ------
        StillMadeError
            While the plan is made ready.
        ThroughbandError
            It cannot be tried.
        """
        plan_id, plan_set, network_id, source, folder = traffic
        if self.modeled(network_id, source, folder).wanted is None:
            return None
        key = (plan_id, plan_set.digest, network_id, folder, _stamp(folder))
        opening = Opening(source, folder, plan_set)
        return self._tunings.trial(key, opening, moves, told, self.patience_s)


def plans_in_force(network: RoadNetwork) -> dict[str, TimingPlan]:
    """Return the plans in force by signal."""
    return running(network)


def _settled(source: str, folder: Path | None) -> Modeled:
    """Read and model a network, and spare it the search for garbage.

    A town is a million objects that all stay. Looking through them takes a quarter of a second,
    in which no page is answered, and would be done again every few dozen pages. Before another
    network is read, they are looked through once more, as one may have been let go.
    """
    gc.unfreeze()
    made = _model(source, folder)
    gc.freeze()
    return made


def _model(source: str, folder: Path | None) -> Modeled:
    setting = open_setting(source, *ANY_WINDOW_S)
    wanted = flows_of(setting, folder)
    street = None
    states: tuple[ApproachState, ...] = ()
    if wanted is not None:
        flows = wanted.flows
        street = build_street(
            setting.network, flows.movement_vph(), flows.interval_s, setting.driving,
            wanted.lane_shares,
        )  # fmt: skip
        plans = running(setting.network)
        longest_s = max((plan.cycle_s for plan in plans.values()), default=1)
        tables = Tables(street, setting.network, longest_s)
        for name in street.signals:
            if name in plans:
                tables.set(plans[name])
            else:
                tables.open_always(name)
        begin_s = int(flows.start_s)
        measures = evaluate(tables, begin_s, int(street.horizon_s))
        states = modeled_approaches(street, measures)
    collection = network_geojson(setting.network, states, geo_reference(setting.scenario.net_file))
    packed = json.dumps(collection, separators=(",", ":"), ensure_ascii=False).encode()
    return Modeled(setting, wanted, street, states, collection, packed)


def _stamp(folder: Path | None) -> tuple[int, int]:
    if folder is None:
        return (0, 0)
    try:
        found = (folder / DEMAND_NAME).stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
