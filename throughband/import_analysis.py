"""An import held against the manual: the delay of its plan, and what its signals would ask for."""

from __future__ import annotations

from typing import Final

from engine.measures.hcm import analyze
from engine.measures.hcm_results import IntersectionAnalysis
from network.derive import derive_signal, differences
from network.errors import ThroughbandError
from network.graph import Signal
from throughband.exchange.import_counts import peak_hour_vph
from throughband.exchange.import_record import Import

MAIN_PHASE: Final = 2
"""NEMA practice: phases 2 and 6 are the through traffic of the main street."""


def delays_of(done: Import) -> dict[str, IntersectionAnalysis | str]:
    """Analyze every controller whose turns have volumes."""
    inventory = done.inventory
    if inventory is None or all(turn.volume_vph is None for turn in inventory.turns):
        return {}
    found: dict[str, IntersectionAnalysis | str] = {}
    for controller in inventory.controllers:
        try:
            found[controller.controller_id] = analyze(inventory, controller.controller_id)
        except ThroughbandError as error:
            found[controller.controller_id] = str(error)
    return found


def derived_in(done: Import) -> dict[str, tuple[str, ...]]:
    """Say of each signal where geometry and flows would ask for other values."""
    network = done.network
    flows = peak_hour_vph(done.counts) if done.counts and done.counts.kind == "movement" else None
    grades: dict[str, float] = {}
    for link in done.inventory.links if done.inventory else ():
        if link.grade_percent is not None:
            grades |= dict.fromkeys(done.links.get(link.link_id, ()), link.grade_percent)
    found: dict[str, tuple[str, ...]] = {}
    for signal in network.signals.values():
        if signal.phasing is None or not signal.movements:
            continue
        # Stage programs of SUMO count phases in their own way.
        main = _main_street(signal) if done.inventory else ()
        try:
            derived = derive_signal(
                network, signal, movement_vph=flows, grade_percent=grades, main_street=main
            )
            texts = tuple(difference.text for difference in differences(signal, derived))
        except ThroughbandError as error:
            texts = (f"signal {signal.signal_id!r}: not derived ({error})",)
        if texts:
            found[signal.signal_id] = texts
    return found


def _main_street(signal: Signal) -> tuple[str, ...]:
    """Return the approaches whose through traffic has phase 2, and so are the main street."""
    assert signal.phasing is not None
    main = [phase for phase in signal.phasing.phases if phase.number == MAIN_PHASE]
    return tuple(
        dict.fromkeys(
            movement.from_link
            for phase in main
            for movement in signal.movements
            for connection in movement.connections
            if movement.turn == "s" and any(phase.aspects[g] == "G" for g in connection.groups)
        )
    )
