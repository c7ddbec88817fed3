from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from network.errors import SignInError
from tests.throughband.console.serving import PASSWORD, QUICK, Console, config_in, listening
from tests.throughband.store.conftest import Clock
from throughband.console.app import create_app
from throughband.journal import verify
from throughband.people.door import MOST_FAILURES_TOLD, Door
from throughband.people.passwords import Passwords
from throughband.people.rights import ROLES, Right
from throughband.store import open_store

SESSION = "/api/v1/session"


def _journal(console: Console) -> list[dict[str, Any]]:
    return verify(console.folder / "journal.sqlite")


def test_who_signs_in_is_known_until_signing_out(console: Console) -> None:
    console.add("anna", "engineer")
    client = console.signed_in("anna")

    me = client.get(SESSION).json()
    assert (me["name"], me["rights"]) == ("anna", ["view", "engineer"])
    assert client.delete(SESSION).status_code == 204
    assert client.get(SESSION).status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(console: Console) -> None:
    console.add("anna", "viewer")
    answer = console.anybody().post(SESSION, json={"name": "anna", "password": PASSWORD})

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "wrong password"), ("nobody", PASSWORD), ("ANNA", "x")]
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(
    console: Console, name: str, password: str
) -> None:
    console.add("anna", "viewer")

    answer = console.anybody().post(SESSION, json={"name": name, "password": password})

    assert answer.status_code == 401
    assert answer.json()["message"] == "name or password are wrong, or the account is closed"
    assert "set-cookie" not in answer.headers


def test_after_too_many_failures_even_the_right_password_has_to_wait(console: Console) -> None:
    console.add("anna", "viewer")
    client = console.anybody()
    for _ in range(5):
        client.post(SESSION, json={"name": "anna", "password": "wrong"})

    answer = client.post(SESSION, json={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 900
    console.clock.on(minutes=16)
    assert client.post(SESSION, json={"name": "anna", "password": PASSWORD}).status_code == 200


def test_one_address_may_not_try_many_names(console: Console) -> None:
    client = console.anybody()
    statuses = [
        client.post(SESSION, json={"name": f"n{i}", "password": "x"}).status_code for i in range(21)
    ]

    assert statuses == [401] * 20 + [429]


def test_guesses_at_once_are_no_more_than_guesses_in_turn(tmp_path: Path) -> None:
    begun = Barrier(5)

    class Slow(Passwords):
        def matches(self, password: str, kept: str | None) -> bool:
            begun.wait(20)
            return super().matches(password, kept)

    store = open_store(f"sqlite:///{tmp_path / 'console.sqlite'}", backups=None)
    door = Door(
        store, Clock(), passwords=Slow(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    )

    def guess(number: int) -> str:
        try:
            door.sign_in("anna", f"guess {number}", "10.0.0.7")
        except SignInError as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(guess, range(12)))
    store.close()

    assert sorted(found) == ["SignInError"] * 5 + ["TooManyAttemptsError"] * 7


def test_who_signed_in_from_an_address_is_not_kept_out_by_others_there(console: Console) -> None:
    console.add("anna", "viewer")
    console.add("ben", "viewer")
    console.signed_in("anna")
    client = console.anybody()
    for i in range(20):
        client.post(SESSION, json={"name": f"n{i}", "password": "x"})

    right = {name: {"name": name, "password": PASSWORD} for name in ("anna", "ben")}
    assert client.post(SESSION, json=right["ben"]).status_code == 429
    assert client.post(SESSION, json=right["anna"]).status_code == 200
    console.clock.on(minutes=16)
    assert client.post(SESSION, json=right["ben"]).status_code == 200


def test_a_session_ends_after_its_rest_and_after_its_life(console: Console) -> None:
    console.add("anna", "viewer")
    client = console.signed_in("anna")
    for _ in range(7):
        console.clock.on(hours=1.5)
        assert client.get(SESSION).status_code == 200
    console.clock.on(hours=1.6)
    assert client.get(SESSION).status_code == 401

    rested = console.signed_in("anna")
    console.clock.on(hours=2.1)
    assert rested.get(SESSION).status_code == 401


def test_without_the_forms_token_nothing_is_changed(console: Console) -> None:
    console.add("anna", "viewer")
    client = console.signed_in("anna")
    del client.headers["x-csrf-token"]

    assert client.delete(SESSION).status_code == 403
    assert client.delete(SESSION, headers={"x-csrf-token": "guess"}).status_code == 403
    assert client.get(SESSION).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
)
def test_another_sites_page_cannot_sign_anybody_in(
    console: Console, headers: dict[str, str]
) -> None:
    console.add("anna", "viewer")

    answer = console.anybody().post(
        SESSION, json={"name": "anna", "password": PASSWORD}, headers=headers
    )

    assert answer.status_code == 403


def test_our_own_pages_may_sign_in_where_a_proxy_asks_us_by_another_name(tmp_path: Path) -> None:
    public = "https://signals.example.org"
    app = create_app(config_in(tmp_path, https=True, public_url=public), passwords=QUICK)
    with listening(app) as url:
        status = {
            origin: httpx.post(f"{url}{SESSION}", json={}, headers={"origin": origin}).status_code
            for origin in (public, url, "https://evil.example")
        }

    assert status == {public: 422, url: 422, "https://evil.example": 403}
    app.state.desk.store.close()


def test_a_token_speaks_for_its_person_with_the_rights_it_was_given(console: Console) -> None:
    console.add("anna", "approver")
    anna = console.desk.door.sign_in("anna", PASSWORD, "")[1]
    token, row = console.desk.door.make_token(anna, "counts", [Right.VIEW], 30)
    client = console.anybody()
    client.headers["authorization"] = f"Bearer {token}"

    assert client.get(SESSION).json()["rights"] == ["view"]
    assert row.token_hash not in token
    console.clock.on(days=31)
    assert client.get(SESSION).status_code == 401


def test_a_token_loses_the_rights_that_its_person_loses(console: Console) -> None:
    console.add("anna", "engineer")
    anna = console.desk.door.sign_in("anna", PASSWORD, "")[1]
    token, _ = console.desk.door.make_token(anna, "counts", [Right.VIEW, Right.ENGINEER], 30)
    store = console.desk.store
    user = store.users.get(anna.user.id)
    store.users.change(user.id, user.version, rights=ROLES["viewer"])

    person = console.desk.door.of_bearer(token)

    assert person is not None
    assert person.rights == {Right.VIEW}


def test_every_answer_has_the_headers_that_protect_and_an_id(console: Console) -> None:
    answer = console.anybody().get("/healthz", headers={"x-request-id": "abc-1"})

    assert answer.headers["x-request-id"] == "abc-1"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_an_id_that_could_break_a_log_is_replaced(console: Console) -> None:
    answer = console.anybody().get("/healthz", headers={"x-request-id": "a b{}"})

    assert answer.headers["x-request-id"] != "a b{}"


def test_a_body_that_is_too_large_is_refused_before_it_is_read(console: Console) -> None:
    client = console.anybody()
    huge = {"name": "a", "password": "x" * (1 << 20)}
    assert client.post(SESSION, json=huge).status_code == 413

    def chunks() -> list[bytes]:
        return [b" " * 65536] * 20

    answer = client.post(
        SESSION, content=iter(chunks()), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_who_presents_nothing_is_refused_before_anything_is_parsed(console: Console) -> None:
    answer = console.anybody().delete(SESSION)

    assert answer.status_code == 401
    assert answer.json()["message"] == "nobody is signed in"


def test_health_readiness_and_metrics_need_nobody(console: Console) -> None:
    client = console.anybody()

    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    text = client.get("/metrics").text
    assert 'throughband_console_requests_total{method="GET",route="/healthz",status="200"} 1.0' in (
        text
    )


def test_not_ready_while_the_journal_cannot_be_read(console: Console) -> None:
    (console.folder / "journal.sqlite").write_bytes(b"x" * 200)

    answer = console.anybody().get("/readyz")

    assert answer.status_code == 503
    assert "journal" in answer.json()["message"]


def test_the_journal_tells_who_signed_in_and_who_failed_to_and_nobodys_typed_name(
    console: Console,
) -> None:
    console.add("anna", "viewer")
    client = console.anybody()
    for _ in range(5):
        client.post(SESSION, json={"name": "anna", "password": "wrong"})
    client.post(SESSION, json={"name": "my secret pass phrase", "password": "x"})
    console.clock.on(minutes=16)
    console.signed_in("anna").delete(SESSION)

    told = [
        (entry["event"], entry["by"], entry.get("locked"))
        for entry in _journal(console)
        if entry["event"].startswith("sign")
    ]
    assert told == [
        *[("sign-in failed", "anna", False)] * 4,
        ("sign-in failed", "anna", True),
        ("sign-in failed", "somebody unknown", False),
        ("signed in", "anna", None),
        ("signed out", "anna", None),
    ]
    assert "pass phrase" not in json.dumps(_journal(console))


def test_a_flood_of_failures_does_not_fill_the_journal(console: Console) -> None:
    for number in range(MOST_FAILURES_TOLD + 5):
        with pytest.raises(SignInError):
            console.app.state.desk.door.sign_in(f"n{number}", "x", f"10.0.{number}.1")
    told = [entry["event"] for entry in _journal(console)]
    assert told.count("sign-in failed") == MOST_FAILURES_TOLD
