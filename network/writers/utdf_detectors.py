"""Cells of UTDF's lane sheet that describe detectors."""

from __future__ import annotations

from network.inventory_signals import Detector
from network.readers.utdf_detectors import FUNCTIONS
from network.readers.utdf_lanes import MOST_DETECTORS, MOST_PHASES, Scale
from network.writers.utdf_cells import number, put, seconds
from network.writers.utdf_draft import Draft, Leg


def detectors_of(draft: Draft) -> dict[tuple[str, str], list[Detector]]:
    """Return detectors by link and move."""
    legs = draft.leg_of()
    found: dict[tuple[str, str], list[Detector]] = {}
    for detector in draft.inventory.detectors:
        leg = legs.get(detector.link_id)
        lanes = tuple(sorted(detector.lanes))
        move = None
        if leg is not None:
            named = detector.detector_id.split(":")[1:2]
            choices = [m for m in leg.turns if leg.own[m] and _numbered(leg, m) == lanes]
            move = next((m for m in choices if [leg.direction + m] == named), None) or next(
                iter(choices), None
            )
        if leg is None or move is None:
            draft.dropped.add("Detectors over lanes of several turns", detector.detector_id)
            continue
        group = found.setdefault((detector.link_id, move), [])
        if len(group) == MOST_DETECTORS:
            draft.dropped.add("Detectors beyond the tenth of a turn", detector.detector_id)
            continue
        group.append(detector)
        if detector.detector_id != f"{leg.node}:{leg.direction}{move}:{len(group)}":
            draft.dropped.add("Names of detectors", detector.detector_id)
    return found


def _numbered(leg: Leg, move: str) -> tuple[int, ...]:
    return tuple(sorted(leg.lanes[at].number for at in leg.own[move]))


def put_detectors(
    sheet: dict[str, dict[str, str]],
    draft: Draft,
    column: str,
    detectors: list[Detector],
    scale: Scale,
) -> None:
    """Put a turn's detectors into the sheet."""
    if not detectors:
        return
    put(sheet, "numDetects", column, str(len(detectors)))
    front = min(detector.front_m for detector in detectors)
    back = max(detector.front_m + detector.length_m for detector in detectors)
    put(sheet, "FirstDetect", column, number(back, scale.length_m))
    put(sheet, "LastDetect", column, number(front, scale.length_m))
    called = _called(detectors[0])
    if any(_called(detector) != called for detector in detectors):
        draft.dropped.add("Phases called by one of several detectors of a turn", column)
    for nth, phase in enumerate(called[:MOST_PHASES], start=1):
        put(sheet, f"DetectPhase{nth}", column, str(phase))
    for nth, detector in enumerate(detectors, start=1):
        functions = detector.functions
        if not functions and detector.kind in ("count", "pulse"):
            functions = ("count",) if detector.kind == "count" else ("call", "extend", "passage")
        unknown = [name for name in functions if name not in FUNCTIONS]
        if unknown:
            draft.dropped.add("Functions of detectors that have no code", detector.detector_id)
        if detector.kind != _kind(functions):
            draft.dropped.add("Kinds of detectors that their functions belie", detector.detector_id)
        flags = sum(FUNCTIONS.get(name, 0) for name in functions)
        for what, text in (
            ("Pos", number(detector.front_m, scale.length_m)),
            ("Size", number(detector.length_m, scale.length_m)),
            ("Type", str(flags)),
            ("Extend", seconds(detector.extension_ds)),
            ("Queue", seconds(detector.queue_ds)),
            ("Delay", seconds(detector.delay_ds)),
        ):
            put(sheet, f"Detect{what}{nth}", column, text)


def _kind(functions: tuple[str, ...]) -> str:
    if functions and not set(functions) - {"count", "occupancy"}:
        return "count"
    return "pulse" if "passage" in functions else "presence"


def _called(detector: Detector) -> tuple[int, ...]:
    return ((detector.phase,) if detector.phase else ()) + detector.more_phases
