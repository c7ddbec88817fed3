"""An office for tests: a drawn street, files as a city would have them, and a street in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from controllers.calls import Call
from controllers.driver import Device
from network.errors import ControllerError
from network.files import write_plan
from network.timing import PlanSet, TimingPlan
from tests.throughband.reports_street import plan, street_network, validation
from throughband.device_writing import write_devices
from throughband.operate.config import OperateConfig, read_operate_config
from throughband.operate.ledger import Ledger
from throughband.operate.levels import begin
from throughband.operate.memory import Memory
from throughband.operate.office import PLANS, Office
from throughband.operate.planner import OUTCOME, PLAN, REPORT
from throughband.results import write_json
from throughband.setting import Setting

from .cases import NOON

NETWORK = street_network(("A", "B"))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, span_s: float) -> None:
        self.now += timedelta(seconds=span_s)
        await asyncio.sleep(0)


@dataclass
class FakeState:
    path: Path


@dataclass
class FakeHand:
    """The street: what is called, and what was done."""

    folder: Path
    now: Callable[[], datetime]
    called: dict[str, Call] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    broken: str = ""
    served: bool = True

    @property
    def state(self) -> FakeState:
        return FakeState(self.folder)

    def calls(self):
        return dict(self.called)

    def troubles(self):
        return {}

    def stopped(self) -> str:
        return ""

    def call(self, plan_set: PlanSet, push_id: str) -> None:
        for each in plan_set.plans:
            self.called[each.signal_id] = Call(
                each.signal_id, "x", 1, (), plan_set.digest, push_id, 300, "f", self.now()
            )

    async def push(self, plan_set, release, stop):
        if self.broken:
            raise ControllerError(self.broken)
        release.check(plan_set.digest, plan_set.scenario, self.now())
        self.done.append(f"push {plan_set.digest[:6]} by {release.approved_by}")
        self.call(plan_set, f"p{len(self.done)}")
        return None, self.folder / "receipt.json"

    async def withdraw(self, receipt):
        self.done.append("withdraw")
        self.called.clear()
        return []

    async def hand_back(self, signals, why):
        self.done.append(f"hand back {','.join(signals)}")
        self.called = {s: c for s, c in self.called.items() if s not in signals}
        return []

    async def recover(self):
        return ()


def write_files(folder: Path, more: str = "") -> Path:
    devices = [
        Device(name, "127.0.0.1", 16100 + at, "look", "change")
        for at, name in enumerate(("A", "B"))
    ]
    write_devices(folder, devices)
    rows = ["signal,detector,movement"]
    for name, signal in NETWORK.signals.items():
        rows += [f"{name},{at},{m.movement_id}" for at, m in enumerate(signal.movements, 1)]
    (folder / "detectors.csv").write_text("\n".join(rows) + "\n")
    (folder / "bridge.toml").write_text(
        'devices = "devices.toml"\nstate = "state"\njournal = "journal.sqlite"\n'
        '[counts]\nfolder = "counts"\nmap = "detectors.csv"\n'
    )
    path = folder / "operate.toml"
    path.write_text(f'scenario = "street"\nbridge = "bridge.toml"\nfolder = "operate"\n{more}')
    return path


def read_files(folder: Path, more: str = "") -> OperateConfig:
    return read_operate_config(write_files(folder, more))


def office(folder: Path, more: str = "") -> tuple[Office, FakeHand, Clock]:
    config = read_files(folder, more)
    (config.folder / PLANS).mkdir(parents=True, exist_ok=True)
    clock = Clock()
    hand = FakeHand(folder, clock)
    made = Office(
        config,
        Setting(None, None, NETWORK),
        clock,
        clock.sleep,
        Memory(begin(clock())),
        Ledger(config.bridge.journal, clock),
        hand,
    )
    return made, hand, clock


def planned(folder: Path, main_s: int = 34, verdict: str = "better") -> PlanSet:
    """Write a folder of a proven plan, as the planner does."""
    folder.mkdir(parents=True, exist_ok=True)
    plans: tuple[TimingPlan, ...] = (plan("A", 60, main_s), plan("B", 60, main_s))
    plan_set = PlanSet(NETWORK.name, plans, {})
    write_plan(folder / PLAN, plan_set, NETWORK)
    report = {**validation(), "verdict": verdict, "plan_digest": plan_set.digest}
    write_json(folder / REPORT, report)
    write_json(folder / OUTCOME, {})
    return plan_set
