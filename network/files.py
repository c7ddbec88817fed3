"""Plans on disk: a versioned JSON file that is written whole and trusted only when unedited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from network.documents import Document, DocumentForm, load_document
from network.documents import replace_file as replace_file
from network.errors import PlanError, TopologyError
from network.fields import Fields, place_in
from network.graph import RoadNetwork
from network.phasing import Phasing
from network.timing import CoordinationGroup, OffsetReference, PlanSet, TimingPlan
from network.units import TENTHS_PER_SECOND

PLAN_FORMAT = "throughband.plan"
PLAN_VERSION = 3

LONGEST_S = 3600
"""No duration in a plan file is longer; what a controller takes is a matter of safety."""

MOST_PHASES = 255
"""NTCIP 1202 numbers phases in one octet."""

_KEYS = (
    "format",
    "version",
    "scenario",
    "digest",
    "file_digest",
    "plans",
    "groups",
    "left_alone",
    "notes",
)
_PLAN_KEYS = (
    "signal_id",
    "cycle_s",
    "offset_s",
    "offset_reference",
    "coordinated_phase",
    "phases",
)
_PHASE_KEYS = (
    "phase",
    "ring",
    "barrier",
    "split_s",
    "green_s",
    "yellow_s",
    "red_clear_s",
    "walk_s",
    "ped_clear_s",
)


_ADDED = {"ring": 1, "barrier": 1, "walk_s": 0, "ped_clear_s": 0}
"""What phases of version 1 leave unsaid: they form one ring, and nobody walks in them."""


def _with_rings(document: Document) -> Document:
    """Bring a plan file of version 1 to version 2."""
    plans = [
        {**plan, "phases": [_in_one_ring(phase) for phase in plan["phases"]]}
        for plan in document["plans"]
    ]
    return {**document, "plans": plans}


def _in_one_ring(phase: Document) -> Document:
    if phase.keys() & _ADDED.keys():
        # Its rings would be overwritten: such a file is not of the version it claims.
        raise ValueError("a phase tells of rings, barriers or pedestrians")
    return {**phase, **_ADDED}


def _with_groups(document: Document) -> Document:
    """Bring a plan file of version 2 to version 3: of older files no groups are known."""
    if "groups" in document:
        raise ValueError("it tells of coordination groups")
    return {**document, "groups": []}


PLAN_FORM = DocumentForm(
    PLAN_FORMAT, "plan file", PLAN_VERSION, PlanError, {1: _with_rings, 2: _with_groups}
)


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
        "groups": [
            {"cycle_s": group.cycle_s, "signals": list(group.signals)} for group in plan_set.groups
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
                "ring": phase.ring,
                "barrier": phase.barrier,
                "split_s": split_s,
                "green_s": (split_s * TENTHS_PER_SECOND - phase.clearance_ds) / TENTHS_PER_SECOND,
                "yellow_s": phase.yellow_ds / TENTHS_PER_SECOND,
                "red_clear_s": phase.red_clear_ds / TENTHS_PER_SECOND,
                "walk_s": phase.walk_s,
                "ped_clear_s": phase.ped_clear_s,
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


def _load(path: Path) -> Document:
    """Return a document of the present version, with its digest verified."""
    document = load_document(path, PLAN_FORM)
    try:
        intact = document.get("file_digest") == _file_digest(document)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path}: not a plan file ({error})") from error
    if not intact:
        raise PlanError(f"{path}: edited or damaged; its content does not match its file_digest")
    document = PLAN_FORM.upgraded(document, str(path))
    return dict(Fields.of(document, place_in(str(path)), PlanError, _KEYS).values)


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
    if not isinstance(document["groups"], list):
        raise PlanError(f"{where}: groups must be a list")
    try:
        groups = tuple(_coordination_group(item, where) for item in document["groups"])
        plan_set = PlanSet(document["scenario"], plans, left_alone, groups)
    except PlanError as error:
        if str(error).startswith(where):
            raise
        raise PlanError(f"{where}: {error}") from error
    if plan_set.digest != document["digest"]:
        raise PlanError(f"{where}: edited or damaged; its plans do not match its digest")
    return plan_set


def _coordination_group(item: object, where: str) -> CoordinationGroup:
    place = place_in(f"{where}: a coordination group")
    found = Fields.of(item, place, PlanError, ("cycle_s", "signals"))
    signals = found.values["signals"]
    if not isinstance(signals, list) or not all(isinstance(name, str) for name in signals):
        raise found.refusal("signals", "is a list of names of signals")
    return CoordinationGroup(found.whole("cycle_s", 1, LONGEST_S), tuple(signals))


def _plan(item: object, where: str) -> TimingPlan:
    found = Fields.of(item, place_in(f"{where}: a plan"), PlanError, _PLAN_KEYS)
    signal_id = found.text("signal_id")
    where = f"{where}: signal {signal_id!r}"
    found = Fields(found.values, place_in(where), PlanError)
    phases = [
        Fields.of(phase, place_in(f"{where}, phase {at} of its plan"), PlanError, _PHASE_KEYS)
        for at, phase in enumerate(found.items("phases"), start=1)
    ]
    try:
        return TimingPlan(
            signal_id,
            found.whole("cycle_s", 1, LONGEST_S),
            tuple(phase.whole("phase", 1, MOST_PHASES) for phase in phases),
            tuple(_split_s(phase) for phase in phases),
            found.whole("offset_s", 0, LONGEST_S),
            found.whole("coordinated_phase", 1, MOST_PHASES),
            OffsetReference(found.choice("offset_reference", OffsetReference)),
        )
    except PlanError as error:
        if str(error).startswith(where):
            raise
        raise PlanError(f"{where}: {error}") from error


def _split_s(phase: Fields) -> int:
    """Return a phase's split, which its green, yellow and red clearance must fill."""
    phase.whole("ring", 1, MOST_PHASES)
    phase.whole("barrier", 1, MOST_PHASES)
    phase.whole("walk_s", 0, LONGEST_S)
    phase.whole("ped_clear_s", 0, LONGEST_S)
    split_s = phase.whole("split_s", 1, LONGEST_S)
    most_ds = LONGEST_S * TENTHS_PER_SECOND
    # A green below zero is a matter of safety, and named there.
    green_ds = phase.tenths("green_s", -most_ds, most_ds)
    filled_ds = green_ds + sum(phase.tenths(key, 0, most_ds) for key in ("yellow_s", "red_clear_s"))
    if split_s * TENTHS_PER_SECOND != filled_ds:
        raise phase.refusal(
            "split_s",
            f"is what its green, yellow and red clearance sum to, {filled_ds / TENTHS_PER_SECOND}"
            " s",
        )
    return split_s
