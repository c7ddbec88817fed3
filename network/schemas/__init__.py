"""Published descriptions of the project's files, one ``*.json`` each beside this module.

Plans, networks, inventories, schedules and signal sheets are described by JSON Schema, draft
2020-12, and so are explanations and evaluations, which are written and never read back; of TOML
files it describes what their text means, with dates and times of day as text.
Counts are described by a Table Schema of the Frictionless Data Package, version 2.0. A schema
tells the form; what fits together is judged by the readers, which refuse all that a schema does.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

NAMES = (
    "calibration",
    "counts",
    "evaluation",
    "explanation",
    "inventory",
    "network",
    "plan",
    "schedule",
    "signals",
)


def schema(name: str) -> dict[str, Any]:
    """Return one of the published schemas.

    Parameters
    ----------
    name
        One of `NAMES`.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    if name not in NAMES:
        raise KeyError(f"no schema {name!r}; there are {', '.join(NAMES)}")
    content: dict[str, Any] = json.loads((files(__name__) / f"{name}.json").read_text("utf-8"))
    return content
