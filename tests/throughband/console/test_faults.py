"""Addresses that are none, and the program's own faults: who asks is told, and the log."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter

from tests.throughband.console.serving import QUICK, Console, config_in, listening
from tests.throughband.store.conftest import Clock
from throughband.console.app import create_app
from throughband.console.logs import JsonLines
from throughband.console.pages import furnish, page_routers
from throughband.people import routes
from throughband.people.rights import Right

BROKEN = {"GET /broken": None, "GET /api/v1/broken": Right.VIEW}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """A console with pages, two of whose routes fail."""
    for module in ("throughband.console.app", "throughband.console.desk"):
        monkeypatch.setattr(f"{module}.ROUTES", {**routes.ROUTES, **BROKEN})
    router = APIRouter()

    @router.get("/broken")
    @router.get("/api/v1/broken")
    def broken() -> None:
        raise ZeroDivisionError("the secret of the inside")

    app = create_app(config_in(tmp_path), passwords=QUICK, pages=[*page_routers(), router])
    furnish(app)
    with listening(app) as url:
        console = Console(app, url, tmp_path, Clock())
        yield console
        for client in console.clients:
            client.close()
    console.desk.store.close()


@pytest.mark.parametrize("address", ["/nowhere", "/plans/x/y/z/1", "/static/none.css"])
def test_who_is_signed_in_finds_the_own_frame_at_an_address_that_is_none(
    office: Console, address: str
) -> None:
    answer = office.as_role("engineer").get(address)

    assert answer.status_code == 404
    assert 'href="/plans"' in answer.text
    assert ">Engineer0</a>" in answer.text
    assert "To the sign-in" not in answer.text


def test_who_is_unknown_is_offered_the_sign_in_there(office: Console) -> None:
    answer = office.anybody().get("/nowhere")

    assert answer.status_code == 404
    assert "To the sign-in" in answer.text
    assert 'href="/plans"' not in answer.text


def test_a_program_is_told_in_json_of_an_address_that_is_none(office: Console) -> None:
    answer = office.as_role("viewer").get("/api/v1/nowhere")
    assert (answer.status_code, answer.json()["error"]) == (404, "HTTP")


def test_a_fault_is_a_page_with_its_reference_and_nothing_of_the_inside(office: Console) -> None:
    answer = office.as_role("viewer").get("/broken", headers={"x-request-id": "ref-7"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "ref-7"
    assert answer.headers["x-content-type-options"] == "nosniff"
    said = html.unescape(answer.text)
    assert "A fault of the console itself" in said
    assert "ref-7" in said
    assert 'href="/plans"' in said
    assert "ZeroDivision" not in said
    assert "secret" not in said


def test_a_fault_is_json_for_a_program(office: Console) -> None:
    answer = office.as_role("viewer").get("/api/v1/broken")

    assert answer.status_code == 500
    assert answer.json()["error"] == "Fault"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text


def test_a_fault_is_in_the_log_with_its_trace_and_as_an_access(
    office: Console, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "throughband.console.access"):
        office.as_role("viewer").get("/broken", headers={"x-request-id": "ref-8"})

    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    trace, access = (line for line in lines if line.get("request_id") == "ref-8")
    assert "ZeroDivisionError: the secret of the inside" in trace["trace"]
    assert (access["status"], access["route"]) == (500, "/broken")
    counted = office.anybody().get("/metrics").text
    assert 'requests_total{method="GET",route="/broken",status="500"} 1.0' in counted
