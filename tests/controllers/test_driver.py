"""The NTCIP driver on an emulated cabinet, over UDP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random

import pytest

from controllers.device_profile import DeviceProfile, Module, Overlap, Preempt
from controllers.driver import Change, ObjectValue
from controllers.emulator.faults import Faults
from controllers.emulator.transaction import State
from controllers.ntcip.codec import WRITABLE
from controllers.ntcip.objects import OBJECTS, Edition, Oid, instance
from network.errors import ControllerError, ReadBackMismatchError, RejectedValueError
from network.timing import OffsetReference, TimingPlan
from tests.controllers.street_device import NEW, OLD, Bench, bench

ANOTHER_ORDER = TimingPlan("s", 90, (1, 2, 3), (40, 30, 20), 0, 1)
OFFERS = 10_000


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def pushed(b: Bench, plan: TimingPlan = NEW) -> Change:
    change = await b.driver.prepare(plan, await b.driver.identify())
    await b.driver.commit(change)
    return change


async def running(b: Bench, plan: TimingPlan = NEW) -> Change:
    """Push a plan and let it run."""
    change = await pushed(b, plan)
    await b.driver.activate(change.pattern)
    b.cabinet.advance(1)
    assert b.cabinet.pattern == change.pattern
    return change


# Who it is


def test_a_device_tells_who_it_is() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("globalMaxModules", value=2)
            for name, text in (("Make", b"Acme"), ("Model", b"Nine"), ("Version", b"1.2")):
                b.put(f"module{name}", 2, value=text)
            b.put("moduleType", 2, value=3)
            b.put("maxOverlaps", value=2)
            b.put("overlapType", 1, value=2)
            b.put("overlapIncludedPhases", 1, value=b"\x01\x02")
            b.put("overlapIncludedPhases", 2, value=b"")
            b.put("maxPreempts", value=2)
            b.put("preemptDwellPhase", 2, value=b"\x04")
            b.put("unitUserDefinedBackupTime", value=0)
            b.put("coordMaximumMode", value=4)
            b.put("phaseOptions", 3, value=0x0109)
            profile = (await b.driver.identify()).profile
            assert profile is not None
            assert profile.standards == "NTCIP 1201:v03 NTCIP 1202:v03"
            assert profile.modules == (Module("Acme", "Nine", "1.2", "software"),)
            assert profile.overlaps == (Overlap(1, "normal", (1, 2), ()),)
            assert profile.preempts == (Preempt(2, (), (4,)),)
            assert (profile.edition, profile.verify_numbers) == ("v03", "v03")
            assert (profile.max_patterns, profile.max_splits, profile.max_sequences) == (16,) * 3
            assert profile.pattern_table == "patterns"
            assert profile.sync_point == "firstPhaseGreenBegin"
            assert (profile.correction, profile.maximum_mode) == ("shortway", "maxInhibit")
            assert (profile.backup_time_s, profile.silence_s) == (300, 300)
            third = profile.phases[2]
            assert (third.pedestrian_recall, third.non_actuated) == (True, True)
            assert not profile.phases[1].pedestrian_recall
            assert profile.elsewhere == ()

    run(scenario)


def test_a_profile_survives_being_stored() -> None:
    async def scenario() -> None:
        async with bench() as b:
            profile = (await b.driver.identify()).profile
            assert profile is not None
            assert DeviceProfile.from_dict(profile.to_dict(), "file") == profile

    run(scenario)


def test_the_backup_time_of_the_users_own_counts_and_must_be_renewed_by_our_calls() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("unitUserDefinedBackupTime", value=40)
            b.put("maxUserDefinedBackupTimeContent", value=2)
            b.put("unitUserDefinedBackupTimeContentOID", 1, value=instance("unitControl"))
            b.put("unitUserDefinedBackupTimeContentOID", 2, value=(0, 0))
            identity = await b.driver.identify()
            assert identity.profile is not None
            assert identity.backup_time_s == 40
            assert not identity.profile.backup_renewed
            own = instance("systemPatternControl")
            b.put("unitUserDefinedBackupTimeContentOID", 2, value=own)
            identity = await b.driver.identify()
            assert identity.profile is not None
            assert identity.profile.backup_renewed

    run(scenario)


def test_a_device_that_counts_more_rows_than_the_standard_has_is_not_believed() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(lies={instance("maxPhases"): 2**31 - 1})) as b:
            with pytest.raises(RejectedValueError, match="maxPhases is 2147483647"):
                await b.driver.identify()

    run(scenario)


# Its clock


@pytest.mark.parametrize("skew_s", [-300, -3, 3, 300])
def test_a_device_whose_clock_is_off_gets_no_plan(skew_s: int) -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(clock_skew_s=skew_s), clocked=True) as b:
            identity = await b.driver.identify()
            assert identity.clock_error_s is not None
            least_s, most_s = identity.clock_error_s
            assert least_s <= skew_s <= most_s
            with pytest.raises(ControllerError, match="its clock is ahead of ours by"):
                await b.driver.prepare(NEW, identity)

    run(scenario)


def test_a_device_whose_clock_is_right_to_a_second_gets_its_plan() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(clock_skew_s=1), clocked=True) as b:
            await b.driver.prepare(NEW, await b.driver.identify())

    run(scenario)


# Allow-list


def test_ten_thousand_odd_offers_put_nothing_on_the_wire() -> None:
    rng = Random(6)
    names = sorted(OBJECTS)
    written: list[Oid] = []

    def offer() -> Change:
        name = rng.choice([*names, *sorted(WRITABLE) * 4, "1.3.6.1.2.1.1.5", ""])
        index = tuple(rng.randint(-1, 300) for _ in range(rng.randint(0, 3)))
        value: int | bytes = rng.choice([rng.randint(-5, 300), rng.randbytes(rng.randint(0, 9))])
        entry = ObjectValue(name, index, value)
        row = rng.choice([None, 1, 7])
        old = rng.choice([entry, replace(entry, value=0)])
        return Change("s", rng.randint(0, 20), rng.randint(0, 20), (old,), (entry,), row)

    async def scenario() -> None:
        async with bench(action_row=7) as b:
            store, before = b.cabinet.store, b.everything()
            taken = store.set

            def recording(bindings: list[tuple[Oid, object, object]], community: bytes) -> object:
                written.extend(oid for oid, _, _ in bindings)
                return taken(bindings, community)  # type: ignore[arg-type]

            store.set = recording  # type: ignore[assignment,method-assign]
            refused = 0
            for _ in range(OFFERS):
                change = offer()
                [entry] = change.new
                own = (
                    (change.action_row == 7 and entry.name == "timebaseAscPattern")
                    if change.action_row
                    else entry.name.startswith(("pattern", "split", "sequence"))
                )
                if own and entry.name in WRITABLE:
                    # What is lawful is another test's matter.
                    continue
                with pytest.raises(ControllerError):
                    await b.driver.commit(change)
                refused += 1
            assert refused > OFFERS / 2
            assert written == []
            assert b.everything() == before

    run(scenario)


@pytest.mark.parametrize(
    "name",
    [
        "phaseYellowChange",
        "phaseRedClear",
        "phaseMinimumGreen",
        "phaseWalk",
        "phasePedestrianClear",
    ],
)
def test_no_path_writes_yellow_red_minimum_green_or_pedestrian_times(name: str) -> None:
    async def scenario() -> None:
        async with bench() as b:
            before = b.stored(name, 1)
            entry = ObjectValue(name, (1,), 1)
            good = await b.driver.prepare(NEW, await b.driver.identify())
            for change in (
                Change("s", 15, 15, (entry,), (entry,)),
                replace(good, old=(*good.old, replace(entry, value=2)), new=(*good.new, entry)),
                replace(good, old=(*good.old, entry), new=(*good.new, entry), action_row=1),
            ):
                with pytest.raises(ControllerError, match="not an object this bridge writes"):
                    await b.driver.commit(change)
            with pytest.raises(ControllerError, match="not an object this bridge writes"):
                await b.driver._writer.write([entry])
            assert b.stored(name, 1) == before

    run(scenario)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("patternCycleTime", (1,)),
        ("patternOffsetTime", (16,)),
        ("splitTime", (1, 1)),
        ("timebaseAscPattern", (1,)),
        ("dbCreateTransaction", ()),
        ("systemPatternControl", ()),
    ],
)
def test_rows_that_are_not_of_the_change_are_refused(name: str, index: tuple[int, ...]) -> None:
    async def scenario() -> None:
        async with bench(action_row=2) as b:
            good = await b.driver.prepare(NEW, await b.driver.identify())
            entry = ObjectValue(name, index, 2)
            change = replace(good, old=(*good.old, entry), new=(*good.new, entry))
            with pytest.raises(ControllerError, match="in no row set aside for this bridge"):
                await b.driver.commit(change)

    run(scenario)


def test_the_bridge_does_not_call_for_flash() -> None:
    async def scenario() -> None:
        async with bench() as b:
            with pytest.raises(ControllerError, match="does not call for flash"):
                await b.driver.activate(255)

    run(scenario)


def test_what_reads_as_wanted_is_written_all_the_same() -> None:
    # It reads so on a device that reads an object wrongly, too, and runs another plan then.
    async def scenario() -> None:
        coordinated = instance("splitCoordPhase", 15, NEW.coordinated_phase)
        async with bench(faults=Faults(lies={coordinated: 1})) as b:
            assert b.stored("splitCoordPhase", 15, NEW.coordinated_phase) == 0
            change = await pushed(b)
            assert ObjectValue("splitCoordPhase", (15, 3), 1) in change.old
            assert b.stored("splitCoordPhase", 15, NEW.coordinated_phase) == 1

    run(scenario)


# Spare rows


def test_a_sequence_row_that_a_preempt_serves_is_not_written() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("maxPreempts", value=1)
            b.put("preemptSequenceNumber", 1, value=15)
            change = await b.driver.prepare(NEW, await b.driver.identify())
            assert change.pattern == 15
            assert {v.index[0] for v in change.new if v.name == "sequenceData"} == {16}

    run(scenario)


def test_a_device_without_a_sequence_row_to_write_gets_no_plan_even_of_its_own_order() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("maxSequences", value=1)
            same_order = replace(OLD, offset_s=7)
            with pytest.raises(ControllerError, match="all 1 sequence rows are named"):
                await b.driver.prepare(same_order, await b.driver.identify())

    run(scenario)


def test_a_refusal_for_want_of_a_sequence_row_tells_who_names_each() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("maxSequences", value=3)
            b.put("patternSequenceNumber", 16, value=2)
            b.put("maxPreempts", value=1)
            b.put("preemptSequenceNumber", 1, value=3)
            users = r"\(1 by operation without a pattern; 2 by pattern 16; 3 by preempt 1\)"
            with pytest.raises(ControllerError, match=users):
                await b.driver.prepare(NEW, await b.driver.identify())

    run(scenario)


def test_pushes_that_take_turns_in_two_slots_never_run_out_of_sequence_rows() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("maxSequences", value=3)
            found = []
            for number in range(5):
                plan = replace(NEW, offset_s=number)
                change = await b.driver.prepare(plan, await b.driver.identify())
                await b.driver.commit(change)
                await b.driver.activate(change.pattern)
                rows = {v.index[0] for v in change.new if v.name == "sequenceData"}
                found.append((change.pattern, *rows))
            assert found == [(15, 3), (16, 2), (15, 3), (16, 2), (15, 3)]

    run(scenario)


def test_the_sequence_row_of_the_running_pattern_is_not_written() -> None:
    async def scenario() -> None:
        async with bench() as b:
            await running(b, ANOTHER_ORDER)
            second = await running(b, NEW)
            # The first row is spare again, but the sequence it wrote may still be in use.
            b.put("patternSequenceNumber", second.pattern, value=15)
            change = await b.driver.prepare(
                TimingPlan("s", 90, (4, 3, 1), (40, 30, 20), 0, 3), await b.driver.identify()
            )
            rows = {v.index[0] for v in change.new if v.name == "sequenceData"}
            assert change.pattern == 15
            assert rows == {16}

    run(scenario)


def test_consecutive_rows_that_share_a_cycle_must_all_be_set_aside() -> None:
    async def scenario() -> None:
        kind = OBJECTS["patternTableType"]
        async with bench(slots=(11, 15)) as b:
            b.put("patternTableType", value=kind.number("offset3"))
            with pytest.raises(ControllerError, match=r"rows \[10, 12, 13, 14\] share"):
                await b.driver.prepare(NEW, await b.driver.identify())
        async with bench(slots=(10, 11, 12, 13, 14, 15)) as b:
            b.put("patternTableType", value=kind.number("offset3"))
            for row in (10, 11, 12):
                b.put("patternSplitNumber", row, value=10)
            await running(b, OLD)
            change = await b.driver.prepare(NEW, await b.driver.identify())
            assert change.pattern == 13

    run(scenario)


def test_a_pattern_table_laid_out_in_an_unknown_way_is_refused() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("patternTableType", value=1)
            with pytest.raises(ControllerError, match="patternTableType is other"):
                await b.driver.prepare(NEW, await b.driver.identify())

    run(scenario)


def test_a_shared_split_row_is_refused_unless_another_may_be_chosen() -> None:
    async def scenario() -> None:
        async with bench(edition=Edition.V1996) as b:
            b.put("patternSplitNumber", 15, value=1)
            with pytest.raises(ControllerError, match=r"split 1, shared with patterns \[1\]"):
                await b.driver.prepare(NEW, await b.driver.identify())
        async with bench(edition=Edition.V1996, profile="1996") as b:
            b.put("patternSplitNumber", 15, value=1)
            change = await pushed(b)
            assert change.split == 15
            assert b.stored("patternSplitNumber", 15) == 15
            await b.driver.commit(change.undone())
            assert b.stored("patternSplitNumber", 15) == 1

    run(scenario)


def test_a_flashing_device_gets_no_plan() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(lies={instance("coordPatternStatus"): 255})) as b:
            with pytest.raises(ControllerError, match="flashes"):
                await b.driver.prepare(NEW, await b.driver.identify())

    run(scenario)


# The transaction


def test_a_busy_database_is_waited_for_longer_each_time_and_then_told() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(busy=True), timeout_s=2.0) as b:
            with pytest.raises(RejectedValueError, match=r"was 2, 2, 2, 2, 2 in 7.5 s"):
                await pushed(b)
            assert b.slept_s == [0.5, 1.0, 2.0, 4.0]

    run(scenario)


def test_a_database_that_becomes_free_in_time_is_used() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(busy=True)) as b:
            sleep = b.sleep

            async def until_free(seconds: float) -> None:
                await sleep(seconds)
                b.faults.busy = len(b.slept_s) < 2

            b.sleep = until_free  # type: ignore[method-assign]
            await pushed(b)
            assert b.stored("patternCycleTime", 15) == 90

    run(scenario)


def test_discarding_after_a_good_check_stores_nothing() -> None:
    async def scenario() -> None:
        async with bench() as b:
            before = b.everything()
            change = await b.driver.prepare(NEW, await b.driver.identify())
            writer = b.driver._writer
            await writer.begin()
            await writer.load(change.new)
            await writer.verify(Edition.V03)
            await b.driver.discard()
            assert b.cabinet.store.transaction.state is State.NORMAL
            assert b.everything() == before

    run(scenario)


@pytest.mark.parametrize("state", [State.TRANSACTION, State.DONE])
def test_a_transaction_left_by_a_dead_bridge_of_ours_is_reclaimed(state: State) -> None:
    async def scenario() -> None:
        async with bench() as b:
            before = b.everything()
            assert not await b.driver.reclaim(8.0)
            transaction = b.cabinet.store.transaction
            transaction.command(State.TRANSACTION, b"change")
            transaction.buffer({instance("patternCycleTime", 15): 99})
            if state is State.DONE:
                transaction.command(State.VERIFY, b"change")
            assert await b.driver.reclaim(8.0)
            assert sum(b.slept_s) == 8.0
            assert transaction.state is State.NORMAL
            assert b.everything() == before

    run(scenario)


def test_another_managers_transaction_is_not_reclaimed() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(busy=True)) as b:
            with pytest.raises(RejectedValueError, match="belongs to another manager"):
                await b.driver.reclaim(1.0)
            assert b.cabinet.store.transaction.state is State.TRANSACTION

    run(scenario)


def test_a_transaction_somebody_works_in_is_not_reclaimed() -> None:
    async def scenario() -> None:
        async with bench() as b:
            transaction = b.cabinet.store.transaction
            transaction.command(State.TRANSACTION, b"change")
            sleep = b.sleep

            async def meanwhile(seconds: float) -> None:
                await sleep(seconds)
                if len(b.slept_s) == 2:
                    transaction.command(State.VERIFY, b"change")

            b.sleep = meanwhile  # type: ignore[method-assign]
            with pytest.raises(RejectedValueError, match="went from 2 to 6"):
                await b.driver.reclaim(1.0)
            assert transaction.state is State.DONE

    run(scenario)


def test_rows_that_somebody_else_has_written_meanwhile_are_left_alone() -> None:
    async def scenario() -> None:
        async with bench() as b:
            change = await b.driver.prepare(NEW, await b.driver.identify())
            b.put("patternCycleTime", 15, value=77)
            before = b.everything()
            with pytest.raises(RejectedValueError, match=r"somebody else has written .*= 77"):
                await b.driver.commit(change)
            assert b.everything() == before
            assert b.cabinet.store.transaction.state is State.NORMAL

    run(scenario)


# Quirks and faults


@pytest.mark.parametrize("profile", ["standard", "probe", "1996"])
def test_old_outcome_numbers_are_understood_only_where_the_profile_says_so(profile: str) -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(old_enumerations=True), profile=profile) as b:
            before = b.everything()
            if profile == "standard":
                with pytest.raises(RejectedValueError, match="status 2, an error"):
                    await pushed(b)
                assert b.everything() == before
            else:
                await pushed(b)
                assert b.stored("patternCycleTime", 15) == 90

    run(scenario)


def test_an_outcome_that_fits_no_single_edition_is_not_believed() -> None:
    async def scenario() -> None:
        lie = {instance("dbVerifyStatus"): 2}
        async with bench(faults=Faults(lies=lie), profile="probe") as b:
            with pytest.raises(RejectedValueError, match="fits no single edition"):
                await pushed(b)
            assert b.stored("patternCycleTime", 15) == 0
            assert b.cabinet.store.transaction.state is State.NORMAL

    run(scenario)


@pytest.mark.parametrize("version", ["v1", "v2c"])
@pytest.mark.parametrize("suffix", [(1,), ()])
def test_scalars_are_found_where_the_device_keeps_them(suffix: Oid, version: str) -> None:
    async def scenario() -> None:
        faults = Faults(scalars={"*": suffix, "unitBackupTime": (0,)}, old_enumerations=True)
        async with bench(faults=faults, profile="probe", version=version) as b:
            change = await running(b)
            assert b.stored("patternCycleTime", change.pattern) == 90
            profile = (await b.driver.identify()).profile
            assert profile is not None
            shown = ".1" if suffix else ""
            assert ("maxPatterns", shown) in profile.elsewhere
            assert "unitBackupTime" not in dict(profile.elsewhere)

    run(scenario)


def test_a_device_that_keeps_its_scalars_elsewhere_is_refused_without_a_profile() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(scalars={"unitBackupTime": (1,)})) as b:
            with pytest.raises(RejectedValueError, match="unitBackupTime is None"):
                await b.driver.identify()

    run(scenario)


def test_a_clock_that_travels_as_a_counter_is_read() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(counted_time=True), clocked=True) as b:
            identity = await b.driver.identify()
            assert identity.clock_error_s is not None
            assert (await b.driver.status()).device_utc_s is not None

    run(scenario)


def test_a_split_number_that_cannot_be_written_is_refused_and_nothing_is_stored() -> None:
    async def scenario() -> None:
        faults = Faults(read_only=frozenset({"patternSplitNumber"}))
        async with bench(edition=Edition.V1996, faults=faults, profile="1996") as b:
            b.put("patternSplitNumber", 15, value=1)
            before = b.everything()
            with pytest.raises(RejectedValueError, match=r"\.4\.7\.1\.4\.15 refused with"):
                await pushed(b)
            assert b.everything() == before
            assert b.cabinet.store.transaction.state is State.NORMAL

    run(scenario)


def test_a_device_that_stores_something_else_is_caught() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(stores={instance("splitTime", 15, 2): 7})) as b:
            with pytest.raises(ReadBackMismatchError, match=r"stores splitTime.15.2 = 7"):
                await pushed(b)

    run(scenario)


def test_a_commit_whose_reply_is_lost_is_recognized() -> None:
    async def scenario() -> None:
        async with bench(faults=Faults(lost_commits=1), timeout_s=0.1) as b:
            change = await pushed(b)
            assert b.faults.lost_commits == 0
            assert b.stored("patternCycleTime", change.pattern) == 90

    run(scenario)


def test_a_frozen_device_is_noticed() -> None:
    async def scenario() -> None:
        async with bench() as b:
            change = await b.driver.prepare(NEW, await b.driver.identify())
            b.faults.frozen = True
            with pytest.raises(RejectedValueError, match="took the plan without a transaction"):
                await b.driver.commit(change)

    run(scenario)


def test_a_frozen_clock_is_noticed() -> None:
    async def scenario() -> None:
        async with bench(clocked=True) as b:
            b.faults.frozen = True
            sleep = b.sleep

            async def longer(seconds: float) -> None:
                await sleep(4 * seconds)

            b.sleep = longer  # type: ignore[method-assign]
            with pytest.raises(RejectedValueError, match="runs unevenly"):
                await b.driver.identify()

    run(scenario)


def test_the_devices_own_sync_point_counts_where_its_patterns_cannot_say() -> None:
    async def scenario() -> None:
        async with bench(profile="probe") as b:
            b.put(
                "unitCoordSyncPoint",
                value=OBJECTS["unitCoordSyncPoint"].number("lastPhaseGreenEnd"),
            )
            profile = (await b.driver.identify()).profile
            assert profile is not None
            told = b.driver._reference(replace(profile, edition="1996"))
            assert told is OffsetReference.BEGIN_YELLOW
            assert b.driver._reference(profile) is None

    run(scenario)


# Status


def test_alarms_and_preempts_are_told_by_name() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.put("shortAlarmStatus", value=0x11)
            b.put("unitAlarmStatus1", value=0x86)
            b.put("unitAlarmStatus2", value=0x22)
            b.put("unitAlarmStatus3", value=0x40)
            b.put("maxPreempts", value=3)
            for number, state in enumerate(("notActiveWithCall", "dwell", "notActive"), start=1):
                b.put("preemptState", number, value=OBJECTS["preemptState"].number(state))
            status = await b.driver.status()
            assert status.alarms == (
                "coordination fault",
                "coordination failure",
                "low battery",
                "preempt input",
                "coordination alarm",
                "unitAlarmStatus3 bit 6",
            )
            assert status.coordination_failed
            assert status.in_transition
            assert status.preempts == (2,)

    run(scenario)


def test_the_place_in_the_cycle_and_the_clock_are_told() -> None:
    async def scenario() -> None:
        async with bench() as b:
            status = await b.driver.status()
            assert status.alarms == ()
            assert not status.coordination_failed
            assert status.cycle_left_s == 80 - 30
            assert status.since_reference_s == 30
            assert status.device_utc_s == int(b.now().timestamp())

    run(scenario)
