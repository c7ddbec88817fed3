"""Plans on disk: a versioned JSON file that is written whole and trusted only when unedited."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from network.errors import PlanError, TopologyError
from network.graph import RoadNetwork
from network.phasing import Phasing
from network.timing import OffsetReference, PlanSet, TimingPlan
from network.units import TENTHS_PER_SECOND

PLAN_FORMAT = "throughband.plan"
PLAN_VERSION = 1
UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""How a document of each older version becomes one of the next."""

_KEYS = {"format", "version", "scenario", "digest", "file_digest", "plans", "left_alone", "notes"}
_PLAN_KEYS = {
    "signal_id",
    "cycle_s",
    "offset_s",
    "offset_reference",
    "coordinated_phase",
    "phases",
}
_PHASE_KEYS = {"phase", "split_s", "green_s", "yellow_s", "red_clear_s"}


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path
        Where to; what is there is replaced in one step.
    text
        Content, stored as UTF-8 with the line ends it has.

    Raises
    ------
    OSError
        If it cannot be written; what was there is still there.
    UnicodeEncodeError
        If the text is not valid Unicode.
    """
    content = text.encode()
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_plan(
    path: Path,
    plan_set: PlanSet,
    network: RoadNetwork,
    notes: Mapping[str, object] | None = None,
) -> None:
    """Write plans to a ``plan.json``; equal plans give equal bytes.

    Parameters
    ----------
    path
        Where to.
    plan_set
        The plans.
    network
        Where they belong; greens and clearances are taken from its phases.
    notes
        Anything JSON can hold: how the plans were made, the bound that certifies them.

    Raises
    ------
    PlanError
        If a plan does not belong to the network or the file cannot be written.
    """
    path = Path(path)
    document: dict[str, Any] = {
        "format": PLAN_FORMAT,
        "version": PLAN_VERSION,
        "scenario": plan_set.scenario,
        "digest": plan_set.digest,
        "plans": [
            _plan_document(plan, phasing_of(plan, network, str(path))) for plan in plan_set.plans
        ],
        "left_alone": dict(plan_set.left_alone),
        "notes": dict(notes or {}),
    }
    try:
        document["file_digest"] = _file_digest(document)
        text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        replace_file(path, text + "\n")
    except OSError as error:
        raise PlanError(f"{path}: cannot be written ({error.strerror or error})") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise PlanError(f"{path}: the notes cannot be written as JSON ({error})") from error


def read_plan(path: Path) -> PlanSet:
    """Read the plans of a ``plan.json``.

    Parameters
    ----------
    path
        A file made by `write_plan`, of this version or an older one.

    Returns
    -------
    PlanSet

    Raises
    ------
    PlanError
        If the file is missing, malformed, of a newer version, or was edited.
    """
    path = Path(path)
    return _plan_set(path, _load(path))


def read_notes(path: Path) -> dict[str, object]:
    """Read the notes of a ``plan.json``; raise `PlanError` as `read_plan` does."""
    path = Path(path)
    document = _load(path)
    _plan_set(path, document)
    return dict(document["notes"])


def phasing_of(plan: TimingPlan, network: RoadNetwork, where: str) -> Phasing:
    """Return the phases that a plan speaks of.

    Parameters
    ----------
    plan
        A plan.
    network
        Where it should belong.
    where
        What to name in the message.

    Raises
    ------
    PlanError
        If the network lacks the signal or one of its phases, or does not know its phases.
    """
    signal = network.signals.get(plan.signal_id)
    if signal is None:
        raise PlanError(f"{where}: network {network.name!r} has no signal {plan.signal_id!r}")
    if signal.phasing is None:
        raise PlanError(
            f"{where}: the phases of signal {plan.signal_id!r} are unknown ({signal.left_alone})"
        )
    try:
        for number in plan.sequence:
            signal.phasing.phase(number)
    except TopologyError as error:
        raise PlanError(f"{where}: plan of signal {plan.signal_id!r}: {error}") from error
    return signal.phasing


def _plan_document(plan: TimingPlan, phasing: Phasing) -> dict[str, Any]:
    phases = []
    for number, split_s in zip(plan.sequence, plan.splits_s, strict=True):
        phase = phasing.phase(number)
        phases.append(
            {
                "phase": number,
                "split_s": split_s,
                "green_s": split_s - phase.clearance_s,
                "yellow_s": phase.yellow_ds / TENTHS_PER_SECOND,
                "red_clear_s": phase.red_clear_ds / TENTHS_PER_SECOND,
            }
        )
    return {
        "signal_id": plan.signal_id,
        "cycle_s": plan.cycle_s,
        "offset_s": plan.offset_s,
        "offset_reference": str(plan.offset_reference),
        "coordinated_phase": plan.coordinated_phase,
        "phases": phases,
    }


def _file_digest(document: Mapping[str, Any]) -> str:
    content = {key: value for key, value in document.items() if key != "file_digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number a plan may hold")


def _load(path: Path) -> dict[str, Any]:
    """Return a document of the present version, with its digest verified."""
    try:
        document = json.loads(
            path.read_text(encoding="utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
        )
    except OSError as error:
        raise PlanError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path}: not a plan file ({error})") from error
    if not isinstance(document, dict) or document.get("format") != PLAN_FORMAT:
        raise PlanError(f'{path}: not a plan file; expected "format": "{PLAN_FORMAT}"')
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise PlanError(f"{path}: version {version!r} is not a whole number from 1")
    if version > PLAN_VERSION:
        raise PlanError(
            f"{path}: plan file of version {version}, this program reads up to {PLAN_VERSION}"
        )
    try:
        intact = document.get("file_digest") == _file_digest(document)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path}: not a plan file ({error})") from error
    if not intact:
        raise PlanError(f"{path}: edited or damaged; its content does not match its file_digest")
    for step in range(version, PLAN_VERSION):
        document = UPGRADES[step](document)
    return _require_keys(document, _KEYS, str(path))


def _require_keys(value: object, keys: set[str], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PlanError(f"{where}: found {type(value).__name__}, expected an object")
    missing, unknown = sorted(keys - value.keys()), sorted(value.keys() - keys)
    if missing or unknown:
        raise PlanError(f"{where}: missing keys {missing}, unknown keys {unknown}")
    return value


def _plan_set(path: Path, document: Mapping[str, Any]) -> PlanSet:
    where = str(path)
    if not isinstance(document["scenario"], str) or not isinstance(document["plans"], list):
        raise PlanError(f"{where}: scenario must be text and plans a list")
    left_alone, notes = document["left_alone"], document["notes"]
    if not isinstance(notes, dict) or not isinstance(left_alone, dict):
        raise PlanError(f"{where}: left_alone and notes must be objects")
    if not all(isinstance(reason, str) for reason in left_alone.values()):
        raise PlanError(f"{where}: left_alone must give each reason as text")
    plans = tuple(_plan(item, where) for item in document["plans"])
    try:
        plan_set = PlanSet(document["scenario"], plans, left_alone)
    except PlanError as error:
        raise PlanError(f"{where}: {error}") from error
    if plan_set.digest != document["digest"]:
        raise PlanError(f"{where}: edited or damaged; its plans do not match its digest")
    return plan_set


def _plan(item: object, where: str) -> TimingPlan:
    found = _require_keys(item, _PLAN_KEYS, f"{where}: a plan")
    signal_id, phases = found["signal_id"], found["phases"]
    if not isinstance(signal_id, str) or not signal_id or not isinstance(phases, list):
        raise PlanError(f"{where}: a plan needs a signal_id as text and its phases as a list")
    where = f"{where}: signal {signal_id!r}"
    if found["offset_reference"] not in [str(reference) for reference in OffsetReference]:
        raise PlanError(f"{where}: unknown offset_reference {found['offset_reference']!r}")
    for phase in phases:
        _require_sum(_require_keys(phase, _PHASE_KEYS, f"{where}: a phase"), where)
    try:
        return TimingPlan(
            signal_id,
            found["cycle_s"],
            tuple(phase["phase"] for phase in phases),
            tuple(phase["split_s"] for phase in phases),
            found["offset_s"],
            found["coordinated_phase"],
            OffsetReference(found["offset_reference"]),
        )
    except (PlanError, TypeError) as error:
        raise PlanError(f"{where}: {error}") from error


def _require_sum(phase: Mapping[str, Any], where: str) -> None:
    parts = [phase[key] for key in ("split_s", "green_s", "yellow_s", "red_clear_s")]
    if any(type(part) not in (int, float) for part in parts):
        raise PlanError(f"{where}: split, green, yellow and red clearance must be numbers")
    split_ds, *others_ds = (round(part * TENTHS_PER_SECOND) for part in parts)
    if split_ds != sum(others_ds):
        raise PlanError(
            f"{where}: split of phase {phase['phase']} is {parts[0]} s, its green, yellow and red "
            f"clearance sum to {sum(others_ds) / TENTHS_PER_SECOND} s"
        )
