"""Plans tuned by hand: what other offsets or splits would do, told while they are being dragged.

A `Tuning` keeps the coordination groups of a set of plans in the tables of the optimizer's own
cyclic model. A trial lays a few moved plans in, solves one cycle, and takes them out again:
milliseconds for a group of a dozen signals. What is predicted is control delay at the stop lines
in the steady cycle (uniform, by chance, and by demand beyond capacity). Not modeled here: queues
that reach back into another junction, and demand that changes within the window; the hour-long
model and SUMO judge what comes out. Vehicles that share a lane share its delay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.measures.bandwidth import CorridorBands, corridor_bands
from engine.measures.corridor import Corridor
from engine.measures.corridor_search import arterials
from engine.measures.street import Floats, Street, build_street
from engine.optimize.corridors import as_named, named_corridors
from engine.optimize.groups import timed_groups
from engine.optimize.trials import GroupTrials
from network.errors import PlanError
from network.graph import RoadNetwork
from network.safety import SignalRules, require_safe
from network.timeline import Watcher
from network.timing import PlanSet, TimingPlan
from throughband.counts.demand import Demand
from throughband.exchange.imported import corridors_of
from throughband.planning.tuning_levels import COLUMNS, Compared, LevelTables
from throughband.planning.tuning_moves import (
    Move,
    cannot_be_tuned,
    drafted,
    moved_plans,
    refusals_of,
)
from throughband.setting import Setting


@dataclass(frozen=True, slots=True)
class BandTrial:
    """The bands of a corridor, now, before the drag, and under the plans in force."""

    corridor: str
    signals: tuple[str, ...]
    now: CorridorBands | None
    before: CorridorBands
    in_force: CorridorBands


@dataclass(frozen=True, slots=True)
class Trial:
    """What moved plans would do.

    Attributes
    ----------
    group
        Number of the coordination group, from 0.
    signals
        Its signals.
    plans
        The moved plans alone.
    refusals
        Every safety rule broken, of both checkers, as sentences; empty where they are lawful.
    total, approaches, movements
        Predicted delay, stops, saturation and queue of the group.
    bands
        Of every corridor that passes a signal of the group.
    """

    group: int
    signals: tuple[str, ...]
    plans: tuple[TimingPlan, ...]
    refusals: tuple[str, ...]
    total: Compared
    approaches: tuple[Compared, ...]
    movements: tuple[Compared, ...]
    bands: tuple[BandTrial, ...]

    @property
    def lawful(self) -> bool:
        """Whether both safety checkers accept the moved plans."""
        return not self.refusals


class Tuning:
    """A set of plans in preparation, ready for trials; `open_tuning` makes one of a setting.

    Parameters
    ----------
    network, street
        The roads and the street under its demand.
    plan_set
        The plans in preparation; not changed.
    in_force
        Plans in force by signal; of the network by default.
    together
        Signals that an engineer wants under one cycle.
    corridors
        Rows of signals to tell bands of, by name; by default those that platoons follow within
        each group.

    Raises
    ------
    PlanError
        If no signal has a plan, or the network does not know one.
    UnsafePlanError
        If the plans are not lawful to begin with.
    """

    def __init__(
        self,
        network: RoadNetwork,
        street: Street,
        plan_set: PlanSet,
        in_force: Mapping[str, TimingPlan] | None = None,
        together: Sequence[tuple[str, ...]] = (),
        corridors: Mapping[str, Corridor] | None = None,
    ) -> None:
        if not plan_set.plans:
            raise PlanError(f"plans of {plan_set.scenario!r}: no signal has one, so none can move")
        require_safe(plan_set, network)
        self.network = network
        self.street = street
        self.plan_set = plan_set
        self.in_force = running(network) if in_force is None else dict(in_force)
        self._plans = {plan.signal_id: plan for plan in plan_set.plans}
        self.groups = timed_groups(street, self._plans, together, _known(plan_set))
        if corridors is None:
            corridors = _rows(network, street, self.groups)
        self.corridors = dict(corridors)
        self._trials: dict[int, GroupTrials] = {}
        self._levels: dict[int, LevelTables] = {}
        self._bands = {
            name: (self._banded(corridor, {}), corridor_bands(corridor, self.in_force, network))
            for name, corridor in self.corridors.items()
        }
        self._judges: dict[str, tuple[SignalRules, Watcher]] = {}

    def group_of(self, signal_id: str) -> int:
        """Return the number of a signal's coordination group.

        Raises
        ------
        PlanError
            If the signal has no plan here.
        """
        for number, names in enumerate(self.groups):
            if signal_id in names:
                return number
        raise cannot_be_tuned(self.plan_set, signal_id)

    def trial(self, moves: Iterable[Move]) -> Trial:
        """Tell what moves within one coordination group would do.

        Parameters
        ----------
        moves
            At least one; each is laid on the plans as they were before.

        Returns
        -------
        Trial
            With `Trial.refusals`, and without prediction, where the plans are not lawful.

        Raises
        ------
        PlanError
            If there is no move, two are of one signal, they are of different groups, or one names
            what the plan has not.
        """
        plans = moved_plans(self.plan_set, moves)
        numbers = {self.group_of(name) for name in plans}
        if len(numbers) != 1:
            raise PlanError(
                f"moves of signals {', '.join(plans) or '(none)'}: found {len(numbers)} "
                "coordination groups; allowed is one at a time"
            )
        (number,) = numbers
        refusals = refusals_of(self.network, plans.values(), self._judges)
        trials = self._trials_of(number)
        now = None if refusals else self._spread(trials, plans.values())
        levels = self._levels[number]
        return Trial(
            number,
            self.groups[number],
            tuple(plans.values()),
            refusals,
            levels.total(now),
            levels.compared("approach", now),
            levels.compared("movement", now),
            tuple(self._band_trials(number, None if refusals else plans)),
        )

    def draft(self, moves: Iterable[Move]) -> PlanSet:
        """Return the set of plans with moves made in it; see `drafted`."""
        return drafted(self.network, self.plan_set, moves)

    def _trials_of(self, number: int) -> GroupTrials:
        if number not in self._trials:
            names = self.groups[number]
            own = {name: self._plans[name] for name in names}
            trials = GroupTrials(self.street, self.network, own)
            before, in_force = self._spread(trials, ()), self._street_in_force(names)
            self._levels[number] = LevelTables(
                self.network, self.street, names, trials.group.lanes, before, in_force
            )
            self._trials[number] = trials
        return self._trials[number]

    def _street_in_force(self, names: Sequence[str]) -> Floats:
        """Lanes under the plans in force; their cycles may group the signals otherwise."""
        own = {name: self.in_force[name] for name in names if name in self.in_force}
        whole = np.full((len(COLUMNS), len(self.street.lane_names)), np.nan)
        for part in timed_groups(self.street, own, [tuple(own)]):
            trials = GroupTrials(self.street, self.network, {name: own[name] for name in part})
            found = self._spread(trials, ())
            whole[:, trials.group.lanes] = found[:, trials.group.lanes]
        return whole

    def _spread(self, trials: GroupTrials, plans: Iterable[TimingPlan]) -> Floats:
        """Return a group's lanes as rows of the street, [column, lane]; NaN for all others."""
        lanes = trials.steady(plans)
        whole = np.full((len(COLUMNS), len(self.street.lane_names)), np.nan)
        whole[:, trials.group.lanes] = [getattr(lanes, name) for name in COLUMNS]
        return whole

    def _band_trials(self, number: int, plans: Mapping[str, TimingPlan] | None) -> list[BandTrial]:
        members = set(self.groups[number])
        found = []
        for name, corridor in self.corridors.items():
            if members & set(corridor.signals):
                before, in_force = self._bands[name]
                now = None if plans is None else before
                if plans is not None and plans.keys() & set(corridor.signals):
                    now = self._banded(corridor, plans)
                found.append(BandTrial(name, corridor.signals, now, before, in_force))
        return found

    def _banded(self, corridor: Corridor, plans: Mapping[str, TimingPlan]) -> CorridorBands:
        return corridor_bands(corridor, {**self.in_force, **self._plans, **plans}, self.network)


def rows_to_draw(setting: Setting, street: Street, plan_set: PlanSet) -> dict[str, Corridor]:
    """Return the rows of signals that a plan's time-space diagrams show, by name.

    Those that an engineer named, where somebody did; else those that platoons follow within
    each coordination group. It takes no trial, and so a second or two for a town.
    """
    named = corridors_of(setting.scenario, setting.network)
    if named:
        return dict(named_corridors(setting.network, street, named))
    plans = {plan.signal_id: plan for plan in plan_set.plans}
    return _rows(setting.network, street, timed_groups(street, plans, known=_known(plan_set)))


def open_tuning(
    setting: Setting,
    plan_set: PlanSet,
    wanted: Demand,
    in_force: PlanSet | None = None,
) -> Tuning:
    """Prepare plans of a setting for trials.

    Parameters
    ----------
    setting, wanted
        The roads and the flows, as `throughband.counts.demand` makes them of counts.
    plan_set
        The plans in preparation.
    in_force
        What runs on the street, where that is not what the network came with; signals it does
        not name run what the network says.

    Returns
    -------
    Tuning
    """
    network, flows = setting.network, wanted.flows
    street = build_street(
        network, flows.movement_vph(), flows.interval_s, setting.driving, wanted.lane_shares
    )
    named = corridors_of(setting.scenario, network)
    runs = running(network)
    if in_force is not None:
        runs |= {plan.signal_id: plan for plan in in_force.plans}
    return Tuning(
        network,
        street,
        plan_set,
        runs,
        [corridor.signals for corridor in named],
        rows_to_draw(setting, street, plan_set),
    )


def running(network: RoadNetwork) -> dict[str, TimingPlan]:
    """Return the plans in force of signals whose program is understood, by signal."""
    return {
        name: signal.plan_in_force
        for name, signal in network.signals.items()
        if signal.plan_in_force is not None and signal.phasing is not None
    }


def _known(plan_set: PlanSet) -> list[tuple[str, ...]]:
    return [group.signals for group in plan_set.groups]


def _rows(
    network: RoadNetwork, street: Street, groups: Iterable[tuple[str, ...]]
) -> dict[str, Corridor]:
    joined = {frozenset(pair) for names in groups for pair in combinations(names, 2)}
    found = arterials(network, street, joined)
    names = [named.name for named in as_named(found)]
    return dict(zip(names, found, strict=True))
