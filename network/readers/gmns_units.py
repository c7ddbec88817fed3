"""Units, uses and the plane of a GMNS folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import cos, hypot, pi, radians
from pathlib import Path
from types import MappingProxyType
from typing import Final

from network.errors import FormatError
from network.inventory import LaneUse
from network.readers.gmns_tables import Findings, Row, Table

Point = tuple[float, float]

FOOT_M: Final = Decimal("0.3048")
MILE_M: Final = Decimal("1609.344")
LENGTHS_M: Final = MappingProxyType(
    {
        **dict.fromkeys(("foot", "feet", "ft"), FOOT_M),
        **dict.fromkeys(("meter", "meters", "metre", "metres", "m"), Decimal(1)),
        **dict.fromkeys(("mile", "miles", "mi"), MILE_M),
        **dict.fromkeys(
            ("km", "kilometer", "kilometers", "kilometre", "kilometres"), Decimal(1000)
        ),
    }
)
SPEEDS_MPS: Final = MappingProxyType(
    {
        **dict.fromkeys(("mph", "mi/h", "miles per hour"), MILE_M / 3600),
        **dict.fromkeys(("kph", "kmh", "km/h", "kmph", "kilometers per hour"), 1 / Decimal("3.6")),
        **dict.fromkeys(("mps", "m/s"), Decimal(1)),
    }
)
LOCAL_CRS: Final = 'LOCAL_CS["plane of the source",UNIT["metre",1]]'
"""The coordinate system `network.writers.gmns` declares: meters in a plane of its own."""

_DEGREES = ("4326", "epsg:4326", "wgs84", "wgs 84", "crs84", "4269", "epsg:4269")
_EARTH_RADIUS_M = 6_371_008.8
_METERS_PER_DEGREE = pi * _EARTH_RADIUS_M / 180
_BIKE = frozenset(("bike", "bicycle", "bikes"))
_FOOT = frozenset(("walk", "foot", "ped", "pedestrian", "pedestrians"))
_STILL = frozenset(("parking", "shoulder"))
_BUSES = frozenset(("bus", "transit", "taxi"))
_PRIVATE = frozenset(("sov", "hov2", "hov3+", "hov", "car", "truck", "motorcycle", "auto"))
_GROUPS: Mapping[str, tuple[str, ...]] = {"all": ("car", "truck", "bus", "walk", "bike")}
_MOST_USES = 1000


@dataclass(frozen=True, slots=True)
class Units:
    """What the config table declares.

    Attributes
    ----------
    name
        Name of the data set.
    short_m, long_m, speed_mps
        Worth of a short length, a long length and a speed.
    crs
        Coordinate system, lower case; empty where not given.
    wkt
        Whether shapes are well-known text.
    """

    name: str
    short_m: Decimal
    long_m: Decimal
    speed_mps: Decimal
    crs: str
    wkt: bool


def read_units(folder: Path, table: Table, findings: Findings) -> Units:
    """Read the config table; without one, take the feet, miles and mph of GMNS before 0.94."""
    if len(table.rows) > 1:
        raise table.rows[1].fault("dataset_name", "a single row in the whole table")
    if not table.rows:
        findings.say("config.csv is missing: lengths are taken as foot and mile, speeds as mph")
        return Units(folder.name or "gmns", FOOT_M, MILE_M, MILE_M / 3600, "", True)
    row = table.rows[0]
    form = row.text("geometry_field_format").lower()
    if form not in ("", "wkt"):
        row.note("geometry_field_format", f"shapes as {form[:20]!r} are not read, only wkt")
    return Units(
        row.text("dataset_name") or folder.name or "gmns",
        _unit(row, "short_length", LENGTHS_M, "foot", findings),
        _unit(row, "long_length", LENGTHS_M, "mile", findings),
        _unit(row, "speed", SPEEDS_MPS, "mph", findings),
        row.text("crs").lower(),
        form in ("", "wkt"),
    )


def _unit(
    row: Row, column: str, units: Mapping[str, Decimal], usual: str, findings: Findings
) -> Decimal:
    text = row.text(column).lower()
    if not text:
        findings.say(f"config.csv names no {column}: {usual} is taken")
        return units[usual]
    if text not in units:
        raise row.fault(column, ", ".join(units))
    return units[text]


@dataclass(frozen=True, slots=True)
class Plane:
    """How coordinates become meters: as they are, or from degrees about a midpoint."""

    degrees: bool
    longitude: float = 0.0
    latitude: float = 0.0

    def place(self, point: Point) -> Point:
        """Return a point in meters."""
        if not self.degrees:
            return point
        return (
            (point[0] - self.longitude) * _METERS_PER_DEGREE * cos(radians(self.latitude)),
            (point[1] - self.latitude) * _METERS_PER_DEGREE,
        )


def read_plane(
    crs: str,
    points: Mapping[str, Point],
    pairs: Iterable[tuple[str, str, float]],
    findings: Findings,
) -> Plane:
    """Tell degrees from meters.

    Parameters
    ----------
    crs
        What the config table says.
    points
        Node coordinates as written.
    pairs
        Links as two nodes and a length, m, by which a file without a coordinate system is judged.
    findings
        Receives what was assumed.

    Returns
    -------
    Plane
        Degrees are laid flat about the mean node, which is good to 0.1 % over a town.
    """
    if not points or crs == LOCAL_CRS.lower():
        return Plane(False)
    inside = all(abs(x) <= 180 and abs(y) <= 90 for x, y in points.values())
    degrees = crs in _DEGREES
    if degrees and not inside:
        raise FormatError("node.csv: coordinates beyond 180 or 90 degrees; config.csv says degrees")
    if not crs:
        drawn = [
            length_m / span
            for a, b, length_m in pairs
            if (span := hypot(points[a][0] - points[b][0], points[a][1] - points[b][1])) > 0
        ]
        degrees = inside and bool(drawn) and sorted(drawn)[len(drawn) // 2] > 1000
        findings.say(
            "config.csv names no crs: coordinates are taken as "
            + ("degrees of longitude and latitude" if degrees else "meters")
        )
    if not degrees:
        return Plane(False)
    count = len(points)
    return Plane(
        True,
        sum(x for x, _ in points.values()) / count,
        sum(y for _, y in points.values()) / count,
    )


class Uses:
    """Who may use a lane, after the use_definition and use_group tables."""

    def __init__(self, definitions: Table, groups: Table) -> None:
        self._groups = {name: frozenset(uses) for name, uses in _GROUPS.items()}
        self._groups |= {row.need("use_group").lower(): _names(row, "uses") for row in groups}
        self._known = {row.need("use").lower(): row.number("pce", 0, 1e6) for row in definitions}

    def of(self, row: Row, column: str = "allowed_uses") -> LaneUse | None:
        """Return the use of a lane or link: the most demanding of those allowed; None if blank."""
        names = self._expanded(_names(row, column))
        if not names:
            return None
        for name in sorted(names - _BIKE - _FOOT - _STILL - _BUSES - _PRIVATE - set(self._known)):
            row.note(column, f"the use {name[:20]!r} is defined nowhere; taken as motor vehicles")
        motor = names - _BIKE - _FOOT - _STILL
        if motor:
            return LaneUse.BUS if motor <= _BUSES else LaneUse.GENERAL
        if names & _BIKE:
            return LaneUse.BICYCLE
        return LaneUse.FOOT if names & _FOOT else LaneUse.PARKING

    def _expanded(self, names: frozenset[str]) -> frozenset[str]:
        found: set[str] = set()
        seen: set[str] = set()
        waiting = sorted(names)
        while waiting and len(seen) < _MOST_USES:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            # A group may list itself or a use of its own name.
            members = self._groups.get(name, frozenset()) - {name}
            if members:
                waiting.extend(sorted(members))
            else:
                found.add(name)
        return frozenset(found)


def _names(row: Row, column: str) -> frozenset[str]:
    text = row.text(column).replace(";", ",")
    return frozenset(name.strip().lower() for name in text.split(",") if name.strip())
