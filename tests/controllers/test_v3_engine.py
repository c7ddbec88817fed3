"""Whom the cabinet lets in over SNMPv3, what it tells the others, and that it acts for no other."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from benchmarks.bridge.datagrams import ENGINE_ID, KEYS, READER, WRITER, cabinet
from controllers.emulator.agent import V3_MESSAGE_BYTES, Agent, serve
from controllers.emulator.ber import Message, Oid, PduType, Tag, Value, Version, decode, encode
from controllers.emulator.cabinet import Cabinet
from controllers.emulator.usm import MAX_BOOTS, Keys, keys_of
from controllers.emulator.v3 import (
    AUTH,
    LEVEL,
    PRIV,
    REPORTABLE,
    Envelope,
    read,
    scope,
    unscope,
    write,
)
from controllers.emulator.v3_engine import Reason
from controllers.ntcip.objects import instance
from network.errors import ControllerError

OFFSET = instance("patternOffsetTime", 9)
STATE = instance("dbCreateTransaction")
NULL = Value(Tag.NULL)
ALL = LEVEL | REPORTABLE


class Manager:
    """The far end: seals requests for an agent, and opens what comes back."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.boots = 1
        self.time_s = 0
        self.max_bytes = 65_507

    def envelope(self, user: bytes, flags: int = ALL) -> Envelope:
        return Envelope(77, self.max_bytes, flags, ENGINE_ID, self.boots, self.time_s, user)

    def request(
        self,
        user: bytes,
        kind: PduType,
        *bindings: tuple[Oid, Value],
        bulk: tuple[int, int] = (0, 0),
    ) -> bytes:
        message = Message(Version.V3, user, kind, 7, *bulk, bindings)
        return write(self.envelope(user), scope(ENGINE_ID, b"", message), KEYS[user], bytes(8))

    def ask(self, datagram: bytes) -> tuple[Envelope, Message]:
        reply = self.agent.respond(datagram)
        assert reply is not None
        return opened(reply)

    def put(self, user: bytes, *values: tuple[Oid, int]) -> tuple[int, int]:
        bindings = [(oid, Value(Tag.INTEGER, value)) for oid, value in values]
        _, answer = self.ask(self.request(user, PduType.SET, *bindings))
        assert answer.pdu_type is PduType.RESPONSE
        return answer.error_status, answer.error_index


def opened(reply: bytes) -> tuple[Envelope, Message]:
    """Check the digest of a reply, if it should bear one, and return what it says."""
    sealed = read(reply)
    envelope, inside = sealed.envelope, sealed.payload
    if envelope.flags & AUTH:
        keys = KEYS[envelope.user]
        blank = bytes(len(sealed.digest))
        end = sealed.digest_at + len(blank)
        unsigned = reply[: sealed.digest_at] + blank + reply[end:]
        assert keys.digest(unsigned) == sealed.digest
        if envelope.flags & PRIV:
            inside = keys.decrypt(inside, envelope.boots, envelope.time_s, sealed.salt)
    engine_id, context, message = unscope(inside, envelope.user)
    assert (engine_id, context) == (ENGINE_ID, b"")
    return envelope, message


def told(answer: tuple[Envelope, Message]) -> tuple[Reason, int]:
    """Return what a report reports, and which bits of security it bears."""
    envelope, report = answer
    assert report.pdu_type is PduType.REPORT
    ((oid, count),) = report.bindings
    assert count.tag is Tag.COUNTER
    return Reason(oid), envelope.flags


@pytest.fixture
def device() -> Cabinet:
    return cabinet()


@pytest.fixture
def manager(device: Cabinet) -> Manager:
    return Manager(Agent(device))


SCOPED = scope(ENGINE_ID, b"", Message(Version.V3, b"", PduType.GET, 7, 0, 0, ((OFFSET, NULL),)))


def test_both_users_read_and_one_writes(manager: Manager) -> None:
    assert manager.put(b"writer", (OFFSET, 5)) == (0, 0)
    assert manager.put(b"reader", (OFFSET, 6)) == (6, 1)
    for user in (b"reader", b"writer"):
        envelope, answer = manager.ask(manager.request(user, PduType.GET, (OFFSET, NULL)))
        assert answer.bindings == ((OFFSET, Value(Tag.INTEGER, 5)),)
        assert (envelope.message_id, envelope.flags, envelope.user) == (77, LEVEL, user)
        assert (answer.request_id, answer.error_status) == (7, 0)


def test_a_refused_write_is_put_in_the_words_of_version_2(manager: Manager) -> None:
    assert manager.put(b"writer", (OFFSET, 5), (instance("maxPatterns"), 5)) == (17, 2)
    assert manager.put(b"writer", (OFFSET, 256)) == (10, 1)


def test_a_stranger_learns_the_engine_and_its_time(device: Cabinet, manager: Manager) -> None:
    device.advance(3)
    probe = Message(Version.V3, b"", PduType.GET, 7, 0, 0, ())
    envelope = Envelope(78, 1000, REPORTABLE, b"", 0, 0, b"")
    found = manager.ask(write(envelope, scope(b"", b"", probe)))
    assert told(found) == (Reason.UNKNOWN_ENGINE_IDS, 0)
    assert found[0] == Envelope(78, V3_MESSAGE_BYTES, 0, ENGINE_ID, 1, 3, b"")
    assert found[1].request_id == 7


def other(**changes: str) -> Keys:
    return keys_of(replace(READER, **changes), ENGINE_ID)


class Careless(Keys):
    """Encrypts nothing, and so takes a salt of any length."""

    __slots__ = ()

    def encrypt(self, data: bytes, boots: int, time_s: int, salt: bytes) -> bytes:
        return data


CARELESS = Careless(b"reader", "SHA-1", KEYS[b"reader"].auth_key, KEYS[b"reader"].privacy_key)


@pytest.mark.parametrize(
    ("changes", "keys", "salt", "reason", "level"),
    [
        ({"engine_id": b"12345"}, KEYS[b"reader"], 8, Reason.UNKNOWN_ENGINE_IDS, 0),
        ({"user": b"nobody"}, KEYS[b"reader"], 8, Reason.UNKNOWN_USER_NAMES, 0),
        ({"user": b""}, KEYS[b"reader"], 8, Reason.UNKNOWN_USER_NAMES, 0),
        ({"flags": REPORTABLE}, None, 0, Reason.UNSUPPORTED_SECURITY_LEVELS, 0),
        ({"flags": REPORTABLE | AUTH}, KEYS[b"reader"], 0, Reason.UNSUPPORTED_SECURITY_LEVELS, 0),
        ({}, KEYS[b"writer"], 8, Reason.WRONG_DIGESTS, 0),
        ({}, other(auth_secret="guessed at"), 8, Reason.WRONG_DIGESTS, 0),
        ({}, other(auth_protocol="SHA-256"), 8, Reason.WRONG_DIGESTS, 0),
        ({}, other(privacy_secret="guessed at"), 8, Reason.DECRYPTION_ERRORS, AUTH),
        ({}, CARELESS, 7, Reason.DECRYPTION_ERRORS, AUTH),
        ({}, CARELESS, 8, Reason.DECRYPTION_ERRORS, AUTH),
        ({"boots": 0}, KEYS[b"reader"], 8, Reason.NOT_IN_TIME_WINDOWS, AUTH),
        ({"boots": 2}, KEYS[b"reader"], 8, Reason.NOT_IN_TIME_WINDOWS, AUTH),
        ({"boots": MAX_BOOTS}, KEYS[b"reader"], 8, Reason.NOT_IN_TIME_WINDOWS, AUTH),
        ({"time_s": 151}, KEYS[b"reader"], 8, Reason.NOT_IN_TIME_WINDOWS, AUTH),
    ],
)
def test_whoever_is_not_let_in_meets_a_report(
    manager: Manager,
    changes: dict[str, object],
    keys: Keys | None,
    salt: int,
    reason: Reason,
    level: int,
) -> None:
    envelope = replace(manager.envelope(b"reader"), **changes)  # type: ignore[arg-type]
    datagram = write(envelope, SCOPED, keys, bytes(salt))
    assert told(manager.ask(datagram)) == (reason, level)
    assert manager.agent.engine is not None
    assert manager.agent.engine.statistics == {reason: 1}
    assert told(manager.ask(datagram))[0] is reason
    assert manager.agent.engine.statistics == {reason: 2}


@pytest.mark.parametrize("flags", [0, AUTH, LEVEL])
def test_nobody_is_told_who_does_not_want_to_know(manager: Manager, flags: int) -> None:
    envelope = replace(manager.envelope(b"reader", flags), time_s=151)
    salt = bytes(8) if flags & PRIV else b""
    assert manager.agent.respond(write(envelope, SCOPED, KEYS[b"reader"], salt)) is None


@pytest.mark.parametrize("kind", [PduType.RESPONSE, PduType.REPORT, PduType.TRAP, PduType.INFORM])
def test_what_is_no_request_meets_silence(manager: Manager, kind: PduType) -> None:
    assert manager.agent.respond(manager.request(b"writer", kind, (OFFSET, NULL))) is None
    said = scope(ENGINE_ID, b"", Message(Version.V3, b"", kind, 7, 0, 0, ()))
    assert manager.agent.respond(write(manager.envelope(b"", REPORTABLE), said)) is None


@pytest.mark.parametrize(
    ("engine_id", "context", "reason"),
    [
        (b"12345", b"", Reason.UNKNOWN_PDU_HANDLERS),
        (ENGINE_ID, b"east", Reason.UNKNOWN_CONTEXTS),
    ],
)
def test_only_the_default_context_exists(
    manager: Manager, engine_id: bytes, context: bytes, reason: Reason
) -> None:
    message = Message(Version.V3, b"reader", PduType.GET, 7, 0, 0, ((OFFSET, NULL),))
    scoped = scope(engine_id, context, message)
    datagram = write(manager.envelope(b"reader"), scoped, KEYS[b"reader"], bytes(8))
    answer = manager.ask(datagram)
    assert told(answer) == (reason, LEVEL)
    assert answer[1].request_id == 7


def test_a_message_from_before_a_restart_is_not_carried_out(
    device: Cabinet, manager: Manager
) -> None:
    recorded = manager.request(b"writer", PduType.SET, (OFFSET, Value(Tag.INTEGER, 5)))
    manager.ask(recorded)
    manager.put(b"writer", (OFFSET, 6))
    device.advance(4)
    device.restart()
    device.advance(2)
    answer = manager.ask(recorded)
    assert told(answer) == (Reason.NOT_IN_TIME_WINDOWS, AUTH)
    # The clock of the cabinet is read when the first message after the restart arrives.
    assert (answer[0].boots, answer[0].time_s) == (2, 0)
    assert device.store.number("patternOffsetTime", 9) == 6
    manager.boots = 2
    assert manager.put(b"writer", (OFFSET, 7)) == (0, 0)


def test_a_late_message_is_not_carried_out(device: Cabinet, manager: Manager) -> None:
    recorded = manager.request(b"writer", PduType.SET, (OFFSET, Value(Tag.INTEGER, 5)))
    device.advance(151)
    assert told(manager.ask(recorded)) == (Reason.NOT_IN_TIME_WINDOWS, AUTH)
    assert device.store.number("patternOffsetTime", 9) == 0


def test_a_process_that_keeps_count_serves_its_own_boots() -> None:
    async def scenario() -> Envelope:
        loop = asyncio.get_running_loop()
        async with serve([cabinet()], boots=4) as [address]:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as manager:
                manager.setblocking(False)
                await loop.sock_connect(manager, address)
                question = Message(Version.V3, b"", PduType.GET, 7, 0, 0, ())
                asked = Envelope(77, 65_507, REPORTABLE, b"", 0, 0, b"")
                await loop.sock_sendall(manager, write(asked, scope(b"", b"", question)))
                return read(await loop.sock_recv(manager, 65_535)).envelope

    assert asyncio.run(scenario()).boots == 4


def test_the_engine_can_be_given_another_clock() -> None:
    now = [10.0]
    manager = Manager(Agent(cabinet(), engine_clock=lambda: now[0], boots=4))
    now[0] += 200.0
    manager.boots, manager.time_s = 4, 200
    assert manager.put(b"writer", (OFFSET, 5)) == (0, 0)


def test_a_transaction_belongs_to_its_user(manager: Manager) -> None:
    def community(oid: Oid, value: int) -> int:
        binding = ((oid, Value(Tag.INTEGER, value)),)
        request = Message(Version.V1, b"change", PduType.SET, 1, 0, 0, binding)
        return decode(manager.agent.respond(encode(request)) or b"").error_status

    assert manager.put(b"writer", (STATE, 2)) == (0, 0)
    assert community(OFFSET, 5) == 5
    assert community(STATE, 1) == 5
    assert manager.put(b"writer", (OFFSET, 6)) == (0, 0)
    assert manager.put(b"writer", (STATE, 3)) == (0, 0)
    assert manager.put(b"writer", (STATE, 1)) == (0, 0)
    assert manager.agent.cabinet.store.number("patternOffsetTime", 9) == 6


@pytest.mark.parametrize("max_bytes", [484, 700, 1000, 65_507])
def test_replies_fit_what_both_sides_take(manager: Manager, max_bytes: int) -> None:
    manager.max_bytes = max_bytes
    limit = min(max_bytes, V3_MESSAGE_BYTES)
    request = manager.request(b"reader", PduType.GET_BULK, ((1, 3), NULL), bulk=(0, 10_000))
    reply = manager.agent.respond(request)
    assert reply is not None
    # The next binding, of less than 40 octets, would not have fitted.
    assert limit - 40 < len(reply) <= limit
    names = [(instance("patternCycleTime", 1 + row % 16), NULL) for row in range(64)]
    _, answer = manager.ask(manager.request(b"reader", PduType.GET, *names))
    assert (answer.error_status, answer.bindings) == (1, ())


def test_a_request_beyond_what_the_cabinet_takes_is_too_big() -> None:
    manager = Manager(Agent(cabinet(), v3_message_bytes=484))
    names = [(instance("patternCycleTime", row), NULL) for row in range(1, 17)]
    _, answer = manager.ask(manager.request(b"reader", PduType.GET, *names))
    assert (answer.error_status, len(answer.bindings)) == (0, 16)
    # The next instance after so long a name would fit; the name itself does not.
    long = ((1, 3, *range(2**31, 2**31 + 100)), NULL)
    _, answer = manager.ask(manager.request(b"reader", PduType.GET_BULK, long, bulk=(0, 1)))
    assert (answer.error_status, answer.bindings) == (1, ())


@pytest.mark.parametrize("size", [483, 65_508])
def test_message_lengths_out_of_bounds_are_refused(size: int) -> None:
    with pytest.raises(ControllerError, match=f"messages of {size} bytes"):
        Agent(cabinet(), v3_message_bytes=size)


def test_one_name_for_two_users_is_refused() -> None:
    config = replace(cabinet().config, write_user=replace(WRITER, name="reader"))
    with pytest.raises(ControllerError, match="two SNMPv3 users of the name 'reader'"):
        Agent(Cabinet(config))
    same = Manager(Agent(Cabinet(replace(config, write_user=READER))))
    assert same.put(b"reader", (OFFSET, 5)) == (0, 0)


def test_a_cabinet_without_users_does_not_speak_version_3() -> None:
    config = replace(cabinet().config, read_user=None, write_user=None)
    manager = Manager(Agent(Cabinet(config)))
    assert manager.agent.respond(manager.request(b"reader", PduType.GET, (OFFSET, NULL))) is None


def test_salts_do_not_come_again(manager: Manager) -> None:
    request = manager.request(b"reader", PduType.GET, (OFFSET, NULL))
    salts = [read(manager.agent.respond(request) or b"").salt for _ in range(100)]
    assert len(set(salts)) == 100
    again = Manager(Agent(cabinet()))
    assert read(again.agent.respond(request) or b"").salt not in salts
