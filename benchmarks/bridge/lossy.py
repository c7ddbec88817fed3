"""Whole pushes over bad lines, and late copies of their datagrams."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from benchmarks.bridge.street import Case, Corridor, corridor, drawn_case, now_utc, over
from benchmarks.bridge.virtual import run
from controllers.emulator.relay import Disturbance, Tally, relay
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import Edition
from controllers.recovery import open_intents, recover
from network.errors import RollbackFailedError, ThroughbandError

ACTIVE, TAKEN_BACK, UNKNOWN = "active", "rolled back", "unknown"
LINE_LATE_S = 30.0
QUIET_S = 5.0
MOST_LOSS = 0.5
PATIENCES_S = (2.0, 8.0, 20.0)


@dataclass(slots=True)
class Ledger:
    """What many trials have come to.

    Attributes
    ----------
    trials
        How many.
    outcomes
        How often each.
    found
        What must not be, with the seed of the trial.
    line
        What the lines have done.
    virtual_s
        Time that passed on the streets.
    reclaimed
        Trials that left a transaction open, which the next bridge had to reclaim.
    free
        Trials in which a cabinet ran free for a while.
    """

    trials: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    line: Tally = field(default_factory=Tally)
    virtual_s: float = 0.0
    reclaimed: int = 0
    free: int = 0


def drawn_cases(count: int = 24) -> tuple[Case, ...]:
    """Draw signals of one and of two rings in turn."""
    return tuple(drawn_case(number // 2, 1 + number % 2) for number in range(count))


def drawn_disturbance(rng: np.random.Generator, *, corrupt: bool) -> Disturbance:
    """Draw a line: up to half of all datagrams lost, and often everything else at once."""

    def often(most: float) -> float:
        return float(rng.uniform(0, most)) if rng.random() < 0.6 else 0.0

    return Disturbance(
        loss=float(rng.uniform(0, MOST_LOSS)),
        duplication=often(0.3),
        delay_s=often(0.6),
        reordering=often(0.3),
        held_s=float(rng.uniform(0, 1.5)),
        corruption=often(0.05) if corrupt else 0.0,
        repetition=often(0.2),
        late_s=LINE_LATE_S,
    )


def over_bad_lines(
    seeds: range, cases: tuple[Case, ...], ledger: Ledger, *, corrupt: bool = False
) -> None:
    """Push and push again over a line of its own for every seed, and reconcile what is left.

    Parameters
    ----------
    seeds
        One trial each.
    cases
        The signals to choose from.
    ledger
        Where to book it.
    corrupt
        Whether bits arrive inverted as well, as if UDP had no checksum.
    """
    for seed in seeds:
        rng = np.random.default_rng([seed, int(corrupt)])
        case = cases[int(rng.integers(len(cases)))]
        run(_trial(seed, rng, case, ledger, corrupt), seed)


async def _trial(
    seed: int, rng: np.random.Generator, case: Case, ledger: Ledger, corrupt: bool
) -> None:
    signals = int(rng.choice([1, 1, 1, 2, 3]))
    edition = Edition.V03 if rng.random() < 0.5 else Edition.V1996
    version = "v1" if rng.random() < 0.5 else "v2c"
    patience_s = float(rng.choice(PATIENCES_S))
    events: list[dict[str, object]] = []
    async with corridor(case, signals, edition=edition, version=version) as street:
        before = 0
        if rng.random() < 0.5:
            await street.push(1, journal=events.append)
            before = 1
        bad = drawn_disturbance(rng, corrupt=corrupt)
        addresses = [(device.host, device.port) for device in street.devices]
        async with relay(addresses, bad, seed) as (fronts, relays):
            behind = street.behind(fronts)
            begun = len(events)
            # The journal names the devices by the address they were reached at.
            try:
                await street.push(2, behind, over(patience_s), events.append)
                outcome = ACTIVE
            except RollbackFailedError:
                outcome = UNKNOWN
            except ThroughbandError:
                outcome = TAKEN_BACK
            await _judge(street, outcome, before, seed, ledger)
            for each in relays:
                # What is still under way arrives; the line then is healthy.
                each.line.disturbance = Disturbance()
            await asyncio.sleep(LINE_LATE_S + 1)
            if outcome != ACTIVE:
                done = await recover(
                    open_intents(events[begun:]),
                    behind,
                    clock=now_utc,
                    journal=events.append,
                    pause=asyncio.sleep,
                    connect=over(),
                )
                for concluded in done:
                    if concluded.outcome == "still open":
                        ledger.found.append(f"seed {seed}: still open: {concluded.details}")
            for each in relays:
                ledger.line += each.line.tally
        await _conclude(street, outcome, before, seed, ledger)
        ledger.trials += 1
        ledger.outcomes[outcome] += 1
        ledger.virtual_s += asyncio.get_running_loop().time()
        ledger.free += any(witness.free_ds for witness in street.witnesses)


async def _judge(street: Corridor, outcome: str, before: int, seed: int, ledger: Ledger) -> None:
    """Compare what the push said with what the street does at this moment."""
    await asyncio.sleep(0.2)
    if outcome == ACTIVE and not all(street.runs(2)):
        ledger.found.append(f"seed {seed}: told active, runs {street.runs(2)}")
    if outcome == TAKEN_BACK and not all(street.runs(before)):
        ledger.found.append(f"seed {seed}: told rolled back, does not run plan {before}")


async def _conclude(street: Corridor, outcome: str, before: int, seed: int, ledger: Ledger) -> None:
    """After reconciling, the street is wholly in one plan and its lamps show that plan."""
    await asyncio.sleep(0.2)
    all_new, all_old = all(street.runs(2)), all(street.runs(before))
    if not (all_new or all_old):
        ledger.found.append(f"seed {seed}: {outcome}, and then neither plan on all signals")
        return
    number = 2 if all_new else before
    for witness, plan in zip(street.witnesses, street.plan_set(number).plans, strict=True):
        witness.compare_with_film(plan)
    try:
        await street.push(1)
    except ThroughbandError:
        # A late copy of the opening command, or a closing one that never arrived.
        ledger.reclaimed += 1
        for device in street.devices:
            async with connect(device) as driver:
                await driver.reclaim(QUIET_S)
        try:
            await street.push(1)
        except ThroughbandError as error:
            ledger.found.append(f"seed {seed}: {outcome}, and the next push fails: {error}")
    ledger.found += [f"seed {seed}: {outcome}: {text}" for text in street.found]
