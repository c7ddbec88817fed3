"""Offsets and splits tried by hand on a plan, and kept as a new draft: for pages and API alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from network.errors import MoveError, PlanError
from network.files import read_notes, read_plan, write_plan
from network.graph import RoadNetwork
from network.timing import PlanSet
from throughband.console.carrying import FILES
from throughband.console.desk import Desk
from throughband.counts.demand_file import DEMAND_NAME
from throughband.planning.tuning import Trial
from throughband.planning.tuning_moves import Move, drafted
from throughband.store.rows import Network, Plan, RunState

_T = TypeVar("_T")

UNCOUNTED: Final = "nobody counted here yet, so neither offsets nor splits can be tried"


@lru_cache(maxsize=64)
def content_of(plan_id: str, content: str) -> tuple[PlanSet, Mapping[str, Any]]:
    """Return the plans and the notes in the text of a plan.json.

    Raises
    ------
    PlanError
        If it is malformed or was edited.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"plan {plan_id}"
        file.write_text(content, encoding="utf-8")
        return read_plan(file), read_notes(file)


def folder_of(desk: Desk, network: Network) -> Path | None:
    """Return the folder of the newest run whose flows a network can be modeled with."""
    for run in desk.store.runs.listed((RunState.DONE,), network.id):
        folder = Path(run.folder) / FILES
        if (folder / DEMAND_NAME).is_file():
            return folder
    return None


def traffic_of(desk: Desk, plan: Plan) -> tuple[str, PlanSet, str, str, Path | None]:
    """Return what the shelf asks of a plan, under the traffic it was made for if that is known.

    A plan that no run made is tried under the flows of the network's newest run, else under the
    counts that were imported with it.
    """
    plan_set, _ = content_of(plan.id, plan.content)
    network = desk.store.networks.get(plan.network_id)
    folder = _own_folder(desk, plan) or folder_of(desk, network)
    return plan.id, plan_set, network.id, network.source, folder


def tried(desk: Desk, plan: Plan, moves: Sequence[Move], told: Callable[[Trial], _T]) -> _T:
    """Tell what moves of one coordination group would do.

    Parameters
    ----------
    desk, plan, moves
        What is moved.
    told
        A function of a module: what is wanted of the trial.

    Raises
    ------
    MoveError
        Nobody counted there yet.
    PlanError
        The moves are none, or of what the plan has not.
    StillMadeError
        While the plan is made ready.
    """
    found = desk.shelf.trial(traffic_of(desk, plan), moves, told)
    if found is None:
        raise MoveError(UNCOUNTED)
    return found


def keep_tried(desk: Desk, plan: Plan, moves: Sequence[Move], by: str, title: str = "") -> Plan:
    """Keep a plan with moves made in it as a new draft of the same network.

    Raises
    ------
    PlanError
        The moves are none, or of what the plan has not.
    UnsafePlanError
        The moved plans are not lawful.
    StillMadeError
        While the network is read.
    """
    plan_set, notes = content_of(plan.id, plan.content)
    modeled = desk.shelf.modeled(*traffic_of(desk, plan)[2:])
    changed = drafted(modeled.network, plan_set, moves)
    if changed.digest == plan.digest:
        raise PlanError("nothing is moved; move an offset or a split to keep it")
    names = {"offsets": any(move.offset_s is not None for move in moves)}
    names["splits"] = any(move.splits_s for move in moves)
    what = " and ".join(name for name, is_moved in names.items() if is_moved)
    content = _content(modeled.network, changed, notes, plan, what)
    title = title or f"{plan.title}, {what} by {by}"[:200]
    return desk.plan_moves.add_plan(plan.network_id, title, content, by, "trial")


def _own_folder(desk: Desk, plan: Plan) -> Path | None:
    """Return the folder of the run that made a plan, for the very flows it was made for."""
    if plan.run_id is None:
        return None
    folder = Path(desk.store.runs.get(plan.run_id).folder) / FILES
    return folder if (folder / DEMAND_NAME).is_file() else None


def _content(
    network: RoadNetwork, plan_set: PlanSet, notes: Mapping[str, Any], plan: Plan, what: str
) -> str:
    """Return the text of a plan.json; certificates were those of other plans."""
    kept = {k: v for k, v in notes.items() if k in ("demand", "objective")}
    told = f"{what.capitalize()} moved by hand from plan {plan.title!r} ({plan.digest[:12]})."
    kept["reasons"] = {"": [told]}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        write_plan(file, plan_set, network, kept)
        return file.read_text(encoding="utf-8")
