"""Bus lines in a file beside a scenario, ``buses.toml``.

format = "throughband.buses"
version = 1

[[line]]
name = "12 outbound"
route = ["a", "b", "c"]       # links in the order the bus takes them
headway_s = 450
passengers = 30               # in a bus, on average
speed_mps = 12.5              # its cruising speed; that of the links where it is left out

[[line.stop]]                 # as many as there are
link = "b"
dwell_s = 22                  # how long it stands, on average
deviation_s = 8               # standard deviation from bus to bus; 0 where it is left out
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from network.documents import DocumentForm
from network.errors import FormatError, NetworkError
from network.fields import Fields
from network.files import replace_file
from network.graph import RoadNetwork
from network.toml_text import MOST_BYTES, TomlFile, read_toml, toml_value
from network.transit import LONGEST_DWELL_S, MOST_PASSENGERS, BusLine, BusStop, require_route

BUSES_NAME: Final = "buses.toml"
BUS_FORM: Final = DocumentForm("throughband.buses", "bus file", 1, FormatError, {}, MOST_BYTES)


def read_bus_lines(path: Path, network: RoadNetwork) -> tuple[BusLine, ...]:
    """Read the lines of a file and hold them against a network.

    Parameters
    ----------
    path
        The file.
    network
        The links it speaks of.

    Raises
    ------
    FormatError
        If the file cannot be read, is malformed, or names what the network lacks; with the line.
    """
    page = read_toml(Path(path), BUS_FORM)
    top = Fields.of(page.document, page.place(), FormatError, ("format", "version"), ("line",))
    tables = top.values.get("line", [])
    if not isinstance(tables, list):
        raise FormatError(f"{page.where('line')}: found one table; allowed are [[line]]")
    found: list[BusLine] = []
    for number, table in enumerate(tables):
        line = _line(page, number, table)
        if any(line.line_id == other.line_id for other in found):
            raise FormatError(
                f"{page.where('line', number)}: there is a line {line.line_id!r} already; allowed "
                "is each direction of a line under a name of its own"
            )
        try:
            require_route(line, network)
        except NetworkError as error:
            raise FormatError(f"{page.where('line', number)}: {error}") from error
        found.append(line)
    return tuple(found)


def write_bus_lines(path: Path, lines: Iterable[BusLine]) -> None:
    """Write lines as `read_bus_lines` reads them."""
    rows = [f"format = {toml_value(BUS_FORM.name)}", f"version = {BUS_FORM.version}"]
    for line in lines:
        rows += [
            "",
            "[[line]]",
            f"name = {toml_value(line.line_id)}",
            f"route = {toml_value(list(line.route))}",
            f"headway_s = {line.headway_s:g}",
            f"passengers = {line.passengers:g}",
        ]
        if math.isfinite(line.speed_mps):
            rows.append(f"speed_mps = {line.speed_mps:g}")
        for stop in line.stops:
            rows += [
                "",
                "[[line.stop]]",
                f"link = {toml_value(stop.link)}",
                f"dwell_s = {stop.dwell_s:g}",
                f"deviation_s = {stop.deviation_s:g}",
            ]
    replace_file(path, "\n".join(rows) + "\n")


def _line(page: TomlFile, number: int, table: object) -> BusLine:
    place = page.place("line", number)
    needed = ("name", "route", "headway_s", "passengers")
    found = Fields.of(table, place, FormatError, needed, ("speed_mps", "stop"))
    route = found.items("route")
    if not all(type(link) is str for link in route):
        raise found.refusal("route", "are names of links")
    stops = found.values.get("stop", [])
    if not isinstance(stops, list):
        raise found.refusal("stop", "are [[line.stop]]")
    try:
        return BusLine(
            found.text("name"),
            tuple(route),
            found.number("headway_s", 10.0, 86_400.0),
            found.number("passengers", 0.0, MOST_PASSENGERS),
            tuple(_stop(page, number, at, stop) for at, stop in enumerate(stops)),
            found.number("speed_mps", 1.0, 60.0) if found.has("speed_mps") else math.inf,
        )
    except NetworkError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{page.where('line', number)}: {error}") from error


def _stop(page: TomlFile, number: int, at: int, table: object) -> BusStop:
    place = page.place("line", number, "stop", at)
    found = Fields.of(table, place, FormatError, ("link", "dwell_s"), ("deviation_s",))
    return BusStop(
        found.text("link"),
        found.number("dwell_s", 0.0, LONGEST_DWELL_S),
        found.number("deviation_s", 0.0, LONGEST_DWELL_S) if found.has("deviation_s") else 0.0,
    )
