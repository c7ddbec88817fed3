"""What a program controller leaves for SUMO, and how it travels and is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Programs:
    """What a program controller leaves for SUMO.

    Attributes
    ----------
    variant
        Which of its offers; empty where there is only one.
    files
        Additional files by name, loaded after the scenario's own.
    options
        Options of SUMO, by their long names.
    facts
        What is worth keeping: cycle lengths, what was skipped.
    """

    variant: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Digest of what SUMO gets of it, whatever it is called."""
        found = hashlib.sha256()
        for content in self.files.values():
            found.update(hashlib.sha256(content).digest())
        for name in sorted(self.options):
            found.update(f"{name}={self.options[name]};".encode())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A controller's programs for one street, or why there are none.

    Attributes
    ----------
    programs
        One a variant.
    reason
        Why there are none; empty where there are.
    wall_s
        How long it took to make them.
    """

    programs: Sequence[Programs] = (Programs(),)
    reason: str = ""
    wall_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; additional files are text."""
        return {
            "reason": self.reason,
            "wall_s": self.wall_s,
            "programs": [
                {
                    "variant": one.variant,
                    "files": {name: content.decode() for name, content in one.files.items()},
                    "options": dict(one.options),
                    "facts": dict(one.facts),
                }
                for one in self.programs
            ],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Prepared:
        """Return what `to_dict` made plain."""
        return cls(
            tuple(
                Programs(
                    one["variant"],
                    {name: text.encode() for name, text in one["files"].items()},
                    one["options"],
                    one["facts"],
                )
                for one in kept["programs"]
            ),
            kept["reason"],
            kept["wall_s"],
        )
