"""Our own plans, from the same counts as everybody's, and plans given as files."""

from __future__ import annotations

from collections.abc import Sequence
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
    files
        Pattern of its file; ``{scenario}`` stands for the subject's name.
    """

    version = "1"
    source = "given on the command line"

    def __init__(self, name: str, files: str) -> None:
        self.name = name
        self._files = files

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return the file; a missing one raises."""
        file = Path(self._files.replace("{scenario}", subject.name))
        if not file.is_file():
            raise ScenarioError(f"there is no plan file {file}")
        return (Offer(file=file),)


def given(texts: Sequence[str]) -> tuple[Given, ...]:
    """Read ``NAME=FILE`` of the command line.

    Raises
    ------
    ScenarioError
        If a text is something else.
    """
    found = []
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise ScenarioError(f"--plan {text}: found no NAME=FILE")
        found.append(Given(name, file))
    return tuple(found)
