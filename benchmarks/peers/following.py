"""SUMO's own actuated control: gap-based (``actuated``) and ``delay_based``.

Each stage of the plan in force lasts from its least green (5 s where the file gives none) to 50 s
(or its least green where that is longer), with SUMO's default detectors, gaps and ranges. They
follow the traffic and so have a freedom that a pre-timed plan has not; every stage comes every
cycle, so walks are kept under street rules.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.peer import Offer, Subject
from engine.validate.sumo_files import Actuation, write_actuated


class Following:
    """Programs that follow the traffic.

    Parameters
    ----------
    kind
        SUMO's type of the programs.
    """

    version = "1"
    source = "SUMO, type of tlLogic; greens 5-50 s"

    def __init__(self, kind: Actuation) -> None:
        self.kind = kind
        self.name = f"SUMO {kind}"

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return the one offer."""
        case = subject.setting.case
        file = folder / f"{self.kind}.add.xml"
        changed = write_actuated(file, (case.net_file, *case.additional_files), kind=self.kind)
        if not changed:
            return (Offer(reason="no program of this scenario can be made to follow traffic"),)
        return (Offer(file=file, note=f"{len(changed)} signals"),)
