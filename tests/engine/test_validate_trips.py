"""Tests for the vehicles due in a window."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.suite.trips import resco_delay_s, stuck
from engine.validate.simulator import SimulationCase
from engine.validate.trips import Trips, read_trips
from network.errors import SimulationError

ROW = (
    '<tripinfo id="{0}" depart="{1}" departDelay="{2}" timeLoss="{3}" arrival="{4}" '
    'duration="50" routeLength="400" waitingTime="7" waitingCount="2" vaporized="{5}">{6}'
    "</tripinfo>"
)
EMISSIONS = '<emissions CO2_abs="2500"/>'


def trips(folder: Path, *rows: tuple[object, ...], tail: str = "</tripinfos>") -> Trips:
    file = folder / "tripinfo.xml"
    whole = [ROW.format(*row, *("", "")[len(row) - 5 :]) for row in rows]
    file.write_text("<tripinfos>" + "".join(whole) + tail)
    return read_trips(file, SimulationCase(file, file, (), (), 0.0, 1000.0))


def test_delay_is_of_all_who_were_due(tmp_path: Path) -> None:
    found = trips(
        tmp_path,
        ("done", 100, 10, 20, 300),
        ("under way", 200, 0, 700, -1),
        ("outside since 100", -1, 900, 0, -1),
        ("outside since 400", -1, 600, 0, -1),
        ("due at the end", -1, 0, 0, -1),
    )
    assert found.delay_s.tolist() == [30.0, 700.0, 900.0, 600.0]
    assert found.due_s.tolist() == [90.0, 200.0, 100.0, 400.0]
    assert found.arrived.tolist() == [True, False, False, False]
    assert found.running.tolist() == [False, True, False, False]
    # RESCO's leaves out who was due before the last one that entered.
    assert resco_delay_s(found) == pytest.approx((30.0 + 700.0 + 600.0) / 3)
    assert stuck(found) == 2


def test_who_was_removed_neither_arrived_nor_runs(tmp_path: Path) -> None:
    found = trips(tmp_path, ("gone", 100, 0, 20, 300, "teleport"))
    assert not found.arrived.any()
    assert not found.running.any()
    assert found.entered.all()


def test_emissions_are_of_the_vehicle_they_stand_in(tmp_path: Path) -> None:
    found = trips(
        tmp_path,
        ("a", 100, 0, 20, 300, "", EMISSIONS),
        ("b", 100, 0, 20, 300),
        tail=f'<personinfo id="p">{EMISSIONS}</personinfo></tripinfos>',
    )
    assert found.co2_g[0] == pytest.approx(2.5)
    assert math.isnan(found.co2_g[1])


def test_vehicles_can_be_left_out_by_name(tmp_path: Path) -> None:
    found = trips(tmp_path, ("x-1", 1, 0, 5, 9), ("y", 2, 0, 6, 9)).without("x-")
    assert found.vehicle == ("y",)
    assert found.lost_s.tolist() == [6.0]
    assert found.without("z") is found


@pytest.mark.parametrize(
    ("rows", "tail"), [([("a", 1, 0, 5, 9)], "<tripinfo"), ([("a", "soon", 0, 5, 9)], "")]
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, rows: list[tuple[object, ...]], tail: str
) -> None:
    with pytest.raises(SimulationError, match=r"unreadable tripinfo\.xml"):
        trips(tmp_path, *rows, tail=tail)


def test_nobody_due_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="no vehicle is due between 0 s and 1000 s"):
        trips(tmp_path, ("due at the end", -1, 0, 0, -1))


def test_who_never_entered_has_no_moment_of_entry(tmp_path: Path) -> None:
    found = trips(tmp_path, ("a", 1, 0, 5, 9), ("b", -1, 500, 0, -1))
    assert len(found) == 2
    assert np.isnan(found.depart_s).tolist() == [False, True]
