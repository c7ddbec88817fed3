"""The physical floor of a street: what vehicles lose when all of them meet green, alone.

Every signal shows green to everybody, and so few of the scenario's vehicles drive that they do not
meet: what is left is the geometry, the limits and the drivers. No control can be faster, and what
lies between the floor and the plan in force is what there is to gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement

import numpy as np

from benchmarks.suite.programs import Programs
from network.counts import CountSeries
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR
from throughband.setting import Setting

APART_S: Final = 20.0
"""Between two vehicles on the whole street, as the field's reference floors have it."""
LONGEST_S: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Floor:
    """Green for all, and hardly anybody there."""

    name: str = "floor"
    version: str = "1"
    source: str = "all turns green, the demand thinned to a vehicle every 20 s"
    needs_counts: bool = True

    def prepare(
        self, setting: Setting, days: Sequence[CountSeries], folder: Path
    ) -> tuple[Programs, ...]:
        """Write green programs and thin the demand by what was counted."""
        file = folder / "floor.add.xml"
        signals = _write_green(file, setting.network)
        case = setting.case
        hours = (case.end_s - case.begin_s) / SECONDS_PER_HOUR
        # Who passes several signals is counted several times: an upper bound of the vehicles.
        most = float(np.mean([np.nansum(day.volume_veh) for day in days]))
        share = min(1.0, SECONDS_PER_HOUR / APART_S * hours / max(most, 1.0))
        options = {"scale": f"{share:.4f}"}
        return (Programs("", {file.name: file.read_bytes()}, options, {"signals": signals}),)


def _write_green(file: Path, network: RoadNetwork) -> int:
    root = Element("additional")
    for name, signal in sorted(network.signals.items()):
        groups = 1 + max((g for c in signal.connections for g in c.groups), default=-1)
        if signal.plan_in_force is not None and signal.phasing is not None:
            groups = max(groups, len(signal.phasing.phases[0].aspects))
        program = {"id": name, "type": "static", "programID": "floor", "offset": "0"}
        logic = SubElement(root, "tlLogic", program)
        SubElement(logic, "phase", {"duration": f"{LONGEST_S:g}", "state": "G" * groups})
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    return len(network.signals)
