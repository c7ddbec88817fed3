from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from network.errors import SignInError
from tests.throughband.console.serving import QUICK, Console, config_in, listening
from tests.throughband.people.provider import CLIENT, SECRET, SmallProvider, key_of
from tests.throughband.store.conftest import Clock
from throughband.console.app import create_app
from throughband.console.commands import serving
from throughband.people.agency import Oidc, Pending
from throughband.people.oidc import Provider
from throughband.people.rights import ROLES

ROLES_OF_GROUPS = {"engineers": ROLES["engineer"], "chiefs": ROLES["approver"]}


@dataclass
class Agency:
    """A console whose people have accounts at a provider."""

    console: Console
    provider: SmallProvider

    def comes_back(self) -> tuple[httpx.Client, httpx.Response]:
        """Go to the provider and back, as a browser does."""
        client = self.console.anybody()
        to = client.get("/login/oidc")
        assert to.status_code == 303, to.text
        with httpx.Client() as browser:
            back = browser.get(to.headers["location"]).headers["location"]
        return client, client.get(back)


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    clock = Clock()
    provider = SmallProvider(lambda: clock().timestamp())
    with listening(provider.app()) as provider.url:
        oidc = Oidc(
            "City", provider.url, CLIENT, SECRET, ("openid", "profile"), "preferred_username",
            "groups", ROLES_OF_GROUPS,
        )  # fmt: skip
        app = create_app(config_in(tmp_path, oidc=oidc), clock=clock, passwords=QUICK)
        with listening(app) as url:
            console = Console(app, url, tmp_path, clock)
            provider.claims = {
                "sub": "4711", "preferred_username": "anna", "name": "Anna A.",
                "groups": ["engineers", "gardeners"],
            }  # fmt: skip
            yield Agency(console, provider)
            for client in console.clients:
                client.close()
        console.desk.store.close()


def test_somebody_of_a_known_group_is_let_in_with_its_rights(agency: Agency) -> None:
    client, answer = agency.comes_back()

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    me = client.get("/api/v1/session").json()
    assert (me["name"], me["full_name"], me["rights"]) == (
        "anna", "Anna A.", ["view", "engineer"],
    )  # fmt: skip
    assert agency.console.desk.store.users.of_name("anna").password_hash is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wanted", "given"),
    [("/plans", "/plans"), ("https://evil.example", "/"), ("//evil.example", "/"), ("/\\\\e", "/")],
)
def test_one_comes_to_where_one_wanted_but_to_nobody_elses_site(
    agency: Agency, wanted: str, given: str
) -> None:
    client = agency.console.anybody()
    to = client.get("/login/oidc", params={"next": wanted})
    with httpx.Client() as browser:
        back = browser.get(to.headers["location"]).headers["location"]

    assert client.get(back).headers["location"] == given


def test_rights_follow_the_groups_at_every_sign_in(agency: Agency) -> None:
    agency.comes_back()
    agency.provider.claims["groups"] = ["chiefs"]
    client, _ = agency.comes_back()

    assert client.get("/api/v1/session").json()["rights"] == ["view", "engineer", "approve"]
    agency.provider.claims["groups"] = []
    _, refused = agency.comes_back()
    assert refused.status_code == 401
    assert "none of your groups" in refused.json()["message"]
    assert client.get("/api/v1/session").status_code == 401


def test_an_account_of_ours_is_not_taken_over_by_its_name(agency: Agency) -> None:
    agency.console.add("anna", "administrator")

    _, answer = agency.comes_back()

    assert answer.status_code == 401
    assert "not bound to the provider" in answer.json()["message"]


@pytest.mark.parametrize(
    "spoil",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"nonce": "of another sign-in"},
        {"exp": 0},
        {"iat": 10**11},
        {"azp": "another client"},
    ],
)
def test_a_word_that_is_not_for_us_and_now_lets_nobody_in(
    agency: Agency, spoil: dict[str, Any]
) -> None:
    agency.provider.spoil = spoil

    client, answer = agency.comes_back()

    assert answer.status_code == 401
    assert client.get("/api/v1/session").status_code == 401
    assert agency.console.desk.store.users.of_name("anna") is None


def test_a_word_signed_by_somebody_else_lets_nobody_in(agency: Agency) -> None:
    agency.provider.signs_with = key_of("one", "somebody else")

    _, answer = agency.comes_back()

    assert answer.status_code == 401
    assert "does not hold" in answer.json()["message"]


def test_a_provider_may_change_its_keys(agency: Agency) -> None:
    agency.comes_back()
    agency.provider.rotate()

    _, answer = agency.comes_back()

    assert answer.status_code == 303


def test_a_provider_may_take_the_secret_in_the_form_only(agency: Agency) -> None:
    agency.provider.takes_posted = True

    _, answer = agency.comes_back()

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        ({"error": "invalid_grant", "error_description": "too late"}, "invalid_grant: too late"),
        ({"error": ["x"]}, "refuses"),
        ({}, "status 400"),
        ([], "cannot be read"),
    ],
)
def test_what_a_provider_says_instead_of_its_word_is_told(
    agency: Agency, refusal: Any, told: str
) -> None:
    agency.provider.refusal = refusal

    _, answer = agency.comes_back()

    assert answer.status_code == 401
    assert told in answer.json()["message"]


def test_a_console_without_a_provider_loads_nothing_for_one_and_is_quiet() -> None:
    code = (
        "import sys, throughband.console.cli, throughband.console.config\n"
        "print([name for name in ('joserfc', 'throughband.people.oidc') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_sign_in_that_another_browser_began_is_not_finished_here(agency: Agency) -> None:
    victim = agency.console.anybody()
    attacker = agency.console.anybody()
    to = attacker.get("/login/oidc").headers["location"]
    with httpx.Client() as browser:
        back = browser.get(to).headers["location"]

    assert victim.get(back).status_code == 401
    victim.get("/login/oidc")
    answer = victim.get(back)
    assert answer.status_code == 401
    assert "not begun here" in answer.json()["message"]


def test_a_refusal_at_the_provider_is_told(agency: Agency) -> None:
    client = agency.console.anybody()
    client.get("/login/oidc")

    answer = client.get("/login/oidc/back", params={"error": "access_denied"})

    assert answer.status_code == 401


PUBLIC = "https://signals.example.org"


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        ({}, "http://127.0.0.1"),
        ({"trusted_proxies": ("127.0.0.1",)}, "https://inside.example"),
        ({"trusted_proxies": ("192.0.2.1",)}, "http://inside.example"),
        ({"https": True}, "https://inside.example"),
        ({"https": True, "public_url": PUBLIC}, PUBLIC),
        ({"https": True, "public_url": PUBLIC, "trusted_proxies": ("127.0.0.1",)}, PUBLIC),
    ],
)
def test_the_browser_is_sent_back_to_where_browsers_reach_us(
    agency: Agency, tmp_path: Path, settings: dict[str, Any], origin: str
) -> None:
    folder = tmp_path / "behind"
    folder.mkdir()
    behind = config_in(folder, oidc=agency.console.desk.config.oidc, **settings)
    app = create_app(behind, clock=agency.console.clock, passwords=QUICK)
    sent = {"host": "inside.example", "x-forwarded-proto": "https"} if settings else {}
    with listening(app, **serving(behind)) as url:
        location = httpx.get(f"{url}/login/oidc", headers=sent).headers["location"]

    (back,) = parse_qs(urlsplit(location).query)["redirect_uri"]
    told = urlsplit(back)
    assert f"{told.scheme}://{told.hostname}" == origin
    assert told.path == "/login/oidc/back"
    app.state.desk.store.close()


def test_without_a_provider_there_is_none_to_sign_in_with(tmp_path: Path) -> None:
    app = create_app(config_in(tmp_path), passwords=QUICK)
    with listening(app) as url:
        assert httpx.get(f"{url}/login/oidc").status_code == 404
    app.state.desk.store.close()


@pytest.mark.parametrize("issuer", ["http://login.example.org", "ftp://x", "login"])
def test_a_provider_without_https_is_refused(issuer: str) -> None:
    settings = Oidc("City", issuer, CLIENT, SECRET, ("openid",), "name", "groups", {})

    with pytest.raises(SignInError, match="HTTPS only"):
        Provider(settings, None, Clock())  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "x", "e30=", "WzFd"])
def test_a_cookie_of_something_else_is_no_sign_in(text: str) -> None:
    with pytest.raises(SignInError, match="not begun here"):
        Pending.of_text(text)
