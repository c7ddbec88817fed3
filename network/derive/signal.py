"""A signal as geometry and movements would have it: phases, clearances, walks, least greens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from network.derive.clearance import min_green_s, red_clear_ds, yellow_ds
from network.derive.conflicts import Conflicts
from network.derive.geometry import Approach, Leg, approaches, leg_beside, legs
from network.derive.groups import Grouping, PhaseGroup, group_phases
from network.derive.pedestrians import WalkTimes, crossing_m, driven_lanes, walk_times
from network.derive.practice import Practice
from network.derive.saturation import movement_saturation_vph
from network.errors import TopologyError
from network.graph import RoadNetwork, Signal
from network.inventory import TurnKind
from network.phasing import Phase, Phasing

SHORTEST_WAY_M = 1.0
"""Ways across the node that are shorter were not drawn by the source."""


@dataclass(frozen=True, slots=True)
class DerivedSignal:
    """What geometry and movements tell of a signal.

    Attributes
    ----------
    signal_id
        The signal.
    phasing
        Its phases with ring and barrier, yellow, red clearance, least green, walk.
    groups
        What each phase serves, in the order it is served, ring by ring.
    dual
        Whether two rings run side by side.
    main_street
        Approach links of the street with phases 2 and 6.
    turns
        Turn of each movement by geometry.
    crossings_m
        Length of the crossing that people walk in a phase, m, by phase number.
    saturation_vph
        Saturation flow of each movement in protected green, veh/h.
    reasons
        Why it came out so; sentences.
    practice
        The parameters used.
    """

    signal_id: str
    phasing: Phasing
    groups: tuple[PhaseGroup, ...]
    dual: bool
    main_street: tuple[str, ...]
    turns: Mapping[str, TurnKind]
    crossings_m: Mapping[int, float]
    saturation_vph: Mapping[str, float]
    reasons: tuple[str, ...]
    practice: Practice

    def __post_init__(self) -> None:
        for name in ("turns", "crossings_m", "saturation_vph"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[object, ...]:
        return (
            DerivedSignal,
            (
                self.signal_id,
                self.phasing,
                self.groups,
                self.dual,
                self.main_street,
                dict(self.turns),
                dict(self.crossings_m),
                dict(self.saturation_vph),
                self.reasons,
                self.practice,
            ),
        )

    @property
    def sequence(self) -> tuple[int, ...]:
        """Phase numbers as they are served, ring by ring."""
        return tuple(group.number for group in self.groups)

    @property
    def coordinated_phase(self) -> int:
        """The phase an offset speaks of: 2, or the first of the main street."""
        numbers = [group.number for group in self.groups if group.major and not group.left_only]
        return 2 if 2 in numbers else (numbers or [self.groups[0].number])[0]


def derive_signal(
    network: RoadNetwork,
    signal: Signal,
    *,
    practice: Practice | None = None,
    movement_vph: Mapping[str, float] | None = None,
    grade_percent: Mapping[str, float] | None = None,
    main_street: Sequence[str] = (),
) -> DerivedSignal:
    """Derive phases and their values from geometry and movements.

    Whatever program is in force is not looked at; `differences` sets it beside the result.
    Not modeled: sight distance, crash history, offset crossings, traffic on the left.

    Parameters
    ----------
    network
        The roads.
    signal
        One of its signals.
    practice
        Timing practice; that of the United States' manuals by default.
    movement_vph
        Flow of each movement, veh/h, where known: it decides which street is the main one and
        which left turns get an arrow.
    grade_percent
        Grade of approach links, uphill positive; level where not given.
    main_street
        Approach links that name the main street; the first gets phase 2.

    Returns
    -------
    DerivedSignal

    Raises
    ------
    TopologyError
        If the signal controls no vehicle movement, or `main_street` names no approach of it.
    """
    practice = practice or Practice()
    found = tuple(
        approach
        for approach in approaches(network, signal)
        if any(c.groups for turn in approach.turns for c in turn.movement.connections)
    )
    if not found:
        raise TopologyError(f"signal {signal.signal_id!r} controls no vehicle movement")
    conflicts = Conflicts(network, signal, found)
    try:
        grouping = group_phases(found, conflicts, practice, movement_vph, main_street)
    except TopologyError as error:
        raise TopologyError(f"signal {signal.signal_id!r}: {error}") from error
    builder = _Builder(network, signal, found, conflicts, practice, grade_percent or {})
    phases, crossings_m = builder.phases(grouping)
    reasons = [_numbers_told(grouping), *grouping.reasons, *builder.reasons]
    return DerivedSignal(
        signal.signal_id,
        Phasing(phases, {}),
        grouping.phases,
        grouping.dual,
        grouping.main_street,
        {t.movement.movement_id: t.kind for a in found for t in a.turns},
        crossings_m,
        {
            t.movement.movement_id: movement_saturation_vph(t.movement, t.kind, practice)
            for a in found
            for t in a.turns
        },
        tuple(reasons),
        practice,
    )


def _numbers_told(grouping: Grouping) -> str:
    told = [
        f"{group.number} {'left of ' if group.left_only else ''}{group.approaches[0]}"
        for group in grouping.phases
    ]
    return "phases " + ", ".join(told)


class _Builder:
    """Gives phases their values."""

    def __init__(
        self,
        network: RoadNetwork,
        signal: Signal,
        found: Sequence[Approach],
        conflicts: Conflicts,
        practice: Practice,
        grade_percent: Mapping[str, float],
    ) -> None:
        self.network = network
        self.signal = signal
        self.conflicts = conflicts
        self.practice = practice
        self.grade_percent = grade_percent
        self.by_link = {approach.link.link_id: approach for approach in found}
        self.legs = {node: legs(network, node) for node in {a.node for a in found}}
        self.reasons: list[str] = []
        last = max(group for c in signal.connections for group in c.groups)
        given = signal.phasing.group_count if signal.phasing else 0
        self.width = max(last + 1, given)
        idle = set(range(self.width)).difference(*(c.groups for c in signal.connections))
        if idle:
            self.reasons.append(
                f"signal groups {', '.join(map(str, sorted(idle)))} serve no vehicle; where they "
                "are crossings, the network does not say which, and they stay dark"
            )

    def phases(self, grouping: Grouping) -> tuple[tuple[Phase, ...], dict[int, float]]:
        """Return the phases, and the length of the crossing walked in each."""
        crossings_m = self._crossings(grouping) if self.practice.pedestrians else {}
        phases = {g.number: self._phase(g, crossings_m.get(g.number)) for g in grouping.phases}
        if grouping.dual:
            for barrier in {group.barrier for group in grouping.phases}:
                self._end_together([p for p in phases.values() if p.barrier == barrier], phases)
        return tuple(phases.values()), crossings_m

    def _phase(self, group: PhaseGroup, crossing: float | None) -> Phase:
        lamps = ["r"] * self.width
        for ways, lamp in ((group.protected, "G"), (group.permitted, "g")):
            for way in ways:
                for place in self.conflicts.ways[way].groups:
                    lamps[place] = lamp
        walk = walk_times(crossing, self.practice) if crossing else WalkTimes(0, 0)
        yellow, red = self._clearance(group)
        least = min_green_s(group.left_only, group.major, self.practice)
        return Phase(
            group.number,
            "".join(lamps),
            least,
            yellow,
            red,
            group.ring,
            group.barrier,
            walk.walk_s,
            walk.clear_s,
        )

    def _clearance(self, group: PhaseGroup) -> tuple[int, int]:
        """Return yellow and red clearance of the slowest way to clear, in tenths."""
        turning = (TurnKind.LEFT, TurnKind.U_TURN)
        ways = [self.conflicts.ways[way] for way in group.ways]
        straight = [c for c in ways if self.conflicts.kind[c.connection_id] not in turning]
        yellows: list[int] = []
        reds: list[int] = []
        for way in straight or ways:
            link = self.network.links[way.from_link]
            speed = link.speed_mps + self.practice.over_limit_mps
            entry = speed if straight else min(self.practice.turning_mps, speed)
            grade = self.grade_percent.get(way.from_link, 0.0)
            yellows.append(yellow_ds(speed, self.practice, entry_mps=entry, grade_percent=grade))
            reds.append(red_clear_ds(self._width_m(way.connection_id), entry, self.practice))
        return max(yellows), max(reds)

    def _width_m(self, way: str) -> float:
        connection = self.conflicts.ways[way]
        if connection.length_m >= SHORTEST_WAY_M:
            return connection.length_m
        node = self.network.links[connection.from_link].to_node
        crossed = [
            sum(driven_lanes(self.network, link) for link in (*leg.links_in, *leg.links_out))
            for leg in self.legs[node]
        ]
        return max(crossed, default=2) * self.practice.lane_width_m

    def _crossings(self, grouping: Grouping) -> dict[int, float]:
        """Assign the crossing of every leg to the phase whose traffic runs beside it."""
        found: dict[int, float] = {}
        for node, around in sorted(self.legs.items()):
            for leg in around:
                number = self._beside(leg, around, grouping, node)
                if number is None:
                    name = (*leg.links_in, *leg.links_out)[0]
                    self.reasons.append(f"no phase runs beside the crossing of the leg of {name}")
                else:
                    length = crossing_m(self.network, leg, self.practice)
                    found[number] = max(length, found.get(number, 0.0))
        return found

    def _beside(self, leg: Leg, around: Sequence[Leg], grouping: Grouping, node: str) -> int | None:
        for right in (True, False):
            for group in grouping.phases:
                if group.left_only or self._drives_straight_over(group, leg):
                    continue
                for link in group.approaches:
                    approach = self.by_link[link]
                    if approach.node == node and leg_beside(approach, around, right) == leg:
                        return group.number
        return None

    def _drives_straight_over(self, group: PhaseGroup, leg: Leg) -> bool:
        return any(
            (way.to_link in leg.links_out or way.from_link in leg.links_in)
            and (
                self.conflicts.kind[way.connection_id] is TurnKind.THROUGH
                or way.from_link in leg.links_in
            )
            for way in (self.conflicts.ways[name] for name in group.protected)
        )

    def _end_together(self, here: Sequence[Phase], phases: dict[int, Phase]) -> None:
        """Give phases that end at a barrier together the longer of their clearances.

        ITE (2020): drivers who yield to the opposing stream must not see yellow before it does.
        """
        throughs = [p for p in here if p.number % 2 == 0]
        if len({p.ring for p in throughs}) < 2:
            return
        yellow = max(p.yellow_ds for p in throughs)
        red = max(p.red_clear_ds for p in throughs)
        for phase in throughs:
            phases[phase.number] = replace(phase, yellow_ds=yellow, red_clear_ds=red)
