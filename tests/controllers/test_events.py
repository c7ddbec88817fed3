"""Events polled off a cabinet, beside what the cabinet really did at every tenth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet
from controllers.ntcip.event_log import EventRecorder
from controllers.ntcip.events import EventPoller, PolledEvent
from controllers.ntcip.session import connect
from network.errors import UnreachableError
from tests.controllers.test_cabinet import PLAN, cabinet, load, put

BEGIN = datetime(2026, 5, 4, tzinfo=UTC)
DISCARD = 9


class Street:
    """A cabinet and a clock that move together."""

    def __init__(self, device: Cabinet) -> None:
        self.device = device
        self.ds = 0
        self.poller: EventPoller | None = None

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.ds / 10)

    def step(self) -> None:
        self.device.step()
        self.ds += 1

    async def watch(self, tenths: int, every: int = 1) -> list[PolledEvent]:
        assert self.poller is not None
        found: list[PolledEvent] = []
        for at in range(tenths):
            self.step()
            if (at + 1) % every == 0:
                found += await self.poller.poll()
        return found


def follow(scenario: Callable[[Street], Awaitable[None]]) -> None:
    async def served() -> None:
        street = Street(cabinet())
        async with serve([street.device]) as [(host, port)]:
            device = Device("s", host, port, "look", "change", requests_per_s=1e6)
            async with connect(device) as session:
                street.poller = EventPoller(device, session, street.now)
                await scenario(street)

    asyncio.run(served())


def at_ds(event: PolledEvent) -> int:
    return round((event.utc - BEGIN).total_seconds() * 10)


def test_ten_looks_a_second_tell_every_change_at_its_tenth() -> None:
    async def scenario(street: Street) -> None:
        assert street.poller is not None
        await street.poller.poll()
        truth: list[tuple[int, int, int]] = []
        rings = street.device.rings.rings
        found: list[PolledEvent] = []
        before = (rings[0].phase, rings[0].green, rings[0].yellow)
        for _ in range(PLAN.cycle_s * 10):
            street.step()
            now = (rings[0].phase, rings[0].green, rings[0].yellow)
            if now[1] and not before[1]:
                truth.append((street.ds, 1, now[0]))
            if now[2] and not before[2]:
                truth.append((street.ds, 8, now[0]))
            if before[2] and not now[2]:
                truth.append((street.ds, 9, before[0]))
            before = now
            found += await street.poller.poll()
        told = [(at_ds(e), e.code, e.parameter) for e in found if e.code in (1, 8, 9)]
        assert sorted(told) == sorted(truth)
        assert len(truth) == 6
        codes = [e.code for e in found]
        assert codes.count(7) == codes.count(10) == codes.count(11) == 2
        assert {e.late_s for e in found} == {0.1}
        # Once in a cycle, where the cabinet itself counts it down to.
        assert [e.parameter for e in found if e.code == 150] == [5]

    follow(scenario)


def test_the_first_look_tells_states_and_no_changes() -> None:
    async def scenario(street: Street) -> None:
        assert street.poller is not None
        first = await street.poller.poll()
        assert [(e.code, e.parameter) for e in first] == [
            (131, 1),
            (132, PLAN.cycle_s),
            (133, PLAN.offset_s),
            (134, PLAN.split_s(1)),
            (135, PLAN.split_s(2)),
        ]

    follow(scenario)


def test_detectors_switch_on_and_off() -> None:
    async def scenario(street: Street) -> None:
        await street.watch(3)
        street.device.detect(2, present=True)
        on = await street.watch(1)
        street.device.detect(2, present=False)
        off = await street.watch(1)
        assert [(e.code, e.parameter) for e in on if e.code in (81, 82)] == [(82, 2)]
        assert [(e.code, e.parameter) for e in off if e.code in (81, 82)] == [(81, 2)]

    follow(scenario)


def test_a_called_pattern_is_told_with_what_differs_in_its_timing() -> None:
    async def scenario(street: Street) -> None:
        await street.watch(2)
        load(street.device, 9, PLAN)
        put(street.device, "dbCreateTransaction", value=2)
        put(street.device, "patternOffsetTime", 9, value=33)
        put(street.device, "dbCreateTransaction", value=3)
        put(street.device, "dbCreateTransaction", value=1)
        put(street.device, "systemPatternControl", value=9)
        found = await street.watch(3)
        assert [(e.code, e.parameter) for e in found if e.code > 100] == [(131, 9), (133, 33)]

    follow(scenario)


def test_slower_looks_say_how_late_they_may_be() -> None:
    async def scenario(street: Street) -> None:
        await street.watch(5, every=5)
        found = await street.watch(PLAN.cycle_s * 10, every=5)
        assert {e.late_s for e in found} == {0.5}
        assert not street.poller.gaps  # type: ignore[union-attr]

    follow(scenario)


def test_a_gap_is_noted_and_nothing_is_made_up_for_it() -> None:
    async def scenario(street: Street) -> None:
        assert street.poller is not None
        await street.watch(1)
        for _ in range(PLAN.split_s(1) * 10):
            street.step()
        assert await street.poller.poll() == ()
        (gap,) = street.poller.gaps
        assert (gap.end_utc - gap.begin_utc).total_seconds() == PLAN.split_s(1)

    follow(scenario)


def test_what_passed_between_two_looks_is_not_told() -> None:
    async def scenario(street: Street) -> None:
        await street.watch(1)
        street.device.detect(1, present=True)
        street.step()
        street.device.detect(1, present=False)
        street.step()
        assert [e for e in await street.watch(1) if e.code in (81, 82)] == []

    follow(scenario)


def test_a_silent_controller_counts_as_unanswered() -> None:
    async def scenario() -> None:
        device = Device("s", "127.0.0.1", DISCARD, "look", "change")
        async with connect(device, 0.05, 0.05) as session:
            poller = EventPoller(device, session, lambda: BEGIN)
            with pytest.raises(UnreachableError):
                await poller.poll()
            recorder = EventRecorder({"s": poller})
            await recorder.look()
            assert recorder.coverage["s"].failed == 1
            assert len(recorder.take()) == 0

    asyncio.run(scenario())


def test_the_recorder_merges_controllers_in_order_of_time() -> None:
    async def scenario(street: Street) -> None:
        assert street.poller is not None
        recorder = EventRecorder({"x": street.poller})
        for _ in range(PLAN.cycle_s * 10):
            street.step()
            await recorder.look()
        events = recorder.take()
        assert len(events) == recorder.coverage["x"].events > 10
        assert "0 gaps" in recorder.findings()[0]
        assert len(recorder.take()) == 0

    follow(scenario)
