"""The user-based security model on the cabinet's side: keys, digests, privacy, the time window.

Written against the standards and not with the manager's library, so that both ends of a test are
independent. Messages are signed with HMAC over SHA-1 or SHA-2 and encrypted with AES-128 in
cipher feedback mode. As everywhere, a message that is repeated unchanged within the time window
passes: the model protects against late messages, not against quick ones.

Source: RFC 3414 (model, appendix A.2 for keys), RFC 7860 (SHA-2), RFC 3826 (AES).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from Crypto.Cipher import AES

from controllers.driver import User
from network.errors import ControllerError

DIGEST_BYTES: Final = {"SHA-1": 12, "SHA-224": 16, "SHA-256": 24, "SHA-384": 32, "SHA-512": 48}
"""Octets of a digest that travel, by authentication protocol (RFC 3414, 6; RFC 7860, 4)."""

PRIVACY_PROTOCOLS: Final = ("AES-128",)
SALT_BYTES: Final = 8
KEY_BYTES: Final = 16
MIN_SECRET_BYTES: Final = 8
"""Shortest password (RFC 3414, 11.2)."""

MAX_NAME_BYTES: Final = 32
TIME_WINDOW_S: Final = 150
"""How far the time in a message may be off (RFC 3414, 2.2.3)."""

MAX_BOOTS: Final = 2**31 - 1
"""Boots stick here, and nothing is in time any more (RFC 3414, 2.2.2)."""

_STRETCHED_BYTES: Final = 1 << 20
"""A password is repeated to this length before it is hashed (RFC 3414, A.2)."""

_NEMA: Final = 1206
"""NEMA's enterprise number, under which NTCIP's objects stand."""

_TEXT, _OCTETS = 4, 5
_MAX_NAME: Final = 27


@dataclass(frozen=True, slots=True)
class Keys:
    """What one user shares with one engine.

    Attributes
    ----------
    user
        The user's name.
    protocol
        The authentication protocol.
    auth_key, privacy_key
        Localized keys.
    """

    user: bytes
    protocol: str
    auth_key: bytes = field(repr=False)
    privacy_key: bytes = field(repr=False)

    @property
    def digest_bytes(self) -> int:
        """Octets of a digest that travel."""
        return DIGEST_BYTES[self.protocol]

    def digest(self, message: bytes) -> bytes:
        """Return the digest of a whole message whose digest octets are zero."""
        whole = hmac.digest(self.auth_key, message, _hash_name(self.protocol))
        return whole[: self.digest_bytes]

    def encrypt(self, data: bytes, boots: int, time_s: int, salt: bytes) -> bytes:
        """Return data encrypted for a moment and a salt of 8 octets, never the same twice."""
        start = _start(boots, time_s, salt)
        return AES.new(self.privacy_key, AES.MODE_CFB, iv=start, segment_size=128).encrypt(data)

    def decrypt(self, data: bytes, boots: int, time_s: int, salt: bytes) -> bytes:
        """Return what was encrypted; the wrong key gives noise."""
        start = _start(boots, time_s, salt)
        return AES.new(self.privacy_key, AES.MODE_CFB, iv=start, segment_size=128).decrypt(data)


@dataclass(slots=True)
class EngineClock:
    """Boots and time of an engine.

    Attributes
    ----------
    now_s
        A clock that never goes back, in s.
    boots
        How often the engine has started, this time included.
    """

    now_s: Callable[[], float]
    boots: int = 1
    _booted_s: float = field(init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.boots <= MAX_BOOTS:
            raise ControllerError(f"SNMPv3: {self.boots} boots, allowed are 1 to {MAX_BOOTS}")
        self._booted_s = self.now_s()

    @property
    def time_s(self) -> int:
        """Whole seconds since the last boot."""
        return int(self.now_s() - self._booted_s)

    def restart(self) -> None:
        """Count a boot and begin at second zero."""
        self.boots = min(self.boots + 1, MAX_BOOTS)
        self._booted_s = self.now_s()

    def in_window(self, boots: int, time_s: int) -> bool:
        """Tell whether a message of that moment is still, or already, in time."""
        if boots != self.boots or boots == MAX_BOOTS:
            return False
        return abs(time_s - self.time_s) <= TIME_WINDOW_S


def engine_id_of(name: str) -> bytes:
    """Return the engine identifier of a cabinet (RFC 3411, SnmpEngineID): its name, or a hash."""
    head = (1 << 31 | _NEMA).to_bytes(4, "big")
    text = name.encode()
    if len(text) <= _MAX_NAME:
        return head + bytes((_TEXT,)) + text
    return head + bytes((_OCTETS,)) + hashlib.sha256(text).digest()[:_MAX_NAME]


def keys_of(user: User, engine_id: bytes) -> Keys:
    """Return a user's keys, localized to an engine.

    Raises
    ------
    ControllerError
        An unknown protocol, a password below 8 octets, or a name not of 1 to 32 octets.
    """
    if user.auth_protocol not in DIGEST_BYTES:
        raise ControllerError(_unknown(user, "authentication", user.auth_protocol, DIGEST_BYTES))
    if user.privacy_protocol not in PRIVACY_PROTOCOLS:
        raise ControllerError(_unknown(user, "privacy", user.privacy_protocol, PRIVACY_PROTOCOLS))
    name = user.name.encode()
    if not 1 <= len(name) <= MAX_NAME_BYTES:
        raise ControllerError(
            f"SNMPv3 user {user.name!r}: a name of {len(name)} octets, "
            f"allowed are 1 to {MAX_NAME_BYTES}"
        )
    secrets = {"auth_secret": user.auth_secret, "privacy_secret": user.privacy_secret}
    for what, secret in secrets.items():
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ControllerError(
                f"SNMPv3 user {user.name!r}: {what} is shorter than {MIN_SECRET_BYTES} octets"
            )
    auth_key = _localized(user.auth_protocol, user.auth_secret, engine_id)
    privacy_key = _localized(user.auth_protocol, user.privacy_secret, engine_id)
    return Keys(name, user.auth_protocol, auth_key, privacy_key[:KEY_BYTES])


def _start(boots: int, time_s: int, salt: bytes) -> bytes:
    """Return the initialization vector (RFC 3826, 3.1.2.1)."""
    return boots.to_bytes(4, "big") + time_s.to_bytes(4, "big") + salt


def _unknown(user: User, what: str, found: str, known: Iterable[str]) -> str:
    return f"SNMPv3 user {user.name!r}: {what} protocol {found!r}, known are {', '.join(known)}"


def _localized(protocol: str, secret: str, engine_id: bytes) -> bytes:
    key = _stretched(protocol, secret)
    return hashlib.new(_hash_name(protocol), key + engine_id + key).digest()


# A thousand cabinets of one street share two users; the megabyte is hashed once for each secret.
@lru_cache(maxsize=64)
def _stretched(protocol: str, secret: str) -> bytes:
    octets = secret.encode()
    repeats = _STRETCHED_BYTES // len(octets) + 1
    return hashlib.new(_hash_name(protocol), (octets * repeats)[:_STRETCHED_BYTES]).digest()


def _hash_name(protocol: str) -> str:
    return protocol.replace("-", "").lower()
