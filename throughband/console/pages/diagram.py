"""A plan's time-space diagram, and what other offsets would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from engine.measures.corridor import Corridor
from network.day_plan import SECONDS_PER_DAY, clock
from network.errors import PlanError, SimulationError, ThroughbandError, UnsafePlanError
from network.timing import PlanSet, TimingPlan
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.kept import StillMadeError
from throughband.console.pages.plans import framed, modeled_of
from throughband.console.pages.serving import Form, page, to
from throughband.console.pages.space import Space, space_of
from throughband.console.pages.trajectories import trajectories
from throughband.console.shelf import plans_in_force
from throughband.console.trials import content_of, keep_tried, traffic_of
from throughband.people.door import Person
from throughband.planning.tuning import Trial
from throughband.planning.tuning_levels import Compared
from throughband.planning.tuning_moves import Move
from throughband.reports.time_space import shown_s
from throughband.store.rows import Plan

router = APIRouter(include_in_schema=False)

SIDES: Final = (("plan", "This plan"), ("in-force", "In force"))
FIELD: Final = "o."
"""An offset's field is this and the signal."""

MOVERS: Final = 8
SHOWN: Final = "yes"


@router.get("/plans/{plan_id}/diagram")
def show_diagram(
    request: Request,
    plan_id: str,
    person: ThePerson,
    desk: TheDesk,
    side: str = "plan",
    corridor: str = "0",
    vehicles: str = "",
) -> Response:
    """Show the diagram; offsets in the address are tried, as a form without scripts has them."""
    return _diagram(
        request, desk, person, plan_id, side, corridor, request.query_params, 200,
        vehicles=vehicles == SHOWN,
    )  # fmt: skip


@router.get("/plans/{plan_id}/trial")
def show_trial(request: Request, plan_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Return what offsets would do, for the page on which they are dragged."""
    plan = desk.store.plans.get(plan_id)
    plan_set, _ = content_of(plan.id, plan.content)
    told = _tried(desk, plan, plan_set, request.query_params)
    return page(request, "trial.html", **told)


@router.post("/plans/{plan_id}/tuned")
def keep_tuned(
    request: Request, plan_id: str, form: Form, person: ThePerson, desk: TheDesk
) -> Response:
    """Keep offsets as a new draft, of the same network."""
    plan = desk.store.plans.get(plan_id)
    plan_set, _ = content_of(plan.id, plan.content)
    try:
        kept = keep_tried(desk, plan, moves_of(plan_set, form.texts), person.name)
    except UnsafePlanError as error:
        return _diagram(
            request, desk, person, plan_id, "plan", form["corridor"], form.texts, 422, str(error)
        )
    except PlanError as error:
        return _diagram(
            request, desk, person, plan_id, "plan", form["corridor"], {}, 422, str(error)
        )
    return to(f"/plans/{kept.id}", "drafted")


def moves_of(plan_set: PlanSet, fields: Mapping[str, str]) -> list[Move]:
    """Return the offsets of a form that differ from the plan's.

    Raises
    ------
    PlanError
        One is no whole number within its cycle, or of a signal that has no plan.
    """
    moves = []
    for name, text in fields.items():
        if not name.startswith(FIELD):
            continue
        signal = name.removeprefix(FIELD)
        plan = plan_set.plan(signal)
        if plan is None:
            raise PlanError(f"signal {signal!r} has no plan here")
        if not text.isdecimal() or len(text) > 4 or int(text) >= plan.cycle_s:
            raise PlanError(
                f"offset of signal {signal!r}: {text!r}; allowed are whole seconds from 0 to "
                f"{plan.cycle_s - 1}"
            )
        if int(text) != plan.offset_s:
            moves.append(Move(signal, int(text)))
    return moves


def _diagram(
    request: Request,
    desk: Desk,
    person: Person,
    plan_id: str,
    side: str,
    corridor: str,
    fields: Mapping[str, str],
    status: int,
    refusal: str = "",
    vehicles: bool = False,
) -> Response:
    plan = desk.store.plans.get(plan_id)
    plan_set, _ = content_of(plan.id, plan.content)
    side = side if side in dict(SIDES) else "plan"
    context: dict[str, Any] = {
        "space": None, "trouble": "", "side": side, "sides": SIDES, "corridors": [],
        "corridor_number": 0, "tunable": (), "trajectories": (), "vehicles": vehicles,
        "vehicles_said": "", **_untried(refusal),
    }  # fmt: skip
    try:
        modeled = modeled_of(request, desk, plan)
        corridors = desk.shelf.corridors(*traffic_of(desk, plan))
        if corridors:
            number = int(corridor) if corridor.isdecimal() and len(corridor) < 4 else 0
            number = min(number, len(corridors) - 1)
            plans = plans_in_force(modeled.network)
            if side == "plan":
                plans |= _by_signal(plan_set)
                if not refusal:
                    tried = _tried(desk, plan, plan_set, fields)
                    context |= tried
                    trial: Trial | None = tried["trial"]
                    if trial is not None and trial.lawful:
                        plans |= {one.signal_id: one for one in trial.plans}
            name = list(corridors)[number]
            shown: Corridor = corridors[name]
            sides = (plans, plans_in_force(modeled.network), _by_signal(plan_set))
            space = space_of(shown, modeled.network, plans, shown_s(shown, sides))
            if vehicles:
                moved = context["trial"] is not None
                context |= _vehicles(desk, plan, plan_set, name, side, space, moved)
            context |= {
                "space": space,
                "corridors": list(enumerate(corridors)),
                "corridor_number": number,
                "tunable": {one.signal_id for one in plan_set.plans},
            }
    except StillMadeError:
        raise
    except ThroughbandError as error:
        context["trouble"] = str(error)
    return page(
        request, "plan_space.html", status, **framed(desk, person, plan), tab="diagram", **context
    )


def _vehicles(
    desk: Desk, plan: Plan, plan_set: PlanSet, corridor: str, side: str, space: Space, moved: bool
) -> dict[str, Any]:
    """Return simulated vehicles to lay over a diagram, or why there are none.

    Raises
    ------
    StillMadeError
        While they are simulated.
    """
    if moved:
        return {"vehicles_said": "Vehicles were simulated under the plan as it is; none are drawn "
                "for other offsets."}  # fmt: skip
    try:
        found = desk.shelf.vehicles(*traffic_of(desk, plan), corridor)
    except SimulationError as error:
        return {"vehicles_said": f"No vehicles can be drawn: {error}"}
    traces = found.by_side[side]
    if traces is None:
        return {"vehicles_said": "No vehicles are drawn: the signals of the corridor run cycles "
                "that do not come round to a common beginning within the window."}  # fmt: skip
    lines = trajectories(space, traces)
    return {
        "trajectories": lines,
        "vehicles_said": f"{len(lines)} simulated vehicles of one run (seed {traces.seed}), from "
        f"{clock(int(traces.begin_s) % SECONDS_PER_DAY)} of the simulation's clock: a picture, no "
        "proof. "
        "Who turns off or in is drawn for as long as he is on the corridor.",
    }  # fmt: skip


def _tried(desk: Desk, plan: Plan, plan_set: PlanSet, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what offsets would do; a diagram waits for no tuning, whose opening takes longer."""
    again = {"trial_again": f"/plans/{plan.id}/trial"}
    try:
        moves = moves_of(plan_set, fields)
        if not moves:
            ready = desk.shelf.prepare(*traffic_of(desk, plan))
            return _untried("") if ready else _untried("") | again
        found = desk.shelf.trial(traffic_of(desk, plan), moves, in_short)
        if found is None:
            return _untried("Nobody counted here yet, so no delay can be predicted.")
    except StillMadeError:
        return _untried("") | again
    except ThroughbandError as error:
        return _untried(str(error))
    return {**_untried(""), "trial": found, "movers": found.approaches if found.lawful else ()}


def _by_signal(plan_set: PlanSet) -> dict[str, TimingPlan]:
    """Return a set's plans by signal."""
    return {one.signal_id: one for one in plan_set.plans}


def _untried(trouble: str) -> dict[str, Any]:
    return {"trial": None, "trial_trouble": trouble, "trial_again": "", "movers": ()}


def in_short(trial: Trial) -> Trial:
    """Return what a page shows of a trial: its total, and the approaches that change most."""

    def moved(row: Compared) -> float:
        if row.now is None:
            return -1.0
        return abs(row.now.delay_s - row.before.delay_s) * row.volume_vph

    rows = sorted(trial.approaches, key=moved, reverse=True)[:MOVERS]
    return replace(trial, approaches=tuple(rows), movements=(), bands=())
