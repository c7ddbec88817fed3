"""Mutated datagrams against the codecs of both ends, and what they once brought to light.

The mutants come from `benchmarks.bridge.fuzz`, which also counts their million.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from benchmarks.bridge.datagrams import KEYS, OIDS, Waiting, cabinet, corpus, resealed, unseal
from benchmarks.bridge.fuzz import exceptional_requests, fuzz_agent, replay, try_agent
from benchmarks.bridge.fuzz_outcome import Outcome
from benchmarks.bridge.fuzz_session import fuzz_session
from benchmarks.bridge.mutation import Mutator, exceptional, parse
from controllers.emulator.agent import Agent
from controllers.emulator.ber import Message, PduType, Version
from controllers.emulator.v3 import AUTH, Envelope, scope, write

MUTANTS = 10_000
KEPT = Path(__file__).parent.parent / "corpus" / "snmp_datagrams.txt"


def kept() -> Iterator[bytes]:
    """Datagrams that once did harm, here or in other SNMP software; one a line, with the reason."""
    for line in KEPT.read_text().splitlines():
        digits, _, reason = line.partition("#")
        assert reason.strip()
        yield bytes.fromhex(digits)


def test_ten_thousand_mutants_leave_the_cabinet_unharmed() -> None:
    outcome = fuzz_agent(MUTANTS, 20260504)
    assert outcome.passed, outcome
    assert outcome.tried == MUTANTS
    # Most mutants must get past the outermost length, or they test nothing.
    assert outcome.answered > MUTANTS / 10


def test_ten_thousand_mutants_raise_no_foreign_error_in_a_session() -> None:
    outcome = fuzz_session(MUTANTS, 1202)
    assert outcome.passed, outcome
    assert outcome.tried >= MUTANTS
    assert outcome.answered > 10


@pytest.mark.slow
def test_a_million_mutants_leave_the_cabinet_unharmed() -> None:
    outcome = fuzz_agent(1_000_000, 1)
    assert outcome.passed, outcome


@pytest.mark.slow
def test_a_million_mutants_raise_no_foreign_error_in_a_session() -> None:
    outcome = fuzz_session(1_000_000, 1)
    assert outcome.passed, outcome


def test_every_element_of_every_request_may_be_exceptional() -> None:
    outcome = exceptional_requests()
    assert outcome.passed, outcome
    assert outcome.tried > 10_000
    assert outcome.answered > 1000


def test_kept_datagrams_leave_the_cabinet_unharmed() -> None:
    outcome = Outcome()
    agent = Agent(cabinet())
    for datagram in kept():
        try_agent(agent, datagram, outcome)
    assert outcome.passed, outcome


def hear(version: str, datagrams: list[bytes]) -> None:
    """Let a session hear some datagrams before the right answer, which it must take."""

    async def scenario() -> None:
        agent = Agent(cabinet())
        async with Waiting(version) as (session, exchange):
            task = asyncio.ensure_future(session.get(OIDS))
            while not task.done():
                request, sender = await exchange.requests.get()
                for datagram in (*datagrams, request):
                    exchange.transport.sendto(datagram, sender)
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                exchange.transport.sendto(agent.respond(request), sender)
                await asyncio.wait({task}, timeout=0.1)
            assert await task == (60, 0, 0, 0)

    asyncio.run(scenario())


@pytest.mark.parametrize("version", ["v1", "v2c", "v3"])
def test_a_session_drops_kept_datagrams_and_echoes_without_a_word(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        hear(version, list(kept()))
    assert caplog.records == []


def test_strangers_leave_no_trace_in_a_session() -> None:
    async def scenario() -> None:
        async with Waiting("v3") as (session, exchange):
            task = asyncio.ensure_future(session.get(OIDS))
            _, sender = await exchange.requests.get()
            random = Random(3414)
            nothing = Message(Version.V3, b"", PduType.RESPONSE, 1, 0, 0, ())
            for number in range(200):
                name = random.randbytes(12)
                flags = AUTH if number % 2 else 0
                envelope = Envelope(1, 1400, flags, name, 1, 1, b"reader")
                # Signed with the keys of another engine: as good as not at all.
                forged = write(envelope, scope(name, b"", nothing), KEYS[b"reader"])
                exchange.transport.sendto(forged, sender)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            security = session._peer._engine.usm
            kept_keys = security.users.localizedCredentials.values()
            assert len(security.timekeeper.table) <= 1
            assert sum(len(engines) for users in kept_keys for engines in users.values()) <= 2
            task.cancel()

    asyncio.run(scenario())


def test_late_writes_of_version_3_are_never_carried_out() -> None:
    assert replay(1000, 3414) == (1000, 0)


def test_mutations_come_again_with_their_seed() -> None:
    requests, _ = corpus()
    first, second = (Mutator(Random(7), requests) for _ in range(2))
    drawn = [first.mutate(requests[0]) for _ in range(200)]
    assert drawn == [second.mutate(requests[0]) for _ in range(200)]
    assert len(set(drawn)) > 150
    assert requests[0] not in drawn[:20]


def test_mutants_start_from_datagrams_of_every_version_and_kind() -> None:
    requests, replies = corpus()
    for datagrams in (requests, replies):
        assert {datagram[parse_version(datagram)] for datagram in datagrams} == {0, 1, 3}
        assert any(unseal(datagram) for datagram in datagrams)
        for datagram in datagrams:
            root = parse(datagram)
            assert root is not None
            assert root.encode() == datagram


def parse_version(datagram: bytes) -> int:
    """Return where the version number stands."""
    return 4 if datagram[1] < 0x80 else 4 + (datagram[1] & 0x7F)


def test_a_sealed_datagram_changed_inside_still_bears_a_right_digest() -> None:
    requests, _ = corpus()
    agent = Agent(cabinet())
    sealed = next(datagram for datagram in requests if unseal(datagram))
    same = [resealed(sealed, lambda scoped: scoped, Random(seed)) for seed in range(40)]
    answers = [agent.respond(datagram) for datagram in same]
    assert sum(answer is not None for answer in answers) > 30
    assert agent.engine is not None
    assert agent.engine.statistics.total() < 20


def test_exceptional_elements_keep_the_lengths_around_them() -> None:
    requests, _ = corpus()
    found = list(exceptional(requests[0]))
    assert len(found) > 500
    # Of three changes to an element, one is to its length, which is then meant to lie.
    assert sum(parse(datagram) is not None for datagram in found) > len(found) / 2


def test_limits_that_are_missed_are_told_with_their_amounts() -> None:
    outcome = Outcome(slowest_s=0.1234, grown_bytes=25_100_000)
    assert not outcome.passed
    assert outcome.missed == ("slowest 123.4 ms (limit 100 ms)", "grown 25.1 MB (limit 20 MB)")
    outcome = Outcome()
    for _ in range(3):
        outcome.escape("KeyError: 1", b"")
    assert outcome.missed == ("3 escaped (limit 0)",)
    assert Outcome(slowest_s=0.1, grown_bytes=20_000_000).passed
