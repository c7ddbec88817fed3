"""What people upload: bounded, named by us, and never trusted as a path."""

from __future__ import annotations

import errno
import lzma
import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from network.errors import FormatError, StoreUnavailableError

SUFFIXES: Final = frozenset(
    {".csv", ".gz", ".json", ".osm", ".parquet", ".pbf", ".sumocfg", ".toml", ".txt", ".xlsx",
     ".xml", ".zip"}
)  # fmt: skip
MOST_ENTRIES: Final = 2000
GROWTH: Final = 20
"""An archive may unpack to so many times the largest upload."""

_CHUNK: Final = 1 << 20
_OF_ITS_NAMES: Final = frozenset(
    {errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
)
"""What the disk says to names that cannot stand beside each other, or at all."""
_UNREADABLE: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError,
    ValueError,
)  # fmt: skip


def safe_name(name: str) -> str:
    """Return a file name without folders and odd characters, its ending kept.

    Raises
    ------
    FormatError
        If the ending is not one that anything here reads.
    """
    plain = re.sub(r"[^0-9A-Za-z._-]+", "-", name.replace("\\", "/").rsplit("/", 1)[-1])
    plain = plain.lstrip(".-")[-100:] or "file"
    suffix = PurePosixPath(plain).suffix.lower()
    if suffix not in SUFFIXES:
        raise FormatError(
            f"a file ending in {suffix or 'nothing'!r} is not taken; allowed are "
            f"{', '.join(sorted(SUFFIXES))}"
        )
    return plain


def keep_upload(folder: Path, name: str, content: BinaryIO, most_bytes: int) -> tuple[Path, int]:
    """Keep an upload in a folder of its own; a ZIP archive is unpacked.

    Parameters
    ----------
    folder
        To be made.
    name
        As the browser says.
    content
        What was uploaded.
    most_bytes
        Of the largest upload; an archive may unpack to `GROWTH` times as much.

    Returns
    -------
    Path, int
        The file, or the folder that was unpacked, and its size in bytes.

    Raises
    ------
    FormatError
        If it is of no known kind, or the archive is not one or holds what it should not.
    StoreUnavailableError
        If it cannot be written.
    """
    plain = safe_name(name)
    try:
        folder.mkdir(parents=True)
        try:
            if plain.lower().endswith(".zip"):
                target = folder / PurePosixPath(plain).stem
                return target, _unpacked(content, target, GROWTH * most_bytes)
            target = folder / plain
            with target.open("wb") as file:
                shutil.copyfileobj(content, file, _CHUNK)
            return target, target.stat().st_size
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise StoreUnavailableError(
            f"the upload cannot be kept ({error.strerror or error}); nothing is left of it"
        ) from error


def _unpacked(content: BinaryIO, target: Path, most_bytes: int) -> int:
    try:
        with zipfile.ZipFile(content) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if not 0 < len(entries) <= MOST_ENTRIES:
                raise FormatError(
                    f"the archive holds {len(entries)} files; allowed are 1 to {MOST_ENTRIES}"
                )
            # A single folder that holds everything is passed over.
            tops = {PurePosixPath(entry.filename).parts[:1] for entry in entries}
            nested = all(len(PurePosixPath(entry.filename).parts) > 1 for entry in entries)
            drop = 1 if len(tops) == 1 and nested else 0
            left = most_bytes
            target.mkdir()
            for entry in entries:
                left -= _extract(archive, entry, target, drop, left)
            return most_bytes - left
    except _UNREADABLE as error:
        raise FormatError(f"not a ZIP archive that can be read ({error})") from error
    except OSError as error:
        if error.errno is None:
            # So bz2 tells of a stream that is none.
            raise FormatError(f"not a ZIP archive that can be read ({error})") from error
        if error.errno in _OF_ITS_NAMES:
            raise FormatError(
                f"the archive holds names that no folder can hold ({error.strerror})"
            ) from error
        raise


def _extract(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, drop: int, left: int
) -> int:
    named = PurePosixPath(entry.filename).parts
    parts = named[drop:]
    if (
        not parts
        or any(part in ("..", "/", ".") or "\\" in part or ":" in part for part in named)
        or entry.filename.startswith("/")
        or stat.S_ISLNK(entry.external_attr >> 16)
    ):
        raise FormatError(f"the archive holds {entry.filename!r}, which leads out of it")
    file = target.joinpath(*parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry) as source, file.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise FormatError("the archive unpacks to more than is allowed")
            copy.write(chunk)
    return size
