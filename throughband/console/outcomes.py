"""What a run said, also for people who need not know where the server keeps its files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

from throughband.console.carrying import FILES

_PART: Final = r"""[^\s/'"`;:,()\[\]<>|]+"""
_BEGIN: Final = r"(?<![\w/:.~-])"
_PATH: Final = re.compile(f"{_BEGIN}/(?:{_PART}/)+({_PART})?")
ABOVE: Final = 3
"""Folders above a run's that are the console's own: all runs, its folder, its data."""

STEP: Final = re.compile(r"^\[(\d+)(?:/(\d+))?\] (.*?)(?: \(\d+ s\))?$")
TAIL_BYTES: Final = 65536


def tail(path: Path) -> str:
    """Return the end of what a run said."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def progress_of(path: Path) -> dict[str, Any]:
    """Return how far a run says it is."""
    progress: dict[str, Any] = {}
    for line in tail(path).splitlines():
        found = STEP.match(line.strip())
        if found:
            whole = int(found[2]) if found[2] else None
            progress = {"step": int(found[1]), "steps": whole, "title": found[3], "text": ""}
        elif progress and line.strip():
            progress["text"] = line.strip()[:500]
    return progress


def last_words(path: Path) -> str:
    """Return the last line a run said."""
    lines = [line.strip() for line in tail(path).splitlines() if line.strip()]
    return lines[-1].removeprefix("throughband: ")[:2000] if lines else ""


def pathless(text: str, folder: str | Path) -> str:
    """Return a text whose paths are told from the run's folder, or by the file's name alone.

    Parameters
    ----------
    text
        What a run said.
    folder
        The run's; what lies in it, or in what is above it and the console's, keeps the rest of
        its path.
    """
    here = Path(folder)
    own = [here / FILES, here, *list(here.parents)[:ABOVE]]
    for above in own:
        if above.name:
            place = f"{_BEGIN}{re.escape(str(above))}"
            text = re.sub(f"{place}/(?={_PART})", "", text)
            text = re.sub(rf"{place}(?![\w.-])/?", above.name, text)
    return _PATH.sub(_name, text)


def pathless_progress(progress: dict[str, Any], folder: str | Path) -> dict[str, Any]:
    """Return how far a run is, with its texts as `pathless` tells them."""
    return {
        name: pathless(value, folder) if isinstance(value, str) else value
        for name, value in progress.items()
    }


def _name(found: re.Match[str]) -> str:
    return found[1] or found[0].rstrip("/").rpartition("/")[2]
