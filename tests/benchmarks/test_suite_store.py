"""Results on disk: whole or not at all, found again, tidy."""

from __future__ import annotations

import csv
import errno
import json
from pathlib import Path

import pytest

from benchmarks.suite import results
from benchmarks.suite.jobs import Job, Outcome, Street
from benchmarks.suite.results import DiskFullError, Store

JOB = Job(Street("cologne1"), "in-force", 101)
DONE = Outcome(JOB, {"delay_s": 12.5}, "", {"wall_s": 3.0}, b"trips")


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep(DONE, "k1")
    found = store.found(JOB, "k1")
    assert found is not None
    assert found.measures == {"delay_s": 12.5}
    assert (tmp_path / "runs" / "k1" / "trips.parquet").read_bytes() == b"trips"


def test_another_key_or_job_is_not_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep(DONE, "k1")
    assert store.found(JOB, "k2") is None
    assert store.found(Job(Street("cologne1"), "in-force", 102), "k1") is None


def test_a_damaged_record_is_not_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep(DONE, "k1")
    record = tmp_path / "runs" / "k1" / "run.json"
    record.write_text(record.read_text()[:40])
    assert store.found(JOB, "k1") is None


def test_a_full_disk_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.keep(DONE, "k1")

    def full(file: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(results, "_write", full)
    with pytest.raises(DiskFullError, match="what was finished is kept"):
        store.keep(DONE, "k2")
    assert store.found(JOB, "k1") is not None
    assert [entry.name for entry in (tmp_path / "runs").iterdir()] == ["k1"]


def test_tables_are_tidy_and_in_a_fixed_order(tmp_path: Path) -> None:
    other = Outcome(Job(Street("cologne1"), "webster", 101), {}, "SUMO died")
    Store(tmp_path / "a").tables([DONE, other])
    Store(tmp_path / "b").tables([other, DONE])
    text = (tmp_path / "a" / "results.csv").read_bytes()
    assert text == (tmp_path / "b" / "results.csv").read_bytes()
    rows = list(csv.DictReader(text.decode().splitlines()))
    assert [row["controller"] for row in rows] == ["in-force", "webster"]
    assert rows[1]["reason"] == "SUMO died"
    assert rows[0]["delay_s"] == "12.5"
    assert "wall_s" not in rows[0]


def test_a_run_says_what_made_it(tmp_path: Path) -> None:
    Store(tmp_path).keep(DONE, "k1")
    record = json.loads((tmp_path / "runs" / "k1" / "run.json").read_text())
    assert record["job"]["seed"] == 101
    assert record["facts"]["wall_s"] == 3.0
