"""Our own plans, from the same counts as everybody's, and plans given as files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchmarks.peers.peer import Offer, Subject, Timed, as_offer
from engine.optimize.problem import Limits
from network.errors import ScenarioError
from throughband import pipeline

OURS = "throughband"


class Ours:
    """What ``throughband optimize`` would write."""

    name = OURS
    version = "1"
    source = "engine.optimize, default limits"

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return the plan."""
        done = pipeline.plan(subject.setting, subject.demand, Limits(), lambda *_: None)
        plan_set = done.plan_set
        cycles = sorted({plan.cycle_s for plan in plan_set.plans})
        note = f"cycles {', '.join(map(str, cycles))} s, {done.evaluations} evaluations"
        plans = {plan.signal_id: plan for plan in plan_set.plans}
        timed = Timed(plans, note, plan_set.left_alone)
        return (as_offer(subject, timed, "", folder / "throughband.add.xml"),)


class Given:
    """A plan somebody brings as an additional file.

    Parameters
    ----------
    name
        For the table.
    file
        For every street; other signals than it names stay as in force.

    Raises
    ------
    ScenarioError
        If there is no such file.
    """

    source = "given by the user"

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self._file = file
        try:
            self.version = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        except OSError as error:
            raise ScenarioError(
                f"plan {file} cannot be read: {error.strerror or error}; give plan:FILE"
            ) from error

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return the file."""
        return (Offer(file=self._file),)
