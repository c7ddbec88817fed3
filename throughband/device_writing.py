"""Device lists written to disk, each secret in a file of its own that its owner alone may read."""

from __future__ import annotations

import json
from pathlib import Path

from controllers.driver import NTCIP, PRIVATE_NETWORKS, Device
from network.errors import ControllerError
from throughband.devices import _require_once, _require_separate


def write_devices(folder: Path, devices: tuple[Device, ...]) -> Path:
    """Write a device list with its secrets beside it, readable by the owner alone.

    Parameters
    ----------
    folder
        Where to; made if missing.
    devices
        All must share their communities or users, and their networks.

    Returns
    -------
    Path
        The list; `read_devices` returns the same devices.

    Raises
    ------
    ControllerError
        If the files cannot be written, or the devices do not share what they must, or the same
        secret serves to read and to write, or a signal or an address is there twice.
    """
    if not devices:
        raise ControllerError(f"{folder}: a device list names at least one device")
    first = devices[0]
    for device in devices:
        if _shared(device) != _shared(first):
            raise ControllerError(
                f"{folder}: signals {first.signal_id!r} and {device.signal_id!r} differ in "
                "version, secrets or networks; one written list has one set of them"
            )
    _require_separate(first)
    _require_once(devices)
    try:
        return _write_devices(folder, devices)
    except OSError as error:
        raise ControllerError(
            f"{folder}: the device list cannot be written ({error.strerror})"
        ) from error


def _shared(device: Device) -> tuple[object, ...]:
    communities = (device.read_community, device.write_community)
    return (
        device.protocol,
        device.version,
        *communities,
        device.read_user,
        device.write_user,
        device.networks,
    )


def _write_devices(folder: Path, devices: tuple[Device, ...]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, secret in _secret_files(devices[0]).items():
        file = folder / name
        file.touch(mode=0o600, exist_ok=True)
        file.chmod(0o600)
        file.write_text(secret + "\n", encoding="utf-8")
    lines = []
    if devices[0].networks != PRIVATE_NETWORKS:
        lines += [f"allow = {_toml([str(network) for network in devices[0].networks])}", ""]
    for device in devices:
        lines += _device_lines(device)
    path = folder / "devices.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _secret_files(device: Device) -> dict[str, str]:
    if device.read_user is None or device.write_user is None:
        return {"read.secret": device.read_community, "write.secret": device.write_community}
    return {
        "read-auth.secret": device.read_user.auth_secret,
        "read-privacy.secret": device.read_user.privacy_secret,
        "write-auth.secret": device.write_user.auth_secret,
        "write-privacy.secret": device.write_user.privacy_secret,
    }


def _device_lines(device: Device) -> list[str]:
    lines = [
        "[[device]]",
        f"signal = {_toml(device.signal_id)}",
        f"host = {_toml(device.host)}",
        f"port = {device.port}",
        f"version = {_toml(device.version)}",
        f"offset_reference = {_toml(str(device.offset_reference.value))}",
        f"slots = {_toml(list(device.slots))}",
        f"profile = {_toml(device.profile)}",
        f"max_clock_error_s = {device.max_clock_error_s}",
        f"requests_per_s = {device.requests_per_s}",
    ]
    if device.protocol != NTCIP:
        lines.append(f"protocol = {_toml(device.protocol)}")
    if device.options:
        pairs = ", ".join(f"{_toml(key)} = {_toml(value)}" for key, value in device.options)
        lines.append(f"options = {{ {pairs} }}")
    if device.action_row is not None:
        lines.append(f"action_row = {device.action_row}")
    if device.read_user is None or device.write_user is None:
        return [
            *lines,
            'read_secret_file = "read.secret"',
            'write_secret_file = "write.secret"',
            "",
        ]
    for kind, user in (("read", device.read_user), ("write", device.write_user)):
        lines += [
            f"[device.{kind}_user]",
            f"name = {_toml(user.name)}",
            f"auth_protocol = {_toml(user.auth_protocol)}",
            f"privacy_protocol = {_toml(user.privacy_protocol)}",
            f'auth_secret_file = "{kind}-auth.secret"',
            f'privacy_secret_file = "{kind}-privacy.secret"',
        ]
    return [*lines, ""]


def _toml(value: str | float | list[str] | list[int]) -> str:
    # JSON's texts and arrays are TOML's as well, but for the one control character JSON leaves.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
