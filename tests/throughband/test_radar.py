"""Radar over a socket: frames arrive as sent, what is no frame is told, lines are joined again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from engine.adaptive.sensing import Traffic
from network.errors import FormatError, ThroughbandError
from tests.engine.adaptive_views import crossing
from throughband.radar import (
    Ear,
    Frame,
    decode,
    encode,
    lanes_in_sight,
    radar_feed,
    read_address,
    write_address,
)

LANES = frozenset({"main_0", "side_0"})


def traffic(*lanes: str) -> Traffic:
    count = len(lanes)
    names = [f"v{k}" for k in range(count)]
    return Traffic(names, lanes, np.arange(count) + 0.5, np.full(count, 8.25))


def test_a_frame_comes_back_as_it_was_and_without_what_is_out_of_sight() -> None:
    frame = decode(encode(Frame(7.0, traffic("main_0", "elsewhere", "side_0")), LANES))
    assert frame.at_s == 7.0
    assert list(frame.traffic.names) == ["v0", "v2"]
    assert list(frame.traffic.lanes) == ["main_0", "side_0"]
    assert frame.traffic.position_m.tolist() == [0.5, 2.5]
    assert frame.traffic.speed_mps.tolist() == [8.25, 8.25]


def test_an_empty_street_is_a_frame_too() -> None:
    frame = decode(encode(Frame(7.0, traffic()), LANES))
    assert frame.traffic.position_m.shape == frame.traffic.speed_mps.shape == (0,)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"at_s": true, "objects": []}',
        b'{"at_s": NaN, "objects": []}',
        b'{"at_s": 1, "objects": [["a", "b", 1]]}',
        b'{"at_s": 1, "objects": [["a", "b", "1", 2]]}',
        b'{"at_s": 1, "objects": 7}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_frame_is_told(line: bytes) -> None:
    with pytest.raises(FormatError, match="is no frame"):
        decode(line)


def test_stop_lanes_and_exits_are_in_sight() -> None:
    assert lanes_in_sight([crossing()]) == {"main_0", "side_0", "out0_0", "out1_0"}


def test_a_listener_hears_the_newest_frame_and_finds_the_feed_again() -> None:
    async def work() -> None:
        async with radar_feed([crossing()], "127.0.0.1") as (feed, port):
            ear = Ear("127.0.0.1", port)
            listening = asyncio.create_task(ear.listen(0.0))
            while not feed.listened_to:
                await asyncio.sleep(0)
            feed.tell(1.0, traffic("main_0"))
            heard = await ear.frame(30.0)
            assert heard is not None
            assert (heard.at_s, list(heard.traffic.lanes)) == (1.0, ["main_0"])
            feed.close()
            while not feed.listened_to:
                await asyncio.sleep(0)
            feed.tell(2.0, traffic())
            heard = await ear.frame(30.0)
            assert heard is not None
            assert heard.at_s == 2.0
            assert await ear.frame(0.0) is None
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(work())


def test_a_line_on_which_nothing_comes_is_given_up_for_a_new_one() -> None:
    async def work() -> None:
        writers: list[asyncio.StreamWriter] = []
        again = asyncio.Event()

        async def welcome(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            if len(writers) > 1:
                again.set()

        server = await asyncio.start_server(welcome, "127.0.0.1", 0)
        ear = Ear("127.0.0.1", int(server.sockets[0].getsockname()[1]), silent_s=0.01)
        listening = asyncio.create_task(ear.listen(0.0))
        await asyncio.wait_for(again.wait(), 30.0)
        assert "says nothing" in ear.trouble
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        for writer in writers:
            writer.close()
        server.close()

    asyncio.run(work())


def test_the_address_is_read_as_written(tmp_path: Path) -> None:
    path = write_address(tmp_path / "street", "127.0.0.1", 4711)
    assert read_address(path) == ("127.0.0.1", 4711)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"port": 1}', "host is None"),
        ('{"host": "h", "port": 0}', "port is 0"),
        ('{"host": "h", "port": true}', "port is True"),
        ("[]", "radar.json"),
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "radar.json"
    path.write_text(content)
    with pytest.raises(ThroughbandError, match=says):
        read_address(path)
