"""Counts taken in as they come: waited for, judged, remembered, and stale when they stop."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from network.counts import Quality
from network.errors import CountError
from tests.throughband.drawn_counts import DETECTORS, SLOTS, STEP_S, drawn
from throughband.counts.growing_counts import GrowingCounts
from throughband.forecasts.following import Follower
from throughband.forecasts.live_forecast import LiveForecast, LiveSettings

MONDAY = datetime(2031, 3, 3, tzinfo=UTC)
NAMES = [f"d{n}" for n in range(DETECTORS)]
STEP = timedelta(seconds=STEP_S)
DAYS = 4
COUNTS = drawn(DAYS + 2)
SETTINGS = LiveSettings("UTC", 4 * STEP_S)


class Feed:
    """A file that somebody writes to, and the time."""

    def __init__(self, folder: Path, rows: int = DAYS * SLOTS) -> None:
        self.path = folder / "counts.csv"
        self.path.write_text("time,detector,count\n")
        self.rows = 0
        self.now = MONDAY
        self.write(rows)

    def write(self, rows: int = 1, only: Sequence[int] = range(DETECTORS)) -> None:
        for row in range(self.rows, self.rows + rows):
            self.put(row, {n: f"{COUNTS[row, n]:g}" for n in only})
        self.pass_by(rows)

    def put(self, row: int, counts: dict[int, str]) -> None:
        with self.path.open("a", newline="") as stream:
            writer = csv.writer(stream)
            for n, count in counts.items():
                writer.writerow([(MONDAY + row * STEP).isoformat(), f"d{n}", count])

    def pass_by(self, rows: int = 1) -> None:
        self.rows += rows
        self.now = MONDAY + self.rows * STEP + timedelta(seconds=5.25)

    def live(self, saved: Path | None = None, settings: LiveSettings = SETTINGS) -> LiveForecast:
        source = GrowingCounts(self.path, settings.tz)
        return LiveForecast(source, settings, lambda: self.now, saved)


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def width(live: LiveForecast) -> float:
    found = live.turn().prediction
    assert found is not None
    return float((found.quantile_veh[-1] - found.quantile_veh[0])[0].mean())


def test_every_interval_is_taken_in_and_forecast_from(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    for _ in range(3):
        feed.write()
        sight = live.turn()
        assert (sight.state, sight.taken) == ("current", 1)
        assert sight.prediction is not None
        assert sight.prediction.start == MONDAY + feed.rows * STEP


def test_following_gives_what_taking_in_everything_at_once_does(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    assert live.forecaster is not None
    twin = feed.live()
    twin.turn()
    for _ in range(4):
        feed.write()
        one = live.turn().prediction
    many = twin.turn().prediction
    assert one is not None
    assert many is not None
    np.testing.assert_array_equal(one.mean, many.mean)


def test_before_a_first_day_it_waits(tmp_path: Path) -> None:
    feed = Feed(tmp_path, SLOTS - 1)
    live = feed.live()
    sight = live.turn()
    assert sight.state == "waiting"
    assert f"{SLOTS - 1} of the {SLOTS} intervals" in sight.told
    feed.write()
    assert live.turn().state == "current"


def test_an_interval_that_lacks_a_detector_is_waited_for_and_then_taken(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    feed.write(only=[0, 1, 2, 3, 4])
    assert live.turn().taken == 0
    feed.now += timedelta(seconds=301)
    sight = live.turn()
    assert sight.taken == 1
    assert sight.flagged == {"d5": (Quality.MISSING, "nothing arrived")}


def test_counts_are_stale_after_two_intervals_and_current_when_they_return(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    last = MONDAY + (feed.rows - 1) * STEP
    feed.pass_by(1)
    assert live.turn().state == "current"
    feed.pass_by(1)
    sight = live.turn()
    assert (sight.state, sight.prediction, sight.last_good) == ("stale", None, last)
    assert last.isoformat() in sight.told
    feed.write()
    assert live.turn().state == "current"


def test_a_year_of_silence_is_got_over(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    feed.pass_by(365 * SLOTS)
    assert live.turn().state == "stale"
    feed.put(feed.rows, dict.fromkeys(range(DETECTORS), "20"))
    feed.pass_by(1)
    sight = live.turn()
    assert sight.state == "current"
    assert sight.prediction is not None
    assert sight.prediction.start == MONDAY + feed.rows * STEP


def test_a_feed_that_comes_too_fast_waits_for_the_clock(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    now = feed.now
    feed.write(SLOTS)
    feed.now = now + STEP
    sight = live.turn()
    assert sight.taken == 1
    assert sight.prediction is not None
    assert sight.prediction.start <= feed.now


def test_odd_counts_are_flagged_and_widen_the_interval(feed: Feed) -> None:
    live = feed.live()
    usual = width(live)
    odd = {0: "-3", 1: "1e9", 2: "nan", 3: "", 4: "inf", 5: "-1"}
    feed.put(feed.rows, odd)
    feed.pass_by()
    sight = live.turn()
    assert set(sight.flagged) == set(NAMES)
    assert sight.prediction is not None
    wider = (sight.prediction.quantile_veh[-1] - sight.prediction.quantile_veh[0])[0].mean()
    assert wider > usual


def test_late_repeated_unknown_and_misplaced_counts_are_told(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    feed.put(feed.rows - 3, {0: "7"})
    feed.put(feed.rows, {0: "7"})
    feed.put(feed.rows, {0: "8", 9: "4"})
    with feed.path.open("a") as stream:
        stream.write(f"{(MONDAY + feed.rows * STEP).isoformat()[:14]}07:00+00:00,d0,3\nno row\n")
    feed.write(only=[1, 2, 3, 4, 5])
    sight = live.turn()
    assert sight.taken == 1
    assert set(sight.flagged) == {"d0"}
    told = " | ".join(sight.oddities)
    for what in ("late", "twice", "'d9'", "grid", "cannot be read"):
        assert what in told


def test_a_restart_goes_on_where_it_was(feed: Feed, tmp_path: Path) -> None:
    saved = tmp_path / "state.npz"
    live = feed.live(saved)
    live.turn()
    feed.write(2)
    live.turn()
    live.save()
    feed.write(2)
    again = feed.live(saved)
    found, wanted = again.turn(), live.turn()
    assert found.taken == 2
    assert found.oddities == {}
    assert found.prediction is not None
    assert wanted.prediction is not None
    np.testing.assert_array_equal(found.prediction.mean, wanted.prediction.mean)


def test_a_restart_with_other_settings_is_refused(feed: Feed, tmp_path: Path) -> None:
    saved = tmp_path / "state.npz"
    feed.live(saved).turn()
    with pytest.raises(CountError, match="another setting of horizon"):
        feed.live(saved, LiveSettings("UTC", 2 * STEP_S))


def test_everything_is_learned_anew_when_a_day_of_traffic_ends(feed: Feed) -> None:
    live = feed.live()
    live.turn()
    assert live.learned_days == DAYS
    feed.write(4 * 4)
    live.turn()
    assert live.learned_days > DAYS


def test_longer_intervals_are_added_up(feed: Feed) -> None:
    live = feed.live(settings=LiveSettings("UTC", 3600, 1800))
    live.turn()
    feed.write(1)
    assert live.turn().taken == 0
    feed.write(1)
    assert live.turn().taken == 1


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_tables_are_there_only_while_they_are_current(feed: Feed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said: list[str] = []
    follower = Follower(feed.live(), out, lambda: feed.now, say=said.append)
    follower.turn()
    assert rows_of(out / "forecast.csv")[0]["time"] == (MONDAY + feed.rows * STEP).isoformat()
    feed.pass_by(2)
    follower.turn()
    assert [file.name for file in out.iterdir()] == ["forecast.json"]
    record = json.loads((out / "forecast.json").read_text())
    assert record["state"] == "stale"
    assert record["last_good"] == (MONDAY + (DAYS * SLOTS - 1) * STEP).isoformat()
    feed.write()
    follower.turn()
    assert rows_of(out / "forecast.csv")[0]["time"] == (MONDAY + feed.rows * STEP).isoformat()
    assert [bool(text) for text in said] == [True, True, True]
    assert said[-1].startswith("counts are back")
