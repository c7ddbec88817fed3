"""The running console with a database that is locked, full, older or newer; and two at once."""

from __future__ import annotations

import html
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from network.errors import NewerStoreError
from network.files import write_plan
from network.timing import PlanSet
from tests.throughband.console.serving import QUICK, Console, config_in, listening
from tests.throughband.store.conftest import Clock
from tests.throughband.store.test_opening import later_program
from throughband.console.app import create_app
from throughband.console.desk import COOKIE
from throughband.console.pages import furnish, page_routers
from throughband.console.scenes import Scenes
from throughband.journal import verify
from throughband.people.routes import API
from throughband.plan_life import Move, PlanState
from throughband.store import open_store
from throughband.store.rows import Plan

CITY = "cologne1"
WAIT_S = 0.1


@pytest.fixture(scope="module")
def plan_set(tmp_path_factory: pytest.TempPathFactory) -> tuple[PlanSet, str]:
    """A lawful plan, today's half a cycle later, and its text."""
    setting = Scenes().setting(CITY)
    plans = [
        replace(plan, offset_s=(plan.offset_s + plan.cycle_s // 2) % plan.cycle_s)
        for signal in setting.network.signals.values()
        if (plan := signal.plan_in_force) is not None
    ]
    found = PlanSet(setting.scenario.name, tuple(plans), {})
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    write_plan(file, found, setting.network)
    return found, file.read_text(encoding="utf-8")


@contextmanager
def office_in(folder: Path, clock: Clock) -> Iterator[Console]:
    """Serve API and pages over a store that does not wait long."""
    config = config_in(folder)
    store = open_store(
        config.database, backups=config.backups, journal=config.journal, clock=clock,
        wait_s=WAIT_S,
    )  # fmt: skip
    app = create_app(config, clock=clock, store=store, passwords=QUICK, pages=page_routers())
    furnish(app)
    with listening(app) as url:
        console = Console(app, url, folder, clock)
        yield console
        for client in console.clients:
            client.close()
    store.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Console]:
    with office_in(tmp_path, Clock()) as found:
        yield found


def checked(office: Console, plan_set: tuple[PlanSet, str]) -> Plan:
    """Keep a plan of anna's that is checked."""
    store, now = office.desk.store, office.clock()
    network = store.networks.add(CITY, "catalog", CITY, CITY, {"signals": 1}, "anna", now)
    digest = plan_set[0].digest
    plan = store.plans.add(
        network.id, "half a cycle later", plan_set[1], CITY, digest, "upload", "anna", now,
        report={"plan_digest": digest, "verdict": "better", "scenario": CITY},
    )  # fmt: skip
    return store.plans.move(plan.id, Move.CHECK, "anna", now, "fine", plan.version)


def reject(client: httpx.Client, plan: Plan, why: str = "no") -> httpx.Response:
    body = {"seen_version": plan.version, "why": why}
    return client.post(f"{API}/plans/{plan.id}/reject", json=body)


def reject_on_page(client: httpx.Client, plan: Plan, why: str = "no") -> httpx.Response:
    fields = {
        "version": str(plan.version), "why": why, "csrf_token": client.headers["x-csrf-token"],
    }  # fmt: skip
    return client.post(f"/plans/{plan.id}/moves/reject", data=fields)


def events(office: Console) -> list[object]:
    """Return what the journal tells, its chain checked."""
    return [entry["event"] for entry in verify(office.desk.config.journal)]


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold the write lock of a database, as another process does that never ends."""
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_while_another_holds_the_database_one_looks_and_decides_nothing(
    office: Console, plan_set: tuple[PlanSet, str]
) -> None:
    plan = checked(office, plan_set)
    ben = office.as_role("approver")
    assert ben.get("/plans").status_code == 200
    before = events(office)
    # By now the console would write down when he came last.
    office.clock.on(minutes=10)

    with held(office.folder / "console.sqlite"):
        seen = [ben.get("/plans"), ben.get(f"/plans/{plan.id}/history")]
        seen += [ben.get(f"{API}/plans/{plan.id}"), ben.get("/healthz")]
        over_api, on_page = reject(ben, plan), reject_on_page(ben, plan)
        signing_in = office.anybody().post(
            f"{API}/session", json={"name": "nobody", "password": "not a password"}
        )

    assert [answer.status_code for answer in seen] == [200] * 4
    assert [over_api.status_code, on_page.status_code, signing_in.status_code] == [503] * 3
    assert "locked by somebody else" in over_api.json()["message"]
    assert "nothing was changed" in over_api.json()["message"]
    assert "<html" in on_page.text
    assert "locked by somebody else" in html.unescape(on_page.text)
    assert office.desk.store.plans.get(plan.id) == plan
    assert events(office) == before
    # Nothing is stuck: the same people do it a moment later.
    assert reject(ben, plan).status_code == 200
    assert events(office) == [*before, "plan rejected"]


def test_a_full_database_is_told_and_nothing_is_half_written(
    office: Console, plan_set: tuple[PlanSet, str]
) -> None:
    plan = checked(office, plan_set)
    anna = office.as_role("engineer")
    before = events(office)
    engine = office.desk.store._database.engine
    engine.dispose()

    def fill(connection: Any, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "connect", fill)
    words = "x" * 9_000
    answers = [anna.post(f"{API}/plans/{plan.id}/comments", json={"text": words}) for _ in range(3)]
    fields = {"text": words, "csrf_token": anna.headers["x-csrf-token"]}
    on_page = anna.post(f"/plans/{plan.id}/comments", data=fields)
    files = {"plan": ("plan.json", plan_set[1] + " " * 60_000)}
    asked = {"network_id": plan.network_id, "title": "another"}
    upload = anna.post(f"{API}/plans/upload", data=asked, files=files)

    assert answers[-1].status_code == on_page.status_code == upload.status_code == 503
    assert "the disk is full" in answers[-1].json()["message"]
    assert "the disk is full" in html.unescape(on_page.text)
    kept = sum(answer.status_code == 201 for answer in answers)
    told = anna.get(f"{API}/plans/{plan.id}/comments").json()
    assert [row["text"] for row in told] == [words] * kept
    listed = anna.get(f"{API}/plans").json()
    assert [row["id"] for row in listed] == [plan.id]
    assert events(office) == before
    assert anna.get("/readyz").status_code == 200


def test_a_console_brings_an_older_database_on_after_a_backup_and_serves_what_was_in_it(
    tmp_path: Path, plan_set: tuple[PlanSet, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    with office_in(tmp_path, clock) as before:
        plan = checked(before, plan_set)
    later_program(tmp_path, monkeypatch)

    with office_in(tmp_path, clock) as office:
        ben = office.as_role("approver")
        assert ben.get(f"{API}/plans/{plan.id}").json()["state"] == PlanState.CHECKED
        assert ben.get(f"/plans/{plan.id}/history").status_code == 200
        assert reject(ben, plan).status_code == 200
        assert ben.get("/readyz").status_code == 200
        assert office.desk.store.migrated in list((tmp_path / "backups").iterdir())
        assert events(office)[-1] == "plan rejected"


def test_a_console_does_not_start_over_a_newer_database(
    tmp_path: Path, plan_set: tuple[PlanSet, str]
) -> None:
    clock = Clock()
    with office_in(tmp_path, clock) as before:
        checked(before, plan_set)
        with before.desk.store._database.writing() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        kept = events(before)
    content = (tmp_path / "console.sqlite").read_bytes()

    with pytest.raises(NewerStoreError, match="revision '9999'"):
        create_app(config_in(tmp_path), clock=clock, passwords=QUICK)

    assert (tmp_path / "console.sqlite").read_bytes() == content
    assert [entry["event"] for entry in verify(tmp_path / "journal.sqlite")] == kept


@pytest.mark.parametrize("way", [reject, reject_on_page])
def test_of_people_who_decide_at_once_one_does_and_the_others_are_told_who_and_what(
    office: Console, plan_set: tuple[PlanSet, str], way: Any
) -> None:
    plan = checked(office, plan_set)
    people = [office.as_role("approver") for _ in range(4)]
    at_once = threading.Barrier(len(people))

    def decide(at: int) -> httpx.Response:
        at_once.wait(30)
        return way(people[at], plan, f"for reason {at}")

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(decide, range(len(people))))

    done = [at for at, answer in enumerate(answers) if answer.status_code in (200, 303)]
    assert len(done) == 1, [answer.status_code for answer in answers]
    (winner,) = done
    record = office.desk.store.plans.moves(plan.id)[-1]
    assert (record.move, record.why) == (Move.REJECT, f"for reason {winner}")
    for at, answer in enumerate(answers):
        if at != winner:
            assert answer.status_code == 409
            told = html.unescape(answer.text)
            assert re.search(rf"rejected by {record.by} at .*: for reason {winner}", told)
    assert events(office).count("plan rejected") == 1
    assert COOKIE in people[0].cookies
