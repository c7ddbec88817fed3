"""The state folder: what is called, who is at work, and the STOP file.

::

    calls.json      what this bridge calls on the street; replaced as a whole
    profiles/       what each device said of itself when it was met
    receipts/       one file per push, for ``withdraw``
    status.json     what the running service saw last
    service.lock    held while the service runs; a second one is refused
    push.lock       held while somebody pushes, withdraws or recovers
    STOP            ends the service and every push; its text is the reason

The locks are those of POSIX (`fcntl.flock`), so the bridge runs on Linux and macOS, and the folder
must lie on a local disk: over NFS such locks may hold on one host only.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from controllers.calls import Call
from controllers.receipt import PushReceipt
from network.errors import ControllerError
from throughband.bridge.profiles import ProfileFolder
from throughband.results import read_json

STOP: Final = "STOP"


class StateFolder:
    """A bridge's state on disk, shared by the service and the commands.

    Parameters
    ----------
    path
        The folder; made if missing.

    Raises
    ------
    ControllerError
        It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.profiles = ProfileFolder(path / "profiles")
        self._seen: tuple[int, int] | None = None
        self._calls: dict[str, Call] = {}
        try:
            (path / "receipts").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ControllerError(f"{path}: cannot be made ({error.strerror})") from error

    # The calls

    def calls(self) -> Mapping[str, Call]:
        """Return by signal what we call; read again only if the file changed.

        Raises
        ------
        ControllerError
            The file is not what this class wrote.
        """
        file = self.path / "calls.json"
        try:
            found = file.stat()
        except FileNotFoundError:
            self._seen, self._calls = None, {}
            return {}
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._seen:
            entries = read_json(file).get("calls")
            if not isinstance(entries, list):
                raise ControllerError(f"{file}: expected a list of calls")
            calls = [Call.from_dict(entry, str(file)) for entry in entries]
            self._calls = {call.signal_id: call for call in calls}
            self._seen = stamp
        return dict(self._calls)

    def add(self, calls: Mapping[str, Call]) -> None:
        """Remember calls, in place of earlier ones at the same signals."""
        with self._changing():
            self._write({**self.calls(), **calls})

    def drop(self, signals: Collection[str]) -> None:
        """Forget calls that are ended."""
        with self._changing():
            self._write({s: c for s, c in self.calls().items() if s not in set(signals)})

    def drop_push(self, push_id: str) -> None:
        """Forget the calls of a push."""
        with self._changing():
            self._write({s: c for s, c in self.calls().items() if c.push_id != push_id})

    # Receipts and status

    def keep_receipt(self, receipt: PushReceipt) -> Path:
        """Write a receipt and return where."""
        name = re.sub(r"[^0-9A-Za-z]+", "-", receipt.push_id).strip("-")
        file = self.path / "receipts" / f"{name}.json"
        self._replace(file, receipt.to_dict())
        return file

    def keep_status(self, content: Mapping[str, Any]) -> None:
        """Write what the service sees."""
        self._replace(self.path / "status.json", content)

    def status(self) -> dict[str, Any] | None:
        """Return what the service saw last, or None if it never ran."""
        file = self.path / "status.json"
        return read_json(file) if file.exists() else None

    def status_age_s(self, now_s: float) -> float | None:
        """Return how long ago the service last said what it sees, s; None if it never did.

        Parameters
        ----------
        now_s
            The present on the wall, s since 1970; a drill's street may have another time.
        """
        try:
            return max(0.0, now_s - (self.path / "status.json").stat().st_mtime)
        except FileNotFoundError:
            return None

    # Stopping

    def stop_reason(self) -> str:
        """Return why everything is to stop, or nothing while there is no STOP file."""
        file = self.path / STOP
        if not os.path.lexists(file):
            return ""
        try:
            text = " ".join(file.read_text(encoding="utf-8", errors="replace").split())[:200]
        except OSError:
            text = ""
        return f"{file} is there" + (f": {text}" if text else "")

    def stop(self, reason: str) -> None:
        """Put the STOP file there."""
        try:
            (self.path / STOP).write_text(reason + "\n", encoding="utf-8")
        except OSError as error:
            raise ControllerError(
                f"{self.path / STOP}: cannot be written ({error.strerror})"
            ) from error

    # Locks

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Be the only service of this folder.

        Raises
        ------
        ControllerError
            Another one runs.
        """
        with self._locked("service.lock", "another bridge serves this corridor"):
            yield

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Be the only one who pushes, withdraws or recovers.

        Raises
        ------
        ControllerError
            Somebody else is at it.
        """
        with self._locked("push.lock", "somebody else pushes, withdraws or recovers"):
            yield

    @property
    def served(self) -> bool:
        """Whether a service runs."""
        return self._is_locked("service.lock")

    @property
    def worked_on(self) -> bool:
        """Whether somebody pushes, withdraws or recovers."""
        return self._is_locked("push.lock")

    def _is_locked(self, name: str) -> bool:
        try:
            with self._locked(name, ""):
                return False
        except ControllerError:
            return True

    @contextmanager
    def _locked(self, name: str, meaning: str) -> Iterator[None]:
        file = self.path / name
        try:
            handle = file.open("a+", encoding="utf-8")
        except OSError as error:
            raise ControllerError(f"{file}: cannot be opened ({error.strerror})") from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                handle.seek(0)
                holder = handle.read(20).strip() or "unknown"
                raise ControllerError(f"{file}: {meaning} (process {holder})") from error
            # The lock is what counts; a full disk must not keep anybody from taking plans back.
            with suppress(OSError):
                os.truncate(handle.fileno(), 0)
                os.write(handle.fileno(), str(os.getpid()).encode())
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the calls alone; others wait the moment it takes."""
        file = self.path / "calls.lock"
        try:
            with file.open("a", encoding="utf-8") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise ControllerError(f"{file}: the calls cannot be kept ({error.strerror})") from error

    def _write(self, calls: Mapping[str, Call]) -> None:
        entries = [calls[signal].to_dict() for signal in sorted(calls)]
        self._replace(self.path / "calls.json", {"calls": entries})

    def _replace(self, file: Path, content: Mapping[str, Any]) -> None:
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with aside.open("w", encoding="utf-8") as handle:
                json.dump(content, handle, indent=1, ensure_ascii=False)
                handle.flush()
                os.fsync(handle.fileno())
            aside.replace(file)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise ControllerError(f"{file}: cannot be written ({error.strerror})") from error
