"""A suite: what to play, as one small TOML file.

A suite lists scenarios, controllers, seeds, demand scalings and faults; everything is played
with everything. ``include`` names further suites of the box, ``[[command]]`` a benchmark of its
own whose printed answer and exit code are kept beside the results.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks.suite.jobs import FAULTLESS, SHIPPED, Street, parse_fault
from network.errors import ScenarioError

LARGEST_SCALE: Final = 5.0
MOST_SEEDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Command:
    """A benchmark that brings its own measure.

    Attributes
    ----------
    name
        For the report.
    module
        Run as ``python -m module``.
    arguments
        Passed on as they are.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """What is to be played.

    Attributes
    ----------
    name, title
        For files and for people.
    scenarios
        Catalog names, paths, or made-up streets such as ``arterial:10:1``, ``grid:3x4:1`` and
        ``town:30:1`` (kind, size, seed).
    controllers
        Names that `benchmarks.suite.controllers` knows.
    seeds
        SUMO's seeds, the same for all.
    rules
        ``shipped``, ``street`` (see `scenarios.street_rules`) or ``resco`` (see
        `benchmarks.suite.resco`).
    scales
        Factors on the demand.
    faults
        See `benchmarks.suite.jobs.parse_fault`; the empty one is the plain run.
    begin_s, end_s
        Override the scenarios' windows.
    commands
        Benchmarks of their own.
    """

    name: str
    title: str
    scenarios: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    rules: tuple[str, ...] = (SHIPPED,)
    scales: tuple[float, ...] = (1.0,)
    faults: tuple[str, ...] = (FAULTLESS,)
    begin_s: float | None = None
    end_s: float | None = None
    commands: tuple[Command, ...] = field(default_factory=tuple)

    @property
    def streets(self) -> tuple[Street, ...]:
        """Every street of the suite, scenario by scenario."""
        return tuple(
            Street(scenario, rules, scale, fault, self.begin_s, self.end_s)
            for scenario, rules, scale, fault in product(
                self.scenarios, self.rules, self.scales, self.faults
            )
        )


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    module: str
    arguments: list[str] = []


class _Suite(BaseModel):
    """The file as it is written."""

    model_config = ConfigDict(extra="forbid")
    title: str
    scenarios: list[str] = []
    controllers: list[str] = []
    seeds: str | list[Annotated[int, Field(ge=0, lt=2**31)]] = []
    rules: list[Literal["shipped", "street", "resco"]] = [SHIPPED]
    scales: list[Annotated[float, Field(gt=0, le=LARGEST_SCALE)]] = [1.0]
    faults: list[str] = [FAULTLESS]
    begin_s: Annotated[float, Field(ge=0)] | None = None
    end_s: Annotated[float, Field(gt=0)] | None = None
    include: list[str] = []
    command: list[_Command] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        played = [bool(self.scenarios), bool(self.controllers), bool(self.seeds)]
        if any(played) and not all(played):
            raise ValueError("scenarios, controllers and seeds belong together; give all three")
        if not any(played) and not self.include and not self.command:
            raise ValueError("nothing to do; give scenarios, an include or a command")
        begin_s = self.begin_s or 0.0
        if self.end_s is not None and not begin_s < self.end_s < math.inf:
            raise ValueError(f"end_s {self.end_s:g} does not come after begin_s {begin_s:g}")
        for name in ("scenarios", "controllers", "rules", "scales", "faults", "include"):
            entries = getattr(self, name)
            if len(set(entries)) != len(entries):
                raise ValueError(f"{name} names something twice")
        return self


def seeds_of(text: str) -> tuple[int, ...]:
    """Read ``101-105`` or ``101,104,107`` as seeds.

    Raises
    ------
    ScenarioError
        If it is neither, or names a seed twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ScenarioError(
                f"seeds: found {text!r}; allowed are numbers and ranges as in 101-105 or 101,104"
            )
        span = range(int(first), int(last or first) + 1)
        if len(seeds) + len(span) > MOST_SEEDS:
            raise ScenarioError(f"seeds: {text!r} are more than {MOST_SEEDS}")
        seeds.extend(span)
    if not seeds or len(set(seeds)) != len(seeds):
        raise ScenarioError(f"seeds: {text!r} is empty or names a seed twice")
    return tuple(seeds)


def known_suites() -> dict[str, str]:
    """Return title by name of the suites in the box."""
    return {
        name: str(tomllib.loads(text).get("title", "")) for name, text in sorted(_box().items())
    }


def load_suite(name_or_path: str) -> tuple[Suite, ...]:
    """Read a suite and those it includes.

    Parameters
    ----------
    name_or_path
        Of the box, or a TOML file; a file that is there wins.

    Returns
    -------
    tuple of Suite
        The suite itself first, unless it only includes others.

    Raises
    ------
    ScenarioError
        If there is no such suite, or its file says something that cannot be.
    """
    return _load(name_or_path, ())


def _load(name_or_path: str, above: tuple[str, ...]) -> tuple[Suite, ...]:
    if name_or_path in above:
        raise ScenarioError(f"suite {name_or_path!r} includes itself: {' > '.join(above)}")
    name, text = _text(name_or_path)
    try:
        entry = _Suite.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"suite {name_or_path}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ScenarioError(f"suite {name_or_path}: {where}: {first['msg']}") from error
    for fault in entry.faults:
        parse_fault(fault)
    suites: list[Suite] = []
    if entry.scenarios or entry.command:
        suites.append(
            Suite(
                name,
                entry.title,
                tuple(entry.scenarios),
                tuple(entry.controllers),
                seeds_of(entry.seeds) if isinstance(entry.seeds, str) else tuple(entry.seeds),
                tuple(entry.rules),
                tuple(entry.scales),
                tuple(entry.faults),
                entry.begin_s,
                entry.end_s,
                tuple(Command(c.name, c.module, tuple(c.arguments)) for c in entry.command),
            )
        )
    for other in entry.include:
        suites.extend(_load(other, (*above, name_or_path)))
    return tuple(suites)


def _text(name_or_path: str) -> tuple[str, str]:
    path = Path(name_or_path)
    if path.is_file():
        try:
            return path.stem, path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"suite {path} cannot be read: {error}") from error
    box = _box()
    if name_or_path in box:
        return name_or_path, box[name_or_path]
    raise ScenarioError(
        f"unknown suite {name_or_path!r}; known are {', '.join(sorted(box))}, or the path "
        "of a TOML file"
    )


def _box() -> dict[str, str]:
    folder = files("benchmarks.suite") / "suites"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
