"""The plan that ran: values in force, measured phases, and the atspm project's own figures."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from network.errors import FormatError
from network.readers.hires_events import REPORTED_SPLIT, HiresEvents
from network.readers.hires_plan import PlanRan, plan_between, plans_that_ran
from tests.network.test_hires_counts import MIDNIGHT, PACIFIC, events, expected, oregon


def service(begin_s: float, phase: int, green_s: float) -> list[tuple[float, int, int]]:
    """One service with 3.5 s yellow and 1.5 s red clearance."""
    yellow_s = begin_s + green_s
    return [
        *((begin_s, 0, phase), (begin_s, 1, phase), (yellow_s, 7, phase), (yellow_s, 8, phase)),
        *((yellow_s + 3.5, 9, phase), (yellow_s + 3.5, 10, phase), (yellow_s + 5, 11, phase)),
    ]


def ran(*rows: tuple[float, int, int]) -> tuple[PlanRan, ...]:
    return plans_that_ran(events(*sorted(rows, key=lambda row: row[0])))


def at(seconds: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=seconds)


def test_a_period_begins_where_the_plan_changes() -> None:
    plans = ran(
        *(
            (0, 1, 2),
            (100, 131, 3),
            (100, 132, 90),
            (100.1, 133, 17),
            (101, 134, 20),
            (101, 135, 70),
        ),
        *((400, 132, 90), (900, 131, 5), (900.2, 132, 120), (1000, 1, 2)),
    )
    assert [(plan.begin_utc, plan.end_utc) for plan in plans] == [
        (at(0), at(100)),
        (at(100), at(900)),
        (at(900), at(1000.1)),
    ]
    assert [(plan.pattern, plan.cycle_s, plan.offset_s) for plan in plans] == [
        (None, None, None),
        (3, 90, 17),
        (5, 120, 17),
    ]
    assert [dict(plan.splits_s) for plan in plans] == [{}, {1: 20, 2: 70}, {1: 20, 2: 70}]


def test_what_the_street_saw_is_measured_from_phase_events() -> None:
    (plan,) = ran(*service(0, 2, 40), *service(60, 2, 30.4), *service(50, 4, 4))
    phase = plan.phase(2)
    assert (phase.services, phase.yellow_ds, phase.red_clear_ds) == (2, 35, 15)
    assert (phase.green_mean_s, phase.green_min_s, phase.green_max_s) == (35.2, 30.4, 40.0)
    assert phase.split_mean_s == pytest.approx(40.2)
    assert [one.phase for one in plan.phases] == [2, 4]
    with pytest.raises(FormatError, match=r"phase 6 was not served .* served were 2, 4"):
        plan.phase(6)


def test_torn_services_are_left_out() -> None:
    rows = [*service(0, 2, 20), *service(100, 2, 20), *service(200, 2, 20)]
    torn = [row for row in rows if row not in ((100, 1, 2), (223.5, 10, 2), (223.5, 9, 2))]
    (plan,) = ran((0, 0, 9), *torn)
    assert plan.phase(2).services == 1


def test_local_cycles_and_transitions_are_told() -> None:
    zeros = [(s, 150, 5) for s in (0, 90, 180, 290)]
    (plan,) = ran(*zeros, (0.0, 150, 1), (200, 150, 2), (250, 150, 1), (399.9, 0, 1))
    assert plan.local_cycles_s == (90, 90, 110)
    assert plan.transition_share == pytest.approx(50 / 400)
    (silent,) = ran((0, 1, 2), (10, 1, 4))
    assert (silent.transition_share, silent.local_cycles_s) == (None, ())


def test_every_split_the_oregon_controllers_report_is_the_measured_one_cut_to_seconds() -> None:
    log = oregon()
    paired = 0
    for device in log.devices:
        own = log.of_device(device)
        reported = (own.code >= REPORTED_SPLIT) & (own.code < REPORTED_SPLIT + 8)
        for row in np.flatnonzero(reported):
            end = own.time_utc[row].item().replace(tzinfo=UTC)
            window = (end, end + timedelta(milliseconds=1))
            phase = int(own.code[row]) - REPORTED_SPLIT + 1
            found = [one for one in plan_between(own, device, *window).phases if one.phase == phase]
            if found and paired < 100:
                assert int(found[0].split_mean_s + 1e-6) == int(own.parameter[row])
                paired += 1
        if paired == 100:
            break
    assert paired == 100


def test_splits_of_the_oregon_log_are_those_of_the_source_project() -> None:
    log = oregon()
    measured = 0
    for row in expected("splits.csv"):
        if row["EventId"] == "316":
            continue
        begin = datetime.fromisoformat(row["TimeStamp"]).replace(tzinfo=PACIFIC)
        plan = plan_between(log, row["DeviceId"], begin, begin + timedelta(minutes=15))
        phase = plan.phase(int(row["EventId"]) - REPORTED_SPLIT + 1)
        assert phase.reported_services == int(float(row["Services"]))
        # Float32 in the source.
        assert phase.reported_split_mean_s == pytest.approx(float(row["Average_Split"]), abs=1e-4)
        # The source cuts to whole seconds; a service torn by a hole of the log is not measured.
        if phase.services == phase.reported_services:
            assert 0 <= phase.split_mean_s - float(row["Average_Split"]) + 1e-4 < 1
            measured += 1
    assert measured >= 190


def test_cycles_and_offsets_of_the_oregon_log_are_those_of_the_source_project() -> None:
    log = oregon()
    # Controller 227 tells 130 s and 120 s in the same tenth of a second at 16:30; the file's
    # order, which is ours, makes it 120 s, the source's own makes it 130 s until 17:15.
    tied = [("227", clock) for clock in ("16:30", "16:45", "17:00")]
    for row in expected("coordination_agg.csv"):
        begin = datetime.fromisoformat(row["TimeStamp"]).replace(tzinfo=PACIFIC)
        plan = plan_between(log, row["DeviceId"], begin, begin + timedelta(minutes=15))
        assert plan.reported_cycle_s == int(float(row["ActualCycleLength"]))
        assert plan.reported_offset_s == int(float(row["ActualOffset"]))
        cycle_s = 120 if (row["DeviceId"], f"{begin:%H:%M}") in tied else float(row["CycleLength"])
        assert plan.cycle_s == cycle_s


def test_the_oregon_log_falls_into_periods_without_holes() -> None:
    plans = plans_that_ran(oregon())
    assert len(plans) == 15
    for before, after in pairwise(plans):
        assert before.device != after.device or before.end_utc == after.begin_utc
    assert {plan.phase(2).yellow_ds for plan in plans if plan.device == "227"} == {50}


def test_periods_must_be_aware_and_not_empty() -> None:
    log = events((0, 1, 2), (10, 1, 4))
    with pytest.raises(FormatError, match="has no time zone"):
        plan_between(log, "d", at(0).replace(tzinfo=None), at(1))
    with pytest.raises(FormatError, match="is empty"):
        plan_between(log, "d", at(1), at(1))
    with pytest.raises(FormatError, match="no events of device 'x'"):
        plan_between(log, "x", at(0), at(1))


def test_a_plan_survives_pickling_and_keeps_its_splits() -> None:
    (plan,) = ran((0, 134, 20), (1, 1, 2))
    assert pickle.loads(pickle.dumps(plan)) == plan
    with pytest.raises(TypeError):
        plan.splits_s[1] = 30  # type: ignore[index]


def test_a_log_without_events_ran_nothing() -> None:
    empty = HiresEvents((), np.zeros(0, "M8[us]"), [], [], [])
    assert plans_that_ran(empty) == ()
