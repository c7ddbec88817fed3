from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from network.errors import MoveError
from network.files import write_plan
from network.timing import PlanSet
from tests.throughband.console.serving import Console
from throughband.console.api.plans import BY_STREET
from throughband.console.scenes import Scenes, plan_set_of
from throughband.plan_life import MOVES, Move

API = "/api/v1"
CITY = "cologne1"


@pytest.fixture(scope="module")
def plan_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lawful plan for the city: today's, half a cycle later."""
    from dataclasses import replace

    setting = Scenes().setting(CITY)
    plans = [
        replace(plan, offset_s=(plan.offset_s + plan.cycle_s // 2) % plan.cycle_s)
        for signal in setting.network.signals.values()
        if (plan := signal.plan_in_force) is not None
    ]
    file: Path = tmp_path_factory.mktemp("plan") / "plan.json"
    write_plan(file, PlanSet(setting.scenario.name, tuple(plans), {}), setting.network)
    return file.read_text(encoding="utf-8")


def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def with_draft(console: Console, text: str, verdict: str = "better") -> tuple[httpx.Client, Any]:
    console.add("anna", "engineer")
    anna = console.signed_in("anna")
    network = ok(anna.post(f"{API}/networks/catalog", json={"city": CITY}))
    report = {
        "plan_digest": plan_set_of(text).digest, "scenario": CITY, "verdict": verdict,
    }  # fmt: skip
    plan = ok(
        anna.post(
            f"{API}/plans/upload",
            data={"network_id": network["id"], "title": "half a cycle later"},
            files={"plan": ("plan.json", text), "report": ("r.json", json.dumps(report))},
        )
    )
    return anna, plan


def decide(client: httpx.Client, plan: Any, move: str, **more: Any) -> httpx.Response:
    body = {"seen_version": plan["version"], "why": "test", **more}
    return client.post(f"{API}/plans/{plan['id']}/{move}", json=body)


def test_a_plan_is_drafted_checked_and_approved_by_somebody_else(
    console: Console, plan_text: str
) -> None:
    anna, plan = with_draft(console, plan_text)
    console.add("ben", "approver")
    ben = console.signed_in("ben")
    assert (plan["state"], plan["moves"]) == ("draft", ["check"])
    plan = ok(decide(anna, plan, "check"))
    assert (plan["state"], plan["moves"]) == ("checked", [])
    assert decide(anna, plan, "approve").status_code == 403

    assert (plan["report_origin"], plan["report_by"]) == ("upload", "anna")
    refused = decide(ben, plan, "approve")
    assert refused.status_code == 409
    assert "uploaded by anna, not made here" in refused.json()["message"]

    approved = ok(decide(ben, plan, "approve", despite_verdict=True))

    assert approved["state"] == "approved"
    assert approved["release"]["approved_by"] == "ben"
    stale = decide(ben, plan, "reject")
    assert stale.status_code == 409
    assert stale.json()["changes"] == [
        "approved by ben at 2031-05-06 08:00:00 UTC: test "
        "(on a report uploaded by anna, not made here)"
    ]
    page = ok(anna.get(f"{API}/journal", params={"plan": plan["id"]}))
    assert [entry["event"] for entry in page["entries"]] == [
        "approved", "plan checked", "plan drafted",
    ]  # fmt: skip
    moves = ok(anna.get(f"{API}/plans/{plan['id']}/moves"))
    assert [move["journal_number"] for move in moves] == [
        entry["number"] for entry in reversed(page["entries"])
    ]


def test_an_approver_does_not_approve_a_plan_of_their_own(console: Console, plan_text: str) -> None:
    anna, plan = with_draft(console, plan_text)
    store = console.desk.store
    anna_row = store.users.of_name("anna")
    assert anna_row is not None
    from throughband.people.rights import ROLES

    store.users.change(anna_row.id, anna_row.version, rights=ROLES["approver"])
    anna = console.signed_in("anna")
    plan = ok(decide(anna, plan, "check"))

    answer = decide(anna, plan, "approve")

    assert answer.status_code == 409
    assert "anna's own" in answer.json()["message"]


def test_what_a_plan_changes_is_told_second_by_second(console: Console, plan_text: str) -> None:
    anna, plan = with_draft(console, plan_text)

    found = ok(anna.get(f"{API}/plans/{plan['id']}/difference"))

    for signal in found:
        cycle_s = signal["before"]["cycle_s"]
        assert signal["compared_s"] == cycle_s
        assert 0 < signal["differing_s"] <= cycle_s
        assert [text.split()[0] for text in signal["changes"]] == ["offset"]
        for side in (signal["before"], signal["after"]):
            assert sum(p["end_s"] - p["begin_s"] for p in side["shown"]) == pytest.approx(cycle_s)


def test_a_plan_that_changes_nothing_differs_in_no_second() -> None:
    from throughband.console.differences import differences

    network = Scenes().setting(CITY).network
    plans = [s.plan_in_force for s in network.signals.values() if s.plan_in_force]

    found = differences(network, PlanSet(CITY, tuple(plans), {}), {})

    assert [(each.differing_s, each.changes) for each in found] == [(0, ())] * len(plans)


def test_an_edited_plan_is_refused_as_such(console: Console, plan_text: str) -> None:
    console.add("anna", "engineer")
    anna = console.signed_in("anna")
    network = ok(anna.post(f"{API}/networks/catalog", json={"city": CITY}))
    content = json.loads(plan_text)
    content["plans"][0]["offset_s"] += 1

    answer = anna.post(
        f"{API}/plans/upload",
        data={"network_id": network["id"], "title": "edited"},
        files={"plan": ("plan.json", json.dumps(content))},
    )

    assert answer.status_code == 422
    assert "plan.json" in answer.json()["message"]
    assert ok(anna.get(f"{API}/plans")) == []


def test_without_a_street_nothing_is_armed(console: Console, plan_text: str) -> None:
    anna, plan = with_draft(console, plan_text)
    ben, carl = console.as_role("approver"), console.as_role("operator")
    plan = ok(decide(anna, plan, "check"))
    plan = ok(decide(ben, plan, "approve", despite_verdict=True))

    answer = decide(carl, plan, "arm")

    assert answer.status_code == 409
    assert "no street" in answer.json()["message"]
    assert ok(carl.get(f"{API}/plans/{plan['id']}"))["state"] == "approved"


@pytest.mark.parametrize("move", [move for move in MOVES if move not in BY_STREET])
def test_the_api_asks_for_a_reason_where_the_rule_of_the_move_does(
    console: Console, move: Move
) -> None:
    document = console.as_role("viewer").get(f"{API}/openapi.json").json()
    body = document["paths"][f"{API}/plans/{{plan_id}}/{move}"]["post"]["requestBody"]
    kind = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    asked = document["components"]["schemas"][kind]
    assert ("why" in asked["required"]) == MOVES[move].needs_why
    assert asked["properties"]["why"].get("minLength", 0) == MOVES[move].needs_why


def test_a_plan_is_not_rejected_without_a_reason(console: Console, plan_text: str) -> None:
    _, plan = with_draft(console, plan_text)
    console.add("ben", "approver")
    ben = console.signed_in("ben")

    for why in ({}, {"why": ""}, {"why": "  "}):
        answer = ben.post(f"{API}/plans/{plan['id']}/reject", json={"seen_version": 1, **why})
        assert answer.status_code == 422
        assert "body.why" in answer.json()["message"]
    with pytest.raises(MoveError, match="reject needs a reason"):
        console.desk.plan_moves.reject(plan["id"], "ben", "", 1)
    assert ok(decide(ben, plan, "reject", why="school time"))["state"] == "rejected"


def test_comments_are_kept_in_order(console: Console, plan_text: str) -> None:
    anna, plan = with_draft(console, plan_text)
    url = f"{API}/plans/{plan['id']}/comments"
    for text in ("why?", "because of the school <b>"):
        ok(anna.post(url, json={"text": text}))
        console.clock.on(minutes=1)

    assert [row["text"] for row in ok(anna.get(url))] == ["why?", "because of the school <b>"]
    found = ok(anna.get(f"{API}/journal", params={"event": "commented"}))["entries"]
    assert [(entry["by"], entry["text"]) for entry in found][-1] == ("anna", "why?")
    assert anna.post(url, json={"text": "a\x00b"}).status_code == 422
