"""Where a network lies on the Earth, as its SUMO file tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from network.errors import FormatError
from network.readers.xml_files import iterate_elements

METERS_PER_DEGREE = 111_319.49
"""At the equator of WGS 84, where a network without a known place is drawn."""

NO_PROJECTION = "!"
"""What SUMO writes for a network that was drawn and not surveyed."""


@dataclass(frozen=True, slots=True)
class GeoReference:
    """How a network's meters become degrees.

    Attributes
    ----------
    offset_m
        What was added to projected coordinates, x and y.
    projection
        PROJ's text of the projection; empty where the network has no place on the Earth, or PROJ
        is not installed: it then lies to scale at the equator, around 0° east.
    """

    offset_m: tuple[float, float] = (0.0, 0.0)
    projection: str = ""

    @property
    def known(self) -> bool:
        """Whether degrees are those of the real place."""
        return bool(self.projection)

    def lonlat(self, points_m: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return longitude and latitude of points, degrees, to seven digits: a centimeter."""
        if not self.projection:
            flat = [(x / METERS_PER_DEGREE, y / METERS_PER_DEGREE) for x, y in points_m]
        else:
            from pyproj import Proj

            projection = Proj(self.projection)
            xs = [x - self.offset_m[0] for x, _ in points_m]
            ys = [y - self.offset_m[1] for _, y in points_m]
            lons, lats = projection(xs, ys, inverse=True)
            flat = list(zip(lons, lats, strict=True))
        return [(round(float(lon), 7), round(float(lat), 7)) for lon, lat in flat]


def geo_reference(net_file: Path) -> GeoReference:
    """Read where a SUMO network lies.

    Parameters
    ----------
    net_file
        A ``*.net.xml``, plain or gzipped.

    Returns
    -------
    GeoReference
        Unknown where the file has no projection, or none that PROJ knows.

    Raises
    ------
    FormatError
        If the file is missing or damaged.
    """
    for element in iterate_elements(net_file, {"location"}):
        text = element.get("projParameter", NO_PROJECTION)
        if text == NO_PROJECTION or not _usable(text):
            return GeoReference()
        try:
            x, y = (float(part) for part in element.get("netOffset", "0,0").split(","))
        except ValueError as error:
            found = element.get("netOffset")
            raise FormatError(
                f"{net_file}: netOffset is {found!r}; allowed are two numbers, as in '0.00,0.00'"
            ) from error
        if not (math.isfinite(x) and math.isfinite(y)):
            raise FormatError(f"{net_file}: netOffset is not finite")
        return GeoReference((x, y), text)
    return GeoReference()


def _usable(projection: str) -> bool:
    """Tell whether PROJ is installed and knows a projection."""
    try:
        from pyproj import Proj
        from pyproj.exceptions import ProjError
    except ImportError:
        return False
    try:
        Proj(projection)
    except ProjError:
        return False
    return True
