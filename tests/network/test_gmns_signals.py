"""Reading GMNS signals, and the sample of the specification with its deliberate errors."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from network.errors import FormatError
from network.inventory import Inventory
from network.inventory_signals import ControlKind, Controller, ReferencePoint
from network.readers.gmns import read_gmns
from network.readers.gmns_plans import yellow_ds
from tests.network.gmns_folders import SMALL, with_cell, write_folder
from tests.network.streets import SHARED_DATA

ARLINGTON = SHARED_DATA / "gmns_arlington"


def read(folder: Path, **tables: str | None) -> Inventory:
    return read_gmns(write_folder(folder, tables))


def controller(inventory: Inventory, name: str) -> Controller:
    return next(c for c in inventory.controllers if c.controller_id == name)


@pytest.fixture(scope="module")
def arlington() -> Inventory:
    if not ARLINGTON.is_dir():
        pytest.skip("the GMNS sample is not at hand")
    return read_gmns(ARLINGTON)


@pytest.mark.parametrize(
    ("mph", "grade_percent", "seconds"),
    # ITE (2020), equation 1: 1 s + 1.47 v / (2 * 10 + 64.4 g), by hand, rounded up to 0.1 s.
    [(25, 0, 3.0), (35, 0, 3.6), (45, 0, 4.3), (45, -3, 4.7), (55, 0, 5.1)],
)
def test_yellow_follows_the_kinematic_formula(
    mph: float, grade_percent: float, seconds: float
) -> None:
    assert yellow_ds(mph * 0.44704, grade_percent) == round(seconds * 10)


def test_clearance_is_split_into_yellow_and_red_and_that_is_told(tmp_path: Path) -> None:
    found = read(tmp_path)
    through, side = found.controllers[0].plans[0].phases
    # 72 km/h: 1 + 20 / 6.1 = 4.28 s; 36 km/h: the least of 3 s.
    assert (through.yellow_ds, through.red_clear_ds) == (43, 17)
    assert (side.yellow_ds, side.red_clear_ds) == (30, 30)
    assert any("kinematic formula" in finding for finding in found.findings)


def test_a_clearance_shorter_than_the_formula_is_all_yellow(tmp_path: Path) -> None:
    table = with_cell("signal_timing_phase", 2, "clearance", "4")
    phase = read(tmp_path, signal_timing_phase=table).controllers[0].plans[0].phases[0]
    assert (phase.yellow_ds, phase.red_clear_ds) == (40, 0)


def test_a_missing_clearance_is_the_longest_of_the_others(tmp_path: Path) -> None:
    table = with_cell("signal_timing_phase", 3, "clearance", "")
    found = read(tmp_path, signal_timing_phase=table)
    phase = found.controllers[0].plans[0].phases[1]
    assert phase.yellow_ds + phase.red_clear_ds == 60
    assert any("signal_timing_phase.csv, row 3, column clearance" in f for f in found.findings)


def test_a_plan_keeps_its_cycle_splits_offset_and_hours(tmp_path: Path) -> None:
    (plan,) = read(tmp_path).controllers[0].plans
    assert (plan.cycle_ds, plan.offset_ds, dict(plan.splits_ds)) == (600, 70, {2: 410, 4: 190})
    assert plan.reference is ReferencePoint.BEGIN_GREEN
    assert (plan.reference_phases, plan.reference_controller) == ((2,), "")
    assert plan.times_of_day == (("0111110", 21600, 72000),)
    assert plan.control is ControlKind.COORDINATED


@pytest.mark.parametrize(
    ("event", "point"),
    [
        ("begin_of_green", ReferencePoint.BEGIN_GREEN),
        ("begin_of_yellow", ReferencePoint.BEGIN_YELLOW),
        ("begin_of_red", ReferencePoint.END_YELLOW),
    ],
)
def test_the_event_an_offset_names_is_kept(
    tmp_path: Path, event: str, point: ReferencePoint
) -> None:
    table = with_cell("signal_coordination", 2, "coord_ref_to", event)
    found = read(tmp_path, signal_coordination=table)
    assert found.controllers[0].plans[0].reference is point


def test_splits_that_do_not_fill_the_cycle_are_told(tmp_path: Path) -> None:
    table = with_cell("signal_timing_plan", 2, "cycle_length", "90")
    findings = read(tmp_path, signal_timing_plan=table).findings
    assert any("make 60 s, its cycle is 90 s" in finding for finding in findings)


def test_hours_may_come_from_a_set_of_times(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        signal_timing_plan="timing_plan_id,controller_id,timeday_id\nday,c1,weekend\n",
        time_set_definitions=(
            "timeday_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_time,"
            "end_time\nweekend,0,0,0,0,0,1,1,11:00,18:00\n"
        ),
    )
    assert found.controllers[0].plans[0].times_of_day == (("1000001", 39600, 64800),)


def test_a_plan_without_ring_and_barrier_is_one_ring(tmp_path: Path) -> None:
    lines = [line.rsplit(",", 3)[0] for line in SMALL["signal_timing_phase"].splitlines()]
    found = read(tmp_path, signal_timing_phase="\n".join(lines) + "\n")
    assert [(p.ring, p.barrier, p.position) for p in found.controllers[0].plans[0].phases] == [
        (1, 1, 1),
        (1, 1, 2),
    ]


def test_a_plan_may_serve_turns_in_other_phases(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        signal_timing_plan=SMALL["signal_timing_plan"] + "night,c1,,\n",
        signal_timing_phase=SMALL["signal_timing_phase"]
        + "c,night,2,5,9,3,6,,,1,1,1\nd,night,4,5,9,3,6,,,1,2,1\n",
        signal_phase_mvmt=SMALL["signal_phase_mvmt"] + "4,c,1,,protected\n5,c,3,,permitted\n",
    )
    turns = {key[1]: value for key, value in found.controllers[0].turn_phases.items()}
    assert turns == {"we>nn": ((), ()), "ne>ee": ((), (2,))}


def test_the_older_way_to_name_a_phase_by_controller_and_number_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        signal_phase_mvmt=(
            "signal_phase_mvmt_id,controller_id,signal_phase_num,mvmt_id,link_id,protection\n"
            "1,c1,2,1,,protected\n2,c1,2,2,,permitted\n3,c1,4,3,,protected\n"
        ),
    )
    assert [turn.protected_phases for turn in found.turns] == [(2,), (), (4,)]
    assert found.controllers[0].nodes == ("1",)


def test_a_detection_zone_lies_upstream_of_the_stop_line(tmp_path: Path) -> None:
    (detector,) = read(tmp_path).detectors
    assert (detector.front_m, detector.length_m, detector.lanes) == (0.0, 20.0, (0, 1))


def test_phases_of_a_shared_plan_find_their_controllers(arlington: Inventory) -> None:
    first, second = controller(arlington, "6"), controller(arlington, "7")
    assert (first.nodes, second.nodes) == (("6",), ("7",))
    for plan in first.plans:
        assert sorted(phase.number for phase in plan.phases) == list(range(1, 9))
    for plan in second.plans:
        assert [phase.number for phase in plan.phases] == [2, 6, 9]
    assert [plan.offset_ds for plan in second.plans] == [None, 1040, 970, 890]
    assert {plan.reference_controller for plan in second.plans} == {"", "6"}
    assert [plan.cycle_ds for plan in first.plans] == [None, 1200, 1200, 1100]


def test_rings_of_the_sample_fill_its_cycles(arlington: Inventory) -> None:
    for plan in controller(arlington, "6").plans[1:]:
        for ring in (1, 2):
            numbers = [phase.number for phase in plan.phases if phase.ring == ring]
            assert sum(plan.splits_ds[number] for number in numbers) == plan.cycle_ds


def test_crosswalks_of_the_sample_cross_the_legs_they_are_named_after(
    arlington: Inventory,
) -> None:
    crossed = {c.crossing_id: (set(c.links), c.phases) for c in arlington.crossings}
    assert crossed == {
        "2122": ({"21", "22"}, (6,)),
        "3132": ({"31", "32"}, (8,)),
        "4040": ({"41", "42"}, (2,)),
        "5050": ({"51", "52"}, (4,)),
        "7172": ({"71", "72"}, (9,)),
    }


def test_slips_of_the_sample_are_told(arlington: Inventory) -> None:
    text = "\n".join(arlington.findings)
    for place in (
        "movement.csv, row 23, column ob_link_id",
        "signal_timing_phase.csv, row 11, column clearance",
        "signal_timing_plan.csv, row 5, column time_day",
        "signal_phase_mvmt.csv, row 21 and 7 more, column timing_phase_id",
    ):
        assert place in text


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("movement", 2, "ctrl_type", "Bike signals"),
        ("lane", 10, "r_barrier", "curb"),
        ("link", 2, "ped_facility", "offstreet path"),
        ("link", 6, "bike_facility", "bikelane"),
        ("link", 2, "parking", "sideways"),
        ("node", 4, "ctrl_type", "traffic light"),
        ("signal_detector", 2, "det_type", "eyes"),
        ("signal_coordination", 9, "offset", "300"),
        ("link", 4, "length", "660"),
    ],
)
def test_a_deliberate_error_in_the_sample_is_told_with_its_place(
    tmp_path: Path, arlington: Inventory, table: str, row: int, column: str, value: str
) -> None:
    folder = copy_of_sample(tmp_path, table, row, column, value)
    findings = read_gmns(folder).findings
    assert set(findings) - set(arlington.findings)
    assert any(
        f.startswith(f"{table}.csv, row {row}") and f"column {column}: " in f for f in findings
    )


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("link", 2, "to_node_id", "66"),
        ("lane", 5, "link_id", "2200"),
        ("segment", 2, "ref_node_id", "3"),
        ("segment_lane", 4, "parent_lane_id", "111"),
        ("movement", 9, "start_ib_lane", "-2"),
        ("signal_timing_phase", 3, "position", "x"),
        ("signal_timing_phase", 3, "signal_phase_num", "2"),
        ("signal_phase_mvmt", 5, "timing_phase_id", "99"),
        ("signal_detector", 15, "controller_id", "8"),
    ],
)
def test_a_deliberate_contradiction_in_the_sample_is_refused(
    tmp_path: Path, arlington: Inventory, table: str, row: int, column: str, value: str
) -> None:
    assert arlington.links
    folder = copy_of_sample(tmp_path, table, row, column, value)
    with pytest.raises(FormatError, match=rf"{table}\.csv, row \d+, column "):
        read_gmns(folder)


def copy_of_sample(folder: Path, table: str, row: int, column: str, value: str) -> Path:
    """Copy the sample, with one cell of it changed; the header is row 1."""
    for path in ARLINGTON.glob("*.csv"):
        with path.open(newline="") as stream:
            rows = list(csv.reader(stream))
        if path.stem == table:
            rows[row - 1][rows[0].index(column)] = value
        with (folder / path.name).open("w", newline="") as stream:
            csv.writer(stream).writerows(rows)
    return folder
