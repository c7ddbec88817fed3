"""What a push does about other bridges, open transactions and devices that are not as met."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest

from controllers.acquaintance import ProfileMemory
from controllers.driver import Device
from controllers.emulator.cabinet import Cabinet
from controllers.emulator.transaction import State
from controllers.ntcip.driver import NtcipDriver, connect
from controllers.ntcip.objects import instance
from controllers.ntcip.reach import reaching
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from network.errors import ControllerError, RejectedValueError, RollbackFailedError
from network.timing import TimingPlan
from tests.controllers.test_push import NOW, START_S, Street, run, street

SHORT_S = 0.05
OURS = b"change"


def on_record(s: Street) -> PushTerms:
    return PushTerms(on_record={device.signal_id: device.address for device in s.devices})


def at_stored(s: Street, act: Callable[[], None]) -> Callable[[dict[str, object]], None]:
    """A journal beside which something happens once all rows are written."""

    def keep(event: dict[str, object]) -> None:
        s.journal.append(event)
        if event["event"] == "stored":
            act()

    return keep


def spoil(cabinet: Cabinet, name: str, *index: int, value: int) -> None:
    cabinet.store._cells[instance(name, *index)].value = value
    cabinet.store.generation += 1


# Other bridges


def test_no_pattern_is_called_while_another_bridge_is_about_to_store() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            other = s.cabinets[1].store.transaction
            with pytest.raises(RollbackFailedError, match=r"busy.*belongs to another manager"):
                await s.push(
                    journal=at_stored(s, lambda: other.command(State.TRANSACTION, b"other")),
                    connect=lambda device: connect(device, SHORT_S),
                )
            assert s.patterns() == [1, 1, 1]
            assert other.owner == b"other"
            assert s.rows()[0::2] == before[0::2]

    run(scenario)


def test_rows_that_another_bridge_has_stored_are_not_called() -> None:
    async def scenario() -> None:
        async with street() as s:
            rows = s.cabinets[1]
            with pytest.raises(RollbackFailedError, match=r"stores patternOffsetTime\.15 = 7"):
                await s.push(
                    journal=at_stored(s, lambda: spoil(rows, "patternOffsetTime", 15, value=7))
                )
            assert s.patterns() == [1, 1, 1]
            assert {cabinet.store.transaction.state for cabinet in s.cabinets} == {State.NORMAL}

    run(scenario)


def test_nobody_can_store_rows_while_they_are_called() -> None:
    async def scenario() -> None:
        async with street() as s, connect(s.devices[0]) as driver:
            identity = await driver.identify()
            change = await driver.prepare(replace_offset(s), identity)
            await driver.commit(change)
            await driver.hold(change.new, (0,))
            async with connect(replace(s.devices[0]), SHORT_S) as other:
                with pytest.raises(RejectedValueError, match="busy"):
                    await other.commit(change.undone())
                # A call goes beside the transaction.
                await other.activate(15)
            await driver.discard()
            assert s.patterns()[0] == 15
            with pytest.raises(ControllerError, match="somebody else is at work"):
                await driver.hold(change.new, (0,))
            assert s.cabinets[0].store.transaction.state is State.NORMAL

    run(scenario)


def replace_offset(s: Street) -> TimingPlan:
    return replace(s.cabinets[0].config.plan_in_force, offset_s=3)


# Transactions left open


def test_a_transaction_of_ours_that_stayed_open_is_closed_before_writing() -> None:
    async def scenario() -> None:
        async with street() as s:
            s.cabinets[1].store.transaction.command(State.TRANSACTION, OURS)
            await s.push(connect=lambda d: connect(d, SHORT_S), terms=on_record(s))
            assert s.patterns() == [15, 15, 15]
            (event,) = [e for e in s.journal if e["event"] == "reclaimed"]
            assert event["signal"] == "b"

    run(scenario)


def test_where_we_have_never_written_an_open_transaction_is_taken_for_anothers() -> None:
    async def scenario() -> None:
        async with street() as s:
            s.cabinets[1].store.transaction.command(State.TRANSACTION, OURS)
            moved = PushTerms(on_record={"b": "127.0.0.1:9"})
            with pytest.raises(RejectedValueError, match="busy"):
                await s.push(connect=lambda d: connect(d, SHORT_S), terms=moved)
            assert s.patterns() == [1, 1, 1]

    run(scenario)


class Deaf:
    """Makes a device say that it has closed a transaction, and keep it open."""

    def __init__(self, cabinet: Cabinet, times: int) -> None:
        self._transaction = cabinet.store.transaction
        self._command = self._transaction.command
        self._left = times
        self._calls = 0
        self._transaction.command = self._hear  # type: ignore[method-assign]

    def _hear(self, command: int, community: bytes) -> None:
        # The first close stores the rows; those after it end the hold.
        self._calls += command == State.NORMAL
        if command == State.NORMAL and self._calls > 1 and self._left:
            self._left -= 1
            return
        self._command(command, community)


def test_a_transaction_that_stays_open_after_the_call_is_closed_and_recorded() -> None:
    async def scenario() -> None:
        async with street() as s:
            Deaf(s.cabinets[1], 1)
            await s.push(connect=lambda d: connect(d, SHORT_S))
            assert s.patterns() == [15, 15, 15]
            assert s.cabinets[1].store.transaction.state is State.NORMAL
            assert [e["event"] for e in s.journal] == [
                *("intent", "stored", "reclaimed", "activated")
            ]

    run(scenario)


# Devices that were met before


def known(s: Street, profiles: ProfileMemory) -> PushTerms:
    return PushTerms(profiles=profiles, ours=dict.fromkeys((d.signal_id for d in s.devices), 15))


def warned(receipt: PushReceipt, signal: str) -> str:
    (entry,) = [entry for entry in receipt.devices if entry.signal_id == signal]
    return "; ".join(entry.warnings)


def test_a_dry_run_says_what_a_person_should_know() -> None:
    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push(dry_run=True)
            assert "the device's clock was not compared with ours" in warned(receipt, "a")
            again = PushReceipt.from_dict(receipt.to_dict(), "here")
            assert again == receipt

    run(scenario)


def test_another_device_at_a_known_address_is_refused() -> None:
    async def scenario() -> None:
        async with street() as s:
            profiles = ProfileMemory()
            await s.push(terms=known(s, profiles))
            before = s.rows()
            spoil(s.cabinets[1], "maxSequences", value=3)
            with pytest.raises(ControllerError, match=r"'b' .* not the device that was met there"):
                await s.push(terms=known(s, profiles))
            assert s.rows() == before

    run(scenario)


def test_other_limits_that_the_plan_keeps_are_told_once() -> None:
    async def scenario() -> None:
        async with street() as s:
            profiles = ProfileMemory()
            first = await s.push(terms=known(s, profiles))
            assert "last met" not in warned(first, "b")
            spoil(s.cabinets[1], "phaseMaximum1", 2, value=77)
            second = await s.push(terms=known(s, profiles))
            assert "other limits" in warned(second, "b")
            assert "phase 2: maximum_s is 77" in warned(second, "b")
            third = await s.push(terms=PushTerms(profiles=profiles))
            assert "other limits" not in warned(third, "b")

    run(scenario)


def test_our_own_push_is_no_change_of_setup_and_a_strangers_is() -> None:
    async def scenario() -> None:
        async with street() as s:
            profiles = ProfileMemory()
            await s.push(terms=known(s, profiles))
            assert "setup" not in warned(await s.push(dry_run=True, terms=known(s, profiles)), "b")
            spoil(s.cabinets[1], "patternOffsetTime", 3, value=1)
            assert "another setup" in warned(
                await s.push(dry_run=True, terms=known(s, profiles)), "b"
            )

    run(scenario)


def test_how_a_device_numbers_its_checks_is_asked_once() -> None:
    async def scenario() -> None:
        async with street() as s:
            s.devices = tuple(replace(device, profile="probe") for device in s.devices)
            profiles = ProfileMemory()
            opened: list[int] = []
            transaction = s.cabinets[0].store.transaction
            command = transaction.command

            def counted(number: int, community: bytes) -> None:
                opened.append(number)
                command(number, community)

            transaction.command = counted  # type: ignore[method-assign]

            def reach(device: Device) -> AbstractAsyncContextManager[NtcipDriver]:
                return connect(device, known=profiles.known(device))

            await s.push(connect=reach, terms=known(s, profiles))
            # Probing opens one and goes back through it; download and call have one each.
            first, opened[:] = opened.count(State.TRANSACTION), []
            await s.push(connect=reach, terms=known(s, profiles))
            assert (first, opened.count(State.TRANSACTION)) == (4, 2)

    run(scenario)


@pytest.mark.parametrize(("ahead_s", "is_refused"), [(0, False), (10, True), (-10, True)])
def test_a_device_whose_clock_is_off_is_refused(ahead_s: int, is_refused: bool) -> None:
    async def scenario() -> None:
        async with street() as s:
            slept: list[float] = []

            async def sleep(seconds: float) -> None:
                slept.append(seconds)

            clock = lambda: NOW + timedelta(seconds=START_S - ahead_s)  # noqa: E731
            push = s.push(connect=reaching(clock, sleep))
            if is_refused:
                with pytest.raises(ControllerError, match="its clock is ahead of ours by"):
                    await push
            else:
                receipt = await push
                assert "clock" not in warned(receipt, "a")
            assert len(slept) >= 3

    run(scenario)
