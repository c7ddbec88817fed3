"""One `adapt` at a time at every controller of this machine's user.

Two that steer one controller wipe out each other's holds and force-offs, for a command says all
that is to stand. The locks are those of POSIX (`fcntl.flock`): they end with the process that holds
them, however it ends. They lie in the user's folder of states and not among temporary files,
which are cleared away under processes that run for weeks. Processes of other users or machines
are not seen.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from controllers.driver import Device
from network.errors import ControllerError


@contextmanager
def steering(devices: Sequence[Device]) -> Iterator[None]:
    """Be the only one who steers some controllers.

    Parameters
    ----------
    devices
        The controllers; the same one may be named in other words elsewhere.

    Raises
    ------
    ControllerError
        Another process steers one of them, or the locks cannot be kept.
    """
    folder = _folder()
    taken: dict[Path, str] = {}
    with ExitStack() as stack:
        for device in devices:
            file = folder / f"{_place(device)}.lock"
            if file in taken:
                raise ControllerError(
                    f"signals {taken[file]!r} and {device.signal_id!r} are at the same address "
                    f"{device.address}; a controller is steered for one signal"
                )
            taken[file] = device.signal_id
            try:
                folder.mkdir(parents=True, exist_ok=True)
                handle = stack.enter_context(file.open("a+", encoding="utf-8"))
            except OSError as error:
                raise ControllerError(f"{file}: cannot be opened ({error.strerror})") from error
            _lock(handle, device)
        yield


def _lock(handle: IO[str], device: Device) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        holder = handle.read(20).strip() or "unknown"
        raise ControllerError(
            f"signal {device.signal_id!r} at {device.address}: another 'adapt' steers this "
            f"controller (process {holder})"
        ) from error
    # The lock is what counts; a full disk must not keep anybody from steering.
    with suppress(OSError):
        os.truncate(handle.fileno(), 0)
        os.write(handle.fileno(), str(os.getpid()).encode())


def _folder() -> Path:
    """Return where a user's states lie (XDG Base Directory Specification 0.8)."""
    named = os.environ.get("XDG_STATE_HOME", "")
    # By that specification a relative path counts as none.
    try:
        base = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise ControllerError(
            "this user has no home folder to keep locks in; XDG_STATE_HOME names another one"
        ) from error
    return base / "throughband" / "adapt"


def _place(device: Device) -> str:
    """Return a file name for a controller's address, the same for all names of its host."""
    host = device.host
    # One that cannot be found is told of when it is to be reached.
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, device.port, type=socket.SOCK_DGRAM)
        host = str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])
    return re.sub(r"[^0-9A-Za-z.]", "-", f"{host}-{device.port}")
