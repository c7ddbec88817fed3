"""Damaged files: bytes flipped, cut, doubled and spliced, the same ones for the same seed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from network.errors import ThroughbandError

LONGEST_S = 10.0
NASTY = (
    *(b"\x00", b"\xff\xfe", b'"', b"\n", b",", b";", b"-1", b"nan", b"inf", b"1e999", b"9" * 40),
    *(b"<!DOCTYPE x [<!ENTITY e 'e'>]>", b"&e;", b"</interval>", b"<a>" * 50, b"T", b"NOW"),
)


def damaged(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield damaged versions of a file's content."""
    draw = random.Random(seed)
    for _ in range(count):
        data = bytearray(content)
        for _ in range(draw.choice((1, 1, 2, 5))):
            at = draw.randrange(len(data) + 1)
            end = min(len(data), at + draw.choice((1, 3, 20, 200)))
            act = draw.randrange(6)
            if act == 0 and data:
                data[at % len(data)] ^= 1 << draw.randrange(8)
            elif act == 1:
                del data[at:]
            elif act == 2:
                del data[at:end]
            elif act == 3:
                data[at:at] = data[at:end] * draw.choice((1, 2, 30))
            elif act == 4:
                data[at:at] = draw.choice(NASTY)
            else:
                data[at:end] = draw.choice(NASTY)
        yield bytes(data)


def survives(
    read: Callable[[Path], object], content: bytes, path: Path, count: int, seed: int = 1
) -> int:
    """Read damaged versions; return how many were refused. Nothing else may happen."""
    refused = 0
    for data in damaged(content, count, seed):
        path.write_bytes(data)
        begin_s = time.process_time()
        message = f"{path.name}"
        try:
            read(path)
        except ThroughbandError as error:
            refused += 1
            message = str(error)
        assert "\n" not in message, message
        assert path.name in message, message
        assert time.process_time() - begin_s < LONGEST_S
    return refused
