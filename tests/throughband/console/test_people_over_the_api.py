from __future__ import annotations

from tests.throughband.console.serving import PASSWORD, Console

API = "/api/v1"


def test_an_administrator_adds_changes_and_closes_accounts(console: Console) -> None:
    admin = console.as_role("administrator")
    asked = {"name": "ben", "full_name": "Ben B.", "rights": ["approve"], "password": PASSWORD}

    made = admin.post(f"{API}/users", json=asked)
    assert made.status_code == 201
    assert made.json()["rights"] == ["view", "approve"]
    assert "password" not in made.text.replace("has_password", "")
    assert admin.post(f"{API}/users", json=asked).status_code == 409
    ben = console.signed_in("ben")
    url = f"{API}/users/{made.json()['id']}"
    changed = admin.patch(url, json={"seen_version": 1, "is_active": False})
    assert changed.json()["is_active"] is False
    assert ben.get(f"{API}/session").status_code == 401
    assert admin.patch(url, json={"seen_version": 1, "is_active": True}).status_code == 409
    events = [e["event"] for e in admin.get(f"{API}/journal").json()["entries"]]
    assert events == ["account changed", "signed in", "account added", "signed in"]


def test_the_last_administrator_cannot_be_closed(console: Console) -> None:
    admin = console.as_role("administrator")
    me = admin.get(f"{API}/session").json()

    answer = admin.patch(f"{API}/users/{me['id']}", json={"seen_version": 1, "rights": []})

    assert answer.status_code == 409
    assert "last account" in answer.json()["message"]


def test_a_password_of_ones_own_is_changed_with_the_old_one(console: Console) -> None:
    anna = console.as_role("engineer")
    url = f"{API}/me/password"
    new = "a quite different sentence"

    assert anna.post(url, json={"old": "wrong", "new": new}).status_code == 401
    assert anna.post(url, json={"old": PASSWORD, "new": "short"}).status_code == 422
    assert anna.post(url, json={"old": PASSWORD, "new": new}).status_code == 204
    assert anna.get(f"{API}/session").status_code == 401


def test_a_token_is_shown_once_and_ends_when_told(console: Console) -> None:
    anna = console.as_role("engineer")
    asked = {"name": "counts", "rights": ["view"], "days": 30}
    made = anna.post(f"{API}/tokens", json=asked).json()
    machine = console.anybody()
    machine.headers["authorization"] = f"Bearer {made['token']}"

    assert machine.get(f"{API}/networks").status_code == 200
    assert machine.post(f"{API}/runs/optimize", json={}).status_code == 403
    assert made["token"] not in anna.get(f"{API}/tokens").text
    assert anna.delete(f"{API}/tokens/{made['id']}").status_code == 204
    assert machine.get(f"{API}/networks").status_code == 401


def test_a_new_password_ends_the_tokens_of_its_person(console: Console) -> None:
    console.add("anna", "engineer")
    anna, boss = console.signed_in("anna"), console.as_role("administrator")
    asked = {"name": "counts", "rights": ["view"], "days": 30}
    machine = console.anybody()
    token = anna.post(f"{API}/tokens", json=asked).json()["token"]
    machine.headers["authorization"] = f"Bearer {token}"
    assert machine.get(f"{API}/networks").status_code == 200
    row = next(user for user in boss.get(f"{API}/users").json() if user["name"] == "anna")

    body = {"seen_version": row["version"], "password": "another long secret"}
    assert boss.post(f"{API}/users/{row['id']}/password", json=body).status_code == 200

    assert machine.get(f"{API}/networks").status_code == 401
    assert boss.get(f"{API}/users/{row['id']}/tokens").json() == []


def test_an_administrator_sees_and_ends_the_tokens_of_others(console: Console) -> None:
    console.add("anna", "engineer")
    anna, boss = console.signed_in("anna"), console.as_role("administrator")
    asked = {"name": "counts", "rights": ["view"], "days": 30}
    made = anna.post(f"{API}/tokens", json=asked).json()
    row = next(user for user in boss.get(f"{API}/users").json() if user["name"] == "anna")
    theirs = f"{API}/users/{row['id']}/tokens"

    assert [token["name"] for token in boss.get(theirs).json()] == ["counts"]
    assert anna.delete(f"{theirs}/{made['id']}").status_code == 403
    assert boss.delete(f"{theirs}/{made['id']}").status_code == 204
    assert boss.delete(f"{theirs}/{made['id']}").status_code == 404
    assert anna.get(f"{API}/tokens").json() == []


def test_an_administrator_sees_and_ends_the_sessions_of_others(console: Console) -> None:
    console.add("anna", "engineer")
    anna, elsewhere = console.signed_in("anna"), console.signed_in("anna")
    boss = console.as_role("administrator")
    row = next(user for user in boss.get(f"{API}/users").json() if user["name"] == "anna")
    theirs = f"{API}/users/{row['id']}/sessions"

    found = boss.get(theirs).json()
    assert len(found) == 2
    assert all(session["agent"].startswith("python-httpx") for session in found)
    assert anna.get(theirs).status_code == 403
    assert boss.delete(f"{theirs}/{found[0]['id']}").status_code == 204
    assert boss.delete(f"{theirs}/{found[0]['id']}").status_code == 404
    left = [client for client in (anna, elsewhere) if client.get(f"{API}/networks").is_success]
    assert len(left) == 1
    assert boss.delete(theirs).status_code == 204
    assert left[0].get(f"{API}/networks").status_code == 401
    assert boss.get(f"{API}/networks").status_code == 200

    events = boss.get(f"{API}/journal", params={"limit": 2}).json()["entries"]
    assert [(e["event"], e["account"], e["by"]) for e in events] == [
        ("signed out everywhere", "anna", "administrator2"),
        ("session ended", "anna", "administrator2"),
    ]


def test_a_session_is_ended_by_its_whole_name_only_and_of_its_person_only(
    console: Console,
) -> None:
    console.add("anna", "engineer")
    console.add("ben", "engineer")
    anna = console.signed_in("anna")
    sessions, users = console.desk.store.sessions, console.desk.store.users
    ids = {name: user.id for name in ("anna", "ben") if (user := users.of_name(name))}
    (session,) = sessions.listed(ids["anna"], console.clock(), console.desk.door.limits.idle)

    for wrong in ("", session.id[:-1], "%", "_" * 12, session.token_hash):
        assert not sessions.end_one(wrong, ids["anna"])
    assert not sessions.end_one(session.id, ids["ben"])
    assert anna.get(f"{API}/networks").status_code == 200


def test_sessions_that_are_over_are_not_shown(console: Console) -> None:
    console.add("anna", "engineer")
    console.signed_in("anna")
    store, idle = console.desk.store, console.desk.door.limits.idle
    anna = store.users.of_name("anna")
    assert anna is not None
    assert store.sessions.counted(console.clock(), idle) == {anna.id: 1}

    console.clock.on(hours=3)

    assert store.sessions.listed(anna.id, console.clock(), idle) == []
    assert store.sessions.counted(console.clock(), idle) == {}


def test_nobody_gives_a_token_rights_they_have_not(console: Console) -> None:
    anna = console.as_role("engineer")

    answer = anna.post(f"{API}/tokens", json={"name": "x", "rights": ["operate"]})

    assert answer.status_code == 422
    assert "some of the rights" in answer.json()["message"]


def test_a_token_makes_no_tokens_that_would_outlive_it(console: Console) -> None:
    anna = console.as_role("engineer")
    asked = {"name": "counts", "rights": ["view"], "days": 1}
    made = anna.post(f"{API}/tokens", json=asked).json()
    machine = console.anybody()
    machine.headers["authorization"] = f"Bearer {made['token']}"

    answer = machine.post(f"{API}/tokens", json={"name": "for ever", "rights": ["view"]})

    assert answer.status_code == 403
    assert "sign in" in answer.json()["message"]
    assert [token["name"] for token in anna.get(f"{API}/tokens").json()] == ["counts"]
