"""The benchmark of locks: what it keeps, and what a count of none tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.adaptive_locks import Seed, append, code_digest, most_share, read
from network.errors import FormatError

ROW = Seed("ingolstadt21", "lanes", 11, 52.031, 140.2, 4000, 205, 0, code_digest())


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "locks.csv"
    rows = [ROW, replace(ROW, seed=12, stuck=40)]
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
