"""The device list: a TOML file that says where controllers are. Secrets stay in their own files."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controllers.driver import Device
from network.errors import ControllerError
from network.timing import OffsetReference

DEFAULT_COMMUNITIES = frozenset({"public", "private", "administrator"})
"""What devices are shipped with; `administrator` is NTCIP 1103's own."""


class DeviceEntry(BaseModel):
    """One ``[[device]]`` table."""

    model_config = ConfigDict(extra="forbid")

    signal: str = Field(min_length=1)
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    version: str = "v1"
    read_secret_file: Path
    write_secret_file: Path
    offset_reference: OffsetReference = OffsetReference.BEGIN_GREEN
    slots: tuple[int, ...] = (15, 16)
    allow_default_community: bool = False


class DeviceList(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

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
        If a file cannot be read or a field is missing, unknown or out of range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        listed = DeviceList.model_validate(content)
    except OSError as error:
        raise ControllerError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ControllerError(f"{path}: not TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ControllerError(f"{path}: {where}: {first['msg']}") from error
    try:
        return tuple(
            Device(
                entry.signal,
                entry.host,
                entry.port,
                _secret(path.parent / entry.read_secret_file, entry),
                _secret(path.parent / entry.write_secret_file, entry),
                entry.version,
                entry.offset_reference,
                entry.slots,
            )
            for entry in listed.device
        )
    except ControllerError as error:
        raise ControllerError(f"{path}: {error}") from error


def _secret(path: Path, entry: DeviceEntry) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ControllerError(f"{path}: the secret cannot be read ({error.strerror})") from error
    except ValueError as error:
        # The original says which byte of the secret it stumbled over.
        raise ControllerError(f"{path}: the secret is not text in UTF-8") from error
    if not text:
        raise ControllerError(f"{path}: the secret is empty")
    if text.casefold() in DEFAULT_COMMUNITIES and not entry.allow_default_community:
        raise ControllerError(
            f"{path}: signal {entry.signal!r} would be reached with a community that devices are "
            "shipped with and anybody knows; change it in the device, or set "
            "allow_default_community = true"
        )
    return text


def write_devices(folder: Path, devices: tuple[Device, ...]) -> Path:
    """Write a device list with its secrets beside it, readable by the owner alone.

    Parameters
    ----------
    folder
        Where to; made if missing.
    devices
        All must share their communities.

    Returns
    -------
    Path
        The list.

    Raises
    ------
    ControllerError
        If the files cannot be written.
    """
    try:
        return _write_devices(folder, devices)
    except OSError as error:
        raise ControllerError(
            f"{folder}: the device list cannot be written ({error.strerror})"
        ) from error


def _write_devices(folder: Path, devices: tuple[Device, ...]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, secret in (
        ("read.secret", devices[0].read_community),
        ("write.secret", devices[0].write_community),
    ):
        file = folder / name
        file.touch(mode=0o600, exist_ok=True)
        file.chmod(0o600)
        file.write_text(secret + "\n", encoding="utf-8")
    lines = []
    for device in devices:
        lines += [
            "[[device]]",
            # A JSON text is a TOML basic string.
            f"signal = {json.dumps(device.signal_id, ensure_ascii=False)}",
            f"host = {json.dumps(device.host)}",
            f"port = {device.port}",
            f"version = {json.dumps(device.version)}",
            'read_secret_file = "read.secret"',
            'write_secret_file = "write.secret"',
            "",
        ]
    path = folder / "devices.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
