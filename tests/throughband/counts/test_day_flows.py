"""Flows of a day from counts and forecasts, with their gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.forecast.forecast import forecast
from network.counts import CountSeries, Quality
from network.errors import CountError, InsufficientDataError
from tests.network import streets
from tests.reference.toy_streets import line
from throughband.counts.day_flows import (
    bridged,
    counted_flows,
    forecast_flows,
    in_periods,
    learned_flows,
)

NETWORK = line("AB", 250.0)
NAMES = tuple(sorted(NETWORK.movements))


def series(volume: np.ndarray, flags: np.ndarray | None = None) -> CountSeries:
    if flags is None:
        return CountSeries.from_volumes("movement", NAMES[: volume.shape[1]], 0.0, 300, volume)
    return CountSeries(
        "movement", NAMES[: volume.shape[1]], 0.0, 300, volume, flags.astype(np.uint8)
    )


def test_periods_are_means_of_their_intervals() -> None:
    volume = np.tile(np.arange(12.0)[:, None], (1, len(NAMES)))
    found = counted_flows(series(volume + 1), NETWORK, {}, 900)
    assert found.day.periods == 4
    assert found.day.movement_vph[NAMES[0]].tolist() == [24.0, 60.0, 96.0, 132.0]
    assert found.findings == ()


def test_several_days_are_forecast_from_in_periods() -> None:
    rng = np.random.default_rng(4)
    rate = np.repeat([[6.0], [30.0], [12.0], [3.0]], 12, axis=0)
    days = [series(rng.poisson(np.tile(rate, (1, len(NAMES)))).astype(float)) for _ in range(6)]
    moved = [in_periods(day, 900) for day in days]
    found = learned_flows(forecast(moved, None, 0.0, 14_400.0, NETWORK), NETWORK, {})
    flow = found.day.movement_vph[NAMES[0]].reshape(4, 4).mean(axis=1)
    np.testing.assert_allclose(flow, [72.0, 360.0, 144.0, 36.0], rtol=0.25)
    assert (found.day.low_vph[NAMES[0]] <= found.day.movement_vph[NAMES[0]]).all()
    assert (found.day.movement_vph[NAMES[0]] <= found.day.high_vph[NAMES[0]]).all()
    assert found.findings == ()


def test_a_gap_is_bridged_from_its_neighbors_and_told() -> None:
    volume = np.full((12, 2), 10.0)
    volume[9:] = 40.0
    volume[3:9, 0] = np.nan
    found = counted_flows(series(volume), NETWORK, {}, 900)
    assert found.day.movement_vph[NAMES[0]].tolist() == [120.0, 240.0, 360.0, 480.0]
    assert found.day.movement_vph[NAMES[1]].tolist() == [120.0, 120.0, 120.0, 480.0]
    assert f"{NAMES[0]}: 2 of 4 periods bridged from their neighbors" in found.findings
    assert any("carry nothing" in text for text in found.findings)


def test_counts_that_are_not_believed_are_gaps() -> None:
    volume = np.full((9, 1), 10.0)
    volume[3:6] = 900.0
    flags = np.zeros((9, 1))
    flags[3:6] = Quality.IMPOSSIBLE
    found = counted_flows(series(volume, flags), NETWORK, {}, 900)
    assert found.day.movement_vph[NAMES[0]].tolist() == [120.0] * 3


def test_a_gap_round_midnight_is_bridged_over_midnight() -> None:
    flow = np.full((96, 1), 100.0)
    flow[-2:] = np.nan
    flow[:2] = np.nan
    flow[-3], flow[2] = 50.0, 100.0
    filled, _ = bridged(flow, ["m"], 900, 0)
    assert filled[[-2, -1, 0, 1], 0].tolist() == pytest.approx([60.0, 70.0, 80.0, 90.0])


def test_long_gaps_and_silent_movements_are_refused() -> None:
    flow = np.full((96, 1), 100.0)
    flow[90:] = np.nan
    flow[:3] = np.nan
    with pytest.raises(InsufficientDataError, match="from 22:30:00 on for 8100 s"):
        bridged(flow, ["m"], 900, 0)
    with pytest.raises(InsufficientDataError, match="no count that can be believed in the whole"):
        bridged(np.full((96, 1), np.nan), ["m"], 900, 0)


def test_intervals_that_make_no_periods_are_refused() -> None:
    with pytest.raises(InsufficientDataError, match="cannot be made of counts over 300 s"):
        counted_flows(series(np.ones((12, 1))), NETWORK, {}, 1000)
    with pytest.raises(InsufficientDataError, match="hold no period"):
        counted_flows(series(np.ones((2, 1))), NETWORK, {}, 900)


HEAD = "time,detector,horizon_min,mean,q0.1,q0.5,q0.9,source,day_type\n"


def table(path: Path, *rows: tuple[str, str, float], source: str = "profile") -> Path:
    lines = [f"{at},{name},15,{mean},{mean / 2},{mean},{mean * 2},{source},workday\n"
             for at, name, mean in rows]  # fmt: skip
    path.write_text(HEAD + "".join(lines))
    return path


def test_a_forecast_gives_flows_and_quantiles_by_the_local_clock(tmp_path: Path) -> None:
    file = table(
        tmp_path / "forecast.csv",
        ("2026-07-01T05:00:00+00:00", NAMES[0], 10),
        ("2026-07-01T05:15:00+00:00", NAMES[0], 30),
        ("2026-07-01T05:00:00+00:00", NAMES[1], 5),
        ("2026-07-01T05:15:00+00:00", NAMES[1], 5),
        source="prior",
    )
    found = forecast_flows(file, NETWORK, 900, "Europe/Berlin", {})
    assert found.day.start_s == 7 * 3600
    assert found.day.movement_vph[NAMES[0]].tolist() == [40.0, 120.0]
    assert found.day.low_vph[NAMES[0]].tolist() == [20.0, 60.0]
    assert found.day.high_vph[NAMES[0]].tolist() == [80.0, 240.0]
    assert any(text.startswith("4 of 4 cells") for text in found.findings)
    assert forecast_flows(file, NETWORK, 1800, "UTC", {}).day.movement_vph[NAMES[0]] == 80.0


def test_a_table_of_movements_is_read_too(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    signal = next(iter(network.movements))
    free = next(
        c.movement_id for c in network.connections if c.movement_id not in network.movements
    )
    rows = [(f"2026-07-01T05:{m}:00+00:00", name, 4.0) for m in ("00", "15")
            for name in (signal, free)]  # fmt: skip
    file = table(tmp_path / "movements.csv", *rows)
    file.write_text(file.read_text().replace("detector", "movement", 1))
    found = forecast_flows(file, network, 900, "UTC", {})
    assert {name: flow.tolist() for name, flow in found.day.movement_vph.items()} == {
        signal: [16.0, 16.0]
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("2026-07-01T05:00:00+00:00", "nowhere", 1)], "no movement of network"),
        ([("2026-07-01T05:00:00", NAMES[0], 1)], "names no zone"),
        ([("yesterday", NAMES[0], 1)], "no ISO 8601 time"),
        ([("2026-07-01T05:00:00+00:00", NAMES[0], -1)], "allowed is 0 or more"),
        ([("2026-07-01T05:00:00+00:00", NAMES[0], float("nan"))], "allowed is 0 or more"),
        ([("2026-07-01T05:00:00+00:00", NAMES[0], 1)], "two or more at equal distance"),
        (
            [(f"2026-07-01T0{h}:00:00+00:00", NAMES[0], 1) for h in (5, 6, 8)],
            "two or more at equal distance",
        ),
        ([("2026-07-01T05:00:00+00:00", NAMES[0], 1),
          ("2026-07-01T05:15:00+00:00", NAMES[0], 1),
          ("2026-07-01T05:15:00+00:00", NAMES[1], 1)], "has no row at 2026-07-01T05:00"),
        ([("2026-07-01T05:00:00+00:00", NAMES[0], 1)] * 2
         + [("2026-07-01T05:15:00+00:00", NAMES[0], 1)], "appears twice"),
        ([], "holds no forecast"),
    ],
)  # fmt: skip
def test_damaged_forecasts_are_refused_with_the_place(
    rows: list[tuple[str, str, float]], message: str, tmp_path: Path
) -> None:
    file = table(tmp_path / "forecast.csv", *rows)
    with pytest.raises(CountError, match=message) as refusal:
        forecast_flows(file, NETWORK, 900, "UTC", {})
    assert "forecast.csv" in str(refusal.value)


def test_other_tables_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "counts.csv"
    file.write_text("begin_s,interval_s\n0,300\n")
    with pytest.raises(CountError, match="lacks the column 'time'"):
        forecast_flows(file, NETWORK, 900, "UTC", {})
    with pytest.raises(CountError, match="cannot be read"):
        forecast_flows(tmp_path / "absent.csv", NETWORK, 900, "UTC", {})
