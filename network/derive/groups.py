"""Phases as sets of ways: two rings where two streets meet, stages in one ring elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from network.derive.conflicts import Conflicts, Unit
from network.derive.geometry import Approach
from network.derive.lefts import LeftTurns, Side, choose, side_of
from network.derive.numbering import (
    MOST_AXES,
    RING_OF,
    SPLIT_NUMBER,
    Seat,
    main_first,
    seats,
    stage_numbers,
    streets_of,
)
from network.derive.practice import Practice
from network.inventory import TurnKind


@dataclass(frozen=True, slots=True)
class PhaseGroup:
    """What one phase serves.

    Attributes
    ----------
    number, ring, barrier
        Where it stands.
    protected, permitted
        Ways that have right of way in it, and those that yield.
    approaches
        Links served, the one that names the phase first.
    left_only
        Whether it is the arrow of left turns.
    major
        Whether it serves the main street.
    """

    number: int
    ring: int
    barrier: int
    protected: tuple[str, ...]
    permitted: tuple[str, ...]
    approaches: tuple[str, ...]
    left_only: bool
    major: bool

    @property
    def ways(self) -> tuple[str, ...]:
        """All ways it serves."""
        return (*self.protected, *self.permitted)


@dataclass(frozen=True, slots=True)
class Grouping:
    """All phases of a signal, in the order they are served, ring by ring; and why."""

    phases: tuple[PhaseGroup, ...]
    dual: bool
    main_street: tuple[str, ...]
    reasons: tuple[str, ...]


def group_phases(
    found: Sequence[Approach],
    conflicts: Conflicts,
    practice: Practice,
    movement_vph: Mapping[str, float] | None = None,
    main_street: Sequence[str] = (),
) -> Grouping:
    """Derive lawful phases.

    Parameters
    ----------
    found
        Approaches of the signal.
    conflicts
        What crosses what.
    practice
        When left turns get an arrow.
    movement_vph
        Flows, veh/h, where known.
    main_street
        As for `main_first`.
    """
    axes = main_first(streets_of(found, conflicts), movement_vph, main_street)
    units = conflicts.units()
    odd = _odd(found, len(axes), units)
    if not odd:
        rings = _rings(seats(axes, main_street), units, conflicts, practice, movement_vph)
        if not isinstance(rings, str):
            phases, reasons = rings
            two = len({phase.ring for phase in phases}) > 1
            return Grouping(phases, two, axes[0].links, reasons)
        odd = rings
    order = {link: i for i, axis in enumerate(axes) for link in axis.links}
    for permissive in (True, False):
        phases = _stages(units, conflicts, order, permissive)
        if not permissive or not _unlawful(phases, conflicts):
            break
    return Grouping(phases, False, axes[0].links, (f"stages in one ring: {odd}",))


def _odd(found: Sequence[Approach], axes: int, units: Sequence[Unit]) -> str:
    """Say why eight phases do not fit; nothing where they do."""
    nodes = {approach.node for approach in found}
    if len(nodes) > 1:
        return f"it controls {len(nodes)} nodes"
    if axes > MOST_AXES:
        return f"{axes} streets meet"
    if any(len(unit.approaches) > 1 for unit in units):
        return "a signal group serves several approaches"
    return ""


def _rings(
    seated: Sequence[Seat],
    units: Sequence[Unit],
    conflicts: Conflicts,
    practice: Practice,
    movement_vph: Mapping[str, float] | None,
) -> tuple[tuple[PhaseGroup, ...], tuple[str, ...]] | str:
    """Return phases in two rings and why, or what speaks against them."""
    drafts: list[PhaseGroup] = []
    reasons: list[str] = []
    for barrier in (1, 2):
        here = [seat for seat in seated if seat.barrier == barrier]
        sides = {seat.through: side_of(seat.approach, units) for seat in here}
        numbers = list(sides)
        choices = {
            n: choose(
                sides[n],
                next((sides[m] for m in numbers if m != n), None),
                conflicts,
                practice,
                movement_vph,
            )
            for n in numbers
        }
        reasons += [choice.reason for choice in choices.values() if choice.reason]
        split = len(here) > 1 and (
            any(choice.turns is LeftTurns.SPLIT for choice in choices.values())
            or not _side_by_side(
                [sides[n] for n in numbers], [choices[n].turns for n in numbers], conflicts
            )
        )
        if split:
            reasons.append(
                f"phases {SPLIT_NUMBER[numbers[0]]} and {SPLIT_NUMBER[numbers[1]]} split"
            )
        for seat in here:
            side = sides[seat.through]
            drafts += _drafts(seat, side, choices[seat.through].turns, split)
    drafts.sort(key=lambda phase: (phase.ring, phase.barrier, not phase.left_only, phase.number))
    finished = tuple(_with_right_of_way(phase, drafts, conflicts) for phase in drafts)
    if _unlawful(finished, conflicts):
        return "ways of opposite approaches cross"
    alone = len({phase.barrier for phase in finished}) == 1
    if alone and any(p.left_only for p in finished) and any(p.permitted for p in finished):
        # Nothing ends the opposing green when the yielding one ends: the yellow trap.
        return "left turns yield and no street crosses"
    return finished, tuple(reasons)


def _side_by_side(sides: Sequence[Side], turns: Sequence[LeftTurns], conflicts: Conflicts) -> bool:
    """Tell whether opposite approaches may run together: throughs, and arrows with arrows."""
    one, other = sides
    arrows = (LeftTurns.PROTECTED, LeftTurns.PROTECTED_PERMISSIVE)
    if all(turn in arrows for turn in turns) and any(
        conflicts.cross(a, b) for a in one.left_ways for b in other.left_ways
    ):
        return False
    return all(
        conflicts.yielding(a, b) is not None
        for a in one.through_ways
        for b in conflicts.foes(a).intersection(other.through_ways)
    )


def _drafts(seat: Seat, side: Side, turns: LeftTurns, split: bool) -> list[PhaseGroup]:
    link = (seat.approach.link.link_id,)
    if split:
        number = SPLIT_NUMBER[seat.through]
        ways = (*side.through_ways, *side.left_ways)
        return [PhaseGroup(number, 1, seat.barrier, ways, (), link, False, seat.major)]
    through = side.through_ways
    if turns is not LeftTurns.PROTECTED:
        through += side.left_ways
    number, ring = seat.through, RING_OF[seat.through]
    found = [PhaseGroup(number, ring, seat.barrier, through, (), link, False, seat.major)]
    if turns in (LeftTurns.PROTECTED, LeftTurns.PROTECTED_PERMISSIVE):
        ring = RING_OF[seat.left]
        found.append(
            PhaseGroup(seat.left, ring, seat.barrier, side.left_ways, (), link, True, seat.major)
        )
    return found


def _with_right_of_way(
    phase: PhaseGroup, phases: Sequence[PhaseGroup], conflicts: Conflicts
) -> PhaseGroup:
    """Divide a phase's ways into those that go first and those that yield."""
    beside = {
        way
        for other in phases
        if other is phase or (other.barrier == phase.barrier and other.ring != phase.ring)
        for way in other.ways
    }
    yields = [
        way
        for way in phase.ways
        if any(conflicts.yielding(way, foe) == way for foe in conflicts.foes(way) & beside)
    ]
    return _divided(phase, yields, conflicts)


def _divided(phase: PhaseGroup, yields: Sequence[str], conflicts: Conflicts) -> PhaseGroup:
    """Ways of a signal group look alike: where one yields, all do."""
    groups = {group for way in yields for group in conflicts.ways[way].groups}
    lesser = [way for way in phase.ways if groups.intersection(conflicts.ways[way].groups)]
    return PhaseGroup(
        phase.number,
        phase.ring,
        phase.barrier,
        tuple(sorted(set(phase.ways).difference(lesser))),
        tuple(sorted(lesser)),
        phase.approaches,
        phase.left_only,
        phase.major,
    )


def _unlawful(phases: Sequence[PhaseGroup], conflicts: Conflicts) -> bool:
    """Tell whether ways that cross may both go first, or somebody yields to the wrong one."""
    for phase in phases:
        for other in phases:
            together = other is phase or (
                other.barrier == phase.barrier and other.ring != phase.ring
            )
            if not together:
                continue
            for way in phase.ways:
                for foe in conflicts.foes(way).intersection(other.ways):
                    first = way in phase.protected and foe in other.protected
                    same = conflicts.ways[way].from_link == conflicts.ways[foe].from_link
                    if first or (not same and conflicts.yielding(way, foe) is None):
                        return True
    return False


def _stages(
    units: Sequence[Unit], conflicts: Conflicts, order: Mapping[str, int], permissive: bool
) -> tuple[PhaseGroup, ...]:
    """Cover all units with few stages: greedily, then with whatever fits beside."""

    def rank(unit: Unit) -> tuple[object, ...]:
        straight = TurnKind.THROUGH in unit.kinds
        return (min(order[a] for a in unit.approaches), unit.turns_left, not straight, unit.ways)

    stages: list[list[Unit]] = []
    for unit in sorted(units, key=rank):
        fits = [
            stage
            for stage in stages
            if all(conflicts.compatible(unit, member, permissive) for member in stage)
        ]
        mates = set(unit.approaches)
        mates |= {conflicts.opposite[a] for a in unit.approaches if a in conflicts.opposite}
        best = max(
            fits,
            key=lambda stage: sum(len(mates.intersection(m.approaches)) for m in stage),
            default=None,
        )
        if best is None:
            stages.append([unit])
        else:
            best.append(unit)
    home = {unit.ways: i for i, stage in enumerate(stages) for unit in stage}
    for stage in stages:
        for unit in units:
            if unit not in stage and all(conflicts.compatible(unit, m, False) for m in stage):
                stage.append(unit)
    _untrap(stages, home, conflicts)
    numbers = stage_numbers(len(stages))
    return tuple(
        _stage(number, stage, i == 0, conflicts)
        for i, (number, stage) in enumerate(zip(numbers, stages, strict=True))
    )


def _stage(number: int, stage: Sequence[Unit], major: bool, conflicts: Conflicts) -> PhaseGroup:
    ways = tuple(way for unit in stage for way in unit.ways)
    approaches = tuple(dict.fromkeys(a for unit in stage for a in unit.approaches))
    left_only = all(unit.turns_left for unit in stage)
    draft = PhaseGroup(number, 1, 1, ways, (), approaches, left_only, major)
    yields = [
        way
        for way in ways
        for foe in conflicts.foes(way).intersection(ways)
        # Ways that a shared signal group forces together yield to each other.
        if conflicts.yielding(way, foe) in (way, None)
    ]
    return _divided(draft, yields, conflicts)


def _untrap(
    stages: list[list[Unit]], home: Mapping[tuple[str, ...], int], conflicts: Conflicts
) -> None:
    """End with a yielding turn what it yields to.

    Who would go on is taken out of one of the two stages, never out of its home.
    """
    changed = len(stages) > 1
    while changed:
        changed = False
        for i, stage in enumerate(stages):
            next_place = (i + 1) % len(stages)
            onward = stages[next_place]
            ending = [way for unit in stage if unit not in onward for way in unit.ways]
            for foe in [unit for unit in stage if unit in onward]:
                if any(
                    conflicts.yielding(way, other) == way
                    for way in ending
                    for other in conflicts.foes(way).intersection(foe.ways)
                ):
                    (stage if home[foe.ways] == next_place else onward).remove(foe)
                    changed = True
