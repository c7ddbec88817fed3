"""Whole small suites in SUMO: the same bytes however they are played, faults that really happen."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.suite import play as playing
from benchmarks.suite.dead_detectors import dead_lanes
from benchmarks.suite.executors import Processes, Serial
from benchmarks.suite.faults import deadened, disturb
from benchmarks.suite.jobs import Fault, Job, Outcome, Street
from benchmarks.suite.play import Ground, Play, Preparation, build, play, prepare
from benchmarks.suite.programs import Programs
from benchmarks.suite.resco import with_resco_changes
from benchmarks.suite.results import DiskFullError, Store
from benchmarks.suite.running import Played, check, play_suite
from benchmarks.suite.scenes import beside, digest, open_scene, rewritten, ruled
from benchmarks.suite.suite_file import Suite
from engine.adaptive.sites import build_sites
from engine.validate.sumo import run
from network.counts import CountSeries, Quality
from network.errors import InsufficientDataError, ScenarioError
from network.readers.xml_files import iterate_elements
from scenarios.scenario import Scenario, load_scenario
from throughband.exchange.imported import scenario_network
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo
SMALL = Suite(
    "small", "t", ("grid:2x2:1",), ("in-force", "longest-queue"), (11, 12), begin_s=0, end_s=300
)


def silent(what: str, done: int, whole: int) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Played]:
    folder = tmp_path_factory.mktemp("suite")
    done = play_suite(SMALL, Store(folder), Serial(), silent)
    Store(folder).tables(done.outcomes)
    return folder, done


@pytest.fixture(scope="module")
def arterial(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return open_scene("arterial:2:1", tmp_path_factory.mktemp("arterial"), 0, 300)


def test_every_job_is_a_row(played: tuple[Path, Played]) -> None:
    _, done = played
    jobs = {outcome.job for outcome in done.outcomes}
    assert jobs == {
        Job(street, controller, seed)
        for street in SMALL.streets
        for controller in SMALL.controllers
        for seed in SMALL.seeds
    }
    assert all(not outcome.failed for outcome in done.outcomes)
    assert all(outcome.measures["delay_s"] > 0 for outcome in done.outcomes)


def test_controllers_meet_the_same_vehicles(played: tuple[Path, Played]) -> None:
    _, done = played
    due = {outcome.job.seed: outcome.measures["due"] for outcome in done.outcomes}
    assert all(outcome.measures["due"] == due[outcome.job.seed] for outcome in done.outcomes)


def test_nothing_is_played_twice(
    played: tuple[Path, Played], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, done = played
    monkeypatch.setattr("benchmarks.suite.running.play", lambda task: 1 / 0)
    again = play_suite(SMALL, Store(folder), Serial(), silent)
    assert again.kept == len(done.outcomes)
    assert [o.measures for o in again.outcomes] == [o.measures for o in done.outcomes]


def test_equal_programs_are_played_once_and_each_gets_its_row(tmp_path: Path) -> None:
    plan = tmp_path / "nothing.add.xml"
    plan.write_text("<additional/>")
    other = tmp_path / "nothing-too.add.xml"
    other.write_text("<additional/>")
    suite = replace(SMALL, controllers=(f"plan:{plan}", f"plan:{other}"), seeds=(11,))
    asked: list[int] = []
    done = play_suite(
        suite,
        Store(tmp_path / "out"),
        Serial(),
        lambda what, number, whole: asked.append(whole) if what == "runs" else None,
    )
    assert asked == [1, 1]
    first, second = done.outcomes
    assert first.measures == second.measures
    assert second.facts["same_as"]
    assert (tmp_path / "out" / "runs" / second.facts["same_as"] / "trips.parquet").is_file()
    again = play_suite(suite, Store(tmp_path / "out"), Serial(), silent)
    assert again.kept == 2


def test_another_plan_under_the_same_name_is_played(tmp_path: Path) -> None:
    plan = tmp_path / "plan.add.xml"
    suite = replace(SMALL, controllers=(f"plan:{plan}",), seeds=(11,))
    store = Store(tmp_path / "out")
    for text, kept in (
        ("<additional/>", 0),
        ("<additional/>", 1),
        ("<additional></additional>", 0),
    ):
        plan.write_text(text)
        assert play_suite(suite, store, Serial(), silent).kept == kept


def test_scenarios_called_alike_are_refused(tmp_path: Path) -> None:
    paths = []
    for name in ("a/city", "b/city"):
        (tmp_path / name).mkdir(parents=True)
        paths.append(str(tmp_path / name / "x.sumocfg"))
        Path(paths[-1]).write_text("<configuration/>")
    with pytest.raises(ScenarioError, match="both called 'city-file"):
        check(replace(SMALL, scenarios=tuple(paths)))


def test_processes_give_the_same_bytes(played: tuple[Path, Played], tmp_path: Path) -> None:
    folder, _ = played
    beside = play_suite(SMALL, Store(tmp_path), Processes(2), silent)
    Store(tmp_path).tables(beside.outcomes)
    assert (tmp_path / "results.csv").read_bytes() == (folder / "results.csv").read_bytes()


def test_a_run_record_says_what_made_it(played: tuple[Path, Played]) -> None:
    folder, _ = played
    record = json.loads(next((folder / "runs").glob("*/run.json")).read_text())
    assert record["facts"]["versions"]["eclipse-sumo"].startswith("1.")
    assert record["facts"]["code"] == playing.code_digest()
    assert record["facts"]["controller"]["source"]


def test_a_street_that_cannot_be_built_is_rows_with_a_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sumocfg"
    broken.write_text("<configuration/>")
    suite = Suite("s", "t", (str(broken),), ("in-force",), (11, 12))
    done = play_suite(suite, Store(tmp_path / "out"), Serial(), silent)
    assert [bool(outcome.reason) for outcome in done.outcomes] == [True, True]
    assert "network files" in done.outcomes[0].reason


def test_a_changed_street_keeps_what_its_plans_are_made_from() -> None:
    for street in (
        Street("grid:2x2:1", "street", begin_s=0, end_s=300),
        Street("grid:2x2:1", "street", 1.5, "incident:1", 0, 300),
    ):
        ground = build(street)
        assert not ground.reason
        network = json.loads(ground.files["network.json"])
        assert '"walk_s": 7' in json.dumps(network)


def test_files_beside_an_import_are_part_of_its_digest(arterial: Scenario, tmp_path: Path) -> None:
    scenario = ruled(arterial, tmp_path / "ruled")
    before = digest(scenario)
    (tmp_path / "ruled" / "counts.csv").write_text("counted")
    counted = digest(scenario)
    with (tmp_path / "ruled" / "network.json").open("a") as file:
        file.write(" ")
    assert len({before, counted, digest(scenario)}) == 3
    away = rewritten(scenario, tmp_path / "twice", options={"scale": "2"}, counts=False)
    assert [file.name for file in beside(away)] == ["network.json"]


def test_what_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = replace(SMALL, controllers=("in-force",), seeds=(11,))
    with monkeypatch.context() as broken:
        broken.setattr("benchmarks.suite.running.play", lambda task: Outcome(task.job, reason="x"))
        assert play_suite(suite, Store(tmp_path), Serial(), silent).outcomes[0].reason == "x"
    done = play_suite(suite, Store(tmp_path), Serial(), silent)
    assert (done.kept, done.outcomes[0].reason) == (0, "")


def test_a_full_scratch_folder_stops_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street("cologne1", end_s=25260)
    ground = build(street)
    task = Play(Job(street, "in-force", 11), ground, Programs(options={"no-such-option": "1"}))
    assert "no-such-option" in play(task).reason
    monkeypatch.setattr(playing.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DiskFullError, match=r"no room left in .*, where streets are played"):
        play(task)


def test_resco_changes_from_any_stage_to_any_other_in_three_seconds(arterial: Scenario) -> None:
    for site in build_sites(scenario_network(arterial)):
        changed = with_resco_changes(site)
        count = len(site.stages)
        assert len(changed.clearances) == count * (count - 1)
        for (a, b), (shown,) in changed.clearances.items():
            assert shown.duration_ds == 30
            for was, comes, now in zip(
                site.stages[a].aspects, site.stages[b].aspects, shown.aspects, strict=True
            ):
                assert now == ("y" if was in "Gg" and comes not in "Gg" else was)


def test_more_demand_means_more_vehicles() -> None:
    due = {}
    for scale in (1.0, 1.5):
        job = Job(Street("arterial:2:1", "shipped", scale, "", 0, 300), "in-force", 11)
        ground = build(job.street)
        assert ground.files
        assert not ground.reason
        due[scale] = done(job, ground).measures["due"]
    assert due[1.5] == pytest.approx(1.5 * due[1.0], rel=0.1)


def test_building_twice_gives_the_same_bytes() -> None:
    street = Street("arterial:2:1", "shipped", 1.2, "incident", 0, 300)
    assert build(street) == build(street)


def test_an_incident_changes_the_day_and_is_not_counted_itself() -> None:
    plain = Job(Street("arterial:2:1", "shipped", 1.0, "", 0, 600), "in-force", 11)
    struck = Job(Street("arterial:2:1", "shipped", 1.0, "incident", 0, 600), "in-force", 11)
    calm, trouble = (done(job, build(job.street)).measures for job in (plain, struck))
    assert trouble["delay_s"] != calm["delay_s"]
    assert trouble["due"] == calm["due"]


def test_an_event_brings_traffic(arterial: Scenario, tmp_path: Path) -> None:
    changed = disturb(arterial, Fault("special-event", 0.5), tmp_path)
    assert len(changed.route_files) == len(arterial.route_files) + 1
    assert (changed.begin_s, changed.end_s) == (arterial.begin_s, arterial.end_s)


def test_a_street_without_a_way_around_cannot_be_closed(arterial: Scenario, tmp_path: Path) -> None:
    with pytest.raises(InsufficientDataError, match="way around"):
        disturb(arterial, Fault("closed-link", 1), tmp_path)


def test_dead_detectors_are_the_same_every_day() -> None:
    day = CountSeries.from_volumes(
        "movement", [f"m{n}" for n in range(10)], 0.0, 300, [[float(n) for n in range(10)]] * 3
    )
    one, two = deadened(day, 0.3), deadened(day, 0.3)
    assert (one.quality == two.quality).all()
    assert ((one.quality == Quality.MISSING).all(axis=0)).sum() == 3


def test_actuated_control_serves_lanes_with_dead_detectors_to_the_longest_green() -> None:
    street = Street("cologne1", fault="missing-detectors:0.3", end_s=25500)
    made = prepare(Preparation(build(street), "sumo-actuated"))
    sound = prepare(Preparation(build(replace(street, fault="")), "sumo-actuated"))
    (held,), (free,) = (
        [b'minDur="50"' in content for one in found.programs for content in one.files.values()]
        for found in (made, sound)
    )
    assert (held, free) == (True, False)
    assert "maximum recall" in made.programs[0].facts["note"]


def test_dead_detectors_are_the_same_lanes_for_everybody(arterial: Scenario) -> None:
    network = scenario_network(arterial)
    some = dead_lanes(network, 0.3)
    assert some == dead_lanes(network, 0.3)
    assert some < dead_lanes(network, 0.6)
    assert len(dead_lanes(network, 0.001)) == 1


def test_a_controller_does_not_see_lanes_with_dead_detectors() -> None:
    plain = Job(Street("cologne1", end_s=25320), "resco-max-wave", 11)
    blind = Job(Street("cologne1", fault="missing-detectors:1", end_s=25320), "resco-max-wave", 11)
    seeing, guessing = (done(job, build(job.street)).measures for job in (plain, blind))
    assert seeing["due"] == guessing["due"]
    assert seeing["delay_s"] < guessing["delay_s"]


def test_a_closed_link_is_entered_by_nobody_while_it_is_closed(tmp_path: Path) -> None:
    changed = disturb(load_scenario("cologne8", 25200, 26100), Fault("closed-link", 1), tmp_path)
    (file,) = changed.additional_files
    closed = re.findall(r'closingReroute id="([^"]+)"', file.read_text())
    asked, told = tmp_path / "asked.add.xml", tmp_path / "told.xml"
    asked.write_text(
        f'<additional><edgeData id="e" file="{told}" begin="25500" end="25800"/></additional>'
    )
    setting = open_setting(str(changed.config_file), 25200, 26100)
    run(setting.case, 11, [asked], emissions=False)
    entered = {e.attrib["id"]: e.get("entered", "0") for e in iterate_elements(told, {"edge"})}
    assert [entered.get(link, "0") for link in closed] == ["0"]


def done(job: Job, ground: Ground) -> Outcome:
    """Play one job of the plan in force."""
    from benchmarks.suite.programs import Programs

    return play(Play(job, ground, Programs()))
