"""The whole path: counts, forecast, plans, proof, approval, push, and the street afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from controllers.release import PlanRelease
from engine.optimize.problem import Limits
from engine.validate.sumo import run as run_sumo
from engine.validate.sumo_process import environment, find_program
from network import safety, timeline
from network.files import read_plan
from network.timing import PlanSet
from tests.throughband.command_line import Outcome, call, ended, started, sumo_of
from tests.throughband.towns import block_town, corner_town
from throughband import pipeline
from throughband.approval import POLICY_NAME, approve
from throughband.journal import Journal, verify
from throughband.pipeline import LIVE_SEED, RunResult
from throughband.results import RUN_FILES, read_json
from throughband.setting import open_setting
from throughband.street import open_street

pytestmark = pytest.mark.sumo

EFFORT = 60
SEEDS = (101, 102)
PERSON = "A. Engineer"
VERDICTS = ("better", "worse", "no clear difference")


def now_utc() -> datetime:
    return datetime.now(UTC)


def yes(plans: PlanSet, report: Mapping[str, Any]) -> PlanRelease:
    return approve(plans, report, PERSON, now_utc(), "a test")


def quiet(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return block_town(tmp_path_factory.mktemp("block"))


def played(block: Path, journal: Path) -> RunResult:
    return asyncio.run(
        pipeline.run(
            open_setting(str(block)),
            SEEDS,
            Limits(effort=EFFORT),
            yes,
            Journal(journal).write,
            now_utc,
            quiet,
            quiet,
        )
    )


@pytest.fixture(scope="module")
def journal(block: Path) -> Path:
    return block.parent / "journal.sqlite"


@pytest.fixture(scope="module")
def result(block: Path, journal: Path) -> RunResult:
    """Run the path once around four living signals."""
    return played(block, journal)


def test_the_plan_has_a_verdict_on_validation_seeds(result: RunResult) -> None:
    assert result.report.verdict in VERDICTS
    assert result.report.seeds == SEEDS
    for before, after in zip(
        result.report.baseline_runs, result.report.candidate_runs, strict=True
    ):
        assert before.scheduled == after.scheduled > 0


def test_every_signal_is_retimed_or_left_alone_with_a_reason(result: RunResult) -> None:
    plan_set = result.optimization.plan_set
    retimed = {plan.signal_id for plan in plan_set.plans}
    assert retimed == {"A0", "A1", "B0", "B1"}
    assert retimed | set(plan_set.left_alone) == set(result.setting.network.signals)
    assert all(plan_set.left_alone.values())
    assert set(result.reasons) >= retimed


def test_every_plan_passes_both_safety_checkers(result: RunResult) -> None:
    network = result.setting.network
    for plan in result.optimization.plan_set.plans:
        signal = network.signals[plan.signal_id]
        assert safety.as_built(signal) == ()  # so nothing is tolerated
        assert safety.check(plan, signal) == ()
        assert timeline.watch(plan, signal) == ()
    safety.require_safe(result.optimization.plan_set, network)


def test_what_was_written_was_read_back(result: RunResult) -> None:
    assert result.live is not None
    receipt = result.live.receipt
    assert receipt.approved_by == PERSON
    assert receipt.plan_digest == result.optimization.plan_set.digest
    assert {entry.signal_id for entry in receipt.devices} == {"A0", "A1", "B0", "B1"}
    for entry in receipt.devices:
        assert entry.new
        # A controller may store more about the transaction than was written.
        assert set(map(str, entry.read_back)) >= set(map(str, entry.new))


def test_the_controllers_end_on_the_new_pattern(result: RunResult) -> None:
    assert result.live is not None
    for entry in result.live.receipt.devices:
        status = result.live.statuses[entry.signal_id]
        assert status == f"pattern {entry.pattern}, systemControl"
        assert entry.called_before != entry.pattern
    assert 0 < result.live.in_step_after_s < 600


def test_every_vehicle_of_the_living_street_is_measured(result: RunResult, block: Path) -> None:
    assert result.live is not None
    day = result.live.measures
    same = run_sumo(result.setting.case, LIVE_SEED)
    assert day.scheduled == same.scheduled
    assert day.arrived + day.running + day.not_inserted == day.scheduled


def test_the_counts_of_the_street_came_over_the_wire(result: RunResult) -> None:
    # The same seed counted by SUMO's own loops; a detector reads what has passed it.
    today = result.today
    (own,) = pipeline.counted_days(result.setting.case, result.setting.network, (LIVE_SEED,))
    names = today.series_ids
    assert names == own.series_ids
    heard = ~np.isnan(today.volume_veh)
    loops = own.slice(today.start_s, today.end_s).volume_veh
    assert today.volume_veh[heard].sum() > 100
    assert abs(today.volume_veh - loops)[heard].max() <= 2
    # Signals of one phase have no controller, so nobody counts there.
    left_alone = result.optimization.plan_set.left_alone
    signal_of = {
        connection.connection_id: signal.signal_id
        for signal in result.setting.network.signals.values()
        for connection in signal.connections
    }
    alone = [signal_of[name] in left_alone for name in names]
    assert (heard == ~np.array(alone)).all()


def test_the_record_of_the_run_is_unbroken(result: RunResult, journal: Path) -> None:
    events = [str(event["event"]) for event in verify(journal)]
    assert events == ["validated", "intent", "stored", "activated", "in step"]
    assert all("utc" in event for event in verify(journal))


def test_the_same_run_gives_the_same_plan(result: RunResult, block: Path, tmp_path: Path) -> None:
    again = played(block, tmp_path / "journal.sqlite")
    assert again.optimization.plan_set.digest == result.optimization.plan_set.digest
    assert again.report.baseline["delay_s"] == result.report.baseline["delay_s"]
    assert again.report.candidate["delay_s"] == result.report.candidate["delay_s"]


def test_no_simulator_is_left_over(result: RunResult) -> None:
    assert sumo_of(os.getpid()) == []


@pytest.mark.parametrize("town", ["block", "corner", "cologne1"])
def test_the_street_under_the_plan_in_force_is_plain_sumo(
    town: str, tmp_path: Path, block: Path
) -> None:
    # Emulated controllers between SUMO and its own program must not change a single vehicle.
    scenario = {"block": lambda: block, "corner": lambda: corner_town(tmp_path)}.get(town)
    setting = open_setting(str(scenario()) if scenario else town)

    async def live() -> object:
        async with open_street(setting.case, setting.network, LIVE_SEED) as street:
            await street.run_until(setting.case.end_s)
            return street.finish()

    day, plain = asyncio.run(live()), run_sumo(setting.case, LIVE_SEED)
    for name in ("delay_s", "scheduled", "arrived", "running", "not_inserted", "travel_time_s"):
        assert getattr(day, name) == getattr(plain, name), name


@cache
def optimized(block: Path) -> Path:
    out = block.parent / "optimized"
    outcome = call("optimize", block, "--out", out, "--effort", EFFORT)
    assert outcome.code == 0, outcome.err
    return out


def test_two_optimize_runs_give_the_same_bytes(block: Path, tmp_path: Path) -> None:
    # The second in a process of its own, where sets are ordered differently.
    arguments = ("optimize", block, "--out", "again", "--effort", EFFORT)
    with started(*arguments, folder=tmp_path) as process:
        outcome: Outcome = ended(process)
    assert outcome.code == 0, outcome.err
    for name in ("plan.json", "plan.add.xml", "counts.csv"):
        again, once = (folder / name for folder in (tmp_path / "again", optimized(block)))
        first_differing = [
            pair for pair in zip(lines(again), lines(once), strict=False) if pair[0] != pair[1]
        ][:5]
        assert not first_differing
        assert again.read_bytes() == once.read_bytes()


def lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def time_losses(file: Path) -> dict[str, str]:
    root = ElementTree.parse(file).getroot()
    return {trip.get("id", ""): trip.get("timeLoss", "") for trip in root.findall("tripinfo")}


def test_plain_sumo_runs_the_plan_without_us(block: Path, tmp_path: Path) -> None:
    plan = optimized(block) / "plan.add.xml"
    program, home = find_program("sumo")
    subprocess.run(
        [
            *(str(program), "-c", str(block), "-a", str(plan), "--seed", "101", "--no-step-log"),
            *("--tripinfo-output", str(tmp_path / "trips.xml")),
            *("--tripinfo-output.write-unfinished", "--time-to-teleport", "-1"),
        ],
        env=dict(environment(home)),
        check=True,
        capture_output=True,
    )
    ours = tmp_path / "ours"
    controller = f"plan:{optimized(block) / 'plan.json'}"
    outcome = call("simulate", block, "--controller", controller, "--seed", 101, "--out", ours)
    assert outcome.code == 0, outcome.err
    plain = time_losses(tmp_path / "trips.xml")
    assert len(plain) > 300
    assert plain.items() <= time_losses(ours / "tripinfo.xml").items()
    in_force = tmp_path / "in-force"
    call("simulate", block, "--controller", "in-force", "--seed", 101, "--out", in_force)
    assert plain != time_losses(in_force / "tripinfo.xml")


def test_the_sumo_plan_is_complete_for_every_signal_it_names(block: Path) -> None:
    plan_set = read_plan(optimized(block) / "plan.json")
    network = open_setting(str(block)).network
    programs = ElementTree.parse(optimized(block) / "plan.add.xml").getroot().findall("tlLogic")
    assert [p.get("id") for p in programs] == [plan.signal_id for plan in plan_set.plans]
    for program, plan in zip(programs, plan_set.plans, strict=True):
        phasing = network.signals[plan.signal_id].phasing
        assert phasing is not None
        assert program.get("type") == "static"
        durations = [float(phase.get("duration", "nan")) for phase in program]
        assert sum(durations) == pytest.approx(plan.cycle_s)
        assert {len(phase.get("state", "")) for phase in program} == {phasing.group_count}


def test_the_run_command_leaves_a_finished_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    scenario = corner_town(tmp_path / "town")
    arguments = ("--effort", EFFORT, "--seeds", 3, "--approve-by-policy", "--out", out)
    outcome = call("run", scenario, *arguments)
    assert outcome.code == 0, outcome.err
    assert {file.name for file in out.iterdir()} == RUN_FILES - {"journal.jsonl", "report.pdf"}
    result = read_json(out / "result.json")
    assert result["verdict"] == "better"
    assert result["seeds"] == [101, 102, 103]
    assert result["approval"]["by"] == POLICY_NAME
    assert result["street"]["controllers"] == 1
    assert result["signals_retimed"] == 1
    assert len(result["signals_left_alone"]) == 4
    assert result["plan_digest"] == read_plan(out / "plan.json").digest
    events = [event["event"] for event in verify(out / "journal.sqlite")]
    assert events == [
        *("run", "validated", "approved", "intent", "stored", "activated", "in step", "finished"),
    ]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert result["plan_digest"][:12] in page
    # Once more into the same folder: an older run is replaced, and comes out the same.
    assert call("run", scenario, *arguments).code == 0
    again = read_json(out / "result.json")
    for volatile in ("wall_s", "approval", "release", "runs"):
        result.pop(volatile), again.pop(volatile)
    for measures in (result, again):
        for part in (measures, measures["street"]["live_day"]):
            for side in ("baseline", "candidate", "difference"):
                part.get(side, {}).pop("wall_s", None)
            part.pop("wall_s", None)
    # Each run's controllers listen on ports of their own.
    told = [
        re.sub(r"127\.0\.0\.1:\d+", "PORT", json.dumps(part, sort_keys=True))
        for part in (again, result)
    ]
    assert told[0] == told[1]


def test_the_run_command_without_a_terminal_pushes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    scenario = corner_town(tmp_path / "town")
    outcome = call("run", scenario, "--effort", 50, "--seeds", 2, "--out", out, typed="approve\n")
    assert outcome.code == 0, outcome.err
    assert "Not approved, nothing is pushed" in outcome.err
    result = read_json(out / "result.json")
    assert (result["approval"], result["street"]) == (None, None)
    events = [event["event"] for event in verify(out / "journal.sqlite")]
    assert events == ["run", "validated", "not approved", "finished"]


@pytest.mark.slow
def test_a_city_goes_the_whole_path(tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = call(
        *("run", "cologne3", "--effort", EFFORT, "--seeds", 3, "--out", out),
        "--approve-by-policy",
    )
    assert outcome.code == 0, outcome.err
    result = read_json(out / "result.json")
    assert result["verdict"] == "better"
    assert result["street"]["controllers"] == 3
    events = [event["event"] for event in verify(out / "journal.sqlite")]
    assert events[-5:] == ["intent", "stored", "activated", "in step", "finished"]
