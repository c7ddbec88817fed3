"""The database transaction of NTCIP 1201 clause 2.3.1, as a state machine.

Parameters set while a transaction is open are buffered, belong to the community that opened
it, and reach the database only through a successful consistency check. GETs meanwhile show
what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum

from controllers.ntcip.objects import Edition, Oid

Content = int | bytes | Oid
"""A number, octets, or an object identifier."""

Check = Callable[[Mapping[Oid, Content]], str]
"""Look at the database with the buffer laid over it; return what is wrong, or nothing."""


class State(IntEnum):
    """States of `dbCreateTransaction`, numbered as on the wire."""

    NORMAL = 1
    TRANSACTION = 2
    VERIFY = 3
    DONE = 6


class Transaction:
    """One device's transaction.

    Parameters
    ----------
    edition
        Decides how the outcome of a check is numbered.
    check
        The device's consistency check.
    commit
        Stores a checked buffer.
    """

    def __init__(
        self, edition: Edition, check: Check, commit: Callable[[Mapping[Oid, Content]], None]
    ) -> None:
        self.not_done = 1 if edition is Edition.V03 else 0
        """How the device numbers a check that is not done; the outcomes follow."""
        self._check = check
        self._commit = commit
        self._buffer: dict[Oid, Content] = {}
        self._polls_left = 0
        self._failed = False
        self.verify_polls = 0
        """How many GETs of the state a check takes; a real device needs a while."""
        self.state = State.NORMAL
        self.owner: bytes | None = None
        self.error_text = b""

    @property
    def verify_status(self) -> int:
        """Outcome of the check: not done, done with error, done without, in that order."""
        if self.state is not State.DONE:
            return self.not_done
        return self.not_done + (1 if self._failed else 2)

    def poll(self) -> int:
        """Answer a GET of the state; a check under way comes nearer to its end."""
        if self.state is State.VERIFY:
            if self._polls_left <= 0:
                self._finish()
            else:
                self._polls_left -= 1
        return self.state

    def owned_by_another(self, community: bytes) -> bool:
        """Tell whether some other community holds the transaction."""
        return self.owner is not None and self.owner != community

    def accepts(self, command: int) -> bool:
        """Tell whether a command is lawful in the present state; if not, it is a badValue."""
        lawful = {
            State.NORMAL: (State.TRANSACTION,),
            State.TRANSACTION: (State.VERIFY, State.NORMAL),
            State.VERIFY: (),
            State.DONE: (State.NORMAL, State.TRANSACTION),
        }[self.state]
        return command in lawful

    def command(self, command: int, community: bytes) -> None:
        """Carry out a command that `accepts` has found lawful."""
        if command == State.VERIFY:
            self.state = State.VERIFY
            self._polls_left = self.verify_polls
            if not self._polls_left:
                self._finish()
        elif command == State.TRANSACTION:
            if self.state is State.NORMAL:
                self.owner = community
            self.state = State.TRANSACTION
        else:
            buffer, store = self._buffer, self.state is State.DONE and not self._failed
            self.reset()
            if store:
                self._commit(buffer)

    def buffer(self, values: Mapping[Oid, Content]) -> None:
        """Keep values for the check."""
        self._buffer.update(values)

    def reset(self) -> None:
        """Return to normal and forget the buffer, as after a restart."""
        self.state = State.NORMAL
        self.owner = None
        self._buffer = {}
        self._failed = False
        self.error_text = b""

    def _finish(self) -> None:
        problem = self._check(self._buffer)
        self._failed = bool(problem)
        self.error_text = problem.encode("ascii", "replace")[:255]
        self.state = State.DONE
