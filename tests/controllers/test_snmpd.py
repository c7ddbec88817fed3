"""The session and the driver against an agent that is not ours: net-snmp's snmpd.

Once as the device itself, with its writable scalars and a table of its own, and once as a proxy
that gives an SNMPv1 or v2c controller the users of SNMPv3.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.driver import User
from controllers.emulator.agent import serve
from controllers.ntcip.driver import connect as connect_driver
from controllers.ntcip.objects import instance, parse_oid
from controllers.ntcip.peer import AUTH_PROTOCOLS
from controllers.ntcip.session import connect
from network.errors import RejectedValueError, UnreachableError
from network.timing import TimingPlan
from tests.controllers.net_snmp import READER, WRITER, device_at, free_port, needs_agent, snmpd
from tests.controllers.test_cabinet import cabinet

pytestmark = needs_agent

VERSIONS = ("v1", "v2c", "v3")

# RFC 3418 and RFC 3413, as snmpd offers them.
SYSTEM_DESCRIPTION = parse_oid("1.3.6.1.2.1.1.1.0")
SYSTEM_OBJECT = parse_oid("1.3.6.1.2.1.1.2.0")
UP_TIME = parse_oid("1.3.6.1.2.1.1.3.0")
LOCATION = parse_oid("1.3.6.1.2.1.1.6.0")
ABSENT = parse_oid("1.3.6.1.2.1.1.99.0")
AUTHENTICATION_TRAPS = parse_oid("1.3.6.1.2.1.11.30.0")
ENGINE_BOOTS = parse_oid("1.3.6.1.6.3.10.2.1.2.0")
TARGET_ENTRY = parse_oid("1.3.6.1.6.3.12.1.2.1")
UDP_DOMAIN = parse_oid("1.3.6.1.6.1.1")
CREATE_AND_GO, DESTROY = 4, 6

NEW_PLAN = TimingPlan("s", 70, (1, 2), (30, 40), 11, 1)
NTCIP = ".1.3.6.1.4.1.1206"


def row(name: bytes) -> dict[str, tuple[int, ...]]:
    """Return the columns of a row of snmpTargetAddrTable, whose index is its name."""
    columns = ("domain", "address", "timeout", "retries", "tags", "parameters", "kept", "status")
    return {
        column: (*TARGET_ENTRY, number, *name) for number, column in enumerate(columns, start=2)
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_scalars_are_written_and_read(version: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with snmpd(tmp_path) as port, connect(device_at(port, version)) as session:
            await session.set([(LOCATION, b"at the corner"), (AUTHENTICATION_TRAPS, 1)])
            await session.set([(AUTHENTICATION_TRAPS, 2)])
            found = await session.get([AUTHENTICATION_TRAPS, ABSENT, LOCATION, SYSTEM_OBJECT])
            assert found[:3] == (2, None, b"at the corner")
            assert isinstance(found[3], tuple)
            assert found[3][:7] == (1, 3, 6, 1, 4, 1, 8072)

    asyncio.run(scenario())


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_of_a_table_are_made_written_and_removed(version: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with snmpd(tmp_path) as port, connect(device_at(port, version)) as session:
            made = {name: row(name) for name in (b"north", b"south")}
            for columns in made.values():
                await session.set(
                    [
                        (columns["domain"], UDP_DOMAIN),
                        (columns["address"], bytes((127, 0, 0, 1, 0, 162))),
                        (columns["timeout"], 100_000),
                        (columns["retries"], 0),
                        (columns["parameters"], b"none"),
                        (columns["status"], CREATE_AND_GO),
                    ]
                )
            await session.set([(made[b"south"]["timeout"], 2**31 - 1)])
            wanted = [made[name][column] for column in ("timeout", "domain") for name in made]
            assert await session.get(wanted) == (100_000, 2**31 - 1, UDP_DOMAIN, UDP_DOMAIN)
            await session.set([(made[b"north"]["status"], DESTROY)])
            assert await session.get(wanted) == (None, 2**31 - 1, None, UDP_DOMAIN)

    asyncio.run(scenario())


@pytest.mark.parametrize("version", VERSIONS)
def test_many_instances_are_read_in_several_messages(version: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with snmpd(tmp_path) as port, connect(device_at(port, version)) as session:
            names = [row(b"r%02d" % number)["kept"] for number in range(30)]
            found = await session.get([*names, AUTHENTICATION_TRAPS, *names, UP_TIME])
            assert found[:30] == found[31:61] == (None,) * 30
            assert isinstance(found[30], int)
            assert isinstance(found[61], int)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("version", "missing_object", "wrong_type", "bad_value"),
    [
        # RFC 1157, 4.1.5, and what RFC 3584, 4.4 makes of the finer statuses of RFC 3416.
        ("v1", "noSuchName", "badValue", "badValue"),
        ("v2c", "notWritable", "wrongType", "wrongValue"),
        ("v3", "notWritable", "wrongType", "wrongValue"),
    ],
)
def test_a_refusal_names_object_and_reason(
    version: str, missing_object: str, wrong_type: str, bad_value: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with snmpd(tmp_path) as port, connect(device_at(port, version)) as session:
            for values, status in (
                ([(LOCATION, b"x"), (SYSTEM_DESCRIPTION, b"x")], missing_object),
                ([(LOCATION, b"x"), (AUTHENTICATION_TRAPS, b"1")], wrong_type),
                ([(LOCATION, b"x"), (AUTHENTICATION_TRAPS, 3)], bad_value),
            ):
                culprit = ".".join(map(str, values[1][0]))
                with pytest.raises(RejectedValueError, match=f"{culprit} refused with {status}"):
                    await session.set(values)
            assert await session.get([LOCATION]) == (b"Unknown",)

    asyncio.run(scenario())


@pytest.mark.parametrize("version", VERSIONS)
def test_who_may_only_read_cannot_write(version: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with snmpd(tmp_path) as port:
            device = replace(device_at(port, version, write_user=READER), write_community="look")
            async with connect(device) as session:
                with pytest.raises(RejectedValueError, match=r"noSuchName|noAccess"):
                    await session.set([(LOCATION, b"x")])

    asyncio.run(scenario())


def test_every_signature_is_understood(tmp_path: Path) -> None:
    users = [
        User(f"user-{name}", f"{name}-auth-secret", f"{name}-privacy-secret", name)
        for name in AUTH_PROTOCOLS
    ]

    async def scenario() -> None:
        async with snmpd(tmp_path, users=[READER, *users]) as port:
            for user in users:
                async with connect(device_at(port, "v3", write_user=user)) as session:
                    await session.set([(LOCATION, user.name.encode())])
                    assert await session.get([LOCATION]) == (user.name.encode(),)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"name": "stranger"}, RejectedValueError, "'stranger' is refused: it knows no such user"),
        ({"auth_secret": "not-this-one"}, RejectedValueError, "'writer' is refused: the signature"),
        ({"auth_protocol": "SHA-512"}, RejectedValueError, "'writer' is refused: the signature"),
        # snmpd drops what it cannot decrypt.
        ({"privacy_secret": "not-this-one"}, UnreachableError, "privacy secret of user 'writer'"),
    ],
)
def test_a_user_the_agent_does_not_accept_is_told_with_the_cause(
    wrong: dict[str, str], error: type[Exception], match: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with snmpd(tmp_path) as port:
            device = device_at(port, "v3", write_user=replace(WRITER, **wrong))  # type: ignore[arg-type]
            async with connect(device, 0.5, 0.2) as session:
                with pytest.raises(error, match=match) as caught:
                    await session.set([(LOCATION, b"x")])
                assert f"signal 's' at 127.0.0.1:{port}" in str(caught.value)
                assert "not-this-one" not in str(caught.value)
                assert await session.get([LOCATION]) == (b"Unknown",)

    asyncio.run(scenario())


def test_a_user_without_privacy_is_told(tmp_path: Path) -> None:
    lines = ["createUser halfway SHA-256 halfway-auth-secret", "rwuser halfway auth"]
    halfway = User("halfway", "halfway-auth-secret", "halfway-privacy", "SHA-256")

    async def scenario() -> None:
        async with (
            snmpd(tmp_path, lines) as port,
            connect(device_at(port, "v3", write_user=halfway), 0.5, 0.2) as session,
        ):
            with pytest.raises(RejectedValueError, match=r"does not grant .* privacy"):
                await session.set([(LOCATION, b"x")])

    asyncio.run(scenario())


def test_the_session_survives_restarts_of_the_agent(tmp_path: Path) -> None:
    port = free_port()

    async def scenario() -> None:
        async with connect(device_at(port, "v3"), 2.0, 1.9) as session:
            for boots in (1, 2, 3):
                async with snmpd(tmp_path, port=port):
                    # Neither resent nor rediscovered: the first report alone brings the new count.
                    await session.set([(LOCATION, b"boot %d" % boots)], resend=False)
                    found = await session.get([ENGINE_BOOTS, LOCATION])
                    assert found == (boots, b"boot %d" % boots)
                with pytest.raises(UnreachableError):
                    await session.get([LOCATION])

    asyncio.run(scenario())


@pytest.mark.parametrize("inner", ["1", "2c"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_plan_goes_through_a_proxy(version: str, inner: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        device = cabinet()
        async with AsyncExitStack() as stack:
            [(host, behind)] = await stack.enter_async_context(serve([device]))
            proxy = f"proxy -v {inner} -c change {host}:{behind} {NTCIP}"
            port = await stack.enter_async_context(snmpd(tmp_path, [proxy]))
            driver = await stack.enter_async_context(connect_driver(device_at(port, version)))
            identity = await driver.identify()
            assert (identity.max_patterns, len(identity.phases)) == (16, 2)
            change = await driver.prepare(NEW_PLAN, identity)
            stored = await driver.commit(change)
            assert stored == change.new
            assert device.store.number("patternCycleTime", change.pattern) == 70
            assert device.store.number("splitTime", change.split, 2) == 40
            for _ in range(4):
                await driver.activate(change.pattern)
                device.advance(100)
            assert (await driver.status()).runs(change.pattern)

    asyncio.run(scenario())


@pytest.mark.parametrize("inner", ["1", "2c"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_proxy_hides_neither_refusals_nor_values(
    version: str, inner: str, tmp_path: Path
) -> None:
    offset = instance("patternOffsetTime", 9)

    async def scenario() -> None:
        device = cabinet()
        async with AsyncExitStack() as stack:
            [(host, behind)] = await stack.enter_async_context(serve([device]))
            proxy = f"proxy -v {inner} -c change {host}:{behind} {NTCIP}"
            port = await stack.enter_async_context(snmpd(tmp_path, [proxy]))
            session = await stack.enter_async_context(connect(device_at(port, version)))
            await session.set([(offset, 5)])
            for value in (256, b"5"):
                with pytest.raises(RejectedValueError, match="refused with"):
                    await session.set([(offset, value)])
            with pytest.raises(RejectedValueError, match="refused with"):
                await session.set([(instance("dbCreateTransaction"), 6)])
            assert await session.get([offset]) == (5,)
            # Asked in SNMPv1, the proxy calls all of them missing because two of them are.
            rows = [instance("patternCycleTime", number) for number in (1, 77, 2, 99)]
            assert await session.get(rows) == (60, None, 0, None)

    asyncio.run(scenario())
