"""Networks: the list, the catalog, imports, uploads."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, UploadFile
from pydantic import BaseModel, Field

from scenarios.cities import CITIES
from throughband.console.api.fields import Asked, BodyId, Line, RowId
from throughband.console.api.runs import RunOut, run_out
from throughband.console.desk import TheDesk, ThePerson
from throughband.console.problems import documented
from throughband.console.uploads import keep_upload
from throughband.people.routes import API
from throughband.store.rows import Network

router = APIRouter(tags=["networks"])


class NetworkOut(BaseModel):
    """A network."""

    id: str
    name: str
    kind: str
    scenario: str
    summary: dict[str, Any]
    added_by: str
    added_utc: datetime
    removed_utc: datetime | None


class FromCatalog(Asked):
    """A city of the catalog."""

    city: Literal[CITIES]  # type: ignore[valid-type]
    name: Line | None = None


class Import(Asked):
    """An uploaded file or archive to be made a scenario."""

    name: Line
    upload_id: BodyId
    format: Literal["", "sumo-net", "sumocfg", "osm", "utdf", "gmns"] = Field(
        "", description="Told by the content where left out."
    )


class UploadOut(BaseModel):
    """What was uploaded."""

    id: str
    name: str
    bytes: int


@router.get(f"{API}/cities", responses=documented())
def cities() -> list[str]:
    """List the catalog."""
    return list(CITIES)


@router.get(f"{API}/networks", responses=documented())
def networks(desk: TheDesk) -> list[NetworkOut]:
    """List the networks by name."""
    return [_network(found) for found in desk.store.networks.listed()]


@router.get(f"{API}/networks/{{network_id}}", responses=documented(404))
def network(network_id: RowId, desk: TheDesk) -> NetworkOut:
    """Tell of one network."""
    return _network(desk.store.networks.get(network_id))


@router.post(f"{API}/networks/catalog", status_code=201, responses=documented(409))
def add_city(asked: FromCatalog, person: ThePerson, desk: TheDesk) -> NetworkOut:
    """Add a city of the catalog."""
    scenario, summary = desk.scenes.summary(asked.city)
    found = desk.store.networks.add(
        asked.name or asked.city, "catalog", asked.city, scenario, summary, person.name,
        desk.clock(),
    )  # fmt: skip
    desk.store.audit("network added", person.name, desk.clock(), network=found.name)
    return _network(found)


@router.post(f"{API}/networks/import", status_code=202, responses=documented(404, 409, 429))
def import_network(asked: Import, person: ThePerson, desk: TheDesk) -> RunOut:
    """Have an upload made a scenario; the network is on the list when the run is done."""
    run = desk.run_orders.import_network(asked.name, asked.upload_id, person.name, asked.format)
    return run_out(run)


@router.delete(f"{API}/networks/{{network_id}}", responses=documented(404))
def remove(network_id: RowId, person: ThePerson, desk: TheDesk) -> NetworkOut:
    """Take a network off the list; plans and runs of it stay."""
    found = desk.store.networks.remove(network_id, desk.clock())
    desk.store.audit("network removed", person.name, desk.clock(), network=found.name)
    return _network(found)


@router.post(f"{API}/uploads", status_code=201, responses=documented(413))
def upload(
    file: Annotated[UploadFile, File(description="Network, counts, log or archive.")],
    person: ThePerson,
    desk: TheDesk,
) -> UploadOut:
    """Upload a file for an import or a run."""
    upload_id = secrets.token_hex(6)
    kept, size = keep_upload(
        desk.config.uploads / upload_id, file.filename or "file", file.file,
        desk.config.upload_bytes,
    )  # fmt: skip
    desk.store.audit("uploaded", person.name, desk.clock(), upload_id=upload_id, file=kept.name)
    return UploadOut(id=upload_id, name=kept.name, bytes=size)


def _network(found: Network) -> NetworkOut:
    return NetworkOut(
        **{name: getattr(found, name) for name in NetworkOut.model_fields},
    )
