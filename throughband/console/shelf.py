"""What pages look at again and again: networks as read, delays as modeled, plans as tuned.

Reading a town and modeling its hour takes seconds, a page must not. So each is made once, in a
thread beside, and kept; a page that comes first is told that it is being made.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from engine.measures.corridor import Corridor
from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import Street, build_street
from network.errors import ThroughbandError
from network.graph import RoadNetwork
from network.timing import PlanSet, TimingPlan
from throughband.commands import ANY_WINDOW_S
from throughband.console.map_drawing import MapDrawing, draw_map
from throughband.dated_counts import has_dates
from throughband.demand import Demand, demand, read_counts
from throughband.demand_file import DEMAND_NAME, read_demand
from throughband.imported import imported_counts
from throughband.pictures.approaches import ApproachState, modeled_approaches
from throughband.pictures.geojson import network_geojson
from throughband.pictures.places import geo_reference
from throughband.pipeline import Setting, open_setting
from throughband.tuning import Move, Tuning, open_tuning, rows_to_draw, running

KEPT: Final = 12
"""So many networks and tunings are kept; the one not used for longest goes first."""

PATIENCE_S: Final = 0.1
"""A page waits so long for what is being made, then says so."""

_T = TypeVar("_T")


class StillMadeError(ThroughbandError):
    """What was asked for is being made; ask again."""


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


class Kept:
    """Values made once in threads beside, by key; failures are not kept."""

    def __init__(self, most: int, pool: ThreadPoolExecutor) -> None:
        self._most = most
        self._pool = pool
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], _T], patience_s: float) -> _T:
        """Return the value of a key, making it if needed.

        Raises
        ------
        StillMadeError
            If that takes longer than the patience.
        ThroughbandError
            If it cannot be made.
        """
        with self._lock:
            future = self._found.get(key)
            if future is None or (future.done() and future.exception() is not None):
                future = self._pool.submit(make)
                self._found[key] = future
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        try:
            found: _T = future.result(timeout=patience_s)
        except LateError:
            raise StillMadeError("this is being worked out; look again in a moment") from None
        return found


class Shelf:
    """Networks and plans as pages need them.

    Parameters
    ----------
    patience_s
        How long a page waits for what is being made.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        # Opening the tuning of a town takes minutes: it must not keep a map from being made.
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading")
        self._opening = ThreadPoolExecutor(max_workers=1, thread_name_prefix="opening")
        self._modeled = Kept(KEPT, self._reading)
        self._tunings = Kept(KEPT, self._opening)
        self._drawn = Kept(KEPT, self._reading)
        self._trial = threading.Lock()

    def close(self) -> None:
        """Let threads end."""
        for pool in (self._reading, self._opening):
            pool.shutdown(wait=False, cancel_futures=True)

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
        return self._modeled.get(key, lambda: _model(source, folder), self.patience_s)

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

    def tuning(
        self, plan_id: str, plan_set: PlanSet, network_id: str, source: str, folder: Path | None
    ) -> Tuning | None:
        """Return a plan ready for trials, or None where no counts are known."""
        modeled = self.modeled(network_id, source, folder)
        if modeled.wanted is None:
            return None
        wanted = modeled.wanted
        key = (plan_id, plan_set.digest, network_id, folder, _stamp(folder))
        return self._tunings.get(
            key, lambda: _tuned(modeled.setting, plan_set, wanted), self.patience_s
        )

    def alone(self, work: Callable[[], _T]) -> _T:
        """Do a trial alone: a `Tuning` is changed while it tries."""
        with self._trial:
            return work()


def plans_in_force(network: RoadNetwork) -> dict[str, TimingPlan]:
    """Return the plans in force by signal."""
    return running(network)


def _tuned(setting: Setting, plan_set: PlanSet, wanted: Demand) -> Tuning:
    """Open a tuning and try it once: the first trial lays out tables, and may have to compile."""
    tuning = open_tuning(setting, plan_set, wanted)
    first = plan_set.plans[0]
    tuning.trial([Move(first.signal_id, first.offset_s)])
    return tuning


def _model(source: str, folder: Path | None) -> Modeled:
    setting = open_setting(source, *ANY_WINDOW_S)
    wanted = _demand(setting, folder)
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


def _demand(setting: Setting, folder: Path | None) -> Demand | None:
    """Return the flows that a run's plans were made for, else what was counted, else None."""
    if folder is not None and (folder / DEMAND_NAME).is_file():
        return read_demand(folder / DEMAND_NAME, setting.network)
    counts = imported_counts(setting.scenario)
    if counts is None or has_dates(counts):
        return None
    return demand(setting.network, read_counts(counts, setting.network))


def _stamp(folder: Path | None) -> tuple[int, int]:
    if folder is None:
        return (0, 0)
    try:
        found = (folder / DEMAND_NAME).stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
