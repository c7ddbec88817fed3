"""Net-SNMP beside the bridge: its command-line tools, and its agent as a child process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controllers.driver import Device, User

TOOLS = ("snmpget", "snmpset", "snmpwalk", "snmpbulkwalk", "snmpgetnext", "snmptranslate")
needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS),
    reason="net-snmp's tools are not installed (Debian package snmp)",
)
SNMPD = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_agent = pytest.mark.skipif(
    SNMPD is None, reason="net-snmp's agent is not installed (Debian package snmpd)"
)

READER = User("reader", "look-auth-secret", "look-privacy-secret", "SHA-256")
WRITER = User("writer", "change-auth-secret", "change-privacy-secret", "SHA-256")

NET_SNMP_NAMES = {
    "SHA-1": "SHA",
    "SHA-224": "SHA-224",
    "SHA-256": "SHA-256",
    "SHA-384": "SHA-384",
    "SHA-512": "SHA-512",
    "AES-128": "AES",
}
START_S = 10.0


def device_at(
    port: int,
    version: str = "v1",
    host: str = "127.0.0.1",
    read_user: User = READER,
    write_user: User = WRITER,
) -> Device:
    users = {"read_user": read_user, "write_user": write_user} if version == "v3" else {}
    return Device("s", host, port, "look", "change", version, **users)  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run_tool(
    folder: Path, name: str, device: Device, *arguments: str, writing: bool = False
) -> tuple[int, list[str]]:
    """Run a command-line tool against a device and return its code and its lines.

    Numbers stay numbers, and neither the user's configuration nor any MIB of the machine is read.
    """
    command = [name, "-m", "", "-On", "-Oe", "-Ox", "-r1", "-t2"]
    command += identity(device, writing)
    return await run_plain(folder, *command, f"udp:{device.host}:{device.port}", *arguments)


async def run_plain(folder: Path, *command: str) -> tuple[int, list[str]]:
    """Run a command with net-snmp's state in the folder."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(folder),
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    lines = output.decode(errors="replace").splitlines()
    # The first run of the tools in a folder also tells which folders it makes.
    return process.returncode, [line for line in lines if not line.startswith("Created directory")]


def identity(device: Device, writing: bool) -> list[str]:
    if device.version != "v3":
        community = device.write_community if writing else device.read_community
        return [f"-{device.version}", "-c", community]
    user = device.write_user if writing else device.read_user
    assert user is not None
    return [
        *("-v3", "-l", "authPriv", "-u", user.name),
        *("-a", NET_SNMP_NAMES[user.auth_protocol], "-A", user.auth_secret),
        *("-x", NET_SNMP_NAMES[user.privacy_protocol], "-X", user.privacy_secret),
    ]


def environment(folder: Path) -> dict[str, str]:
    """Keep whatever net-snmp stores inside a folder of the test."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "SNMPCONFPATH": f"{folder}:{folder / 'state'}",
        "SNMP_PERSISTENT_DIR": str(folder / "state"),
        "MIBS": "",
    }


@asynccontextmanager
async def snmpd(
    folder: Path,
    lines: Sequence[str] = (),
    users: Sequence[User] = (READER, WRITER),
    port: int | None = None,
) -> AsyncIterator[int]:
    """Run net-snmp's agent on loopback and yield its port.

    The first user may only read. What the agent keeps from run to run lies in the folder, so that
    a second run there is the same device after a restart.
    """
    assert SNMPD is not None
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    made = [
        f"createUser {user.name} {NET_SNMP_NAMES[user.auth_protocol]} {user.auth_secret} "
        f"{NET_SNMP_NAMES[user.privacy_protocol]} {user.privacy_secret}"
        for user in users
    ]
    granted = [
        f"{'rouser' if position == 0 else 'rwuser'} {user.name} priv"
        for position, user in enumerate(users)
    ]
    # The name the agent looks for: with -C it would also forget its own state.
    (folder / "snmpd.conf").write_text(
        "\n".join(["rocommunity look", "rwcommunity change", *made, *granted, *lines, ""])
    )
    process = await asyncio.create_subprocess_exec(
        *(SNMPD, "-f", "-Lo", "-I", "-smux", f"udp:127.0.0.1:{port}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(folder),
    )
    try:
        await asyncio.wait_for(_started(process), START_S)
        yield port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def _started(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    said = b""
    while line := await process.stdout.readline():
        said += line
        if line.startswith(b"NET-SNMP version"):
            return
    raise AssertionError(f"snmpd ended: {said.decode(errors='replace')}")
