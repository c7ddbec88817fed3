"""Writing the settings of one plan, command by command, and reading them back."""

from __future__ import annotations

from collections.abc import Sequence, Set

from controllers.driver import ObjectValue
from controllers.rsmp.reading import read_tables
from controllers.rsmp.session import Session
from controllers.rsmp.signals import BAND, CYCLE, OFFSET
from network.errors import ReadBackMismatchError


class Writer:
    """Writes to one site.

    Parameters
    ----------
    session
        A connection with it.
    where
        The device, for messages.
    """

    def __init__(self, session: Session, where: str) -> None:
        self._session = session
        self._where = where
        self._taken: list[str] = []

    async def make(
        self, stored: Sequence[ObjectValue], wished: Sequence[ObjectValue]
    ) -> tuple[ObjectValue, ...]:
        """Make the settings of a plan as wished, all of them, and return what is stored then.

        A site that tells one wrongly gives itself away only by what it tells of a setting that
        was sent.

        Parameters
        ----------
        stored, wished
            The same settings, as they are and as they shall be.

        Raises
        ------
        RejectedValueError, UnreachableError
            The site refused a command, or did not answer; others may have gone through.
        ReadBackMismatchError
            It stores something else.
        """
        return await self._make(stored, wished, {entry.name for entry in wished})

    async def take_back(
        self,
        made: Sequence[ObjectValue],
        stored: Sequence[ObjectValue],
        told: Sequence[ObjectValue],
    ) -> tuple[ObjectValue, ...]:
        """Make settings as they were before a `make` that failed, and return what is stored then.

        Sent is what the site took of that, whatever it tells, and what it tells to be otherwise; a
        command that it refused is not tried again for what is as it was.

        Parameters
        ----------
        made, stored
            What was wished, and what it was before.
        told
            What the site tells of the same settings now.

        Raises
        ------
        RejectedValueError, UnreachableError, ReadBackMismatchError
            As `make`.
        """
        other = {old.name for old, now in zip(stored, told, strict=True) if old != now}
        return await self._make(made, stored, other | set(self._taken))

    async def _make(
        self, stored: Sequence[ObjectValue], wished: Sequence[ObjectValue], sent: Set[str]
    ) -> tuple[ObjectValue, ...]:
        self._taken = []
        pairs = zip(stored, wished, strict=True)
        longer = any(new.name == CYCLE and _seconds(new) > _seconds(old) for old, new in pairs)
        # In between, stages and offset must fit: a longer cycle comes first, a shorter one last.
        order = (CYCLE, BAND, OFFSET) if longer else (BAND, OFFSET, CYCLE)
        for name in order:
            if name in sent:
                await self._set(name, [entry for entry in wished if entry.name == name])
                self._taken.append(name)
        tables = await read_tables(self._session)
        found = tuple(tables.value(entry.name, *entry.index) for entry in wished)
        wrong = [
            f"{have!s}, not {want!s}"
            for have, want in zip(found, wished, strict=True)
            if have != want
        ]
        if wrong:
            raise ReadBackMismatchError(f"{self._where}: stores {'; '.join(wrong)}")
        return found

    async def _set(self, name: str, entries: Sequence[ObjectValue]) -> None:
        plan = entries[0].index[0]
        if name == BAND:
            # All bands of the plan: whether those left out keep their value is not laid down.
            text = ",".join(f"{entry.index[1]}-{_seconds(entry)}" for entry in entries)
            await self._session.command("M0014", plan=plan, status=text)
        else:
            code = "M0018" if name == CYCLE else "M0015"
            await self._session.command(code, plan=plan, status=_seconds(entries[0]))


def _seconds(entry: ObjectValue) -> int:
    assert isinstance(entry.value, int)
    return entry.value
