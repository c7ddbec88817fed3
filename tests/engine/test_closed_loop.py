"""A SUMO street in somebody else's hands: every failure is one line, and SUMO is gone after it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.validate.closed_loop import ClosedLoop
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run
from engine.validate.sumo_files import DetectorSite
from engine.validate.sumo_process import environment, find_program
from engine.validate.tracked_loop import TrackedLoop
from network.errors import SimulationError

pytestmark = pytest.mark.sumo

SITE = DetectorSite("in", "bottom0A0_0", 50.0)


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a network of four signals around a block."""
    net = tmp_path_factory.mktemp("block") / "block.net.xml"
    program, home = find_program("netgenerate")
    shape = ["--grid", "--grid.number=2", "--grid.length=100", "--grid.attach-length=100"]
    subprocess.run(
        [program, *shape, "--default-junction-type=traffic_light", "--no-warnings", "-o", net],
        env=dict(environment(home)),
        check=True,
        capture_output=True,
    )
    return net


@pytest.fixture
def case(tmp_path: Path, block: Path) -> SimulationCase:
    """Twenty vehicles, one every three seconds, over a window of 200 s."""
    routes = tmp_path / "b.rou.xml"
    trips = "".join(
        f'<trip id="v{k}" depart="{3 * k}" from="bottom0A0" to="A1top0"/>' for k in range(20)
    )
    routes.write_text(f"<routes>{trips}</routes>")
    config = tmp_path / "b.sumocfg"
    config.write_text(
        f'<configuration><input><net-file value="{block}"/>'
        f'<route-files value="b.rou.xml"/></input></configuration>'
    )
    return SimulationCase(config, block, (routes,), (), 0, 200)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[subprocess.Popen[bytes]]:
    """Every process started during the test; their folders are made where the test can look."""
    processes: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            processes.append(self)

    (tmp_path / "folders").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "folders"))
    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return processes


def assert_nothing_left(started: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    assert started
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)
    assert list((folder / "folders").iterdir()) == []


def one_line(error: pytest.ExceptionInfo[SimulationError]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


def test_time_goes_on_step_by_step(case: SimulationCase) -> None:
    with ClosedLoop(case, 1, ()) as loop:
        times = []
        for _ in range(5):
            assert loop.step() == ()
            times.append(loop.time_s)
    assert times == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_detectors_see_every_vehicle_once(case: SimulationCase) -> None:
    with ClosedLoop(case, 1, (SITE, replace(SITE, id="again")), emissions=False) as loop:
        seen = [loop.step() for _ in range(150)]
    assert sum(step[0][0] for step in seen) == 20
    assert [step[0] for step in seen] == [step[1] for step in seen]
    assert all(0.0 <= occupied_s <= loop.step_s for step in seen for _, occupied_s in step)
    assert any(occupied_s > 0.0 for step in seen for _, occupied_s in step)


def test_signals_show_what_they_are_told(case: SimulationCase) -> None:
    """All red at the first signal: nobody passes it."""
    with ClosedLoop(case, 1, (DetectorSite("out", "A0A1_0", 10.0),), emissions=False) as loop:
        passed = 0
        for _ in range(150):
            loop.show({"A0": "r" * 20})
            passed += loop.step()[0][0]
    assert passed == 0


def test_lamps_tell_what_was_shown_and_what_a_program_shows(case: SimulationCase) -> None:
    with ClosedLoop(case, 1, (), emissions=False) as loop:
        loop.step()
        before = loop.lamps(["A0"])
        loop.show({"A0": "r" * 20})
        loop.step()
        assert loop.lamps(["A0"]) == {"A0": "r" * 20} != before
        assert set(before) == {"A0"}
        assert set(before["A0"]) & {"G", "g"}


def test_who_stands_in_a_queue_is_told_of_behind_the_next_and_not_behind_a_red(
    case: SimulationCase,
) -> None:
    with TrackedLoop(case, 1, (), emissions=False) as loop:
        loop.watch_vehicles()
        for _ in range(150):
            loop.show({"A0": "r" * 20})
            loop.step()
            seen = loop.traffic()
        found = loop.ahead(still_s=20.0)
    lane, at_m = (
        dict(zip(seen.names, told, strict=True)) for told in (seen.lanes, seen.position_m)
    )
    assert found
    assert all(lane[a] == lane[b] and at_m[a] < at_m[b] for a, b in found.items())
    first = {max((n for n in at_m if lane[n] == lane[a]), key=lambda n: at_m[n]) for a in found}
    assert not first & set(found)


def test_finish_measures_the_whole_window_like_a_plain_run(
    case: SimulationCase, started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with ClosedLoop(case, 3, (SITE,)) as loop:
        while loop.time_s < case.end_s:
            loop.step()
        found = loop.finish()
    plain = run(case, 3)
    assert replace(found, wall_s=0.0) == replace(plain, wall_s=0.0)
    assert found.scheduled == 20
    assert found.wall_s > 0.0
    assert_nothing_left(started, tmp_path)


def test_finish_early_counts_only_who_was_due(case: SimulationCase) -> None:
    with ClosedLoop(case, 1, (), emissions=False) as loop:
        while loop.time_s < 31.0:
            loop.step()
        found = loop.finish()
    assert 10 <= found.scheduled <= 11
    assert found.scheduled == found.inserted + found.not_inserted
    assert found.inserted == found.arrived + found.running + found.removed


def test_killed_sumo_is_one_line_and_leaves_nothing_behind(
    case: SimulationCase, started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    def drive() -> None:
        with ClosedLoop(case, 1, (SITE,)) as loop:
            for _ in range(5):
                loop.step()
            os.kill(started[-1].pid, signal.SIGKILL)
            for _ in range(5):
                loop.step()

    with pytest.raises(SimulationError, match=r"the street at 5 s: .*signal 9") as error:
        drive()
    one_line(error)
    assert_nothing_left(started, tmp_path)


@pytest.mark.parametrize("deed", ["show", "finish"])
def test_killed_sumo_is_one_line_whatever_is_asked_next(
    case: SimulationCase, started: list[subprocess.Popen[bytes]], tmp_path: Path, deed: str
) -> None:
    def drive() -> None:
        with ClosedLoop(case, 1, ()) as loop:
            loop.step()
            os.kill(started[-1].pid, signal.SIGKILL)
            for _ in range(5):
                loop.show({"A0": "r" * 20}) if deed == "show" else loop.finish()

    with pytest.raises(SimulationError) as error:
        drive()
    one_line(error)
    assert_nothing_left(started, tmp_path)


def test_fault_of_the_caller_ends_sumo_and_stays_itself(
    case: SimulationCase, started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    def drive() -> None:
        with ClosedLoop(case, 1, ()) as loop:
            loop.step()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive()
    assert_nothing_left(started, tmp_path)


def test_leaving_early_ends_sumo(
    case: SimulationCase, started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with ClosedLoop(case, 1, ()) as loop:
        loop.step()
    assert_nothing_left(started, tmp_path)


@pytest.mark.parametrize("bad", ["net", "routes", "additional", "lane"])
def test_bad_file_is_one_line_and_leaves_nothing_behind(
    case: SimulationCase, started: list[subprocess.Popen[bytes]], tmp_path: Path, bad: str
) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text("<nonsense><unclosed>")
    sites: tuple[DetectorSite, ...] = ()
    if bad == "net":
        case = replace(case, net_file=broken)
    elif bad == "routes":
        case = replace(case, route_files=(broken,))
    elif bad == "additional":
        case = replace(case, additional_files=(broken,))
    else:
        sites = (DetectorSite("x", "no_such_lane_0", 1.0),)
    with pytest.raises(SimulationError) as error, ClosedLoop(case, 1, sites) as loop:
        loop.step()
    assert "sumo" in one_line(error).lower()
    assert_nothing_left(started, tmp_path)


@pytest.mark.parametrize("aspects", [{"nowhere": "G"}, {"A0": "G"}])
def test_impossible_show_is_one_line(
    case: SimulationCase,
    started: list[subprocess.Popen[bytes]],
    tmp_path: Path,
    aspects: dict[str, str],
) -> None:
    def drive() -> None:
        with ClosedLoop(case, 1, ()) as loop:
            loop.step()
            loop.show(aspects)

    with pytest.raises(SimulationError, match="the street at 1 s") as error:
        drive()
    one_line(error)
    assert_nothing_left(started, tmp_path)


def test_two_streets_live_side_by_side(case: SimulationCase) -> None:
    with ClosedLoop(case, 1, (SITE,)) as one, ClosedLoop(case, 1, (SITE,)) as other:
        for _ in range(60):
            assert one.step() == other.step()


def test_same_seed_gives_the_same_street(case: SimulationCase) -> None:
    found = []
    for _ in range(2):
        with ClosedLoop(case, 5, (), emissions=False) as loop:
            while loop.time_s < case.end_s:
                loop.step()
            found.append(replace(loop.finish(), wall_s=0.0))
    assert str(found[0]) == str(found[1])  # as text, where "not a number" equals itself
