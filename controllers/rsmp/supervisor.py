"""The end that sites connect to: listens, lets known sites in, and knows which are there.

RSMP core 3.2, "Transport between site and supervision system": the supervisor listens, and a site
that loses its connection connects again by itself. With a TLS context everything is encrypted;
its certificates are the agency's to set up ("Security").
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from controllers.rsmp.link import Patience
from controllers.rsmp.session import Clock, Session
from controllers.rsmp.sheet import SiteSheet
from network.errors import ControllerError, RejectedValueError, UnreachableError

_log = logging.getLogger(__name__)

MOST_STRANGERS: Final = 64
"""Connections from addresses of no site that have not yet said who they are; further ones are
closed at once. They do not take the places of sites that all connect at once, after a restart."""


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


class Supervisor:
    """Connections with sites; made by `listen`.

    Parameters
    ----------
    sheets
        The sites that may connect.
    clock
        The present.
    patience
        How long sites are waited for.
    """

    def __init__(self, sheets: Iterable[SiteSheet], clock: Clock, patience: Patience) -> None:
        kept = tuple(sheets)
        self._by_site = {sheet.site_id: sheet for sheet in kept}
        self._by_signal = {sheet.signal_id: sheet for sheet in kept}
        if len(self._by_site) != len(kept) or len(self._by_signal) != len(kept):
            raise ControllerError("the sheets name a site or a signal twice")
        self._clock = clock
        self._patience = patience
        self._sessions: dict[str, Session] = {}
        self._hosts = {sheet.host for sheet in kept}
        self._unnamed: Counter[bool] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.port = 0

    def sheet(self, signal_id: str) -> SiteSheet:
        """Return the sheet of a signal; raise `ControllerError` if there is none."""
        found = self._by_signal.get(signal_id)
        if found is None:
            raise ControllerError(f"no sheet for signal {signal_id!r}")
        return found

    async def session(self, signal_id: str, timeout_s: float) -> Session:
        """Return the connection with a signal's site, waiting for it to connect.

        Raises
        ------
        UnreachableError
            It is not connected, and did not connect in time.
        """
        site_id = self.sheet(signal_id).site_id

        def there() -> bool:
            found = self._sessions.get(site_id)
            return found is not None and found.alive

        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(there)
        except TimeoutError as error:
            raise UnreachableError(
                f"site {site_id!r} of signal {signal_id!r} is not connected"
            ) from error
        return self._sessions[site_id]

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of its own, to its end."""
        task = asyncio.create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        try:
            known = peer in self._hosts
            if self._unnamed[known] >= MOST_STRANGERS + known * 2 * len(self._by_site):
                _log.warning("too many connections without a name; closed one from %s", peer)
                return
            await self._serve(Session(reader, writer, self._clock, self._patience), peer)
        except (RejectedValueError, UnreachableError) as error:
            _log.info("connection from %s ended: %s", peer, error)
        finally:
            writer.close()

    async def _serve(self, session: Session, peer: str) -> None:
        known = peer in self._hosts
        self._unnamed[known] += 1
        try:
            sheet = await session.open(self._by_site, peer)
        finally:
            self._unnamed[known] -= 1
        # A site that lost its power left a connection that only looks alive: the newer one counts.
        before = self._sessions.get(sheet.site_id)
        if before is not None:
            before.close("has connected again")
        self._sessions[sheet.site_id] = session
        try:
            async with self._changed:
                self._changed.notify_all()
            await session.serve()
        finally:
            if self._sessions.get(sheet.site_id) is session:
                del self._sessions[sheet.site_id]

    async def close(self) -> None:
        """End all connections."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def listen(
    sheets: Iterable[SiteSheet],
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    clock: Clock = utc_now,
    patience: Patience | None = None,
) -> AsyncIterator[Supervisor]:
    """Listen for sites.

    Parameters
    ----------
    sheets
        The sites that may connect.
    host, port
        Where to listen; port 0 takes any free one, told as `Supervisor.port`.
    tls
        How to encrypt; None for not at all, which is for closed networks only.
    clock, patience
        The present, and how long sites are waited for.

    Raises
    ------
    ControllerError
        The place to listen cannot be had.
    """
    supervisor = Supervisor(sheets, clock, patience or Patience())
    try:
        server = await asyncio.start_server(supervisor.accept, host, port, ssl=tls)
    except OSError as error:
        raise ControllerError(f"cannot listen at {host}:{port}: {error.strerror}") from error
    supervisor.port = server.sockets[0].getsockname()[1]
    try:
        yield supervisor
    finally:
        server.close()
        await supervisor.close()
        await server.wait_closed()
