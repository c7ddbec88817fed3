"""``throughband forecast --follow``: end to end from a controller's detectors, and to its end."""

from __future__ import annotations

import csv
import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from network.graph import RoadNetwork
from tests.network import streets
from tests.throughband.command_line import assert_one_line, call, ended, started, until
from tests.throughband.test_bridge_counting import MIDNIGHT, Street
from tests.throughband.test_bridge_counting import follow as count_at_a_controller
from throughband.counts.count_tables import HISTORY
from throughband.counts.growing_counts import GrowingCounts
from throughband.forecasts.following import MOVEMENTS, RECORD, STATE_FILE, Follower
from throughband.forecasts.live_forecast import LiveForecast, LiveSettings

STEP_S = 300
SLOTS = 86_400 // STEP_S


def write_history(path: Path, end: datetime, names: list[str], rows: int, kind: str) -> None:
    """Write what was counted up to a time."""
    rng = np.random.default_rng(1)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["time", kind, "count"])
        for row in range(rows, 0, -1):
            stamp = (end - timedelta(seconds=row * STEP_S)).isoformat()
            writer.writerows([stamp, name, rng.poisson(30)] for name in names)


def test_what_a_controller_counts_is_forecast_from(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_history(tmp_path / HISTORY, MIDNIGHT + timedelta(seconds=300), ["north", "south"],
                  2 * SLOTS, "movement")  # fmt: skip
    starts: list[str] = []

    async def scenario(street: Street) -> None:
        def clock() -> datetime:
            return MIDNIGHT + timedelta(seconds=street.cabinet.time_s)

        live = LiveForecast(GrowingCounts(tmp_path, "UTC"), LiveSettings("UTC", 1200), clock)
        follower = Follower(live, out, clock)
        for _ in range(16):
            await street.minute(10)
            follower.turn()
            if (out / "forecast.csv").exists():
                with (out / "forecast.csv").open(newline="") as stream:
                    starts.append(next(csv.DictReader(stream))["time"])
        assert live.forecaster is not None
        assert live.forecaster.last_good == MIDNIGHT + timedelta(seconds=600)

    count_at_a_controller(tmp_path, scenario)
    # One forecast for every interval that ended, those before 0:05 from the history.
    begins = [(MIDNIGHT + timedelta(seconds=300 * n)).isoformat() for n in range(4)]
    assert list(dict.fromkeys(starts)) == begins


def test_movement_flows_follow_from_counted_connections(tmp_path: Path) -> None:
    network: RoadNetwork = streets.network("cologne1")
    names = [c.connection_id for s in network.signals.values() for c in s.connections]
    now = datetime(2031, 3, 5, 12, tzinfo=UTC)
    write_history(tmp_path / HISTORY, now, names, SLOTS, "connection")
    settings = LiveSettings("UTC", 600, network=network)
    live = LiveForecast(GrowingCounts(tmp_path, "UTC"), settings, lambda: now)
    Follower(live, tmp_path, lambda: now).turn()
    with (tmp_path / MOVEMENTS).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    lanes = {m.movement_id: len(m.connections) for m in network.movements.values()}
    for row in rows:
        if row["movement"] in lanes and row["horizon_min"] == "5":
            assert (
                abs(float(row["mean"]) - 30 * lanes[row["movement"]]) < 15 * lanes[row["movement"]]
            )
            assert float(row["q0.1"]) <= float(row["mean"]) <= float(row["q0.9"])


def test_control_c_ends_it_cleanly_and_the_state_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    now_s = int(datetime.now(UTC).timestamp())
    end = datetime.fromtimestamp(now_s - now_s % STEP_S, UTC)
    write_history(tmp_path / "counts.csv", end, ["a", "b"], SLOTS, "detector")
    arguments = ("forecast", tmp_path / "counts.csv", "--tz", "UTC", "--horizon", "15min",
                 "--follow", "--out", out)  # fmt: skip
    with started(*arguments, folder=tmp_path) as process:
        until(lambda: (out / "forecast.csv").exists() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        outcome = ended(process)
    assert outcome.code == 0, outcome.err
    assert (out / STATE_FILE).exists()
    assert json.loads((out / RECORD).read_text())["state"] == "current"


def test_what_does_not_go_with_following_is_refused(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text("time,detector,count\n")
    plain = ("forecast", counts, "--tz", "UTC", "--out", tmp_path / "out")
    assert_one_line(call(*plain, "--follow", "--backtest", "2"), "--backtest")
    assert_one_line(call(*plain, "--sites", counts), "--scenario")
