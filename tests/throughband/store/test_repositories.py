from __future__ import annotations

from datetime import timedelta

import pytest

from network.errors import MissingError, MoveError, StaleError, StoreError
from tests.throughband.store.conftest import Desk
from tests.throughband.store.plans import network_in
from throughband.people.rights import ROLES, Right
from throughband.store import Store
from throughband.store.rows import NoticeState, RunState, Session, User


def user_in(store: Store, desk: Desk, name: str = "anna", role: str = "administrator") -> User:
    return store.users.add(name, name.title(), ROLES[role], desk.clock(), "a hash")


def test_a_network_keeps_its_name_to_itself_until_it_is_taken_off(store: Store, desk: Desk) -> None:
    first = network_in(store, desk.clock())

    with pytest.raises(StoreError, match="'Main Street' already"):
        store.networks.add("Main Street", "folder", "/x", "x", {}, "ben", desk.clock())
    gone = store.networks.remove(first.id, desk.clock())
    second = store.networks.add("Main Street", "folder", "/x", "x", {}, "ben", desk.clock())

    assert gone.removed_utc == desk.clock()
    assert [found.id for found in store.networks.listed()] == [second.id]
    assert {found.id for found in store.networks.listed(removed=True)} == {first.id, second.id}
    assert store.networks.get(first.id).summary == {"signals": 3}


def test_a_run_begins_once_and_ends_once(store: Store, desk: Desk) -> None:
    run = store.runs.add("optimize", None, {"effort": 400}, desk.folder, "anna", desk.clock())

    assert store.runs.waiting() == [run]
    assert not store.runs.progress(run.id, {"done": 1})
    assert store.runs.begin(run.id, desk.clock.on(seconds=1))
    assert not store.runs.begin(run.id, desk.clock())
    assert store.runs.progress(run.id, {"done": 3, "whole": 5})
    assert store.runs.end(run.id, RunState.DONE, 0, "", desk.clock.on(seconds=9))
    assert not store.runs.end(run.id, RunState.CANCELED, None, "", desk.clock())
    done = store.runs.get(run.id)
    assert (done.state, done.process, done.exit_code) == (RunState.DONE, None, 0)
    assert done.progress == {"done": 3, "whole": 5}
    assert done.folder == str(desk.folder / run.id)
    with pytest.raises(MoveError, match="has ended already: done"):
        store.runs.require_open(run.id)
    assert store.runs.count([RunState.DONE]) == 1
    assert store.runs.listed([RunState.WAITING]) == []


def test_a_warning_lasts_until_it_is_cleared_and_may_come_again(store: Store, desk: Desk) -> None:
    first, is_new = store.warnings.raise_("queue", "link 7", desk.clock(), 0.8, "250 m")
    same, again = store.warnings.raise_("queue", "link 7", desk.clock.on(minutes=5), 0.9, "300 m")

    assert (is_new, again) == (True, False)
    assert (same.id, same.since_utc, same.sure) == (first.id, first.since_utc, 0.9)
    assert same.seen_utc - same.since_utc == timedelta(minutes=5)
    assert store.warnings.clear("queue", "link 7", desk.clock())
    assert not store.warnings.clear("queue", "link 7", desk.clock())
    other, _ = store.warnings.raise_("queue", "link 7", desk.clock.on(hours=1), 0.7, "200 m")
    assert [found.id for found in store.warnings.listed(open_only=True)] == [other.id]
    assert [found.id for found in store.warnings.listed()] == [other.id, first.id]


def test_who_takes_a_warning_first_keeps_it(store: Store, desk: Desk) -> None:
    found, _ = store.warnings.raise_("detector silent", "d3", desk.clock(), 1.0, "silent")

    store.warnings.take(found.id, "anna", desk.clock())
    taken = store.warnings.take(found.id, "ben", desk.clock.on(minutes=1))

    assert taken.taken_by == "anna"
    with pytest.raises(MissingError):
        store.warnings.take("x", "ben", desk.clock())


def test_a_held_notice_is_sent_later(store: Store, desk: Desk) -> None:
    notice = store.notices.add("mqtt", "city/signals", "queue", desk.clock(), NoticeState.HELD)

    assert store.notices.listed(NoticeState.HELD) == [notice]
    sent = store.notices.mark(notice.id, NoticeState.SENT, desk.clock.on(hours=7))
    assert sent.sent_utc == desk.clock()
    assert store.notices.listed(NoticeState.HELD) == []


def test_names_of_accounts_and_their_subjects_are_unique(store: Store, desk: Desk) -> None:
    store.users.add("anna", "Anna", ROLES["viewer"], desk.clock(), None, "https://id.city anna")

    with pytest.raises(StoreError, match="'anna' already"):
        user_in(store, desk)
    with pytest.raises(StoreError, match="bound to"):
        store.users.add("ben", "Ben", [], desk.clock(), None, "https://id.city anna")
    assert store.users.of_subject("https://id.city anna") == store.users.of_name("anna")


def test_an_account_changed_by_two_is_changed_once(store: Store, desk: Desk) -> None:
    user = user_in(store, desk)
    store.users.change(user.id, user.version, full_name="Anna B.")

    with pytest.raises(StaleError, match="changed meanwhile"):
        store.users.change(user.id, user.version, full_name="Anna C.")


def test_the_last_administrator_stays(store: Store, desk: Desk) -> None:
    anna = user_in(store, desk)

    with pytest.raises(StoreError, match="last account"):
        store.users.change(anna.id, anna.version, is_active=False)
    user_in(store, desk, "ben")
    closed = store.users.change(anna.id, anna.version, is_active=False)
    assert not closed.is_active


def session_of(user: User, desk: Desk, token_hash: str = "h") -> Session:
    now = desk.clock()
    return Session(token_hash, user.id, "csrf", now, now, now + timedelta(hours=8), "Firefox")


def test_changed_rights_sign_a_person_out(store: Store, desk: Desk) -> None:
    user_in(store, desk)
    ben = user_in(store, desk, "ben", "approver")
    store.sessions.add(session_of(ben, desk))

    store.users.change(ben.id, ben.version, full_name="Benjamin")
    assert store.sessions.find("h") is not None
    store.users.change(ben.id, ben.version + 1, rights=ROLES["viewer"])

    assert store.sessions.find("h") is None
    assert store.users.get(ben.id).rights == {Right.VIEW}


def test_a_closed_account_loses_its_tokens(store: Store, desk: Desk) -> None:
    user_in(store, desk)
    ben = user_in(store, desk, "ben", "engineer")
    day = desk.clock() + timedelta(days=1)
    token = store.tokens.add(ben.id, "counts", "t", ROLES["viewer"], desk.clock(), day)
    assert store.tokens.find("t") == (token, ben)

    store.users.change(ben.id, ben.version, is_active=False)

    assert store.tokens.find("t") is None


def test_a_token_is_ended_only_by_whose_it_is(store: Store, desk: Desk) -> None:
    anna, ben = user_in(store, desk), user_in(store, desk, "ben")
    day = desk.clock() + timedelta(days=1)
    token = store.tokens.add(ben.id, "counts", "t", ROLES["viewer"], desk.clock(), day)

    assert not store.tokens.end(token.id, anna.id)
    assert store.tokens.listed(ben.id) == [token]
    assert store.tokens.end(token.id, ben.id)


def test_sessions_that_are_over_are_forgotten_at_the_next_sign_in(store: Store, desk: Desk) -> None:
    anna = user_in(store, desk)
    store.sessions.add(session_of(anna, desk, "old"))
    desk.clock.on(hours=9)

    store.sessions.add(session_of(anna, desk, "new"))

    assert store.sessions.find("old") is None
    assert store.sessions.end_all(anna.id) == 1


def test_failed_attempts_are_counted_within_a_span_and_forgotten(store: Store, desk: Desk) -> None:
    for _ in range(3):
        now = desk.clock.on(minutes=1)
        assert store.attempts.begin({"anna": 9, "10.0.0.7": 9}, now, now - timedelta(hours=1))
    begin = desk.clock() - timedelta(seconds=90)

    assert store.attempts.since("anna", begin) == 2
    assert store.attempts.begin({"anna": 3}, desk.clock(), begin - timedelta(hours=1)) is None
    store.attempts.forget("anna")
    assert store.attempts.since("anna", begin) == 0
    assert store.attempts.since("10.0.0.7", begin) == 2
