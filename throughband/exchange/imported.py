"""Folders that ``throughband import`` made: what is in them, and their network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from network.bus_file import BUSES_NAME, read_bus_lines
from network.derive.corridors import NamedCorridor, read_corridors
from network.errors import ScenarioError
from network.graph import RoadNetwork
from network.network_file import read_network
from network.readers.sumo_net import read_sumo_network
from network.readers.xml_files import iterate_elements
from network.transit import BusLine
from scenarios.scenario import FOLDER_CONFIG, Scenario

NETWORK_NAME: Final = "network.json"
INVENTORY_NAME: Final = "inventory.json"
COUNTS_NAME: Final = "counts.csv"
RECORD_NAME: Final = "import.json"
SUMMARY_NAME: Final = "import.txt"
CORRIDORS_NAME: Final = "corridors.toml"


def scenario_network(scenario: Scenario) -> RoadNetwork:
    """Read the network of a scenario: that of the import where there is one, else SUMO's.

    An imported network knows rings, barriers and pedestrian times that no SUMO file can hold.

    Raises
    ------
    FormatError
        If a file is damaged.
    ScenarioError
        If the imported network is not that of the SUMO files beside it.
    """
    file = scenario.config_file.parent / NETWORK_NAME
    if scenario.config_file.name != FOLDER_CONFIG or not file.is_file():
        return read_sumo_network(scenario.net_file, scenario.additional_files, scenario.name)
    network = read_network(file)
    _require_same(file, network, scenario)
    return replace(network, name=scenario.name)


def corridors_of(scenario: Scenario, network: RoadNetwork) -> tuple[NamedCorridor, ...]:
    """Return the corridors that are named beside a scenario; nothing where none are.

    Raises
    ------
    FormatError, TopologyError
        If the file is malformed or names what the network has not.
    """
    file = scenario.config_file.parent / CORRIDORS_NAME
    return read_corridors(file, network) if file.is_file() else ()


def buses_of(scenario: Scenario, network: RoadNetwork) -> tuple[BusLine, ...]:
    """Return the bus lines that stand beside a scenario; nothing where none do.

    Raises
    ------
    FormatError
        If the file is malformed or names what the network has not.
    """
    file = scenario.config_file.parent / BUSES_NAME
    return read_bus_lines(file, network) if file.is_file() else ()


def imported_counts(scenario: Scenario) -> Path | None:
    """Return the counts that were imported with a scenario, or None where there are none.

    What an engineer counted on the street is its demand; what SUMO would count is only what
    the signals in force let through.
    """
    file = scenario.config_file.parent / COUNTS_NAME
    imported = scenario.config_file.name == FOLDER_CONFIG
    return file if imported and file.is_file() else None


def _require_same(file: Path, network: RoadNetwork, scenario: Scenario) -> None:
    links: set[str] = set()
    signals: set[str] = set()
    for path in (scenario.net_file, *scenario.additional_files):
        for element in iterate_elements(path, {"edge", "tlLogic"}):
            name = element.get("id", "")
            if element.tag == "tlLogic":
                signals.add(name)
            elif path == scenario.net_file and element.get("function", "normal") == "normal":
                links.add(name)
    for what, here, there in (
        ("link", set(network.links), links),
        ("signal", set(network.signals), signals),
    ):
        odd = sorted(here ^ there) if what == "link" else sorted(there - here)
        if odd:
            raise ScenarioError(
                f"{file}: {what} {odd[0]!r} is there or in {scenario.net_file.name}, not in both; "
                "import the source again"
            )
