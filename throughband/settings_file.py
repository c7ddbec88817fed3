"""Configuration files in TOML: read once, told in one way what is wrong with them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from network.errors import ThroughbandError

_Entry = TypeVar("_Entry", bound=BaseModel)


def read_settings(
    path: Path,
    kind: type[_Entry],
    error: type[ThroughbandError] = ThroughbandError,
    unknown: str = "",
) -> _Entry:
    """Read a file of settings.

    Parameters
    ----------
    path
        TOML.
    kind
        What it has to hold.
    error
        What is raised.
    unknown
        What is said of a field that is not known, in place of pydantic's word.

    Returns
    -------
    BaseModel
        The settings, of that kind.

    Raises
    ------
    ThroughbandError
        Of the kind asked for: the file cannot be read, is no TOML, or a field is missing, unknown
        or out of range; it says which.
    """
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror})") from cause
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = unknown if unknown and first["type"] == "extra_forbidden" else first["msg"]
        raise error(f"{path}: {where}: {said}" if where else f"{path}: {said}") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise error(f"{path}: not TOML ({cause})") from cause
    except RecursionError as cause:
        raise error(f"{path}: not TOML (nested too deeply)") from cause
