"""Folders of plans: as many as are wanted, and all that somebody still needs."""

from __future__ import annotations

import shutil

from throughband.operate.office import PLANS, Office
from throughband.operate.planner import OUTCOME


def tidy(office: Office) -> None:
    """Remove the oldest folders of plans that nobody needs."""
    memory = office.memory
    on_street = {call.plan_digest for call in office.hand.calls().values()}
    needed = {memory.folders[d] for d in on_street if d in memory.folders}
    needed |= {c.folder for c in (memory.waiting, memory.pushing) if c is not None}
    if memory.trial is not None:
        needed.add(memory.folders.get(memory.trial.promise.plan_digest, ""))
    folders = sorted(f for f in office.plans_folder.iterdir() if (f / OUTCOME).exists())
    for folder in folders[: -office.config.keep_plans]:
        if f"{PLANS}/{folder.name}" not in needed:
            shutil.rmtree(folder, ignore_errors=True)
    there = {f"{PLANS}/{folder.name}" for folder in office.plans_folder.iterdir()}
    gone = [d for d, f in memory.folders.items() if f.startswith(f"{PLANS}/") and f not in there]
    for digest in gone:
        del memory.folders[digest]
