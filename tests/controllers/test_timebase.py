"""The time base of the emulated cabinet: schedule, day plans, actions and the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.store import Fault, Refusal
from controllers.emulator.timebase import DATES, MONTHS, WEEKDAYS
from controllers.emulator.timetable import NO_ACTION, Timetable
from controllers.ntcip.objects import OBJECTS, Edition, Oid, Syntax, instance
from network.day_plan import FREE, Action, CalendarRule, DayPlan, ScheduledPlan
from network.phasing import Phase, Phasing
from network.schedule import DaySchedule
from network.timing import TimingPlan

PHASING = Phasing((Phase(1, "Gr", 5, 30, 20), Phase(2, "rG", 5, 30, 20)), {})
PLAN = TimingPlan("s", 60, (1, 2), (30, 30), 0, 1)
LONG = TimingPlan("s", 90, (1, 2), (50, 40), 7, 1)
SHORT = TimingPlan("s", 40, (2, 1), (20, 20), 11, 2)
EVERY_DAY = frozenset(range(7))
JULY_2026 = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())


def cabinet(
    start_s: float = 0.0,
    midnight_utc_s: int = JULY_2026,
    schedule: Timetable | None = None,
    edition: Edition = Edition.V03,
) -> Cabinet:
    config = CabinetConfig(
        "s", PHASING, PLAN, 0, "look", "change", 300, 60, edition, midnight_utc_s
    )
    return Cabinet(replace(config, schedule=schedule), start_s)


def put(device: Cabinet, name: str, *index: int, value: int | Oid) -> None:
    syntax = Syntax.INTEGER if isinstance(value, int) else Syntax.OID
    assert device.store.set([(instance(name, *index), syntax, value)], b"change") is None


def stored(device: Cabinet, name: str, *index: int) -> object:
    found = device.store.get(instance(name, *index))
    assert found is not None
    return found[1]


def put_row(device: Cabinet, row: int, months: int, days: int, dates: int, plan: int) -> None:
    values = {"Month": months, "Day": days, "Date": dates, "DayPlan": plan}
    for name, value in values.items():
        put(device, f"timeBaseSchedule{name}", row, value=value)


def put_event(device: Cabinet, plan: int, event: int, hour: int, minute: int, action: int) -> None:
    put(device, "dayPlanHour", plan, event, value=hour)
    put(device, "dayPlanMinute", plan, event, value=minute)
    oid = instance("timebaseAscActionNumber", action)
    put(device, "dayPlanActionNumberOID", plan, event, value=oid)


def at(device: Cabinet, moment: datetime) -> None:
    """Set the clock and let the cabinet notice."""
    put(device, "globalTime", value=int(moment.timestamp()))
    device.step()


def status(device: Cabinet) -> tuple[object, object, object]:
    names = ("timeBaseScheduleTableStatus", "dayPlanStatus", "timebaseAscActionStatus")
    row, plan, action = (stored(device, name) for name in names)
    return row, plan, action


def timetable(*actions: tuple[int, str], zone: str = "UTC") -> Timetable:
    """The same every day; action times in minutes."""
    plans = {name: ScheduledPlan(name, number) for name, number in (("long", 3), ("short", 5))}
    day = DayPlan("day", tuple(Action(minute * 60, run) for minute, run in actions))
    schedule = DaySchedule("town", zone, plans, {"day": day}, (CalendarRule("day", EVERY_DAY),))
    return Timetable(schedule, {"long": LONG, "short": SHORT})


def test_without_a_schedule_the_plan_in_force_is_called_for_ever() -> None:
    device = cabinet()
    for days in (0, 1, 200, 4000):
        at(device, datetime(2026, 7, 1, tzinfo=UTC) + timedelta(days=days))
        assert status(device) == (1, 1, 1)
        assert device.pattern == 1
    assert stored(device, "dayPlanActionNumberOID", 1, 1) == instance("timebaseAscActionNumber", 1)


rows = st.lists(
    st.tuples(
        st.sampled_from([MONTHS, 1 << 7, 1 << 7 | 1 << 8, 0]),
        st.sampled_from([WEEKDAYS, 0b0111_1100, 1 << 4, 0]),
        st.sampled_from([DATES, 1 << 15, 1 << 15 | 1 << 16, 0]),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=8,
)


@given(rows, st.dates(date(2026, 6, 20), date(2026, 9, 10)))
@settings(deadline=None, max_examples=60)
def test_the_most_specific_row_counts_by_months_then_dates_then_weekdays_then_number(
    table: list[tuple[int, int, int, int]], day: date
) -> None:
    device = cabinet()
    put_row(device, 1, 0, 0, 0, 0)
    for number, row in enumerate(table, start=1):
        put_row(device, number, *row)
    at(device, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    # Bit by bit, without looking at how the cabinet does it; it has four day plans.
    fits = []
    for number, (months, days, dates, plan) in enumerate(table, start=1):
        listed_months = [m for m in range(1, 13) if months & 2**m]
        listed_days = [d for d in range(1, 8) if days & 2**d]
        listed_dates = [d for d in range(1, 32) if dates & 2**d]
        weekday = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat").index(day.strftime("%a")) + 1
        if day.month in listed_months and weekday in listed_days and day.day in listed_dates:
            lengths = (len(listed_months), len(listed_dates), len(listed_days), number)
            fits.append((*lengths, plan))
    valid = [fit for fit in fits if 1 <= fit[-1] <= 4]
    best = min(valid, default=(0, 0, 0, 0, 0))
    assert status(device)[:2] == (best[3], best[4])


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ((1 << 7, WEEKDAYS, DATES), (MONTHS, 1 << 4, 1 << 15)),
        ((1 << 7, WEEKDAYS, 1 << 15), (1 << 7, 1 << 4, DATES)),
        ((1 << 7, 1 << 4, DATES), (1 << 7, 1 << 4 | 1 << 5, DATES)),
    ],
)
def test_months_come_before_dates_and_dates_before_weekdays(
    narrow: tuple[int, int, int], wide: tuple[int, int, int]
) -> None:
    device = cabinet()
    put_row(device, 1, *wide, 1)
    put_row(device, 2, *narrow, 2)
    at(device, datetime(2026, 7, 15, 12, tzinfo=UTC))
    assert status(device)[:2] == (2, 2)


def test_before_the_first_event_of_a_day_that_of_the_day_before_still_runs() -> None:
    device = cabinet()
    put_event(device, 1, 1, 6, 30, 2)
    put_event(device, 1, 2, 22, 0, 3)
    day = datetime(2026, 7, 15, tzinfo=UTC)
    for hour, minute, action in ((0, 0, 3), (6, 29, 3), (6, 30, 2), (21, 59, 2), (22, 0, 3)):
        at(device, day.replace(hour=hour, minute=minute))
        assert status(device)[2] == action


def test_a_day_without_a_plan_goes_on_with_the_last_event() -> None:
    device = cabinet()
    put_row(device, 1, MONTHS, 0b0111_1100, DATES, 1)
    put_event(device, 1, 2, 18, 0, 2)
    at(device, datetime(2026, 7, 19, 12, tzinfo=UTC))
    assert status(device) == (0, 0, 2)
    put_row(device, 1, MONTHS, 0, DATES, 1)
    device.step()
    assert status(device) == (0, 0, 0)


def test_of_events_at_one_minute_the_highest_number_runs() -> None:
    device = cabinet()
    put_event(device, 1, 4, 8, 0, 3)
    put_event(device, 1, 2, 8, 0, 2)
    at(device, datetime(2026, 7, 15, 9, tzinfo=UTC))
    assert status(device)[2] == 3


def test_an_event_without_an_action_is_none() -> None:
    device = cabinet()
    put_event(device, 1, 2, 8, 0, 2)
    put(device, "dayPlanActionNumberOID", 1, 2, value=NO_ACTION)
    at(device, datetime(2026, 7, 15, 12, tzinfo=UTC))
    assert status(device)[2] == 1


def test_an_action_of_pattern_0_gives_way_to_free_operation() -> None:
    device = cabinet()
    put_event(device, 1, 2, 8, 0, 2)
    at(device, datetime(2026, 7, 15, 12, tzinfo=UTC))
    assert (device.pattern, device.free_status, device.control) == (254, "other", "timebase")


def test_an_action_switches_its_special_functions() -> None:
    device = cabinet()
    put(device, "timebaseAscSpecialFunction", 2, value=0b1000_0010)
    put_event(device, 1, 2, 8, 0, 2)
    at(device, datetime(2026, 7, 15, 7, tzinfo=UTC))
    assert [stored(device, "specialFunctionOutputStatus", n) for n in range(1, 9)] == [0] * 8
    at(device, datetime(2026, 7, 15, 8, tzinfo=UTC))
    on = [stored(device, "specialFunctionOutputStatus", n) for n in range(1, 9)]
    assert on == [0, 1, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(("sync", "minute"), [(0, 0), (400, 400), (65_535, 485), (2000, 0)])
def test_offsets_count_from_the_sync_minute_or_from_the_time_of_the_action(
    sync: int, minute: int
) -> None:
    device = cabinet()
    put(device, "timebaseAscPatternSync", value=sync)
    put(device, "timebaseAscPattern", 2, value=1)
    put_event(device, 1, 2, 8, 5, 2)
    at(device, datetime(2026, 7, 15, 9, tzinfo=UTC))
    assert device.reference_ds == (540 - minute) * 600 + 1
    at(device, datetime(2026, 7, 16, 0, 1, tzinfo=UTC))
    first = 0 if sync == 65_535 else minute
    assert device.reference_ds == (1 - first) % 1440 * 600 + 2


def test_a_command_takes_the_place_of_the_scheduled_action() -> None:
    device = cabinet(schedule=timetable((0, "long"), (480, "short")))
    put(device, "actionPlanControl", value=2)
    device.step()
    assert (status(device)[2], device.pattern, device.control) == (2, 5, "timebase")
    put(device, "systemPatternControl", value=3)
    device.step()
    assert (device.pattern, device.control) == (3, "systemControl")
    put(device, "systemPatternControl", value=0)
    put(device, "actionPlanControl", value=0)
    device.step()
    assert (status(device)[2], device.pattern) == (1, 3)


def test_a_command_of_an_action_that_is_not_there_runs_free() -> None:
    device = cabinet()
    put(device, "actionPlanControl", value=200)
    device.step()
    assert device.pattern == 254
    assert stored(device, "actionPlanControl") == 200


def test_backup_takes_every_command_back_for_good() -> None:
    device = cabinet(schedule=timetable((0, "long"), (480, "short")))
    put(device, "unitBackupTime", value=5)
    put(device, "systemPatternControl", value=5)
    device.advance(4)
    assert (device.pattern, stored(device, "systemPatternControl")) == (5, 5)
    device.advance(2)
    assert (device.control, device.pattern) == ("backupMode", 3)
    assert stored(device, "systemPatternControl") == 0
    # Any command ends the backup; the pattern of before does not come back with it.
    put(device, "actionPlanControl", value=0)
    device.step()
    assert (device.control, device.pattern) == ("timebase", 3)


def test_a_schedule_runs_its_patterns_in_step_through_the_day() -> None:
    device = cabinet(schedule=timetable((0, FREE), (360, "long"), (361, "short")))
    assert [stored(device, "patternCycleTime", n) for n in (1, 2, 3, 4, 5)] == [60, 0, 90, 0, 40]
    device = cabinet(359 * 60, schedule=device.config.schedule)
    assert (device.pattern, device.free_status) == (254, "commandFree")
    device.advance(60)
    device.step()
    assert device.pattern == 3
    device.advance(60)
    assert device.pattern == 5
    device.advance(900)
    assert device.in_step
    assert device.monitor_fault == ""
    while not (device.rings.rings[0].phase == 2 and device.rings.rings[0].green):
        device.step()
    began_s = device.time_s - device.rings.rings[0].lit_ds / 10
    assert began_s % SHORT.cycle_s == SHORT.offset_s


def test_the_time_base_is_asked_only_when_something_may_have_changed() -> None:
    device = cabinet(schedule=timetable((0, "long"), (30, "short")))
    asked = 0
    choose = device.time_base.choose

    def counted(utc_s: int):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        return choose(utc_s)

    device.time_base.choose = counted  # type: ignore[method-assign]
    device.advance(3600)
    assert asked == 1


@pytest.mark.parametrize("within", [False, True], ids=["alone", "in a transaction"])
@pytest.mark.parametrize(
    ("name", "index", "value", "fault"),
    [
        ("timeBaseScheduleMonth", (2,), 1, Fault.BAD_VALUE),
        ("timeBaseScheduleMonth", (2,), 1 << 13, Fault.BAD_VALUE),
        ("timeBaseScheduleDay", (2,), 1, Fault.BAD_VALUE),
        ("timeBaseScheduleDate", (2,), 1, Fault.BAD_VALUE),
        ("timeBaseScheduleDayPlan", (2,), 5, Fault.BAD_VALUE),
        ("globalDaylightSaving", (), "other", Fault.BAD_VALUE),
        ("globalDaylightSaving", (), "enableEgyptDST", Fault.BAD_VALUE),
        ("dayPlanActionNumberOID", (1, 3), (1, 3, 6, 1), Fault.GENERAL),
        ("dayPlanActionNumberOID", (1, 3), instance("timebaseAscPattern", 2), Fault.GENERAL),
        ("dayPlanActionNumberOID", (1, 3), instance("timebaseAscActionNumber", 9), Fault.GENERAL),
    ],
)
def test_a_set_that_the_time_base_cannot_follow_is_refused(
    name: str, index: tuple[int, ...], value: int | str | Oid, fault: Fault, within: bool
) -> None:
    device = cabinet()
    if within:
        put(device, "dbCreateTransaction", value=2)
    before = stored(device, name, *index)
    number = OBJECTS[name].number(value) if isinstance(value, str) else value
    oid = instance(name, *index)
    binding = (oid, OBJECTS[name].syntax, number)
    other = (instance("patternOffsetTime", 2), Syntax.INTEGER, 7)
    assert device.store.set([other, binding], b"change") == Refusal(fault, 2)
    assert stored(device, name, *index) == before
    assert stored(device, "patternOffsetTime", 2) == 0


@pytest.mark.parametrize("name", ["disableDST", "enableUSDST", "enableDaylightSavingNode"])
def test_daylight_saving_that_the_cabinet_follows_is_taken(name: str) -> None:
    device = cabinet()
    put(device, "globalDaylightSaving", value=OBJECTS["globalDaylightSaving"].number(name))
    assert device.store.meaning("globalDaylightSaving") == name


def test_the_older_edition_keeps_a_schedule_by_its_own_clock() -> None:
    device = cabinet(600, schedule=timetable((0, "long"), (15, "short")), edition=Edition.V1996)
    assert device.pattern == 3
    device.advance(301)
    assert device.pattern == 5
    assert not device.store.has(OBJECTS["dstBeginMonth"].instance(1))


NIGHTS = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Sydney", date(2026, 10, 4)),
    ("Australia/Sydney", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("America/Santiago", date(2026, 9, 6)),
    ("America/Santiago", date(2026, 4, 5)),
    ("Asia/Jerusalem", date(2026, 3, 27)),
    ("Asia/Jerusalem", date(2026, 10, 25)),
]
USUAL_NIGHTS = (NIGHTS[0], NIGHTS[3], NIGHTS[7], NIGHTS[8])
"""Forward and back by an hour, back by half of one, and forward at midnight."""

EVENT_MINUTES = (0, 60, 90, 110, 120, 150, 180, 210)


@pytest.mark.parametrize(
    ("zone", "day"),
    [night if night in USUAL_NIGHTS else pytest.param(*night, marks=pytest.mark.slow)
     for night in NIGHTS],
)  # fmt: skip
def test_a_night_the_clock_is_set_fires_events_once_and_keeps_the_offset(
    zone: str, day: date
) -> None:
    there = ZoneInfo(zone)
    midnight = datetime.combine(day, datetime.min.time(), there)
    midnight_utc_s = int(midnight.timestamp())
    # Santiago's clock is set at midnight, so begin before.
    device = cabinet(-3 * 3600, midnight_utc_s, timetable((0, "long"), zone=zone))
    for event, minute in enumerate(EVENT_MINUTES, start=1):
        put(device, "timebaseAscPattern", event, value=3)
        if event <= 6:
            put_event(device, 1, event, *divmod(minute, 60), event)
    device.advance(1)
    tape: list[tuple[int, object]] = []
    begins: list[tuple[float, bool]] = []
    green = False
    for _ in range(7 * 3600):
        utc = datetime.fromtimestamp(device.utc_s, UTC)
        offset = utc.astimezone(there).utcoffset()
        assert offset is not None
        assert device.local_s == device.utc_s + offset.total_seconds()
        action = status(device)[2]
        if not tape or tape[-1][1] != action:
            tape.append((device.local_s, action))
        for _ in range(10):
            device.step()
            ring = device.rings.rings[0]
            if ring.phase == 1 and ring.green and not green:
                begins.append((device.local_s + device.reference_ds % 10 / 10, device.in_step))
            green = ring.phase == 1 and ring.green
    assert device.monitor_fault == ""
    wall_minutes = [(local_s // 60 % 1440, action) for local_s, action in tape[1:]]
    fired = Counter(action for _, action in wall_minutes)
    assert set(fired.values()) == {1}
    for minute, action in wall_minutes:
        assert isinstance(action, int)
        due = EVENT_MINUTES[action - 1]
        skipped = not _exists(midnight, due)
        assert (minute == due) != skipped
    shown = {action for _, action in wall_minutes}
    for event, minute in enumerate(EVENT_MINUTES[:6], start=1):
        assert event in shown or not _exists(midnight, minute)
    # In step, green begins at the offset of the wall clock; most of the night it is in step.
    settled = [begin_s for begin_s, in_step in begins if in_step]
    assert len(settled) > len(begins) * 0.8
    for begin_s in settled:
        error_s = (begin_s - LONG.offset_s + 45) % 90 - 45
        assert abs(error_s) <= 1


def _exists(midnight: datetime, minute: int) -> bool:
    """Tell whether the clock ever shows a minute of that day."""
    wall = midnight.replace(hour=minute // 60, minute=minute % 60)
    back = wall.astimezone(UTC).astimezone(midnight.tzinfo)
    return back.hour * 60 + back.minute == minute


def test_a_leap_day_has_its_own_row_and_its_events_once() -> None:
    device = cabinet()
    put_row(device, 2, 1 << 2, WEEKDAYS, 1 << 29, 2)
    put_event(device, 2, 1, 0, 0, 2)
    put(device, "timebaseAscPattern", 2, value=1)
    shown = []
    for year in (2027, 2028):
        moment = datetime(year, 2, 28, 23, 0, tzinfo=UTC)
        at(device, moment)
        for _ in range(26):
            shown.append((year, status(device)[2]))
            at(device, datetime.fromtimestamp(device.utc_s, UTC) + timedelta(hours=1))
    assert Counter(shown) == {(2027, 1): 26, (2028, 1): 2, (2028, 2): 24}


@pytest.mark.parametrize("skew_s", [-300, 300])
def test_a_skewed_clock_moves_the_reference_and_calls_what_it_says(skew_s: int) -> None:
    device = cabinet(8 * 3600 - 100, schedule=timetable((0, "long"), (480, "short")))
    before_ds = device.reference_ds
    put(device, "globalTime", value=JULY_2026 + 8 * 3600 - 100 + skew_s)
    device.step()
    assert device.reference_ds == before_ds + skew_s * 10 + 1
    assert device.pattern == (5 if skew_s > 0 else 3)
    device.advance(900)
    assert device.in_step
    put(device, "globalTime", value=JULY_2026 + 9 * 3600)
    device.step()
    assert device.pattern == 5
