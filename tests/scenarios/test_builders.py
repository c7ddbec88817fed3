"""Made-up scenarios: lawful, complete, the same for a seed, and refused when impossible."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run as run_sumo
from engine.validate.sumo_process import run_process
from network.errors import ScenarioError, SimulationError
from network.graph import RoadNetwork
from network.readers.sumo_net import read_sumo_network
from network.safety import as_built, check
from network.timeline import Watcher, watch
from scenarios.builders import Built, build
from scenarios.layout import Layout, arterial, grid
from scenarios.scenario import load_scenario
from scenarios.town import town

pytestmark = pytest.mark.sumo

LAYOUTS: dict[str, Callable[[], Layout]] = {
    "arterial": lambda: arterial(4, 1),
    "grid": lambda: grid(3, 2, 1),
    "town": lambda: town(20, 1),
}
FILES = (".net.xml", ".rou.xml", ".sumocfg")


def netconvert(command: Sequence[str], work: Path) -> str:
    return run_process(command, work, 120.0)


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]()


@pytest.fixture(scope="module")
def built(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(layout, tmp_path_factory.mktemp(layout.name), netconvert)


@pytest.fixture(scope="module")
def network(built: Built) -> RoadNetwork:
    return read_sumo_network(built.net_file)


def case_of(built: Built) -> SimulationCase:
    scenario = load_scenario(built.config_file)
    return SimulationCase(
        scenario.config_file,
        scenario.net_file,
        scenario.route_files,
        scenario.additional_files,
        scenario.begin_s,
        scenario.end_s,
    )


def require_lawful(network: RoadNetwork) -> None:
    for signal in network.signals.values():
        assert signal.left_alone == ""
        assert signal.exact
        assert signal.plan_in_force is not None
        assert check(signal.plan_in_force, signal) == ()
        assert watch(signal.plan_in_force, signal) == ()
        # Nothing has to be tolerated for being built so.
        assert as_built(signal) == ()
        assert Watcher(signal, tolerant=False).watch(signal.plan_in_force) == ()


def test_every_signal_is_understood_and_its_plan_lawful(network: RoadNetwork) -> None:
    require_lawful(network)


def test_the_number_of_signals_is_the_one_asked_for(
    built: Built, layout: Layout, network: RoadNetwork
) -> None:
    asked = {"arterial4": 4, "grid3x2": 6, "town20": 20}[layout.name]
    assert built.signals == len(network.signals) == asked


def test_yellow_red_and_cycle_are_in_their_ranges(network: RoadNetwork) -> None:
    for signal in network.signals.values():
        assert signal.phasing is not None
        assert signal.plan_in_force is not None
        assert 60 <= signal.plan_in_force.cycle_s <= 100
        for phase in signal.phasing.phases:
            assert phase.yellow_ds in (30, 40)
            assert phase.red_clear_ds in (10, 20)
            assert phase.min_green_s >= 5


def test_left_turns_from_pockets_leave_the_leftmost_lane(network: RoadNetwork) -> None:
    pockets = [link for link in network.links.values() if link.link_id.endswith(".left")]
    assert pockets
    for link in pockets:
        turns = network.turns_from[link.link_id]
        lefts = [c for c in turns if c.turn in "lL" and c.from_lane == link.lanes - 1]
        assert link.lanes == 3
        assert lefts
        assert not [c for c in turns if c.turn in "lL" and c.from_lane == 0]


def test_the_busiest_signal_is_as_full_as_wanted(built: Built) -> None:
    assert built.saturation == pytest.approx(0.75, abs=0.02)


def test_no_file_tells_when_or_where_it_was_made(built: Built) -> None:
    for file in (built.net_file, built.route_file, built.config_file):
        text = file.read_text(encoding="utf-8")
        assert "<!--" not in text
        assert str(file.parent) not in text


def test_equal_layouts_give_equal_bytes(built: Built, layout: Layout, tmp_path: Path) -> None:
    again = build(layout, tmp_path, netconvert)
    for name in ("net_file", "route_file", "config_file"):
        assert getattr(again, name).read_bytes() == getattr(built, name).read_bytes()


def test_departures_are_sorted_within_the_hour_and_peak_in_its_middle(built: Built) -> None:
    text = built.route_file.read_text(encoding="utf-8")
    due_s = [float(at) for at in re.findall(r'depart="([\d.]+)"', text)]
    assert due_s == sorted(due_s)
    assert len(due_s) == built.vehicles
    assert 0 <= due_s[0] <= due_s[-1] <= 3600
    middle = sum(1500 <= at < 2100 for at in due_s)
    margins = sum(at < 300 or at >= 3300 for at in due_s)
    assert middle / margins == pytest.approx(1.29 / 0.71, rel=0.25)


def test_one_vehicle_in_twenty_is_a_truck(built: Built) -> None:
    trucks = built.route_file.read_text(encoding="utf-8").count('type="truck"')
    assert trucks / built.vehicles == pytest.approx(0.05, abs=0.015)


def test_an_hour_runs_without_teleports_or_a_queue_outside(built: Built) -> None:
    day = run_sumo(case_of(built), 11, emissions=False)
    assert day.scheduled == built.vehicles
    assert day.teleports == day.removed == 0
    assert day.not_inserted <= 0.005 * day.scheduled
    assert day.arrived > 0.9 * day.scheduled


def test_another_seed_makes_other_streets() -> None:
    for draw in (lambda seed: arterial(4, seed), lambda seed: town(20, seed)):
        assert draw(1).streets != draw(2).streets


def test_the_volume_can_be_given(tmp_path: Path) -> None:
    built = build(arterial(2, 1), tmp_path, netconvert, volume_vph=1000.0)
    assert built.volume_vph == 1000.0
    assert built.vehicles == pytest.approx(1000, abs=120)


def test_pedestrians_lengthen_the_minimum_greens(tmp_path: Path) -> None:
    plain = build(arterial(2, 1), tmp_path / "plain", netconvert)
    walked = build(arterial(2, 1), tmp_path / "walked", netconvert, pedestrians=True)
    network = read_sumo_network(walked.net_file)
    require_lawful(network)
    least = [
        [p.min_green_s for s in net.signals.values() if s.phasing for p in s.phasing.phases]
        for net in (read_sumo_network(plain.net_file), network)
    ]
    # The cross street's green lets people over 4 lanes and a median at 1 m/s, after 7 s of walk.
    assert max(least[0]) == 10
    assert max(least[1]) == 7 + 16


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: arterial(1, 1), "found 1, allowed 2 to 100"),
        (lambda: arterial(101, 1), "found 101, allowed 2 to 100"),
        (lambda: arterial(4, -1), "found -1, allowed 0 and more"),
        (lambda: grid(1, 3, 1), "rows of a grid: found 1, allowed 2 to 40"),
        (lambda: grid(3, 41, 1), "columns of a grid: found 41, allowed 2 to 40"),
        (lambda: town(3, 1), "found 3, allowed 4 to 5000"),
    ],
)
def test_impossible_streets_are_refused(draw: Callable[[], Layout], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        draw()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"saturation": 3.0}, "degree of saturation: found 3, allowed 0.1 to 1.2"),
        ({"saturation": float("nan")}, "degree of saturation: found nan"),
        ({"volume_vph": 0.0}, "volume: found 0 veh/h"),
        ({"volume_vph": float("nan")}, "volume: found nan veh/h"),
    ],
)
def test_impossible_demand_is_refused(
    options: dict[str, float], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError, match=words):
        build(arterial(2, 1), tmp_path, netconvert, **options)  # type: ignore[arg-type]


def test_a_failing_netconvert_leaves_nothing(tmp_path: Path) -> None:
    def fails(command: Sequence[str], work: Path) -> None:
        raise SimulationError("netconvert refused its input")

    with pytest.raises(SimulationError, match="refused"):
        build(arterial(2, 1), tmp_path / "new", fails)
    assert not (tmp_path / "new").exists()


def test_a_netconvert_that_writes_nothing_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="left no network"):
        build(arterial(2, 1), tmp_path, lambda command, work: None)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [lambda: town(300, 2), lambda: arterial(100, 2)])
def test_large_scenarios_are_lawful_too(draw: Callable[[], Layout], tmp_path: Path) -> None:
    built = build(draw(), tmp_path, netconvert)
    require_lawful(read_sumo_network(built.net_file))
