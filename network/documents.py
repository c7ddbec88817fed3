"""Documents on disk: a named form of a numbered version, written whole and read with suspicion.

Every file of the project's own begins by saying what it is (``format``) and in which version.
A document of an older version is upgraded one version at a time; a newer one is refused. Sizes
are limited before anything is unpacked or parsed, so that no file costs more than its worth.
"""

from __future__ import annotations

import gc
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from network.errors import ThroughbandError

MOST_BYTES = 24 * 2**20
"""Of a document, unpacked: some 1,500 signals with all the streets of their city."""

MOST_CONTAINERS = 700_000
MOST_VALUES = 3_000_000
"""An empty list takes two bytes on disk and sixty in memory: text is weighed before parsing."""

LINE_WIDTH = 160
"""What fits is written on one line."""

Document = dict[str, Any]

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's code for: deflate with a gzip header


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """A form of document and its version.

    Attributes
    ----------
    name
        What a document of it says under ``format``.
    noun
        What to call it in a message.
    version
        The version written, and the newest read.
    error
        What to raise when a file is not such a document.
    upgrades
        How a document of each older version becomes one of the next.
    most_bytes
        Longest text accepted, unpacked.
    """

    name: str
    noun: str
    version: int
    error: type[ThroughbandError]
    upgrades: Mapping[int, Callable[[Document], Document]] = field(default_factory=dict)
    most_bytes: int = MOST_BYTES

    def version_of(self, document: object, where: str) -> int:
        """Return the version of a document.

        Raises
        ------
        ThroughbandError
            Of the form's kind, if it is not such a document or of a version unknown here.
        """
        if not isinstance(document, dict) or document.get("format") != self.name:
            raise self.error(f'{where}: not a {self.noun}; expected "format": "{self.name}"')
        version = document.get("version")
        if type(version) is not int or version < 1:
            raise self.error(f"{where}: version {version!r} is not a whole number from 1")
        if version > self.version:
            raise self.error(
                f"{where}: {self.noun} of version {version}, this program reads up to "
                f"{self.version}"
            )
        return version

    def upgraded(self, document: Document, where: str) -> Document:
        """Return a document in the present version.

        Parameters
        ----------
        document
            Of this form, in any version up to the present one; not changed.
        where
            What to name in a message.

        Raises
        ------
        ThroughbandError
            Of the form's kind, if it lacks what its own version promises.
        """
        for step in range(self.version_of(document, where), self.version):
            try:
                document = {**self.upgrades[step](document), "version": step + 1}
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise self.error(
                    f"{where}: malformed {self.noun} of version {step}; it cannot be brought to "
                    f"version {step + 1} ({error!r})"
                ) from error
        return document


def read_text(path: Path, form: DocumentForm) -> str:
    """Read a file's text, gzipped or plain.

    Parameters
    ----------
    path
        UTF-8, with or without a byte order mark; whether it is gzipped is seen from its content.
    form
        What it should be; sets the longest text and the kind of error.

    Raises
    ------
    ThroughbandError
        Of the form's kind, if the file is missing, too long, damaged or not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(form.most_bytes + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise form.error(f"{path}: cannot be read ({reason or error})") from error
    if content.startswith(_GZIP_MAGIC):
        content = _unpacked(content, path, form)
    if len(content) > form.most_bytes:
        raise form.error(
            f"{path}: too long for a {form.noun}; allowed are {form.most_bytes} bytes of text"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise form.error(f"{path}: not a {form.noun}; not text in UTF-8 ({error})") from error


def _unpacked(content: bytes, path: Path, form: DocumentForm) -> bytes:
    # One member only: a million empty members would unpack for minutes.
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = unpacker.decompress(content, form.most_bytes + 1)
    except zlib.error as error:
        raise form.error(f"{path}: not a {form.noun}; damaged gzip ({error})") from error
    if len(text) <= form.most_bytes and not unpacker.eof:
        raise form.error(f"{path}: not a {form.noun}; the gzipped data end too early")
    if unpacker.unused_data:
        raise form.error(f"{path}: not a {form.noun}; more follows after the gzipped data")
    return text


def load_document(path: Path, form: DocumentForm) -> Document:
    """Read a JSON document as it stands, in its own version.

    Raises
    ------
    ThroughbandError
        Of the form's kind, if the file is not such a document, is too large, repeats a key, or
        holds numbers that are none.
    """
    text = read_text(path, form)
    containers, values = text.count("[") + text.count("{"), text.count(",")
    if containers > MOST_CONTAINERS or values > MOST_VALUES:
        raise form.error(
            f"{path}: too large for a {form.noun}: found {containers} lists and objects of "
            f"{values} values; allowed are {MOST_CONTAINERS} of {MOST_VALUES}"
        )
    try:
        document = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite
        )
        if "\\u" in text:
            # Half a surrogate pair can be escaped in JSON, and never be written again.
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise form.error(f"{path}: not a {form.noun} ({error})") from error
    form.version_of(document, str(path))
    return dict(document)


def read_document(path: Path, form: DocumentForm) -> Document:
    """Read a JSON document and bring it to the present version; errors as `load_document`."""
    return form.upgraded(load_document(path, form), str(path))


def write_document(path: Path, form: DocumentForm, body: Mapping[str, object]) -> None:
    """Write a JSON document; equal bodies give equal bytes.

    Parameters
    ----------
    path
        Where to; gzipped if it ends on ``.gz``.
    form
        What it is.
    body
        The rest of its keys, in the order wanted. An object or list that fits on a line is
        written on one, and so is each list within a list.

    Raises
    ------
    ThroughbandError
        Of the form's kind, if JSON cannot hold it or the file cannot be written.
    """
    try:
        text = _laid_out({"format": form.name, "version": form.version, **body}, 0) + "\n"
        content = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise form.error(f"{path}: cannot be written as JSON ({error})") from error
    if len(content) > form.most_bytes:
        raise form.error(
            f"{path}: {len(content)} bytes are too long for a {form.noun}; allowed are "
            f"{form.most_bytes}"
        )
    try:
        replace_content(path, _packed(content) if path.suffix == ".gz" else content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise form.error(f"{path}: cannot be written ({reason or error})") from error


@contextmanager
def without_collection() -> Iterator[None]:
    """Pause the search for reference cycles while a large document is built.

    A document has none, and searching its half million lists again and again takes as long as
    reading them.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _packed(content: bytes) -> bytes:
    # Without a name or a time, so that equal documents are equal files.
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(content) + packer.flush()


def _laid_out(value: object, indent: int) -> str:
    line = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    if len(line) + indent <= LINE_WIDTH or not value:
        return line
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {_laid_out(item, indent + 1)}"
            for key, item in value.items()
        ]
        opening, closing = "{}"
    elif isinstance(value, list):
        parts = [
            json.dumps(item, ensure_ascii=False, separators=(",", ":"))
            if isinstance(item, list)
            else _laid_out(item, indent + 1)
            for item in value
        ]
        opening, closing = "[]"
    else:
        return line
    margin = "\n" + " " * indent
    return f"{opening}{margin} {f',{margin} '.join(parts)}{margin}{closing}"


def replace_content(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; what is there is replaced in one step.

    Raises
    ------
    OSError
        If it cannot be written; what was there is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def replace_file(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Parameters
    ----------
    path
        Where to; what is there is replaced in one step.
    text
        Content, stored as UTF-8 with the line ends it has.

    Raises
    ------
    OSError
        If it cannot be written; what was there is still there.
    UnicodeEncodeError
        If the text is not valid Unicode.
    """
    replace_content(path, text.encode())


def _unique(pairs: list[tuple[str, Any]]) -> Document:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:LINE_WIDTH]!r} appears twice in one object")
            seen.add(key)
    return found


def _refused(name: str) -> float:
    raise ValueError(f"{name} is not a number that a document may hold")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:LINE_WIDTH]} is too large a number")
    return value
