"""Phases and the plan in force of a controller, over the signal groups of the built network.

What a controller's sheet says of phases and turns becomes a `Phasing` of one or more rings, in
the aspects that the connections of the network listen to, and a `TimingPlan` in whole seconds.
Phase numbers are those of the source.

A turn on red is shown only by the phases of the ring that serves the turn: were another ring to
show it while the first one clears, the street would not see the yellow (the more permissive
aspect wins). Where that ring has nothing to serve between two barriers, the others show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from network.errors import TopologyError, UnsafePlanError
from network.graph import Connection, Signal
from network.inventory import Turn, TurnKind
from network.inventory_signals import Controller, ControllerPhase
from network.phasing import Phase, Phasing
from network.ring_rounding import whole_seconds
from network.ring_timing import RingTiming
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Service:
    """When a turn may go.

    Attributes
    ----------
    protected, permitted
        Phases with right of way, and those in which it yields.
    on_red
        Whether it may go on red after a stop.
    """

    protected: frozenset[int]
    permitted: frozenset[int]
    on_red: bool

    @property
    def phases(self) -> frozenset[int]:
        """All phases that serve it."""
        return self.protected | self.permitted


@dataclass(frozen=True, slots=True)
class Rings:
    """A controller over the groups of a signal.

    Attributes
    ----------
    phasing
        Its phases.
    plan
        The plan in force, rounded to whole seconds.
    exact
        Whether nothing was rounded or changed.
    findings
        What was assumed or changed.
    """

    phasing: Phasing
    plan: TimingPlan
    exact: bool
    findings: tuple[str, ...]


def services(
    controller: Controller, turns: Sequence[Turn]
) -> tuple[Mapping[str, Service], tuple[str, ...]]:
    """Say in which phases of the plan in force each turn may go.

    Parameters
    ----------
    controller
        Its first plan is the one in force.
    turns
        Those at its nodes.

    Returns
    -------
    services : mapping
        By turn name. A turn without a phase goes, yielding, with the turn whose lane it shares,
        else with the through traffic of its link; a right turn that has neither goes on red.
        Others stay out: they never get green.
    findings : tuple of str
    """
    plan = controller.plans[0]
    known = {phase.number for phase in plan.phases}
    given: dict[str, tuple[frozenset[int], frozenset[int]]] = {}
    for turn in turns:
        with_right, yielding = controller.turn_phases.get(
            (plan.plan_id, turn.turn_id), (turn.protected_phases, turn.permitted_phases)
        )
        given[turn.turn_id] = (
            frozenset(with_right) & known,
            (frozenset(yielding) - frozenset(with_right)) & known,
        )
    found: dict[str, Service] = {}
    findings: list[str] = []
    silent = [t.turn_id for t in turns if t.kind is TurnKind.RIGHT and t.right_on_red is None]
    if silent:
        findings.append(
            f"controller {controller.controller_id!r}: right on red is not given for "
            f"{len(silent)} turns and not allowed there"
        )
    for turn in turns:
        protected, permitted = given[turn.turn_id]
        on_red = turn.kind is TurnKind.RIGHT and turn.right_on_red is True
        if not protected | permitted:
            permitted = _borrowed(turn, turns, given)
            what = f"goes, yielding, in {sorted(permitted)} with the traffic beside it"
            if not permitted:
                if turn.kind is not TurnKind.RIGHT:
                    findings.append(
                        f"turn {turn.turn_id!r} has no phase at controller "
                        f"{controller.controller_id!r} and is not built"
                    )
                    continue
                on_red = True
                what = "always goes after a stop"
            findings.append(
                f"turn {turn.turn_id!r} has no phase at controller "
                f"{controller.controller_id!r}; it {what}"
            )
        found[turn.turn_id] = Service(protected, permitted, on_red)
    return found, tuple(findings)


def _borrowed(
    turn: Turn, turns: Sequence[Turn], given: Mapping[str, tuple[frozenset[int], frozenset[int]]]
) -> frozenset[int]:
    beside = [t for t in turns if t.from_link == turn.from_link and t is not turn]
    sharing = [t for t in beside if set(t.lanes) & set(turn.lanes)]
    through = [t for t in beside if t.kind is TurnKind.THROUGH]
    for some in (sharing, through):
        phases = frozenset[int]().union(*(g for t in some for g in given[t.turn_id]))
        if phases:
            return phases
    return frozenset()


def rings_of(
    controller: Controller,
    timing: RingTiming,
    begin_ds: int,
    service: Mapping[str, Service],
    signal: Signal,
) -> Rings:
    """Make the phases and the plan of a controller.

    Parameters
    ----------
    controller
        The controller.
    timing
        Its plan in force, in tenths.
    begin_ds
        When the first barrier falls behind system zero.
    service
        By movement of the network: when it may go.
    signal
        The signal as it was built.

    Raises
    ------
    TopologyError
        If no movement of the signal is served.
    UnsafePlanError
        If two streets that cross straight on have protected green at once.
    """
    findings: list[str] = []
    served = set(timing.sequence)
    connections = signal.connections
    if not any(service[c.movement_id].phases for c in connections if c.movement_id in service):
        raise TopologyError(f"signal {signal.signal_id!r}: no phase serves any of its movements")
    width = 1 + max(group for c in connections for group in c.groups)
    pictures = {p.number: ["r"] * width for p in timing.phases}
    for connection in connections:
        if connection.movement_id in service:
            _paint(
                pictures,
                connection,
                service[connection.movement_id],
                timing,
                controller.hold_phases,
            )
    yielding = _give_way(pictures, connections, timing, f"controller {controller.controller_id!r}")
    if yielding:
        findings.append(
            f"controller {controller.controller_id!r}: {len(yielding)} ways cross another one that "
            f"is protected at the same time; they yield ({', '.join(sorted(yielding)[:3])})"
        )
    phases: list[Phase] = []
    for number in (*timing.sequence, *(p.number for p in timing.phases)):
        if all(phase.number != number for phase in phases):
            given = timing.phase(number)
            green_ds = None
            if number in served:
                green_ds = timing.splits_ds[number] - given.yellow_ds - given.red_clear_ds
            where = f"controller {controller.controller_id!r}: phase {number}"
            phases.append(_phase(given, "".join(pictures[number]), green_ds, where, findings))
    phasing = Phasing(tuple(phases), {})
    plan, exact = whole_seconds(controller, timing, begin_ds, phasing, signal.signal_id, findings)
    return Rings(phasing, plan, exact, tuple(findings))


def _paint(
    pictures: Mapping[int, list[str]],
    connection: Connection,
    service: Service,
    timing: RingTiming,
    held: Sequence[int],
) -> None:
    rings = {timing.phase(n).ring for n in service.phases}
    home = min(rings, default=0)
    busy = {timing.phase(n).barrier for n in timing.sequence if timing.phase(n).ring == home}
    for phase in timing.phases:
        aspect = "r"
        if phase.number in service.protected:
            aspect = "G"
        elif phase.number in service.permitted:
            aspect = "g"
        elif service.on_red and len(rings) < 2 and phase.number not in held:
            resting = phase.ring != home and phase.barrier not in busy
            aspect = "s" if not rings or phase.ring == home or resting else "r"
        for group in connection.groups:
            pictures[phase.number][group] = aspect


def _give_way(
    pictures: Mapping[int, list[str]],
    connections: Sequence[Connection],
    timing: RingTiming,
    where: str,
) -> set[str]:
    """Take the right of way from who must yield to somebody protected at the same time.

    A turn may be drawn so in good faith; two streets that cross straight on may not.
    """
    by_name = {connection.connection_id: connection for connection in connections}
    yielding: set[str] = set()
    for phase in timing.phases:
        beside = [
            other
            for other in timing.phases
            if other is phase or (other.ring != phase.ring and other.barrier == phase.barrier)
        ]
        for connection in connections:
            before = [
                foe
                for name in connection.yields_to
                if (foe := by_name.get(name)) is not None
                and _meet(connection, foe)
                and any(pictures[o.number][g] == "G" for o in beside for g in foe.groups)
            ]
            crossed = [foe for foe in before if _both_straight(connection, foe)]
            if crossed and any(pictures[phase.number][g] == "G" for g in connection.groups):
                text = (
                    f"{where}: phase {phase.number} gives protected green to "
                    f"{connection.connection_id} while {crossed[0].connection_id}, which crosses "
                    "it straight on, has it too; allowed is one of them at a time"
                )
                raise UnsafePlanError((text,))
            for group in connection.groups if before else ():
                if pictures[phase.number][group] == "G":
                    pictures[phase.number][group] = "g"
                    yielding.add(connection.connection_id)
    return yielding


def _both_straight(connection: Connection, foe: Connection) -> bool:
    """Tell whether two ways go straight on from one street across another one's."""
    return (
        connection.turn == foe.turn == "s"
        and connection.from_link != foe.from_link
        and connection.to_link != foe.to_link
    )


def _meet(connection: Connection, foe: Connection) -> bool:
    """Tell whether two ways meet in earnest: lanes of one link do only where they merge."""
    if foe.from_link != connection.from_link:
        return True
    return (foe.to_link, foe.to_lane) == (connection.to_link, connection.to_lane)


def _phase(
    given: ControllerPhase, aspects: str, green_ds: int | None, where: str, findings: list[str]
) -> Phase:
    least_s = max(1, -(-given.min_green_ds // TENTHS_PER_SECOND))
    walk_s = -(-(given.walk_ds or 0) // TENTHS_PER_SECOND)
    clear_s = -(-(given.ped_clear_ds or 0) // TENTHS_PER_SECOND) if walk_s else 0
    if green_ds is not None and green_ds < given.min_green_ds:
        findings.append(
            f"{where} is green for {green_ds / TENTHS_PER_SECOND:g} s in force, less than its "
            f"minimum of {given.min_green_ds / TENTHS_PER_SECOND:g} s; the plan in force counts"
        )
        least_s = max(1, green_ds // TENTHS_PER_SECOND)
    if green_ds is not None and green_ds < (walk_s + clear_s) * TENTHS_PER_SECOND:
        findings.append(
            f"{where} needs {walk_s + clear_s} s of green for walk and pedestrian clearance and "
            f"has {green_ds / TENTHS_PER_SECOND:g} s; taken as served by push button, outside the "
            "plan"
        )
        walk_s = clear_s = 0
    return Phase(
        given.number,
        aspects,
        least_s,
        given.yellow_ds,
        given.red_clear_ds,
        given.ring,
        given.barrier,
        walk_s,
        clear_s,
    )
