"""Runs: list, start, follow, and the files they leave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from network.errors import MissingError, ThroughbandError
from throughband.console.carrying import FILES
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.pages.overview import names_of
from throughband.console.pages.paging import paging
from throughband.console.pages.serving import (
    FILE_POLICY,
    Form,
    Posted,
    page,
    to,
    works_of,
)
from throughband.console.work import UNDOING
from throughband.store.rows import Network, Run
from throughband.store.runs import OPEN

router = APIRouter(include_in_schema=False)

KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("run", "Search a plan and prove it in simulation"),
    ("optimize", "Search a plan only"),
    ("validate", "Prove a plan that is there"),
)
GOALS: Final = (
    ("delay", "delay of vehicles"),
    ("person-delay", "delay of persons"),
    ("stops", "stops"),
    ("emissions", "emissions"),
)
ASKED: Final = {
    "time_limit": "Time limit [s]",
    "seeds": "Simulated runs per plan",
    "begin": "Begin of the window [s]",
    "end": "End of the window [s]",
}
LINKED: Final = frozenset({"plan_id", "upload"})
SHOWN_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/plain; charset=utf-8",
    ".xml": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
}
REPORT: Final = "report.html"
PLAN: Final = "plan.json"
_NAME: Final = re.compile(r"[\w][\w. -]*")


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file that a run left; whether a browser shows it."""

    name: str
    size: str
    shown: bool


@router.get("/runs")
def list_runs(request: Request, person: ThePerson, desk: TheDesk, network: str = "") -> Response:
    """List runs, the newest first."""
    store = desk.store
    here = paging(request, store.runs.count(network_id=network or None))
    found = store.runs.listed(network_id=network or None, offset=here.offset)
    busy = any(run.state in OPEN for run in found)
    return page(
        request, "runs.html", runs=found, network_names=names_of(store), busy=busy, page=here,
        only=network,
    )  # fmt: skip


@router.get("/runs/new")
def show_start(
    request: Request,
    person: ThePerson,
    desk: TheDesk,
    network: str = "",
    kind: str = "run",
    plan: str = "",
) -> Response:
    """Show the form that starts a run."""
    values = {
        "network": network, "kind": kind, "plan": plan, "title": "", "time_limit_s": "60",
        "minimize": "delay", "seeds": "5", "begin_s": "", "end_s": "",
    }  # fmt: skip
    return _start_page(request, desk, values, {})


@router.post("/runs/new")
def start_run(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Start a run."""
    arguments, errors = arguments_of(form)
    if not errors:
        try:
            found = works_of(request).start_run(person, form["network"], form["kind"], arguments)
        except ThroughbandError as error:
            errors[""] = str(error)
        else:
            return to(f"/runs/{found.id}")
    return _start_page(request, desk, {name: form[name] for name in _FIELDS}, errors)


_FIELDS: Final = (
    "network", "kind", "plan", "title", "time_limit_s", "minimize", "seeds", "begin_s", "end_s"
)  # fmt: skip


def arguments_of(form: Posted) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a form asks for, and what is wrong in it by field."""
    arguments: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, least, most, whole in (
        ("time_limit_s", 1.0, 86_400.0, False),
        ("seeds", 2.0, 100.0, True),
        ("begin_s", 0.0, 604_800.0, False),
        ("end_s", 0.0, 604_800.0, False),
    ):
        text = form[name]
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            errors[name] = f"{text!r}: allowed is {kind} from {least:g} to {most:g}"
            continue
        arguments[name] = int(value) if whole else value
    if form["kind"] not in dict(KINDS):
        errors["kind"] = f"{form['kind']!r}: allowed are {', '.join(dict(KINDS))}"
    if form["minimize"] and form["minimize"] not in dict(GOALS):
        errors["minimize"] = f"{form['minimize']!r}: allowed are {', '.join(dict(GOALS))}"
    if form["kind"] == "validate":
        if not form["plan"]:
            errors["kind"] = "open the plan that is to be proven and start from there"
        arguments.pop("time_limit_s", None)
        arguments["plan"] = form["plan"]
    else:
        arguments["minimize"] = form["minimize"] or "delay"
    if form["kind"] == "optimize":
        arguments.pop("seeds", None)
    if form["title"]:
        arguments["title"] = form["title"][:200]
    return arguments, errors


@router.get("/runs/{run_id}")
def show_run(request: Request, run_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Show a run."""
    store = desk.store
    run = store.runs.get(run_id)
    network = store.networks.get(run.network_id) if run.network_id else None
    files = files_of(run)
    plan = next(
        (p for p in store.plans.listed(network_id=run.network_id) if p.run_id == run.id), None
    )
    return page(
        request, "run.html", run=run, network=network, plan=plan, files=files,
        asked=asked_of(run), made=_imported_by(desk, run),
        undoing=UNDOING.get(run.kind, ""),
        has_report=any(file.name == REPORT for file in files),
        has_plan=any(file.name == PLAN for file in files),
    )  # fmt: skip


def asked_of(run: Run) -> list[tuple[str, str]]:
    """Return what was asked for, in words; what a link of the page says better is not among it."""
    found = []
    for name, value in run.arguments.items():
        if name in LINKED or value in (None, "", []):
            continue
        label = ASKED.get(name, name.replace("_", " ").capitalize())
        found.append((label, f"{value:g}" if isinstance(value, float) else str(value)))
    return found


def _imported_by(desk: Desk, run: Run) -> Network | None:
    """Return the network that an import brought onto the list; it is kept by the run's name."""
    if run.kind != "import":
        return None
    kept = desk.store.networks.listed()
    return next((one for one in kept if Path(one.source).parent.name == run.id), None)


@router.get("/runs/{run_id}/now")
def run_now(request: Request, run_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Return where a run is, for the page that follows it; a finished one renews the page."""
    run = desk.store.runs.get(run_id)
    answer = page(request, "run_now.html", run=run)
    if run.state not in OPEN:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/runs/{run_id}/cancel")
def cancel_run(
    request: Request, run_id: str, form: Form, person: ThePerson, desk: TheDesk
) -> Response:
    """Stop a run."""
    desk.work.cancel(run_id, person.name)
    return to(f"/runs/{run_id}", "stopped")


@router.post("/runs/{run_id}/plan")
def keep_plan(
    request: Request, run_id: str, form: Form, person: ThePerson, desk: TheDesk
) -> Response:
    """Make the plan that a run found a draft."""
    run = desk.store.runs.get(run_id)
    title = form["title"][:200] or f"{run.kind} of {run.requested_utc:%Y-%m-%d %H:%M} UTC"
    plan = desk.plan_moves.plan_from_run(run_id, title, person.name)
    return to(f"/plans/{plan.id}", "added")


@router.get("/runs/{run_id}/files/{name}")
def run_file(
    request: Request, run_id: str, name: str, person: ThePerson, desk: TheDesk
) -> Response:
    """Return a file that a run left; only what lies in its own folder."""
    run = desk.store.runs.get(run_id)
    known = {file.name: file for file in files_of(run)}
    if name not in known:
        raise MissingError(f"run {run_id} has no file {name!r}")
    path = Path(run.folder) / FILES / name
    kind = SHOWN_TYPES.get(path.suffix, "application/octet-stream")
    headers = {
        "Content-Security-Policy": FILE_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Cache-Control": "private, no-cache",
    }
    return FileResponse(
        path, media_type=kind, headers=headers, filename=None if known[name].shown else name
    )


def files_of(run: Run) -> list[RunFile]:
    """Return the files in a run's folder; nothing below it, nothing linked from elsewhere."""
    folder = Path(run.folder) / FILES
    if not folder.is_dir():
        return []
    return [
        RunFile(entry.name, _size(entry.stat().st_size), entry.suffix in SHOWN_TYPES)
        for entry in sorted(folder.iterdir())
        if entry.is_file() and not entry.is_symlink() and _NAME.fullmatch(entry.name)
    ]


def _size(size: int) -> str:
    if size < 10_000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 10_000_000 else f"{size / 1_000_000:.0f} MB"


def _start_page(
    request: Request, desk: Desk, values: dict[str, str], errors: dict[str, str]
) -> Response:
    store = desk.store
    plan = store.plans.get(values["plan"]) if values["plan"] else None
    if plan is not None:
        values = {**values, "network": plan.network_id}
    return page(
        request, "run_new.html", 422 if errors else 200, errors=errors, values=values, plan=plan,
        networks=[(network.id, network.name) for network in store.networks.listed()],
        kinds=[kind for kind in KINDS if plan is not None or kind[0] != "validate"],
        minimize=GOALS,
    )  # fmt: skip
