"""What the user may ask of a forecast."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from network.errors import CountError, FormatError
from tests.throughband.drawn_counts import (
    ZONE,
)
from throughband.forecasts.forecast_options import Wish, duration_s, read_holidays, wish_of


@pytest.mark.parametrize(("text", "seconds"), [("60min", 3600), ("1h", 3600), ("900s", 900)])
def test_lengths_of_time_are_read(text: str, seconds: int) -> None:
    assert duration_s("--horizon", text) == seconds


def test_holidays_are_read_with_remarks(tmp_path: Path) -> None:
    path = tmp_path / "holidays.csv"
    path.write_text("date,name\n2031-04-25,Anzac Day\n\n# more\n2031-12-25\n")
    assert len(read_holidays(path).holidays) == 2
    path.write_text("2031-04-25\n2031-13-01\n")
    with pytest.raises(FormatError, match=r"row 2: found '2031-13-01'"):
        read_holidays(path)


def test_a_local_time_to_forecast_from_is_read_on_the_clock_of_the_place() -> None:
    def asked(at: str) -> Wish:
        return wish_of(Path("a.csv"), "1h", "", ZONE, None, "0.5", at, 0, "csv")

    assert asked("2031-03-03T11:00").at == datetime(2031, 3, 3, tzinfo=UTC)
    assert asked("2031-03-03T00:00Z").at == datetime(2031, 3, 3, tzinfo=UTC)


def test_parquet_without_its_library_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CountError, match="--format parquet needs pandas and pyarrow"):
        wish_of(Path("a.csv"), "60min", "", "UTC", None, "0.5", "", 0, "parquet")
