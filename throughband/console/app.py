"""The application: routes behind one gate, each with its right from one table."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from throughband.console.api import routers
from throughband.console.config import ConsoleConfig
from throughband.console.desk import Desk, guard
from throughband.console.gate import Counters, Gate
from throughband.console.plan_moves import PlanMoves
from throughband.console.problems import fault, tell_errors
from throughband.console.run_orders import RunOrders
from throughband.console.scenes import Scenes
from throughband.console.shelf import Shelf
from throughband.console.street_orders import StreetOrders
from throughband.console.work import Work
from throughband.people.door import Door
from throughband.people.passwords import Passwords
from throughband.people.routes import API, ROUTES
from throughband.store import Store, open_store
from throughband.store.repository import NewId, drawn_id

OPEN = frozenset(route for route, right in ROUTES.items() if right is None)


def _now_utc() -> datetime:
    return datetime.now(UTC)


def create_app(
    config: ConsoleConfig,
    *,
    clock: Callable[[], datetime] = _now_utc,
    store: Store | None = None,
    passwords: Passwords | None = None,
    new_id: NewId = drawn_id,
    pages: Sequence[APIRouter] = (),
) -> FastAPI:
    """Make the console's application.

    Parameters
    ----------
    config
        Settings.
    clock
        The present.
    store
        An opened store; else the configuration's is opened, and migrated after a backup.
    passwords
        How passwords are hashed; argon2id with the library's parameters otherwise.
    new_id
        Draws correlation ids.
    pages
        Routers of HTML pages beside the API's; each of their routes must stand in
        `throughband.people.routes.ROUTES`.

    Returns
    -------
    FastAPI
        With the `throughband.console.desk.Desk` as ``app.state.desk``.

    Raises
    ------
    StoreError
        If the database cannot be used.
    """
    opened = store or open_store(
        config.database, backups=config.backups, journal=config.journal, clock=clock
    )
    scenes = Scenes()
    work = Work(config, opened, clock, scenes)
    shelf = Shelf()
    door = Door(opened, clock, config.limits, passwords)

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        work.start()
        try:
            yield
        finally:
            shelf.close()
            await asyncio.to_thread(work.stop)

    app = FastAPI(
        lifespan=living,
        title="Throughband console",
        version=importlib.metadata.version("throughband"),
        description="Networks, runs, plans and their lives, the corridor, the journal, people.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(guard)],
    )
    app.state.desk = Desk(
        config=config,
        store=opened,
        door=door,
        scenes=scenes,
        work=work,
        run_orders=RunOrders(config, opened, work),
        plan_moves=PlanMoves(config, opened, scenes, clock),
        street_orders=StreetOrders(config, opened, work, clock),
        shelf=shelf,
        clock=clock,
    )
    app.state.provider = None
    if config.oidc is not None:
        from throughband.people.oidc import Provider

        app.state.provider = Provider(config.oidc, opened, clock)
    app.state.counters = Counters(CollectorRegistry())
    tell_errors(app)
    for router in (*routers(), *pages):
        app.include_router(router)
    require_rights(app)
    app.openapi = partial(_document, app, app.openapi)  # type: ignore[method-assign]
    app.add_middleware(
        Gate,
        counters=app.state.counters,
        upload_bytes=config.upload_bytes,
        https=config.https,
        new_id=new_id,
        is_open=lambda method, path: f"{method} {path}" in OPEN,
        public_url=config.public_url,
        on_fault=fault,
    )
    return app


def _document(app: FastAPI, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the OpenAPI document; errors are JSON even where what is asked for is not."""
    document = make()
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")) and "content" in answer:
                    schemas = list(answer["content"].values())
                    answer["content"] = {"application/json": schemas[0]}
    app.openapi_schema = document
    return document


def routes_of(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    """Yield every route of the API and the pages, as the table of rights names it."""
    for route in _flat(app.router.routes):
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path}", route


def require_rights(app: FastAPI) -> None:
    """Refuse to start with a route that the table of rights does not know.

    Raises
    ------
    KeyError
        Naming it: this is a mistake in the program.
    """
    for name, _ in routes_of(app):
        if name not in ROUTES:
            raise KeyError(f"route {name!r} is missing in throughband.people.routes.ROUTES")


def _flat(routes: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        inner: Any = getattr(route, "original_router", None)
        if inner is not None:
            yield from _flat(inner.routes)
        else:
            yield route
