"""Runs: commands of our own command line, as processes that outlive the console.

What is wanted stands in the database before anything is started. Every turn looks after what
runs, begins what waits, and takes in what the journal has since. A console that was killed finds
its runs again; the end of one is acted on before it is marked, so nothing is forgotten in between.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from network.errors import (
    MissingError,
    MoveError,
    StoreError,
    StoreUnavailableError,
    ThroughbandError,
)
from throughband.console.carrying import (
    CANCELED,
    COMMAND,
    FILES,
    OUTPUT,
    TAKEN_BACK_CODE,
    exit_of,
    is_carried,
)
from throughband.console.claims import taken_back
from throughband.console.config import ConsoleConfig
from throughband.console.outcomes import pathless
from throughband.console.scenes import Scenes
from throughband.plan_life import Move, PlanState
from throughband.results import read_json
from throughband.store import Store
from throughband.store.rows import ReportOrigin, ReportSource, Run, RunState

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
STEP: Final = re.compile(r"^\[(\d+)(?:/(\d+))?\] (.*?)(?: \(\d+ s\))?$")
TAIL_BYTES: Final = 65536
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
        self._scenes = scenes
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
            self._conclude(run, int(ended["code"]))
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
                self._conclude(run, TAKEN_BACK_CODE)
                self._children.pop(run.id, None)
                return
            self._store.runs.end(
                run.id, RunState.LOST, None, "its process is gone without a word", self._clock()
            )
            self._children.pop(run.id, None)

    def _conclude(self, run: Run, code: int) -> None:
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


def tail(path: Path) -> str:
    """Return the end of what a run said."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def progress_of(path: Path) -> dict[str, Any]:
    """Return how far a run says it is."""
    progress: dict[str, Any] = {}
    for line in tail(path).splitlines():
        found = STEP.match(line.strip())
        if found:
            whole = int(found[2]) if found[2] else None
            progress = {"step": int(found[1]), "steps": whole, "title": found[3], "text": ""}
        elif progress and line.strip():
            progress["text"] = line.strip()[:500]
    return progress


def last_words(path: Path) -> str:
    """Return the last line a run said."""
    lines = [line.strip() for line in tail(path).splitlines() if line.strip()]
    return lines[-1].removeprefix("throughband: ")[:2000] if lines else ""
