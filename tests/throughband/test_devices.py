"""The device list: every slip has a place and a name, and no secret is ever told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from controllers.driver import Device
from network.errors import ControllerError
from network.timing import OffsetReference
from throughband.devices import read_devices, write_devices

SECRET = "hush-hush"
ENTRY = """
[[device]]
signal = "X"
host = "127.0.0.1"
port = 1161
read_secret_file = "read.secret"
write_secret_file = "write.secret"
"""


def listed(folder: Path, text: str = ENTRY, read: str = SECRET, write: str = SECRET) -> Path:
    (folder / "read.secret").write_text(read)
    (folder / "write.secret").write_text(write)
    (folder / "devices.toml").write_text(text)
    return folder / "devices.toml"


def test_a_device_is_read_with_its_secrets(tmp_path: Path) -> None:
    (device,) = read_devices(listed(tmp_path, write="other\n"))
    assert device == Device("X", "127.0.0.1", 1161, SECRET, "other")
    assert SECRET not in repr(device)


def test_every_field_can_be_set(tmp_path: Path) -> None:
    extra = 'version = "v2c"\noffset_reference = "end-yellow"\nslots = [3, 4]\n'
    (device,) = read_devices(listed(tmp_path, ENTRY + extra))
    assert (device.version, device.slots) == ("v2c", (3, 4))
    assert device.offset_reference is OffsetReference.END_YELLOW


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "device: Field required"),
        ("device = []", "device: List should have at least 1 item"),
        ("[[device]", "not TOML"),
        (ENTRY.replace('signal = "X"', ""), r"device\.0\.signal: Field required"),
        (ENTRY.replace('"X"', '""'), r"device\.0\.signal"),
        (ENTRY.replace("1161", "0"), r"device\.0\.port"),
        (ENTRY.replace("1161", "65536"), r"device\.0\.port"),
        (ENTRY.replace("1161", '"snmp"'), r"device\.0\.port"),
        (ENTRY + 'colour = "red"', r"device\.0\.colour: Extra inputs"),
        (ENTRY + 'version = "v3"', "known are v1, v2c"),
        (ENTRY + "slots = [3]", "two pattern rows"),
        (ENTRY + 'offset_reference = "noon"', r"device\.0\.offset_reference"),
        (ENTRY.replace("read.secret", "absent"), "absent: the secret cannot be read"),
        (ENTRY.replace("read.secret", "."), "the secret cannot be read"),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(ControllerError, match=match) as caught:
        read_devices(listed(tmp_path, text))
    assert "devices.toml" in str(caught.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match=r"devices\.toml: cannot be read"):
        read_devices(tmp_path / "devices.toml")


@pytest.mark.parametrize(
    "text",
    [
        ENTRY + f'read_secret = "{SECRET}"',
        ENTRY.replace("port = 1161", f'port = "{SECRET}"'),
        ENTRY + f'read_secret = "{SECRET}',
        f'read_secret = "{SECRET}"',
    ],
)
def test_a_secret_in_the_wrong_place_is_not_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ControllerError) as caught:
        read_devices(listed(tmp_path, text))
    assert SECRET not in str(caught.value)


def test_an_unreadable_secret_is_not_told(tmp_path: Path) -> None:
    path = listed(tmp_path)
    (tmp_path / "write.secret").write_bytes(b"hush\xe4")
    with pytest.raises(ControllerError, match="not text in UTF-8") as caught:
        read_devices(path)
    assert "0xe4" not in str(caught.value)


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match="the secret is empty"):
        read_devices(listed(tmp_path, read=" \n"))


@pytest.mark.parametrize("name", ["public", "private", "administrator", "Public\n"])
@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_community_that_everybody_knows_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    with pytest.raises(ControllerError, match="allow_default_community") as caught:
        read_devices(listed(tmp_path, **{kind: name}))
    assert f"{kind}.secret" in str(caught.value)


def test_a_community_that_everybody_knows_can_be_allowed(tmp_path: Path) -> None:
    text = ENTRY + "allow_default_community = true"
    (device,) = read_devices(listed(tmp_path, text, "public", "administrator"))
    assert device.write_community == "administrator"


def test_a_written_list_is_read_back(tmp_path: Path) -> None:
    devices = tuple(
        Device(name, "127.0.0.1", 1161 + number, "rrrr", "wwww")
        for number, name in enumerate(['a "b" \\c', "Straße\t1", "#0"])
    )
    assert read_devices(write_devices(tmp_path / "new", devices)) == devices


def test_secrets_are_the_owner_s_alone(tmp_path: Path) -> None:
    (tmp_path / "read.secret").touch(mode=0o644)
    write_devices(tmp_path, (Device("X", "127.0.0.1", 1161, "rrrr", "wwww"),))
    for name in ("read.secret", "write.secret"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert "rrrr" not in (tmp_path / "devices.toml").read_text()


def test_a_list_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ControllerError, match="cannot be written"):
        write_devices(tmp_path / "file", (Device("X", "127.0.0.1", 1161, "rrrr", "wwww"),))
