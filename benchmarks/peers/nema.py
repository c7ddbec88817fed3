"""SUMO's ``NEMA`` controller: dual rings that follow the traffic, where a signal has dual rings.

The phases, rings and barriers are those of the timing sheet that the scenario was imported from;
each phase is served every cycle (minimum recall) for its least green, walk included, up to 50 s,
with the vehicle extension of SUMO's documentation. It runs free, not coordinated. A stage program
is one ring and cannot be told to this controller without phases of somebody's own making, so
networks of stage programs are refused with that reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from benchmarks.peers.peer import Offer, Subject
from engine.validate.sumo_files import LEAST_GREEN_S, MOST_GREEN_S, write_programs
from network.errors import InfeasibleError
from network.graph import Signal
from network.phasing import Phase
from network.units import TENTHS_PER_SECOND

VEHICLE_EXTENSION_S: Final = 2
PLACES: Final = 2
"""Phases of a ring on each side of the barrier that the controller has room for."""


class Nema:
    """Dual rings that follow the traffic."""

    name = "SUMO NEMA"
    version = "1"
    source = "SUMO, type NEMA (Schrader, Wang, Bittle 2022)"

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return the one offer, or the reason why no signal can run it."""
        programs: list[Element] = []
        reasons: list[str] = []
        for signal in subject.network.signals.values():
            try:
                programs.append(nema_program(signal))
            except InfeasibleError as error:
                reasons.append(str(error))
        if not programs:
            return (Offer(reason=reasons[0] if reasons else "the network has no signal"),)
        file = folder / "nema.add.xml"
        write_programs(file, programs)
        note = f"{len(programs)} signals; {len(reasons)} stay as in force"
        return (Offer(file=file, note=note),)


def nema_program(signal: Signal) -> Element:
    """Return a signal's phases as a program of SUMO's NEMA controller.

    Parameters
    ----------
    signal
        Of two rings and two barriers.

    Raises
    ------
    InfeasibleError
        If it is something else; the text says what.
    """
    where = f"signal {signal.signal_id!r}"
    if signal.phasing is None or signal.plan_in_force is None:
        raise InfeasibleError(f"{where} has no phases: {signal.left_alone}")
    segments = signal.phasing.segments(signal.plan_in_force.sequence)
    if any(len(rings) != 2 for rings in segments):
        raise InfeasibleError(
            f"{where} runs stages in one ring; SUMO's NEMA controller needs two rings"
        )
    if len(segments) != 2 or any(len(ring) > PLACES for rings in segments for ring in rings):
        raise InfeasibleError(
            f"{where} has {len(segments)} barriers; SUMO's NEMA controller takes two, with up to "
            f"{PLACES} phases of a ring between them"
        )
    columns: list[list[int]] = [[], []]
    ends: list[str] = []
    for rings in segments:
        filled = [ring or rings[1 - place] for place, ring in enumerate(rings)]
        ends.append(",".join(str(ring[-1]) for ring in filled))
        for column, ring in zip(columns, filled, strict=True):
            column += [0] * (PLACES - len(ring)) + list(ring)
    program = Element(
        "tlLogic", {"id": signal.signal_id, "type": "NEMA", "programID": "nema", "offset": "0"}
    )
    numbers = signal.plan_in_force.sequence
    values = {
        "ring1": ",".join(map(str, columns[0])),
        "ring2": ",".join(map(str, columns[1])),
        "barrierPhases": ends[0],
        "barrier2Phases": ends[1],
        "coordinate-mode": "false",
        "minRecall": ",".join(map(str, numbers)),
        "total-cycle-length": str(signal.plan_in_force.cycle_s),
    }
    for key, value in values.items():
        SubElement(program, "param", {"key": key, "value": value})
    for number in numbers:
        _show(program, signal.phasing.phase(number))
    return program


def _show(program: Element, phase: Phase) -> None:
    least_s = max(float(phase.least_green_s), LEAST_GREEN_S)
    SubElement(
        program,
        "phase",
        {
            "name": str(phase.number),
            "duration": f"{least_s:g}",
            "minDur": f"{least_s:g}",
            "maxDur": f"{max(least_s, MOST_GREEN_S):g}",
            "vehext": str(VEHICLE_EXTENSION_S),
            "yellow": f"{phase.yellow_ds / TENTHS_PER_SECOND:g}",
            "red": f"{phase.red_clear_ds / TENTHS_PER_SECOND:g}",
            "state": phase.aspects,
        },
    )
