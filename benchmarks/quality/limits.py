"""The limits that the quality table is read against, from ``limits.toml`` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("limits.toml")
DRAWN_KINDS: Final = ("arterial-", "grid-", "town-")


@dataclass(frozen=True, slots=True)
class Limit:
    """Ours is to be at most so much of a peer's delay, or at most so long in the median.

    Attributes
    ----------
    rules
        Under which it holds.
    peer, ratio
        Whose mean delay times what; empty and 0 where `delay_s` counts.
    delay_s
        Largest median; 0 where `ratio` counts.
    kinds, scenarios
        Where it holds: ``drawn`` or ``city``, and names; empty for everywhere.
    """

    rules: tuple[str, ...]
    peer: str = ""
    ratio: float = 0.0
    delay_s: float = 0.0
    kinds: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()

    def holds(self, scenario: str, rules: str) -> bool:
        """Tell whether it is about a subject."""
        kind = "drawn" if scenario.startswith(DRAWN_KINDS) else "city"
        return (
            rules in self.rules
            and (not self.kinds or kind in self.kinds)
            and (not self.scenarios or scenario in self.scenarios)
        )


def read_limits(file: Path = FILE) -> tuple[Limit, ...]:
    """Read the limits.

    Parameters
    ----------
    file
        TOML with a table ``limit`` for each.
    """
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    return tuple(
        Limit(
            tuple(entry["rules"]),
            entry.get("peer", ""),
            entry.get("ratio", 0.0),
            entry.get("delay_s", 0.0),
            tuple(entry.get("kinds", ())),
            tuple(entry.get("scenarios", ())),
        )
        for entry in document["limit"]
    )
