"""Schedule files: TOML that comes back as written, and messages that name the line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from network.errors import PlanError
from network.schedule import DaySchedule
from network.schedule_file import read_schedule, write_schedule
from tests.network.damaged_counts import survives
from tests.network.days import daily, elm_street


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_schedule(tmp_path / "schedule.toml", elm_street())
    return tmp_path / "schedule.toml"


@pytest.mark.parametrize(
    "schedule",
    [elm_street(), daily("UTC", (0, "\u00e4 \"b\" \\ 'c'#=[]")), daily("UTC", (0, "free"))],
)
def test_a_schedule_comes_back_as_written(schedule: DaySchedule, tmp_path: Path) -> None:
    write_schedule(tmp_path / "s.toml", schedule)
    assert read_schedule(tmp_path / "s.toml") == schedule
    first = (tmp_path / "s.toml").read_bytes()
    write_schedule(tmp_path / "s.toml", read_schedule(tmp_path / "s.toml"))
    assert (tmp_path / "s.toml").read_bytes() == first


@pytest.mark.parametrize(
    ("found", "instead", "line", "message"),
    [
        ('run = "am peak"', 'run = "pm peak"', 'run = "am peak"', "run: found 'pm peak'"),
        ("06:30:00", "06:30:00.5", "06:30:00", "at: found .*whole seconds"),
        ("06:30:00", '"06:30"', "06:30:00", "at: found '06:30'"),
        ("06:30:00", "25:30:00", None, "not a day schedule in TOML .*line 1"),
        ("06:30:00", "04:30:00", "[[day]]", "at 04:30:00 follows that at 05:00:00"),
        ("at = 06:30:00", "att = 06:30:00", "06:30:00", r"missing keys \['at'\]"),
        ("at = 06:30:00", "x = 1, at = 06:30:00", "06:30:00", r"unknown keys \['x'\]"),
        ("{ pattern = 2 }", "{ pattern = 254 }", "pattern = 2", "pattern: found 254"),
        ("{ pattern = 2 }", "{ pattern = true }", "pattern = 2", "pattern: found True"),
        ("{ pattern = 2 }", "2", "pattern = 2", "found int, expected an object"),
        ("am/plan.json", "../plan.json", "am/plan.json", "below the schedule's own folder"),
        ('"sat", "sun"', '"sat", "soon"', '"sat", "sun"', "weekdays: found"),
        ('"sat", "sun"', '"sat", "mon"', '"sat", "sun"', "speaks of the same dates as"),
        ("first = 2026-11-28\n", "", 'weekdays = ["sat"]', "a first and a last date"),
        ("first = 2026-11-28", "first = 2026", "first = ", "first: found 2026"),
        ("first = 2026-11-28", "first = 2026-11-28 00:00:00", "first = ", "first: found"),
        ("2026-12-25, 2026-12-26", "1, 2", "2026-12-25", "dates: found"),
        ('day = "rest"\ndates', 'day = "rust"\ndates', None, "day: found 'rust'"),
        ('name = "rest"', 'name = "workday"', None, "line 2[0-9]: day 'workday' appears twice"),
        ('name = "Elm Street"', "name = 0x" + "f" * 9000, "name =", "name: found a number of very"),
        ("Europe/Berlin", "Europe/Atlantis", None, "time zone 'Europe/Atlantis' is not known"),
        ("version = 1", "version = 2", None, "version 2, this program reads up to 1"),
        ("version = 1", "version = 1\nversion = 1", None, "Cannot overwrite a value"),
        ("throughband.schedule", "throughband.signals", None, "not a day schedule"),
        ("version = 1", "version = 1\na" + ".b" * 100 + " = 1", "name = ", "64 points on one line"),
        ("version = 1", "version = nan", None, "version nan is not"),
    ],
)
def test_a_slip_of_the_pen_is_named_with_its_line(
    found: str, instead: str, line: str | None, message: str, path: Path
) -> None:
    text = path.read_text()
    assert found in text
    path.write_text(text.replace(found, instead, 1))
    with pytest.raises(PlanError, match=message) as error:
        read_schedule(path)
    assert "\n" not in str(error.value)
    if line:
        places = [n for n, row in enumerate(text.splitlines(), 1) if line in row]
        begin = places[0]
        near = {f"line {number}" for number in (begin - 2, begin - 1, begin)}
        assert any(f"{path}, {place}" in str(error.value) for place in near), str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"a = " + b"[" * 50_000,
        b"a = " + b"{ a = " * 50_000,
        b"x" * 3_000_000,
        b"".join(b"[" + b"a." * 60 + b"b%d]\n" % n for n in range(15_000)),
        b"a = [" + b"1, " * 600_000 + b"]",
    ],
    ids=range(8),
)
def test_what_is_no_schedule_is_refused_within_a_second(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_bytes(content)
    begin_s = time.process_time()
    with pytest.raises(PlanError, match="day schedule") as error:
        read_schedule(tmp_path / "s.toml")
    assert time.process_time() - begin_s < 10.0
    assert "\n" not in str(error.value)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_schedule(path) == elm_street()


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        read_schedule(tmp_path / "s.toml")
    with pytest.raises(PlanError, match="cannot be written"):
        write_schedule(tmp_path / "no" / "s.toml", elm_street())


def test_damage_is_refused_in_one_line(path: Path) -> None:
    assert survives(read_schedule, path.read_bytes(), path, 300) > 150


@pytest.mark.slow
def test_ten_thousand_damaged_files_are_refused_in_one_line(path: Path) -> None:
    assert survives(read_schedule, path.read_bytes(), path, 10_000, seed=2) > 5000
