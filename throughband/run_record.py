"""``run.json``: how the files of a folder were made, so that anybody can make them again.

Each command that leaves a run adds a step. A step tells the command line, the scenario with the
digest of its network, the files that went in with theirs, the seeds and the versions. There is no
time of day in it: the same run gives the same bytes.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.measures.objective import Goal
from engine.optimize.problem import Limits
from network.bus_file import BUSES_NAME
from network.calibration_file import CALIBRATION_FILE
from network.documents import DocumentForm, read_document, write_document
from network.errors import ThroughbandError
from network.fields import Fields, place_in
from scenarios.cities import CITIES
from throughband.exchange.imported import CORRIDORS_NAME
from throughband.planning.plan_orders import PlanOrder
from throughband.results import versions
from throughband.setting import Setting

RECORD_NAME: Final = "run.json"
RECORD_FORM: Final = DocumentForm("throughband.run", "record of a run", 1, ThroughbandError)
_KEYS: Final = ("kind", "command", "scenario", "seeds", "inputs", "versions")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that went in; the digest is empty where it could not be read again at the end."""

    file: str
    sha256: str

    @property
    def shown(self) -> str:
        """The file, for pages that leave the machine: as `portable` tells it."""
        return _without_folders(self.file)


@dataclass(frozen=True, slots=True)
class Played:
    """The scenario of a step.

    Attributes
    ----------
    name
        As plans call it.
    where
        What opens it again: a name of the catalog, or the path of its configuration.
    begin_s, end_s
        The window.
    network_sha256
        Of the network file.
    """

    name: str
    where: str
    begin_s: float
    end_s: float
    network_sha256: str


@dataclass(frozen=True, slots=True)
class Step:
    """One command that left files here.

    Attributes
    ----------
    kind
        The command's name.
    command
        Its whole command line.
    scenario
        What was played; None where no network was.
    seeds
        Of simulations.
    inputs
        Files that went in, by what they were for.
    versions
        Of the program and its libraries.
    """

    kind: str
    command: str
    scenario: Played | None = None
    seeds: tuple[int, ...] = ()
    inputs: Mapping[str, Source] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def add_step(
    folder: Path,
    target: Path,
    kind: str,
    setting: Setting | None = None,
    inputs: Mapping[str, Path | None] | None = None,
    seeds: Sequence[int] = (),
    command: str = "",
) -> None:
    """Add what is being done to the record of a folder.

    Parameters
    ----------
    folder
        Where files are being written.
    target
        Where they will stand: steps already told of there go on being told, except an earlier one
        of the same kind, whose files are being replaced.
    kind
        The command's name.
    setting
        What was played.
    inputs
        Files that went in; None for those not given.
    seeds
        Of simulations.
    command
        The command line; that of this process by default.
    """
    try:
        earlier = run_record(target)
    except ThroughbandError:
        # Hours of work are not to be lost for the damaged record of what was there before.
        earlier = ()
    step = Step(
        kind,
        command or shlex.join(["throughband", *sys.argv[1:]]),
        _played(setting) if setting is not None else None,
        tuple(seeds),
        {name: _source(path) for name, path in (inputs or {}).items() if path is not None},
        versions(),
    )
    steps = [*(s for s in earlier if s.kind != kind), step]
    write_document(folder / RECORD_NAME, RECORD_FORM, {"steps": [_document(s) for s in steps]})


def planning_inputs(
    setting: Setting, order: PlanOrder, limits: Limits, calibration: Path | None = None
) -> dict[str, Path | None]:
    """Return the files that plans are made with, those that stand beside the scenario included.

    Parameters
    ----------
    setting
        What is planned for.
    order, limits
        What was asked, and what the optimizer took of it.
    calibration
        As it was named; where it was not, the one beside the scenario counts if it was read.

    Returns
    -------
    dict
        By what they are for; None for those that were not used.
    """
    beside = setting.scenario.config_file.parent
    counted = limits.objective.goal is Goal.PERSON_DELAY and bool(limits.objective.buses)
    corridors = beside / CORRIDORS_NAME
    return {
        "calibration": None
        if setting.calibration is None
        else calibration or beside / CALIBRATION_FILE,
        "corridors": corridors if corridors.is_file() else None,
        "buses": beside / BUSES_NAME if counted else None,
        "lock": order.lock,
        "objective": order.file,
    }


def run_record(folder: Path) -> tuple[Step, ...]:
    """Read the record of a folder; nothing where it has none.

    Raises
    ------
    ThroughbandError
        If the record is damaged.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        return ()
    steps = read_document(path, RECORD_FORM).get("steps")
    if not isinstance(steps, list):
        raise ThroughbandError(f"{path}: steps is {type(steps).__name__}, not a list")
    try:
        return tuple(_step(value, f"{path}, step {at}") for at, value in enumerate(steps, 1))
    except (TypeError, ValueError, AttributeError) as error:
        raise ThroughbandError(f"{path}: malformed record of a run ({error})") from error


def portable(command: str) -> str:
    """Return a command line with the files of this machine told by their names alone.

    For pages that leave the machine: where it keeps its folders concerns nobody else, and leads
    nowhere elsewhere. Relative paths stay as they were typed.
    """
    return shlex.join(_without_folders(word) for word in shlex.split(command))


def _without_folders(word: str) -> str:
    option, joined, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return option + joined + (Path(value).name if Path(value).is_absolute() else value)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and files of a folder.

    Raises
    ------
    ThroughbandError
        If something cannot be read.
    """
    found = hashlib.sha256()
    try:
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        for file in files:
            if path.is_dir():
                found.update(str(file.relative_to(path)).encode() + b"\0")
            with file.open("rb") as stream:
                found.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be read ({error.strerror or error})") from error
    return found.hexdigest()


def _source(path: Path) -> Source:
    """A file that went in; without digest if it is gone by now, for the work on it is done."""
    try:
        return Source(str(path), digest_of(path))
    except ThroughbandError:
        return Source(str(path), "")


def _played(setting: Setting) -> Played:
    scenario = setting.scenario
    where = scenario.name if scenario.name in CITIES else str(scenario.config_file)
    return Played(
        scenario.name, where, scenario.begin_s, scenario.end_s, digest_of(scenario.net_file)
    )


def _document(step: Step) -> dict[str, Any]:
    played = step.scenario
    return {
        "kind": step.kind,
        "command": step.command,
        "scenario": None
        if played is None
        else {
            "name": played.name,
            "where": played.where,
            "begin_s": played.begin_s,
            "end_s": played.end_s,
            "network_sha256": played.network_sha256,
        },
        "seeds": list(step.seeds),
        "inputs": {
            name: {"file": source.file, "sha256": source.sha256}
            for name, source in step.inputs.items()
        },
        "versions": dict(step.versions),
    }


def _step(value: object, where: str) -> Step:
    place = place_in(where)
    taken = Fields.of(value, place, ThroughbandError, _KEYS)
    # A quotation that does not end would stop whoever shows it.
    shlex.split(str(taken.values["command"]))
    scenario = None
    if taken.values["scenario"] is not None:
        keys = ("name", "where", "begin_s", "end_s", "network_sha256")
        told = Fields.of(taken.values["scenario"], place, ThroughbandError, keys).values
        scenario = Played(*(told[key] for key in keys))
    inputs = {}
    for name, source in dict(taken.values["inputs"]).items():
        told = Fields.of(source, place, ThroughbandError, ("file", "sha256")).values
        inputs[str(name)] = Source(str(told["file"]), str(told["sha256"]))
    return Step(
        str(taken.values["kind"]),
        str(taken.values["command"]),
        scenario,
        tuple(int(seed) for seed in taken.values["seeds"]),
        inputs,
        {str(k): str(v) for k, v in dict(taken.values["versions"]).items()},
    )
