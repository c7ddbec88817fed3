"""SNMPv3 of the session: against the emulator, whose codec and keys are not the library's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from controllers.driver import Device, User
from controllers.emulator.agent import Agent, serve
from controllers.ntcip.objects import instance
from controllers.ntcip.peer import AUTH_PROTOCOLS
from controllers.ntcip.session import connect
from network.errors import ControllerError, RejectedValueError, UnreachableError
from tests.controllers.net_snmp import READER, WRITER, device_at
from tests.controllers.wire import guarded, wired

OFFSET = instance("patternOffsetTime", 9)
Respond = Callable[[bytes], bytes | None]


@pytest.mark.parametrize("protocol", sorted(AUTH_PROTOCOLS))
def test_values_are_written_and_read_with_every_signature(protocol: str) -> None:
    reader = replace(READER, auth_protocol=protocol)
    writer = replace(WRITER, auth_protocol=protocol)

    async def scenario() -> None:
        async with (
            serve([guarded(reader, writer)]) as [(_, port)],
            connect(device_at(port, "v3", read_user=reader, write_user=writer)) as session,
        ):
            await session.set([(OFFSET, 7)])
            assert await session.get([OFFSET, instance("patternOffsetTime", 99)]) == (7, None)

    asyncio.run(scenario())


def test_keys_are_those_of_the_standard_s_example() -> None:
    # RFC 3414, A.3.2: "maplesyrup" with SHA, localized for the engine 00...02.
    protocol = AUTH_PROTOCOLS["SHA-1"]
    key = protocol.computeKey(b"maplesyrup")
    assert key.hex() == "9fb5cc0381497b3793528939ff788d5d79145211"
    localized = protocol.localizeKey(key, bytes(11) + b"\x02")
    assert localized.hex() == "6695febc9288e36282235fc7151f128497b38f3f"


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (replace(WRITER, name="stranger"), "SET by user 'stranger' is refused: it knows no such"),
        (replace(WRITER, auth_secret="not-this-one"), "'writer' is refused: the signature"),
        (replace(WRITER, auth_protocol="SHA-1"), "'writer' is refused: the signature"),
    ],
)
def test_a_user_the_device_does_not_accept_is_told_with_the_cause(wrong: User, match: str) -> None:
    async def scenario() -> None:
        device = guarded()
        async with (
            serve([device]) as [(_, port)],
            connect(device_at(port, "v3", write_user=wrong), 1.0, 0.1) as session,
        ):
            with pytest.raises(RejectedValueError, match=match) as caught:
                await session.set([(OFFSET, 7)])
            text = str(caught.value)
            assert f"signal 's' at 127.0.0.1:{port}" in text
            assert "secret'" not in text
            assert wrong.auth_secret not in text
            assert wrong.privacy_secret not in text
            # The reader is as good as before.
            assert await session.get([OFFSET]) == (0,)

    asyncio.run(scenario())


def test_a_wrong_privacy_secret_writes_nothing_and_is_told() -> None:
    wrong = replace(WRITER, privacy_secret="not-this-one")

    async def scenario() -> None:
        async with (
            serve([guarded()]) as [(_, port)],
            connect(device_at(port, "v3", write_user=wrong), 0.4, 0.1) as session,
        ):
            with pytest.raises(ControllerError, match="privacy secret") as caught:
                await session.set([(OFFSET, 7)])
            assert "not-this-one" not in str(caught.value)
            assert await session.get([OFFSET]) == (0,)

    asyncio.run(scenario())


def test_a_device_that_falls_silent_later_is_no_matter_of_secrets() -> None:
    async def scenario() -> None:
        agent = Agent(guarded())
        async with wired(agent) as (port, _), connect(device_at(port, "v3"), 0.2, 0.1) as session:
            await session.get([OFFSET])
            agent.faults.silent_after = 0
            with pytest.raises(UnreachableError, match=r"no answer to a GET in time$"):
                await session.get([OFFSET])
            # Of the writer nothing is known yet.
            with pytest.raises(UnreachableError, match="privacy secret of user 'writer'"):
                await session.set([(OFFSET, 7)])

    asyncio.run(scenario())


def test_the_reader_cannot_write() -> None:
    async def scenario() -> None:
        async with (
            serve([guarded()]) as [(_, port)],
            connect(device_at(port, "v3", write_user=READER)) as session,
        ):
            with pytest.raises(RejectedValueError, match=r"\.9 refused with noAccess"):
                await session.set([(OFFSET, 7)])

    asyncio.run(scenario())


def test_the_session_survives_restarts_of_the_device() -> None:
    async def scenario() -> None:
        device = guarded()
        async with (
            serve([device]) as [(_, port)],
            connect(device_at(port, "v3"), 1.0, 0.9) as session,
        ):
            for value in range(5):
                await session.set([(OFFSET, value)], resend=False)
                assert await session.get([OFFSET]) == (value,)
                device.restart()

    asyncio.run(scenario())


def test_answers_that_come_twice_or_late_are_taken_once() -> None:
    async def scenario() -> None:
        agent = Agent(guarded())
        # Slower than the interval of repetition: several copies of each request are under way.
        async with (
            wired(agent, delay_s=0.12, copies=3) as (port, wire),
            connect(device_at(port, "v3"), 2.0, 0.05) as session,
        ):
            for value in range(4):
                await session.set([(OFFSET, value)])
                assert await session.get([OFFSET]) == (value,)
                agent.cabinet.restart()
            assert len(wire.requests) > 16

    asyncio.run(scenario())


@pytest.mark.parametrize("limit", [484, 600, 1472])
def test_messages_stay_within_what_the_device_takes(limit: int) -> None:
    async def scenario() -> None:
        agent = Agent(guarded(), v3_message_bytes=limit)
        async with wired(agent) as (port, wire), connect(device_at(port, "v3")) as session:
            values = [(instance("splitTime", row, 1), row) for row in range(2, 17)] * 6
            await session.set(values)
            found = await session.get([oid for oid, _ in values])
            assert found == tuple(value for _, value in values)
            assert max(wire.requests) <= limit
            assert max(wire.replies) <= limit
            # No message was refused as too big, and only discovery came before the SETs.
            bindings = len(values)
            assert len(wire.requests) <= {484: 16, 600: 11, 1472: 11}[limit] + bindings // 18

    asyncio.run(scenario())


def test_a_device_that_comes_up_later_is_reached_by_the_same_session() -> None:
    # The library's discovery, once cancelled, kept its dead request and stumbled over it.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])

    async def scenario() -> None:
        async with connect(device_at(port, "v3"), 5.0, 4.0) as session:
            for _ in range(2):
                with pytest.raises(UnreachableError, match="refused"):
                    await session.get([OFFSET])
            async with serve([guarded()], base_port=port):
                assert await asyncio.wait_for(session.get([OFFSET]), 3.0) == (0,)

    asyncio.run(scenario())


def test_a_step_of_the_wall_clock_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with (
            serve([guarded()]) as [(_, port)],
            connect(device_at(port, "v3"), 1.0, 0.9) as session,
        ):
            assert await session.get([OFFSET]) == (0,)
            for step_s in (86_400.0, -86_400.0):
                monkeypatch.setattr("time.time", lambda step_s=step_s: 1.8e9 + step_s)
                monkeypatch.setattr(
                    "snmp.security.usm.implementation.time", lambda step_s=step_s: 1.8e9 + step_s
                )
                assert await session.get([OFFSET]) == (0,)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"auth_protocol": "MD5"}, "authentication protocol 'MD5'.*SHA-512"),
        ({"privacy_protocol": "DES"}, "privacy protocol 'DES'.*AES-128"),
    ],
)
def test_protocols_that_protect_nothing_are_refused(change: dict[str, str], match: str) -> None:
    refused(device_at(161, "v3", write_user=replace(WRITER, **change)), match)  # type: ignore[arg-type]


def test_one_name_for_two_users_is_refused() -> None:
    refused(device_at(161, "v3", write_user=replace(WRITER, name="reader")), "given twice")


def refused(device: Device, match: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ControllerError, match=match):
            async with connect(device):
                pass

    asyncio.run(scenario())


def test_secrets_do_not_show_in_texts() -> None:
    shown = repr(device_at(161, "v3"))
    for user in (READER, WRITER):
        assert user.auth_secret not in shown
        assert user.privacy_secret not in shown


def test_requests_keep_to_the_device_s_pace() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        arrivals: list[float] = []
        agent = Agent(guarded())
        async with wired(agent) as (port, wire):
            wire.agent.respond = _timed(agent.respond, arrivals, loop.time)  # type: ignore[method-assign]
            slow = replace(device_at(port, "v3"), requests_per_s=20.0)
            async with connect(slow) as session:
                for _ in range(24):
                    await session.get([OFFSET])
        # Discovery counts as well: 25 datagrams, so the last five wait for a second to pass.
        assert len(arrivals) == 25
        for first, after in zip(arrivals, arrivals[20:], strict=False):
            assert after - first > 0.95
        assert max(later - earlier for earlier, later in pairwise(arrivals[:20])) < 0.9

    asyncio.run(scenario())


def _timed(respond: Respond, arrivals: list[float], clock: Callable[[], float]) -> Respond:
    def timed(datagram: bytes) -> bytes | None:
        arrivals.append(clock())
        return respond(datagram)

    return timed
