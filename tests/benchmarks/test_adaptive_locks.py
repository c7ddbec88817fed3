"""The benchmark of locks: what it keeps, and what a count of none tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.adaptive_locks import Seed, append, code_digest, main, most_share, read
from network.errors import FormatError

ROW = Seed("ingolstadt21", "look-ahead", "lanes", 11, 52.031, 140.2, 4000, 205, 0, code_digest())


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "locks.csv"
    rows = [ROW, replace(ROW, seed=12, stuck=40, knots=(("a", "b"), ("c", "d", "e")))]
    assert read(file) == []
    for row in rows:
        append(file, row)
    assert read(file) == rows


def test_a_seed_is_locked_from_one_percent_of_all_due() -> None:
    assert [replace(ROW, stuck=stuck).locked for stuck in (0, 39, 40)] == [False, False, True]


def test_no_lock_in_many_seeds_leaves_a_share_that_shrinks_with_them() -> None:
    assert most_share(0, 20) == pytest.approx(1 - 0.05 ** (1 / 20))
    assert most_share(0, 50) < most_share(0, 20) < most_share(1, 20)
    assert most_share(3, 3) == 1.0


@pytest.mark.parametrize("content", ["seed,delay_s\n11,4\n", "not a table"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "locks.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match="columns"):
        read(file)


def test_a_controller_there_is_not_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["cologne3", "--controllers", "look-ahead,clairvoyant"])
    assert "'clairvoyant'; there are look-ahead, fixed, actuated" in capsys.readouterr().err


def test_a_lock_of_a_peer_is_told_and_is_no_fault_of_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "locks.csv"
    ours = [replace(ROW, scenario="cologne3", seed=seed) for seed in (11, 12)]
    for row in (*ours, *(replace(row, controller="max-pressure", stuck=999) for row in ours)):
        append(file, row)
    wanted = ["cologne3", "--seeds", "11-12", "--controllers", "look-ahead,max-pressure"]
    assert main([*wanted, "--out", str(file)]) == 0
    assert "2; below" in " ".join(capsys.readouterr().out.split())
    append(file, replace(ours[0], stuck=999))
    assert main([*wanted, "--out", str(file)]) == 1
