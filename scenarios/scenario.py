"""A scenario: one road network, its demand and the time window to look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from network.errors import ScenarioError
from scenarios.cities import CITIES, city_config
from scenarios.sumo_config import check_xml, parse_time_s, read_options, split_files

FOLDER_CONFIG: Final = "scenario.sumocfg"
"""The configuration that makes a folder a scenario; it is called as the folder is."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A SUMO scenario whose files exist and are well-formed.

    Parameters
    ----------
    name
        Catalog name, or the configuration's file name without its ending, or the name of the
        folder whose `FOLDER_CONFIG` it is.
    config_file
        The ``.sumocfg``; options beside files and times stay in force through it.
    net_file, route_files, additional_files
        Absolute paths, plain or gzip-compressed; routes may also stand in additional files.
    begin_s, end_s
        The window in SUMO time; a vehicle belongs to it if it is due in [begin, end).
    """

    name: str
    config_file: Path
    net_file: Path
    route_files: tuple[Path, ...]
    additional_files: tuple[Path, ...]
    begin_s: float
    end_s: float

    def __post_init__(self) -> None:
        window = f"scenario {self.name!r}: begin {self.begin_s:g} s and end {self.end_s:g} s"
        if not (math.isfinite(self.begin_s) and math.isfinite(self.end_s)):
            raise ScenarioError(f"{window} must be finite numbers")
        if self.begin_s < 0:
            raise ScenarioError(f"{window}: SUMO starts no earlier than 0 s; raise --begin")
        if self.begin_s >= self.end_s:
            raise ScenarioError(
                f"{window} leave no time between them; lower --begin or raise --end"
            )


def load_scenario(
    name_or_path: str | Path, begin_s: float | None = None, end_s: float | None = None
) -> Scenario:
    """Find a scenario, read its configuration and check every file it names.

    Whether SUMO understands the files is only known once it runs; here they must exist, be
    well-formed and, for the network, start with ``<net>``.

    Parameters
    ----------
    name_or_path
        A name in `scenarios.cities.CITIES`, the path of any SUMO configuration, or a folder that
        holds `FOLDER_CONFIG`, or else one configuration and no other. What is there under that
        path wins over a city of that name.
    begin_s, end_s
        Override the configuration's own window.

    Returns
    -------
    Scenario
        Ready to run.

    Raises
    ------
    ScenarioError
        The name is unknown, a file is missing, or the window is open or empty.
    FormatError
        A file is not well-formed or not what it should be.
    """
    path = Path(name_or_path)
    if path.is_dir() and (path / FOLDER_CONFIG).is_file():
        path = path / FOLDER_CONFIG
    elif path.is_dir() and str(name_or_path) not in CITIES:
        path = _only_config(path)
    looks_like_path = path.suffix != "" or len(path.parts) > 1
    if path.is_file() or (looks_like_path and str(name_or_path) not in CITIES):
        config_file = path.absolute()
        name = path.stem
        if path.name == FOLDER_CONFIG:
            name = config_file.resolve().parent.name or name
    else:
        name = str(name_or_path)
        config_file = city_config(name).absolute()
    options = read_options(config_file)
    folder = config_file.parent

    nets = split_files(options.get("net-file", ""), folder)
    if len(nets) != 1:
        raise ScenarioError(
            f"SUMO configuration {config_file} names {len(nets)} network files, not one; "
            'add <net-file value="..."/>'
        )
    routes = split_files(options.get("route-files", ""), folder)
    additional = split_files(options.get("additional-files", ""), folder)
    check_xml(nets[0], "network file", root="net")
    for file in routes:
        check_xml(file, "route file")
    for file in additional:
        check_xml(file, "additional file")

    if begin_s is None:
        begin_s = parse_time_s(options.get("begin", "0"), "begin", config_file)
    if end_s is None:
        end_s = parse_time_s(options.get("end", "-1"), "end", config_file)
        if end_s < 0:  # SUMO's own notation for "until the last vehicle has left"
            raise ScenarioError(
                f"SUMO configuration {config_file} sets no end time; pass --end SECONDS"
            )
    return Scenario(name, config_file, nets[0], routes, additional, begin_s, end_s)


def _only_config(folder: Path) -> Path:
    """Return the one configuration of a folder that holds no other."""
    found = sorted(folder.glob("*.sumocfg"))
    if not found:
        raise ScenarioError(
            f"{folder} is a folder without {FOLDER_CONFIG}; correct the path, or make a scenario "
            "of what is in it with 'throughband import'"
        )
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise ScenarioError(f"{folder} holds several SUMO configurations ({names}); name one")
    return found[0]
