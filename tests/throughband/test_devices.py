"""The device list: every slip has a place and a name, and no secret is ever told."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import pytest

from controllers.driver import PRIVATE_NETWORKS, Device, User
from controllers.ntcip.peer import AUTH_PROTOCOLS, PRIVACY_PROTOCOLS
from network.errors import ControllerError
from network.timing import OffsetReference
from throughband.device_writing import write_devices
from throughband.devices import UserEntry, read_devices

SECRET = "hush-hush"
OTHER = "not-a-word"
ENTRY = """
[[device]]
signal = "X"
host = "127.0.0.1"
port = 1161
read_secret_file = "read.secret"
write_secret_file = "write.secret"
"""


V3 = """
[[device]]
signal = "X"
host = "127.0.0.1"
port = 1161
version = "v3"
[device.read_user]
name = "looker"
auth_protocol = "SHA-256"
auth_secret_file = "read.secret"
privacy_secret_file = "read-2.secret"
[device.write_user]
name = "changer"
auth_protocol = "SHA-512"
privacy_protocol = "AES-128"
auth_secret_file = "write.secret"
privacy_secret_file = "write-2.secret"
"""
needs_modes = pytest.mark.skipif(os.name != "posix", reason="files have no POSIX mode here")


def keep(file: Path, secret: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(secret)


def listed(folder: Path, text: str = ENTRY, read: str = SECRET, write: str = OTHER) -> Path:
    for name, secret in (
        ("read", read),
        ("write", write),
        ("read-2", f"{SECRET}-2"),
        ("write-2", f"{OTHER}-2"),
    ):
        keep(folder / f"{name}.secret", secret)
    (folder / "devices.toml").write_text(text)
    return folder / "devices.toml"


def refused(path: Path, match: str) -> str:
    with pytest.raises(ControllerError, match=match) as caught:
        read_devices(path)
    text = str(caught.value)
    assert "devices.toml" in text
    assert "\n" not in text
    assert SECRET not in text
    assert OTHER not in text
    return text


def test_a_device_is_read_with_its_secrets(tmp_path: Path) -> None:
    (device,) = read_devices(listed(tmp_path, write="other\n"))
    assert device == Device("X", "127.0.0.1", 1161, SECRET, "other")
    assert SECRET not in repr(device)


def test_every_field_can_be_set(tmp_path: Path) -> None:
    extra = (
        'version = "v2c"\noffset_reference = "end-yellow"\nslots = [3, 4]\nprofile = "maxtime"\n'
        "max_clock_error_s = 0.5\nrequests_per_s = 12.5\naction_row = 7\n"
    )
    allow = 'allow = ["127.0.0.0/8", "2001:db8::/32"]\n'
    (device,) = read_devices(listed(tmp_path, allow + ENTRY + extra))
    assert device == Device(
        "X",
        "127.0.0.1",
        1161,
        SECRET,
        OTHER,
        "v2c",
        OffsetReference.END_YELLOW,
        (3, 4),
        profile="maxtime",
        max_clock_error_s=0.5,
        requests_per_s=12.5,
        action_row=7,
        networks=(ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")),
    )


def test_users_of_snmpv3_are_read_with_their_secrets(tmp_path: Path) -> None:
    (device,) = read_devices(listed(tmp_path, V3))
    assert device.version == "v3"
    assert device.read_user == User("looker", SECRET, f"{SECRET}-2", "SHA-256")
    assert device.write_user == User("changer", OTHER, f"{OTHER}-2", "SHA-512")
    assert SECRET not in repr(device)
    assert OTHER not in repr(device)


def test_the_list_offers_the_protocols_the_session_speaks() -> None:
    fields = UserEntry.model_fields
    assert get_args(fields["auth_protocol"].annotation) == tuple(AUTH_PROTOCOLS)
    assert get_args(fields["privacy_protocol"].annotation) == tuple(PRIVACY_PROTOCOLS)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (V3.replace('"SHA-256"', '"MD5"'), r"device\.0\.read_user\.auth_protocol: .*'SHA-512'"),
        (V3.replace('"AES-128"', '"DES"'), r"device\.0\.write_user\.privacy_protocol: .*'AES-128'"),
        (V3.replace('"looker"', '""'), r"device\.0\.read_user\.name"),
        (
            V3.replace('"looker"', f'"{"é" * 17}"'),
            r"device\.0\.read_user\.name: longer than the 32",
        ),
        (V3.partition("[device.write_user]")[0], r"device\.0\.write_user: Field required"),
        (ENTRY + 'version = "v3"', r"device\.0\.read_secret_file: .* no communities"),
        (V3.replace('"v3"', '"v2c"'), r'device\.0\.read_user: only version = "v3" has users'),
        (ENTRY.replace("write_secret_file", "#"), r"device\.0\.write_secret_file: Field required"),
        ('allow = ["10.0.0.0/40"]' + ENTRY, r"allow\.0"),
        ('allow = ["10.1.2.3/8"]' + ENTRY, r"allow\.0"),
        ('allow = ["street.example"]' + ENTRY, r"allow\.0"),
        ("allow = []" + ENTRY, "allow: List should have at least 1 item"),
        (ENTRY + "requests_per_s = 0", r"device\.0\.requests_per_s: .* greater than"),
        (ENTRY + "requests_per_s = inf", r"device\.0\.requests_per_s: .* finite"),
        (ENTRY + "max_clock_error_s = nan", r"device\.0\.max_clock_error_s"),
        (ENTRY + 'profile = ""', r"device\.0\.profile"),
        (ENTRY + "action_row = 256", r"device\.0\.action_row"),
    ],
)
def test_a_slip_of_safety_is_named_with_its_place(tmp_path: Path, text: str, match: str) -> None:
    refused(listed(tmp_path, text), match)


@pytest.mark.parametrize("name", ["read", "read-2", "write", "write-2"])
def test_a_short_password_is_refused(tmp_path: Path, name: str) -> None:
    path = listed(tmp_path, V3)
    (tmp_path / f"{name}.secret").write_text("seven-7")
    text = refused(path, "shorter than the 8 characters")
    assert f"{name}.secret" in text
    assert "seven-7" not in text


def test_one_community_for_both_is_refused(tmp_path: Path) -> None:
    refused(listed(tmp_path, write=SECRET), "signal 'X': the same community .* allow_same_secret")


def test_one_community_for_both_can_be_allowed(tmp_path: Path) -> None:
    path = listed(tmp_path, ENTRY + "allow_same_secret = true", write=SECRET)
    assert read_devices(path)[0].write_community == SECRET


def test_one_user_for_both_is_refused(tmp_path: Path) -> None:
    refused(listed(tmp_path, V3.replace("changer", "looker")), "the same user .* allow_same_secret")


@pytest.mark.parametrize("stolen", ["read", "read-2"])
@pytest.mark.parametrize("for_name", ["write", "write-2"])
def test_a_secret_of_both_users_is_refused(tmp_path: Path, stolen: str, for_name: str) -> None:
    path = listed(tmp_path, V3)
    keep(tmp_path / f"{for_name}.secret", (tmp_path / f"{stolen}.secret").read_text())
    refused(path, "the same secret .* allow_same_secret")


def test_one_user_for_both_can_be_allowed(tmp_path: Path) -> None:
    text = V3.partition("[device.write_user]")[0].replace("port", "allow_same_secret = true\nport")
    again = text.partition("[device.read_user]")[2]
    (device,) = read_devices(listed(tmp_path, f"{text}[device.write_user]{again}"))
    assert device.read_user == device.write_user


@needs_modes
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_secret_open_to_others_is_refused_with_its_cure(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    path = listed(folder)
    (folder / "write.secret").chmod(mode)
    text = refused(path, f"mode 0{mode:o}")
    assert f"chmod 600 '{folder / 'write.secret'}'" in text
    assert "allow_readable_secret_files = true" in text


@needs_modes
def test_a_secret_open_to_others_can_be_allowed(tmp_path: Path) -> None:
    path = listed(tmp_path, ENTRY + "allow_readable_secret_files = true")
    (tmp_path / "read.secret").chmod(0o644)
    assert read_devices(path)[0].read_community == SECRET


def test_a_secret_of_two_lines_is_refused(tmp_path: Path) -> None:
    refused(listed(tmp_path, read=f"{SECRET}\n{OTHER}"), "more than one line")


def test_without_a_list_only_private_addresses_are_allowed(tmp_path: Path) -> None:
    (device,) = read_devices(listed(tmp_path))
    assert device.networks == PRIVATE_NETWORKS
    assert not any(network.is_global for network in PRIVATE_NETWORKS)


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
        (ENTRY + 'version = "v4"', "known are v1, v2c, v3"),
        (ENTRY + "slots = [3]", "two pattern rows"),
        (ENTRY + 'offset_reference = "noon"', r"device\.0\.offset_reference"),
        (ENTRY.replace("read.secret", "absent"), "absent: the secret cannot be read"),
        (ENTRY.replace("read.secret", "."), "the secret cannot be read"),
        (ENTRY + "slots = [0, 15]", "from 1 on"),
        (ENTRY + "requests_per_s = 1e308", r"device\.0\.requests_per_s"),
        (ENTRY + "requests_per_s = 1e-300", r"device\.0\.requests_per_s"),
        (ENTRY + ENTRY.replace("1161", "1162"), "signal 'X' is listed 2 times"),
        (ENTRY + ENTRY.replace('"X"', '"Y"'), r"address 127\.0\.0\.1:1161 is listed 2 times"),
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


def test_every_field_is_written(tmp_path: Path) -> None:
    device = Device(
        "X",
        "203.0.113.9",
        1161,
        "rrrr",
        "wwww",
        "v2c",
        OffsetReference.BEGIN_YELLOW,
        (2, 9),
        profile="econolite",
        max_clock_error_s=0.25,
        requests_per_s=7.5,
        action_row=3,
        networks=(ip_network("203.0.113.0/24"), ip_network("::1/128")),
    )
    assert read_devices(write_devices(tmp_path, (device,))) == (device,)


def test_a_profile_that_nobody_knows_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = write_devices(tmp_path, (Device("X", "127.0.0.1", 161, "rrrr", "wwww"),))
    path.write_text(path.read_text().replace('"standard"', '"econo"'))
    with pytest.raises(
        ControllerError,
        match=r"device\.0\.profile: no vendor profile 'econo'; known are 1996, econ",
    ):
        read_devices(path)


def test_users_are_written_and_read_back(tmp_path: Path) -> None:
    reader = User('a"b', "12345678", "23456789", "SHA-224")
    writer = User("c", "34567890", "45678901", "SHA-384")
    devices = tuple(
        Device(name, "127.0.0.1", port, "", "", "v3", read_user=reader, write_user=writer)
        for name, port in (("X", 1161), ("Y", 1162))
    )
    path = write_devices(tmp_path, devices)
    assert read_devices(path) == devices
    for secret in ("12345678", "23456789", "34567890", "45678901"):
        assert secret not in path.read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"read_community": "xxxx"},
        {"write_community": "xxxx"},
        {"version": "v2c"},
        {"networks": PRIVATE_NETWORKS[:1]},
    ],
)
def test_devices_that_share_no_secrets_are_not_written(
    tmp_path: Path, change: dict[str, object]
) -> None:
    first = Device("X", "127.0.0.1", 1161, "rrrr", "wwww")
    other = replace(first, signal_id="Y", **change)  # type: ignore[arg-type]
    with pytest.raises(ControllerError, match="'X' and 'Y' differ"):
        write_devices(tmp_path / "new", (first, other))
    assert not (tmp_path / "new").exists()


def test_a_list_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match="same community"):
        write_devices(tmp_path / "new", (Device("X", "127.0.0.1", 1161, "rrrr", "rrrr"),))
    with pytest.raises(ControllerError, match="at least one"):
        write_devices(tmp_path / "new", ())
    once = Device("X", "127.0.0.1", 1161, "rrrr", "wwww")
    with pytest.raises(ControllerError, match="signal 'X' is listed 2 times"):
        write_devices(tmp_path / "new", (once, replace(once, port=1162)))
    assert not (tmp_path / "new").exists()


@needs_modes
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
