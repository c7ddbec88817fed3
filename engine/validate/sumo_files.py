"""SUMO's additional files for a validation run: detectors and vehicle-actuated programs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement, indent

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from network.errors import FormatError, SimulationError
from network.readers.xml_files import iterate_elements

ACTUATED_ID: Final = "actuated"
DELAY_BASED_ID: Final = "delay_based"
Actuation = Literal["actuated", "delay_based"]
"""SUMO's names for the two ways in which its own programs follow the traffic."""
LEAST_GREEN_S: Final = 5.0
MOST_GREEN_S: Final = 50.0
_UNTOUCHED_TYPES: Final = frozenset({"rail_signal", "rail_crossing", "off", "NEMA"})
"""Rail is not ours; a NEMA program is actuated already and means something else by a phase."""


@dataclass(frozen=True, slots=True)
class DetectorSite:
    """Where an induction loop lies.

    Parameters
    ----------
    id
        The caller's own name for it; any text.
    lane_id
        SUMO lane, internal lanes such as ``:n_0_0`` included.
    position_m
        From the start of the lane, or from its end where negative. A lane shorter than
        that carries the loop at its end.
    """

    id: str
    lane_id: str
    position_m: float


def option_names(config_file: Path) -> frozenset[str]:
    """Return the names of all options a SUMO configuration sets.

    Raises
    ------
    SimulationError
        The file cannot be read.
    FormatError
        It is not XML.
    """
    try:
        root = defusedxml.ElementTree.parse(config_file).getroot()
    except OSError as error:
        raise SimulationError(f"{config_file} cannot be read: {error.strerror or error}") from error
    except (ParseError, DefusedXmlException) as error:
        raise FormatError(f"{config_file} is not well-formed XML: {error}") from error
    return frozenset(element.tag for element in root.iter())


def write_detectors(
    file: Path, sites: Iterable[DetectorSite], period_s: float, output_file: Path
) -> None:
    """Write induction loops; the loop of the i-th site is called ``d<i>``.

    The caller's names stay out of the file, because SUMO forbids some characters in them.

    Parameters
    ----------
    file
        Additional file to write.
    sites
        Loops in order.
    period_s
        Length of a counting interval.
    output_file
        Where SUMO will write the counts of all loops.
    """
    root = Element("additional")
    for index, site in enumerate(sites):
        SubElement(
            root,
            "inductionLoop",
            {
                "id": f"d{index}",
                "lane": site.lane_id,
                "pos": f"{site.position_m:g}",
                "friendlyPos": "true",  # clamps to the lane
                "period": f"{period_s:g}",
                "file": str(output_file),
            },
        )
    _write(file, root)


def write_actuated(
    file: Path,
    program_files: Iterable[Path],
    least_green_s: float = LEAST_GREEN_S,
    most_green_s: float = MOST_GREEN_S,
    kind: Actuation = ACTUATED_ID,
) -> tuple[str, ...]:
    """Write a vehicle-actuated twin of every program in force.

    SUMO's ``actuated`` type (gap-based) or its ``delay_based`` type (extends green while
    approaching vehicles lose time), each with its default detectors, gaps and ranges. A phase
    that shows green and no yellow may last from its ``minDur`` to its ``maxDur``, or within
    the given limits where the file has none. Everything else of the program is kept, ``next``
    included. Pedestrian clearance is not considered where the file gives no ``minDur``.

    Parameters
    ----------
    file
        Additional file to write.
    program_files
        The network and then the additional files, in the order SUMO loads them.
    least_green_s, most_green_s
        For phases that do not say.
    kind
        SUMO's type of the programs, and their name.

    Returns
    -------
    tuple[str, ...]
        Signals that got an actuated program, in file order. Rail signals, NEMA programs
        and signals that are switched off are left alone.

    Raises
    ------
    FormatError
        A file cannot be read.
    """
    root = Element("additional")
    programs = _all_programs(program_files)
    for signal_programs in programs.values():
        in_force = next(reversed(signal_programs.values()))
        if in_force.get("type", "static") in _UNTOUCHED_TYPES:
            continue
        if in_force.get("programID") == "off":
            continue
        root.append(_actuated(in_force, signal_programs, least_green_s, most_green_s, kind))
    _write(file, root)
    return tuple(element.get("id", "") for element in root)


def programs_in_force(program_files: Iterable[Path]) -> dict[str, Element]:
    """Return the program in force of every signal: the last one SUMO loads.

    A ``tlLogic`` without phases changes a program loaded before it (its offset, say) and
    does not put it in force; that is how SUMO's coordinator writes.

    Parameters
    ----------
    program_files
        The network and then the additional files, in loading order; plain or gzip.

    Returns
    -------
    dict[str, Element]
        Copies of the ``tlLogic`` elements by signal id.

    Raises
    ------
    FormatError
        A file cannot be read.
    """
    return {
        signal_id: next(reversed(programs.values()))
        for signal_id, programs in _all_programs(program_files).items()
    }


def write_programs(file: Path, programs: Iterable[Element]) -> None:
    """Write ``tlLogic`` elements as an additional file."""
    root = Element("additional")
    root.extend(programs)
    _write(file, root)


def _all_programs(files: Iterable[Path]) -> dict[str, dict[str, Element]]:
    """Read all programs, by signal and program id, in loading order."""
    signals: dict[str, dict[str, Element]] = {}
    for file in files:
        for element in iterate_elements(file, {"tlLogic"}):
            signal_id, program_id = element.get("id"), element.get("programID", "")
            if signal_id is None:
                raise FormatError(f"{file} has a tlLogic without an id")
            programs = signals.setdefault(signal_id, {})
            if program_id in programs and element.find("phase") is None:
                programs[program_id].attrib.update(element.attrib)
                programs[program_id].extend(copy.deepcopy(element.findall("param")))
            else:
                programs.pop(program_id, None)  # a later one moves to the end
                programs[program_id] = copy.deepcopy(element)
    return signals


def _actuated(
    in_force: Element,
    others: Mapping[str, Element],
    least_green_s: float,
    most_green_s: float,
    kind: Actuation,
) -> Element:
    program = copy.deepcopy(in_force)
    program_id: str = kind
    while program_id in others:  # SUMO refuses a second program of the same name
        program_id += "_"
    program.set("type", kind)
    program.set("programID", program_id)
    for phase in program.iter("phase"):
        state = phase.get("state", "")
        if "y" in state.lower() or "g" not in state.lower():
            continue
        given_least, given_most = phase.get("minDur"), phase.get("maxDur")
        least_s, most_s = float(given_least or least_green_s), float(given_most or most_green_s)
        if given_least is None:
            least_s = min(least_s, most_s)
        elif given_most is None:
            most_s = max(least_s, most_s)
        phase.set("minDur", f"{least_s:g}")
        phase.set("maxDur", f"{most_s:g}")
    return program


def _write(file: Path, root: Element) -> None:
    indent(root, "    ")
    try:
        ElementTree(root).write(file, encoding="UTF-8", xml_declaration=True)
    except OSError as error:
        raise SimulationError(f"{file} cannot be written: {error.strerror or error}") from error
