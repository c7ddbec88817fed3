"""The same push, watch and withdrawal as over NTCIP, over RSMP: the seam end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controllers.push import push
from controllers.push_terms import PushTerms
from controllers.receipt import PushReceipt
from controllers.release import PlanRelease
from controllers.rsmp.site import SiteFaults
from controllers.rsmp.site_signals import SitePlan
from controllers.steps import MostSteps
from controllers.watch import await_pattern, withdraw
from network.errors import (
    ControllerError,
    ReadBackMismatchError,
    RejectedValueError,
    UnreachableError,
    UnsafePlanError,
)
from network.phasing import Phase, Phasing
from network.timing import PlanSet
from tests.controllers.rsmp_street import NEW, START_UTC, Street, street

SIGNALS = ("a", "b", "c")
PHASING = Phasing(
    tuple(
        Phase(n, "".join("G" if g == n else "r" for g in range(1, 4)), 5, 30, 20)
        for n in range(1, 4)
    ),
    {},
)
PHASINGS = dict.fromkeys(SIGNALS, PHASING)
PLANS = PlanSet(
    "corridor",
    tuple(replace(NEW, signal_id=s, offset_s=11 * at) for at, s in enumerate(SIGNALS, 1)),
    {},
)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


def released(plans: PlanSet) -> PlanRelease:
    return PlanRelease(
        plans.digest, "0" * 64, "J. Doe", START_UTC, START_UTC + timedelta(hours=1), plans.scenario
    )


class Corridor:
    """Sites with a journal, and a push to all of them."""

    def __init__(self, kept: Street) -> None:
        self.street = kept
        self.journal: list[dict[str, object]] = []

    async def tick(self, seconds: float = 10.0) -> None:
        self.street.hands.advance(seconds)

    async def push(self, plans: PlanSet = PLANS, **changes: Any) -> PushReceipt:
        arguments = {
            "clock": self.street.hands,
            "journal": self.journal.append,
            "connect": self.street.connect,
            "terms": PushTerms(pause=self.tick),
            **changes,
        }
        return await push(plans, released(plans), self.street.devices, PHASINGS, **arguments)

    def running(self) -> list[tuple[int, str]]:
        return [(s.signals.running, s.signals.source) for s in self.street.sites.values()]

    def told(self) -> list[object]:
        return [entry["event"] for entry in self.journal]


def test_a_corridor_is_pushed_runs_in_step_and_is_withdrawn() -> None:
    async def scenario() -> None:
        async with street(SIGNALS) as kept:
            c = Corridor(kept)
            before = kept.stored()
            receipt = await c.push()
            assert c.running() == [(15, "forced")] * 3
            assert c.told() == ["intent", "stored", "activated"]
            for site, plan in zip(kept.sites.values(), PLANS.plans, strict=True):
                stored = site.signals.plans[15]
                assert (stored.cycle_s, stored.bands) == (90, {1: 20, 2: 10, 3: 0})
                assert (stored.offset_s + plan.offset_s) % 90 == 40
            assert PushReceipt.from_dict(receipt.to_dict(), "file") == receipt
            seen = await await_pattern(
                receipt, kept.devices, tick=c.tick, most_ticks=3, connect=kept.connect
            )
            assert {status.control for status in seen.values()} == {"systemControl"}
            await withdraw(
                receipt,
                kept.devices,
                clock=kept.hands,
                journal=c.journal.append,
                tick=c.tick,
                most_ticks=3,
                connect=kept.connect,
            )
            assert c.running() == [(1, "calendar_clock")] * 3
            assert kept.stored() == before

    run(scenario)


def test_neighbors_turn_green_as_far_apart_as_their_plans_say() -> None:
    async def scenario() -> None:
        async with street(SIGNALS) as kept:
            await Corridor(kept).push()
            counts = []
            for site, plan in zip(kept.sites.values(), PLANS.plans, strict=True):
                # The stage of the coordinated phase begins 40 s into the local cycle.
                _, count = site.signals.counters(kept.hands.now)
                counts.append((40 - count - plan.offset_s) % 90)
            assert len(set(counts)) == 1

    run(scenario)


def test_a_dry_run_writes_nothing() -> None:
    async def scenario() -> None:
        async with street(SIGNALS) as kept:
            before = kept.stored()
            receipt = await Corridor(kept).push(dry_run=True)
            assert receipt.dry_run
            assert [len(entry.change.difference) for entry in receipt.devices] == [4, 4, 4]
            assert kept.stored() == before
            assert "CommandRequest" not in kept.sites["a"].heard

    run(scenario)


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (SiteFaults(refuse={"M0015": "CPU error"}), RejectedValueError),
        (SiteFaults(refuse={"M0002": "CPU error"}), RejectedValueError),
        (SiteFaults(forget={"M0014"}), ReadBackMismatchError),
    ],
)
def test_one_site_that_fails_takes_the_whole_corridor_back(
    faults: SiteFaults, error: type[ControllerError]
) -> None:
    async def scenario() -> None:
        async with street(SIGNALS) as kept:
            c = Corridor(kept)
            before = kept.stored()
            kept.sites["b"].faults = faults
            with pytest.raises(error):
                await c.push()
            assert kept.stored() == before
            assert c.running() == [(1, "calendar_clock")] * 3
            assert c.journal[-1]["event"] == "failed"
            assert c.journal[-1]["restored"] is True

    run(scenario)


@pytest.mark.parametrize("code", ["M0018", "M0014", "M0015", "M0002"])
def test_a_connection_lost_at_any_command_does_not_keep_the_push_from_ending_well(
    code: str,
) -> None:
    async def scenario() -> None:
        async with street(SIGNALS) as kept:
            c = Corridor(kept)
            kept.sites["b"].faults = SiteFaults(drop={code})
            await c.push()
            assert c.running() == [(15, "forced")] * 3
            assert len({str(plans[15]) for plans in kept.stored().values()}) == 3

    run(scenario)


def test_a_site_that_is_not_there_keeps_the_corridor_as_it_was() -> None:
    async def scenario() -> None:
        async with street(SIGNALS, timeout_s=0.05) as kept:
            before = kept.stored()
            kept.sites["c"].config = replace(kept.sites["c"].config, site_id="KK+elsewhere")
            kept.sites["c"].hang_up()
            await asyncio.sleep(0.01)
            with pytest.raises(UnreachableError, match=r"site 'KK\+c' of signal 'c' is not conn"):
                await Corridor(kept).push()
            assert kept.stored() == before

    run(scenario)


def test_a_site_that_would_keep_our_plan_for_ever_is_refused() -> None:
    async def scenario() -> None:
        async with street(SIGNALS, config={"timeout_min": 0}) as kept:
            with pytest.raises(UnsafePlanError, match="if we went silent"):
                await Corridor(kept).push()

    run(scenario)


def test_a_bound_on_steps_that_cannot_be_looked_up_is_refused_and_not_passed_over() -> None:
    async def scenario() -> None:
        async with street(SIGNALS) as kept:
            c = Corridor(kept)
            terms = PushTerms(pause=c.tick, most_steps=MostSteps(cycle_s=1))
            with pytest.raises(ControllerError):
                await c.push(terms=terms)

    run(scenario)


def test_a_plan_that_the_sites_cannot_express_is_refused_before_anything_is_written() -> None:
    async def scenario() -> None:
        plans = {1: SitePlan(80), 15: SitePlan(60, 0, {1: 0, 2: 0, 3: 0})}
        async with street(SIGNALS, config={"plans": plans}) as kept:
            before = kept.stored()
            odd = PlanSet(
                "corridor",
                tuple(replace(p, splits_s=(10, 50, 30)) for p in PLANS.plans),
                {},
            )
            with pytest.raises(ControllerError, match="its band adds 0 to 40 s"):
                await Corridor(kept).push(odd)
            assert kept.stored() == before

    run(scenario)
