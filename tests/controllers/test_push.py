from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.faults import Faults
from controllers.ntcip.codec import SYNC_POINTS
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import OBJECTS, Edition, Oid, instance
from controllers.push import push
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from controllers.release import PlanRelease
from controllers.watch import await_pattern, refresh, withdraw
from network.errors import (
    ApprovalError,
    ApprovalExpiredError,
    ControllerError,
    ReadBackMismatchError,
    RejectedValueError,
    RollbackFailedError,
    UnreachableError,
    UnsafePlanError,
)
from network.phasing import Phase, Phasing
from network.timing import CoordinationGroup, OffsetReference, PlanSet, TimingPlan
from tests.controllers.strategies import shown

NOW = datetime(2026, 5, 4, tzinfo=UTC)
START_S = 30.0
SIGNALS = ("a", "b", "c")
PHASING = Phasing(
    tuple(
        Phase(n, "".join("G" if g == n else "r" for g in range(1, 5)), 5, 30, 20)
        for n in range(1, 5)
    ),
    {},
)


def old_plan(signal: str) -> TimingPlan:
    return TimingPlan(signal, 80, (1, 2, 3, 4), (20, 20, 20, 20), 0, 1)


def new_plan(signal: str) -> TimingPlan:
    offset = 11 * (1 + SIGNALS.index(signal))
    return TimingPlan(signal, 90, (1, 3, 2), (40, 30, 20), offset, 3)


PLANS = PlanSet("corridor", tuple(new_plan(signal) for signal in SIGNALS), {})
PHASINGS = dict.fromkeys(SIGNALS, PHASING)


def release_of(plans: PlanSet, hours: float = 1.0) -> PlanRelease:
    return PlanRelease(
        plans.digest, "0" * 64, "J. Doe", NOW, NOW + timedelta(hours=hours), plans.scenario
    )


def config(signal: str, edition: Edition = Edition.V03, backup_s: int = 300) -> CabinetConfig:
    return CabinetConfig(
        signal,
        PHASING,
        old_plan(signal),
        4,
        "look",
        "change",
        backup_s,
        60,
        edition,
        int(NOW.timestamp()),
    )


class Street:
    """Cabinets on loopback with the device list that reaches them."""

    def __init__(
        self,
        cabinets: Sequence[Cabinet],
        devices: Sequence[Device],
        faults: dict[str, Faults] | None = None,
    ) -> None:
        self.faults = faults or {}
        self.cabinets = tuple(cabinets)
        self.devices = tuple(devices)
        self.journal: list[dict[str, object]] = []

    async def push(
        self, plans: PlanSet = PLANS, dry_run: bool = False, **changes: object
    ) -> PushReceipt:
        arguments = {
            "release": release_of(plans),
            "devices": self.devices,
            "phasings": PHASINGS,
            "clock": lambda: NOW + timedelta(minutes=1),
            "journal": self.journal.append,
            "connect": lambda device: connect(device, 0.3),
            "terms": PushTerms(pause=self.pause),
            **changes,
        }
        return await push(plans, dry_run=dry_run, **arguments)  # type: ignore[arg-type]

    async def tick(self) -> None:
        await self.pause(10)

    async def pause(self, seconds: float) -> None:
        """Let time pass on the street alone."""
        for cabinet in self.cabinets:
            cabinet.advance(round(seconds))

    def rows(self) -> list[dict[Oid, object]]:
        """Everything stored in the pattern, split and sequence tables."""
        roots = [
            instance("patternCycleTime", 1)[:-2],
            instance("splitTime", 1, 1)[:-3],
            instance("sequenceData", 1, 1)[:-3],
        ]
        found = []
        for cabinet in self.cabinets:
            values: dict[Oid, object] = {}
            for root in roots:
                oid = cabinet.store.following(root)
                while oid is not None and oid[: len(root)] == root:
                    values[oid] = cabinet.store.get(oid)
                    oid = cabinet.store.following(oid)
            found.append(values)
        return found

    def patterns(self) -> list[int]:
        for cabinet in self.cabinets:
            cabinet.advance(1)
        return [cabinet.pattern for cabinet in self.cabinets]


@asynccontextmanager
async def street(
    faults: dict[str, Faults] | None = None,
    edition: Edition = Edition.V03,
    version: str = "v1",
    backup_s: int = 300,
) -> AsyncIterator[Street]:
    cabinets = [Cabinet(config(signal, edition, backup_s), START_S) for signal in SIGNALS]
    async with serve(cabinets, faults=faults) as addresses:
        devices = [
            Device(signal, host, port, "look", "change", version)
            for signal, (host, port) in zip(SIGNALS, addresses, strict=True)
        ]
        yield Street(cabinets, devices, faults)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("version", ["v1", "v2c"])
@pytest.mark.parametrize("edition", list(Edition))
def test_a_pushed_plan_set_runs_on_the_street(edition: Edition, version: str) -> None:
    async def scenario() -> None:
        async with street(edition=edition, version=version) as s:
            receipt = await s.push()
            statuses = await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=100)
            assert {status.pattern for status in statuses.values()} == {15}
            for cabinet, signal in zip(s.cabinets, SIGNALS, strict=True):
                for _ in range(900):
                    now_ds = round(cabinet.time_s * 10)
                    assert cabinet.aspects == shown(new_plan(signal), PHASING, now_ds)
                    cabinet.step()
                assert cabinet.monitor_fault == ""

    run(scenario)


@pytest.mark.parametrize("reference", list(OffsetReference))
def test_a_signal_with_half_its_groups_cycle_keeps_its_offset_and_stays_in_step(
    reference: OffsetReference,
) -> None:
    """Between a and c, which run 90 s, b runs 45 s: every second cycle of it meets theirs."""
    half = TimingPlan("b", 45, (1, 3), (25, 20), 31, 3, reference)
    plans = PlanSet(
        "corridor", (new_plan("a"), half, new_plan("c")), {}, (CoordinationGroup(90, SIGNALS),)
    )

    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push(plans)
            await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=100)
            rows = [cabinet.store for cabinet in s.cabinets]
            assert [row.number("patternCycleTime", 15) for row in rows] == [90, 45, 90]
            assert [row.number("patternOffsetTime", 15) for row in rows] == [11, 31, 33]
            point = OBJECTS["patternCoordSyncPoint"].number(SYNC_POINTS[reference])
            assert rows[1].number("patternCoordSyncPoint", 15) == point
            seen: dict[str, list[str]] = {signal: [] for signal in SIGNALS}
            start_ds = round(s.cabinets[0].time_s * 10)
            for _ in range(2 * 900):
                for cabinet, signal in zip(s.cabinets, SIGNALS, strict=True):
                    seen[signal].append(cabinet.aspects)
                    cabinet.step()
            for plan in plans.plans:
                expected = [
                    shown(plan, PHASING, start_ds + tenth)
                    for tenth in range(len(seen[plan.signal_id]))
                ]
                assert seen[plan.signal_id] == expected
            assert seen["b"][450:] == seen["b"][:-450]
            assert seen["a"][900:] == seen["a"][:-900]
            assert seen["a"][450:] != seen["a"][:-450]

    run(scenario)


def test_a_dry_run_shows_the_difference_and_writes_nothing() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            receipt = await s.push(dry_run=True)
            assert receipt.dry_run
            assert s.rows() == before
            assert s.journal == []
            assert s.patterns() == [1, 1, 1]
            changed = {str(after) for _, after in receipt.devices[0].change.difference}
            assert "patternCycleTime.15 = 90" in changed
            assert "splitTime.15.1 = 40" in changed
            assert all(not entry.read_back for entry in receipt.devices)

    run(scenario)


def test_the_receipt_and_the_journal_tell_old_and_new_values() -> None:
    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push()
            assert [event["event"] for event in s.journal] == ["intent", "stored", "activated"]
            for entry in receipt.devices:
                assert entry.read_back == entry.new
                assert entry.pattern == entry.split == 15
                assert all(before.value == 0 for before in entry.old if before.name == "splitTime")
                assert entry.stored_utc == entry.activated_utc == NOW + timedelta(minutes=1)
                assert entry.backup_time_s == 300

    run(scenario)


def test_the_next_push_uses_the_other_slot() -> None:
    async def scenario() -> None:
        async with street() as s:
            first = await s.push()
            await await_pattern(first, s.devices, tick=s.tick, most_ticks=100)
            second = await s.push()
            assert {entry.pattern for entry in second.devices} == {16}
            await await_pattern(second, s.devices, tick=s.tick, most_ticks=100)
            assert {cabinet.pattern for cabinet in s.cabinets} == {16}

    run(scenario)


def test_withdrawing_returns_to_the_time_base_and_restores_the_rows() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            receipt = await s.push()
            await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=100)
            await withdraw(
                receipt,
                s.devices,
                clock=lambda: NOW,
                journal=s.journal.append,
                tick=s.tick,
                most_ticks=10,
            )
            assert s.rows() == before
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_who_ordered_a_push_and_a_withdrawal_stands_beside_who_approved() -> None:
    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push(terms=PushTerms(pause=s.pause, ordered_by="carl"))
            await withdraw(
                receipt,
                s.devices,
                clock=lambda: NOW,
                journal=s.journal.append,
                tick=s.tick,
                most_ticks=10,
                ordered_by="dora",
            )
            told = [(e["event"], e.get("ordered_by"), e.get("approved_by")) for e in s.journal]
            assert told == [
                ("intent", "carl", "J. Doe"),
                ("stored", "carl", "J. Doe"),
                ("activated", "carl", "J. Doe"),
                ("withdraw", "dora", None),
                ("withdrawn", "dora", None),
            ]

    run(scenario)


def test_a_silent_center_loses_the_signals_and_refreshing_keeps_them() -> None:
    async def scenario() -> None:
        async with street(backup_s=60) as s:
            receipt = await s.push()
            for _ in range(10):
                await s.tick()
                await refresh(receipt, s.devices)
            assert s.patterns() == [15, 15, 15]
            for _ in range(7):
                await s.tick()
            assert s.patterns() == [1, 1, 1]
            assert {cabinet.control for cabinet in s.cabinets} == {"backupMode"}

    run(scenario)


def refused(
    error: type[Exception],
    match: str,
    *,
    faults: dict[str, Faults] | None = None,
    backup_s: int = 300,
    spoiled: str = "",
    **changes: Any,
) -> None:
    """Push, expect the error, and find every running pattern and every row as before."""

    async def scenario() -> None:
        async with street(faults, backup_s=backup_s) as s:
            before = s.rows()
            with pytest.raises(error, match=match):
                await s.push(**changes)
            for settings in (faults or {}).values():
                settings.silent_after = None
            after = s.rows()
            for signal, old, new in zip(SIGNALS, before, after, strict=True):
                assert old == new or signal == spoiled
            assert s.patterns() == [1, 1, 1]

    run(scenario)


def test_an_expired_release_is_refused() -> None:
    refused(ApprovalExpiredError, "ended at", release=release_of(PLANS, hours=0.001))


def test_a_release_for_other_plans_is_refused() -> None:
    other = PlanSet("corridor", tuple(old_plan(signal) for signal in SIGNALS), {})
    refused(ApprovalError, "digest", release=release_of(other))


def test_a_release_for_another_scenario_is_refused() -> None:
    elsewhere = PlanSet("elsewhere", PLANS.plans, {})
    refused(ApprovalError, "elsewhere", release=release_of(elsewhere))


def test_backup_time_zero_is_refused() -> None:
    refused(UnsafePlanError, "unitBackupTime is 0", backup_s=0)


def with_splits(*splits: int, offset: int = 0, cycle: int | None = None) -> PlanSet:
    plan = TimingPlan("b", cycle or sum(splits), (1, 2, 3, 4), splits, offset, 1)
    return PlanSet("corridor", (new_plan("a"), plan, new_plan("c")), {})


@pytest.mark.parametrize(
    ("plans", "match"),
    [
        (with_splits(9, 30, 30, 21), "split 9 s of phase 1 is below the device's least, 10.0 s"),
        (with_splits(30, 30, 30, 21, cycle=90), "splits sum to 111 s"),
        (with_splits(30, 30, 30, 30, offset=120), "offset 120 s is outside the cycle"),
        (with_splits(100, 100, 40, 40), "cycle 280 s"),
    ],
)
def test_a_plan_that_contradicts_the_device_is_refused(plans: PlanSet, match: str) -> None:
    refused(UnsafePlanError, match, plans=plans)


def test_a_device_whose_yellow_differs_from_the_plans_phasing_is_refused() -> None:
    shorter = Phasing(
        tuple(Phase(p.number, p.aspects, p.min_green_s, 40, 10) for p in PHASING.phases), {}
    )
    refused(UnsafePlanError, "yellow change", phasings={**PHASINGS, "b": shorter})


def test_a_signal_without_a_device_is_refused() -> None:
    refused(ControllerError, "no device for signal 'a'", devices=())


def test_a_wrong_community_gets_no_answer() -> None:
    async def scenario() -> None:
        async with street() as s:
            device = s.devices[1]
            stranger = Device("b", device.host, device.port, "public", "private")
            devices = (s.devices[0], stranger, s.devices[2])
            with pytest.raises(UnreachableError, match="no answer"):
                await s.push(devices=devices)

    run(scenario)


def test_a_community_that_may_only_read_cannot_write() -> None:
    async def scenario() -> None:
        async with street() as s:
            before = s.rows()
            devices = [
                Device(d.signal_id, d.host, d.port, "look", "look", d.version) for d in s.devices
            ]
            with pytest.raises(RejectedValueError):
                await s.push(devices=devices)
            assert s.rows() == before

    run(scenario)


def test_an_unreachable_host_is_refused_quickly() -> None:
    async def scenario() -> None:
        async with street() as s:
            gone = s.devices[1]
        # The port is closed now: the refusal must not wait for a timeout.
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(UnreachableError, match="refused"):
            async with connect(gone, 20.0) as driver:
                await driver.status()
        assert loop.time() - began < 2.0

    run(scenario)


def test_a_busy_database_is_refused_and_the_others_are_restored() -> None:
    refused(RejectedValueError, "busy", faults={"b": Faults(busy=True)})


def test_without_a_durable_intent_nothing_is_written() -> None:
    def full_disk(event: dict[str, object]) -> None:
        raise OSError("no space left")

    refused(OSError, "no space", journal=full_disk)


def test_a_device_that_lies_is_refused_and_the_others_are_restored() -> None:
    # Its own spare row cannot be restored: it lied about the old value too.
    lie = Faults(lies={instance("splitTime", 15, 2): 7})
    refused(ReadBackMismatchError, r"splitTime.15.2 = 7", faults={"b": lie}, spoiled="b")


@pytest.mark.parametrize("answered", range(0, 44, 2))
def test_a_device_that_falls_silent_never_changes_the_running_pattern(answered: int) -> None:
    fault = Faults(silent_after=answered)

    async def scenario() -> None:
        async with street({"b": fault}) as s:
            before = s.rows()
            failure: ControllerError | None = None
            try:
                await s.push(connect=lambda device: connect(device, 0.05))
            except ControllerError as error:
                failure = error
            if failure is None:
                assert s.patterns() == [15, 15, 15]
                return
            # The others are as they were; the silent one was called only if the error says so.
            assert isinstance(failure, UnreachableError | RollbackFailedError)
            assert s.patterns()[0::2] == [1, 1]
            assert s.rows()[0::2] == before[0::2]
            assert s.cabinets[1].pattern == 1 or "falls back" in str(failure)
            s.cabinets[1].advance(300)
            assert s.cabinets[1].pattern == 1

    run(scenario)


def test_an_open_transaction_of_our_own_can_be_discarded_later() -> None:
    async def scenario() -> None:
        fault = Faults()
        async with street({"b": fault}) as s:
            s.cabinets[1].store.transaction.command(2, b"change")
            with pytest.raises(RejectedValueError, match="busy"):
                await s.push()
            async with connect(s.devices[1]) as driver:
                await driver.discard()
            await s.push()
            assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_twenty_phases_fit_through_small_messages() -> None:
    async def scenario() -> None:
        phasing = Phasing(
            tuple(
                Phase(n, "".join("G" if g == n else "r" for g in range(1, 21)), 4, 30, 10)
                for n in range(1, 21)
            ),
            {},
        )
        numbers = tuple(range(1, 21))
        old = TimingPlan("a", 240, numbers, (12,) * 20, 0, 1)
        new = TimingPlan("a", 255, numbers[::-1], (12,) * 19 + (27,), 200, 7)
        config_20 = CabinetConfig("a", phasing, old, 0, "look", "change")
        device_20 = Cabinet(config_20, 0.0)
        async with serve([device_20]) as [(host, port)]:
            s = Street([device_20], [Device("a", host, port, "look", "change")])
            plans = PlanSet("corridor", (new,), {})
            receipt = await s.push(plans, phasings={"a": phasing})
            await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=400)
            for _ in range(2550):
                now_ds = round(device_20.time_s * 10)
                assert device_20.aspects == shown(new, phasing, now_ds)
                device_20.step()

    run(scenario)


def test_lost_datagrams_are_sent_again() -> None:
    async def scenario() -> None:
        faults = {
            signal: Faults(seed=seed, request_loss=0.1, reply_loss=0.1)
            for seed, signal in enumerate(SIGNALS)
        }
        async with street(faults) as s:
            receipt = await s.push(connect=lambda device: connect(device, 2.0, 0.02))
            assert all(entry.read_back == entry.new for entry in receipt.devices)
            assert s.patterns() == [15, 15, 15]

    run(scenario)


def test_a_restart_in_mid_download_stores_nothing() -> None:
    async def scenario() -> None:
        for requests in range(10, 60, 4):
            async with street({"b": Faults(restart_after=requests)}) as s:
                before = s.rows()
                try:
                    receipt = await s.push()
                except ControllerError:
                    assert s.rows() == before
                    assert s.patterns() == [1, 1, 1]
                else:
                    assert all(entry.read_back == entry.new for entry in receipt.devices)

    run(scenario)


def test_the_offset_is_converted_for_devices_that_count_from_another_event() -> None:
    async def scenario() -> None:
        plan = TimingPlan(
            "a", 80, (1, 2, 3, 4), (20, 20, 20, 20), 0, 1, OffsetReference.BEGIN_YELLOW
        )
        cabinet = Cabinet(
            CabinetConfig("a", PHASING, plan, 0, "look", "change", edition=Edition.V1996), 0.0
        )
        async with serve([cabinet]) as addresses:
            host, port = addresses[0]
            device = Device(
                "a", host, port, "look", "change", offset_reference=OffsetReference.BEGIN_YELLOW
            )
            s = Street([cabinet], [device])
            receipt = await s.push(PlanSet("corridor", (new_plan("a"),), {}))
            await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=100)
            for _ in range(900):
                now_ds = round(cabinet.time_s * 10)
                assert cabinet.aspects == shown(new_plan("a"), PHASING, now_ds)
                cabinet.step()

    run(scenario)


def test_a_device_that_runs_free_is_reported() -> None:
    async def scenario() -> None:
        async with street() as s:
            receipt = await s.push()
            # Somebody spoils the row at the front panel.
            store = s.cabinets[1].store
            store._cells[instance("patternOffsetTime", 15)].value = 200
            store.generation += 1
            with pytest.raises(ControllerError, match="runs free: invalidOffset"):
                await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=3)

    run(scenario)


def test_the_running_pattern_is_never_written() -> None:
    async def scenario() -> None:
        async with street() as s, connect(s.devices[0]) as driver:
            change = await driver.prepare(new_plan("a"), await driver.identify())
            await driver.activate(change.pattern)
            # Somebody else has filled and called the row meanwhile.
            s.cabinets[0].store._cells[instance("patternCycleTime", 15)].value = 80
            s.cabinets[0].store._cells[instance("splitCoordPhase", 15, 1)].value = 1
            for phase in range(1, 5):
                s.cabinets[0].store._cells[instance("splitTime", 15, phase)].value = 20
            s.cabinets[0].store.generation += 1
            assert s.patterns()[0] == 15
            before = s.rows()
            with pytest.raises(ControllerError, match="pattern 15 is running"):
                await driver.commit(change)
            assert s.rows() == before

    run(scenario)


def test_a_device_with_all_slots_in_use_is_refused() -> None:
    async def scenario() -> None:
        async with street() as s:
            devices = [
                Device(d.signal_id, d.host, d.port, "look", "change", slots=(1, 99))
                for d in s.devices
            ]
            with pytest.raises(ControllerError, match=r"rows \[1, 99\] are all running"):
                await s.push(devices=devices)

    run(scenario)
