"""Vehicles that wait for one another in a circle, and whether they do so without any signal.

Each vehicle of a *knot* stands behind the next one on its way, the last one behind the first. None
of them stands before a red, so nothing that a signal shows undoes a knot. Whether it takes a signal
to make one shows where its vehicles are played by themselves: on streets that are otherwise empty,
with every signal dark, so that the rules of priority hold, and with one of them after the other due
somewhat earlier or later.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.suite.trips import STUCK_S, stuck
from engine.validate import sumo
from engine.validate.simulator import SimulationCase
from network.errors import FormatError

DARK = {"tls.all-off": "true", "time-to-teleport": "-1"}
AFTER_S = 2.0 * STUCK_S
_VEHICLES = frozenset({"vehicle", "trip", "flow", "person", "personFlow", "container"})


def circles(ahead: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Find the circles in who stands behind whom.

    Parameters
    ----------
    ahead
        By vehicle, the next one on its way.

    Returns
    -------
    tuple of tuple of str
        Each circle in its order, from its least name on; sorted.
    """
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in ahead:
        trail: dict[str, int] = {}
        at = start
        while at in ahead and at not in done and at not in trail:
            trail[at] = len(trail)
            at = ahead[at]
        if at in trail:
            circle = list(trail)[trail[at] :]
            first = circle.index(min(circle))
            found.append((*circle[first:], *circle[:first]))
        done.update(trail)
    return tuple(sorted(found))


def alone(
    case: SimulationCase, vehicles: Sequence[str], shifts_s: Sequence[float], seed: int
) -> dict[str, tuple[float, ...]]:
    """Play vehicles by themselves under dark signals, one of them shifted in time.

    Parameters
    ----------
    case
        Where they come from.
    vehicles
        Their names.
    shifts_s
        By how much later one is due, each in turn, s.
    seed
        SUMO's.

    Returns
    -------
    dict
        By vehicle, the shifts with which some of them bar one another's way for good: they have
        lost ten minutes and are not there.

    Raises
    ------
    FormatError
        A vehicle is not in the route files by its name, or they are no XML.
    SimulationError
        As `engine.validate.sumo.play`.
    """
    head, found = _elements(case.route_files, frozenset(vehicles))
    due_s = {name: float(element.get("depart", "nan")) for name, element in found.items()}
    locked: dict[str, tuple[float, ...]] = {}
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        file = Path(scratch) / "alone.rou.xml"
        for shifted in vehicles:
            hits: list[float] = []
            for shift_s in shifts_s:
                at_s = {
                    n: max(0.0, d + (shift_s if n == shifted else 0.0)) for n, d in due_s.items()
                }
                _write(file, head, found, at_s)
                window = replace(
                    case,
                    route_files=(file,),
                    begin_s=min(at_s.values()),
                    end_s=max(at_s.values()) + AFTER_S,
                )
                _, trips = sumo.play(window, seed, emissions=False, options=DARK)
                if stuck(trips):
                    hits.append(shift_s)
            locked[shifted] = tuple(hits)
    return locked


def _elements(
    files: Sequence[Path], names: frozenset[str]
) -> tuple[list[ElementTree.Element], dict[str, ElementTree.Element]]:
    """Read what vehicles may refer to, and the vehicles of these names."""
    head: list[ElementTree.Element] = []
    found: dict[str, ElementTree.Element] = {}
    for file in files:
        try:
            elements = list(ElementTree.parse(file).getroot())
        except ElementTree.ParseError as error:
            raise FormatError(f"{file}: is no XML: {error}") from error
        head += [element for element in elements if element.tag not in _VEHICLES]
        found |= {
            e.attrib["id"]: e for e in elements if e.get("id") in names and "depart" in e.attrib
        }
    missing = sorted(names - set(found))
    if missing:
        raise FormatError(
            f"vehicle {missing[0]!r} is not in {', '.join(map(str, files))}; a knot can be played "
            "by itself where each of its vehicles stands there by its name"
        )
    return head, found


def _write(
    file: Path,
    head: Sequence[ElementTree.Element],
    vehicles: Mapping[str, ElementTree.Element],
    due_s: Mapping[str, float],
) -> None:
    root = ElementTree.Element("routes")
    root.extend(head)
    for name in sorted(vehicles, key=lambda n: (due_s[n], n)):
        shifted = ElementTree.Element(vehicles[name].tag, vehicles[name].attrib)
        shifted.set("depart", f"{due_s[name]:.10g}")
        shifted.extend(list(vehicles[name]))
        root.append(shifted)
    ElementTree.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
