from __future__ import annotations

import asyncio
import logging
from random import Random

import pytest

from controllers.driver import Device
from controllers.emulator.agent import Agent, serve
from controllers.emulator.faults import Faults
from controllers.ntcip.objects import instance
from controllers.ntcip.session import connect
from network.errors import ControllerError, RejectedValueError, UnreachableError
from tests.controllers.test_cabinet import cabinet

MUTANTS_PER_REQUEST = 100
REQUESTS = 100


def device_at(address: tuple[str, int], version: str = "v1") -> Device:
    return Device("s", *address, "look", "change", version)


@pytest.mark.parametrize("version", ["v1", "v2c"])
def test_instances_that_do_not_exist_read_as_none(version: str) -> None:
    async def scenario() -> None:
        async with (
            serve([cabinet()]) as [address],
            connect(device_at(address, version)) as session,
        ):
            oids = [instance("patternCycleTime", row) for row in (1, 77, 2, 99)]
            assert await session.get(oids) == (60, None, 0, None)

    asyncio.run(scenario())


def test_long_requests_are_split_into_small_messages() -> None:
    async def scenario() -> None:
        device = cabinet()
        async with serve([device]) as [address], connect(device_at(address)) as session:
            values = [(instance("splitTime", row, 1), row) for row in range(2, 17)] * 4
            await session.set(values)
            assert await session.get([oid for oid, _ in values]) == tuple(
                value for _, value in values
            )
            # Sixteen long texts do not fit one answer: the request is halved until they do.
            rows = [instance("controllerBaseStandards")] * 18
            assert len(set(await session.get(rows))) == 1

    asyncio.run(scenario())


def test_a_refused_set_names_object_and_reason() -> None:
    async def scenario() -> None:
        async with serve([cabinet()]) as [address], connect(device_at(address)) as session:
            with pytest.raises(RejectedValueError, match=r"\.4\.7\.1\.3\.9 refused with badV"):
                await session.set([(instance("patternOffsetTime", 9), 256)])

    asyncio.run(scenario())


def test_requests_side_by_side_do_not_mix() -> None:
    async def scenario() -> None:
        async with serve([cabinet()]) as [address], connect(device_at(address)) as session:
            wanted = [instance("sequenceData", 1, 1), instance("maxPatterns")] * 20
            found = await asyncio.gather(*(session.get([oid]) for oid in wanted))
            assert found == [(b"\x01\x02",), (16,)] * 20

    asyncio.run(scenario())


def test_a_silent_device_is_given_up_in_time() -> None:
    async def scenario() -> None:
        async with (
            serve([cabinet()], faults={"s": Faults(silent_after=0)}) as [address],
            connect(device_at(address), 0.1) as session,
        ):
            with pytest.raises(UnreachableError, match="no answer to a GET in time"):
                await session.get([instance("maxPatterns")])

    asyncio.run(scenario())


def test_an_unknown_host_is_unreachable() -> None:
    async def scenario() -> None:
        device = Device("s", "no-such-host.invalid", 161, "look", "change")
        with pytest.raises(UnreachableError, match="no-such-host"):
            async with connect(device):
                pass

    asyncio.run(scenario())


def test_communities_do_not_show_in_texts() -> None:
    assert "look" not in repr(device_at(("127.0.0.1", 161)))
    assert "change" not in repr(device_at(("127.0.0.1", 161)))


class _Mutilator(asyncio.DatagramProtocol):
    """Sends damaged copies of the right answer before the right answer itself."""

    def __init__(self, agent: Agent, random: Random) -> None:
        self._agent = agent
        self._random = random
        self.sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._agent.respond(data)
        assert reply is not None
        for _ in range(MUTANTS_PER_REQUEST):
            damaged = bytearray(reply)
            if self._random.random() < 0.98:
                # Most go under another community: read to the end, but never taken as the answer.
                damaged = damaged.replace(b"look", b"lock")
            for _ in range(self._random.randint(1, 4)):
                damaged[self._random.randrange(len(damaged))] = self._random.randrange(256)
            if self._random.random() < 0.2:
                del damaged[self._random.randrange(1, len(damaged)) :]
            self._transport.sendto(bytes(damaged), addr)  # type: ignore[attr-defined]
            self.sent += 1
        self._transport.sendto(reply, addr)  # type: ignore[attr-defined]


def test_ten_thousand_damaged_answers_raise_no_foreign_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        uncaught: list[dict[str, object]] = []
        loop.set_exception_handler(lambda _, context: uncaught.append(context))
        mutilator = _Mutilator(Agent(cabinet()), Random(1202))
        transport, _ = await loop.create_datagram_endpoint(
            lambda: mutilator, local_addr=("127.0.0.1", 0)
        )
        try:
            address = transport.get_extra_info("sockname")
            oids = [instance("patternCycleTime", row) for row in range(1, 9)]
            for _ in range(REQUESTS):
                async with connect(device_at(address), 1.0) as session:
                    try:
                        assert len(await session.get(oids)) == len(oids)
                    except ControllerError:
                        continue
        finally:
            transport.close()
            await asyncio.sleep(0)
        assert uncaught == []
        return mutilator.sent

    with caplog.at_level(logging.ERROR):
        sent = asyncio.run(scenario())
    assert sent >= 10_000
