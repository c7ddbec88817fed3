"""The device list: a TOML file that says where controllers are. Secrets stay in their own files."""

from __future__ import annotations

import os
import shlex
import stat
from collections import Counter
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from controllers.driver import NTCIP, PRIVATE_NETWORKS, Device, User
from controllers.ntcip.profiles import vendor_profile
from network.errors import ControllerError
from network.timing import OffsetReference
from throughband.reaching import require_protocol
from throughband.settings_file import read_settings

DEFAULT_COMMUNITIES = frozenset({"public", "private", "administrator"})
"""What devices are shipped with; `administrator` is NTCIP 1103's own."""

LEAST_REQUESTS_PER_S: Final = 0.1
MOST_REQUESTS_PER_S: Final = 1e6
"""Bounds of a device's rate; slower, and asking who it is alone would take minutes."""

LEAST_SECRET_BYTES: Final = 8
"""Shortest password of an SNMPv3 user (RFC 3414, section 11.2)."""

LONGEST_USER_NAME_BYTES: Final = 32
"""RFC 3414, section 2.4."""


class UserEntry(BaseModel):
    """A ``[device.read_user]`` or ``[device.write_user]`` table."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    auth_protocol: Literal["SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"]
    privacy_protocol: Literal["AES-128"] = "AES-128"
    auth_secret_file: Path
    privacy_secret_file: Path


class DeviceEntry(BaseModel):
    """One ``[[device]]`` table."""

    model_config = ConfigDict(extra="forbid")

    signal: str = Field(min_length=1)
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    version: str = "v1"
    read_secret_file: Path | None = None
    write_secret_file: Path | None = None
    read_user: UserEntry | None = None
    write_user: UserEntry | None = None
    offset_reference: OffsetReference = OffsetReference.BEGIN_GREEN
    slots: tuple[int, ...] = (15, 16)
    profile: str = Field("standard", min_length=1)
    max_clock_error_s: float = Field(2.0, gt=0, allow_inf_nan=False)
    requests_per_s: float = Field(
        100.0, ge=LEAST_REQUESTS_PER_S, le=MOST_REQUESTS_PER_S, allow_inf_nan=False
    )
    action_row: int | None = Field(None, ge=1, le=255)
    protocol: str = Field(NTCIP, min_length=1)
    options: dict[str, StrictStr | StrictBool | StrictInt | StrictFloat] = Field(
        default_factory=dict
    )
    allow_default_community: bool = False
    allow_same_secret: bool = False
    allow_readable_secret_files: bool = False


class DeviceList(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    allow: list[IPv4Network | IPv6Network] | None = Field(None, min_length=1)
    device: list[DeviceEntry] = Field(min_length=1)


def read_devices(path: Path) -> tuple[Device, ...]:
    """Read a device list and the secrets it points to.

    Parameters
    ----------
    path
        TOML file; secret files are relative to it.

    Raises
    ------
    ControllerError
        If a file cannot be read, a field is missing, unknown or out of range, or a secret is
        none: known to anybody, readable by other accounts, or the same for reading and writing;
        or if a signal or an address is listed twice.
    """
    listed = read_settings(path, DeviceList, ControllerError)
    networks = PRIVATE_NETWORKS if listed.allow is None else tuple(listed.allow)
    try:
        devices = tuple(
            _device(path.parent, entry, networks, f"device.{position}")
            for position, entry in enumerate(listed.device)
        )
        _require_once(devices)
    except ControllerError as error:
        raise ControllerError(f"{path}: {error}") from error
    return devices


def _require_once(devices: tuple[Device, ...]) -> None:
    """Refuse a list that names a signal or an address twice."""
    for texts in (
        [f"signal {device.signal_id!r}" for device in devices],
        [f"address {device.address}" for device in devices],
    ):
        for text, times in Counter(texts).items():
            if times > 1:
                raise ControllerError(f"{text} is listed {times} times, allowed is once")


def _device(
    folder: Path,
    entry: DeviceEntry,
    networks: tuple[IPv4Network | IPv6Network, ...],
    where: str,
) -> Device:
    try:
        require_protocol(entry.protocol)
    except ControllerError as error:
        raise ControllerError(f"{where}.protocol: {error}") from error
    if entry.protocol == NTCIP:
        if entry.options:
            raise ControllerError(f"{where}.options: protocol {NTCIP!r} takes none")
        try:
            vendor_profile(entry.profile)
        except ControllerError as error:
            raise ControllerError(f"{where}.profile: {error}") from error
    communities = ("", "")
    users: tuple[User | None, User | None] = (None, None)
    if entry.version == "v3":
        users = _users(folder, entry, where)
    else:
        communities = _communities(folder, entry, where)
    device = Device(
        entry.signal,
        entry.host,
        entry.port,
        *communities,
        version=entry.version,
        offset_reference=entry.offset_reference,
        slots=entry.slots,
        read_user=users[0],
        write_user=users[1],
        profile=entry.profile,
        max_clock_error_s=entry.max_clock_error_s,
        requests_per_s=entry.requests_per_s,
        action_row=entry.action_row,
        networks=networks,
        protocol=entry.protocol,
        options=tuple(entry.options.items()),
    )
    if not entry.allow_same_secret:
        _require_separate(device)
    return device


def _communities(folder: Path, entry: DeviceEntry, where: str) -> tuple[str, str]:
    for name in ("read_user", "write_user"):
        if getattr(entry, name) is not None:
            raise ControllerError(f'{where}.{name}: only version = "v3" has users')
    for name in ("read_secret_file", "write_secret_file"):
        if getattr(entry, name) is None and entry.protocol == NTCIP:
            raise ControllerError(f"{where}.{name}: Field required")
    # Other protocols may have no secrets.
    files = (entry.read_secret_file, entry.write_secret_file)
    read, write = ("" if file is None else _secret(folder / file, entry) for file in files)
    return read, write


def _users(folder: Path, entry: DeviceEntry, where: str) -> tuple[User, User]:
    for name in ("read_secret_file", "write_secret_file"):
        if getattr(entry, name) is not None:
            raise ControllerError(
                f'{where}.{name}: version = "v3" has no communities; the secrets of its users '
                "belong in [device.read_user] and [device.write_user]"
            )
    for name in ("read_user", "write_user"):
        if getattr(entry, name) is None:
            raise ControllerError(f"{where}.{name}: Field required")
    assert entry.read_user is not None
    assert entry.write_user is not None
    return (
        _user(folder, entry, entry.read_user, f"{where}.read_user"),
        _user(folder, entry, entry.write_user, f"{where}.write_user"),
    )


def _user(folder: Path, entry: DeviceEntry, user: UserEntry, where: str) -> User:
    if len(user.name.encode()) > LONGEST_USER_NAME_BYTES:
        raise ControllerError(
            f"{where}.name: longer than the {LONGEST_USER_NAME_BYTES} octets SNMPv3 allows"
        )
    secrets = []
    for file in (user.auth_secret_file, user.privacy_secret_file):
        secret = _secret(folder / file, entry)
        if len(secret.encode()) < LEAST_SECRET_BYTES:
            raise ControllerError(
                f"{folder / file}: the secret is shorter than the {LEAST_SECRET_BYTES} characters "
                "SNMPv3 demands"
            )
        secrets.append(secret)
    return User(user.name, secrets[0], secrets[1], user.auth_protocol, user.privacy_protocol)


def _secret(path: Path, entry: DeviceEntry) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ControllerError(f"{path}: the secret cannot be read ({error.strerror})") from error
    except ValueError as error:
        # The original says which byte of the secret it stumbled over.
        raise ControllerError(f"{path}: the secret is not text in UTF-8") from error
    exposed = os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO)
    if exposed and not entry.allow_readable_secret_files:
        raise ControllerError(
            f"{path}: other accounts of this machine have access to the secret (mode {mode:04o}); "
            f"run chmod 600 {shlex.quote(str(path))}, or set allow_readable_secret_files = true"
        )
    if not text:
        raise ControllerError(f"{path}: the secret is empty")
    if len(text.splitlines()) > 1:
        raise ControllerError(f"{path}: the secret has more than one line")
    if text.casefold() in DEFAULT_COMMUNITIES and not entry.allow_default_community:
        raise ControllerError(
            f"{path}: signal {entry.signal!r} would be reached with a community that devices are "
            "shipped with and anybody knows; change it in the device, or set "
            "allow_default_community = true"
        )
    return text


def _require_separate(device: Device) -> None:
    """Refuse a device whose reader could write: one user, or one secret, for both."""
    reader, writer = device.read_user, device.write_user
    shared = ""
    if reader is None or writer is None:
        if device.read_community and device.read_community == device.write_community:
            shared = "community"
    elif reader.name == writer.name:
        shared = "user"
    elif {reader.auth_secret, reader.privacy_secret} & {writer.auth_secret, writer.privacy_secret}:
        shared = "secret"
    if shared:
        raise ControllerError(
            f"signal {device.signal_id!r}: the same {shared} serves to read and to write, so "
            "whoever may look may also change plans; give the device two, or set "
            "allow_same_secret = true"
        )
