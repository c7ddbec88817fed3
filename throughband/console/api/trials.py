"""Offsets and splits tried on a plan, and kept as a new draft."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from engine.measures.bandwidth import CorridorBands
from throughband.console.api.fields import Asked, Line, RowId
from throughband.console.api.plans import PlanOut, plan_out
from throughband.console.desk import TheDesk, ThePerson
from throughband.console.problems import Problem, documented
from throughband.console.trials import keep_tried, tried
from throughband.people.routes import API
from throughband.planning.tuning import BandTrial, Trial
from throughband.planning.tuning_levels import Compared
from throughband.planning.tuning_moves import Move

router = APIRouter(tags=["plans"])

MOST_MOVES: Final = 500
_MADE_READY: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Problem, "description": "It is being made ready; ask again after Retry-After."}
}

Phase = Annotated[int, Field(ge=1, le=999)]
Second = Annotated[int, Field(ge=0, le=9999)]


class MoveIn(Asked):
    """What is to be otherwise at one signal."""

    signal_id: Line
    offset_s: Second | None = Field(None, description="Left out, it stays.")
    splits_s: dict[Phase, Second] = Field(
        default_factory=dict, max_length=16, description="By phase, clearance included."
    )


class Moves(Asked):
    """What is to be tried: for a trial, of one coordination group."""

    moves: list[MoveIn] = Field(min_length=1, max_length=MOST_MOVES)

    def made(self) -> list[Move]:
        """Return them as a plan takes them."""
        return [Move(each.signal_id, each.offset_s, each.splits_s) for each in self.moves]


class Keeping(Moves):
    """What is to be kept; groups may differ."""

    title: Line | None = None


class LevelOut(BaseModel):
    """How traffic fares, of the steady-cycle model."""

    delay_s: float
    stops: float
    saturation: float
    queue_veh: float
    level_of_service: str


class ComparedOut(BaseModel):
    """A row: with the moves, before them, and under the plans in force."""

    name: str
    signal_id: str
    volume_vph: float
    now: LevelOut | None = Field(description="None where the moved plans are refused.")
    before: LevelOut
    in_force: LevelOut | None


class BandOut(BaseModel):
    """A green band in one direction, or why there is none."""

    width_s: float
    begin_s: float
    cycle_s: int
    least_green_s: float
    reason: str


class BandsOut(BaseModel):
    """The bands of a corridor."""

    outbound: BandOut
    inbound: BandOut | None


class CorridorOut(BaseModel):
    """The bands of a corridor: with the moves, before them, and under the plans in force."""

    corridor: str
    signals: list[str]
    now: BandsOut | None
    before: BandsOut
    in_force: BandsOut


class TrialOut(BaseModel):
    """What moves would do to their coordination group."""

    signals: list[str]
    lawful: bool
    refusals: list[str] = Field(description="Every safety rule that they break.")
    total: ComparedOut
    approaches: list[ComparedOut]
    movements: list[ComparedOut]
    bands: list[CorridorOut]


@router.post(
    f"{API}/plans/{{plan_id}}/trial",
    response_model=TrialOut,
    responses={**documented(404, 409), **_MADE_READY},
)
def trial(plan_id: RowId, asked: Moves, desk: TheDesk) -> Response:
    """Tell what other offsets or splits would do; nothing is kept."""
    content = tried(desk, desk.store.plans.get(plan_id), asked.made(), packed)
    return Response(content, media_type="application/json")


@router.post(
    f"{API}/plans/{{plan_id}}/tuned",
    status_code=201,
    response_model=PlanOut,
    responses={**documented(404, 409), **_MADE_READY},
)
def keep(plan_id: RowId, asked: Keeping, desk: TheDesk, person: ThePerson) -> PlanOut:
    """Keep other offsets or splits as a new draft of the same network."""
    plan = desk.store.plans.get(plan_id)
    kept = keep_tried(desk, plan, asked.made(), person.name, asked.title or "")
    return plan_out(kept, person)


def packed(found: Trial) -> bytes:
    """Return a trial as it is sent: a town's has thousands of rows, written where they are."""
    return _trial_out(found).model_dump_json().encode()


def _trial_out(found: Trial) -> TrialOut:
    return TrialOut(
        signals=list(found.signals),
        lawful=found.lawful,
        refusals=list(found.refusals),
        total=_compared_out(found.total),
        approaches=[_compared_out(row) for row in found.approaches],
        movements=[_compared_out(row) for row in found.movements],
        bands=[_corridor_out(row) for row in found.bands],
    )


def _compared_out(row: Compared) -> ComparedOut:
    return ComparedOut.model_validate(asdict(row))


def _corridor_out(row: BandTrial) -> CorridorOut:
    return CorridorOut(
        corridor=row.corridor,
        signals=list(row.signals),
        now=None if row.now is None else _bands_out(row.now),
        before=_bands_out(row.before),
        in_force=_bands_out(row.in_force),
    )


def _bands_out(found: CorridorBands) -> BandsOut:
    return BandsOut.model_validate(asdict(found))
