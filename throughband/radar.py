"""What radar or video at the signals tells of traffic, over a socket: one line of JSON a second.

``{"at_s": 25201.0, "objects": [["a17", "e5_0", 43.2, 8.1], ...]}``: the second of the street, and
every object in sight: its track, the lane it is on, how far its front is from the lane's beginning
in m, and its speed in m/s. Sensors speak to those who steer, not through the controllers: NTCIP
1202 has counts and occupancy, but no lengths of queues.

`RadarFeed` is the sensors' end, as ``throughband street --radar`` opens it; `radar_frames` the
other one, for whatever sends such lines.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.adaptive.control import Site
from engine.adaptive.sensing import Traffic
from network.errors import ControllerError, FormatError, ThroughbandError
from throughband.results import read_json, write_json

FILE: Final = "radar.json"
LONGEST_LINE: Final = 1 << 24
SILENT_S: Final = 10.0
"""A line on which nothing is heard for so long is given up: who lost power hangs up on nobody."""
MOST_UNREAD: Final = 1 << 22
"""Bytes that a listener may be behind before the feed lets it go."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One second as the sensors see it: the street's clock, s, and what is there."""

    at_s: float
    traffic: Traffic


def lanes_in_sight(sites: Iterable[Site]) -> frozenset[str]:
    """Return the lanes that the sensors of some signals look at: to the stop lines, and away."""
    found: set[str] = set()
    for site in sites:
        found.update(lane.lane_id for lane in site.lanes)
        found.update(feeder.lane_id for feeder in site.feeders)
        found.update(part for leaving in site.exits for part, _ in leaving.parts)
    return frozenset(found)


class RadarFeed:
    """The sensors' end: whoever listens gets every frame.

    Parameters
    ----------
    lanes
        What is in sight.
    """

    def __init__(self, lanes: frozenset[str]) -> None:
        self._lanes = lanes
        self._listeners: set[asyncio.StreamWriter] = set()

    @property
    def listened_to(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    async def welcome(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a listener in."""
        self._listeners.add(writer)

    def tell(self, at_s: float, traffic: Traffic) -> None:
        """Send a frame to all listeners; who is too far behind is let go."""
        line = encode(Frame(at_s, traffic), self._lanes)
        for writer in tuple(self._listeners):
            if writer.is_closing() or writer.transport.get_write_buffer_size() > MOST_UNREAD:
                self._listeners.discard(writer)
                writer.close()
            else:
                writer.write(line)

    def close(self) -> None:
        """Let all listeners go."""
        for writer in self._listeners:
            writer.close()
        self._listeners.clear()


def encode(frame: Frame, lanes: frozenset[str]) -> bytes:
    """Return a frame as a line; objects on other lanes are left out."""
    traffic = frame.traffic
    objects = [
        [name, lane, round(front_m, 2), round(speed_mps, 2)]
        for name, lane, front_m, speed_mps in zip(
            traffic.names,
            traffic.lanes,
            traffic.position_m.tolist(),
            traffic.speed_mps.tolist(),
            strict=True,
        )
        if lane in lanes
    ]
    return json.dumps({"at_s": frame.at_s, "objects": objects}).encode() + b"\n"


def decode(line: bytes) -> Frame:
    """Read a line.

    Raises
    ------
    FormatError
        It is no frame.
    """
    try:
        content = json.loads(line)
        at_s = _number(content["at_s"])
        objects: Sequence[Sequence[Any]] = content["objects"]
        names = [str(entry[0]) for entry in objects]
        lanes = [str(entry[1]) for entry in objects]
        numbers = [[_number(entry[k]) for entry in objects] for k in (2, 3)]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise FormatError(
            f"radar: {line[:80]!r} is no frame ({type(error).__name__}: {error}); expected "
            '{"at_s": s, "objects": [[track, lane, front in m, speed in m/s], ...]}'
        ) from error
    return Frame(at_s, Traffic(names, lanes, np.array(numbers[0]), np.array(numbers[1])))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


@asynccontextmanager
async def radar_feed(sites: Iterable[Site], host: str) -> AsyncIterator[tuple[RadarFeed, int]]:
    """Open the sensors' end on a free port.

    Raises
    ------
    ControllerError
        The address cannot be listened on.
    """
    feed = RadarFeed(lanes_in_sight(sites))
    try:
        server = await asyncio.start_server(feed.welcome, host, 0)
    except OSError as error:
        raise ControllerError(f"radar at {host}: {error.strerror or error}") from error
    try:
        yield feed, int(server.sockets[0].getsockname()[1])
    finally:
        feed.close()
        server.close()


def write_address(folder: Path, host: str, port: int) -> Path:
    """Write ``radar.json`` and return where it is."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, {"host": host, "port": port})
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def read_address(path: Path) -> tuple[str, int]:
    """Read a ``radar.json``.

    Raises
    ------
    ThroughbandError
        It cannot be read, or names no host and port.
    """
    content = read_json(path)
    host, port = content.get("host"), content.get("port")
    if not isinstance(host, str) or not host:
        raise ThroughbandError(f"{path}: host is {host!r}; allowed is a name or an address")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 1 << 16:
        raise ThroughbandError(f"{path}: port is {port!r}; allowed are 1 to 65535")
    return host, port


class Ear:
    """Listens to radar, and knows the newest frame.

    Parameters
    ----------
    host, port
        Where the sensors speak.
    silent_s
        After so long without a line it connects anew.

    Attributes
    ----------
    trouble
        Why nothing is heard; nothing while all is well.
    """

    def __init__(self, host: str, port: int, silent_s: float = SILENT_S) -> None:
        self._host, self._port = host, port
        self._silent_s = silent_s
        self._newest: Frame | None = None
        self._fresh = asyncio.Event()
        self.trouble = "nothing heard yet"

    async def frame(self, within_s: float) -> Frame | None:
        """Return the newest frame not returned before, or None if none comes in time."""
        try:
            await asyncio.wait_for(self._fresh.wait(), within_s)
        except TimeoutError:
            return None
        self._fresh.clear()
        return self._newest

    async def listen(self, pause_s: float) -> None:
        """Listen for ever; connect again after a pause whenever the line is cut."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    self._host, self._port, limit=LONGEST_LINE
                )
                try:
                    await self._hear(reader)
                finally:
                    writer.close()
            except TimeoutError:
                self.trouble = f"radar at {self._host}:{self._port} says nothing"
            except (OSError, FormatError, ValueError) as error:
                self.trouble = f"radar at {self._host}:{self._port}: {error}"
            await asyncio.sleep(pause_s)

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while line := await asyncio.wait_for(reader.readline(), self._silent_s):
            self._newest = decode(line)
            self.trouble = ""
            self._fresh.set()
        self.trouble = f"radar at {self._host}:{self._port} has hung up"
