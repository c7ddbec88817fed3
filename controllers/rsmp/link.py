"""The wire to one site: packets in and out, acknowledgments, and one reason why it ended."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from controllers.rsmp import messages
from controllers.rsmp.messages import Frames, Message
from network.errors import UnreachableError

READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in s.

    Attributes
    ----------
    ack_s
        For the acknowledgment of a message; the specification's default is 30.
    answer_s
        For the answer after that.
    watchdog_s
        Between two signs of life of ours; the specification's default is 60.
    handshake_s
        From connecting to the exchange of versions.
    """

    ack_s: float = 30.0
    answer_s: float = 30.0
    watchdog_s: float = 60.0
    handshake_s: float = 30.0


class Link:
    """A connection.

    Parameters
    ----------
    reader, writer
        Its ends.
    patience
        How long is waited.

    Attributes
    ----------
    who
        The other side, for messages.
    ended
        Why it is of no more use; empty while it is.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: Patience
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._frames = Frames()
        self._packets: deque[bytes] = deque()
        self._acks: dict[str, asyncio.Future[str]] = {}
        self._waiting: set[asyncio.Future[Any]] = set()
        self._sending = asyncio.Lock()
        self.who = "a site"
        self.ended = ""

    async def packet(self) -> bytes:
        """Return the next packet.

        Raises
        ------
        UnreachableError
            The connection is gone.
        RejectedValueError
            The packet is too great.
        """
        while not self._packets:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError as error:
                raise UnreachableError(f"{self.who} was cut off: {error}") from error
            if not data:
                raise UnreachableError(self.ended or f"{self.who} closed the connection")
            self._packets.extend(self._frames.feed(data))
        return self._packets.popleft()

    async def send(self, message: Message) -> None:
        """Send a message; raise `UnreachableError` if it cannot be had rid of."""
        # A site that does not read holds this up, and with it our own reading: nothing piles up.
        try:
            async with self._sending, asyncio.timeout(self._patience.ack_s):
                self._writer.write(message.packet())
                await self._writer.drain()
        except TimeoutError as error:
            raise self.end(f"takes nothing for {self._patience.ack_s:g} s") from error
        except OSError as error:
            raise self.end(f"was cut off: {error}") from error

    async def acknowledged(self, message: Message) -> str:
        """Send a message, wait for its acknowledgment, and return why it is refused, or nothing.

        Raises
        ------
        UnreachableError
            None came in time, which ends the connection.
        """
        if self.ended:
            raise UnreachableError(self.ended)
        reply: asyncio.Future[str] = self.waiting()
        self._acks[message.message_id] = reply
        try:
            async with asyncio.timeout(self._patience.ack_s):
                await self.send(message)
                return await reply
        except TimeoutError as error:
            silence = f"did not acknowledge a {message.kind} in {self._patience.ack_s:g} s"
            raise self.end(silence) from error
        finally:
            del self._acks[message.message_id]
            self.done(reply)

    def settle(self, message: Message) -> None:
        """Take an acknowledgment; one that nobody waits for is dropped."""
        reply = self._acks.get(message.message_id)
        if reply is not None and not reply.done():
            reason = messages.shown(message.content.get("rea", "no reason given"))
            reply.set_result("" if message.kind == messages.ACK else reason)

    def waiting(self) -> asyncio.Future[Any]:
        """Return a future that fails when the connection ends; to be given back to `done`."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        return future

    def done(self, future: asyncio.Future[Any]) -> None:
        """Take back a future of `waiting`."""
        self._waiting.discard(future)
        if future.done() and not future.cancelled():
            future.exception()

    def end(self, why: str) -> UnreachableError:
        """End the connection, tell all who wait, and return the error that says why.

        Parameters
        ----------
        why
            What the other side did, without its name; the first reason stays.
        """
        self.ended = self.ended or f"{self.who} {why}"
        if self._writer.transport.get_write_buffer_size():
            # Closing waits until all is sent, which a site that does not read puts off for ever.
            self._writer.transport.abort()
        self._writer.close()
        for future in self._waiting:
            if not future.done():
                future.set_exception(UnreachableError(self.ended))
        return UnreachableError(self.ended)
