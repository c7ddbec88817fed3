"""Accounts, passwords and machines' tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from network.errors import MissingError, SignInError
from throughband.console.api.fields import Asked, Line, Name, RowId, Secret
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.problems import documented
from throughband.people.door import Person
from throughband.people.rights import Right
from throughband.people.routes import API
from throughband.store.rows import ApiToken, User

router = APIRouter(tags=["people"])

Rights = Annotated[list[Right], Field(max_length=len(Right))]


class UserOut(BaseModel):
    """An account."""

    id: str
    name: str
    full_name: str
    rights: list[Right]
    is_active: bool
    created_utc: datetime
    last_seen_utc: datetime | None
    version: int
    has_password: bool
    has_provider: bool


class NewUser(Asked):
    """A new account; without a password it is for a provider's word alone."""

    name: Name
    full_name: Line
    rights: Rights
    password: Secret | None = None


class UserChange(Asked):
    """What is to change; what is left out stays."""

    seen_version: int = Field(ge=1, le=2**31 - 1)
    full_name: Line | None = None
    rights: Rights | None = None
    is_active: bool | None = None


class NewPassword(Asked):
    """A new password, set by somebody who administers."""

    seen_version: int = Field(ge=1, le=2**31 - 1)
    password: Secret


class OwnPassword(Asked):
    """A new password of one's own."""

    old: Secret
    new: Secret


class NewToken(Asked):
    """A token for a machine."""

    name: Line
    rights: Rights
    days: int = Field(90, ge=1, le=366)


class TokenOut(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    rights: list[Right]
    created_utc: datetime
    expires_utc: datetime
    used_utc: datetime | None


class SessionOut(BaseModel):
    """Somebody's sign-in in a browser."""

    id: str
    created_utc: datetime
    seen_utc: datetime = Field(description="When it was last used, to the minute.")
    expires_utc: datetime
    agent: str = Field(description="What the browser said it is.")


class MadeToken(TokenOut):
    """A token that was just made."""

    token: str = Field(description="Shown this once; send it as 'Authorization: Bearer ...'.")


@router.get(f"{API}/users", responses=documented())
def users(desk: TheDesk) -> list[UserOut]:
    """List all accounts by name."""
    return [_user(user) for user in desk.store.users.listed()]


@router.post(f"{API}/users", status_code=201, responses=documented(409))
def add_user(asked: NewUser, person: ThePerson, desk: TheDesk) -> UserOut:
    """Add an account."""
    rights = frozenset(asked.rights) | {Right.VIEW}
    user = desk.door.add_user(asked.name, asked.full_name, rights, asked.password)
    told = sorted(rights)
    desk.store.audit("account added", person.name, desk.clock(), account=user.name, rights=told)
    return _user(user)


@router.patch(f"{API}/users/{{user_id}}", responses=documented(404, 409))
def change_user(user_id: RowId, asked: UserChange, person: ThePerson, desk: TheDesk) -> UserOut:
    """Change an account; whose rights change is signed out everywhere."""
    rights = None if asked.rights is None else frozenset(asked.rights) | {Right.VIEW}
    user = desk.store.users.change(
        user_id, asked.seen_version,
        full_name=asked.full_name, rights=rights, is_active=asked.is_active,
    )  # fmt: skip
    desk.store.audit(
        "account changed", person.name, desk.clock(),
        account=user.name, rights=sorted(user.rights), is_active=user.is_active,
    )  # fmt: skip
    return _user(user)


@router.post(f"{API}/users/{{user_id}}/password", responses=documented(404, 409))
def set_password(user_id: RowId, asked: NewPassword, person: ThePerson, desk: TheDesk) -> UserOut:
    """Give somebody a new password; it signs the account out everywhere and ends its tokens."""
    user = desk.door.change_password(
        desk.store.users.get(user_id), asked.seen_version, asked.password
    )
    desk.store.audit("password set", person.name, desk.clock(), account=user.name)
    return _user(user)


@router.get(f"{API}/users/{{user_id}}/tokens", responses=documented(404))
def tokens_of(user_id: RowId, desk: TheDesk) -> list[TokenOut]:
    """List somebody's tokens, the newest first."""
    desk.store.users.get(user_id)
    return [TokenOut(**_token(row)) for row in desk.store.tokens.listed(user_id)]


@router.delete(
    f"{API}/users/{{user_id}}/tokens/{{token_id}}", status_code=204, responses=documented(404)
)
def end_token_of(user_id: RowId, token_id: RowId, person: ThePerson, desk: TheDesk) -> None:
    """End one of somebody's tokens."""
    end_token_for(desk, person, user_id, token_id)


@router.get(f"{API}/users/{{user_id}}/sessions", responses=documented(404))
def sessions_of(user_id: RowId, desk: TheDesk) -> list[SessionOut]:
    """List where somebody is signed in, the place used last first."""
    desk.store.users.get(user_id)
    found = desk.store.sessions.listed(user_id, desk.clock(), desk.door.limits.idle)
    return [
        SessionOut(**{name: getattr(row, name) for name in SessionOut.model_fields})
        for row in found
    ]


@router.delete(f"{API}/users/{{user_id}}/sessions", status_code=204, responses=documented(404))
def end_sessions_of(user_id: RowId, person: ThePerson, desk: TheDesk) -> None:
    """Sign somebody out everywhere; the person's tokens stay."""
    end_sessions(desk, person, user_id)


@router.delete(
    f"{API}/users/{{user_id}}/sessions/{{session_id}}", status_code=204, responses=documented(404)
)
def end_session_of(user_id: RowId, session_id: RowId, person: ThePerson, desk: TheDesk) -> None:
    """End one of somebody's sessions."""
    end_sessions(desk, person, user_id, session_id)


def end_sessions(desk: Desk, person: Person, user_id: str, session_id: str = "") -> None:
    """End one of somebody's sessions, or all, and have it in the journal.

    Raises
    ------
    MissingError
        There is no such account or session.
    """
    owner = desk.store.users.get(user_id)
    told: dict[str, Any] = {"account": owner.name}
    if session_id:
        if not desk.store.sessions.end_one(session_id, user_id):
            raise MissingError(f"there is no session {session_id!r} of {owner.name}")
        desk.store.audit("session ended", person.name, desk.clock(), session=session_id, **told)
    else:
        count = desk.store.sessions.end_all(user_id)
        desk.store.audit("signed out everywhere", person.name, desk.clock(), count=count, **told)


def end_token_for(desk: Desk, person: Person, user_id: str, token_id: str) -> None:
    """End one of somebody's tokens, and have it in the journal.

    Raises
    ------
    MissingError
        There is no such account or token.
    """
    owner = desk.store.users.get(user_id)
    if not desk.store.tokens.end(token_id, user_id):
        raise MissingError(f"there is no token {token_id!r} of {owner.name}")
    desk.store.audit("token ended", person.name, desk.clock(), token=token_id, account=owner.name)


@router.post(f"{API}/me/password", status_code=204, responses=documented(409))
def change_own_password(asked: OwnPassword, person: ThePerson, desk: TheDesk) -> None:
    """Change one's own password; it signs out everywhere, here too, and ends one's tokens."""
    if not desk.door.knows(person.user, asked.old):
        raise SignInError("the old password is wrong")
    desk.door.change_password(person.user, person.user.version, asked.new)
    desk.store.audit("password changed", person.name, desk.clock(), account=person.name)


@router.get(f"{API}/tokens", responses=documented())
def tokens(person: ThePerson, desk: TheDesk) -> list[TokenOut]:
    """List one's own tokens, the newest first."""
    return [TokenOut(**_token(row)) for row in desk.store.tokens.listed(person.user.id)]


@router.post(f"{API}/tokens", status_code=201, responses=documented())
def make_token(asked: NewToken, person: ThePerson, desk: TheDesk) -> MadeToken:
    """Make a token in one's own name, with some of one's own rights."""
    token, row = desk.door.make_token(person, asked.name, asked.rights, asked.days)
    desk.store.audit(
        "token made", person.name, desk.clock(), token=asked.name, rights=sorted(row.rights)
    )
    return MadeToken(token=token, **_token(row))


@router.delete(f"{API}/tokens/{{token_id}}", status_code=204, responses=documented(404))
def end_token(token_id: RowId, person: ThePerson, desk: TheDesk) -> None:
    """End one of one's own tokens."""
    if not desk.store.tokens.end(token_id, person.user.id):
        raise MissingError(f"there is no token {token_id!r} of {person.name}")
    desk.store.audit("token ended", person.name, desk.clock(), token=token_id)


def _user(user: User) -> UserOut:
    return UserOut(
        id=user.id,
        name=user.name,
        full_name=user.full_name,
        rights=[right for right in Right if right in user.rights],
        is_active=user.is_active,
        created_utc=user.created_utc,
        last_seen_utc=user.last_seen_utc,
        version=user.version,
        has_password=user.password_hash is not None,
        has_provider=user.subject is not None,
    )


def _token(row: ApiToken) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "rights": [right for right in Right if right in row.rights],
        "created_utc": row.created_utc,
        "expires_utc": row.expires_utc,
        "used_utc": row.used_utc,
    }
