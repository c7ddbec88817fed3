"""Lock files: read with their lines, refused in one line, and met by ``throughband optimize``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.optimize.locks import CycleLock, OffsetLock, PlanLock, SequenceLock, SplitLock
from network.counts import CountSeries
from network.errors import InfeasibleError, PlanError
from network.files import read_plan
from network.readers.counts_csv import write_counts_csv
from tests.engine.explained_streets import WALKING, row
from tests.throughband.command_line import assert_one_line, call
from throughband.planning.optimize_options import read_locks
from throughband.setting import open_setting

HEAD = 'format = "throughband.locks"\nversion = 1\n\n'
NETWORK = row(3, phasing=WALKING)


def read(tmp_path: Path, text: str, head: str = HEAD):  # type: ignore[no-untyped-def]
    path = tmp_path / "locks.toml"
    path.write_text(head + text)
    return read_locks(path, NETWORK)


def test_every_kind_of_lock_is_read_with_its_line(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """# what stays
[[plan]]
signals = ["A"]

[[split]]
signal = "B"
phase = 2
split_s = 30

[[split]]
signal = "B"
phase = 1
least_s = 20
most_s = 50

[[offset]]
signals = ["B", "C"]
keep = "differences"

[[sequence]]
signals = ["C"]
order = [1, 2, 3]
""",
    )
    a, b, c = (found.hold(name) for name in "ABC")
    (whole,) = a.locks
    assert isinstance(whole, PlanLock)
    assert whole.where == f"{tmp_path / 'locks.toml'}, line 5"
    assert a.cycle_s == 80
    assert dict(b.splits) == {1: (20, 50), 2: (30, 30)}
    assert [k.where.rpartition(" ")[2] for k in b.locks if isinstance(k, SplitLock)] == ["8", "13"]
    assert found.ties == (("B", "C"),)
    assert c.sequence == (1, 2, 3)
    assert {type(k) for k in c.locks} == {OffsetLock, SequenceLock}


def test_a_cycle_without_signals_is_everybodys(tmp_path: Path) -> None:
    found = read(tmp_path, "[[cycle]]\ncycle_s = 90\n")
    assert [found.hold(name).cycle_s for name in "ABC"] == [90, 90, 90]
    assert all(isinstance(k, CycleLock) for name in "ABC" for k in found.hold(name).locks)


def test_tables_written_on_one_line_are_read_too(tmp_path: Path) -> None:
    found = read(tmp_path, 'plan = [{ signals = ["A"] }]\n')
    assert found.hold("A").locks[0].where.endswith("line 4")


MALFORMED = {
    "unknown kind": ('[[phase]]\nsignal = "A"\n', ("line 4", "phase", "plan, cycle, split")),
    "one table": ('[plan]\nsignals = ["A"]\n', ("line 4", "[[plan]]")),
    "no table": ("plan = [3]\n", ("line 4", "expected an object")),
    "unknown key": ('[[plan]]\nsignals = ["A"]\nsplit_s = 3\n', ("line 6", "split_s")),
    "missing key": ('[[split]]\nsignal = "A"\nsplit_s = 30\n', ("line 4", "phase")),
    "no size": ('[[split]]\nsignal = "A"\nphase = 2\n', ("line 4", "none", "split_s")),
    "two sizes": (
        '[[split]]\nsignal = "A"\nphase = 2\nsplit_s = 30\nmost_s = 40\n',
        ("line 4", "split_s, most_s"),
    ),
    "least above most": (
        '[[split]]\nsignal = "A"\nphase = 2\nleast_s = 30\nmost_s = 20\n',
        ("line 8", "30 to 255"),
    ),
    "no signals": ("[[plan]]\nsignals = []\n", ("line 5", "names of signals")),
    "a signal twice": ('[[plan]]\nsignals = ["A", "A"]\n', ("line 5", "each once")),
    "a word for a cycle": ('[[cycle]]\ncycle_s = "long"\n', ("line 5", "1 to 255")),
    "half seconds": ("[[cycle]]\ncycle_s = 90.5\n", ("line 5", "whole number")),
    "one signal tied": (
        '[[offset]]\nsignals = ["A"]\nkeep = "differences"\n',
        ("line 5", "two or more"),
    ),
    "keeping something else": (
        '[[offset]]\nsignals = ["A"]\nkeep = "all"\n',
        ("line 6", "offsets"),
    ),
    "an empty order": ('[[sequence]]\nsignals = ["A"]\norder = []\n', ("line 6", "in force")),
    "not TOML": ("[[plan\n", ("not a lock file in TOML",)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_with_the_line(name: str, tmp_path: Path) -> None:
    text, parts = MALFORMED[name]
    with pytest.raises(PlanError) as error:
        read(tmp_path, text)
    for part in (*parts, "locks.toml"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_no_lock_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"throughband\.locks"):
        read(tmp_path, "", head='format = "throughband.planning.corridors"\nversion = 1\n')
    with pytest.raises(PlanError, match="version 2"):
        read(tmp_path, "", head='format = "throughband.locks"\nversion = 2\n')
    with pytest.raises(PlanError, match="cannot be read"):
        read_locks(tmp_path / "nowhere.toml", NETWORK)


def test_clashes_name_both_lines(tmp_path: Path) -> None:
    text = '[[cycle]]\ncycle_s = 80\n\n[[cycle]]\nsignals = ["B"]\ncycle_s = 90\n'
    with pytest.raises(InfeasibleError, match=r"line 4.*line 7"):
        read(tmp_path, text)


@pytest.mark.sumo
def test_optimize_keeps_what_is_locked_and_says_so(tmp_path: Path) -> None:
    made = call("generate", "arterial", "--signals", 2, "--out", tmp_path / "a", "--pedestrians")
    assert made.code == 0
    street = next((tmp_path / "a").glob("*.sumocfg"))
    network = open_setting(str(street)).network
    names = list(network.movements)
    volume = np.random.default_rng(1).integers(4, 16, (12, len(names))).astype(float)
    counts = tmp_path / "counts.csv"
    write_counts_csv(counts, CountSeries.from_volumes("movement", names, 0.0, 300, volume))
    first, second = sorted(network.signals)
    plan = network.signals[first].plan_in_force
    assert plan is not None
    locks = tmp_path / "locks.toml"
    locks.write_text(f'{HEAD}[[plan]]\nsignals = ["{first}"]\n')
    outcome = call(
        "optimize", street, "--counts", counts, "--lock", locks, "--out", tmp_path / "o",
        "--effort", 50,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    found = read_plan(tmp_path / "o" / "plan.json")
    assert found.plan(first) == plan
    assert found.plan(second) != network.signals[second].plan_in_force
    notes = json.loads((tmp_path / "o" / "plan.json").read_text())["notes"]
    assert any(
        "line 4" in s and s.startswith("Locked: the plan of") for s in notes["reasons"][first]
    )
    assert not any(s.startswith("Locked") for s in notes["reasons"][second])
    assert set(notes["sensitivity"]) == {first, second}
    assert notes["sensitivity"][first]["cycle_s"] == plan.cycle_s
    locks.write_text(f'{HEAD}[[cycle]]\nsignals = ["{first}"]\ncycle_s = 20\n')
    outcome = call("optimize", street, "--counts", counts, "--lock", locks, "--out", tmp_path / "p")
    assert_one_line(outcome, first, "20 s", "line 4", "too short by")
    assert not (tmp_path / "p").exists()


@pytest.mark.sumo
def test_the_counts_that_optimize_writes_give_its_plan_back(tmp_path: Path) -> None:
    made = call("generate", "arterial", "--signals", 2, "--out", tmp_path / "a")
    assert made.code == 0
    street = next((tmp_path / "a").glob("*.sumocfg"))
    order = ("optimize", street, "--end", 1200, "--effort", 50)
    first = call(*order, "--out", tmp_path / "first")
    assert first.code == 0, first.err
    counts = tmp_path / "first" / "counts.csv"
    again = call(*order, "--counts", counts, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    flows = [json.loads((tmp_path / n / "demand.json").read_text()) for n in ("first", "again")]
    assert flows[0] == flows[1]
    plans = [(tmp_path / n / "plan.json").read_bytes() for n in ("first", "again")]
    assert plans[0] == plans[1]
