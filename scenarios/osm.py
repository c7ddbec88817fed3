"""OpenStreetMap extracts, made into a SUMO network by netconvert, without the internet.

Streets, lanes and turn lanes are the map's; where signals stand is too. How they are timed no map
says: their programs are netconvert's guess, and the import says so.
"""

from __future__ import annotations

import gzip
import tempfile
import zlib
from pathlib import Path
from typing import Final

from network.errors import FormatError, ScenarioError
from network.files import replace_file
from network.readers.xml_files import iterate_elements
from scenarios.inventory_build import NET_NAME, warnings_of, without_comments
from scenarios.plain_sumo import Runner
from scenarios.sumo_config import check_xml

MOST_BYTES: Final = 4 << 30
"""Unpacked; a state's extract is beyond what netconvert turns into one network."""

_CHUNK_BYTES: Final = 1 << 20
_DRIVEN: Final = frozenset(
    ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential")
)
_OPTIONS: Final = (
    "--geometry.remove=true",
    "--roundabouts.guess=true",
    "--ramps.guess=true",
    "--junctions.join=true",
    "--tls.guess-signals=true",
    "--tls.discard-simple=true",
    "--tls.join=true",
    "--tls.default-type=static",
    "--osm.turn-lanes=true",
    "--keep-edges.by-vclass=passenger",
    "--remove-edges.isolated=true",
    "--no-turnarounds.except-deadend=true",
    "--output.street-names=true",
    "--junctions.corner-detail=5",
)


def convert_osm(source: Path, folder: Path, run: Runner) -> tuple[str, ...]:
    """Have netconvert make a network of an extract.

    Parameters
    ----------
    source
        An ``.osm`` file, plain or gzipped. It is read to its end before netconvert sees it, so
        that entities, bombs and cut archives are refused here.
    folder
        Existing folder for the network.
    run
        Runs a SUMO program by name in a working folder and returns what it said; its own errors
        pass through. The road types are those that ship with SUMO.

    Returns
    -------
    tuple of str
        netconvert's warnings.

    Raises
    ------
    FormatError
        If the file is not a well-formed extract or unpacks to more than `MOST_BYTES`.
    ScenarioError
        If netconvert left no network, or it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        work = Path(scratch)
        plain = _unpacked(source, work)
        # The source once more rather than its copy, whose name would tell nobody anything.
        check_xml(source, "OpenStreetMap extract", root="osm")
        said = run(
            (
                "netconvert",
                f"--osm-files={plain}",
                f"--output-file={work / 'osm.net.xml'}",
                *_OPTIONS,
            ),
            work,
        )
        try:
            text = (work / "osm.net.xml").read_text(encoding="utf-8")
            replace_file(folder / NET_NAME, without_comments(text))
        except OSError as error:
            raise ScenarioError(
                f"{source}: netconvert left no network ({error.strerror or error})"
            ) from error
    return warnings_of(said)


def roads_without_speed(source: Path) -> int:
    """Count the roads of an extract that name no speed limit.

    SUMO gives them the speed of their type, which suits roads outside towns.

    Parameters
    ----------
    source
        An ``.osm`` file, plain or gzipped.

    Raises
    ------
    FormatError
        If it is not well-formed, or unpacks beyond all measure.
    """
    found = 0
    for way in iterate_elements(source, {"way"}):
        tags = {tag.get("k"): tag.get("v") for tag in way.findall("tag")}
        kind = (tags.get("highway") or "").removesuffix("_link")
        found += kind in _DRIVEN and "maxspeed" not in tags
    return found


def _unpacked(source: Path, work: Path) -> Path:
    """Return a plain copy of a gzipped file, or the file itself."""
    try:
        with source.open("rb") as probe:
            if probe.read(2) != b"\x1f\x8b":
                return source.absolute()
        plain = work / "extract.osm"
        size = 0
        with gzip.open(source) as packed, plain.open("wb") as out:
            while chunk := packed.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise FormatError(
                        f"{source}: unpacks to more than {MOST_BYTES >> 30} GiB; cut out a smaller "
                        "area"
                    )
                out.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{source}: damaged gzip data ({error})") from error
    except OSError as error:
        raise FormatError(f"{source}: cannot be read ({error.strerror or error})") from error
    return plain
