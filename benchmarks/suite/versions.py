"""What computes: versions, the revision, and digests of our own source."""

from __future__ import annotations

import hashlib
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

HOME: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("network", "engine", "controllers", "scenarios", "throughband", "benchmarks")
MEASURING: Final = (
    *("network", "engine/validate"),
    *("benchmarks/suite/instruments.py", "benchmarks/suite/play.py", "benchmarks/suite/trips.py"),
)
"""What bears on a run whose programs are made already."""


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    names = ("eclipse-sumo", "numpy", "scipy", "numba", "networkx", "ortools")
    return tuple((name, version(name)) for name in names)


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return dict(_versions())


@lru_cache(maxsize=1)
def revision() -> str:
    """Return the git revision, with a plus where files differ from it; empty outside of git."""
    git = ["git", "-C", str(HOME)]
    try:
        told = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told + ("+" if changed else "")


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return a digest of our own source."""
    return _digest(PACKAGES)


@lru_cache(maxsize=1)
def measuring_digest() -> str:
    """Return a digest of the source that plays given programs and measures them."""
    return _digest(MEASURING)


def _digest(places: tuple[str, ...]) -> str:
    found = hashlib.sha256()
    for place in places:
        path = HOME / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(str(file.relative_to(HOME)).encode())
            found.update(file.read_bytes())
    return found.hexdigest()[:16]
