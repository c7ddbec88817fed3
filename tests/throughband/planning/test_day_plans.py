"""The command that plans a day, and the files it leaves."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from engine.measures.objective import QueueLimit
from network.counts import CountSeries
from network.day_plan import Action
from network.files import read_plan
from network.graph import RoadNetwork
from network.readers.counts_csv import write_counts_csv
from network.readers.sumo_net import read_sumo_network
from network.safety import check
from network.schedule_file import read_schedule
from network.timing import PlanSet
from tests.reference.toy_streets import line, two_phase_plan
from tests.throughband.command_line import call
from tests.throughband.towns import NET, corner_town
from throughband.planning.day_files import stretches_of, times_of, timing_sheet
from throughband.planning.day_plans import DayOrder, flows_of
from throughband.planning.objective_options import objective_in
from throughband.setting import open_setting
from throughband.teller import Teller

HOURS = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 0.3, 0.3, 0, 0,
                  0, 0])  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corner_town(tmp_path_factory.mktemp("corner"), 86_400)


@pytest.fixture(scope="module")
def network(town: Path) -> RoadNetwork:
    return read_sumo_network(town.parent / NET)


@pytest.fixture(scope="module")
def counts(town: Path, network: RoadNetwork) -> Path:
    """A whole day: one street in the morning, the other in the evening, nothing at night."""
    names = sorted(network.movements)
    volume = np.zeros((24, len(names)))
    for column, name in enumerate(names):
        eastward = name.startswith(("left0", "right0"))
        peak = (
            np.where(np.arange(24) < 12, 1.0, 0.25)
            if eastward
            else np.where(np.arange(24) < 12, 0.25, 1.0)
        )
        volume[:, column] = 220.0 * HOURS * peak + 3.0 * (HOURS > 0) * (np.arange(24) % 3)
    file = town.parent / "counts.csv"
    write_counts_csv(file, CountSeries.from_volumes("movement", names, 0.0, 3600, volume))
    return file


@pytest.fixture(scope="module")
def folder(town: Path, counts: Path) -> Path:
    out = town.parent / "planned"
    outcome = call(
        "day", town, "--counts", counts, "--out", out, "--period", 60, "--dwell", 60,
        "--max-plans", 2, "--price", 0, "--effort", 50, "--tz", "Europe/Berlin",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "save" in outcome.err
    return out


def test_it_leaves_plans_schedule_programs_sheet_and_record(folder: Path) -> None:
    assert {f.name for f in folder.iterdir()} == {
        "plan-1.json", "plan-2.json", "single-plan.json", "schedule.toml", "plan.add.xml",
        "timing.csv", "day.json", "run.json",
    }  # fmt: skip


def test_what_is_asked_of_plans_holds_for_a_day_too(town: Path, counts: Path) -> None:
    lock = town.parent / "lock.toml"
    lock.write_text('format = "throughband.locks"\nversion = 1\n[[cycle]]\ncycle_s = 75\n')
    out = town.parent / "wished"
    outcome = call(
        "day", town, "--counts", counts, "--out", out, "--period", 60, "--dwell", 60,
        "--max-plans", 2, "--price", 0, "--effort", 50, "--minimize", "stops", "--queue-limit",
        0.8, "--lock", lock,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "Planned for few stops" in outcome.err
    record = json.loads((out / "day.json").read_text())
    assert record["objective"]["minimize"] == "stops"
    for file in (out / "plan-1.json", out / "single-plan.json"):
        assert {plan.cycle_s for plan in read_plan(file).plans} == {75}
    assert objective_in(out / "plan-1.json").queue_limit == QueueLimit(0.8)


def test_the_schedule_names_lawful_plans_for_every_hour(folder: Path, network: RoadNetwork) -> None:
    schedule = read_schedule(folder / "schedule.toml")
    assert schedule.time_zone == "Europe/Berlin"
    sets = {name: read_plan(folder / plan.file) for name, plan in schedule.plans.items()}
    assert [plan.pattern for plan in schedule.plans.values()] == [1, 2]
    for plan_set in sets.values():
        assert {plan.signal_id for plan in plan_set.plans} == {"A0"}
        for plan in plan_set.plans:
            assert check(plan, network.signals[plan.signal_id]) == ()
    monday = schedule.day_plan(date(2026, 6, 1))
    morning, evening = (monday.action_at(hour * 3600).run for hour in (8, 16))
    assert morning != evening
    assert schedule.day_plan(date(2026, 6, 6)).actions[0].at_s == 0


def test_record_and_schedule_agree_and_the_table_is_there(folder: Path) -> None:
    record = json.loads((folder / "day.json").read_text())
    schedule = read_schedule(folder / "schedule.toml")
    assert [(a["at"], a["run"]) for a in record["actions"]] == [
        (f"{a.at_s // 3600:02d}:00:00", a.run) for a in schedule.days["every day"].actions
    ]
    costs = [row["cost_veh_s"] for row in record["numbers_of_plans"]]
    assert [row["plans"] for row in record["numbers_of_plans"]] == [1, 2]
    assert costs[1] < costs[0]
    assert record["cost_veh_s"]["day"] <= record["cost_veh_s"]["single_plan"] == costs[0]
    assert record["reason"].startswith("2 plans")
    digests = {plan["name"]: plan["digest"] for plan in record["plans"]}
    assert digests == {n: read_plan(folder / f"{n}.json").digest for n in ("plan-1", "plan-2")}


def test_the_record_keeps_drawn_days_of_both_sides(folder: Path) -> None:
    record = json.loads((folder / "day.json").read_text())
    drawn = record["drawn"]
    for side in ("in_force_veh_s", "planned_veh_s"):
        assert np.shape(drawn[side]) == (10, record["periods"]["count"])
    assert not drawn["by_quantiles"]
    for key, told in record["played_through"].items():
        total = sum(told["period_costs_veh_s"])
        assert total == pytest.approx(told["cost_veh_s"], abs=3), key


def test_its_report_tells_switches_and_before_and_after(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "day.html"
    outcome = call("report", folder, "--out", page)
    assert outcome.code == 0, outcome.err
    text = " ".join(page.read_text().split())
    switches = text.split('id="switches"')[1].split("</section>")[0]
    record = json.loads((folder / "day.json").read_text())
    for before, then in pairwise(record["actions"]):
        row = f"<td>{then['at'][:5]}</td><td>{before['run']}</td><td>{then['run']}</td>"
        assert row in switches
    assert "the clock of Europe/Berlin" in switches
    periods = text.split('id="periods"')[1].split("</section>")[0]
    assert "all together" in periods
    assert "least and the greatest difference of 10 days" in periods
    assert "better" in periods


def test_the_timing_sheet_has_a_row_for_every_phase(folder: Path) -> None:
    with (folder / "timing.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("plan-1", "plan-2"):
        for plan in read_plan(folder / f"{name}.json").plans:
            own = [r for r in rows if (r["plan"], r["signal"]) == (name, plan.signal_id)]
            assert [int(row["split_s"]) for row in own] == list(plan.splits_s)
            assert {int(row["cycle_s"]) for row in own} == {plan.cycle_s}
            for row in own:
                parts = (float(row[k]) for k in ("green_s", "yellow_s", "red_clear_s"))
                assert sum(parts) == float(row["split_s"])


def test_counts_that_are_not_believed_are_told_and_too_many_are_refused(
    town: Path, counts: Path, tmp_path: Path
) -> None:
    lines = counts.read_text().splitlines()
    name = lines[1].split(",")[2]
    stuck = [
        line if name not in line or i < 8 else ",".join([*line.split(",")[:3], "77", "good"])
        for i, line in enumerate(lines)
    ]
    file = tmp_path / "counts.csv"
    file.write_text("\n".join(stuck) + "\n")
    outcome = call("day", town, "--counts", file, "--out", tmp_path / "out", "--period", 60)
    assert outcome.code == 1
    assert f"{name}: stuck" in outcome.err
    assert "no count that can be believed" in outcome.message


@pytest.mark.sumo
def test_sumo_runs_the_day_over_a_switch(folder: Path, town: Path, tmp_path: Path) -> None:
    root = ElementTree.parse(folder / "plan.add.xml").getroot()
    switches = [float(s.get("time", "")) for s in root.iter("wautSwitch")]
    assert switches
    begin_s = int(min(switches)) - 120
    outcome = call(
        "simulate", town, "--controller", f"plan:{folder / 'plan.add.xml'}", "--begin", begin_s,
        "--end", begin_s + 600, "--out", tmp_path,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err


def test_a_forecast_plans_a_robust_part_of_a_day(tmp_path: Path) -> None:
    corner = corner_town(tmp_path / "corner")
    network = read_sumo_network(corner.parent / NET)
    file = tmp_path / "forecast.csv"
    lines = ["time,detector,horizon_min,mean,q0.1,q0.5,q0.9,source,day_type"]
    for hour in (6, 7, 8):
        for name in network.movements:
            flow = 60 * (hour - 5)
            lines.append(
                f"2026-07-01T0{hour}:00:00+00:00,{name},60,{flow},{flow * 0.8},{flow},"
                f"{flow * 1.3},profile,workday"
            )
    file.write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    outcome = call(
        "day", corner, "--forecast", file, "--out", out, "--period", 60, "--dwell", 60,
        "--max-plans", 1, "--effort", 50, "--robust", 0.75,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "tail" in outcome.err
    record = json.loads((out / "day.json").read_text())
    assert record["actions"] == [{"at": "00:00:00", "run": "plan-1"}]
    (row,) = record["robust"]
    assert row["nominal"]["tail"] >= row["nominal"]["mean"] > 0


def test_days_with_dates_are_learned_and_the_next_one_is_planned(
    town: Path, network: RoadNetwork, tmp_path: Path
) -> None:
    rows = ["time,movement,count"]
    begin = datetime(2031, 3, 3, tzinfo=ZoneInfo("Europe/Berlin"))
    for hour in range(4 * 24):
        at = begin + timedelta(hours=hour)
        busy = 300 if 7 <= at.hour < 9 else 60
        rows += [f"{at.isoformat()},{name},{busy + hour % 5}" for name in network.movements]
    file = tmp_path / "history.csv"
    file.write_text("\n".join(rows) + "\n")
    order = DayOrder(str(town), file, period_min=60, time_zone="Europe/Berlin")
    found = flows_of(order, open_setting(str(town)), Teller(1)).day
    assert (found.start_s, found.period_s, found.periods) == (0, 3600, 24)
    for name in network.movements:
        flow = found.movement_vph[name]
        assert flow[7:9].min() > 2 * flow[10:].max()
        assert (found.low_vph[name] <= flow).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--robust", "1.5"], "--robust: alpha is 1.5"),
        (["--tz", "Mars/Olympus"], "time zone"),
        (["--counts", "a.csv", "--forecast", "b.csv"], "allowed is one of them"),
        (["--forecast", "absent.csv"], "cannot be read"),
    ],
)
def test_bad_orders_are_refused_in_one_line_and_leave_nothing(
    options: list[str], message: str, town: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = call("day", town, "--out", out, *options)
    assert outcome.code == 1
    assert message in outcome.message
    assert not out.exists()


def sets_of(*offsets: int) -> dict[str, PlanSet]:
    return {
        f"plan-{n}": PlanSet("toy", (two_phase_plan("A", 60, 30, offset),), {})
        for n, offset in enumerate(offsets, 1)
    }


def test_a_signal_whose_plan_stays_is_left_in_peace() -> None:
    actions = (Action(0, "plan-1"), Action(3600, "plan-2"), Action(7200, "plan-1"))
    own = stretches_of(actions, sets_of(10, 10), line("A"))["A"]
    assert [stretch.program_id for stretch in own] == ["throughband-plan-1"]
    moved = stretches_of(actions, sets_of(10, 20), line("A"))["A"]
    assert [s.once for s in moved] == [False, True, False, True, False]
    assert [s.begin_s for s in moved] == sorted(s.begin_s for s in moved)
    assert moved[1].begin_s >= 3600


def test_the_sheet_says_when_plans_run() -> None:
    actions = (Action(0, "plan-1"), Action(3600, "plan-2"), Action(7200, "plan-1"))
    assert times_of(actions, "plan-1") == "00:00-01:00 02:00-24:00"
    sheet = timing_sheet(actions, sets_of(10, 20), line("A"))
    assert sheet.splitlines()[1].startswith(
        "plan-1,00:00-01:00 02:00-24:00,A,60,60,10,begin-green,1"
    )
