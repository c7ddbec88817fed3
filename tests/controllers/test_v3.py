"""The form of SNMPv3 messages, against the manager's library as a third opinion."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snmp.security.usm.parameters import SignedUsmParameters
from snmp.v3.message import SNMPv3WireMessage

from benchmarks.bridge.datagrams import KEYS
from controllers.emulator.ber import SEQUENCE, BerError, Message, PduType, Tag, Value, Version, tlv
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

WRITER = KEYS[b"writer"]
ASKED = Message(Version.V3, b"writer", PduType.GET, 9, 0, 0, (((1, 3, 6, 1), Value(Tag.NULL)),))
SCOPED = scope(b"engine", b"", ASKED)
INT31 = st.integers(0, 2**31 - 1)
ENVELOPES = st.builds(
    Envelope,
    INT31,
    st.integers(484, 2**31 - 1),
    st.sampled_from([0, AUTH, LEVEL, REPORTABLE, REPORTABLE | AUTH, REPORTABLE | LEVEL]),
    st.binary(max_size=32),
    INT31,
    INT31,
    st.binary(max_size=32),
)


@given(ENVELOPES, st.binary(min_size=8, max_size=8))
def test_what_is_written_is_read(envelope: Envelope, salt: bytes) -> None:
    salt = salt if envelope.flags & PRIV else b""
    sealed = read(write(envelope, SCOPED, WRITER, salt))
    assert (sealed.envelope, sealed.salt) == (envelope, salt)
    inside = sealed.payload
    if envelope.flags & PRIV:
        assert inside != SCOPED
        inside = WRITER.decrypt(inside, envelope.boots, envelope.time_s, salt)
    assert unscope(inside, b"writer") == (b"engine", b"", ASKED)


@given(ENVELOPES, st.binary(min_size=8, max_size=8))
def test_the_managers_library_reads_the_same(envelope: Envelope, salt: bytes) -> None:
    salt = salt if envelope.flags & PRIV else b""
    datagram = write(envelope, SCOPED, WRITER, salt)
    theirs = SNMPv3WireMessage.decodeExact(datagram)
    parameters = SignedUsmParameters.decodeExact(theirs.securityParameters.original)
    sealed = read(datagram)
    assert theirs.encode() == datagram
    assert (theirs.header.msgID, theirs.header.maxSize) == (envelope.message_id, envelope.max_bytes)
    assert (parameters.engineID, parameters.userName) == (envelope.engine_id, envelope.user)
    assert (parameters.engineBoots, parameters.engineTime) == (envelope.boots, envelope.time_s)
    assert (parameters.signature[:], parameters.salt) == (sealed.digest, salt)
    assert parameters.signature.start == sealed.digest_at


@given(ENVELOPES, st.data())
def test_the_digest_covers_every_octet(envelope: Envelope, data: st.DataObject) -> None:
    datagram = write(replace(envelope, flags=AUTH), SCOPED, WRITER)
    sealed = read(datagram)
    end = sealed.digest_at + len(sealed.digest)
    unsigned = bytearray(datagram)
    unsigned[sealed.digest_at : end] = bytes(len(sealed.digest))
    assert WRITER.digest(bytes(unsigned)) == sealed.digest
    at = data.draw(st.integers(0, len(datagram) - 1))
    unsigned[at] ^= 1
    assert WRITER.digest(bytes(unsigned)) != sealed.digest


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_the_one_error(data: bytes) -> None:
    with suppress(BerError):
        read(data)
    with suppress(BerError):
        unscope(data, b"")


def _header(*fields: bytes) -> bytes:
    whole = write(Envelope(1, 484, 0, b"", 0, 0, b""), SCOPED)
    return tlv(SEQUENCE, whole[2:5] + tlv(SEQUENCE, b"".join(fields)) + whole[20:])


def test_the_header_must_be_lawful() -> None:
    number, size, flags, model = (
        b"\x02\x01\x01",
        b"\x02\x02\x01\xe4",
        b"\x04\x01\x04",
        b"\x02\x01\x03",
    )
    assert read(_header(number, size, flags, model)).envelope.flags == REPORTABLE
    for fields in (
        (b"\x02\x01\xff", size, flags, model),
        (number, b"\x02\x02\x01\xe3", flags, model),
        (number, size, b"\x04\x01\x02", model),
        (number, size, b"\x04\x00", model),
        (number, size, b"\x04\x02\x00\x00", model),
        (number, size, flags, b"\x02\x01\x02"),
        (number, size, flags, model, model),
    ):
        with pytest.raises(BerError):
            read(_header(*fields))


@pytest.mark.parametrize("field", [{"boots": -1}, {"time_s": -1}, {"user": bytes(33)}])
def test_security_parameters_must_be_lawful(field: dict[str, object]) -> None:
    envelope = replace(Envelope(1, 484, 0, b"", 0, 0, b""), **field)  # type: ignore[arg-type]
    with pytest.raises(BerError, match="boots"):
        read(write(envelope, SCOPED))


def test_flags_without_keys_are_an_error() -> None:
    with pytest.raises(ValueError, match="without keys"):
        write(Envelope(1, 484, AUTH, b"", 0, 0, b""), SCOPED)
