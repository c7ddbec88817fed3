"""Writing the settings of one plan, command by command, and reading them back."""

from __future__ import annotations

from collections.abc import Sequence

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

    async def make(
        self, stored: Sequence[ObjectValue], wished: Sequence[ObjectValue], *, every: bool = True
    ) -> tuple[ObjectValue, ...]:
        """Make the stored settings of a plan as wished, and return what is stored then.

        Parameters
        ----------
        stored, wished
            The same settings, as they are and as they shall be.
        every
            Whether all are sent, or only those that differ. A site that tells one wrongly gives
            itself away only by what it tells of a setting that was sent.

        Raises
        ------
        RejectedValueError, UnreachableError
            The site refused a command, or did not answer; others may have gone through.
        ReadBackMismatchError
            It stores something else.
        """
        pairs = list(zip(stored, wished, strict=True))
        sent = {new.name for old, new in pairs if every or old != new}
        longer = any(new.name == CYCLE and _seconds(new) > _seconds(old) for old, new in pairs)
        # In between, stages and offset must fit: a longer cycle comes first, a shorter one last.
        order = (CYCLE, BAND, OFFSET) if longer else (BAND, OFFSET, CYCLE)
        for name in order:
            if name in sent:
                await self._set(name, [entry for entry in wished if entry.name == name])
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
