"""Runs: commands of our own command line, as processes that outlive the console.

What is wanted stands in the database before anything is started. Every turn looks after what
runs, begins what waits, and takes in what the journal has since. A console that was killed finds
its runs again; the end of one is acted on before it is marked, so nothing is forgotten in between.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from network.errors import (
    MoveError,
    StoreError,
    StoreUnavailableError,
    ThroughbandError,
)
from throughband.console.carrying import (
    CANCELED,
    COMMAND,
    OUTPUT,
    TAKEN_BACK_CODE,
    exit_of,
    is_carried,
)
from throughband.console.claims import taken_back
from throughband.console.config import ConsoleConfig
from throughband.console.outcomes import progress_of
from throughband.console.run_ends import RunEnds
from throughband.console.scenes import Scenes
from throughband.plan_life import Move, PlanState
from throughband.store import Store
from throughband.store.rows import Run, RunState

_log = logging.getLogger(__name__)

UNDOING: Final[Mapping[str, str]] = {
    "push": (
        "A push is not cut off. Before it begins, disarm its plan. After that it ends by itself, "
        "and takes itself back where it fails: once its plan is active, roll the plan back; 'Give "
        "all back' on the live page ends it at any time."
    ),
    "withdraw": "It gives controllers back what they had, and ends by itself.",
    "release": "It gives controllers back to their own schedule, and ends by itself.",
    "recover": "It concludes what a crash left open on the controllers, and ends by itself.",
}
"""What is said to whoever would stop a run on the street."""

STREET_KINDS: Final = frozenset(UNDOING)
"""What concerns the street does not wait behind an optimization, and is not stopped."""

RELEASE: Final = "release"

TURN_S: Final = 0.5
GRACE_S: Final = 30.0
"""How long a process may take to lock its folder, s."""


class TooManyRunsError(StoreError):
    """So many runs wait already that no more are taken."""


class Work:
    """Begins runs and looks after them.

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
        self._ends = RunEnds(config, store, clock, scenes)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ended = threading.Event()
        self._alone = threading.Lock()
        self._thread: threading.Thread | None = None

    # From routes

    def submit(
        self,
        kind: str,
        command: Callable[[Path], Sequence[str]],
        by: str,
        *,
        network_id: str | None = None,
        asked: Mapping[str, Any] | None = None,
        files: Mapping[str, str] | None = None,
        begin_utc: datetime | None = None,
    ) -> Run:
        """Have a command carried out.

        Parameters
        ----------
        kind
            For people and for what follows at its end.
        command
            Returns the arguments of the command line, given the run's folder.
        by
            Who wants it.
        network_id
            What it works on.
        asked
            What was asked for, to be shown; what follows at its end reads it too.
        files
            Texts to put into its folder beforehand, by name.
        begin_utc
            When to begin, if it can be taken back before (`throughband.console.claims`); None
            for what begins when it is its turn.

        Raises
        ------
        TooManyRunsError
            So many wait already.
        StoreError
            If the folder cannot be made.
        """
        if kind not in STREET_KINDS:
            waiting = self._store.runs.count([RunState.WAITING])
            if waiting >= self._config.runs_waiting:
                raise TooManyRunsError(
                    f"{waiting} runs wait already; allowed are {self._config.runs_waiting}"
                )
        now = self._clock()
        run = self._store.runs.add(kind, network_id, dict(asked or {}), self._config.runs, by, now)
        folder = Path(run.folder)
        try:
            folder.mkdir(parents=True)
            for name, text in (files or {}).items():
                (folder / name).write_text(text, encoding="utf-8")
            content: dict[str, Any] = {"arguments": [str(part) for part in command(folder)]}
            if begin_utc is not None:
                content["begin_utc"] = begin_utc.isoformat()
            (folder / COMMAND).write_text(json.dumps(content), encoding="utf-8")
        except OSError as error:
            self._store.runs.end(run.id, RunState.FAILED, None, str(error), now)
            raise StoreError(f"{folder}: cannot be written ({error.strerror})") from error
        try:
            self._store.audit(
                "run asked", by, now, run_id=run.id, kind=kind, asked=dict(asked or {})
            )
        except StoreError as error:
            if kind != RELEASE:
                raise
            # To let go is safe in any case; a journal that is gone must not stand in the way.
            _log.error("released by %s without a record: %s", by, error)
        return run

    def cancel(self, run_id: str, by: str) -> Run:
        """Stop a run: one that waits does not begin, one that runs is told to clean up and end.

        Raises
        ------
        MissingError, MoveError
            There is none, or it has ended.
        """
        run = self._store.runs.require_open(run_id)
        if run.kind in STREET_KINDS:
            raise MoveError(f"run {run_id} is at work on the street. {UNDOING[run.kind]}")
        now = self._clock()
        self._store.audit("run canceled", by, now, run_id=run_id)
        if run.state is RunState.WAITING and self._store.runs.end(
            run_id, RunState.CANCELED, None, f"canceled by {by}", now
        ):
            return self._store.runs.get(run_id)
        run = self._store.runs.get(run_id)
        if run.state is RunState.RUNNING:
            wish = Path(run.folder) / CANCELED
            try:
                wish.write_text(by, encoding="utf-8")
            except OSError as error:
                raise StoreUnavailableError(
                    f"{wish}: cannot be written, the run goes on ({error.strerror or error})"
                ) from error
        return self._store.runs.get(run_id)

    # Looking after

    def turn(self) -> None:
        """Look after what runs, begin what waits, take in the journal."""
        with self._alone:
            try:
                self._store.plans.catch_up(self._clock())
            except StoreError:
                self._let_go()
                raise
            running = self._store.runs.listed([RunState.RUNNING], limit=1000)
            for run in running:
                self._look_after(run)
            self._give_up_unordered()
            running = self._store.runs.listed([RunState.RUNNING], limit=1000)
            free = self._config.runs_at_once - sum(r.kind not in STREET_KINDS for r in running)
            for run in self._store.runs.waiting():
                if run.kind in STREET_KINDS:
                    self._begin(run)
                elif free > 0:
                    self._begin(run)
                    free -= 1

    def _let_go(self) -> None:
        """Carry out what gives controllers back, although the journal cannot be used."""
        for run in self._store.runs.listed([RunState.RUNNING], limit=1000):
            if run.kind == RELEASE:
                self._look_after(run)
        for run in self._store.runs.waiting():
            if run.kind == RELEASE:
                self._begin(run)

    def start(self) -> None:
        """Take turns in a thread of its own until `stop`."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._keep_on, name="work", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the turns; what runs goes on."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _keep_on(self) -> None:
        while not self._ended.wait(TURN_S):
            try:
                self.turn()
            except ThroughbandError as error:
                _log.warning("%s", error)
            except (OSError, ValueError, KeyError):
                # A file that is not as it should be must not end the turns of all others.
                _log.exception("a turn failed")

    @property
    def is_alive(self) -> bool:
        """Whether turns are taken, or were never asked for."""
        return self._thread is None or self._thread.is_alive()

    def _give_up_unordered(self) -> None:
        """Say of armed plans that nobody pushes: a crash came between the wish and the order."""
        now = self._clock()
        for plan in self._store.plans.listed([PlanState.ARMED], limit=1000):
            if plan.push_id is not None or (now - plan.changed_utc).total_seconds() < GRACE_S:
                continue
            pushes = self._store.runs.listed(
                [RunState.WAITING, RunState.RUNNING], plan.network_id, limit=1000
            )
            if all(run.arguments.get("plan_id") != plan.id for run in pushes):
                why = "the push was never ordered; arm it again"
                self._store.plans.move(plan.id, Move.FAIL, "console", now, why, plan.version)

    def _begin(self, run: Run) -> None:
        # The row first: whoever cancels finds a run that waits, and then it never begins, or one
        # that runs. And what a crash cuts short here is lost, and never carried out twice.
        if not self._store.runs.begin(run.id, self._clock()):
            return
        folder = Path(run.folder)
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "throughband.console.carrying", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._store.runs.end(run.id, RunState.FAILED, None, str(error), self._clock())
            return
        self._children[run.id] = child
        self._store.runs.carried_by(run.id, child.pid)

    def _look_after(self, run: Run) -> None:
        folder = Path(run.folder)
        child = self._children.get(run.id)
        if child is not None:
            child.poll()
        ended = exit_of(folder)
        if ended is not None:
            self._ends.conclude(run, int(ended["code"]))
            self._children.pop(run.id, None)
            if child is not None:
                # It has told of its end and goes now; left alone it would stay a zombie.
                child.wait()
            return
        progress = progress_of(folder / OUTPUT)
        if progress and progress != run.progress:
            self._store.runs.progress(run.id, progress)
        is_gone = child is None or child.returncode is not None
        begun = run.begun_utc or run.requested_utc
        is_late = child is not None or (self._clock() - begun).total_seconds() > GRACE_S
        if is_gone and is_late and not is_carried(folder) and exit_of(folder) is None:
            if taken_back(folder) is not None:
                # Whoever took it back was told that it will not begin; its end is that.
                self._ends.conclude(run, TAKEN_BACK_CODE)
                self._children.pop(run.id, None)
                return
            self._store.runs.end(
                run.id, RunState.LOST, None, "its process is gone without a word", self._clock()
            )
            self._children.pop(run.id, None)
