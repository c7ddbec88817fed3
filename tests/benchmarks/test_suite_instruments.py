"""What the instruments' records add up to."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.suite.instruments import Instruments, StopLine, _on_green, _passings
from network.errors import SimulationError

LAMPS = (
    '<a><tlsState time="0.00" id="s" phase="0" state="Gr"/>'
    '<tlsState time="30.00" id="s" phase="1" state="rG"/></a>'
)
LOOPS = (
    '<instantE1>\n<instantOut id="ahead{0}" time="{1}" state="enter" vehID="v"/>\n'
    '<instantOut id="ahead{0}" time="{1}" state="stay" vehID="v"/>\n</instantE1>\n'
)


def instruments(folder: Path, group: int) -> Instruments:
    line = StopLine("l_0", "s", (group,), 100.0, 10.0, 50.0)
    return Instruments(folder / "x", (line,), folder)


@pytest.mark.parametrize(("group", "time_s", "met"), [(0, 24.9, 1.0), (0, 25.0, 0.0), (1, 25, 1.0)])
def test_who_would_reach_the_line_in_green_meets_it(
    tmp_path: Path, group: int, time_s: float, met: float
) -> None:
    (tmp_path / "lamps.xml").write_text(LAMPS)
    (tmp_path / "ahead.xml").write_text(LOOPS.format(0, time_s))
    assert _on_green(instruments(tmp_path, group)) == met


def test_nobody_seen_is_no_share(tmp_path: Path) -> None:
    (tmp_path / "lamps.xml").write_text(LAMPS)
    assert _on_green(instruments(tmp_path, 0)) != _on_green(instruments(tmp_path, 0))


def test_an_unknown_form_of_the_record_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ahead.xml"
    file.write_text(LOOPS.format(0, 3.5))
    assert _passings(file) == {0: [3.5]}
    file.write_text('<instantOut time="3.50" id="ahead0" state="enter"/>')
    with pytest.raises(SimulationError, match="another form"):
        _passings(file)
