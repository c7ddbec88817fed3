"""The journal of adaptive control: commands together, the rest at once, nothing unrecorded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from network.errors import ThroughbandError
from throughband.adapting.record import EVERY_S, MOST, Record

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def recorded(events: list[Mapping[str, object]]) -> Record:
    return Record(events.append, lambda: NOW)


def test_commands_are_written_together_once_in_a_while() -> None:
    async def work() -> None:
        events: list[Mapping[str, object]] = []
        record = recorded(events)
        record.tick(0.0)
        for second in range(1, int(EVERY_S)):
            record.command({"at_s": float(second)})
            record.tick(float(second))
        assert events == []
        record.tick(EVERY_S)
        await record.close()
        (event,) = events
        assert event["event"] == "adapt: commanded"
        assert event["count"] == EVERY_S - 1
        assert event["utc"] == NOW.isoformat()

    asyncio.run(work())


def test_many_commands_are_written_sooner() -> None:
    async def work() -> None:
        events: list[Mapping[str, object]] = []
        record = recorded(events)
        record.tick(0.0)
        for _ in range(MOST):
            record.command({})
        record.tick(1.0)
        await record.close()
        assert [event["count"] for event in events] == [MOST]

    asyncio.run(work())


def test_events_are_written_at_once_and_in_order() -> None:
    async def work() -> None:
        events: list[Mapping[str, object]] = []
        record = recorded(events)
        for name in ("a", "b", "c"):
            record.event({"event": name})
        record.command({})
        await record.close()
        assert [event["event"] for event in events] == ["a", "b", "c", "adapt: commanded"]

    asyncio.run(work())


def test_an_event_takes_along_what_was_gathered_before_it() -> None:
    async def work() -> None:
        events: list[Mapping[str, object]] = []
        record = recorded(events)
        record.command({"at_s": 7.0})
        record.event({"event": "adapt: blind"})
        await record.close()
        assert [event["event"] for event in events] == ["adapt: commanded", "adapt: blind"]

    asyncio.run(work())


def test_after_a_write_that_failed_no_command_is_taken() -> None:
    def fail(_: Mapping[str, object]) -> None:
        raise ThroughbandError("the disk is full")

    async def work() -> None:
        record = Record(fail, lambda: NOW)
        record.event({"event": "a"})
        for _ in range(1000):
            await asyncio.to_thread(lambda: None)
            record.command({})

    with pytest.raises(ThroughbandError, match="disk is full"):
        asyncio.run(work())
