"""The RSMP driver on an emulated site, over TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from controllers.driver import COORDINATION_ALARM, Change, ObjectValue
from controllers.rows import Lasting, RowKeeper
from controllers.rsmp.site import SiteFaults
from controllers.rsmp.site_signals import SitePlan
from network.errors import (
    ControllerError,
    ReadBackMismatchError,
    RejectedValueError,
    RollbackFailedError,
    UnreachableError,
)
from network.timing import OffsetReference, TimingPlan
from tests.controllers.rsmp_street import NEW, Bench, bench, sheet_of


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def prepared(b: Bench, plan: TimingPlan = NEW) -> Change:
    return await b.driver.prepare(plan, await b.driver.identify())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


# Who it is


def test_a_site_tells_who_it_is() -> None:
    async def scenario() -> None:
        async with bench(config={"timed": "1-1-6-0,2-16-9-30,2-0-22-0"}) as b:
            identity = await b.driver.identify()
            assert identity.standards == "RSMP 3.2.1, SXL 1.2.1: Emulated, Site, 1"
            assert identity.edition == "SXL 1.2.1"
            assert [phase.number for phase in identity.phases] == [1, 2, 3]
            assert (identity.max_patterns, identity.backup_time_s) == (16, 600)
            assert (identity.called_pattern, identity.running_pattern) == (0, 1)
            assert identity.time_base_patterns == (1, 16)
            assert identity.set_id > 0
            assert identity.clock_error_s == (0.0, 0.0)

    run(scenario)


def test_the_older_list_is_spoken_as_well() -> None:
    async def scenario() -> None:
        async with bench(config={"sxl": "1.1", "versions": ("3.1.4",)}) as b:
            assert (await b.driver.identify()).standards.startswith("RSMP 3.1.4, SXL 1.1:")
            assert (await b.driver.status()).preempts == ()

    run(scenario)


def test_another_configuration_than_the_sheets_is_refused() -> None:
    async def scenario() -> None:
        async with bench(sheet={"checksum": "abc"}) as b:
            with pytest.raises(ControllerError, match="the sheet describes 'abc'"):
                await b.driver.identify()

    run(scenario)


def test_a_site_that_does_not_tell_its_time_tables_is_refused() -> None:
    async def scenario() -> None:
        async with bench(config={"missing": frozenset({"S0027"})}) as b:
            with pytest.raises(RejectedValueError, match="does not tell S0027"):
                await b.driver.identify()

    run(scenario)


@pytest.mark.parametrize("skew_s", [-300.0, -2.5, 2.5, 300.0])
def test_a_site_whose_clock_is_off_gets_no_plan(skew_s: float) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(clock_skew_s=skew_s)) as b:
            identity = await b.driver.identify()
            assert identity.clock_error_s == (skew_s, skew_s)
            with pytest.raises(ControllerError, match="its clock is ahead of ours by"):
                await b.driver.prepare(NEW, identity)

    run(scenario)


# Preparing


def test_a_plan_becomes_cycle_offset_and_bands_of_a_spare_plan() -> None:
    async def scenario() -> None:
        async with bench() as b:
            change = await prepared(b)
            assert (change.pattern, change.split) == (15, 0)
            assert [str(value) for value in change.new] == [
                "cycleTime.15 = 90",
                # Phase 2 turns green 40 s after the counter's 0, and shall do so 11 s after that
                # of the base: the counter leads by 29 s.
                "offset.15 = 29",
                "dynamicBand.15.1 = 20",
                "dynamicBand.15.2 = 10",
                "dynamicBand.15.3 = 0",
            ]
            assert [value.value for value in change.old] == [60, 0, 0, 0, 0]

    run(scenario)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (replace(NEW, sequence=(2, 1, 3)), "neither be left out nor reordered"),
        (replace(NEW, sequence=(1, 2), splits_s=(50, 40)), "neither be left out nor reordered"),
        (replace(NEW, splits_s=(19, 41, 30)), "it holds 20 s, and its band adds 0 to 40 s"),
        (replace(NEW, splits_s=(20, 25, 45)), "its band adds 0 to 20 s"),
        (replace(NEW, cycle_s=91), "must fill it"),
    ],
)
def test_what_the_site_cannot_express_is_refused_with_the_reason(
    plan: TimingPlan, reason: str
) -> None:
    async def scenario() -> None:
        async with bench() as b:
            with pytest.raises(ControllerError, match=reason):
                await prepared(b, plan)

    run(scenario)


def test_an_offset_between_whole_seconds_is_refused() -> None:
    async def scenario() -> None:
        phases = tuple(replace(p, red_clear_ds=25) for p in sheet_of("s").phases)
        async with bench(sheet={"phases": phases}) as b:
            plan = replace(NEW, offset_reference=OffsetReference.END_YELLOW)
            with pytest.raises(ControllerError, match="between whole seconds"):
                await prepared(b, plan)

    run(scenario)


def test_a_plan_in_use_is_not_chosen() -> None:
    async def scenario() -> None:
        async with bench(config={"timed": "1-15-6-0"}) as b:
            assert (await prepared(b)).pattern == 16
            await b.driver.activate(16)
            with pytest.raises(ControllerError, match="plan 16 is running, called or in a time"):
                await prepared(b)

    run(scenario)


def test_a_band_that_the_sheet_does_not_know_spoils_the_plan() -> None:
    async def scenario() -> None:
        plans = {1: SitePlan(80), 15: SitePlan(60, 0, {1: 0, 2: 0, 3: 0, 7: 4})}
        async with bench(config={"plans": plans}) as b:
            with pytest.raises(ControllerError, match=r"bands \[7\] in force"):
                await prepared(b)

    run(scenario)


@pytest.mark.parametrize(
    ("mode", "told"), [("S0007", "dark"), ("S0011", "yellowFlash"), ("S0012", "allRed")]
)
def test_a_site_that_follows_no_plan_gets_none(mode: str, told: str) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.site.signals.modes[mode] = True
            with pytest.raises(ControllerError, match=f"follows no plan at present: {told}"):
                await prepared(b)

    run(scenario)


# Writing


def test_what_reads_as_wanted_is_commanded_all_the_same() -> None:
    # It reads so on a site that tells a setting wrongly, too, and runs another plan then.
    async def scenario() -> None:
        faults = SiteFaults()
        async with bench(faults=faults) as b:
            change = await prepared(b)
            [wanted] = [entry.value for entry in change.new if entry.name == "offset"]
            plans = b.site.signals.plans
            assert plans[15].offset_s != wanted
            faults.lies["S0024", "status"] = ",".join(f"{number}-{wanted}" for number in plans)
            await b.driver.commit(change)
            assert plans[15].offset_s == wanted

    run(scenario)


@pytest.mark.parametrize("code", ["M0014", "M0015", "M0018"])
def test_a_refused_command_leaves_the_plan_as_it_was(code: str) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(refuse={code: "CPU error"})) as b:
            change, before = await prepared(b), b.stored()
            with pytest.raises(RejectedValueError, match="CPU error"):
                await b.driver.commit(change)
            assert b.stored() == before

    run(scenario)


@pytest.mark.parametrize("code", ["M0014", "M0015", "M0018"])
def test_a_command_that_is_answered_and_forgotten_is_found_and_the_rest_taken_back(
    code: str,
) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(forget={code})) as b:
            change, before = await prepared(b), b.stored()
            with pytest.raises(ReadBackMismatchError, match="stores "):
                await b.driver.commit(change)
            assert b.stored() == before

    run(scenario)


@pytest.mark.parametrize("status", ["S0023", "S0024", "S0028"])
def test_what_reads_as_it_was_is_taken_back_all_the_same(status: str) -> None:
    """A site that goes on telling what it had held what was written, called by anybody later."""

    async def scenario() -> None:
        faults = SiteFaults()
        async with bench(faults=faults) as b:
            change, before = await prepared(b), b.stored()
            readings = await b.session.read([(status, "status")])
            faults.lies[status, "status"] = readings.values[status, "status"]
            with pytest.raises(ReadBackMismatchError, match="stores "):
                await b.driver.commit(change)
            assert b.stored() == before

    run(scenario)


def test_what_somebody_else_has_written_is_left() -> None:
    async def scenario() -> None:
        async with bench() as b:
            change = await prepared(b)
            b.site.signals.plans[15].offset_s = 7
            before = b.stored()
            with pytest.raises(
                RejectedValueError, match=r"somebody else has written offset\.15 = 7"
            ):
                await b.driver.commit(change)
            assert b.stored() == before

    run(scenario)


class Sulky(dict[str, str]):
    """Refuses offsets, and bands as well from then on."""

    def __contains__(self, code: object) -> bool:
        if code == "M0015":
            self.update({"M0014": "no more", "M0015": "no"})
        return super().__contains__(code)


def test_what_cannot_be_taken_back_is_said() -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(refuse=Sulky())) as b:
            change = await prepared(b)
            with pytest.raises(RollbackFailedError, match=r"back failed: .*'no more'") as caught:
                await b.driver.commit(change)
            assert isinstance(caught.value.__cause__, RejectedValueError)

    run(scenario)


@pytest.mark.parametrize("code", ["M0014", "M0015", "M0018"])
def test_a_connection_lost_on_the_way_is_mended_by_the_same_commit(code: str) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(drop={code})) as b:
            change = await prepared(b)
            with pytest.raises(UnreachableError):
                await b.driver.commit(change)
            async with b.connect(b.device) as again:
                assert await again.commit(change) == change.new

    run(scenario)


@pytest.mark.parametrize("code", ["M0014", "M0015", "M0018"])
def test_a_connection_lost_on_the_way_is_undone_by_the_undone_change(code: str) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(drop={code})) as b:
            change, before = await prepared(b), b.stored()
            with pytest.raises(UnreachableError):
                await b.driver.commit(change)
            assert b.stored() != before
            async with b.connect(b.device) as again:
                assert await again.commit(change.undone()) == change.old
            assert b.stored() == before

    run(scenario)


def test_a_running_plan_is_not_written() -> None:
    async def scenario() -> None:
        async with bench() as b:
            change, before = await prepared(b), b.stored()
            await b.driver.activate(15)
            with pytest.raises(ControllerError, match="plan 15 is running, called"):
                await b.driver.commit(change)
            assert b.stored() == before

    run(scenario)


@pytest.mark.parametrize(
    "stranger",
    [
        ObjectValue("cycleTime", (1,), 70),
        ObjectValue("dynamicBand", (15, 9), 3),
        ObjectValue("minimumGreen", (15,), 3),
        ObjectValue("offset", (15,), 256),
        ObjectValue("offset", (15, 1), 6),
        ObjectValue("offset", (300,), 6),
    ],
)
def test_nothing_but_our_plans_settings_can_be_written(stranger: ObjectValue) -> None:
    async def scenario() -> None:
        async with bench() as b:
            change = await prepared(b)
            crooked = replace(change, old=(*change.old, stranger), new=(*change.new, stranger))
            heard = len(b.site.heard)
            with pytest.raises(ControllerError):
                await b.driver.commit(crooked)
            assert len(b.site.heard) == heard

    run(scenario)


def test_a_wrong_security_code_is_refused_without_saying_it() -> None:
    async def scenario() -> None:
        async with bench(config={"security_code": "other"}) as b:
            change = await prepared(b)
            with pytest.raises(RejectedValueError, match="Incorrect security code") as caught:
                await b.driver.commit(change)
            assert "4711-x" not in str(caught.value)
            assert "4711-x" not in repr(sheet_of("s"))

    run(scenario)


# Calling


def test_a_plan_that_waits_for_its_moment_is_called_and_does_not_run_yet() -> None:
    async def scenario() -> None:
        async with bench(config={"waits_for_zero": True}) as b:
            await b.driver.activate(15)
            status = await b.driver.status()
            assert (status.pattern, status.called_pattern) == (1, 15)
            assert status.in_transition
            b.hands.advance(80)
            status = await b.driver.status()
            assert (status.pattern, status.called_pattern) == (15, 15)
            assert status.control == "systemControl"
            assert status.runs(15)

    run(scenario)


def test_a_plan_that_never_runs_is_not_taken_for_called_for_ever() -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(forget={"M0002"})) as b:
            await b.driver.activate(15)
            assert (await b.driver.status()).called_pattern == 15
            b.hands.advance(301)
            assert (await b.driver.status()).called_pattern == 0

    run(scenario)


def test_somebody_elses_call_is_seen_although_we_called_before() -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.driver.activate(15)
            assert (await b.driver.status()).called_pattern == 15
            b.site.signals.running = 16
            assert (await b.driver.status()).called_pattern == 16

    run(scenario)


def test_an_unknown_plan_is_not_called() -> None:
    async def scenario() -> None:
        async with bench() as b:
            with pytest.raises(ControllerError, match=r"its plans are \[1, 15, 16\]"):
                await b.driver.activate(14)

    run(scenario)


def test_a_site_goes_back_to_its_own_plan_when_the_connection_stays_away() -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.driver.activate(15)
            b.site.signals.disconnected()
            b.hands.advance(600)
            b.site.signals.advance()
            status = await b.driver.status()
            assert (status.pattern, status.called_pattern, status.control) == (
                1,
                0,
                "control_block",
            )

    run(scenario)


def test_the_time_out_is_set_and_read_back() -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.driver.limit_silence(3)
            assert (await b.driver.identify()).backup_time_s == 180
            with pytest.raises(ControllerError, match="allowed are 1 to"):
                await b.driver.limit_silence(0)
            b.site.faults.forget.add("M0023")
            with pytest.raises(ReadBackMismatchError, match="not 4"):
                await b.driver.limit_silence(4)

    run(scenario)


# Status


def test_the_counters_tell_where_the_cycle_is() -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.hands.advance(7)
            status = await b.driver.status()
            # 8:00:07 is 28,807 s after midnight, 7 s into a cycle of 80 s; the offset adds 5 s.
            assert (status.since_reference_s, status.cycle_left_s) == (7, 68)
            assert status.device_utc_s == int(b.hands.now.timestamp())
            assert not status.in_transition

    run(scenario)


def test_a_counter_that_is_not_where_the_offset_wants_it_is_in_transition() -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(lies={("S0001", "cyclecounter"): "40"})) as b:
            assert (await b.driver.status()).in_transition

    run(scenario)


@pytest.mark.parametrize(
    ("lie", "free", "control"),
    [
        ({("S0010", "status"): "True"}, "isolated", "timebase"),
        ({("S0032", "status"): "centralized,off"}, "coordinationOff", "timebase"),
        ({("S0008", "status"): "False,True"}, "notFree", "manual"),
        ({("S0014", "source"): "operator_panel"}, "notFree", "localManualControl"),
        ({("S0014", "source"): "startup"}, "notFree", "startup"),
    ],
)
def test_who_is_in_control_is_told(
    lie: dict[tuple[str, str], object], free: str, control: str
) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(lies=lie)) as b:
            status = await b.driver.status()
            assert (status.free_reason, status.control) == (free, control)

    run(scenario)


def test_alarms_and_emergency_routes_are_told() -> None:
    async def scenario() -> None:
        lies: dict[tuple[str, str], object] = {("S0035", "emergencyroutes"): [{"id": "3"}]}
        async with bench(faults=SiteFaults(lies=lies)) as b:
            await b.site.raise_alarm("A0005")
            await b.site.raise_alarm("A0010")
            await until(lambda: len(b.session.heard.alarms) == 2)
            status = await b.driver.status()
            assert status.alarms == (COORDINATION_ALARM, "door open")
            assert status.coordination_failed
            assert status.preempts == (3,)
            await b.site.raise_alarm("A0005", active=False)
            await until(lambda: len(b.session.heard.alarms) == 1)
            assert not (await b.driver.status()).coordination_failed

    run(scenario)


@pytest.mark.parametrize("lie", ["15", "x-1", "1-2-3", 7, "1-99999999", ["1-2"], "1-2,1-3"])
def test_a_table_that_makes_no_sense_is_refused(lie: object) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(lies={("S0024", "status"): lie})) as b:
            with pytest.raises(RejectedValueError, match="S0024 status is"):
                await prepared(b)

    run(scenario)


@pytest.mark.parametrize("lie", ["", "1-5,2-7", None])
def test_a_plan_without_the_settings_to_write_is_refused(lie: object) -> None:
    async def scenario() -> None:
        async with bench(faults=SiteFaults(lies={("S0024", "status"): lie})) as b:
            with pytest.raises(ControllerError, match=r"the site has no offset of \[15\]"):
                await prepared(b)

    run(scenario)


# The seam


def test_the_driver_keeps_rows_and_makes_nothing_last() -> None:
    async def scenario() -> None:
        async with bench() as b:
            assert isinstance(b.driver, RowKeeper)
            assert not isinstance(b.driver, Lasting)

    run(scenario)


def test_a_look_before_calling_finds_what_somebody_else_did() -> None:
    async def scenario() -> None:
        async with bench() as b:
            change = await prepared(b)
            await b.driver.commit(change)
            await b.driver.hold(change.new, (0,))
            with pytest.raises(ReadBackMismatchError, match=r"cycleTime\.15 = 90, not cycleTime"):
                await b.driver.hold(change.old, (0,))
            await b.driver.activate(16)
            with pytest.raises(
                ControllerError, match="plan 16 is called now, where 0 was expected"
            ):
                await b.driver.hold(change.new, (0,))
            assert not await b.driver.is_open()

    run(scenario)


def test_a_device_list_that_contradicts_the_sheet_is_refused() -> None:
    async def scenario() -> None:
        async with bench() as b:
            with pytest.raises(ControllerError, match=r"the device list has it at 127\.0\.0\.9"):
                async with b.connect(replace(b.device, host="127.0.0.9")):
                    pass

    run(scenario)
