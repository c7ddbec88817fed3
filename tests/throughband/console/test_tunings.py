"""Plans kept ready in processes: bounded, ended with the console, and honest when one ends."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from network.errors import ThroughbandError, UnsafePlanError
from network.timing import PlanSet
from tests.throughband.planning.test_tuning import PLAN_SET, tuning
from throughband.console import tuning_process
from throughband.console.kept import StillMadeError
from throughband.console.pages.diagram import MOVERS, in_short
from throughband.console.tuning_process import DONE, READY, Asked, Opening, serve
from throughband.console.tunings import TuningEndedError, Tunings
from throughband.planning.tuning import Trial
from throughband.planning.tuning_moves import Move

# Stands for the process: what it does is the name of the scenario that it is told to open. It reads
# no object, as that would have it import all of the real one.
PROCESS = """
import os, sys, time
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
what = pipe.recv_bytes()
if b"dies" in what:
    os._exit(3)
if b"opens long" in what:
    pipe.poll(None)
pipe.send(("ready", None))
while pipe.poll(None):
    pipe.recv_bytes()
    if b"hangs" in what:
        pipe.poll(None)
    told = ("broken", "Traceback\\nValueError: no") if b"breaks" in what else ("done", os.getpid())
    pipe.send(told)
    if b"ends" in what:
        os._exit(0)
"""
PATIENCE_S = 30.0
MOVES = (Move("A", 3),)


def whole(trial: Trial) -> Any:
    return trial


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "process.py"
    file.write_text(PROCESS, encoding="utf-8")
    return file


@pytest.fixture
def made(script: Path) -> Iterator[Callable[..., Tunings]]:
    found: list[Tunings] = []

    def make(most: int = 3, trial_s: float = PATIENCE_S) -> Tunings:
        found.append(Tunings(most, trial_s, (sys.executable, str(script))))
        return found[-1]

    yield make
    for each in found:
        each.close()


def to_open(what: str) -> Opening:
    return Opening(what, None, PlanSet("s", (), {}))


def asked(tunings: Tunings, key: str, what: str = "works", patience_s: float = PATIENCE_S) -> Any:
    return tunings.trial(key, to_open(what), MOVES, whole, patience_s)


def wait_for(process: int) -> None:
    """Wait until a process of ours ended; whoever began it still learns its status."""
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)


def is_gone(process: int) -> bool:
    return not Path(f"/proc/{process}").exists()


def test_a_plan_keeps_its_process_and_another_has_its_own(made: Callable[..., Tunings]) -> None:
    tunings = made()

    first = asked(tunings, "one")

    assert asked(tunings, "one") == first
    assert asked(tunings, "other") != first


def test_while_a_plan_is_opened_it_is_told_so(made: Callable[..., Tunings]) -> None:
    tunings = made()

    assert not tunings.prepare("one", to_open("opens long"))
    with pytest.raises(StillMadeError, match="look again"):
        asked(tunings, "one", "opens long", patience_s=0.0)


def test_the_one_not_asked_for_longest_makes_room(made: Callable[..., Tunings]) -> None:
    tunings = made(2)
    first, second = asked(tunings, "first"), asked(tunings, "second")
    assert asked(tunings, "first") == first

    asked(tunings, "third")

    assert len(tunings) == 2
    assert is_gone(second)
    assert not is_gone(first)


def test_one_that_is_being_opened_is_not_ended_for_another(made: Callable[..., Tunings]) -> None:
    tunings = made(1)
    assert not tunings.prepare("first", to_open("opens long"))

    assert not tunings.prepare("second", to_open("works"))
    with pytest.raises(StillMadeError, match="other plans"):
        asked(tunings, "second")
    assert len(tunings) == 1


def test_a_process_that_ended_by_itself_is_begun_again(made: Callable[..., Tunings]) -> None:
    tunings = made()
    first = asked(tunings, "one", "ends")
    wait_for(first)

    assert asked(tunings, "one", "ends") != first


def test_a_process_that_ends_while_opening_is_told_with_its_status(
    made: Callable[..., Tunings],
) -> None:
    tunings = made()

    with pytest.raises(TuningEndedError, match=r"status 3|status -9"):
        asked(tunings, "one", "dies")
    assert len(tunings) == 0


@pytest.mark.parametrize(
    ("what", "told"), [("hangs", "within 0.2 s"), ("breaks", "ValueError: no")]
)
def test_a_process_that_fails_is_ended(made: Callable[..., Tunings], what: str, told: str) -> None:
    tunings = made(trial_s=0.2 if what == "hangs" else PATIENCE_S)

    with pytest.raises(TuningEndedError, match=told):
        asked(tunings, "one", what)
    assert len(tunings) == 0


def test_closing_ends_every_process_and_begins_none(made: Callable[..., Tunings]) -> None:
    tunings = made()
    processes = [asked(tunings, "one"), asked(tunings, "other")]

    tunings.close()

    assert all(is_gone(process) for process in processes)
    with pytest.raises(TuningEndedError, match="ending"):
        asked(tunings, "one")


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    tunings = Tunings(command=(str(tmp_path / "nothing"),))

    with pytest.raises(TuningEndedError, match="could be started"):
        asked(tunings, "one")


def test_a_network_that_is_gone_is_told_by_the_process(tmp_path: Path) -> None:
    tunings = Tunings()
    gone = Opening(str(tmp_path / "gone.sumocfg"), None, PLAN_SET)
    try:
        with pytest.raises(ThroughbandError, match="gone"):
            tunings.trial("one", gone, MOVES, whole, PATIENCE_S)
        assert len(tunings) == 0
    finally:
        tunings.close()


@pytest.mark.parametrize("limits", [(0.0, 2**40), (PATIENCE_S, -1)], ids=["idle", "grown"])
def test_a_process_ends_when_nobody_asks_or_when_it_has_grown(
    limits: tuple[float, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_process, "opened", lambda _: tuning())
    ours, theirs = Pipe()
    serving = threading.Thread(target=serve, args=(theirs, *limits))
    with ours, theirs:
        ours.send(to_open("it"))
        serving.start()
        assert ours.recv() == (READY, None)
        if limits[0]:
            ours.send(Asked(MOVES, whole))
            kind, answer = ours.recv()
            assert (kind, answer) == (DONE, tuning().trial(MOVES))

        serving.join(PATIENCE_S)

    assert not serving.is_alive()


def test_a_page_is_sent_the_approaches_that_change_most() -> None:
    trial = tuning().trial(MOVES)

    short = in_short(trial)

    assert short.total == trial.total
    assert not short.movements
    assert not short.bands
    assert len(short.approaches) == min(MOVERS, len(trial.approaches))
    changes = [
        abs(row.now.delay_s - row.before.delay_s) * row.volume_vph
        for row in short.approaches
        if row.now is not None
    ]
    assert changes == sorted(changes, reverse=True)


def test_refusals_can_be_sent_between_processes() -> None:
    error = UnsafePlanError(("one.", "two."))

    there = pickle.loads(pickle.dumps(error))

    assert (type(there), str(there), there.violations) == (
        UnsafePlanError,
        str(error),
        error.violations,
    )
