"""The life of a plan up to its approval: what people make a draft, check, approve and reject."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from network.errors import MoveError, ThroughbandError
from throughband.console.carrying import FILES
from throughband.console.config import ConsoleConfig
from throughband.console.scenes import Scenes, plan_set_of
from throughband.plan_life import Move, require_why
from throughband.store import Store
from throughband.store.rows import Plan, ReportOrigin, ReportSource


class PlanMoves:
    """Carries plans up to their approval; routes of the API and of pages alike call it.

    Parameters
    ----------
    config, store, scenes, clock
        What the console works with.
    """

    def __init__(
        self, config: ConsoleConfig, store: Store, scenes: Scenes, clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._config = config
        self._store = store
        self._scenes = scenes

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
        network = self._store.networks.require(network_id)
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
        network = self._store.networks.require(plan.network_id)
        self._scenes.require_lawful(network.source, plan_set_of(plan.content))
        return self._move(plan_id, Move.CHECK, by, why, seen_version)

    def approve(
        self, plan_id: str, by: str, why: str, seen_version: int, despite_verdict: bool = False
    ) -> Plan:
        """Approve a checked plan, for as long as the configuration says."""
        plan = self._store.plans.get(plan_id)
        network = self._store.networks.require(plan.network_id)
        # What was lawful when it was checked may not be any more: the network may have changed.
        self._scenes.require_lawful(network.source, plan_set_of(plan.content))
        return self._store.plans.approve(
            plan_id, by, self._clock(), why, seen_version, self._config.approval,
            despite_verdict,
        )  # fmt: skip

    def reject(self, plan_id: str, by: str, why: str, seen_version: int) -> Plan:
        """Say that a plan is not to be used, and why."""
        require_why(Move.REJECT, why)
        return self._move(plan_id, Move.REJECT, by, why, seen_version)

    def _move(self, plan_id: str, move: Move, by: str, why: str, seen_version: int) -> Plan:
        return self._store.plans.move(plan_id, move, by, self._clock(), why, seen_version)


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ThroughbandError(f"{path.name}: not JSON ({error})") from error
    return content if isinstance(content, dict) else None
