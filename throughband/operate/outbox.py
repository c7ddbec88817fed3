"""Notices on their way: kept on disk until they are delivered, tried again with longer waits.

A file for each notice and channel; it is there before anybody is told that the notice was taken,
and gone only when the channel has taken it. So neither a crash nor a dead mail server loses one.
Delivery runs beside the loop of operation and never holds it up.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from network.errors import ThroughbandError
from throughband.operate.notices import Notice

_log = logging.getLogger(__name__)

FIRST_WAIT_S: Final = 15.0
LONGEST_WAIT_S: Final = 1800.0
FACTOR: Final = 2.0


class Channel(Protocol):
    """A way to a person or a machine."""

    @property
    def recipient(self) -> str:
        """Who is told, without secrets."""
        ...

    async def send(self, notice: Notice, number: str) -> None:
        """Deliver a notice; raise `ThroughbandError` if that fails.

        Parameters
        ----------
        notice
            What to tell.
        number
            Names the notice; the same again when it is tried again, so that a receiver can tell
            a repetition.
        """
        ...


@dataclass(slots=True)
class Waiting:
    """A notice that one channel has not taken yet.

    Attributes
    ----------
    file
        Where it is kept.
    channel, number, notice
        What goes where.
    tries
        How often it was tried.
    due_utc
        When it is tried next.
    trouble
        Why the last try failed.
    """

    file: Path
    channel: str
    number: str
    notice: Notice
    tries: int
    due_utc: datetime
    trouble: str = ""


Told = Callable[[Waiting, bool], None]
"""Is told of a notice that a channel took, or for the first time did not."""


def _tell_nobody(waiting: Waiting, delivered: bool) -> None:
    """Keep no record."""


class Outbox:
    """Notices to deliver.

    Parameters
    ----------
    folder
        Where they are kept; made if missing. What is there is taken up.
    channels
        Ways by name.
    clock
        The present.
    told
        Keeps the record.

    Raises
    ------
    ThroughbandError
        If the folder cannot be made or read.
    """

    def __init__(
        self,
        folder: Path,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime],
        told: Told = _tell_nobody,
    ) -> None:
        self._folder = folder
        self._channels = dict(channels)
        self._clock = clock
        self._told = told
        self._waiting: dict[Path, Waiting] = {}
        self._number = 0
        self.delivered = 0
        self.failed_tries = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files = sorted(folder.glob("*.json"))
        except OSError as error:
            raise ThroughbandError(f"{folder}: cannot be made ({error.strerror})") from error
        for file in files:
            self._take_up(file)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """What is not delivered yet, the oldest first."""
        return tuple(self._waiting[file] for file in sorted(self._waiting))

    @property
    def next_due_utc(self) -> datetime | None:
        """When something is tried next."""
        return min((each.due_utc for each in self._waiting.values()), default=None)

    def put(self, notice: Notice) -> None:
        """Take a notice for every channel; it is on disk when this returns.

        Raises
        ------
        ThroughbandError
            It cannot be kept; the caller has it still.
        """
        now = self._clock()
        self._number += 1
        number = f"{now:%Y%m%dT%H%M%S}-{os.getpid()}-{self._number:06d}"
        taken: dict[Path, Waiting] = {}
        for name in self._channels:
            file = self._folder / f"{number}-{name}.json"
            kept = {"channel": name, "number": number, "notice": notice.to_dict()}
            try:
                _write(file, kept)
            except ThroughbandError:
                for each in taken:
                    each.unlink(missing_ok=True)
                raise
            taken[file] = Waiting(file, name, number, notice, 0, now)
        self._waiting.update(taken)

    async def deliver(self) -> int:
        """Try what is due once; return how many were delivered."""
        done = 0
        now = self._clock()
        for each in self.waiting:
            wait_s = (each.due_utc - now).total_seconds()
            # Further ahead only a clock that was set back can have put it.
            if 0 < wait_s <= LONGEST_WAIT_S:
                continue
            try:
                await self._channels[each.channel].send(each.notice, each.number)
            except ThroughbandError as error:
                each.tries += 1
                self.failed_tries += 1
                wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * FACTOR ** (each.tries - 1))
                each.due_utc = now + timedelta(seconds=wait_s)
                if str(error) != each.trouble:
                    _log.warning("notice %s by %s: %s", each.number, each.channel, error)
                each.trouble = str(error)
                if each.tries == 1:
                    self._told(each, False)
                continue
            each.file.unlink(missing_ok=True)
            del self._waiting[each.file]
            self.delivered += 1
            self._told(each, True)
            done += 1
        return done

    async def run(self, sleep: Callable[[float], Awaitable[None]], look_s: float = 5.0) -> None:
        """Deliver for as long as it is not cancelled."""
        while True:
            await self.deliver()
            await sleep(look_s)

    def _take_up(self, file: Path) -> None:
        try:
            entry = json.loads(file.read_text(encoding="utf-8"))
            channel = str(entry["channel"])
            waiting = Waiting(
                file,
                channel,
                str(entry["number"]),
                Notice.from_dict(entry["notice"]),
                0,
                self._clock(),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            # A file of somebody else's must not keep operation from beginning.
            _log.warning("%s: not a notice of ours, left alone (%s)", file, error)
            return
        if channel not in self._channels:
            _log.warning("%s: channel %r is no longer configured, left alone", file, channel)
            return
        self._waiting[file] = waiting


def _write(file: Path, content: Mapping[str, object]) -> None:
    aside = file.with_name(f".{file.name}")
    try:
        with aside.open("w", encoding="utf-8") as handle:
            json.dump(content, handle, ensure_ascii=False)
            handle.flush()
            os.fsync(handle.fileno())
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ThroughbandError(f"{file}: cannot be written ({error.strerror})") from error
