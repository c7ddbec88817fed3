"""Reading text from files that may be gzipped, damaged, endless or not text."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from network.errors import FormatError

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 20
MOST_EXPANSION = 100
"""Logs of signals shrink ten- to twentyfold; what shrinks a hundredfold is a bomb."""
UNCHECKED_BYTES = 8 << 20
"""Small enough to unpack whatever its expansion."""

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, most_bytes: int) -> str:
    """Read a whole text file.

    Parameters
    ----------
    path
        In UTF-8, or in UTF-16 with a byte order mark as spreadsheets export it; plain or gzipped.
    most_bytes
        What is longer is refused.

    Raises
    ------
    FormatError
        If it is missing, damaged, too long or not text.
    """
    content = b"".join(unpacked(path, most_bytes))
    encoding = "utf-16" if content.startswith(_UTF16_MARKS) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{path}, row {line}: not text in UTF-8; save it as 'CSV UTF-8' ({error.reason} at "
            f"byte {error.start})"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise FormatError(f"{path}, row {line}: holds a NUL byte; allowed is text")
    return text


def text_blocks(path: Path, most_bytes: int) -> Iterator[tuple[int, str]]:
    """Yield a text file in pieces of whole lines.

    Parameters
    ----------
    path
        In UTF-8, plain or gzipped.
    most_bytes
        What is longer is refused.

    Yields
    ------
    line : int
        Number of the first line of the piece, from 1.
    text : str
        Whole lines.

    Raises
    ------
    FormatError
        If it is missing, damaged, too long or not text.
    """
    line, rest = 1, b""
    for piece in unpacked(path, most_bytes):
        rest += piece
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield line, _decoded(path, line, rest[:cut])
            line += rest.count(b"\n", 0, cut)
            rest = rest[cut:]
        if len(rest) > LONGEST_LINE_BYTES:
            raise FormatError(
                f"{path}, row {line}: longer than {LONGEST_LINE_BYTES} bytes; this is not the text "
                "it claims to be"
            )
    if rest:
        yield line, _decoded(path, line, rest)


def _decoded(path: Path, line: int, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start)
        raise FormatError(f"{path}, row {line}: not text in UTF-8 ({error.reason})") from error
    if "\0" in text:
        line += text.count("\n", 0, text.index("\0"))
        raise FormatError(f"{path}, row {line}: holds a NUL byte; allowed is text")
    return text


def unpacked(path: Path, most_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of a file, plain or gzipped, in pieces.

    Parameters
    ----------
    path
        A file.
    most_bytes
        What is longer is refused, and so is what gzip has shrunk beyond reason.

    Raises
    ------
    FormatError
        If it is missing, damaged or too long.
    """
    try:
        with path.open("rb") as probe:
            zipped = probe.read(2) == GZIP_MAGIC
        packed = path.stat().st_size
        found = 0
        with gzip.open(path) if zipped else path.open("rb") as stream:
            while piece := stream.read(BLOCK_BYTES):
                found += len(piece)
                if found > most_bytes:
                    raise FormatError(f"{path}: holds more than {most_bytes} bytes of text")
                if zipped and found > max(UNCHECKED_BYTES, MOST_EXPANSION * packed):
                    raise FormatError(
                        f"{path}: unpacks to more than {MOST_EXPANSION} times its size, as no "
                        "count or log does"
                    )
                yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path}: damaged gzip data ({error})") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise FormatError(f"{str(path)!r}: cannot be read ({error})") from error
