"""Files of a run: written aside, then put in place as a whole."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    if target.exists() and not target.is_dir():
        raise ThroughbandError(f"{target}: a file stands where the run's folder belongs")
    if target.is_dir() and any(target.iterdir()) and not (target / COMPLETE).exists():
        raise ThroughbandError(
            f"{target}: not empty and not a finished run (no {COMPLETE}); name another folder or "
            "empty this one"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ThroughbandError(f"{target}: cannot be written ({error.strerror})") from error
    try:
        yield work
        work.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        work.replace(target)
    except OSError as error:
        raise ThroughbandError(f"{target}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


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
    except ValueError as error:
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
