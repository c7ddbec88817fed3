"""Controllers, timing plans, coordination and detectors of a GMNS folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from network.inventory import Street, Turn
from network.inventory_signals import (
    ControlKind,
    Controller,
    ControllerPhase,
    Coordination,
    Detector,
    ReferencePoint,
)
from network.readers.gmns_detectors import read_detectors
from network.readers.gmns_phases import (
    MOST_PHASES,
    PhaseTable,
    Service,
    Target,
    assign_phases,
    read_services,
)
from network.readers.gmns_plans import LONGEST_S, mend_rings, read_phases, splits_of
from network.readers.gmns_streets import Streets
from network.readers.gmns_tables import Findings, Row, Table
from network.readers.gmns_times import read_times
from network.readers.gmns_units import Units

TurnPhases = tuple[tuple[int, ...], tuple[int, ...]]

REFERENCES: Final = {
    "begin_of_green": ReferencePoint.BEGIN_GREEN,
    "begin_of_yellow": ReferencePoint.BEGIN_YELLOW,
    "begin_of_red": ReferencePoint.END_YELLOW,
}
"""The events GMNS has names for; begin of red is the end of yellow."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the signal tables say.

    Attributes
    ----------
    controllers, detectors
        In the order of the source.
    turn_phases, crossing_phases
        Phases of the first plan by turn and by crossing.
    right_on_red
        Turns of which a row says that they may go on red.
    """

    controllers: tuple[Controller, ...]
    detectors: tuple[Detector, ...]
    turn_phases: Mapping[str, TurnPhases]
    crossing_phases: Mapping[str, tuple[int, ...]]
    right_on_red: frozenset[str]


def read_signals(
    tables: Mapping[str, Table],
    units: Units,
    streets: Streets,
    turns: Mapping[str, Turn],
    targets: Mapping[tuple[str, str], Target],
    findings: Findings,
) -> Signals:
    """Read the signal tables.

    Parameters
    ----------
    tables, units, streets
        What was read before.
    turns
        Turns by name.
    targets
        What rows of signal_phase_mvmt may name, as `gmns_phases.read_services` takes it.
    findings
        Receives what was assumed.

    Returns
    -------
    Signals

    Raises
    ------
    FormatError
        If a cell cannot be what it says, with its place.
    """
    return _Reader(tables, units, streets, turns, targets, findings).read()


class _Reader:
    def __init__(
        self,
        tables: Mapping[str, Table],
        units: Units,
        streets: Streets,
        turns: Mapping[str, Turn],
        targets: Mapping[tuple[str, str], Target],
        findings: Findings,
    ) -> None:
        self._tables, self._units, self._streets, self._turns = tables, units, streets, turns
        self._findings = findings
        self._controllers = {row.text("controller_id"): row for row in tables["signal_controller"]}
        self._plans = {row.text("timing_plan_id"): row for row in tables["signal_timing_plan"]}
        self._days = {row.text("timeday_id"): row for row in tables["time_set_definitions"]}
        self._phases = {row.text("timing_phase_id"): row for row in tables["signal_timing_phase"]}
        services = read_services(tables["signal_phase_mvmt"], self._phases, targets)
        self._right_on_red = frozenset(
            service.target.name for service in services if service.protection == "rtor"
        )
        self._services = tuple(service for service in services if service.protection != "rtor")
        self._coordination = self._read_coordination()

    def read(self) -> Signals:
        users = self._users()
        rows: dict[str, list[Row]] = {plan: [] for plan in self._plans}
        for row in self._phases.values():
            rows[row.need_known("timing_plan_id", self._plans, "timing plan")].append(row)
        table = assign_phases(
            tuple(self._controllers),
            users,
            rows,
            self._services,
            self._claims(),
            [node.node_id for node in self._streets.nodes],
        )
        base: dict[str, TurnPhases] = {}
        crossing: dict[str, tuple[int, ...]] = {}
        controllers = []
        run: dict[str, list[str]] = {name: [] for name in self._controllers}
        for plan, named in users.items():
            for name in named:
                run[name].append(plan)
        for name, row in self._controllers.items():
            plans = run[name]
            controllers.append(self._controller(name, row, plans, table, base, crossing))
        return Signals(
            tuple(controllers),
            read_detectors(self._tables, self._units, self._streets, self._controllers),
            base,
            crossing,
            self._right_on_red,
        )

    def _read_coordination(self) -> dict[tuple[str, str], Row]:
        found: dict[tuple[str, str], Row] = {}
        for row in self._tables["signal_coordination"]:
            plan = row.need_known("timing_plan_id", self._plans, "timing plan")
            controller = row.need_known("controller_id", self._controllers, "controller")
            row.known("coord_contr_id", self._controllers, "controller")
            if (controller, plan) in found:
                raise row.fault("controller_id", "one row for a controller and a plan")
            found[controller, plan] = row
        return found

    def _users(self) -> dict[str, list[str]]:
        """Return the controllers that run each plan: the one it names and those that coordinate."""
        users: dict[str, list[str]] = {}
        for plan, row in self._plans.items():
            users[plan] = [row.need_known("controller_id", self._controllers, "controller")]
        for controller, plan in self._coordination:
            if controller not in users[plan]:
                users[plan].append(controller)
        return users

    def _claims(self) -> dict[str, str]:
        """Return the controllers of the nodes of which our column or a detector says so."""
        nodes = {node.node_id for node in self._streets.nodes}
        claims: dict[str, str] = {}
        for name, row in self._controllers.items():
            for node in row.items("opt_nodes"):
                if node not in nodes or node in claims:
                    raise row.fault("opt_nodes", "nodes, each of one controller")
                claims[node] = name
        if self._tables["signal_controller"].has("opt_nodes"):
            return claims
        for row in self._tables["signal_detector"]:
            name = row.need_known("controller_id", self._controllers, "controller")
            node = row.need_known("ref_node_id", nodes, "node")
            if claims.setdefault(node, name) != name:
                raise row.fault("controller_id", f"{claims[node]}, which runs node {node} as well")
        return claims

    def _controller(
        self,
        name: str,
        row: Row,
        plans: Sequence[str],
        table: PhaseTable,
        base: dict[str, TurnPhases],
        crossing: dict[str, tuple[int, ...]],
    ) -> Controller:
        found: list[Coordination] = []
        others: dict[tuple[str, str], TurnPhases] = {}
        mine: dict[str, TurnPhases] = {}
        names = [self._plans[plan].text("opt_plan_id") or plan for plan in plans]
        for index, plan in enumerate(plans):
            if names[index] in names[:index]:
                raise self._plans[plan].fault("opt_plan_id", "a name once for a controller")
            services = table.services.get((name, plan), ())
            made = self._plan(
                name, plan, names[index], table.phases.get((name, plan), ()), services, found
            )
            found.append(made)
            served, walked = _served(services)
            if index == 0:
                mine = served
                crossing |= walked
                continue
            here = {phase.number for phase in made.phases}
            for turn in dict.fromkeys((*mine, *served)):
                usual = mine.get(turn, ((), ()))
                kept = tuple(tuple(n for n in numbers if n in here) for numbers in usual)
                if (now := served.get(turn, ((), ()))) != kept:
                    others[names[index], turn] = now
            if any(crossing.get(key) != numbers for key, numbers in walked.items()):
                self._plans[plan].note(
                    "timing_plan_id", "crosswalks walk in other phases than in the first plan"
                )
        base |= mine
        nodes = row.items("opt_nodes") or table.nodes[name]
        if not nodes:
            row.note("controller_id", "runs no node that a movement or a detector tells of")
        hold = row.numbers("opt_hold_phases", 0, MOST_PHASES)
        return Controller(name, nodes, tuple(found), others, hold)

    def _plan(
        self,
        controller: str,
        plan: str,
        name: str,
        rows: Sequence[Row],
        services: Sequence[tuple[int, Service]],
        before: Sequence[Coordination],
    ) -> Coordination:
        row = self._plans[plan]
        phase_table = self._tables["signal_timing_phase"]
        listed = read_phases(rows, self._approaches(services), phase_table.has("opt_yellow"))
        if not listed:
            row.note("timing_plan_id", f"controller {controller} has no phases in it")
        phases = tuple(each.phase for each in listed)
        cycle = row.tenths("cycle_length", LONGEST_S)
        own_splits = phase_table.has("opt_split")
        splits: dict[int, int] = {}
        if own_splits:
            splits = splits_of(listed, own_splits)
        elif cycle:
            splits = splits_of(listed, own_splits)
            phases = mend_rings(listed, [each.phases for each in before], cycle)
            for each in listed:
                each.row.note("max_green", "GMNS has no splits; maximum green and clearance taken")
        kind = row.text("opt_control")
        if kind and kind not in list(ControlKind):
            raise row.fault("opt_control", ", ".join(ControlKind))
        offset, reference, reference_phases, master = self._reference(controller, plan, phases)
        return Coordination(
            name,
            phases,
            splits,
            cycle,
            offset,
            reference,
            reference_phases,
            master,
            read_times(row, self._days),
            ControlKind(kind) if kind else _control(cycle, phases),
        )

    def _approaches(self, services: Sequence[tuple[int, Service]]) -> dict[int, list[Street]]:
        found: dict[int, list[Street]] = {}
        for number, service in services:
            if not service.target.crossing:
                turn = self._turns[service.target.name]
                found.setdefault(number, []).append(self._streets.links[turn.from_link])
        return found

    def _reference(
        self, controller: str, plan: str, phases: Sequence[ControllerPhase]
    ) -> tuple[int | None, ReferencePoint, tuple[int, ...], str]:
        row = self._coordination.get((controller, plan))
        if row is None:
            return None, ReferencePoint.BEGIN_GREEN, (), ""
        here = [phase.number for phase in phases]
        first = row.whole("coord_phase", 0, MOST_PHASES)
        numbers = row.numbers("opt_reference_phases", 0, MOST_PHASES)
        if not numbers and first is not None:
            numbers = (first,)
        for column in ("coord_phase", "opt_reference_phases"):
            if row.text(column) and not set(numbers) <= set(here):
                raise row.fault(column, f"a phase of the plan: {here}")
        point = row.text("coord_ref_to").lower() or "begin_of_green"
        if point not in REFERENCES:
            raise row.fault("coord_ref_to", ", ".join(REFERENCES))
        own = row.text("opt_reference")
        if own and own not in list(ReferencePoint):
            raise row.fault("opt_reference", ", ".join(ReferencePoint))
        master = row.known("coord_contr_id", self._controllers, "controller")
        offset, cycle = (
            row.tenths("offset", LONGEST_S),
            self._plans[plan].tenths("cycle_length", LONGEST_S),
        )
        if offset is not None and cycle and offset >= cycle:
            row.note("offset", "not below the cycle")
        return (
            offset,
            ReferencePoint(own) if own else REFERENCES[point],
            numbers,
            # A controller that names itself is the master: its offset counts from system zero.
            "" if master == controller else master,
        )


def _served(
    services: Sequence[tuple[int, Service]],
) -> tuple[dict[str, TurnPhases], dict[str, tuple[int, ...]]]:
    """Return protected and permitted phases by turn, and phases by crossing."""
    turns: dict[str, tuple[dict[int, None], dict[int, None]]] = {}
    crossings: dict[str, dict[int, None]] = {}
    for number, service in services:
        if service.target.crossing:
            crossings.setdefault(service.target.name, {})[number] = None
        else:
            both = turns.setdefault(service.target.name, ({}, {}))
            both[service.protection == "permitted"][number] = None
    return (
        {
            # Cars may be protected where bicycles in the next lane yield: the turn is protected.
            name: (tuple(held), tuple(number for number in yielding if number not in held))
            for name, (held, yielding) in turns.items()
        },
        {name: tuple(numbers) for name, numbers in crossings.items()},
    )


def _control(cycle_ds: int | None, phases: Sequence[ControllerPhase]) -> ControlKind:
    varies = any(
        phase.extension_ds or (phase.max_green_ds or phase.min_green_ds) > phase.min_green_ds
        for phase in phases
    )
    if not cycle_ds:
        return ControlKind.ACTUATED
    return ControlKind.COORDINATED if varies else ControlKind.PRETIMED
