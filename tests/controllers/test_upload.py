"""Plans and schedules read off a device."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.emulator.timebase import TimeBase as DeviceTimeBase
from controllers.emulator.timetable import define_time_base
from controllers.ntcip.objects import OBJECTS, Edition, instance
from controllers.ntcip.upload import Upload
from network.day_plan import FLASH, FREE
from network.errors import ControllerError, PlanError
from network.phasing import Phasing
from network.timing import OffsetReference, TimingPlan
from tests.controllers.strategies import phasings, plans, ring_cases
from tests.controllers.street_device import MIDNIGHT_UTC_S, NEW, OLD, Bench, bench

FIRST, LAST = date(2026, 5, 4), date(2027, 5, 3)
MONTHS, WEEKDAYS, DATES = 0x1FFE, 0xFE, 0xFFFF_FFFE
SUNDAY, CHRISTMAS = 0x02, (1 << 12, WEEKDAYS, 1 << 25)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def uploaded(b: Bench, first: date = FIRST, last: date = LAST) -> Upload:
    return await b.driver.upload(await b.driver.identify(), "UTC", first, last)


def shape(plan: TimingPlan, phasing: Phasing) -> tuple[object, ...]:
    """What the street sees of a plan, whichever phase it is written down from."""
    number = plan.coordinated_phase
    green_s = (plan.begin_s(phasing) + plan.start_s(number, phasing)) % plan.cycle_s
    order = plan.sequence
    if len(phasing.rings) == 1:
        first = order.index(min(order))
        order = order[first:] + order[:first]
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    return plan.cycle_s, order, splits, number, green_s


def comes_back(
    phasing: Phasing, old: TimingPlan, new: TimingPlan, edition: Edition, event: OffsetReference
) -> None:
    async def scenario() -> None:
        mine = replace(old, offset_reference=event) if edition is Edition.V1996 else old
        async with bench(phasing, mine, edition=edition, offset_reference=event) as b:
            identity = await b.driver.identify()
            fractions = phasing.phase(new.coordinated_phase)
            if edition is Edition.V1996 and (
                fractions.yellow_ds % 10 or fractions.red_clear_ds % 10
            ):
                # The device's event may fall between whole seconds, and such plans are refused.
                return
            change = await b.driver.prepare(new, identity)
            await b.driver.commit(change)
            found = await uploaded(b)
            assert sorted(found.plans) == [1, change.pattern]
            assert shape(found.plans[1], phasing) == shape(mine, phasing)
            assert shape(found.plans[change.pattern], phasing) == shape(new, phasing)
            assert not [text for text in found.not_understood if "pattern" in text]

    run(scenario)


@settings(max_examples=15, deadline=None)
@given(st.data(), st.sampled_from(Edition))
def test_a_plan_of_one_ring_is_uploaded_as_it_was_pushed(
    data: st.DataObject, edition: Edition
) -> None:
    phasing = data.draw(phasings())
    old, new = data.draw(plans(phasing)), data.draw(plans(phasing))
    comes_back(phasing, old, new, edition, old.offset_reference)


@settings(max_examples=15, deadline=None)
@given(ring_cases(2), st.sampled_from(Edition), st.sampled_from(OffsetReference))
def test_a_plan_of_two_rings_is_uploaded_as_it_was_pushed(
    case: tuple[Phasing, TimingPlan, TimingPlan], edition: Edition, event: OffsetReference
) -> None:
    phasing, old, new = case
    try:
        replace(old, offset_reference=event).begin_s(phasing)
    except PlanError:
        event = OffsetReference.BEGIN_GREEN
    comes_back(phasing, old, new, edition, event)


@pytest.mark.parametrize(
    ("name", "index", "value", "text"),
    [
        ("splitTime", (1, 2), 40, "pattern 1: splits fill 100 s of a cycle of 80 s"),
        ("splitCoordPhase", (1, 1), 0, "pattern 1: signal 's': rows name 0 coordinated phases"),
        ("patternOffsetTime", (1,), 80, "pattern 1: offset 80 s in a cycle of 80 s"),
        ("patternSequenceNumber", (1,), 99, "pattern 1 names split 1 and sequence 99"),
        ("sequenceData", (1, 1), b"\x02\x03", "pattern 1: signal 's': rows name 0 coordinated"),
    ],
)
def test_a_pattern_that_makes_no_plan_is_told_and_left_out(
    name: str, index: tuple[int, ...], value: int | bytes, text: str
) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put(name, *index, value=value)
            found = await uploaded(b)
            assert found.plans == {}
            assert any(told.startswith(text) for told in found.not_understood)

    run(scenario)


def test_one_pattern_is_read_alone_as_it_is_with_all_others() -> None:
    async def scenario() -> None:
        async with bench() as b:
            identity = await b.driver.identify()
            plan, notes = await b.driver.upload_pattern(identity, 1)
            found = await uploaded(b)
            assert plan == found.plans[1]
            assert set(notes) <= set(found.not_understood)
            b.put("patternCycleTime", 1, value=0)
            nothing, why = await b.driver.upload_pattern(identity, 1)
            assert nothing is None
            assert why[0].startswith("pattern 1")

    run(scenario)


def test_what_the_splits_leave_of_the_cycle_goes_to_the_coordinated_phase() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("splitTime", 1, 3, value=12)
            found = await uploaded(b)
            assert found.plans[1].splits_s == (28, 20, 12, 20)
            told = "pattern 1: 8 s that its splits leave of the cycle went to phases [1]"
            assert told in found.not_understood

    run(scenario)


def test_phases_that_a_sequence_names_in_vain_or_forgets_are_told() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("sequenceData", 1, 1, value=b"\x01\x02\x09\x03")
            found = await uploaded(b)
            assert "pattern 1: sequence 1 names phases [9], not enabled" in found.not_understood
            told = "pattern 1: sequence 1 leaves out phases [4], which are not omitted"
            assert told in found.not_understood

    run(scenario)


def test_split_modes_that_a_plan_does_not_carry_are_told() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("splitMode", 1, 2, value=OBJECTS["splitMode"].number("none"))
            found = await uploaded(b)
            assert found.plans == {1: OLD}
            assert "pattern 1: split mode none of phases [2] is not carried" in found.not_understood

    run(scenario)


def test_a_pattern_that_refers_to_the_devices_sync_point_is_understood() -> None:
    async def scenario() -> None:
        async with bench() as b:
            kind, unit = OBJECTS["patternCoordSyncPoint"], OBJECTS["unitCoordSyncPoint"]
            b.put(kind.name, 1, value=kind.number("unitCoordSyncPoint"))
            b.put(unit.name, value=unit.number("firstPhaseGreenEnd"))
            [plan] = (await uploaded(b)).plans.values()
            assert plan.offset_reference is OffsetReference.BEGIN_YELLOW

    run(scenario)


# The schedule


def fill(
    b: Bench,
    rows: list[tuple[int, int, int, int]],
    day_plans: dict[int, list[tuple[int, int]]],
    actions: dict[int, int],
) -> None:
    """Store a schedule: rows (months, weekdays, dates, day plan), events (minute, action)."""
    b.put("maxTimeBaseScheduleEntries", value=max(8, len(rows)))
    for number in range(1, max(8, len(rows)) + 1):
        values = rows[number - 1] if number <= len(rows) else (0, 0, 0, 0)
        for name, value in zip(("Month", "Day", "Date", "DayPlan"), values, strict=True):
            b.put(f"timeBaseSchedule{name}", number, value=value)
    b.put("maxDayPlans", value=4)
    b.put("maxDayPlanEvents", value=6)
    for plan in range(1, 5):
        events = day_plans.get(plan, [])
        for number in range(1, 7):
            minute, action = events[number - 1] if number <= len(events) else (0, 0)
            oid = instance("timebaseAscActionNumber", action) if action else (0, 0)
            b.put("dayPlanHour", plan, number, value=minute // 60)
            b.put("dayPlanMinute", plan, number, value=minute % 60)
            b.put("dayPlanActionNumberOID", plan, number, value=oid)
    b.put("maxTimebaseAscActions", value=8)
    for number in range(1, 9):
        b.put("timebaseAscPattern", number, value=actions.get(number, 0))


def test_a_stored_schedule_is_read() -> None:
    async def scenario() -> None:
        async with bench() as b:
            fill(
                b,
                [(MONTHS, WEEKDAYS, DATES, 1), (MONTHS, SUNDAY, DATES, 2), (*CHRISTMAS, 3)],
                {1: [(0, 1), (390, 2), (1200, 1)], 2: [(0, 3)], 3: [(0, 4), (600, 1)]},
                {1: 1, 2: 15, 3: 254, 4: 255},
            )
            schedule = (await uploaded(b)).schedule
            assert schedule is not None
            assert schedule.day_plan(date(2026, 5, 4)).name == "day plan 1"
            assert schedule.action_at(datetime(2026, 5, 4, 6, 29, tzinfo=UTC)).run == "pattern 1"
            assert schedule.action_at(datetime(2026, 5, 4, 6, 30, tzinfo=UTC)).run == "pattern 15"
            assert schedule.action_at(datetime(2026, 5, 10, 12, tzinfo=UTC)).run == FREE
            assert schedule.action_at(datetime(2026, 12, 25, 9, tzinfo=UTC)).run == FLASH
            assert {plan.pattern for plan in schedule.plans.values()} == {1, 15}
            assert sum(bool(rule.dates) for rule in schedule.calendar) == 1

    run(scenario)


def test_of_two_rows_the_one_with_fewer_dates_goes_before_the_one_with_fewer_weekdays() -> None:
    async def scenario() -> None:
        async with bench() as b:
            friday = 1 << 6
            fill(
                b,
                [(MONTHS, friday, DATES, 1), (MONTHS, WEEKDAYS, 1 << 25, 2)],
                {1: [(0, 1)], 2: [(0, 2)]},
                {1: 1, 2: 15},
            )
            schedule = (await uploaded(b)).schedule
            assert schedule is not None
            assert schedule.action_at(datetime(2026, 12, 25, 9, tzinfo=UTC)).run == "pattern 15"
            assert schedule.action_at(datetime(2026, 12, 18, 9, tzinfo=UTC)).run == "pattern 1"

    run(scenario)


def test_what_a_schedule_does_not_carry_is_told() -> None:
    async def scenario() -> None:
        async with bench() as b:
            fill(b, [(MONTHS, 0x3E, DATES, 1), (MONTHS, 0xC0, DATES, 9)], {1: [(60, 1)]}, {1: 9})
            b.put("timebaseAscAuxiliaryFunction", 1, value=3)
            b.put("dayPlanActionNumberOID", 1, 2, value=instance("systemPatternControl"))
            b.put("timebaseAscPatternSync", value=120)
            told = "; ".join((await uploaded(b)).not_understood)
            assert "names day plan 9; the device has 4" in told
            assert "event 2 of day plan 1 does something other than an action" in told
            assert "action 1 also sets auxiliary functions 3" in told
            assert "pattern 9 is scheduled, and there is no such plan" in told
            assert "dates have no day plan" in told
            assert "timebaseAscPatternSync is 120" in told

    run(scenario)


def test_a_device_without_events_follows_no_schedule() -> None:
    async def scenario() -> None:
        async with bench() as b:
            fill(b, [], {}, {})
            found = await uploaded(b)
            assert found.schedule is None
            assert found.plans == {1: OLD}
            assert any("follows no schedule" in text for text in found.not_understood)

    run(scenario)


def test_a_span_of_dates_that_ends_before_it_begins_is_refused() -> None:
    async def scenario() -> None:
        async with bench() as b:
            with pytest.raises(PlanError, match="is before its first"):
                await uploaded(b, LAST, FIRST)

    run(scenario)


bits = st.integers(0, 2**32 - 1)
schedule_rows = st.tuples(
    bits.map(lambda n: n & MONTHS) | st.just(MONTHS),
    bits.map(lambda n: n & WEEKDAYS) | st.just(WEEKDAYS),
    bits.map(lambda n: n & DATES) | st.just(DATES),
    st.integers(0, 4),
)
events = st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 5)), max_size=6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(schedule_rows, max_size=6),
    st.dictionaries(st.integers(1, 4), events),
    st.integers(0, 60),
    st.randoms(use_true_random=False),
)
def test_an_uploaded_schedule_runs_what_the_device_runs(
    rows: list[tuple[int, int, int, int]],
    day_plans: dict[int, list[tuple[int, int]]],
    days: int,
    rng: object,
) -> None:
    # The device's own time base is another's work and reads the tables in its own way.
    async def scenario() -> None:
        async with bench() as b:
            fill(b, rows, day_plans, {1: 1, 2: 254, 3: 7, 4: 0, 5: 12})
            b.put(
                "globalDaylightSaving", value=OBJECTS["globalDaylightSaving"].number("disableDST")
            )
            found = await uploaded(b, FIRST, FIRST + timedelta(days=days))
            device = DeviceTimeBase(b.cabinet.store)
            for _ in range(150):
                minute = rng.randrange((days + 1) * 1440)  # type: ignore[attr-defined]
                utc_s = MIDNIGHT_UTC_S + minute * 60
                pattern = device.choose(utc_s).pattern
                if found.schedule is None:
                    assert pattern == 0
                    continue
                now = datetime.fromtimestamp(utc_s, UTC)
                wanted = FREE if pattern in (0, 254) else f"pattern {pattern}"
                assert found.schedule.action_at(now).run == wanted

    run(scenario)


# For good


def test_the_agencys_action_row_is_pointed_at_our_pattern_and_back() -> None:
    async def scenario() -> None:
        async with bench(action_row=2) as b:
            fill(b, [(MONTHS, WEEKDAYS, DATES, 1)], {1: [(0, 1), (420, 2)]}, {1: 1, 2: 1})
            change = await b.driver.prepare(NEW, await b.driver.identify())
            await b.driver.commit(change)
            before = b.everything()
            identity = await b.driver.identify()
            lasting = await b.driver.prepare_permanent(change.pattern, identity)
            await b.driver.commit(lasting)
            after = b.everything()
            changed = {oid for oid, value in after.items() if before[oid] != value}
            assert changed == {instance("timebaseAscPattern", 2)}
            assert b.stored("timebaseAscPattern", 2) == change.pattern
            with pytest.raises(ControllerError, match="is scheduled by action row 2"):
                await b.driver.commit(change.undone())
            identity = await b.driver.identify()
            assert (await b.driver.prepare(OLD, identity)).pattern == 16
            await b.driver.commit(lasting.undone())
            assert b.everything() == before

    run(scenario)


@pytest.mark.parametrize(
    ("row", "pattern", "text"),
    [
        (None, 15, "no action row is set aside"),
        (9, 15, "there is no action row 9; the device has 8"),
        (2, 1, r"pattern 1 is none of the rows set aside, \[15, 16\]"),
        (2, 16, "pattern 16 is empty"),
        (3, 15, "no day plan of the device runs action row 3"),
    ],
)
def test_nothing_else_of_the_time_base_can_be_changed(
    row: int | None, pattern: int, text: str
) -> None:
    async def scenario() -> None:
        async with bench(action_row=row) as b:
            fill(b, [(MONTHS, WEEKDAYS, DATES, 1)], {1: [(0, 1), (420, 2)]}, {1: 1, 2: 1, 3: 1})
            identity = await b.driver.identify()
            await b.driver.commit(await b.driver.prepare(NEW, identity))
            with pytest.raises(ControllerError, match=text):
                await b.driver.prepare_permanent(pattern, identity)

    run(scenario)


def test_a_lasting_change_of_another_row_is_refused() -> None:
    async def scenario() -> None:
        async with bench(action_row=2) as b:
            fill(b, [(MONTHS, WEEKDAYS, DATES, 1)], {1: [(0, 1), (420, 2)]}, {1: 1, 2: 1})
            identity = await b.driver.identify()
            await b.driver.commit(await b.driver.prepare(NEW, identity))
            change = await b.driver.prepare_permanent(15, identity)
            [old], [new] = change.old, change.new
            other = replace(
                change,
                old=(replace(old, index=(1,)),),
                new=(replace(new, index=(1,)),),
                action_row=1,
            )
            with pytest.raises(ControllerError, match="in no row set aside for this bridge"):
                await b.driver.commit(other)

    run(scenario)


def test_the_time_base_a_cabinet_is_delivered_with_calls_the_plan_in_force() -> None:
    async def scenario() -> None:
        async with bench() as b:
            define_time_base(b.cabinet.store, Edition.V03, None, MIDNIGHT_UTC_S)
            found = await uploaded(b)
            assert found.schedule is not None
            assert found.schedule.action_at(datetime(2026, 7, 1, 12, tzinfo=UTC)).run == "pattern 1"

    run(scenario)
