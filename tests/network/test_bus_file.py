"""Bus lines beside a scenario: written and read alike, refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.bus_file import read_bus_lines, write_bus_lines
from network.errors import FormatError
from network.transit import BusLine, BusStop
from tests.reference.toy_streets import line

NETWORK = line("AB")
HEAD = 'format = "throughband.buses"\nversion = 1\n'
LINE = '[[line]]\nname = "1"\nroute = ["e0", "e1"]\nheadway_s = 300\npassengers = 30\n'


def read(folder: Path, text: str) -> tuple[BusLine, ...]:
    path = folder / "buses.toml"
    path.write_text(HEAD + text)
    return read_bus_lines(path, NETWORK)


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    lines = (
        BusLine('1 "out"', ("e0", "e1", "e2"), 450.0, 30.5, (BusStop("e1", 22.0, 8.5),), 12.5),
        BusLine("1 in", ("w2", "w1"), 600.0, 0.0),
    )
    write_bus_lines(tmp_path / "buses.toml", lines)
    assert read_bus_lines(tmp_path / "buses.toml", NETWORK) == lines


def test_no_lines_are_a_file_too(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LINE.replace("300", "3"), r"line 6, headway_s: found 3"),
        (LINE.replace('"e1"', '"e2"'), r"line 3: bus line '1': no way leads from 'e0' to 'e2'"),
        (LINE.replace('"e1"', '"x"'), r"line 3: bus line '1': network 'toy' has no link 'x'"),
        (LINE + "[[line.stop]]\nlink = 'w1'\ndwell_s = 20", r"stops on 'w1', which is not on"),
        (LINE + "[[line.stop]]\nlink = 'e1'\ndwell_s = 2000", r"line 10, dwell_s: found 2000"),
        (LINE + "seats = 3", r"line 8.*unknown keys \['seats'\]"),
        (LINE + LINE, r"line 8: there is a line '1' already"),
        ("[line]\nname = '1'", r"allowed are \[\[line\]\]"),
        (LINE.replace("passengers = 30\n", ""), r"missing keys \['passengers'\]"),
    ],
)
def test_bad_lines_are_refused_where_they_stand(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        read(tmp_path, text)
