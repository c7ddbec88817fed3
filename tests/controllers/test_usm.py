"""Keys, digests, encryption and the time window of SNMPv3, against published numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snmp.security.usm import auth

from controllers.driver import User
from controllers.emulator.usm import (
    DIGEST_BYTES,
    MAX_BOOTS,
    EngineClock,
    Keys,
    engine_id_of,
    keys_of,
)
from network.errors import ControllerError

USER = User("bert", "maplesyrup", "maplesyrup")
ENGINE_ID = bytes(11) + b"\x02"
SECRETS = st.text(st.characters(max_codepoint=255), min_size=8, max_size=40)


def test_keys_are_those_of_rfc_3414() -> None:
    # RFC 3414, A.3.2.
    keys = keys_of(USER, ENGINE_ID)
    assert keys.auth_key.hex() == "6695febc9288e36282235fc7151f128497b38f3f"
    assert keys.privacy_key == keys.auth_key[:16]


@pytest.mark.parametrize(
    ("protocol", "key", "digest"),
    [
        # RFC 2202 section 3 and RFC 4231 section 4.2, first case each, cut to what travels.
        ("SHA-1", b"\x0b" * 20, "b617318655057264e28bc0b6"),
        ("SHA-224", b"\x0b" * 20, "896fb1128abbdf196832107cd49df33f"),
        ("SHA-256", b"\x0b" * 20, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da7"),
        (
            "SHA-384",
            b"\x0b" * 20,
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c",
        ),
        (
            "SHA-512",
            b"\x0b" * 20,
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4",
        ),
    ],
)
def test_digests_are_those_of_the_standards(protocol: str, key: bytes, digest: str) -> None:
    keys = Keys(b"bert", protocol, key, bytes(16))
    assert keys.digest(b"Hi There").hex() == digest
    assert keys.digest_bytes == len(digest) // 2


def test_encryption_is_that_of_nist() -> None:
    # NIST SP 800-38A, F.3.13, first two blocks; the vector is boots, time and salt.
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    clear = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    secret = bytes.fromhex("3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b")
    keys = Keys(b"bert", "SHA-1", bytes(20), key)
    moment = (0x00010203, 0x04050607, bytes.fromhex("08090a0b0c0d0e0f"))
    assert keys.encrypt(clear, *moment) == secret
    assert keys.decrypt(secret, *moment) == clear
    # What does not fill a block is encrypted without padding.
    assert keys.encrypt(clear[:19], *moment) == secret[:19]


@pytest.mark.parametrize("protocol", DIGEST_BYTES)
@given(SECRETS, st.binary(min_size=5, max_size=32))
@settings(max_examples=3, deadline=None)
def test_keys_are_those_of_the_managers_library(
    protocol: str, secret: str, engine_id: bytes
) -> None:
    theirs = getattr(auth, f"HmacSha{protocol.removeprefix('SHA-').removesuffix('1')}")
    keys = keys_of(User("bert", secret, secret, protocol), engine_id)
    assert keys.auth_key == theirs.localize(secret.encode(), engine_id)


@pytest.mark.parametrize(
    ("user", "text"),
    [
        (User("bert", "maplesyrup", "maplesyrup", "MD5"), "authentication protocol 'MD5'.*SHA-1"),
        (User("bert", "maplesyrup", "maplesyrup", "SHA-1", "DES"), "privacy protocol 'DES'"),
        (User("bert", "maple", "maplesyrup"), "auth_secret is shorter than 8"),
        (User("bert", "maplesyrup", "syrup"), "privacy_secret is shorter than 8"),
        (User("", "maplesyrup", "maplesyrup"), "a name of 0 octets"),
        (User("b" * 33, "maplesyrup", "maplesyrup"), "a name of 33 octets"),
    ],
)
def test_unusable_users_are_refused(user: User, text: str) -> None:
    with pytest.raises(ControllerError, match=text) as refused:
        keys_of(user, ENGINE_ID)
    assert "syrup" not in str(refused.value)


def test_keys_do_not_show() -> None:
    keys = keys_of(USER, ENGINE_ID)
    assert keys.auth_key.hex() not in repr(keys)
    assert repr(keys.auth_key) not in repr(keys)
    assert repr(keys.privacy_key) not in repr(keys)


@given(st.text(max_size=60), st.text(max_size=60))
def test_engine_identifiers_are_lawful_and_differ_with_the_name(one: str, other: str) -> None:
    first, second = engine_id_of(one), engine_id_of(other)
    assert 5 <= len(first) <= 32
    assert first[:4] == bytes.fromhex("800004b6")
    assert (first == second) == (one == other)


@pytest.mark.parametrize(
    ("boots", "time_s", "accepted"),
    [
        (1, 1000, True),
        (1, 850, True),
        (1, 849, False),
        (1, 1150, True),
        (1, 1151, False),
        (0, 1000, False),
        (2, 1000, False),
    ],
)
def test_messages_are_in_time_for_150_s(boots: int, time_s: int, accepted: bool) -> None:
    now = [500.0]
    clock = EngineClock(lambda: now[0])
    now[0] += 1000.9
    assert clock.time_s == 1000
    assert clock.in_window(boots, time_s) is accepted


def test_a_restart_counts_and_begins_at_zero() -> None:
    now = [0.0]
    clock = EngineClock(lambda: now[0], 7)
    now[0] = 90.0
    clock.restart()
    assert (clock.boots, clock.time_s) == (8, 0)
    assert not clock.in_window(7, 0)
    now[0] = 95.0
    assert clock.time_s == 5


def test_nothing_is_in_time_once_the_boots_are_used_up() -> None:
    clock = EngineClock(lambda: 0.0, MAX_BOOTS)
    clock.restart()
    assert clock.boots == MAX_BOOTS
    assert not clock.in_window(MAX_BOOTS, 0)


@pytest.mark.parametrize("boots", [0, MAX_BOOTS + 1])
def test_boots_out_of_bounds_are_refused(boots: int) -> None:
    with pytest.raises(ControllerError, match="boots"):
        EngineClock(lambda: 0.0, boots)
