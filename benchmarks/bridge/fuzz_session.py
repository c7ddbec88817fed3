"""Mutated answers for a session that waits: the manager's side of the fuzz."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Final

from benchmarks.bridge.datagrams import OIDS, WRITES, Exchange, Waiting, cabinet, corpus, resealed
from benchmarks.bridge.fuzz_outcome import Memory, Outcome, own_garbage
from benchmarks.bridge.mutation import Mutator
from controllers.emulator.agent import Agent
from controllers.ntcip.session import Session
from network.errors import ControllerError

VERSIONS: Final = ("v1", "v2c", "v3")
DECOYS: Final = 0.6
"""Share of replies that bear another community: read to the end, never taken."""

RESEALED: Final = 0.5
"""Share of v3 replies that are encrypted and signed again."""

PER_REQUEST: Final = 60
"""Mutants sent at most while one request waits."""

PER_SESSION: Final = 50
"""Requests until a new session."""

TIMEOUT_S: Final = 0.3
RESEND_S: Final = 0.02
"""A session waits this long where a mutant has put it off, so that a million take no week."""


def fuzz_session(count: int, seed: int) -> Outcome:
    """Give mutants to sessions of all versions as they wait for answers."""
    outcome = Outcome()
    requests, replies = corpus()
    pest = _Pest(requests, replies, Random(seed), outcome, count)
    with own_garbage(), _heard_errors(pest):
        asyncio.run(pest.run(count))
    if pest.silent:
        outcome.escape(f"{pest.silent} sessions fell silent")
    return outcome


class _Pest:
    """A device that sends mutants of the right answers before the right answers themselves."""

    def __init__(
        self,
        requests: list[bytes],
        replies: list[bytes],
        random: Random,
        outcome: Outcome,
        count: int,
    ) -> None:
        self._requests = requests
        self._random = random
        self._mutator = Mutator(random, requests + replies)
        self._memory = Memory(outcome, count)
        self._recent: deque[bytes] = deque(maxlen=4)
        self.outcome = outcome
        self.silent = 0
        """Requests of which no datagram left."""

    def escape(self, text: str) -> None:
        """Note what came out, and the last datagrams before it."""
        self.outcome.escape(text, *self._recent)

    async def run(self, count: int) -> None:
        """Pester sessions of one version after another."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda _, context: self.escape(f"loop: {context.get('exception')!r}")
        )
        share = max(1, min(-(-count // len(VERSIONS)), 20_000))
        while self.outcome.tried < count:
            for version in VERSIONS:
                goal = min(count, self.outcome.tried + share)
                agent = Agent(cabinet(), engine_clock=time.monotonic)
                while self.outcome.tried < goal:
                    async with Waiting(version, TIMEOUT_S, RESEND_S) as (session, exchange):
                        # Signed mutants may set a session's idea of the device's clock for good.
                        for _ in range(PER_SESSION):
                            before = self.outcome.tried
                            await self._one_request(session, exchange, agent)
                            if self.outcome.tried == before:
                                self.silent += 1
                                break
                            if self.outcome.tried >= goal:
                                break

    async def _one_request(self, session: Session, exchange: Exchange, agent: Agent) -> None:
        work: Any = session.get(OIDS)
        if self._random.random() < 0.2:
            work.close()
            work = session.set(WRITES)
        task = asyncio.ensure_future(work)
        while not task.done():
            asked = asyncio.ensure_future(exchange.requests.get())
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                asked.cancel()
                break
            request, sender = asked.result()
            reply = agent.respond(request)
            if reply is None:
                self.escape(f"the session asks what no device understands: {request.hex()}")
                continue
            for _ in range(PER_REQUEST):
                await self._send(self._mutant(reply), sender, exchange)
                if task.done():
                    break
            exchange.transport.sendto(reply, sender)
            await asyncio.wait({task}, timeout=RESEND_S / 4)
        self.outcome.answered += 1
        try:
            await task
        except ControllerError:
            return
        except Exception as error:  # noqa: BLE001  (whatever escapes is what is looked for)
            self.escape(f"{type(error).__name__}: {error}")

    def _mutant(self, reply: bytes) -> bytes:
        random = self._random
        if random.random() < 0.1:
            return self._mutator.mutate(random.choice(self._requests))
        if random.random() < DECOYS:
            reply = reply.replace(b"look", b"lock")
        if random.random() < RESEALED:
            return resealed(reply, self._mutator.mutate, random)
        return self._mutator.mutate(reply)

    async def _send(self, datagram: bytes, sender: Any, exchange: Exchange) -> None:
        self._recent.append(datagram)
        self.outcome.tried += 1
        started = time.process_time()
        exchange.transport.sendto(datagram, sender)
        # The first pass of the loop finds the datagram, the second hands it over.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        took_s = time.process_time() - started
        self.outcome.slowest_s = max(self.outcome.slowest_s, took_s)
        self._memory.note(self.outcome.tried)


@contextmanager
def _heard_errors(pest: _Pest) -> Iterator[None]:
    """Count what is logged as an error."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            pest.escape(f"logged: {record.getMessage()}")

    listener = Listener(logging.ERROR)
    loggers = [logging.getLogger(name) for name in ("snmp", "asyncio", "controllers")]
    for logger in loggers:
        logger.addHandler(listener)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(listener)
            logger.propagate = True
