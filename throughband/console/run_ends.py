"""What follows when a run ends: a report attached, a network listed, a plan's push concluded.

The end of a run is acted on before it is marked, so nothing is forgotten in between.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from network.errors import MissingError, StoreUnavailableError, ThroughbandError
from throughband.console.carrying import CANCELED, FILES, OUTPUT
from throughband.console.claims import taken_back
from throughband.console.config import ConsoleConfig
from throughband.console.outcomes import last_words, pathless, progress_of
from throughband.console.scenes import Scenes
from throughband.plan_life import Move, PlanState
from throughband.results import read_json
from throughband.store import Store
from throughband.store.rows import ReportOrigin, ReportSource, Run, RunState


class RunEnds:
    """Concludes runs that have ended.

    Parameters
    ----------
    config, store, clock, scenes
        What the console works with.
    """

    def __init__(
        self,
        config: ConsoleConfig,
        store: Store,
        clock: Callable[[], datetime],
        scenes: Scenes,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._scenes = scenes

    def conclude(self, run: Run, code: int) -> None:
        """Act on the end of a run, then mark it.

        Parameters
        ----------
        run
            A run that has begun.
        code
            How its command ended.
        """
        folder = Path(run.folder)
        last = last_words(folder / OUTPUT)
        state = RunState.DONE if code == 0 else RunState.FAILED
        taken = taken_back(folder)
        if taken is not None or ((folder / CANCELED).exists() and code != 0):
            state = RunState.CANCELED
        try:
            self._follow_up(run, state)
        except ThroughbandError as error:
            # What came out is there all the same, and a person can go on from it.
            last = f"{last}; {error}".strip("; ")
        progress = progress_of(folder / OUTPUT)
        if progress:
            self._store.runs.progress(run.id, progress)
        self._store.runs.end(run.id, state, code, last, self._clock())

    def _settled(self, made: Path, run: Run) -> Path:
        """Copy an import to where networks are kept, in a folder of its name: plans tell by it."""
        plain = re.sub(r"[^0-9A-Za-z._-]+", "-", run.arguments["name"]).strip(".-") or "network"
        target = self._config.networks / run.id / plain[:60]
        if target.exists():
            return target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # What a crash left of an earlier copy goes.
            aside = target.parent / ".copy"
            shutil.rmtree(aside, ignore_errors=True)
            shutil.copytree(made, aside)
            aside.replace(target)
        except OSError as error:
            raise StoreUnavailableError(
                f"{target}: the network cannot be kept ({error.strerror or error})"
            ) from error
        return target

    def _follow_up(self, run: Run, state: RunState) -> None:
        folder, asked = Path(run.folder), run.arguments
        if run.kind == "validate" and state is RunState.DONE:
            plan = self._store.plans.get(asked["plan_id"])
            if plan.state is PlanState.DRAFT or plan.needs_proof:
                report = read_json(folder / FILES / "validation.json")
                brought = ReportSource(ReportOrigin.RUN, run.requested_by, run.id)
                self._store.plans.attach_report(
                    plan.id, report, plan.version, brought, self._clock()
                )
        elif run.kind == "import" and state is RunState.DONE:
            source = str(self._settled(folder / FILES, run))
            if all(n.source != source for n in self._store.networks.listed(removed=True)):
                scenario, summary = self._scenes.summary(source)
                now, by = self._clock(), run.requested_by
                added = self._store.networks.add(
                    asked["name"], "folder", source, scenario, summary, by, now
                )
                self._store.audit(
                    "network added", by, now, network_id=added.id, name=added.name, run_id=run.id
                )
        elif (taken := taken_back(folder)) is not None:
            now = self._clock()
            self._store.plans.catch_up(now)
            with suppress(MissingError):
                plan = self._store.plans.get(asked["plan_id"])
                # Unmoved only where the console ended between the claim and the move.
                if plan.state is PlanState.ARMED and plan.version == taken.version:
                    self._store.plans.move(
                        plan.id, Move.DISARM, taken.by, now, taken.why, taken.version
                    )
        elif run.kind == "push" and state is not RunState.DONE:
            now = self._clock()
            self._store.plans.catch_up(now)
            with suppress(MissingError):
                plan = self._store.plans.get(asked["plan_id"])
                # Without an intent in the journal nothing was written to any controller.
                if plan.state is PlanState.ARMED and plan.push_id is None:
                    why = f"not pushed: {pathless(last_words(folder / OUTPUT), folder)}"
                    self._store.plans.move(plan.id, Move.FAIL, "bridge", now, why, plan.version)
