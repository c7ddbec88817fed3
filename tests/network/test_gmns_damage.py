"""Damaged GMNS folders: an inventory or one readable error, soon and in little memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from network.errors import NetworkError
from network.readers.gmns import read_gmns
from network.writers.gmns import write_gmns
from tests.network.gmns_folders import SMALL, write_folder

TOKENS = (
    *("", "-1", "0", "-0", "1.0", "1e308", "1e-308", "99999999999999999999", "nan", "inf", "1_000"),
    *("NULL", "true", "x" * 5000, "é", "\u202e", "\0", '"', ",", "\n", ";", "LINESTRING(", "=c()"),
)
LONGEST_S = 10.0
MOST_BYTES = 60_000_000


def damaged(folder: Path, rng: np.random.Generator) -> Path:
    """Write the small folder, or what our writer makes of it, with some tables spoiled."""
    for path in folder.iterdir():
        if rng.random() < 0.3:
            path.write_bytes(spoiled(path.read_bytes(), rng))
    return folder


def spoiled(content: bytes, rng: np.random.Generator) -> bytes:
    way = rng.integers(7)
    lines = content.split(b"\n")
    row = int(rng.integers(len(lines)))
    if way == 0 and content:
        flipped = bytearray(content)
        for _ in range(int(rng.integers(1, 6))):
            flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
        return bytes(flipped)
    if way == 1:
        return content[: rng.integers(len(content) + 1)]
    if way == 2:
        return b"\n".join(lines[:row] + lines[row + 1 :])
    if way == 3:
        return b"\n".join(lines[: row + 1] + lines[row:])
    if way == 4:
        rng.shuffle(lines)  # type: ignore[arg-type]
        return b"\n".join(lines)
    cells = lines[row].split(b",")
    cell = int(rng.integers(len(cells)))
    cells[cell] = TOKENS[rng.integers(len(TOKENS))].encode()
    if way == 6:
        cells[cell] = lines[rng.integers(len(lines))].split(b",")[0]
    lines[row] = b",".join(cells)
    return b"\n".join(lines)


def refusal(folder: Path) -> str:
    """Return what the reader has against a folder; empty where it reads it."""
    try:
        read_gmns(folder)
    except NetworkError as error:
        return str(error)
    return ""


def attack(place: Path, count: int, seed: int) -> int:
    """Read damaged folders; return how many were refused."""
    rng = np.random.default_rng(seed)
    sound = write_folder(place / "sound")
    own = place / "own"
    write_gmns(own, read_gmns(sound))
    sources = [{p.name: p.read_bytes() for p in folder.iterdir()} for folder in (sound, own)]
    refused, folder = 0, place / "bad"
    folder.mkdir()
    for _ in range(count):
        for old in folder.iterdir():
            old.unlink()
        for name, content in sources[rng.integers(2)].items():
            (folder / name).write_bytes(content)
        damaged(folder, rng)
        begin = time.process_time()
        message = refusal(folder)
        refused += bool(message)
        assert "\n" not in message
        assert len(message) < 2000
        assert time.process_time() - begin < LONGEST_S
    return refused


def test_damaged_folders_are_read_or_refused(tmp_path: Path) -> None:
    assert 100 < attack(tmp_path, 400, seed=1) < 400


@pytest.mark.slow
def test_ten_thousand_damaged_folders_are_read_or_refused(tmp_path: Path) -> None:
    assert attack(tmp_path, 10_000, seed=2) > 2000


def test_a_long_table_takes_little_memory(tmp_path: Path) -> None:
    rows = "".join(f"z{index},,1,1,,\n" for index in range(20_000))
    folder = write_folder(tmp_path, {"node": SMALL["node"] + rows})
    tracemalloc.start()
    try:
        read_gmns(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES
