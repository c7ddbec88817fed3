"""Signing in and out, and who is signed in."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from throughband.console.api.fields import Asked, Secret
from throughband.console.config import ConsoleConfig
from throughband.console.desk import COOKIE, TheDesk, ThePerson
from throughband.console.problems import documented
from throughband.people.door import Person
from throughband.people.rights import Right
from throughband.people.routes import API

router = APIRouter(tags=["people"])


class SignIn(Asked):
    """Name and password."""

    name: Secret
    password: Secret


class Me(BaseModel):
    """Who is signed in."""

    id: str
    name: str
    full_name: str
    rights: list[Right]
    last_seen_utc: datetime | None
    csrf_token: str = Field(
        description="To send as X-CSRF-Token with everything but GET; empty with a Bearer token."
    )


@router.post(f"{API}/session", responses=documented(429))
def sign_in(asked: SignIn, request: Request, response: Response, desk: TheDesk) -> Me:
    """Sign in with name and password; the answer sets the session's cookie."""
    token, person = desk.door.sign_in(
        asked.name, asked.password, address_of(request), request.headers.get("user-agent", "")
    )
    set_cookie(response, desk.config, token)
    return me(person)


@router.get(f"{API}/session", responses=documented())
def who(person: ThePerson) -> Me:
    """Tell who is signed in."""
    return me(person)


@router.delete(f"{API}/session", status_code=204, responses=documented())
def sign_out(person: ThePerson, desk: TheDesk, response: Response) -> None:
    """Sign out; of a Bearer token nothing ends."""
    desk.door.sign_out(person)
    response.delete_cookie(COOKIE, path="/")


def me(person: Person) -> Me:
    """Return what is told of somebody signed in."""
    user = person.user
    return Me(
        id=user.id,
        name=user.name,
        full_name=user.full_name,
        rights=[right for right in Right if right in person.rights],
        last_seen_utc=user.last_seen_utc,
        csrf_token=person.csrf_token,
    )


def set_cookie(response: Response, config: ConsoleConfig, token: str) -> None:
    """Have a browser keep a session's token, out of the reach of scripts and other sites."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=round(config.limits.session.total_seconds()),
        path="/",
        secure=config.https,
        httponly=True,
        samesite="lax",
    )


def address_of(request: Request) -> str:
    """Return where a request comes from; uvicorn has put a trusted proxy's word there."""
    return request.client.host if request.client else ""
