"""What a report says of series whose counts are not as they came."""

from __future__ import annotations

from engine.forecast.quality import QualityRow
from network.counts import Quality
from throughband.reports.telling import told_quality


def test_intervals_with_more_than_was_counted_are_filled_and_none_is_rejected() -> None:
    told = told_quality(QualityRow("a>b", Quality.FILLED, 12, "a queue stands"), 12)
    assert (told.good, told.filled, told.rejected) == (0, 12, 0)
    assert told.note == "filled: a queue stands"


def test_no_more_intervals_are_told_than_were_reported_on() -> None:
    told = told_quality(QualityRow("a>b", Quality.STUCK, 12, "stuck"), 3)
    assert (told.good, told.filled, told.rejected) == (0, 0, 3)
