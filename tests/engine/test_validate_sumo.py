"""SUMO runs: every vehicle accounted for, every process ended, every failure one line."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engine.validate import sumo_process
from engine.validate.simulator import SimulationCase, Simulator, Variant
from engine.validate.sumo import SumoSimulator, run, run_many
from engine.validate.sumo_process import environment, find_program
from network.errors import SimulationError
from scenarios.scenario import load_scenario

pytestmark = pytest.mark.sumo


def city(name: str, begin_s: float, end_s: float) -> SimulationCase:
    s = load_scenario(name, begin_s, end_s)
    return SimulationCase(
        s.config_file, s.net_file, s.route_files, s.additional_files, s.begin_s, s.end_s
    )


@pytest.fixture(scope="module")
def cologne() -> SimulationCase:
    return city("cologne1", 25200, 25500)


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a network of four signals around a block."""
    net = tmp_path_factory.mktemp("block") / "block.net.xml"
    program, home = find_program("netgenerate")
    shape = ["--grid", "--grid.number=2", "--grid.length=100", "--grid.attach-length=100"]
    signals = ["--default-junction-type=traffic_light", "--no-warnings", "-o", str(net)]
    subprocess.run(
        [program, *shape, *signals],
        env=dict(environment(home)),
        check=True,
        capture_output=True,
    )
    return net


def block_case(folder: Path, block: Path, routes: str, options: str = "") -> SimulationCase:
    (folder / "b.rou.xml").write_text(f"<routes>{routes}</routes>")
    config = folder / "b.sumocfg"
    config.write_text(
        f'<configuration><input><net-file value="{block}"/><route-files value="b.rou.xml"/>'
        f"</input><options>{options}</options></configuration>"
    )
    return SimulationCase(config, block, (folder / "b.rou.xml",), (), 10, 100)


TRIP = '<trip id="{id}" depart="{depart}" from="bottom0A0" to="A1top0"/>'


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process the adapter starts during the test."""
    processes: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return processes


def is_gone(process: subprocess.Popen[bytes]) -> bool:
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_measures_agree_with_a_second_reading_of_the_files(tmp_path: Path) -> None:
    case = city("arterial4x4", 0, 1200)  # oversaturated: some vehicles never enter
    measures = run(case, 1, out_dir=tmp_path)
    rows = ElementTree.parse(tmp_path / "tripinfo.xml").getroot().findall("tripinfo")
    statistics = ElementTree.parse(tmp_path / "statistics.xml").getroot()
    inside = [row for row in rows if float(row.get("depart", "")) >= 0]
    outside = [
        row
        for row in rows
        if float(row.get("depart", "")) < 0 and float(row.get("departDelay", "")) > 0
    ]

    def total(name: str) -> float:
        return math.fsum(float(row.get(name, "")) for row in inside)

    waited = math.fsum(float(row.get("departDelay", "")) for row in outside)
    due = len(inside) + len(outside)
    assert outside
    assert measures.scheduled == due
    assert measures.delay_s == pytest.approx(
        (total("timeLoss") + total("departDelay") + waited) / due
    )
    vehicles, averages = statistics.find("vehicles"), statistics.find("vehicleTripStatistics")
    assert vehicles is not None
    assert averages is not None
    assert measures.inserted == int(vehicles.get("inserted", ""))
    assert measures.running == int(vehicles.get("running", ""))
    assert measures.not_inserted == int(vehicles.get("waiting", ""))
    mean_s = total("duration") / len(inside)
    assert mean_s == pytest.approx(float(averages.get("duration", "")), abs=0.01)
    assert measures.speed_mps == pytest.approx(total("routeLength") / total("duration"))
    assert measures.stops == pytest.approx(total("waitingCount") / len(inside))
    co2 = [float(e.get("CO2_abs", "")) for row in inside for e in row.findall("emissions")]
    assert measures.co2_g_per_veh == pytest.approx(math.fsum(co2) / 1000 / len(inside))


def test_every_due_vehicle_is_accounted_for(cologne: SimulationCase) -> None:
    measures = run(cologne, 1, emissions=False)
    assert measures.scheduled == measures.inserted + measures.not_inserted
    assert measures.inserted == measures.arrived + measures.running + measures.removed
    assert measures.running > 0
    due = [
        float(trip.get("depart", ""))
        for trip in ElementTree.parse(cologne.route_files[0]).getroot().iter("trip")
    ]
    assert measures.scheduled == sum(25200 <= depart < 25500 for depart in due)


def test_only_vehicles_due_inside_the_window_count(tmp_path: Path, block: Path) -> None:
    departs = {"early": 5, "first": 10, "last": 99.5, "at_end": 100, "late": 150}
    routes = "".join(TRIP.format(id=name, depart=depart) for name, depart in departs.items())
    measures = run(block_case(tmp_path, block, routes), 1)
    assert (measures.scheduled, measures.arrived, measures.not_inserted) == (2, 1, 1)


def test_vehicles_kept_outside_are_charged_until_the_end(tmp_path: Path, block: Path) -> None:
    routes = '<vType id="snail" maxSpeed="0.1"/>' + TRIP.replace("/>", ' type="snail"/>').format(
        id="cork", depart=10
    )
    routes += TRIP.format(id="shut_out", depart=20)
    measures = run(block_case(tmp_path, block, routes), 1, emissions=False)
    assert measures.not_inserted == 1
    assert measures.delay_s * 2 >= 80


def test_persons_and_containers_are_not_vehicles(tmp_path: Path, block: Path) -> None:
    routes = (
        TRIP.format(id="car", depart=10)
        + '<person id="p" depart="12"><walk edges="bottom0A0 A0A1"/></person>'
        + '<container id="c" depart="13"><tranship edges="bottom0A0 A0A1"/></container>'
    )
    assert run(block_case(tmp_path, block, routes), 1).scheduled == 1


def test_vehicles_waiting_for_a_person_are_not_due(tmp_path: Path, block: Path) -> None:
    routes = (
        '<vehicle id="taxi" depart="triggered"><route edges="bottom0A0 A0A1"/></vehicle>'
        + TRIP.format(id="car", depart=10)
    )
    assert run(block_case(tmp_path, block, routes), 1).scheduled == 1


def test_removal_by_teleport_is_told_apart_from_arrival(tmp_path: Path, block: Path) -> None:
    routes = '<vehicle id="lost" depart="10"><route edges="bottom0A0 A1top0"/></vehicle>'
    options = (
        '<ignore-route-errors value="true"/><time-to-teleport value="20"/>'
        '<time-to-teleport.remove value="true"/>'
    )
    measures = run(block_case(tmp_path, block, routes, options), 1)
    assert (measures.inserted, measures.arrived, measures.removed) == (1, 0, 1)
    assert measures.teleports == 1


def test_options_that_would_falsify_the_measure_do_not_hold(tmp_path: Path, block: Path) -> None:
    flow = '<flow id="f" begin="10" end="99" period="1" from="bottom0A0" to="A1top0"/>'
    plain = run(block_case(tmp_path, block, flow), 7)
    spoiled = block_case(
        tmp_path,
        block,
        flow,
        '<max-depart-delay value="3"/><random value="true"/><remote-port value="1"/>'
        '<human-readable-time value="true"/><output-prefix value="x_"/>'
        '<tripinfo-output value="mine.xml"/><summary-output value="summary.xml"/>'
        '<no-warnings value="true"/>',
    )
    assert replace(run(spoiled, 7), wall_s=0) == replace(plain, wall_s=0)
    assert {file.name for file in tmp_path.iterdir()} == {"b.sumocfg", "b.rou.xml"}


def test_other_options_of_the_user_hold(tmp_path: Path, block: Path) -> None:
    flow = '<flow id="f" begin="10" end="99" period="10" from="bottom0A0" to="A1top0"/>'
    plain = run(block_case(tmp_path, block, flow), 1)
    doubled = run(block_case(tmp_path, block, flow, '<scale value="2"/>'), 1)
    assert doubled.scheduled == pytest.approx(2 * plain.scheduled, abs=1)


def test_ignored_demand_is_reported(
    tmp_path: Path, block: Path, caplog: pytest.LogCaptureFixture
) -> None:
    routes = TRIP.format(id="late", depart=80) + TRIP.format(id="early", depart=20)
    with caplog.at_level(logging.WARNING):
        measures = run(block_case(tmp_path, block, routes), 1)
    assert measures.ignored == 1
    assert "not sorted" in caplog.text


def test_no_demand_is_an_error(tmp_path: Path, block: Path) -> None:
    with pytest.raises(SimulationError, match="no vehicle is due"):
        run(block_case(tmp_path, block, ""), 1)


def test_a_seed_repeats_itself_and_nothing_is_left_behind(
    cologne: SimulationCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = (replace(run(cologne, 5), wall_s=0) for _ in range(2))
    assert first == second
    assert list(tmp_path.iterdir()) == []


def test_emissions_are_an_option(cologne: SimulationCase) -> None:
    with_them, without = run(cologne, 1), run(cologne, 1, emissions=False)
    assert with_them.co2_g_per_veh > 0
    assert math.isnan(without.co2_g_per_veh)
    assert with_them.delay_s == without.delay_s


def test_additional_files_join_those_of_the_scenario(tmp_path: Path, block: Path) -> None:
    routes = TRIP.replace("/>", ' type="{type}"/>')
    config = block_case(
        tmp_path,
        block,
        routes.format(id="a", depart=10, type="x") + routes.format(id="b", depart=20, type="y"),
        '<additional-files value="x.add.xml"/>',
    )
    for name in "xy":
        (tmp_path / f"{name}.add.xml").write_text(f'<additional><vType id="{name}"/></additional>')
    case = replace(config, additional_files=(tmp_path / "x.add.xml",))
    assert run(case, 1, [tmp_path / "y.add.xml"]).scheduled == 2


def test_results_come_in_order_however_runs_finish(cologne: SimulationCase) -> None:
    seen: list[tuple[int, int]] = []
    simulator: Simulator = SumoSimulator()
    rows = simulator.run_many(
        cologne,
        [Variant("a"), Variant("b")],
        [3, 1, 2],
        workers=2,
        progress=lambda done, total: seen.append((done, total)),
        emissions=False,
    )
    assert [[m.seed for m in row] for row in rows] == [[3, 1, 2], [3, 1, 2]]
    assert [m.delay_s for m in rows[0]] == [m.delay_s for m in rows[1]]
    assert rows[0][1].delay_s == run(cologne, 1, emissions=False).delay_s
    assert seen[-1] == (6, 6)
    assert seen == sorted(seen)


def test_a_killed_run_is_an_error_and_leaves_no_process(
    cologne: SimulationCase, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    pipe = tmp_path / "fcd.xml"
    os.mkfifo(pipe)  # SUMO cannot run ahead of its reader: the kill meets it in mid-run
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run, cologne, 1, options={"fcd-output": str(pipe)})
        with pipe.open("rb") as stream:
            assert stream.read(4096)
            started[0].kill()
            with pytest.raises(SimulationError, match="ended by signal 9"):
                future.result(timeout=30)
    assert is_gone(started[0])


def test_a_run_that_takes_too_long_is_ended(
    cologne: SimulationCase, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    endless = tmp_path / "endless.add.xml"
    os.mkfifo(endless)  # nobody writes: SUMO waits for its input forever
    with pytest.raises(SimulationError, match="did not finish in time"):
        run(cologne, 1, [endless], timeout_s=0.3)
    assert is_gone(started[0])


def test_a_cancelled_run_is_ended(
    cologne: SimulationCase, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    endless = tmp_path / "endless.add.xml"
    os.mkfifo(endless)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(SimulationError, match="cancelled"):
        run(cologne, 1, [endless], cancel=cancel)
    assert is_gone(started[0])


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interruption_ends_every_process(
    cologne: SimulationCase,
    tmp_path: Path,
    started: list[subprocess.Popen[bytes]],
    interruption: type[BaseException],
) -> None:
    endless = tmp_path / "endless.add.xml"
    os.mkfifo(endless)

    def interrupt(done: int, total: int) -> None:
        raise interruption

    variants = [Variant("quick"), Variant("endless", (endless,))]
    with pytest.raises(interruption):
        run_many(cologne, variants, [1], workers=2, progress=interrupt)
    assert started
    assert all(is_gone(process) for process in started)


def test_the_first_failure_ends_the_other_runs(
    cologne: SimulationCase, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    endless, broken = tmp_path / "endless.add.xml", tmp_path / "broken.add.xml"
    os.mkfifo(endless)
    broken.write_text("<additional>")
    with pytest.raises(SimulationError, match=r"broken\.add\.xml"):
        run_many(cologne, [Variant("e", (endless,)), Variant("b", (broken,))], [1], workers=2)
    assert all(is_gone(process) for process in started)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.rou.xml", "<routes><trip id="),
        ("b.rou.xml", '<routes><trip id="a" depart="10" from="nowhere" to="A1top0"/></routes>'),
        ("b.sumocfg", '<configuration><warp-speed value="9"/></configuration>'),
    ],
)
def test_what_sumo_refuses_is_said_in_one_line(
    tmp_path: Path, block: Path, name: str, content: str
) -> None:
    case = block_case(tmp_path, block, TRIP.format(id="a", depart=10))
    (tmp_path / name).write_text(content)
    with pytest.raises(SimulationError, match=r"sumo refused its input: \w") as caught:
        run(case, 1)
    assert "\n" not in str(caught.value)


def test_a_missing_sumo_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sumo_process, "find_spec", lambda name: None)
    monkeypatch.delenv("SUMO_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SimulationError, match="not installed"):
        find_program()


def test_sumo_home_is_found_without_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "sumo"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(sumo_process, "find_spec", lambda name: None)
    monkeypatch.setenv("SUMO_HOME", str(tmp_path))
    assert find_program() == (program, tmp_path)


def test_a_comma_in_a_file_name_is_refused(cologne: SimulationCase, tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="comma"):
        run(cologne, 1, [tmp_path / "a,b.add.xml"])


def test_no_worker_is_refused(cologne: SimulationCase) -> None:
    with pytest.raises(SimulationError, match="workers"):
        run_many(cologne, [Variant("a")], [1], workers=0)


@pytest.mark.parametrize("window", [(5, 5), (-1, 5), (0, math.inf), (math.nan, 5)])
def test_an_impossible_window_is_refused(
    cologne: SimulationCase, window: tuple[float, float]
) -> None:
    with pytest.raises(SimulationError, match="window"):
        replace(cologne, begin_s=window[0], end_s=window[1])
