from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snmp.message import Message as ForeignMessage
from snmp.message import ProtocolVersion
from snmp.pdu import GetNextRequestPDU, GetRequestPDU, ResponsePDU, SetRequestPDU
from snmp.smi import OID, Integer32, Null, OctetString, VarBind, VarBindList

from controllers.emulator.ber import (
    SEQUENCE,
    BerError,
    Message,
    PduType,
    Tag,
    Value,
    Version,
    decode,
    encode,
    tlv,
)

INT32 = st.integers(-(2**31), 2**31 - 1)
UINT32 = st.integers(0, 2**32 - 1)
OIDS = st.builds(
    lambda first, second, rest: (first, second, *rest),
    st.integers(0, 2),
    st.integers(0, 39),
    st.lists(UINT32, max_size=20),
)
VALUES = st.one_of(
    st.builds(Value, st.just(Tag.INTEGER), INT32),
    st.builds(Value, st.just(Tag.OCTETS), st.binary(max_size=300)),
    st.builds(Value, st.just(Tag.OID), OIDS),
    st.builds(Value, st.sampled_from([Tag.COUNTER, Tag.GAUGE, Tag.TIME_TICKS]), UINT32),
    st.builds(Value, st.just(Tag.COUNTER64), st.integers(0, 2**64 - 1)),
    st.builds(Value, st.just(Tag.IP_ADDRESS), st.binary(min_size=4, max_size=4)),
    st.builds(Value, st.just(Tag.OPAQUE), st.binary(max_size=40)),
    st.builds(
        Value,
        st.sampled_from([Tag.NULL, Tag.NO_SUCH_OBJECT, Tag.NO_SUCH_INSTANCE, Tag.END_OF_MIB_VIEW]),
    ),
)
MESSAGES = st.builds(
    Message,
    st.sampled_from([Version.V1, Version.V2C]),
    st.binary(max_size=40),
    st.sampled_from([PduType.GET, PduType.GET_NEXT, PduType.RESPONSE, PduType.SET]),
    INT32,
    st.integers(0, 18),
    st.integers(0, 100),
    st.lists(st.tuples(OIDS, VALUES), max_size=12).map(tuple),
)


@given(MESSAGES)
def test_what_is_encoded_is_decoded(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize("kind", [kind for kind in PduType if kind > PduType.SET])
def test_v1_does_not_know_the_later_data_units(kind: PduType) -> None:
    later = Message(Version.V2C, b"look", kind, 1, 0, 10, ())
    assert decode(encode(later)) == later
    with pytest.raises(BerError, match="not spoken here"):
        decode(encode(replace(later, version=Version.V1)))


def test_an_identifier_has_at_most_128_arcs() -> None:
    longest = (1, 3, *range(126))
    message = Message(Version.V1, b"", PduType.GET, 1, 0, 0, ((longest, Value(Tag.NULL)),))
    assert decode(encode(message)) == message
    with pytest.raises(BerError, match="129 arcs"):
        decode(encode(replace(message, bindings=(((*longest, 1), Value(Tag.NULL)),))))


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (Tag.INTEGER, b""),
        (Tag.INTEGER, b"\x01" * 5),
        (Tag.COUNTER, b"\xff" * 4),
        (Tag.COUNTER, b"\x01" * 5),
        (Tag.COUNTER64, b"\xff" * 8),
        (Tag.COUNTER64, b"\x01" * 9),
        (Tag.IP_ADDRESS, b"\x7f\x00\x01"),
        (Tag.NULL, b"\x00"),
        (Tag.OID, b""),
        (Tag.OID, b"+\x80\x01"),
        (Tag.OID, b"+\x81"),
    ],
)
def test_contents_that_break_their_type_are_refused(tag: Tag, content: bytes) -> None:
    oid = tlv(Tag.OID, b"+\x06\x01")
    bindings = tlv(SEQUENCE, tlv(SEQUENCE, oid + tlv(tag, content)))
    whole = encode(Message(Version.V2C, b"look", PduType.SET, 1, 0, 0, ()))
    pdu = tlv(PduType.SET, whole[-11:-2] + bindings)
    with pytest.raises(BerError):
        decode(tlv(SEQUENCE, whole[2:11] + pdu))
    sound = tlv(PduType.SET, whole[-11:-2] + tlv(SEQUENCE, tlv(SEQUENCE, oid + tlv(Tag.NULL, b""))))
    assert decode(tlv(SEQUENCE, whole[2:11] + sound)).bindings[0][0] == (1, 3, 6, 1)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_the_one_error(data: bytes) -> None:
    with suppress(BerError):
        decode(data)


@given(MESSAGES, st.integers(0, 2**32))
@settings(max_examples=100)
def test_damaged_messages_give_a_message_or_the_one_error(message: Message, seed: int) -> None:
    random = Random(seed)
    whole = bytearray(encode(message))
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        cut = random.randint(0, len(damaged))
        try:
            decode(bytes(damaged[:cut] if random.random() < 0.3 else damaged))
        except BerError:
            continue


@pytest.mark.parametrize(
    "datagram",
    [
        "",
        "30",
        "3080",
        "03800300",
        "30820000",
        "30ffffffffff",
        "3003020100",
        "300502010002",
        "3006020102040100",
    ],
)
def test_known_killers_are_refused(datagram: str) -> None:
    with pytest.raises(BerError):
        decode(bytes.fromhex(datagram))


@pytest.mark.parametrize(
    ("pdu", "kind"),
    [
        (GetRequestPDU, PduType.GET),
        (GetNextRequestPDU, PduType.GET_NEXT),
        (SetRequestPDU, PduType.SET),
        (ResponsePDU, PduType.RESPONSE),
    ],
)
@given(
    st.lists(st.tuples(OIDS, st.one_of(INT32, st.binary(max_size=200), st.none())), max_size=8),
    INT32,
)
def test_the_managers_library_writes_the_same_bytes(
    pdu: type,
    kind: PduType,
    bindings: list[tuple[tuple[int, ...], int | bytes | None]],
    number: int,
) -> None:
    # The library joins the first two arcs with "or" where addition belongs, which is equal only
    # for second arcs that share no bit with the first; the standard's tree is 1.3.
    bindings = [((1, 3, *oid[2:]), value) for oid, value in bindings]
    theirs = VarBindList(*(VarBind(OID(*oid), _foreign(value)) for oid, value in bindings))
    foreign = ForeignMessage(
        ProtocolVersion.SNMPv2c, b"name", pdu(variableBindings=theirs, requestID=number)
    ).encode()
    ours = tuple((oid, _own(value)) for oid, value in bindings)
    message = Message(Version.V2C, b"name", kind, number, 0, 0, ours)
    assert encode(message) == foreign
    assert decode(foreign) == message


def _foreign(value: int | bytes | None) -> object:
    if value is None:
        return Null()
    return Integer32(value) if isinstance(value, int) else OctetString(value)


def _own(value: int | bytes | None) -> Value:
    if value is None:
        return Value(Tag.NULL)
    return Value(Tag.INTEGER if isinstance(value, int) else Tag.OCTETS, value)
