"""Which GMNS phase belongs to which controller, and what it serves.

GMNS ties phases to timing plans, and movements and crosswalks to phases. A plan names one
controller, but coordination rows may let further controllers run it, and then its phases are those
of all of them in one list; nothing says which node a controller runs. The rules here, in order:

1. A node belongs to the controller that ``opt_nodes`` (ours) says; else the one whose detectors lie
   on its approaches; else the only one that runs a plan whose phases serve the node; else the one
   of the same name as the node; else the only controller there is.
2. Phases of a plan of one controller are its own.
3. Phases of a shared plan come in blocks: a block ends where a phase number or a place in the
   rings appears anew. A block is that controller's whose nodes alone its phases serve, or the one
   left over.
4. A movement named in another controller's block belongs to the phase of the same number in its own
   controller's block (a table made by joining on plan and number alone looks like that). Where
   its controller has no such phase the two share the row, and both get it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from network.readers.gmns_tables import Row, Table

MOST_PHASES = 255


@dataclass(frozen=True, slots=True)
class Target:
    """A turn or a crossing that a phase may serve, and its node."""

    name: str
    node: str
    crossing: bool


@dataclass(frozen=True, slots=True)
class Service:
    """One row of the signal_phase_mvmt table.

    Attributes
    ----------
    row
        Where it stands.
    phase_id
        The phase it names; empty in the older layout, which means all plans of the controller.
    controller, number
        Controller, in the older layout only, and phase number.
    target
        Turn or crossing.
    protection
        ``protected``, ``permitted`` or ``rtor``.
    """

    row: Row
    phase_id: str
    controller: str
    number: int
    target: Target
    protection: str


@dataclass(frozen=True, slots=True)
class PhaseTable:
    """Phases and services of every controller.

    Attributes
    ----------
    nodes
        Nodes each controller runs.
    phases
        Rows of the phases of a controller in a plan.
    services
        Services of a controller in a plan, with the phase number.
    """

    nodes: Mapping[str, tuple[str, ...]]
    phases: Mapping[tuple[str, str], tuple[Row, ...]]
    services: Mapping[tuple[str, str], tuple[tuple[int, Service], ...]]


@dataclass(slots=True)
class _Block:
    rows: list[Row] = field(default_factory=list)
    owner: str = ""


def read_services(
    table: Table, phases: Mapping[str, Row], targets: Mapping[tuple[str, str], Target]
) -> tuple[Service, ...]:
    """Read which phase serves what.

    Parameters
    ----------
    table
        The signal_phase_mvmt table.
    phases
        Rows of the signal_timing_phase table by name.
    targets
        Turns and crossings by column and name: ``("mvmt_id", "7")``. A name that is known but
        leads to nothing, such as a movement left out, has the target ``Target("", "", False)``.

    Returns
    -------
    tuple[Service, ...]

    Raises
    ------
    FormatError
        If a row names nothing, or something that does not exist.
    """
    names = {
        column: {name for kind, name in targets if kind == column}
        for column in ("mvmt_id", "link_id")
    }
    numbers = {row.need_whole("signal_phase_num", 0, MOST_PHASES) for row in phases.values()}
    found = []
    for row in table:
        named = [column for column in names if row.text(column)]
        if len(named) != 1:
            raise row.fault("mvmt_id", "either a movement or, in link_id, a crosswalk")
        what = "movement" if named[0] == "mvmt_id" else "crosswalk"
        target = targets[named[0], row.known(named[0], names[named[0]], what)]
        protection = row.text("protection").lower() or "protected"
        if protection not in ("protected", "permitted", "rtor"):
            raise row.fault("protection", "protected, permitted or rtor")
        if table.has("timing_phase_id"):
            phase = row.need_known("timing_phase_id", phases, "phase in signal_timing_phase.csv")
            number = phases[phase].need_whole("signal_phase_num", 0, MOST_PHASES)
            controller = ""
        else:
            phase, number = "", row.need_whole("signal_phase_num", 0, MOST_PHASES)
            controller = row.need("controller_id", "a controller, where no timing_phase_id is")
            if number not in numbers:
                raise row.fault("signal_phase_num", f"one of {sorted(numbers)}")
        if target.name:
            found.append(Service(row, phase, controller, number, target, protection))
    return tuple(found)


def assign_phases(
    controllers: Sequence[str],
    users: Mapping[str, Sequence[str]],
    rows: Mapping[str, Sequence[Row]],
    services: Sequence[Service],
    claims: Mapping[str, str],
    order: Iterable[str],
) -> PhaseTable:
    """Give every phase and every service to a controller.

    Parameters
    ----------
    controllers
        All of them.
    users
        The controllers that run each plan.
    rows
        Rows of the phases of each plan, in the order of the file.
    services
        From `read_services`.
    claims
        Controllers of the nodes of which the file says so.
    order
        All nodes, in the order controllers are to list them.

    Returns
    -------
    PhaseTable

    Raises
    ------
    FormatError
        If nothing says whose a phase is, or one controller has a number or a place twice.
    """
    plan_of = {row.text("timing_phase_id"): plan for plan, listed in rows.items() for row in listed}
    owner = _owners(controllers, users, services, plan_of, claims)
    phases: dict[tuple[str, str], list[Row]] = {}
    for plan, listed in rows.items():
        for block in _blocks(listed, users[plan], services, owner):
            for row in block.rows:
                phases.setdefault((block.owner, plan), []).append(row)
    for key, own in phases.items():
        _require_distinct(key[0], own)
    runs: dict[str, list[str]] = {}
    for plan, named in users.items():
        for controller in named:
            runs.setdefault(controller, []).append(plan)
    served: dict[tuple[str, str], list[tuple[int, Service]]] = {}
    for service in services:
        mine = owner[service.target.node]
        plans = [plan_of[service.phase_id]] if service.phase_id else runs.get(mine, [])
        for plan in plans:
            if mine not in users[plan]:
                raise service.row.fault(
                    "timing_phase_id",
                    f"a phase of a plan of controller {mine}, which runs its node",
                )
            if _share(service, plan, mine, phases, rows):
                served.setdefault((mine, plan), []).append((service.number, service))
    for key, own in phases.items():
        _require_distinct(key[0], own)
    nodes: dict[str, list[str]] = {name: [] for name in controllers}
    for node in order:
        if node in owner:
            nodes[owner[node]].append(node)
    return PhaseTable(
        {name: tuple(listed) for name, listed in nodes.items()},
        {key: tuple(found) for key, found in phases.items()},
        {key: tuple(pairs) for key, pairs in served.items()},
    )


def _owners(
    controllers: Sequence[str],
    users: Mapping[str, Sequence[str]],
    services: Sequence[Service],
    plan_of: Mapping[str, str],
    claims: Mapping[str, str],
) -> dict[str, str]:
    """Return the controller of every node that a phase serves or that a controller claims."""
    owner, known = dict(claims), frozenset(controllers)
    for service in services:
        node = service.target.node
        alone = users[plan_of[service.phase_id]] if service.phase_id else [service.controller]
        if node not in owner and len(alone) == 1:
            owner[node] = alone[0]
    for service in services:
        node = service.target.node
        if node in owner:
            continue
        owner[node] = node if node in known else ""
        if not owner[node] and len(controllers) == 1:
            owner[node] = controllers[0]
        if not owner[node]:
            column = "timing_phase_id" if service.phase_id else "controller_id"
            raise service.row.fault(
                column, f"a phase of one controller; nothing says which one runs node {node}"
            )
    return owner


def _blocks(
    rows: Sequence[Row],
    users: Sequence[str],
    services: Sequence[Service],
    owner: Mapping[str, str],
) -> list[_Block]:
    """Split a plan's phases into those of its controllers."""
    if len(users) == 1:
        return [_Block(list(rows), users[0])]
    by_phase: dict[str | int, set[str]] = {}
    for service in services:
        key = service.phase_id or service.number
        by_phase.setdefault(key, set()).add(owner[service.target.node])
    blocks: list[_Block] = []
    seen: set[object] = set()
    for row in rows:
        marks = {row.need_whole("signal_phase_num", 0, MOST_PHASES), _cell(row)} - {None}
        if not blocks or marks & seen:
            blocks.append(_Block())
            seen = set()
        seen |= marks
        blocks[-1].rows.append(row)
    result = []
    for block in blocks:
        votes: dict[str, list[Row]] = {}
        for row in block.rows:
            serving = _serving(row, by_phase)
            votes.setdefault(min(serving) if len(serving) == 1 else "", []).append(row)
        sure = [name for name in votes if name]
        if len(sure) > 1:
            # One list for several controllers: what serves only one is that one's, what serves
            # several is shared out by `_share`.
            result += [_Block(votes[name], name) for name in sure]
            for row in votes.get("", ()):
                if not _serving(row, by_phase):
                    row.note(
                        "timing_phase_id",
                        "serves nothing in a list of several controllers; left out",
                    )
        else:
            result.append(_Block(block.rows, sure[0] if sure else ""))
    free = [name for name in users if name not in {block.owner for block in result}]
    for block in result:
        if block.owner:
            continue
        if not free:
            raise block.rows[0].fault("timing_phase_id", "a phase that serves some movement")
        block.owner = free[0]
        if len(free) > 1 and not any(_serving(row, by_phase) for row in block.rows):
            raise block.rows[0].fault(
                "timing_phase_id", f"a phase that serves a movement; it may be of any of {free}"
            )
        free = free[1:]
    return result


def _serving(row: Row, by_phase: Mapping[str | int, set[str]]) -> set[str]:
    """Return the controllers whose nodes a phase serves."""
    number = row.need_whole("signal_phase_num", 0, MOST_PHASES)
    return by_phase.get(row.text("timing_phase_id"), set()) | by_phase.get(number, set())


def _share(
    service: Service,
    plan: str,
    mine: str,
    phases: dict[tuple[str, str], list[Row]],
    rows: Mapping[str, Sequence[Row]],
) -> bool:
    """See to it that a controller has the phase that serves one of its movements; tell if so."""
    own = phases.setdefault((mine, plan), [])
    same = [r for r in own if r.whole("signal_phase_num", 0, MOST_PHASES) == service.number]
    if not service.phase_id:
        return bool(same)
    if not same:
        own += [r for r in rows[plan] if r.text("timing_phase_id") == service.phase_id]
    elif same[0].text("timing_phase_id") != service.phase_id:
        service.row.note(
            "timing_phase_id",
            f"a phase of another controller; phase {service.number} of the same plan in the list "
            f"of controller {mine} is taken",
        )
    return True


def _cell(row: Row) -> tuple[int | None, ...] | None:
    cell = tuple(row.whole(column, 0, MOST_PHASES) for column in ("ring", "barrier", "position"))
    return None if None in cell else cell


def _require_distinct(controller: str, rows: Sequence[Row]) -> None:
    numbers: dict[int, int] = {}
    cells: dict[object, int] = {}
    for row in rows:
        number, cell = row.need_whole("signal_phase_num", 0, MOST_PHASES), _cell(row)
        if number in numbers:
            raise row.fault(
                "signal_phase_num",
                f"a number once in a plan of controller {controller}; row {numbers[number]} has it",
            )
        if cell is not None and cell in cells:
            raise row.fault(
                "position",
                f"a place in ring and barrier of its own; row {cells[cell]} has the same",
            )
        numbers[number], cells[cell] = row.line, row.line
