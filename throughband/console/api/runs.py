"""Runs: started, watched, canceled, and what they left."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel, Field, StringConstraints

from network.errors import MissingError
from throughband.console.api.fields import Asked, BodyId, Limit, Offset, RowId
from throughband.console.carrying import FILES, OUTPUT
from throughband.console.desk import TheDesk, ThePerson
from throughband.console.outcomes import pathless, pathless_progress, tail
from throughband.console.problems import documented
from throughband.people.routes import API
from throughband.store.rows import Run, RunState

router = APIRouter(tags=["runs"])

Second = Annotated[float, Field(ge=0, le=7 * 86400, allow_inf_nan=False)]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,50}$")]
Span = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}(min|h)$")]
FileName = Annotated[str, InPath(pattern=r"^[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}$")]


class Progress(BaseModel):
    """What a run said last."""

    step: int | None = None
    steps: int | None = None
    title: str = ""
    text: str = ""


class RunOut(BaseModel):
    """A run."""

    id: str
    network_id: str | None
    kind: str
    asked: dict[str, Any]
    state: RunState
    progress: Progress
    requested_by: str
    requested_utc: datetime
    begun_utc: datetime | None
    ended_utc: datetime | None
    exit_code: int | None
    exit_text: str


class FileOut(BaseModel):
    """A file that a run left."""

    name: str
    bytes: int


class Optimize(Asked):
    """Compute plans."""

    network_id: BodyId
    counts: BodyId | None = Field(None, description="Upload of movement counts; else SUMO's.")
    begin: Second | None = None
    end: Second | None = None
    effort: int = Field(1500, ge=50, le=20000)
    time_limit: float | None = Field(None, ge=1, le=86400, allow_inf_nan=False)
    tz: Zone | None = None


class WholePath(Asked):
    """Play the whole path on an emulated street."""

    network_id: BodyId
    begin: Second | None = None
    end: Second | None = None
    seeds: int = Field(5, ge=2, le=50)
    effort: int = Field(1500, ge=50, le=20000)
    time_limit: float | None = Field(None, ge=1, le=86400, allow_inf_nan=False)


class Validate(Asked):
    """Play a draft against the plan in force."""

    plan_id: BodyId
    seeds: int = Field(5, ge=2, le=50)
    begin: Second | None = None
    end: Second | None = None


class Forecast(Asked):
    """Forecast flows from uploaded counts."""

    counts: BodyId
    horizon: Span = "60min"
    tz: Zone | None = None
    backtest: int = Field(0, ge=0, le=366)


class Evaluate(Asked):
    """Compare measurements from before and after a change."""

    before: BodyId
    after: BodyId
    tz: Zone | None = None
    interval: Span = "60min"
    seed: int = Field(1, ge=0, le=2**31 - 1)


@router.get(f"{API}/runs", responses=documented())
def runs(
    desk: TheDesk,
    state: Annotated[list[RunState] | None, Query()] = None,
    network_id: Annotated[str | None, Query(pattern=r"^[0-9a-f]{12}$")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> list[RunOut]:
    """List runs, the newest first."""
    found = desk.store.runs.listed(state or (), network_id, limit, offset)
    return [run_out(run) for run in found]


@router.get(f"{API}/runs/{{run_id}}", responses=documented(404))
def run(run_id: RowId, desk: TheDesk) -> RunOut:
    """Tell of one run."""
    return run_out(desk.store.runs.get(run_id))


@router.get(
    f"{API}/runs/{{run_id}}/output",
    response_class=PlainTextResponse,
    responses=documented(404),
)
def output(run_id: RowId, desk: TheDesk) -> str:
    """Tell what a run said, its last 64 KiB."""
    folder = Path(desk.store.runs.get(run_id).folder)
    return pathless(tail(folder / OUTPUT), folder)


@router.get(f"{API}/runs/{{run_id}}/files", responses=documented(404))
def files(run_id: RowId, desk: TheDesk) -> list[FileOut]:
    """List what a run left."""
    folder = Path(desk.store.runs.get(run_id).folder) / FILES
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [FileOut(name=f.name, bytes=f.stat().st_size) for f in found if f.is_file()]


@router.get(
    f"{API}/runs/{{run_id}}/files/{{name}}",
    response_class=FileResponse,
    responses={
        **documented(404),
        200: {"content": {"application/octet-stream": {}}, "description": "The file."},
    },
)
def file(run_id: RowId, name: FileName, desk: TheDesk) -> FileResponse:
    """Fetch a file that a run left, to be kept and not shown in place."""
    folder = (Path(desk.store.runs.get(run_id).folder) / FILES).resolve()
    found = (folder / name).resolve()
    if found.parent != folder or not found.is_file():
        raise MissingError(f"run {run_id} left no file {name!r}")
    return FileResponse(found, media_type="application/octet-stream", filename=name)


@router.post(f"{API}/runs/{{run_id}}/cancel", responses=documented(404, 409))
def cancel(run_id: RowId, person: ThePerson, desk: TheDesk) -> RunOut:
    """Stop a run; none at work on the street, which is taken back in other ways (409)."""
    return run_out(desk.work.cancel(run_id, person.name))


@router.post(f"{API}/runs/optimize", status_code=202, responses=documented(404, 429))
def optimize(asked: Optimize, person: ThePerson, desk: TheDesk) -> RunOut:
    """Have plans computed."""
    return run_out(desk.run_orders.optimize(by=person.name, **asked.model_dump()))


@router.post(f"{API}/runs/run", status_code=202, responses=documented(404, 429))
def whole_path(asked: WholePath, person: ThePerson, desk: TheDesk) -> RunOut:
    """Have the whole path played on an emulated street; nothing is approved by it."""
    return run_out(desk.run_orders.whole_path(by=person.name, **asked.model_dump()))


@router.post(f"{API}/runs/validate", status_code=202, responses=documented(404, 409, 429))
def validate(asked: Validate, person: ThePerson, desk: TheDesk) -> RunOut:
    """Have a draft validated; its report is attached when the run is done."""
    return run_out(desk.run_orders.validate(by=person.name, **asked.model_dump()))


@router.post(f"{API}/runs/forecast", status_code=202, responses=documented(404, 429))
def forecast(asked: Forecast, person: ThePerson, desk: TheDesk) -> RunOut:
    """Have flows forecast."""
    return run_out(desk.run_orders.forecast(by=person.name, **asked.model_dump()))


@router.post(f"{API}/runs/evaluate", status_code=202, responses=documented(404, 429))
def evaluate(asked: Evaluate, person: ThePerson, desk: TheDesk) -> RunOut:
    """Have before and after compared."""
    return run_out(desk.run_orders.evaluate(by=person.name, **asked.model_dump()))


def run_out(run: Run) -> RunOut:
    """Return what is told of a run; not where its folder is."""
    return RunOut(
        id=run.id,
        network_id=run.network_id,
        kind=run.kind,
        asked=dict(run.arguments),
        state=run.state,
        progress=Progress(**pathless_progress(dict(run.progress), run.folder)),
        requested_by=run.requested_by,
        requested_utc=run.requested_utc,
        begun_utc=run.begun_utc,
        ended_utc=run.ended_utc,
        exit_code=run.exit_code,
        exit_text=pathless(run.exit_text, run.folder),
    )
