"""One run of a suite as a small value that travels to any worker, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from network.errors import ScenarioError

SHIPPED: Final = "shipped"
STREET_RULES: Final = "street"
RESCO_RULES: Final = "resco"
RULES: Final = (SHIPPED, STREET_RULES, RESCO_RULES)
"""As the scenario comes; clearances by formula and a walk at every crossing; or, as RESCO does, as
it comes for programs, but with its yellow for controllers that decide while the day runs."""

FAULTLESS: Final = ""
FAULTS: Final = {
    "missing-detectors": "share of stop lanes with dead detectors, and of counts that are missing",
    "closed-link": "busiest links that are closed to traffic for the middle third of the window",
    "incident": "busiest lanes that a broken-down vehicle blocks for 15 minutes",
    "special-event": "extra traffic to one place in the middle third, as share of the demand",
}
"""What may go wrong, and what its number means."""
TROUBLE: Final = "trouble-"
"""How the names of vehicles begin that are part of a fault and not of the demand."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong during a run.

    Attributes
    ----------
    kind
        One of `FAULTS`, or `FAULTLESS`.
    amount
        What the kind's number means.
    """

    kind: str = FAULTLESS
    amount: float = 0.0


def parse_fault(text: str) -> Fault:
    """Read a fault such as ``missing-detectors:0.2`` or ``incident``.

    Raises
    ------
    ScenarioError
        If there is no such fault, or its number cannot be.
    """
    if text == FAULTLESS:
        return Fault()
    kind, colon, number = text.partition(":")
    if kind not in FAULTS:
        raise ScenarioError(f"unknown fault {text!r}; known are {', '.join(sorted(FAULTS))}")
    defaults = {"missing-detectors": 0.2, "special-event": 0.2}
    try:
        amount = float(number) if colon else defaults.get(kind, 1.0)
    except ValueError:
        amount = -1.0
    shares = kind in defaults
    if not (0 < amount <= 1 if shares else 1 <= amount <= 100 and amount == int(amount)):
        allowed = "a share above 0 and up to 1" if shares else "a whole number from 1 to 100"
        raise ScenarioError(f"fault {text!r}: {FAULTS[kind]}: allowed is {allowed}")
    return Fault(kind, amount)


@dataclass(frozen=True, slots=True)
class Street:
    """A scenario under one traffic: what controllers are compared on.

    Attributes
    ----------
    scenario, rules, scale, fault, begin_s, end_s
        As in `benchmarks.suite.suite_file.Suite`.
    """

    scenario: str
    rules: str = SHIPPED
    scale: float = 1.0
    fault: str = FAULTLESS
    begin_s: float | None = None
    end_s: float | None = None

    @property
    def label(self) -> str:
        """What the scenario is called in tables: a path by its folder or file alone."""
        path = Path(self.scenario)
        if path.suffix:
            return f"{path.resolve().parent.name}-file"
        return path.resolve().name if len(path.parts) > 1 else self.scenario

    @property
    def plain(self) -> bool:
        """Whether it is played under its own traffic, and nothing goes wrong."""
        return self.scale == 1.0 and self.fault == FAULTLESS

    @property
    def title(self) -> str:
        """For people: the scenario and what was done to it."""
        done = [self.rules + " rules"] if self.rules != SHIPPED else []
        done += [f"x{self.scale:g}"] if self.scale != 1.0 else []
        done += [self.fault] if self.fault != FAULTLESS else []
        if self.begin_s is not None or self.end_s is not None:
            ends = ("" if end is None else f"{end:g}" for end in (self.begin_s, self.end_s))
            done += [f"{' to '.join(ends)} s".strip()]
        return self.label + (f" ({', '.join(done)})" if done else "")


@dataclass(frozen=True, slots=True)
class Job:
    """One seed of one controller on one street.

    Attributes
    ----------
    street, controller, seed
        What is played.
    variant
        Of the controller, where it offers several.
    """

    street: Street
    controller: str
    seed: int
    variant: str = ""

    def key(self, world: str) -> str:
        """Return the name under which its result is kept.

        Parameters
        ----------
        world
            Digest of everything else that bears on the result: scenario files, versions, code.
        """
        return key_of(asdict(self), world)


def key_of(*parts: object) -> str:
    """Return a short digest of plain values."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one job came to.

    Attributes
    ----------
    job
        What was played.
    measures
        By name, see `benchmarks.suite.trips.measures_of`; empty where it could not be played.
    reason
        Why not, in one line; empty where it could.
    facts
        What else is worth knowing: versions, wall time, the controller's source and notes.
    trips
        The vehicles due, as a Parquet file's bytes; empty where nothing was played.
    """

    job: Job
    measures: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    trips: bytes = b""

    @property
    def failed(self) -> bool:
        """Whether there is nothing to measure."""
        return bool(self.reason)
