"""Each signal on its own: its best phases and splits at every cycle length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.measures.evaluation import StreetMeasures, Tables, evaluate
from engine.measures.street import Driving, Floats, build_street
from engine.optimize import rings
from engine.optimize.problem import Choice, Limits
from engine.optimize.splits import allocate
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.timing import TimingPlan

SCREENING_CYCLES_S = (40, 60, 90)
SEQUENCES_KEPT = 4
SEQUENCES_REFINED = 2
SPLIT_MOVES_S = (4, 2, 1)

LONG_DELAY_S = 55.0
"""A cycle longer than the one in force must not push a lane's mean delay past this, the limit
of level of service D (HCM 2010, exhibit 18-4), unless it is past it in force."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan of one signal with what it costs alone, vehicle-seconds."""

    cost: float
    plan: TimingPlan


class IsolatedSignal:
    """One signal as if nothing stood around it; plans are worked out when first asked for.

    Parameters
    ----------
    network
        The roads.
    choice
        The signal and the sequences it may run.
    movement_vph, period_s
        The demand, as for `build_street`.
    start_s
        System time of the demand's beginning.
    limits
        Cycle lengths to try.
    driving, lane_shares
        As for `build_street`.

    Raises
    ------
    InsufficientDataError
        If the signal carries no traffic.
    """

    def __init__(
        self,
        network: RoadNetwork,
        choice: Choice,
        movement_vph: Mapping[str, Floats],
        period_s: int,
        start_s: int,
        limits: Limits,
        driving: Driving,
        lane_shares: Mapping[str, float],
    ) -> None:
        signal_id = choice.signal.signal_id
        alone = RoadNetwork(
            network.name, network.links, {signal_id: choice.signal}, network.connections
        )
        self.choice = choice
        self._street = build_street(alone, movement_vph, period_s, driving, lane_shares)
        self._start_s = start_s
        longest_s = max(limits.longest_cycle_s, choice.in_force.cycle_s)
        self._tables = Tables(self._street, alone, longest_s)
        in_force = self._measures(choice.in_force)
        self._in_force_lane_s = max(LONG_DELAY_S, float(in_force.lane_delay_s.max()))
        sequences = self._screened(limits)
        self._rough = self._by_cycle(sequences, limits)
        if not self._rough:
            # Where every cycle that holds the phases is longer and crowded, somebody waits long
            # in any case; the search weighs it with the rest of the street.
            self._in_force_lane_s = float("inf")
            self._rough = self._by_cycle(sequences, limits)
        self._refined: dict[int, tuple[Candidate, ...]] = {}

    @property
    def cycles_s(self) -> Mapping[int, float]:
        """Cycle lengths that hold the phases, each with the cost of a rough plan."""
        return {cycle_s: found[0].cost for cycle_s, found in self._rough.items()}

    def candidates(self, cycle_s: int) -> tuple[Candidate, ...]:
        """Return plans at a cycle length, the cheapest first; empty where none fits."""
        if cycle_s not in self._refined:
            rough = self._rough.get(cycle_s, ())
            found = [self._refine(c) for c in rough[:SEQUENCES_REFINED]]
            found += rough[SEQUENCES_REFINED:]
            self._refined[cycle_s] = tuple(sorted(found, key=_order))
        return self._refined[cycle_s]

    def _measures(self, plan: TimingPlan) -> StreetMeasures:
        self._tables.set(plan)
        return evaluate(self._tables, self._start_s, self._street.horizon_s)

    def _judged(self, plan: TimingPlan) -> Candidate:
        measures = self._measures(plan)
        return Candidate(measures.cost_s * measures.volume_veh, plan)

    def _screened(self, limits: Limits) -> list[tuple[int, ...]]:
        """Return the sequences that do best at a few cycle lengths, that in force among them."""
        best: dict[tuple[int, ...], float] = {}
        for sequence in self.choice.sequences:
            for cycle_s in SCREENING_CYCLES_S:
                if not limits.shortest_cycle_s <= cycle_s <= limits.longest_cycle_s:
                    continue
                plan = allocate(self.choice, sequence, cycle_s, self._street)
                if plan is not None:
                    cost = self._judged(plan).cost
                    best[sequence] = min(cost, best.get(sequence, cost))
        ranked = sorted(best, key=lambda sequence: (best[sequence], sequence))
        full = self.choice.sequences[0]
        kept = ranked[:SEQUENCES_KEPT]
        return kept if full in kept else [*kept, full]

    def _by_cycle(
        self, sequences: list[tuple[int, ...]], limits: Limits
    ) -> dict[int, tuple[Candidate, ...]]:
        return {
            cycle_s: found
            for cycle_s in cycle_lengths(limits)
            if (found := self._roughly(sequences, cycle_s))
        }

    def _roughly(self, sequences: list[tuple[int, ...]], cycle_s: int) -> tuple[Candidate, ...]:
        found: list[Candidate] = []
        for sequence in sequences:
            plan = allocate(self.choice, sequence, cycle_s, self._street)
            if plan is None:
                continue
            measures = self._measures(plan)
            longer = cycle_s > self.choice.in_force.cycle_s
            if longer and float(measures.lane_delay_s.max()) > self._in_force_lane_s:
                continue
            found.append(Candidate(measures.cost_s * measures.volume_veh, plan))
        return tuple(sorted(found, key=_order))

    def _refine(self, rough: Candidate) -> Candidate:
        """Move seconds between phases while that helps."""
        best = rough
        for step_s in SPLIT_MOVES_S:
            improved = True
            while improved:
                improved = False
                for moved in split_moves(self.choice, best.plan, step_s):
                    trial = self._judged(moved)
                    if trial.cost < best.cost * (1.0 - 1e-6):
                        best = trial
                        improved = True
                        break
        return best


def isolated_signals(
    network: RoadNetwork,
    choices: Mapping[str, Choice],
    movement_vph: Mapping[str, Floats],
    period_s: int,
    start_s: int,
    limits: Limits,
    driving: Driving,
    lane_shares: Mapping[str, float],
) -> tuple[dict[str, IsolatedSignal], dict[str, str]]:
    """Study every signal alone.

    Returns
    -------
    found : dict
        By signal.
    absent : dict
        Signals without traffic or without a cycle that fits, each with the reason.
    """
    found: dict[str, IsolatedSignal] = {}
    absent: dict[str, str] = {}
    for signal_id, choice in choices.items():
        try:
            signal = IsolatedSignal(
                network, choice, movement_vph, period_s, start_s, limits, driving, lane_shares
            )
        except InsufficientDataError:
            absent[signal_id] = "no traffic was counted here"
            continue
        if signal.cycles_s:
            found[signal_id] = signal
        else:
            absent[signal_id] = (
                f"no cycle from {limits.shortest_cycle_s} to {limits.longest_cycle_s} s holds its "
                "phases"
            )
    return found, absent


def cycle_lengths(limits: Limits) -> range:
    """Return the cycle lengths to try, s."""
    return range(limits.shortest_cycle_s, limits.longest_cycle_s + 1, limits.cycle_step_s)


def split_moves(choice: Choice, plan: TimingPlan, step_s: int) -> list[TimingPlan]:
    """Return the plans that take some seconds from one phase and give them to another."""
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    moved = (
        replace(plan, splits_s=tuple(changed[number] for number in plan.sequence))
        for changed in rings.moves(choice.phasing, plan.sequence, splits, step_s)
    )
    return [candidate for candidate in moved if choice.lawful(candidate)]


def _order(candidate: Candidate) -> tuple[float, tuple[int, ...]]:
    return (candidate.cost, candidate.plan.sequence)
