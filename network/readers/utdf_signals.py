"""Controllers of UTDF sheets: phases in rings and barriers, splits, offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from network.errors import FormatError
from network.inventory import Node, NodeKind
from network.inventory_signals import (
    ControlKind,
    Controller,
    ControllerPhase,
    Coordination,
    ReferencePoint,
)
from network.readers.utdf_columns import ONLY_PLAN, key_of
from network.readers.utdf_lanes import MOST_PHASES, phases_of
from network.readers.utdf_phases import KEYS, read_phases, tenths_in
from network.readers.utdf_splits import barrier_sums, complete, fits, reference_event_ds
from network.readers.utdf_tables import Record, Tables, whole_in
from network.units import TENTHS_PER_SECOND

CONTROLS = (
    ControlKind.PRETIMED,
    ControlKind.ACTUATED,
    ControlKind.SEMI_ACTUATED,
    ControlKind.COORDINATED,
)
REFERENCES = (
    ReferencePoint.LAST_GREEN,
    ReferencePoint.BEGIN_YELLOW,
    ReferencePoint.END_YELLOW,
    ReferencePoint.BEGIN_GREEN,
    ReferencePoint.BEGIN_FLASHING_WALK,
)
MOST_NODES = 8
"""Intersections one controller may run, records ``Node 0`` to ``Node 7``."""
PLAN_RECORDS = frozenset(
    key_of(name)
    for name in (
        *("Control Type", "Cycle Length", "Referenced To", "Reference Phase", "Offset", "Master"),
        *(f"Node {nth}" for nth in range(MOST_NODES)),
    )
)


def read_controllers(tables: Tables, nodes: Sequence[Node]) -> tuple[Controller, ...]:
    """Read the timing plan and phase sheets.

    Parameters
    ----------
    tables
        The file; what it leaves open or contradicts is added to its findings.
    nodes
        The intersections.

    Returns
    -------
    tuple of Controller
        Named after their first intersection, in order of the timing plan sheet.

    Raises
    ------
    FormatError
        If phases overlap, miss what they need, or a movement names a phase that is not there.
    """
    kinds = {node.node_id: node.kind for node in nodes}
    controllers: list[Controller] = []
    run_by: dict[str, str] = {}
    masters: dict[int, str] = {}
    for node in dict.fromkeys([*tables.plans, *tables.phases]):
        phases = tables.phases.get(node, {})
        plans = tables.plans.get(node, {})
        some = next(iter([*phases.values(), *next(iter(plans.values()), {}).values()]))
        if node not in kinds:
            raise some.bad("INTID", "an intersection of the section [Nodes]")
        if kinds[node] is not NodeKind.SIGNAL or "brp" not in phases:
            tables.findings.append(
                f"Timing of intersection {node} was left out: "
                + ("it has no phases." if "brp" not in phases else "it has no signal.")
            )
            continue
        controller = _controller(tables, node, phases, plans)
        for member in controller.nodes:
            if member not in kinds or run_by.setdefault(member, node) != node:
                raise FormatError(
                    f"{some.path}, line {some.line}: controller {node} runs intersection {member}, "
                    "which is " + ("unknown" if member not in kinds else "run by another already")
                )
        for settings in plans.values():
            _note_master(tables, settings, controller, masters)
        controllers.append(controller)
    by_name = {controller.controller_id: controller for controller in controllers}
    for node, sheet in tables.lanes.items():
        if node in run_by:
            _require_phases(sheet, by_name[run_by[node]])
    silent = [n for n, kind in kinds.items() if kind is NodeKind.SIGNAL and n not in run_by]
    if silent:
        tables.findings.append(f"Signals without timing: {', '.join(silent)}.")
    return tuple(_under_master(controller, masters) for controller in controllers)


def _controller(
    tables: Tables,
    node: str,
    sheet: Mapping[str, Record],
    plans: Mapping[str, Mapping[str, Record]],
) -> Controller:
    phases = read_phases(tables, sheet)
    members = [node]
    for settings in plans.values():
        for nth in range(MOST_NODES):
            record = settings.get(f"node{nth}")
            number = record.whole("DATA", 0, 10**9) if record else None
            if number and str(number) not in members:
                members.append(str(number))
    coordinations = tuple(
        _coordination(tables, node, plan_id, phases, sheet, settings)
        for plan_id, settings in plans.items()
    )
    holds: list[int] = []
    for member in members:
        holds += phases_of(tables.lanes.get(member, {}), "HOLD")[0]
    return Controller(
        node,
        tuple(members),
        coordinations or (Coordination(ONLY_PLAN, phases, {}),),
        hold_phases=tuple(dict.fromkeys(holds)),
    )


def _coordination(
    tables: Tables,
    node: str,
    plan_id: str,
    phases: tuple[ControllerPhase, ...],
    sheet: Mapping[str, Record],
    settings: Mapping[str, Record],
) -> Coordination:
    cycle_ds = tenths_in(tables, settings, "cyclelength", "DATA") or None
    offset_ds = tenths_in(tables, settings, "offset", "DATA")
    control = CONTROLS[whole_in(settings, "controltype", "DATA", len(CONTROLS) - 1) or 0]
    point = REFERENCES[whole_in(settings, "referencedto", "DATA", len(REFERENCES) - 1) or 0]
    code = whole_in(settings, "referencephase", "DATA", 10**8 - 1) or 0
    numbers = {phase.number for phase in phases}
    references: list[int] = []
    while code:
        code, number = divmod(code, 100)
        references.insert(0, number)
    unknown = [number for number in references if number and number not in numbers]
    if unknown:
        tables.findings.append(
            f"Controller {node} references phase {unknown[0]}, which it does not have; the "
            "reference was left out."
        )
    references = [number for number in dict.fromkeys(references) if number in numbers]
    splits: dict[int, int] = {}
    if cycle_ds:
        starts, splits = _splits(tables, node, phases, sheet, settings, cycle_ds, references)
        event_ds = reference_event_ds(point, references, phases, starts, splits, cycle_ds)
        if event_ds is not None and offset_ds is None:
            offset_ds = event_ds
        elif event_ds is not None and (event_ds - (offset_ds or 0)) % cycle_ds not in (
            *(0, 1),
            cycle_ds - 1,
        ):
            tables.findings.append(
                f"Controller {node}: the offset of {_seconds(offset_ds or 0)} s is not where its "
                f"start times put the reference, {_seconds(event_ds)} s; the offset was kept."
            )
    return Coordination(
        plan_id,
        phases,
        splits,
        cycle_ds,
        offset_ds if cycle_ds else None,
        point,
        tuple(references),
        control=control,
    )


def _splits(
    tables: Tables,
    node: str,
    phases: tuple[ControllerPhase, ...],
    sheet: Mapping[str, Record],
    settings: Mapping[str, Record],
    cycle_ds: int,
    references: list[int],
) -> tuple[dict[int, int], dict[int, int]]:
    """Return starts on the system clock, if given, and the splits that fill the cycle.

    Start and end times are Synchro's own result and fill every ring; greens and clearances need
    not, as a phase before a barrier waits for the other ring.
    """
    starts, timed = _start_times(tables, phases, sheet, cycle_ds)
    given = {
        phase.number: split
        for phase in phases
        if (split := tenths_in(tables, settings, "split", f"D{phase.number}"))
    }
    summed = {
        phase.number: phase.max_green_ds + phase.yellow_ds + phase.red_clear_ds
        for phase in phases
        if phase.max_green_ds is not None
    }
    if len(given) == len(phases):
        # A plan's own splits go before start times, which belong to one plan of several.
        starts, timed = {}, {}
    named = [
        (title, splits)
        for title, splits in (
            ("Start and End", timed),
            ("the timing plan", given),
            ("MaxGreen, Yellow and AllRed", summed),
        )
        if len(splits) == len(phases)
    ]
    if not named:
        tables.findings.append(f"Controller {node} has no splits; its greens are not all given.")
        return starts, {}
    title, splits = next(
        ((title, s) for title, s in named if fits(phases, s, cycle_ds)), (named[0][0], {})
    )
    if not splits:
        title, short = named[0]
        splits, how = complete(phases, short, cycle_ds, references)
        sums = ", ".join(
            f"ring {ring} {_seconds(total)} s" for ring, total in barrier_sums(phases, short)
        )
        tables.findings.append(
            f"Controller {node}: by {title} its phases do not fill the cycle of "
            f"{_seconds(cycle_ds)} s ({sums}); {how}."
        )
    differing = [n for n in splits if summed.get(n, splits[n]) != splits[n]]
    if differing and title == "Start and End":
        changes = ", ".join(
            f"phase {n} lasts {_seconds(splits[n])} s instead of {_seconds(summed[n])} s"
            for n in differing
        )
        tables.findings.append(
            f"Controller {node}: MaxGreen, Yellow and AllRed do not fill every ring of the cycle; "
            f"completed by Start and End, {changes}."
        )
    return starts, splits


def _start_times(
    tables: Tables, phases: tuple[ControllerPhase, ...], sheet: Mapping[str, Record], cycle_ds: int
) -> tuple[dict[int, int], dict[int, int]]:
    starts: dict[int, int] = {}
    splits: dict[int, int] = {}
    for phase in phases:
        column = f"D{phase.number}"
        start, end = (tenths_in(tables, sheet, name, column) for name in ("start", "end"))
        if start is not None and end is not None:
            starts[phase.number] = start % cycle_ds
            splits[phase.number] = (end - start) % cycle_ds or cycle_ds
    return starts, splits


def _seconds(value_ds: int) -> str:
    return f"{value_ds / TENTHS_PER_SECOND:g}"


def _note_master(
    tables: Tables,
    settings: Mapping[str, Record],
    controller: Controller,
    masters: dict[int, str],
) -> None:
    cycle_ds = controller.plans[0].cycle_ds
    if not cycle_ds or not whole_in(settings, "master", "DATA", 1):
        return
    if masters.setdefault(cycle_ds, controller.controller_id) != controller.controller_id:
        tables.findings.append(
            f"Controller {controller.controller_id} is a second master for the cycle of "
            f"{_seconds(cycle_ds)} s; {masters[cycle_ds]} was taken."
        )


def _under_master(controller: Controller, masters: Mapping[int, str]) -> Controller:
    plans = tuple(
        Coordination(
            plan.plan_id,
            plan.phases,
            plan.splits_ds,
            plan.cycle_ds,
            plan.offset_ds,
            plan.reference,
            plan.reference_phases,
            masters.get(plan.cycle_ds or 0, ""),
            control=plan.control,
        )
        for plan in controller.plans
    )
    return Controller(
        controller.controller_id, controller.nodes, plans, hold_phases=controller.hold_phases
    )


def _require_phases(sheet: Mapping[str, Record], controller: Controller) -> None:
    known: Iterable[int] = [phase.number for phase in controller.plans[0].phases]
    for name in ("phase", "permphase"):
        for nth in range(1, MOST_PHASES + 1):
            record = sheet.get(f"{name}{nth}")
            if record is None:
                continue
            for column, _ in record.filled():
                if column in KEYS:
                    continue
                number = record.whole(column, -1, 99)
                if number not in (-1, 0, None, *known):
                    allowed = ", ".join(str(phase) for phase in known)
                    raise record.bad(
                        column, f"a phase of controller {controller.controller_id}: {allowed}"
                    )
