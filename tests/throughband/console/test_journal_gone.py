"""A console whose journal was moved away: what is refused, and that letting go is not."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from network.errors import MoveError, StoreUnavailableError
from tests.throughband.command_line import until
from tests.throughband.console.serving import QUICK, Console, config_in, listening
from tests.throughband.store.conftest import Clock
from tests.throughband.test_bridge_state import PATHS, configured
from throughband.bridge.state import StateFolder
from throughband.console.app import create_app
from throughband.console.pages import furnish, page_routers
from throughband.plan_life import Move
from throughband.store.rows import RunState


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Console]:
    """A console with a street, whose journal was moved away while it ran."""
    bridge = configured(tmp_path, PATHS)
    app = create_app(config_in(tmp_path, bridge=bridge), passwords=QUICK, pages=page_routers())
    furnish(app)
    with listening(app) as url:
        console = Console(app, url, tmp_path, Clock())
        console.desk.store.audit("something", "anna", console.clock())
        console.desk.store.plans.catch_up(console.clock())
        (tmp_path / "journal.sqlite").rename(tmp_path / "away.sqlite")
        yield console
        for client in console.clients:
            client.close()
    console.desk.store.close()


def test_it_is_not_ready_and_says_so_to_machines_in_their_form(office: Console) -> None:
    answer = office.anybody().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["error"] == "StoreUnavailable"
    assert "the journal is gone" in answer.json()["message"]


def test_no_new_journal_is_begun_in_its_place(office: Console) -> None:
    with pytest.raises(StoreUnavailableError, match="journal"):
        office.desk.store.audit("something else", "anna", office.clock())
    assert not (office.folder / "journal.sqlite").exists()
    (office.folder / "away.sqlite").rename(office.folder / "journal.sqlite")
    assert office.anybody().get("/readyz").status_code == 200


def test_all_can_be_given_back_without_it(office: Console) -> None:
    run = office.desk.street_orders.release("oscar", "the journal is gone")
    until(lambda: office.desk.store.runs.get(run.id).state not in (RunState.WAITING,))
    until(lambda: StateFolder(office.folder / "state").stop_reason() != "")
    until(lambda: office.desk.store.runs.get(run.id).ended_utc is not None)
    # Nothing answers at that address; but it was asked, and nothing was begun in the way.
    assert "returns to its own schedule" in office.desk.store.runs.get(run.id).exit_text
    assert not (office.folder / "journal.sqlite").exists()


def test_a_roll_back_that_cannot_be_recorded_names_the_way_out(
    office: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = office.desk.street_orders
    store = office.desk.store
    (office.folder / "away.sqlite").rename(office.folder / "journal.sqlite")
    now = office.clock()
    network = store.networks.add("town", "catalog", "town", "town", {}, "anna", now)
    plan = store.plans.add(network.id, "a", "{}", "town", "d" * 64, "upload", "anna", now)
    (office.folder / "journal.sqlite").rename(office.folder / "away.sqlite")
    monkeypatch.setattr(type(orders), "receipt_of", lambda self, plan: office.folder / "receipt")
    client = office.as_role("operator")
    fields = {
        "version": str(plan.version),
        "why": "no",
        "csrf_token": client.headers["x-csrf-token"],
    }
    answer = client.post(f"/plans/{plan.id}/moves/{Move.ROLL_BACK}", data=fields)
    assert answer.status_code == 503
    text = html.unescape(answer.text)
    assert "Changed meanwhile" not in text
    assert "throughband bridge release" in text
    (office.folder / "away.sqlite").rename(office.folder / "journal.sqlite")
    with pytest.raises(MoveError):
        orders.roll_back(plan.id, "oscar", "no", plan.version)
