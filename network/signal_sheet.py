"""The signal sheet: what an engineer knows better than the files, as TOML to edit.

    format = "throughband.signals"
    version = 1

    [signals.X1]
    left_alone = ""
    coordinated_phase = 2

    [signals.X1.phase]
    2 = { min_green_s = 10, yellow_s = 4.3, red_clear_s = 1.2, walk_s = 7, ped_clear_s = 14 }

Only what is named changes. A value that differs from the network's must keep to the limits below,
so that a slip of the pen does not reach the street; what is built already may stay as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from network.documents import DocumentForm, replace_file
from network.errors import FormatError, PlanError, TopologyError
from network.fields import Fields
from network.graph import RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from network.toml_text import MOST_BYTES, TomlFile, read_toml, toml_key, toml_value
from network.units import TENTHS_PER_SECOND

SHEET_FORM = DocumentForm(
    "throughband.signals", "signal sheet", 1, FormatError, most_bytes=MOST_BYTES
)

MIN_GREEN_S = (2, 255)
"""FHWA Signal Timing Manual (2008), section 5.4: 2 s for a left turn; NTCIP 1202 has one octet."""

YELLOW_DS = (30, 60)
"""MUTCD 2009, section 4D.26: 3 to 6 s."""

RED_CLEAR_DS = (0, 60)
"""MUTCD 2009, section 4D.26: at most 6 s, but for one-lane roads and very wide intersections."""

WALK_S = (4, 255)
"""MUTCD 2009, section 4E.06: 7 s, and no less than 4 s anywhere."""

PED_CLEAR_S = (3, 255)
"""MUTCD 2009, section 4E.06: the buffer interval alone is 3 s."""

_KEYS = ("format", "version", "signals")
_SIGNAL_KEYS = ("left_alone", "coordinated_phase", "phase")
_PHASE_KEYS = ("min_green_s", "yellow_s", "red_clear_s", "walk_s", "ped_clear_s")
_MOST_PHASES = 255


@dataclass(frozen=True, slots=True)
class _Page:
    """What a sheet says of one signal, and where."""

    file: TomlFile
    keys: tuple[str, ...]
    found: Fields

    def refusal(self, text: str, *keys: str) -> FormatError:
        # A reason to leave a signal alone may have several lines, a message has one.
        return FormatError(f"{self.file.where(*self.keys, *keys)}: {' '.join(text.split())}")


def write_sheet(path: Path, network: RoadNetwork) -> None:
    """Write the sheet of a network, with all its values as they are.

    Parameters
    ----------
    path
        Where to; a ``*.toml``.
    network
        What to describe. Applied to it again, the sheet changes nothing.

    Raises
    ------
    FormatError
        If the file cannot be written.
    """
    path = Path(path)
    lines = [
        f"format = {toml_value(SHEET_FORM.name)}",
        f"version = {SHEET_FORM.version}",
        "",
        "# Leave out what is to stay as it is. A reason in left_alone keeps a signal's timing.",
    ]
    for signal in network.signals.values():
        table = f"signals.{toml_key(signal.signal_id)}"
        lines += ["", f"[{table}]", f"left_alone = {toml_value(signal.left_alone)}"]
        if signal.plan_in_force:
            lines.append(f"coordinated_phase = {signal.plan_in_force.coordinated_phase}")
        if signal.phasing:
            lines += ["", f"[{table}.phase]"]
            lines += [
                f"{phase.number} = {toml_value(_values(phase))}" for phase in signal.phasing.phases
            ]
    try:
        replace_file(path, "\n".join(lines) + "\n")
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error
    except UnicodeEncodeError as error:
        raise FormatError(f"{path}: a name is not valid text ({error})") from error


def apply_sheet(network: RoadNetwork, path: Path) -> RoadNetwork:
    """Return a network with the values of a sheet in place of its own.

    Parameters
    ----------
    network
        Not changed.
    path
        A sheet for it, of this version or an older one.

    Returns
    -------
    RoadNetwork
        With the same streets. A clearance that a sheet changes is no longer the one of the
        program in force, whose plan then is not `exact`. When the coordinated phase changes, the
        offset of the plan in force changes with it, so that the street sees the same.

    Raises
    ------
    FormatError
        If the sheet is malformed, names what the network lacks, or a new value is beyond its
        limits; with the line.
    """
    path = Path(path)
    file = read_toml(path, SHEET_FORM)
    found = Fields.of(file.document, file.place(), FormatError, _KEYS)
    pages = found.values["signals"]
    if not isinstance(pages, dict):
        raise found.refusal("signals", "is a table of signals by name")
    signals = dict(network.signals)
    for signal_id, item in pages.items():
        keys = ("signals", signal_id)
        if signal_id not in signals:
            raise FormatError(
                f"{file.where(*keys)}: network {network.name!r} has no signal {signal_id!r}"
            )
        fields = Fields.of(item, file.place(*keys), FormatError, (), _SIGNAL_KEYS)
        signals[signal_id] = _applied(signals[signal_id], _Page(file, keys, fields))
    return replace(network, signals=signals)


def _values(phase: Phase) -> dict[str, object]:
    return {
        "min_green_s": phase.min_green_s,
        "yellow_s": phase.yellow_ds / TENTHS_PER_SECOND,
        "red_clear_s": phase.red_clear_ds / TENTHS_PER_SECOND,
        "walk_s": phase.walk_s,
        "ped_clear_s": phase.ped_clear_s,
    }


def _applied(signal: Signal, page: _Page) -> Signal:
    phasing, plan, exact = signal.phasing, signal.plan_in_force, signal.exact
    if page.found.has("phase"):
        if phasing is None:
            raise page.refusal(f"its phases are unknown ({signal.left_alone})", "phase")
        phasing = _timed(phasing, page)
        cleared = [p.clearance_ds for p in signal.phasing.phases] if signal.phasing else []
        exact = exact and cleared == [p.clearance_ds for p in phasing.phases]
    if page.found.has("coordinated_phase"):
        if phasing is None or plan is None:
            raise page.refusal("it has no plan in force to coordinate", "coordinated_phase")
        plan = _coordinated(plan, phasing, page)
    if phasing is not None and plan is not None:
        try:
            plan.intervals(phasing)
            plan.begin_s(phasing)
        except (PlanError, TopologyError) as error:
            raise page.refusal(f"does not fit the plan in force: {error}", "phase") from error
    reason = signal.left_alone
    if page.found.has("left_alone"):
        reason = page.found.prose("left_alone").strip()
        if not reason and signal.left_alone and not (plan and phasing and signal.movements):
            raise page.refusal(
                f"found no reason; it must be left alone, because {signal.left_alone}",
                "left_alone",
            )
        if reason == signal.left_alone.strip():
            reason = signal.left_alone
    return replace(signal, phasing=phasing, plan_in_force=plan, exact=exact, left_alone=reason)


def _coordinated(plan: TimingPlan, phasing: Phasing, page: _Page) -> TimingPlan:
    number = page.found.whole("coordinated_phase", 1, _MOST_PHASES)
    if number == plan.coordinated_phase:
        return plan
    if number not in plan.sequence:
        raise page.found.refusal(
            "coordinated_phase", f"are the phases of the plan in force, {list(plan.sequence)}"
        )
    try:
        moved = replace(plan, coordinated_phase=number, offset_s=0)
        lag_s = plan.begin_s(phasing) - moved.begin_s(phasing)
    except PlanError as error:
        raise page.refusal(str(error), "coordinated_phase") from error
    return replace(moved, offset_s=lag_s % plan.cycle_s)


def _timed(phasing: Phasing, page: _Page) -> Phasing:
    numbers = {str(phase.number): phase for phase in phasing.phases}
    items = page.found.values["phase"]
    if not isinstance(items, dict):
        raise page.found.refusal("phase", "is a table of phases by number")
    changed: dict[int, Phase] = {}
    for key, item in items.items():
        keys = (*page.keys, "phase", key)
        if key not in numbers:
            raise page.refusal(f"no phase {key!r}; allowed are {', '.join(numbers)}", "phase", key)
        fields = Fields.of(item, page.file.place(*keys), FormatError, (), _PHASE_KEYS)
        phase = _phase(numbers[key], fields)
        if _clearance(phase) != _clearance(numbers[key]):
            _require_plain(phasing, phase.number, page)
        changed[phase.number] = phase
    old = {phase.number: phase for phase in phasing.phases}
    kept = {
        pair: intervals
        for pair, intervals in phasing.fixed_clearances.items()
        if _clearance(changed.get(pair[0], old[pair[0]])) == _clearance(old[pair[0]])
    }
    return Phasing(tuple(changed.get(p.number, p) for p in phasing.phases), kept)


def _clearance(phase: Phase) -> tuple[int, int]:
    return phase.yellow_ds, phase.red_clear_ds


def _require_plain(phasing: Phasing, number: int, page: _Page) -> None:
    """Refuse to retime a clearance that a yellow and a red clearance do not describe."""
    plain = Phasing(phasing.phases, {})
    for (ending, starting), intervals in phasing.fixed_clearances.items():
        if ending == number and plain.clearance(ending, starting) != intervals:
            raise page.refusal(
                f"the program in force clears phase {ending} before phase {starting} in a way of "
                "its own, which one yellow and one red clearance do not describe; allowed are "
                "the values in force",
                "phase",
                str(number),
            )


def _phase(phase: Phase, fields: Fields) -> Phase:
    values = _values(phase)
    whole = {"min_green_s": MIN_GREEN_S, "walk_s": WALK_S, "ped_clear_s": PED_CLEAR_S}
    tenths = {"yellow_s": ("yellow_ds", YELLOW_DS), "red_clear_s": ("red_clear_ds", RED_CLEAR_DS)}
    new: dict[str, Any] = {}
    for key, value in fields.values.items():
        if type(value) in (int, float) and value == values[key]:
            continue
        if key in whole:
            new[key] = fields.whole(key, *whole[key])
        else:
            name, limits = tenths[key]
            new[name] = fields.tenths(key, *limits)
    try:
        return replace(phase, **new)
    except TopologyError as error:
        raise FormatError(f"{fields.place('')}: {error}") from error
