"""The bridge on a controller of two rings, over UDP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controllers.driver import Device, Identity
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.limits import contradictions
from controllers.ntcip.codec import decode_plan
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import Edition
from controllers.watch import await_pattern, withdraw
from network.errors import UnsafePlanError
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, PlanSet, TimingPlan
from tests.controllers.strategies import shown
from tests.controllers.test_codec import identity_of
from tests.controllers.test_push import NOW, Street, run
from tests.controllers.test_rings import EIGHT, PLAN

OLD = replace(PLAN, signal_id="a")
NEW = TimingPlan("a", 110, (2, 1, 3, 4, 6, 5, 8), (45, 20, 20, 25, 40, 25, 45), 33, 6)
"""Lagging left turns, one left turn left out, another cycle."""

PHASINGS = {"a": EIGHT}


def street_of(cabinet: Cabinet, address: tuple[str, int]) -> Street:
    return Street([cabinet], [Device("a", *address, "look", "change")])


def plans(plan: TimingPlan) -> PlanSet:
    return PlanSet("corridor", (plan,), {})


@pytest.mark.parametrize("edition", list(Edition))
def test_a_plan_of_two_rings_is_pushed_and_taken_back(edition: Edition) -> None:
    async def scenario() -> None:
        cabinet = Cabinet(CabinetConfig("a", EIGHT, OLD, 0, "look", "change", edition=edition), 7.0)
        async with serve([cabinet]) as [address]:
            s = street_of(cabinet, address)
            before = s.rows()
            receipt = await s.push(plans(NEW), phasings=PHASINGS)
            [entry] = receipt.devices
            assert entry.read_back == entry.new
            written = {str(value) for value in entry.new}
            assert {
                "sequenceData.15.1 = 02010304",
                "sequenceData.15.2 = 06050807",
                "splitMode.15.7 = 7",
                "splitCoordPhase.15.6 = 1",
                "splitCoordPhase.15.2 = 0",
            } <= written
            await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=200)
            for _ in range(1100):
                assert cabinet.aspects == shown(NEW, EIGHT, cabinet.reference_ds)
                cabinet.step()
            assert cabinet.monitor_fault == ""
            await withdraw(
                receipt,
                s.devices,
                clock=lambda: NOW,
                journal=s.journal.append,
                tick=s.tick,
                most_ticks=10,
            )
            assert s.rows() == before

    run(scenario)


def test_an_order_that_the_device_holds_is_written_all_the_same() -> None:
    async def scenario() -> None:
        cabinet = Cabinet(CabinetConfig("a", EIGHT, OLD, 0, "look", "change"), 7.0)
        async with serve([cabinet]) as [address]:
            s = street_of(cabinet, address)
            receipt = await s.push(plans(replace(OLD, offset_s=50)), phasings=PHASINGS)
            written = {str(value) for value in receipt.devices[0].new}
            first, second = (cabinet.store.octets("sequenceData", 1, ring).hex() for ring in (1, 2))
            assert {f"sequenceData.15.1 = {first}", f"sequenceData.15.2 = {second}"} <= written
            await await_pattern(receipt, s.devices, tick=s.tick, most_ticks=200)

    run(scenario)


def test_the_plan_in_force_is_read_off_the_street() -> None:
    async def scenario() -> None:
        reference = replace(OLD, offset_reference=OffsetReference.BEGIN_YELLOW)
        cabinet = Cabinet(CabinetConfig("a", EIGHT, reference, 0, "look", "change"), 7.0)
        async with serve([cabinet]) as [address]:
            s = street_of(cabinet, address)
            async with connect(s.devices[0]) as driver:
                identity = await driver.identify()
                assert identity.rings == (1, 2)
                known = [replace(phase, maximum_s=0) for phase in identity.phases]
                assert known == list(identity_of(EIGHT).phases)
                change = await driver.prepare(reference, identity)
                in_force = [replace(value, index=(1, *value.index[1:])) for value in change.new]
                values = await driver.read(in_force)
                orders = [cabinet.store.octets("sequenceData", 1, ring) for ring in (1, 2)]
                assert decode_plan("a", values, orders, identity, None) == reference

    run(scenario)


def test_a_device_with_other_rings_is_refused_and_nothing_is_written() -> None:
    async def scenario() -> None:
        swapped = {1: 5, 2: 6, 5: 1, 6: 2}
        other = Phasing(
            tuple(replace(p, number=swapped.get(p.number, p.number)) for p in EIGHT.phases),
            {},
        )
        plan = TimingPlan(
            "a", 100, (5, 6, 3, 4, 1, 2, 7, 8), (20, 40, 15, 25, 30, 30, 20, 20), 0, 2
        )
        cabinet = Cabinet(CabinetConfig("a", other, plan, 0, "look", "change"), 7.0)
        async with serve([cabinet]) as [address]:
            s = street_of(cabinet, address)
            before = s.rows()
            with pytest.raises(UnsafePlanError, match="phase 2 is in ring 2 of the device"):
                await s.push(plans(NEW), phasings=PHASINGS)
            assert s.rows() == before

    run(scenario)


def told(plan: TimingPlan, identity: Identity | None = None, phasing: Phasing = EIGHT) -> str:
    return "; ".join(contradictions(plan, phasing, identity or identity_of(EIGHT)))


def test_a_lawful_plan_of_two_rings_contradicts_nothing() -> None:
    assert told(PLAN) == ""


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"splits_s": (20, 40, 15, 25, 30, 31, 20, 19)}, "rings [1, 2], [5, 6] last [60, 61] s"),
        ({"cycle_s": 105}, "splits fill 100 s of a cycle of 105 s"),
        ({"splits_s": (9, 51, 15, 25, 30, 30, 20, 20)}, "split 9 s of phase 1"),
        ({"sequence": (1, 2, 3, 4, 7, 8, 5, 6)}, "crosses its barriers in the order"),
    ],
)
def test_ring_and_barrier_sums_are_checked(changes: dict[str, object], text: str) -> None:
    assert text in told(replace(PLAN, **changes))  # type: ignore[arg-type]


def test_phases_side_by_side_must_be_concurrent_in_the_device_and_no_others() -> None:
    identity = identity_of(EIGHT)
    phases = {phase.number: phase for phase in identity.phases}
    phases[2] = replace(phases[2], concurrent=frozenset({5, 8}))
    found = told(PLAN, replace(identity, phases=tuple(phases.values())))
    assert "phases 2 and 6 run side by side in the plan" in found
    assert "phases 2 and 8 never run side by side" in found
    assert found.count(";") == 1


def test_a_plan_of_one_ring_must_fill_the_cycle_of_a_device_of_two() -> None:
    stages = Phasing(
        tuple(Phase(p.number, p.aspects, 5, 30, 20) for p in EIGHT.phases if p.ring == 1), {}
    )
    plan = TimingPlan("s", 100, (1, 2, 3, 4), (20, 40, 15, 25), 0, 2)
    assert told(plan, phasing=stages) == ""
    assert "splits fill 100 s" in told(replace(plan, cycle_s=90), phasing=stages)
