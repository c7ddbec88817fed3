from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from network.errors import MoveError
from tests.throughband.console.serving import config_in
from tests.throughband.store.conftest import Clock
from throughband.console.carrying import EXIT, FILES, OUTPUT, exit_of
from throughband.console.scenes import Scenes
from throughband.console.work import TooManyRunsError, Work
from throughband.journal import verify
from throughband.store import Store, open_store
from throughband.store.rows import Run, RunState


class Bench:
    """Work without a web server around it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.config = config_in(folder, runs_waiting=2)
        self.store: Store = open_store(
            self.config.database, backups=None, journal=self.config.journal, clock=self.clock
        )
        self.works: list[Work] = []
        self.work = self.anew()

    def anew(self) -> Work:
        """Return what a restarted console has."""
        self.works.append(Work(self.config, self.store, self.clock, Scenes()))
        return self.works[-1]

    def close(self) -> None:
        for work in self.works:
            for child in work._children.values():
                child.wait(60)
        self.store.close()

    def asked(self, *command: str) -> Run:
        return self.work.submit("optimize", lambda _: command, "anna")

    def until_ended(self, run: Run) -> Run:
        end_s = time.monotonic() + 120
        while exit_of(Path(run.folder)) is None:
            assert time.monotonic() < end_s
            time.sleep(0.05)
        self.work.turn()
        return self.store.runs.get(run.id)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path)
    yield found
    found.close()


def test_a_run_that_was_begun_is_found_at_its_end_by_a_restarted_console(bench: Bench) -> None:
    run = bench.asked("schema", "plan")
    bench.work.turn()
    assert bench.store.runs.get(run.id).state is RunState.RUNNING

    bench.work = bench.anew()
    done = bench.until_ended(run)

    assert (done.state, done.exit_code) == (RunState.DONE, 0)
    assert '"$schema"' in (Path(run.folder) / OUTPUT).read_text()


def test_a_run_that_failed_says_why_in_its_last_words(bench: Bench) -> None:
    run = bench.asked("schema", "nonsense")
    bench.work.turn()

    done = bench.until_ended(run)

    assert done.state is RunState.FAILED
    assert done.exit_text.startswith("no schema 'nonsense'")


def test_a_run_that_waits_is_canceled_without_ever_beginning(bench: Bench) -> None:
    run = bench.asked("schema", "plan")

    canceled = bench.work.cancel(run.id, "ben")
    bench.work.turn()

    assert (canceled.state, canceled.exit_text) == (RunState.CANCELED, "canceled by ben")
    assert exit_of(Path(run.folder)) is None
    with pytest.raises(MoveError, match="has ended already"):
        bench.work.cancel(run.id, "ben")


def test_a_run_canceled_while_its_process_is_started_is_not_carried_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, start = bench.asked("schema", "plan"), subprocess.Popen

    def canceled_meanwhile(*given: Any, **options: Any) -> subprocess.Popen[bytes]:
        bench.work.cancel(run.id, "ben")
        return start(*given, **options)

    monkeypatch.setattr(subprocess, "Popen", canceled_meanwhile)
    bench.work.turn()
    ended = bench.until_ended(run)

    assert (ended.state, ended.exit_text) == (RunState.CANCELED, "canceled before it began")
    assert "$schema" not in (Path(run.folder) / OUTPUT).read_text()


def test_a_run_canceled_right_before_it_begins_starts_no_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, waiting = bench.asked("schema", "plan"), bench.store.runs.waiting

    def canceled_meanwhile() -> list[Run]:
        found = waiting()
        bench.work.cancel(run.id, "ben")
        return found

    monkeypatch.setattr(bench.store.runs, "waiting", canceled_meanwhile)
    bench.work.turn()

    assert bench.store.runs.get(run.id).state is RunState.CANCELED
    assert not bench.work._children


def test_a_run_at_work_is_stopped_and_says_that_it_was_canceled(
    bench: Bench, tmp_path: Path
) -> None:
    counts = tmp_path / "counts.csv"
    os.mkfifo(counts)
    run = bench.asked("forecast", str(counts), "--tz", "UTC", "--out", str(tmp_path / "out"))
    bench.work.turn()
    # Returns once the command reads.
    with counts.open("w"):
        bench.work.cancel(run.id, "ben")
        ended = bench.until_ended(run)

    assert ended.state is RunState.CANCELED
    assert ended.exit_code != 0


def test_no_more_runs_wait_than_are_allowed(bench: Bench) -> None:
    bench.asked("schema", "plan")
    bench.asked("schema", "plan")

    with pytest.raises(TooManyRunsError, match="2 runs wait already"):
        bench.asked("schema", "plan")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("push", "roll the plan back"),
        ("withdraw", "ends by itself"),
        ("release", "ends by itself"),
        ("recover", "ends by itself"),
    ],
)
def test_what_is_at_work_on_the_street_is_not_canceled(bench: Bench, kind: str, said: str) -> None:
    run = bench.work.submit(kind, lambda _: ["schema", "plan"], "anna")

    with pytest.raises(MoveError, match=f"at work on the street.*{said}"):
        bench.work.cancel(run.id, "ben")


def test_a_run_whose_process_is_gone_without_a_word_is_lost(bench: Bench) -> None:
    run = bench.asked("schema", "plan")
    bench.store.runs.begin(run.id, bench.clock())
    bench.work.turn()
    assert bench.store.runs.get(run.id).state is RunState.RUNNING

    bench.clock.on(minutes=1)
    bench.work.turn()

    assert bench.store.runs.get(run.id).state is RunState.LOST


def test_an_end_that_was_told_is_not_taken_for_a_loss(bench: Bench) -> None:
    run = bench.asked("schema", "plan")
    bench.store.runs.begin(run.id, bench.clock())
    (Path(run.folder) / EXIT).write_text(json.dumps({"code": 0, "utc": "x"}))
    bench.clock.on(minutes=1)

    bench.work.turn()

    assert bench.store.runs.get(run.id).state is RunState.DONE


def test_an_imported_network_is_kept_in_a_folder_of_its_name(bench: Bench) -> None:
    def command(folder: Path) -> list[str]:
        return ["generate", "arterial", "--signals", "2", "--out", str(folder / FILES)]

    asked = {"name": "Main Street / west"}
    run = bench.work.submit("import", command, "anna", asked=asked)
    bench.work.turn()

    assert bench.until_ended(run).state is RunState.DONE
    (network,) = bench.store.networks.listed()
    assert network.name == "Main Street / west"
    assert Path(network.source) == bench.config.networks / run.id / "Main-Street-west"
    assert Path(network.source).is_dir()


def test_an_imported_network_stands_in_the_journal_with_its_importer(bench: Bench) -> None:
    def command(folder: Path) -> list[str]:
        return ["generate", "arterial", "--signals", "2", "--out", str(folder / FILES)]

    run = bench.work.submit("import", command, "anna", asked={"name": "Main Street"})
    bench.work.turn()
    bench.until_ended(run)

    (event,) = (one for one in verify(bench.config.journal) if one["event"] == "network added")
    (network,) = bench.store.networks.listed()
    assert (event["by"], event["network_id"], event["run_id"]) == ("anna", network.id, run.id)
