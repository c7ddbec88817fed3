"""Bus lines found among the vehicles of SUMO's route files."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.errors import FormatError
from network.readers.sumo_buses import USUAL_DEVIATION_S, USUAL_DWELL_S, read_sumo_buses
from network.transit import BusLine, BusStop
from tests.reference.toy_streets import line

NETWORK = line("AB")
KINDS = '<vType id="car"/><vType id="b" vClass="bus" maxSpeed="12.5"/>'
ROUTE = '<route edges="e0 e1 e2"/>'


def found(folder: Path, text: str, more: str = "") -> tuple[tuple[BusLine, ...], tuple[str, ...]]:
    routes, additional = folder / "a.rou.xml", folder / "a.add.xml"
    routes.write_text(f"<routes>{KINDS}{text}</routes>")
    additional.write_text(f"<additional>{more}</additional>")
    return read_sumo_buses([routes], [additional], NETWORK, 0.0, 3600.0)


def bus(number: int, depart: float, dwell: str, more: str = "") -> str:
    return (
        f'<vehicle id="v{number}" type="b" line="9" depart="{depart}" {more}>{ROUTE}'
        f'<stop lane="e1_0" {dwell}/></vehicle>'
    )


def test_vehicles_of_a_route_are_a_line_with_its_headway_and_dwell(tmp_path: Path) -> None:
    cars = f'<vehicle id="c" type="car" depart="3">{ROUTE}</vehicle>'
    buses = [
        bus(n, 100.0 + 300.0 * n, f'duration="{dwell}"', 'personNumber="20"')
        for n, dwell in enumerate((10, 20, 30))
    ]
    lines, findings = found(tmp_path, "".join((cars, *buses)))
    assert findings == ()
    assert lines == (
        BusLine("9", ("e0", "e1", "e2"), 300.0, 20.0, (BusStop("e1", 20.0, 10.0),), 12.5),
    )


def test_flows_and_named_stops_are_read_too(tmp_path: Path) -> None:
    flow = (
        '<route id="r" edges="e0 e1 e2"><stop busStop="here" until="50"/></route>'
        '<flow id="f" type="b" route="r" begin="0" end="3600" vehsPerHour="12"/>'
    )
    (line_,), _ = found(tmp_path, flow, '<busStop id="here" lane="e1_0" startPos="5"/>')
    assert line_.headway_s == 300.0
    assert line_.stops == (BusStop("e1", USUAL_DWELL_S, USUAL_DEVIATION_S),)


def test_what_cannot_be_followed_is_said(tmp_path: Path) -> None:
    trip = '<vehicle id="x" type="b" depart="3"/>'
    astray = '<vehicle id="y" type="b" depart="4"><route edges="e0 nowhere"/></vehicle>'
    beside = '<vehicle id="z" type="b" depart="5"><route edges="e2"/></vehicle>'
    late = bus(1, 4000.0, 'duration="10"')
    lines, findings = found(tmp_path, trip + astray + beside + late)
    assert lines == ()
    assert "1 buses name no route" in findings[0]
    assert "no link 'nowhere'" in findings[1]


def test_words_for_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="vehicle 'v1': depart 'triggered'"):
        found(tmp_path, bus(1, 0.0, 'duration="10"').replace('"0.0"', '"triggered"'))
