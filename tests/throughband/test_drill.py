from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import ThroughbandError
from throughband.drill import WALL, Drill, clock_of, read_drill, write_drill

START_S = 1_800_000_000.0


@given(st.floats(0.01, 1000), st.floats(0, 86_400), st.floats(0, 1e5))
def test_street_and_wall_clock_agree_on_every_moment(
    speed: float, street_s: float, later_s: float
) -> None:
    drill = Drill(START_S, street_s, 1_799_990_000, speed, wall=lambda: START_S + later_s)
    assert drill.wall_s(drill.street_s()) == pytest.approx(START_S + later_s, abs=1e-3)
    now_s = 1_799_990_000 + street_s + later_s * speed
    assert drill.now_utc().timestamp() == pytest.approx(now_s, abs=1e-3)


def test_ten_street_seconds_take_a_tenth_at_a_hundredfold_speed() -> None:
    naps: list[float] = []

    async def scenario() -> None:
        begin_s = asyncio.get_running_loop().time()
        await Drill(0, 0, 0, 100.0).sleep(10.0)
        naps.append(asyncio.get_running_loop().time() - begin_s)

    asyncio.run(scenario())
    assert 0.09 < naps[0] < 5


def test_no_drill_is_the_wall_clock() -> None:
    assert clock_of(None) is WALL
    assert abs((WALL.now_utc() - datetime.now(UTC)).total_seconds()) < 5
    assert WALL.wall_span_s(7.0) == 7.0


def test_a_drill_is_read_as_it_was_written(tmp_path: Path) -> None:
    drill = Drill(START_S + 0.25, 25_200.0, 1_799_974_800, 20.0)
    assert read_drill(write_drill(tmp_path, drill)) == drill


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"speed": 0}, "above 0 to 1000"),
        ({"speed": 1e6}, "above 0 to 1000"),
        ({"speed": "fast"}, "speed is 'fast'"),
        ({"wall_start_s": None}, "wall_start_s is None"),
        ({"street_start_s": float("inf")}, "finite"),
    ],
)
def test_a_damaged_drill_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    path = write_drill(tmp_path, Drill(START_S, 0.0, 0, 2.0))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ThroughbandError, match=says):
        read_drill(path)


def test_a_missing_drill_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThroughbandError, match="nowhere"):
        read_drill(tmp_path / "nowhere.json")
