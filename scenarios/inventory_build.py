"""From an inventory to a street one can simulate: network, programs in force, an hour of traffic.

Signals show the inventory's own timing, to the tenth of a second, as static programs beside the
network. What the source leaves open, contradicts or asks in vain is told in findings.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

import numpy as np

from network.dual_ring import Rings, Service, rings_of, services
from network.errors import NetworkError, PlanError, ScenarioError, UnsafePlanError
from network.files import replace_file
from network.graph import RoadNetwork, Signal
from network.inventory import Inventory, NodeKind
from network.inventory_signals import Controller
from network.phasing import Interval
from network.readers.sumo_net import read_sumo_network
from network.ring_timing import RingTiming, begins_ds, ring_timing
from network.timing import cycle_of
from network.units import TENTHS_PER_SECOND
from scenarios.inventory_demand import (
    DURATION_S,
    hourly_volumes,
    interior_links,
    route_lines,
    trips,
)
from scenarios.inventory_drawing import Drawing, draw, net_names, passes_signal
from scenarios.inventory_plain import connection_lines, edge_lines, node_lines
from scenarios.plain_sumo import Runner
from scenarios.scenario import FOLDER_CONFIG

PROGRAM_ID: Final = "in-force"
CONFIG_NAME: Final = FOLDER_CONFIG
NET_NAME: Final = "scenario.net.xml"
PROGRAMS_NAME: Final = "scenario.add.xml"
ROUTES_NAME: Final = "scenario.rou.xml"
MOST_WARNINGS: Final = 20

_OPTIONS: Final = (
    "--no-turnarounds=true",
    "--offset.disable-normalization=true",
    "--tls.default-type=static",
    "--output.street-names=true",
    "--junctions.corner-detail=5",
    "--ignore-errors.connections=true",
)


@dataclass(frozen=True)
class BuiltStreet:
    """An inventory as a scenario.

    Attributes
    ----------
    network
        As built, signals with the phases and numbers of the source.
    links, movements, signals
        Names in the network of the inventory's links (edges in driving order), turns and
        controllers.
    volumes_veh
        Vehicles of the hour by turn; empty where nothing was counted.
    vehicles
        So many were sent.
    timings
        The timing in force by controller, tenths.
    findings
        What was assumed, cut, left out, or said by netconvert.
    """

    network: RoadNetwork
    links: Mapping[str, tuple[str, ...]]
    movements: Mapping[str, str]
    signals: Mapping[str, str]
    volumes_veh: Mapping[str, int]
    vehicles: int
    timings: Mapping[str, RingTiming]
    findings: tuple[str, ...]


def build_inventory(
    inventory: Inventory, folder: Path, run: Runner, *, seed: int = 1
) -> BuiltStreet:
    """Write an inventory as a SUMO scenario.

    Parameters
    ----------
    inventory
        What to build.
    folder
        Existing folder for `CONFIG_NAME`, `NET_NAME`, `PROGRAMS_NAME` and, where anything was
        counted, `ROUTES_NAME`.
    run
        Runs a SUMO program by name in a working folder and returns what it said; its own errors
        pass through.
    seed
        For departures and turns.

    Raises
    ------
    ScenarioError
        If the inventory holds nothing to build, netconvert leaves no network, or a file cannot
        be written.
    """
    findings: list[str] = []
    drawing = draw(inventory)
    turns_at = {
        controller.controller_id: [
            turn
            for turn in inventory.turns
            if turn.node_id in controller.nodes and not passes_signal(turn)
        ]
        for controller in inventory.controllers
    }
    timings: dict[str, RingTiming] = {}
    served: dict[str, Service] = {}
    for controller in inventory.controllers:
        try:
            if not controller.plans:
                raise PlanError(f"controller {controller.controller_id!r} has no timing plan")
            timing = ring_timing(controller, controller.plans[0])
        except PlanError as error:
            findings.append(f"{error}; SUMO's own program is in its place")
            continue
        found, said = services(controller, turns_at[controller.controller_id])
        findings += [*timing.findings, *said]
        timings[controller.controller_id] = timing
        served |= found
        unserved = {t.turn_id for t in turns_at[controller.controller_id]} - found.keys()
        drawing = replace(
            drawing, ways={k: way for k, way in drawing.ways.items() if k not in unserved}
        )
    findings += drawing.findings
    net, warnings = _convert(inventory, drawing, run)
    findings += [f"netconvert: {warning}" for warning in warnings]
    try:
        replace_file(folder / NET_NAME, net)
        network = read_sumo_network(folder / NET_NAME, name=inventory.name)
        drawing, said = _as_built(inventory, drawing, network)
        findings += said
        begins, said = begins_ds(inventory.controllers, timings)
        findings += said
        network, programs, told = _with_timing(inventory, drawing, network, timings, begins, served)
        findings += told
        lines = ["<additional>", *programs, "</additional>"]
        replace_file(folder / PROGRAMS_NAME, "\n".join(lines) + "\n")
        volumes, said = hourly_volumes(
            inventory, drawing, timings, {name: s.phases for name, s in served.items()}
        )
        findings += said
        vehicles = trips(inventory, drawing, volumes, np.random.default_rng(seed))
        missed = sum(volumes.values()) - sum(len(trip.links) - 1 for trip in vehicles)
        if missed:
            findings.append(
                f"{missed} of {sum(volumes.values())} counted turns are not made: they would lead "
                "in circles"
            )
        if vehicles:
            text = "\n".join(route_lines(drawing, vehicles, interior_links(inventory)))
            replace_file(folder / ROUTES_NAME, text + "\n")
        replace_file(folder / CONFIG_NAME, config_text(bool(vehicles)))
    except OSError as error:
        raise ScenarioError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return BuiltStreet(
        network,
        {link: tuple(p.name for p in parts) for link, parts in drawing.pieces.items()},
        {t.turn_id: drawing.movement(t) for t in inventory.turns if t.turn_id in drawing.ways},
        {
            c.controller_id: drawing.signals[c.controller_id]
            for c in inventory.controllers
            if drawing.signals[c.controller_id] in network.signals
        },
        volumes,
        len(vehicles),
        timings,
        tuple(dict.fromkeys(findings)),
    )


def config_text(routes: bool, begin_s: float = 0.0, end_s: float = DURATION_S) -> str:
    """Return the text of the scenario's configuration.

    Parameters
    ----------
    routes
        Whether there is a route file.
    begin_s, end_s
        The window, s.
    """
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n    <input>\n'
        f'        <net-file value="{NET_NAME}"/>\n'
        + (f'        <route-files value="{ROUTES_NAME}"/>\n' if routes else "")
        + f'        <additional-files value="{PROGRAMS_NAME}"/>\n'
        "    </input>\n    <time>\n"
        f'        <begin value="{begin_s:g}"/>\n        <end value="{end_s:g}"/>\n'
        "    </time>\n    <processing>\n"
        '        <time-to-teleport value="-1"/>\n'
        "    </processing>\n</configuration>\n"
    )


def _convert(inventory: Inventory, drawing: Drawing, run: Runner) -> tuple[str, tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        work = Path(scratch)
        for ending, lines in (
            ("nod", node_lines(inventory, drawing)),
            ("edg", edge_lines(inventory, drawing)),
            ("con", connection_lines(inventory, drawing)),
        ):
            text = "\n".join(lines) + "\n"
            (work / f"plain.{ending}.xml").write_text(text, encoding="utf-8")
        said = run(
            (
                "netconvert",
                f"--node-files={work / 'plain.nod.xml'}",
                f"--edge-files={work / 'plain.edg.xml'}",
                f"--connection-files={work / 'plain.con.xml'}",
                f"--output-file={work / 'plain.net.xml'}",
                *_OPTIONS,
            ),
            work,
        )
        try:
            text = (work / "plain.net.xml").read_text(encoding="utf-8")
        except OSError as error:
            raise ScenarioError(f"netconvert left no network ({error.strerror})") from error
    return without_comments(text), warnings_of(said)


def _as_built(
    inventory: Inventory, drawing: Drawing, network: RoadNetwork
) -> tuple[Drawing, tuple[str, ...]]:
    """Forget the turns that netconvert could not build."""
    built = {connection.movement_id for connection in network.connections}
    lost = [
        turn.turn_id
        for turn in inventory.turns
        if turn.turn_id in drawing.ways and drawing.movement(turn) not in built
    ]
    if not lost:
        return drawing, ()
    return (
        replace(drawing, ways={name: w for name, w in drawing.ways.items() if name not in lost}),
        (f"{len(lost)} turns could not be built: {', '.join(lost[:5])}",),
    )


def without_comments(text: str) -> str:
    """Return a file of SUMO's without its comments, which hold the date and machine's paths."""
    parts = text.split("<!--")
    return parts[0] + "".join(part.partition("-->")[2].lstrip() for part in parts[1:])


def warnings_of(said: object) -> tuple[str, ...]:
    """Return a program's warnings, each once; beyond `MOST_WARNINGS` they are counted."""
    lines = dict.fromkeys(
        line.removeprefix("Warning:").strip()
        for line in str(said or "").splitlines()
        if line.startswith("Warning:")
    )
    kept = tuple(lines)[:MOST_WARNINGS]
    return kept if len(kept) == len(lines) else (*kept, f"and {len(lines) - len(kept)} more")


def _with_timing(
    inventory: Inventory,
    drawing: Drawing,
    network: RoadNetwork,
    timings: Mapping[str, RingTiming],
    begins: Mapping[str, int],
    served: Mapping[str, Service],
) -> tuple[RoadNetwork, list[str], list[str]]:
    """Give every signal its phases; return also its programs and what was found."""
    findings: list[str] = []
    programs: list[str] = []
    signals = dict(network.signals)
    by_movement = {
        drawing.movement(turn): served[turn.turn_id]
        for turn in inventory.turns
        if turn.turn_id in served and turn.turn_id in drawing.ways
    }
    for controller in inventory.controllers:
        name = drawing.signals[controller.controller_id]
        if controller.controller_id not in timings:
            continue
        if name not in signals:
            findings.append(
                f"controller {controller.controller_id!r} controls nothing that is built"
            )
            continue
        timing, begin_ds = timings[controller.controller_id], begins[controller.controller_id]
        try:
            rings = rings_of(controller, timing, begin_ds, by_movement, signals[name])
            shown = cycle_of(rings.phasing, timing.sequence, timing.splits_ds, f"signal {name!r}")
        except UnsafePlanError:
            raise
        except (NetworkError, PlanError) as error:
            findings.append(f"{error}; SUMO's own program is in its place")
            continue
        findings += rings.findings
        signals[name] = _timed(signals[name], rings)
        programs += program_lines(name, PROGRAM_ID, begin_ds, shown)
    owned = {node for controller in inventory.controllers for node in controller.nodes}
    bare = [
        n.node_id
        for n in inventory.nodes
        if n.kind is NodeKind.SIGNAL
        and n.node_id not in owned
        and drawing.nodes.get(n.node_id) in signals
    ]
    if bare:
        findings.append(
            f"{len(bare)} signals have no controller in the source; SUMO's own programs are in "
            f"their place: {', '.join(bare[:5])}"
        )
    return (
        RoadNetwork(network.name, network.links, signals, network.connections),
        programs,
        findings,
    )


def _timed(signal: Signal, rings: Rings) -> Signal:
    return replace(
        signal,
        phasing=rings.phasing,
        plan_in_force=rings.plan,
        exact=rings.exact,
        program_id=PROGRAM_ID,
        left_alone="",
    )


def program_lines(
    signal_id: str, program_id: str, begin_ds: int, shown: Iterable[Interval]
) -> list[str]:
    """Return a static program of SUMO.

    Parameters
    ----------
    signal_id, program_id
        Names.
    begin_ds
        Beginning of the first interval behind second zero, tenths.
    shown
        One cycle.
    """
    return [
        f'    <tlLogic id={quoteattr(signal_id)} type="static" '
        f'programID={quoteattr(program_id)} offset="{begin_ds / TENTHS_PER_SECOND:g}">',
        *(
            f'        <phase duration="{interval.duration_ds / TENTHS_PER_SECOND:g}" '
            f'state="{interval.aspects}"/>'
            for interval in shown
        ),
        "    </tlLogic>",
    ]


def controller_of(inventory: Inventory, signal_id: str) -> Controller | None:
    """Return the controller that became a signal of the network, or None."""
    names = net_names(controller.controller_id for controller in inventory.controllers)
    return next((c for c in inventory.controllers if names[c.controller_id] == signal_id), None)
