"""Reading XML from files that may be gzipped, damaged or hostile."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from network.errors import FormatError

GZIP_MAGIC = b"\x1f\x8b"
HARMLESS_BYTES = 20_000_000
LARGEST_RATIO = 100
"""A gzipped file that holds more is refused if it unpacks to more than so many times its size;
real networks and routes shrink to a tenth or a thirtieth."""
DEEPEST = 100
"""Levels of nested elements; SUMO's files have five."""


def iterate_elements(path: Path, tags: set[str]) -> Iterator[Element]:
    """Yield each element with one of the tags, whole, in file order.

    Parameters
    ----------
    path
        An XML file, plain or gzipped.
    tags
        Element names. Everything else is forgotten at once, so that memory stays small.

    Raises
    ------
    FormatError
        If the file is missing, truncated, not XML, or declares entities.
    """
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == GZIP_MAGIC
        with gzip.open(path) if zipped else path.open("rb") as stream:
            source = _Bounded(stream, path) if zipped else stream
            inside = depth = 0
            for event, element in ElementTree.iterparse(
                source, events=("start", "end"), forbid_dtd=False
            ):
                depth += 1 if event == "start" else -1
                if depth > DEEPEST:
                    raise FormatError(f"{path}: elements nested more than {DEEPEST} deep")
                if element.tag in tags:
                    inside += 1 if event == "start" else -1
                    if event == "end" and inside == 0:
                        yield element
                if event == "end" and inside == 0:
                    element.clear()
    except (ParseError, LookupError) as error:
        # An encoding that nobody knows is a LookupError.
        raise FormatError(f"{path}: not well-formed XML ({error})") from error
    except DefusedXmlException as error:
        raise FormatError(f"{path}: declares XML entities, which are not read ({error})") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path}: damaged gzip data ({error})") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Bounded:
    """Reads a gzipped file and refuses one that unpacks beyond all measure."""

    def __init__(self, stream: _Readable, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._left = max(HARMLESS_BYTES, LARGEST_RATIO * path.stat().st_size)

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise FormatError(
                f"{self._path}: unpacks to more than {LARGEST_RATIO} times its size, which no "
                "network does"
            )
        return data
