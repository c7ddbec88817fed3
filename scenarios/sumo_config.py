"""Reading SUMO configurations, and checking the files they name before SUMO is asked.

SUMO stops at a broken file too, but only after it started, in several lines, and not at all
for some truncated archives. Here every file is streamed once through expat, guarded by
defusedxml against entity bombs, at some 90 MB/s.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO, Final, cast
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.expatreader import create_parser

from network.errors import FormatError, ScenarioError

# The long names and the abbreviations SUMO 1.28 accepts for them.
_SYNONYMS: Final = {
    "n": "net-file",
    "net": "net-file",
    "r": "route-files",
    "routes": "route-files",
    "a": "additional-files",
    "additional": "additional-files",
    "b": "begin",
    "e": "end",
}
_GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 1 << 20
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


class _RootHandler(ContentHandler):
    """Remembers the root element and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.root = ""

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        if not self.root:
            self.root = name


class _OptionHandler(_RootHandler):
    """Collects ``<option value="..."/>``, ``<option v="..."/>`` and ``<option>...</option>``."""

    def __init__(self) -> None:
        super().__init__()
        self.options: dict[str, str] = {}
        self._text = ""

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        super().startElement(name, attrs)
        self._text = ""
        value = attrs.get("value", attrs.get("v"))
        if value is not None:
            self._set(name, value)

    def characters(self, content: str) -> None:
        self._text += content

    def endElement(self, name: str) -> None:  # noqa: N802
        if self._text.strip():
            self._set(name, self._text)
        self._text = ""

    def _set(self, name: str, value: str) -> None:
        expanded = _VARIABLE.sub(lambda m: os.environ.get(m[1], m[0]), value.strip())
        self.options[_SYNONYMS.get(name, name)] = expanded


def read_options(config_file: Path) -> dict[str, str]:
    """Read the options of a SUMO configuration under their long names.

    Sections do not matter to SUMO and are ignored here too. ``${NAME}`` is replaced from
    the environment, as SUMO does.

    Raises
    ------
    ScenarioError
        The file does not exist.
    FormatError
        It is not XML.
    """
    handler = _OptionHandler()
    _stream(config_file, "SUMO configuration", handler)
    return handler.options


def check_xml(file: Path, what: str, root: str | None = None) -> None:
    """Check that a file exists, is well-formed XML and has the expected root element.

    Parameters
    ----------
    file
        Plain or gzip-compressed XML, told apart by content as SUMO does.
    what
        The file's part in the scenario, for the message.
    root
        Name of the root element, where there is only one right answer.

    Raises
    ------
    ScenarioError
        The file does not exist or cannot be opened.
    FormatError
        It is malformed, truncated, an entity bomb, or another kind of file.
    """
    handler = _RootHandler()
    _stream(file, what, handler)
    if root is not None and handler.root != root:
        raise FormatError(
            f"{what} {file} starts with <{handler.root}>, not with <{root}>; "
            "name the right file in the configuration"
        )


def split_files(value: str, folder: Path) -> tuple[Path, ...]:
    """Split SUMO's comma-separated file list; relative names start at ``folder``."""
    return tuple(folder / name.strip() for name in value.split(",") if name.strip())


def parse_time_s(value: str, what: str, where: Path) -> float:
    """Read SUMO's time notations ``s``, ``h:m:s`` and ``d:h:m:s`` as seconds.

    Raises
    ------
    FormatError
        The text is none of them.
    """
    try:
        parts = [float(part) for part in value.split(":")]
    except ValueError:
        parts = []
    if len(parts) not in (1, 3, 4) or not all(map(math.isfinite, parts)):
        raise FormatError(
            f"{what} time {value!r} in {where} is not a time; write seconds or hh:mm:ss"
        )
    weights = (86400.0, 3600.0, 60.0, 1.0)[4 - len(parts) :]
    return sum(part * weight for part, weight in zip(parts, weights, strict=True))


def _stream(file: Path, what: str, handler: ContentHandler) -> None:
    if not file.is_file():
        found = "a folder" if file.is_dir() else "nothing there"
        raise ScenarioError(f"{what} {file} is missing ({found}); correct the path")
    parser = create_parser()
    parser.setContentHandler(handler)
    try:
        with _open(file) as stream:
            chunk = stream.read(_CHUNK_BYTES)
            parser.feed(chunk or b" ")  # an empty file is an error only after a first feed
            while chunk:
                chunk = stream.read(_CHUNK_BYTES)
                parser.feed(chunk)
            parser.close()
    except SAXParseException as error:
        raise FormatError(
            f"{what} {file} is not well-formed XML: {error.getMessage()} at line "
            f"{error.getLineNumber()}; repair or export it again"
        ) from error
    except DefusedXmlException as error:
        raise FormatError(
            f"{what} {file} declares XML entities, which no SUMO file needs and which "
            "can exhaust memory; remove them"
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FormatError(
            f"{what} {file} is a damaged gzip archive ({error}); compress it again"
        ) from error
    except (LookupError, ValueError) as error:
        raise FormatError(f"{what} {file} cannot be decoded ({error}); save it as UTF-8") from error
    except OSError as error:
        raise ScenarioError(f"{what} {file} cannot be read: {error.strerror or error}") from error


def _open(file: Path) -> BinaryIO:
    with file.open("rb") as probe:
        compressed = probe.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast(BinaryIO, gzip.open(file, "rb")) if compressed else file.open("rb")
