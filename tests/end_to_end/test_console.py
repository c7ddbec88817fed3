"""A plan through the console on emulated controllers, and the console killed in it."""

from __future__ import annotations

import os
import shutil
import signal as signals
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from network.files import write_plan
from network.timing import PlanSet
from tests.throughband.store.conftest import Clock, Desk
from tests.throughband.store.plans import BEN, brought_to, draft
from throughband.console.scenes import Scenes
from throughband.journal import verify
from throughband.plan_life import PlanState
from throughband.setting import open_setting

API = "/api/v1"
CITY = "cologne3"
PASSWORD = "correct horse battery"
PATIENCE_S = 120.0

pytestmark = pytest.mark.slow


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the command line until the block ends."""
    log = (folder / f"{arguments[0]}-{Path(arguments[1]).name.strip('-')}.log").open("ab")
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "throughband.cli", *arguments],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def until(what: str, found: Callable[[], Any]) -> Any:
    """Wait until something is there."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        value = found()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come within {PATIENCE_S:g} s")


def later_plan(folder: Path) -> str:
    """Write today's plans of the city, each ten seconds later; lawful, and seen on the street."""
    setting = Scenes().setting(CITY)
    plans = [
        replace(plan, offset_s=(plan.offset_s + 10) % plan.cycle_s)
        for signal in setting.network.signals.values()
        if (plan := signal.plan_in_force) is not None and not signal.left_alone
    ]
    file = folder / "plan.json"
    write_plan(file, PlanSet(setting.scenario.name, tuple(plans), {}), setting.network)
    return file.read_text(encoding="utf-8")


def free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])


class Story:
    """A street, its bridge, and a console that may be killed and started again."""

    def __init__(self, folder: Path, stack: ExitStack, scenario: str = CITY) -> None:
        self.folder = folder
        self.stack = stack
        street = folder / "street"
        stack.enter_context(running(folder, "emulate", scenario, "--out", str(street)))
        self.bridge = until("the street", lambda: (street / "bridge.toml").exists() and street)
        self.bridge = street / "bridge.toml"
        self.journal = street / "journal.sqlite"
        self.port = free_port()
        self.config = folder / "console.toml"
        self.config.write_text(
            f'database = "sqlite:///console.sqlite"\nbridge = "{self.bridge}"\n'
            f"[serve]\nport = {self.port}\n"
        )
        secret = folder / "password"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o600)
        for name, role in (("anna", "engineer"), ("ben", "approver"), ("carl", "operator")):
            subprocess.run(
                [sys.executable, "-m", "throughband.cli", "console", "add-user", str(self.config),
                 name, "--role", role, "--password-file", str(secret)],
                check=True, capture_output=True,
            )  # fmt: skip
        stack.enter_context(running(folder, "bridge", "run", str(self.bridge)))
        self.console = stack.enter_context(running(folder, "console", "serve", str(self.config)))
        self._until_ready()

    def _until_ready(self) -> None:
        def ready() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        until("the console", ready)

    def kill_and_restart(self) -> None:
        """Kill the console as a power cut would, and start it again."""
        self.console.kill()
        self.console.wait()
        self.console = self.stack.enter_context(
            running(self.folder, "console", "serve", str(self.config))
        )
        self._until_ready()

    def signed_in(self, name: str) -> httpx.Client:
        client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}{API}", timeout=60)
        self.stack.callback(client.close)
        answer = ok(client.post("/session", json={"name": name, "password": PASSWORD}))
        client.headers["x-csrf-token"] = answer["csrf_token"]
        return client


def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def test_a_plan_is_proven_approved_armed_active_and_rolled_back_though_the_console_is_killed(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        story = Story(tmp_path, stack)
        anna, ben, carl = (story.signed_in(name) for name in ("anna", "ben", "carl"))
        network = ok(anna.post("/networks/catalog", json={"city": CITY}))
        plan = ok(
            anna.post(
                "/plans/upload",
                data={"network_id": network["id"], "title": "ten seconds later"},
                files={"plan": ("plan.json", later_plan(tmp_path))},
            )
        )
        url = f"/plans/{plan['id']}"
        scenario = open_setting(CITY).scenario
        run = ok(
            anna.post(
                "/runs/validate",
                json={"plan_id": plan["id"], "seeds": 2, "begin": scenario.begin_s,
                      "end": scenario.begin_s + 300},
            )
        )  # fmt: skip
        until("the run's begin", lambda: ok(anna.get(f"/runs/{run['id']}"))["state"] == "running")

        # The run outlives the console, and its report finds its plan.
        story.kill_and_restart()
        ended = until(
            "the run's end",
            lambda: (r := ok(anna.get(f"/runs/{run['id']}")))["ended_utc"] and r,
        )
        assert ended["state"] == "done", ended
        plan = ok(anna.get(url))
        assert plan["verdict"] in ("better", "worse", "no clear difference")
        plan = ok(anna.post(f"{url}/check", json={"seen_version": 1, "why": "lawful"}))
        approval = {"seen_version": 2, "why": "a try", "despite_verdict": True}
        assert anna.post(f"{url}/approve", json=approval).status_code == 403
        plan = ok(ben.post(f"{url}/approve", json=approval))
        ordered = ok(carl.post(f"{url}/arm", json={"seen_version": 3, "why": "now"}))
        assert ordered["plan"]["state"] == "armed"

        # So does the push.
        story.kill_and_restart()
        plan = until("the plan", lambda: (p := ok(carl.get(url)))["state"] == "active" and p)
        assert plan["push_id"]

        def in_step() -> bool:
            signals_ = ok(carl.get("/corridor"))["signals"]
            return all(s["called"] and s["pattern"] == s["called"] for s in signals_)

        until("the street in step", in_step)
        ordered = ok(carl.post(f"{url}/roll-back", json={"seen_version": 5, "why": "enough"}))
        assert ordered["plan"]["asked_by"] == "carl"
        plan = until(
            "the end of it", lambda: (p := ok(carl.get(url)))["state"] == "rolled-back" and p
        )
        assert all(s["called"] is None for s in ok(carl.get("/corridor"))["signals"])
        moves = ok(carl.get(f"{url}/moves"))
        assert [(m["target"], m["by"]) for m in moves] == [
            ("draft", "anna"), ("checked", "anna"), ("approved", "ben"), ("armed", "carl"),
            ("active", "carl"), ("rolled-back", "carl"),
        ]  # fmt: skip
        assert ok(carl.get("/journal/verification"))["is_whole"]
    events = {event["number"]: event for event in verify(story.journal)}
    for move in moves:
        recorded = events[move["journal_number"]]
        assert recorded["plan_moves"][0]["version"] == move["version"]  # type: ignore[index]
    names = [event["event"] for event in events.values()]
    for name in ("account added", "network added", "approved", "intent", "activated", "withdrawn"):
        assert name in names


WRITES = "write,pwrite64,fsync,fdatasync,unlink,ftruncate"


def killed_at(desk: Desk, number: int, plan_id: str) -> bool:
    """Approve in a process that is killed at its nth write; True if it was."""
    child = os.fork()
    if child == 0:
        try:
            store = desk.open()
            os.kill(os.getpid(), signals.SIGSTOP)
            store.plans.approve(plan_id, BEN, desk.clock(), "fine", 2)
        finally:
            os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-p", str(child), "-o", "/dev/null",
         "-e", f"trace={WRITES}", "-e", f"inject={WRITES}:signal=KILL:when={number}"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def traced() -> bool:
        status = Path(f"/proc/{child}/status").read_text()
        return f"TracerPid:\t{tracer.pid}" in status

    until("the tracer", traced)
    os.kill(child, signals.SIGCONT)
    _, status = os.waitpid(child, 0)
    tracer.wait(30)
    return os.WIFSIGNALED(status)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace stops the process")
def test_killed_at_any_write_of_an_approval_the_plan_is_approved_wholly_or_not_at_all(
    tmp_path: Path,
) -> None:
    template = tmp_path / "template"
    template.mkdir()
    desk = Desk(f"sqlite:///{template / 'console.sqlite'}", template, Clock())
    store = desk.open()
    plan = brought_to(store, draft(store, desk.clock()), PlanState.CHECKED, desk.clock())
    store.close()
    outcomes: list[bool] = []
    for number in range(1, 400):
        folder = tmp_path / str(number)
        shutil.copytree(template, folder)
        there = Desk(f"sqlite:///{folder / 'console.sqlite'}", folder, Clock())
        was_killed = killed_at(there, number, plan.id)
        again = there.open()
        found = again.plans.get(plan.id)
        approvals = [e for e in verify(there.journal) if e["event"] == "approved"]
        is_approved = found.state is PlanState.APPROVED
        assert len(approvals) == int(is_approved)
        assert (found.version, found.release is not None) == (
            (3, True) if is_approved else (2, False)
        )
        assert [m.by for m in again.plans.moves(plan.id)][2:] == ([BEN] if is_approved else [])
        if not is_approved:
            # Nothing stands in the way of approving it now.
            again.plans.approve(plan.id, BEN, there.clock(), "again", 2)
        assert again.plans.catch_up(there.clock()).finished == ()
        again.close()
        shutil.rmtree(folder)
        if not was_killed:
            break
        outcomes.append(is_approved)
    assert not was_killed
    assert len(outcomes) > 10
    # Once it is in the journal it stays approved.
    assert outcomes == sorted(outcomes)
    assert not outcomes[0]
    assert outcomes[-1]
