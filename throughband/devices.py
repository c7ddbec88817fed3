"""The device list: a TOML file that says where controllers are. Secrets stay in their own files."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controllers.driver import Device
from network.errors import ControllerError
from network.timing import OffsetReference


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
    return tuple(
        Device(
            entry.signal,
            entry.host,
            entry.port,
            _secret(path.parent / entry.read_secret_file),
            _secret(path.parent / entry.write_secret_file),
            entry.version,
            entry.offset_reference,
            entry.slots,
        )
        for entry in listed.device
    )


def _secret(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ControllerError(f"{path}: the secret cannot be read ({error})") from error
    if not text:
        raise ControllerError(f"{path}: the secret is empty")
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
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, secret in (
        ("read.secret", devices[0].read_community),
        ("write.secret", devices[0].write_community),
    ):
        file = folder / name
        file.touch(mode=0o600, exist_ok=True)
        file.write_text(secret + "\n", encoding="utf-8")
    lines = []
    for device in devices:
        lines += [
            "[[device]]",
            f"signal = {_quoted(device.signal_id)}",
            f"host = {_quoted(device.host)}",
            f"port = {device.port}",
            f"version = {_quoted(device.version)}",
            'read_secret_file = "read.secret"',
            'write_secret_file = "write.secret"',
            "",
        ]
    path = folder / "devices.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
