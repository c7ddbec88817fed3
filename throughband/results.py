"""Files of a run: written aside, then put in place as a whole."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from network.errors import ThroughbandError

VERSIONED = (
    "throughband",
    "eclipse-sumo",
    "numpy",
    "scipy",
    "numba",
    "networkx",
    "ortools",
    "snmp",
)
COMPLETE = "result.json"
"""The file that makes a folder a finished run."""

RUN_FILES = frozenset(
    {
        COMPLETE,
        "run.json",
        "demand.json",
        "report.pdf",
        "journal.sqlite",
        "journal.jsonl",
        "plan.json",
        "plan.add.xml",
        "counts.csv",
        "report.html",
    }
)
"""What a run leaves; a folder that holds anything else is not only ours to replace."""


@contextmanager
def run_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to write a run into, and put it at the target only if all went well.

    Parameters
    ----------
    target
        Where the run belongs; an earlier run there is replaced, anything else is not touched.

    Raises
    ------
    ThroughbandError
        If the target holds something that is not a run, or cannot be written.
    """
    try:
        target = target.resolve()  # so that "." has a parent and a link stays a link
        _require_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ThroughbandError(f"{target}: cannot be written ({error.strerror})") from error
    work = aside / "new"
    try:
        work.mkdir()
        yield work
        _require_replaceable(target)
        if target.exists():
            target.replace(aside / "old")
        work.replace(target)
    except OSError as error:
        raise ThroughbandError(
            f"{target}: the run's files cannot be written ({error.strerror or error})"
        ) from error
    finally:
        if (aside / "old").exists() and not target.exists():
            (aside / "old").replace(target)
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def output_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to write files into, and move them to the target only if all went well.

    Parameters
    ----------
    target
        Where the files belong; made if missing. Files of the same name there are replaced, others
        are left alone.

    Raises
    ------
    ThroughbandError
        If the target is no folder or cannot be written.
    """
    try:
        target = target.resolve()
        if target.exists() and not target.is_dir():
            raise ThroughbandError(f"{target}: a file stands where the folder for output belongs")
        holder = next(folder for folder in (target, *target.parents) if folder.exists())
        work = Path(tempfile.mkdtemp(prefix=".throughband-", dir=holder))
    except OSError as error:
        raise ThroughbandError(
            f"{target}: cannot be written ({error.strerror}); name another folder"
        ) from error
    try:
        yield work
        target.mkdir(parents=True, exist_ok=True)
        for file in sorted(work.iterdir()):
            file.replace(target / file.name)
    except OSError as error:
        raise ThroughbandError(
            f"{target}: the files cannot be written ({error.strerror or error})"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _require_replaceable(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ThroughbandError(f"{target}: a file stands where the run's folder belongs")
    names = {entry.name for entry in target.iterdir()} if target.is_dir() else set()
    if names and COMPLETE not in names:
        raise ThroughbandError(
            f"{target}: not empty and not a finished run (no {COMPLETE}); name another folder or "
            "empty this one"
        )
    if names - RUN_FILES:
        raise ThroughbandError(
            f"{target}: holds {sorted(names - RUN_FILES)[0]!r} beside a finished run; name another "
            "folder or move that away"
        )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that a person can read."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ThroughbandError
        If there is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ThroughbandError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ThroughbandError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def now_utc() -> datetime:
    """Return the time of day for records."""
    return datetime.now(UTC)
