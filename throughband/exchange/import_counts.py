"""Counts that come along with an import, brought to the movements of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from network.counts import CountSeries
from network.errors import CountError
from network.inventory import Inventory, Turn, TurnKind
from network.readers.counts_csv import REQUIRED, read_counts_csv
from network.readers.counts_tmc import read_tmc
from network.readers.tmc_mapping import read_tmc_mapping
from network.readers.turning_counts import join_movements, vehicle_movements
from network.units import SECONDS_PER_HOUR

_LETTERS = {
    TurnKind.LEFT: "L",
    TurnKind.THROUGH: "T",
    TurnKind.RIGHT: "R",
    TurnKind.U_TURN: "U",
}


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """Counts with what was found while reading them."""

    counts: CountSeries
    findings: tuple[str, ...]


def read_import_counts(
    path: Path, mapping: Path | None, inventory: Inventory, movements: Mapping[str, str]
) -> ReadCounts:
    """Read a tidy CSV or a turning-movement sheet.

    Parameters
    ----------
    path
        A CSV as `network.readers.counts_csv` describes it, or a sheet of any other make.
    mapping
        For a sheet: a mapping file as `network.readers.tmc_mapping` describes it.
    inventory
        Says which turn is, for instance, ``NBL`` at which intersection.
    movements
        Movement of the network by turn.

    Raises
    ------
    CountError
        If nothing of the sheet can be found in the street, or a mapping is given for a tidy file.
    FormatError
        If the file cannot be read.
    """
    if _is_tidy(path):
        if mapping is not None:
            raise CountError(f"{path}: names movements itself; leave out --mapping")
        return ReadCounts(read_counts_csv(path), ())
    read = read_tmc(path, read_tmc_mapping(mapping) if mapping else None)
    wanted: dict[tuple[str, str], str] = {}
    unknown: list[str] = []
    places = {intersection for intersection, _ in vehicle_movements(read.counts)}
    for intersection, label in vehicle_movements(read.counts):
        turn = _turn(inventory, intersection, label, len(places) == 1)
        if turn is None or turn.turn_id not in movements:
            unknown.append(f"{label} at {intersection or 'the intersection'}")
        else:
            wanted[intersection, label] = movements[turn.turn_id]
    if not wanted:
        known = ", ".join(sorted(_names(inventory))[:8]) or "none"
        raise CountError(
            f"{path}: none of its {len(unknown)} movements is in the street (first: "
            f"{unknown[0] if unknown else 'none'}); intersections of the street are {known}; name "
            "them with --mapping"
        )
    findings = list(read.findings)
    if unknown:
        findings.append(
            f"{path.name}: {len(unknown)} counted movements are not in the street: "
            + ", ".join(unknown[:5])
        )
    return ReadCounts(join_movements(read.counts, wanted), tuple(findings))


def peak_hour_vph(counts: CountSeries) -> dict[str, float]:
    """Return the flow of each series in the busiest hour, veh/h.

    The hour is that of all series together; where less than an hour was counted it is all of it.
    Intervals without a number do not weigh.
    """
    flow = counts.flow_vph()
    width = min(max(int(SECONDS_PER_HOUR) // counts.interval_s, 1), counts.intervals)
    totals = np.nansum(flow, axis=1)
    sums = np.convolve(totals, np.ones(width), mode="valid")
    begin = int(np.argmax(sums))
    hour = flow[begin : begin + width]
    known = np.count_nonzero(~np.isnan(hour), axis=0)
    mean = np.nansum(hour, axis=0) / np.maximum(known, 1)
    return {
        name: float(value)
        for name, value, intervals in zip(counts.series_ids, mean, known.tolist(), strict=True)
        if intervals
    }


def volume_counts(volumes_veh: Mapping[str, int], movements: Mapping[str, str]) -> CountSeries:
    """Return turn volumes of one hour as counts.

    Parameters
    ----------
    volumes_veh
        Vehicles of the hour by turn.
    movements
        Movement by turn; others are left out.
    """
    found = {movements[turn]: count for turn, count in volumes_veh.items() if turn in movements}
    names = sorted(found)
    hour_s = int(SECONDS_PER_HOUR)
    return CountSeries.from_volumes(
        "movement", names, 0.0, hour_s, np.array([[found[name] for name in names]], dtype=float)
    )


def _is_tidy(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise CountError(f"{path}: cannot be read ({error.strerror or error})") from error
    cells = head.decode("utf-8-sig", errors="replace").split("\n", 1)[0].split(",")
    return set(REQUIRED) <= {cell.strip() for cell in cells}


def _names(inventory: Inventory) -> dict[str, set[str]]:
    """Return the nodes that each name of a signal may mean."""
    found: dict[str, set[str]] = {}
    owner = {node: c.controller_id for c in inventory.controllers for node in c.nodes}
    for node in inventory.nodes:
        if node.node_id in owner:
            for name in (node.name, node.node_id, owner[node.node_id]):
                if name:
                    found.setdefault(_plain(name), set()).add(node.node_id)
    return found


def _turn(inventory: Inventory, intersection: str, label: str, alone: bool) -> Turn | None:
    names = _names(inventory)
    nodes = names.get(_plain(intersection), set())
    if not nodes and alone:
        signals = set[str]().union(*names.values())
        nodes = signals if len(signals) == 1 else set()
    headings = {link.link_id: link.direction for link in inventory.links}
    fitting = [
        turn
        for turn in inventory.turns
        if turn.node_id in nodes and headings[turn.from_link] + _LETTERS[turn.kind] == label
    ]
    return fitting[0] if len(fitting) == 1 else None


def _plain(names: str | Iterable[str]) -> str:
    return " ".join("".join(names).casefold().replace("&", " and ").split())
