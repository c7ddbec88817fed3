"""How a benchmark ends: with the limits that it missed, by name, or with none.

Its last line says so, and its exit code: 0 where all are met, 1 where one is missed, 2 where none
is and one could not be shown to be met.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MET: Final = "all limits met"
MISSED: Final = "limits missed: "
UNSHOWN: Final = "not shown to be met: "


def verdict(missed: Sequence[str], unshown: Sequence[str] = ()) -> str:
    """Return the last line of a benchmark.

    Parameters
    ----------
    missed
        A few words on each limit that was missed: what, how much, the limit.
    unshown
        The same for those of which too little is known.
    """
    parts = [
        start + "; ".join(texts) for start, texts in ((MISSED, missed), (UNSHOWN, unshown)) if texts
    ]
    return ". ".join(parts) or MET


def exit_code(missed: Sequence[str], unshown: Sequence[str] = ()) -> int:
    """Return what a benchmark ends with."""
    if missed:
        return 1
    return 2 if unshown else 0


def verdict_in(printed: str) -> str:
    """Return the verdict that a benchmark printed; empty where it did not come that far."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    if lines and lines[-1].startswith((MET, MISSED, UNSHOWN)):
        return lines[-1]
    return ""
