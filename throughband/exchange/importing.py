"""What ``throughband import`` does: any source becomes a folder the other commands work on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine.validate.sumo_process import run_process
from network.bus_file import BUSES_NAME, write_bus_lines
from network.counts import CountSeries
from network.errors import ScenarioError, ThroughbandError
from network.graph import RoadNetwork
from network.inventory import Inventory
from network.inventory_file import write_inventory
from network.inventory_of import inventory_of
from network.network_file import write_network
from network.readers.counts_csv import write_counts_csv
from network.readers.gmns import read_gmns
from network.readers.sumo_buses import read_sumo_buses
from network.readers.sumo_net import read_sumo_network
from network.readers.utdf import read_utdf
from scenarios.inventory_build import build_inventory
from scenarios.inventory_drawing import draw
from scenarios.osm import convert_osm, roads_without_speed
from scenarios.scenario import FOLDER_CONFIG, load_scenario
from throughband.exchange.import_counts import peak_hour_vph, read_import_counts, volume_counts
from throughband.exchange.import_record import Import, counted, record, summary_lines
from throughband.exchange.imported import (
    COUNTS_NAME,
    INVENTORY_NAME,
    NETWORK_NAME,
    RECORD_NAME,
    SUMMARY_NAME,
)
from throughband.exchange.sources import SourceKind, kind_of, source_in
from throughband.exchange.sumo_import import copy_config, copy_net, net_only_config, other_programs
from throughband.import_analysis import delays_of, derived_in
from throughband.results import write_json
from throughband.teller import Teller

CONVERT_TIMEOUT_S: Final = 1800.0


def import_source(
    source: Path,
    out: Path,
    *,
    counts: Path | None = None,
    mapping: Path | None = None,
    kind: str = "",
    timing: str = "",
) -> Import:
    """Make a scenario folder of a source; nothing is there unless all of it could be made.

    Parameters
    ----------
    source
        A SUMO network or configuration, or a folder with one, an OpenStreetMap extract, a UTDF
        file or folder, or a GMNS folder.
    out
        Folder for it; made, or empty.
    counts, mapping
        A count file, and how a foreign one is to be read.
    kind
        What the source is, one of `SourceKind`; found out by content if empty.
    timing
        Name of the source's timing plan to be in force; the first of each controller if empty.

    Raises
    ------
    ThroughbandError
        If the source cannot be read or built, or the folder is not empty.
    """
    found = SourceKind(kind) if kind in list(SourceKind) else None
    if kind and found is None:
        raise ScenarioError(f"--format {kind!r}: allowed are {', '.join(SourceKind)}")
    source = source_in(source)
    found = found or kind_of(source)
    with fresh_folder(out) as folder:
        name = out.resolve().name
        if found in (SourceKind.UTDF, SourceKind.GMNS):
            done = _from_inventory(source, found, folder, name, counts, mapping, timing)
        else:
            if timing:
                raise ScenarioError(
                    f"--timing {timing!r}: a source of kind {found} has no timing plans by name"
                )
            done = _from_network(source, found, folder, name, counts, mapping)
        done = replace(done, derived=derived_in(done), delays=delays_of(done))
        write_network(folder / NETWORK_NAME, done.network)
        if done.inventory is not None:
            write_inventory(folder / INVENTORY_NAME, done.inventory)
        if done.counts is not None:
            write_counts_csv(folder / COUNTS_NAME, done.counts)
        write_json(folder / RECORD_NAME, record(done, source))
        (folder / SUMMARY_NAME).write_text(
            "\n".join(summary_lines(done, source)) + "\n", encoding="utf-8"
        )
    return done


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to write into, and make it the target only if all went well.

    Parameters
    ----------
    target
        Must not exist, or be an empty folder.

    Raises
    ------
    ThroughbandError
        If it holds anything, or cannot be written.
    """
    try:
        target = target.resolve()
        _require_empty(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ThroughbandError(
            f"{target}: cannot be written ({error.strerror}); name another folder"
        ) from error
    try:
        new = work / "new"
        new.mkdir()
        yield new
        _require_empty(target)
        if target.exists():
            target.rmdir()
        new.replace(target)
    except OSError as error:
        raise ThroughbandError(
            f"{target}: the files cannot be written ({error.strerror or error})"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def import_command(
    source: Path,
    out: Path,
    counts: Path | None,
    mapping: Path | None,
    kind: str,
    timing: str,
) -> None:
    """Carry out ``throughband import``."""
    with Teller(1) as teller:
        teller.step(f"read {source}, and have SUMO build what is not built yet")
        done = import_source(source, out, counts=counts, mapping=mapping, kind=kind, timing=timing)
        for line in counted(done):
            teller.say(line)
        if done.findings:
            teller.say(f"{len(done.findings)} findings, all in {out / SUMMARY_NAME}; the first:")
            for finding in done.findings[:3]:
                teller.say(f"- {finding}")
        teller.say(f"Scenario: {out}")


def _from_inventory(
    source: Path,
    kind: SourceKind,
    folder: Path,
    name: str,
    counts: Path | None,
    mapping: Path | None,
    timing: str,
) -> Import:
    inventory = read_utdf(source) if kind is SourceKind.UTDF else read_gmns(source)
    inventory = replace(inventory, name=name)
    if timing:
        inventory = _in_force(inventory, timing)
    findings = list(inventory.findings)
    counted: CountSeries | None = None
    if counts is not None:
        drawing = draw(inventory)
        names = {
            t.turn_id: drawing.movement(t) for t in inventory.turns if t.turn_id in drawing.ways
        }
        read = read_import_counts(counts, mapping, inventory, names)
        counted = read.counts
        findings += read.findings
        inventory, said = _with_counts(inventory, names, counted)
        findings += said
    built = build_inventory(inventory, folder, _run)
    signalized = {
        turn: movement
        for turn, movement in built.movements.items()
        if movement in built.network.movements
    }
    if counted is not None:
        counted.require_known(built.network)
    elif built.volumes_veh:
        counted = volume_counts(built.volumes_veh, signalized)
    return Import(
        kind,
        built.network,
        inventory,
        counted,
        built.vehicles,
        built.links,
        built.movements,
        built.signals,
        tuple(dict.fromkeys((*findings, *built.findings))),
    )


def _from_network(
    source: Path,
    kind: SourceKind,
    folder: Path,
    name: str,
    counts: Path | None,
    mapping: Path | None,
) -> Import:
    findings: list[str] = []
    vehicles: int | None = 0
    additional: tuple[Path, ...] = ()
    if kind is SourceKind.SUMO_CONFIG:
        net, additional, routes, said = copy_config(source, folder)
        vehicles = None if routes else 0
        findings += said
    elif kind is SourceKind.SUMO_NET:
        net, said = copy_net(source, folder)
        findings += said
        net_only_config(folder, net)
    else:
        unposted = roads_without_speed(source)
        if unposted:
            findings.append(
                f"{unposted} roads name no maxspeed and got the speed of their type in SUMO (100 "
                "km/h on primary and secondary roads); add maxspeed where that is not so, because "
                "clearances and running times follow from it"
            )
        findings += [f"netconvert: {said}" for said in convert_osm(source, folder, _run)]
        net = folder / "scenario.net.xml"
        net_only_config(folder, net)
        findings.append(
            "no map says how signals are timed: the programs are netconvert's guess, not what "
            "runs there"
        )
    network = read_sumo_network(net, additional, name)
    findings += other_programs(net, additional)
    if kind is SourceKind.SUMO_CONFIG:
        findings += _buses(folder, network)
    counted: CountSeries | None = None
    if counts is not None:
        described = inventory_of(network)
        names = {turn.turn_id: turn.turn_id for turn in described.turns}
        read = read_import_counts(counts, mapping, described, names)
        counted = read.counts
        counted.require_known(network)
        findings += read.findings
    if vehicles == 0:
        findings.append(
            "nothing is known of the traffic: no routes are there to be simulated"
            + ("; the counts serve to optimize" if counted is not None else "")
        )
    return Import(kind, network, None, counted, vehicles, findings=tuple(findings))


def _buses(folder: Path, network: RoadNetwork) -> list[str]:
    """Write the bus lines that are among the vehicles; return what there is to say of them."""
    made = load_scenario(folder / FOLDER_CONFIG)
    lines, findings = read_sumo_buses(
        made.route_files, made.additional_files, network, made.begin_s, made.end_s
    )
    if not lines:
        return list(findings)
    write_bus_lines(folder / BUSES_NAME, lines)
    return [
        *findings,
        f"{len(lines)} bus lines were found among the vehicles and stand in {BUSES_NAME}, with "
        "headways, dwell times and passengers to be looked at",
    ]


def _run(command: Sequence[str], work: Path) -> str:
    return run_process(command, work, CONVERT_TIMEOUT_S)


def _in_force(inventory: Inventory, timing: str) -> Inventory:
    known = {plan.plan_id for controller in inventory.controllers for plan in controller.plans}
    if timing not in known:
        raise ScenarioError(
            f"--timing {timing!r}: no controller has that plan; plans are "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    return replace(
        inventory,
        controllers=tuple(
            replace(
                controller,
                plans=tuple(sorted(controller.plans, key=lambda plan: plan.plan_id != timing)),
            )
            for controller in inventory.controllers
        ),
    )


def _with_counts(
    inventory: Inventory, movements: Mapping[str, str], counts: CountSeries
) -> tuple[Inventory, list[str]]:
    if counts.kind != "movement":
        return inventory, [
            f"counts by {counts.kind} are kept for planning; the simulated hour is the source's own"
        ]
    flows = peak_hour_vph(counts)
    turns = tuple(
        replace(turn, volume_vph=flows[movements[turn.turn_id]], growth=None)
        if movements.get(turn.turn_id) in flows
        else turn
        for turn in inventory.turns
    )
    return replace(inventory, turns=turns), [
        f"the busiest counted hour takes the place of the source's volumes on {len(flows)} turns"
    ]


def _require_empty(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ThroughbandError(f"{target}: a file stands where the folder belongs")
    if target.is_dir() and any(target.iterdir()):
        raise ThroughbandError(f"{target}: not empty; name another folder or empty this one")
