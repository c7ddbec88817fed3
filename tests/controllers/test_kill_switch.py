from __future__ import annotations

from controllers.emulator.faults import Faults
from controllers.kill_switch import Released, release_all
from controllers.ntcip.driver import connect
from controllers.watch import Tick
from tests.controllers.test_push import Street, run, street

SHORT_S = 0.05


async def released(s: Street, tick: Tick | None = None) -> tuple[Released, ...]:
    return await release_all(
        s.devices, tick=tick or s.tick, connect=lambda device: connect(device, SHORT_S)
    )


def test_every_device_returns_to_its_own_schedule() -> None:
    async def scenario() -> None:
        async with street() as s:
            await s.push()
            assert s.patterns() == [15, 15, 15]
            found = await released(s)
            assert [entry.released for entry in found] == [True] * 3
            assert {(entry.pattern, entry.control) for entry in found} == {(1, "timebase")}
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_a_dead_device_does_not_keep_the_others() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"a": fault}) as s:
            await s.push()
            fault.silent_after = 0
            found = await released(s)
            assert [entry.released for entry in found] == [False, True, True]
            assert "no answer" in found[0].problem
            assert s.patterns()[1:] == [1, 1]

    run(scenario)


def test_a_device_that_answers_late_is_told_again() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"a": fault}) as s:
            await s.push()
            fault.silent_after = 0

            async def tick() -> None:
                await s.tick()
                fault.silent_after = None

            assert [entry.released for entry in await released(s, tick)] == [True] * 3
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_somebody_who_keeps_calling_is_noticed() -> None:
    async def scenario() -> None:
        async with street() as s:
            await s.push()

            async def tick() -> None:
                await s.tick()
                async with connect(s.devices[2]) as stubborn:
                    await stubborn.activate(15)

            found = await released(s, tick)
            assert [entry.released for entry in found] == [True, True, False]
            assert "pattern 15 is called still or again" in found[2].problem

    run(scenario)
