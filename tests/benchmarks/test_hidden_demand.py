"""What counts hide, and which rules tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import hidden_demand
from benchmarks.hidden_demand import (
    Seen,
    beginnings,
    conserved,
    due_vehicles,
    pointed,
)
from engine.validate.simulator import SimulationCase
from throughband.setting import Setting, open_setting


@pytest.fixture(scope="module")
def street() -> Setting:
    return open_setting("cologne3")


def test_a_busy_movement_that_lets_everybody_go_hides_nothing() -> None:
    seen = Seen({"busy": 900.0, "small": 30.0}, {"busy": 830.0, "small": 21.0}, {})
    assert seen.hidden() == {}


def test_a_movement_that_lacks_a_tenth_of_those_due_hides_them() -> None:
    seen = Seen({"short": 100.0, "uncounted": 12.0}, {"short": 80.0}, {})
    assert seen.hidden() == {"short": 20.0, "uncounted": 12.0}


def test_a_rule_finds_no_more_than_is_hidden_and_is_idle_where_nothing_is() -> None:
    seen = Seen(
        {"short": 100.0, "fine": 50.0, "missed": 100.0},
        {"short": 60.0, "fine": 50.0, "missed": 50.0},
        {"numbers": {"short": 10.0, "fine": 20.0}, "points": {"short": np.inf}},
    )
    assert seen.judged("numbers") == (10.0, 2, 1)
    assert seen.judged("points") == (40.0, 1, 0)


def test_numbers_below_a_tenth_point_at_nothing() -> None:
    seen = Seen({"fine": 200.0}, {"fine": 200.0}, {"numbers": {"fine": 15.0}})
    assert seen.judged("numbers") == (0.0, 0, 0)


def test_who_came_over_the_beginning_of_a_road_and_did_not_leave_is_shared_out(
    street: Setting,
) -> None:
    network = street.network
    counted = dict.fromkeys(network.movements, 20.0)
    begin = beginnings(network)
    first = next(iter(begin))
    mine = [m.movement_id for m in network.movements.values() if m.from_link == first]
    came = dict.fromkeys(set().union(*begin.values()), 0.0)
    came[min(begin[first])] = 20.0 * len(mine) + 30.0
    told = conserved(network, came, counted)
    assert sum(told[name] for name in mine) == pytest.approx(30.0)
    assert all(veh >= 0.0 for veh in told.values())


def test_a_lane_points_at_every_movement_that_uses_it(street: Setting) -> None:
    movement = next(iter(street.network.movements.values()))
    lane = (movement.connections[0].from_link, movement.connections[0].from_lane)
    named = dict(pointed(street.network, frozenset([lane])))
    assert movement.movement_id in named
    assert all(name.split(">")[0] == movement.from_link for name in named)


def test_vehicles_are_due_where_free_speed_brings_them_within_the_window(
    street: Setting, tmp_path: Path
) -> None:
    movement = next(iter(street.network.movements.values()))
    begin_s, end_s = street.case.begin_s, street.case.end_s
    routes = tmp_path / "routes.xml"
    vehicles = "".join(
        f'<vehicle id="{depart}" depart="{depart}">'
        f'<route edges="{movement.from_link} {movement.to_link}"/></vehicle>'
        for depart in (begin_s + 60.0, end_s - 0.01)
    )
    routes.write_text(f"<routes>{vehicles}</routes>", "utf-8")
    case: SimulationCase = replace(street.case, route_files=(routes,))
    due = due_vehicles(case, street.network)
    assert due[movement.movement_id] == 1.0
    assert sum(due.values()) == 1.0


def test_only_counting_seeds_are_counted_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        hidden_demand.main(["cologne3", "--seeds", "101-102"])
    assert "not for counting; allowed are" in capsys.readouterr().err
