"""What opens emulated controllers: communities or users, drawn anew every time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from controllers.driver import VERSIONS, User
from network.errors import ControllerError

AUTH_PROTOCOL: Final = "SHA-256"
SECRET_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Access:
    """What opens the controllers of one street.

    Attributes
    ----------
    version
        ``"v1"``, ``"v2c"`` or ``"v3"``.
    read_community, write_community
        Of v1 and v2c, kept out of messages.
    read_user, write_user
        Of v3, else None.
    """

    version: str
    read_community: str
    write_community: str
    read_user: User | None = None
    write_user: User | None = None

    def __repr__(self) -> str:
        return f"Access({self.version!r})"


def new_access(version: str) -> Access:
    """Draw secrets for a version of SNMP.

    Raises
    ------
    ControllerError
        There is no such version.
    """
    if version not in VERSIONS:
        raise ControllerError(f"--snmp is {version!r}; allowed are {', '.join(VERSIONS)}")
    read, write = secrets.token_hex(SECRET_BYTES), secrets.token_hex(SECRET_BYTES)
    if version != "v3":
        return Access(version, read, write)
    users = [
        User(name, secrets.token_hex(SECRET_BYTES), secrets.token_hex(SECRET_BYTES), AUTH_PROTOCOL)
        for name in ("reader", "writer")
    ]
    return Access(version, read, write, *users)


def reached_at(host: str) -> str:
    """Return where a program on this machine finds what listens at an address."""
    address = ip_address(host.partition("%")[0])
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
