"""Whether the console lives, whether it can work, and what it counts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from network.errors import StoreError, StoreUnavailableError
from throughband.console.desk import TheDesk
from throughband.console.problems import documented

router = APIRouter(tags=["watching"])


class Health(BaseModel):
    """A sign of life."""

    status: str


@router.get("/healthz", responses=documented())
def healthz() -> Health:
    """Tell that the process answers; nothing else is asked."""
    return Health(status="alive")


@router.get("/readyz", responses=documented())
def readyz(desk: TheDesk) -> Health:
    """Tell whether the database answers and the journal can be read; 503 otherwise."""
    desk.store.ping()
    try:
        desk.store.plans.catch_up(desk.clock())
    except StoreUnavailableError:
        raise
    except StoreError as error:
        raise StoreUnavailableError(str(error)) from error
    if not desk.work.is_alive:
        raise StoreUnavailableError("runs are no longer looked after; restart the console")
    return Health(status="ready")


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={**documented(), 200: {"content": {"text/plain": {}}, "description": "Metrics."}},
)
def metrics(request: Request) -> Response:
    """Tell Prometheus what was counted."""
    text = generate_latest(request.app.state.counters.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
