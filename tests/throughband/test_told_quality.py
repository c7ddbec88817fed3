"""What a report says of series whose counts are not as they came."""

from __future__ import annotations

from engine.forecast.quality import QualityRow
from network.counts import Quality
from throughband.reports.telling import told_quality


def test_counts_of_a_standing_queue_are_told_and_none_is_rejected() -> None:
    told = told_quality(QualityRow("a>b", Quality.SUSPECT, 0, "a queue stood"), 12)
    assert (told.good, told.filled, told.rejected) == (12, 0, 0)
    assert told.note == "suspect: a queue stood"


def test_no_more_intervals_are_told_than_were_reported_on() -> None:
    told = told_quality(QualityRow("a>b", Quality.STUCK, 12, "stuck"), 3)
    assert (told.good, told.filled, told.rejected) == (0, 0, 3)
