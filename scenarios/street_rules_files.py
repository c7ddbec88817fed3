"""A scenario under street rules on disk: a folder that every command takes as a scenario.

The programs stand in the network file itself, with their least greens as ``minDur``, because
SUMO's tools look nowhere else; ``network.json`` beside it knows the walks, which no SUMO program
can tell apart from green.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from network.errors import FormatError, ScenarioError
from network.graph import Signal
from network.network_file import write_network
from network.phasing import Interval
from network.readers.xml_files import iterate_elements
from network.units import TENTHS_PER_SECOND
from scenarios.scenario import FOLDER_CONFIG, Scenario
from scenarios.street_rules import StreetRules

NETWORK_NAME: Final = "network.json"
"""As ``throughband import`` calls it."""

PROGRAM_ID: Final = "street-rules"


def write_street_rules(scenario: Scenario, rules: StreetRules, folder: Path) -> Path:
    """Write a scenario whose network stands under street rules.

    Demand, window and options of SUMO stay those of the scenario; its files are named, not
    copied.

    Parameters
    ----------
    scenario
        The scenario as it was.
    rules
        Its network under the rules.
    folder
        Where to; made if missing. Its name becomes that of the scenario.

    Returns
    -------
    Path
        The configuration.

    Raises
    ------
    ScenarioError
        If an additional file holds programs that would replace the new ones, or nothing can be
        written.
    FormatError
        If the network or the configuration is not XML.
    """
    for file in scenario.additional_files:
        for element in iterate_elements(file, {"tlLogic"}):
            if element.get("id") not in rules.left_alone:
                raise ScenarioError(
                    f"street rules: {file} holds a program of signal {element.get('id')!r}; "
                    "programs must stand in the network file"
                )
    net_file = folder / f"{folder.name}.net.xml"
    net = _parsed(scenario.net_file)
    _replace_programs(net, rules)
    config = _config(scenario, net_file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ElementTree(net).write(net_file, encoding="UTF-8", xml_declaration=True)
        write_network(folder / NETWORK_NAME, rules.network)
        config_file = folder / FOLDER_CONFIG
        ElementTree(config).write(config_file, encoding="UTF-8", xml_declaration=True)
    except OSError as error:
        raise ScenarioError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return config_file


def _replace_programs(net: Element, rules: StreetRules) -> None:
    for old in net.findall("tlLogic"):
        name = old.get("id", "")
        if name in rules.left_alone:
            continue
        place = list(net).index(old)
        net.remove(old)
        if name in rules.network.signals and not any(
            other.get("id") == name for other in net.iter("tlLogic")
        ):
            net.insert(place, _program(rules.network.signals[name]))


def _program(signal: Signal) -> Element:
    plan, phasing = signal.plan_in_force, signal.phasing
    assert plan is not None
    assert phasing is not None
    program = Element(
        "tlLogic",
        {
            "id": signal.signal_id,
            "type": "static",
            "programID": signal.program_id or PROGRAM_ID,
            "offset": str(plan.begin_s(phasing)),
        },
    )
    following = (*plan.sequence[1:], plan.sequence[0])
    for number, then, split_s in zip(plan.sequence, following, plan.splits_s, strict=True):
        phase = phasing.phase(number)
        green = Interval(phase.aspects, split_s * TENTHS_PER_SECOND - phase.clearance_ds)
        _show(program, green).set("minDur", str(phase.least_green_s))
        for interval in phasing.clearance(number, then):
            _show(program, interval)
    return program


def _show(program: Element, interval: Interval) -> Element:
    seconds = interval.duration_ds // TENTHS_PER_SECOND
    return SubElement(program, "phase", {"duration": str(seconds), "state": interval.aspects})


def _config(scenario: Scenario, net_file: Path) -> Element:
    root = _parsed(scenario.config_file)
    values = {
        "net-file": net_file.name,
        "route-files": ",".join(str(file.absolute()) for file in scenario.route_files),
        "additional-files": ",".join(str(file.absolute()) for file in scenario.additional_files),
        "begin": f"{scenario.begin_s:.10g}",
        "end": f"{scenario.end_s:.10g}",
    }
    for name, value in values.items():
        for parent in root.iter():
            for old in parent.findall(name):
                parent.remove(old)
        if value:
            SubElement(root, name, {"value": value})
    return root


def _parsed(file: Path) -> Element:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            root: Element = defusedxml.ElementTree.parse(stream).getroot()
    except OSError as error:
        raise ScenarioError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ParseError, DefusedXmlException) as error:
        raise FormatError(f"{file} is not well-formed XML: {error}") from error
    return root
