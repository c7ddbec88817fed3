"""From a name in a suite to a street that can be played: cities, files, made-up streets.

A scaled or disturbed street is a SUMO configuration of its own that takes everything over from
the original. So whatever reads or plays scenarios needs to know nothing of it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement

from network.calibration_file import CALIBRATION_FILE
from network.errors import ScenarioError
from scenarios.cities import CITIES
from scenarios.scenario import FOLDER_CONFIG, Scenario, load_scenario
from scenarios.street_rules import under_street_rules
from scenarios.street_rules_files import write_street_rules
from scenarios.sumo_config import read_options, split_files
from throughband.exchange.imported import (
    CORRIDORS_NAME,
    COUNTS_NAME,
    NETWORK_NAME,
    scenario_network,
)
from throughband.generate import Wish, generate

MADE_UP: Final = ("arterial", "grid", "town")
SATURATION: Final = 0.75
"""Of the busiest signal of a made-up street in its busiest quarter of an hour."""

_FILE_OPTIONS: Final = (
    *("net-file", "route-files", "additional-files", "gui-settings-file", "weight-files"),
    *("vtype-output", "load-state"),
)
_DROPPED: Final = frozenset({"begin", "end", "gui-settings-file", "configuration-file"})
_MOST_SIGNALS: Final = 10_000


def is_made_up(name: str) -> bool:
    """Tell whether a name asks for a made-up street."""
    kind, colon, _ = name.partition(":")
    return bool(colon) and kind in MADE_UP


def wish_of(name: str) -> Wish:
    """Read ``arterial:10:1``, ``grid:3x4:1`` or ``town:30:1`` as kind, size and seed.

    Raises
    ------
    ScenarioError
        If it is none of them.
    """
    kind, size, seed, *more = [*name.split(":"), "1"][: 3 + name.count(":")]
    problem = ScenarioError(
        f"scenario {name!r}: allowed are arterial:SIGNALS:SEED, grid:ROWSxCOLUMNS:SEED and "
        "town:SIGNALS:SEED"
    )
    if kind not in MADE_UP or more[1:] or not seed.isdecimal():
        raise problem
    if kind == "grid":
        rows, cross, columns = size.partition("x")
        if not (cross and rows.isdecimal() and columns.isdecimal()):
            raise problem
        lines: tuple[int | None, int | None] = (int(rows), int(columns))
        signals = None
        count = int(rows) * int(columns)
    else:
        if not size.isdecimal():
            raise problem
        lines, signals = (None, None), int(size)
        count = int(size)
    if not 1 <= count <= _MOST_SIGNALS:
        raise ScenarioError(f"scenario {name!r}: {count} signals; allowed are 1 to {_MOST_SIGNALS}")
    return Wish(kind, signals, *lines, int(seed), None, SATURATION, False)


def require_known(name: str) -> None:
    """Check a name before anything is played.

    Raises
    ------
    ScenarioError
        If it is neither of the catalog, nor made up, nor a path that exists.
    """
    if is_made_up(name):
        wish_of(name)
    elif name not in CITIES and not Path(name).exists():
        raise ScenarioError(
            f"unknown scenario {name!r}; known are {', '.join(CITIES)}, made-up streets as in "
            "arterial:10:1, grid:3x4:1 and town:30:1, or the path of a scenario"
        )


def open_scene(
    name: str, folder: Path, begin_s: float | None = None, end_s: float | None = None
) -> Scenario:
    """Return the scenario of a name.

    Parameters
    ----------
    name
        As in a suite.
    folder
        Where made-up streets are built; what was built there before is used again.
    begin_s, end_s
        Override its window.

    Raises
    ------
    ScenarioError, FormatError, SimulationError
        If there is no such scenario, its files are damaged, or a street cannot be built.
    """
    require_known(name)
    if not is_made_up(name):
        return load_scenario(name, begin_s, end_s)
    place = folder / name.replace(":", "-")
    configs = sorted(place.glob("*.sumocfg"))
    config = configs[0] if configs else generate(wish_of(name), place).config_file
    return load_scenario(config, begin_s, end_s)


def rewritten(
    scenario: Scenario,
    folder: Path,
    *,
    options: Mapping[str, str],
    routes: Iterable[Path] = (),
    additional: Iterable[Path] = (),
    counts: bool = True,
) -> Scenario:
    """Return a scenario like another, with options and files of its own.

    Parameters
    ----------
    scenario
        Taken over whole, its window included.
    folder
        For the new configuration.
    options
        Of SUMO, by their long names; they win.
    routes, additional
        Loaded after the scenario's own.
    counts
        Whether counts that came with the scenario still tell its demand.
    """
    was = read_options(scenario.config_file)
    home = scenario.config_file.parent
    now: dict[str, str] = {}
    for name, value in was.items():
        if name in _DROPPED:
            continue
        files = name in _FILE_OPTIONS
        now[name] = ",".join(str(f) for f in split_files(value, home)) if files else value
    now["route-files"] = ",".join(str(f) for f in (*scenario.route_files, *routes))
    now["additional-files"] = ",".join(str(f) for f in (*scenario.additional_files, *additional))
    now |= {"begin": f"{scenario.begin_s:g}", "end": f"{scenario.end_s:g}", **options}
    root = Element("configuration")
    section = SubElement(root, "input")
    for name, value in now.items():
        if value:
            SubElement(section, name, {"value": value})
    whole = scenario.config_file.name == FOLDER_CONFIG
    file = folder / (FOLDER_CONFIG if whole else f"{scenario.name}.sumocfg")
    folder.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    for side in beside(scenario):
        if counts or side.name != COUNTS_NAME:
            shutil.copyfile(side, folder / side.name)
    return load_scenario(file, scenario.begin_s, scenario.end_s)


def beside(scenario: Scenario) -> tuple[Path, ...]:
    """Return the files beside a scenario's configuration that plans are made from.

    The network of an import knows rings and walks that no SUMO file can hold, and its counts go
    before any that are taken in simulation.
    """
    folder = scenario.config_file.parent
    imported = (NETWORK_NAME, COUNTS_NAME) if scenario.config_file.name == FOLDER_CONFIG else ()
    names = (*imported, CORRIDORS_NAME, CALIBRATION_FILE)
    return tuple(folder / name for name in names if (folder / name).is_file())


def ruled(scenario: Scenario, folder: Path) -> Scenario:
    """Return a scenario under street rules: clearances by formula, a walk at every crossing.

    Raises
    ------
    ScenarioError
        If the rules do not fit it.
    """
    write_street_rules(scenario, under_street_rules(scenario_network(scenario)), folder)
    for side in beside(scenario):
        if side.name != NETWORK_NAME:
            shutil.copyfile(side, folder / side.name)
    return replace(load_scenario(folder), name=scenario.name)


def digest(scenario: Scenario) -> str:
    """Return a digest of everything that a scenario loads, and of what its plans are made from."""
    found = hashlib.sha256()
    for file in (
        scenario.config_file,
        scenario.net_file,
        *scenario.route_files,
        *scenario.additional_files,
        *beside(scenario),
    ):
        found.update(file.name.encode())
        found.update(file.read_bytes())
    found.update(f"{scenario.begin_s:g} {scenario.end_s:g}".encode())
    return found.hexdigest()
