from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet
from controllers.ntcip.detectors import DetectorReader, PeriodCounts
from controllers.ntcip.session import connect
from network.errors import ControllerError
from tests.controllers.test_cabinet import cabinet, put


def follow(scenario: Callable[[Cabinet, DetectorReader], Awaitable[None]]) -> None:
    async def served() -> None:
        street = cabinet()
        async with (
            serve([street]) as [(host, port)],
            connect(Device("s", host, port, "look", "change")) as session,
        ):
            await scenario(street, DetectorReader(session))

    asyncio.run(served())


def minute(street: Cabinet, vehicles: int, occupied_s: float) -> None:
    """A minute on the street, reported to both detectors every ten seconds."""
    for tenth_second in range(6):
        street.advance(10 if tenth_second < 5 else 9)
        street.actuate(1, vehicles, occupied_s)
        street.actuate(2, 0, 0.0)
    street.advance(1)


async def latest(reader: DetectorReader) -> PeriodCounts:
    period = await reader.poll()
    assert period is not None
    return period


def test_counts_arrive_once_per_period() -> None:
    async def scenario(street: Cabinet, reader: DetectorReader) -> None:
        minute(street, 2, 1.5)
        period = await latest(reader)
        assert (period.sequence, period.missed, period.period_s) == (1, 0, 60)
        assert [c.vehicles for c in period.counts] == [12, 0]
        assert period.counts[0].occupancy == pytest.approx(9 / 60, abs=0.005)
        assert await reader.poll() is None
        minute(street, 1, 0.5)
        assert [c.vehicles for c in (await latest(reader)).counts] == [6, 0]

    follow(scenario)


def test_missed_periods_are_told() -> None:
    async def scenario(street: Cabinet, reader: DetectorReader) -> None:
        minute(street, 1, 1.0)
        await latest(reader)
        for _ in range(3):
            minute(street, 1, 1.0)
        assert (await latest(reader)).missed == 2

    follow(scenario)


def test_the_sequence_starts_over_after_255() -> None:
    async def scenario(street: Cabinet, reader: DetectorReader) -> None:
        street.advance(255 * 60)
        assert (await latest(reader)).sequence == 255
        street.advance(60)
        period = await latest(reader)
        assert (period.sequence, period.missed) == (0, 0)

    follow(scenario)


def test_an_overflow_is_no_count() -> None:
    async def scenario(street: Cabinet, reader: DetectorReader) -> None:
        minute(street, 43, 1.0)
        count = (await latest(reader)).counts[0]
        assert (count.vehicles, count.fault) == (None, "volume overflow")

    follow(scenario)


def test_a_stuck_and_a_dead_detector_are_marked() -> None:
    async def scenario(street: Cabinet, reader: DetectorReader) -> None:
        put(street, "vehicleDetectorMaxPresence", 1, value=2)
        put(street, "vehicleDetectorNoActivity", 2, value=2)
        for _ in range(3):
            minute(street, 0, 11.0)
        counts = (await latest(reader)).counts
        assert [c.fault for c in counts] == ["maximum presence", "no activity"]
        assert [c.vehicles for c in counts] == [None, None]
        street.actuate(1, 1, 0.5)
        street.actuate(2, 1, 0.5)
        minute(street, 1, 1.0)
        assert [c.fault for c in (await latest(reader)).counts] == ["", ""]

    follow(scenario)


def test_a_detector_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ControllerError, match="detector 3 of 2"):
        cabinet().actuate(3, 1, 1.0)
