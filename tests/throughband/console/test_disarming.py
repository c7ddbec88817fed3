"""A plan armed for a later time: its push begins, or it is taken back, and never both."""

from __future__ import annotations

import html
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from network.errors import MoveError, StaleError, ThroughbandError
from tests.throughband.console.serving import QUICK, Console, config_in, listening
from tests.throughband.store.conftest import Clock
from tests.throughband.store.plans import BEN, CARL, brought_to, draft
from throughband.console.app import create_app
from throughband.console.carrying import COMMAND, OUTPUT, exit_of
from throughband.console.claims import TakenBack, begin_at, has_begun, take_back, taken_back
from throughband.console.pages import furnish, page_routers
from throughband.console.scenes import Scenes
from throughband.console.street_orders import StreetOrders
from throughband.console.work import Work
from throughband.journal import verify
from throughband.plan_life import PlanState
from throughband.store import Store, open_store
from throughband.store.rows import Plan, Run, RunState

API = "/api/v1"
PAST = datetime(2026, 1, 1, tzinfo=UTC)
TAKEN = TakenBack(CARL, "school is out", "2031-05-06T08:00:00+00:00", 4)


class Office:
    """Orders and work without a web server around them; the street's bridge is never reached."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.config = config_in(folder, bridge=folder / "bridge.toml")
        self.store: Store = open_store(
            self.config.database, backups=None, journal=self.config.journal, clock=self.clock
        )
        self.works: list[Work] = []
        self.restart()

    def restart(self) -> None:
        """Go on as a console does that ended and was started again."""
        scenes = Scenes()
        self.work = Work(self.config, self.store, self.clock, scenes)
        self.works.append(self.work)
        self.orders = StreetOrders(self.config, self.store, self.work, self.clock)

    def close(self) -> None:
        for work in self.works:
            for child in work._children.values():
                child.kill()
                child.wait(60)
        self.store.close()

    def armed(self, plan: Plan | None = None) -> tuple[Plan, Run]:
        """Arm a plan for two hours from now."""
        plan = plan or brought_to(
            self.store, draft(self.store, self.clock()), PlanState.APPROVED, self.clock()
        )
        at = self.clock() + timedelta(hours=2)
        return self.orders.arm(plan.id, CARL, "night plan", plan.version, at)

    def disarmed(self, plan: Plan) -> Plan:
        return self.orders.disarm(plan.id, CARL, TAKEN.why, plan.version)

    def ended(self, run: Run) -> Run:
        self.until(lambda: exit_of(Path(run.folder)) is not None)
        self.work.turn()
        return self.store.runs.get(run.id)

    def until(self, so: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 60
        while not so():
            assert time.monotonic() < end_s
            time.sleep(0.02)

    def events(self) -> list[str]:
        return [str(event["event"]) for event in verify(self.config.journal)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path)
    yield found
    found.close()


# Whose claim it is


def test_a_push_waits_for_its_time_and_claims_it(tmp_path: Path) -> None:
    clock = Clock()
    begin_utc = clock() + timedelta(minutes=1)

    assert begin_at(tmp_path, begin_utc, clock, lambda left_s: clock.on(seconds=left_s))

    assert clock() == begin_utc
    assert has_begun(tmp_path)
    assert not take_back(tmp_path, TAKEN)
    assert taken_back(tmp_path) is None


def test_a_push_that_is_taken_back_while_it_waits_does_not_begin(tmp_path: Path) -> None:
    clock = Clock()

    def pause(left_s: float) -> None:
        clock.on(seconds=left_s)
        take_back(tmp_path, TAKEN)

    assert not begin_at(tmp_path, clock() + timedelta(hours=9), clock, pause)

    assert clock() < Clock()() + timedelta(minutes=1)
    assert taken_back(tmp_path) == TAKEN
    assert not has_begun(tmp_path)


def test_of_many_who_claim_at_once_one_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number in range(100):
            folder = tmp_path / str(number)
            folder.mkdir()
            together = threading.Barrier(4)

            def begin(folder: Path = folder, together: threading.Barrier = together) -> bool:
                together.wait()
                return begin_at(folder, PAST, Clock(), lambda _: None)

            def take(folder: Path = folder, together: threading.Barrier = together) -> bool:
                together.wait()
                return take_back(folder, TAKEN)

            asked = [pool.submit(work) for work in (begin, take, begin, take)]
            won = [one.result() for one in asked]
            assert sum(won) == 1
            assert has_begun(folder) == (won[0] or won[2])
            assert (taken_back(folder) is not None) == (won[1] or won[3])
            assert [file.name for file in folder.iterdir()] == ["claim.json"]


# Plans


def test_a_disarmed_plan_s_push_ends_without_a_word_to_the_street(office: Office) -> None:
    plan, run = office.armed()
    command = json.loads((Path(run.folder) / COMMAND).read_text())
    assert plan.armed_for_utc is not None
    assert datetime.fromisoformat(command["begin_utc"]) == plan.armed_for_utc - timedelta(
        minutes=10
    )
    office.work.turn()
    output = Path(run.folder) / OUTPUT
    office.until(lambda: output.exists() and b"wait until 2031" in output.read_bytes())

    plan = office.disarmed(plan)

    assert (plan.state, plan.armed_for_utc) == (PlanState.APPROVED, None)
    ended = office.ended(run)
    assert ended.state is RunState.CANCELED
    assert ended.exit_text == (
        "disarmed by carl before it began, nothing was sent to a controller: school is out"
    )
    assert office.events()[-1] == "plan disarmed"
    assert not {"intent", "failed", "plan not pushed"} & set(office.events())
    (event,) = (one for one in verify(office.config.journal) if one["event"] == "plan disarmed")
    assert (event["by"], event["why"]) == (CARL, "school is out")


def test_what_a_console_that_was_killed_had_taken_back_is_disarmed_by_the_next(
    office: Office,
) -> None:
    plan, run = office.armed()
    office.work.turn()
    # All that was done before the end: the claim, not yet the move.
    assert take_back(Path(run.folder), TakenBack(CARL, "late", "x", plan.version))

    office.restart()
    ended = office.ended(run)

    assert ended.state is RunState.CANCELED
    plan = office.store.plans.get(plan.id)
    assert plan.state is PlanState.APPROVED
    last = office.store.plans.moves(plan.id)[-1]
    assert (last.move, last.by, last.why) == ("disarm", CARL, "late")


def test_a_taken_back_push_whose_process_was_killed_is_not_lost(office: Office) -> None:
    plan, run = office.armed()
    office.work.turn()
    process = office.store.runs.get(run.id).process
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    office.disarmed(plan)
    os.kill(process, signal.SIGKILL)

    def is_over() -> bool:
        office.work.turn()
        return office.store.runs.get(run.id).ended_utc is not None

    office.until(is_over)

    assert office.store.runs.get(run.id).state is RunState.CANCELED
    assert office.store.plans.get(plan.id).state is PlanState.APPROVED


def test_a_plan_whose_push_has_begun_stays_armed(office: Office) -> None:
    plan, run = office.armed()
    assert begin_at(Path(run.folder), PAST, office.clock, lambda _: None)

    with pytest.raises(MoveError, match=r"push of plan .* has begun; roll the plan back once"):
        office.disarmed(plan)

    assert office.store.plans.get(plan.id) == plan
    assert "plan disarmed" not in office.events()


def test_the_end_of_a_disarmed_push_leaves_a_later_arming_alone(office: Office) -> None:
    plan, first = office.armed()
    office.work.turn()
    plan, second = office.armed(office.disarmed(plan))

    assert office.ended(first).state is RunState.CANCELED

    assert office.store.plans.get(plan.id).state is PlanState.ARMED
    assert office.store.runs.get(second.id).ended_utc is None
    assert office.disarmed(plan).state is PlanState.APPROVED


def test_a_stale_wish_to_disarm_takes_nothing_back(office: Office) -> None:
    plan, run = office.armed()

    with pytest.raises(StaleError):
        office.orders.disarm(plan.id, BEN, "no", plan.version - 1)

    assert taken_back(Path(run.folder)) is None


def test_disarming_and_the_beginning_of_the_push_never_both_win(office: Office) -> None:
    plan: Plan | None = None
    with ThreadPoolExecutor(2) as pool:
        for _ in range(25):
            armed, run = office.armed(plan)
            folder = Path(run.folder)
            together = threading.Barrier(2)

            def push(folder: Path = folder, together: threading.Barrier = together) -> bool:
                together.wait()
                return begin_at(folder, PAST, Clock(), lambda _: None)

            def disarm(armed: Plan = armed, together: threading.Barrier = together) -> bool:
                together.wait()
                try:
                    office.disarmed(armed)
                except MoveError:
                    return False
                return True

            begun, disarmed = (one.result() for one in [pool.submit(push), pool.submit(disarm)])

            now = office.store.plans.get(armed.id)
            assert begun != disarmed
            assert now.state == (PlanState.APPROVED if disarmed else PlanState.ARMED)
            plan = now if disarmed else None


def test_a_claim_that_cannot_be_written_disarms_nothing(office: Office) -> None:
    plan, run = office.armed()
    (Path(run.folder)).rename(Path(run.folder).with_name("away"))

    with pytest.raises(ThroughbandError, match=r"claim\.json: cannot be written"):
        office.disarmed(plan)

    assert office.store.plans.get(plan.id).state is PlanState.ARMED


# Over the web


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    clock = Clock()
    config = config_in(tmp_path, bridge=tmp_path / "bridge.toml")
    app = create_app(config, clock=clock, passwords=QUICK, pages=page_routers())
    furnish(app)
    with listening(app) as url:
        found = Console(app, url, tmp_path, clock)
        yield found
        for client in found.clients:
            client.close()
        desk = found.desk
    for child in desk.work._children.values():
        child.kill()
        child.wait(60)
    desk.store.close()


def armed_at(console: Console) -> tuple[Plan, Run]:
    store = console.desk.store
    plan = brought_to(store, draft(store, console.clock()), PlanState.APPROVED, console.clock())
    at = console.clock() + timedelta(hours=2)
    return console.desk.street_orders.arm(plan.id, CARL, "night plan", plan.version, at)


def test_an_operator_disarms_over_the_api(console: Console) -> None:
    plan, run = armed_at(console)
    operator = console.as_role("operator")
    asked = {"seen_version": plan.version, "why": "school is out"}

    answer = operator.post(f"{API}/plans/{plan.id}/disarm", json=asked)

    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "approved"
    found = operator.get(f"{API}/journal", params={"event": "plan disarmed"}).json()["entries"]
    assert [entry["why"] for entry in found] == ["school is out"]
    assert taken_back(Path(run.folder)) is not None


def test_once_the_push_has_begun_the_api_says_so_and_the_page_offers_it_no_more(
    console: Console,
) -> None:
    plan, run = armed_at(console)
    operator = console.as_role("operator")
    page = f"/plans/{plan.id}"
    assert f"{page}/moves/disarm" in operator.get(f"{page}/history").text
    assert begin_at(Path(run.folder), PAST, console.clock, lambda _: None)

    asked = {"seen_version": plan.version, "why": "school is out"}
    answer = operator.post(f"{API}/plans/{plan.id}/disarm", json=asked)

    assert answer.status_code == 409
    assert "has begun" in answer.json()["message"]
    assert f"{page}/moves/disarm" not in operator.get(f"{page}/history").text
    late = operator.get(f"{page}/moves/disarm")
    assert late.status_code == 409
    assert "has begun" in html.unescape(late.text)


def test_on_the_page_a_plan_is_disarmed_with_a_reason_that_its_history_shows(
    console: Console,
) -> None:
    plan, _ = armed_at(console)
    operator = console.as_role("operator")
    page = f"/plans/{plan.id}"
    token = operator.headers["x-csrf-token"]
    form = {"csrf_token": token, "version": plan.version, "why": "school is out"}

    answer = operator.post(f"{page}/moves/disarm", data=form)

    assert answer.status_code == 303, answer.text
    history = operator.get(f"{page}/history").text
    assert "school is out" in history
    # The title of a draft is no reason for it; it stands at the head of the page alone.
    assert f"<td>{plan.title}</td>" not in history
