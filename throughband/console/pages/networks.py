"""Networks: list, import, map and intersection sheets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from engine.measures.hcm_terms import GRADES, level_of_service
from network.errors import MissingError, ThroughbandError
from throughband.console.config import MEBIBYTE
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.kept import StillMadeError
from throughband.console.map_drawing import LETTERS, QUEUE_STEPS
from throughband.console.pages.rings import rings_of
from throughband.console.pages.serving import (
    Form,
    page,
    shelf_of,
    to,
    works_of,
)
from throughband.console.shelf import Modeled, Shelf
from throughband.console.trials import folder_of
from throughband.pictures.approaches import ApproachState
from throughband.plan_life import PlanState
from throughband.reports.timing_sheet import movement_name
from throughband.store.rows import Network

router = APIRouter(include_in_schema=False)

SHOWS: Final = (("los", "Level of service"), ("delay", "Delay"), ("queue", "Queue"))
DELAY_SCALE: Final = tuple(
    zip("ABCDEF", ("≤ 10 s", "≤ 20 s", "≤ 35 s", "≤ 55 s", "≤ 80 s", "> 80 s"), strict=True)
)
SHOWN: Final = 8
QUEUE_SCALE: Final = tuple(
    zip(
        LETTERS,
        (*(f"≤ {step:g} veh" for step in QUEUE_STEPS), f"> {QUEUE_STEPS[-1]:g} veh"),
        strict=True,
    )
)
SCALES: Final = {"delay": DELAY_SCALE, "queue": QUEUE_SCALE}
"""What the colors of a map mean; the letters of queues are names of colors and are not shown."""

MAP_STEPS: Final = {
    "delay_s": [limit_s for limit_s, _ in GRADES], "queue_veh": list(QUEUE_STEPS),
}  # fmt: skip
"""Where the colors of the map with scripts change, as those of the one without."""


@dataclass(frozen=True, slots=True)
class SignalRow:
    """An intersection in the list of a network."""

    signal_id: str
    approaches: int
    cycle_s: int | None
    offset_s: int | None
    volume_vph: float | None
    delay_s: float | None
    level: str | None
    queue_veh: float | None


@dataclass(frozen=True, slots=True)
class MovementRow:
    """A movement of an intersection sheet, with how its approach fares."""

    name: str
    link: str
    volume_vph: float | None
    saturation: float | None
    delay_s: float | None
    level: str | None
    queue_veh: float | None


@router.get("/networks")
def list_networks(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """List the networks."""
    store = desk.store
    active = {plan.network_id: plan for plan in store.plans.listed((PlanState.ACTIVE,))}
    return page(request, "networks.html", networks=store.networks.listed(), active=active)


@router.get("/networks/import")
def show_import(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """Show the forms that bring a network."""
    return _import_page(request, desk, {}, "", "")


@router.post("/networks/import")
def import_network(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Import an upload."""
    upload = form.file("file")
    errors = {}
    if not form["name"]:
        errors["name"] = "a network needs a name"
    if upload is None:
        errors["file"] = "choose a file"
    if errors or upload is None:
        return _import_page(request, desk, errors, form["name"], "")
    try:
        found = works_of(request).import_network(person, form["name"], *upload)
    except ThroughbandError as error:
        return _import_page(request, desk, {"file": str(error)}, form["name"], "")
    return to(f"/runs/{found.id}", "ordered")


@router.post("/networks/catalog")
def add_city(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Add a network of the catalog."""
    try:
        found = works_of(request).add_city(person, form["city"])
    except ThroughbandError as error:
        return _import_page(request, desk, {"city": str(error)}, "", form["city"])
    return to(f"/networks/{found.id}", "added")


@router.get("/networks/{network_id}")
def show_network(
    request: Request, network_id: str, person: ThePerson, desk: TheDesk, show: str = "los"
) -> Response:
    """Show a network with its map."""
    shelf = shelf_of(request)
    network = desk.store.networks.get(network_id)
    show = show if show in dict(SHOWS) else "los"
    modeled, trouble = _modeled(desk, shelf, network)
    active = desk.store.plans.listed((PlanState.ACTIVE,), network_id)
    return page(
        request,
        "network.html",
        network=network,
        active=active[0] if active else None,
        drawing=modeled.drawing(show) if modeled else None,
        map_url=f"/networks/{network_id}/map.json",
        map_said=_said(modeled),
        show=show,
        shows=SHOWS,
        scales=SCALES,
        map_steps=MAP_STEPS,
        trouble=trouble,
        signals=_signal_rows(modeled) if modeled else [],
        plans=desk.store.plans.listed(network_id=network_id, limit=SHOWN),
        runs=desk.store.runs.listed(network_id=network_id, limit=SHOWN),
    )


@router.get("/networks/{network_id}/map.json")
def map_data(request: Request, network_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Return a network as GeoJSON, for the map."""
    shelf = shelf_of(request)
    network = desk.store.networks.get(network_id)
    modeled = shelf.modeled(network.id, network.source, folder_of(desk, network))
    return Response(
        modeled.packed,
        media_type="application/geo+json",
        headers={"Cache-Control": "private, max-age=5"},
    )


@router.get("/networks/{network_id}/signals/{signal_id:path}")
def show_signal(
    request: Request, network_id: str, signal_id: str, person: ThePerson, desk: TheDesk
) -> Response:
    """Show an intersection's sheet."""
    shelf = shelf_of(request)
    network = desk.store.networks.get(network_id)
    modeled = shelf.modeled(network.id, network.source, folder_of(desk, network))
    signal = modeled.network.signals.get(signal_id)
    if signal is None:
        raise MissingError(f"the network {network.name!r} has no signal {signal_id!r}")
    states = {state.link_id: state for state in modeled.states}
    volumes: dict[str, float] = {}
    if modeled.wanted is not None:
        flows = modeled.wanted.flows
        mean = flows.flow_vph.mean(axis=0)
        volumes = dict(zip(flows.movement_ids, map(float, mean), strict=True))
    rows = []
    for movement in signal.movements:
        state = states.get(movement.from_link)
        rows.append(
            MovementRow(
                movement_name(modeled.network, movement),
                movement.from_link,
                volumes.get(movement.movement_id),
                state.saturation if state else None,
                state.delay_s if state else None,
                state.level_of_service if state else None,
                state.queue_veh if state else None,
            )
        )
    return page(
        request, "signal.html", network=network, signal_id=signal_id,
        rings=rings_of(signal, signal.plan_in_force), movements=rows, map_said=_said(modeled),
    )  # fmt: skip


def _modeled(desk: Desk, shelf: Shelf, network: Network) -> tuple[Modeled | None, str]:
    try:
        return shelf.modeled(network.id, network.source, folder_of(desk, network)), ""
    except StillMadeError:
        return None, ""
    except ThroughbandError as error:
        return None, str(error)


def _said(modeled: Modeled | None) -> str:
    if modeled is None or not modeled.states:
        return (
            "Nobody counted here yet: delays and queues appear after the first run, or with "
            "counts that are imported."
        )
    return (
        "Control delay and queues of the hour-long model, under the plans in force; approaches "
        "are graded by control delay alone."
    )


def _signal_rows(modeled: Modeled) -> list[SignalRow]:
    by_signal: dict[str, list[ApproachState]] = {}
    for state in modeled.states:
        by_signal.setdefault(state.signal_id, []).append(state)
    rows = []
    for name, signal in sorted(modeled.network.signals.items()):
        states = by_signal.get(name, [])
        plan = signal.plan_in_force
        volume = sum(state.volume_vph for state in states)
        delay = None
        if volume > 0:
            delay = sum(state.delay_s * state.volume_vph for state in states) / volume
        queues = [state.queue_veh for state in states if state.queue_veh is not None]
        rows.append(
            SignalRow(
                name,
                len({movement.from_link for movement in signal.movements}),
                plan.cycle_s if plan else None,
                plan.offset_s if plan else None,
                volume if states else None,
                delay,
                None if delay is None else level_of_service(delay),
                max(queues, default=None),
            )
        )
    return rows


def _import_page(
    request: Request, desk: Desk, errors: dict[str, str], name: str, city: str
) -> Response:
    values: dict[str, Any] = {"name": name, "city": city}
    return page(
        request, "network_import.html", 422 if errors else 200, errors=errors, values=values,
        most_mb=desk.config.upload_bytes // MEBIBYTE,
        catalog=[(city, city) for city in works_of(request).catalog()],
    )  # fmt: skip
