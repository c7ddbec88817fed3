"""The catalog of real and synthetic cities everyone in this field measures on.

The eight RESCO networks (Ault and Sharon, NeurIPS 2021) come from the data files of the
``sumo-rl`` package, not from our tree, because their licenses are their own. The package is
located on disk and never imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from network.errors import ScenarioError

CITIES: Final = (
    "grid4x4",
    "arterial4x4",
    "cologne1",
    "cologne3",
    "cologne8",
    "ingolstadt1",
    "ingolstadt7",
    "ingolstadt21",
)

_PACKAGE: Final = "sumo_rl"


def city_config(name: str) -> Path:
    """Return the SUMO configuration of a catalog city.

    Parameters
    ----------
    name
        One of `CITIES`.

    Returns
    -------
    Path
        Its ``.sumocfg`` inside the installed ``sumo-rl`` package.

    Raises
    ------
    ScenarioError
        The name is not in the catalog, or the data package is not installed.
    """
    if name not in CITIES:
        raise ScenarioError(
            f"unknown scenario {name!r}: give the path of a .sumocfg file or one of "
            f"{', '.join(CITIES)}"
        )
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        config = Path(folder) / "nets" / "RESCO" / name / f"{name}.sumocfg"
        if config.is_file():
            return config
    raise ScenarioError(
        f"scenario {name!r}: the city networks (package sumo-rl) are not installed; "
        "install the extra 'cities': pip install 'throughband[cities]'"
    )
