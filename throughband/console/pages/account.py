"""Signing in and out, one's own account, and the appearance of pages."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from network.errors import AccessError, SignInError
from throughband.console.api.sessions import address_of, set_cookie
from throughband.console.desk import COOKIE, TheDesk, ThePerson
from throughband.console.pages.rendering import THEME_COOKIE, THEMES
from throughband.console.pages.serving import (
    GATE_COOKIE,
    Form,
    new_gate,
    own_address,
    page,
    require_gate,
    to,
)
from throughband.people.door import MOST_TOKEN_DAYS, Person
from throughband.people.passwords import LEAST_CHARACTERS
from throughband.people.rights import Right

router = APIRouter(include_in_schema=False)

YEAR_S: Final = 365 * 86_400
TOKEN_DAYS: Final = 90

MEANINGS: Final = {
    Right.VIEW: "see everything",
    Right.ENGINEER: "bring networks, start runs, make plans",
    Right.APPROVE: "approve or reject the plans of others",
    Right.OPERATE: "arm plans and roll them back",
    Right.ADMINISTER: "keep the accounts",
}


def offered(rights: frozenset[Right]) -> list[tuple[str, str]]:
    """Return rights to choose from, with what each means."""
    return [(str(right), f"{right}: {MEANINGS[right]}") for right in Right if right in rights]


@router.get("/login")
def show_sign_in(request: Request, desk: TheDesk, next: str = "/") -> Response:
    """Show the form to sign in with."""
    return _gate(request, desk, {}, "", next, 200)


@router.post("/login")
def sign_in(request: Request, form: Form, desk: TheDesk) -> Response:
    """Begin a session."""
    require_gate(request, form)
    agent = request.headers.get("user-agent", "")
    try:
        token, _ = desk.door.sign_in(form["name"], form["password"], address_of(request), agent)
    except SignInError as error:
        return _gate(request, desk, {"": _sentence(error)}, form["name"], form["next"], 401)
    answer = to(own_address(form["next"] or "/"))
    answer.delete_cookie(GATE_COOKIE)
    set_cookie(answer, desk.config, token)
    return answer


@router.post("/logout")
def sign_out(person: ThePerson, desk: TheDesk) -> Response:
    """End the session."""
    desk.door.sign_out(person)
    answer = to("/login", "signed-out")
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.post("/logout/everywhere")
def sign_out_everywhere(person: ThePerson, desk: TheDesk) -> Response:
    """End every session of one's own."""
    desk.store.sessions.end_all(person.user.id)
    desk.store.audit("signed out everywhere", person.name, desk.clock())
    answer = to("/login", "signed-out")
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.post("/appearance")
def choose_appearance(form: Form, desk: TheDesk) -> Response:
    """Keep light, dark or as the system has it, in a cookie."""
    answer = to(own_address(form["back"] or "/"))
    theme = form["theme"] if form["theme"] in THEMES else "system"
    answer.set_cookie(
        THEME_COOKIE, theme, max_age=YEAR_S, httponly=True, samesite="lax",
        secure=desk.config.https,
    )  # fmt: skip
    return answer


@router.get("/account")
def show_account(request: Request, person: ThePerson, desk: TheDesk) -> Response:
    """Show one's own account."""
    return _account(request, desk, person, {})


@router.post("/account/password")
def change_password(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Change one's own password; every session ends."""
    user = desk.store.users.get(person.user.id)
    if not desk.door.knows(user, form["old"]):
        return _account(request, desk, person, {"old": "This is not your password."})
    try:
        desk.door.change_password(user, user.version, form["new"])
    except AccessError as error:
        return _account(request, desk, person, {"new": _sentence(error)})
    desk.store.audit("password changed", person.name, desk.clock())
    return to("/login", "password")


@router.post("/account/tokens")
def make_token(request: Request, form: Form, person: ThePerson, desk: TheDesk) -> Response:
    """Make a token for a machine; its text is shown this once."""
    errors: dict[str, str] = {}
    days = int(form["days"]) if form["days"].isdecimal() and len(form["days"]) < 6 else 0
    if not 1 <= days <= MOST_TOKEN_DAYS:
        errors["days"] = f"{form['days']!r}: allowed are 1 to {MOST_TOKEN_DAYS} days"
    if not 1 <= len(form["name"]) <= 100:
        errors["name"] = "A token needs a name of at most 100 characters."
    wanted = frozenset(right for right in person.rights if right in set(form.all("rights")))
    if not wanted:
        errors["rights"] = "A token needs a right at least."
    if errors:
        return _account(request, desk, person, errors, form["name"], form["days"])
    text, row = desk.door.make_token(person, form["name"], wanted, days)
    desk.store.audit("token made", person.name, desk.clock(), token=row.id, name=row.name)
    return _account(request, desk, person, {}, new_token=text)


@router.post("/account/tokens/{token_id}/revoke")
def end_token(token_id: str, person: ThePerson, desk: TheDesk) -> Response:
    """End a token of one's own."""
    if desk.store.tokens.end(token_id, person.user.id):
        desk.store.audit("token ended", person.name, desk.clock(), token=token_id)
    return to("/account", "revoked")


def _gate(
    request: Request, desk: TheDesk, errors: dict[str, str], name: str, after: str, status: int
) -> Response:
    gate = new_gate()
    provider = desk.config.oidc
    answer = page(
        request, "login.html", status, gate=gate, errors=errors, name=name,
        next=own_address(after or "/"), oidc=provider.name if provider else "",
    )  # fmt: skip
    answer.set_cookie(GATE_COOKIE, gate, httponly=True, samesite="strict", secure=desk.config.https)
    return answer


def _account(
    request: Request,
    desk: TheDesk,
    person: Person,
    errors: dict[str, str],
    name: str = "",
    days: str = str(TOKEN_DAYS),
    new_token: str = "",
) -> Response:
    return page(
        request,
        "account.html",
        422 if errors else 200,
        user=desk.store.users.get(person.user.id),
        errors=errors,
        new_token=new_token,
        tokens=desk.store.tokens.listed(person.user.id),
        values={"name": name, "days": days, "rights": {str(Right.VIEW)}},
        offered=offered(person.rights),
        least_password=LEAST_CHARACTERS,
        most_days=MOST_TOKEN_DAYS,
    )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
