"""What people ask of the street: plans armed, disarmed and rolled back, controllers given back.

Like runs, these are commands of the command line, each argument one of its own.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from network.errors import MissingError, MoveError, StaleError, StoreError, StoreUnavailableError
from throughband.bridge.config import BridgeConfig, BridgeEntry, read_config
from throughband.bridge.state import StateFolder
from throughband.console.claims import TakenBack, has_begun, take_back, taken_back
from throughband.console.config import ConsoleConfig
from throughband.console.work import RELEASE, Work
from throughband.plan_life import Move, require_why
from throughband.settings_file import read_settings
from throughband.store import Store
from throughband.store.rows import Plan, Run, RunState


class StreetOrders:
    """Carries out what concerns the street; routes of the API and of pages alike call it.

    Parameters
    ----------
    config, store, work, clock
        What the console works with.
    """

    def __init__(
        self, config: ConsoleConfig, store: Store, work: Work, clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._config = config
        self._store = store
        self._work = work
        # A plan is not disarmed between its arming and the order of its push.
        self._arming = threading.Lock()

    def arm(
        self,
        plan_id: str,
        by: str,
        why: str,
        seen_version: int,
        at_utc: datetime | None = None,
    ) -> tuple[Plan, Run]:
        """Ask for an approved plan on the street, now or at a time.

        Returns
        -------
        Plan, Run
            The armed plan, and the push.

        Raises
        ------
        MoveError
            There is no street, or the plan is not approved.
        StaleError
            It changed since it was seen.
        """
        bridge = self.bridge_path()
        plan = self._store.plans.get(plan_id)
        network = self._store.networks.require(plan.network_id)
        if at_utc is not None and (at_utc.tzinfo is None or at_utc <= self._clock()):
            raise MoveError(f"{at_utc.isoformat()}: not a time to come, with its zone")
        if at_utc is not None and plan.expires_utc is not None and at_utc >= plan.expires_utc:
            raise MoveError(
                f"the approval of plan {plan_id} ends at {plan.expires_utc:%Y-%m-%d %H:%M} UTC"
            )
        at = None if at_utc is None else f"{at_utc:%Y-%m-%dT%H:%M:%S%z}"

        def command(folder: Path) -> Sequence[str]:
            return [
                "bridge", "push", network.source, "--plan", str(folder / "plan.json"),
                "--config", str(bridge), "--release", str(folder / "release.json"), "--write",
                f"--by={by}",
                *(("--at", at) if at else ()),
            ]  # fmt: skip

        with self._arming:
            now = self._clock()
            plan = self._store.plans.move(
                plan_id, Move.ARM, by, now, why, seen_version, armed_for_utc=at_utc
            )
            files = {"plan.json": plan.content, "release.json": json.dumps(plan.release)}
            run = self._work.submit(
                "push", command, by,
                network_id=network.id, asked={"plan_id": plan_id, "at": at}, files=files,
                begin_utc=now if at_utc is None else at_utc - self._config.push_lead,
            )  # fmt: skip
        return plan, run

    def disarm(self, plan_id: str, by: str, why: str, seen_version: int) -> Plan:
        """Ask for a plan no longer, so that its push never begins.

        Either nothing of it reaches the street, also if the console ends right after, or the push
        has begun and the plan stays armed.

        Raises
        ------
        MoveError
            The plan is not armed, or its push has begun.
        StaleError
            It changed since it was seen.
        """
        with self._arming:
            plan = self._store.plans.require(plan_id, Move.DISARM, seen_version)
            taken = TakenBack(by, why, self._clock().isoformat(), plan.version)
            self.require_disarmable(plan)
            for run in self._open_pushes(plan_id):
                folder = Path(run.folder)
                # Begun since it was looked at: the last word is the claim's.
                if not take_back(folder, taken) and taken_back(folder) is None:
                    raise _begun(plan)
            return self._store.plans.move(
                plan_id, Move.DISARM, by, self._clock(), why, seen_version
            )

    def require_disarmable(self, plan: Plan) -> None:
        """Raise `MoveError` if the push of an armed plan has begun."""
        if self.push_has_begun(plan):
            raise _begun(plan)

    def push_has_begun(self, plan: Plan) -> bool:
        """Tell whether the push of an armed plan has begun, and the plan cannot be disarmed."""
        return plan.push_id is not None or any(
            has_begun(Path(run.folder)) for run in self._open_pushes(plan.id)
        )

    def _open_pushes(self, plan_id: str) -> list[Run]:
        return [
            run
            for run in self._store.runs.listed([RunState.WAITING, RunState.RUNNING], limit=1000)
            if run.kind == "push" and run.arguments.get("plan_id") == plan_id
        ]

    def roll_back(self, plan_id: str, by: str, why: str, seen_version: int) -> tuple[Plan, Run]:
        """Take an active plan off the street; its controllers call what they called before.

        Raises
        ------
        MoveError
            It is not active, its push left no receipt, or no reason is given.
        """
        require_why(Move.ROLL_BACK, why)
        bridge = self.bridge_path()
        plan = self._store.plans.get(plan_id)
        receipt = self.receipt_of(plan)
        try:
            plan = self._store.plans.ask(
                plan_id, Move.ROLL_BACK, by, self._clock(), why, seen_version
            )
        except (StaleError, MoveError, MissingError):
            raise
        except StoreError as error:
            raise StoreUnavailableError(
                f"{error}. The plan is not rolled back. Without a record all controllers can be "
                "given back to their own schedule: 'Give all back' on the live page, or "
                f"'throughband bridge release {self._devices_file()} --state "
                f"{self.bridge().state}'"
            ) from error
        run = self._work.submit(
            "withdraw",
            lambda _: ["bridge", "withdraw", str(receipt), "--config", str(bridge), f"--by={by}"],
            by,
            network_id=plan.network_id,
            asked={"plan_id": plan_id},
        )
        return plan, run

    def release(self, by: str, why: str) -> Run:
        """Hand every controller back to its own schedule, now."""
        bridge = self.bridge()
        command = [
            "bridge", "release", str(self._devices_file()), "--state", str(bridge.state),
            f"--by={by}",
        ]  # fmt: skip
        try:
            self._store.plans.catch_up(self._clock())
            command += ["--journal", str(bridge.journal)]
        except StoreError:
            # One begun in place of a journal that is gone would be in the way of its return.
            pass
        return self._work.submit(RELEASE, lambda _: command, by, asked={"why": why})

    def recover(self, by: str, why: str) -> Run:
        """Have what a crash left open on the controllers concluded."""
        command = ["bridge", "recover", str(self.bridge_path()), f"--by={by}"]
        return self._work.submit("recover", lambda _: command, by, asked={"why": why})

    def bridge_path(self) -> Path:
        """Return the bridge's configuration; raise `MoveError` where there is no street."""
        if self._config.bridge is None:
            raise MoveError("this console has no street: its configuration names no bridge")
        return self._config.bridge

    def bridge(self) -> BridgeConfig:
        """Return the bridge's configuration as it is now."""
        return read_config(self.bridge_path())

    def _devices_file(self) -> Path:
        path = self.bridge_path()
        return path.parent / read_settings(path, BridgeEntry).devices

    def receipt_of(self, plan: Plan) -> Path:
        """Return the receipt of an active plan's push."""
        if plan.push_id is None:
            raise MoveError(f"plan {plan.id} is {plan.state} and was not pushed")
        folder = StateFolder(self.bridge().state).path / "receipts"
        name = re.sub(r"[^0-9A-Za-z]+", "-", plan.push_id).strip("-")
        receipt = folder / f"{name}.json"
        if not receipt.is_file():
            raise MoveError(
                f"plan {plan.id}: its push left no receipt ({receipt.name}); hand the controllers "
                "back"
            )
        return receipt


def _begun(plan: Plan) -> MoveError:
    return MoveError(
        f"the push of plan {plan.id} has begun; roll the plan back once it is active, or use 'Give "
        "all back' on the live page"
    )
