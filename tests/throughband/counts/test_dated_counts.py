"""Plans from counts with dates: the window that comes next, on the kind of day that it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from engine.forecast.calendar import Calendar
from engine.forecast.prediction import Source
from network.errors import CountError
from tests.network import streets
from throughband.counts.dated_counts import dated_demand, has_dates, next_occurrence

ZONE = "Europe/Berlin"
BERLIN = ZoneInfo(ZONE)
DAYS = 16
LEVEL = {5: 0.5, 6: 0.25}


def history(folder: Path, names: list[str], days: int = DAYS) -> Path:
    """Quarter hours from a Monday on, quiet at weekends and busy from 7 to 9; row by row."""
    rng = np.random.default_rng(3)
    begin = datetime(2031, 3, 3, tzinfo=BERLIN)
    rows = ["time,movement,count"]
    for step in range(days * 96):
        local = begin + timedelta(minutes=15 * step)
        rate = LEVEL.get(local.weekday(), 1.0) * (60.0 if 7 <= local.hour < 9 else 20.0)
        stamp = local.astimezone(UTC).isoformat()
        rows += [f"{stamp},{name},{rng.poisson(rate)}" for name in names]
    path = folder / "history.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_the_next_working_day_is_planned_from_weeks_of_counts(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    names = list(network.movements)[:4]
    path = history(tmp_path, names)
    assert has_dates(path)
    found = dated_demand(path, network, 7 * 3600.0, 9 * 3600.0, ZONE)
    assert set(found.flows.movement_ids) == set(names)
    # The last count was on a Tuesday at midnight; Wednesday is planned.
    np.testing.assert_allclose(found.flows.flow_vph, 240.0, rtol=0.17)
    assert (found.flows.low_vph < found.flows.flow_vph).all()
    assert (found.flows.source == Source.PROFILE).all()
    assert not found.quality


def test_a_holiday_that_is_known_is_planned_as_one(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    path = history(tmp_path, list(network.movements)[:4])
    holiday = Calendar.of([datetime(2031, 3, 19, tzinfo=BERLIN).date()])
    found = dated_demand(path, network, 7 * 3600.0, 9 * 3600.0, ZONE, holiday)
    assert found.flows.flow_vph.max() < 150.0


def test_lanes_are_added_up_and_share_their_movement(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    wide = next(m for m in network.movements.values() if len(m.connections) > 1)
    path = history(tmp_path, [c.connection_id for c in wide.connections], 4)
    found = dated_demand(path, network, 10 * 3600.0, 11 * 3600.0, ZONE)
    assert found.flows.movement_ids == (wide.movement_id,)
    np.testing.assert_allclose(found.flows.flow_vph, 80.0 * len(wide.connections), rtol=0.3)
    assert sum(found.lane_shares.values()) == pytest.approx(1.0)


def test_names_of_nowhere_are_refused(tmp_path: Path) -> None:
    path = history(tmp_path, ["loop 7"], 2)
    with pytest.raises(CountError, match=r"history.csv: 'loop 7' is no movement"):
        dated_demand(path, streets.network("cologne3"), 0.0, 3600.0, ZONE)


def test_counts_by_the_second_of_a_day_have_no_dates(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("begin_s,interval_s,movement,volume_veh\n0,300,a>b,3\n")
    assert not has_dates(path)
    assert not has_dates(tmp_path / "absent.csv")


@pytest.mark.parametrize(("after", "expected"), [
    (datetime(2031, 3, 5, 6, 0, tzinfo=BERLIN), datetime(2031, 3, 5, 7, 0, tzinfo=BERLIN)),
    (datetime(2031, 3, 5, 7, 0, tzinfo=BERLIN), datetime(2031, 3, 5, 7, 0, tzinfo=BERLIN)),
    (datetime(2031, 3, 5, 7, 15, tzinfo=BERLIN), datetime(2031, 3, 6, 7, 0, tzinfo=BERLIN)),
    (datetime(2031, 3, 29, 23, 0, tzinfo=BERLIN), datetime(2031, 3, 30, 7, 0, tzinfo=BERLIN)),
])  # fmt: skip
def test_the_window_comes_next_by_the_clock_on_the_wall(
    after: datetime, expected: datetime
) -> None:
    assert next_occurrence(after, 7 * 3600.0, ZONE) == expected
