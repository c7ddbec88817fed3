"""A push as one act of a whole corridor: together, at a named time, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from controllers.driver import Device, Driver
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet
from controllers.emulator.faults import Faults
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import Syntax, instance
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from controllers.steps import MostSteps
from controllers.watch import withdraw
from network.errors import (
    ApprovalExpiredError,
    ControllerError,
    RollbackFailedError,
    ThroughbandError,
    UnreachableError,
    UnsafePlanError,
)
from network.timing import PlanSet
from tests.controllers.street_device import Bench
from tests.controllers.test_push import (
    NOW,
    PHASING,
    SIGNALS,
    Street,
    config,
    new_plan,
    release_of,
    run,
    street,
)
from tests.controllers.test_upload import DATES, MONTHS, WEEKDAYS, fill

SHORT_S = 0.05
SAME_PHASE = PlanSet(
    "corridor", tuple(replace(new_plan(name), coordinated_phase=1) for name in SIGNALS), {}
)
"""Offsets count from the phase that is coordinated in the plan that runs."""


class Time:
    """The present as the street has it; passes only when somebody waits."""

    def __init__(self, s: Street) -> None:
        self._street = s
        self.utc = NOW + timedelta(minutes=1)
        self.waits: list[float] = []

    def clock(self) -> datetime:
        return self.utc

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.utc += timedelta(seconds=seconds)
        for cabinet in self._street.cabinets:
            cabinet.advance(round(seconds))


def terms(time: Time, **changes: Any) -> PushTerms:
    return PushTerms(pause=time.pause, **changes)


def test_all_are_activated_at_a_named_time_and_not_before() -> None:
    async def scenario() -> None:
        async with street() as s:
            time = Time(s)
            at = time.utc + timedelta(seconds=30)
            seen: list[tuple[datetime, list[int]]] = []

            async def pause(seconds: float) -> None:
                await time.pause(seconds)
                seen.append((time.utc, [cabinet.pattern for cabinet in s.cabinets]))

            receipt = await s.push(clock=time.clock, terms=PushTerms(at_utc=at, pause=pause))
            assert [patterns for _, patterns in seen] == [[1, 1, 1]] * len(seen)
            assert seen[-1][0] == at
            assert max(time.waits) <= 1.0
            assert {entry.activated_utc for entry in receipt.devices} == {at}
            assert all(entry.stored_utc == at - timedelta(seconds=30) for entry in receipt.devices)
            assert receipt.spread_s == 0.0
            assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_a_named_time_beyond_the_release_or_in_the_past_is_refused() -> None:
    async def scenario() -> None:
        async with street() as s:
            time = Time(s)
            late = terms(time, at_utc=NOW + timedelta(hours=2))
            with pytest.raises(ApprovalExpiredError):
                await s.push(clock=time.clock, terms=late)
            with pytest.raises(ControllerError, match="has passed"):
                await s.push(clock=time.clock, terms=terms(time, at_utc=NOW))
            assert s.journal == []

    run(scenario)


def stepping(step_s: float) -> Callable[[], datetime]:
    """A clock that is so many seconds later at every look."""
    present = [NOW]

    def clock() -> datetime:
        present[0] += timedelta(seconds=step_s)
        return present[0]

    return clock


def test_the_spread_is_measured_and_recorded() -> None:
    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push(clock=stepping(0.5))
            times = [entry.activated_utc for entry in receipt.devices]
            assert len(set(times)) == len(SIGNALS)
            assert receipt.spread_s == pytest.approx(1.0)
            assert s.journal[-1]["spread_s"] == pytest.approx(1.0)

    run(scenario)


def test_calls_that_take_too_long_are_taken_back() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            with pytest.raises(ControllerError, match=r"8\.0 s from the first .* 5 s are allowed"):
                await s.push(clock=stepping(4.0), terms=PushTerms(most_spread_s=5.0))
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]
            assert s.journal[-1]["event"] == "failed"
            assert s.journal[-1]["restored"] is True

    run(scenario)


def test_readiness_long_after_the_named_time_is_taken_back() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            at = NOW + timedelta(seconds=20)
            with pytest.raises(ControllerError, match="after the named time"):
                await s.push(clock=stepping(6.0), terms=PushTerms(at_utc=at, most_spread_s=3.0))
            assert s.rows() == before

    run(scenario)


@pytest.mark.parametrize("event", ["intent", "stored", "activated"])
def test_what_cannot_be_recorded_is_taken_back(event: str) -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            is_full = False

            def full(entry: dict[str, object]) -> None:
                nonlocal is_full
                is_full = is_full or entry["event"] == event
                if is_full:
                    raise ThroughbandError("no space left on device")

            with pytest.raises(ThroughbandError, match="no space left"):
                await s.push(journal=full)
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_a_dead_device_stops_all_and_all_are_as_before() -> None:
    async def scenario() -> None:
        fault = Faults(silent_after=0)
        async with street({"b": fault}) as s:
            before = s.rows()
            with pytest.raises(UnreachableError):
                await s.push(connect=lambda device: connect(device, SHORT_S))
            assert s.journal == []
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]

    run(scenario)


@pytest.mark.parametrize("looks", range(1, 7))
def test_the_kill_switch_during_a_push_takes_it_back(looks: int) -> None:
    async def scenario() -> None:
        async with street() as s:
            time = Time(s)
            before = s.rows()
            asked = 0

            def stop() -> str:
                nonlocal asked
                asked += 1
                return "STOP is there" if asked >= looks else ""

            at = time.utc + timedelta(seconds=3)
            with pytest.raises(ControllerError, match="STOP is there"):
                await s.push(clock=time.clock, terms=terms(time, at_utc=at, stop=stop))
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]
            assert s.journal[-1]["event"] == "failed"

    run(scenario)


def test_a_call_that_is_not_ours_stops_a_push() -> None:
    async def scenario() -> None:
        async with street() as s:
            first = await s.push()
            before = s.rows()
            with pytest.raises(ControllerError, match=r"'a' .* somebody else calls pattern 15"):
                await s.push(terms=PushTerms(ours={"b": 15, "c": 15}))
            assert s.rows() == before
            ours = {entry.signal_id: entry.pattern for entry in first.devices}
            second = await s.push(terms=PushTerms(ours=ours))
            assert {entry.pattern for entry in second.devices} == {16}

    run(scenario)


def test_a_call_made_by_another_while_we_wait_stops_the_push() -> None:
    async def scenario() -> None:
        async with street() as s:
            time = Time(s)
            before = s.rows()

            async def pause(seconds: float) -> None:
                await time.pause(seconds)
                async with connect(s.devices[1]) as other:
                    await other.activate(1)

            at = time.utc + timedelta(seconds=2)
            with pytest.raises(ControllerError, match="somebody else is at work"):
                await s.push(clock=time.clock, terms=PushTerms(at_utc=at, pause=pause))
            assert s.rows() == before
            async with connect(s.devices[1]) as other:
                assert (await other.status()).called_pattern == 1

    run(scenario)


def test_two_pushes_at_once_never_leave_a_mixed_plan() -> None:
    async def scenario() -> None:
        other = PlanSet("corridor", tuple(replace(new_plan(s), offset_s=5) for s in SIGNALS), {})
        async with street() as s:
            pushes = [
                s.push(connect=lambda d: connect(d, 0.5)),
                s.push(other, release=release_of(other), connect=lambda d: connect(d, 0.5)),
            ]
            ends = await asyncio.gather(*pushes, return_exceptions=True)
            won = [end for end in ends if isinstance(end, PushReceipt)]
            lost = [end for end in ends if not isinstance(end, PushReceipt)]
            assert len(won) < 2
            assert all(isinstance(end, ThroughbandError) for end in lost)
            for receipt in won:
                for entry, device in zip(receipt.devices, s.devices, strict=True):
                    async with connect(device) as driver:
                        assert (await driver.status()).called_pattern == entry.pattern
                        assert await driver.read(entry.new) == entry.new

    run(scenario)


@pytest.mark.parametrize(
    ("most", "match"),
    [
        (MostSteps(cycle_s=9), "cycle goes from 80 to 90 s; at most 9 s"),
        (MostSteps(split_s=19), "split of phase 1 goes from 20 to 40 s"),
        (MostSteps(offset_s=10), "offset goes from 0 to 11 s"),
    ],
)
def test_a_step_too_far_from_the_running_plan_is_refused(most: MostSteps, match: str) -> None:
    async def scenario() -> None:
        async with street() as s:
            with pytest.raises(UnsafePlanError, match=match):
                await s.push(
                    SAME_PHASE, release=release_of(SAME_PHASE), terms=PushTerms(most_steps=most)
                )
            assert s.journal == []

    run(scenario)


def test_an_offset_that_counts_from_another_phase_is_no_step_that_can_be_bounded() -> None:
    async def scenario() -> None:
        async with street() as s:
            terms = PushTerms(most_steps=MostSteps(offset_s=40))
            with pytest.raises(UnsafePlanError, match="counts from another event"):
                await s.push(terms=terms)
            assert s.journal == []

    run(scenario)


def test_steps_at_the_bound_are_taken() -> None:
    async def scenario() -> None:
        async with street() as s:
            terms = PushTerms(most_steps=MostSteps(10, 20, 33))
            await s.push(SAME_PHASE, release=release_of(SAME_PHASE), terms=terms)
            assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_no_more_devices_are_spoken_to_at_once_than_allowed() -> None:
    async def scenario() -> None:
        open_now, most = 0, 0

        @asynccontextmanager
        async def counted(device: Device) -> AsyncIterator[Driver]:
            nonlocal open_now, most
            async with connect(device) as driver:
                open_now += 1
                most = max(most, open_now)
                try:
                    yield driver
                finally:
                    open_now -= 1

        async with street() as s:
            await s.push(connect=counted, terms=PushTerms(most_at_once=2))
            assert (open_now, most) == (0, 2)

    run(scenario)


def test_a_device_that_keeps_silent_for_a_moment_is_asked_again() -> None:
    async def scenario() -> None:
        fault = Faults(silent_after=20)
        async with street({"b": fault}) as s:
            tries: list[str] = []

            @asynccontextmanager
            async def again(device: Device) -> AsyncIterator[Driver]:
                tries.append(device.signal_id)
                if len(tries) > len(SIGNALS):
                    fault.silent_after = None
                async with connect(device, SHORT_S) as driver:
                    yield driver

            await s.push(connect=again)
            assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_a_receipt_survives_the_disk() -> None:
    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push()
            assert PushReceipt.from_dict(receipt.to_dict(), "here") == receipt
            broken = receipt.to_dict()
            del broken["devices"][0]["old"]
            with pytest.raises(ControllerError, match="here: old is missing"):
                PushReceipt.from_dict(broken, "here")

    run(scenario)


def test_a_device_lost_after_its_call_is_told_as_in_doubt() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:

            def lose(event: dict[str, object]) -> None:
                if event["event"] == "activated":
                    fault.silent_after = 0
                    raise ThroughbandError("no space left on device")

            with pytest.raises(RollbackFailedError, match=r"'b' .* falls back by itself"):
                await s.push(journal=lose, connect=lambda d: connect(d, SHORT_S))
            assert s.patterns()[0::2] == [1, 1]
            s.cabinets[1].advance(300)
            assert s.cabinets[1].pattern == 1

    run(scenario)


@pytest.mark.slow
def test_two_hundred_devices_are_pushed_together() -> None:
    async def scenario() -> None:
        names = tuple(f"s{number:03d}" for number in range(200))
        cabinets = [Cabinet(config(name), 30.0) for name in names]
        async with serve(cabinets) as addresses:
            devices = [
                Device(name, host, port, "look", "change")
                for name, (host, port) in zip(names, addresses, strict=True)
            ]
            s = Street(cabinets, devices)
            plans = PlanSet(
                "corridor", tuple(replace(new_plan("a"), signal_id=n) for n in names), {}
            )
            receipt = await s.push(plans, phasings=dict.fromkeys(names, PHASING))
            assert len(receipt.devices) == len(names)
            assert set(s.patterns()) == {15}

    asyncio.run(asyncio.wait_for(scenario(), 300))


async def schedule(s: Street) -> None:
    """Let the day plans of all devices run action row 2, and set it aside for us."""
    s.devices = tuple(replace(device, action_row=2) for device in s.devices)
    for cabinet, device in zip(s.cabinets, s.devices, strict=True):
        async with connect(device) as driver:
            events = {1: [(0, 1), (420, 2)]}
            bench = Bench(cabinet, Faults(), driver)
            fill(bench, [(MONTHS, WEEKDAYS, DATES, 1)], events, {1: 1, 2: 1})


def test_a_permanent_push_points_the_time_base_at_the_pattern_and_is_withdrawn() -> None:
    async def scenario() -> None:
        async with street() as s:
            row = instance("timebaseAscPattern", 2)
            await schedule(s)
            receipt = await s.push(terms=PushTerms(permanent=True))
            assert [cabinet.store.get(row) for cabinet in s.cabinets] == [(Syntax.INTEGER, 15)] * 3
            assert [event["event"] for event in s.journal] == [
                *("intent", "stored", "permanent", "activated")
            ]
            assert PushReceipt.from_dict(receipt.to_dict(), "here") == receipt
            await withdraw(
                receipt,
                s.devices,
                clock=lambda: NOW,
                journal=s.journal.append,
                tick=s.tick,
                most_ticks=10,
            )
            assert [cabinet.store.get(row) for cabinet in s.cabinets] == [(Syntax.INTEGER, 1)] * 3
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_a_permanent_push_without_an_action_row_changes_nothing() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            with pytest.raises(ControllerError, match="no action row is set aside"):
                await s.push(terms=PushTerms(permanent=True))
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]

    run(scenario)
