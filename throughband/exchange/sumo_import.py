"""SUMO files copied into an import's folder, with what of their configuration still holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from network.readers.xml_files import GZIP_MAGIC, iterate_elements
from scenarios.scenario import FOLDER_CONFIG, load_scenario
from scenarios.sumo_config import check_xml, parse_time_s, read_options
from throughband.exchange.sumo_cleaning import copy_clean, harmless_option

DEFAULT_WINDOW_S: Final = 3600.0
_FILES: Final = ("net-file", "route-files", "additional-files", "begin", "end")


def copy_net(source: Path, folder: Path) -> tuple[Path, list[str]]:
    """Copy a network that is well-formed; return the copy, and what of it was left out.

    Raises
    ------
    ScenarioError, FormatError
        If it is missing, or no SUMO network.
    """
    check_xml(source, "network file", root="net")
    target = folder / f"scenario.net.xml{_ending(source)}"
    return target, copy_clean(source, target)


def net_only_config(folder: Path, net: Path) -> None:
    """Write the configuration of a network without traffic."""
    _write_config(folder, net.name, (), (), 0.0, DEFAULT_WINDOW_S, {"time-to-teleport": "-1"})


def copy_config(
    config: Path, folder: Path, more: Sequence[str] = ()
) -> tuple[Path, tuple[Path, ...], tuple[Path, ...], list[str]]:
    """Copy a scenario: its files under new names, and the options that say how traffic moves.

    What would have a simulation write or load other files stays behind.

    Parameters
    ----------
    config
        A SUMO configuration.
    folder
        Where to.
    more
        Names of further additional files there, to be loaded last.

    Returns
    -------
    net, additional, routes, findings
        The copies, and what was assumed or left behind.

    Raises
    ------
    ScenarioError, FormatError
        If a file is missing or not well-formed.
    """
    findings: list[str] = []
    options = read_options(config)
    begin_s = parse_time_s(options.get("begin", "0"), "begin", config)
    end_s = parse_time_s(options.get("end", "-1"), "end", config)
    if end_s < 0:
        end_s = begin_s + DEFAULT_WINDOW_S
        findings.append(f"{config.name} sets no end; an hour is taken")
    scenario = load_scenario(config, begin_s, end_s)
    net, said = copy_net(scenario.net_file, folder)
    additional, of_additional = _copies(scenario.additional_files, folder, "add")
    routes, of_routes = _copies(scenario.route_files, folder, "rou")
    findings += (*said, *of_additional, *of_routes)
    left = sorted(n for n, v in options.items() if n not in _FILES and not harmless_option(n, v))
    if left:
        findings.append(
            f"options of {config.name} that may name files, or say nothing of traffic, are left "
            f"out: {', '.join(left)}"
        )
    kept = {name: v for name, v in options.items() if name not in (*_FILES, *left)}
    last = tuple(folder / name for name in more)
    _write_config(folder, net.name, routes, (*additional, *last), begin_s, end_s, kept)
    return net, additional, routes, findings


def other_programs(net: Path, additional: Iterable[Path]) -> list[str]:
    """Say which signals have programs beside the one in force, the last one loaded."""
    programs: dict[str, list[str]] = defaultdict(list)
    for file in (net, *additional):
        for element in iterate_elements(file, {"tlLogic"}):
            programs[element.get("id", "")].append(element.get("programID", ""))
    return [
        f"signal {signal!r} has {len(names)} programs; {names[-1]!r} is in force, since it is "
        f"loaded last; the others are {', '.join(repr(name) for name in names[:-1])}"
        for signal, names in sorted(programs.items())
        if len(names) > 1
    ]


def _copies(files: tuple[Path, ...], folder: Path, kind: str) -> tuple[tuple[Path, ...], list[str]]:
    copies: list[Path] = []
    findings: list[str] = []
    for number, file in enumerate(files):
        target = folder / f"scenario{f'.{number}' if number else ''}.{kind}.xml{_ending(file)}"
        findings += copy_clean(file, target)
        copies.append(target)
    return tuple(copies), findings


def _ending(file: Path) -> str:
    with file.open("rb") as stream:
        return ".gz" if stream.read(2) == GZIP_MAGIC else ""


def _write_config(
    folder: Path,
    net: str,
    routes: tuple[Path, ...],
    additional: tuple[Path, ...],
    begin_s: float,
    end_s: float,
    kept: Mapping[str, str],
) -> None:
    lists = (("route-files", routes), ("additional-files", additional))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<configuration>",
        "    <input>",
        f"        <net-file value={quoteattr(net)}/>",
        *(
            f"        <{name} value={quoteattr(','.join(file.name for file in files))}/>"
            for name, files in lists
            if files
        ),
        "    </input>",
        "    <time>",
        f'        <begin value="{begin_s:g}"/>',
        f'        <end value="{end_s:g}"/>',
        "    </time>",
        "    <processing>",
        *(f"        <{name} value={quoteattr(value)}/>" for name, value in sorted(kept.items())),
        "    </processing>",
        "</configuration>",
    ]
    (folder / FOLDER_CONFIG).write_text("\n".join(lines) + "\n", encoding="utf-8")
