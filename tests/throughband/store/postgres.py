"""A real PostgreSQL server for tests, on a socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")


def why_not() -> str:
    """Return why no server can be started here; empty where one can."""
    if _binaries() is None:
        return "PostgreSQL's initdb and pg_ctl are not installed (Debian: postgresql)"
    if os.geteuid() == 0 and (_other_user() is None or shutil.which("setpriv") is None):
        return "PostgreSQL does not run as root, and there is no setpriv or no other user"
    return ""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a server whose data is in a folder; yield the URL of its database 'postgres'."""
    binaries = _binaries()
    assert binaries is not None
    data, socket = folder / "data", folder / "socket"
    socket.mkdir()
    user = "throughband"
    become: list[str] = []
    if os.geteuid() == 0:
        other = _other_user()
        assert other is not None
        for each in (folder, socket):
            os.chown(each, other.pw_uid, other.pw_gid)
        become = ["setpriv", f"--reuid={other.pw_uid}", f"--regid={other.pw_gid}", "--clear-groups"]
    initdb = [binaries / "initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "-N"]
    _run([*become, *initdb, "--locale=C"], folder)
    settings = f"-c listen_addresses='' -c unix_socket_directories={socket} "
    settings += "-c fsync=off -c full_page_writes=off -c max_connections=40"
    control = [*become, binaries / "pg_ctl", "-D", data, "-w"]
    _run([*control, "-l", folder / "log", "-o", settings, "start"], folder)
    try:
        yield f"postgresql://{user}@/postgres?host={socket}"
    finally:
        _run([*control, "-m", "immediate", "stop"], folder)


def _run(command: list[object], folder: Path) -> None:
    log = folder / "commands.log"
    with log.open("ab") as output:
        done = subprocess.run(
            [str(part) for part in command], stdout=output, stderr=output, check=False, cwd="/"
        )
    assert done.returncode == 0, log.read_text(errors="replace")


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found and shutil.which("pg_ctl"):
        return Path(found).parent
    versions = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def _other_user() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None
