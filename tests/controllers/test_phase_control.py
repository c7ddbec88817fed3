"""Holds and force-offs over a real wire: obeyed, lawful, and forgotten when contact is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet
from controllers.ntcip.phase_control import PhaseControl
from controllers.ntcip.session import connect
from network.errors import ControllerError, RejectedValueError
from tests.controllers.actuation import greens
from tests.controllers.test_cabinet import cabinet

BACKUP_S = 30


def over_the_wire(device: Cabinet, work: Callable[[PhaseControl], Awaitable[None]]) -> None:
    """Take a cabinet's phases 1 and 2 over loopback and do something with them."""

    async def scenario() -> None:
        async with (
            serve([device]) as [address],
            connect(Device("s", *address, "look", "change")) as session,
        ):
            await work(await PhaseControl.take(session, "s", (1, 2)))

    asyncio.run(scenario())


def until_green(device: Cabinet, phase: int) -> None:
    """Go to the beginning of a phase's next green."""
    while greens(device) == [phase]:
        device.step()
    while greens(device) != [phase]:
        device.step()


def test_a_green_is_held_past_its_end_and_let_go() -> None:
    device = cabinet(backup_s=BACKUP_S)

    async def work(control: PhaseControl) -> None:
        until_green(device, 1)
        for _ in range(50):
            await control.ask(hold={1})
            device.advance(1)
            assert greens(device) == [1]
        await control.release()
        device.advance(10)
        assert greens(device) != [1]

    over_the_wire(device, work)
    assert device.monitor_fault == ""


def test_a_green_is_forced_off_but_not_before_its_minimum() -> None:
    device = cabinet(backup_s=BACKUP_S)
    least_s = device.config.phasing.phase(1).least_green_s
    seconds = 0

    async def work(control: PhaseControl) -> None:
        nonlocal seconds
        until_green(device, 1)
        while greens(device) == [1]:
            await control.ask(force_off={1})
            device.advance(1)
            seconds += 1

    over_the_wire(device, work)
    assert least_s <= seconds <= least_s + 1
    assert device.monitor_fault == ""


def test_lost_contact_gives_the_plan_back_within_the_backup_time() -> None:
    device = cabinet(backup_s=BACKUP_S)

    async def work(control: PhaseControl) -> None:
        assert control.backup_s == BACKUP_S
        until_green(device, 1)
        await control.ask(hold={1})

    over_the_wire(device, work)
    device.advance(BACKUP_S + 1)
    assert not device.controls.active
    plan = device.config.plan_in_force
    device.advance(3 * plan.cycle_s)
    assert device.in_step
    assert device.monitor_fault == ""


def test_a_device_that_would_hold_forever_is_refused() -> None:
    async def nothing(control: PhaseControl) -> None:
        raise AssertionError

    with pytest.raises(ControllerError, match="unitBackupTime is 0"):
        over_the_wire(cabinet(backup_s=0), nothing)


@pytest.mark.parametrize(
    ("hold", "force_off", "part"), [({9}, (), "does not exist"), ({1}, {1}, "at once")]
)
def test_what_cannot_be_asked_is_not_sent(hold: set[int], force_off: set[int], part: str) -> None:
    device = cabinet(backup_s=BACKUP_S)

    async def work(control: PhaseControl) -> None:
        with pytest.raises(RejectedValueError, match=part):
            await control.ask(hold, force_off)

    over_the_wire(device, work)
    assert not device.controls.active


def test_a_hold_that_becomes_a_force_off_in_one_message_keeps_the_controller_in_step() -> None:
    device = cabinet(backup_s=BACKUP_S)

    async def work(control: PhaseControl) -> None:
        until_green(device, 2)
        # Its clearance of five seconds leads up to the local zero.
        while device.cycle_left_s > 7:
            device.advance(1)
        # Phase 2 is not coordinated: it may last longer.
        await control.ask(hold={2})
        device.advance(4)
        assert greens(device) == [2]
        await control.ask(force_off={2})
        device.step()
        assert greens(device) == [0]
        for _ in range(2 * device.config.plan_in_force.cycle_s):
            device.advance(1)
            assert device.in_step

    over_the_wire(device, work)
    assert device.monitor_fault == ""
