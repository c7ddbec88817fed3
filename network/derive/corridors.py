"""Corridors that an engineer names, in a ``corridors.toml``.

    format = "throughband.planning.corridors"
    version = 1

    [[corridor]]
    name = "Main Street"
    signals = ["A1", "B1", "C1"]

    [[corridor]]
    name = "Second Avenue"
    links = ["east_1", "east_2"]

A corridor lists its signals in driving order, or the links driven on; then its signals are those
at whose stop lines the links end. Dotted keys and strings over several lines are not used.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from network.errors import FormatError, TopologyError
from network.files import replace_file
from network.graph import RoadNetwork

CORRIDOR_FORMAT = "throughband.planning.corridors"
CORRIDOR_VERSION = 1

LARGEST_FILE = 1_000_000
LONGEST_NAME = 200

_KEYS = ("name", "signals", "links")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_HEAD = re.compile(r"^\s*\[\[\s*corridor\s*\]\]\s*(?:#.*)?$")
_DEEPEST = 2


@dataclass(frozen=True, slots=True)
class NamedCorridor:
    """A corridor as an engineer names it.

    Attributes
    ----------
    name
        What to call it.
    signals
        In driving order, at least two.
    links
        The links driven on, in order, where given; empty otherwise.
    """

    name: str
    signals: tuple[str, ...]
    links: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME or not self.name.isprintable():
            raise TopologyError(
                f"corridor {self.name[:LONGEST_NAME]!r}: a name has 1 to {LONGEST_NAME} printable "
                "characters"
            )
        if len(self.signals) < 2:
            raise TopologyError(
                f"corridor {self.name!r}: signals {list(self.signals)}; needed are two or more"
            )
        if len(set(self.signals)) != len(self.signals):
            raise TopologyError(f"corridor {self.name!r} passes a signal twice")


def signals_on(network: RoadNetwork, links: Sequence[str]) -> tuple[str, ...]:
    """Return the signals at whose stop lines links end, in order.

    Parameters
    ----------
    network
        The roads.
    links
        Link names in driving order.
    """
    signal_of = {m.from_link: m.signal_id for m in network.movements.values()}
    return tuple(dict.fromkeys(signal_of[link] for link in links if link in signal_of))


def read_corridors(path: Path, network: RoadNetwork) -> tuple[NamedCorridor, ...]:
    """Read the corridors of a ``corridors.toml``.

    Parameters
    ----------
    path
        The file.
    network
        Where they run.

    Returns
    -------
    tuple of NamedCorridor
        In the order of the file.

    Raises
    ------
    FormatError
        If the file cannot be read, is no corridor file, or names what the network lacks; with
        the line.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) > LARGEST_FILE:
        raise FormatError(f"{path}: larger than {LARGEST_FILE:,} bytes, no corridor file is")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(f"{path}, line {line}: not UTF-8 text") from error
    lines = text.split("\n")
    _require_plain(path, lines)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not a TOML file ({error})") from error
    return _corridors(path, document, lines, network)


def write_corridors(path: Path, corridors: Sequence[NamedCorridor]) -> None:
    """Write corridors to a ``corridors.toml``, whole or not at all.

    Parameters
    ----------
    path
        Where to.
    corridors
        The corridors; names are unique.

    Raises
    ------
    FormatError
        If two have one name, a name cannot be stored, or the file cannot be written.
    """
    path = Path(path)
    names = [corridor.name for corridor in corridors]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FormatError(f"{path}: corridor {twice[0]!r} appears twice")
    parts = [f'format = "{CORRIDOR_FORMAT}"\nversion = {CORRIDOR_VERSION}\n']
    for corridor in corridors:
        key, members = (
            ("links", corridor.links) if corridor.links else ("signals", corridor.signals)
        )
        listed = "".join(f"    {_quoted(member)},\n" for member in members)
        parts.append(f"[[corridor]]\nname = {_quoted(corridor.name)}\n{key} = [\n{listed}]\n")
    try:
        replace_file(path, "\n".join(parts))
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error
    except UnicodeEncodeError as error:
        raise FormatError(f"{path}: a name is not valid Unicode ({error})") from error


def _quoted(text: str) -> str:
    # JSON escapes what TOML basic strings must, except for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _require_plain(path: Path, lines: Sequence[str]) -> None:
    """Refuse what this form does not use and TOML takes long to read."""
    depth = 0
    for number, line in enumerate(lines, 1):
        if '"""' in line or "'''" in line:
            # An empty string beside a quote reads alike; neither belongs into a corridor file.
            raise FormatError(f"{path}, line {number}: strings over several lines are not used")
        bare = _STRING.sub("", line).partition("#")[0]
        depth += bare.count("[") - bare.count("]")
        if "." in bare or "{" in bare or depth > _DEEPEST:
            found = bare.strip()[:40]
            raise FormatError(
                f"{path}, line {number}: found {found!r}; allowed are the keys "
                f"{', '.join(_KEYS)} with texts and lists of texts"
            )


def _corridors(
    path: Path, document: Mapping[str, Any], lines: Sequence[str], network: RoadNetwork
) -> tuple[NamedCorridor, ...]:
    if document.get("format") != CORRIDOR_FORMAT:
        raise FormatError(f'{path}: not a corridor file; expected format = "{CORRIDOR_FORMAT}"')
    version = document.get("version")
    if type(version) is not int or version != CORRIDOR_VERSION:
        raise FormatError(
            f"{path}: version {version!r}; this program reads version {CORRIDOR_VERSION}"
        )
    unknown = sorted(set(document) - {"format", "version", "corridor"})
    if unknown:
        raise FormatError(f"{path}, line {_line(lines, 0, unknown[0])}: unknown key {unknown[0]!r}")
    items = document.get("corridor", [])
    heads = [i for i, line in enumerate(lines) if _HEAD.match(line)]
    if not isinstance(items, list) or len(heads) != len(items):
        raise FormatError(f"{path}: each corridor begins with a line [[corridor]]")
    found: dict[str, NamedCorridor] = {}
    for head, item in zip(heads, items, strict=True):
        corridor = _corridor(path, item, lines, head, network)
        if corridor.name in found:
            raise FormatError(f"{path}, line {head + 1}: corridor {corridor.name!r} appears twice")
        found[corridor.name] = corridor
    return tuple(found.values())


def _corridor(
    path: Path, item: Mapping[str, Any], lines: Sequence[str], head: int, network: RoadNetwork
) -> NamedCorridor:
    where = f"{path}, line {head + 1}"
    for key, value in item.items():
        if key not in _KEYS:
            line = _line(lines, head + 1, key)
            raise FormatError(
                f"{path}, line {line}: unknown key {key[:LONGEST_NAME]!r}; allowed are "
                f"{', '.join(_KEYS)}"
            )
        members = [value] if key == "name" else value
        if not isinstance(members, list) or not all(isinstance(m, str) for m in members):
            line = _line(lines, head + 1, key)
            raise FormatError(
                f"{path}, line {line}: {key} must be "
                f"{'a text' if key == 'name' else 'a list of texts'}"
            )
    if "name" not in item or ("signals" in item) == ("links" in item):
        raise FormatError(f"{where}: a corridor has a name, and either signals or links")
    noun = "signals" if "signals" in item else "links"
    known = network.signals if noun == "signals" else network.links
    for member in item[noun]:
        if member not in known:
            line = _line(lines, head + 1, member)
            raise FormatError(
                f"{path}, line {line}: corridor {item['name'][:LONGEST_NAME]!r} names the unknown "
                f"{noun[:-1]} {member[:LONGEST_NAME]!r} of network {network.name!r}"
            )
    links = tuple(item.get("links", ()))
    signals = tuple(item["signals"]) if noun == "signals" else signals_on(network, links)
    try:
        return NamedCorridor(item["name"], signals, links)
    except TopologyError as error:
        raise FormatError(f"{where}: {error}") from error


def _line(lines: Sequence[str], first: int, text: str) -> int:
    """Return the line that holds a key or text, counted from 1; the first one where none does."""
    for number in range(first, len(lines)):
        if number > first and _HEAD.match(lines[number]):
            break
        if any(form in lines[number] for form in (_quoted(text), f"'{text}'")) or re.match(
            rf"\s*{re.escape(text)}\s*=", lines[number]
        ):
            return number + 1
    return first + 1
