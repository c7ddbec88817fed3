"""Who has the say over a push that waits for its time: whoever claims it first.

In the folder of such a run one file, ``claim.json``, can be made, and made only once. The process
that carries the push makes it right before it begins; whoever disarms the plan makes it instead.
So exactly one of both happens, whichever process asks, and what was decided stays decided when the
console ends, or is killed, right after.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from network.errors import StoreUnavailableError

CLAIM: Final = "claim.json"
LOOK_S: Final = 1.0
"""How often a push that waits looks whether it still is to begin, s."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A push that is not to begin any more.

    Attributes
    ----------
    by, why, utc
        Who took it back, why, and when (ISO 8601).
    version
        Of the plan that was armed, so that a later arming is told from this one.
    """

    by: str
    why: str
    utc: str
    version: int


def take_back(folder: Path, taken: TakenBack) -> bool:
    """Claim a push so that it never begins; False if it was claimed before."""
    return _claim(folder, {"taken_back": asdict(taken)})


def taken_back(folder: Path) -> TakenBack | None:
    """Return who took a push back, or None if nobody did."""
    found = (_claimed(folder) or {}).get("taken_back")
    return None if found is None else TakenBack(**found)


def has_begun(folder: Path) -> bool:
    """Tell whether a push was claimed by the process that carries it."""
    return "begun" in (_claimed(folder) or {})


def begin_at(
    folder: Path,
    begin_utc: datetime,
    clock: Callable[[], datetime],
    pause: Callable[[float], object],
) -> bool:
    """Wait for the time at which a push begins, and claim it.

    Parameters
    ----------
    folder
        Of the run.
    begin_utc
        When to begin; a time that has passed means now.
    clock, pause
        The present, and how to let seconds pass.

    Returns
    -------
    bool
        Whether it is to begin: False if it was taken back.
    """
    while (left_s := (begin_utc - clock()).total_seconds()) > 0:
        if _claimed(folder) is not None:
            return False
        pause(min(left_s, LOOK_S))
    return _claim(folder, {"begun": clock().isoformat()})


def _claim(folder: Path, content: dict[str, Any]) -> bool:
    # A link appears whole or not at all, and not where one of its name is there.
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=f".{CLAIM}.") as aside:
            json.dump(content, aside)
            aside.flush()
            os.fsync(aside.fileno())
            try:
                os.link(aside.name, folder / CLAIM)
            except FileExistsError:
                return False
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
    except OSError as error:
        raise StoreUnavailableError(
            f"{folder / CLAIM}: cannot be written ({error.strerror or error})"
        ) from error
    return True


def _claimed(folder: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads((folder / CLAIM).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
