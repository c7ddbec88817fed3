"""What a device's phases show, read over a real wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet
from controllers.ntcip.objects import instance
from controllers.ntcip.phase_status import PhaseEye, PhaseReport
from controllers.ntcip.session import connect
from network.errors import ControllerError
from tests.controllers.test_cabinet import PLAN, TWO, cabinet, put


def looked(device: Cabinet, work: Callable[[PhaseEye], Awaitable[None]]) -> None:
    """Look at a cabinet of phases 1 and 2 over loopback."""

    async def scenario() -> None:
        async with (
            serve([device]) as [address],
            connect(Device("s", *address, "look", "change")) as session,
        ):
            await work(await PhaseEye.open(session, "s", (1, 2)))

    asyncio.run(scenario())


def test_green_clearance_and_the_next_green_are_told_tenth_by_tenth() -> None:
    device = cabinet(start_s=17.0)

    async def work(eye: PhaseEye) -> None:
        committed = []
        for _ in range(PLAN.cycle_s):
            report = await eye.look()
            (ring,) = device.rings.rings
            assert report.on == {ring.phase}
            assert report.green == ({ring.phase} if ring.green else set())
            assert report.coordinated
            assert not report.in_transition
            assert report.pattern == 1
            assert report.since_reference_s == device.since_reference_s
            committed.append(report.committed)
            device.advance(1)
        # Five seconds of clearance belong to the green they lead to.
        assert [len(c) for c in committed] == [1] * PLAN.cycle_s
        assert committed.count(frozenset({1})) == PLAN.split_s(1)

    looked(device, work)


def test_a_free_controller_says_why_it_is_free() -> None:
    device = cabinet()
    put(device, "systemPatternControl", value=254)
    device.advance(1)

    async def work(eye: PhaseEye) -> None:
        report = await eye.look()
        assert not report.coordinated
        assert report.free_reason == "commandFree"
        assert report.called_pattern == 254

    looked(device, work)


def test_of_two_rings_the_one_that_clears_counts_with_where_it_goes() -> None:
    report = PhaseReport(
        frozenset({1, 5}), frozenset({5}), frozenset({2, 5}), 1, "notFree", False, 0, 0
    )
    assert report.committed == {2, 5}


def test_a_device_that_does_not_tell_its_place_in_the_cycle_is_refused() -> None:
    async def scenario() -> None:
        device = cabinet(TWO)
        async with (
            serve([device]) as [address],
            connect(Device("s", *address, "look", "change")) as session,
        ):
            nowhere = {"coordSyncStatus": instance("coordSyncStatus", 9)}
            with pytest.raises(ControllerError, match=r"s: it has no coordSyncStatus;"):
                await PhaseEye.open(session, "s", (1, 2), nowhere)

    asyncio.run(scenario())
