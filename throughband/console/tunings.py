"""Plans kept ready for trials, each in a process of its own.

Opening a town takes many seconds of a processor and a trial some hundredths. In the console's own
process that would hold up every other page, as one thread computes at a time. A process for each
plan also gives all memory back when it ends, and takes nothing else with it if it fails.
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

from network.errors import EngineError, ThroughbandError
from throughband.console.kept import StillMadeError
from throughband.console.tuning_process import BROKEN, READY, REFUSED, Asked, Opening
from throughband.planning.tuning import Trial
from throughband.planning.tuning_moves import Move

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

MOST_OPEN: Final = 3
"""So many plans are kept ready; the one not asked for longest ends first."""

TRIAL_S: Final = 60.0
"""A trial that takes longer hangs."""

END_S: Final = 5.0

COMMAND: Final = (sys.executable, "-m", "throughband.console.tuning_process")


class TuningEndedError(EngineError):
    """The process that predicts ended, or does not answer."""


class Tunings:
    """Plans ready for trials, by key.

    Parameters
    ----------
    most
        So many at a time.
    trial_s
        How long a trial may take, s.
    command
        What to start; the number of its end of the pipe is added.
    """

    def __init__(
        self,
        most: int = MOST_OPEN,
        trial_s: float = TRIAL_S,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._command = tuple(command)
        self._most = most
        self._trial_s = trial_s
        self._lock = threading.Lock()
        self._rooms: OrderedDict[Hashable, _Room] = OrderedDict()
        self._closed = False

    def prepare(self, key: Hashable, opening: Opening) -> bool:
        """Have a plan made ready without waiting for it; return whether a trial will be answered.

        One whose opening failed counts as ready: the trial tells why.
        """
        try:
            return not self._room(key, opening).is_opening
        except StillMadeError:
            return False

    def trial(
        self,
        key: Hashable,
        opening: Opening,
        moves: Sequence[Move],
        told: Callable[[Trial], _T],
        patience_s: float,
    ) -> _T:
        """Tell what moves would do.

        Parameters
        ----------
        key, opening
            Which plan, and how to make it ready if it is not.
        moves
            Of one coordination group.
        told
            A function of a module, carried out in the other process: what to send of the trial.
        patience_s
            How long to wait while it is made ready, s.

        Raises
        ------
        StillMadeError
            While it is made ready, or others try something on it.
        TuningEndedError
            The process failed; the next that asks begins a new one.
        ThroughbandError
            The plan or the moves cannot be tried.
        """
        room = self._room(key, opening)
        try:
            found: _T = room.ask(Asked(tuple(moves), told), patience_s, self._trial_s)
        except (EOFError, OSError) as error:
            was_ready, status = room.is_ready, room.end()
            self._forget(key, room)
            # One that was ready ended by itself, or made room for another: it is opened again.
            if was_ready:
                raise StillMadeError("this is being worked out; look again in a moment") from error
            raise TuningEndedError(
                f"the process that makes the plan ready ended (status {status}); ask again, and "
                "see the console's log if it ends again"
            ) from error
        except _FailedError as error:
            room.end()
            self._forget(key, room)
            raise error.cause from error
        return found

    def close(self) -> None:
        """End every process."""
        with self._lock:
            self._closed = True
            rooms = list(self._rooms.values())
            self._rooms.clear()
        for room in rooms:
            room.end()

    def __len__(self) -> int:
        """Return how many are open or being opened."""
        return len(self._rooms)

    def _room(self, key: Hashable, opening: Opening) -> _Room:
        ended: list[_Room] = []
        try:
            with self._lock:
                return self._found(key, opening, ended)
        finally:
            for room in ended:
                room.end()

    def _found(self, key: Hashable, opening: Opening, ended: list[_Room]) -> _Room:
        if self._closed:
            raise TuningEndedError("the console is ending; nothing is tried any more")
        for other, room in list(self._rooms.items()):
            if room.is_ready and room.has_ended:
                ended.append(self._rooms.pop(other))
        if key not in self._rooms:
            if len(self._rooms) >= self._most:
                # One that is being opened is let finish: else those who wait for their plans
                # would end each other's, and none would ever be ready.
                other = next((k for k, room in self._rooms.items() if not room.is_opening), None)
                if other is None:
                    raise StillMadeError("other plans are being made ready; look again in a moment")
                ended.append(self._rooms.pop(other))
            self._rooms[key] = _Room(opening, self._command)
        self._rooms.move_to_end(key)
        return self._rooms[key]

    def _forget(self, key: Hashable, room: _Room) -> None:
        with self._lock:
            if self._rooms.get(key) is room:
                del self._rooms[key]


@contextmanager
def _refused_starts(ours: socket.socket) -> Iterator[None]:
    """Tell that no process could be started, and let go of the pipe."""
    try:
        yield
    except OSError as error:
        ours.close()
        raise TuningEndedError(f"no process to predict in could be started: {error}") from error


class _FailedError(Exception):
    """A room that cannot be used again, and why."""

    def __init__(self, cause: ThroughbandError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Room:
    """A process with one plan, and the pipe to it."""

    def __init__(self, opening: Opening, command: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        self.is_ready = False
        self._alone = threading.Lock()
        with theirs, _refused_starts(ours):
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C is for the console; it ends its processes itself.
                start_new_session=True,
            )
        self._pipe = Connection(ours.detach())
        with suppress(OSError):
            self._pipe.send(opening)

    @property
    def is_opening(self) -> bool:
        if self.is_ready or self.has_ended:
            return False
        try:
            return not self._pipe.poll()
        except OSError:
            return False

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ask(self, asked: Asked, patience_s: float, trial_s: float) -> Any:
        """Return the answer to a trial; one at a time, as a `Tuning` changes while it tries."""
        end_s = time.monotonic() + patience_s
        if not self._alone.acquire(timeout=patience_s):
            raise StillMadeError("this is being worked out; look again in a moment")
        try:
            if not self.is_ready:
                if not self._pipe.poll(max(end_s - time.monotonic(), 0.0)):
                    raise StillMadeError("this is being worked out; look again in a moment")
                kind, content = self._pipe.recv()
                if kind != READY:
                    raise _FailedError(_cause(kind, content))
                self.is_ready = True
            self._pipe.send(asked)
            if not self._pipe.poll(trial_s):
                raise _FailedError(TuningEndedError(f"no prediction came within {trial_s:g} s"))
            kind, content = self._pipe.recv()
        finally:
            self._alone.release()
        if kind == BROKEN:
            raise _FailedError(_cause(kind, content))
        if kind == REFUSED:
            raise _cause(kind, content)
        return content

    def end(self) -> int | None:
        """End the process; return its status. Who waits for an answer finds the pipe ended."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        if self._alone.acquire(blocking=False):
            self._pipe.close()
            self._alone.release()
        return self._process.returncode


def _cause(kind: str, content: Any) -> ThroughbandError:
    if kind == REFUSED:
        refusal: ThroughbandError = content
        return refusal
    _log.error("a trial failed: %s", content)
    return TuningEndedError(f"the prediction failed: {content.strip().splitlines()[-1]}")
