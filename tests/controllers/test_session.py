from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import replace
from ipaddress import ip_network
from random import Random

import pytest

from controllers.driver import Device
from controllers.emulator.agent import Agent, serve
from controllers.emulator.faults import Faults
from controllers.ntcip.message_size import MAX_MESSAGE_BYTES
from controllers.ntcip.objects import instance
from controllers.ntcip.session import connect
from network.errors import ControllerError, RejectedValueError, UnreachableError
from tests.controllers import net_snmp
from tests.controllers.test_cabinet import cabinet
from tests.controllers.wire import guarded, wired

MUTANTS_PER_REQUEST = 100
REQUESTS = 100


def device_at(address: tuple[str, int], version: str = "v1") -> Device:
    return Device("s", *address, "look", "change", version)


def ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


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


@pytest.mark.parametrize("version", ["v1", "v2c"])
def test_messages_are_full_but_never_above_484_bytes(version: str) -> None:
    async def scenario() -> None:
        agent = Agent(cabinet())
        async with wired(agent) as (port, wire):
            device = device_at(("127.0.0.1", port), version)
            async with connect(device) as session:
                await session.set([(instance("splitTime", row, 1), row) for row in range(1, 17)])
                assert len(wire.requests) == 1
                await session.set([(instance("splitTime", 1 + n % 16, 1), 9) for n in range(36)])
                assert len(wire.requests) == 3
                # Values of the answer are not known yet, so a GET leaves room for the widest.
                await session.get([instance("splitTime", row, 1) for row in range(1, 17)])
                assert len(wire.requests) <= 5
            assert max(wire.requests) <= MAX_MESSAGE_BYTES
            assert max(wire.requests) > 420

    asyncio.run(scenario())


def test_a_number_that_fits_no_integer_is_refused_before_anything_is_sent() -> None:
    async def scenario() -> None:
        async with wired(Agent(cabinet())) as (port, wire):
            async with connect(device_at(("127.0.0.1", port))) as session:
                with pytest.raises(ControllerError, match=r"2147483648 for .*\.9 does not fit"):
                    await session.set(
                        [
                            (instance("patternOffsetTime", 8), 1),
                            (instance("patternOffsetTime", 9), 2**31),
                        ]
                    )
            assert wire.requests == []

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_outside_the_networks_gets_no_datagram(host: str) -> None:
    async def scenario() -> None:
        async with wired(Agent(cabinet())) as (port, wire):
            outside = replace(
                device_at((host, port)), networks=(ip_network("10.0.0.0/8"), ip_network("::/64"))
            )
            with pytest.raises(
                ControllerError, match=r"127\.0\.0\.1 lies outside .*\(10\.0\.0\.0/8, ::/64\)"
            ):
                async with connect(outside) as session:
                    await session.get([instance("maxPatterns")])
            assert wire.requests == []
            inside = replace(outside, networks=(ip_network("127.0.0.0/24"),))
            async with connect(inside) as session:
                assert await session.get([instance("maxPatterns")]) == (16,)

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1", "::ffff:203.0.113.1"])
def test_a_public_address_is_refused_unless_listed(host: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ControllerError, match="lies outside the allowed networks"):
            async with connect(Device("s", host, 161, "look", "change")):
                pass

    asyncio.run(scenario())


def test_an_ipv4_address_in_ipv6_clothing_is_judged_as_ipv4() -> None:
    async def scenario() -> None:
        device = Device("s", "::ffff:127.0.0.1", 9, "look", "change")
        clothed = replace(device, networks=(ip_network("::/0"),))
        with pytest.raises(ControllerError, match=r"127\.0\.0\.1 lies outside"):
            async with connect(clothed):
                pass

    asyncio.run(scenario())


def test_a_name_with_both_kinds_of_address_is_reached_over_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What such a name resolves to differs from machine to machine, so the resolver is told.
    async def scenario() -> None:
        async with serve([cabinet()]) as [(_, port)]:
            both = [
                (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("2001:db8::1", port, 0, 0)),
                (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port)),
            ]
            monkeypatch.setattr("socket.getaddrinfo", lambda *_args, **_named: both)
            async with connect(device_at(("corner.example", port))) as session:
                assert await session.get([instance("maxPatterns")]) == (16,)

    asyncio.run(scenario())


@pytest.mark.skipif(not ipv6_loopback(), reason="no IPv6 on this machine's loopback")
@pytest.mark.parametrize("version", ["v1", "v2c", "v3"])
def test_a_device_is_reached_over_ipv6(version: str) -> None:
    async def scenario() -> None:
        async with (
            serve([guarded()], "::1") as [(host, port)],
            connect(net_snmp.device_at(port, version, host)) as session,
        ):
            await session.set([(instance("patternOffsetTime", 9), 8)])
            assert await session.get([instance("patternOffsetTime", 9)]) == (8,)

    asyncio.run(scenario())


def test_a_request_given_up_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    # The library once kept the record of a cancelled request and stumbled over its late answer.
    async def scenario() -> None:
        agent = Agent(cabinet())
        async with wired(agent, delay_s=0.2) as (port, wire):
            async with connect(device_at(("127.0.0.1", port)), 5.0, 4.0) as session:
                asked = asyncio.create_task(session.get([instance("maxPatterns")]))
                await asyncio.sleep(0.05)
                asked.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asked
                assert await session.get([instance("maxPatterns")]) == (16,)
            assert len(wire.requests) == 2

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert caplog.records == []


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
