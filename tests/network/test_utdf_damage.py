"""Damaged UTDF: one error of ours or an inventory, soon, and nothing else."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from network.errors import FormatError, NetworkError
from network.readers.utdf import read_utdf
from tests.network.test_utdf_folder import FILES
from tests.network.utdf_streets import TOWN

SEED = 20240607
JUNK = (b"nan", b"-1", b"1e308", b"\x00", b"\xff\xfe", b'"', b",,,,", b"\r", b"[Lanes]", b"999999")
LONGEST_S = 10.0
MOST_BYTES = 200_000_000


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return content with one to four injuries."""
    found = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(found)) if found else 0
        kind = rng.randrange(8)
        if kind == 0 and found:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del found[at:]
        elif kind == 2:
            del found[at : at + rng.randint(1, 60)]
        elif kind == 3:
            found[at:at] = rng.choice(JUNK)
        elif kind == 4:
            other = rng.randrange(len(found)) if found else 0
            found[at:at] = found[other : other + rng.randint(1, 400)]
        elif kind == 5:
            lines = found.split(b"\n")
            rng.shuffle(lines)
            found = bytearray(b"\n".join(lines))
        elif kind == 6:
            cells = found.split(b",")
            cells[rng.randrange(len(cells))] = rng.choice(JUNK)
            found = bytearray(b",".join(cells))
        else:
            lines = found.split(b"\n")
            one = rng.randrange(len(lines))
            lines.insert(one, lines[rng.randrange(len(lines))])
            found = bytearray(b"\n".join(lines))
    return bytes(found)


def injuries(count: int, tmp_path: Path) -> Iterator[Path]:
    rng = random.Random(SEED)
    for nth in range(count):
        if nth % 3:
            path = tmp_path / "town.csv"
            path.write_bytes(damaged(TOWN.encode(), rng))
            yield path
        else:
            victim = rng.choice(list(FILES))
            for name, text in FILES.items():
                content = text.encode()
                (tmp_path / name).write_bytes(damaged(content, rng) if name == victim else content)
            yield tmp_path


def survive(count: int, tmp_path: Path) -> int:
    messages: list[str] = []
    slowest_s = 0.0
    for path in injuries(count, tmp_path):
        begin = time.process_time()
        try:
            read_utdf(path)
        except NetworkError as error:
            messages.append(str(error))
        slowest_s = max(slowest_s, time.process_time() - begin)
    assert not [message for message in messages if not message.isprintable()]
    assert slowest_s < LONGEST_S
    return len(messages)


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    assert survive(600, tmp_path) > 100


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path: Path) -> None:
    assert survive(10_000, tmp_path) > 1000


def cells() -> bytes:
    return b"[Network]\nRECORDNAME,DATA\n" + b"1234," * 1_500_000


def rows() -> bytes:
    return b"[Network]\nRECORDNAME,DATA\n" + b"a,b\n" * 1_900_000


def wide() -> bytes:
    return b"[Network]\nRECORDNAME,DATA\n" + (b"1," * 190 + b"\n") * 20_000


def nodes() -> bytes:
    return b"[Nodes]\nINTID,TYPE,X,Y\n" + b"".join(b"%d,1,0,0\n" % n for n in range(149_000))


def sections() -> bytes:
    return b"".join(b"[S%s]\n" % (b"a" * (n % 40)) for n in range(140_000))


def links() -> bytes:
    head = b"[Nodes]\nINTID,TYPE,X,Y\n" + b"".join(b"%d,1,%d,0\n" % (n, n) for n in range(9_999))
    legs = b"".join(b"Up ID,%d,%d,%d\n" % (n, n - 1, n + 1) for n in range(1, 9_998))
    return head + b"[Links]\nRECORDNAME,INTID,NB,SB\n" + legs


def too_long() -> bytes:
    return b'[Network]\n"' + b'""' * 5_000_000


BOMBS: tuple[Callable[[], bytes], ...] = (cells, rows, wide, nodes, sections, links, too_long)


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_in_time_and_memory(bomb: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv"
    path.write_bytes(bomb())
    begin = time.process_time()
    with pytest.raises(FormatError):
        read_utdf(path)
    assert time.process_time() - begin < LONGEST_S


@pytest.mark.parametrize("bomb", [wide, cells])
def test_bombs_take_little_memory(bomb: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv"
    path.write_bytes(bomb())
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            read_utdf(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
