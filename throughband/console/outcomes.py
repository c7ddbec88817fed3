"""What a run said, for people who need not know where the server keeps its files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from throughband.console.carrying import FILES

_PART: Final = r"""[^\s/'"`;:,()\[\]<>|]+"""
_BEGIN: Final = r"(?<![\w/:.~-])"
_PATH: Final = re.compile(f"{_BEGIN}/(?:{_PART}/)+({_PART})?")
ABOVE: Final = 3
"""Folders above a run's that are the console's own: all runs, its folder, its data."""


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
