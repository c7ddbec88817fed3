"""What every route works with: the store, the door, the configuration, and who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from network.errors import RightError, SignInError, StoreError
from throughband.console.config import ConsoleConfig
from throughband.console.gate import SAFE
from throughband.console.plan_moves import PlanMoves
from throughband.console.run_orders import RunOrders
from throughband.console.scenes import Scenes
from throughband.console.shelf import Shelf
from throughband.console.street_orders import StreetOrders
from throughband.console.work import Work
from throughband.people.door import Door, Person, same
from throughband.people.rights import Right
from throughband.people.routes import ROUTES
from throughband.store import Store

COOKIE: Final = "throughband"
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf_token"


@dataclass(frozen=True, slots=True)
class Desk:
    """What the console works with.

    Attributes
    ----------
    config, store, door
        Settings, rows, people.
    scenes, work
        Networks at hand, and runs.
    run_orders, plan_moves, street_orders
        What people may ask for.
    shelf
        Networks as modeled, and plans ready for trials.
    clock
        The present.
    """

    config: ConsoleConfig
    store: Store
    door: Door
    scenes: Scenes
    work: Work
    run_orders: RunOrders
    plan_moves: PlanMoves
    street_orders: StreetOrders
    shelf: Shelf
    clock: Callable[[], datetime]


def desk_of(request: Request) -> Desk:
    """Return what the application works with; a dependency of routes."""
    desk: Desk = request.app.state.desk
    return desk


def person_of(request: Request) -> Person:
    """Return who asks; a dependency of routes that are not public.

    Raises
    ------
    SignInError
        If nobody is signed in.
    """
    person = maybe_person_of(request)
    if person is None:
        raise SignInError("nobody is signed in")
    return person


def maybe_person_of(request: Request) -> Person | None:
    """Return who asks, or None; a dependency of public routes that greet people by name."""
    found: Person | None = getattr(request.state, "person", None)
    return found


def recognize(request: Request) -> None:
    """Find out who asks where no route did: at an address that is none."""
    if hasattr(request.state, "person"):
        return
    request.state.person = None
    # A page that tells of trouble with the database must not fail of it.
    with suppress(StoreError):
        request.state.person = _recognized(desk_of(request), request)[0]


TheDesk = Annotated[Desk, Depends(desk_of)]
ThePerson = Annotated[Person, Depends(person_of)]


async def guard(request: Request) -> None:
    """Let a request pass if its route's right is there; a dependency of the whole application.

    Raises
    ------
    SignInError
        If nobody is signed in and somebody has to be.
    RightError
        If the right is missing, or a form lacks the token that its page gave it.
    """
    route = f"{_method(request)} {request.scope['route'].path}"
    right = ROUTES[route]
    desk = desk_of(request)
    request.state.person = None
    person, by_cookie = await asyncio.to_thread(_recognized, desk, request)
    request.state.person = person
    if right is None:
        return
    if person is None:
        raise SignInError("nobody is signed in, or the session is over")
    if not person.may(right):
        raise RightError(f"{person.name} has not the right to {right}; {route} asks for it")
    if by_cookie and request.method not in SAFE:
        await _require_form_token(request, person)


def may(request: Request, right: Right) -> bool:
    """Tell whether who asks has a right."""
    person = maybe_person_of(request)
    return person is not None and person.may(right)


def _method(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method


def _recognized(desk: Desk, request: Request) -> tuple[Person | None, bool]:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return desk.door.of_bearer(token.strip()), False
    cookie = request.cookies.get(COOKIE)
    return (desk.door.of_cookie(cookie), True) if cookie else (None, False)


async def _require_form_token(request: Request, person: Person) -> None:
    given: str | UploadFile | None = request.headers.get(CSRF_HEADER)
    if given is None and not request.url.path.startswith("/api/"):
        kind = request.headers.get("content-type", "")
        if kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
            given = (await request.form()).get(CSRF_FIELD)
    if not isinstance(given, str) or not same(given, person.csrf_token):
        raise RightError("the form's token is missing or of another session; load the page again")
