"""Named corridors: written, read back, and refused with the line when they are wrong."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.derive.corridors import (
    NamedCorridor,
    read_corridors,
    signals_on,
    write_corridors,
)
from network.errors import FormatError, TopologyError
from network.graph import Link, Movement, RoadNetwork, Signal

HEAD = 'format = "throughband.planning.corridors"\nversion = 1\n'
GOOD = HEAD + '[[corridor]]\nname = "Main"\nsignals = ["A", "B"]\n'


def street(names: str = "ABC") -> RoadNetwork:
    links = {
        f"to{n}": Link(f"to{n}", f"w{n}", n, 100.0, 10.0, 1, (0,), ((0.0, 0.0), (1.0, 0.0)))
        for n in names
    }
    links["away"] = Link("away", "C", "end", 100.0, 10.0, 1, (0,), ((0.0, 0.0), (1.0, 0.0)))
    signals = {
        n: Signal(
            n,
            0.0,
            0.0,
            (Movement(f"to{n}>away", n, f"to{n}", "away", "s", ()),),
            None,
            None,
            False,
            "",
            "",
        )
        for n in names
    }
    return RoadNetwork("street", links, signals, ())


def read(tmp_path: Path, text: str | bytes) -> tuple[NamedCorridor, ...]:
    path = tmp_path / "corridors.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_corridors(path, street())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    corridors = (
        NamedCorridor('The "Main" \\ street, ünïcode', ("A", "B")),
        NamedCorridor("By links", ("A", "C"), ("toA", "away", "toC")),
    )
    path = tmp_path / "corridors.toml"
    write_corridors(path, corridors)
    assert read_corridors(path, street()) == corridors


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_any_printable_name_is_kept(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / "named.toml"
    try:
        corridor = NamedCorridor(name, ("A", "B"))
    except TopologyError:
        return
    write_corridors(path, [corridor])
    assert read_corridors(path, street()) == (corridor,)


def test_links_tell_the_signals_they_end_at() -> None:
    assert signals_on(street(), ["toA", "away", "toC"]) == ("A", "C")


def test_a_file_without_corridors_holds_none(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD) == ()


BAD = [
    (GOOD.replace('"B"', '"Z"'), "line 5: corridor 'Main' names the unknown signal 'Z'"),
    (GOOD.replace('"A", "B"', '\n"A",\n"Z",\n'), "line 7: .*unknown signal 'Z'"),
    (GOOD.replace("signals", "links"), "line 5: .*unknown link 'A'"),
    (GOOD.replace('"A", "B"', '"A"'), "line 3: .*two or more"),
    (GOOD.replace('"A", "B"', '"A", "B", "A"'), "line 3: .*passes a signal twice"),
    (GOOD + GOOD[len(HEAD) :], "line 6: corridor 'Main' appears twice"),
    (GOOD.replace('"Main"', "7"), "line 4: name must be a text"),
    (GOOD.replace('["A", "B"]', '"A"'), "line 5: signals must be a list of texts"),
    (GOOD.replace("signals", "nodes"), "line 5: unknown key 'nodes'"),
    (GOOD + 'links = ["toA", "toB"]\n', "either signals or links"),
    (GOOD.replace('"Main"', '" "'), "line 3: .*printable"),
    (GOOD.replace("version = 1", "version = 2"), "version 2; this program reads version 1"),
    (GOOD.replace("throughband.", ""), "not a corridor file"),
    (GOOD + "[other]\n", "unknown key 'other'"),
    (GOOD + "[[corridor", "not a TOML file"),
    (GOOD.replace("[[corridor]]", "corridor.x = 1"), "line 3: found"),
    (GOOD.replace('"Main"', '"""Main"""'), "line 4: strings over several lines"),
    (GOOD.encode() + b"\xff", "line 6: not UTF-8"),
    (GOOD.encode() + b"\x00", "not a TOML file"),
    (HEAD + "x = " + "[" * 50_000, "line 3: found"),
    (HEAD + "a." * 400_000 + "b = 1", "line 3: found"),
    (b"#" * 1_000_001, "larger than"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_file_is_refused_with_its_place(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    began = time.process_time()
    with pytest.raises(FormatError, match=message) as refused:
        read(tmp_path, text)
    assert time.process_time() - began < 10.0
    assert "corridors.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_corridors(tmp_path / "none.toml", street())


def test_nothing_is_written_where_it_cannot_be(tmp_path: Path) -> None:
    corridor = NamedCorridor("Main", ("A", "B"))
    with pytest.raises(FormatError, match="cannot be written"):
        write_corridors(tmp_path / "none" / "corridors.toml", [corridor])
    with pytest.raises(FormatError, match="'Main' appears twice"):
        write_corridors(tmp_path / "corridors.toml", [corridor, corridor])
    assert not (tmp_path / "corridors.toml").exists()


def damaged(rng: random.Random) -> bytes:
    content = bytearray(GOOD.encode() * rng.choice([1, 1, 2]))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(content) or 1)
        kind = rng.randrange(4)
        if kind == 0:
            content[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del content[at : at + rng.randint(1, 20)]
        elif kind == 2:
            content[at:at] = rng.choice([b"[[", b'"', b"'", b"=", b"\n", b".", b"nan", b"{}", b"#"])
        else:
            content[at:at] = content[: rng.randint(1, 60)]
    return bytes(content)


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused_quickly(tmp_path: Path, count: int) -> None:
    rng = random.Random(3)
    for _ in range(count):
        content = damaged(rng)
        began = time.process_time()
        # Anything but a refusal with the file's name, or an answer, fails the test.
        with contextlib.suppress(FormatError):
            read(tmp_path, content)
        assert time.process_time() - began < 10.0
