"""Real networks to test against, found beside the installed packages or the checkout."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest

from network.graph import RoadNetwork
from network.readers.sumo_net import read_sumo_network

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
RESCO = (
    "arterial4x4",
    "cologne1",
    "cologne3",
    "cologne8",
    "grid4x4",
    "ingolstadt1",
    "ingolstadt21",
    "ingolstadt7",
)
SHARED = {
    "bologna": (
        "bologna_acosta/acosta_buslanes.net.xml.gz",
        "bologna_acosta/acosta_tls.add.xml",
    ),
    "hangzhou": ("hangzhou_4x4/hangzhou_4x4.net.xml.gz",),
    "bullhead": ("utdf_bullhead/sumo/bullhead.net.xml",),
}
ALL = (*RESCO, *SHARED)


def files_of(name: str) -> list[Path]:
    """Return a network's files, or skip the test where they are absent."""
    if name in SHARED:
        files = [SHARED_DATA / file for file in SHARED[name]]
    else:
        package = importlib.util.find_spec("sumo_rl")
        if package is None or package.origin is None:
            pytest.skip("the extra 'cities' is not installed")
        files = [Path(package.origin).parent / "nets" / "RESCO" / name / f"{name}.net.xml"]
    for file in files:
        if not file.exists():
            pytest.skip(f"{file.name} is not at hand")
    return files


@cache
def _read(*files: Path) -> RoadNetwork:
    return read_sumo_network(files[0], files[1:])


def network(name: str) -> RoadNetwork:
    """Read a real network once, or skip the test where it is absent."""
    return _read(*files_of(name))
