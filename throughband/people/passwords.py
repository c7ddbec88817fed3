"""Passwords of local accounts: argon2id, and what a new one must be."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from network.errors import AccessError

LEAST_CHARACTERS: Final = 12
"""NIST SP 800-63B asks for eight at least, and for length rather than for kinds of characters."""

MOST_CHARACTERS: Final = 200
COMMON: Final = frozenset({"passwordpassword", "123456789012", "throughband1", "throughband123"})

_hasher = PasswordHasher()


class Passwords:
    """Hashes passwords and compares them.

    Parameters
    ----------
    hasher
        argon2id with its parameters; the library's defaults are those of RFC 9106 for servers.
    """

    def __init__(self, hasher: PasswordHasher = _hasher) -> None:
        self._hasher = hasher
        # Somebody unknown is refused after the same work as somebody known.
        self._nobody = hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        return self._hasher.hash(password)

    def matches(self, password: str, kept: str | None) -> bool:
        """Tell whether a password is the one that is kept; takes as long where none is."""
        try:
            return self._hasher.verify(kept or self._nobody, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def require_strong(password: str, name: str) -> None:
    """Refuse a new password that is too easily found.

    Raises
    ------
    AccessError
        Too short or long, the name itself, one character over and over, or well known.
    """
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise AccessError(
            f"the password has {len(password)} characters; allowed are {LEAST_CHARACTERS} to "
            f"{MOST_CHARACTERS}"
        )
    plain = password.casefold()
    if len(set(plain)) < 5 or plain in COMMON or (len(name) > 3 and name.casefold() in plain):
        raise AccessError(
            "the password is too easily found: it repeats itself, is well known, or holds the name"
        )
