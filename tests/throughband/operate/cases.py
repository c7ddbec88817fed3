"""What the tests of daily operation share."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from network.timing import OffsetReference, TimingPlan
from throughband.bridge.config import OperatingTimes
from throughband.operate.warning_book import Kind, Sighting

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def plan(cycle_s: int = 60, splits_s: tuple[int, ...] = (40, 20), offset_s: int = 0) -> TimingPlan:
    return TimingPlan(
        "A",
        cycle_s=cycle_s,
        sequence=(1, 2),
        splits_s=splits_s,
        offset_s=offset_s,
        offset_reference=OffsetReference.BEGIN_GREEN,
        coordinated_phase=1,
    )


def every_day(begin: time, end: time, zone: str = "UTC") -> OperatingTimes:
    return OperatingTimes(tuple((day, begin, end) for day in range(7)), ZoneInfo(zone))


ALWAYS = OperatingTimes((), ZoneInfo("UTC"))


def sighting(where: str = "d1", kind: Kind = Kind.DETECTOR, at: datetime = NOON) -> Sighting:
    return Sighting(kind, where, at, 1.0, f"{where} is silent")
