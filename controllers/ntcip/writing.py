"""The one door through which a device is written, and the transaction it is written in.

NTCIP 1201 v03, clause 2.3.1: what is set while a transaction is open is buffered, checked when
asked for, and stored by the command ``normal`` only if the check found nothing. From the state
``done`` after a good check the same command stores, so that discarding there leads back through
``transaction``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from controllers.driver import ObjectValue
from controllers.ntcip.codec import wire_values
from controllers.ntcip.message_size import BATCH_LIMIT
from controllers.ntcip.objects import OBJECTS, Edition
from controllers.ntcip.profiles import VendorProfile
from controllers.ntcip.reading import Reader
from controllers.ntcip.session import TIMEOUT_S, Session
from network.errors import ControllerError, RejectedValueError, UnreachableError

_log = logging.getLogger(__name__)

NORMAL: Final = 1
TRANSACTION: Final = 2
VERIFY: Final = 3
DONE: Final = 6
"""States and commands of `dbCreateTransaction`."""

VERIFY_POLLS: Final = 50
"""How often the outcome of a check is asked for before giving up."""

FIRST_POLL_S: Final = 0.01
LONGEST_POLL_S: Final = 0.5
"""Pauses between those questions: doubled each time, up to the longest; 22 s together."""

COMMAND_ATTEMPTS: Final = 3
"""How often a transaction command is given while its replies get lost."""

BUSY_WAITS: Final = (0.25, 0.5, 1.0, 2.0)
"""Waits for a busy database, in units of the time allowed for an answer: 7.5 s by default."""

QUIET_LOOKS: Final = 4

Sleep = Callable[[float], Awaitable[None]]


class Writer:
    """Writes one device, coordination objects only.

    Parameters
    ----------
    session, reader
        An open session with it, and what knows where its scalars are.
    profile
        Where it departs from the standard.
    timeout_s
        How long an answer may take; the measure of patience with a busy database.
    sleep
        Lets time pass.
    """

    def __init__(
        self,
        session: Session,
        reader: Reader,
        profile: VendorProfile,
        timeout_s: float = TIMEOUT_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._session = session
        self._reader = reader
        self._profile = profile
        self._where = reader.where
        self._waits_s = tuple(part * timeout_s for part in BUSY_WAITS)
        self._sleep = sleep

    async def write(self, values: Sequence[ObjectValue], *, resend: bool = True) -> None:
        """Write values, all checked against the allow-list before the first byte leaves.

        Raises
        ------
        ControllerError
            A value is not this bridge's to write; nothing was sent.
        UnreachableError, RejectedValueError
            As from `Session.set`.
        """
        wire_values(values)
        await self._reader.locate(entry.name for entry in values if not entry.index)
        encoded = wire_values(values, self._reader.suffixes)
        narrow = self._profile.bindings < BATCH_LIMIT
        size = self._profile.bindings if narrow else max(1, len(encoded))
        for at in range(0, len(encoded), size):
            await self._session.set(encoded[at : at + size], resend=resend)

    # The transaction

    async def begin(self) -> None:
        """Open a transaction; if another is open, wait a little, each time longer.

        Raises
        ------
        RejectedValueError
            The database stays busy, or the device does not let us.
        """
        seen: list[int] = []
        for wait_s in (*self._waits_s, None):
            state = await self.state()
            if state == NORMAL:
                try:
                    await self.command(TRANSACTION)
                except RejectedValueError:
                    # Refused for good, unless somebody else was quicker.
                    state = await self.state()
                    if state == NORMAL:
                        raise
                else:
                    return
            seen.append(state)
            if wait_s is not None:
                await self._sleep(wait_s)
        raise RejectedValueError(
            f"{self._where}: the database is busy: dbCreateTransaction was "
            f"{', '.join(map(str, seen))} in {sum(self._waits_s):g} s, where {NORMAL} is needed"
        )

    async def load(self, values: Sequence[ObjectValue]) -> None:
        """Fill the open transaction and see that it is still open."""
        await self.write(values)
        state = await self.state()
        if state != TRANSACTION:
            raise RejectedValueError(
                f"{self._where}: took the plan without a transaction: dbCreateTransaction is "
                f"{state} where {TRANSACTION} was expected"
            )

    async def verify(self, numbers: Edition) -> None:
        """Have the buffer checked.

        Parameters
        ----------
        numbers
            The edition in whose numbers the device tells the outcome.

        Raises
        ------
        RejectedValueError
            The check found something, or does not end.
        """
        await self.command(VERIFY)
        status, text = await self._outcome()
        if status != (3 if numbers is Edition.V03 else 2):
            known = status == (2 if numbers is Edition.V03 else 1)
            meaning = "an error" if known else "no known outcome"
            raise RejectedValueError(
                f"{self._where}: the check refused the plan (status {status}, {meaning}): {text}"
            )

    async def store(self) -> None:
        """Store what was checked."""
        await self.command(NORMAL)

    async def numbering(self) -> Edition:
        """Find out by an empty transaction in whose numbers the device tells an outcome.

        It is closed without storing, and there is nothing in it to store. The older edition
        counts not done, error, no error from 0, version 3 from 1: only a 2 is ambiguous, and
        what the object said before the check then decides.

        Raises
        ------
        RejectedValueError
            The numbers fit neither edition, or both.
        """
        await self.begin()
        try:
            idle = (await self._reader.numbers("dbVerifyStatus"))["dbVerifyStatus"]
            await self.command(VERIFY)
            status, text = await self._outcome()
        finally:
            await self.discard()
        if status == 3:
            return Edition.V03
        if status == 1 or (status == 2 and idle == 0):
            return Edition.V1996
        raise RejectedValueError(
            f"{self._where}: dbVerifyStatus is {idle} before a check and {status} after one of "
            f"nothing ({text or 'no error text'}); that fits no single edition, name it in a "
            "vendor profile"
        )

    async def discard(self) -> None:
        """Discard our open transaction, if the device can be reached and has one."""
        try:
            await self._close()
        except ControllerError as error:
            # Nothing was stored; the open transaction is reported with the original failure.
            _log.warning("%s: the transaction stays open: %s", self._where, error)

    async def reclaim(self, quiet_s: float) -> bool:
        """Discard a transaction that a bridge of ours left open when it died.

        Three things must come together. The caller's journal tells of a download that began and
        did not end. The state of the transaction does not change for a while: nobody is at work
        in it. And the device itself lets only the community or user that opened it, or its
        administrator, close it.

        Parameters
        ----------
        quiet_s
            How long the state is watched; a download in progress changes it within seconds.

        Returns
        -------
        bool
            Whether there was one.

        Raises
        ------
        RejectedValueError
            Somebody is at work in it, or it belongs to another manager.
        """
        first = await self.state()
        if first == NORMAL:
            return False
        for _ in range(QUIET_LOOKS):
            await self._sleep(quiet_s / QUIET_LOOKS)
            now = await self.state()
            if now == NORMAL:
                return False
            if now != first:
                raise RejectedValueError(
                    f"{self._where}: somebody is at work in the transaction: dbCreateTransaction "
                    f"went from {first} to {now}"
                )
        try:
            await self._close()
        except RejectedValueError as error:
            raise RejectedValueError(
                f"{self._where}: the open transaction belongs to another manager: {error}"
            ) from error
        return True

    async def state(self) -> int:
        """Read `dbCreateTransaction`."""
        return (await self._reader.numbers("dbCreateTransaction"))["dbCreateTransaction"]

    async def command(self, command: int) -> None:
        """Give a transaction command exactly once.

        A lost reply is ambiguous and a repeated command would be refused, so the state decides.
        """
        values = [ObjectValue("dbCreateTransaction", (), command)]
        reached = {command, DONE} if command == VERIFY else {command}
        for _ in range(COMMAND_ATTEMPTS):
            try:
                await self.write(values, resend=False)
            except UnreachableError:
                if await self.state() in reached:
                    return
            else:
                return
        raise UnreachableError(f"{self._where}: no answer to transaction command {command}")

    async def _close(self) -> None:
        state = await self.state()
        if state == VERIFY:
            await self._outcome()
            state = DONE
        if state == DONE:
            # After a good check the command `normal` would store: go back first.
            await self.command(TRANSACTION)
            state = TRANSACTION
        if state != NORMAL:
            await self.command(NORMAL)

    async def _outcome(self) -> tuple[int, str]:
        pause_s = FIRST_POLL_S
        for _ in range(VERIFY_POLLS):
            if await self.state() == DONE:
                break
            await self._sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_POLL_S)
        else:
            raise RejectedValueError(f"{self._where}: the check of the database does not end")
        found = await self._reader.scalars("dbVerifyStatus", "dbVerifyError")
        text = self._reader.text(OBJECTS["dbVerifyError"].name, found["dbVerifyError"])
        return self._reader.number("dbVerifyStatus", found["dbVerifyStatus"]), text
