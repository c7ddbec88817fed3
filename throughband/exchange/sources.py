"""What a file or folder to be imported is, told by its content and never by its name."""

from __future__ import annotations

import csv
import gzip
import zlib
from enum import StrEnum
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from network.errors import FormatError
from scenarios.scenario import load_scenario

_HEAD_BYTES: Final = 1 << 16
_MOST_FILES: Final = 500
_UTDF_TITLES: Final = (
    "[network]",
    "[nodes]",
    "[links]",
    "[lanes]",
    "network settings",
    "lane group data",
    "timing plan settings",
    "phasing data",
    "turning movement count",
    "node data",
    "link data",
)


class SourceKind(StrEnum):
    """A kind of source that can be imported."""

    SUMO_NET = "sumo-net"
    SUMO_CONFIG = "sumocfg"
    OSM = "osm"
    UTDF = "utdf"
    GMNS = "gmns"


_ROOTS: Final = {
    "net": SourceKind.SUMO_NET,
    "configuration": SourceKind.SUMO_CONFIG,
    "sumoConfiguration": SourceKind.SUMO_CONFIG,
    "osm": SourceKind.OSM,
}
_ALLOWED: Final = (
    "a SUMO network or configuration or a folder with one, an OpenStreetMap extract (XML), a UTDF "
    "file or folder, or a GMNS folder"
)
_SUMO: Final = (SourceKind.SUMO_CONFIG, SourceKind.SUMO_NET)


def kind_of(source: Path) -> SourceKind:
    """Tell what a source is.

    Parameters
    ----------
    source
        A file, plain or gzipped, or a folder.

    Raises
    ------
    FormatError
        If it is missing, damaged, or nothing that can be imported; the message says what it
        seems to be and what would do.
    """
    if source.is_dir():
        return _kind_of_folder(source)
    head = _head(source)
    if b"OSMHeader" in head[:64]:
        raise FormatError(
            f"{source}: an OpenStreetMap extract in PBF, which netconvert does not read; convert "
            "it to XML first (osmium cat extract.osm.pbf -o extract.osm.gz)"
        )
    if head.startswith(b"PK\x03\x04"):
        raise FormatError(f"{source}: a ZIP archive or workbook; allowed is {_ALLOWED}, unpacked")
    text = _text(head)
    if text.lstrip().startswith("<"):
        return _kind_of_xml(source)
    if _is_utdf(text):
        return SourceKind.UTDF
    if _is_gmns_table(text):
        raise FormatError(f"{source}: one table of a GMNS folder; name the folder")
    raise FormatError(f"{source}: not recognized; allowed is {_ALLOWED}")


def source_in(source: Path) -> Path:
    """Return what of a source is read: of a folder of SUMO's files its configuration or network.

    Raises
    ------
    FormatError
        If a folder holds more than one of them, or its configuration names files outside.
    """
    if not source.is_dir() or _inventory_of(_files_of(source)) is not None:
        return source
    kinds = {path: _sumo_kind(path) for path in _files_of(source)}
    for kind in _SUMO:
        found = [path for path, its_kind in kinds.items() if its_kind is kind]
        if len(found) > 1:
            raise FormatError(
                f"{source}: holds {len(found)} files of kind {kind} ("
                f"{', '.join(path.name for path in found[:4])}); allowed is one, or name it"
            )
        if found:
            if kind is SourceKind.SUMO_CONFIG:
                _require_inside(source, found[0])
            return found[0]
    return source


def require_own_files(source: Path) -> None:
    """Refuse a configuration from anybody that names files beyond the folder it came in.

    Raises
    ------
    FormatError
        If it does.
    ScenarioError
        If a file it names is missing.
    """
    if source.is_file() and _sumo_kind(source) is SourceKind.SUMO_CONFIG:
        _require_inside(source.parent, source)


def _sumo_kind(path: Path) -> SourceKind | None:
    try:
        return _kind_of_xml(path) if _text(_head(path)).lstrip().startswith("<") else None
    except FormatError:
        return None


def _require_inside(folder: Path, config: Path) -> None:
    """A folder may come from anybody: what lies beside it is not theirs to have read."""
    scenario = load_scenario(config, 0.0, 1.0)
    files = (scenario.net_file, *scenario.route_files, *scenario.additional_files)
    for file in files:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise FormatError(
                f"{config}: names {file}, which is outside {folder}; allowed are files in the "
                "folder"
            )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as stream:
            return stream.read(_HEAD_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path}: damaged gzip data ({error})") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FormatError(f"{path}: cannot be read ({reason})") from error


def _text(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", errors="replace")
    return head.decode("utf-8-sig", errors="replace")


def _kind_of_xml(source: Path) -> SourceKind:
    try:
        with source.open("rb") as probe:
            zipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(source) if zipped else source.open("rb") as stream:
            _, first = next(ElementTree.iterparse(stream, events=("start",)))
    except (ParseError, StopIteration, LookupError, ValueError) as error:
        if isinstance(error, DefusedXmlException):
            raise FormatError(
                f"{source}: declares XML entities, which are not read ({error})"
            ) from error
        raise FormatError(f"{source}: not well-formed XML ({error})") from error
    except (EOFError, zlib.error, OSError) as error:
        raise FormatError(f"{source}: cannot be read ({error})") from error
    kind = _ROOTS.get(first.tag)
    if kind is None:
        raise FormatError(f"{source}: XML that starts with <{first.tag}>; allowed is {_ALLOWED}")
    return kind


def _kind_of_folder(folder: Path) -> SourceKind:
    files = _files_of(folder)
    found = _inventory_of(files)
    if found is None and (inner := source_in(folder)) != folder:
        found = _sumo_kind(inner)
    if found is None:
        raise FormatError(
            f"{folder}: holds {len(files)} files and neither a GMNS node table nor a UTDF sheet, "
            f"nor a network of SUMO's; allowed is {_ALLOWED}"
        )
    return found


def _files_of(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if path.is_file()][:_MOST_FILES]
    except OSError as error:
        raise FormatError(f"{folder}: cannot be read ({error.strerror or error})") from error


def _inventory_of(files: list[Path]) -> SourceKind | None:
    heads = [_text(_head(path)) for path in files if path.suffix.lower() in (".csv", ".txt")]
    if any(_is_gmns_table(text) for text in heads):
        return SourceKind.GMNS
    return SourceKind.UTDF if any(_is_utdf(text) for text in heads) else None


def _is_utdf(text: str) -> bool:
    for line in text.splitlines()[:12]:
        first = line.split(",", 1)[0].strip().strip('"').lower()
        if first in _UTDF_TITLES or first.startswith(_UTDF_TITLES):
            return True
        names = {cell.strip().strip('"').upper() for cell in line.split(",")[:30]}
        if "INTID" in names:
            return True
    return False


def _is_gmns_table(text: str) -> bool:
    line = text.split("\n", 1)[0]
    try:
        cells = next(csv.reader([line]), [])
    except csv.Error:
        return False
    names = {cell.strip().lower() for cell in cells}
    return {"node_id", "x_coord", "y_coord"} <= names or {
        "link_id",
        "from_node_id",
        "to_node_id",
    } <= names
