"""An emulated device on a wire that keeps sizes and may deliver answers late or often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from controllers.driver import User
from controllers.emulator.agent import Agent
from controllers.emulator.cabinet import Cabinet
from tests.controllers.net_snmp import READER, WRITER
from tests.controllers.test_cabinet import cabinet


def guarded(read_user: User = READER, write_user: User = WRITER) -> Cabinet:
    """Return a cabinet that speaks SNMPv3 as well."""
    config = replace(cabinet().config, read_user=read_user, write_user=write_user)
    return Cabinet(config)


class Wire(asyncio.DatagramProtocol):
    """An agent's end of the wire that keeps sizes and may deliver answers late or often."""

    def __init__(self, agent: Agent, delay_s: float = 0.0, copies: int = 1) -> None:
        self.agent = agent
        self.requests: list[int] = []
        self.replies: list[int] = []
        self.delay_s = delay_s
        self.copies = copies

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.requests.append(len(data))
        reply = self.agent.respond(data)
        if reply is None:
            return
        self.replies.append(len(reply))
        loop = asyncio.get_running_loop()
        for _ in range(self.copies):
            loop.call_later(self.delay_s, self._transport.sendto, reply, addr)  # type: ignore[attr-defined]


@asynccontextmanager
async def wired(
    agent: Agent, delay_s: float = 0.0, copies: int = 1
) -> AsyncIterator[tuple[int, Wire]]:
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_datagram_endpoint(
        lambda: Wire(agent, delay_s, copies), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], wire
    finally:
        transport.close()
        await asyncio.sleep(0)
