"""The command ``throughband forecast``: what it writes, shows and refuses."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from network.errors import StaleCountsError
from tests.throughband.command_line import Outcome, assert_one_line, call
from tests.throughband.drawn_counts import (
    DAYS,
    DETECTORS,
    MONDAY,
    SLOTS,
    STEP_S,
    ZONE,
    a_feed,
    drawn,
    write_wide,
)
from throughband.forecasts.forecast_trial import OURS, PERSISTENCE, PROFILE
from throughband.forecasts.forecasting import up_to


@pytest.fixture(scope="module")
def counts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write counts with a dead day, a stuck afternoon and a missing day."""
    counts = drawn()
    counts[9 * SLOTS : 10 * SLOTS, 1] = 0.0
    counts[4 * SLOTS + 32 : 4 * SLOTS + 60, 2] = 41.0
    counts[6 * SLOTS : 7 * SLOTS, 3] = np.nan
    return write_wide(tmp_path_factory.mktemp("counts") / "counts.csv", counts)


@pytest.fixture(scope="module")
def ran(counts_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """Run the command once with everything."""
    out = tmp_path_factory.mktemp("forecast") / "out"
    outcome = call(
        "forecast", counts_file, "--tz", ZONE, "--horizon", "60min", "--backtest", 3,
        "--quantiles", "0.1,0.5,0.9", "--out", out,
    )  # fmt: skip
    return outcome, out


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_file_is_written(ran: tuple[Outcome, Path]) -> None:
    outcome, out = ran
    assert outcome.code == 0, outcome.err
    files = {"forecast.csv", "forecast.json", "forecast.html", "quality.csv"}
    assert {file.name for file in out.iterdir()} == files


def test_the_table_has_each_detector_at_each_horizon(ran: tuple[Outcome, Path]) -> None:
    rows = table(ran[1] / "forecast.csv")
    pairs = {(row["detector"], row["horizon_min"]) for row in rows}
    assert len(rows) == len(pairs) == DETECTORS * 4
    assert {row["horizon_min"] for row in rows} == {"15", "30", "45", "60"}


def test_the_forecast_begins_where_the_counts_end(ran: tuple[Outcome, Path]) -> None:
    first = table(ran[1] / "forecast.csv")[0]
    end = (MONDAY + timedelta(days=DAYS)).replace(tzinfo=ZoneInfo(ZONE))
    assert datetime.fromisoformat(first["time"]) == end


def test_the_hours_after_midnight_are_of_the_kind_of_the_day_before(
    ran: tuple[Outcome, Path],
) -> None:
    assert {row["day_type"] for row in table(ran[1] / "forecast.csv")} == {"Tue"}
    assert "Counts so far look like" not in (ran[1] / "forecast.html").read_text()


def test_quantiles_stand_in_order(ran: tuple[Outcome, Path]) -> None:
    for row in table(ran[1] / "forecast.csv"):
        assert 0 <= float(row["q0.1"]) <= float(row["q0.5"]) <= float(row["q0.9"])


def test_flags_name_the_broken_detectors(ran: tuple[Outcome, Path]) -> None:
    rows = table(ran[1] / "quality.csv")
    hours = {
        (name, quality): sum(
            int(row["intervals"])
            for row in rows
            if row["detector"] == name and row["quality"] == quality
        )
        for name, quality in (("d1", "suspect"), ("d2", "stuck"), ("d3", "missing"))
    }
    assert hours["d1", "suspect"] >= SLOTS // 2
    assert hours["d2", "stuck"] >= 20
    assert hours["d3", "missing"] == SLOTS
    assert all(row["reason"] for row in rows)


def test_the_record_holds_scores_better_than_persistence(ran: tuple[Outcome, Path]) -> None:
    found = json.loads((ran[1] / "forecast.json").read_text())
    scores = found["backtest"]
    mean = {name: np.mean(v) for name, v in scores["mae_veh_per_interval"].items()}
    assert mean[OURS] < 0.9 * mean[PERSISTENCE]
    assert mean[OURS] < 1.02 * mean[PROFILE]
    assert scores["days"] == 3
    assert found["versions"]["numpy"]
    assert found["settings"]["tz"] == ZONE


def test_intervals_of_the_backtest_hold_about_what_they_promise(
    ran: tuple[Outcome, Path],
) -> None:
    scores = json.loads((ran[1] / "forecast.json").read_text())["backtest"]
    (eighty,) = scores["coverage"]
    assert eighty["nominal"] == pytest.approx(0.8)
    assert np.mean(eighty["found"]) == pytest.approx(0.8, abs=0.08)


def test_equal_runs_give_equal_tables(
    ran: tuple[Outcome, Path], counts_file: Path, tmp_path: Path
) -> None:
    again = call("forecast", counts_file, "--tz", ZONE, "--out", tmp_path)
    assert again.code == 0, again.err
    same = [(ran[1] / name).read_bytes() for name in ("forecast.csv", "quality.csv")]
    assert [(tmp_path / name).read_bytes() for name in ("forecast.csv", "quality.csv")] == same


def test_a_forecast_from_an_earlier_time_knows_nothing_later(
    counts_file: Path, tmp_path: Path
) -> None:
    cut = (DAYS - 2) * SLOTS
    lines = counts_file.read_text().splitlines(keepends=True)
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("".join(lines[: cut + 1]))
    at = (MONDAY + timedelta(days=DAYS - 2)).isoformat()
    asked = ("forecast", counts_file, "--tz", ZONE, "--at", at, "--out", tmp_path / "at")
    assert call(*asked).code == 0
    assert call("forecast", shorter, "--tz", ZONE, "--out", tmp_path / "cut").code == 0
    found = [(tmp_path / name / "forecast.csv").read_text() for name in ("at", "cut")]
    assert found[0] == found[1]


def test_the_page_stands_for_itself(ran: tuple[Outcome, Path]) -> None:
    text = (ran[1] / "forecast.html").read_text()
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", text)
    assert "url(http" not in text
    assert text.count("<svg") == 4


def test_the_page_names_units_and_plain_ways(ran: tuple[Outcome, Path]) -> None:
    text = (ran[1] / "forecast.html").read_text()
    for wanted in ("flow [veh/h]", "veh per 15 min", "horizon [min]", "persistence", "profile"):
        assert wanted in text


def test_hostile_names_are_only_text_on_the_page(tmp_path: Path) -> None:
    counts = drawn(4)[:, :2]
    path = write_wide(tmp_path / "a.csv", counts)
    path.write_text(path.read_text().replace("d0", "<img src=x>", 1).replace("d1", "$a_1$", 1))
    assert call("forecast", path, "--tz", "UTC", "--out", tmp_path / "out").code == 0
    text = (tmp_path / "out" / "forecast.html").read_text()
    assert "<img" not in text
    assert "$a_1$" in text


def test_the_page_renders_in_a_browser(ran: tuple[Outcome, Path], tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    picture = tmp_path / "page.png"
    subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,3600",
            f"--screenshot={picture}", (ran[1] / "forecast.html").as_uri(),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 100_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tz", ""], "--tz names no time zone"),
        (["--tz", "Mars/Base"], "'Mars/Base' is unknown"),
        (["--horizon", "7min"], "whole intervals"),
        (["--horizon", "soon"], "--horizon is 'soon'"),
        (["--horizon", "0min"], "--horizon is '0min'"),
        (["--step", "10min"], "multiples of 900 s"),
        (["--quantiles", "0.5,1.5"], "--quantiles"),
        (["--quantiles", "0.5,nan"], "--quantiles"),
        (["--quantiles", "0.5,0.5"], "--quantiles"),
        (["--at", "yesterday"], "--at is 'yesterday'"),
        (["--at", "2031-03-21T00:00"], "the last one began at"),
        (["--at", "2031-03-01T00:00"], "no count had come"),
        (["--backtest", "16"], "at least one day"),
        (["--backtest", "-1"], "--backtest is -1"),
        (["--format", "xls"], "--format is 'xls'"),
        (["--holidays", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_options_that_say_nothing_are_refused(
    options: list[str], said: str, counts_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = ["--tz", ZONE, *options] if "--tz" not in options else options
    outcome = call("forecast", counts_file, *asked, "--out", out)
    assert_one_line(outcome, said)
    assert not out.exists()
    assert not list(tmp_path.iterdir())


def test_a_feed_that_stopped_is_stale(tmp_path: Path) -> None:
    counts = drawn(5)
    counts[-2:] = np.nan
    path = write_wide(tmp_path / "a.csv", counts)
    outcome = call("forecast", path, "--tz", ZONE, "--out", tmp_path / "out")
    assert_one_line(outcome, "no good count for 2 intervals", "last one began at")


def test_one_missing_interval_widens_and_is_said(tmp_path: Path) -> None:
    counts = drawn(5)
    counts[-1] = np.nan
    path = write_wide(tmp_path / "a.csv", counts)
    assert call("forecast", path, "--tz", ZONE, "--out", tmp_path / "out").code == 0
    found = json.loads((tmp_path / "out" / "forecast.json").read_text())
    assert found["forecast"]["stale"] is True
    assert "brought no good count" in (tmp_path / "out" / "forecast.html").read_text()


def test_counts_until_a_time_end_with_the_interval_that_ended() -> None:
    feed = a_feed(drawn(2))
    at = feed.start + timedelta(minutes=44)
    assert len(up_to(feed, at).counts) == 2


def test_a_time_two_intervals_after_the_counts_is_stale() -> None:
    feed = a_feed(drawn(2))
    assert len(up_to(feed, feed.end + timedelta(seconds=STEP_S)).counts) == len(feed.counts) + 1
    with pytest.raises(StaleCountsError, match="no good count for 2 intervals"):
        up_to(feed, feed.end + timedelta(seconds=2 * STEP_S))
