"""Offsets and splits tried over the API, and kept as a draft."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.measures.hcm_terms import level_of_service
from network.timing import TimingPlan
from tests.browser.site import Site, site_in
from throughband.console.carrying import FILES
from throughband.console.trials import content_of, traffic_of
from throughband.people.routes import API
from throughband.plan_life import PlanState
from throughband.planning.tuning import Trial, open_tuning
from throughband.planning.tuning_moves import Move
from throughband.setting import open_setting


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_in(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture
def client(site: Site) -> httpx.Client:
    return api_client(site, "ada")


def api_client(site: Site, name: str) -> httpx.Client:
    client = site.client(name)
    client.headers["x-csrf-token"] = client.get(f"{API}/session").json()["csrf_token"]
    return client


def plans_of(site: Site) -> list[TimingPlan]:
    plan = site.desk.store.plans.get(site.plan_id)
    return list(content_of(plan.id, plan.content)[0].plans)


def moved_by(plan: TimingPlan, by_s: int) -> dict[str, Any]:
    return {"signal_id": plan.signal_id, "offset_s": (plan.offset_s + by_s) % plan.cycle_s}


def another_split(plan: TimingPlan) -> dict[str, Any]:
    """One second from a split of the plan to the one after it, as they are laid out."""
    first, second = plan.sequence[0], plan.sequence[1]
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    return {
        "signal_id": plan.signal_id,
        "splits_s": {first: splits[first] - 1, second: splits[second] + 1},
    }


def test_an_offset_is_tried_and_nothing_is_kept(site: Site, client: httpx.Client) -> None:
    plan = plans_of(site)[0]
    before = site.desk.store.plans.count(())

    answer = client.post(f"{API}/plans/{site.plan_id}/trial", json={"moves": [moved_by(plan, 11)]})

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["lawful"]
    assert told["refusals"] == []
    assert plan.signal_id in told["signals"]
    assert told["approaches"]
    for row in (told["total"], *told["approaches"]):
        assert row["now"]["level_of_service"] == level_of_service(row["now"]["delay_s"])
    assert told["total"]["now"] != told["total"]["before"]
    assert site.desk.store.plans.count(()) == before


def test_an_offset_that_is_the_plans_own_changes_nothing(site: Site, client: httpx.Client) -> None:
    moves = [moved_by(plans_of(site)[0], 0)]

    told = client.post(f"{API}/plans/{site.plan_id}/trial", json={"moves": moves}).json()

    for row in (told["total"], *told["approaches"], *told["movements"]):
        assert row["now"] == pytest.approx(row["before"])
    kept = client.post(f"{API}/plans/{site.plan_id}/tuned", json={"moves": moves})
    assert kept.status_code == 422
    assert "nothing is moved" in kept.json()["message"]


def test_a_split_is_tried_and_one_that_breaks_a_rule_is_refused_with_the_rule(
    site: Site, client: httpx.Client
) -> None:
    plan = plans_of(site)[0]
    address = f"{API}/plans/{site.plan_id}/trial"

    fine = client.post(address, json={"moves": [another_split(plan)]}).json()
    move = {"signal_id": plan.signal_id, "splits_s": {plan.sequence[0]: 1}}
    refused = client.post(address, json={"moves": [move]}).json()

    assert fine["lawful"], fine["refusals"]
    assert fine["total"]["now"] != fine["total"]["before"]
    late = {"signal_id": plan.signal_id, "offset_s": plan.cycle_s}
    later = client.post(address, json={"moves": [late]}).json()

    assert f"allowed 0 to {plan.cycle_s - 1} s" in later["refusals"][0]
    assert (refused["lawful"], refused["total"]["now"]) == (False, None)
    assert any(plan.signal_id in text for text in refused["refusals"])
    kept = client.post(f"{API}/plans/{site.plan_id}/tuned", json={"moves": [move]})
    assert kept.status_code == 422


def test_what_was_tried_is_kept_as_a_draft_by_who_tried_it(
    site: Site, client: httpx.Client
) -> None:
    plan = plans_of(site)[0]
    move = moved_by(plan, 11) | another_split(plan)

    answer = client.post(
        f"{API}/plans/{site.plan_id}/tuned", json={"moves": [move], "title": "By hand"}
    )

    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["title"], told["author"], told["state"], told["origin"]) == (
        "By hand", "ada", PlanState.DRAFT, "trial",
    )  # fmt: skip
    content = client.get(f"{API}/plans/{told['id']}/content").json()
    assert "moved by hand from plan" in json.dumps(content)
    kept = {each.signal_id: each for each in plans_of_content(site, told["id"])}
    assert kept[plan.signal_id].offset_s == move["offset_s"]
    assert kept[plan.signal_id].splits_s != plan.splits_s
    others = [each for each in plans_of(site) if each.signal_id != plan.signal_id]
    assert [kept[each.signal_id] for each in others] == others


def plans_of_content(site: Site, plan_id: str) -> list[TimingPlan]:
    plan = site.desk.store.plans.get(plan_id)
    return list(content_of(plan.id, plan.content)[0].plans)


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ([], "moves"),
        ([{"signal_id": "nowhere", "offset_s": 1}], "nowhere"),
        ([{"signal_id": "{}", "offset_s": -1}], "offset_s"),
        ([{"signal_id": "{}", "splits_s": {"99": 10}}], "split of phase 99"),
        ([{"signal_id": "{}", "offset_s": 1}, {"signal_id": "{}", "offset_s": 2}], "twice"),
        ([{"signal_id": "{}", "cycle_s": 90}], "cycle_s"),
    ],
)
def test_a_move_that_cannot_be_is_told(
    site: Site, client: httpx.Client, moves: list[dict[str, Any]], told: str
) -> None:
    name = plans_of(site)[0].signal_id
    moves = [move | {"signal_id": move["signal_id"].format(name)} for move in moves]

    answer = client.post(f"{API}/plans/{site.plan_id}/trial", json={"moves": moves})

    assert answer.status_code == 422, answer.text
    assert told in answer.json()["message"]


def test_a_viewer_tries_and_does_not_keep(site: Site) -> None:
    client = api_client(site, "vi")
    moves = {"moves": [moved_by(plans_of(site)[0], 3)]}

    assert client.post(f"{API}/plans/{site.plan_id}/trial", json=moves).status_code == 200
    assert client.post(f"{API}/plans/{site.plan_id}/tuned", json=moves).status_code == 403


def test_what_is_being_made_ready_is_told_with_when_to_ask_again(
    site: Site, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = moved_by(plans_of(site)[0], 5)
    made = client.post(f"{API}/plans/{site.plan_id}/tuned", json={"moves": [later]}).json()
    monkeypatch.setattr(site.desk.shelf, "patience_s", 0.0)

    answer = client.post(f"{API}/plans/{made['id']}/trial", json={"moves": [later]})

    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    assert "worked out" in answer.json()["message"]


def test_where_nobody_counted_nothing_can_be_tried(site: Site, client: httpx.Client) -> None:
    store, now = site.desk.store, site.desk.clock()
    plan = store.plans.get(site.plan_id)
    there = store.networks.get(plan.network_id)
    bare = store.networks.add(
        "bare", "catalog", there.source, there.scenario, there.summary, "ada", now
    )
    other = site.desk.plan_moves.add_plan(bare.id, "uncounted", plan.content, "ada", "upload")

    answer = client.post(
        f"{API}/plans/{other.id}/trial", json={"moves": [moved_by(plans_of(site)[0], 3)]}
    )

    assert answer.status_code == 409
    assert "nobody counted" in answer.json()["message"]


def test_predictions_stand_on_the_flows_of_the_run_whatever_window_the_network_has(
    site: Site,
) -> None:
    plan = site.desk.store.plans.get(site.plan_id)
    plan_set, _ = content_of(plan.id, plan.content)
    network = site.desk.store.networks.get(plan.network_id)
    modeled = site.desk.shelf.modeled(network.id, network.source, run_folder(site))
    assert modeled.wanted is not None
    own = open_setting(network.source)
    assert (own.scenario.begin_s, own.scenario.end_s) != (
        modeled.setting.scenario.begin_s, modeled.setting.scenario.end_s,
    )  # fmt: skip
    move = Move(plan_set.plans[0].signal_id, (plan_set.plans[0].offset_s + 7) % 30)

    there = open_tuning(own, plan_set, modeled.wanted).trial([move])

    assert own.network == modeled.network
    assert site.desk.shelf.trial(traffic_of(site.desk, plan), [move], whole) == there


def whole(trial: Trial) -> Trial:
    return trial


def run_folder(site: Site) -> Path:
    run_id = site.desk.store.plans.get(site.plan_id).run_id
    assert run_id is not None
    return Path(site.desk.store.runs.get(run_id).folder) / FILES


def test_a_network_that_was_read_is_not_searched_for_garbage_again(site: Site) -> None:
    plan = site.desk.store.plans.get(site.plan_id)
    network = site.desk.store.networks.get(plan.network_id)

    modeled = site.desk.shelf.modeled(network.id, network.source, run_folder(site))

    assert all(each is not modeled.network.links for each in gc.get_objects())
