"""One connection with a site, from the supervisor's side.

RSMP core 3.2, "Transport of data": the site opens with its version, which is checked and answered
with ours; both then send a sign of life, and the site its aggregated status and all alarms. Every
message is acknowledged or refused within a time, else the connection counts as disrupted and is
closed; connecting again is the site's part. Before versions are exchanged nothing else is
acknowledged.

An answer names no question: a status response is known by its component, codes and names alone.
So one question is asked at a time, and one that stays unanswered ends the connection, lest a late
answer be taken for that of the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from controllers.rsmp import messages
from controllers.rsmp.handshake import Agreement, agree
from controllers.rsmp.hearing import Commanded, Hearing, Readings
from controllers.rsmp.link import Link, Patience
from controllers.rsmp.messages import Message
from controllers.rsmp.sheet import SiteSheet
from controllers.rsmp.signals import COMMANDS, FLAGGED_SINCE, RSMP_VERSIONS
from network.errors import ControllerError, RejectedValueError, UnreachableError

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
"""Returns the present as an aware time."""

MOST_FAULTS: Final = 100
"""Messages that make no sense after which a site is no longer listened to."""


class Session:
    """A connection with a site; made by `controllers.rsmp.supervisor`.

    Parameters
    ----------
    reader, writer
        The connection.
    clock
        The present.
    patience
        How long is waited.

    Attributes
    ----------
    heard
        What the site has told without being asked.
    commanded
        What plan was commanded here last; None for none.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self._link = Link(reader, writer, patience)
        self._clock = clock
        self._patience = patience
        self._agreed: Agreement | None = None
        self._answer: tuple[Message, asyncio.Future[Message]] | None = None
        self._turn = asyncio.Lock()
        self._faults = 0
        self.heard = Hearing()
        self.commanded: Commanded | None = None

    # The connection

    async def open(self, sheets: Mapping[str, SiteSheet], peer: str) -> SiteSheet:
        """Exchange versions with the site.

        Parameters
        ----------
        sheets
            Sites that may connect, by site identity.
        peer
            The address it connects from.

        Raises
        ------
        RejectedValueError
            It is none of them, comes from elsewhere, or speaks nothing we do; it was told.
        UnreachableError
            It went away, or said nothing in time.
        """
        limit_s = self._patience.handshake_s
        try:
            async with asyncio.timeout(limit_s):
                while (opening := messages.parse(await self._link.packet())).kind != "Version":
                    pass
                agreed = await self._agree(opening, sheets, peer)
                ours = messages.version(RSMP_VERSIONS, agreed.sheet.site_id, agreed.sxl)
                await self._link.send(ours)
                while True:
                    reply = messages.parse(await self._link.packet())
                    if reply.message_id == ours.message_id:
                        break
        except TimeoutError as error:
            raise UnreachableError(f"no versions exchanged in {limit_s:g} s") from error
        self._link.who = f"site {agreed.sheet.site_id!r}"
        if reply.kind != messages.ACK:
            reason = messages.shown(reply.content.get("rea"))
            raise RejectedValueError(f"{self._link.who} refuses our version: {reason}")
        self._agreed = agreed
        return agreed.sheet

    async def _agree(
        self, opening: Message, sheets: Mapping[str, SiteSheet], peer: str
    ) -> Agreement:
        try:
            agreed = agree(opening, sheets, peer)
        except RejectedValueError as error:
            await self._link.send(messages.not_ack(opening.message_id, str(error)))
            raise
        await self._link.send(messages.ack(opening))
        return agreed

    async def serve(self) -> None:
        """Hear the site out, until it goes away or has to be sent away.

        Raises
        ------
        RejectedValueError, UnreachableError
            Why it ended.
        """
        beat = asyncio.create_task(self._beat())
        try:
            while True:
                await self._take(await self._link.packet())
        except RejectedValueError as error:
            raise self._link.end(str(error)) from error
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)
            self._link.end("has gone")

    def close(self, why: str) -> None:
        """Close the connection; who waits for an answer is told why."""
        self._link.end(why)

    @property
    def alive(self) -> bool:
        """Whether versions are exchanged and nothing has ended it."""
        return self._agreed is not None and not self._link.ended

    @property
    def agreed(self) -> Agreement:
        """What is spoken on this connection; raises `UnreachableError` once it has ended."""
        if self._agreed is None or self._link.ended:
            raise UnreachableError(self._link.ended or "a site has not said who it is")
        return self._agreed

    # Asking

    async def read(self, pairs: Sequence[tuple[str, str]]) -> Readings:
        """Ask for statuses.

        Raises
        ------
        UnreachableError
            No answer, or the connection is gone.
        RejectedValueError
            The site refuses, or answers something else.
        """
        component = self.agreed.sheet.component_id
        async with self._turn:
            asked_utc = self._clock()
            answer = await self._ask(messages.status_request(component, pairs))
            answered_utc = self._clock()
        items = messages.status_items(answer)
        if any(item.quality == "undefined" for item in items):
            raise RejectedValueError(f"{self._link.who} has no component {component!r}")
        fetched = messages.moment(answer, "sTs")
        return Readings(
            {
                (item.code, item.name): item.value if item.quality == messages.RECENT else None
                for item in items
            },
            fetched,
            ((fetched - answered_utc).total_seconds(), (fetched - asked_utc).total_seconds()),
        )

    async def command(self, code: str, **arguments: object) -> None:
        """Give a command, with the sheet's security code.

        Parameters
        ----------
        code
            One of `COMMANDS`.
        arguments
            Its arguments by name.

        Raises
        ------
        UnreachableError
            No answer: the command may have been carried out or not.
        RejectedValueError
            The site refuses.
        """
        kind = COMMANDS[code]
        if set(arguments) != set(kind.arguments):
            raise ControllerError(f"{code} takes {', '.join(kind.arguments)}")
        sheet = self.agreed.sheet
        given = [(name, str(arguments[name])) for name in kind.arguments]
        given.append(("securityCode", sheet.security_code))
        request = messages.command_request(sheet.component_id, code, kind.order, given)
        async with self._turn:
            answer = await self._ask(request)
        for item in messages.command_items(answer):
            if item.quality != messages.RECENT:
                raise RejectedValueError(
                    f"{self._link.who} did not carry out {code}: {messages.shown(item.quality)}"
                )
            if item.name != "securityCode" and not _same(item.value, arguments[item.name]):
                raise RejectedValueError(
                    f"{self._link.who} took {code} {item.name} for {messages.shown(item.value)}; "
                    f"given was {arguments[item.name]}"
                )

    async def subscribe(self, pairs: Sequence[tuple[str, str]], every_s: float) -> None:
        """Have statuses sent on change and every so often; `heard.updates` keeps them."""
        agreed = self.agreed
        flagged = RSMP_VERSIONS.index(agreed.version) >= RSMP_VERSIONS.index(FLAGGED_SINCE)
        component = agreed.sheet.component_id
        async with self._turn:
            await self._accepted(
                messages.status_subscribe(component, pairs, every_s, flagged=flagged)
            )

    async def unsubscribe(self, pairs: Sequence[tuple[str, str]]) -> None:
        """End a subscription and forget what it told."""
        component = self.agreed.sheet.component_id
        async with self._turn:
            await self._accepted(messages.status_unsubscribe(component, pairs))
        for pair in pairs:
            self.heard.updates.pop(pair, None)

    async def _ask(self, question: Message) -> Message:
        """Send a question and return its answer; silence ends the connection."""
        answer = self._link.waiting()
        self._answer = (question, answer)
        limit_s = self._patience.answer_s
        try:
            await self._accepted(question)
            async with asyncio.timeout(limit_s):
                found: Message = await answer
                return found
        except TimeoutError as error:
            raise self._link.end(f"did not answer a {question.kind} in {limit_s:g} s") from error
        except asyncio.CancelledError:
            self._link.end("is left with a question unanswered")
            raise
        finally:
            self._answer = None
            self._link.done(answer)

    async def _accepted(self, message: Message) -> None:
        """Send a message and wait until it is acknowledged."""
        code = self.agreed.sheet.security_code
        refusal = await self._link.acknowledged(message)
        if refusal:
            told = refusal.replace(code, "the security code") if code else refusal
            raise RejectedValueError(f"{self._link.who} refuses a {message.kind}: {told}")

    async def _beat(self) -> None:
        """Give signs of life; one that is not acknowledged ends the connection."""
        try:
            while True:
                await self._accepted(messages.watchdog(self._clock()))
                await asyncio.sleep(self._patience.watchdog_s)
        except ControllerError as error:
            _log.info("%s", error)
            self._link.end("did not take a sign of life")

    # Hearing

    async def _take(self, packet: bytes) -> None:
        """Take a packet: answers to who waits for them, the rest is noted and acknowledged."""
        try:
            message = messages.parse(packet)
        except RejectedValueError as error:
            self._fault(error)
            return
        if message.kind in (messages.ACK, messages.NOT_ACK):
            self._link.settle(message)
            return
        reply = messages.ack(message)
        try:
            if message.kind in ("StatusResponse", "CommandResponse"):
                self._answered(message)
            else:
                self.heard.note(message, self._clock())
        except RejectedValueError as error:
            self._fault(error)
            reply = messages.not_ack(message.message_id, str(error))
        await self._link.send(reply)

    def _fault(self, error: RejectedValueError) -> None:
        _log.info("%s: %s", self._link.who, error)
        self._faults += 1
        if self._faults > MOST_FAULTS:
            raise RejectedValueError(f"sent {self._faults} messages that make no sense") from error

    def _answered(self, message: Message) -> None:
        """Hand an answer to the question it fits."""
        status = message.kind == "StatusResponse"
        items = messages.status_items(message) if status else messages.command_items(message)
        if self._answer is None:
            return
        question, answer = self._answer
        array, code = ("sS", "sCI") if status else ("arg", "cCI")
        listed = question.content.get(array)
        if not isinstance(listed, list) or question.component != message.component:
            return
        asked = [(entry[code], entry["n"]) for entry in listed]
        if sorted((item.code, item.name) for item in items) == sorted(asked) and not answer.done():
            answer.set_result(message)


def _same(answered: object, given: object) -> bool:
    """Tell whether a command answers what was given; numbers may have leading zeros."""
    texts = [str(answered).lower(), str(given).lower()]
    return len({t.lstrip("0") or "0" if t.isascii() and t.isdigit() else t for t in texts}) == 1
