"""Pages without a browser: who sees what, what forms refuse, and what a page may hold."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from typer.testing import CliRunner

from network.errors import SimulationError
from network.files import write_plan
from network.timing import PlanSet
from tests.browser.site import CITY, PASSWORD, Site, report_on, site_in
from throughband.cli import app
from throughband.console.carrying import COMMAND, OUTPUT
from throughband.console.kept import StillMadeError
from throughband.console.pages.reading import BY_PEOPLE, offered
from throughband.console.pages.rendering import environment
from throughband.console.pages.serving import FILE_POLICY, POLICY
from throughband.console.work import STREET_KINDS, UNDOING
from throughband.people.rights import rights_of
from throughband.plan_life import MOVES, Move, PlanState
from throughband.planning.tuning import running
from throughband.setting import ANY_WINDOW_S, open_setting
from throughband.store.rows import RunState

INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|\bon\w+=|\sstyle=", re.I)
FORM = re.compile(r"<form([^>]*)>(.*?)</form>", re.DOTALL)
FOREIGN = re.compile(r"""(?:src|href|action|hx-get)=["'](?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_in(tmp_path_factory.mktemp("site")) as found:
        yield found


def client_of(site: Site, name: str = "") -> httpx.Client:
    return site.client(name)


def token_in(client: httpx.Client, address: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(address).text)
    assert found is not None
    return found[1]


def test_who_is_unknown_is_sent_to_sign_in_and_back(site: Site) -> None:
    client = client_of(site)
    answer = client.get(f"/plans/{site.plan_id}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next=/plans/{site.plan_id}"
    fields = {"name": "ada", "password": PASSWORD, "next": f"/plans/{site.plan_id}"}
    fields["csrf_token"] = token_in(client, answer.headers["location"])
    signed = client.post("/login", data=fields)
    assert signed.headers["location"] == f"/plans/{site.plan_id}"
    assert client.get(f"/plans/{site.plan_id}").status_code == 200


@pytest.mark.parametrize("address", ["//elsewhere.example", "https://elsewhere.example", "/\\a"])
def test_signing_in_leads_nowhere_else(site: Site, address: str) -> None:
    client = client_of(site)
    fields = {"name": "ada", "password": PASSWORD, "next": address}
    fields["csrf_token"] = token_in(client, "/login")
    assert client.post("/login", data=fields).headers["location"] == "/"


def test_a_wrong_password_is_told_beside_the_form(site: Site) -> None:
    client = client_of(site)
    fields = {"name": "vi", "password": "wrong", "csrf_token": token_in(client, "/login")}
    answer = client.post("/login", data=fields)
    assert answer.status_code == 401
    assert "Name or password are wrong" in answer.text


def test_a_sign_in_form_of_another_page_is_refused(site: Site) -> None:
    fields = {"name": "ada", "password": PASSWORD, "csrf_token": "x"}
    assert client_of(site).post("/login", data=fields).status_code == 403


def test_every_page_is_there_and_holds_nothing_inline_or_foreign(site: Site) -> None:
    client = client_of(site, "ada")
    for name, address in site.addresses().items():
        answer = client.get(address)
        assert answer.status_code == 200, name
        assert answer.headers["content-security-policy"] == POLICY
        assert not INLINE.search(answer.text), name
        assert not FOREIGN.search(answer.text), name


def test_texts_of_others_are_escaped(site: Site) -> None:
    page = client_of(site, "ada").get(f"/plans/{site.plan_id}").text
    assert "A reason &amp; its &lt;sign&gt;." in page


def test_a_form_without_its_token_changes_nothing(site: Site) -> None:
    client = client_of(site, "ada")
    answer = client.post(f"/plans/{site.plan_id}/comments", data={"text": "hello"})
    assert answer.status_code == 403
    assert site.desk.store.plans.comments(site.plan_id) == []


@pytest.mark.parametrize(
    "address", ["/networks/import", "/runs/new", "/plans/upload", "/users", "/live/release"]
)
def test_a_viewer_is_told_what_right_is_missing(site: Site, address: str) -> None:
    answer = client_of(site, "vi").get(address)
    assert answer.status_code == 403
    assert "has not the right to" in html.unescape(answer.text)


def test_a_viewer_sees_no_button_that_would_be_refused(site: Site) -> None:
    page = client_of(site, "vi").get(f"/plans/{site.plan_id}").text
    assert "/moves/" not in page
    assert "Add comment" not in page
    assert 'href="/users"' not in page


def test_what_is_not_there_is_a_page_with_404(site: Site) -> None:
    answer = client_of(site, "ada").get("/plans/000000000000")
    assert answer.status_code == 404
    assert "<html" in answer.text


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("seeds", "1", "a whole number from 2 to 100"),
        ("time_limit_s", "soon", "a number from 1 to 86400"),
        ("begin_s", "-5", "a number from 0"),
        ("minimize", "joy", "allowed are delay"),
        ("kind", "dance", "allowed are run"),
    ],
)
def test_a_run_with_a_wrong_field_is_told_beside_it(
    site: Site, field: str, text: str, said: str
) -> None:
    client = client_of(site, "ada")
    fields = {"network": site.network_id, "kind": "run", "minimize": "delay", field: text}
    fields["csrf_token"] = token_in(client, "/runs/new")
    answer = client.post("/runs/new", data=fields)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)


def test_a_started_run_waits_with_what_was_asked_for(site: Site) -> None:
    client = client_of(site, "ada")
    fields = {"network": site.network_id, "kind": "optimize", "time_limit_s": "7"}
    fields["csrf_token"] = token_in(client, "/runs/new")
    answer = client.post("/runs/new", data=fields)
    assert answer.status_code == 303
    run = site.desk.store.runs.get(answer.headers["location"].rpartition("/")[2])
    assert (run.kind, run.requested_by, run.arguments["time_limit"]) == ("optimize", "ada", 7.0)
    site.desk.work.cancel(run.id, "ada")


@pytest.mark.parametrize("kind", sorted(STREET_KINDS))
def test_what_is_at_work_on_the_street_is_not_offered_to_be_stopped(site: Site, kind: str) -> None:
    store, now = site.desk.store, site.desk.clock()
    run = store.runs.add(kind, None, {}, site.desk.config.runs, "bo", now)
    store.runs.begin(run.id, now)
    client = client_of(site, "bo")

    page = html.unescape(client.get(f"/runs/{run.id}").text)
    fields = {"csrf_token": token_in(client, f"/runs/{run.id}")}
    answer = client.post(f"/runs/{run.id}/cancel", data=fields)

    assert "Stop it" not in page
    assert UNDOING[kind] in page
    assert answer.status_code == 409
    assert UNDOING[kind] in html.unescape(answer.text)
    store.runs.end(run.id, RunState.DONE, 0, "", now)


def test_what_a_run_said_names_no_place_on_the_server(site: Site) -> None:
    store, now = site.desk.store, site.desk.clock()
    run = store.runs.add("optimize", None, {}, site.desk.config.runs, "ada", now)
    store.runs.begin(run.id, now)
    store.runs.progress(run.id, {"step": 1, "title": f"read {run.folder}/files/plan.json"})
    Path(run.folder).mkdir()
    (Path(run.folder) / OUTPUT).write_text(f"{run.folder}/files/plan.json: read\n")
    client = client_of(site, "ada")
    at_work = client.get(f"/runs/{run.id}").text, client.get("/runs").text
    store.runs.end(run.id, RunState.FAILED, 1, f"{run.folder}/files/plan.json: not JSON", now)
    ended = client.get(f"/runs/{run.id}").text
    api = f"/api/v1/runs/{run.id}"

    assert "read plan.json" in at_work[0]
    assert "plan.json: not JSON" in ended
    told = client.get(api), client.get(f"{api}/output")
    assert told[0].json()["exit_text"] == "plan.json: not JSON"
    for text in (*at_work, ended, *(answer.text for answer in told)):
        assert str(site.desk.config.path.parent) not in text


def test_controllers_are_given_back_without_a_reason(site: Site) -> None:
    page = client_of(site, "bo").get("/live/release").text
    assert "<textarea" in page
    assert "required" not in page


def test_a_whole_run_searches_no_longer_than_the_form_says(site: Site) -> None:
    client = client_of(site, "ada")
    fields = {"network": site.network_id, "kind": "run", "time_limit_s": "60", "seeds": "5"}
    fields["csrf_token"] = token_in(client, "/runs/new")
    answer = client.post("/runs/new", data=fields)
    run = site.desk.store.runs.get(answer.headers["location"].rpartition("/")[2])
    command = json.loads((Path(run.folder) / COMMAND).read_text())["arguments"]
    assert "--time-limit=60.0" in command
    told = CliRunner().invoke(app, [*command, "--time-limit=0"])
    assert told.exit_code == 2  # the command line knows the option, and what it allows
    assert "greater than or equal to 1" in told.output
    site.desk.work.cancel(run.id, "ada")


def test_a_whole_run_reckons_with_the_rates_of_the_configuration(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = tmp_path / "rates.toml"
    orders = site.desk.run_orders
    monkeypatch.setattr(orders, "_config", replace(orders._config, rates=rates))
    run = orders.whole_path(site.network_id, "ada", seeds=2)
    command = json.loads((Path(run.folder) / COMMAND).read_text())["arguments"]
    assert f"--rates={rates}" in command
    assert "rates" not in run.arguments
    site.desk.work.cancel(run.id, "ada")


def test_a_title_given_to_a_run_is_kept_for_its_plan(site: Site) -> None:
    client = client_of(site, "ada")
    for kind in ("optimize", "run"):
        fields = {"network": site.network_id, "kind": kind, "title": f"Evening peak by {kind}"}
        fields["csrf_token"] = token_in(client, "/runs/new")
        answer = client.post("/runs/new", data=fields)
        assert answer.status_code == 303
        assert f"Evening peak by {kind}" in client.get(answer.headers["location"]).text
        site.desk.work.cancel(answer.headers["location"].rpartition("/")[2], "ada")


def test_a_report_of_a_run_can_do_nothing_in_the_page(site: Site) -> None:
    answer = client_of(site, "ada").get(f"/runs/{site.run_id}/files/report.html")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == FILE_POLICY
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize("name", ["..%2Fexit.json", "%2e%2e", ".hidden", "plan.json%00"])
def test_no_file_but_those_of_the_run_is_shown(site: Site, name: str) -> None:
    answer = client_of(site, "ada").get(f"/runs/{site.run_id}/files/{name}")
    assert answer.status_code in (404, 422)


def test_offsets_in_the_address_are_tried_without_scripts(site: Site) -> None:
    client = client_of(site, "ada")
    plan = f"/plans/{site.plan_id}/diagram"
    page = client.get(plan, params={f"o.{site.signal_id}": "3"}).text
    assert "Predicted delay" in page
    assert "Move an offset to see what it does" in client.get(plan).text


@pytest.mark.parametrize("offset", ["-1", "1000", "x", "1.5", ""])
def test_an_offset_outside_its_cycle_is_refused_with_what_is_allowed(
    site: Site, offset: str
) -> None:
    answer = client_of(site, "ada").get(
        f"/plans/{site.plan_id}/trial", params={f"o.{site.signal_id}": offset}
    )
    assert "allowed are whole seconds from 0 to" in answer.text


def test_no_form_carries_its_token_in_an_address(site: Site) -> None:
    client = client_of(site, "ada")
    for name, address in site.addresses().items():
        for attributes, inside in FORM.findall(client.get(address).text):
            if 'method="get"' in attributes:
                fields = re.findall(r"<(?:input|select|textarea)[^>]*>", inside)
                assert not any("csrf_token" in field for field in fields), name
    # Of the form that tries offsets, the button that keeps them brings it.
    diagram = client.get(f"/plans/{site.plan_id}/diagram").text
    (form,) = [inside for at, inside in FORM.findall(diagram) if 'id="offsets"' in at]
    buttons = re.findall(r"<button[^>]*>", form)
    assert "csrf_token" not in buttons[0]
    (keeping,) = [button for button in buttons if "csrf_token" in button]
    assert 'formmethod="post"' in keeping


def test_kept_offsets_are_a_draft_of_ones_own(site: Site) -> None:
    client = client_of(site, "bo")
    diagram = f"/plans/{site.plan_id}/diagram"
    fields = {f"o.{site.signal_id}": "3", "csrf_token": token_in(client, diagram)}
    answer = client.post(f"/plans/{site.plan_id}/tuned", data=fields)
    assert answer.status_code == 303
    found = re.search(r"/plans/([0-9a-f]{12})", answer.headers["location"])
    assert found is not None
    kept = site.desk.store.plans.get(found[1])
    assert (kept.author, kept.state, kept.origin) == ("bo", PlanState.DRAFT, "trial")
    assert kept.report is None


@pytest.mark.parametrize("side", ["plan", "in-force"])
def test_simulated_vehicles_lie_over_the_diagram_by_its_address_alone(
    site: Site, side: str
) -> None:
    client = client_of(site, "vi")
    diagram = f"/plans/{site.plan_id}/diagram?side={side}"
    plain = client.get(diagram).text
    assert f"?side={side}&amp;corridor=0&amp;vehicles=yes" in plain
    assert 'class="trajectory' not in plain
    page = client.get(f"{diagram}&vehicles=yes").text
    drawn = page.count('class="trajectory')
    assert f"{drawn} simulated vehicles of one run" in page
    assert drawn > 20
    # The other side is a link away, with its vehicles; and so is the diagram without them.
    for one in ("plan", "in-force"):
        assert f"?side={one}&amp;corridor=0&amp;vehicles=yes" in page
    assert f'?side={side}&amp;corridor=0"' in page


def test_no_vehicles_are_drawn_for_offsets_that_were_not_simulated(site: Site) -> None:
    address = f"/plans/{site.plan_id}/diagram?vehicles=yes&o.{site.signal_id}=3"
    page = client_of(site, "vi").get(address).text
    assert 'class="trajectory' not in page
    assert "none are drawn for other offsets" in page


def test_a_simulation_that_fails_leaves_the_diagram(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise SimulationError("SUMO took longer than 300 s")

    monkeypatch.setattr(site.desk.shelf, "vehicles", fails)
    page = client_of(site, "vi").get(f"/plans/{site.plan_id}/diagram?vehicles=yes").text
    assert "No vehicles can be drawn: SUMO took longer than 300 s" in page
    assert 'class="space"' in page


def slow_tuning(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tunings of a site never become ready."""

    def never(*_: object) -> None:
        raise StillMadeError("being made")

    monkeypatch.setattr(site.desk.shelf, "trial", never)
    monkeypatch.setattr(site.desk.shelf, "prepare", lambda *_: False)


def test_a_diagram_does_not_wait_for_its_prediction(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_tuning(site, monkeypatch)
    client = client_of(site, "ada")
    answer = client.get(f"/plans/{site.plan_id}/diagram", params={f"o.{site.signal_id}": "3"})
    assert answer.status_code == 200
    assert 'class="band ' in answer.text
    assert f'hx-get="/plans/{site.plan_id}/trial"' in answer.text
    trial = client.get(f"/plans/{site.plan_id}/trial", params={f"o.{site.signal_id}": "3"})
    assert trial.status_code == 200
    assert "Prediction is being prepared" in trial.text


def test_offsets_are_kept_before_their_prediction_is_there(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_tuning(site, monkeypatch)
    client = client_of(site, "ada")
    diagram = f"/plans/{site.plan_id}/diagram"
    fields = {f"o.{site.signal_id}": "4", "csrf_token": token_in(client, diagram)}
    answer = client.post(f"/plans/{site.plan_id}/tuned", data=fields)
    assert answer.status_code == 303


def test_a_stale_move_is_refused_and_tells_what_changed(site: Site) -> None:
    store = site.desk.store
    old = store.plans.get(site.plan_id)
    kept = store.plans.add(
        old.network_id, "Another", old.content, old.scenario, old.digest, "upload", "ada",
        site.desk.clock(), report=old.report,
    )  # fmt: skip
    client = client_of(site, "ada")
    page = f"/plans/{kept.id}/moves/check"
    fields = {"version": "1", "why": "", "csrf_token": token_in(client, page)}
    store.plans.move(kept.id, Move.REJECT, "bo", site.desk.clock(), "not at school time")
    answer = client.post(page, data=fields)
    assert answer.status_code == 409
    assert "This changed since you opened the page" in answer.text
    assert "rejected by bo" in answer.text
    assert "not at school time" in answer.text


def test_who_approves_is_told_that_a_report_was_uploaded_and_where_to_prove_the_plan(
    site: Site,
) -> None:
    store, now = site.desk.store, site.desk.clock()
    old = store.plans.get(site.plan_id)
    forged = store.plans.add(
        old.network_id, "Forged", old.content, old.scenario, old.digest, "upload", "ada", now,
        report=old.report,
    )  # fmt: skip
    store.plans.move(forged.id, Move.CHECK, "ada", now)
    client = client_of(site, "bo")

    answer = client.get(f"/plans/{forged.id}/moves/approve")

    assert "uploaded by ada and not made here" in answer.text
    assert 'name="despite"' in answer.text
    assert "uploaded by ada and not made here" in client.get(f"/plans/{forged.id}").text
    start = f"/runs/new?network={old.network_id}&amp;kind=validate&amp;plan={forged.id}"
    assert start in client_of(site, "ada").get(f"/plans/{forged.id}").text


def leaving_out(site: Site, folder: Path, phase: int) -> tuple[str, PlanSet]:
    """A plan.json in which the second signal has no such phase; the first has its time."""
    network = open_setting(CITY, *ANY_WINDOW_S).network
    plans = [plan for _, plan in sorted(running(network).items())]
    old = plans[1]
    kept = {n: s for n, s in zip(old.sequence, old.splits_s, strict=True) if n != phase}
    kept[old.sequence[0]] += old.split_s(phase)
    plans[1] = replace(old, sequence=tuple(kept), splits_s=tuple(kept.values()))
    found = PlanSet(site.desk.store.plans.get(site.plan_id).scenario, tuple(plans), {})
    write_plan(folder / "plan.json", found, network)
    return (folder / "plan.json").read_text(encoding="utf-8"), found


def test_who_decides_sees_who_loses_by_the_plan_and_what_of_walking_is_known(
    site: Site, tmp_path: Path
) -> None:
    store, now = site.desk.store, site.desk.clock()
    old = store.plans.get(site.plan_id)
    content, plans = leaving_out(site, tmp_path, 4)
    lossy = store.plans.add(
        old.network_id, "Shorter", content, old.scenario, plans.digest, "upload", "ada", now,
        report=report_on(plans.digest),
    )  # fmt: skip
    store.plans.move(lossy.id, Move.CHECK, "ada", now)
    lost = (
        f"Signal {plans.plans[1].signal_id} leaves out phase 4 of the plan in force; NBL, NBU, "
        "SBL, SBU lose the protected green and go only where the traffic to be given way to leaves "
        "gaps."
    )
    client = client_of(site, "bo")

    for address in (f"/plans/{lossy.id}", f"/plans/{lossy.id}/moves/approve"):
        page = html.unescape(client.get(address).text)
        assert f'<p class="note warn">{lost}</p>' in page
        assert "crossing times for people on foot were not checked" in page
    # A plan that leaves nothing out speaks of nobody's loss.
    assert "leaves out" not in client.get(f"/plans/{site.plan_id}").text


def test_an_author_cannot_approve_even_by_hand(site: Site) -> None:
    store = site.desk.store
    old = store.plans.get(site.plan_id)
    own = store.plans.add(
        old.network_id, "Own", old.content, old.scenario, old.digest, "upload", "bo",
        site.desk.clock(), report=old.report,
    )  # fmt: skip
    store.plans.move(own.id, Move.CHECK, "bo", site.desk.clock())
    client = client_of(site, "bo")
    assert f"/plans/{own.id}/moves/approve" not in client.get(f"/plans/{own.id}").text
    fields = {"version": "2", "why": "", "csrf_token": token_in(client, "/account")}
    answer = client.post(f"/plans/{own.id}/moves/approve", data=fields)
    assert answer.status_code == 409
    assert store.plans.get(own.id).state is PlanState.CHECKED


def test_an_author_is_told_why_there_is_no_page_to_approve_on(site: Site) -> None:
    store, now = site.desk.store, site.desk.clock()
    old = store.plans.get(site.plan_id)
    own = store.plans.add(
        old.network_id, "Own too", old.content, old.scenario, old.digest, "upload", "bo", now,
        report=old.report,
    )  # fmt: skip
    store.plans.move(own.id, Move.CHECK, "bo", now)
    answer = client_of(site, "bo").get(f"/plans/{own.id}/moves/approve")
    assert answer.status_code == 403
    assert "this plan is your own; somebody else has to approve it" in answer.text


@pytest.mark.parametrize("move", BY_PEOPLE)
def test_a_page_to_decide_on_does_not_speak_as_if_it_had_happened(move: Move) -> None:
    assert offered(move).meaning.lower() != f"{MOVES[move].meaning}."
    assert not re.search(r"\b(was taken|accept it, and)\b", offered(move).meaning)


def test_the_journal_is_filtered_verified_and_exported(site: Site) -> None:
    client = client_of(site, "ada")
    page = client.get("/journal", params={"event": "plan drafted", "verify": "yes"}).text
    assert "Unbroken" in page
    assert "plan drafted" in page
    assert client.get("/journal", params={"since": "yesterday"}).status_code == 422
    assert client.get("/journal", params={"expect": "ab" * 32, "verify": "yes"}).text.count(
        "none has the expected hash"
    )
    lines = client.get("/journal/export").text.splitlines()
    assert lines
    assert all('"hash"' in line for line in lines)


def test_the_journal_is_paged_from_its_end(site: Site) -> None:
    for at in range(60):
        site.desk.store.audit("remark", "ada", site.desk.clock(), text=f"line {at}")
    client = client_of(site, "ada")
    page = client.get("/journal", params={"event": "remark"}).text
    assert "line 59" in page
    assert "line 9<" not in page
    older = re.search(r'href="(/journal\?[^"]*before=\d+)"', page)
    assert older is not None
    page = client.get(html.unescape(older[1])).text
    assert "line 9<" in page
    assert "line 59" not in page
    assert 'href="/journal?event=remark"' in page


@pytest.mark.parametrize("before", ["x", "-1", "1e3", "9" * 40])
def test_a_page_of_the_journal_that_is_not_there_is_its_newest(site: Site, before: str) -> None:
    answer = client_of(site, "ada").get("/journal", params={"before": before})
    assert answer.status_code == 200
    assert 'id="entry-1"' in answer.text or "Older" in answer.text


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_that_no_zone_can_tell_is_refused(site: Site, day: str) -> None:
    answer = client_of(site, "ada").get("/journal", params={"until": day})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "2026-11-22 02:07:15 UTC"),
        ("America/Phoenix", "2026-11-21 19:07:15 MST"),
        ("America/Sao_Paulo", "2026-11-21 23:07:15 UTC-03"),
        ("Asia/Kolkata", "2026-11-22 07:37:15 IST"),
    ],
)
def test_a_time_is_told_with_its_day_and_zone(zone: str, told: str) -> None:
    moment = datetime(2026, 11, 22, 2, 7, 15, tzinfo=UTC)
    context = {"_zone": ZoneInfo(zone), "_now": moment}
    template = '{% import "parts.html" as p with context %}{{ p.when(moment) }}'
    shown = environment().from_string(template).render(context | {"moment": moment, "csrf": ""})
    assert f">{told}</time>" in shown
    assert 'datetime="2026-11-22T02:07:15+00:00"' in shown


def test_every_time_on_every_page_has_its_day_and_zone(site: Site) -> None:
    client = client_of(site, "ada")
    for name, address in site.addresses().items():
        page = client.get(address).text
        for shown in re.findall(r"<time[^>]*>([^<]*)</time>", page):
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", shown), name
        plain = re.sub(r"<(time|pre|script)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
        for clock in re.finditer(r"\b\d\d:\d\d\b", plain):
            around = plain[max(0, clock.start() - 11) : clock.end() + 10]
            assert re.search(r"\d{4}-\d\d-\d\d", around), (name, around)


@pytest.mark.parametrize(
    ("show", "shown"), [("los", "delay"), ("delay", "delay"), ("queue", "queue")]
)
def test_a_map_has_the_legend_of_what_it_shows(site: Site, show: str, shown: str) -> None:
    page = client_of(site, "ada").get(f"/networks/{site.network_id}?show={show}").text
    legends = re.findall(r'data-map-scale="(\w+)"( hidden)?>(.*?)</ul>', page, re.DOTALL)
    assert [kind for kind, hidden, _ in legends if not hidden] == [shown]
    queues = next(text for kind, _, text in legends if kind == "queue")
    # A queue has no level of service; its colors stand without letters.
    assert not re.search(r">[A-F]</span>", queues)
    steps = json.loads(html.unescape(re.findall(r'data-steps="([^"]+)"', page)[0]))
    for name, unit, text in (("queue_veh", "veh", queues), ("delay_s", "s", legends[0][2])):
        assert [f"≤ {step:g} {unit}" for step in steps[name]] == re.findall(r"≤ [^<]+", text)


def test_lists_of_one_network_are_paged_by_what_is_in_it(site: Site) -> None:
    store, now = site.desk.store, site.desk.clock()
    other = store.networks.add("side", "catalog", "side", "side", {}, "ada", now)
    for _ in range(51):
        run = store.runs.add("optimize", other.id, {}, site.desk.config.runs, "ada", now)
        store.runs.end(run.id, RunState.DONE, 0, "", now)
        store.plans.add(other.id, "p", "{}", "side", "d" * 64, "upload", "ada", now)
    client = client_of(site, "ada")
    for place in ("runs", "plans"):
        assert "1 of 2" in client.get(f"/{place}?network={other.id}").text
        here = client.get(f"/{place}?network={site.network_id}").text
        assert 'aria-label="Pages"' not in here
    assert "<h1>Runs of side</h1>" in client.get(f"/runs?network={other.id}").text
    store.networks.remove(other.id, now)


def test_appearance_is_kept_in_a_cookie_and_leads_back(site: Site) -> None:
    client = client_of(site, "vi")
    fields = {"theme": "dark", "back": "/plans?state=draft", "csrf_token": token_in(client, "/")}
    answer = client.post("/appearance", data=fields)
    assert answer.headers["location"] == "/plans?state=draft"
    assert 'data-theme="dark"' in client.get("/").text


def test_static_files_may_be_kept_because_their_addresses_change(site: Site) -> None:
    client = client_of(site)
    page = client.get("/login").text
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+\?v=[0-9a-f]{12})"', page)
    assert len(addresses) >= 3
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_an_administrator_ends_tokens_and_sessions_of_others_on_their_page(site: Site) -> None:
    user = site.desk.door.add_user("guest", "A Guest", rights_of(["viewer"]), PASSWORD)
    guest, ada = client_of(site, "guest"), client_of(site, "ada")
    client_of(site, "guest")
    fields = {"name": "reader", "days": "9", "rights": "view"}
    guest.post("/account/tokens", data=fields | {"csrf_token": token_in(guest, "/account")})
    theirs = f"/users/{user.id}"
    shown = ada.get(theirs).text
    forms = re.findall(rf'action="({theirs}/(?:sessions|tokens)/[^"]+)"', shown)
    assert sorted(form.split("/")[3] for form in forms) == ["sessions"] * 3 + ["tokens"]
    assert "reader" in shown
    row = ada.get("/users").text.split(theirs)[1].split("</tr>")[0]
    assert re.findall(r'class="number">(\d+)<', row) == ["2", "1"]

    token = {"csrf_token": token_in(ada, theirs)}
    (ending,) = [form for form in forms if "/tokens/" in form]
    assert ada.post(ending, data=token).headers["location"] == f"{theirs}?done=revoked"
    assert ada.post(ending, data=token).status_code == 404
    one = next(form for form in forms if re.search(r"/sessions/[0-9a-f]{12}/end", form))
    assert ada.post(one, data=token).headers["location"] == f"{theirs}?done=session-ended"
    ended = ada.post(f"{theirs}/sessions/end", data=token)
    assert ended.headers["location"] == f"{theirs}?done=sessions-ended"
    assert guest.get("/").headers["location"].startswith("/login")
    assert "session ended" in ada.get("/journal").text
    assert "Nowhere at the moment." in ada.get(theirs).text


def test_a_user_changed_meanwhile_is_not_overwritten(site: Site) -> None:
    client = client_of(site, "ada")
    user = site.desk.store.users.of_name("vi")
    assert user is not None
    fields = {
        "version": str(user.version - 1), "full_name": "Else", "rights": "view",
        "is_active": "yes", "csrf_token": token_in(client, "/users"),
    }  # fmt: skip
    answer = client.post(f"/users/{user.id}", data=fields)
    assert answer.status_code == 409
    again = site.desk.store.users.of_name("vi")
    assert again is not None
    assert again.full_name == "Vi Watt"
