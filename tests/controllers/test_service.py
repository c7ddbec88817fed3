"""The service on an injected clock: in time, watchful, and out of the way of others."""

from __future__ import annotations

import asyncio
import math
import tracemalloc
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from controllers.acquaintance import ProfileMemory
from controllers.calls import Call, calls_of, calls_on_record, last_pushes
from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet
from controllers.emulator.faults import Faults
from controllers.keeping import Periods
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import instance
from controllers.push_terms import PushTerms
from controllers.service import MOST_RECALLS, Service
from controllers.troubles import TABLE, Action, Trouble
from network.errors import ThroughbandError
from network.timing import PlanSet
from tests.controllers.test_push import (
    NOW,
    SIGNALS,
    START_S,
    Street,
    config,
    new_plan,
    run,
    street,
)

SHORT_S = 0.05
THIRD = 1 / 3
DEVICE = Device("a", "127.0.0.1", 161, "look", "change")


class Book:
    """The calls in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Call] = {}

    def calls(self) -> Mapping[str, Call]:
        return dict(self.kept)

    def drop(self, signals: Collection[str]) -> None:
        for signal in signals:
            self.kept.pop(signal, None)


class Bridge:
    """A service over a street whose time passes only between turns."""

    def __init__(self, s: Street, **changes: Any) -> None:
        self.street = s
        self.book = Book()
        self.seconds = 0.0
        self.events: list[dict[str, object]] = []
        self.alerts: list[str] = []
        self.arrivals: dict[str, list[float]] = {signal: [] for signal in SIGNALS}
        arguments = {
            "clock": self.clock,
            "now": lambda: self.seconds,
            "journal": self.events.append,
            "alert": self.alerts.append,
            "connect": lambda device: connect(device, SHORT_S),
            **changes,
        }
        self.service = Service(s.devices, self.book, **arguments)
        for cabinet in s.cabinets:
            self._listen(cabinet)

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=START_S + self.seconds)

    def _listen(self, cabinet: Cabinet) -> None:
        """Note when calls arrive at a cabinet."""
        cell = cabinet.store._cells[instance("systemPatternControl")]
        write = cell.write
        assert write is not None

        def noted(pattern: int) -> None:
            self.arrivals[cabinet.config.name].append(self.seconds)
            write(pattern)

        cell.write = noted

    async def begin(self) -> None:
        self.book.kept = calls_of(await self.street.push())

    async def live(self, seconds: float, most_wait_s: float = math.inf) -> None:
        """Let the service run for so long."""
        end_s = self.seconds + seconds
        while self.seconds < end_s:
            wait_s = min(await self.service.turn(), most_wait_s, end_s - self.seconds)
            # The street knows whole seconds here; late by up to one is what a busy host is.
            self.pass_time(max(1, math.ceil(wait_s)) if wait_s > 0 else 0)

    def pass_time(self, seconds: int) -> None:
        self.seconds += seconds
        for cabinet in self.street.cabinets:
            cabinet.advance(seconds)

    def of(self, event: str) -> list[dict[str, object]]:
        return [entry for entry in self.events if entry["event"] == event]


@pytest.mark.parametrize(
    ("backup_s", "watch_s"), [(20, None), (45, None), (300, None), (45, 7.0), (300, 48.0)]
)
def test_calls_are_repeated_within_a_third_of_the_backup_time(
    backup_s: int, watch_s: float | None
) -> None:
    async def scenario() -> None:
        async with street(backup_s=backup_s) as s:
            bridge = Bridge(s, periods=Periods(watch_s=watch_s))
            await bridge.begin()
            await bridge.live(4 * backup_s)
            for times in bridge.arrivals.values():
                gaps = [b - a for a, b in pairwise(times)]
                assert len(times) > 8
                assert max(gaps) <= backup_s * THIRD
            assert s.patterns() == [15, 15, 15]
            assert {cabinet.control for cabinet in s.cabinets} == {"systemControl"}
            assert bridge.alerts == []

    run(scenario)


def test_each_device_is_served_by_its_own_backup_time() -> None:
    async def scenario() -> None:
        times = dict(zip(SIGNALS, (15, 60, 240), strict=True))
        cabinets = [Cabinet(config(signal, backup_s=s), 30.0) for signal, s in times.items()]
        async with serve(cabinets) as addresses:
            devices = [
                replace(DEVICE, signal_id=signal, host=host, port=port)
                for signal, (host, port) in zip(SIGNALS, addresses, strict=True)
            ]
            bridge = Bridge(Street(cabinets, devices))
            await bridge.begin()
            await bridge.live(480)
            for signal, backup_s in times.items():
                heard = bridge.arrivals[signal]
                gaps = [b - a for a, b in pairwise(heard)]
                assert max(gaps) <= backup_s * THIRD
                assert len(heard) < 480 / (backup_s * THIRD) * 2 + 4

    run(scenario)


def test_the_transition_is_counted() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s, periods=Periods(watch_s=10.0))
            await bridge.begin()
            await bridge.live(600)
            arrived = bridge.of("in step")
            assert {entry["signal"] for entry in arrived} == set(SIGNALS)
            for entry in arrived:
                assert isinstance(entry["after_s"], float)
                assert isinstance(entry["cycles"], int)
                assert entry["cycles"] == math.ceil(entry["after_s"] / 90)

    run(scenario)


def test_our_own_silence_is_noticed_and_mended() -> None:
    async def scenario() -> None:
        async with street(backup_s=60) as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(30)
            # The host slept through the backup time.
            bridge.pass_time(90)
            assert {cabinet.control for cabinet in s.cabinets} == {"backupMode"}
            await bridge.live(60)
            assert s.patterns() == [15, 15, 15]
            assert {e["trouble"] for e in bridge.of("trouble")} == {"fell-back"}
            assert len(bridge.of("recall")) == len(SIGNALS)

    run(scenario)


def test_a_call_by_somebody_else_is_noticed_and_never_overwritten() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(100)
            async with connect(s.devices[1]) as other:
                await other.activate(1)
            await bridge.live(200)
            assert s.patterns() == [1, 1, 1]
            async with connect(s.devices[1]) as other:
                assert (await other.status()).called_pattern == 1
            (event,) = bridge.of("released")
            assert event["signals"] == list(SIGNALS)
            assert any("somebody else" in text for text in bridge.alerts)
            assert bridge.book.kept == {}

    run(scenario)


def test_a_released_device_is_not_called_again() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(100)
            async with connect(s.devices[1]) as other:
                await other.activate(0)
            await bridge.live(300)
            assert s.patterns() == [15, 1, 15]
            assert set(bridge.book.kept) == {"a", "c"}
            assert [e["trouble"] for e in bridge.of("trouble")] == ["call-gone"]

    run(scenario)


def test_what_was_released_while_no_bridge_ran_is_not_called_again() -> None:
    async def scenario() -> None:
        async with street(backup_s=60) as s:
            bridge = Bridge(s)
            await bridge.begin()
            for device in s.devices:
                async with connect(device) as driver:
                    await driver.activate(0)
            bridge.pass_time(200)
            await bridge.live(100)
            assert s.patterns() == [1, 1, 1]
            assert bridge.book.kept == {}
            assert bridge.of("recall") == []

    run(scenario)


def test_a_device_that_restarts_is_called_again() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(100)
            fault.silent_after = 0
            s.cabinets[1].restart()
            await bridge.live(160)
            assert s.patterns() == [15, 1, 15]
            fault.silent_after = None
            await bridge.live(200)
            assert s.patterns() == [15, 15, 15]
            assert [e["trouble"] for e in bridge.of("trouble")] == ["silent", "restarted"]

    run(scenario)


def test_a_device_may_be_away_for_an_hour() -> None:
    async def scenario() -> None:
        fault = Faults()
        cabinet = Cabinet(config("a", backup_s=300), 30.0)
        other = Cabinet(config("b", backup_s=300), 30.0)
        async with serve([cabinet, other], faults={"a": fault}) as addresses:
            devices = [
                replace(DEVICE, signal_id=signal, host=host, port=port)
                for signal, (host, port) in zip("ab", addresses, strict=True)
            ]
            s = Street([cabinet, other], devices)
            bridge = Bridge(s)
            plans = PlanSet("corridor", (new_plan("a"), new_plan("b")), {})
            bridge.book.kept = calls_of(await s.push(plans))
            await bridge.live(100)
            fault.silent_after = 0
            await bridge.live(3600)
            assert [c.control for c in s.cabinets] == ["backupMode", "systemControl"]
            assert len(bridge.alerts) == 1
            fault.silent_after = None
            await bridge.live(200)
            assert [c.pattern for c in s.cabinets] == [15, 15]
            assert {c.control for c in s.cabinets} == {"systemControl"}
            assert bridge.service.troubles == {}

    run(scenario)


def test_a_silent_device_does_not_keep_the_others_waiting() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:
            patient = Bridge(s, connect=lambda device: connect(device, 30.0))
            await patient.begin()
            await patient.live(10)
            fault.silent_after = 0
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            patient.pass_time(75)
            await patient.service.turn()
            assert loop.time() - began_s < 15.0
            assert patient.arrivals["a"][-1] == patient.arrivals["c"][-1] == patient.seconds
            await patient.service.close()

    run(scenario)


def spoil(cabinet: Cabinet, name: str, *index: int, value: int) -> None:
    cabinet.store._cells[instance(name, *index)].value = value
    cabinet.store.generation += 1


def test_a_pattern_that_cannot_run_takes_the_corridor_back() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(100)
            spoil(s.cabinets[1], "patternOffsetTime", 15, value=200)
            await bridge.live(160)
            assert s.patterns() == [1, 1, 1]
            assert [e["trouble"] for e in bridge.of("trouble")] == ["free-plan"]

    run(scenario)


def test_rows_edited_at_the_device_are_noticed_and_it_is_let_go() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s, periods=Periods(identify_s=100.0))
            await bridge.begin()
            await bridge.live(50)
            spoil(s.cabinets[1], "patternOffsetTime", 15, value=7)
            await bridge.live(300)
            assert s.patterns() == [15, 1, 15]
            assert [e["trouble"] for e in bridge.of("trouble")] == ["edited"]
            assert "patternOffsetTime.15 = 7" in bridge.alerts[0]

    run(scenario)


@pytest.mark.parametrize("after_s", [1, 60])
def test_a_late_copy_of_a_set_is_noticed_by_reading_the_rows_again(after_s: int) -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s, periods=Periods(identify_s=1e6, rows_s=100.0))
            await bridge.begin()
            await bridge.live(after_s)
            spoil(s.cabinets[1], "patternOffsetTime", 15, value=7)
            noticed_s = 5 if after_s == 1 else 100
            await bridge.live(noticed_s + 1)
            assert s.patterns() == [15, 1, 15]
            assert [e["trouble"] for e in bridge.of("trouble")] == ["edited"]

    run(scenario)


def test_a_transaction_that_stays_open_is_told_until_it_is_closed() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s, periods=Periods(rows_s=100.0))
            await bridge.begin()
            await bridge.live(50)
            transaction = s.cabinets[1].store.transaction
            transaction.command(2, b"change")
            await bridge.live(300)
            (told,) = bridge.of("trouble")
            assert (told["signal"], told["trouble"]) == ("b", "transaction-open")
            assert len(bridge.alerts) == 1
            assert s.patterns() == [15, 15, 15]
            transaction.reset()
            await bridge.live(150)
            assert [e["trouble"] for e in bridge.of("trouble over")] == ["transaction-open"]
            assert {e["signal"] for e in bridge.of("in step")} == set(SIGNALS)

    run(scenario)


def test_a_download_in_progress_is_no_trouble() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s, periods=Periods(rows_s=50.0))
            await bridge.begin()
            await bridge.live(20)
            transaction = s.cabinets[1].store.transaction
            transaction.command(2, b"change")
            await bridge.live(60)
            transaction.reset()
            await bridge.live(200)
            assert bridge.of("trouble") == []

    run(scenario)


@pytest.mark.parametrize("skew_s", [-30, 30])
def test_a_clock_that_is_off_is_told_and_the_call_kept(skew_s: int) -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:
            bridge = Bridge(s)
            await bridge.begin()
            fault.clock_skew_s = skew_s
            await bridge.live(600)
            (told,) = bridge.of("trouble")
            assert (told["signal"], told["trouble"]) == ("b", "clock-off")
            # Whether the pattern arrives is told all the same.
            assert {e["signal"] for e in bridge.of("in step")} == set(SIGNALS)
            assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_other_limits_than_at_the_push_hand_the_device_back() -> None:
    async def scenario() -> None:
        async with street() as s:
            profiles = ProfileMemory()
            bridge = Bridge(s, periods=Periods(identify_s=100.0), profiles=profiles)
            await bridge.begin()
            await bridge.live(150)
            spoil(s.cabinets[1], "phaseMaximum1", 2, value=77)
            await bridge.live(200)
            assert s.patterns() == [15, 1, 15]
            (told,) = bridge.of("trouble")
            assert told["trouble"] == "limits-changed"
            assert "phase 2: maximum_s is 77" in str(told["detail"])

    run(scenario)


def test_a_setup_that_somebody_changed_is_told_once_and_our_own_push_is_not() -> None:
    async def scenario() -> None:
        async with street() as s:
            profiles = ProfileMemory()
            bridge = Bridge(s, periods=Periods(identify_s=100.0), profiles=profiles)
            bridge.book.kept = calls_of(await s.push(terms=PushTerms(profiles=profiles)))
            # What a push does after its last look, such as lasting activation.
            for cabinet in s.cabinets:
                cabinet.store.generation += 1
            await bridge.live(250)
            assert bridge.alerts == []
            spoil(s.cabinets[1], "patternOffsetTime", 3, value=1)
            await bridge.live(400)
            assert s.patterns() == [15, 15, 15]
            (told,) = bridge.of("setup changed")
            assert told["signal"] == "b"

    run(scenario)


def test_an_exchanged_device_is_noticed_and_let_go() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s, periods=Periods(identify_s=100.0))
            await bridge.begin()
            await bridge.live(50)
            spoil(s.cabinets[1], "phaseMinimumGreen", 2, value=9)
            await bridge.live(300)
            assert s.patterns() == [15, 1, 15]
            assert [e["trouble"] for e in bridge.of("trouble")] == ["exchanged"]

    run(scenario)


def test_a_flashing_device_is_let_go() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(100)
            s.cabinets[1].monitor.fault = "conflict"
            await bridge.live(160)
            assert set(bridge.book.kept) == {"a", "c"}
            async with connect(s.devices[1]) as driver:
                assert (await driver.status()).called_pattern == 0

    run(scenario)


def test_the_table_can_be_changed() -> None:
    async def scenario() -> None:
        table = dict(TABLE)
        table[Trouble.CALL_GONE] = replace(TABLE[Trouble.CALL_GONE], action=Action.RECALL)
        async with street() as s:
            bridge = Bridge(s, table=table)
            await bridge.begin()
            await bridge.live(100)
            s.cabinets[1].restart()
            await bridge.live(160)
            assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_a_recall_that_cannot_be_comes_to_an_end() -> None:
    async def scenario() -> None:
        table = dict(TABLE)
        table[Trouble.EDITED] = replace(TABLE[Trouble.EDITED], action=Action.RECALL)
        async with street() as s:
            bridge = Bridge(s, table=table)
            await bridge.begin()
            await bridge.live(50)
            spoil(s.cabinets[1], "patternOffsetTime", 15, value=7)
            await bridge.live(600)
            assert s.patterns() == [15, 1, 15]
            assert len(bridge.of("recall")) == MOST_RECALLS
            assert bridge.of("released")[0]["signals"] == ["b"]

    run(scenario)


def test_calls_that_somebody_ended_are_news() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(300)
            bridge.service.told_news()
            await bridge.live(100)
            assert not bridge.service.told_news()
            bridge.book.drop(["a", "b", "c"])
            await bridge.service.turn()
            assert bridge.service.told_news()
            assert bridge.service.statuses == {}

    run(scenario)


def test_nothing_is_called_outside_the_operating_times() -> None:
    async def scenario() -> None:
        async with street() as s:
            open_until = NOW + timedelta(seconds=300)
            again = NOW + timedelta(seconds=900)
            bridge = Bridge(s, called_for=lambda utc: utc < open_until or utc >= again)
            await bridge.begin()
            await bridge.live(310, 60)
            await bridge.live(60, 60)
            assert s.patterns() == [1, 1, 1]
            assert set(bridge.book.kept) == set(SIGNALS)
            await bridge.live(700, 60)
            assert s.patterns() == [15, 15, 15]
            assert not bridge.service.resting

    run(scenario)


def test_a_recall_that_cannot_be_recorded_is_not_made() -> None:
    async def scenario() -> None:
        async with street(backup_s=60) as s:

            def full(event: dict[str, object]) -> None:
                raise ThroughbandError("no space left on device")

            bridge = Bridge(s, journal=full)
            await bridge.begin()
            await bridge.live(5)
            bridge.pass_time(90)
            await bridge.live(60)
            assert s.patterns() == [1, 1, 1]
            assert any("could not be recorded" in text for text in bridge.alerts)

    run(scenario)


def test_releasing_hands_everything_back_and_is_recorded() -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(100)
            assert await bridge.service.release("drill") == []
            assert s.patterns() == [1, 1, 1]
            assert bridge.of("released")[0]["why"] == "drill"
            assert bridge.book.kept == {}

    run(scenario)


def test_what_is_called_can_be_read_from_the_journal() -> None:
    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push()
            known = calls_on_record(s.journal)
            told = calls_of(receipt)
            assert {n: (c.pattern, c.rows) for n, c in known.items()} == {
                n: (c.pattern, c.rows) for n, c in told.items()
            }
            s.journal.append({"event": "released", "signals": ["b"]})
            assert set(calls_on_record(s.journal)) == {"a", "c"}
            s.journal.append({"event": "withdraw", "push_id": receipt.push_id, "devices": []})
            assert calls_on_record(s.journal) == {}

    run(scenario)


def test_withdrawing_a_push_makes_the_one_before_it_ours_again() -> None:
    async def scenario() -> None:
        async with street() as s:
            first = await s.push()
            second = await s.push(clock=lambda: NOW + timedelta(minutes=2))
            assert {c.pattern for c in calls_on_record(s.journal).values()} == {16}
            assert {push_id for push_id, _ in last_pushes(s.journal).values()} == {second.push_id}
            s.journal += [
                {"event": kind, "push_id": second.push_id} for kind in ("withdraw", "withdrawn")
            ]
            known = calls_on_record(s.journal)
            assert {(c.pattern, c.push_id) for c in known.values()} == {(15, first.push_id)}
            assert set(known) == set(SIGNALS)
            assert {push_id for push_id, _ in last_pushes(s.journal).values()} == {first.push_id}

            ended = [{"event": "released", "signals": ["a"]}]
            before_it = calls_on_record([*s.journal[:-2], *ended, *s.journal[-2:]])
            assert set(before_it) == {"b", "c"}

    run(scenario)


class Still:
    """A driver whose device is always well; for the service's own cost."""

    def __init__(self, good: Any) -> None:
        self._good = good

    async def __aenter__(self) -> Still:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def status(self) -> Any:
        return self._good

    async def activate(self, pattern: int) -> None:
        return None


@pytest.mark.parametrize("many", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_memory_stays_bounded_over_many_turns(many: int) -> None:
    async def scenario() -> None:
        async with street() as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(600)
            async with connect(s.devices[0]) as driver:
                good = replace(await driver.status(), device_utc_s=None)
            bridge.service._visitor._connect = lambda device: Still(good)  # type: ignore[assignment,return-value]
            for keeping in bridge.service._kept.values():
                keeping.next_identify_s = keeping.next_rows_s = math.inf

            async def turns(count: int) -> None:
                for _ in range(count):
                    bridge.seconds += 80.0
                    await bridge.service.turn()

            await turns(200)
            tracemalloc.start()
            try:
                await turns(100)
                before, _ = tracemalloc.get_traced_memory()
                await turns(many)
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert after - before < 100_000
            assert bridge.service.tally.refreshes > 3 * many

    run(scenario)


def test_the_time_of_a_devices_last_answer_stands_still_while_it_is_silent() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:
            bridge = Bridge(s)
            await bridge.begin()
            await bridge.live(100)
            before = dict(bridge.service.answers)
            assert sorted(before) == ["a", "b", "c"]
            fault.silent_after = 0
            await bridge.live(200)
            after = bridge.service.answers
            assert after["b"] == before["b"]
            assert after["a"] > before["a"]

    run(scenario)
