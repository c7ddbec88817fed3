"""Accounts: list, add, change."""

from __future__ import annotations

import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from network.errors import AccessError, StaleError, StoreError, StoreUnavailableError
from throughband.console.api.people import end_sessions, end_token_for
from throughband.console.desk import Desk, TheDesk, ThePerson
from throughband.console.pages.account import offered
from throughband.console.pages.serving import Form, Posted, page, to
from throughband.people.passwords import LEAST_CHARACTERS
from throughband.people.rights import Right, rights_of, told_rights
from throughband.store.rows import User

router = APIRouter(include_in_schema=False)

_NAME: Final = re.compile(r"[0-9A-Za-z._@-]{1,100}")


@router.get("/users")
def list_users(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """List the accounts."""
    now = desk.clock()
    return page(
        request, "users.html", users=desk.store.users.listed(),
        signed_in=desk.store.sessions.counted(now, desk.door.limits.idle),
        token_counts=desk.store.tokens.counted(now),
    )  # fmt: skip


@router.get("/users/new")
def show_new(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """Show the form that adds an account."""
    values = {"name": "", "full_name": "", "rights": {str(Right.VIEW)}, "is_active": True}
    return _page(request, desk, None, values, {}, ())


@router.post("/users/new")
def add_user(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Add an account."""
    values = _values(form)
    errors = _errors(form)
    if not _NAME.fullmatch(form["name"]):
        errors["name"] = "Letters, digits and . _ @ - only, at most 100."
    if not form["password"] and desk.config.oidc is None:
        errors["password"] = "Without a provider to sign in with, an account needs a password."  # noqa: S105
    if not errors:
        try:
            user = desk.door.add_user(
                form["name"], form["full_name"] or form["name"], rights_of(form.all("rights")),
                form["password"] or None,
            )  # fmt: skip
        except AccessError as error:
            errors["password"] = str(error)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            errors["name"] = str(error)
        else:
            desk.store.audit(
                "user added", person.name, desk.clock(), user=user.name,
                rights=told_rights(user.rights),
            )  # fmt: skip
            return to("/users", "added")
    return _page(request, desk, None, values, errors, ())


@router.get("/users/{user_id}")
def show_user(request: Request, user_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """Show an account."""
    user = desk.store.users.get(user_id)
    return _page(request, desk, user, _values_of(user), {}, ())


@router.post("/users/{user_id}")
def change_user(
    request: Request, user_id: str, form: Form, person: ThePerson, desk: TheDesk
) -> Response:
    """Change an account."""
    errors = _errors(form)
    seen = int(form["version"]) if form["version"].isdecimal() and len(form["version"]) < 9 else 0
    user = desk.store.users.get(user_id)
    if not errors:
        try:
            kept = desk.store.users.change(
                user_id, seen, full_name=form["full_name"] or user.name,
                rights=rights_of(form.all("rights")), is_active=form["is_active"] == "yes",
            )  # fmt: skip
            if form["password"]:
                desk.door.change_password(kept, kept.version, form["password"])
        except StaleError as error:
            now = desk.store.users.get(user_id)
            return _page(request, desk, now, _values_of(now), {}, (str(error),))
        except AccessError as error:
            errors["password"] = str(error)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            errors[""] = str(error)
        else:
            desk.store.audit(
                "user changed", person.name, desk.clock(), user=kept.name,
                rights=told_rights(kept.rights), is_active=kept.is_active,
                password_changed=bool(form["password"]),
            )  # fmt: skip
            return to("/users", "kept")
    now = desk.store.users.get(user_id)
    return _page(request, desk, now, _values(form), errors, ())


@router.post("/users/{user_id}/tokens/{token_id}/end")
def end_token(user_id: str, token_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """End a token of somebody's."""
    end_token_for(desk, person, user_id, token_id)
    return to(f"/users/{user_id}", "revoked")


@router.post("/users/{user_id}/sessions/end")
def sign_out_everywhere(user_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """End every session of somebody's."""
    end_sessions(desk, person, user_id)
    return to(f"/users/{user_id}", "sessions-ended")


@router.post("/users/{user_id}/sessions/{session_id}/end")
def end_session(user_id: str, session_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """End a session of somebody's."""
    end_sessions(desk, person, user_id, session_id)
    return to(f"/users/{user_id}", "session-ended")


def _errors(form: Posted) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not form.all("rights"):
        errors["rights"] = "An account needs a right at least."
    elif set(form.all("rights")) - set(Right):
        errors["rights"] = "Such a right there is not."
    if len(form["full_name"]) > 200:
        errors["full_name"] = "At most 200 characters."
    return errors


def _values(form: Posted) -> dict[str, Any]:
    return {
        "name": form["name"],
        "full_name": form["full_name"],
        "rights": set(form.all("rights")),
        "is_active": form["is_active"] == "yes",
    }


def _values_of(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "full_name": user.full_name,
        "rights": {str(right) for right in user.rights},
        "is_active": user.is_active,
    }


def _page(
    request: Request,
    desk: Desk,
    user: User | None,
    values: dict[str, Any],
    errors: dict[str, str],
    changes: tuple[str, ...],
) -> Response:
    now, idle = desk.clock(), desk.door.limits.idle
    return page(
        request, "user.html", 409 if changes else 422 if errors else 200, user=user,
        values=values, errors=errors, changes=changes, offered=offered(frozenset(Right)),
        least_password=LEAST_CHARACTERS, oidc=desk.config.oidc is not None,
        sessions=desk.store.sessions.listed(user.id, now, idle) if user else (),
        tokens=desk.store.tokens.listed(user.id) if user else (), now=now,
    )  # fmt: skip
