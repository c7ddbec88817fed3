"""The relay itself: what it does to datagrams, over real sockets and on the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from benchmarks.bridge.virtual import run
from controllers.emulator.relay import Disturbance, Line, relay
from network.errors import ControllerError

MANY = 4000


def fates(disturbance: Disturbance, seed: int = 1) -> list[tuple[tuple[float, bytes], ...]]:
    line = Line(disturbance, seed)
    return [line.fates(bytes([n % 256, n // 256, 7])) for n in range(MANY)]


def test_a_healthy_line_changes_nothing() -> None:
    assert fates(Disturbance()) == [((0.0, bytes([n % 256, n // 256, 7])),) for n in range(MANY)]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_lost_datagrams_is_the_one_asked_for(share: float) -> None:
    lost = sum(not arriving for arriving in fates(Disturbance(loss=share)))
    assert abs(lost / MANY - share) < 0.03


def test_the_same_seed_brings_the_same_fates_and_another_seed_others() -> None:
    bad = Disturbance(0.3, 0.2, 0.5, 0.2, 0.1, 0.1, 0.1)
    assert fates(bad) == fates(bad)
    assert fates(bad) != fates(bad, seed=2)


def test_a_copy_arrives_besides_the_datagram() -> None:
    doubled = [arriving for arriving in fates(Disturbance(duplication=0.2)) if len(arriving) == 2]
    assert abs(len(doubled) / MANY - 0.2) < 0.03
    assert all(first[1] == second[1] for first, second in doubled)


def test_damaged_datagrams_keep_their_length_and_differ() -> None:
    sent = [bytes([n % 256, n // 256, 7]) for n in range(MANY)]
    arrived = [arriving[0][1] for arriving in fates(Disturbance(corruption=0.4))]
    differing = sum(a != b for a, b in zip(sent, arrived, strict=True))
    # Two inversions of one bit undo each other now and then.
    assert 0.35 < differing / MANY < 0.43
    assert all(len(a) == len(b) for a, b in zip(sent, arrived, strict=True))


def test_held_datagrams_are_late_and_repeated_ones_come_long_after() -> None:
    held = fates(Disturbance(reordering=0.5, held_s=3.0))
    assert {arriving[0][0] for arriving in held} == {0.0, 3.0}
    late = [a[1][0] for a in fates(Disturbance(repetition=0.5, late_s=9.0)) if len(a) == 2]
    assert abs(len(late) / MANY - 0.5) < 0.03
    assert max(late) > 8.0


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"loss": 1.5}, "loss is 1.5"),
        ({"corruption": -0.1}, "corruption is -0.1"),
        ({"repetition": float("nan")}, "repetition is nan"),
        ({"delay_s": -1.0}, "delay_s is -1.0"),
        ({"late_s": float("inf")}, "late_s is inf"),
    ],
)
def test_impossible_disturbances_are_refused(settings: dict[str, float], text: str) -> None:
    with pytest.raises(ControllerError, match=text):
        Disturbance(**settings)


class _Parrot(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data.upper(), addr)


class _Ear(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.put_nowait(data)


@asynccontextmanager
async def parrot_behind(disturbance: Disturbance) -> AsyncIterator[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Parrot, local_addr=("127.0.0.1", 0))
    try:
        async with relay([transport.get_extra_info("sockname")[:2]], disturbance) as (fronts, _):
            yield fronts[0]
    finally:
        transport.close()


async def _two_managers() -> list[list[bytes]]:
    loop = asyncio.get_running_loop()
    async with parrot_behind(Disturbance()) as front:
        ears = []
        for word in (b"left", b"right"):
            transport, ear = await loop.create_datagram_endpoint(_Ear, remote_addr=front)
            transport.sendto(word)
            ears.append((transport, ear))
        heard = [[await asyncio.wait_for(ear.heard.get(), 5.0)] for _, ear in ears]
        for transport, _ in ears:
            transport.close()
    return heard


def test_two_managers_get_their_own_answers_over_real_sockets() -> None:
    assert asyncio.run(_two_managers()) == [[b"LEFT"], [b"RIGHT"]]


def test_two_managers_get_their_own_answers_on_the_virtual_clock() -> None:
    assert run(_two_managers()) == [[b"LEFT"], [b"RIGHT"]]


def test_waiting_costs_no_time_on_the_virtual_clock_and_a_deadlock_is_told() -> None:
    async def sleeper() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert run(sleeper()) == pytest.approx(86_400)

    async def stuck() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="everybody waits"):
        run(stuck())
