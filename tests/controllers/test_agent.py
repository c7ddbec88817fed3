"""The agent's answers, datagram by datagram, and its transaction."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import replace

import pytest

from controllers.emulator.agent import MAX_MESSAGE_BYTES, Agent, serve
from controllers.emulator.ber import Message, Oid, PduType, Tag, Value, Version, decode, encode
from controllers.emulator.cabinet import Cabinet
from controllers.emulator.responder import TOO_BIG, shortened
from controllers.ntcip.objects import OBJECTS, Edition, dotted, instance
from network.errors import ControllerError
from tests.controllers.test_cabinet import cabinet

V1, V2C = Version.V1, Version.V2C
STATE = instance("dbCreateTransaction")
OFFSET = instance("patternOffsetTime", 9)
SEQUENCE = instance("sequenceData", 9, 1)


def ask(
    agent: Agent,
    kind: PduType,
    *bindings: tuple[Oid, Value],
    version: Version = V1,
    community: bytes = b"change",
) -> Message:
    request = Message(version, community, kind, 7, 0, 0, bindings)
    reply = agent.respond(encode(request))
    assert reply is not None
    answer = decode(reply)
    assert (answer.version, answer.community, answer.request_id) == (version, community, 7)
    return answer


def put(
    agent: Agent,
    *values: tuple[Oid, int | bytes],
    version: Version = V1,
    community: bytes = b"change",
) -> tuple[int, int]:
    bindings = [
        (oid, Value(Tag.INTEGER if isinstance(value, int) else Tag.OCTETS, value))
        for oid, value in values
    ]
    answer = ask(agent, PduType.SET, *bindings, version=version, community=community)
    return answer.error_status, answer.error_index


def look(agent: Agent, oid: Oid) -> object:
    return ask(agent, PduType.GET, (oid, Value(Tag.NULL))).bindings[0][1].content


@pytest.fixture
def agent() -> Agent:
    return Agent(cabinet())


@pytest.mark.parametrize(
    ("bindings", "v1", "v2c"),
    [
        ([(OFFSET, 5), (instance("patternOffsetTime", 99), 5)], (2, 2), (11, 2)),
        ([(OFFSET, 5), (instance("maxPatterns"), 5)], (2, 2), (17, 2)),
        ([(OFFSET, 5), (instance("phaseYellowChange", 1), 5)], (2, 2), (17, 2)),
        ([(OFFSET, 5), (OFFSET, b"5")], (3, 2), (7, 2)),
        ([(OFFSET, 5), (OFFSET, 256)], (3, 2), (10, 2)),
        ([(OFFSET, 5), (instance("splitMode", 9, 1), 9)], (3, 2), (10, 2)),
        ([(OFFSET, 5), (instance("systemPatternControl"), 255)], (3, 2), (10, 2)),
        ([(OFFSET, 5), (STATE, 3)], (3, 2), (10, 2)),
        ([(OFFSET, 5), (SEQUENCE, b"\x01\x02")], (5, 0), (5, 0)),
    ],
)
def test_a_refused_set_names_the_culprit_and_stores_nothing(
    agent: Agent,
    bindings: list[tuple[Oid, int | bytes]],
    v1: tuple[int, int],
    v2c: tuple[int, int],
) -> None:
    assert put(agent, *bindings, version=V1) == v1
    assert put(agent, *bindings, version=V2C) == v2c
    assert look(agent, OFFSET) == 0


def test_an_unknown_instance_is_an_error_in_v1_and_an_exception_in_v2c(agent: Agent) -> None:
    missing = instance("patternOffsetTime", 99)
    bindings = ((OFFSET, Value(Tag.NULL)), (missing, Value(Tag.NULL)))
    v1 = ask(agent, PduType.GET, *bindings, version=V1)
    assert (v1.error_status, v1.error_index) == (2, 2)
    v2c = ask(agent, PduType.GET, *bindings, version=V2C)
    assert v2c.error_status == 0
    assert v2c.bindings[1] == (missing, Value(Tag.NO_SUCH_INSTANCE))


def test_a_walk_meets_every_instance_once_in_order(agent: Agent) -> None:
    met: list[Oid] = []
    at: Oid = (1, 3)
    while True:
        answer = ask(agent, PduType.GET_NEXT, (at, Value(Tag.NULL)), version=V2C)
        at, value = answer.bindings[0]
        if value.tag is Tag.END_OF_MIB_VIEW:
            break
        met.append(at)
    assert met == sorted(set(met))
    assert {OFFSET, STATE, SEQUENCE} <= set(met)
    end = ask(agent, PduType.GET_NEXT, (at, Value(Tag.NULL)), version=V1)
    assert (end.error_status, end.error_index) == (2, 1)


def test_wrong_communities_and_responses_meet_silence(agent: Agent) -> None:
    wrong = Message(V1, b"public", PduType.GET, 1, 0, 0, ((OFFSET, Value(Tag.NULL)),))
    answer = Message(V1, b"look", PduType.RESPONSE, 1, 0, 0, ())
    assert agent.respond(encode(wrong)) is None
    assert agent.respond(encode(answer)) is None
    assert agent.respond(b"nonsense") is None


def test_the_read_community_cannot_write(agent: Agent) -> None:
    assert put(agent, (OFFSET, 5), community=b"look", version=V1) == (2, 1)
    assert put(agent, (OFFSET, 5), community=b"look", version=V2C) == (6, 1)
    assert look(agent, OFFSET) == 0


def test_an_answer_beyond_484_bytes_is_too_big(agent: Agent) -> None:
    bindings = [(instance("patternCycleTime", row), Value(Tag.NULL)) for row in range(1, 17)]
    fits = ask(agent, PduType.GET, *bindings)
    assert fits.error_status == 0
    assert len(encode(fits)) <= MAX_MESSAGE_BYTES
    answer = ask(agent, PduType.GET, *bindings, *bindings)
    assert (answer.error_status, answer.error_index, answer.bindings) == (1, 0, ())


def bulk(
    agent: Agent, non_repeaters: int, repetitions: int, *oids: Oid
) -> tuple[tuple[Oid, Value], ...]:
    bindings = tuple((oid, Value(Tag.NULL)) for oid in oids)
    kind = PduType.GET_BULK
    request = Message(V2C, b"look", kind, 7, non_repeaters, repetitions, bindings)
    reply = agent.respond(encode(request))
    assert reply is not None
    assert len(reply) <= MAX_MESSAGE_BYTES
    answer = decode(reply)
    assert (answer.error_status, answer.error_index) == (0, 0)
    return answer.bindings


def follow(agent: Agent, oid: Oid, steps: int = 1) -> Oid:
    for _ in range(steps):
        oid = ask(agent, PduType.GET_NEXT, (oid, Value(Tag.NULL)), version=V2C).bindings[0][0]
    return oid


def test_a_bulk_read_repeats_all_names_but_the_first(agent: Agent) -> None:
    cycle, split = OBJECTS["patternCycleTime"].oid, OBJECTS["splitTime"].oid
    found = bulk(agent, 1, 3, (1, 3), cycle, split)
    expected = [follow(agent, (1, 3))]
    for step in (1, 2, 3):
        expected += [follow(agent, cycle, step), follow(agent, split, step)]
    assert [oid for oid, _ in found] == expected
    assert found[1] == (instance("patternCycleTime", 1), Value(Tag.INTEGER, 60))


@pytest.mark.parametrize(
    ("non_repeaters", "repetitions", "count"),
    [(0, 0, 0), (0, -1, 0), (1, 0, 1), (2, 9, 2), (5, 9, 2), (-1, 2, 4), (1, 4, 5)],
)
def test_a_bulk_read_takes_its_two_numbers_as_the_standard_says(
    agent: Agent, non_repeaters: int, repetitions: int, count: int
) -> None:
    names = (OBJECTS["patternCycleTime"].oid, OBJECTS["splitTime"].oid)
    assert len(bulk(agent, non_repeaters, repetitions, *names)) == count


def test_a_bulk_read_fills_the_message_and_no_more(agent: Agent) -> None:
    names = [OBJECTS[name].oid for name in ("patternCycleTime", "splitTime", "splitMode")]
    found = bulk(agent, 0, 2**31 - 1, *names)
    request = Message(V2C, b"look", PduType.RESPONSE, 7, 0, 0, found)
    assert len(encode(request)) <= MAX_MESSAGE_BYTES
    oid = follow(agent, found[-3][0])
    longer = replace(request, bindings=(*found, (oid, Value(Tag.INTEGER, 0))))
    assert len(encode(longer)) > MAX_MESSAGE_BYTES
    assert len(bulk(agent, 0, len(found) // 3, *names)) == len(found) // 3 * 3


def test_a_bulk_read_stops_at_the_end(agent: Agent) -> None:
    at: Oid = (1, 3)
    met = []
    while True:
        found = bulk(agent, 0, 50, at)
        met += [oid for oid, value in found if value.tag is not Tag.END_OF_MIB_VIEW]
        if found[-1][1].tag is Tag.END_OF_MIB_VIEW:
            break
        at = found[-1][0]
    walked = []
    at = (1, 3)
    while (following := agent.cabinet.store.following(at)) is not None:
        walked.append(at := following)
    assert met == walked
    assert bulk(agent, 0, 50, (2, 5)) == (((2, 5), Value(Tag.END_OF_MIB_VIEW)),)


def test_a_binding_that_fits_no_message_is_too_big() -> None:
    long = Message(
        V2C, b"look", PduType.RESPONSE, 7, 0, 0, ((STATE, Value(Tag.OCTETS, bytes(500))),)
    )
    answer = shortened(long, encode, MAX_MESSAGE_BYTES)
    assert (answer.error_status, answer.bindings) == (TOO_BIG, ())


def test_even_too_big_is_not_said_where_it_does_not_fit() -> None:
    config = replace(cabinet().config, read_community="look" * 120)
    request = Message(V1, b"look" * 120, PduType.GET, 7, 0, 0, ((STATE, Value(Tag.NULL)),))
    assert Agent(Cabinet(config)).respond(encode(request)) is None


def test_v1_knows_no_bulk_read(agent: Agent) -> None:
    request = Message(V1, b"look", PduType.GET_BULK, 7, 0, 5, ((STATE, Value(Tag.NULL)),))
    assert agent.respond(encode(request)) is None


@pytest.mark.parametrize("kind", [PduType.INFORM, PduType.TRAP, PduType.REPORT])
def test_what_is_no_request_meets_silence(agent: Agent, kind: PduType) -> None:
    assert agent.respond(encode(Message(V2C, b"change", kind, 1, 0, 0, ()))) is None


@pytest.mark.parametrize(
    "value",
    [
        Value(Tag.COUNTER64, 5),
        Value(Tag.IP_ADDRESS, b"\x7f\x00\x00\x01"),
        Value(Tag.OPAQUE, b"5"),
        Value(Tag.TIME_TICKS, 5),
    ],
)
def test_values_that_no_object_takes_are_of_the_wrong_type(agent: Agent, value: Value) -> None:
    answer = ask(agent, PduType.SET, (OFFSET, value), version=V2C)
    assert (answer.error_status, answer.error_index) == (7, 1)


def test_a_transaction_buffers_until_it_is_committed(agent: Agent) -> None:
    before = look(agent, instance("globalSetIDParameter"))
    assert put(agent, (STATE, 2)) == (0, 0)
    assert put(agent, (OFFSET, 5)) == (0, 0)
    assert look(agent, OFFSET) == 0
    assert put(agent, (STATE, 3)) == (0, 0)
    assert look(agent, STATE) == 6
    assert look(agent, instance("dbVerifyStatus")) == 3
    assert put(agent, (OFFSET, 6)) == (5, 0)
    assert put(agent, (STATE, 1)) == (0, 0)
    assert look(agent, OFFSET) == 5
    assert look(agent, instance("globalSetIDParameter")) != before


def test_a_transaction_taken_back_stores_nothing(agent: Agent) -> None:
    put(agent, (STATE, 2))
    put(agent, (OFFSET, 5))
    assert put(agent, (STATE, 1)) == (0, 0)
    assert look(agent, OFFSET) == 0


def test_a_failed_check_says_why_and_discards(agent: Agent) -> None:
    put(agent, (STATE, 2))
    cycle, mode = instance("patternCycleTime", 9), instance("splitMode", 9, 1)
    assert put(agent, (cycle, 60), (mode, 2), (SEQUENCE, b"\x01\x09")) == (0, 0)
    put(agent, (instance("patternSequenceNumber", 9), 9))
    put(agent, (STATE, 3))
    assert look(agent, instance("dbVerifyStatus")) == 2
    assert look(agent, instance("dbVerifyError")) == b"sequence 9 is empty or names unknown phases"
    put(agent, (STATE, 1))
    assert look(agent, cycle) == 0


def test_after_a_check_the_transaction_can_be_taken_up_again(agent: Agent) -> None:
    put(agent, (STATE, 2))
    put(agent, (OFFSET, 5))
    put(agent, (STATE, 3))
    assert put(agent, (STATE, 2)) == (0, 0)
    put(agent, (instance("patternCycleTime", 10), 0))
    put(agent, (STATE, 3))
    put(agent, (STATE, 1))
    assert look(agent, OFFSET) == 5


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ((), 1),
        ((), 3),
        ((), 6),
        ((2,), 2),
        ((2,), 6),
        ((2, 3), 3),
        ((2, 3), 6),
    ],
)
def test_unlawful_commands_are_bad_values(
    agent: Agent, path: tuple[int, ...], command: int
) -> None:
    for step in path:
        assert put(agent, (STATE, step)) == (0, 0)
    before = look(agent, STATE)
    assert put(agent, (STATE, command)) == (3, 1)
    assert look(agent, STATE) == before


def test_a_check_under_way_takes_no_command(agent: Agent) -> None:
    agent.cabinet.store.transaction.verify_polls = 2
    put(agent, (STATE, 2))
    put(agent, (STATE, 3))
    assert put(agent, (STATE, 1)) == (3, 1)
    assert [look(agent, STATE) for _ in range(3)] == [3, 3, 6]


def test_only_the_owner_continues_a_transaction(agent: Agent) -> None:
    agent.cabinet.store.transaction.command(2, b"another")
    assert put(agent, (STATE, 1)) == (5, 0)
    assert put(agent, (OFFSET, 5)) == (5, 0)
    # Control objects are no database objects: they pass.
    assert put(agent, (instance("systemPatternControl"), 1)) == (0, 0)


def test_the_older_edition_numbers_the_outcome_of_a_check_from_zero() -> None:
    agent = Agent(cabinet(edition=Edition.V1996))
    assert look(agent, instance("dbVerifyStatus")) == 0
    put(agent, (STATE, 2))
    put(agent, (STATE, 3))
    assert look(agent, instance("dbVerifyStatus")) == 2
    sync = ask(agent, PduType.GET, (instance("patternCoordSyncPoint", 1), Value(Tag.NULL)))
    assert sync.error_status == 2


def serving(cabinets: list[Cabinet], port: int) -> None:
    async def scenario() -> None:
        async with serve(cabinets, base_port=port):
            pass

    asyncio.run(scenario())


def test_a_taken_port_is_named() -> None:
    async def scenario() -> None:
        async with serve([cabinet()]) as [(_, port)]:
            with pytest.raises(ControllerError, match=f"UDP port {port} of .* already taken"):
                async with serve([cabinet()], base_port=port):
                    pass

    asyncio.run(scenario())


def test_a_port_out_of_range_is_refused() -> None:
    with pytest.raises(ControllerError, match="70000"):
        serving([cabinet()], 70_000)


@pytest.mark.skipif(shutil.which("snmpset") is None, reason="net-snmp's tools are not installed")
@pytest.mark.parametrize("version", ["1", "2c"])
def test_net_snmp_gets_sets_and_walks(version: str) -> None:
    device = cabinet()

    async def tool(name: str, community: str, port: int, *arguments: str) -> tuple[int, str]:
        command = [name, f"-v{version}", "-c", community, "-On", "-r0", "-t2"]
        process = await asyncio.create_subprocess_exec(
            *command,
            f"127.0.0.1:{port}",
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    async def scenario() -> None:
        async with serve([device]) as [(_, port)]:
            offset = dotted(OFFSET)
            code, text = await tool("snmpget", "look", port, offset)
            # The first run of the tools on a machine also tells which folders it makes.
            assert (code, text.splitlines()[-1]) == (0, f".{offset} = INTEGER: 0")
            code, _ = await tool("snmpset", "change", port, offset, "i", "33")
            assert code == 0
            assert device.store.number("patternOffsetTime", 9) == 33
            code, text = await tool("snmpset", "change", port, offset, "i", "300")
            assert code != 0
            assert ("badValue" if version == "1" else "wrongValue") in text
            code, text = await tool("snmpwalk", "look", port, dotted(OBJECTS["splitTime"].oid))
            assert code == 0
            assert len(text.strip().splitlines()) == 32

    asyncio.run(scenario())
