"""The bridge dies in mid-push; what the journal left open is concluded on the devices."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from controllers.emulator.faults import Faults
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import instance
from controllers.push_terms import PushTerms
from controllers.receipt import Journal
from controllers.recovery import (
    Recovered,
    open_intents,
    reclaim_left_open,
    recover,
    written_on_record,
)
from controllers.watch import withdraw
from network.errors import ControllerError
from tests.controllers.test_push import NOW, Street, run, street
from tests.controllers.test_push_corridor import schedule

SHORT_S = 0.05


class Killed(BaseException):
    """The process is gone: nothing of ours handles it."""


def dying(s: Street, event: str, *, recorded: bool) -> Journal:
    """A journal whose process dies at an event, before or after it is on disk."""

    def keep(entry: dict[str, object]) -> None:
        if entry["event"] == event and not recorded:
            raise Killed
        s.journal.append(entry)
        if entry["event"] == event:
            raise Killed

    return keep


async def recovered(s: Street, timeout_s: float = 0.3) -> tuple[Recovered, ...]:
    return await recover(
        open_intents(s.journal),
        s.devices,
        clock=lambda: NOW,
        journal=s.journal.append,
        pause=s.pause,
        connect=lambda device: connect(device, timeout_s),
    )


@pytest.mark.parametrize(
    ("event", "recorded", "outcomes"),
    [
        ("intent", False, []),
        ("intent", True, ["taken back"]),
        ("stored", False, ["taken back"]),
        ("stored", True, ["taken back"]),
        # Every device calls and stores the new plan: only the record was missing.
        ("activated", False, ["activated"]),
        ("activated", True, []),
    ],
)
def test_a_death_at_each_event_is_concluded(
    event: str, recorded: bool, outcomes: list[str]
) -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            with pytest.raises(Killed):
                await s.push(journal=dying(s, event, recorded=recorded))
            found = await recovered(s)
            assert [entry.outcome for entry in found] == outcomes
            if event == "activated":
                assert s.patterns() == [15, 15, 15]
            else:
                assert s.rows() == before
                assert s.patterns() == [1, 1, 1]
            assert open_intents(s.journal) == ()
            assert await recovered(s) == ()

    run(scenario)


@pytest.mark.parametrize("answered", range(10, 150, 20))
def test_a_death_in_mid_download_or_call_is_concluded(answered: int) -> None:
    """The process dies after so many requests reached a device, which stays as it then was."""

    async def scenario() -> None:
        async with street({"b": Faults(silent_after=answered)}) as s:
            before = s.rows()
            died = False

            def keep(entry: dict[str, object]) -> None:
                nonlocal died
                died = died or entry["event"] == "failed"
                if not died:
                    s.journal.append(entry)

            quick = lambda device: connect(device, SHORT_S)  # noqa: E731
            with suppress(ControllerError):
                await s.push(journal=keep, connect=quick)
            # Whatever taking back did at "b" never arrived; the record ends with the intent.
            faults = s.faults["b"]
            faults.silent_after = None
            for entry in await recovered(s):
                assert entry.outcome == "taken back"
            if s.patterns() != [15, 15, 15]:
                assert s.rows() == before
                assert s.patterns() == [1, 1, 1]
            assert {c.store.transaction.state for c in s.cabinets} == {1}

    run(scenario)


def test_a_half_written_row_and_an_open_transaction_are_cleared() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            with pytest.raises(Killed):
                await s.push(journal=dying(s, "stored", recorded=False))
            store = s.cabinets[1].store
            # As if only half of what was written had been kept.
            store._cells[instance("patternCycleTime", 15)].value = 0
            store._cells[instance("splitTime", 15, 2)].value = 0
            store.transaction.command(2, b"change")
            store.transaction.buffer({instance("splitTime", 15, 1): 99})
            (entry,) = await recovered(s)
            assert entry.outcome == "taken back"
            assert any("row 15 restored" in text for text in entry.details)
            assert s.rows() == before
            assert store.transaction.state == 1

    run(scenario)


def test_some_called_and_some_not_are_all_taken_back() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            with pytest.raises(Killed):
                await s.push(journal=dying(s, "activated", recorded=False))
            async with connect(s.devices[2]) as driver:
                await driver.activate(0)
            assert s.patterns() == [15, 15, 1]
            (entry,) = await recovered(s)
            assert entry.outcome == "taken back"
            assert sum("pattern 0 called in place of 15" in text for text in entry.details) == 2
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_somebody_elses_call_stays() -> None:
    async def scenario() -> None:
        async with street() as s:
            with pytest.raises(Killed):
                await s.push(journal=dying(s, "stored", recorded=True))
            async with connect(s.devices[0]) as other:
                await other.activate(1)
            (entry,) = await recovered(s)
            assert any("somebody else calls pattern 1" in text for text in entry.details)
            async with connect(s.devices[0]) as other:
                assert (await other.status()).called_pattern == 1

    run(scenario)


@pytest.mark.parametrize(("event", "recorded"), [("intent", True), ("stored", True)])
def test_rows_that_somebody_else_has_written_stay_and_the_push_is_concluded(
    event: str, recorded: bool
) -> None:
    async def scenario() -> None:
        async with street() as s:
            with pytest.raises(Killed):
                await s.push(journal=dying(s, event, recorded=recorded))
            store = s.cabinets[1].store
            store._cells[instance("patternOffsetTime", 15)].value = 7
            store.generation += 1
            (entry,) = await recovered(s)
            assert entry.outcome == "taken back"
            assert any("somebody else has written row 15" in text for text in entry.details)
            assert store.get(instance("patternOffsetTime", 15))[1] == 7  # type: ignore[index]
            assert open_intents(s.journal) == ()

    run(scenario)


def test_a_call_that_came_before_ours_could_stays() -> None:
    async def scenario() -> None:
        async with street() as s:
            with pytest.raises(Killed):
                await s.push(journal=dying(s, "stored", recorded=False))
            async with connect(s.devices[0]) as other:
                await other.activate(15)
            (entry,) = await recovered(s)
            assert entry.outcome == "taken back"
            async with connect(s.devices[0]) as other:
                assert (await other.status()).called_pattern == 15

    run(scenario)


def test_what_cannot_be_reached_stays_open_and_is_tried_again() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:
            before = s.rows()
            with pytest.raises(Killed):
                await s.push(journal=dying(s, "stored", recorded=True))
            fault.silent_after = 0
            (entry,) = await recovered(s, SHORT_S)
            assert entry.outcome == "still open"
            assert s.journal[-1]["event"] == "recovery failed"
            fault.silent_after = None
            (entry,) = await recovered(s)
            assert entry.outcome == "taken back"
            assert s.rows() == before

    run(scenario)


def test_an_interrupted_withdrawal_is_finished() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            receipt = await s.push()
            with pytest.raises(Killed):
                await withdraw(
                    receipt,
                    s.devices,
                    clock=lambda: NOW,
                    journal=dying(s, "withdraw", recorded=True),
                    tick=s.tick,
                    most_ticks=10,
                )
            assert s.patterns() == [15, 15, 15]
            (entry,) = await recovered(s)
            assert (entry.intent.kind, entry.outcome) == ("withdraw", "taken back")
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_a_push_that_could_not_clean_up_behind_itself_stays_open() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:
            before = s.rows()

            def keep(entry: dict[str, object]) -> None:
                s.journal.append(entry)
                if entry["event"] == "stored":
                    fault.silent_after = 0

            with pytest.raises(ControllerError):
                await s.push(journal=keep, connect=lambda device: connect(device, SHORT_S))
            assert s.journal[-1]["event"] == "failed"
            assert s.journal[-1]["restored"] is False
            fault.silent_after = None
            (entry,) = await recovered(s)
            assert entry.outcome == "taken back"
            assert s.rows() == before
            assert {c.store.transaction.state for c in s.cabinets} == {1}

    run(scenario)


def test_a_device_that_left_the_list_keeps_its_intent_open() -> None:
    async def scenario() -> None:
        async with street() as s:
            with pytest.raises(Killed):
                await s.push(journal=dying(s, "stored", recorded=True))
            first, *others = s.devices
            moved = replace(first, port=9)
            found = await recover(
                open_intents(s.journal),
                [moved, *others],
                clock=lambda: NOW,
                journal=s.journal.append,
                pause=lambda _: s.tick(),
            )
            assert found[0].outcome == "still open"
            assert "no longer has signal 'a'" in found[0].details[0]

    run(scenario)


def test_a_malformed_intent_is_named() -> None:
    event = {"event": "intent", "push_id": "p", "number": 7, "devices": [{"signal_id": "a"}]}
    with pytest.raises(ControllerError, match="event 7 of the journal: pattern is missing"):
        open_intents([event])


@pytest.mark.parametrize(
    ("event", "recorded", "outcome"),
    [
        ("permanent", False, "activated"),
        ("permanent", True, "taken back"),
        ("activated", False, "activated"),
    ],
)
def test_a_death_while_a_plan_is_made_permanent_is_concluded(
    event: str, recorded: bool, outcome: str
) -> None:
    async def scenario() -> None:
        async with street() as s:
            await schedule(s)
            row = instance("timebaseAscPattern", 2)
            before = s.rows()
            with pytest.raises(Killed):
                await s.push(
                    journal=dying(s, event, recorded=recorded), terms=PushTerms(permanent=True)
                )
            (entry,) = await recovered(s)
            assert entry.outcome == outcome
            named = {cabinet.store.get(row)[1] for cabinet in s.cabinets}  # type: ignore[index]
            if outcome == "taken back":
                assert named == {1}
                assert s.rows() == before
                assert s.patterns() == [1, 1, 1]
            else:
                assert named == {15 if event == "activated" else 1}
                assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_a_time_base_that_was_already_pointed_at_the_pattern_is_pointed_back() -> None:
    async def scenario() -> None:
        async with street() as s:
            await schedule(s)
            before = s.rows()
            with pytest.raises(Killed):
                await s.push(
                    journal=dying(s, "activated", recorded=False), terms=PushTerms(permanent=True)
                )
            # One device has lost the call: nothing of the push may stay.
            s.cabinets[1].restart()
            (entry,) = await recovered(s)
            assert entry.outcome == "taken back"
            assert sum("time base restored" in text for text in entry.details) == 3
            row = instance("timebaseAscPattern", 2)
            assert {cabinet.store.get(row)[1] for cabinet in s.cabinets} == {1}  # type: ignore[index]
            assert s.rows() == before

    run(scenario)


def test_what_we_left_open_is_closed_and_what_is_not_ours_stays() -> None:
    async def scenario() -> None:
        async with street() as s:
            await s.push()
            ours, others, unknown = (cabinet.store.transaction for cabinet in s.cabinets)
            ours.command(2, b"change")
            others.command(2, b"somebody else")
            unknown.command(2, b"change")
            on_record = written_on_record(s.journal)
            assert on_record == {d.signal_id: d.address for d in s.devices}
            del on_record["c"]
            found = await reclaim_left_open(
                on_record,
                s.devices,
                clock=lambda: NOW,
                journal=s.journal.append,
                connect=lambda device: connect(device, SHORT_S),
            )
            assert [t.state for t in (ours, others, unknown)] == [1, 2, 2]
            assert "of ours was open and is closed" in found[0]
            assert "belongs to another manager" in found[1]
            assert [event["event"] for event in s.journal[-2:]] == ["reclaimed", "not reclaimed"]

    run(scenario)
