"""Mutated datagrams against both SNMP codecs of the bridge: the cabinet's and the manager's.

Run ``python -m benchmarks.bridge.fuzz --count 1000000``. Each codec gets that many, drawn from
datagrams that a session and a cabinet really exchanged, in v1, v2c and v3; half of the v3 ones are
changed inside and then encrypted and signed again, so that they get past the digest. The cabinet
is asked in process and goes on stepping; the session hears its mutants from a real socket while
it waits for an answer. Counted are escaped errors (anything but an answer or silence, an error of
our tree, or an error logged; none allowed), the slowest datagram in processor time (limit 100 ms),
and the growth of the resident memory after the first tenth of the run (limit 20 MB). Before them
the cabinet gets every real request with each of its elements made exceptional in turn, in v3
also inside, and after them 10,000 SNMPv3 writes a second time, after a restart or too late.
"""

from __future__ import annotations

import argparse
import sys
import time
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.bridge.datagrams import (
    cabinet,
    corpus,
    resealed,
    sealed_request,
    unseal,
)
from benchmarks.bridge.fuzz_outcome import Memory, Outcome, own_garbage
from benchmarks.bridge.fuzz_session import fuzz_session
from benchmarks.bridge.mutation import Mutator, exceptional
from benchmarks.verdict import exit_code, verdict
from controllers.emulator.agent import MAX_MESSAGE_BYTES, V3_MESSAGE_BYTES, Agent
from controllers.emulator.ber import (
    BerError,
    Message,
    PduType,
    Tag,
    Value,
    Version,
    decode,
    version_of,
)
from controllers.emulator.usm import TIME_WINDOW_S
from controllers.emulator.v3 import read, write
from controllers.ntcip.objects import Syntax, instance

RESEALED: Final = 0.5
"""Share of v3 requests that are encrypted and signed again."""

STEP_EVERY: Final = 50
REPLAYS: Final = 10_000


def fuzz_agent(count: int, seed: int) -> Outcome:
    """Give mutants to a live cabinet's agent."""
    random = Random(seed)
    requests, replies = corpus()
    mutator = Mutator(random, requests + replies)
    subject = Agent(cabinet())
    outcome = Outcome()
    memory = Memory(outcome, count)
    with own_garbage():
        for number in range(count):
            base = random.choice(requests if random.random() < 0.9 else replies)
            seal = random.random() < RESEALED
            datagram = resealed(base, mutator.mutate, random) if seal else mutator.mutate(base)
            try_agent(subject, datagram, outcome)
            if number % STEP_EVERY == 0:
                subject.cabinet.step()
                if subject.cabinet.monitor_fault:
                    outcome.escape(f"the lamps: {subject.cabinet.monitor_fault}", datagram)
            if number % 1000 == 0:
                subject.cabinet.store.transaction.reset()
            memory.note(number)
    return outcome


def exceptional_requests() -> Outcome:
    """Give a cabinet every real request with one element after another made exceptional."""
    outcome = Outcome()
    for request in corpus()[0]:
        subject = Agent(cabinet())
        for datagram in exceptional(request):
            try_agent(subject, datagram, outcome)
        unsealed = unseal(request)
        if unsealed is not None:
            sealed, keys, scoped = unsealed
            for inside in exceptional(scoped):
                datagram = write(sealed.envelope, inside, keys, sealed.salt)
                try_agent(subject, datagram, outcome)
        subject.cabinet.advance(1)
    return outcome


def try_agent(subject: Agent, datagram: bytes, outcome: Outcome) -> None:
    """Give one datagram to an agent and judge what comes back."""
    outcome.tried += 1
    started = time.process_time()
    try:
        reply = subject.respond(datagram)
    except Exception as error:  # noqa: BLE001  (whatever escapes is what is looked for)
        outcome.escape(f"{type(error).__name__}: {error}", datagram)
        return
    outcome.slowest_s = max(outcome.slowest_s, time.process_time() - started)
    if reply is None:
        return
    outcome.answered += 1
    try:
        third = version_of(reply) == Version.V3
        if third:
            read(reply)
        else:
            decode(reply)
    except BerError as error:
        outcome.escape(f"unreadable reply: {error}", datagram)
        return
    if len(reply) > (V3_MESSAGE_BYTES if third else MAX_MESSAGE_BYTES):
        outcome.escape(f"a reply of {len(reply)} bytes", datagram)


def replay(count: int, seed: int) -> tuple[int, int]:
    """Send SNMPv3 writes twice, the second time too late.

    Returns
    -------
    in_time, late
        How many were carried out at the first and at the second try.
    """
    random = Random(seed)
    clock_s = [0.0]
    device = cabinet()
    agent = Agent(device, engine_clock=lambda: clock_s[0])
    oid = instance("patternOffsetTime", 9)
    assert agent.engine is not None
    in_time = late = 0
    for number in range(1, count + 1):
        value = 1 + number % 250
        binding = ((oid, Value(Tag.INTEGER, value)),)
        request = Message(Version.V3, b"writer", PduType.SET, number, 0, 0, binding)
        datagram = sealed_request(request, agent.engine.clock.boots, agent.engine.clock.time_s)
        agent.respond(datagram)
        in_time += device.store.number("patternOffsetTime", 9) == value
        device.store.set([(oid, Syntax.INTEGER, 0)], b"writer")
        if random.random() < 0.5:
            device.restart()
        else:
            clock_s[0] += TIME_WINDOW_S + random.choice((1, 2, 1000, 100_000))
        agent.respond(datagram)
        late += device.store.number("patternOffsetTime", 9) == value
    return in_time, late


def main() -> int:
    """Print the figures; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="mutants for each codec")
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutations")
    chosen = parser.parse_args()
    table = Table("given", "datagrams", "answered", "escaped", "slowest ms", "grown MB", "s")
    outcomes = []
    missed = []
    for name, fuzz in (
        ("cabinet, each element in turn", exceptional_requests),
        ("cabinet, mutants", lambda: fuzz_agent(chosen.count, chosen.seed)),
        ("session, mutants", lambda: fuzz_session(chosen.count, chosen.seed)),
    ):
        started = time.monotonic()
        outcome = fuzz()
        outcomes.append(outcome)
        if outcome.missed:
            missed.append(f"{name}: {', '.join(outcome.missed)}")
        table.add_row(
            name,
            f"{outcome.tried:,}",
            f"{outcome.answered:,}",
            f"{outcome.escaped.total():,}",
            f"{outcome.slowest_s * 1000:.1f}",
            f"{outcome.grown_bytes / 1e6:.1f}",
            f"{time.monotonic() - started:.0f}",
        )
    console = Console()
    console.print(table)
    for outcome in outcomes:
        for text, times in outcome.escaped.most_common():
            console.print(f"{times} x {text}", soft_wrap=True)
            for datagram in outcome.culprits[text]:
                console.print(f"    {datagram.hex()}", soft_wrap=True)
    in_time, late = replay(REPLAYS, chosen.seed)
    console.print(f"SNMPv3 writes carried out: {in_time:,} in time, {late:,} of {REPLAYS:,} late")
    if (in_time, late) != (REPLAYS, 0):
        missed.append(f"SNMPv3 writes: {in_time:,} in time (limit all), {late:,} late (limit 0)")
    console.print(verdict(missed), markup=False, soft_wrap=True)
    return exit_code(missed)


if __name__ == "__main__":
    sys.exit(main())
