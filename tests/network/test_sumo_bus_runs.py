"""Single buses of known lines in SUMO's route files."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.errors import FormatError
from network.readers.sumo_bus_runs import BusRun, read_bus_runs
from network.transit import BusLine, BusStop
from tests.reference.toy_streets import line

NETWORK = line("AB")
LINE = BusLine("9", ("e0", "e1", "e2"), 300.0, 20.0, (BusStop("e1", 20.0),))
ROUTE = '<route edges="e0 e1 e2"/>'


def runs(folder: Path, text: str, more: str = "") -> tuple[BusRun, ...]:
    routes, additional = folder / "a.rou.xml", folder / "a.add.xml"
    routes.write_text(f"<routes>{text}</routes>")
    additional.write_text(f"<additional>{more}</additional>")
    return read_bus_runs([routes], [additional], [LINE], NETWORK, 0.0, 3600.0)


def bus(name: str, depart: str, halt: str) -> str:
    return f'<vehicle id="{name}" depart="{depart}">{ROUTE}<stop {halt} duration="9"/></vehicle>'


def test_buses_of_a_line_are_found_with_where_they_stop(tmp_path: Path) -> None:
    car = f'<vehicle id="c" depart="3">{ROUTE}</vehicle>'
    late = bus("late", "4000", 'lane="e1_0" endPos="30"')
    found = runs(
        tmp_path,
        bus("b", "400", 'lane="e1_0" endPos="30"') + bus("a", "100", 'busStop="here"') + car + late,
        '<busStop id="here" lane="e1_0" endPos="-20"/>',
    )
    length_m = NETWORK.links["e1"].length_m
    assert found == (
        BusRun("a", LINE, 100.0, (length_m - 20.0,)),
        BusRun("b", LINE, 400.0, (30.0,)),
    )


def test_a_stop_that_names_no_place_is_at_the_end_of_its_link(tmp_path: Path) -> None:
    (found,) = runs(tmp_path, bus("a", "0", 'edge="e1"'))
    assert found.halts_m == (NETWORK.links["e1"].length_m,)


def test_routes_by_name_are_followed_and_others_left_alone(tmp_path: Path) -> None:
    named = '<route id="r" edges="e0 e1 e2"><stop lane="e1_0" endPos="5"/></route>'
    astray = '<vehicle id="y" depart="4"/><vehicle id="z" depart="4" route="none"/>'
    (found,) = runs(tmp_path, named + '<vehicle id="a" depart="1" route="r"/>' + astray)
    assert found == BusRun("a", LINE, 1.0, (5.0,))


def test_words_for_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="vehicle 'a': found 'triggered'"):
        runs(tmp_path, bus("a", "triggered", 'lane="e1_0"'))
