"""Detectors that are dead from begin to end: the same lanes for everybody who looks at lanes.

Controllers that decide while the day runs see nothing of these lanes. SUMO's actuated programs
serve them as a cabinet does whose detector has failed (maximum recall, as FHWA's Signal Timing
Manual calls it): every stage that opens one lasts to its longest green.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Final
from xml.etree.ElementTree import ElementTree

import defusedxml.ElementTree
import numpy as np

from benchmarks.suite.programs import Programs
from network.errors import ScenarioError
from network.graph import RoadNetwork
from network.phasing import GREEN_ASPECTS

SEED: Final = 1
FOLLOWING: Final = frozenset({"actuated", "delay_based"})
NEMA: Final = "NEMA"


def dead_lanes(network: RoadNetwork, share: float, seed: int = SEED) -> frozenset[str]:
    """Return the stop lanes whose detectors are dead.

    Parameters
    ----------
    network
        The street.
    share
        Of its stop lanes, rounded, one at least.
    seed
        Which of them.
    """
    lanes = sorted({lane for lane, _ in _stops(network)})
    chosen = np.random.default_rng(seed).permutation(len(lanes))[
        : max(1, round(share * len(lanes)))
    ]
    return frozenset(lanes[at] for at in chosen)


def on_recall(programs: Programs, network: RoadNetwork, dead: frozenset[str]) -> Programs:
    """Return programs of SUMO in which stages of dead lanes last to their longest green.

    Raises
    ------
    ScenarioError
        A program of type NEMA is among them: it takes its detectors from nobody.
    """
    groups: dict[str, set[int]] = {}
    for lane, (signal, positions) in _stops(network):
        if lane in dead:
            groups.setdefault(signal, set()).update(positions)
    files, recalled = {}, 0
    for name, content in programs.files.items():
        root = defusedxml.ElementTree.fromstring(content)
        for logic in root.iter("tlLogic"):
            kind = logic.get("type", "static")
            blind = groups.get(logic.get("id", ""), set())
            if kind == NEMA and blind:
                raise ScenarioError("detectors of SUMO's NEMA programs cannot be dead here")
            for phase in logic.iter("phase") if kind in FOLLOWING else ():
                state, most = phase.get("state", ""), phase.get("maxDur")
                if most is not None and any(state[group] in GREEN_ASPECTS for group in blind):
                    phase.set("minDur", most)
                    phase.set("duration", most)
                    recalled += 1
        out = io.BytesIO()
        ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
        files[name] = out.getvalue()
    if not recalled:
        return programs
    note = f"{recalled} stages on maximum recall, their detectors are dead"
    return replace(programs, files=files, facts={**programs.facts, "note": note})


def _stops(network: RoadNetwork) -> list[tuple[str, tuple[str, tuple[int, ...]]]]:
    """List stop lanes with their signal and the groups of one of their ways."""
    return [
        (f"{one.from_link}_{one.from_lane}", (signal.signal_id, one.groups))
        for signal in network.signals.values()
        for one in signal.connections
        if one.groups
    ]
