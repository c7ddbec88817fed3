from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.throughband.console.serving import QUICK, Console, config_in, listening
from tests.throughband.store.conftest import Clock
from throughband.console.app import create_app, routes_of
from throughband.console.pages import furnish, page_routers
from throughband.people.page_routes import PAGES
from throughband.people.rights import ROLES, Right
from throughband.people.routes import API, ROUTES, told_table

NOWHERE = "0123456789ab"
IDS = (
    "plan_id", "run_id", "network_id", "user_id", "token_id", "warning_id", "session_id",
)  # fmt: skip
ALLOWED = {None: {None, *ROLES}} | {
    right: {role for role, rights in ROLES.items() if right in rights} for right in Right
}


def call(client: httpx.Client, route: str) -> httpx.Response:
    """Call a route with a body that changes nothing, whatever it is."""
    method, _, path = route.partition(" ")
    for name in IDS:
        path = path.replace(f"{{{name}}}", NOWHERE)
    path = path.replace("{name}", "report.html").replace("{signal_id:path}", "a")
    path = path.replace("{move}", "check")
    body = {} if method in ("POST", "PATCH") else None
    return client.request(method, path, json=body)


def test_every_route_answers_every_role_as_the_table_says(console: Console) -> None:
    clients: dict[str | None, httpx.Client] = {role: console.as_role(role) for role in ROLES}
    clients[None] = console.anybody()
    api = [name for name, _ in routes_of(console.app) if f" {API}/" in name or "z" in name]
    # Signing out comes last; after it there is nobody.
    ordered = sorted(api, key=lambda name: name == f"DELETE {API}/session")
    assert len(ordered) > 50

    wrong = []
    for route in ordered:
        for role, client in clients.items():
            status = call(client, route).status_code
            allowed = role in ALLOWED[ROUTES[route]]
            expected = status not in (401, 403) if allowed else status == (403 if role else 401)
            # Signing in with an empty body is refused for its body, not for who asks.
            if not expected or status >= 500:
                wrong.append((route, role, status))
    assert wrong == []


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Console]:
    """A console with pages."""
    app = create_app(config_in(tmp_path), passwords=QUICK, pages=page_routers())
    furnish(app)
    with listening(app) as url:
        found = Console(app, url, tmp_path, Clock())
        yield found
        for client in found.clients:
            client.close()
    found.desk.store.close()


def test_every_page_answers_every_role_as_the_table_says(office: Console) -> None:
    clients: dict[str | None, httpx.Client] = {role: office.as_role(role) for role in ROLES}
    clients[None] = office.anybody()
    # Forms before signing in have a token of their own; signing out comes last.
    apart = ("POST /login", "POST /logout", "POST /logout/everywhere")
    pages = [name for name in PAGES if name not in apart]

    wrong = []
    for route in (*pages, "POST /logout"):
        for role, client in clients.items():
            answer = call(client, route)
            status = answer.status_code
            refused = (401, 303) if role is None else (403,)
            to_sign_in = answer.headers.get("location", "").startswith("/login?next=")
            if role in ALLOWED[ROUTES[route]]:
                expected = status not in (401, 403) and not to_sign_in
            else:
                expected = status in refused and (status != 303 or to_sign_in)
            if not expected or status >= 500:
                wrong.append((route, role, status))
    assert wrong == []


def test_the_table_names_every_page_and_no_other(office: Console) -> None:
    assert {name for name, _ in routes_of(office.app)} == set(ROUTES)


def test_the_table_names_no_api_route_that_is_not_there(tmp_path: Path) -> None:
    app = create_app(config_in(tmp_path), passwords=QUICK)

    there = {name for name, _ in routes_of(app)}

    assert {name for name in ROUTES if f" {API}/" in name} <= there
    app.state.desk.store.close()


def test_an_application_with_a_route_that_is_not_in_the_table_does_not_start(
    tmp_path: Path,
) -> None:
    from fastapi import APIRouter

    router = APIRouter()

    @router.get("/secret-door")
    def secret_door() -> None:
        return None

    with pytest.raises(KeyError, match="GET /secret-door"):
        create_app(config_in(tmp_path), passwords=QUICK, pages=[router])


def test_every_error_that_is_answered_is_documented_in_one_form(console: Console) -> None:
    document = console.as_role("viewer").get(f"{API}/openapi.json").json()

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")):
                    schema = answer["content"]["application/json"]["schema"]["$ref"]
                    assert schema.endswith("/Problem"), (method, path, status)
            assert {"400", "401", "403", "422", "503"} <= operation["responses"].keys()


def test_the_table_in_the_docs_is_the_one_that_is_checked() -> None:
    page = Path(__file__).parents[3] / "docs" / "console.md"

    assert told_table() in page.read_text(encoding="utf-8")
