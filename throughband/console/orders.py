"""What people ask of the console, turned into commands of the command line.

Arguments come from checked fields only, each as an argument of its own; nothing goes through a
shell.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from network.errors import (
    MissingError,
    MoveError,
    StaleError,
    StoreError,
    StoreUnavailableError,
    ThroughbandError,
)
from throughband.bridge.config import BridgeConfig, BridgeEntry, read_config
from throughband.bridge.state import StateFolder
from throughband.console.carrying import FILES
from throughband.console.claims import TakenBack, has_begun, take_back, taken_back
from throughband.console.config import ConsoleConfig
from throughband.console.scenes import Scenes, plan_set_of
from throughband.console.work import RELEASE, Work
from throughband.plan_life import MOVES, Move, PlanState
from throughband.settings_file import read_settings
from throughband.sources import require_own_files
from throughband.store import Store
from throughband.store.rows import Network, Plan, ReportOrigin, ReportSource, Run, RunState


class Orders:
    """Carries out what people ask for; routes of the API and of pages alike call it.

    Parameters
    ----------
    config, store, work, scenes, clock
        What the console works with.
    """

    def __init__(
        self,
        config: ConsoleConfig,
        store: Store,
        work: Work,
        scenes: Scenes,
        clock: Callable[[], datetime],
    ) -> None:
        self._clock = clock
        self._config = config
        self._store = store
        self._work = work
        self._scenes = scenes
        # A plan is not disarmed between its arming and the order of its push.
        self._arming = threading.Lock()

    # Runs

    def optimize(self, network_id: str, by: str, title: str = "", **options: Any) -> Run:
        """Have plans computed; `options` are those of ``throughband optimize``."""
        network = self.network(network_id)
        files = self._uploaded(options, "counts")
        asked = _titled(options, title)
        return self._submit("optimize", network, by, [network.source], options, files, asked)

    def whole_path(self, network_id: str, by: str, title: str = "", **options: Any) -> Run:
        """Have the whole path played on an emulated street; nothing is approved by it."""
        network = self.network(network_id)
        asked = _titled(options, title)
        files = {} if self._config.rates is None else {"rates": self._config.rates}
        return self._submit("run", network, by, [network.source], options, files, asked)

    def validate(self, plan_id: str, by: str, **options: Any) -> Run:
        """Have a draft played against the plan in force; its report is attached at the end.

        A plan that was checked on an uploaded report may be, too; it is a draft again then.
        """
        plan = self._store.plans.get(plan_id)
        if plan.state is not PlanState.DRAFT and not plan.needs_proof:
            raise MoveError(f"plan {plan_id} is {plan.state}; only a draft is validated")
        network = self.network(plan.network_id)

        def command(folder: Path) -> Sequence[str]:
            return [
                "validate", network.source, "--plan", str(folder / "plan.json"),
                *_options(options), "--out", str(folder / FILES),
            ]  # fmt: skip

        return self._work.submit(
            "validate",
            command,
            by,
            network_id=network.id,
            asked={"plan_id": plan_id, **options},
            files={"plan.json": plan.content},
        )

    def forecast(self, by: str, **options: Any) -> Run:
        """Have flows forecast from uploaded counts."""
        counts = self.upload(options["counts"])
        rest = {name: value for name, value in options.items() if name != "counts"}
        return self._submit("forecast", None, by, [str(counts)], rest, {}, options)

    def evaluate(self, by: str, **options: Any) -> Run:
        """Have uploaded measurements from before and after a change compared."""
        files = self._uploaded(options, "before", "after")
        return self._submit("evaluate", None, by, [], options, files)

    def import_network(self, name: str, upload_id: str, by: str, kind: str = "") -> Run:
        """Have an uploaded network made a scenario; it is on the list at the end."""
        if self._store.networks.of_name(name) is not None:
            raise MoveError(f"there is a network {name!r} already; choose another name")
        source = self.upload(upload_id)
        require_own_files(source)
        options = {"format": kind} if kind else {}
        asked = {"name": name, "upload": upload_id, **options}
        return self._submit("import", None, by, [str(source)], options, {}, asked)

    # Plans

    def plan_from_run(self, run_id: str, title: str, by: str) -> Plan:
        """Make the plan that a run computed a draft, with the run's report if it has one.

        Raises
        ------
        MissingError, MoveError
            If there is no such run, or it left no plan.
        """
        run = self._store.runs.get(run_id)
        folder = Path(run.folder) / FILES
        if run.network_id is None or not (folder / "plan.json").is_file():
            raise MoveError(f"run {run_id} ({run.kind}, {run.state}) left no plan")
        content = (folder / "plan.json").read_text(encoding="utf-8")
        report = _json(folder / "validation.json") or _json(folder / "result.json")
        source = ReportSource(ReportOrigin.RUN, run.requested_by, run_id) if report else None
        return self.add_plan(run.network_id, title, content, by, "run", report, run_id, source)

    def add_plan(
        self,
        network_id: str,
        title: str,
        content: str,
        by: str,
        origin: str,
        report: dict[str, Any] | None = None,
        run_id: str | None = None,
        source: ReportSource | None = None,
    ) -> Plan:
        """Make the text of a ``plan.json`` a draft.

        Raises
        ------
        ThroughbandError
            If it is no plan, or of another network.
        """
        network = self.network(network_id)
        plans = plan_set_of(content)
        if plans.scenario != network.scenario:
            raise MoveError(
                f"the plans are for {plans.scenario!r}, network {network.name!r} is "
                f"{network.scenario!r}"
            )
        return self._store.plans.add(
            network_id, title, content, plans.scenario, plans.digest, origin, by,
            self._clock(), report=report, run_id=run_id, source=source,
        )  # fmt: skip

    def check(self, plan_id: str, by: str, why: str, seen_version: int) -> Plan:
        """Ask the safety rules and the timeline about a draft that has its report.

        Raises
        ------
        PlanError, UnsafePlanError
            They do not accept it.
        MoveError, StaleError
            As `throughband.store.plans.Plans.move`.
        """
        plan = self._store.plans.get(plan_id)
        network = self.network(plan.network_id)
        self._scenes.require_lawful(network.source, plan_set_of(plan.content))
        return self._move(plan_id, Move.CHECK, by, why, seen_version)

    def approve(
        self, plan_id: str, by: str, why: str, seen_version: int, despite_verdict: bool = False
    ) -> Plan:
        """Approve a checked plan, for as long as the configuration says."""
        plan = self._store.plans.get(plan_id)
        network = self.network(plan.network_id)
        # What was lawful when it was checked may not be any more: the network may have changed.
        self._scenes.require_lawful(network.source, plan_set_of(plan.content))
        return self._store.plans.approve(
            plan_id, by, self._clock(), why, seen_version, self._config.approval,
            despite_verdict,
        )  # fmt: skip

    def reject(self, plan_id: str, by: str, why: str, seen_version: int) -> Plan:
        """Say that a plan is not to be used, and why."""
        _require_why(Move.REJECT, why)
        return self._move(plan_id, Move.REJECT, by, why, seen_version)

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
        network = self.network(plan.network_id)
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
            return self._move(plan_id, Move.DISARM, by, why, seen_version)

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
        _require_why(Move.ROLL_BACK, why)
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

    # The street

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

    # Inside

    def network(self, network_id: str) -> Network:
        """Return a network that is on the list."""
        found = self._store.networks.get(network_id)
        if found.removed_utc is not None:
            raise MissingError(f"network {network_id!r} was taken off the list")
        return found

    def upload(self, upload_id: str) -> Path:
        """Return an uploaded file, or the folder that an archive was unpacked into."""
        folder = self._config.uploads / upload_id
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        if not entries:
            raise MissingError(f"there is no upload {upload_id!r}")
        return entries[0]

    def _uploaded(self, options: dict[str, Any], *names: str) -> dict[str, Path]:
        return {name: self.upload(options[name]) for name in names if options.get(name) is not None}

    def _submit(
        self,
        kind: str,
        network: Network | None,
        by: str,
        head: Sequence[str],
        options: dict[str, Any],
        files: dict[str, Path],
        asked: dict[str, Any] | None = None,
    ) -> Run:
        given = {**options, **{name: str(path) for name, path in files.items()}}

        def command(folder: Path) -> Sequence[str]:
            return [kind, *head, *_options(given), "--out", str(folder / FILES)]

        return self._work.submit(
            kind,
            command,
            by,
            network_id=network.id if network else None,
            asked=options if asked is None else asked,
        )

    def _move(self, plan_id: str, move: Move, by: str, why: str, seen_version: int) -> Plan:
        return self._store.plans.move(plan_id, move, by, self._clock(), why, seen_version)


def _begun(plan: Plan) -> MoveError:
    return MoveError(
        f"the push of plan {plan.id} has begun; roll the plan back once it is active, or use 'Give "
        "all back' on the live page"
    )


def _require_why(move: Move, why: str) -> None:
    if MOVES[move].needs_why and not why.strip():
        raise MoveError(f"the move {move} needs a reason; it stands in the journal")


def _titled(options: dict[str, Any], title: str) -> dict[str, Any]:
    """Return what was asked for, with the title its plan is to have."""
    return {**options, "title": title} if title else options


def _options(given: dict[str, Any]) -> list[str]:
    """Return options of the command line; ``=`` keeps a value from being taken for an option."""
    return [
        f"--{name.replace('_', '-')}={value}"
        for name, value in given.items()
        if value is not None and value != ""
    ]


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ThroughbandError(f"{path.name}: not JSON ({error})") from error
    return content if isinstance(content, dict) else None
